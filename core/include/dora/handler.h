/* handler.h: what a handler sees: its application, the request, the reply. Guide:
 * core/include/README.md. An application in C is a shared object that exports
 *
 *     DORA_API dora_err dora_app_init(dora_app *app, dora_error *error);
 *
 * Thread: a handler runs alone in its worker process, on its only Dora thread. */
#ifndef DORA_HANDLER_H
#define DORA_HANDLER_H

#include <dora/error.h>
#include <dora/priority.h>
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

/* dora_about is what an application says of one of its apis. An empty slice says nothing. */
typedef struct dora_about {
    size_t size;        /* see version.h */
    dora_slice summary; /* text: its first line counts, at most 200 bytes of it */
    dora_slice param;   /* JSON Schema of the parameter: JSON, an object or a bool */
    dora_slice result;  /* JSON Schema of the result */
    bool is_stream;     /* it sends parts: dora_reply_part */
} dora_about;

/* dora_app_describe says what an api is for, to whoever looks at the server: `dora apis`, the
 * command getApis, /openapi.json. `name` is registered already; an empty one is the fallback. What
 * was said of it before is replaced. Ownership: copies.
 * Errors: DORA_EINVAL for a name that is not registered, and a schema that is none; DORA_ETOOBIG
 * for one over 256 KiB; DORA_ENOMEM. */
DORA_API dora_err dora_app_describe(dora_app *app, const char *name, const dora_about *about);

/* dora_app_time_limit says how long an api may run, in place of its pool's time_limit_ms and for
 * accepted work, too; 0: as long as it likes. `name` is registered already; an empty one is the
 * fallback. `dora serve --dev` has no limits. Errors: DORA_EINVAL for a name that is not
 * registered, less than 0 and more than a day. */
DORA_API dora_err dora_app_time_limit(dora_app *app, const char *name, int64_t ms);

/* dora_interrupt is why a handler should end before it has. */
typedef enum dora_interrupt {
    DORA_INTERRUPT_NONE = 0,
    DORA_INTERRUPT_TIME_LIMIT, /* it has run for as long as it may */
    DORA_INTERRUPT_CANCELLED,  /* nobody wants its result any more */
    DORA_INTERRUPT_STOP        /* the server stops, and does not wait for it any longer */
} dora_interrupt;

/* dora_request_is_cancelled says whether the handler should end: what it returns then is dropped,
 * and the worker is killed if that takes longer than the pool's kill_after_ms. What it waits for
 * returns early, with EINTR, when that becomes so. dora_request_interrupt says why. Costs a look at
 * memory: ask in each round of a loop. Thread: any, as long as the request lasts. */
DORA_API bool dora_request_is_cancelled(const dora_request *request);
DORA_API dora_interrupt dora_request_interrupt(const dora_request *request);

/* The request: slices are borrowed until the handler returns. `param` is an encoded value that was
 * checked already; read it with dora_request_reader or a reader of your own. */
DORA_API dora_slice dora_request_name(const dora_request *request);
DORA_API dora_slice dora_request_param(const dora_request *request);
/* dora_request_has_param says whether the call has a parameter; without one `param` is null. */
DORA_API bool dora_request_has_param(const dora_request *request);
/* dora_request_api is the api as it was sent, an array with `name` and `param`, where it has
 * further members, or its name is none (which only a server of the original's programs takes); else
 * empty. */
DORA_API dora_slice dora_request_api(const dora_request *request);
DORA_API void dora_request_reader(const dora_request *request, dora_reader *reader);
DORA_API dora_slice dora_request_guid(const dora_request *request);
/* dora_request_type is "W_S", "W_M", ...; a static string. */
DORA_API const char *dora_request_type(const dora_request *request);
/* dora_request_trace is the caller's W3C traceparent, empty when it sent none. */
DORA_API dora_slice dora_request_trace(const dora_request *request);

/* dora_request_caller is the identity of the caller, a name of `access.identities`; empty where it
 * has none, or the server has no `access`. */
DORA_API dora_slice dora_request_caller(const dora_request *request);
/* dora_request_remaining_ms is what is left of the caller's time, never below 0; -1 when the
 * caller set none. */
DORA_API int64_t dora_request_remaining_ms(const dora_request *request);

/* dora_request_priority is what the caller has said of it, DORA_PRIORITY_NORMAL where that is
 * nothing. */
DORA_API dora_priority dora_request_priority(const dora_request *request);

/* dora_request_protocol is how the call came: "tcp" (Unix sockets too) or "http"; a static string.
 * dora_request_connection is a number for its connection, unique in the server's life, never 0. */
DORA_API const char *dora_request_protocol(const dora_request *request);
DORA_API uint32_t dora_request_connection(const dora_request *request);

/* dora_reply_writer is where the handler's data goes: exactly one value. Ownership: borrowed. */
DORA_API dora_writer *dora_reply_writer(dora_reply *reply);

