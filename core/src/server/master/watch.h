/* watch.h: a new generation that gets a part of the calls, and is compared with the old one, before
 * it takes over. Thread: the supervisor's.
 *
 * Its crews stay on trial meanwhile. task/canary.h has what becomes of a call, task/worse.h what
 * is compared; this is when it begins, when it ends, and how. */
#ifndef DR_SERVER_WATCH_H
#define DR_SERVER_WATCH_H

#include "server/call/route.h"
#include "server/ops/rollout.h"

struct dr_server;

typedef struct dr_watch {
    dr_rollout told;
    dr_routes *routes;   /* of the new generation; NULL: none is watched */
    bool has_more_names; /* the routes in force have apis that the old generation has not */
    uint64_t began_ms;
} dr_watch;

/* dr_watch_is_on says whether a generation is watched. */
bool dr_watch_is_on(const struct dr_server *server);

/* dr_watch_begin begins, when all new crews are complete. Errors: DORA_ENOMEM: nothing has changed.
 * Ownership: takes `routes`, but for a failure. */
dora_err dr_watch_begin(struct dr_server *server, dr_routes *routes, dora_error *error);

/* dr_watch_look says how it stands. DR_ROLLOUT_WATCHING: it goes on; DR_ROLLOUT_AHEAD and
 * DR_ROLLOUT_BACK: `text` has the verdict with its figures. */
dr_rollout_state dr_watch_look(struct dr_server *server, char text[DR_ROLLOUT_TEXT_MAX]);

/* dr_watch_won ends it, and gives the routes, for the new generation takes over at this moment.
 * dr_watch_lost ends it without: the workers of the new crews finish what they run and leave. */
dr_routes *dr_watch_won(struct dr_server *server, const char *text);
void dr_watch_lost(struct dr_server *server, dr_rollout_state state, const char *text);

#endif
