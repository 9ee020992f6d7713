/* streaming.c: handlers that send parts. */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dora/handler.h>

#define GATE_PAUSE_US 5000

static int64_t int_of(const dora_request *request)
{
    dora_reader reader;
    dora_value value;
    dora_request_reader(request, &reader);
    return dora_reader_value(&reader, &value) == DORA_OK && value.type == DORA_INT ? value.integer
                                                                                   : 0;
}

/* text_of copies the parameter, where it is a text. */
static bool text_of(const dora_request *request, char *text, size_t size)
{
    dora_reader reader;
    dora_value value;
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &value) != DORA_OK || value.type != DORA_STRING) {
        return false;
    }
    (void)snprintf(text, size, "%.*s", (int)value.string.len, value.string.data);
    return true;
}

static dora_err send_int(dora_reply *reply, int64_t number)
{
    dora_write_int(dora_reply_writer(reply), number);
    return dora_reply_part(reply);
}

static dora_err send_text(dora_reply *reply, const char *text)
{
    dora_write_string(dora_reply_writer(reply), text, strlen(text));
    return dora_reply_part(reply);
}

static dora_err send_ints(const dora_request *request, dora_reply *reply)
{
    dora_err err = DORA_OK;
    const int64_t count = int_of(request);
    for (int64_t i = 0; i < count && err == DORA_OK; i++) {
        err = send_int(reply, i);
    }
    return err;
}

static dora_err run_count(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const dora_err err = send_ints(request, reply);
    if (err == DORA_OK) {
        dora_reply_no_result(reply);
    }
    return err;
}

/* run_sum returns 0 + 1 + ... */
static dora_err run_sum(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const int64_t count = int_of(request);
    const dora_err err = send_ints(request, reply);
    return err != DORA_OK ? err : dora_write_int(dora_reply_writer(reply), count * (count - 1) / 2);
}

static dora_err run_fails(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const dora_err err = send_ints(request, reply);
    return err != DORA_OK ? err : dora_reply_fail(reply, 71, "on purpose", 10);
}

static dora_err run_progress(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const int64_t count = int_of(request);
    dora_err err = DORA_OK;
    for (int64_t i = 1; i <= count && err == DORA_OK; i++) {
        char note[32];
        const int len = snprintf(note, sizeof(note), "step %" PRId64, i);
        err = dora_reply_progress(reply, (double)i, (double)count, note, (size_t)len);
    }
    return err != DORA_OK ? err : dora_write_string(dora_reply_writer(reply), "done", 4);
}

/* run_odd_progress: what is no number, a total that nobody knows, a fraction, and a long note. */
static dora_err run_odd_progress(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    char note[1000];
    memset(note, 'n', sizeof(note));
    const bool is_refused = dora_reply_progress(reply, NAN, 1, "", 0) == DORA_EINVAL &&
                            dora_reply_progress(reply, 1, INFINITY, "", 0) == DORA_EINVAL;
    const dora_err err = dora_reply_progress(reply, 0.5, NAN, note, sizeof(note));
    return err != DORA_OK ? err : dora_write_bool(dora_reply_writer(reply), is_refused);
}

static dora_err run_large(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const size_t size = (size_t)int_of(request);
    char *text = malloc(size + 1);
    dora_err err = text != NULL ? DORA_OK : DORA_ENOMEM;
    for (int i = 0; i < 3 && err == DORA_OK; i++) {
        memset(text, 'a' + i, size);
        dora_write_string(dora_reply_writer(reply), text, size);
        err = dora_reply_part(reply);
    }
    free(text);
    return err;
}

/* run_ends sends one small part and returns so many bytes. */
static dora_err run_ends(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const size_t size = (size_t)int_of(request);
    char *text = malloc(size + 1);
    dora_err err = text != NULL ? send_int(reply, 1) : DORA_ENOMEM;
    if (err == DORA_OK) {
        memset(text, 'e', size);
        err = dora_write_string(dora_reply_writer(reply), text, size);
    }
    free(text);
    return err;
}

