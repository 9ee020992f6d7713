/* options.c: arrays of options to what they mean. */
#include "options.h"

#include <math.h>

#include "ext/json/php_json.h"
#include "zend_smart_str.h"

#include <dora/server.h>

bool php_dora_seconds(double seconds, uint32_t *ms)
{
    if (!(seconds > 0.0 && seconds <= PHP_DORA_SECONDS_MAX)) { /* NAN is neither */
        return false;
    }
    *ms = (uint32_t)ceil(seconds * 1000.0);
    return true;
}

void php_dora_seconds_refuse(double seconds, uint32_t arg, const char *option)
{
    const bool is_large = seconds > PHP_DORA_SECONDS_MAX;

    if (option == NULL && is_large) {
        zend_argument_value_error(arg, "must be " PHP_DORA_SECONDS_WANTED ", %.*H is too large", -1,
                                  seconds);
    } else if (option == NULL) {
        zend_argument_value_error(arg, "must be " PHP_DORA_SECONDS_WANTED);
    } else if (is_large) {
        zend_argument_value_error(
            arg, "must have " PHP_DORA_SECONDS_WANTED " as \"%s\", %.*H is too large", option, -1,
            seconds);
    } else {
        zend_argument_value_error(arg, "must have " PHP_DORA_SECONDS_WANTED " as \"%s\"", option);
    }
}

static bool seconds_read(uint32_t *ms, zval *value, uint32_t arg, const char *name)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG && Z_TYPE_P(value) != IS_DOUBLE) {
        zend_argument_type_error(arg, "must have a number of seconds as \"%s\"", name);
        return false;
    }
    if (!php_dora_seconds(zval_get_double(value), ms)) {
        php_dora_seconds_refuse(zval_get_double(value), arg, name);
        return false;
    }
    return true;
}

static bool timeout_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return seconds_read(&options->timeout_ms, value, arg, "timeout");
}

static bool idle_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return seconds_read(&options->idle_ms, value, arg, "idle");
}

static bool window_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG || Z_LVAL_P(value) < 1 ||
        Z_LVAL_P(value) > PHP_DORA_WINDOW_MAX) {
        zend_argument_value_error(arg, "must have an int of 1 to %d as \"window\"",
                                  PHP_DORA_WINDOW_MAX);
        return false;
    }
    options->window = (uint32_t)Z_LVAL_P(value);
    return true;
}

static bool retry_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG || Z_LVAL_P(value) < 0 || Z_LVAL_P(value) > INT32_MAX) {
        zend_argument_value_error(arg, "must have an int of 0 or more as \"retry\"");
        return false;
    }
    options->retry = (int32_t)Z_LVAL_P(value);
    return true;
}

static bool wait_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    const double seconds = zval_get_double(value);
    const bool is_number = Z_TYPE_P(value) == IS_LONG || Z_TYPE_P(value) == IS_DOUBLE;
    if (!is_number || !(seconds >= 0.0 && seconds <= PHP_DORA_SECONDS_MAX)) {
        zend_argument_value_error(arg, "must have 0 to 2147483 seconds as \"wait\"");
        return false;
    }
    options->wait_ms = (int32_t)ceil(seconds * 1000.0);
    return true;
}

static bool text_read(zend_string **text, zval *value, uint32_t arg, const char *name)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_STRING || zend_str_has_nul_byte(Z_STR_P(value))) {
        zend_argument_type_error(arg, "must have a string without NUL bytes as \"%s\"", name);
        return false;
    }
    *text = Z_STR_P(value);
    return true;
}

static bool priority_read(php_dora_options *options, zval *value, uint32_t arg)
{
    zend_string *word = NULL;

    if (!text_read(&word, value, arg, "priority")) {
        return false;
    }
    if (word != NULL && !dora_priority_find(php_dora_slice(word), &options->priority)) {
        zend_argument_value_error(
            arg, "must have \"low\", \"normal\" or \"high\" as \"priority\", not \"%s\"",
            ZSTR_VAL(word));
        return false;
    }
    return true;
}

static bool group_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return text_read(&options->group, value, arg, "group");
}

