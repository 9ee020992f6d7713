/* route.c: exact names in a hash table, patterns by length, fallbacks last. */
#include "server/call/route.h"

#include <stdlib.h>
#include <string.h>

#define ANY_POOL UINT32_MAX

struct dr_route_entry {
    const char *name; /* NULL: an empty place */
    size_t len;
    uint32_t scope; /* names: the pool; table: ANY_POOL */
    dr_route route;
};

/* hash_of takes eight bytes at a time. Names come from applications alone, so nobody can choose
 * them to collide. */
static uint32_t hash_of(dora_slice name, uint32_t scope)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = scope ^ name.len;
    size_t at = 0;
    for (; name.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, name.data + at, sizeof(word));
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    uint64_t rest = 0;
    for (; at < name.len; at++) {
        rest = rest << 8 | (unsigned char)name.data[at];
    }
    hash = (hash ^ rest) * odd;
    return (uint32_t)(hash >> 32);
}

/* place_of finds an entry, or the empty place where it belongs. */
static dr_route_entry *place_of(dr_route_entry *table, uint32_t mask, dora_slice name,
                                uint32_t scope)
{
    uint32_t at = hash_of(name, scope) & mask;
    while (table[at].name != NULL && (table[at].len != name.len || table[at].scope != scope ||
                                      memcmp(table[at].name, name.data, name.len) != 0)) {
        at = (at + 1) & mask;
    }
    return &table[at];
}

static uint32_t mask_for(size_t count)
{
    uint32_t size = 16;
    while (size < count * 2) {
        size *= 2;
    }
    return size - 1;
}

/* route_to is what leads to one api of an application. */
static dr_route route_to(const dr_names *own, uint32_t pool, uint32_t api)
{
    return (dr_route){pool, api, dr_names_about(own, api)->own_limit_ms};
}

bool dr_routes_own(const dr_routes *routes, uint32_t pool, dora_slice name, dr_route *route)
{
    const dr_names *own = &routes->applications[pool];
    const dr_route_entry *found = place_of(routes->names, routes->names_mask, name, pool);
    if (found->name != NULL) {
        *route = found->route;
        return true;
    }
    *route = route_to(own, pool, own->count);
    return own->has_fallback;
}

dr_rank dr_routes_rank(const dr_routes *routes, dora_slice name)
{
    dr_route route;
    if (name.len == 0 || !dr_routes_find(routes, name, &route)) {
        return DR_RANK_NONE;
    }
    return route.api < routes->applications[route.pool].count ? DR_RANK_OWN : DR_RANK_CAUGHT;
}

static dora_err claimed_twice(const dr_config *config, const char *what, dora_slice name,
                              uint32_t first, uint32_t second, dora_error *error)
{
    return dora_error_set(
        error, DORA_ECONFIG,
        "%s %.*s is served by pool %s and by pool %s: a name belongs to one pool; "
        "take it out of one application, or say who serves it in \"apis\"",
        what, (int)name.len, name.data, config->pools[first].name, config->pools[second].name);
}

static dora_err claim(dr_routes *routes, const dr_config *config, dora_slice name, uint32_t pool,
                      dora_error *error)
{
    dr_route_entry *place = place_of(routes->table, routes->mask, name, ANY_POOL);
    if (place->name != NULL) {
        return place->route.pool == pool
                   ? DORA_OK
                   : claimed_twice(config, "api", name, place->route.pool, pool, error);
    }
    dr_route route;
    if (!dr_routes_own(routes, pool, name, &route)) {
        return dora_error_set(error, DORA_ECONFIG,
                              "pools.%s.apis names %.*s, which its application does not register",
                              config->pools[pool].name, (int)name.len, name.data);
    }
    *place = (dr_route_entry){name.data, name.len, ANY_POOL, route};
    return DORA_OK;
}

static dora_err claim_pattern(dr_routes *routes, const dr_config *config, dora_slice prefix,
                              uint32_t pool, dora_error *error)
{
    for (uint32_t i = 0; i < routes->pattern_count; i++) {
        const dr_route_entry *other = &routes->patterns[i];
        if (other->len == prefix.len && memcmp(other->name, prefix.data, prefix.len) == 0) {
            return claimed_twice(config, "pattern", (dora_slice){prefix.data, prefix.len + 1},
                                 other->route.pool, pool, error);
        }
    }
    uint32_t at = routes->pattern_count++;
    while (at > 0 && routes->patterns[at - 1].len < prefix.len) {
        routes->patterns[at] = routes->patterns[at - 1];
        at--;
    }
    routes->patterns[at] =
        (dr_route_entry){prefix.data, prefix.len, ANY_POOL, {.pool = pool}}; /* the rest: by name */
    return DORA_OK;
}

