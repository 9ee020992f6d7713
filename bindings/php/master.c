/* master.c: run() and start() in the process that becomes the master: command lines for the server
 * and for the processes that it starts. */
#include "master.h"

#include <fcntl.h>
#include <unistd.h>

#include "SAPI.h"
#include "zend_exceptions.h"
#include "zend_smart_str.h"
#ifdef ZEND_MAX_EXECUTION_TIMERS
#include "zend_max_execution_timer.h"
#endif

#include "exception.h"
#include "options.h"
#include "policy.h"

#define COMMAND_BYTES_MAX (4u * 1024 * 1024) /* more than the kernel allows for arguments */

/* command is a process's command line: `args` point into `text` and end with NULL. */
typedef struct command {
    smart_str text;
    char **args;
    size_t count;
} command;

static void command_fini(command *self)
{
    smart_str_free(&self->text);
    if (self->args != NULL) {
        efree(self->args);
    }
}

static bool text_read(smart_str *text)
{
    char part[4096];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    if (fd < 0) {
        return false;
    }
    while ((got = read(fd, part, sizeof(part))) > 0) {
        smart_str_appendl(text, part, (size_t)got);
        if (ZSTR_LEN(text->s) > COMMAND_BYTES_MAX) {
            got = -1;
            break;
        }
    }
    close(fd);
    smart_str_0(text);
    return got == 0 && text->s != NULL;
}

/* Reads this process's own command line. Its program is replaced by the interpreter's full path.
 * Returns: false when it cannot be read. */
static bool command_init(command *self)
{
    memset(self, 0, sizeof(*self));
    if (!text_read(&self->text)) {
        return false;
    }
    char *at = ZSTR_VAL(self->text.s);
    char *end = at + ZSTR_LEN(self->text.s);
    for (char *byte = at; byte < end; byte++) {
        self->count += *byte == '\0';
    }
    self->args = ecalloc(self->count + 2, sizeof(*self->args));
    for (size_t i = 0; i < self->count; i++) {
        self->args[i] = at;
        at += strlen(at) + 1;
    }
    if (self->count == 0) {
        return false;
    }
    if (PG(php_binary) != NULL) {
        self->args[0] = PG(php_binary);
    }
    return true;
}

/* Says how many arguments the interpreter's option at `arg` takes up: 1 or 2 when a zygote needs
 * it too (-d, -c, -n, -z), else 0. */
static size_t option_span(const char *arg)
{
    if (strcmp(arg, "-n") == 0 || strcmp(arg, "--no-php-ini") == 0) {
        return 1;
    }
    if (strcmp(arg, "--define") == 0 || strcmp(arg, "--php-ini") == 0 ||
        strcmp(arg, "--zend-extension") == 0) {
        return 2;
    }
    if (arg[0] == '-' && (arg[1] == 'd' || arg[1] == 'c' || arg[1] == 'z')) {
        return arg[2] == '\0' ? 2 : 1;
    }
    return 0;
}

/* Makes {"php", own -d -c -n -z options, "-r", "Dora\zygote();"}. `args` has room for all. */
static void zygote_args(const command *self, const char **args)
{
    size_t count = 0;

    args[count++] = self->args[0];
    for (size_t i = 1; i < self->count && self->args[i][0] == '-';) {
        size_t span = option_span(self->args[i]);
        bool is_end = strcmp(self->args[i], "--") == 0 || strncmp(self->args[i], "-f", 2) == 0;
        if (is_end) {
            break;
        }
        for (size_t left = span; left > 0 && i < self->count; left--) {
            args[count++] = self->args[i++];
        }
        i += span == 0;
    }
    args[count++] = "-r";
    args[count++] = "Dora\\zygote();";
    args[count] = NULL;
}

void php_dora_master_enter(void)
{
    char folder[MAXPATHLEN];

    if (VCWD_GETCWD(folder, sizeof(folder)) == NULL || chdir(folder) != 0) {
        php_error_docref(NULL, E_WARNING, "the working directory is not there");
    }
    zend_unset_timeout();
}

void php_dora_master_leave(void)
{
#ifdef ZEND_MAX_EXECUTION_TIMERS
    zend_max_execution_timer_init(); /* a daemon is a child, which has no timer yet */
#endif
    if (EG(timeout_seconds) > 0) {
        zend_set_timeout(EG(timeout_seconds), false);
    }
}

const char *php_dora_master_file(const char *door)
{
    const char *file = SG(request_info).path_translated;

    if (strcmp(sapi_module.name, "cli") != 0) {
        zend_throw_exception_ex(php_dora_exception_ce, 0,
                                "%s starts a server: run the file by `php FILE`", door);
        return NULL;
    }
    if (file == NULL || access(file, R_OK) != 0) {
        zend_throw_exception_ex(php_dora_exception_ce, 0,
                                "%s needs a file that can be run again: `php FILE`", door);
        return NULL;
    }
    if (!php_dora_policy_programs(door)) {
        return NULL;
    }
    php_dora_master_enter();
    return file;
}

int php_dora_master_run(const php_dora_program *program)
{
    command own = {0};
    php_dora_run_options options;
    const char **zygote = NULL;
    int status = 1;
    const char *file = php_dora_master_file(program->door);

    if (file == NULL) {
        return status;
    }
    const char *pool = program->config == NULL ? file : NULL;
    if (!php_dora_run_options_init(&options, program->options, pool, program->door)) {
        goto out;
    }
    if (!command_init(&own)) {
        zend_throw_exception(php_dora_exception_ce, "/proc/self/cmdline cannot be read", 0);
        goto out;
    }
    zygote = ecalloc(own.count + 4, sizeof(*zygote));
    zygote_args(&own, zygote);
    dora_host host = {.size = sizeof host,
                      .runtime = "php",
                      .zygote = (const char *const *)zygote,
                      .again = (const char *const *)own.args,
                      .again_app = file,
                      .config = program->config,
                      .config_name = program->config_name,
                      .options = options.settings.s != NULL ? ZSTR_VAL(options.settings.s) : NULL,
                      .options_name = program->door,
                      .pid_files = program->pid_files,
                      .may_use = php_dora_policy_file};
    DORA_G(role) = PHP_DORA_MASTER; /* for good: the command line is overwritten by the title */
    status = dora_main(options.argc, options.argv, &host);
    php_dora_master_leave();
out:
    if (zygote != NULL) {
        efree(zygote);
    }
    command_fini(&own);
    php_dora_run_options_fini(&options);
    return status;
}
