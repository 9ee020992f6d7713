/* stat_growth.c: in the calls of which apis a pool's workers have grown. */
#include "server/ops/stat_growth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "base/utf8.h"
#include "server/call/route.h"
#include "server/ops/metrics.h"
#include "server/ops/stat.h"
#include "task/growers.h"

/* name_of is an api's, "" that of a fallback. */
static const char *name_of(dr_backend *backend, uint32_t pool, const dr_grower *grower)
{
    const dr_routes *routes = atomic_load_explicit(&backend->routes, memory_order_acquire);
    const dr_names *names = routes != NULL ? &routes->applications[pool] : NULL;
    return names != NULL && grower->api < names->count ? names->items[grower->api] : "";
}

void dr_stat_put_growth(dora_writer *writer, void *of)
{
    const dr_stat_growth *at = of;
    dr_growers growers;
    uint32_t count = 0;
    dr_growers_list(&at->backend->pools[at->pool], &growers);
    while (count < growers.count && count < DR_STAT_GROWN_MAX && growers.items[count].bytes > 0) {
        count++;
    }
    dora_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        char name[DR_PRINTABLE_MAX(DR_API_NAME_MAX)];
        const dr_grower *grower = &growers.items[i];
        const char *text =
            dr_printable_text(dr_slice(name_of(at->backend, at->pool, grower)), name, sizeof(name));
        dora_write_int(writer, i);
        dora_write_array(writer, 3);
        dr_stat_key(writer, "api");
        dora_write_string(writer, text, strlen(text));
        dr_stat_put(writer, "bytes", (uint64_t)grower->bytes);
        dr_stat_put(writer, "calls", grower->looks);
        dora_write_end(writer);
    }
    dora_write_end(writer);
}

static dora_err put_line(dr_backend *backend, uint32_t pool, const dr_grower *grower,
                         const char *metric, int64_t number, dr_buf *out)
{
    char text[96];
    dora_err err = dr_buf_append(out, metric, strlen(metric));
    err = err == DORA_OK ? dr_buf_append(out, "{pool=\"", 7) : err;
    err = err == DORA_OK ? dr_metrics_label(out, backend->config->pools[pool].name) : err;
    err = err == DORA_OK ? dr_buf_append(out, "\",api=\"", 7) : err;
    err = err == DORA_OK ? dr_metrics_label(out, name_of(backend, pool, grower)) : err;
    const int len = snprintf(text, sizeof(text), "\"} %" PRId64 "\n", number);
    return err == DORA_OK ? dr_buf_append(out, text, (size_t)len) : err;
}

/* put_metric writes one number of every api that was looked at. */
static dora_err put_metric(dr_backend *backend, const char *metric, const char *type,
                           const char *help, bool is_calls, dr_buf *out)
{
    char text[384];
    const int len =
        snprintf(text, sizeof(text), "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type);
    dora_err err = dr_buf_append(out, text, (size_t)len);
    for (uint32_t pool = 0; pool < backend->pool_count; pool++) {
        dr_growers growers;
        dr_growers_list(&backend->pools[pool], &growers);
        for (uint32_t i = 0; i < growers.count && err == DORA_OK; i++) {
            const dr_grower *one = &growers.items[i];
            err = put_line(backend, pool, one, metric, is_calls ? one->looks : one->bytes, out);
        }
    }
    return err;
}

dora_err dr_metrics_growth(dr_backend *backend, dr_buf *out)
{
    const dora_err err = put_metric(
        backend, "dora_api_grown_bytes", "gauge",
        "Memory that workers came to hold in calls of an api that were looked at.", false, out);
    return err != DORA_OK ? err
                          : put_metric(backend, "dora_api_grown_calls", "gauge",
                                       "Calls that were looked at for that.", true, out);
}
