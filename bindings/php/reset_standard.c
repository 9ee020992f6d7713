/* reset_standard.c: what PHP's standard functions keep between calls: parts of strings and of
 * files, last errors, random numbers, callbacks of assert() and ticks, autoloaders, syslog. */
#include <libintl.h>

#include "reset.h"

#include "ext/json/php_json.h"
#include "ext/pcre/php_pcre.h"
#include "ext/standard/basic_functions.h"
#include "ext/standard/php_filestat.h"

#include "seeds.h"
#include "watch.h"

#define ASSERT_OPTION_CALLBACK 2 /* PHP does not show the constant to extensions */

static void assert_callback(zval *was, zval *callback)
{
    zval args[2];

    ZVAL_LONG(&args[0], ASSERT_OPTION_CALLBACK);
    if (callback != NULL) {
        ZVAL_COPY_VALUE(&args[1], callback);
    }
    php_dora_quiet(php_dora_function("assert_options"), was, callback != NULL ? 2 : 1, args);
}

static bool has(const zval *list, zval *value)
{
    zval *each;

    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(list), each)
    {
        if (zend_is_identical(each, value)) {
            return true;
        }
    }
    ZEND_HASH_FOREACH_END();
    return false;
}

/* Autoloaders in `from` that are in neither list are given to `function`. */
static void loaders_pass(zend_function *function, const zval *from, const zval *list,
                         const zval *other)
{
    zval *each;

    ZEND_HASH_FOREACH_VAL(Z_ARRVAL_P(from), each)
    {
        if (!has(list, each) && (other == NULL || !has(other, each))) {
            php_dora_quiet(function, NULL, 1, each);
        }
    }
    ZEND_HASH_FOREACH_END();
}

static void loaders_restore(const php_dora_standard *kept)
{
    zval now;

    if (php_dora_quiet(php_dora_function("spl_autoload_functions"), &now, 0, NULL)) {
        loaders_pass(php_dora_function("spl_autoload_unregister"), &now, &kept->loaders,
                     php_dora_watch_loaders());
        loaders_pass(php_dora_function("spl_autoload_register"), &kept->loaders, &now, NULL);
        zval_ptr_dtor(&now);
    }
    zval extensions;
    ZVAL_COPY_VALUE(&extensions, &kept->extensions);
    php_dora_quiet(php_dora_function("spl_autoload_extensions"), NULL, 1, &extensions);
}

static void ticks_restore(void)
{
    if (BG(user_tick_functions) != NULL) {
        zend_llist_clean(BG(user_tick_functions));
    }
    php_dora_watch_replay(PHP_DORA_TICKS);
}

/* The handler that rewrote addresses has ended with the task's output. */
static void rewriting_end(url_adapt_state_ex_t *state)
{
    smart_str_free(&state->form_app);
    smart_str_free(&state->url_app);
    smart_str_free(&state->buf);
    smart_str_free(&state->result);
    smart_str_free(&state->tag);
    smart_str_free(&state->arg);
    smart_str_free(&state->val);
    smart_str_free(&state->attr_val);
    state->active = 0;
    state->tag_type = 0;
    state->attr_type = 0;
}

void php_dora_rewriting_end(void)
{
    rewriting_end(&BG(url_adapt_session_ex));
    rewriting_end(&BG(url_adapt_output_ex));
}

static void texts_restore(const php_dora_standard *kept)
{
    if (kept->domain != NULL) {
        (void)textdomain(kept->domain);
    }
    php_dora_watch_texts_restore();
}

static void syslog_restore(void)
{
    php_dora_quiet(php_dora_function("closelog"), NULL, 0, NULL);
    php_dora_watch_replay(PHP_DORA_SYSLOG);
}

/* The kind of numbers is that of the application, the numbers are nobody's. */
static void random_restore(void)
{
    zval seed;

    ZVAL_LONG(&seed, 0);
    php_dora_quiet(php_dora_function("mt_srand"), NULL, 1, &seed);
    php_dora_watch_replay(PHP_DORA_RANDOM);
}

void php_dora_standard_take(php_dora_standard *kept)
{
    const char *domain = textdomain(NULL);

    ZVAL_UNDEF(&kept->callback);
    ZVAL_UNDEF(&kept->extensions);
    assert_callback(&kept->callback, NULL);
    if (!php_dora_quiet(php_dora_function("spl_autoload_functions"), &kept->loaders, 0, NULL)) {
        array_init(&kept->loaders);
    }
    php_dora_quiet(php_dora_function("spl_autoload_extensions"), &kept->extensions, 0, NULL);
    kept->domain = domain != NULL ? estrdup(domain) : NULL;
    php_dora_rewriting_end();
    php_dora_standard_look();
}

void php_dora_standard_look(void)
{
    if (BG(strtok_string) != NULL) {
        zend_string_release(BG(strtok_string));
        BG(strtok_string) = NULL;
    }
    if (BG(CurrentStatFile) != NULL || BG(CurrentLStatFile) != NULL) {
        php_clear_stat_cache(false, NULL, 0);
    }
#if PHP_VERSION_ID >= 80400
    if (Z_TYPE(BG(last_http_headers)) != IS_UNDEF) {
        zval_ptr_dtor(&BG(last_http_headers));
        ZVAL_UNDEF(&BG(last_http_headers));
    }
#endif
    JSON_G(error_code) = PHP_JSON_ERROR_NONE;
    PCRE_G(error_code) = PHP_PCRE_NO_ERROR;
    php_dora_seeds_forget();
#if PHP_VERSION_ID >= 80200
    zend_memory_reset_peak_usage();
#endif
}

void php_dora_standard_restore(const php_dora_standard *kept, uint32_t touched)
{
    if ((touched & PHP_DORA_ASSERT) != 0) {
        zval callback;
        ZVAL_COPY_VALUE(&callback, &kept->callback);
        assert_callback(NULL, &callback);
    }
    if ((touched & PHP_DORA_AUTOLOAD) != 0) {
        loaders_restore(kept);
    }
    if ((touched & PHP_DORA_TICKS) != 0) {
        ticks_restore();
    }
    if ((touched & PHP_DORA_REWRITE) != 0) {
        php_dora_rewriting_end();
    }
    if ((touched & PHP_DORA_SYSLOG) != 0) {
        syslog_restore();
    }
    if ((touched & PHP_DORA_TEXTS) != 0) {
        texts_restore(kept);
    }
    if ((touched & PHP_DORA_RANDOM) != 0) {
        random_restore();
        php_dora_seed_forget();
    }
}

void php_dora_standard_free(php_dora_standard *kept)
{
    zval_ptr_dtor(&kept->callback);
    zval_ptr_dtor(&kept->loaders);
    zval_ptr_dtor(&kept->extensions);
    if (kept->domain != NULL) {
        efree(kept->domain);
    }
}
