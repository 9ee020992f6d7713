/* code.c: what reply codes mean: columns of DORA_CODES. */
#include "base/code.h"

#include "base/limits.h"

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

dora_kind dora_code_kind(int64_t code)
{
    const bool is_servers = code >= DORA_CODE_WORKER_DIED && code <= DR_CODE_OURS_MAX;
    return is_servers && dora_code_is_not_run(code) ? DORA_KIND_NOT_RUN : DORA_KIND_HANDLER;
}

static dora_kind kind_of_reply(int64_t code)
{
    if (code == DORA_CODE_RESULT_LOST) {
        return DORA_KIND_CONNECTION;
    }
    return dora_code_is_not_run(code) ? DORA_KIND_NOT_RUN : DORA_KIND_ERROR;
}

static dora_kind kind_of(const dora_error *error, int64_t *code)
{
    *code = DORA_CODE_BAD_BODY;
    switch (error->err) {
    case DORA_ETIMEDOUT:
        *code = DORA_CODE_RECEIVE;
        return DORA_KIND_TIMEOUT;
    case DORA_ECONNECT:
        *code = DORA_CODE_CONNECT;
        return DORA_KIND_CONNECTION;
    case DORA_ECLOSED:
    case DORA_EIO:
        *code = DORA_CODE_RECEIVE;
        return DORA_KIND_CONNECTION;
    case DORA_EFULL: /* too much that was submitted is not collected */
        *code = DORA_CODE_OVERLOADED;
        return DORA_KIND_NOT_RUN;
    case DORA_ETOOBIG:
        *code = DORA_CODE_TOO_BIG;
        return DORA_KIND_ERROR;
    case DORA_EINVAL:
        *code = DORA_CODE_BAD_API;
        return DORA_KIND_ERROR;
    case DORA_EREPLY:
        return kind_of_reply(error->code);
    default:
        return DORA_KIND_ERROR;
    }
}

dora_kind dora_error_kind(const dora_error *error, int64_t *code)
{
    int64_t own = 0;
    const dora_kind kind = kind_of(error, &own);
    if (code != NULL) {
        *code = error->code != 0 ? error->code : own;
    }
    return kind;
}
