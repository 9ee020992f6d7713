/* places.c: counts connections, and refuses those that are too many. */
#include "net/places.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/limits.h"
#include "base/mem.h"
#include "net/peer.h"

void dr_places_init(dr_places *places)
{
    memset(places, 0, sizeof(*places));
    pthread_mutex_init(&places->lock, NULL);
    if (getrandom(&places->mixer, sizeof(places->mixer), GRND_NONBLOCK) < 0) {
        places->mixer = (uint64_t)(uintptr_t)places;
    }
    places->mixer |= 1;
}

void dr_places_fini(dr_places *places)
{
    for (uint32_t i = 0; places->rows != NULL && i < DR_PLACES_ROWS; i++) {
        while (places->rows[i] != NULL) {
            dr_place_row *row = places->rows[i];
            places->rows[i] = row->next;
            dr_free(row);
        }
    }
    dr_free(places->rows);
    places->rows = NULL;
    pthread_mutex_destroy(&places->lock);
}

void dr_places_limit(dr_places *places, uint32_t total_max, uint32_t address_max)
{
    atomic_store(&places->total_max, total_max);
    atomic_store(&places->address_max, address_max);
}

const char *dr_crowded_text(dr_crowded why)
{
    return why == DR_CROWDED_ADDRESS
               ? "too many connections from this address (connections_per_address_max)"
               : "too many connections (connections_max)";
}

/* spare_of is how many connections beyond the most `address` may be of. */
static uint32_t spare_of(const struct sockaddr *address)
{
    switch (dr_peer_among(address, NULL)) {
    case DR_PEER_UNIX:
        return 2 * DR_PLACES_SPARE;
    case DR_PEER_LOOPBACK:
        return DR_PLACES_SPARE;
    case DR_PEER_OTHER:
    case DR_PEER_OWN:
    default:
        return 0;
    }
}

static dr_place_row **chain_of(const dr_places *places, uint64_t address)
{
    const uint64_t mixed = (address ^ address >> 32) * places->mixer;
    return &places->rows[(mixed >> 32) % DR_PLACES_ROWS];
}

/* row_of finds the row of an address, or makes it. Returns: NULL when out of memory. */
static dr_place_row *row_of(dr_places *places, uint64_t address)
{
    if (places->rows == NULL) {
        places->rows = dr_calloc(DR_PLACES_ROWS, sizeof(*places->rows));
    }
    dr_place_row **chain = places->rows != NULL ? chain_of(places, address) : NULL;
    dr_place_row *row = chain != NULL ? *chain : NULL;
    while (row != NULL && row->address != address) {
        row = row->next;
    }
    if (row == NULL && chain != NULL) {
        row = dr_calloc(1, sizeof(*row));
        if (row != NULL) {
            row->address = address;
            row->next = *chain;
            *chain = row;
        }
    }
    return row;
}

static void leave_row(dr_places *places, dr_place_row *row)
{
    dr_place_row **at = chain_of(places, row->address);
    if (--row->count > 0) {
        return;
    }
    while (*at != row) {
        at = &(*at)->next;
    }
    *at = row->next;
    dr_free(row);
}

/* say writes a refusal down. */
static void say(dr_places *places, dr_crowded why, const struct sockaddr *address, uint64_t now_ms)
{
    char host[NI_MAXHOST] = "this machine";
    uint32_t unsaid;
    pthread_mutex_lock(&places->lock);
    const bool may_say = dr_log_few_may(&places->told, now_ms, &unsaid);
    pthread_mutex_unlock(&places->lock);
    if (places->log == NULL || !may_say) {
        return;
    }
    if (address->sa_family != AF_UNIX) {
        const socklen_t len = address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                            : sizeof(struct sockaddr_in6);
        (void)getnameinfo(address, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
    }
    if (unsaid > 0) {
        dr_log_write(places->log, DR_LOG_NOTICE, "master",
                     "%u more connections were refused like those before; not all are told",
                     unsaid);
    }
    dr_log_write(places->log, DR_LOG_NOTICE, "master", "a connection of %.64s was refused: %s",
                 host, dr_crowded_text(why));
}

/* take_row counts a connection for its address. Returns: false when there are too many. */
static bool take_row(dr_place *place, uint64_t address, uint32_t most)
{
    dr_places *places = place->places;
    pthread_mutex_lock(&places->lock);
    dr_place_row *row = row_of(places, address);
    const bool has_room = row == NULL || row->count < most; /* without memory it is not counted */
    if (row != NULL && has_room) {
        row->count++;
        place->row = row;
    }
    pthread_mutex_unlock(&places->lock);
    return has_room;
}

dr_crowded dr_place_take(dr_place *place, dr_places *places, const struct sockaddr *address,
                         uint64_t now_ms)
{
    *place = (dr_place){.places = places};
    if (places == NULL) {
        return DR_CROWDED_NOT;
    }
    const uint32_t most = atomic_load_explicit(&places->total_max, memory_order_relaxed);
    const uint32_t one = atomic_load_explicit(&places->address_max, memory_order_relaxed);
    const uint32_t before = atomic_fetch_add(&places->total, 1);
    dr_crowded why = DR_CROWDED_NOT;
    if (most != 0 && before >= most && before - most >= spare_of(address)) {
        why = DR_CROWDED_ALL;
    } else if (one != 0 && address->sa_family != AF_UNIX &&
               !take_row(place, dr_peer_place(address), one)) {
        why = DR_CROWDED_ADDRESS;
    }
    if (why != DR_CROWDED_NOT) {
        dr_place_give(place);
        atomic_fetch_add(&places->refused[why], 1);
        say(places, why, address, now_ms);
    }
    return why;
}

void dr_place_keep(dr_place *place, dr_places *places, const struct sockaddr *address)
{
    *place = (dr_place){.places = places};
    if (places != NULL) {
        atomic_fetch_add(&places->total, 1);
        if (address->sa_family != AF_UNIX && atomic_load(&places->address_max) != 0) {
            (void)take_row(place, dr_peer_place(address), UINT32_MAX);
        }
    }
}

void dr_place_give(dr_place *place)
{
    dr_places *places = place->places;
    if (places == NULL) {
        return;
    }
    atomic_fetch_sub(&places->total, 1);
    if (place->row != NULL) {
        pthread_mutex_lock(&places->lock);
        leave_row(places, place->row);
        pthread_mutex_unlock(&places->lock);
    }
    *place = (dr_place){NULL, NULL};
}
