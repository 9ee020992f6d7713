/* watch.c: which of PHP's functions that leave something behind were called, and how the
 * application called them while it was loaded. */
#include "watch.h"

#include <libintl.h>

#include "ext/standard/file.h"
#include "zend_exceptions.h"

#include "programs.h"

/* How a call while loading is remembered, to be done again. */
enum {
    FORGOTTEN = 0,
    LAST,       /* the last one counts */
    LAST_WHICH, /* so, too; it returns what was before, which may be false */
    LAST_EACH,  /* the last one counts for each first argument */
    EVERY
};

typedef struct watched {
    uint32_t what;
    uint8_t args_min; /* with fewer arguments it only asks */
    uint8_t kept;
    const char *name;
} watched;

/* In their place in the application's life: see bindings/php/README.md. */
static const watched FUNCTIONS[] = {
    {PHP_DORA_ALARM, 1, FORGOTTEN, "pcntl_alarm"},
    {PHP_DORA_ASSERT, 2, FORGOTTEN, "assert_options"},
    {PHP_DORA_AUTOLOAD, 0, FORGOTTEN, "spl_autoload_register"},
    {PHP_DORA_AUTOLOAD, 1, FORGOTTEN, "spl_autoload_unregister"},
    {PHP_DORA_AUTOLOAD, 1, FORGOTTEN, "spl_autoload_extensions"},
    {PHP_DORA_BLOCKING, 2, FORGOTTEN, "socket_set_blocking"},
    {PHP_DORA_BLOCKING, 2, FORGOTTEN, "stream_set_blocking"},
    {PHP_DORA_CWD, 1, FORGOTTEN, "chdir"},
    {PHP_DORA_ENVIRONMENT, 1, FORGOTTEN, "putenv"},
    {PHP_DORA_FLUSH, 0, FORGOTTEN, "ob_implicit_flush"},
    {PHP_DORA_FOLDER, 1, FORGOTTEN, "opendir"},
    {PHP_DORA_FOLDER, 1, FORGOTTEN, "dir"},
    {PHP_DORA_FOR_GOOD, 1, FORGOTTEN, "chroot"},
    {PHP_DORA_FOR_GOOD, 1, FORGOTTEN, "pcntl_setcpuaffinity"},
    {PHP_DORA_FOR_GOOD, 0, FORGOTTEN, "pcntl_setns"},
    {PHP_DORA_FOR_GOOD, 1, FORGOTTEN, "pcntl_unshare"},
    {PHP_DORA_FOR_GOOD, 2, FORGOTTEN, "posix_initgroups"},
    {PHP_DORA_FOR_GOOD, 1, FORGOTTEN, "posix_setegid"},
    {PHP_DORA_FOR_GOOD, 1, FORGOTTEN, "posix_seteuid"},
    {PHP_DORA_FOR_GOOD, 1, FORGOTTEN, "posix_setgid"},
    {PHP_DORA_FOR_GOOD, 2, FORGOTTEN, "posix_setpgid"},
    {PHP_DORA_FOR_GOOD, 3, FORGOTTEN, "posix_setrlimit"},
    {PHP_DORA_FOR_GOOD, 0, FORGOTTEN, "posix_setsid"},
    {PHP_DORA_FOR_GOOD, 1, FORGOTTEN, "posix_setuid"},
    {PHP_DORA_LIBXML, 1, LAST_WHICH, "libxml_disable_entity_loader"},
    {PHP_DORA_LIBXML, 1, LAST, "libxml_set_external_entity_loader"},
    {PHP_DORA_LIBXML, 1, LAST, "libxml_set_streams_context"},
    {PHP_DORA_LIBXML, 1, LAST_WHICH, "libxml_use_internal_errors"},
    {PHP_DORA_MBSTRING, 1, LAST, "mb_detect_order"},
    {PHP_DORA_MBSTRING, 1, FORGOTTEN, "mb_ereg_search_init"},
    {PHP_DORA_MBSTRING, 1, LAST, "mb_http_output"},
    {PHP_DORA_MBSTRING, 1, LAST, "mb_internal_encoding"},
    {PHP_DORA_MBSTRING, 1, FORGOTTEN, "mb_language"},
    {PHP_DORA_MBSTRING, 1, FORGOTTEN, "mb_output_handler"},
    {PHP_DORA_MBSTRING, 1, FORGOTTEN, "mb_parse_str"},
    {PHP_DORA_MBSTRING, 1, LAST, "mb_regex_encoding"},
    {PHP_DORA_MBSTRING, 1, FORGOTTEN, "mb_regex_set_options"},
    {PHP_DORA_MBSTRING, 1, LAST, "mb_substitute_character"},
    {PHP_DORA_NICE, 1, FORGOTTEN, "pcntl_setpriority"},
    {PHP_DORA_NICE, 1, FORGOTTEN, "proc_nice"},
    {PHP_DORA_PGSQL, 1, LAST, "pg_connect"},
    {PHP_DORA_PGSQL, 1, LAST, "pg_pconnect"},
    {PHP_DORA_PROGRAM, 1, FORGOTTEN, "exec"},
    {PHP_DORA_PROGRAM, 1, FORGOTTEN, "passthru"},
    {PHP_DORA_PROGRAM, 1, FORGOTTEN, "popen"},
    {PHP_DORA_PROGRAM, 1, FORGOTTEN, "proc_open"}, /* PHP 8.4 does not fork for it */
    {PHP_DORA_PROGRAM, 1, FORGOTTEN, "shell_exec"},
    {PHP_DORA_PROGRAM, 1, FORGOTTEN, "system"},
    {PHP_DORA_RANDOM, 0, LAST, "mt_srand"},
    {PHP_DORA_RANDOM, 0, LAST, "srand"},
    {PHP_DORA_READLINE, 2, FORGOTTEN, "readline_callback_handler_install"},
    {PHP_DORA_READLINE, 1, LAST, "readline_completion_function"},
    {PHP_DORA_REWRITE, 2, FORGOTTEN, "output_add_rewrite_var"},
    {PHP_DORA_SESSION, 1, LAST, "session_set_save_handler"},
    {PHP_DORA_SIGNALS, 1, LAST_WHICH, "pcntl_async_signals"},
    {PHP_DORA_SIGNALS, 2, LAST_EACH, "pcntl_signal"},
    {PHP_DORA_SIGNALS, 2, FORGOTTEN, "pcntl_sigprocmask"},
    {PHP_DORA_SNMP, 1, LAST, "snmp_set_enum_print"},
    {PHP_DORA_SNMP, 1, LAST, "snmp_set_oid_output_format"},
    {PHP_DORA_SNMP, 1, LAST_WHICH, "snmp_set_quick_print"},
    {PHP_DORA_SNMP, 1, LAST, "snmp_set_valueretrieval"},
    {PHP_DORA_SOAP, 0, LAST_WHICH, "use_soap_error_handler"},
    {PHP_DORA_STREAMS, 2, FORGOTTEN, "stream_filter_register"},
    {PHP_DORA_STREAMS, 2, LAST_EACH, "stream_register_wrapper"},
    {PHP_DORA_STREAMS, 2, LAST_EACH, "stream_wrapper_register"},
    {PHP_DORA_STREAMS, 1, FORGOTTEN, "stream_wrapper_restore"},
    {PHP_DORA_STREAMS, 1, FORGOTTEN, "stream_wrapper_unregister"},
    {PHP_DORA_SYSLOG, 3, LAST, "openlog"},
    {PHP_DORA_TEXTS, 2, FORGOTTEN, "bind_textdomain_codeset"},
    {PHP_DORA_TEXTS, 2, FORGOTTEN, "bindtextdomain"},
    {PHP_DORA_TEXTS, 1, FORGOTTEN, "textdomain"},
    {PHP_DORA_TICKS, 1, EVERY, "register_tick_function"},
    {PHP_DORA_TICKS, 1, EVERY, "unregister_tick_function"},
    {PHP_DORA_TIMEZONE, 1, LAST, "date_default_timezone_set"},
    {PHP_DORA_TITLE, 1, LAST, "cli_set_process_title"},
};

