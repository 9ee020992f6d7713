/* buckets.h: what each address may still do: a bucket of tokens each, in a bounded table. */
#ifndef DR_SERVER_BUCKETS_H
#define DR_SERVER_BUCKETS_H

#include <pthread.h>

#include "server/access/network.h"

/* dr_bucket is what an address has left, in thousandths of a token. */
typedef struct dr_bucket {
    dr_ip ip;
    uint64_t left;
    uint64_t seen_ms; /* 0: the place is free */
} dr_bucket;

/* dr_bucket_rule: so many tokens come each second, and no more than `most` are in a bucket. */
typedef struct dr_bucket_rule {
    uint32_t a_second; /* not 0 */
    uint32_t most;     /* not 0 */
} dr_bucket_rule;

typedef struct dr_buckets {
    pthread_mutex_t lock;
    uint32_t sets;    /* of DR_BUCKETS_WAYS each */
    uint64_t mixer;   /* odd, and nobody else's to know: addresses cannot be chosen to be alike */
    dr_bucket *items; /* made when the first token is taken */
} dr_buckets;

/* dr_buckets_init makes an empty table, which takes no memory until it is used. dr_buckets_fini
 * frees it; zeroed memory is fine. */
void dr_buckets_init(dr_buckets *buckets, uint32_t sets);
void dr_buckets_fini(dr_buckets *buckets);

/* dr_buckets_take takes a token of an address: of IPv6 a network of 64 bits counts as one, what has
 * no address as another. An address that is new has a full bucket; for its place the one goes that
 * has most left, since it loses least: a full one loses nothing. Without memory all is had.
 * dr_buckets_wait looks only. Returns: 0, or in how many ms there is one. Thread: any. */
uint32_t dr_buckets_take(dr_buckets *buckets, const dr_ip *ip, const dr_bucket_rule *rule,
                         uint64_t now_ms);
uint32_t dr_buckets_wait(dr_buckets *buckets, const dr_ip *ip, const dr_bucket_rule *rule,
                         uint64_t now_ms);

#endif
