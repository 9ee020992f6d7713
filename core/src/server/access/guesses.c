/* guesses.c: a bucket for each address that has shown wrong tokens lately. */
#include "server/access/guesses.h"

#include <stdatomic.h>
#include <string.h>

#include "base/limits.h"

static const dr_bucket_rule rule = {.a_second = DR_GUESSES_A_SECOND, .most = DR_GUESSES_MAX};

void dr_guesses_init(dr_guesses *guesses)
{
    memset(guesses, 0, sizeof(*guesses));
    dr_buckets_init(&guesses->buckets, DR_GUESSES_SETS);
}

void dr_guesses_fini(dr_guesses *guesses)
{
    dr_buckets_fini(&guesses->buckets);
}

bool dr_guesses_may(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms)
{
    return !atomic_load_explicit(&guesses->is_used, memory_order_relaxed) ||
           dr_buckets_wait(&guesses->buckets, ip, &rule, now_ms) == 0;
}

void dr_guesses_wrong(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms)
{
    atomic_store_explicit(&guesses->is_used, true, memory_order_relaxed);
    (void)dr_buckets_take(&guesses->buckets, ip, &rule, now_ms);
}
