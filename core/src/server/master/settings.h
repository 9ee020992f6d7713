/* settings.h: the settings that change with a reload. Thread: the supervisor's. */
#ifndef DR_SERVER_SETTINGS_H
#define DR_SERVER_SETTINGS_H

#include "server/config/config.h"

struct dr_server;

/* dr_settings_take puts those of `config` in force, and writes to the log which of its keys have no
 * effect beside the others. Errors: as dr_spans_aim; none is then.
 * dr_settings_reload does so with what stands in the configuration by now; where that is wrong, the
 * log says so and the settings stay. */
dora_err dr_settings_take(struct dr_server *server, const dr_config *config, dora_error *error);
void dr_settings_reload(struct dr_server *server);

/* dr_settings_forget frees rules that were replaced while an older table of routes than `seen` was
 * in force, which every lane knows of by now. */
void dr_settings_forget(struct dr_server *server, uint32_t seen);

#endif
