/* poison.h: calls that have ended workers: which they are, how often, and until when each is
 * refused. Pure: no lock, no clock. */
#ifndef DR_TASK_POISON_H
#define DR_TASK_POISON_H

#include "base/digest.h"
#include "base/limits.h"

/* dr_poison_id is what one call asks for: the api, and the digest of name and parameter. Lengths
 * tell most calls apart without a digest. */
typedef struct dr_poison_id {
    uint32_t api; /* in its application */
    uint32_t name_len;
    uint32_t param_len;
    dr_digest digest;
} dr_poison_id;

/* dr_poison_call is a call that has ended a worker. With DR_POISON_DEATHS it is refused. */
typedef struct dr_poison_call {
    dr_poison_id id;
    uint32_t deaths;   /* of workers, in a row; 0: this place is free */
    bool is_said;      /* that it is refused */
    uint64_t until_ns; /* then it is forgotten */
    uint64_t refused;
    char name[DR_API_NAME_MAX]; /* any bytes */
    char ended[DR_POISON_ENDED_MAX];
} dr_poison_call;

/* dr_poison is what a pool knows of them. Zeroed memory is one that is switched off. */
typedef struct dr_poison {
    uint32_t seconds; /* 0: off */
    dr_digest_key key;
    dr_poison_call *calls; /* DR_POISON_CALLS_MAX */
    uint64_t found;        /* calls that came to be refused */
    uint64_t refused;      /* calls that were */
} dr_poison;

/* dr_poison_init switches it on, unless `seconds` is 0. Errors: DORA_ENOMEM, DORA_EIO.
 * dr_poison_fini frees; zeroed memory is fine. */
dora_err dr_poison_init(dr_poison *poison, uint32_t seconds);
void dr_poison_fini(dr_poison *poison);

/* dr_poison_digest gives the digest of a call: `is_whole` says that `param` is the whole api. */
dr_digest dr_poison_digest(const dr_poison *poison, dora_slice name, dora_slice param,
                           bool is_whole);

/* dr_poison_note: a call has ended a worker, as `ended` says. Where all places are taken, the one
 * goes that would be forgotten first. Returns: the call; NULL where it is switched off. */
dr_poison_call *dr_poison_note(dr_poison *poison, const dr_poison_id *id, const char *name,
                               const char *ended, uint64_t now_ns);

/* dr_poison_has says whether any call is known of an api, dr_poison_may_be whether one is of that
 * api with names and parameters of these lengths. dr_poison_find gives the call that it is, NULL:
 * it is not known. */
bool dr_poison_has(const dr_poison *poison, uint32_t api);
bool dr_poison_may_be(const dr_poison *poison, uint32_t api, size_t name_len, size_t param_len);
dr_poison_call *dr_poison_find(dr_poison *poison, const dr_poison_id *id, uint64_t now_ns);

/* dr_poison_is_refused says whether a call that is known is refused. */
static inline bool dr_poison_is_refused(const dr_poison_call *call)
{
    return call->deaths >= DR_POISON_DEATHS;
}

/* dr_poison_forget forgets a call. */
void dr_poison_forget(dr_poison_call *call);

#endif
