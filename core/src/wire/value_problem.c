/* value_problem.c: what stopped a writer or a reader, for people: the limit and its value. Pure. */
#include <stdio.h>

#include "wire/value.h"

static void say_levels(uint32_t most, char *text, size_t size)
{
    (void)snprintf(text, size, "deeper than the limit of %u levels", (unsigned)most);
}

static void say_members(char *text, size_t size)
{
    (void)snprintf(text, size, "more than the limit of %u members in all arrays",
                   DR_VALUE_MEMBERS_MAX);
}

void dora_writer_problem(const dora_writer *writer, char *text, size_t size)
{
    if (writer->err != DORA_ETOOBIG) {
        (void)snprintf(text, size, "%s", dora_err_text(writer->err));
    } else if (writer->over == DR_OVER_LEVELS) {
        say_levels(writer->depth_max, text, size);
    } else if (writer->over == DR_OVER_MEMBERS) {
        say_members(text, size);
    } else {
        (void)snprintf(text, size, "larger than the limit of %zu bytes", writer->max);
    }
}

void dora_reader_problem(const dora_reader *reader, dora_err err, char *text, size_t size)
{
    if (err != DORA_ETOOBIG) {
        (void)snprintf(text, size, "%s", dora_err_text(err));
    } else if (reader->depth >= DR_VALUE_DEPTH_MAX) {
        say_levels(DR_VALUE_DEPTH_MAX, text, size);
    } else if (!dora_stack_has_room()) {
        (void)snprintf(text, size, "deeper than this thread's stack has room for");
    } else {
        say_members(text, size);
    }
}
