/* client.h: calling Dora servers from C. Blocking; source: PROTOCOL.md.
 *
 *     dora_client_options options = {.size = sizeof options, .nodes = "127.0.0.1:9567"};
 *     dora_client *client = NULL;
 *     dora_answer *answer = dora_answer_new();
 *     dora_client_new(&client, &options, &error);
 *     dora_call call = {.name = {"/user/get", 9}, .param = {"a:0:{}", 6}};
 *     dora_client_call(client, &call, NULL, answer, &error);
 */
#ifndef DORA_CLIENT_H
#define DORA_CLIENT_H

#include <dora/error.h>
#include <dora/priority.h>
#include <dora/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dora_client is sets of servers and the persistent connections to them. A call goes to the server
 * of its group with the least work under way, and among equals by turns: servers that are alike get
 * equal shares, a slower one gets less. One that fails is left alone for a while, which grows from
 * 0.1 to 10 seconds, but never more than half of a group. Thread: safe from any thread; each call
 * has a connection to itself while it waits. A process that forked never uses its parent's
 * connections, nor collects its parent's submissions. */
typedef struct dora_client dora_client;

/* dora_answer is the memory of one call's results, reused by the next call that is given it.
 * Thread: one call at a time. */
typedef struct dora_answer dora_answer;

/* dora_group is a named set of servers that serve the same apis. */
typedef struct dora_group {
    const char *name;
    const char *nodes; /* as dora_client_options.nodes */
} dora_group;

typedef struct dora_client_options {
    size_t size; /* see version.h */
    /* "host:port", "[::1]:port" or "unix:/path", or several, parted by commas; one that stands
     * twice is one server; at most 256. "tls://host:port" is spoken to over TLS. Or a registry,
     * which is watched: "file:/path", a node file in JSON, or
     * "redis://[[user]:password@]host[:port][/database]" ("rediss://" over TLS, with the files
     * below, its certificate naming that host), or several Redis, parted by commas, of
     * which the union counts. */
    const char *nodes;
    const dora_group *groups; /* instead of nodes: named sets, which may share servers */
    size_t group_count;
    const char *group;      /* of calls that name none; NULL: the first one (of Redis: by name; when
                             * its servers are gone, its calls fail and go to no other group) */
    uint32_t timeout_ms;    /* for a whole call, retries included; 0: 3000 */
    uint32_t retry;         /* how often a call that may have run is sent again; 0: never */
    uint32_t wait_ms;       /* how long a call waits for a server to come back; 0: not at all */
    bool sign;              /* salted crc32 in each frame, as the server's `sign` */
    const char *salt;       /* NULL: the protocol's default */
    bool gzip;              /* bodies compressed, as the server's `gzip` */
    size_t frame_bytes_max; /* 0: 2 MiB; at most 64 MiB */
    uint32_t connections;   /* mux.h, client_uv.h: to one node at most; 0: 4, at most 64 */
    /* on_warning hears what is wrong with a registry while calls go on with the last good nodes:
     * one line, NUL-ended, borrowed. Called on the thread of a call, with no lock held; it must not
     * use the client. NULL: nobody hears it. */
    void (*on_warning)(void *user, const char *text);
    void *user; /* of on_warning */
    /* TLS 1.2 or 1.3. `tls`: every host and port is spoken to over it, those of a registry too; not
     * only "tls://host:port". A server's certificate is always checked, and its name, before any
     * byte of a call is sent. The files are PEM, and read when the client is made: for changed ones
     * make another client. */
    bool tls;
    const char *tls_ca;   /* whom to trust; NULL: whom the system trusts */
    const char *tls_crl;  /* certificates that are revoked; NULL: none */
    const char *tls_cert; /* the client's own, with the chain behind it, and */
    const char *tls_key;  /*   its key, for servers that want one; NULL: none */
    const char *tls_name; /* what the certificates are of; NULL: the host of the address */
    /* token says who calls, a bearer token of the server's `access`: it is sent once on each
     * connection, and never over plain TCP to another machine. NULL: nothing is said. */
    const char *token;
    dora_priority priority; /* of calls that have none of their own; default: inside a handler that
                             * of its own caller, else normal */
} dora_client_options;