/* run_gate sends its last part once there is a file `gate` in the folder that is its parameter. */
static dora_err run_gate(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    char folder[4096] = "";
    char path[4200];
    (void)text_of(request, folder, sizeof(folder));
    (void)snprintf(path, sizeof(path), "%s/gate", folder);
    const dora_err err = send_text(reply, "first");
    if (err != DORA_OK) {
        return err;
    }
    while (access(path, F_OK) != 0) {
        (void)usleep(GATE_PAUSE_US);
    }
    return send_text(reply, "last");
}

/* leave makes a file in the folder that is a handler's parameter. */
static void leave(const dora_request *request, const char *name)
{
    char folder[4096] = "";
    char path[4200];
    (void)text_of(request, folder, sizeof(folder));
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) {
        close(fd);
    }
}

/* run_until sends nothing and looks whether it should end; which it was is a file in the folder
 * that is its parameter. */
static dora_err run_until(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    char folder[4096] = "";
    char path[4200];
    (void)text_of(request, folder, sizeof(folder));
    (void)snprintf(path, sizeof(path), "%s/gate", folder);
    leave(request, "begun");
    while (access(path, F_OK) != 0 && !dora_request_is_cancelled(request)) {
        (void)usleep(GATE_PAUSE_US);
    }
    const bool is_cancelled = dora_request_is_cancelled(request);
    leave(request, is_cancelled ? "cancelled" : "done");
    return dora_write_bool(dora_reply_writer(reply), !is_cancelled);
}

/* run_ticks sends a part now and then, as long as somebody wants it. */
static dora_err run_ticks(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    dora_err err = DORA_OK;
    leave(request, "begun");
    while (err == DORA_OK) {
        err = send_int(reply, 1);
        (void)usleep(GATE_PAUSE_US);
    }
    leave(request, err == DORA_ECANCELLED ? "cancelled" : "done");
    return err;
}

/* run_endless sends numbers until nobody wants more, and writes how many into the file that is its
 * parameter, where that is a text. */
static dora_err run_endless(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    char path[4096];
    const int fd = text_of(request, path, sizeof(path)) ? open(path, O_WRONLY | O_CREAT, 0600) : -1;
    dora_err err = DORA_OK;
    for (int64_t i = 0; err == DORA_OK; i++) {
        err = send_int(reply, i);
        if (fd >= 0) {
            (void)!pwrite(fd, &i, sizeof(i), 0);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

/* run_dies ends its worker behind so many parts. */
static dora_err run_dies(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    const dora_err err = send_ints(request, reply);
    if (err == DORA_OK) {
        (void)raise(SIGKILL);
    }
    return err;
}

/* run_unfinished sends what is no value. */
static dora_err run_unfinished(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    const dora_err err = send_int(reply, 1);
    if (err != DORA_OK) {
        return err;
    }
    dora_write_array(dora_reply_writer(reply), 1);
    return dora_reply_part(reply);
}

/* run_nonsense sends so many parts, and behind them what is no value: nobody has looked at it. */
static dora_err run_nonsense(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    static const dora_slice bytes = {"a:9:{", 5};
    dora_err err = send_ints(request, reply);
    if (err == DORA_OK) {
        dora_write_raw(dora_reply_writer(reply), bytes);
        err = dora_reply_part(reply);
    }
    return err != DORA_OK ? err : send_int(reply, -1);
}

static dora_err run_echo(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    return dora_write_raw(dora_reply_writer(reply), dora_request_param(request));
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    static const struct {
        const char *name;
        dora_handler_fn fn;
    } handlers[] = {{"/count", run_count},      {"/sum", run_sum},
                    {"/fails", run_fails},      {"/progress", run_progress},
                    {"/large", run_large},      {"/gate", run_gate},
                    {"/endless", run_endless},  {"/dies", run_dies},
                    {"/echo", run_echo},        {"/unfinished", run_unfinished},
                    {"/odd", run_odd_progress}, {"/nonsense", run_nonsense},
                    {"/ends", run_ends},        {"/until", run_until},
                    {"/ticks", run_ticks}};
    (void)error;
    dora_err err = DORA_OK;
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]) && err == DORA_OK; i++) {
        err = dora_app_api(app, handlers[i].name, handlers[i].fn, NULL);
    }
    return err;
}
