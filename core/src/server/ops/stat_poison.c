/* stat_poison.c: calls that have ended workers, as values. */
#include "server/ops/stat_poison.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "server/ops/stat.h"
#include "task/suspect.h"

/* told is the calls of one pool at one moment. */
typedef struct told {
    uint32_t count;
    dr_poison_call calls[DR_POISON_CALLS_MAX];
} told;

static void put_text(dora_writer *writer, const char *key, const char *text)
{
    dr_stat_key(writer, key);
    dora_write_string(writer, text, strlen(text));
}

static void put_call(dora_writer *writer, const dr_poison_call *call, uint64_t now_ns)
{
    char name[DR_PRINTABLE_MAX(DR_API_NAME_MAX)];
    char digest[32];
    const uint64_t left_ns = call->until_ns > now_ns ? call->until_ns - now_ns : 0;
    (void)snprintf(digest, sizeof(digest), "%016" PRIx64, call->id.digest.words[0]);
    dora_write_array(writer, 6);
    put_text(writer, "api",
             dr_printable_text((dora_slice){call->name, call->id.name_len}, name, sizeof(name)));
    put_text(writer, "digest", digest);
    dr_stat_put(writer, "deaths", call->deaths);
    put_text(writer, "ended", call->ended);
    dr_stat_put(writer, "refused", call->refused);
    dr_stat_put(writer, "seconds_left", (left_ns + 999999999u) / 1000000000u);
    dora_write_end(writer);
}

static void put_calls(dora_writer *writer, const told *calls)
{
    const uint64_t now_ns = dr_clock_ns();
    dora_write_array(writer, calls->count);
    for (uint32_t i = 0; i < calls->count; i++) {
        dora_write_int(writer, i);
        put_call(writer, &calls->calls[i], now_ns);
    }
    dora_write_end(writer);
}

void dr_stat_put_poison(dora_writer *writer, void *of)
{
    told refused;
    refused.count = dr_suspect_each(of, refused.calls);
    put_calls(writer, &refused);
}

static void add(const dr_poison_call *call, void *user)
{
    told *forgiven = user;
    forgiven->calls[forgiven->count++] = *call;
}

void dr_stat_forgive(dr_backend *backend, dora_slice name, dora_writer *writer)
{
    dora_write_array(writer, backend->pool_count);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        told forgiven;
        forgiven.count = 0;
        (void)dr_suspect_forget(&backend->pools[i], name, add, &forgiven);
        if (forgiven.count > 0) {
            dr_log_write(backend->log, DR_LOG_NOTICE, backend->config->pools[i].name,
                         "calls that had ended workers are forgiven: %" PRIu32, forgiven.count);
        }
        dr_stat_key(writer, backend->config->pools[i].name);
        put_calls(writer, &forgiven);
    }
    dora_write_end(writer);
}
