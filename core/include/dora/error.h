/* error.h: what can go wrong: library errors (negative) and reply codes (positive, on the wire). */
#ifndef DORA_ERROR_H
#define DORA_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX < UINT64_MAX
#error "Dora needs a system of 64 bits"
#endif

#if defined(__GNUC__)
#define DORA_API __attribute__((visibility("default")))
#define DORA_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#else
#define DORA_API
#define DORA_PRINTF(format_at, first_at)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* DORA_ERRORS lists every library error: name, number (never renumbered), text. */
#define DORA_ERRORS(X)                                                                             \
    X(EAGAIN, -1, "more bytes are needed")                                                         \
    X(ENOMEM, -2, "out of memory")                                                                 \
    X(EINVAL, -3, "invalid argument")                                                              \
    X(EPROTO, -4, "malformed bytes")                                                               \
    X(ETOOBIG, -5, "larger than the limit")                                                        \
    X(ESIGN, -6, "wrong signature")                                                                \
    X(EREPLY, -7, "the server answered with an error")                                             \
    X(ETIMEDOUT, -8, "timed out")                                                                  \
    X(ECONNECT, -9, "no server can be connected")                                                  \
    X(ECLOSED, -10, "the connection was closed")                                                   \
    X(EIO, -11, "input or output failed")                                                          \
    X(ECONFIG, -12, "wrong configuration")                                                         \
    X(ELOAD, -13, "the application does not load")                                                 \
    X(EVERSION, -14, "built for another version")                                                  \
    X(EFULL, -15, "no room left")                                                                  \
    X(EHANDLER, -16, "the handler failed")                                                         \
    X(EEXIT, -17, "the worker must leave")                                                         \
    X(ETYPE, -18, "a value of a type that has no place on the wire")                               \
    X(EINTERRUPTED, -19, "interrupted by a signal")                                                \
    X(EKEYS, -20, "an array whose keys collide, as if chosen to cost time")                        \
    X(ECANCELLED, -21, "the call was cancelled")

#define DORA_ERROR_ENUM(name, number, text) DORA_##name = (number),
typedef enum dora_err { DORA_OK = 0, DORA_ERRORS(DORA_ERROR_ENUM) } dora_err;
#undef DORA_ERROR_ENUM

/* DORA_CODES lists every reply code: name, number, whether it means "not run", whether a server
 * closes the connection behind it, the status that it has over HTTP, text.
 * Source: PROTOCOL.md, section "Reply codes". */
#define DORA_CODES(X)                                                                              \
    X(OK, 0, false, false, 200, "OK")                                                              \
    X(ACCEPTED, 100001, false, false, 200,                                                         \
      "transfer success.\xe5\xb7\xb2\xe7\xbb\x8f\xe6\x88\x90\xe5\x8a\x9f"                          \
      "\xe6\x8a\x95\xe9\x80\x92")                                                                  \
    X(BAD_TYPE, 100002, false, false, 400, "unknown or missing type")                              \
    X(BAD_API, 100003, false, false, 400, "api is missing, empty or not a map")                    \
    X(BAD_PARAMS, 100004, false, false, 400, "inner guid or api is missing")                       \
    X(BAD_SIGN, 100005, false, false, 500, "signature is wrong")                                   \
    X(BAD_BODY, 100006, false, false, 400, "body cannot be decoded")                               \
    X(BAD_LENGTH, 100007, false, true, 500, "frame length is wrong")                               \
    X(RECEIVE, 100009, false, false, 504, "receive failed or timed out")                           \
    X(CONNECT, 100010, true, false, 500, "no server can be connected")                             \
    X(BAD_COMMAND, 100011, false, false, 500, "unknown control command")                           \
    X(RESULT_LOST, 100012, false, false, 410, "the result is lost or no longer kept")              \
    X(PART, 100013, false, false, 200, "part")                                                     \
    X(PROGRESS, 100014, false, false, 200, "progress")                                             \
    X(BAD_MODE, 100099, false, false, 500, "unknown mode")                                         \
    X(BAD_GUID, 100100, false, false, 400, "guid in body and header differ")                       \
    X(WORKER_DIED, 100200, false, false, 502, "the worker died while running the handler")         \
    X(TIME_LIMIT, 100201, false, false, 504, "the handler ran past its time limit")                \
    X(EXPIRED, 100202, true, false, 504, "the caller's deadline passed before a worker was free")  \
    X(OVERLOADED, 100203, true, false, 503,                                                        \
      "overloaded: the queue is full or the pool is unhealthy")                                    \
    X(NO_API, 100204, true, false, 404, "no such api")                                             \
    X(NOT_PERMITTED, 100205, true, false, 403, "not permitted")                                    \
    X(TOO_BIG, 100206, false, true, 413, "frame or result is larger than the limit")               \
    X(STOPPING, 100207, true, true, 503, "the server is stopping")                                 \
    X(HANDLER, 100208, false, false, 500, "the handler raised an error without a usable code")     \
    X(RELOAD, 100209, false, false, 500, "reload refused: the new application does not load")      \
    X(WRONG_SHAPE, 100210, true, false, 422, "the parameter has the wrong shape")                  \
    X(CANCELLED, 100211, false, false, 502, "cancelled")                                           \
    X(POISON, 100212, true, false, 422, "refused: this call has ended workers")

