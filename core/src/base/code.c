/* code.c: what reply codes mean: columns of DORA_CODES. */
#include "base/code.h"

const char *dora_code_text(int64_t code)
{
#define CODE_TEXT(name, number, not_run, closes, status, text)                                     \
    case number:                                                                                   \
        return text;
    switch (code) {
        DORA_CODES(CODE_TEXT)
    default:
        return "unknown code";
    }
#undef CODE_TEXT
}

bool dora_code_is_not_run(int64_t code)
{
#define CODE_NOT_RUN(name, number, not_run, closes, status, text)                                  \
    case number:                                                                                   \
        return not_run;
    switch (code) {
        DORA_CODES(CODE_NOT_RUN)
    default:
        return false;
    }
#undef CODE_NOT_RUN
}

bool dr_code_closes(int64_t code)
{
#define CODE_CLOSES(name, number, not_run, closes, status, text)                                   \
    case number:                                                                                   \
        return closes;
    switch (code) {
        DORA_CODES(CODE_CLOSES)
    default:
        return false;
    }
#undef CODE_CLOSES
}

unsigned dr_code_status(int64_t code)
{
#define CODE_STATUS(name, number, not_run, closes, status, text)                                   \
    case number:                                                                                   \
        return status;
    switch (code) {
        DORA_CODES(CODE_STATUS)
    default:
        return 500;
    }
#undef CODE_STATUS
}
