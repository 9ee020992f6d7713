/* summary.c: the first line of a doc comment. */
#include "summary.h"

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* without_frame cuts off the blanks and asterisks that a line of a doc comment begins with, and
 * what stands at its end. */
static dora_slice without_frame(dora_slice line)
{
    while (line.len > 0 && (is_blank(line.data[0]) || line.data[0] == '*')) {
        line = (dora_slice){line.data + 1, line.len - 1};
    }
    while (line.len > 0 && is_blank(line.data[line.len - 1])) {
        line.len--;
    }
    return line;
}

/* first_line is the first line with words; a tag (`@param`) ends the words. */
static dora_slice first_line(dora_slice text)
{
    while (text.len > 0) {
        const char *end = memchr(text.data, '\n', text.len);
        const size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        const dora_slice line = without_frame((dora_slice){text.data, len});
        if (line.len > 0) {
            return line.data[0] == '@' ? (dora_slice){"", 0} : line;
        }
        const size_t used = len + (end != NULL);
        text = (dora_slice){text.data + used, text.len - used};
    }
    return text;
}

dora_slice php_dora_summary(const php_dora_handler *handler)
{
    const zend_function *function = handler->is_looked_up ? handler->cache.function_handler : NULL;
    if (function == NULL || function->type != ZEND_USER_FUNCTION ||
        function->op_array.doc_comment == NULL) {
        return (dora_slice){"", 0};
    }
    const zend_string *comment = function->op_array.doc_comment; /* between its two slashes */
    const size_t frame = sizeof("/**") - 1 + sizeof("*/") - 1;
    if (ZSTR_LEN(comment) <= frame) {
        return (dora_slice){"", 0};
    }
    return first_line((dora_slice){ZSTR_VAL(comment) + 3, ZSTR_LEN(comment) - frame});
}