static bool trace_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return text_read(&options->trace, value, arg, "trace");
}

static bool salt_read(php_dora_options *options, zval *value, uint32_t arg)
{
    zend_string *salt = NULL;

    if (!text_read(&salt, value, arg, "salt")) {
        return false;
    }
    if (salt != NULL) {
        options->salt = ZSTR_VAL(salt);
    }
    return true;
}

static bool token_read(php_dora_options *options, zval *value, uint32_t arg)
{
    zend_string *token = NULL;

    if (!text_read(&token, value, arg, "token")) {
        return false;
    }
    options->token = token != NULL ? ZSTR_VAL(token) : NULL;
    return true;
}

static bool sign_read(php_dora_options *options, zval *value, uint32_t arg)
{
    (void)arg;
    options->sign = zend_is_true(value);
    return true;
}

static bool gzip_read(php_dora_options *options, zval *value, uint32_t arg)
{
    (void)arg;
    options->gzip = zend_is_true(value);
    return true;
}

static bool bytes_max_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) != IS_LONG || Z_LVAL_P(value) <= 0) {
        zend_argument_value_error(arg, "must have a positive int as \"bytesMax\"");
        return false;
    }
    options->bytes_max = (size_t)Z_LVAL_P(value);
    return true;
}

static bool frame_bytes_max_read(php_dora_options *options, zval *value, uint32_t arg)
{
    if (Z_TYPE_P(value) == IS_NULL) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_LONG) {
        zend_argument_type_error(arg, "must have an int as \"frame_bytes_max\", not %s",
                                 zend_zval_type_name(value));
        return false;
    }
    if (Z_LVAL_P(value) < PHP_DORA_FRAME_BYTES_MIN || Z_LVAL_P(value) > PHP_DORA_FRAME_BYTES_MAX) {
        zend_argument_value_error(
            arg, "must have %d to %d bytes as \"frame_bytes_max\", not " ZEND_LONG_FMT,
            PHP_DORA_FRAME_BYTES_MIN, PHP_DORA_FRAME_BYTES_MAX, Z_LVAL_P(value));
        return false;
    }
    options->bytes_max = (size_t)Z_LVAL_P(value);
    return true;
}

static bool callable_read(zval **callable, zval *value, uint32_t arg, const char *name)
{
    if (Z_TYPE_P(value) != IS_NULL && !zend_is_callable(value, 0, NULL)) {
        zend_argument_type_error(arg, "must have a callable or null as \"%s\", %s given", name,
                                 zend_zval_type_name(value));
        return false;
    }
    *callable = Z_TYPE_P(value) != IS_NULL ? value : NULL;
    return true;
}

static bool encode_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return callable_read(&options->encode, value, arg, "encode");
}

static bool on_progress_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return callable_read(&options->on_progress, value, arg, "onProgress");
}

static bool tls_read(php_dora_options *options, zval *value, uint32_t arg)
{
    (void)arg;
    options->tls.is_all = zend_is_true(value);
    return true;
}

static bool tls_text_read(php_dora_options *options, size_t which, zval *value, uint32_t arg,
                          const char *name)
{
    zend_string *text = NULL;

    if (!text_read(&text, value, arg, name)) {
        return false;
    }
    if (text != NULL && ZSTR_LEN(text) == 0) {
        zend_argument_value_error(arg, "must not have an empty \"%s\"", name);
        return false;
    }
    options->tls.texts[which] = text != NULL ? ZSTR_VAL(text) : NULL;
    return true;
}

static bool tls_ca_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return tls_text_read(options, PHP_DORA_TLS_CA, value, arg, "tls_ca");
}

static bool tls_crl_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return tls_text_read(options, PHP_DORA_TLS_CRL, value, arg, "tls_crl");
}

static bool tls_cert_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return tls_text_read(options, PHP_DORA_TLS_CERT, value, arg, "tls_cert");
}

static bool tls_key_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return tls_text_read(options, PHP_DORA_TLS_KEY, value, arg, "tls_key");
}

