/* client_uv.h: calling Dora servers from C on a libuv loop.
 *
 *     dora_client_options options = {.size = sizeof options, .nodes = "127.0.0.1:9567"};
 *     dora_async_new(&async, uv_default_loop(), &options, &error);
 *     dora_async_call(async, &call, NULL, on_done, user, &id, &error);
 *     uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *
 * Any number of calls may be under way at a time. They share the few connections to each node that
 * the options allow, and each has a time of its own. Node choice, retries and errors are those of
 * client.h. A timeout or cancellation leaves the connection open: a late reply is skipped.
 * A registry is used as mux.h says; on_warning is called on the loop.
 *
 * Thread: everything here is called on the loop's thread, and calls back there. A process that
 * forked has nothing of its parent's clients: in the child a call is refused. */
#ifndef DORA_CLIENT_UV_H
#define DORA_CLIENT_UV_H

#include <dora/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s; /* uv_loop_t */

typedef struct dora_async dora_async;

/* dora_async_fn hears how a call went, as the function of client.h would have returned: the answer
 * has the guid and, with DORA_OK, the results; `error` is NULL with DORA_OK. It is never called
 * before the function returned that began the call. It may begin, cancel and close.
 * Ownership: borrows answer and error. */
typedef void (*dora_async_fn)(dora_err err, const dora_error *error, const dora_answer *answer,
                              void *user);
typedef void (*dora_async_close_fn)(void *user);

/* dora_async_word_fn hears a part of a stream, or its progress. It may begin, take, cancel and
 * close. Ownership: borrows. */
typedef void (*dora_async_word_fn)(const dora_stream_event *word, void *user);

/* dora_async_new reads the options as dora_client_new does; it does not connect yet. From the first
 * call on, open connections keep the loop running, until dora_async_close; so does a registry in
 * Redis, also while no Redis can be reached.
 * Ownership: gives; dora_async_close frees. Borrows the loop until then. Errors: as
 * dora_client_new; DORA_EIO where the loop takes no handle. */
DORA_API dora_err dora_async_new(dora_async **async, struct uv_loop_s *loop,
                                 const dora_client_options *options, dora_error *error);

/* dora_async_call and the others begin a call, which ends by exactly one call of `on_done`, unless
 * it is cancelled. `id` may be NULL. Of the options is_interrupted means nothing here.
 * Ownership: copies calls and options; borrows `user`.
 * Errors: DORA_EINVAL, DORA_EFULL, DORA_ENOMEM: then on_done is not called. */
DORA_API dora_err dora_async_call(dora_async *async, const dora_call *call,
                                  const dora_call_options *options, dora_async_fn on_done,
                                  void *user, uint64_t *id, dora_error *error);
DORA_API dora_err dora_async_call_many(dora_async *async, const dora_call *calls, size_t count,
                                       const dora_call_options *options, dora_async_fn on_done,
                                       void *user, uint64_t *id, dora_error *error);
DORA_API dora_err dora_async_send(dora_async *async, const dora_call *call,
                                  const dora_call_options *options, dora_async_fn on_done,
                                  void *user, uint64_t *id, dora_error *error);
DORA_API dora_err dora_async_send_many(dora_async *async, const dora_call *calls, size_t count,
                                       const dora_call_options *options, dora_async_fn on_done,
                                       void *user, uint64_t *id, dora_error *error);

/* dora_async_submit and dora_async_submit_many have two moments. `on_accepted` (may be NULL) is
 * called with DORA_OK once the server has queued all apis: they run then, even when the caller
 * ends. `on_done` is called with the results when they are there, or with what went wrong, in the
 * queueing too. The time of the options is for the queueing; the result is waited for as long as
 * its connection lives, or until dora_async_cancel. */
DORA_API dora_err dora_async_submit(dora_async *async, const dora_call *call,
                                    const dora_call_options *options, dora_async_fn on_accepted,
                                    dora_async_fn on_done, void *user, uint64_t *id,
                                    dora_error *error);
DORA_API dora_err dora_async_submit_many(dora_async *async, const dora_call *calls, size_t count,
                                         const dora_call_options *options,
                                         dora_async_fn on_accepted, dora_async_fn on_done,
                                         void *user, uint64_t *id, dora_error *error);

/* dora_async_control is dora_client_control. */
DORA_API dora_err dora_async_control(dora_async *async, const char *command,
                                     const dora_call_options *options, dora_async_fn on_done,
                                     void *user, uint64_t *id, dora_error *error);

/* dora_async_stream begins a call whose handler sends parts; the options are those of
 * dora_client_stream. `on_word` hears each part, and progress; then on_done is called once, as for
 * dora_async_call. dora_async_take says that `count` more parts are done with: there is room for
 * others then; a stream that nobody takes from stands still. */
DORA_API dora_err dora_async_stream(dora_async *async, const dora_call *call,
                                    const dora_call_options *options, dora_async_word_fn on_word,
                                    dora_async_fn on_done, void *user, uint64_t *id,
                                    dora_error *error);
DORA_API void dora_async_take(dora_async *async, uint64_t id, uint32_t count);

/* dora_async_cancel forgets a call: on_done is not called. The server is told to end it, as
 * dora_mux_cancel has it. Returns: false where it has ended. */
DORA_API bool dora_async_cancel(dora_async *async, uint64_t id);

/* dora_async_outstanding is how many calls and submissions have not ended. */
DORA_API size_t dora_async_outstanding(const dora_async *async);

/* dora_async_close ends what is outstanding with an error (DORA_ECLOSED; DORA_ECONNECT where it was
 * certainly not sent), waits for nothing, and calls `on_closed` (may be NULL) when all is freed:
 * later, on the loop. `async` must not be used any more after it returned. */
DORA_API void dora_async_close(dora_async *async, dora_async_close_fn on_closed, void *user);

#ifdef __cplusplus
}
#endif
#endif