/* dora_call_options is what one call has otherwise than its client. NULL stands for zeroed.
 *
 * What was certainly not run is always sent again, to each server of the group at most once: after
 * a failure to connect, after a connection that closed before it had the whole request, and after
 * the reply codes 100207 and 100203 (in a single call's result: to one other server).
 *
 * Where no server is left that could take it, a call with `wait_ms` waits for one to come back: so
 * long, within its time, it tries them all anew, after pauses that grow. That goes for what was
 * certainly not run after a failure to connect (a name that does not resolve is one), a connection
 * that closed before, the code 100207, and while a registry knows no server. It goes for 100203
 * where the reply says when to ask again (dora_retry_after_ms): not before that, and not at all
 * where that is after the wait's end.
 *
 * What may have run is sent again only with `retry`: up to so many times after a connection closed,
 * broke or stayed silent, with the same guid and the key `attempt` (1, 2, ...), first to the same
 * server on a new connection, then to others. The time that is left is divided among the tries that
 * are left, so silence costs only a part of it. That server knows the guid for a while and does not
 * run the call again, unless its pool has `dedupe` false; another server cannot know it. So a call
 * with `retry` that succeeds ran at least once, and on a second server perhaps once more. */
typedef struct dora_call_options {
    size_t size;         /* see version.h */
    uint32_t timeout_ms; /* 0: the client's */
    int32_t retry;       /* 0: the client's; -1: never */
    int32_t wait_ms;     /* 0: the client's; -1: not at all */
    const char *group;   /* NULL: the client's */
    const char *node;    /* this server only, which may be one of no group; NULL: pick one. Of
                          * those in no group 64 are remembered: the connections to the one
                          * that was asked least recently are closed for the next */
    /* is_interrupted is asked when a signal ended a wait early, and twice a second while one lasts;
     * true ends the call with DORA_EINTERRUPTED. May be NULL. */
    bool (*is_interrupted)(void *user);
    void *user;
    dora_slice trace; /* W3C traceparent, 256 bytes at most; empty: inside a handler that of its own
                       * caller, with a span id of its own */
    dora_priority priority; /* DORA_PRIORITY_DEFAULT: the client's. Servers that know none, those of
                             * the original among them, treat all calls alike */
    uint32_t window;        /* of a stream: its parts under way; 0: 64, at most 1024 */
    uint32_t idle_ms;       /* of a stream: how long it may be silent; 0: the client's timeout_ms */
} dora_call_options;

