/* guesses.h: how often an address may show a token that is none: a bounded table. */
#ifndef DR_SERVER_GUESSES_H
#define DR_SERVER_GUESSES_H

#include <pthread.h>

#include "base/limits.h"
#include "server/access/network.h"

/* dr_guess is what an address has left, in thousandths of a guess. */
typedef struct dr_guess {
    dr_ip ip;
    uint32_t left;
    uint64_t seen_ms; /* 0: the place is free */
} dr_guess;

typedef struct dr_guesses {
    pthread_mutex_t lock;
    _Atomic bool is_used; /* until the first wrong token nobody takes the lock */
    dr_guess items[DR_GUESSES_SETS][DR_GUESSES_WAYS];
} dr_guesses;

/* dr_guesses_init makes an empty table; zeroed memory may be given to dr_guesses_fini. */
void dr_guesses_init(dr_guesses *guesses);
void dr_guesses_fini(dr_guesses *guesses);

/* dr_guesses_may says whether a token from there is looked at; dr_guesses_wrong notes one that is
 * none. Of IPv6 a network of 64 bits counts as one address, what has no address as another.
 * Returns: false when too many came. Thread: any. */
bool dr_guesses_may(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms);
void dr_guesses_wrong(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms);

#endif
