/* app.c: the soak's handlers in C. What runs is booked first: who asked, and which handler. */
#include <dora/dora.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_BYTES 512
#define LINE_BYTES 256
#define LIMIT_MS 100
#define PARTS 20
#define PART_PAUSE_US 2000

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

static int book = -1;

/* note books a run, or with `what` in front that it has ended: the first member of the parameter
 * is who asked. */
static dora_err note(const dora_request *request, const char *what)
{
    char line[LINE_BYTES];
    dora_reader reader;
    dora_value value;
    dora_request_reader(request, &reader);
    for (int i = 0; i < 3; i++) { /* the array, a key, who asked */
        if (dora_reader_value(&reader, &value) != DORA_OK) {
            return DORA_EINVAL;
        }
    }
    const dora_slice name = dora_request_name(request);
    const int len = snprintf(line, sizeof(line), "%.*s %s%.*s\n", (int)value.string.len,
                             value.string.data, what, (int)name.len, name.data);
    return len > 0 && (size_t)len < sizeof(line) && write(book, line, (size_t)len) == len
               ? DORA_OK
               : DORA_EINVAL;
}

static dora_err echo(const dora_request *request, dora_reply *reply, void *user)
{
    const useconds_t *pause_us = user;
    const dora_err err = note(request, "");
    if (err != DORA_OK) {
        return err;
    }
    if (*pause_us > 0) {
        usleep(*pause_us); /* so that faults find it at work */
    }
    return dora_write_raw(dora_reply_writer(reply), dora_request_param(request));
}

/* parts sends [0, parameter], [1, parameter] and so on, and returns the parameter. */
static dora_err parts(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_writer *writer = dora_reply_writer(reply);
    dora_err err = note(request, "");
    for (int64_t number = 0; number < PARTS && err == DORA_OK; number++) {
        (void)dora_write_array(writer, 2);
        (void)dora_write_int(writer, 0);
        (void)dora_write_int(writer, number);
        (void)dora_write_int(writer, 1);
        (void)dora_write_raw(writer, dora_request_param(request));
        (void)dora_write_end(writer);
        err = dora_reply_part(reply);
        usleep(PART_PAUSE_US);
    }
    (void)note(request, "closed:");
    return err != DORA_OK ? err : dora_write_raw(writer, dora_request_param(request));
}

static dora_err over(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const dora_err err = note(request, "");
    while (!dora_request_is_cancelled(request)) {
        usleep(10000);
    }
    return err == DORA_OK ? dora_write_null(dora_reply_writer(reply)) : err;
}

static dora_err hold(const dora_request *request, dora_reply *reply, void *user)
{
    char path[PATH_BYTES];
    char begun[PATH_BYTES + 32];
    dora_reader reader;
    dora_value value;
    (void)user;
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &value) != DORA_OK || value.type != DORA_STRING) {
        return DORA_EINVAL;
    }
    snprintf(path, sizeof(path), "%.*s", (int)value.string.len, value.string.data);
    snprintf(begun, sizeof(begun), "%s.begun.%d", path, (int)getpid());
    close(open(begun, O_WRONLY | O_CREAT, 0600));
    while (access(path, F_OK) != 0) {
        usleep(10000);
    }
    return dora_write_null(dora_reply_writer(reply));
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    static useconds_t none = 0;
    static useconds_t some = 50000;
    const char *path = getenv("DORA_SOAK_BOOK");
    book = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (book < 0) {
        return dora_error_set(error, DORA_EINVAL, "DORA_SOAK_BOOK is no file to write to");
    }
    dora_err err = dora_app_api(app, "/c/echo", echo, &none);
    err = err == DORA_OK ? dora_app_api(app, "/c/slow", echo, &some) : err;
    err = err == DORA_OK ? dora_app_api(app, "/c/parts", parts, NULL) : err;
    err = err == DORA_OK ? dora_app_api(app, "/c/over", over, NULL) : err;
    err = err == DORA_OK ? dora_app_time_limit(app, "/c/over", LIMIT_MS) : err;
    return err == DORA_OK ? dora_app_api(app, "/c/hold", hold, NULL) : err;
}
