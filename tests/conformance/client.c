/* client.c: the client in C: client ADDRESS FLAGS MARKS; see run.py for what it prints. */
#include <stdio.h>
#include <string.h>

#include "cell.h"

typedef struct work {
    dora_client *client;
    dora_answer *answer;
    cell cell;
} work;

/* print_collected waits for the one submission. */
static void print_collected(work *k, size_t count)
{
    char guid[33];
    dora_collection *collection = NULL;
    dora_error *error = &k->cell.error;
    (void)snprintf(guid, sizeof(guid), "%s", dora_answer_guid(k->answer));
    const dora_err err = dora_client_collect(&k->client, 1, NULL, &collection, error);
    const dora_collected *found = err == DORA_OK ? dora_collection_at(collection, 0) : NULL;
    if (found == NULL || dora_collection_count(collection) != 1 || strcmp(found->guid, guid) != 0) {
        printf("!not the one result: %s", error->msg);
    } else if (found->err != DORA_OK) {
        printf("!%s", found->error->msg);
    } else {
        cell_print(found->answer, count);
    }
    dora_collection_free(collection);
}

/* stream goes through one, word by word. */
static void stream(work *k, bool is_cancelled)
{
    dora_error *error = &k->cell.error;
    dora_stream *words = NULL;
    dora_stream_event word = {.what = DORA_STREAM_PART};
    dora_err err = dora_client_stream(k->client, k->cell.calls, NULL, &words, error);
    while (err == DORA_OK && word.what != DORA_STREAM_END) {
        err = dora_stream_next(words, &word, error);
        if (err != DORA_OK) {
            break;
        }
        if (word.what == DORA_STREAM_PART) {
            cell_print_part(&word);
        } else if (word.what == DORA_STREAM_RESULT) {
            cell_print_end(word.code, word.data);
        }
        if (is_cancelled && word.what == DORA_STREAM_PART) {
            dora_stream_cancel(words);
        }
    }
    if (err != DORA_OK) {
        printf("!%s", error->msg);
    }
    dora_stream_free(words);
}

static dora_err run(work *k, cell_kind kind, size_t count)
{
    const dora_call *calls = k->cell.calls;
    dora_error *error = &k->cell.error;
    switch (kind) {
    case CELL_WAIT:
        return count == 1 ? dora_client_call(k->client, calls, NULL, k->answer, error)
                          : dora_client_call_many(k->client, calls, 2, NULL, k->answer, error);
    case CELL_SEND:
        return count == 1 ? dora_client_send(k->client, calls, NULL, k->answer, error)
                          : dora_client_send_many(k->client, calls, 2, NULL, k->answer, error);
    default:
        return count == 1 ? dora_client_submit(k->client, calls, NULL, k->answer, error)
                          : dora_client_submit_many(k->client, calls, 2, NULL, k->answer, error);
    }
}

static void ask(void *user, cell_kind kind, size_t count)
{
    work *k = user;
    if (kind >= CELL_STREAM) {
        stream(k, kind == CELL_CANCEL);
    } else if (run(k, kind, count) != DORA_OK) {
        printf("!%s", k->cell.error.msg);
    } else if (kind == CELL_WAIT) {
        cell_print(k->answer, count);
    } else if (kind == CELL_SEND) {
        printf("accepted");
    } else {
        print_collected(k, count);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    const dora_client_options options = cell_options(argv);
    work k = {.answer = dora_answer_new()};
    if (k.answer == NULL || dora_client_new(&k.client, &options, &k.cell.error) != DORA_OK) {
        fprintf(stderr, "client: %s\n", k.cell.error.msg);
        return 1;
    }
    cell_run(&k.cell, argv[3], ask, &k);
    dora_client_free(k.client);
    dora_answer_free(k.answer);
    return 0;
}
