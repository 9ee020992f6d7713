/* loaded.c: what a zygote tells the master of the application that it has loaded. */
#include "task/loaded.h"

#include <string.h>

#include <dora/dora.h>

#include "task/announce.h"

void dr_zygote_say(dr_control_kind kind, uint32_t slot, int32_t pid, int32_t number,
                   const char *text, size_t text_len)
{
    const dr_control_head head = {
        .kind = (uint32_t)kind, .slot = slot, .pid = pid, .number = number};
    (void)dr_control_send(DR_CONTROL_FD, &head, text, text_len, NULL, 0);
}

bool dr_loaded_has_loop(const dora_runtime *runtime)
{
    return runtime->run_loop != NULL && runtime->wants_loop(runtime->host);
}

/* say_concurrency tells what the operator may not have meant. */
static void say_concurrency(const dora_runtime *runtime, const dr_control_setup *setup)
{
    const bool is_one = setup->concurrency == 1;
    if (runtime->run_loop == NULL || runtime->wants_loop(runtime->host) != is_one) {
        return;
    }
    const char *text = is_one ? "some handlers wait on an event loop, and concurrency is 1: each "
                                "worker runs one call at a time"
                              : "concurrency is above 1, and no handler waits on an event loop: "
                                "each worker runs one call at a time all the same";
    (void)dora_log(DORA_LOG_NOTICE, NULL, NULL, 0, text, strlen(text));
}

static void say_threads(const dora_runtime *runtime, const dr_control_setup *setup)
{
    if (setup->threads > 1 && runtime->run_loop != NULL && !runtime->wants_loop(runtime->host)) {
        const char *text =
            "threads has no effect: no handler or hook is async, so each worker runs "
            "one call at a time";
        (void)dora_log(DORA_LOG_NOTICE, NULL, NULL, 0, text, strlen(text));
    }
}

void dr_loaded_tell(const dora_runtime *runtime, const dora_app *app, const dr_control_setup *setup)
{
    say_concurrency(runtime, setup);
    say_threads(runtime, setup);
    dr_announce(app);
    dr_zygote_say(DR_CONTROL_LOADED, 0, 0, dr_loaded_has_loop(runtime), NULL, 0);
}
