/* loaded.h: what a zygote tells the master of the application that it has loaded. */
#ifndef DR_TASK_LOADED_H
#define DR_TASK_LOADED_H

#include "ipc/control.h"
#include "task/app.h"

/* dr_zygote_say sends the master one message over the zygote's socket. */
void dr_zygote_say(dr_control_kind kind, uint32_t slot, int32_t pid, int32_t number,
                   const char *text, size_t text_len);

/* dr_loaded_has_loop says whether workers of the loaded application run an event loop. */
bool dr_loaded_has_loop(const dora_runtime *runtime);

/* dr_loaded_tell reports the names of the handlers, and that it is loaded; the log is told what the
 * operator may not have meant. */
void dr_loaded_tell(const dora_runtime *runtime, const dora_app *app,
                    const dr_control_setup *setup);

#endif
