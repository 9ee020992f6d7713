/* route.h: which pool and handler an api name means. Built once; then only read, by all threads. */
#ifndef DR_SERVER_ROUTE_H
#define DR_SERVER_ROUTE_H

#include "server/config.h"
#include "task/crew.h"

typedef struct dr_route {
    uint32_t pool;
    uint32_t api; /* in its application; the number of its apis means the fallback */
} dr_route;

typedef struct dr_route_entry dr_route_entry;

typedef struct dr_routes {
    dr_route_entry *table; /* exact names, open addressing */
    uint32_t mask;
    dr_route_entry *names; /* (pool, name) of every application, for names found by pattern */
    uint32_t names_mask;
    dr_route_entry *patterns; /* longest first */
    uint32_t pattern_count;
    const dr_crew *crews;
} dr_routes;

/* dr_routes_build takes the patterns of the configuration and the names that the applications
 * reported. Errors: DORA_ECONFIG names an api and the two pools that claim it; DORA_ENOMEM.
 * Ownership: borrows both lists; dr_routes_fini frees (zeroed memory is fine). */
dora_err dr_routes_build(dr_routes *routes, const dr_config *config, const dr_crew *crews,
                         dora_error *error);
void dr_routes_fini(dr_routes *routes);

/* dr_routes_find. Returns: false when no pool serves the name. */
bool dr_routes_find(const dr_routes *routes, dora_slice name, dr_route *route);

#endif
