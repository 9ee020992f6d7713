/* rollout.h: what is told of reloads that are watched: the one under way, and how others ended. */
#ifndef DR_SERVER_ROLLOUT_H
#define DR_SERVER_ROLLOUT_H

#include "server/call/backend.h"

#define DR_ROLLOUT_TEXT_MAX 1024u /* of a verdict, with the figures of its pools */

typedef enum dr_rollout_state {
    DR_ROLLOUT_NONE = 0, /* there has been none yet */
    DR_ROLLOUT_WATCHING,
    DR_ROLLOUT_AHEAD,   /* the new generation has taken over */
    DR_ROLLOUT_BACK,    /* the old one serves on */
    DR_ROLLOUT_REPLACED /* another reload came before the verdict, or the end of the server */
} dr_rollout_state;

/* dr_rollout is what the supervisor says, and any thread reads. */
typedef struct dr_rollout {
    pthread_mutex_t lock;
    dr_rollout_state state; /* of the last one */
    uint32_t generation;    /* the new one of it */
    uint64_t began_ms;
    uint64_t ended_ms; /* 0: it has not */
    uint64_t counts[DR_ROLLOUT_REPLACED + 1];
    char text[DR_ROLLOUT_TEXT_MAX]; /* the verdict; empty while there is none */
} dr_rollout;

void dr_rollout_init(dr_rollout *rollout);
void dr_rollout_fini(dr_rollout *rollout);

/* dr_rollout_begun and dr_rollout_ended say what happens. Thread: the supervisor's. */
void dr_rollout_begun(dr_rollout *rollout, uint32_t generation);
void dr_rollout_ended(dr_rollout *rollout, dr_rollout_state state, const char *text);

/* dr_rollout_now copies what was said last; the lock of the copy is of no use. Thread: any. */
dr_rollout dr_rollout_now(dr_rollout *rollout);

/* dr_rollout_name gives "none", "watching", "ahead", "back", "replaced"; a static string. */
const char *dr_rollout_name(dr_rollout_state state);

/* dr_rollout_is_configured says whether reloads of this server are watched. */
bool dr_rollout_is_configured(const dr_backend *backend);

/* dr_rollout_figures writes what was seen of both generations of all pools, as far as there is
 * room. Returns: its length. dr_rollout_put writes all that is told, as the value of a key. Thread:
 * any. */
size_t dr_rollout_figures(dr_backend *backend, char *text, size_t room);
void dr_rollout_put(dora_writer *writer, void *backend);

#endif