/* Modules each of whose functions counts. */
static const watched MODULES[] = {
    {PHP_DORA_OPENSSL, 0, FORGOTTEN, "openssl"},
    {PHP_DORA_SESSION, 0, FORGOTTEN, "session"},
    {PHP_DORA_SOCKETS, 0, FORGOTTEN, "sockets"},
};

/* entry is a function that is watched. */
typedef struct entry {
    const watched *as;
    zend_function *function;
    zif_handler own;
} entry;

/* call is one that the application made while it was loaded. */
typedef struct call {
    const entry *entry;
    uint32_t count;
    zval *args;
    bool is_undone;  /* by a task */
    bool is_dropped; /* by the application itself */
} call;

struct php_dora_watch {
    zend_llist calls; /* in their order */
    zval loaders;
    zval streams; /* names of wrappers and filters that included files registered */
    zval texts;   /* by domain: folder and codeset as they were */
    zval files;   /* by name: the task that first included it, of those that registered something */
    uint64_t signals;
    zend_long task;
    uint32_t touched;
    const char *culprit;
    bool is_serving;
    bool is_quiet; /* the next call is ours */
};

/* By its name, of which there is one text: a closure of a function has a copy of all else. */
static zend_ulong key_of(const zend_function *function)
{
    return (zend_ulong)(uintptr_t)function->common.function_name >> 3; /* aligned to 8 */
}

