/* typed_date.c: dates and times as in RFC 3339. PHP's own reading takes more: "tomorrow". */
#include "typed_date.h"

#include "ext/date/php_date.h"

#define FORM "dddd-dd-ddTdd:dd:dd" /* what stands before fraction and zone */
#define FORM_LEN (sizeof(FORM) - 1)
#define FRACTION_LEN (sizeof(".dddddd") - 1) /* PHP keeps no more, and is wrong with very many */

static int number_at(const char *text, size_t len)
{
    int number = 0;

    for (size_t i = 0; i < len; i++) {
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static bool has_form(const char *text)
{
    for (size_t i = 0; i < FORM_LEN; i++) {
        const bool fits = FORM[i] == 'd'   ? isdigit((unsigned char)text[i]) != 0
                          : FORM[i] == 'T' ? strchr("Tt ", text[i]) != NULL && text[i] != '\0'
                                           : text[i] == FORM[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

static bool is_time(const char *text)
{
    const int year = number_at(text, 4);
    const int month = number_at(text + 5, 2);
    const int day = number_at(text + 8, 2);

    return month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month) &&
           number_at(text + 11, 2) <= 23 && number_at(text + 14, 2) <= 59 &&
           number_at(text + 17, 2) <= 60; /* a leap second */
}

/* Z, +01:00 */
static bool is_zone(const char *text, size_t len)
{
    if (len == 1) {
        return text[0] == 'Z' || text[0] == 'z';
    }
    return len == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
           isdigit((unsigned char)text[1]) && isdigit((unsigned char)text[2]) &&
           isdigit((unsigned char)text[4]) && isdigit((unsigned char)text[5]) &&
           number_at(text + 1, 2) <= 23 && number_at(text + 4, 2) <= 59;
}

zend_string *php_dora_date_text(const zend_string *text)
{
    const char *const bytes = ZSTR_VAL(text);
    const size_t len = ZSTR_LEN(text);
    size_t at = FORM_LEN;

    if (len <= FORM_LEN || !has_form(bytes) || !is_time(bytes)) {
        return NULL;
    }
    if (bytes[at] == '.') {
        do {
            at++;
        } while (at < len && isdigit((unsigned char)bytes[at]));
        if (at == FORM_LEN + 1) {
            return NULL;
        }
    }
    if (!is_zone(bytes + at, len - at)) {
        return NULL;
    }
    const size_t kept = MIN(at, FORM_LEN + FRACTION_LEN);
    zend_string *plain = zend_string_concat2(bytes, kept, bytes + at, len - at);
    ZSTR_VAL(plain)[FORM_LEN - sizeof("dd:dd:dd")] = 'T';
    if (len - at == 1) {
        ZSTR_VAL(plain)[kept] = 'Z';
    }
    return plain;
}

zend_class_entry *php_dora_date_class(zend_class_entry *declared)
{
    return declared == php_date_get_interface_ce() ? php_date_get_immutable_ce() : declared;
}
