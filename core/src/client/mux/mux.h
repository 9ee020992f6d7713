/* mux.h: the inside of a dora_mux: its calls and connections, and what its files share. */
#ifndef DR_CLIENT_MUX_H
#define DR_CLIENT_MUX_H

#include <dora/mux.h>

#include "base/guid.h"
#include "client/balance/tries.h"
#include "client/mux/slots.h"
#include "client/shared/answer.h"
#include "client/shared/fork.h"
#include "client/shared/link.h"

#define DR_MUX_CONNECTIONS 4u            /* to one node, where the options do not say */
#define DR_MUX_CONNECTIONS_MAX 64u       /* a server has better use for its descriptors */
#define DR_MUX_SPREAD 8u                 /* calls on each connection before one more is opened */
#define DR_MUX_OUT_MAX (256u * 1024)     /* unsent bytes of one connection; more calls wait */
#define DR_MUX_SILENCES_MAX 3u           /* calls without an answer: a connection is given up */
#define DR_MUX_SUBMISSIONS_MAX 65536u    /* outstanding at a time, as of a dora_client */
#define DR_MUX_GROW_PAUSE_NS 1000000000u /* after a further connection to a node failed */
#define DR_MUX_WARNINGS_BYTES_MAX 65536u /* of a registry, not yet told; the rest is dropped */

/* dr_reason is an error that many calls share. Those with `refs` 0 live for ever. */
typedef struct dr_reason {
    uint32_t refs;
    dora_err err;
    int os_error;
    int64_t code;
    const char *msg; /* NUL-ended; stands behind the reason where that is on the heap */
} dr_reason;

typedef enum dr_call_state {
    DR_CALL_NEW,
    DR_CALL_HELD,    /* until a registry knows a node */
    DR_CALL_WAITING, /* for its connection; no byte of it was written */
    DR_CALL_SENT,    /* put into its connection's output */
    DR_CALL_ACCEPTED,
    DR_CALL_ENDED
} dr_call_state;

typedef struct dr_mux_conn dr_mux_conn;
typedef struct dr_mux_talk dr_mux_talk;
typedef struct dr_mux_registry dr_mux_registry;

/* dr_mux_call is one call, in one block with what is sent. */
typedef struct dr_mux_call {
    struct dr_mux_call *next_same; /* in its bucket */
    struct dr_mux_call *next;      /* in its list */
    struct dr_mux_call *before;
    dr_mux_conn *conn; /* WAITING, SENT, ACCEPTED */
    void *user;
    uint64_t id;
    uint64_t until_ns; /* of this try */
    uint64_t begun_ns;
    uint64_t alarm_ns; /* when to look at it; 0: never */
    size_t heap_at;
    uint64_t end_at;     /* where its frame ends in its connection's output */
    uint64_t newer_than; /* a silent connection's serial: there the guid must not stand twice */
    dr_tries tries;
    const dr_reason *doubt;  /* of the first try that may have run */
    const dr_reason *reason; /* ENDED: why */
    char *group;             /* of one that was HELD: its name; NULL: the usual one */
    dr_call_type type;
    dr_call_state state;
    bool is_reused;  /* its connection was there before it */
    bool was_moved;  /* a connection that was there before it was lost once */
    bool is_counted; /* among the node's calls in flight */
    char guid[DR_GUID_LEN + 1];
    size_t api_count;
    dr_api apis[]; /* then their bytes */
} dr_mux_call;

typedef struct dr_mux_list {
    dr_mux_call *first;
    dr_mux_call *last;
    size_t count;
} dr_mux_list;

typedef enum dr_conn_state {
    DR_CONN_CONNECTING,
    DR_CONN_OPEN,
    DR_CONN_CLOSING,
    DR_CONN_GONE
} dr_conn_state;

struct dr_mux_conn {
    dr_link link;
    uint64_t id;
    uint64_t serial;     /* grows from one connection to the next */
    dr_mux_talk *talk;   /* with a Redis of the registry; NULL: with a node, */
    size_t node;         /*   which is this one */
    dr_conn_state state; /* CLOSING: the driver must hear of it; GONE: it knows */
    bool is_ending;      /* takes no more calls; closes when those that it has are done */
    bool has_replied;
    bool has_input;
    bool wants_connect;
    bool wants_write;
    bool is_writing; /* the driver knows that there is something to write */
    bool is_ready;   /* in the list of those that dora_mux_next looks at */
    uint32_t silences;
    uint64_t queued; /* bytes put into link.out so far */
    uint64_t handed; /* of them, taken by the driver */
    dr_mux_list waiting;
    dr_mux_list sent;
    dr_mux_conn *next_ready;
    dr_mux_conn *next; /* to the same node */
};

