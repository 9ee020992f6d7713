/* moving.h: what an old master gives to its heir beside its sockets: what it remembers of calls,
 * then its connections.
 *
 * First every lane is held: it reads no more frames, and begins nothing that can be sent again.
 * Then what is remembered goes, and from then on the end of each call that still runs. Up to here
 * all can be undone. Once the heir serves, connections go, each with its last answer; those that
 * cannot go (TLS, HTTP) are ended when nothing is in flight on them. Thread: the supervisor's, but
 * for what says so. */
#ifndef DR_SERVER_MOVING_H
#define DR_SERVER_MOVING_H

#include <pthread.h>

#include "server/call/lane.h"
#include "server/upgrade/line.h"

typedef enum dr_moving_stage { DR_MOVING_NOT = 0, DR_MOVING_HOLDS, DR_MOVING_GOES } dr_moving_stage;

/* dr_moving_events: `on_told`: all that is remembered stands on the line. `wake` has dr_moving_look
 * called; any thread calls it. */
typedef struct dr_moving_events {
    void (*on_told)(void *user);
    void (*wake)(void *user);
    void *user;
} dr_moving_events;

typedef struct dr_moving {
    dr_backend *backend;
    dr_line *line;
    dr_moving_events events;
    _Atomic dr_moving_stage stage;
    _Atomic uint32_t round;                 /* how often it was begun */
    _Atomic uint32_t held[DR_REACTORS_MAX]; /* the round in which a lane was held last */
    _Atomic bool is_telling;
    bool is_told;
    dr_buf piece; /* of what is remembered; `piece_at` of its bytes are on the line */
    size_t piece_at;
    pthread_mutex_t lock;         /* over the list */
    struct dr_moving_conn *first; /* connections that wait for the line */
    struct dr_moving_conn *last;
} dr_moving;

/* dr_moving_init makes one that has nothing to do. dr_moving_fini closes connections that did not
 * get to the line. Ownership: borrows the backend. */
void dr_moving_init(dr_moving *moving, dr_backend *backend, const dr_moving_events *events);
void dr_moving_fini(dr_moving *moving);

/* dr_moving_begin has the lanes held. The server's phase is DR_PHASE_MOVING from then on.
 * dr_moving_undo: the heir cannot take over; all goes on. dr_moving_go: the heir serves.
 * dr_moving_over: the line is closed. Ownership: borrows the line until then. */
void dr_moving_begin(dr_moving *moving, dr_line *line);
void dr_moving_undo(dr_moving *moving);
void dr_moving_go(dr_moving *moving);
void dr_moving_over(dr_moving *moving);

/* dr_moving_look puts on the line what it takes now: call it when a lane or a call has woken it,
 * and when the line has drained. */
void dr_moving_look(dr_moving *moving);

/* dr_moving_is_done puts on the line what is left, and says whether it has all been sent: the
 * server may end then. */
bool dr_moving_is_done(dr_moving *moving);

/* For lanes. dr_moving_hold is called over and over while the stage is DR_MOVING_HOLDS, and tells
 * when the lane is held. dr_moving_give answers a reactor's on_move. Thread: the lane's. */
void dr_moving_hold(dr_moving *moving, dr_lane *lane);
void dr_moving_give(dr_moving *moving, dr_conn *conn);

#endif