static bool is_replaced(const call *old, const entry *now, const zval *first)
{
    if (old->entry->as != now->as || now->as->kept == EVERY) {
        return false;
    }
    return now->as->kept != LAST_EACH || zend_is_identical(&old->args[0], (zval *)first);
}

static void call_free(void *element)
{
    call *self = element;

    for (uint32_t i = 0; i < self->count; i++) {
        zval_ptr_dtor(&self->args[i]);
    }
    if (self->args != NULL) {
        efree(self->args);
    }
}

static void call_forget(php_dora_watch *self, const entry *now, const zval *first)
{
    zend_llist_element *next;

    for (zend_llist_element *at = self->calls.head; at != NULL; at = next) {
        call *old = (call *)(void *)at->data;
        next = at->next;
        if (!is_replaced(old, now, first)) {
            continue;
        }
        call_free(old);
        if (at->prev != NULL) {
            at->prev->next = at->next;
        } else {
            self->calls.head = at->next;
        }
        if (at->next != NULL) {
            at->next->prev = at->prev;
        } else {
            self->calls.tail = at->prev;
        }
        self->calls.count--;
        efree(at);
    }
}

static void call_keep(php_dora_watch *self, const entry *now, uint32_t count, zval *args)
{
    call kept = {.entry = now, .count = count};

    call_forget(self, now, args);
    kept.args = count > 0 ? safe_emalloc(count, sizeof(zval), 0) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        ZVAL_COPY_DEREF(&kept.args[i], &args[i]);
    }
    zend_llist_add_element(&self->calls, &kept);
}

/* The file that is being included, or NULL. The handler itself stands on frames of the zygote; code
 * of eval() is the task's. */
static zend_string *file_included(const zend_execute_data *at)
{
    for (; at != NULL && at != DORA_G(worker_frame); at = at->prev_execute_data) {
        if (at->func != NULL && at->func->type == ZEND_USER_FUNCTION &&
            at->func->common.function_name == NULL) {
            return at->func->op_array.filename;
        }
    }
    return NULL;
}

/* What a file registers while it is included stays, as the file does: it may not be included again.
 * One that is included in each task has registered in the first. */
static bool is_first_inclusion(php_dora_watch *self)
{
    zend_string *file = file_included(EG(current_execute_data));

    if (file == NULL) {
        return false;
    }
    const zval *first = zend_hash_find(Z_ARRVAL(self->files), file);
    if (first == NULL) {
        zval task;
        ZVAL_LONG(&task, self->task);
        zend_hash_add_new(Z_ARRVAL(self->files), file, &task);
    }
    return first == NULL || Z_LVAL_P(first) == self->task;
}

static void loader_keep(php_dora_watch *self, uint32_t count, zval *args)
{
    zval loader;

    if (count == 0) {
        ZVAL_STRING(&loader, "spl_autoload");
    } else {
        ZVAL_COPY_DEREF(&loader, &args[0]);
    }
    add_next_index_zval(&self->loaders, &loader);
}

