/* settings.c: the settings that change with a reload; all others want a restart. */
#include "server/master/settings.h"

#include "server/master/master.h"

void dr_settings_take(dr_server *server, const dr_config *config)
{
    atomic_store(&server->backend.log_slow_ms, config->log.slow_ms);
    atomic_store(&server->backend.log_requests, config->log.requests);
}

void dr_settings_reload(dr_server *server)
{
    dr_config config = {0};
    dora_error error = {0};
    const dora_err err = server->source->read(&config, server->source->user, &error);
    if (err == DORA_OK) {
        dr_settings_take(server, &config);
    } else {
        dr_log_write_lines(server->backend.log, DR_LOG_ERROR, "master",
                           "the configuration is wrong by now, its settings stay as they were: %s",
                           error.msg);
    }
    dr_config_fini(&config);
}