/* dr_mux_node is what a mux knows of a node beyond dr_node. */
typedef struct dr_mux_node {
    dr_mux_conn *conns; /* which are neither CLOSING nor GONE */
    uint64_t grow_after_ns;
} dr_mux_node;

struct dora_mux {
    dr_settings settings;
    dr_nodes nodes;
    dr_mux_registry *registry; /* NULL: the nodes stay what the options say */
    dr_mux_node *more;         /* one for each of nodes.items */
    size_t more_count;
    uint32_t connections;
    uint64_t serial; /* of the connection opened last */
    dr_random random;
    dr_slots calls;
    dr_slots conns;
    dr_mux_call **buckets; /* by guid */
    size_t bucket_count;   /* 0 or a power of two */
    size_t count;          /* calls that have not ended */
    size_t submissions;    /* of them */
    dr_mux_call **heap;    /* by alarm_ns */
    size_t heap_count;
    size_t heap_room;
    dr_mux_list held;
    dr_mux_list ended;
    dr_mux_conn *ready_first;
    dr_mux_conn *ready_last;
    dr_mux_call *current; /* of the last event */
    dora_answer *making;  /* of dora_mux_start */
    dora_answer *given;   /* of the last event */
    dora_error error;     /* of the last event */
    char host[DR_HOST_BYTES];
    bool is_over;
    bool is_foreign; /* this process was forked from the one that made it */
    pthread_mutex_t fork_lock;
    dr_fork_watch watch;
};

/* dr_mux_grow makes room for what is known of `count` nodes. Errors: DORA_ENOMEM. dr_mux_owner is
 * the mux as its nodes see it. */
dora_err dr_mux_grow(dora_mux *mux, size_t count);
dr_nodes_owner dr_mux_owner(dora_mux *mux);

/* ---- mux_table.c: calls by guid, and by time ---- */

/* dr_mux_table_add takes a call in, and makes room so that an alarm never fails. Errors:
 * DORA_ENOMEM. dr_mux_table_remove takes it out again, its alarm too. */
dora_err dr_mux_table_add(dora_mux *mux, dr_mux_call *call);
void dr_mux_table_remove(dora_mux *mux, dr_mux_call *call);
dr_mux_call *dr_mux_table_find(const dora_mux *mux, const char *guid);

/* dr_mux_alarm sets when a call is looked at, 0: never. */
void dr_mux_alarm(dora_mux *mux, dr_mux_call *call, uint64_t alarm_ns);

void dr_mux_list_add(dr_mux_list *list, dr_mux_call *call);
void dr_mux_list_remove(dr_mux_list *list, dr_mux_call *call);

/* ---- mux_call.c: what becomes of a call ---- */

/* dr_mux_place finds node and connection for the next try. Errors: DORA_ECONNECT where no node is
 * left to try, DORA_ENOMEM. */
dora_err dr_mux_place(dora_mux *mux, dr_mux_call *call, uint64_t now_ns);

/* dr_mux_again ends a try. Returns: whether another one is under way; else the call stands nowhere,
 * and is to be ended. `reason` is why, where there was no reply. */
bool dr_mux_again(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                  uint64_t now_ns);

/* dr_mux_fail does so for a try without a reply, and ends the call where there is no other. */
void dr_mux_fail(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                 uint64_t now_ns);

/* dr_mux_over ends a call with an error, of which dora_mux_next will tell. dr_mux_forget frees one
 * of which nothing is to be told any more. */
void dr_mux_over(dora_mux *mux, dr_mux_call *call, const dr_reason *reason);
void dr_mux_forget(dora_mux *mux, dr_mux_call *call);

/* dr_mux_leave takes a call off its connection, dr_mux_remove out of everything: it has ended.
 * dr_mux_call_free frees one that stands nowhere any more. */
void dr_mux_leave(dora_mux *mux, dr_mux_call *call);
void dr_mux_remove(dora_mux *mux, dr_mux_call *call);
void dr_mux_call_free(dr_mux_call *call);
bool dr_mux_is_submission(dr_call_type type);

/* dr_reason_late is that of a call whose time is over. dr_reason_new makes one with one reference;
 * out of memory: one that lives for ever. dr_reason_take takes one more, dr_reason_drop drops one
 * (NULL is fine). dr_reason_give fills an error by it. */
