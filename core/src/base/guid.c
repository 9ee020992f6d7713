/* guid.c: random numbers (xoshiro256**, seeded by the kernel) and the guids of requests. */
#include "base/guid.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

static uint64_t rotate_left(uint64_t bits, unsigned count)
{
    return (bits << count) | (bits >> (64 - count));
}

static void seed(dr_random *random)
{
    ssize_t got = getrandom(random->state, sizeof random->state, GRND_NONBLOCK);
    if (got != (ssize_t)sizeof random->state) { /* early in boot: distinct is enough */
        random->state[0] ^= dr_clock_ns();
        random->state[1] ^= (uint64_t)(uintptr_t)random;
    }
    random->state[3] |= 1; /* all zero means not seeded, and the generator would stay there */
}

void dr_random_reset(dr_random *random)
{
    memset(random, 0, sizeof *random);
}

uint64_t dr_random_next(dr_random *random)
{
    uint64_t *s = random->state;
    if ((s[0] | s[1] | s[2] | s[3]) == 0) {
        seed(random);
    }
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

void dr_guid_make(dr_random *random, char guid[DR_GUID_LEN])
{
    for (size_t half = 0; half < 2; half++) {
        uint64_t bits = dr_random_next(random);
        for (size_t i = 0; i < 16; i++) {
            guid[half * 16 + i] = "0123456789abcdef"[bits & 15];
            bits >>= 4;
        }
    }
}
