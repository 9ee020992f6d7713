/* warnings.c: what is wrong with a registry, raised as E_WARNING once a call is over. */
#include "warnings.h"

void php_dora_warnings_hear(void *user, const char *text)
{
    (void)user;
    if (DORA_G(warnings).s != NULL) {
        smart_str_appendc(&DORA_G(warnings), '\n');
    }
    smart_str_appends(&DORA_G(warnings), text);
}

void php_dora_warnings_raise(void)
{
    if (DORA_G(warnings).s == NULL) {
        return;
    }
    zend_string *lines = smart_str_extract(&DORA_G(warnings)); /* a handler may call again */
    const char *line = ZSTR_VAL(lines);
    while (line != NULL && EG(exception) == NULL) {
        const char *end = strchr(line, '\n');
        int len = (int)(end != NULL ? end - line : (ptrdiff_t)strlen(line));
        php_error_docref(NULL, E_WARNING, "%.*s", len, line);
        line = end != NULL ? end + 1 : NULL;
    }
    zend_string_release(lines);
}

void php_dora_warnings_drop(void)
{
    smart_str_free(&DORA_G(warnings));
}
