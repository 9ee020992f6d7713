/* lane.h: one reactor with the calls that are in flight on it. */
#ifndef DR_SERVER_LANE_H
#define DR_SERVER_LANE_H

#include <pthread.h>

#include <dora/server.h>

#include "base/count.h"
#include "client/shared/guid.h"
#include "net/http.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "server/call/expiry.h"
#include "server/call/observe.h"
#include "server/call/route.h"
#include "server/dedupe/reply_cache.h"
#include "server/master/control.h"
#include "server/master/discovery.h"
#include "server/master/launch.h"
#include "server/master/memory.h"
#include "server/master/pid_file.h"
#include "server/master/reload.h"
#include "server/master/service.h"
#include "server/master/stop.h"
#include "server/ops/admin.h"
#include "task/dispatch.h"
#include "wire/message.h"

typedef struct dr_call dr_call;
typedef struct dr_server dr_server;

/* dr_asides is work for libuv's thread pool (aside.h). */
typedef struct dr_aside dr_aside;

typedef struct dr_aside_queue {
    dr_aside *first; /* of each connection one; its others hang behind it */
    dr_aside *last;
    uint32_t running; /* in the pool */
} dr_aside_queue;

typedef struct dr_asides {
    dr_aside_queue queues[2]; /* small jobs, large jobs */
    dr_aside *running;
    uint32_t threads; /* of the pool, for this lane */
    uint32_t waiting;
    bool was_large; /* what was started last */
} dr_asides;

typedef struct dr_lane {
    dr_reactor reactor;
    dr_seat seat; /* at what peers have us hold */
    dr_server *server;
    pthread_t thread;
    bool has_thread;
    bool is_draining;
    uv_timer_t drain;
    uint64_t drained_ms; /* when the last call was answered; 0: not yet */
    uint32_t calls;      /* in flight */
    dr_count requests;   /* messages that could be read */
    dr_call *orphans;    /* calls that answer nobody (call.h) */
    dr_call *spare;      /* freed single calls */
    dr_buf plain;        /* an inflated body */
    dr_buf inner;        /* a body translated from JSON */
    dr_buf answer;       /* a reply that is to be translated */
    dr_buf kept;         /* a reply that is kept, where its asker got it in another form */
    dr_asides asides;
    dr_http http;
    dr_expiry expiry;
    dr_random random;             /* for guids of requests that come without */
    dr_reload_queue answered;     /* by the supervisor */
    _Atomic uint32_t pulse;       /* of the service's watchdog that it has answered last */
    _Atomic uint32_t routes_seen; /* the number of the newest table that it knows of */
    char too_big[96];             /* what is said of a reply over frame_bytes_max */
    dr_api apis[DR_APIS_MAX];
} dr_lane;

typedef enum dr_phase {
    DR_PHASE_STARTING,
    DR_PHASE_SERVING,
    DR_PHASE_LEAVING, /* it serves, and says that it is not ready */
    DR_PHASE_DRAINING,
    DR_PHASE_NOW
} dr_phase;

