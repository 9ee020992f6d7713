/* reset_modules.c: modules with a state of their own, by their own request's end where that keeps
 * what the application set up, else by hand. README.md has the table. */
#include <dlfcn.h>

#include "reset.h"

#include "ext/date/php_date.h"

#include "watch.h"

#define OPENSSL_ERRORS_MAX 64u
#define MYSQLI_MODE 3 /* what mysqli begins a request with: errors, as exceptions */

/* Modules whose own end of a request takes nothing away that loading set up. It costs them a few
 * instructions when nothing was left. */
static const struct {
    const char *name;
    bool begins; /* it needs its begin as well */
} ENDING[PHP_DORA_ENDING] = {
    {"gmp", false},       /* random numbers */
    {"imap", true},       /* errors and alerts */
    {"intl", false},      /* the last error, an iterator */
    {"mysqli", true},     /* the last error of a connect */
    {"pdo_dblib", false}, /* the last error */
    {"zlib", false},      /* what ob_gzhandler() began */
};

static zend_module_entry *module_find(const char *name)
{
    return zend_hash_str_find_ptr(&module_registry, name, strlen(name));
}

static void module_end(zend_module_entry *module)
{
    if (module->request_shutdown_func != NULL) {
        (void)module->request_shutdown_func(module->type, module->module_number);
    }
}

static void module_begin(zend_module_entry *module)
{
    if (module->request_startup_func != NULL) {
        (void)module->request_startup_func(module->type, module->module_number);
    }
}

static void *module_globals(const zend_module_entry *module)
{
#ifdef ZTS
    return TSRMG_BULK(*module->globals_id_ptr, void *);
#else
    return module->globals_ptr;
#endif
}

/* The zones that were read are kept: they are the same for everybody. */
static void date_errors_end(const php_dora_modules *kept)
{
    zend_date_globals *date = kept->date;
    HashTable *zones = date->tzcache;

    date->tzcache = NULL;
    (void)kept->date_module->post_deactivate_func();
    date->tzcache = zones;
}

static void date_restore(const php_dora_modules *kept)
{
    zend_date_globals *date = kept->date;
    HashTable *zones = date->tzcache;

    date->tzcache = NULL; /* as some versions drop it here */
    module_end(kept->date_module);
    date->tzcache = zones;
    php_dora_watch_replay(PHP_DORA_TIMEZONE);
}

/* The session is written, by the task's handlers, and closed; the application's handlers are set
 * again. Before ini values are put back: an open session forbids that. */
static void session_restore(zend_module_entry *module)
{
    if (module != NULL) {
        module_end(module);
        module_begin(module);
        php_dora_rewriting_end();
        php_dora_watch_replay(PHP_DORA_SESSION);
    }
}

static void options_set(zval *options)
{
    if (Z_TYPE_P(options) == IS_STRING) {
        php_dora_quiet(php_dora_function("mb_regex_set_options"), NULL, 1, options);
    }
}

/* The module's own end leaves the options of regular expressions. */
static void mbstring_restore(php_dora_modules *kept)
{
    zend_module_entry *module = module_find("mbstring");

    if (module != NULL) {
        module_end(module);
        module_begin(module);
        options_set(&kept->regex_options);
        php_dora_watch_replay(PHP_DORA_MBSTRING);
    }
}

/* The module's own end forgets the context without letting it go: so an empty one stands there. */
static void libxml_restore(php_dora_modules *kept)
{
    zend_module_entry *module = module_find("libxml");

    if (module == NULL || module->post_deactivate_func == NULL) {
        return;
    }
    if (php_dora_quiet(php_dora_function("libxml_set_streams_context"), NULL, 1,
                       &kept->empty_context)) {
        Z_DELREF(kept->empty_context);
    }
    module_end(module);
    (void)module->post_deactivate_func();
    module_begin(module);
    php_dora_watch_replay(PHP_DORA_LIBXML);
}

/* Also rolls back what is open on persistent connections. */
static void pgsql_restore(void)
{
    zend_module_entry *module = module_find("pgsql");

    if (module != NULL) {
        module_end(module);
        module_begin(module);
        php_dora_watch_replay(PHP_DORA_PGSQL);
    }
}

static void function_with(const char *name, zend_long number)
{
    zval arg;

    ZVAL_LONG(&arg, number);
    php_dora_quiet(php_dora_function(name), NULL, 1, &arg);
}

static void soap_restore(void)
{
    function_with("use_soap_error_handler", 0);
    php_dora_watch_replay(PHP_DORA_SOAP);
}

static void snmp_restore(void)
{
    zval *format = zend_get_constant_str(ZEND_STRL("SNMP_OID_OUTPUT_MODULE"));

    function_with("snmp_set_quick_print", 0);
    function_with("snmp_set_enum_print", 0);
    function_with("snmp_set_valueretrieval", 0);
    if (format != NULL) {
        function_with("snmp_set_oid_output_format", Z_LVAL_P(format));
    }
    php_dora_watch_replay(PHP_DORA_SNMP);
}

static void readline_restore(void)
{
    zend_module_entry *module = module_find("readline");

    if (module != NULL) {
        module_end(module);
        php_dora_watch_replay(PHP_DORA_READLINE);
    }
}

static void openssl_errors_end(void)
{
    zend_function *next = php_dora_function("openssl_error_string");
    zval text;

    for (uint32_t i = 0; i < OPENSSL_ERRORS_MAX; i++) {
        if (!php_dora_quiet(next, &text, 0, NULL) || Z_TYPE(text) != IS_STRING) {
            return;
        }
        zval_ptr_dtor(&text);
    }
}

/* Errors of libxml and OpenSSL come from streams and objects, too. The libraries are asked, which
 * is ten times cheaper than a call of PHP's function; they may be absent, so nothing is linked. */
