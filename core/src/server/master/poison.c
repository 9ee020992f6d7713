/* poison.c: what is said of calls that have ended workers. */
#include "server/master/poison.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "task/suspect.h"

static void say(const dr_server *server, uint32_t index, const dr_poison_call *call)
{
    char name[DR_PRINTABLE_MAX(DR_API_NAME_MAX)];
    const dr_pool *pool = &server->backend.pools[index];
    dr_log_write(server->backend.log, DR_LOG_ERROR, server->backend.config->pools[index].name,
                 "%s with one parameter (digest %016" PRIx64 ") has ended %" PRIu32
                 " workers; the last one %s. Such calls are refused (100212) for %" PRIu32
                 " s (poison_s), or until a reload or `dora forgive`",
                 dr_printable_text((dora_slice){call->name, call->id.name_len}, name, sizeof(name)),
                 call->id.digest.words[0], call->deaths, call->ended, pool->poison.seconds);
}

void dr_poison_look(dr_server *server)
{
    const uint64_t now_ns = dr_clock_ns();
    dr_poison_call call;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_suspect_sweep(&server->backend.pools[i], now_ns);
        while (dr_suspect_unsaid(&server->backend.pools[i], &call)) {
            say(server, i, &call);
        }
    }
}