/* dr_server is what all lanes and the supervisor share. */
struct dr_server {
    const dr_config *config;
    const dora_host *host;
    dr_log *log;
    dr_pool *pools;
    dr_crew **crews;    /* that serve, one a pool; the supervisor's alone, as the next three */
    dr_crew *all_crews; /* those on trial and those that leave too */
    dr_launch_command *commands;
    char *folder; /* the working directory by name: a link in it may lead elsewhere after a while */
    dr_reload reload;
    dr_kept *kept;   /* NULL: no pool dedupes */
    bool all_dedupe; /* every pool does */
    uint32_t pool_count;
    dr_routes *_Atomic routes;
    dr_rows rows;
    dr_lane *lanes;
    uint32_t lane_count;
    uint32_t lanes_running;
    _Atomic uint32_t lanes_ended;
    _Atomic dr_phase phase;
    int64_t start_time; /* Unix seconds */
    uint64_t start_ms;  /* of a clock that nobody sets (base/clock.h) */
    uint16_t tcp_port;  /* that is listened on */
    uint16_t http_port;
    uint64_t files; /* descriptors that each process of the pools may have */
    dr_local local; /* the file of the Unix socket */
    uv_loop_t loop; /* the supervisor's */
    uv_async_t attention;
    dr_reload_queue asked; /* by the lanes, to reload */
    uv_signal_t signals[5];
    uv_timer_t housekeeping;
    bool has_loop;
    int ready_fd;     /* of a daemon: whom dr_daemon_ready tells */
    dr_budget budget; /* what peers have us hold */
    dr_seat seat;     /* at it, of the supervisor's loop */
    dr_pid_files pid_files;
    dr_admin admin;
    dr_discovery *discovery; /* NULL: it registers nowhere */
    dr_service service;
    dr_memory memory;
    _Atomic bool memory_is_wanted; /* somebody has asked how much the workers have */
    dr_stop stop;
    dora_error failure;
    dora_err outcome;
};

/* call.c: what frames mean. parts.c: dr_call_gone and dr_call_outcome, what became of calls:
 * their connection went, a worker has done a part. Thread: the lane's. */
void dr_call_frame(dr_conn *conn, const dr_frame *frame, void *lane);
void dr_call_bad_frame(dr_conn *conn, const dr_frame *frame, const dora_error *error, bool closes,
                       void *lane);
void dr_call_gone(dr_conn *conn, void *lane);
bool dr_call_outcome(const dr_outcome *outcome, void *lane);
void dr_call_fini(dr_lane *lane);

/* control.c: dr_control_answers answers the clients whose wish to reload the supervisor has
 * answered. Thread: the lane's. */
void dr_control_answers(dr_lane *lane);

/* unpack.c: dr_unpack_aside inflates a large body where it `is_packed`, and translates it from
 * JSON, in libuv's thread pool; dr_call_request follows, or a refusal. Errors: DORA_ENOMEM. */
dora_err dr_unpack_aside(dr_lane *lane, dr_conn *conn, const dr_frame *frame, bool is_packed);

/* web.c: dr_web_request is what a request over HTTP means; dr_web_gone: its client has left. */
void dr_web_request(dr_http_exchange *exchange, void *lane);
void dr_web_gone(dr_http_exchange *exchange, void *lane);

/* lane.c: dr_lane_init makes the reactor and its events; dr_lane_start its thread. */
dora_err dr_lane_init(dr_lane *lane, dr_server *server, uint32_t index, dora_error *error);
dora_err dr_lane_start(dr_lane *lane, dora_error *error);
void dr_lane_join(dr_lane *lane);
void dr_lane_fini(dr_lane *lane);

/* dr_lane_listen_http serves a listening socket over HTTP. Ownership: takes the descriptor. */
dora_err dr_lane_listen_http(dr_lane *lane, int listen_fd, dora_error *error);

/* dr_lanes_ask wakes all lanes that run, for their on_ask. Thread: any. */
void dr_lanes_ask(dr_server *server);

/* doors.c: dr_doors_listen makes the listening sockets. Errors: DORA_EIO names the address.
 * dr_doors_open starts the lanes and prints the ready line. dr_doors_close takes the Unix
 * socket's file away, so that nobody new comes; the lanes close their listeners. Thread: the
 * supervisor's. */
dora_err dr_doors_listen(dr_server *server, dora_error *error);
dora_err dr_doors_open(dr_server *server, dora_error *error);
void dr_doors_close(dr_server *server);

/* board.c: dr_board_write tells the workers of all pools what the server is doing. */
void dr_board_write(dr_server *server);

/* renew.c: dr_renew_look gives pools whose shared memory is damaged another. Thread: the
 * supervisor's. */
void dr_renew_look(dr_server *server);

/* supervisor.c: dr_supervise runs the server's own loop until everything has ended. */
dora_err dr_supervise(dr_server *server, dora_error *error);

#endif
