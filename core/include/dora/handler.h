/* handler.h: what a handler sees: its application, the request, the reply. Source: README.md,
 * "Write a handler in C". An application in C is a shared object that exports
 *
 *     DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);
 *
 * Thread: a handler runs alone in its worker process, on its only Dora thread. */
#ifndef DORA_HANDLER_H
#define DORA_HANDLER_H

#include <dora/error.h>
#include <dora/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dora_app dora_app;
typedef struct dora_request dora_request;
typedef struct dora_reply dora_reply;

/* dora_handler_fn answers one call: it reads `request` and writes exactly one value to
 * dora_reply_writer(reply), or calls dora_reply_fail. Returning an error without having called
 * dora_reply_fail becomes code 100208 with the error's text. `user` is what was registered. */
typedef dora_err (*dora_handler_fn)(const dora_request *request, dora_reply *reply, void *user);

/* dora_worker_fn runs once in each worker, before its first task or after its last. */
typedef dora_err (*dora_worker_fn)(uint32_t worker, void *user, dora_error *error);

/* dora_app_api registers a handler for a name; dora_app_fallback for every other name.
 * Ownership: the name is copied; `user` is borrowed for the process's life.
 * Errors: DORA_EINVAL for an empty or repeated name or NULL function, DORA_ENOMEM. */
DORA_API dora_err dora_app_api(dora_app *app, const char *name, dora_handler_fn fn, void *user);
DORA_API dora_err dora_app_fallback(dora_app *app, dora_handler_fn fn, void *user);
DORA_API dora_err dora_app_worker_start(dora_app *app, dora_worker_fn fn, void *user);
DORA_API dora_err dora_app_worker_stop(dora_app *app, dora_worker_fn fn, void *user);

/* The request: slices are borrowed until the handler returns. `param` is an encoded value that was
 * checked already; read it with dora_request_reader or a reader of your own. */
DORA_API dora_slice dora_request_name(const dora_request *request);
DORA_API dora_slice dora_request_param(const dora_request *request);
DORA_API void dora_request_reader(const dora_request *request, dora_reader *reader);
DORA_API dora_slice dora_request_guid(const dora_request *request);
/* dora_request_type is "W_S", "W_M", ...; a static string. */
DORA_API const char *dora_request_type(const dora_request *request);
/* dora_request_trace is the caller's W3C traceparent, empty when it sent none. */
DORA_API dora_slice dora_request_trace(const dora_request *request);
/* dora_request_remaining_ms is what is left of the caller's time, never below 0; -1 when the
 * caller set none. */
DORA_API int64_t dora_request_remaining_ms(const dora_request *request);

/* dora_reply_writer is where the handler's data goes: exactly one value. Ownership: borrowed. */
DORA_API dora_writer *dora_reply_writer(dora_reply *reply);

/* dora_reply_fail makes the reply an error; what was written before is dropped. A code of 0 or in
 * 100200..100299 is replaced by 100208 and then stands in the message. Returns DORA_EHANDLER. */
DORA_API dora_err dora_reply_fail(dora_reply *reply, int64_t code, const char *msg, size_t msg_len);

#ifdef __cplusplus
}
#endif
#endif