static void libraries_take(php_dora_modules *kept)
{
    kept->libxml_clear = php_dora_function("libxml_clear_errors");
    *(void **)&kept->libxml_error = dlsym(RTLD_DEFAULT, "xmlGetLastError");
    if (php_dora_function("openssl_error_string") != NULL) {
        *(void **)&kept->openssl_error = dlsym(RTLD_DEFAULT, "ERR_peek_error");
    }
}

static void libraries_look(const php_dora_modules *kept)
{
    if (kept->libxml_clear != NULL &&
        (kept->libxml_error == NULL || kept->libxml_error() != NULL)) {
        php_dora_quiet(kept->libxml_clear, NULL, 0, NULL);
    }
    if (kept->openssl_error != NULL && kept->openssl_error() != 0) {
        openssl_errors_end();
    }
}

/* mysqli's begin of a request sets its own mode. */
static void mysqli_take(php_dora_modules *kept)
{
    zend_class_entry *class = zend_hash_str_find_ptr(CG(class_table), ZEND_STRL("mysqli_driver"));
    zval hold;

    ZVAL_UNDEF(&kept->mysqli_driver);
    kept->mysqli_mode = MYSQLI_MODE;
    if (class == NULL || object_init_ex(&kept->mysqli_driver, class) != SUCCESS) {
        return;
    }
    zval *mode = zend_read_property(class, Z_OBJ(kept->mysqli_driver), ZEND_STRL("report_mode"),
                                    true, &hold);
    kept->mysqli_mode = zval_get_long(mode);
}

static void mysqli_restore(const php_dora_modules *kept)
{
    zend_object *driver = Z_OBJ(kept->mysqli_driver);

    zend_update_property_long(driver->ce, driver, ZEND_STRL("report_mode"), kept->mysqli_mode);
}

static void ending_take(php_dora_modules *kept)
{
    for (size_t i = 0; i < PHP_DORA_ENDING; i++) {
        zend_module_entry *module = module_find(ENDING[i].name);
        if (module != NULL) {
            kept->begins[kept->ending_count] = ENDING[i].begins;
            kept->ending[kept->ending_count++] = module;
        }
    }
}

static void globals_take(php_dora_modules *kept)
{
    zend_module_entry *posix = module_find("posix");

    kept->date_module = module_find("date");
    kept->date = module_globals(kept->date_module);
    /* Its only member is the last error, for which it has no function. */
    if (posix != NULL && posix->globals_size == sizeof(int)) {
        kept->posix_error = module_globals(posix);
    }
}

/* A session belongs to a caller: one that loading left open is written and closed, and none is
 * begun by itself. */
static void session_take(php_dora_modules *kept)
{
    kept->session = module_find("session");
    if (kept->session == NULL) {
        return;
    }
    module_end(kept->session);
    if (zend_ini_long("session.auto_start", sizeof("session.auto_start") - 1, 0) != 0) {
        php_dora_ini_set("session.auto_start", "0");
    }
    session_restore(kept->session);
    zend_hash_str_del_ind(&EG(symbol_table), ZEND_STRL("_SESSION"));
}

void php_dora_modules_take(php_dora_modules *kept)
{
    zval empty;

    ending_take(kept);
    globals_take(kept);
    session_take(kept);
    mysqli_take(kept);
    libraries_take(kept);
    ZVAL_UNDEF(&kept->regex_options);
    php_dora_quiet(php_dora_function("mb_regex_set_options"), &kept->regex_options, 0, NULL);
    ZVAL_RES(&empty, php_stream_context_alloc()->res);
    ZVAL_COPY_VALUE(&kept->empty_context, &empty);
}

void php_dora_modules_look(const php_dora_modules *kept)
{
    for (uint32_t i = 0; i < kept->ending_count; i++) {
        module_end(kept->ending[i]);
        if (kept->begins[i]) {
            module_begin(kept->ending[i]);
        }
    }
    if (kept->mysqli_mode != MYSQLI_MODE) {
        mysqli_restore(kept);
    }
    if (((zend_date_globals *)kept->date)->last_errors != NULL) {
        date_errors_end(kept);
    }
    libraries_look(kept);
    if (kept->posix_error != NULL) {
        *kept->posix_error = 0;
    }
}

void php_dora_session_restore(const php_dora_modules *kept)
{
    session_restore(kept->session);
}

void php_dora_modules_restore(php_dora_modules *kept, uint32_t touched)
{
    if ((touched & PHP_DORA_TIMEZONE) != 0) {
        date_restore(kept);
    }
    if ((touched & PHP_DORA_MBSTRING) != 0) {
        mbstring_restore(kept);
    }
    if ((touched & PHP_DORA_LIBXML) != 0) {
        libxml_restore(kept);
    }
    if ((touched & PHP_DORA_PGSQL) != 0) {
        pgsql_restore();
    }
    if ((touched & PHP_DORA_SOAP) != 0) {
        soap_restore();
    }
    if ((touched & PHP_DORA_SNMP) != 0) {
        snmp_restore();
    }
    if ((touched & PHP_DORA_READLINE) != 0) {
        readline_restore();
    }
    if ((touched & PHP_DORA_OPENSSL) != 0) {
        openssl_errors_end();
    }
    if ((touched & PHP_DORA_SOCKETS) != 0) {
        php_dora_quiet(php_dora_function("socket_clear_error"), NULL, 0, NULL);
    }
}

void php_dora_modules_free(php_dora_modules *kept)
{
    zval_ptr_dtor(&kept->mysqli_driver);
    zval_ptr_dtor(&kept->regex_options);
    zval_ptr_dtor(&kept->empty_context);
}
