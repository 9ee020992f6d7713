/* places.h: how many connections there may be: in all, and from one address. One for a server; all
 * its listeners share it but the operators'. */
#ifndef DR_NET_PLACES_H
#define DR_NET_PLACES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/log_few.h"

/* Why a connection is refused. */
typedef enum dr_crowded {
    DR_CROWDED_NOT = 0,
    DR_CROWDED_ALL,     /* connections_max */
    DR_CROWDED_ADDRESS, /* connections_per_address_max */
    DR_CROWDED_REASONS
} dr_crowded;

/* dr_place_row is an address from which there are connections. */
typedef struct dr_place_row {
    uint64_t address;
    uint32_t count;
    struct dr_place_row *next;
} dr_place_row;

typedef struct dr_places {
    _Atomic uint32_t total_max; /* 0: no limit, as in the next; both may change */
    _Atomic uint32_t address_max;
    _Atomic uint32_t total;
    _Atomic uint64_t refused[DR_CROWDED_REASONS];
    pthread_mutex_t lock; /* over what follows */
    dr_place_row **rows;  /* DR_PLACES_ROWS chains; NULL: there never was a limit for addresses */
    uint64_t mixer;       /* odd, and nobody else's to know: callers cannot choose to be alike */
    dr_log *log;          /* NULL: nothing is said */
    dr_log_few told;      /* of refused connections */
} dr_places;

/* dr_place is what one connection takes. Zeroed memory takes nothing. */
typedef struct dr_place {
    dr_places *places;
    dr_place_row *row; /* NULL: it counts for no address */
} dr_place;

/* dr_places_init makes an empty book; dr_places_fini frees it, and is fine on zeroed memory.
 * dr_places_limit changes the limits; connections that are there stay, and those that came before
 * there was a limit for addresses count for none. Thread: of the last one, any. */
void dr_places_init(dr_places *places);
void dr_places_fini(dr_places *places);
void dr_places_limit(dr_places *places, uint32_t total_max, uint32_t address_max);

/* dr_place_take takes a place for a connection from `address`, which is what one host has: an IPv4
 * address, or 64 bits of IPv6's; of a Unix socket there is none. Beyond total_max some places are
 * kept for this machine, and more for its Unix sockets: for operators. `places` NULL is always had.
 * Returns: DR_CROWDED_NOT, or why there is none: that is counted, and written down,
 * of many some. dr_place_keep takes one for a connection that was let in before, beyond the limits
 * too. dr_place_give gives it back; twice is fine. Thread: any. */
dr_crowded dr_place_take(dr_place *place, dr_places *places, const struct sockaddr *address,
                         uint64_t now_ms);
void dr_place_keep(dr_place *place, dr_places *places, const struct sockaddr *address);
void dr_place_give(dr_place *place);

/* dr_crowded_text says why, for who is refused. */
const char *dr_crowded_text(dr_crowded why);

#endif