/* dora_call names one api and its parameter. */
typedef struct dora_call {
    dora_slice key;   /* the result's key in a call of many; ignored for one */
    dora_slice name;  /* api name */
    dora_slice param; /* one encoded value (value.h); empty means null */
    bool is_whole;    /* param is the whole api instead: an array; `name` is not looked at */
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
 * Errors: DORA_EINVAL for nodes that are not addresses and groups that are not there (of a registry
 * they are not known yet: there a call fails with DORA_ECONNECT, saying which groups there are),
 * for a priority that is none, for files of TLS, naming file and reason, and where they are given
 * for no node; DORA_ENOMEM.
 *
 * A registry is looked at between calls: a node file 5 times a second at most, Redis once a second
 * at most, and then for 0.2 s at most, which are not taken from a call's time; a Redis that does
 * not answer is left alone for growing pauses. Only the first call waits longer, up to 2 s or its
 * own time where that is shorter, since it knows no node yet. A call that names its node does not
 * look. While nothing can be read, or all is suddenly empty, the last good nodes stay. */
DORA_API dora_err dora_client_new(dora_client **client, const dora_client_options *options,
                                  dora_error *error);
DORA_API void dora_client_free(dora_client *client);

DORA_API dora_answer *dora_answer_new(void);
DORA_API void dora_answer_free(dora_answer *answer);

/* dora_answer_result gives result `index` of the last call, NULL past the end. Call many: results
 * stand in the order of the calls. */
DORA_API const dora_result *dora_answer_result(const dora_answer *answer, size_t index);

/* dora_answer_guid is the id of the last call, NUL-ended; also of one that failed; "" before any,
 * and after a call that was refused for its arguments.
 * dora_answer_reply is the server's whole reply as one encoded value, empty where none came; of a
 * refusal (DORA_EREPLY) too. Both are borrowed until the next call. */
DORA_API const char *dora_answer_guid(const dora_answer *answer);
DORA_API dora_slice dora_answer_reply(const dora_answer *answer);

/* dora_retry_after_ms is when a server that has refused a call with 100203 is likely to have room,
 * in ms from its reply on: of the `data` of a result, or of a reply as dora_answer_reply gives it.
 * Returns: 0 where nothing is said of that. */
DORA_API uint32_t dora_retry_after_ms(dora_slice value);

/* dora_client_call calls one api (W_S) and waits. Only looking up a host by name may take longer
 * than the call's time: that is the system's resolver's time. Inside a handler a call has at most
 * what is left of the handler's own caller's time; when that is over, nothing is sent.
 * dora_client_call_many calls several at once (W_M); they run at the same time in the server.
 * Returns: DORA_OK when each api has an outcome, which may be an error: look at result.code.
 * Errors: DORA_ETIMEDOUT (code 100009), DORA_ECONNECT (100010: certainly not run), DORA_ECLOSED
 * and DORA_EIO (100009), DORA_EREPLY (the server refused the request: error->code says why),
 * DORA_EINTERRUPTED, DORA_ETOOBIG, DORA_EPROTO (100009: what came is no reply; 100100: header and
 * body of it name different calls), DORA_ESIGN (100005), DORA_EINVAL (no call, a repeated key, a
 * group that is not there, a parameter that is no encoded value), DORA_EFULL (calls to 64 nodes of
 * no group are under way). Where an earlier try may have run, the error is that try's, never one
 * that says "not run". */
DORA_API dora_err dora_client_call(dora_client *client, const dora_call *call,
                                   const dora_call_options *options, dora_answer *answer,
                                   dora_error *error);
DORA_API dora_err dora_client_call_many(dora_client *client, const dora_call *calls, size_t count,
                                        const dora_call_options *options, dora_answer *answer,
                                        dora_error *error);

/* dora_client_send and dora_client_send_many have apis run for which nobody waits (AN_S, AN_M).
 * Returns: DORA_OK once the server has queued all of them; it keeps them even when the caller ends.
 * Errors: as dora_client_call; DORA_EREPLY: none was queued, the code says why. */
DORA_API dora_err dora_client_send(dora_client *client, const dora_call *call,
                                   const dora_call_options *options, dora_answer *answer,
                                   dora_error *error);
DORA_API dora_err dora_client_send_many(dora_client *client, const dora_call *calls, size_t count,
                                        const dora_call_options *options, dora_answer *answer,
                                        dora_error *error);

/* dora_client_submit and dora_client_submit_many do the same, and the results come later (AM_S,
 * AM_M): dora_client_collect fetches them, and names them by the guid that dora_answer_guid gives
 * here. A result that comes while another call uses the connection is kept: at most 65536
 * submissions of one client may be outstanding, and each may hold a result of frame_bytes_max.
 * Errors: as dora_client_send; DORA_EFULL beyond that number. */
DORA_API dora_err dora_client_submit(dora_client *client, const dora_call *call,
                                     const dora_call_options *options, dora_answer *answer,
                                     dora_error *error);
DORA_API dora_err dora_client_submit_many(dora_client *client, const dora_call *calls, size_t count,
                                          const dora_call_options *options, dora_answer *answer,
                                          dora_error *error);

/* dora_collected is what became of one submission. Borrowed from its collection. */
typedef struct dora_collected {
    const char *guid;
    bool is_many;              /* of dora_client_submit_many */
    bool came_early;           /* it arrived while another call was waiting */
    dora_err err;              /* DORA_OK: each api has an outcome in `answer` */
    const dora_error *error;   /* NULL where err is DORA_OK */
    const dora_answer *answer; /* without results where err is not DORA_OK */
} dora_collected;

typedef struct dora_collection dora_collection;

/* dora_client_collect waits for everything that was submitted by these clients and not collected
 * yet, on all connections at once, at most the time of `options` (else of the first client); of the
 * options only timeout_ms and is_interrupted count. What is there already is given without waiting.
 * Submissions made meanwhile by other threads are left for the next collect, and what another
 * thread collects already is left to it: each is given exactly once, in the order of submission.
 * Afterwards nothing that was given is outstanding any more. Other threads may call meanwhile.
 * Returns: DORA_OK, the collection being empty where nothing was outstanding. Each submission says
 * its own error: DORA_ETIMEDOUT (code 100009) when its time was over, DORA_ECLOSED (100012, the
 * result is lost) when its connection broke.
 * Errors: DORA_ENOMEM, DORA_EIO (no descriptor left), and DORA_EINTERRUPTED: all is still
 * outstanding then.
 * Ownership: gives the collection, dora_collection_free frees it (NULL is fine). */
DORA_API dora_err dora_client_collect(dora_client *const *clients, size_t count,
                                      const dora_call_options *options,
                                      dora_collection **collection, dora_error *error);

/* dora_client_collect_these does so for the submissions of some guids only (each of the 32 bytes
 * that dora_answer_guid gave), also of those that another thread's dora_client_collect waits for:
 * it then gets the others. A guid of which nothing is outstanding, or that another thread waits for
 * by its guid, has an item with its own error all the same: DORA_ECLOSED, code 100012. These items
 * stand first; a guid that was given twice has one item.
 * Errors: as dora_client_collect; DORA_EINVAL for a guid of another length.
 *
 * dora_client_result waits for one submission: the collection has its one item. What it waits for
 * no dora_client_collect takes. Where the result does not come in time it stays outstanding, and
 * may be waited for again: DORA_ETIMEDOUT (code 100009), without a collection. */
DORA_API dora_err dora_client_collect_these(dora_client *client, const dora_slice *guids,
                                            size_t count, const dora_call_options *options,
                                            dora_collection **collection, dora_error *error);
DORA_API dora_err dora_client_result(dora_client *client, dora_slice guid,
                                     const dora_call_options *options, dora_collection **collection,
                                     dora_error *error);

/* dora_client_is_done looks whether the result of a submission is there, reads what has come of it,
 * and waits for nothing. It takes nothing from anybody: what is done stays outstanding, and who
 * collects it goes on. Returns: also true for a guid of which nothing is outstanding. */
DORA_API bool dora_client_is_done(dora_client *client, dora_slice guid);

DORA_API size_t dora_collection_count(const dora_collection *collection);
DORA_API const dora_collected *dora_collection_at(const dora_collection *collection, size_t index);
DORA_API void dora_collection_free(dora_collection *collection);

/* dora_stream is one call whose handler sends parts before its result. It has a connection of its
 * own while it lives. Thread: one at a time. A process that forked has nothing of its parent's. */
typedef struct dora_stream dora_stream;

typedef enum dora_stream_what {
    DORA_STREAM_END,      /* nothing more: the result was given before, or an error */
    DORA_STREAM_PART,     /* a part, in `data` */
    DORA_STREAM_PROGRESS, /* how far it is: [done, total] in `data`, the note in `msg` */
    DORA_STREAM_RESULT    /* the handler's outcome, as in dora_result */
} dora_stream_what;

/* dora_stream_event is one word of a stream. Slices are borrowed until the next one is asked for,
 * those of the result as long as the stream lives. */
typedef struct dora_stream_event {
    dora_stream_what what;
    int64_t part;    /* PART: its number, from 0 */
    int64_t code;    /* RESULT: 0, or the handler's code or one of DORA_CODES */
    dora_slice msg;  /* RESULT, PROGRESS */
    dora_slice data; /* one encoded value */
} dora_stream_event;

/* dora_client_stream sends one call (ST_S) whose handler may send parts, and returns when it is
 * sent. At most `window` parts are under way: then the handler waits until the caller has asked for
 * half of them. Of the options `timeout_ms` is for the whole stream, 0: as long as it goes on;
 * `idle_ms` for each silence of the server while the caller waits. Before the server's first word
 * it is sent again as any call, in that time; behind it never.
 * Errors: as dora_client_call.
 * Ownership: copies call and options, borrows the client; gives, dora_stream_free frees. */
DORA_API dora_err dora_client_stream(dora_client *client, const dora_call *call,
                                     const dora_call_options *options, dora_stream **stream,
                                     dora_error *error);

/* dora_stream_next waits for the next word. After the result, or an error, there is only
 * DORA_STREAM_END. A handler that sends no parts has its result alone.
 * Errors: as dora_client_call, after the parts that have come; DORA_ETIMEDOUT says which time is
 * over, by whichever clock, the server's (code 100009) or the client's. DORA_EREPLY with code
 * 100002: the server is older than streams; with 100012: parts were lost. */
DORA_API dora_err dora_stream_next(dora_stream *stream, dora_stream_event *event,
                                   dora_error *error);

/* dora_stream_cancel has the handler ended: what comes of parts is skipped, and the result is
 * mostly 100211. dora_stream_free frees a stream, which is cancelled where it goes on (NULL is
 * fine). It waits for nothing. Streams that go on end with dora_client_free: the next word of each
 * is DORA_ECLOSED then, and dora_stream_free still frees it. */
DORA_API void dora_stream_cancel(dora_stream *stream);
DORA_API void dora_stream_free(dora_stream *stream);

/* dora_client_pending is how many submissions are outstanding, those included whose result is there
 * and was not collected. dora_client_forget drops them, but for those that a thread collects at the
 * moment: their handlers run, the results are thrown away. */
DORA_API size_t dora_client_pending(dora_client *client);
DORA_API void dora_client_forget(dora_client *client);

/* dora_client_check_group says whether there is a group of this name, as dora_client_new does for
 * that of the options. Errors: as there. Thread: any. */
DORA_API dora_err dora_client_check_group(const dora_client *client, const char *group,
                                          dora_error *error);

/* dora_client_control asks one server for "getStat" or "reloadTask" (SC); dora_answer_reply has
 * what it said. Errors: as dora_client_call; DORA_EREPLY with 100205 where the server does not take
 * commands from here, 100209 where the new application does not load. */
DORA_API dora_err dora_client_control(dora_client *client, const char *command,
                                      const dora_call_options *options, dora_answer *answer,
                                      dora_error *error);

#ifdef __cplusplus
}
#endif
#endif
