/* app.c: the benchmark's application in C: a small array, one that takes 4 us, an echo. */
#include <dora/dora.h>

#include "measured.h"

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

static dora_err hello(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return dora_write_string(dora_reply_writer(reply), "hello", 5);
}

/* get answers {"id": param["id"], "ok": true}. */
static dora_err get(const dora_request *request, dora_reply *reply, void *user)
{
    dora_writer *writer = dora_reply_writer(reply);
    dora_reader reader;
    dora_value param;
    dora_value key;
    dora_value id;
    (void)user;
    dora_request_reader(request, &reader);
    dora_err err = dora_reader_value(&reader, &param);
    if (err == DORA_OK && (param.type != DORA_ARRAY || param.count == 0)) {
        err = DORA_EINVAL;
    }
    if (err == DORA_OK) {
        err = dora_reader_key(&reader, &key);
    }
    if (err == DORA_OK) {
        err = dora_reader_value(&reader, &id);
    }
    if (err != DORA_OK) {
        return dora_reply_fail(reply, 1, "no id", 5);
    }
    dora_write_array(writer, 2);
    dora_write_string(writer, "id", 2);
    dora_write_int(writer, id.integer);
    dora_write_string(writer, "ok", 2);
    dora_write_bool(writer, true);
    return dora_write_end(writer);
}

static dora_err spin(const dora_request *request, dora_reply *reply, void *user)
{
    uint64_t end = now_ns() + 4000;
    while (now_ns() < end) {
    }
    return hello(request, reply, user);
}

static dora_err echo(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    return dora_write_raw(dora_reply_writer(reply), dora_request_param(request));
}

static dora_err size(const dora_request *request, dora_reply *reply, void *user)
{
    dora_reader reader;
    dora_value param;
    (void)user;
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &param) != DORA_OK || param.type != DORA_STRING) {
        return dora_reply_fail(reply, 1, "no string", 9);
    }
    return dora_write_int(dora_reply_writer(reply), (int64_t)param.string.len);
}

/* send_parts sends parts of 100 bytes until nobody wants more, with a pause before each. */
static dora_err send_parts(dora_reply *reply, long pause_ns)
{
    static const char part[100] = "x";
    const struct timespec pause = {.tv_nsec = pause_ns};
    dora_err err = DORA_OK;
    while (err == DORA_OK) {
        if (pause_ns > 0) {
            nanosleep(&pause, NULL);
        }
        dora_write_string(dora_reply_writer(reply), part, sizeof(part));
        err = dora_reply_part(reply);
    }
    return err;
}

static dora_err parts(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return send_parts(reply, 0);
}

static dora_err drips(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return send_parts(reply, 20 * 1000 * 1000);
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    static const struct {
        const char *name;
        dora_handler_fn fn;
    } apis[] = {{"/bench/hello", hello}, {"/bench/get", get},   {"/bench/spin", spin},
                {"/bench/echo", echo},   {"/bench/size", size}, {"/bench/parts", parts},
                {"/bench/drips", drips}};
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
        dora_err err = dora_app_api(app, apis[i].name, apis[i].fn, NULL);
        if (err != DORA_OK) {
            return dora_error_set(error, err, "cannot register %s", apis[i].name);
        }
    }
    (void)dora_app_time_limit(app, "/bench/drips", 0);
    return dora_app_time_limit(app, "/bench/parts", 0);
}
