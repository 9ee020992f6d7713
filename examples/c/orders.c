/* orders.c: an application in C: the orders of a shop's users.
 *
 *     cc -shared -fPIC -o orders.so orders.c $(pkg-config --cflags --libs dora)
 *     dora serve orders.so
 *     dora call 127.0.0.1:9567 /order/list '{"user": 7}'
 *     dora call 127.0.0.1:9567 /order/total '{"user": 7}'
 */
#include <dora/handler.h>

#include <string.h>

#define NO_SUCH_USER 404
#define BAD_PARAM 400

typedef struct order {
    int64_t id;
    int64_t user;
    const char *what;
    double price;
} order;

static const order ORDERS[] = {
    {1001, 7, "kettle", 24.5},
    {1002, 7, "teapot", 18.25},
    {1003, 8, "coffee mill", 61.0},
    {1004, 7, "tea, 500 g", 12.25},
};
static const size_t ORDER_COUNT = sizeof ORDERS / sizeof ORDERS[0];

static dora_err fail(dora_reply *reply, int64_t code, const char *msg)
{
    return dora_reply_fail(reply, code, msg, strlen(msg));
}

static void write_text(dora_writer *writer, const char *text)
{
    dora_write_string(writer, text, strlen(text));
}

static bool is_text(const dora_value *value, const char *text)
{
    return value->type == DORA_STRING && value->string.len == strlen(text) &&
           memcmp(value->string.data, text, value->string.len) == 0;
}

/* Finds the int under `user` in the parameter, which is a map. */
static bool read_user(const dora_request *request, int64_t *user)
{
    dora_reader reader;
    dora_value map;
    bool is_found = false;
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &map) != DORA_OK || map.type != DORA_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < map.count; i++) {
        dora_value key;
        dora_slice raw;
        dora_reader member;
        dora_value value;
        if (dora_reader_key(&reader, &key) != DORA_OK ||
            dora_reader_skip(&reader, &raw) != DORA_OK) {
            return false;
        }
        dora_reader_init(&member, raw);
        if (is_text(&key, "user") && dora_reader_value(&member, &value) == DORA_OK &&
            value.type == DORA_INT) {
            *user = value.integer;
            is_found = true;
        }
    }
    return is_found;
}

static size_t count_orders(int64_t user)
{
    size_t count = 0;
    for (size_t i = 0; i < ORDER_COUNT; i++) {
        count += ORDERS[i].user == user ? 1 : 0;
    }
    return count;
}

/* {"user": 7} -> [{"id": 1001, "what": "kettle", "price": 24.5}, ...] */
static dora_err order_list(const dora_request *request, dora_reply *reply, void *data)
{
    (void)data;
    int64_t user;
    dora_writer *writer = dora_reply_writer(reply);
    if (!read_user(request, &user)) {
        return fail(reply, BAD_PARAM, "the parameter is {\"user\": ID}");
    }
    dora_write_array(writer, count_orders(user));
    for (size_t i = 0, at = 0; i < ORDER_COUNT; i++) {
        if (ORDERS[i].user != user) {
            continue;
        }
        dora_write_int(writer, (int64_t)at++);
        dora_write_array(writer, 3);
        write_text(writer, "id");
        dora_write_int(writer, ORDERS[i].id);
        write_text(writer, "what");
        write_text(writer, ORDERS[i].what);
        write_text(writer, "price");
        dora_write_float(writer, ORDERS[i].price);
        dora_write_end(writer);
    }
    return dora_write_end(writer);
}

/* {"user": 7} -> {"user": 7, "orders": 3, "total": 55.0} */
static dora_err order_total(const dora_request *request, dora_reply *reply, void *data)
{
    (void)data;
    int64_t user;
    double total = 0;
    dora_writer *writer = dora_reply_writer(reply);
    if (!read_user(request, &user)) {
        return fail(reply, BAD_PARAM, "the parameter is {\"user\": ID}");
    }
    if (count_orders(user) == 0) {
        return fail(reply, NO_SUCH_USER, "this user has no orders");
    }
    for (size_t i = 0; i < ORDER_COUNT; i++) {
        total += ORDERS[i].user == user ? ORDERS[i].price : 0;
    }
    dora_write_array(writer, 3);
    write_text(writer, "user");
    dora_write_int(writer, user);
    write_text(writer, "orders");
    dora_write_int(writer, (int64_t)count_orders(user));
    write_text(writer, "total");
    dora_write_float(writer, total);
    return dora_write_end(writer);
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    dora_err err = dora_app_api(app, "/order/list", order_list, NULL);
    if (err == DORA_OK) {
        err = dora_app_api(app, "/order/total", order_total, NULL);
    }
    if (err != DORA_OK) {
        return dora_error_set(error, err, "orders: an api cannot be registered");
    }
    return DORA_OK;
}
