/* app.c: the handlers in C: one gives back what it got, one says what that is. */
#include "copy.h"

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);

static dora_err echo(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    return copy_value(dora_request_param(request), dora_reply_writer(reply));
}

static dora_err kind(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    return copy_kind(dora_request_param(request), dora_reply_writer(reply));
}

dora_err dora_app_init(dora_app *app, dora_error *error)
{
    dora_err err = dora_app_api(app, "/c/echo", echo, NULL);
    if (err == DORA_OK) {
        err = dora_app_api(app, "/c/kind", kind, NULL);
    }
    return err == DORA_OK ? err : dora_error_set(error, err, "cannot register a handler");
}