static bool is_named(const entry *self, const char *name)
{
    return strcmp(self->as->name, name) == 0;
}

/* A stream wrapper of the application's own was taken away: by a task, or by itself for good. */
static void wrapper_undone(php_dora_watch *self, const zval *protocol)
{
    for (zend_llist_element *at = self->calls.head; at != NULL; at = at->next) {
        call *old = (call *)(void *)at->data;
        if (old->entry->as->what == PHP_DORA_STREAMS &&
            zend_is_identical(&old->args[0], (zval *)protocol)) {
            old->is_undone = self->is_serving;
            old->is_dropped = old->is_dropped || !self->is_serving;
        }
    }
}

/* Where the texts of a domain are, before the task changes that. */
static void texts_keep(php_dora_watch *self, const zval *domain)
{
    if (Z_TYPE_P(domain) != IS_STRING || Z_STRLEN_P(domain) == 0 ||
        zend_hash_exists(Z_ARRVAL(self->texts), Z_STR_P(domain))) {
        return;
    }
    const char *folder = bindtextdomain(Z_STRVAL_P(domain), NULL);
    const char *codeset = bind_textdomain_codeset(Z_STRVAL_P(domain), NULL);
    zval both;
    array_init_size(&both, 2);
    add_next_index_string(&both, folder != NULL ? folder : "");
    add_next_index_string(&both, codeset != NULL ? codeset : "");
    zend_hash_add_new(Z_ARRVAL(self->texts), Z_STR_P(domain), &both);
}

static void before(php_dora_watch *self, const entry *now, const zval *args)
{
    if (now->as->what == PHP_DORA_SIGNALS && is_named(now, "pcntl_signal")) {
        zend_long number = zval_get_long((zval *)args);
        if (number >= 1 && number <= 64) {
            self->signals |= UINT64_C(1) << (number - 1);
        }
    } else if (now->as->what == PHP_DORA_TEXTS && !is_named(now, "textdomain")) {
        texts_keep(self, args);
    } else if (now->as->what == PHP_DORA_FOR_GOOD) {
        self->culprit = now->as->name;
    }
}

/* A file that is included in a task registers what is to stay. */
static void included(php_dora_watch *self, const entry *now, uint32_t count, zval *args)
{
    const bool is_stream =
        now->as->what == PHP_DORA_STREAMS && count >= 2 && Z_TYPE(args[0]) == IS_STRING;
    const bool is_loader = is_named(now, "spl_autoload_register");

    if ((!is_stream && !is_loader) || !is_first_inclusion(self)) {
        return;
    }
    if (is_loader) {
        loader_keep(self, count, args);
    } else {
        add_next_index_str(&self->streams, zend_string_copy(Z_STR(args[0])));
        if (now->as->kept != FORGOTTEN) {
            call_keep(self, now, count, args);
        }
    }
}

static void after(php_dora_watch *self, const entry *now, uint32_t count, zval *args)
{
    self->touched |= now->as->what;
    if (now->as->what == PHP_DORA_STREAMS && count == 1) {
        wrapper_undone(self, &args[0]);
    } else if (!self->is_serving && now->as->kept != FORGOTTEN) {
        call_keep(self, now, count, args);
    } else if (self->is_serving) {
        included(self, now, count, args);
    }
}

static ZEND_FUNCTION(php_dora_watched)
{
    php_dora_watch *self = DORA_G(watch);
    const entry *now = zend_hash_index_find_ptr(DORA_G(watched), key_of(EX(func)));

    if (now->as->what == PHP_DORA_PROGRAM) {
        php_dora_program_call(now->own, INTERNAL_FUNCTION_PARAM_PASSTHRU);
        return;
    }
    if (self == NULL) { /* nobody watches any more */
        now->own(INTERNAL_FUNCTION_PARAM_PASSTHRU);
        return;
    }
    const bool is_change = !self->is_quiet && ZEND_NUM_ARGS() >= now->as->args_min;
    self->is_quiet = false; /* what it calls in turn, destructors among it, is not ours */
    if (is_change) {
        before(self, now, ZEND_CALL_ARG(execute_data, 1));
    }
    now->own(INTERNAL_FUNCTION_PARAM_PASSTHRU);
    const bool is_done = Z_TYPE_P(return_value) != IS_FALSE || now->as->kept == LAST_WHICH;
    if (is_change && is_done && EG(exception) == NULL) {
        after(self, now, ZEND_NUM_ARGS(), ZEND_CALL_ARG(execute_data, 1));
    } else if (is_change) {
        self->touched |= now->as->what; /* half of it may have been done */
    }
}

