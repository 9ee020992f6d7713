/* http_accept.c: what a client would rather have, by its header Accept. Pure. */
#include "net/http_accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* next takes what stands before a separator, or the rest, without the blanks around it. */
static dora_slice next(dora_slice *rest, char separator)
{
    const char *end = memchr(rest->data, separator, rest->len);
    const size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    dora_slice found = {rest->data, len};
    rest->data += end != NULL ? len + 1 : len;
    rest->len -= end != NULL ? len + 1 : len;
    while (found.len > 0 && is_blank(found.data[0])) {
        found.data++;
        found.len--;
    }
    while (found.len > 0 && is_blank(found.data[found.len - 1])) {
        found.len--;
    }
    return found;
}

static bool is_text(dora_slice found, const char *text)
{
    return found.len == strlen(text) && strncasecmp(found.data, text, found.len) == 0;
}

/* thousandths reads 0, 0.5, 1.000. */
static unsigned thousandths(dora_slice number)
{
    unsigned worth = 1000;
    unsigned sum = 0;
    for (size_t i = 0; i < number.len && i < sizeof("0.000") - 1; i++) {
        const char byte = number.data[i];
        if (i == 1 ? byte != '.' : byte < '0' || byte > '9') {
            return 0;
        }
        if (i != 1) {
            sum += (unsigned)(byte - '0') * worth;
            worth /= 10;
        }
    }
    return sum > 1000 ? 0 : sum;
}

/* quality_of reads the parameters of a range. */
static unsigned quality_of(dora_slice parameters)
{
    while (parameters.len > 0) {
        dora_slice value = next(&parameters, ';');
        const dora_slice name = next(&value, '=');
        if (is_text(name, "q")) {
            return thousandths(next(&value, ';'));
        }
    }
    return 1000;
}

unsigned dr_http_accept(dora_slice accept, const char *type)
{
    unsigned most = 0;
    while (accept.len > 0) {
        dora_slice parameters = next(&accept, ',');
        if (!is_text(next(&parameters, ';'), type)) {
            continue;
        }
        const unsigned quality = quality_of(parameters);
        most = quality > most ? quality : most;
    }
    return most;
}
