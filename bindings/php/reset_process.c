/* reset_process.c: what a task changed in its process: working directory, umask, locale,
 * environment, signals, alarm, priority, title. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reset.h"

#include "ext/standard/basic_functions.h"

#include "watch.h"

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Keeps what the application set by putenv(). Null: it took the variable away. */
static void environment_take(zval *kept)
{
    zend_string *name;

    array_init(kept);
    ZEND_HASH_FOREACH_STR_KEY(&BG(putenv_ht), name)
    {
        zval value;
        const char *text = name != NULL ? getenv(ZSTR_VAL(name)) : NULL;
        if (name == NULL) {
            continue;
        }
        ZVAL_NULL(&value);
        if (text != NULL) {
            ZVAL_STRING(&value, text);
        }
        zend_hash_update(Z_ARRVAL_P(kept), name, &value);
    }
    ZEND_HASH_FOREACH_END();
}

static void variable_restore(zend_string *name, const zval *value)
{
    const char *now = getenv(ZSTR_VAL(name));
    zval setting;

    if (now == NULL && Z_TYPE_P(value) == IS_NULL) {
        return;
    }
    if (now != NULL && Z_TYPE_P(value) == IS_STRING && strcmp(now, Z_STRVAL_P(value)) == 0) {
        return;
    }
    if (Z_TYPE_P(value) == IS_STRING) {
        ZVAL_STR(&setting, zend_strpprintf(0, "%s=%s", ZSTR_VAL(name), Z_STRVAL_P(value)));
    } else {
        ZVAL_STR_COPY(&setting, name);
    }
    php_dora_quiet(php_dora_function("putenv"), NULL, 1, &setting);
    zval_ptr_dtor(&setting);
}

static void environment_restore(const zval *kept)
{
    zend_string *name;
    zval *value;
    zval names;

    array_init(&names);
    ZEND_HASH_FOREACH_STR_KEY(&BG(putenv_ht), name)
    {
        if (name != NULL && !zend_hash_exists(Z_ARRVAL_P(kept), name)) {
            add_next_index_str(&names, zend_string_copy(name));
        }
    }
    ZEND_HASH_FOREACH_END();
    ZEND_HASH_FOREACH_VAL(Z_ARRVAL(names), value)
    {
        zend_hash_del(&BG(putenv_ht), Z_STR_P(value)); /* by which PHP puts back what was there */
    }
    ZEND_HASH_FOREACH_END();
    zval_ptr_dtor(&names);
    ZEND_HASH_FOREACH_STR_KEY_VAL(Z_ARRVAL_P(kept), name, value)
    {
        variable_restore(name, value);
    }
    ZEND_HASH_FOREACH_END();
}

static void alarm_take(php_dora_process *kept)
{
    const unsigned left = alarm(0);

    kept->alarm_at = left > 0 ? now_s() + (time_t)left : 0;
    if (left > 0) {
        alarm(left);
    }
}

static void alarm_restore(const php_dora_process *kept)
{
    const time_t now = now_s();

    alarm(kept->alarm_at > now ? (unsigned)(kept->alarm_at - now) : 0);
}

static void signals_take(php_dora_process *kept)
{
    for (int number = 1; number <= PHP_DORA_SIGNALS_MAX; number++) {
        if (sigaction(number, NULL, &kept->actions[number]) != 0) {
            kept->actions[number].sa_handler = SIG_ERR;
        }
    }
    (void)sigprocmask(SIG_SETMASK, NULL, &kept->mask);
}

/* Drops what came while the task had it blocked: it would kill a worker that lets it through. The
 * signal is ignored until its action is put back. */
static void pending_drop(const php_dora_process *kept)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t pending;

    (void)sigpending(&pending);
    for (int number = 1; number <= PHP_DORA_SIGNALS_MAX; number++) {
        if (sigismember(&pending, number) == 1 && sigismember(&kept->mask, number) == 0 &&
            kept->actions[number].sa_handler != SIG_ERR) {
            (void)sigaction(number, &ignore, NULL);
        }
    }
}

/* The kernel's side last: PHP's own function installs PHP's handler, where the worker may ignore
 * the signal. What came meanwhile and has no handler any more is dropped. */
