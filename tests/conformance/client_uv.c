/* client_uv.c: the client in C on a libuv loop: client_uv ADDRESS FLAGS MARKS; see run.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dora/dora.h>
#include <uv.h>

#define TEXT_LEN 2000
#define TIMEOUT_MS 10000u

/* work is what one run needs; `calls` are the one or two of the cell that is under way. */
typedef struct work {
    dora_async *client;
    bool has_accepted;
    bool is_done;
    size_t count; /* of the cell's calls */
    const char *marks;
    const char *handler;
    char name[32];
    dora_writer *writers[2];
    dora_call calls[2];
    dora_error error;
} work;

static void write_text(dora_writer *writer, const char *text)
{
    dora_write_string(writer, text, strlen(text));
}

/* prepare makes the cell's calls, with the numbers `n` and n + 1. */
static void prepare(work *k, int64_t n)
{
    static const char *const keys[2] = {"a", "b"};
    char text[TEXT_LEN];
    memset(text, 't', sizeof(text));
    (void)snprintf(k->name, sizeof(k->name), "/%s/say", k->handler);
    for (int i = 0; i < 2; i++) {
        dora_writer *writer = k->writers[i];
        dora_writer_reset(writer);
        dora_write_array(writer, 3);
        write_text(writer, "n");
        dora_write_int(writer, n + i);
        write_text(writer, "marks");
        write_text(writer, k->marks);
        write_text(writer, "text");
        dora_write_string(writer, text, sizeof(text));
        dora_write_end(writer);
        k->calls[i] = (dora_call){.key = {keys[i], 1}, .name = {k->name, strlen(k->name)}};
        if (dora_writer_finish(writer, &k->calls[i].param) != DORA_OK) {
            abort();
        }
    }
    k->error.msg[0] = '\0';
}

static void print_results(const dora_answer *answer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const dora_result *result = dora_answer_result(answer, i);
        if (result == NULL || result->code != 0) {
            printf("!code %lld", result == NULL ? -1LL : (long long)result->code);
            continue;
        }
        if (i > 0) {
            putchar(' ');
        }
        for (size_t at = 0; at < result->data.len; at++) {
            printf("%02x", (unsigned)(unsigned char)result->data.data[at]);
        }
    }
}

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
    } else if (k->count == 0) {
        printf("accepted");
    } else {
        print_results(answer, k->count);
    }
}

typedef enum kind { WAIT, SEND, SUBMIT } kind;

static dora_err begin(work *k, kind what, size_t count)
{
    const dora_call *calls = k->calls;
    dora_async *client = k->client;
    k->count = what == SEND ? 0 : count;
    k->is_done = false;
    k->has_accepted = false;
    if (count == 1) {
        return what == WAIT   ? dora_async_call(client, calls, NULL, on_done, k, NULL, &k->error)
               : what == SEND ? dora_async_send(client, calls, NULL, on_done, k, NULL, &k->error)
                              : dora_async_submit(client, calls, NULL, on_accepted, on_done, k,
                                                  NULL, &k->error);
    }
    return what == WAIT ? dora_async_call_many(client, calls, 2, NULL, on_done, k, NULL, &k->error)
           : what == SEND
               ? dora_async_send_many(client, calls, 2, NULL, on_done, k, NULL, &k->error)
               : dora_async_submit_many(client, calls, 2, NULL, on_accepted, on_done, k, NULL,
                                        &k->error);
}

static void ask(work *k, const char *mode, kind what, size_t count, int64_t n)
{
    prepare(k, n);
    printf("%s\t%s\t", mode, k->handler);
    if (begin(k, what, count) != DORA_OK) {
        printf("!%s", k->error.msg);
    } else {
        while (!k->is_done) {
            uv_run(uv_default_loop(), UV_RUN_ONCE);
        }
        if (what == SUBMIT && !k->has_accepted) {
            printf("!was not accepted");
        }
    }
    putchar('\n');
}

int main(int argc, char **argv)
{
    static const char *const handlers[] = {"c", "php", "python"};
    if (argc != 4) {
        return 2;
    }
    const dora_client_options options = {.nodes = argv[1],
                                         .timeout_ms = TIMEOUT_MS,
                                         .sign = strstr(argv[2], "sign") != NULL,
                                         .gzip = strstr(argv[2], "gzip") != NULL};
    work k = {.marks = argv[3]};
    k.writers[0] = dora_writer_new(1u << 16);
    k.writers[1] = dora_writer_new(1u << 16);
    if (k.writers[0] == NULL || k.writers[1] == NULL ||
        dora_async_new(&k.client, uv_default_loop(), &options, &k.error) != DORA_OK) {
        fprintf(stderr, "client_uv: %s\n", k.error.msg);
        return 1;
    }
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        k.handler = handlers[i];
        ask(&k, "W_S", WAIT, 1, 1);
        ask(&k, "W_M", WAIT, 2, 2);
        ask(&k, "AN_S", SEND, 1, 4);
        ask(&k, "AN_M", SEND, 2, 5);
        ask(&k, "AM_S", SUBMIT, 1, 7);
        ask(&k, "AM_M", SUBMIT, 2, 8);
    }
    dora_async_close(k.client, NULL, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    dora_writer_free(k.writers[0]);
    dora_writer_free(k.writers[1]);
    return 0;
}
