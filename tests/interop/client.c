/* client.c: the client in C: client ADDRESS FILE; see run.py for what it reads and prints. */
#include "copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (1u << 20)
#define TIMEOUT_MS 20000u
#define LANGUAGES 3

static const char *const languages[LANGUAGES] = {"c", "php", "python"};

/* work is what one run needs; `writer` is for parameters, `again` for what comes back. */
typedef struct work {
    dora_client *client;
    dora_answer *answer;
    dora_writer *writer;
    dora_writer *again;
    const char *name;
} work;

static void show(const work *k, const char *what, const char *language, dora_slice data)
{
    printf("%s\t%s:%s\t", k->name, what, language);
    for (size_t i = 0; i < data.len; i++) {
        printf("%02x", (unsigned)(unsigned char)data.data[i]);
    }
    putchar('\n');
}

static void show_error(const work *k, const char *what, const char *language, const char *text)
{
    printf("%s\t%s:%s\t!%s\n", k->name, what, language, text);
}

/* show_value prints a result's bytes, read and written again; or its types, where `as_kind`. */
static void show_value(work *k, const char *what, const char *language, const dora_result *result,
                       bool as_kind)
{
    dora_slice bytes;
    if (result == NULL || result->code != 0) {
        printf("%s\t%s:%s\t!code %lld %.*s\n", k->name, what, language,
               result == NULL ? -1LL : (long long)result->code,
               result == NULL ? 0 : (int)result->msg.len, result == NULL ? "" : result->msg.data);
        return;
    }
    dora_writer_reset(k->again);
    dora_err err = as_kind ? copy_kind(result->data, k->again) : copy_value(result->data, k->again);
    if (err == DORA_OK) {
        err = dora_writer_finish(k->again, &bytes);
    }
    if (err != DORA_OK) {
        show_error(k, what, language, "what came back cannot be read");
        return;
    }
    dora_value text = {.string = bytes};
    if (as_kind) {
        dora_reader reader;
        dora_reader_init(&reader, bytes);
        (void)dora_reader_value(&reader, &text);
    }
    show(k, what, language, text.string);
}

static void show_text(const work *k, const char *what, const char *language,
                      const dora_result *result)
{
    dora_reader reader;
    dora_value text;
    if (result != NULL && result->code == 0) {
        dora_reader_init(&reader, result->data);
        if (dora_reader_value(&reader, &text) == DORA_OK && text.type == DORA_STRING) {
            show(k, what, language, text.string);
            return;
        }
    }
    show_error(k, what, language, "no string came back");
}

/* call_one calls /LANGUAGE/API; NULL after it has printed that the call failed. */
static const dora_result *call_one(work *k, const char *what, const char *language, const char *api,
                                   dora_slice param)
{
    char name[64];
    dora_error error;
    int len = snprintf(name, sizeof name, "/%s/%s", language, api);
    dora_call call = {.name = {name, (size_t)len}, .param = param};
    if (dora_client_call(k->client, &call, NULL, k->answer, &error) != DORA_OK) {
        show_error(k, what, language, error.msg);
        return NULL;
    }
    return dora_answer_result(k->answer, 0);
}

static void ask_one(work *k, const char *language, dora_slice param)
{
    const dora_result *result = call_one(k, "one", language, "echo", param);
    if (result != NULL) {
        show_value(k, "one", language, result, false);
        show_value(k, "back", language, result, true);
    }
    result = call_one(k, "kind", language, "kind", param);
    if (result != NULL) {
        show_text(k, "kind", language, result);
    }
}

static void ask_many(work *k, dora_slice param)
{
    char names[LANGUAGES][64];
    dora_call calls[LANGUAGES];
    dora_error error;
    for (size_t i = 0; i < LANGUAGES; i++) {
        int len = snprintf(names[i], sizeof names[i], "/%s/echo", languages[i]);
        calls[i] = (dora_call){.key = {languages[i], strlen(languages[i])},
                               .name = {names[i], (size_t)len},
                               .param = param};
    }
    dora_err err = dora_client_call_many(k->client, calls, LANGUAGES, NULL, k->answer, &error);
    for (size_t i = 0; i < LANGUAGES; i++) {
        if (err != DORA_OK) {
            show_error(k, "many", languages[i], error.msg);
        } else {
            show_value(k, "many", languages[i], dora_answer_result(k->answer, i), false);
        }
    }
}

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* ask reads one line, NAME TAB HEX, makes the parameter of it and calls everybody. */
static dora_err ask(work *k, char *line, size_t len)
{
    char *tab = memchr(line, '\t', len);
    dora_slice param;
    if (tab == NULL) {
        return DORA_EINVAL;
    }
    *tab = '\0';
    k->name = line;
    char *bytes = tab + 1;
    size_t count = (size_t)(line + len - bytes) / 2;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (char)(digit(bytes[2 * i]) << 4 | digit(bytes[2 * i + 1]));
    }
    dora_writer_reset(k->writer);
    dora_err err = copy_value((dora_slice){bytes, count}, k->writer);
    if (err == DORA_OK) {
        err = dora_writer_finish(k->writer, &param);
    }
    if (err != DORA_OK) {
        return err;
    }
    for (size_t i = 0; i < LANGUAGES; i++) {
        ask_one(k, languages[i], param);
    }
    ask_many(k, param);
    return DORA_OK;
}

static dora_err ask_all(work *k, FILE *file)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    dora_err err = DORA_OK;
    while (err == DORA_OK && (len = getline(&line, &cap, file)) > 0) {
        err = ask(k, line, (size_t)len - (line[len - 1] == '\n'));
    }
    free(line);
    return err;
}

int main(int argc, char **argv)
{
    dora_error error;
    dora_client_options options = {
        .size = sizeof options, .nodes = argv[1], .timeout_ms = TIMEOUT_MS};
    work k = {.answer = dora_answer_new(),
              .writer = dora_writer_new(BYTES_MAX),
              .again = dora_writer_new(BYTES_MAX),
              .name = "no line"};
    FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;
    int status = 1;
    if (file != NULL && k.answer != NULL && k.writer != NULL && k.again != NULL &&
        dora_client_new(&k.client, &options, &error) == DORA_OK) {
        dora_err err = ask_all(&k, file);
        if (err == DORA_OK) {
            status = 0;
        } else {
            fprintf(stderr, "%s: %s\n", k.name, dora_err_text(err));
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    dora_client_free(k.client);
    dora_answer_free(k.answer);
    dora_writer_free(k.writer);
    dora_writer_free(k.again);
    return status;
}
