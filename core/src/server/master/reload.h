/* reload.h: loading the applications of a running server again. Thread: the supervisor's.
 *
 * A new crew for every pool is started beside the old and kept on trial. When all of their workers
 * are ready and the new names fit together, the new ones take over in one moment, or are watched
 * first (watch.h); the old workers finish what they run and leave. Any failure before that throws
 * the new crews away. */
#ifndef DR_SERVER_RELOAD_H
#define DR_SERVER_RELOAD_H

#include "server/call/route.h"
#include "server/master/control.h"

struct dr_server;

typedef struct dr_reload {
    bool is_wanted;   /* one more, as soon as none is under way */
    bool skips_watch; /* that one takes over as soon as it has loaded */
    bool is_loading;
    bool is_watch_wanted; /* of the one under way */
    uint32_t generation;  /* that serves */
    uint64_t began_ms;
    uv_timer_t timer;
    dr_crew *crews[DR_POOLS_MAX];  /* on trial, one a pool */
    dr_reload_request *waiting;    /* clients that wait for a reload which has yet to begin */
    dr_reload_request *interested; /* in the one under way */
} dr_reload;

/* dr_reload_init prepares the timer; dr_reload_close closes it. */
void dr_reload_init(struct dr_server *server);
void dr_reload_close(struct dr_server *server);

/* dr_reload_routes makes the routes of the applications whose names are given, with what is counted
 * of each api. Errors: those of dr_routes_new. Ownership: gives `*routes`. */
dora_err dr_reload_routes(struct dr_server *server, const dr_names *names, dr_routes **routes,
                          dora_error *error);

/* dr_reload_publish makes `routes` the ones that all lanes use. Ownership: takes them; the server's
 * are freed with it, those they replace as soon as no lane can still read them. */
void dr_reload_publish(struct dr_server *server, dr_routes *routes);

/* dr_reload_want asks for a reload. While one is under way one more follows it, however often it is
 * asked for. */
void dr_reload_want(struct dr_server *server);

/* dr_reload_look goes on where something has happened: a client asked, a crew is ready or failed,
 * an old one has left. */
void dr_reload_look(struct dr_server *server);

/* dr_reload_again throws the new crews away, where there are any, and begins anew: one of them was
 * started in memory that is no longer its pool's. */
void dr_reload_again(struct dr_server *server);

/* dr_reload_abandon throws the new crews away: the server stops. */
void dr_reload_abandon(struct dr_server *server);

#endif
