/* runtime_c.c: the runtime of applications in C: shared objects that export dora_app_init. */
#include "task/runtime_c.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "task/app.h"

/* registration is what `invoke` gets: a function and its argument. */
typedef struct registration {
    dora_handler_fn fn;
    void *user;
} registration;

/* The one application of this process; reached through `host`. */
typedef struct c_host {
    dora_app *app;
} c_host;

static dora_err add(dora_app *app, dora_slice name, dora_handler_fn fn, void *user)
{
    registration *entry = fn == NULL ? NULL : malloc(sizeof(*entry));
    if (entry == NULL) {
        return fn == NULL ? DORA_EINVAL : DORA_ENOMEM;
    }
    *entry = (registration){fn, user};
    const dora_err err = dora_app_handler(app, name, entry);
    if (err != DORA_OK) {
        free(entry);
    }
    return err;
}

dora_err dora_app_api(dora_app *app, const char *name, dora_handler_fn fn, void *user)
{
    return name == NULL || *name == '\0' ? DORA_EINVAL : add(app, dr_slice(name), fn, user);
}

dora_err dora_app_fallback(dora_app *app, dora_handler_fn fn, void *user)
{
    return add(app, (dora_slice){"", 0}, fn, user);
}

dora_err dora_app_worker_start(dora_app *app, dora_worker_fn fn, void *user)
{
    app->start = fn;
    app->start_user = user;
    return DORA_OK;
}

dora_err dora_app_worker_stop(dora_app *app, dora_worker_fn fn, void *user)
{
    app->stop = fn;
    app->stop_user = user;
    return DORA_OK;
}

static dora_err load(void *host, dora_app *app, const char *target, dora_error *error)
{
    ((c_host *)host)->app = app;
    /* A bare name would be looked for among the system's libraries. */
    char *path = realpath(target, NULL);
    void *object = dlopen(path != NULL ? path : target, RTLD_NOW | RTLD_LOCAL);
    free(path);
    if (object == NULL) {
        return dora_error_set(error, DORA_ELOAD, "%s", dlerror());
    }
    void *symbol = dlsym(object, "dora_app_init");
    if (symbol == NULL) {
        return dora_error_set(error, DORA_ELOAD, "%s exports no dora_app_init (is it DORA_API?)",
                              target);
    }
    dora_err (*init)(dora_app *, dora_error *) = NULL;
    memcpy(&init, &symbol, sizeof(init));
    dora_error why = {0};
    const dora_err err = init(app, &why);
    if (err != DORA_OK) {
        return dora_error_set(error, DORA_ELOAD, "%s: dora_app_init: %s", target,
                              why.msg[0] != '\0' ? why.msg : dora_err_text(err));
    }
    return DORA_OK;
}

static dora_err worker_start(void *host, uint32_t worker, dora_error *error)
{
    const dora_app *app = ((c_host *)host)->app;
    return app->start == NULL ? DORA_OK : app->start(worker, app->start_user, error);
}

static void worker_stop(void *host)
{
    const dora_app *app = ((c_host *)host)->app;
    dora_error error;
    if (app->stop != NULL) {
        (void)app->stop(0, app->stop_user, &error);
    }
}

static dora_err invoke(void *host, void *handler, const dora_request *request, dora_reply *reply)
{
    (void)host;
    const registration *entry = handler;
    return entry->fn(request, reply, entry->user);
}

const dora_runtime *dr_runtime_c(void)
{
    static c_host host;
    static const dora_runtime runtime = {.size = sizeof runtime,
                                         .name = "c",
                                         .version = "11",
                                         .host = &host,
                                         .load = load,
                                         .worker_start = worker_start,
                                         .worker_stop = worker_stop,
                                         .invoke = invoke};
    return &runtime;
}
