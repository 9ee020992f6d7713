/* mux.h: the inside of a dora_mux: its calls and connections, and what its files share. */
#ifndef DR_CLIENT_MUX_H
#define DR_CLIENT_MUX_H

#include <dora/mux.h>

#include "base/guid.h"
#include "base/guid_table.h"
#include "client/balance/tries.h"
#include "client/mux/slots.h"
#include "client/shared/answer.h"
#include "client/shared/fork.h"
#include "client/shared/link.h"
#include "client/shared/tls.h"

#define DR_MUX_CONNECTIONS 4u            /* to one node, where the options do not say */
#define DR_MUX_CONNECTIONS_MAX 64u       /* a server has better use for its descriptors */
#define DR_MUX_SPREAD 8u                 /* calls on each connection before one more is opened */
#define DR_MUX_OUT_MAX (256u * 1024)     /* unsent bytes of one connection; more calls wait */
#define DR_MUX_SILENCES_MAX 3u           /* calls without an answer: a connection is given up */
#define DR_MUX_SUBMISSIONS_MAX 65536u    /* outstanding at a time, as of a dora_client */
#define DR_MUX_GROW_PAUSE_NS 1000000000u /* after a further connection to a node failed */

/* dr_reason is an error that many calls share. Those with `refs` 0 live for ever. */
typedef struct dr_reason {
    uint32_t refs;
    dora_err err;
    int os_error;
    int64_t code;
    const char *msg;  /* NUL-ended; stands behind the reason where that is on the heap, */
    dora_slice reply; /*   as what the server has said; empty: nothing */
} dr_reason;

typedef enum dr_mux_call_state {
    DR_CALL_NEW,
    DR_CALL_HELD,    /* until a registry knows a node */
    DR_CALL_PAUSED,  /* until it tries all nodes anew: it waits for a server to come back */
    DR_CALL_WAITING, /* for its connection; no byte of it was written */
    DR_CALL_SENT,    /* put into its connection's output */
    DR_CALL_ACCEPTED,
    DR_CALL_ENDED
} dr_mux_call_state;

typedef struct dr_mux_conn dr_mux_conn;
typedef struct dr_mux_session dr_mux_session;
typedef struct dr_mux_registry dr_mux_registry;

/* dr_mux_stream is what a call has that is answered in parts. */
typedef struct dr_mux_stream {
    uint64_t until_ns; /* of the whole; UINT64_MAX: none */
    uint64_t idle_ns;
    uint64_t first_ns; /* how long the server was silent before its first word; 0: it still is */
    int64_t parts;     /* that have come */
    uint32_t window;
    uint32_t untaken; /* of them, not done with yet */
    uint32_t untold;  /* done with, which the server does not know, */
    uint64_t told_ns; /* since then */
} dr_mux_stream;

/* dr_mux_call is one call, in one block with what is sent. */
typedef struct dr_mux_call {
    dr_guid_entry entry;
    struct dr_mux_call *next; /* in its list */
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
    const dr_reason *maybe_ran; /* of the first try that may have run */
    const dr_reason *reason;    /* ENDED: why; PAUSED: why it will have */
    char *group;                /* of one that began without nodes: its name; NULL: the default */
    dora_priority priority;     /* as it is sent */
    dr_mux_stream *stream;      /* NULL: it is none */
    char *trace;                /* NULL: none */
    size_t trace_len;
    dr_call_type type;
    dr_mux_call_state state;
    bool is_lost;    /* it began without nodes: its group is to be found */
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

typedef enum dr_mux_conn_state {
    DR_CONN_CONNECTING,
    DR_CONN_OPEN,
    DR_CONN_CLOSING,
    DR_CONN_GONE
} dr_mux_conn_state;

struct dr_mux_conn {
    dr_link link;
    uint64_t id;
    uint64_t serial;         /* grows from one connection to the next */
    dr_mux_session *session; /* with a Redis of the registry; NULL: with a node, */
    size_t node;             /*   which is this one */
    dr_mux_conn_state state; /* CLOSING: the driver must hear of it; GONE: it knows */
    bool is_ending;          /* takes no more calls; closes when those that it has are done */
    dr_secure *tls;          /* NULL: what the driver moves is what the link has */
    bool is_greeting;        /* its socket is open, the TLS handshake goes on */
    bool has_replied;
    bool has_input;
    bool has_cipher; /* its TLS may have more to say to the link */
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
    dr_client_tls tls;
    dr_nodes nodes;
    dr_mux_registry *registry; /* NULL: the nodes stay what the options say */
    dr_mux_node *more;         /* one for each of nodes.items */
    size_t more_count;
    uint32_t connections;
    uint64_t serial; /* of the connection opened last */
    dr_random random;
    dr_slots calls;
    dr_slots conns;
    dr_guid_table by_guid; /* the calls that have not ended */
    size_t submissions;    /* of them */
    dr_mux_call **heap;    /* by alarm_ns */
    size_t heap_count;
    size_t heap_room;
    dr_mux_list held;
    dr_mux_list paused;
    dr_mux_list ended;
    dr_mux_conn *ready_first;
    dr_mux_conn *ready_last;
    dr_mux_call *current; /* of the last event */
    dr_mux_conn *closing; /* of the last event, too: it may have a last word */
    dora_answer *making;  /* of dora_mux_start */
    dora_answer *given;   /* of the last event */
    dora_error error;     /* of the last event */
    char host[DR_HOST_BYTES];
    bool is_over;
    bool is_foreign; /* this process was forked from the one that made it */
    pthread_mutex_t fork_lock;
    dr_fork_watch watch;
};

/* dr_mux_grow makes room for what is known of `count` nodes. Errors: DORA_ENOMEM. */
dora_err dr_mux_grow(dora_mux *mux, size_t count);

#endif
