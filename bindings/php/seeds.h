/* seeds.h: what PHP's global random numbers start from, which each version keeps elsewhere. */
#ifndef PHP_DORA_SEEDS_H
#define PHP_DORA_SEEDS_H

#include "php.h"

#if PHP_VERSION_ID >= 80200
#include "ext/random/php_random.h"
#else
#include "ext/standard/basic_functions.h"
#endif

/* php_dora_seed_forget has mt_rand() and its like seeded anew. */
static inline void php_dora_seed_forget(void)
{
#if PHP_VERSION_ID >= 80200
    RANDOM_G(mt19937_seeded) = false;
#else
    BG(mt_rand_is_seeded) = false;
#endif
}

/* php_dora_seeds_forget does so for all of them; PHP 8.1 keeps that of lcg_value() to itself. */
static inline void php_dora_seeds_forget(void)
{
#if PHP_VERSION_ID >= 80200
    RANDOM_G(combined_lcg_seeded) = false;
#endif
    php_dora_seed_forget();
}

#endif