static void signals_restore(const php_dora_process *kept)
{
    zend_function *set = php_dora_function("pcntl_signal");
    const uint64_t touched = php_dora_watch_signals();
    zval args[2];

    pending_drop(kept); /* first: PHP's own function lets a signal through */
    for (int number = 1; number <= PHP_DORA_SIGNALS_MAX; number++) {
        if ((touched >> (number - 1) & 1) != 0) {
            ZVAL_LONG(&args[0], number);
            ZVAL_LONG(&args[1], (zend_long)(intptr_t)SIG_DFL);
            php_dora_quiet(set, NULL, 2, args);
        }
    }
    ZVAL_FALSE(&args[0]);
    php_dora_quiet(php_dora_function("pcntl_async_signals"), NULL, 1, args);
    php_dora_watch_replay(PHP_DORA_SIGNALS);
    for (int number = 1; number <= PHP_DORA_SIGNALS_MAX; number++) {
        if (kept->actions[number].sa_handler != SIG_ERR) {
            (void)sigaction(number, &kept->actions[number], NULL);
        }
    }
    php_dora_quiet(php_dora_function("pcntl_signal_dispatch"), NULL, 0, NULL);
    (void)sigprocmask(SIG_SETMASK, &kept->mask, NULL);
}

static bool nice_restore(const php_dora_process *kept)
{
    errno = 0;
    const int now = getpriority(PRIO_PROCESS, 0);

    return errno == 0 &&
           (now == kept->priority || setpriority(PRIO_PROCESS, 0, kept->priority) == 0);
}

static void flags_take(php_dora_process *kept)
{
    for (int fd = 0; fd < PHP_DORA_STANDARD_FDS; fd++) {
        kept->flags[fd] = fcntl(fd, F_GETFL);
    }
}

static void flags_restore(const php_dora_process *kept)
{
    for (int fd = 0; fd < PHP_DORA_STANDARD_FDS; fd++) {
        if (kept->flags[fd] != -1) {
            (void)fcntl(fd, F_SETFL, kept->flags[fd]);
        }
    }
}

static void cwd_restore(const php_dora_process *kept)
{
    if (kept->cwd[0] != '\0' && VCWD_CHDIR(kept->cwd) != 0) {
        php_error_docref(NULL, E_WARNING, "cannot return to %s", kept->cwd);
    }
}

static void locale_restore(const php_dora_process *kept)
{
    BG(locale_changed) = 0;
    setlocale(LC_ALL, kept->locale);
    zend_update_current_locale();
    if (BG(ctype_string) != NULL) {
        zend_string_release(BG(ctype_string));
        BG(ctype_string) = NULL;
    }
}

void php_dora_process_take(php_dora_process *kept)
{
    if (VCWD_GETCWD(kept->cwd, MAXPATHLEN) == NULL) {
        kept->cwd[0] = '\0';
    }
    kept->locale = estrdup(setlocale(LC_ALL, NULL));
    BG(locale_changed) = 0;
    BG(umask) = -1;
    environment_take(&kept->environment);
    alarm_take(kept);
    flags_take(kept);
    signals_take(kept);
    kept->priority = getpriority(PRIO_PROCESS, 0);
}

void php_dora_process_look(const php_dora_process *kept)
{
    if (BG(umask) != -1) { /* what it was before the first umask() */
        umask((mode_t)BG(umask));
        BG(umask) = -1;
    }
    if (BG(locale_changed)) {
        locale_restore(kept);
    }
}

/* Says what cannot be undone; the worker then leaves. */
static dora_err leave(const char *culprit)
{
    fprintf(stderr, "a task called %s(), which cannot be undone: the worker leaves\n", culprit);
    return DORA_EEXIT;
}

dora_err php_dora_process_restore(const php_dora_process *kept, uint32_t touched)
{
    if ((touched & PHP_DORA_ALARM) != 0) {
        alarm_restore(kept);
    }
    if ((touched & PHP_DORA_SIGNALS) != 0) {
        signals_restore(kept);
    }
    if ((touched & PHP_DORA_BLOCKING) != 0) {
        flags_restore(kept);
    }
    if ((touched & PHP_DORA_CWD) != 0) {
        cwd_restore(kept);
    }
    if ((touched & PHP_DORA_ENVIRONMENT) != 0) {
        environment_restore(&kept->environment);
    }
    if ((touched & PHP_DORA_TITLE) != 0) {
        dora_title_again();
        php_dora_watch_replay(PHP_DORA_TITLE);
    }
    if ((touched & PHP_DORA_NICE) != 0 && !nice_restore(kept)) {
        return leave("proc_nice");
    }
    return (touched & PHP_DORA_FOR_GOOD) != 0 ? leave(php_dora_watch_culprit()) : DORA_OK;
}

void php_dora_process_free(php_dora_process *kept)
{
    efree(kept->locale);
    zval_ptr_dtor(&kept->environment);
}
