/* digest.c: 128 bits that stand for some bytes, under a key that nobody else knows.
 * SipHash-1-3 (Aumasson, Bernstein), fed with whole words of 64 bits; long runs in lanes. */
#include "base/digest.h"

#include <string.h>
#include <sys/random.h>

#include "base/digest_stripes.h"

/* A run of this length or more is taken in stripes. */
#define LONG_RUN_BYTES 1024u

dora_err dr_digest_key_make(dr_digest_key *key)
{
    const ssize_t got = getrandom(key->words, sizeof(key->words), 0);
    return got == (ssize_t)sizeof(key->words) ? DORA_OK : DORA_EIO;
}

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void mix(uint64_t *v)
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void take(uint64_t *v, uint64_t word)
{
    v[3] ^= word;
    mix(v);
    v[0] ^= word;
}

void dr_digester_init(dr_digester *digester, const dr_digest_key *key)
{
    digester->v[0] = key->words[0] ^ UINT64_C(0x736f6d6570736575);
    digester->v[1] = key->words[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
    digester->v[2] = key->words[0] ^ UINT64_C(0x6c7967656e657261);
    digester->v[3] = key->words[1] ^ UINT64_C(0x7465646279746573);
    digester->bytes = 0;
}

void dr_digester_number(dr_digester *digester, uint64_t number)
{
    take(digester->v, number);
    digester->bytes += sizeof(number);
}

/* take_stripes takes the whole stripes of a run: every lane goes on from the state that there is,
 * and then the states of all lanes are taken, 32 words. Returns: the rest of the run. */
static dora_slice take_stripes(dr_digester *digester, dora_slice bytes)
{
    dr_stripes_lanes lanes;
    uint64_t words[sizeof(lanes) / sizeof(uint64_t)];
    const size_t count = bytes.len / DR_STRIPE_BYTES;
    dr_stripes_start(&lanes, digester->v);
    dr_stripes_take(&lanes, bytes.data, count);
    memcpy(words, &lanes, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        dr_digester_number(digester, words[i]);
    }
    return (dora_slice){bytes.data + count * DR_STRIPE_BYTES, bytes.len % DR_STRIPE_BYTES};
}

void dr_digester_bytes(dr_digester *digester, dora_slice bytes)
{
    uint64_t v[4];
    uint64_t word;
    dr_digester_number(digester, bytes.len);
    if (bytes.len >= LONG_RUN_BYTES) {
        bytes = take_stripes(digester, bytes);
    }
    memcpy(v, digester->v, sizeof(v)); /* the compiler keeps these in registers */
    for (; bytes.len >= sizeof(word); bytes.data += sizeof(word), bytes.len -= sizeof(word)) {
        memcpy(&word, bytes.data, sizeof(word));
        take(v, word);
        digester->bytes += sizeof(word);
    }
    if (bytes.len > 0) {
        word = 0;
        memcpy(&word, bytes.data, bytes.len);
        take(v, word);
        digester->bytes += sizeof(word);
    }
    memcpy(digester->v, v, sizeof(v));
}

dr_digest dr_digester_end(dr_digester *digester)
{
    uint64_t *v = digester->v;
    dr_digest digest;
    take(v, digester->bytes << 56);
    v[2] ^= 0xee;
    for (int i = 0; i < 3; i++) {
        mix(v);
    }
    digest.words[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    for (int i = 0; i < 3; i++) {
        mix(v);
    }
    digest.words[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
    return digest;
}