static dora_err claim_for_pool(dr_routes *routes, const dr_config *config, uint32_t pool,
                               dora_error *error)
{
    const dr_texts *apis = &config->pools[pool].apis;
    const dr_names *own = &routes->applications[pool];
    dora_err err = DORA_OK;
    for (size_t i = 0; i < apis->count && err == DORA_OK; i++) {
        const dora_slice name = {apis->items[i], strlen(apis->items[i])};
        if (name.len > 0 && name.data[name.len - 1] == '*') {
            err = claim_pattern(routes, config, (dora_slice){name.data, name.len - 1}, pool, error);
        } else {
            err = claim(routes, config, name, pool, error);
        }
    }
    if (apis->count > 0 || err != DORA_OK) {
        return err;
    }
    for (uint32_t i = 0; i < own->count && err == DORA_OK; i++) {
        err =
            claim(routes, config, (dora_slice){own->items[i], strlen(own->items[i])}, pool, error);
    }
    if (err == DORA_OK && own->has_fallback) {
        err = claim_pattern(routes, config, (dora_slice){"*", 0}, pool, error);
    }
    return err;
}

static dora_err copy_names(dr_routes *routes, const dr_names *applications)
{
    uint32_t rows = 0;
    for (uint32_t pool = 0; pool < routes->pool_count; pool++) {
        const dr_names *from = &applications[pool];
        dr_names *to = &routes->applications[pool];
        const dora_err err = dr_names_copy(to, from);
        if (err != DORA_OK) {
            return err;
        }
        routes->first_rows[pool] = rows;
        rows += from->count + 1;
        for (uint32_t i = 0; i < to->count; i++) {
            const dora_slice name = {to->items[i], strlen(to->items[i])};
            dr_route_entry *place = place_of(routes->names, routes->names_mask, name, pool);
            *place = (dr_route_entry){name.data, name.len, pool, route_to(to, pool, i)};
        }
    }
    return DORA_OK;
}

dora_err dr_routes_new(dr_routes **result, const dr_config *config, const dr_names *applications,
                       dora_error *error)
{
    size_t names = 0;
    size_t patterns = config->pool_count;
    dr_routes *routes = calloc(1, sizeof(*routes));
    if (routes == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    routes->pool_count = (uint32_t)config->pool_count;
    for (size_t i = 0; i < config->pool_count; i++) {
        names += applications[i].count;
        patterns += config->pools[i].apis.count;
    }
    routes->mask = mask_for(names + patterns);
    routes->names_mask = mask_for(names);
    routes->table = calloc((size_t)routes->mask + 1, sizeof(*routes->table));
    routes->names = calloc((size_t)routes->names_mask + 1, sizeof(*routes->names));
    routes->patterns = calloc(patterns, sizeof(*routes->patterns));
    routes->applications = calloc(routes->pool_count, sizeof(*routes->applications));
    routes->rows = calloc(names + routes->pool_count, sizeof(struct dr_row *));
    routes->first_rows = calloc(routes->pool_count, sizeof(*routes->first_rows));
    dora_err err = DORA_OK;
    if (routes->table == NULL || routes->names == NULL || routes->patterns == NULL ||
        routes->applications == NULL || routes->rows == NULL || routes->first_rows == NULL ||
        copy_names(routes, applications) != DORA_OK) {
        err = dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    for (uint32_t pool = 0; pool < config->pool_count && err == DORA_OK; pool++) {
        err = claim_for_pool(routes, config, pool, error);
    }
    if (err != DORA_OK) {
        dr_routes_free(routes);
        return err;
    }
    *result = routes;
    return DORA_OK;
}

static void free_one(dr_routes *routes)
{
    for (uint32_t pool = 0; routes->applications != NULL && pool < routes->pool_count; pool++) {
        dr_names_fini(&routes->applications[pool]);
    }
    free(routes->applications);
    free(routes->table);
    free(routes->names);
    free(routes->patterns);
    free(routes->rows);
    free(routes->first_rows);
    free(routes);
}

void dr_routes_free(dr_routes *routes)
{
    while (routes != NULL) {
        dr_routes *older = routes->older;
        free_one(routes);
        routes = older;
    }
}

bool dr_routes_find(const dr_routes *routes, dora_slice name, dr_route *route)
{
    const dr_route_entry *exact = place_of(routes->table, routes->mask, name, ANY_POOL);
    if (exact->name != NULL) {
        *route = exact->route;
        return true;
    }
    for (uint32_t i = 0; i < routes->pattern_count; i++) {
        const dr_route_entry *pattern = &routes->patterns[i];
        if (name.len >= pattern->len && memcmp(pattern->name, name.data, pattern->len) == 0) {
            return dr_routes_own(routes, pattern->route.pool, name, route);
        }
    }
    return false;
}
