/* rpc_server_settings.c: the original's settings: names, types, defaults, and which count here. */
#include "rpc_server_settings.h"

#include "zend_smart_str.h"

/* Of what a setting is. */
typedef enum setting_kind { NUMBER, SWITCH, TEXT, LIST } setting_kind;

typedef struct setting {
    const char *name;
    setting_kind kind;
    bool has_meaning; /* here; others are taken and listed in the log */
    bool has_default; /* `number`, or `text` */
    zend_long number;
    const char *text;
    zend_long min; /* both 0: any number */
    zend_long max;
} setting;

#define FRAME_BYTES_MAX (64 * 1024 * 1024) /* PROTOCOL.md, "Limits" */

static const setting HTTP[] = {
    {"dispatch_mode", NUMBER, false, true, 3, NULL, 0, 0},
    {"package_max_length", NUMBER, true, true, 2097152, NULL, 1024, FRAME_BYTES_MAX},
    {"buffer_output_size", NUMBER, false, true, 3145728, NULL, 0, 0},
    {"pipe_buffer_size", NUMBER, false, true, 33554432, NULL, 0, 0},
    {"open_tcp_nodelay", SWITCH, false, true, 1, NULL, 0, 0},
    {"heartbeat_check_interval", NUMBER, false, true, 5, NULL, 0, 0},
    {"heartbeat_idle_time", NUMBER, true, true, 10, NULL, 0, 86400},
    {"open_cpu_affinity", SWITCH, false, true, 1, NULL, 0, 0},
    {"reactor_num", NUMBER, true, false, 0, NULL, 0, 64},
    {"worker_num", NUMBER, true, true, 40, NULL, 0, 100000},
    {"task_worker_num", NUMBER, true, true, 20, NULL, 1, 512},
    {"max_request", NUMBER, false, true, 0, NULL, 0, 0},
    {"task_max_request", NUMBER, true, true, 4000, NULL, 0, 1000000000},
    {"log_level", NUMBER, false, true, 2, NULL, 0, 0},
    {"backlog", NUMBER, true, true, 3000, NULL, 1, 65535},
    {"log_file", TEXT, false, true, 0, "/tmp/sw_server.log", 0, 0},
    {"task_tmpdir", TEXT, false, true, 0, "/dev/shm/swtask/", 0, 0},
    {"daemonize", SWITCH, true, false, 0, NULL, 0, 0},
    {"user", TEXT, false, false, 0, NULL, 0, 0},
    {"group", TEXT, false, false, 0, NULL, 0, 0},
    {"pid_path", TEXT, true, false, 0, NULL, 0, 0}, /* of releases before `dora` had it */
    {"response_header", LIST, false, false, 0, NULL, 0, 0},
    {NULL, NUMBER, false, false, 0, NULL, 0, 0},
};

static const setting TCP[] = {
    {"open_length_check", SWITCH, false, true, 1, NULL, 0, 0},
    {"package_length_type", TEXT, false, true, 0, "N", 0, 0},
    {"package_length_offset", NUMBER, false, true, 0, NULL, 0, 0},
    {"package_body_offset", NUMBER, false, true, 4, NULL, 0, 0},
    {"package_max_length", NUMBER, true, true, 2097152, NULL, 1024, FRAME_BYTES_MAX},
    {"buffer_output_size", NUMBER, false, true, 3145728, NULL, 0, 0},
    {"pipe_buffer_size", NUMBER, false, true, 33554432, NULL, 0, 0},
    {"open_tcp_nodelay", SWITCH, false, true, 1, NULL, 0, 0},
    {"backlog", NUMBER, true, true, 3000, NULL, 1, 65535},
    {NULL, NUMBER, false, false, 0, NULL, 0, 0},
};

static const setting DORA[] = {
    {"pid_path", TEXT, true, true, 0, "/tmp/", 0, 0},
    {"master_pid", TEXT, true, true, 0, "doramaster.pid", 0, 0},
    {"manager_pid", TEXT, true, true, 0, "doramanager.pid", 0, 0},
    {"log_level", NUMBER, true, true, 4, NULL, 1, 9},
    {"log_dump_type", TEXT, false, true, 0, "file", 0, 0},
    {"log_path", TEXT, true, true, 0, "/tmp/bizlog/", 0, 0},
    {"control_allow", LIST, true, false, 0, NULL, 0, 0}, /* Dora's own: control.allow */
    {NULL, NUMBER, false, false, 0, NULL, 0, 0},
};

