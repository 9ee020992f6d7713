/* digest.h: 128 bits that stand for some bytes, under a key that nobody else knows. */
#ifndef DR_DIGEST_H
#define DR_DIGEST_H

#include <stdbool.h>

#include <dora/value.h>

/* dr_digest_key is secret: who does not know it cannot find two inputs with the same digest. */
typedef struct dr_digest_key {
    uint64_t words[2];
} dr_digest_key;

typedef struct dr_digest {
    uint64_t words[2];
} dr_digest;

/* dr_digest_key_make takes a key from the kernel's random source. Errors: DORA_EIO. */
dora_err dr_digest_key_make(dr_digest_key *key);

/* dr_digester takes numbers and runs of bytes, in order, and gives their digest: SipHash-1-3 of
 * 128 bits. A run is taken with its length, so that no two different inputs look alike. Of a run of
 * 1 KiB or more the whole stripes are taken by eight states side by side (digest_stripes.h), and
 * then these states in their place. */
typedef struct dr_digester {
    uint64_t v[4];
    uint64_t bytes;
} dr_digester;

void dr_digester_init(dr_digester *digester, const dr_digest_key *key);
void dr_digester_number(dr_digester *digester, uint64_t number);
void dr_digester_bytes(dr_digester *digester, dora_slice bytes);
dr_digest dr_digester_end(dr_digester *digester);

static inline bool dr_digest_is(const dr_digest *a, const dr_digest *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

#endif