/* dora_reply_fail makes the reply an error; what was written before is dropped. A code of 0, or one
 * that PROTOCOL.md gives a meaning (100001..100014, 100099, 100100, 100200..100299), is replaced by
 * 100208 and then stands in the message. Returns DORA_EHANDLER. */
DORA_API dora_err dora_reply_fail(dora_reply *reply, int64_t code, const char *msg, size_t msg_len);

/* dora_reply_http_status gives an error, made by dora_reply_fail just before, the status that it
 * has over HTTP: 400 to 499. Without it that is by PROTOCOL.md; a code that looks like a status is
 * none. Returns: DORA_EINVAL for another status, which is ignored, with a line in the log that
 * names the api; also where the reply is no error. */
DORA_API dora_err dora_reply_http_status(dora_reply *reply, const dora_request *request,
                                         int64_t status);

/* dora_reply_part sends what was written to dora_reply_writer(reply), one value, as a part of the
 * result; the writer is then empty for the next one. Whoever called by dora_client_stream and its
 * like gets it at once; where as many are under way as the caller will have, it waits, which its
 * time limit does not count. For other calls the parts make a list.
 * dora_reply_no_result says of a handler with parts that it has no other result: null behind a
 * stream, else the list of its parts, which may be empty. A handler that has sent parts and writes
 * nothing behind them need not say so.
 * Errors: DORA_ECANCELLED: nobody wants more of it; DORA_EHANDLER: it is no value that can be sent.
 * Either is the reply then: return it. DORA_EAGAIN where an event loop runs several calls: there
 * is no room yet, and the value waits in the reply (dora_worker_roomy). Source: PROTOCOL.md,
 * "Streams". */
DORA_API dora_err dora_reply_part(dora_reply *reply);
DORA_API void dora_reply_no_result(dora_reply *reply);

/* dora_reply_progress tells the caller of a stream how much is done, of how much (NAN: nobody
 * knows), and a note, which is cut where it is over some 280 bytes. It never waits: of two that
 * were not sent yet the newer one is. Other calls have no use for it, and nothing happens. Errors:
 * DORA_EINVAL for what is no number; DORA_ECANCELLED: nobody wants more of it. */
DORA_API dora_err dora_reply_progress(dora_reply *reply, double done, double total,
                                      const char *note, size_t note_len);

/* DORA_LOG_... are the log's levels, by the original's numbers. The server's `log.level` keeps
 * levels up to its value; error, emergency and exception always. */
enum {
    DORA_LOG_DEBUG = 1,
    DORA_LOG_TRACE = 2,
    DORA_LOG_NOTICE = 3,
    DORA_LOG_INFO = 4,
    DORA_LOG_ERROR = 5,
    DORA_LOG_EMERGENCY = 6,
    DORA_LOG_EXCEPTION = 7,
    DORA_LOG_SNAP = 8,
    DORA_LOG_PERFORMANCE = 9
};

/* dora_log adds a record to the server's log. It never waits: when the server is behind, the record
 * is dropped and counted in the log. `tag` says who speaks; `file` and `line` from where, NULL and
 * 0 where that means nothing; long texts are cut at 32 KiB. In the thread of a handler, where a
 * worker runs one after the other, the record has api, guid and trace of the call.
 * Returns: false outside a server's zygotes and workers, where nothing is done.
 * dora_log_is_wanted says whether a record of `level` would be kept. Thread: any. */
DORA_API bool dora_log(int level, const char *tag, const char *file, uint32_t line, const char *msg,
                       size_t msg_len);
DORA_API bool dora_log_is_wanted(int level);

/* dora_log_value adds a record whose message is `json`, one JSON value on one line: a log of JSON
 * lines takes it as it is. One over 32 KiB is cut and becomes a text. Returns: as dora_log. */
DORA_API bool dora_log_value(int level, const char *tag, const char *file, uint32_t line,
                             const char *json, size_t json_len);

/* dora_log_level_set makes this process, and those forked from it, keep records up to `level`
 * instead of up to the server's `log.level`. Returns: as dora_log. */
DORA_API bool dora_log_level_set(int level);

/* dora_server_info is what a worker can know of its server. Counts are of the whole server, and at
 * most a second old. */
typedef struct dora_server_info {
    size_t size;        /* see version.h */
    int pid;            /* the master's process id */
    const char *pool;   /* this worker's */
    uint32_t worker;    /* its number in its pool, from 0 */
    int64_t start_time; /* Unix seconds */
    uint64_t connections;
    uint64_t accepted;
    uint64_t closed;
    uint64_t tasks; /* queued or running */
    uint64_t requests;
    uint64_t worker_requests; /* this worker's */
    uint64_t log_lines;       /* waiting to be written */
    uint64_t log_bytes;
} dora_server_info;

/* dora_server_info_get. Returns: false outside a worker. Ownership: `pool` is borrowed for the
 * process's life. */
DORA_API bool dora_server_info_get(dora_server_info *info);

#ifdef __cplusplus
}
#endif
#endif