static void watch_function(zend_function *function, const watched *as)
{
    if (function == NULL || function->type != ZEND_INTERNAL_FUNCTION ||
        zend_hash_index_exists(DORA_G(watched), key_of(function))) {
        return;
    }
    entry *made = pemalloc(sizeof(*made), true);
    made->as = as;
    made->function = function;
    made->own = function->internal_function.handler;
    zend_hash_index_add_new_ptr(DORA_G(watched), key_of(function), made);
    function->internal_function.handler = ZEND_FN(php_dora_watched);
}

static void watch_module(const watched *as)
{
    zend_function *function;
    zend_module_entry *module =
        zend_hash_str_find_ptr(&module_registry, as->name, strlen(as->name));

    if (module == NULL) {
        return;
    }
    ZEND_HASH_FOREACH_PTR(CG(function_table), function)
    {
        if (function->type == ZEND_INTERNAL_FUNCTION &&
            function->internal_function.module == module) {
            watch_function(function, as);
        }
    }
    ZEND_HASH_FOREACH_END();
}

/* Handlers stay replaced for the life of the process: code that opcache compiles, and closures,
 * have the replaced one and run until the very end of a request. */
static void watch_functions(void)
{
    DORA_G(watched) = pemalloc(sizeof(HashTable), true);
    zend_hash_init(DORA_G(watched), sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]), NULL, NULL, true);
    for (size_t i = 0; i < sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]); i++) {
        watch_function(php_dora_function(FUNCTIONS[i].name), &FUNCTIONS[i]);
    }
    for (size_t i = 0; i < sizeof(MODULES) / sizeof(MODULES[0]); i++) {
        watch_module(&MODULES[i]);
    }
}

void php_dora_watch_begin(void)
{
    php_dora_watch *self = ecalloc(1, sizeof(*self));

    zend_llist_init(&self->calls, sizeof(call), call_free, 0);
    array_init(&self->loaders);
    array_init(&self->streams);
    array_init(&self->texts);
    array_init(&self->files);
    DORA_G(watch) = self;
    if (DORA_G(watched) == NULL) {
        watch_functions();
    }
}

uint32_t php_dora_watch_serve(void)
{
    DORA_G(watch)->is_serving = true;
    DORA_G(watch)->signals = 0;
    zend_hash_clean(Z_ARRVAL(DORA_G(watch)->texts));
    return php_dora_watch_taken();
}

uint32_t php_dora_watch_taken(void)
{
    const uint32_t touched = DORA_G(watch)->touched;

    DORA_G(watch)->touched = 0;
    return touched;
}

void php_dora_watch_task(void)
{
    DORA_G(watch)->task++;
}

static void again(call *self)
{
    zval args[2];

    self->is_undone = false;
    if (is_named(self->entry, "session_set_save_handler") && self->count <= 2) {
        /* Its shutdown function, by which objects may write, is not to be registered again. */
        ZVAL_COPY_VALUE(&args[0], &self->args[0]);
        ZVAL_FALSE(&args[1]);
        php_dora_quiet(self->entry->function, NULL, 2, args);
        return;
    }
    php_dora_quiet(self->entry->function, NULL, self->count, self->args);
}

void php_dora_watch_replay(uint32_t what)
{
    for (zend_llist_element *at = DORA_G(watch)->calls.head; at != NULL; at = at->next) {
        call *kept = (call *)(void *)at->data;
        if (kept->entry->as->what == what && !kept->is_dropped) {
            again(kept);
        }
    }
}

