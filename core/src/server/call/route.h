/* route.h: which pool and handler an api name means. Made once for a generation of applications;
 * then only read, by all threads. */
#ifndef DR_SERVER_ROUTE_H
#define DR_SERVER_ROUTE_H

#include "server/config/config.h"
#include "task/crew.h"

typedef struct dr_route {
    uint32_t pool;
    uint32_t api;          /* in its application; the number of its apis means the fallback */
    uint32_t own_limit_ms; /* how long it may run: 0: as the pool says, DR_LIMIT_NONE: no limit */
} dr_route;

typedef struct dr_route_entry dr_route_entry;

typedef struct dr_routes {
    struct dr_routes *older; /* that these replaced, until no lane reads them any more */
    uint32_t number;         /* 1, 2, ... in the order they were published */
    dr_route_entry *table;   /* exact names, open addressing */
    uint32_t mask;
    dr_route_entry *names; /* (pool, name) of every application, for names found by pattern */
    uint32_t names_mask;
    dr_route_entry *patterns; /* longest first */
    uint32_t pattern_count;
    dr_names *applications; /* one a pool; the items are copies */
    uint32_t pool_count;
    struct dr_row **rows; /* what is counted of each api and, last, of the fallback (observe.h) */
    uint32_t *first_rows; /* one a pool */
} dr_routes;

/* dr_routes_new takes the patterns of the configuration and the names that each pool's application
 * reported. Errors: DORA_ECONFIG names an api and the two pools that claim it; DORA_ENOMEM.
 * Ownership: borrows the configuration for its life, copies the names; gives the routes, which
 * dr_routes_free frees with all older ones (NULL is fine). */
dora_err dr_routes_new(dr_routes **routes, const dr_config *config, const dr_names *applications,
                       dora_error *error);
void dr_routes_free(dr_routes *routes);

/* dr_routes_own finds what a pool's application itself calls a name: its handler, or its fallback.
 * Returns: false when it has neither. */
bool dr_routes_own(const dr_routes *routes, uint32_t pool, dora_slice name, dr_route *route);

/* dr_routes_find. Returns: false when no pool serves the name. */
bool dr_routes_find(const dr_routes *routes, dora_slice name, dr_route *route);

/* dr_rank is how well a name is known. */
typedef enum dr_rank {
    DR_RANK_NONE = 0,
    DR_RANK_CAUGHT, /* by a fallback */
    DR_RANK_OWN     /* by its own handler */
} dr_rank;

dr_rank dr_routes_rank(const dr_routes *routes, dora_slice name);

/* dr_routes_row gives what is counted of the api that was found. */
static inline struct dr_row *dr_routes_row(const dr_routes *routes, const dr_route *route)
{
    return routes->rows[routes->first_rows[route->pool] + route->api];
}

#endif
