/* ask.c: asks one server for answers of Python, PHP and C handlers: one by one, then all at once.
 *
 *     cc -o ask ask.c $(pkg-config --cflags --libs dora)
 *     ./ask 127.0.0.1:9567
 */
#include <dora/client.h>

#include <stdio.h>
#include <string.h>

#define USER_7 "a:1:{s:4:\"user\";i:7;}"
#define ID_7 "a:1:{s:2:\"id\";i:7;}"

static dora_slice text(const char *string)
{
    return (dora_slice){string, strlen(string)};
}

/* Finds a member of a map. Returns: false where there is none or the data is no map. */
static bool find(dora_slice data, const char *name, dora_value *value)
{
    dora_reader reader;
    dora_value map;
    dora_reader_init(&reader, data);
    if (dora_reader_value(&reader, &map) != DORA_OK || map.type != DORA_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < map.count; i++) {
        dora_value key;
        dora_slice raw;
        if (dora_reader_key(&reader, &key) != DORA_OK ||
            dora_reader_skip(&reader, &raw) != DORA_OK) {
            return false;
        }
        if (key.type == DORA_STRING && key.string.len == strlen(name) &&
            memcmp(key.string.data, name, key.string.len) == 0) {
            dora_reader member;
            dora_reader_init(&member, raw);
            return dora_reader_value(&member, value) == DORA_OK;
        }
    }
    return false;
}

/* Prints a member of a result's data, or the result's error. Returns: whether it was there. */
static bool show(const dora_result *result, const char *name)
{
    dora_value value;
    if (result->code != 0 || !find(result->data, name, &value)) {
        printf("code %lld %.*s", (long long)result->code, (int)result->msg.len,
               result->msg.len > 0 ? result->msg.data : "");
        return false;
    }
    if (value.type == DORA_STRING) {
        printf("%.*s", (int)value.string.len, value.string.data);
    } else {
        printf("%.2f", value.number);
    }
    return true;
}

static bool ask(dora_client *client, dora_answer *answer, dora_error *error)
{
    const dora_call calls[] = {
        {.key = text("user"), .name = text("/user/get"), .param = text(ID_7)},
        {.key = text("product"), .name = text("/product/get"), .param = text(ID_7)},
        {.key = text("orders"), .name = text("/order/total"), .param = text(USER_7)},
    };
    static const char *const labels[] = {"single  /user/get      from Python: ",
                                         "single  /product/get   from PHP:    "};
    static const char *const members[] = {"name", "name", "total"};
    bool is_good = true;
    for (size_t i = 0; i < 2; i++) {
        if (dora_client_call(client, &calls[i], NULL, answer, error) != DORA_OK) {
            return false;
        }
        printf("%s", labels[i]);
        is_good = show(dora_answer_result(answer, 0), members[i]) && is_good;
        printf("\n");
    }
    if (dora_client_call_many(client, calls, 3, NULL, answer, error) != DORA_OK) {
        return false;
    }
    printf("many    all three      at once:     ");
    for (size_t i = 0; i < 3; i++) {
        printf("%s", i > 0 ? ", " : "");
        is_good = show(dora_answer_result(answer, i), members[i]) && is_good;
    }
    printf("\n");
    return is_good;
}

int main(int argc, char **argv)
{
    dora_client *client = NULL;
    dora_answer *answer = NULL;
    dora_error error = {0};
    bool is_good = false;
    if (argc != 2) {
        fprintf(stderr, "usage: ask HOST:PORT\n");
        return 2;
    }
    const dora_client_options options = {.size = sizeof options, .nodes = argv[1]};
    if (dora_client_new(&client, &options, &error) != DORA_OK) {
        goto out;
    }
    answer = dora_answer_new();
    is_good = answer != NULL && ask(client, answer, &error);
out:
    if (!is_good) {
        fprintf(stderr, "ask: %s\n", error.msg);
    }
    dora_answer_free(answer);
    dora_client_free(client);
    return is_good ? 0 : 1;
}
