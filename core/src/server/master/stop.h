/* stop.h: how a server ends. Thread: the supervisor's.
 *
 * First it says that it is not ready and still serves, for drain_ms. Then its doors close and it
 * finishes what it accepted, until stop_timeout_ms is over; what still runs then is ended, and
 * answered. A second SIGINT ends it at once, wherever it stands. */
#ifndef DR_SERVER_STOP_H
#define DR_SERVER_STOP_H

#include <uv.h>

#include "server/config/config.h"

struct dr_server;

typedef struct dr_stop {
    uv_timer_t timer; /* the end of the stage */
    bool has_asked;   /* handlers were asked to end; what waited was told of */
    bool is_ending;   /* the processes of all crews were ended while lanes answer for them */
    bool is_stopping_crews;
    uint32_t looks; /* whether the last answers have gone */
} dr_stop;

/* dr_stop_init prepares the timer. */
void dr_stop_init(struct dr_server *server);

/* dr_stop_asked: SIGTERM or SIGINT came. */
void dr_stop_asked(struct dr_server *server, int number);

/* dr_stop_handed_over: another server accepts in place of this one, which finishes what it has. */
void dr_stop_handed_over(struct dr_server *server);

/* dr_stop_give_up ends a server that could not start. */
void dr_stop_give_up(struct dr_server *server, dora_err err);

/* dr_stop_rehearsed ends one that was to load its applications, and has. */
void dr_stop_rehearsed(struct dr_server *server);

/* dr_stop_look goes on where lanes or crews have ended. Returns: whether the crews are being
 * stopped, or were ended: nothing is to be started any more. */
bool dr_stop_look(struct dr_server *server);

#endif
