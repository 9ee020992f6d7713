/* client.c: a client in C: one call, two at the same time, and calls that nobody waits for.
 *
 *     cc -o client client.c $(pkg-config --cflags --libs dora)
 *     ./client 127.0.0.1:9567
 *
 * It asks for /user/get and /order/total, which ../python/users.py and orders.c answer together:
 *     dora serve ../python/users.py orders.so
 */
#include <dora/client.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static dora_slice text(const char *string)
{
    return (dora_slice){string, strlen(string)};
}

/* Prints bytes; there may be none, and then no pointer to them. */
static void print_slice(dora_slice slice)
{
    if (slice.len > 0) {
        fwrite(slice.data, 1, slice.len, stdout);
    }
    printf("\n");
}

/* Prints a result: its data as it is encoded (dora_reader reads it), or its error. */
static void print_result(const char *what, const dora_result *result)
{
    if (result == NULL) {
        printf("%s: no result\n", what);
    } else if (result->code == 0) {
        printf("%s: ", what);
        print_slice(result->data);
    } else {
        printf("%s: error %" PRId64 ": ", what, result->code);
        print_slice(result->msg);
    }
}

/* Encodes {"<name>": <id>}. Returns: NULL when out of memory. */
static dora_writer *encode_id(const char *name, int64_t id, dora_slice *encoded)
{
    dora_writer *writer = dora_writer_new(1024);
    if (writer == NULL) {
        return NULL;
    }
    dora_write_array(writer, 1);
    dora_write_string(writer, name, strlen(name));
    dora_write_int(writer, id);
    dora_write_end(writer);
    if (dora_writer_finish(writer, encoded) != DORA_OK) {
        dora_writer_free(writer);
        return NULL;
    }
    return writer;
}

static dora_err ask(dora_client *client, dora_slice user, dora_slice owner, dora_answer *answer,
                    dora_error *error)
{
    const dora_call one = {.name = text("/user/get"), .param = user};
    const dora_call many[] = {
        {.key = text("user"), .name = text("/user/get"), .param = user},
        {.key = text("orders"), .name = text("/order/total"), .param = owner},
    };
    dora_err err = dora_client_call(client, &one, NULL, answer, error);
    if (err != DORA_OK) {
        return err;
    }
    print_result("one user", dora_answer_result(answer, 0));
    err = dora_client_call_many(client, many, 2, NULL, answer, error);
    if (err != DORA_OK) {
        return err;
    }
    print_result("many user", dora_answer_result(answer, 0));
    print_result("many orders", dora_answer_result(answer, 1));
    return DORA_OK;
}

/* Has one api run without a result, and two whose results are fetched later. */
static dora_err leave_and_fetch(dora_client *client, dora_slice user, dora_slice owner,
                                dora_answer *answer, dora_error *error)
{
    const dora_call one = {.name = text("/user/get"), .param = user};
    const dora_call two = {.name = text("/order/total"), .param = owner};
    const dora_call_options wait = {.size = sizeof wait, .timeout_ms = 2000, .group = "example"};
    dora_collection *collection = NULL;
    dora_err err = dora_client_send(client, &two, &wait, answer, error);
    if (err == DORA_OK) {
        err = dora_client_submit(client, &one, &wait, answer, error);
    }
    if (err == DORA_OK) {
        err = dora_client_submit(client, &two, &wait, answer, error);
    }
    if (err == DORA_OK) {
        err = dora_client_collect(&client, 1, &wait, &collection, error);
    }
    for (size_t i = 0; err == DORA_OK && i < dora_collection_count(collection); i++) {
        const dora_collected *item = dora_collection_at(collection, i);
        if (item->err == DORA_OK) {
            print_result("later", dora_answer_result(item->answer, 0));
        } else {
            printf("later: %s\n", item->error->msg);
        }
    }
    dora_collection_free(collection);
    return err;
}

int main(int argc, char **argv)
{
    dora_error error = {.msg = "out of memory"};
    dora_err err = DORA_ENOMEM;
    dora_slice user;
    dora_slice owner;
    const dora_group group = {"example", argc > 1 ? argv[1] : "127.0.0.1:9567"};
    const dora_client_options options = {
        .size = sizeof options, .groups = &group, .group_count = 1};
    dora_client *client = NULL;
    dora_answer *answer = dora_answer_new();
    dora_writer *user_writer = encode_id("id", 7, &user);
    dora_writer *owner_writer = encode_id("user", 7, &owner);
    if (answer != NULL && user_writer != NULL && owner_writer != NULL) {
        err = dora_client_new(&client, &options, &error);
    }
    if (err == DORA_OK) {
        err = ask(client, user, owner, answer, &error);
    }
    if (err == DORA_OK) {
        err = leave_and_fetch(client, user, owner, answer, &error);
    }
    if (err != DORA_OK) {
        fprintf(stderr, "client: %s\n", error.msg);
    }
    dora_client_free(client);
    dora_answer_free(answer);
    dora_writer_free(user_writer);
    dora_writer_free(owner_writer);
    return err == DORA_OK ? 0 : 1;
}
