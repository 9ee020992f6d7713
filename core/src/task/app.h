/* app.h: an application as its zygote knows it, and what a handler is given. */
#ifndef DR_TASK_APP_H
#define DR_TASK_APP_H

#include <dora/handler.h>
#include <dora/runtime.h>

#include "base/limits.h"
#include "task/names.h"
#include "task/parts.h"
#include "wire/value.h"

/* dr_app_entry is one api; its index in the application is the task's `api`. */
typedef struct dr_app_entry {
    char name[DR_API_NAME_MAX + 1];
    size_t name_len;
    void *handler;
    dr_about about;
} dr_app_entry;

struct dora_app {
    dr_app_entry *entries;
    uint32_t count;
    uint32_t capacity;
    bool has_fallback;
    void *fallback;
    dr_about fallback_about;
    /* Hooks of applications in C; other runtimes keep their own. */
    dora_worker_fn start;
    void *start_user;
    dora_worker_fn stop;
    void *stop_user;
};

struct dora_request {
    dora_slice name;
    dora_slice param;
    dora_slice whole; /* the api it is a member of, where that has more; else empty */
    dora_slice guid;
    dora_slice trace;
    dora_slice caller; /* empty: it has no identity, or there are no rules */
    uint64_t came_ns;  /* to the server; 0: it came to none */
    uint32_t task;     /* its number there */
    uint64_t began_ns;
    uint64_t deadline_ns;
    uint32_t connection;
    uint16_t protocol;
    uint16_t type;
    uint8_t priority;            /* dora_priority, never the default */
    bool has_param;              /* else `param` is null */
    const struct dora_task *job; /* that it is a worker's of; NULL: no worker's */
};

struct dora_reply {
    dora_writer writer;
    struct dora_task *job; /* whose it is; NULL: of a call without a server */
    dr_parts parts;        /* where `has_parts` */
    bool has_failed;
    bool is_logged;       /* what is wrong */
    bool has_parts;       /* it is a stream, or parts were sent */
    uint16_t http_status; /* of a handler's error; 0: what its code has */
    int64_t code;
    size_t msg_len;
    char msg[DR_MSG_BYTES_MAX];
};

/* dr_app_about is what is said of an api, or of the fallback, whose name is empty. Returns: NULL
 * where it is not registered. */
dr_about *dr_app_about(dora_app *app, const char *name);

/* dr_app_no_limits takes the apis' own time limits away. */
void dr_app_no_limits(dora_app *app);

/* dr_app_fini frees what registration allocated. */
void dr_app_fini(dora_app *app);

/* dr_reply_set_error is dora_reply_fail for Dora's own codes, which it keeps as they are. */
void dr_reply_set_error(dora_reply *reply, int64_t code, const char *msg, size_t msg_len);

/* dr_reply_finish makes what a handler returned and wrote its reply. `*out` is the data, or where
 * the reply has failed the message. Ownership: borrowed from the reply. */
void dr_reply_finish(dora_reply *reply, dora_err err, dora_slice *out);

/* dr_reply_take_json makes data that has no JSON form the handler's error: for who is answered so.
 * `*out` is as dr_reply_finish has left it, and is left. */
void dr_reply_take_json(dora_reply *reply, dora_slice *out);

#endif
