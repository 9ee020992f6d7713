/* error.c: names and texts of errors. Pure, but for the message's buffer. */
#include <dora/error.h>

#include <stdarg.h>
#include <stdio.h>

dora_err dora_error_set(dora_error *error, dora_err err, const char *format, ...)
{
    if (error == NULL) {
        return err;
    }
    error->err = err;
    error->code = 0;
    error->os_error = 0;
    error->offset = 0;
    va_list args;
    va_start(args, format);
    if (vsnprintf(error->msg, sizeof(error->msg), format, args) < 0) {
        error->msg[0] = '\0';
    }
    va_end(args);
    return err;
}

const char *dora_err_name(dora_err err)
{
#define ERROR_NAME(name, number, text)                                                             \
    case DORA_##name:                                                                              \
        return "DORA_" #name;
    switch (err) {
        DORA_ERRORS(ERROR_NAME)
    case DORA_OK:
        return "DORA_OK";
    }
#undef ERROR_NAME
    return "unknown error";
}

const char *dora_err_text(dora_err err)
{
#define ERROR_TEXT(name, number, text)                                                             \
    case DORA_##name:                                                                              \
        return text;
    switch (err) {
        DORA_ERRORS(ERROR_TEXT)
    case DORA_OK:
        return "success";
    }
#undef ERROR_TEXT
    return "unknown error";
}
