/* announce.c: names, and behind each what is said of it, in pieces that fit in a message. */
#include "task/announce.h"

#include "ipc/control.h"
#include "task/app.h"

static void say(dr_control_kind kind, int32_t number, dora_slice text)
{
    const dr_control_head head = {.kind = (uint32_t)kind, .number = number};
    (void)dr_control_send(DR_CONTROL_FD, &head, text.data, text.len, NULL, 0);
}

static void say_api(dora_slice name, const dr_about *about)
{
    say(DR_CONTROL_NAME, 0, name);
    for (int32_t part = 0; part < DR_ABOUT_PARTS; part++) {
        dora_slice text = dr_buf_slice(&about->texts[part]);
        while (text.len > 0) {
            const size_t len = text.len < DR_CONTROL_BYTES_MAX ? text.len : DR_CONTROL_BYTES_MAX;
            say(DR_CONTROL_ABOUT, part, (dora_slice){text.data, len});
            text = (dora_slice){text.data + len, text.len - len};
        }
    }
    if (about->own_limit_ms != 0) {
        const int32_t ms = about->own_limit_ms == DR_LIMIT_NONE ? 0 : (int32_t)about->own_limit_ms;
        say(DR_CONTROL_LIMIT, ms, (dora_slice){"", 0});
    }
}

void dr_announce(const dora_app *app)
{
    for (uint32_t i = 0; i < app->count; i++) {
        const dr_app_entry *entry = &app->entries[i];
        say_api((dora_slice){entry->name, entry->name_len}, &entry->about);
    }
    if (app->has_fallback) {
        say_api((dora_slice){"", 0}, &app->fallback_about);
    }
}