static const char *const NAMES[PHP_DORA_RPC_SECTIONS] = {"http", "tcp", "dora"};
static const setting *const TABLES[PHP_DORA_RPC_SECTIONS] = {HTTP, TCP, DORA};

int php_dora_rpc_section_of(const zend_string *name)
{
    for (int i = 0; i < PHP_DORA_RPC_SECTIONS; i++) {
        if (strcmp(ZSTR_VAL(name), NAMES[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static const setting *setting_find(int section, const char *name)
{
    for (const setting *known = TABLES[section]; known->name != NULL; known++) {
        if (strcmp(name, known->name) == 0) {
            return known;
        }
    }
    return NULL;
}

static void default_of(const setting *known, zval *value)
{
    if (known->kind == TEXT) {
        ZVAL_STRING(value, known->text);
    } else {
        ZVAL_LONG(value, known->number);
    }
}

void php_dora_rpc_settings_fill(int section, zval *all)
{
    SEPARATE_ARRAY(all);
    for (const setting *known = TABLES[section]; known->name != NULL; known++) {
        zval *value = zend_hash_str_find_deref(Z_ARRVAL_P(all), known->name, strlen(known->name));
        if (known->has_default && (value == NULL || Z_TYPE_P(value) == IS_NULL)) {
            zval usual;
            default_of(known, &usual);
            add_assoc_zval(all, known->name, &usual);
        }
    }
}

/* Numbers may stand in strings: programs read them from files and from the command line. */
static bool number_of(const zval *value, zend_long *number)
{
    double fraction = 0;

    if (Z_TYPE_P(value) == IS_LONG) {
        *number = Z_LVAL_P(value);
        return true;
    }
    if (Z_TYPE_P(value) == IS_DOUBLE) {
        *number = zend_dval_to_lval(Z_DVAL_P(value));
        return (double)*number == Z_DVAL_P(value);
    }
    return Z_TYPE_P(value) == IS_STRING && is_numeric_string(Z_STRVAL_P(value), Z_STRLEN_P(value),
                                                             number, &fraction, false) == IS_LONG;
}

static bool is_scalar(const zval *value)
{
    return Z_TYPE_P(value) == IS_TRUE || Z_TYPE_P(value) == IS_FALSE ||
           Z_TYPE_P(value) == IS_LONG || Z_TYPE_P(value) == IS_DOUBLE ||
           Z_TYPE_P(value) == IS_STRING;
}

static bool is_text(const setting *known, const zval *value)
{
    return Z_TYPE_P(value) == IS_STRING && !zend_str_has_nul_byte(Z_STR_P(value)) &&
           (Z_STRLEN_P(value) > 0 || !known->has_meaning);
}

static bool value_check(int section, const setting *known, const zval *value)
{
    const char *expected = NULL;
    zend_long number = 0;

    switch (known->kind) {
    case TEXT:
        expected = is_text(known, value) ? NULL : "a string that is not empty, without NUL bytes";
        break;
    case LIST:
        expected = Z_TYPE_P(value) == IS_ARRAY ? NULL : "an array";
        break;
    case SWITCH: /* Swoole asked whether it was true: so is "yes" */
        expected = is_scalar(value) ? NULL : "true or false";
        break;
    case NUMBER:
        expected = number_of(value, &number) ? NULL : "a whole number";
        break;
    }
    if (expected != NULL) {
        zend_type_error("%s setting \"%s\" must be %s, not %s", NAMES[section], known->name,
                        expected, zend_zval_type_name(value));
    }
    return expected == NULL;
}

/* The number that counts: what is out of bounds is the nearest that is not. */
static zend_long bounded(const setting *known, zend_long number)
{
    if (known->min == 0 && known->max == 0) {
        return number;
    }
    return number < known->min ? known->min : number > known->max ? known->max : number;
}

static bool section_check(int section, const zval *all)
{
    zend_string *name;
    zval *value;

    ZEND_HASH_FOREACH_STR_KEY_VAL(Z_ARRVAL_P(all), name, value)
    {
        const setting *known = name != NULL ? setting_find(section, ZSTR_VAL(name)) : NULL;
        ZVAL_DEREF(value);
        if (known != NULL && Z_TYPE_P(value) != IS_NULL && !value_check(section, known, value)) {
            return false;
        }
    }
    ZEND_HASH_FOREACH_END();
    return true;
}

bool php_dora_rpc_settings_check(const php_dora_rpc_section *sections)
{
    for (int i = 0; i < PHP_DORA_RPC_SECTIONS; i++) {
        if (!section_check(i, sections[i].all)) {
            return false;
        }
    }
    return true;
}

static zval *value_of(const php_dora_rpc_section *section, const char *name)
{
    return zend_hash_str_find_deref(Z_ARRVAL_P(section->all), name, strlen(name));
}

zend_long php_dora_rpc_setting_number(const php_dora_rpc_section *section, const char *name)
{
    const setting *known = setting_find(section->number, name);
    zval *value = value_of(section, name);

    if (value == NULL || known == NULL) {
        return 0;
    }
    return known->kind == SWITCH ? zend_is_true(value) : bounded(known, zval_get_long(value));
}

zval *php_dora_rpc_setting_list(const php_dora_rpc_section *section, const char *name)
{
    zval *value = value_of(section, name);
    return value != NULL && Z_TYPE_P(value) == IS_ARRAY ? value : NULL;
}

const char *php_dora_rpc_setting_text(const php_dora_rpc_section *section, const char *name)
{
    return Z_STRVAL_P(value_of(section, name));
}

bool php_dora_rpc_setting_is_given(const php_dora_rpc_section *sections, int section,
                                   const char *name)
{
    const setting *known = setting_find(section, name);
    HashTable *given = Z_ARRVAL_P(sections[section].given);
    zval *own = zend_hash_str_find_deref(given, name, strlen(name));
    zval *value = value_of(&sections[section], name);
    zval usual;

    if (value == NULL || (own != NULL && Z_TYPE_P(own) != IS_NULL)) {
        return value != NULL;
    }
    if (known == NULL || !known->has_default) {
        return Z_TYPE_P(value) != IS_NULL;
    }
    default_of(known, &usual); /* the program may have written to the property */
    bool is_same = zend_is_identical(&usual, value);
    zval_ptr_dtor(&usual);
    return !is_same;
}

static void name_add(smart_str *list, const char *section, const char *name)
{
    smart_str_appends(list, list->s != NULL ? ", " : "");
    smart_str_append_printf(list, "%s%s%s", section, section[0] != '\0' ? "." : "", name);
}

/* Notes what of one section does not count as it stands. */
static void section_notes(const php_dora_rpc_section *sections, int section, smart_str *unused,
                          smart_str *unknown, smart_str *limited)
{
    zend_string *name;
    zval *value;

    ZEND_HASH_FOREACH_STR_KEY_VAL(Z_ARRVAL_P(sections[section].all), name, value)
    {
        const char *text = name != NULL ? ZSTR_VAL(name) : "(a number)";
        const setting *known = setting_find(section, text);
        zend_long number = 0;
        ZVAL_DEREF(value);
        if (known == NULL) {
            name_add(unknown, NAMES[section], text);
        } else if (!known->has_meaning) {
            if (php_dora_rpc_setting_is_given(sections, section, text)) {
                name_add(unused, NAMES[section], text);
            }
        } else if (known->kind == NUMBER && number_of(value, &number) &&
                   bounded(known, number) != number) {
            name_add(limited, NAMES[section], text);
            smart_str_append_printf(limited, " " ZEND_LONG_FMT " is taken for " ZEND_LONG_FMT,
                                    number, bounded(known, number));
        }
    }
    ZEND_HASH_FOREACH_END();
}

php_dora_rpc_notes php_dora_rpc_settings_notes(const php_dora_rpc_section *sections,
                                               zval *sections_unknown)
{
    smart_str unused = {0};
    smart_str unknown = {0};
    smart_str limited = {0};
    zval *section;

    for (int i = 0; i < PHP_DORA_RPC_SECTIONS; i++) {
        section_notes(sections, i, &unused, &unknown, &limited);
    }
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(sections_unknown), section)
    {
        name_add(&unknown, "", Z_STRVAL_P(section));
    }
    ZEND_HASH_FOREACH_END();
    return (php_dora_rpc_notes){smart_str_extract(&unused), smart_str_extract(&unknown),
                                smart_str_extract(&limited)};
}
