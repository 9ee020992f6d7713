/* app.c: the handler in C: says who answered and how it was asked, and leaves a mark in a file. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <dora/dora.h>

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

/* question is the parameter: {"n": int, "marks": path, "text": string}. */
typedef struct question {
    int64_t n;
    dora_slice marks;
    dora_slice text;
} question;

static bool is_key(const dora_value *key, const char *name)
{
    return key->type == DORA_STRING && key->string.len == strlen(name) &&
           memcmp(key->string.data, name, key->string.len) == 0;
}

static dora_err read_question(const dora_request *request, question *asked)
{
    dora_reader reader;
    dora_value head;
    dora_value key;
    dora_value value;
    dora_request_reader(request, &reader);
    dora_err err = dora_reader_value(&reader, &head);
    for (size_t i = 0; err == DORA_OK && i < head.count; i++) {
        err = dora_reader_key(&reader, &key);
        err = err == DORA_OK ? dora_reader_value(&reader, &value) : err;
        if (is_key(&key, "n")) {
            asked->n = value.integer;
        } else if (is_key(&key, "marks")) {
            asked->marks = value.string;
        } else if (is_key(&key, "text")) {
            asked->text = value.string;
        }
    }
    return err;
}

static dora_err leave_mark(const question *asked, const char *type)
{
    char path[4096];
    char line[64];
    (void)snprintf(path, sizeof(path), "%.*s", (int)asked->marks.len, asked->marks.data);
    const int len = snprintf(line, sizeof(line), "c %s %lld\n", type, (long long)asked->n);
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    const bool is_written = fd >= 0 && write(fd, line, (size_t)len) == len;
    if (fd >= 0) {
        close(fd);
    }
    return is_written ? DORA_OK : DORA_EIO;
}

static void write_text(dora_writer *writer, const char *text)
{
    dora_write_string(writer, text, strlen(text));
}

static dora_err say(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    question asked = {0};
    const char *type = dora_request_type(request);
    dora_err err = read_question(request, &asked);
    err = err == DORA_OK ? leave_mark(&asked, type) : err;
    if (err != DORA_OK) {
        return err;
    }
    dora_writer *writer = dora_reply_writer(reply);
    dora_write_array(writer, 4);
    write_text(writer, "from");
    write_text(writer, "c");
    write_text(writer, "type");
    write_text(writer, type);
    write_text(writer, "double");
    dora_write_int(writer, asked.n * 2);
    write_text(writer, "text");
    dora_write_string(writer, asked.text.data, asked.text.len);
    return dora_write_end(writer);
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    (void)error;
    return dora_app_api(app, "/c/say", say, NULL);
}
