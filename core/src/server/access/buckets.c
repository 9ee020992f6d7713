/* buckets.c: what each address may still do: a bucket of tokens each, in a bounded table. */
#include "server/access/buckets.h"

#include <string.h>
#include <sys/random.h>

#include "base/limits.h"
#include "base/mem.h"

#define ONE 1000u /* token, in thousandths: what comes in a millisecond for one a second */

void dr_buckets_init(dr_buckets *buckets, uint32_t sets)
{
    memset(buckets, 0, sizeof(*buckets));
    pthread_mutex_init(&buckets->lock, NULL);
    buckets->sets = sets;
    if (getrandom(&buckets->mixer, sizeof(buckets->mixer), GRND_NONBLOCK) < 0) {
        buckets->mixer = (uint64_t)(uintptr_t)buckets;
    }
    buckets->mixer |= 1;
}

void dr_buckets_fini(dr_buckets *buckets)
{
    dr_free(buckets->items);
    buckets->items = NULL;
    pthread_mutex_destroy(&buckets->lock);
}

/* key_of: who has one address of IPv6 has its network. */
static dr_ip key_of(const dr_ip *ip)
{
    dr_ip key = *ip;
    if (key.family == 6) {
        memset(key.bytes + 8, 0, 8);
    }
    return key;
}

static dr_bucket *set_of(const dr_buckets *buckets, const dr_ip *key)
{
    uint64_t half;
    memcpy(&half, key->bytes, sizeof(half));
    const uint64_t mixed = ((half ^ half >> 32) + key->family) * buckets->mixer;
    return &buckets->items[(mixed >> 32) % buckets->sets * DR_BUCKETS_WAYS];
}

/* now_left is what an address has by now. A time is stored with one more: 0 is a free place. */
static uint64_t now_left(const dr_bucket *bucket, const dr_bucket_rule *rule, uint64_t now_ms)
{
    const uint64_t most = (uint64_t)rule->most * ONE;
    const uint64_t passed_ms = now_ms + 1 > bucket->seen_ms ? now_ms + 1 - bucket->seen_ms : 0;
    const uint64_t come =
        passed_ms <= most / rule->a_second ? passed_ms * rule->a_second : most; /* no overflow */
    const uint64_t left = bucket->left + come;
    return left < most ? left : most;
}

static dr_bucket *find(dr_bucket *set, const dr_ip *key)
{
    for (size_t i = 0; i < DR_BUCKETS_WAYS; i++) {
        if (set[i].seen_ms != 0 && memcmp(&set[i].ip, key, sizeof(*key)) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

/* place_for is a free place of a set, or that of the bucket with most in it. */
static dr_bucket *place_for(dr_bucket *set, const dr_bucket_rule *rule, uint64_t now_ms)
{
    dr_bucket *found = &set[0];
    for (size_t i = 0; i < DR_BUCKETS_WAYS; i++) {
        if (set[i].seen_ms == 0) {
            return &set[i];
        }
        if (now_left(&set[i], rule, now_ms) > now_left(found, rule, now_ms)) {
            found = &set[i];
        }
    }
    return found;
}

/* wait_of is in how many ms there is a token where so much is left. */
static uint32_t wait_of(uint64_t left, const dr_bucket_rule *rule)
{
    return left >= ONE ? 0 : (uint32_t)((ONE - left + rule->a_second - 1) / rule->a_second);
}

uint32_t dr_buckets_wait(dr_buckets *buckets, const dr_ip *ip, const dr_bucket_rule *rule,
                         uint64_t now_ms)
{
    const dr_ip key = key_of(ip);
    pthread_mutex_lock(&buckets->lock);
    const dr_bucket *bucket = buckets->items != NULL ? find(set_of(buckets, &key), &key) : NULL;
    const uint32_t wait_ms = bucket != NULL ? wait_of(now_left(bucket, rule, now_ms), rule) : 0;
    pthread_mutex_unlock(&buckets->lock);
    return wait_ms;
}

/* bucket_of is the bucket of an address, a full one where it has none. Returns: NULL when out of
 * memory. */
static dr_bucket *bucket_of(dr_buckets *buckets, const dr_ip *key, const dr_bucket_rule *rule,
                            uint64_t now_ms)
{
    if (buckets->items == NULL) {
        buckets->items =
            dr_calloc((size_t)buckets->sets * DR_BUCKETS_WAYS, sizeof(*buckets->items));
    }
    if (buckets->items == NULL) {
        return NULL;
    }
    dr_bucket *set = set_of(buckets, key);
    dr_bucket *bucket = find(set, key);
    if (bucket == NULL) {
        bucket = place_for(set, rule, now_ms);
        *bucket = (dr_bucket){*key, (uint64_t)rule->most * ONE, now_ms + 1};
    }
    return bucket;
}

uint32_t dr_buckets_take(dr_buckets *buckets, const dr_ip *ip, const dr_bucket_rule *rule,
                         uint64_t now_ms)
{
    const dr_ip key = key_of(ip);
    uint32_t wait_ms = 0;
    pthread_mutex_lock(&buckets->lock);
    dr_bucket *bucket = bucket_of(buckets, &key, rule, now_ms);
    if (bucket != NULL) {
        bucket->left = now_left(bucket, rule, now_ms);
        bucket->seen_ms = now_ms + 1 > bucket->seen_ms ? now_ms + 1 : bucket->seen_ms;
        wait_ms = wait_of(bucket->left, rule);
        bucket->left -= wait_ms == 0 ? ONE : 0;
    }
    pthread_mutex_unlock(&buckets->lock);
    return wait_ms;
}
