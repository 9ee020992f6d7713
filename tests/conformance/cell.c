/* cell.c: what the clients in C share: the calls of a cell, how results are printed, the modes. */
#include "cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LEN 2000
#define TIMEOUT_MS 10000u

static void write_text(dora_writer *writer, const char *text)
{
    dora_write_string(writer, text, strlen(text));
}

/* prepare makes the cell's calls, with the numbers `n` and n + 1. */
static void prepare(cell *self, int64_t n, const char *api)
{
    static const char *const keys[2] = {"a", "b"};
    char text[TEXT_LEN];
    memset(text, 't', sizeof(text));
    (void)snprintf(self->name, sizeof(self->name), "/%s/%s", self->handler, api);
    for (int i = 0; i < 2; i++) {
        dora_writer *writer = self->writers[i];
        dora_writer_reset(writer);
        dora_write_array(writer, 3);
        write_text(writer, "n");
        dora_write_int(writer, n + i);
        write_text(writer, "marks");
        write_text(writer, self->marks);
        write_text(writer, "text");
        dora_write_string(writer, text, sizeof(text));
        dora_write_end(writer);
        self->calls[i] = (dora_call){.key = {keys[i], 1}, .name = {self->name, strlen(self->name)}};
        if (dora_writer_finish(writer, &self->calls[i].param) != DORA_OK) {
            abort();
        }
    }
    self->error.msg[0] = '\0';
}

void cell_run(cell *self, const char *marks, cell_ask_fn ask, void *user)
{
    static const char *const handlers[] = {"c", "php", "python"};
    static const struct {
        const char *mode;
        cell_kind kind;
        size_t count;
        int64_t n;
    } modes[] = {{"W_S", CELL_WAIT, 1, 1},      {"W_M", CELL_WAIT, 2, 2},
                 {"AN_S", CELL_SEND, 1, 4},     {"AN_M", CELL_SEND, 2, 5},
                 {"AM_S", CELL_SUBMIT, 1, 7},   {"AM_M", CELL_SUBMIT, 2, 8},
                 {"ST_S", CELL_STREAM, 1, 10},  {"error", CELL_STREAM, 1, 11},
                 {"cancel", CELL_CANCEL, 1, 12}};
    self->marks = marks;
    for (int i = 0; i < 2; i++) {
        self->writers[i] = dora_writer_new(1u << 16);
        if (self->writers[i] == NULL) {
            abort();
        }
    }
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        self->handler = handlers[i];
        for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
            prepare(self, modes[k].n, modes[k].kind >= CELL_STREAM ? "parts" : "say");
            printf("%s\t%s\t", modes[k].mode, self->handler);
            ask(user, modes[k].kind, modes[k].count);
            putchar('\n');
        }
    }
    dora_writer_free(self->writers[0]);
    dora_writer_free(self->writers[1]);
}

dora_client_options cell_options(char **argv)
{
    return (dora_client_options){.size = sizeof(dora_client_options),
                                 .nodes = argv[1],
                                 .timeout_ms = TIMEOUT_MS,
                                 .sign = strstr(argv[2], "sign") != NULL,
                                 .gzip = strstr(argv[2], "gzip") != NULL,
                                 .tls_ca = getenv("SAY_TLS_CA"),
                                 .tls_cert = getenv("SAY_TLS_CERT"),
                                 .tls_key = getenv("SAY_TLS_KEY")};
}

static void print_hex(dora_slice bytes)
{
    for (size_t at = 0; at < bytes.len; at++) {
        printf("%02x", (unsigned)(unsigned char)bytes.data[at]);
    }
}

void cell_print_part(const dora_stream_event *part)
{
    print_hex(part->data);
    putchar(' ');
}

void cell_print_end(int64_t code, dora_slice data)
{
    if (code != 0) {
        printf("!%lld", (long long)code);
    } else {
        print_hex(data);
    }
}

void cell_print(const dora_answer *answer, size_t count)
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
        print_hex(result->data);
    }
}