extern const dr_reason dr_reason_late;
const dr_reason *dr_reason_new(dora_err err, int os_error, int64_t code, const char *msg);
const dr_reason *dr_reason_take(const dr_reason *reason);
void dr_reason_drop(const dr_reason *reason);
void dr_reason_give(const dr_reason *reason, dora_error *error);

/* ---- mux_conn.c: connections ---- */

/* dr_mux_conn_pick gives the connection to a node for one more call, a new one if need be, never
 * one up to the serial `newer_than`. Returns: NULL when out of memory. */
dr_mux_conn *dr_mux_conn_pick(dora_mux *mux, size_t node, uint64_t newer_than, uint64_t now_ns);

/* dr_mux_conn_has_open says whether a connection to the node is open and takes calls. */
bool dr_mux_conn_has_open(const dora_mux *mux, size_t node);

/* dr_mux_flush puts waiting calls into the output, as far as there is room. */
void dr_mux_flush(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns);

/* dr_mux_conn_end makes a connection take no more calls: those that wait go elsewhere, to another
 * node where this one `is_stopping`. dr_mux_conn_sweep closes it when nothing is left on it. */
void dr_mux_conn_end(dora_mux *mux, dr_mux_conn *conn, bool is_stopping, uint64_t now_ns);
void dr_mux_conn_sweep(dora_mux *mux, dr_mux_conn *conn);

/* dr_mux_conn_lose ends a connection and settles its calls; `state` is CLOSING or GONE. */
void dr_mux_conn_lose(dora_mux *mux, dr_mux_conn *conn, dr_conn_state state,
                      const dr_reason *reason, uint64_t now_ns);

/* dr_mux_conn_open makes a connection that the driver is to open, NULL when out of memory.
 * dr_mux_conn_detach ends its use: nothing is placed on it any more. `state` is CLOSING or GONE. */
dr_mux_conn *dr_mux_conn_open(dora_mux *mux);
void dr_mux_conn_detach(dora_mux *mux, dr_mux_conn *conn, dr_conn_state state);

/* dr_mux_conn_free frees one that stands nowhere any more. dr_mux_ready has dora_mux_next look at a
 * connection. */
void dr_mux_conn_free(dora_mux *mux, dr_mux_conn *conn);
void dr_mux_ready(dora_mux *mux, dr_mux_conn *conn);

/* dr_mux_judge takes what a try says about its node into account; a node that is set aside already
 * is not blamed once more by every call that was under way there. */
dr_advice dr_mux_judge(dora_mux *mux, size_t node, const dr_try *made, uint64_t took_ns,
                       uint64_t now_ns);

/* ---- mux_registry.c: where the nodes come from, where that is no list; `registry` is not NULL */

/* dr_mux_registry_new makes the registry of options->nodes. Errors: as dr_registry_new; it is to be
 * freed all the same. dr_mux_registry_free frees it, NULL too. */
dora_err dr_mux_registry_new(dora_mux *mux, const dora_client_options *options, dora_error *error);
void dr_mux_registry_free(dora_mux *mux);

/* dr_mux_registry_use is for each call that begins: the first one has the registry begin, and a
 * node file is looked at now and then. */
void dr_mux_registry_use(dora_mux *mux, uint64_t now_ns);

/* dr_mux_hold takes a call for which there is no node: while the first nodes may still come it is
 * held until then, else it ends. `group` is the name of its group, NULL: the usual one.
 * dr_mux_held_late ends one whose time is over. */
void dr_mux_hold(dora_mux *mux, dr_mux_call *call, const char *group, uint64_t now_ns);
void dr_mux_held_late(dora_mux *mux, dr_mux_call *call);

uint64_t dr_mux_registry_deadline_ns(const dora_mux *mux);
void dr_mux_registry_tick(dora_mux *mux, uint64_t now_ns);

/* dr_mux_registry_warn tells the warnings that wait. Nothing of the mux may be half changed: who
 * hears them may use it. */
void dr_mux_registry_warn(dora_mux *mux);

/* The connection of a talk, as dora_mux_connected and the others have it. */
const dr_address *dr_mux_talk_address(const dr_mux_talk *talk);
void dr_mux_talk_connected(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns);
void dr_mux_talk_lost(dora_mux *mux, dr_mux_conn *conn, const char *why, uint64_t now_ns);
void dr_mux_talk_read(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns);
dora_slice dr_mux_talk_output(const dr_mux_talk *talk);
void dr_mux_talk_sent(dr_mux_conn *conn, size_t len);

/* ---- mux_read.c: replies ---- */

/* dr_mux_read reads one frame of a connection. Returns: whether it makes an event. */
bool dr_mux_read(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns, dora_mux_event *event);

#endif
