/* guesses.h: how often an address may show a token that is none. */
#ifndef DR_SERVER_GUESSES_H
#define DR_SERVER_GUESSES_H

#include "server/access/buckets.h"

typedef struct dr_guesses {
    dr_buckets buckets;
    _Atomic bool is_used; /* until the first wrong token nobody takes the lock */
} dr_guesses;

/* dr_guesses_init makes an empty table; zeroed memory may be given to dr_guesses_fini. */
void dr_guesses_init(dr_guesses *guesses);
void dr_guesses_fini(dr_guesses *guesses);

/* dr_guesses_may says whether a token from there is looked at; dr_guesses_wrong notes one that is
 * none. Addresses count as buckets.h has it. Returns: false when too many came. Thread: any. */
bool dr_guesses_may(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms);
void dr_guesses_wrong(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms);

#endif
