/* app.c: the handlers in C: they say who answered and how it was asked, at once or behind parts,
 * and leave a mark in a file. */
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
        if (err != DORA_OK) {
            break;
        }
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

static dora_err read_and_mark(const dora_request *request, question *asked)
{
    const dora_err err = read_question(request, asked);
    return err == DORA_OK ? leave_mark(asked, dora_request_type(request)) : err;
}

static dora_err answer(const question *asked, const char *type, dora_writer *writer)
{
    dora_write_array(writer, 4);
    write_text(writer, "from");
    write_text(writer, "c");
    write_text(writer, "type");
    write_text(writer, type);
    write_text(writer, "double");
    dora_write_int(writer, asked->n * 2);
    write_text(writer, "text");
    dora_write_string(writer, asked->text.data, asked->text.len);
    return dora_write_end(writer);
}

static dora_err say(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    question asked = {0};
    const dora_err err = read_and_mark(request, &asked);
    return err != DORA_OK ? err
                          : answer(&asked, dora_request_type(request), dora_reply_writer(reply));
}

static dora_err send_part(const question *asked, int64_t part, dora_reply *reply)
{
    dora_writer *writer = dora_reply_writer(reply);
    dora_write_array(writer, 2);
    write_text(writer, "part");
    dora_write_int(writer, part);
    write_text(writer, "text");
    dora_write_string(writer, asked->text.data, asked->text.len);
    dora_write_end(writer);
    return dora_reply_part(reply);
}

static dora_err parts(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    question asked = {0};
    dora_err err = read_and_mark(request, &asked);
    const int64_t count = asked.n == 10 ? 3 : asked.n == 11 ? 2 : 1000000;
    for (int64_t part = 0; err == DORA_OK && part < count; part++) {
        err = send_part(&asked, part, reply);
    }
    if (err != DORA_OK) {
        return err;
    }
    return asked.n == 11 ? dora_reply_fail(reply, 71, "on purpose", 10)
                         : answer(&asked, dora_request_type(request), dora_reply_writer(reply));
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    (void)error;
    const dora_err err = dora_app_api(app, "/c/say", say, NULL);
    return err != DORA_OK ? err : dora_app_api(app, "/c/parts", parts, NULL);
}
