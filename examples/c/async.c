/* async.c: a client in C on a libuv loop: a hundred calls at a time over a few connections.
 *
 *     cc -o async async.c $(pkg-config --cflags --libs dora libuv)
 *     ./async 127.0.0.1:9567
 *
 * It asks for /user/get, which the example applications answer.
 */
#include <dora/client_uv.h>

#include <inttypes.h>
#include <stdio.h>

#include <uv.h>

#define CALLS 100

typedef struct work {
    dora_async *client;
    int open; /* calls that have not ended */
    int good;
    int failed;
} work;

/* Every call ends here, exactly once: with results, or with what went wrong. */
static void on_done(dora_err err, const dora_error *error, const dora_answer *answer, void *user)
{
    work *w = user;
    const dora_result *result = dora_answer_result(answer, 0);
    w->open--;
    if (err != DORA_OK) {
        fprintf(stderr, "async: %s\n", error->msg);
        w->failed++;
    } else if (result != NULL && result->code != 0) {
        printf("error %" PRId64 ": %.*s\n", result->code, (int)result->msg.len,
               result->msg.len > 0 ? result->msg.data : "");
        w->failed++;
    } else {
        w->good++;
    }
    if (w->open == 0) {
        dora_async_close(w->client, NULL, NULL); /* else its connections keep the loop running */
    }
}

/* Begins all calls. Nothing waits here: the answers come while the loop runs. */
static dora_err begin(work *w, dora_slice user, dora_error *error)
{
    const dora_call call = {.name = {"/user/get", 9}, .param = user};
    const dora_call_options patient = {.size = sizeof patient, .timeout_ms = 5000};
    dora_err err = DORA_OK;
    for (int i = 0; err == DORA_OK && i < CALLS; i++) {
        err = dora_async_call(w->client, &call, &patient, on_done, w, NULL, error);
        w->open += err == DORA_OK ? 1 : 0;
    }
    return err;
}

int main(int argc, char **argv)
{
    work w = {.client = NULL};
    dora_error error = {.msg = "out of memory"};
    dora_slice user = {"a:1:{s:2:\"id\";i:2;}", 19}; /* {"id": 2}; dora_writer makes such */
    const dora_client_options options = {.size = sizeof options,
                                         .nodes = argc > 1 ? argv[1] : "127.0.0.1:9567"};
    uv_loop_t *loop = uv_default_loop();
    if (dora_async_new(&w.client, loop, &options, &error) != DORA_OK) {
        fprintf(stderr, "async: %s\n", error.msg);
        return 1;
    }
    if (begin(&w, user, &error) != DORA_OK) {
        fprintf(stderr, "async: %s\n", error.msg);
        dora_async_close(w.client, NULL, NULL);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    printf("%d answers, %d errors\n", w.good, w.failed);
    return uv_loop_close(loop) == 0 && w.good == CALLS ? 0 : 1;
}
