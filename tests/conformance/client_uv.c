/* client_uv.c: the client in C on a libuv loop: client_uv ADDRESS FLAGS MARKS; see run.py. */
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "cell.h"

typedef struct work {
    dora_async *client;
    bool has_accepted;
    bool is_done;
    size_t count; /* of results to print */
    uint64_t id;  /* of a stream */
    bool is_stream;
    cell cell;
} work;

static void on_accepted(dora_err err, const dora_error *error, const dora_answer *answer,
                        void *user)
{
    work *k = user;
    (void)error;
    k->has_accepted = err == DORA_OK && strlen(dora_answer_guid(answer)) == 32;
}

static void on_done(dora_err err, const dora_error *error, const dora_answer *answer, void *user)
{
    work *k = user;
    k->is_done = true;
    if (err != DORA_OK) {
        printf("!%s", error->msg);
    } else if (k->is_stream) {
        const dora_result *result = dora_answer_result(answer, 0);
        cell_print_end(result->code, result->data);
    } else if (k->count == 0) {
        printf("accepted");
    } else {
        cell_print(answer, k->count);
    }
}

static void on_word(const dora_stream_event *word, void *user)
{
    work *k = user;
    if (word->what == DORA_STREAM_PART) {
        cell_print_part(word);
        dora_async_take(k->client, k->id, 1);
    }
}

/* on_first cancels behind the first part; nothing more is heard then. */
static void on_first(const dora_stream_event *word, void *user)
{
    work *k = user;
    if (word->what == DORA_STREAM_PART) {
        cell_print_part(word);
        k->is_done = dora_async_cancel(k->client, k->id);
        cell_print_end(DORA_CODE_CANCELLED, (dora_slice){"", 0});
    }
}

static dora_err begin(work *k, cell_kind kind, size_t count)
{
    const dora_call *calls = k->cell.calls;
    dora_async *client = k->client;
    dora_error *error = &k->cell.error;
    k->count = kind == CELL_SEND ? 0 : count;
    k->is_done = false;
    k->has_accepted = false;
    k->is_stream = kind >= CELL_STREAM;
    switch (kind) {
    case CELL_STREAM:
    case CELL_CANCEL:
        return dora_async_stream(client, calls, NULL, kind == CELL_CANCEL ? on_first : on_word,
                                 on_done, k, &k->id, error);
    case CELL_WAIT:
        return count == 1 ? dora_async_call(client, calls, NULL, on_done, k, NULL, error)
                          : dora_async_call_many(client, calls, 2, NULL, on_done, k, NULL, error);
    case CELL_SEND:
        return count == 1 ? dora_async_send(client, calls, NULL, on_done, k, NULL, error)
                          : dora_async_send_many(client, calls, 2, NULL, on_done, k, NULL, error);
    default:
        return count == 1
                   ? dora_async_submit(client, calls, NULL, on_accepted, on_done, k, NULL, error)
                   : dora_async_submit_many(client, calls, 2, NULL, on_accepted, on_done, k, NULL,
                                            error);
    }
}

static void ask(void *user, cell_kind kind, size_t count)
{
    work *k = user;
    if (begin(k, kind, count) != DORA_OK) {
        printf("!%s", k->cell.error.msg);
        return;
    }
    while (!k->is_done) {
        uv_run(uv_default_loop(), UV_RUN_ONCE);
    }
    if (kind == CELL_SUBMIT && !k->has_accepted) {
        printf("!was not accepted");
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    const dora_client_options options = cell_options(argv);
    work k = {.client = NULL};
    if (dora_async_new(&k.client, uv_default_loop(), &options, &k.cell.error) != DORA_OK) {
        fprintf(stderr, "client_uv: %s\n", k.cell.error.msg);
        return 1;
    }
    cell_run(&k.cell, argv[3], ask, &k);
    dora_async_close(k.client, NULL, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    return 0;
}