void php_dora_watch_replay_undone(HashTable *protocols)
{
    zend_function *unregister = php_dora_function("stream_wrapper_unregister");

    for (zend_llist_element *at = DORA_G(watch)->calls.head; at != NULL; at = at->next) {
        call *kept = (call *)(void *)at->data;
        if (!kept->is_undone || kept->is_dropped || Z_TYPE(kept->args[0]) != IS_STRING) {
            continue;
        }
        php_dora_quiet(unregister, NULL, 1, kept->args);
        again(kept);
        void *made =
            zend_hash_find_ptr(php_stream_get_url_stream_wrappers_hash(), Z_STR(kept->args[0]));
        if (made != NULL) {
            zend_hash_update_ptr(protocols, Z_STR(kept->args[0]), made);
        }
    }
}

uint64_t php_dora_watch_signals(void)
{
    const uint64_t signals = DORA_G(watch)->signals;

    DORA_G(watch)->signals = 0;
    return signals;
}

void php_dora_watch_texts_restore(void)
{
    zend_string *domain;
    zval *both;

    ZEND_HASH_FOREACH_STR_KEY_VAL(Z_ARRVAL(DORA_G(watch)->texts), domain, both)
    {
        zval *folder = zend_hash_index_find(Z_ARRVAL_P(both), 0);
        zval *codeset = zend_hash_index_find(Z_ARRVAL_P(both), 1);
        if (Z_STRLEN_P(folder) > 0) {
            (void)bindtextdomain(ZSTR_VAL(domain), Z_STRVAL_P(folder));
        }
        if (Z_STRLEN_P(codeset) > 0) { /* the C library does not know how to have none again */
            (void)bind_textdomain_codeset(ZSTR_VAL(domain), Z_STRVAL_P(codeset));
        }
    }
    ZEND_HASH_FOREACH_END();
    zend_hash_clean(Z_ARRVAL(DORA_G(watch)->texts));
}

zval *php_dora_watch_loaders(void)
{
    return &DORA_G(watch)->loaders;
}

HashTable *php_dora_watch_streams(void)
{
    return Z_ARRVAL(DORA_G(watch)->streams);
}

const char *php_dora_watch_culprit(void)
{
    return DORA_G(watch)->culprit;
}

void php_dora_watch_end(void)
{
    php_dora_watch *self = DORA_G(watch);

    if (self == NULL) {
        return;
    }
    DORA_G(watch) = NULL;
    zend_llist_destroy(&self->calls);
    zval_ptr_dtor(&self->loaders);
    zval_ptr_dtor(&self->streams);
    zval_ptr_dtor(&self->texts);
    zval_ptr_dtor(&self->files);
    efree(self);
}

void php_dora_watch_shutdown(void)
{
    entry *each;

    if (DORA_G(watched) == NULL) {
        return;
    }
    ZEND_HASH_FOREACH_PTR(DORA_G(watched), each)
    {
        each->function->internal_function.handler = each->own;
        pefree(each, true);
    }
    ZEND_HASH_FOREACH_END();
    zend_hash_destroy(DORA_G(watched));
    pefree(DORA_G(watched), true);
    DORA_G(watched) = NULL;
}

zend_function *php_dora_function(const char *name)
{
    return zend_hash_str_find_ptr(CG(function_table), name, strlen(name));
}

bool php_dora_quiet(zend_function *function, zval *result, uint32_t count, zval *args)
{
    zval returned;
    zval handler;
    const int level = EG(error_reporting);
    zend_object *pending = EG(exception); /* PHP calls nothing while there is one */

    ZVAL_UNDEF(&returned);
    if (function == NULL) {
        return false;
    }
    EG(error_reporting) = 0;
    ZVAL_COPY_VALUE(&handler, &EG(user_error_handler));
    ZVAL_UNDEF(&EG(user_error_handler));
    EG(exception) = NULL;
    DORA_G(watch)->is_quiet = function->internal_function.handler == ZEND_FN(php_dora_watched);
    zend_call_known_function(function, NULL, NULL, &returned, count, args, NULL);
    DORA_G(watch)->is_quiet = false;
    ZVAL_COPY_VALUE(&EG(user_error_handler), &handler);
    EG(error_reporting) = level;
    const bool has_returned = EG(exception) == NULL;
    if (!has_returned) {
        zend_clear_exception();
    }
    EG(exception) = pending;
    if (has_returned && result != NULL) {
        ZVAL_COPY_VALUE(result, &returned);
    } else {
        zval_ptr_dtor(&returned);
    }
    return has_returned;
}
