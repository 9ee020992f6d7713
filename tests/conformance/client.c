/* client.c: the client in C: client ADDRESS FLAGS MARKS; see run.py for what it prints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dora/dora.h>

#define TEXT_LEN 2000
#define TIMEOUT_MS 10000u

/* work is what one run needs; `calls` are the one or two of the cell that is under way. */
typedef struct work {
    dora_client *client;
    dora_answer *answer;
    dora_collection *collection;
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

/* print_collected waits for the one submission. */
static void print_collected(work *k, size_t count)
{
    char guid[33];
    (void)snprintf(guid, sizeof(guid), "%s", dora_answer_guid(k->answer));
    const dora_err err = dora_client_collect(&k->client, 1, NULL, &k->collection, &k->error);
    const dora_collected *found = err == DORA_OK ? dora_collection_at(k->collection, 0) : NULL;
    if (found == NULL || dora_collection_count(k->collection) != 1 ||
        strcmp(found->guid, guid) != 0) {
        printf("!not the one result: %s", k->error.msg);
    } else if (found->err != DORA_OK) {
        printf("!%s", found->error->msg);
    } else {
        print_results(found->answer, count);
    }
    dora_collection_free(k->collection);
    k->collection = NULL;
}

typedef enum kind { WAIT, SEND, SUBMIT } kind;

static dora_err run(work *k, kind what, size_t count)
{
    switch (what) {
    case WAIT:
        return count == 1
                   ? dora_client_call(k->client, k->calls, NULL, k->answer, &k->error)
                   : dora_client_call_many(k->client, k->calls, 2, NULL, k->answer, &k->error);
    case SEND:
        return count == 1
                   ? dora_client_send(k->client, k->calls, NULL, k->answer, &k->error)
                   : dora_client_send_many(k->client, k->calls, 2, NULL, k->answer, &k->error);
    default:
        return count == 1
                   ? dora_client_submit(k->client, k->calls, NULL, k->answer, &k->error)
                   : dora_client_submit_many(k->client, k->calls, 2, NULL, k->answer, &k->error);
    }
}

static void ask(work *k, const char *mode, kind what, size_t count, int64_t n)
{
    prepare(k, n);
    printf("%s\t%s\t", mode, k->handler);
    if (run(k, what, count) != DORA_OK) {
        printf("!%s", k->error.msg);
    } else if (what == WAIT) {
        print_results(k->answer, count);
    } else if (what == SEND) {
        printf("accepted");
    } else {
        print_collected(k, count);
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
    work k = {.marks = argv[3], .answer = dora_answer_new()};
    k.writers[0] = dora_writer_new(1u << 16);
    k.writers[1] = dora_writer_new(1u << 16);
    if (k.answer == NULL || k.writers[0] == NULL || k.writers[1] == NULL ||
        dora_client_new(&k.client, &options, &k.error) != DORA_OK) {
        fprintf(stderr, "client: %s\n", k.error.msg);
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
    dora_client_free(k.client);
    dora_answer_free(k.answer);
    dora_writer_free(k.writers[0]);
    dora_writer_free(k.writers[1]);
    return 0;
}