static bool tls_name_read(php_dora_options *options, zval *value, uint32_t arg)
{
    return tls_text_read(options, PHP_DORA_TLS_NAME, value, arg, "tls_name");
}

static const struct option {
    const char *name;
    unsigned kind;
    bool (*read)(php_dora_options *options, zval *value, uint32_t arg);
} known[] = {
    {"timeout", PHP_DORA_OPTION_CALL, timeout_read},
    {"retry", PHP_DORA_OPTION_CALL, retry_read},
    {"wait", PHP_DORA_OPTION_CALL, wait_read},
    {"trace", PHP_DORA_OPTION_TRACE, trace_read},
    {"priority", PHP_DORA_OPTION_CALL, priority_read},
    {"group", PHP_DORA_OPTION_CALL, group_read},
    {"sign", PHP_DORA_OPTION_WIRE, sign_read},
    {"salt", PHP_DORA_OPTION_WIRE, salt_read},
    {"gzip", PHP_DORA_OPTION_WIRE, gzip_read},
    {"frame_bytes_max", PHP_DORA_OPTION_FRAME, frame_bytes_max_read},
    {"token", PHP_DORA_OPTION_FRAME, token_read},
    {"tls", PHP_DORA_OPTION_TLS, tls_read},
    {"tls_ca", PHP_DORA_OPTION_TLS, tls_ca_read},
    {"tls_crl", PHP_DORA_OPTION_TLS, tls_crl_read},
    {"tls_cert", PHP_DORA_OPTION_TLS, tls_cert_read},
    {"tls_key", PHP_DORA_OPTION_TLS, tls_key_read},
    {"tls_name", PHP_DORA_OPTION_TLS, tls_name_read},
    {"encode", PHP_DORA_OPTION_ENCODE, encode_read},
    {"window", PHP_DORA_OPTION_STREAM, window_read},
    {"idle", PHP_DORA_OPTION_STREAM, idle_read},
    {"onProgress", PHP_DORA_OPTION_STREAM, on_progress_read},
    {"bytesMax", PHP_DORA_OPTION_BYTES_MAX, bytes_max_read},
};

static void refuse_unknown(const zend_string *key, uint32_t arg, unsigned allowed)
{
    smart_str names = {0};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].kind & allowed) {
            smart_str_appends(&names, names.s != NULL ? ", " : "");
            smart_str_appends(&names, known[i].name);
        }
    }
    smart_str_0(&names);
    zend_argument_value_error(arg, "must not have an unknown option \"%s\" (there are: %s)",
                              ZSTR_VAL(key), ZSTR_VAL(names.s));
    smart_str_free(&names);
}

static bool option_read(php_dora_options *options, zend_string *key, zval *value, uint32_t arg,
                        unsigned allowed)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if ((known[i].kind & allowed) &&
            zend_string_equals_cstr(key, known[i].name, strlen(known[i].name))) {
            return known[i].read(options, value, arg);
        }
    }
    refuse_unknown(key, arg, allowed);
    return false;
}