#define DORA_CODE_ENUM(name, number, not_run, closes, status, text) DORA_CODE_##name = (number),
typedef enum dora_code { DORA_CODES(DORA_CODE_ENUM) } dora_code;
#undef DORA_CODE_ENUM

/* dora_error says what went wrong: `err` for programs, `msg` (NUL-ended) for people.
 * `code` is the reply code where a reply caused it, else 0; `offset` the first bad byte, else 0;
 * `os_error` the errno of the system call that failed, -1 for a host name that is not known, else
 * 0. */
typedef struct dora_error {
    dora_err err;
    int os_error;
    int64_t code;
    size_t offset;
    char msg[4096];
} dora_error;

/* dora_error_set fills `error` and returns `err`, so that `return dora_error_set(...)` reads well.
 * `error` may be NULL. The message is cut where it does not fit. */
DORA_API dora_err dora_error_set(dora_error *error, dora_err err, const char *format, ...)
    DORA_PRINTF(3, 4);

/* dora_err_name gives "DORA_ETIMEDOUT", dora_err_text "timed out". Static strings, never NULL. */
DORA_API const char *dora_err_name(dora_err err);
DORA_API const char *dora_err_text(dora_err err);

/* dora_code_text gives the text of a reply code, "unknown code" for any other number. */
DORA_API const char *dora_code_text(int64_t code);

/* dora_code_is_not_run says whether a reply code promises that the handler did not run, so that
 * sending the call again cannot run it twice. */
DORA_API bool dora_code_is_not_run(int64_t code);

/* dora_kind is what callers tell apart, and what bindings have classes of errors for. */
typedef enum dora_kind {
    DORA_KIND_ERROR,      /* any other */
    DORA_KIND_TIMEOUT,    /* no answer in the call's time */
    DORA_KIND_CONNECTION, /* no server, or what it answered is lost */
    DORA_KIND_HANDLER,    /* the handler's own error */
    DORA_KIND_NOT_RUN     /* the handler certainly did not run */
} dora_kind;

/* dora_error_kind gives the kind of an error of this library. `*code` (may be NULL) gets its reply
 * code: its own, else the one that its kind means. */
DORA_API dora_kind dora_error_kind(const dora_error *error, int64_t *code);

/* dora_code_kind gives the kind of one api's failure (dora_result). A handler cannot give a code of
 * 100200..100299 itself, so one of these that means "not run" is the server's word. Any other code
 * is the handler's, even 100010: it may have called on itself. */
DORA_API dora_kind dora_code_kind(int64_t code);

#ifdef __cplusplus
}
#endif
#endif
