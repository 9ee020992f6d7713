/* stuck.c: a handler in C that does not end. */
#include <dora/handler.h>

#include <stdio.h>
#include <unistd.h>

static dora_err loop(const dora_request *request, dora_reply *reply, void *user)
{
    (void)reply;
    (void)user;
    dora_reader reader;
    dora_value path = {0};
    char name[512] = "";
    dora_request_reader(request, &reader);
    if (dora_reader_value(&reader, &path) == DORA_OK && path.type == DORA_STRING) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)path.string.len, path.string.data);
        FILE *mark = fopen(name, "w");
        if (mark != NULL) {
            fclose(mark);
        }
    }
    for (volatile int turn = 0;; turn = 1 - turn) {
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
    (void)error;
    const dora_err err = dora_app_api(app, "/loop", loop, NULL);
    return err == DORA_OK ? dora_app_api(app, "/pid", pid, NULL) : err;
}
