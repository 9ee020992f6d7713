/* problem.c: several problems in one dora_error, a line each. */
#include "server/config/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void dr_problem_clear(dora_error *error)
{
    error->err = DORA_OK;
    error->code = 0;
    error->offset = 0;
    error->msg[0] = '\0';
}

void dr_problem_add(dora_error *error, const char *format, ...)
{
    size_t at = strnlen(error->msg, sizeof error->msg);
    size_t room = sizeof error->msg - at;
    if (error->err == DORA_OK) {
        error->err = DORA_ECONFIG;
    }
    if (at > 0 && room > 1) {
        error->msg[at++] = '\n';
        room--;
    }
    va_list args;
    va_start(args, format);
    int needed = vsnprintf(error->msg + at, room, format, args);
    va_end(args);
    bool is_whole = needed >= 0 && (size_t)needed < room;
    if (!is_whole && at > 0) {
        error->msg[at - 1] = '\0'; /* half a line would mislead */
    }
}
