/* overrun.c: handlers in C that run past their time limit. */
#include <dora/handler.h>

#include <poll.h>
#include <unistd.h>

static dora_err ended(const dora_request *request, dora_reply *reply)
{
    static const char *const why[] = {"none", "time limit", "cancelled", "stop"};
    const char *text = why[dora_request_interrupt(request)];
    return dora_write_string(dora_reply_writer(reply), text, 4);
}

/* It asks in each round. */
static dora_err loop(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    while (!dora_request_is_cancelled(request)) {
    }
    return ended(request, reply);
}

/* What it waits for returns. */
static dora_err wait_long(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    return poll(NULL, 0, 60000) < 0 ? ended(request, reply) : DORA_EHANDLER;
}

static dora_err deaf(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)reply;
    (void)user;
    for (;;) {
        (void)sleep(60);
    }
    return DORA_OK;
}

static dora_err pid(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return dora_write_int(dora_reply_writer(reply), getpid());
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    static const struct {
        const char *name;
        dora_handler_fn fn;
    } apis[] = {{"/loop", loop}, {"/poll", wait_long}, {"/deaf", deaf}};
    dora_err err = dora_app_api(app, "/pid", pid, NULL);
    (void)error;
    for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]) && err == DORA_OK; i++) {
        err = dora_app_api(app, apis[i].name, apis[i].fn, NULL);
        err = err == DORA_OK ? dora_app_time_limit(app, apis[i].name, 150) : err;
    }
    return err;
}
