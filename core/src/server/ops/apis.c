/* apis.c: the names that lead somewhere, and what is known of each. */
#include "server/ops/apis.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/slice.h"
#include "base/utf8.h"
#include "server/ops/stat.h"

static void put(dr_offers *offers, dr_offer offer)
{
    const dr_names *own = &offers->routes->applications[offer.pool];
    offer.is_fallback = offer.api == own->count;
    offer.about = dr_names_about(own, offer.api);
    offers->items[offers->count++] = offer;
}

/* put_name lists a name where calls of it come to this pool. */
static void put_name(dr_offers *offers, uint32_t pool, const char *text)
{
    const dora_slice name = dr_slice(text);
    dr_route route;
    if (dr_routes_find(offers->routes, name, &route) && route.pool == pool) {
        put(offers, (dr_offer){.name = name, .pool = pool, .api = route.api});
    }
}

/* put_pattern lists what the pool's fallback answers, where it has one. */
static void put_pattern(dr_offers *offers, uint32_t pool, dora_slice prefix)
{
    const dr_names *own = &offers->routes->applications[pool];
    if (own->has_fallback) {
        put(offers,
            (dr_offer){.name = prefix, .pool = pool, .api = own->count, .is_pattern = true});
    }
}

static bool has_own(const dr_names *own, const char *name)
{
    for (uint32_t i = 0; i < own->count; i++) {
        if (strcmp(own->items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* put_pool lists the application's own names first, then what the configuration adds to them. */
static void put_pool(dr_offers *offers, uint32_t pool, const dr_texts *apis)
{
    const dr_names *own = &offers->routes->applications[pool];
    for (uint32_t i = 0; i < own->count; i++) {
        put_name(offers, pool, own->items[i]);
    }
    for (size_t i = 0; i < apis->count; i++) {
        const size_t len = strlen(apis->items[i]);
        if (len > 0 && apis->items[i][len - 1] == '*') {
            put_pattern(offers, pool, (dora_slice){apis->items[i], len - 1});
        } else if (!has_own(own, apis->items[i])) {
            put_name(offers, pool, apis->items[i]);
        }
    }
    if (apis->count == 0) {
        put_pattern(offers, pool, (dora_slice){"", 0});
    }
}

dora_err dr_offers_find(dr_backend *backend, dr_offers *offers)
{
    *offers = (dr_offers){.routes = atomic_load_explicit(&backend->routes, memory_order_acquire)};
    size_t most = 1;
    for (uint32_t i = 0; offers->routes != NULL && i < backend->pool_count; i++) {
        most += offers->routes->applications[i].count + backend->config->pools[i].apis.count + 1;
    }
    offers->items = calloc(most, sizeof(*offers->items));
    if (offers->items == NULL) {
        return DORA_ENOMEM;
    }
    for (uint32_t i = 0; offers->routes != NULL && i < backend->pool_count; i++) {
        put_pool(offers, i, &backend->config->pools[i].apis);
    }
    return DORA_OK;
}

uint32_t dr_offer_limit_ms(const dr_backend *backend, const dr_offer *offer)
{
    return dr_pool_limit_ms(&backend->pools[offer->pool], DR_TYPE_W_S, offer->about->own_limit_ms);
}

bool dr_offer_is_stream(const dr_offer *offer)
{
    return offer->about->texts[DR_ABOUT_STREAM].len > 0;
}

void dr_offers_fini(dr_offers *offers)
{
    free(offers->items);
    *offers = (dr_offers){0};
}

static void put_text(dora_writer *writer, const char *key, dora_slice text)
{
    dr_stat_key(writer, key);
    dora_write_string(writer, text.data, text.len);
}

/* put_name_of: a pattern has its `*` again. What is no UTF-8 has no place in JSON. */
static void put_name_of(dora_writer *writer, const dr_offer *offer)
{
    char name[DR_PRINTABLE_MAX(DR_API_NAME_MAX) + 1];
    size_t len = offer->name.len;
    if (len <= DR_API_NAME_MAX && dr_utf8_is_valid(offer->name)) {
        memcpy(name, offer->name.data, len);
    } else {
        len = strlen(dr_printable_text(offer->name, name, sizeof(name) - 1));
    }
    name[len] = '*';
    put_text(writer, "name", (dora_slice){name, len + offer->is_pattern});
}

/* put_schema writes null where nothing is known. */
static void put_schema(dora_writer *writer, const char *key, const dr_buf *schema)
{
    dr_stat_key(writer, key);
    if (schema->len > 0) {
        dora_write_raw(writer, dr_buf_slice(schema));
    } else {
        dora_write_null(writer);
    }
}

/* put_numbers tells what became of an api's calls lately. */
static void put_numbers(dora_writer *writer, const dr_recent_numbers *numbers)
{
    dr_stat_key(writer, "numbers");
    dora_write_array(writer, 4);
    dr_stat_put(writer, "calls", numbers->calls);
    dr_stat_put(writer, "errors", numbers->errors);
    dr_stat_put(writer, "mean_us", numbers->mean_ns / 1000u);
    dr_stat_put(writer, "p95_us", numbers->p95_ns / 1000u);
    dora_write_end(writer);
}

/* put_offer writes an api; `numbers` NULL: without. */
static void put_offer(dora_writer *writer, const dr_backend *backend, const dr_offer *offer,
                      const dr_recent_numbers *numbers)
{
    const dr_pool_config *pool = &backend->config->pools[offer->pool];
    const char *language = dr_runtime_of(pool->runtime)->name;
    dora_write_array(writer, numbers != NULL ? 10 : 9);
    put_name_of(writer, offer);
    put_text(writer, "pool", dr_slice(pool->name));
    put_text(writer, "language", dr_slice(language));
    dr_stat_key(writer, "fallback");
    dora_write_bool(writer, offer->is_fallback);
    put_text(writer, "summary", dr_buf_slice(&offer->about->texts[DR_ABOUT_SUMMARY]));
    put_schema(writer, "param", &offer->about->texts[DR_ABOUT_PARAM]);
    put_schema(writer, "result", &offer->about->texts[DR_ABOUT_RESULT]);
    dr_stat_put(writer, "time_limit_ms", dr_offer_limit_ms(backend, offer));
    dr_stat_key(writer, "stream");
    dora_write_bool(writer, dr_offer_is_stream(offer));
    if (numbers != NULL) {
        put_numbers(writer, numbers);
    }
    dora_write_end(writer);
}

void dr_apis_write(dr_backend *backend, dora_writer *writer)
{
    dr_offers offers;
    if (dr_offers_find(backend, &offers) != DORA_OK) {
        return; /* without a value the writer does not finish */
    }
    dora_write_array(writer, offers.count);
    for (size_t i = 0; i < offers.count; i++) {
        dora_write_int(writer, (int64_t)i);
        put_offer(writer, backend, &offers.items[i], NULL);
    }
    dora_write_end(writer);
    dr_offers_fini(&offers);
}

static void put_refusal(dora_writer *writer, const char *refusal)
{
    dr_stat_key(writer, "refusal");
    if (refusal != NULL) {
        dora_write_string(writer, refusal, strlen(refusal));
    } else {
        dora_write_null(writer);
    }
}

void dr_apis_write_page(dr_backend *backend, const dr_recent *recent, const char *refusal,
                        dora_writer *writer)
{
    dr_offers offers;
    if (dr_offers_find(backend, &offers) != DORA_OK) {
        return;
    }
    const uint64_t now_ms = dr_clock_ms();
    dora_write_array(writer, 3);
    put_refusal(writer, refusal);
    dr_stat_put(writer, "span_ms", now_ms - dr_recent_since(recent));
    dr_stat_key(writer, "apis");
    dora_write_array(writer, offers.count);
    for (size_t i = 0; i < offers.count; i++) {
        const dr_offer *offer = &offers.items[i];
        const dr_route route = {.pool = offer->pool, .api = offer->api};
        dr_recent_numbers numbers;
        dr_recent_of(recent, dr_routes_row(offers.routes, &route), &numbers);
        dora_write_int(writer, (int64_t)i);
        put_offer(writer, backend, offer, &numbers);
    }
    dora_write_end(writer);
    dora_write_end(writer);
    dr_offers_fini(&offers);
}
