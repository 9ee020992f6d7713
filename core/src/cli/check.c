/* check.c: `dora check`: what is wrong with a configuration file. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "cli/check_who.h"
#include "cli/text.h"
#include "server/config/config.h"
#include "server/config/config_access.h"
#include "server/config/config_effect.h"
#include "server/config/config_read.h"
#include "server/config/config_rights.h"
#include "server/config/config_start.h"
#include "server/config/config_tls.h"
#include "server/master/server.h"

static const char usage[] = "usage: dora check [--load] [--who NAME] FILE\n";

static const char help[] =
    "\n"
    "Reads a configuration file as `dora serve --config FILE` would, and says what is wrong\n"
    "with it: the key, its line and column, and what is allowed there; and what is missing for\n"
    "a start: pools, applications, interpreters, folders. Keys that have no effect beside the\n"
    "others are a note, and no mistake. It runs none of the applications.\n"
    "\n"
    "  --load  load each application, too, in a process of its own, as a start does, and say\n"
    "          which do not load, and which names two pools serve. Their code runs, but no\n"
    "          start hook and no handler.\n"
    "  --who NAME  who may do what: an identity of access.identities, an address, or anyone;\n"
    "          with --load of all apis, else of those that the pools list\n"
    "\n"
    "exit status: 0 no mistakes, 1 mistakes, 2 wrong command line\n";

static void print_ok(const dr_config *config, const char *path)
{
    dr_text_print(stdout, "", "%s: ok (%zu %s", path, config->pool_count,
                  config->pool_count == 1 ? "pool" : "pools");
    for (size_t i = 0; i < config->pool_count; i++) {
        const dr_pool_config *pool = &config->pools[i];
        printf("%s %s: %u %s", i == 0 ? ":" : ",", pool->name, pool->workers,
               dr_runtime_of(pool->runtime)->name);
    }
    if (config->discovery.redis.count > 0) {
        printf("; registers in %zu Redis", config->discovery.redis.count);
    }
    printf(")\n");
    for (size_t i = 0; i < config->pool_count; i++) {
        const dr_pool_config *pool = &config->pools[i];
        if (pool->threads > pool->concurrency) {
            printf("note: pools.%s.threads: %u has no effect beyond \"concurrency\" (%u), how many "
                   "calls a worker runs at a time\n",
                   pool->name, pool->threads, pool->concurrency);
        }
    }
}

static void note_idle(const char *name)
{
    dr_text_print(stdout, "",
                  "note: access.identities.%s: no rule names it: it may do what anyone may", name);
    printf("\n");
}

static void note_idle_key(const char *place, const char *key, const char *why, void *user)
{
    (void)user;
    dr_text_print(stdout, "", "note: %s: %s: has no effect %s", place, key, why);
    printf("\n");
}

/* note_users says what the users of the pools want of the start, and what is unwise. */
static void note_users(const dr_config *config)
{
    bool has_other = false;
    for (size_t i = 0; i < config->pool_count; i++) {
        dr_rights rights;
        dora_error error;
        if (dr_rights_find(config, &config->pools[i], &rights, &error) == DORA_OK &&
            rights.account.user != NULL) {
            has_other = has_other || rights.has_account;
            if (rights.account.uid == 0) {
                printf("note: pool %s runs as root: its handlers may do anything on this machine\n",
                       config->pools[i].name);
            }
        }
        dr_rights_fini(&rights);
    }
    if ((has_other || config->master_user != NULL) && !dr_account_is_possible()) {
        printf("note: user: this user cannot start processes as others: let root start the server, "
               "or whoever has CAP_SETUID, CAP_SETGID and CAP_KILL\n");
    }
}

/* loading is what load_all has seen. */
typedef struct loading {
    const dr_who *who; /* NULL: nobody was asked for */
    size_t told;
    size_t failed;
} loading;

static void tell_pool(void *user, const dr_pool_config *pool, const dr_names *names,
                      const char *why)
{
    loading *seen = user;
    seen->told++;
    if (why != NULL) { /* may be a traceback: its lines belong together */
        seen->failed++;
        dr_text_print(stderr, "\n\t", "dora check: %s", why);
        fputc('\n', stderr);
        return;
    }
    dr_text_print(stdout, "", "pool %s: %s loads, %u %s%s", pool->name, pool->app, names->count,
                  names->count == 1 ? "api" : "apis", names->has_fallback ? " and a fallback" : "");
    printf("\n");
    if (seen->who != NULL) {
        dr_who_print_names(seen->who, names);
    }
}

