/* limit.c: what is said of a task that is past its api's own time limit. */
#include "task/limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <dora/error.h>
#include <dora/runtime.h>

int64_t dora_limit_of_seconds(double seconds)
{
    if (!(seconds >= 0.0 && seconds <= DR_TIME_LIMIT_MS_MAX / 1000.0)) {
        return -1;
    }
    const int64_t ms = (int64_t)(seconds * 1000.0 + 0.5);
    return ms == 0 && seconds > 0.0 ? 1 : ms;
}

/* seconds_text writes 1500 as "1.5": in digits, for printf's point is the locale's. */
static const char *seconds_text(uint32_t ms, char *text, size_t size)
{
    int len = snprintf(text, size, "%" PRIu32 ".%03" PRIu32, ms / 1000u, ms % 1000u);
    while (text[len - 1] == '0') {
        len--;
    }
    text[text[len - 1] == '.' ? len - 1 : len] = '\0';
    return text;
}

size_t dr_limit_name(dora_slice name, uint32_t own_limit_ms, char *text, size_t size)
{
    char shown[DR_PRINTABLE_MAX(DR_API_NAME_MAX)];
    char seconds[32];
    (void)snprintf(text, size, "time_limit of %s (%s s)",
                   dr_printable_text(name, shown, sizeof(shown)),
                   seconds_text(own_limit_ms, seconds, sizeof(seconds)));
    return strlen(text);
}

size_t dr_limit_overran(dora_slice name, uint32_t own_limit_ms, char *text, size_t size)
{
    char which[DR_LIMIT_TEXT_MAX];
    (void)dr_limit_name(name, own_limit_ms, which, sizeof(which));
    (void)snprintf(text, size, "%s: %s", dora_code_text(DORA_CODE_TIME_LIMIT), which);
    return strlen(text);
}
