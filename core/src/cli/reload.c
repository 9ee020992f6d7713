/* reload.c: `dora reload`: a running server loads its applications again. */
#include "cli/operate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"
#include "cli/token.h"

#define ASK_S 5.0
#define LOAD_S 40.0   /* what a reload takes to load, at most, and a while to say so */
#define WATCH_S 86400 /* at most: how long a server watches that does not tell */

static const char usage[] = "usage: dora reload [ADDRESS] [--now] [--wait[=S]] [--timeout S]\n";

static const char help[] =
    "\n"
    "Has a server load its applications again, beside those that serve. Says \"reloaded\", with\n"
    "the generation of each pool, or \"still loading\" when that takes more than two seconds: the\n"
    "log then says what became of it, and --wait waits for it. An application that does not load\n"
    "changes nothing: the reason is printed and the exit status is 1.\n"
    "Where the server watches new applications before they take over (reload.canary_percent) it\n"
    "waits for the verdict and prints it; the exit status is 1 where the old ones serve on.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  --now           what has loaded takes over at once, unwatched\n"
    "  --wait[=S]      until the new applications serve, or do not; with S at most so many\n"
    "                  seconds, and the exit status is 1 where it is not known by then\n"
    "  --timeout S     wait at most S seconds (5, and as long as the server "
    "watches)\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

static void print_outcome(const json_t *data)
{
    const json_t *server = json_object_get(data, "server");
    const char *name;
    const json_t *pool;
    const char *reload = json_string_value(json_object_get(server, "reload"));
    if (reload == NULL || strcmp(reload, "done") != 0) {
        printf("still loading\n");
        return;
    }
    printf("reloaded");
    json_object_foreach((json_t *)json_object_get(server, "pools"), name, pool)
    {
        dr_text_print(stdout, "", " %s=%lld", name,
                      (long long)json_integer_value(json_object_get(pool, "generation")));
    }
    printf("\n");
}

/* print_verdict. Of what is not watched nothing is said. */
static void print_verdict(const json_t *data)
{
    const json_t *rollout = json_object_get(json_object_get(data, "server"), "rollout");
    if (strcmp(dr_text_word(rollout, "state"), "ahead") == 0) {
        dr_text_print(stdout, "", "%s", dr_text_word(rollout, "text"));
        printf("\n");
    }
}

/* watch_s_of asks how long the server watches what it loads. Returns: 0: it does not. One that may
 * not be asked is waited for as long as need be. */
static double watch_s_of(const char *address, dora_err *err, dora_error *error)
{
    dr_operator self = {0};
    json_t *data = NULL;
    *err = dr_operator_open(&self, address, ASK_S, error);
    *err = *err == DORA_OK ? dr_operator_ask(&self, "getStat", &data, error) : *err;
    const json_t *rollout = json_object_get(json_object_get(data, "server"), "rollout");
    double watch_s = rollout != NULL ? (double)dr_text_int(rollout, "watch_s") : 0;
    if (*err == DORA_EREPLY) {
        *err = DORA_OK;
        watch_s = WATCH_S;
    }
    json_decref(data);
    dr_operator_close(&self);
    return watch_s;
}

/* wishes is how a reload is asked for. */
typedef struct wishes {
    double timeout_s; /* 0: the usual */
    double wait_s;    /* 0: as long as it takes */
    bool is_now;
    bool waits;
} wishes;

/* command_of is what a server is asked that watches for so long. */
static const char *command_of(const wishes *self, double watch_s)
{
    if (self->is_now) {
        return self->waits ? "reloadNowWait" : "reloadNow";
    }
    return self->waits || watch_s > 0 ? "reloadWait" : "reloadTask";
}

/* patience_s_of is how long the answer is waited for. Where one reload is under way already, that
 * is loaded first. */
static double patience_s_of(const wishes *self, double watch_s)
{
    if (self->timeout_s > 0 || self->wait_s > 0) {
        return self->timeout_s > 0 ? self->timeout_s : self->wait_s;
    }
    return self->waits ? 2 * LOAD_S + watch_s : watch_s > 0 ? LOAD_S + watch_s : ASK_S;
}

/* fail prints why there is no answer; `waits`: it was asked for and waited for. Returns: the exit
 * status. */
static int fail(bool waits, const char *address, const dora_error *error)
{
    if (!waits || error->err != DORA_ETIMEDOUT) {
        return dr_operate_fail("reload", address, error);
    }
    dr_text_print(stderr, "", "dora reload: %s: %s; the server's log says what becomes of it",
                  address, error->msg);
    fputc('\n', stderr);
    return DR_EXIT_FAILED;
}

static int reload(const char *address, const wishes *self)
{
    dr_operator server = {0};
    dora_error error = {.err = DORA_OK};
    json_t *data = NULL;
    int status = DR_EXIT_OK;
    dora_err err = DORA_OK;
    const double watch_s = self->is_now ? 0 : watch_s_of(address, &err, &error);
    const double patience_s = patience_s_of(self, watch_s);
    err = err == DORA_OK ? dr_operator_open(&server, address, patience_s, &error) : err;
    const bool is_asked = err == DORA_OK;
    err = err == DORA_OK ? dr_operator_ask(&server, command_of(self, watch_s), &data, &error) : err;
    if (err == DORA_OK) {
        print_outcome(data);
        if (watch_s > 0) {
            print_verdict(data);
        }
    } else {
        status = fail(is_asked && self->waits, address, &error);
    }
    json_decref(data);
    dr_operator_close(&server);
    return status;
}

/* is_number: no address is one, so it is what --wait was to have. */
static bool is_number(const char *word)
{
    char *end = NULL;
    return word != NULL && word[0] != '\0' && strtod(word, &end) >= 0 && *end == '\0';
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    wishes self = {0};
    const char *address = NULL;
    const dr_operate_flag flags[] = {
        {.name = "--timeout", .seconds = &self.timeout_s},
        {.name = "--wait", .is_given = &self.waits, .seconds = &self.wait_s},
        {.name = "--now", .is_given = &self.is_now},
        {.name = NULL}};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("reload");
    }
    if (!dr_operate_parse("reload", flags, argc, argv, &address)) {
        return DR_EXIT_USAGE;
    }
    if (self.waits && is_number(address)) {
        return dr_cli_usage("reload", "the seconds of --wait stand behind a =, as in --wait=30");
    }
    if (self.wait_s > 0 && self.timeout_s > 0) {
        return dr_cli_usage("reload", "--timeout does not go with --wait=S: one of them is enough");
    }
    return reload(address != NULL ? address : DR_OPERATE_ADDRESS, &self);
}

const dr_command dr_command_reload = {
    .name = "reload",
    .arguments = "[ADDRESS]",
    .summary = "load a server's applications again",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