/* load_all loads the applications of a configuration, with nothing else of a start around them. */
static dora_err load_all(dr_config *config, const dora_host *host, const dr_who *who,
                         dora_error *error)
{
    loading seen = {.who = who};
    const dr_rehearsal rehearsal = {tell_pool, &seen};
    dora_err err = dr_text_set(&config->admin_host, NULL);
    err = err == DORA_OK ? dr_text_set(&config->log.file, NULL) : err;
    config->daemonize = config->dev = false;
    err = err == DORA_OK ? dr_server_rehearse(config, host, &rehearsal, error)
                         : dora_error_set(error, err, "%s", dora_err_text(err));
    return err == DORA_OK && seen.told < config->pool_count
               ? dora_error_set(error, DORA_EINTERRUPTED,
                                "interrupted before all applications were loaded")
               : err;
}

static void note_missing(const char *key, const char *path, size_t folder_len, void *user)
{
    (void)user;
    dr_text_print(stdout, "", "note: %s: %s: there is no folder %.*s yet; the start needs it", key,
                  path, (int)folder_len, path);
    printf("\n");
}

/* note_certificates says what is odd about them and no mistake. */
static void note_certificates(const dr_config *config)
{
    dr_tls_context *context = NULL;
    if (config->tls_host != NULL &&
        dr_config_tls_context(config, NULL, &context, NULL) == DORA_OK &&
        dr_tls_context_remark(context)[0] != '\0') {
        dr_text_print(stdout, "", "note: tls: %s", dr_tls_context_remark(context));
        printf("\n");
    }
    dr_tls_context_free(context);
}

/* take_flag takes a flag out of the arguments. Returns: whether it stood there. */
static bool take_flag(int *argc, char **argv, const char *flag)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], flag) != 0) {
            argv[kept++] = argv[i];
        }
    }
    const bool is_there = kept < *argc;
    *argc = kept;
    return is_there;
}

/* take_value takes a flag and its value out of the arguments. Returns: false where the value is
 * missing. */
static bool take_value(int *argc, char **argv, const char *flag, const char **value)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], flag) != 0) {
            argv[kept++] = argv[i];
        } else if (++i < *argc) {
            *value = argv[i];
        } else {
            return false;
        }
    }
    *argc = kept;
    return true;
}

/* Whether a name is one of an application, which is no configuration. */
static bool is_application(const char *file)
{
    static const char *const ends[] = {".py", ".php", ".so", NULL};
    const size_t len = strlen(file);
    for (size_t i = 0; ends[i] != NULL; i++) {
        const size_t end = strlen(ends[i]);
        if (len > end && strcmp(file + len - end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int run(int argc, char **argv, const dora_host *host)
{
    dr_config config;
    dora_error error = {.err = DORA_OK};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("check");
    }
    const char *name = NULL;
    dr_who who;
    if (!take_value(&argc, argv, "--who", &name)) {
        return dr_cli_usage("check", "--who needs a NAME");
    }
    const bool loads = take_flag(&argc, argv, "--load");
    if (argc != 1 || argv[0][0] == '-') {
        return dr_cli_usage("check", argc == 0 ? "a FILE is missing" : "one FILE is expected");
    }
    if (is_application(argv[0])) {
        dr_text_print(stderr, "",
                      "dora check: %s is an application, and FILE a configuration: ", argv[0]);
        fprintf(stderr, "`dora serve FILE` loads one\n");
        return DR_EXIT_FAILED;
    }
    dora_err err = dr_config_init(&config);
    if (err != DORA_OK) {
        dora_error_set(&error, err, "%s", dora_err_text(err));
    } else {
        err = dr_config_load(&config, argv[0], &error);
    }
    if (err == DORA_OK) {
        err = dr_config_check(&config, argv[0], &error);
    }
    if (err == DORA_OK) {
        err = dr_config_check_start(&config, argv[0], host, &error);
    }
    if (err == DORA_OK && name != NULL) {
        err = dr_who_find(&config, name, &who, &error);
    }
    if (err == DORA_OK) {
        print_ok(&config, argv[0]);
        dr_config_each_idle_key(&config, note_idle_key, NULL);
        dr_config_each_idle(&config, note_idle);
        dr_config_each_missing_folder(&config, note_missing, NULL);
        note_certificates(&config);
        note_users(&config);
        if (name != NULL) {
            dr_who_print(&who, &config);
        }
        err = loads ? load_all(&config, host, name != NULL ? &who : NULL, &error) : DORA_OK;
    }
    if (err != DORA_OK) {
        dr_cli_print_error("check", error.msg);
    }
    dr_config_fini(&config);
    return err == DORA_OK ? DR_EXIT_OK : DR_EXIT_FAILED;
}

const dr_command dr_command_check = {
    .name = "check",
    .arguments = "[--load] [--who NAME] FILE",
    .summary = "look for mistakes in a configuration file",
    .usage = usage,
    .help = help,
    .run = run,
};
