/* guesses.c: a bucket for each address that has shown wrong tokens lately. */
#include "server/access/guesses.h"

#include <stdatomic.h>
#include <string.h>

#define ONE 1000u /* guess, in thousandths */

void dr_guesses_init(dr_guesses *guesses)
{
    memset(guesses, 0, sizeof(*guesses));
    pthread_mutex_init(&guesses->lock, NULL);
}

void dr_guesses_fini(dr_guesses *guesses)
{
    pthread_mutex_destroy(&guesses->lock);
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

static dr_guess *set_of(dr_guesses *guesses, const dr_ip *key)
{
    uint32_t hash = 2166136261u ^ key->family;
    for (size_t i = 0; i < sizeof(key->bytes); i++) {
        hash = (hash ^ key->bytes[i]) * 16777619u;
    }
    return guesses->items[(hash ^ hash >> 16) % DR_GUESSES_SETS];
}

static dr_guess *find(dr_guess *set, const dr_ip *key)
{
    for (size_t i = 0; i < DR_GUESSES_WAYS; i++) {
        if (set[i].seen_ms != 0 && memcmp(&set[i].ip, key, sizeof(*key)) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

static dr_guess *oldest(dr_guess *set)
{
    dr_guess *found = &set[0];
    for (size_t i = 1; i < DR_GUESSES_WAYS; i++) {
        found = set[i].seen_ms < found->seen_ms ? &set[i] : found;
    }
    return found;
}

/* refill gives back what has come with the time. */
static void refill(dr_guess *guess, uint64_t now_ms)
{
    const uint64_t passed_ms = now_ms > guess->seen_ms ? now_ms - guess->seen_ms : 0;
    const uint64_t left = guess->left + passed_ms * DR_GUESSES_A_SECOND;
    guess->left = left < DR_GUESSES_MAX * ONE ? (uint32_t)left : DR_GUESSES_MAX * ONE;
    guess->seen_ms = now_ms;
}

bool dr_guesses_may(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms)
{
    const dr_ip key = key_of(ip);
    bool may = true;
    if (!atomic_load_explicit(&guesses->is_used, memory_order_relaxed)) {
        return true;
    }
    pthread_mutex_lock(&guesses->lock);
    dr_guess *guess = find(set_of(guesses, &key), &key);
    if (guess != NULL) {
        refill(guess, now_ms + 1);
        may = guess->left >= ONE;
    }
    pthread_mutex_unlock(&guesses->lock);
    return may;
}

void dr_guesses_wrong(dr_guesses *guesses, const dr_ip *ip, uint64_t now_ms)
{
    const dr_ip key = key_of(ip);
    atomic_store_explicit(&guesses->is_used, true, memory_order_relaxed);
    pthread_mutex_lock(&guesses->lock);
    dr_guess *set = set_of(guesses, &key);
    dr_guess *guess = find(set, &key);
    if (guess == NULL) {
        guess = oldest(set);
        *guess = (dr_guess){key, DR_GUESSES_MAX * ONE, now_ms + 1};
    }
    refill(guess, now_ms + 1);
    guess->left = guess->left > ONE ? guess->left - ONE : 0;
    pthread_mutex_unlock(&guesses->lock);
}
