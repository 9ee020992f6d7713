/* guid.h: random numbers and the guids of requests. */
#ifndef DR_BASE_GUID_H
#define DR_BASE_GUID_H

#include <stdint.h>

#include "base/limits.h"

/* dr_random is a generator of numbers that nobody needs to keep secret. Zeroed memory is one that
 * seeds itself at its first use. Thread: one at a time. */
typedef struct dr_random {
    uint64_t state[4];
} dr_random;

/* dr_random_reset makes the generator seed itself anew: a child must not repeat its parent. */
void dr_random_reset(dr_random *random);

/* dr_random_next gives 64 random bits. */
uint64_t dr_random_next(dr_random *random);

/* dr_guid_make writes 32 lower-case hex digits, without a NUL. */
void dr_guid_make(dr_random *random, char guid[DR_GUID_LEN]);

#endif
