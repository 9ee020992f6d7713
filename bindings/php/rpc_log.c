/* rpc_log.c: DoraRPC\LogAgent: records to the server's log, or to PHP's own. */
#include "rpc_log.h"

#include <sys/time.h>

#include "ext/json/php_json.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"

#include "exception.h"

#define LEVEL_MIN DORA_LOG_DEBUG
#define LEVEL_MAX DORA_LOG_PERFORMANCE
#define JSON_OPTIONS                                                                               \
    (PHP_JSON_UNESCAPED_SLASHES | PHP_JSON_UNESCAPED_UNICODE | PHP_JSON_PARTIAL_OUTPUT_ON_ERROR |  \
     PHP_JSON_INVALID_UTF8_SUBSTITUTE | PHP_JSON_PRESERVE_ZERO_FRACTION)

zend_class_entry *php_dora_log_agent_ce;

/* The level lives as long as a static of PHP code: over a worker's tasks, not over FPM's requests.
 */
static zval *level_slot(void)
{
    zval *slot = CE_STATIC_MEMBERS(php_dora_log_agent_ce);
    if (slot == NULL) {
        zend_class_init_statics(php_dora_log_agent_ce);
        slot = CE_STATIC_MEMBERS(php_dora_log_agent_ce);
    }
    return slot;
}

void php_dora_log_level_set(zend_long level)
{
    ZVAL_LONG(level_slot(), level);
    (void)dora_log_level_set((int)level); /* in a server, which drops by its own level else */
}

static bool is_wanted(zend_long level)
{
    bool is_error = level >= DORA_LOG_ERROR && level <= DORA_LOG_EXCEPTION;
    return is_error || level <= Z_LVAL_P(level_slot());
}

/* One record as the original wrote it, for a process without a server. */
static void write_to_php(zend_long level, zend_string *tag, zend_string *file, zend_long line,
                         zval *msg)
{
    struct timeval now;
    smart_str text = {0};
    zval name;

    gettimeofday(&now, NULL);
    smart_str_append_printf(&text, "{\"v\":" ZEND_LONG_FMT ",\"e\":%ld.%06ld,\"g\":", level,
                            (long)now.tv_sec, (long)now.tv_usec);
    ZVAL_STR(&name, tag);
    php_json_encode(&text, &name, JSON_OPTIONS);
    smart_str_appends(&text, ",\"p\":");
    ZVAL_STR(&name, file);
    php_json_encode(&text, &name, JSON_OPTIONS);
    smart_str_append_printf(&text, ",\"l\":" ZEND_LONG_FMT ",\"m\":", line);
    php_json_encode(&text, msg, JSON_OPTIONS);
    smart_str_appendc(&text, '}');
    smart_str_0(&text);
    php_log_err(ZSTR_VAL(text.s));
    smart_str_free(&text);
}

/* Sends a record to the server. Returns: false where there is none. */
static bool write_to_server(zend_long level, zend_string *tag, zend_string *file, zend_long line,
                            zval *msg)
{
    uint32_t place = line > 0 && line <= (zend_long)UINT32_MAX ? (uint32_t)line : 0;
    smart_str text = {0};

    if (Z_TYPE_P(msg) == IS_STRING) {
        return dora_log((int)level, ZSTR_VAL(tag), ZSTR_VAL(file), place, Z_STRVAL_P(msg),
                        Z_STRLEN_P(msg));
    }
    php_json_encode(&text, msg, JSON_OPTIONS);
    zend_string *json = smart_str_extract(&text);
    bool is_sent = dora_log_value((int)level, ZSTR_VAL(tag), ZSTR_VAL(file), place, ZSTR_VAL(json),
                                  ZSTR_LEN(json));
    zend_string_release(json);
    return is_sent;
}

PHP_METHOD(DoraRPC_LogAgent, recordLog)
{
    zval *args[5]; /* level, tag, file, line, msg */
    zval shown;

    /* A call that logs must not fail over the type of what it says, under strict_types either. */
    ZEND_PARSE_PARAMETERS_START(5, 5)
    Z_PARAM_ZVAL(args[0])
    Z_PARAM_ZVAL(args[1])
    Z_PARAM_ZVAL(args[2])
    Z_PARAM_ZVAL(args[3])
    Z_PARAM_ZVAL(args[4])
    ZEND_PARSE_PARAMETERS_END();
    zend_long level = zval_get_long(args[0]);
    level = level < LEVEL_MIN ? LEVEL_MIN : level > LEVEL_MAX ? LEVEL_MAX : level;
    if (!is_wanted(level)) {
        return;
    }
    ZVAL_COPY(&shown, args[4]);
    if (Z_TYPE(shown) == IS_OBJECT && instanceof_function(Z_OBJCE(shown), zend_ce_throwable)) {
        zend_string *text = php_dora_exception_text(Z_OBJ(shown));
        zval_ptr_dtor(&shown);
        ZVAL_STR(&shown, text);
    }
    zend_string *tag = zval_get_string(args[1]);
    zend_string *file = zval_get_string(args[2]);
    zend_long line = zval_get_long(args[3]);
    if (!write_to_server(level, tag, file, line, &shown)) {
        write_to_php(level, tag, file, line, &shown);
    }
    zend_string_release(tag);
    zend_string_release(file);
    zval_ptr_dtor(&shown);
}

PHP_METHOD(DoraRPC_LogAgent, setLogLevel)
{
    zend_long level;

    ZEND_PARSE_PARAMETERS_START(1, 1)
    Z_PARAM_LONG(level)
    ZEND_PARSE_PARAMETERS_END();
    if (level >= LEVEL_MIN && level <= LEVEL_MAX) {
        php_dora_log_level_set(level);
    } else if (level != 0) { /* 0 did nothing in the original either */
        zend_argument_value_error(1, "must be from %d to %d, not " ZEND_LONG_FMT, LEVEL_MIN,
                                  LEVEL_MAX, level);
        RETURN_THROWS();
    }
}

PHP_METHOD(DoraRPC_LogAgent, getQueueStat)
{
    dora_server_info info = {.size = sizeof info};

    ZEND_PARSE_PARAMETERS_NONE();
    (void)dora_server_info_get(&info); /* nothing waits outside a server */
    array_init(return_value);
    add_assoc_long(return_value, "queue_num", (zend_long)info.log_lines);
    add_assoc_long(return_value, "queue_bytes", (zend_long)info.log_bytes);
}

PHP_METHOD(DoraRPC_LogAgent, init)
{
    zval *path = NULL;
    zval *table = NULL;

    ZEND_PARSE_PARAMETERS_START(0, 2)
    Z_PARAM_OPTIONAL
    Z_PARAM_ZVAL(path)
    Z_PARAM_ZVAL(table)
    ZEND_PARSE_PARAMETERS_END();
    (void)path;
    (void)table;
}

PHP_METHOD(DoraRPC_LogAgent, threadDumpLog)
{
    ZEND_PARSE_PARAMETERS_NONE();
}