bool php_dora_options_read(php_dora_options *options, HashTable *given, uint32_t arg,
                           unsigned allowed)
{
    zend_string *key;
    zval *value;

    if (given == NULL) {
        return true;
    }
    ZEND_HASH_FOREACH_STR_KEY_VAL(given, key, value)
    {
        if (key == NULL) {
            zend_argument_value_error(arg, "must have names of options as keys");
            return false;
        }
        ZVAL_DEREF(value);
        if (!option_read(options, key, value, arg, allowed)) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

/* The flags of `dora serve`. All other options are keys of a configuration file, which the core
 * knows. */
static const char *const flags[] = {"config", "host",    "port",  "http",  "unix",
                                    "admin",  "workers", "redis", "group", "advertise"};

static bool is_flag(const zend_string *key)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (zend_string_equals_cstr(key, flags[i], strlen(flags[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_list(const zval *value)
{
    return Z_TYPE_P(value) == IS_ARRAY && zend_array_is_list(Z_ARRVAL_P(value));
}

/* Makes room for `more` arguments and the NULL at the end. */
static void argv_reserve(php_dora_run_options *self, int more)
{
    size_t count = (size_t)(self->argc + more + 1);

    self->argv = safe_erealloc(self->argv, count, sizeof(char *), 0);
}

static void argv_add(php_dora_run_options *self, const char *text)
{
    argv_reserve(self, 1);
    self->argv[self->argc++] = estrdup(text);
    self->argv[self->argc] = NULL;
}

static bool argv_add_value(php_dora_run_options *self, const char *flag, zval *value)
{
    ZVAL_DEREF(value);
    if (Z_TYPE_P(value) != IS_STRING && Z_TYPE_P(value) != IS_LONG &&
        Z_TYPE_P(value) != IS_DOUBLE) {
        zend_argument_type_error(1, "must have strings and numbers as values of \"%s\"", flag + 2);
        return false;
    }
    if (Z_TYPE_P(value) == IS_STRING && zend_str_has_nul_byte(Z_STR_P(value))) {
        zend_argument_value_error(1, "must not have a NUL byte in \"%s\"", flag + 2);
        return false;
    }
    zend_string *text = php_dora_text_of(value);
    argv_add(self, flag);
    argv_add(self, ZSTR_VAL(text));
    zend_string_release(text);
    return true;
}

static bool argv_add_flag(php_dora_run_options *self, zend_string *key, zval *value)
{
    char flag[64];
    bool added = true;

    snprintf(flag, sizeof(flag), "--%s", ZSTR_VAL(key));
    if (Z_TYPE_P(value) == IS_FALSE) {
        return true;
    }
    if (Z_TYPE_P(value) != IS_ARRAY) {
        return argv_add_value(self, flag, value);
    }
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(value), value)
    {
        added = added && argv_add_value(self, flag, value);
    }
    ZEND_HASH_FOREACH_END();
    return added;
}

/* Writes what is no flag as JSON, and asks the core whether it is allowed. */
static bool settings_write(php_dora_run_options *self, zval *settings, const char *door)
{
    dora_error error = {0};

    if (php_json_encode(&self->settings, settings, PHP_JSON_PRESERVE_ZERO_FRACTION) != SUCCESS) {
        zend_value_error("%s: the options have a value that JSON has no form for", door);
        return false;
    }
    smart_str_0(&self->settings);
    if (dora_options_check("php", ZSTR_VAL(self->settings.s), door, &error) != DORA_OK) {
        zend_value_error("%s", error.msg);
        return false;
    }
    return true;
}

bool php_dora_run_options_init(php_dora_run_options *self, HashTable *given, const char *file,
                               const char *door)
{
    zend_string *key;
    zval *value;
    zval settings;
    bool is_good = true;

    memset(self, 0, sizeof(*self));
    argv_add(self, "dora");
    argv_add(self, "serve");
    if (file != NULL) {
        argv_add(self, file);
    }
    if (given == NULL) {
        return true;
    }
    array_init(&settings);
    ZEND_HASH_FOREACH_STR_KEY_VAL(given, key, value)
    {
        ZVAL_DEREF(value);
        if (key == NULL) {
            zend_argument_value_error(1, "must have names of options as keys");
            is_good = false;
        } else if (Z_TYPE_P(value) == IS_NULL) {
            continue; /* as if it were not there */
        } else if (is_flag(key) && (Z_TYPE_P(value) != IS_ARRAY || is_list(value))) {
            is_good = argv_add_flag(self, key, value);
        } else {
            Z_TRY_ADDREF_P(value);
            zend_hash_update(Z_ARRVAL(settings), key, value);
        }
        if (!is_good) {
            break;
        }
    }
    ZEND_HASH_FOREACH_END();
    if (is_good && zend_hash_num_elements(Z_ARRVAL(settings)) > 0) {
        is_good = settings_write(self, &settings, door);
    }
    zval_ptr_dtor(&settings);
    return is_good;
}

void php_dora_run_options_fini(php_dora_run_options *self)
{
    for (int i = 0; i < self->argc; i++) {
        efree(self->argv[i]);
    }
    if (self->argv != NULL) {
        efree(self->argv);
    }
    smart_str_free(&self->settings);
}
