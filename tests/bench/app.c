/* app.c: the benchmark's application in C: a handler that does nothing, one that takes 4 us, an
 * echo. */
#include <dora/dora.h>

#include <time.h>

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

static dora_err hello(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return dora_write_string(dora_reply_writer(reply), "hello", 5);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static dora_err spin(const dora_request *request, dora_reply *reply, void *user)
{
    uint64_t end = now_ns() + 4000;
    while (now_ns() < end) {
    }
    return hello(request, reply, user);
}

static dora_err echo(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    return dora_write_raw(dora_reply_writer(reply), dora_request_param(request));
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    dora_err err = dora_app_api(app, "/bench/hello", hello, NULL);
    if (err == DORA_OK) {
        err = dora_app_api(app, "/bench/spin", spin, NULL);
    }
    if (err == DORA_OK) {
        err = dora_app_api(app, "/bench/echo", echo, NULL);
    }
    return err == DORA_OK ? err : dora_error_set(error, err, "cannot register a handler");
}
