/* client.h: calling a Dora server from C. Blocking; source: PROTOCOL.md.
 *
 *     dora_client_options options = {.nodes = "127.0.0.1:9567"};
 *     dora_client *client = NULL;
 *     dora_answer *answer = dora_answer_new();
 *     dora_client_new(&client, &options, &error);
 *     dora_call call = {.name = {"/user/get", 9}, .param = {"a:0:{}", 6}};
 *     dora_client_call(client, &call, 0, answer, &error);
 */
#ifndef DORA_CLIENT_H
#define DORA_CLIENT_H

#include <dora/error.h>
#include <dora/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dora_client is a set of servers and the idle connections to them. Thread: safe from any thread;
 * each call uses a connection of its own. A process that forked never uses its parent's. */
typedef struct dora_client dora_client;

/* dora_answer is the memory of one call's results, reused by the next call that is given it.
 * Thread: one call at a time. */
typedef struct dora_answer dora_answer;

typedef struct dora_client_options {
    const char *nodes;      /* "host:port", or several separated by commas */
    uint32_t timeout_ms;    /* for a whole call; 0: 3000 */
    bool sign;              /* salted crc32 in each frame, as the server's `sign` */
    const char *salt;       /* NULL: the protocol's default */
    bool gzip;              /* bodies compressed, as the server's `gzip` */
    size_t frame_bytes_max; /* 0: 2 MiB */
} dora_client_options;

/* dora_call names one api and its parameter. */
typedef struct dora_call {
    dora_slice key;   /* the result's key in a call of many; ignored for one */
    dora_slice name;  /* api name */
    dora_slice param; /* one encoded value (value.h); empty means null */
} dora_call;

/* dora_result is one handler's outcome; slices are borrowed from the answer. `code` 0 is success
 * and `data` one encoded value; any other code is the handler's or one of DORA_CODES. */
typedef struct dora_result {
    dora_slice key;
    int64_t code;
    dora_slice msg;
    dora_slice data;
} dora_result;

/* dora_client_new reads the options; it does not connect yet. Ownership: options are copied;
 * gives the client, dora_client_free frees it (NULL is fine).
 * Errors: DORA_EINVAL for nodes that are not host:port, DORA_ENOMEM. */
DORA_API dora_err dora_client_new(dora_client **client, const dora_client_options *options,
                                  dora_error *error);
DORA_API void dora_client_free(dora_client *client);

DORA_API dora_answer *dora_answer_new(void);
DORA_API void dora_answer_free(dora_answer *answer);

/* dora_answer_result gives result `index` of the last call, NULL past the end. Call many: results
 * stand in the order of the calls. */
DORA_API const dora_result *dora_answer_result(const dora_answer *answer, size_t index);

/* dora_client_call calls one api (W_S) and waits, at most `timeout_ms` (0: the client's). Only
 * looking up a host by name may take longer: that is the system's resolver's time.
 * dora_client_call_many calls several at once (W_M); they run at the same time in the server.
 * Returns: DORA_OK when each api has an outcome, which may be an error: look at result.code.
 * Errors: DORA_ETIMEDOUT (code 100009), DORA_ECONNECT (100010: certainly not run), DORA_ECLOSED
 * and DORA_EIO (100009), DORA_EREPLY (the server refused the request: error->code says why),
 * DORA_ETOOBIG, DORA_EINVAL (no call, a repeated key, a parameter that is no encoded value). */
DORA_API dora_err dora_client_call(dora_client *client, const dora_call *call, uint32_t timeout_ms,
                                   dora_answer *answer, dora_error *error);
DORA_API dora_err dora_client_call_many(dora_client *client, const dora_call *calls, size_t count,
                                        uint32_t timeout_ms, dora_answer *answer,
                                        dora_error *error);

#ifdef __cplusplus
}
#endif
#endif
