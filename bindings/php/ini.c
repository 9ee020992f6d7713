/* ini.c: the extension's settings: reading and checking them. */
#include "ini.h"

#include "php_ini.h"

#include "options.h"

static const char *text_of(const zend_string *value)
{
    return value != NULL ? ZSTR_VAL(value) : "";
}

/* PHP takes any text for a switch, so that "ture" is off. Here it is an error. */
static bool is_switch(zend_string *value)
{
    static const char *const words[] = {"", "0", "1", "on", "off", "yes", "no", "true", "false"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text_of(value), words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse(zend_ini_entry *entry, const zend_string *value, const char *want)
{
    php_error_docref(NULL, E_WARNING, "%s must be %s, not \"%s\"", ZSTR_VAL(entry->name), want,
                     text_of(value));
    return FAILURE;
}

static PHP_INI_MH(on_switch)
{
    bool *into = mh_arg1 != NULL ? &DORA_G(sign) : &DORA_G(gzip);

    if (!is_switch(new_value)) {
        return refuse(entry, new_value, "on or off");
    }
    *into = new_value != NULL && zend_ini_parse_bool(new_value);
    return SUCCESS;
}

static PHP_INI_MH(on_salt)
{
    if (new_value != NULL && zend_str_has_nul_byte(new_value)) {
        return refuse(entry, new_value, "a text without NUL bytes");
    }
    DORA_G(salt) = text_of(new_value);
    return SUCCESS;
}

static PHP_INI_MH(on_tls)
{
    const size_t which = (size_t)(uintptr_t)mh_arg1;

    if (new_value != NULL && zend_str_has_nul_byte(new_value)) {
        return refuse(entry, new_value, "a text without NUL bytes");
    }
    DORA_G(tls)[which] = text_of(new_value);
    return SUCCESS;
}

static PHP_INI_MH(on_timeout)
{
    double seconds = 0.0;
    zend_long whole = 0;
    zend_uchar type = 0;

    if (new_value != NULL) {
        type = is_numeric_string(ZSTR_VAL(new_value), ZSTR_LEN(new_value), &whole, &seconds, false);
    }
    if (type == IS_LONG) {
        seconds = (double)whole;
    }
    if (type == 0 || !php_dora_seconds(seconds, &DORA_G(timeout_ms))) {
        return refuse(entry, new_value, PHP_DORA_SECONDS_WANTED);
    }
    return SUCCESS;
}

/* 4M and the like are numbers in php.ini. */
static bool bytes_read(zend_string *text, zend_long *bytes)
{
#if PHP_VERSION_ID >= 80200
    zend_string *fault = NULL;
    *bytes = zend_ini_parse_quantity(text, &fault);
    const bool is_whole = fault == NULL;
    if (!is_whole) {
        zend_string_release(fault);
    }
    return is_whole;
#else
    /* What PHP 8.1 reads says nothing of what it leaves out. */
    const size_t digits = strspn(ZSTR_VAL(text), "0123456789");
    const char *unit = ZSTR_VAL(text) + digits;
    *bytes = zend_atol(ZSTR_VAL(text), ZSTR_LEN(text));
    return digits > 0 && digits < 10 && strlen(unit) <= 1 && strspn(unit, "kKmMgG") == strlen(unit);
#endif
}

static PHP_INI_MH(on_frame_bytes_max)
{
    static const char want[] = "a number of bytes from 1024 to 67108864 (64M)";
    zend_long bytes = 0;

    if (new_value == NULL || ZSTR_LEN(new_value) == 0) {
        return refuse(entry, new_value, want);
    }
    if (!bytes_read(new_value, &bytes) || bytes < PHP_DORA_FRAME_BYTES_MIN ||
        bytes > PHP_DORA_FRAME_BYTES_MAX) {
        return refuse(entry, new_value, want);
    }
    DORA_G(frame_bytes_max) = (size_t)bytes;
    return SUCCESS;
}

#define TLS_ENTRY(name, which)                                                                     \
    PHP_INI_ENTRY1(name, "", PHP_INI_ALL, on_tls, (void *)(uintptr_t)(which))

PHP_INI_BEGIN()
PHP_INI_ENTRY1_EX("dora.sign", "0", PHP_INI_ALL, on_switch, "sign", zend_ini_boolean_displayer_cb)
PHP_INI_ENTRY("dora.salt", "=&$*#@(*&%(@", PHP_INI_ALL, on_salt)
PHP_INI_ENTRY1_EX("dora.gzip", "0", PHP_INI_ALL, on_switch, NULL, zend_ini_boolean_displayer_cb)
PHP_INI_ENTRY("dora.timeout", "3.0", PHP_INI_ALL, on_timeout)
PHP_INI_ENTRY("dora.frame_bytes_max", "2097152", PHP_INI_ALL, on_frame_bytes_max)
TLS_ENTRY("dora.tls_ca", PHP_DORA_TLS_CA)
TLS_ENTRY("dora.tls_crl", PHP_DORA_TLS_CRL)
TLS_ENTRY("dora.tls_cert", PHP_DORA_TLS_CERT)
TLS_ENTRY("dora.tls_key", PHP_DORA_TLS_KEY)
TLS_ENTRY("dora.tls_name", PHP_DORA_TLS_NAME)
PHP_INI_END()

void php_dora_ini_register(int module_number, int type)
{
    (void)type;
    REGISTER_INI_ENTRIES();
}

void php_dora_ini_unregister(int module_number, int type)
{
    (void)type;
    UNREGISTER_INI_ENTRIES();
}

void php_dora_ini_display(zend_module_entry *module)
{
    display_ini_entries(module);
}
