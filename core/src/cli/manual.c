/* manual.c: dora(1) and dora.json(5): what the commands say of themselves, and the tables that
 * configurations are read by. The hidden `dora help --man PAGE` prints them for the build. */
#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/roff.h"
#include "server/config/config_about.h"
#include "server/config/config_read.h"

#define KEY_MAX 64

static const char about_dora[] =
    "Dora lets programs call functions that are written in Python, PHP or C and run in other\n"
    "processes. This program starts such servers, looks after them, and calls them.\n";

/* Exit statuses are said once, as in core/OPERATIONS.md. */
static const char *const exit_statuses[] = {
    [DR_EXIT_OK] = "done: an answer, a server that was stopped, no mistakes",
    [DR_EXIT_FAILED] = "it failed: the handler's error, a refused start or reload, mistakes found",
    [DR_EXIT_USAGE] = "wrong usage",
    [DR_EXIT_NOT_RUN] = "dora call: the handler was certainly not run",
    [DR_EXIT_CONNECTION] = "the server cannot be reached, or does not answer in time",
};

static const char about_file[] =
    "The configuration of a server is a JSON file, read by\n"
    "dora serve --config FILE, at its start and, as far as pools go, at each reload. Keys that\n"
    "are not known are errors. dora check FILE says what is wrong with one, and where.\n"
    "Paths count from the file's folder. A key a.b below stands for the member b of the object a,\n"
    "NAME for the name of a pool; in parentheses is what counts where it is missing.\n";

static const char example[] =
    "{\n"
    "    \"listen\": {\"tcp\": \"127.0.0.1:9567\"},\n"
    "    \"pools\": {\n"
    "        \"users\": {\"runtime\": \"python\", \"app\": \"users.py\"}\n"
    "    }\n"
    "}\n";

/* ---- dora.json(5) ---- */

/* keys is a walk through the tables, with what counts where a key is missing. */
typedef struct keys {
    bool is_page; /* else for the terminal */
    dr_config config;
    const dr_pool_config *pool;
} keys;

/* The key's value in `object` where nothing says otherwise. */
static void usual_of(const dr_key *key, const void *object, char *text, size_t size)
{
    const char *at = (const char *)object + key->at;
    if (key->max > 0) {
        uint32_t number;
        memcpy(&number, at, sizeof number);
        snprintf(text, size, "%u", number);
    } else {
        bool is_set;
        memcpy(&is_set, at, sizeof is_set);
        snprintf(text, size, "%s", is_set ? "true" : "false");
    }
}

static void put_key(const keys *self, const dr_key *key, const char *name, const void *object)
{
    char usual[KEY_MAX] = "";
    char range[KEY_MAX] = "";
    const dr_config_about *about = dr_config_about_find(name);
    if (about == NULL || about->usual == NULL) {
        usual_of(key, object, usual, sizeof usual);
    } else {
        snprintf(usual, sizeof usual, "%s", about->usual);
    }
    if (key->max > 0) {
        snprintf(range, sizeof range, " From %u to %u.", key->min, key->max);
    }
    const char *text = about != NULL ? about->text : "";
    if (!self->is_page) {
        printf("  %s%s%s%s\n      %s%s\n", name, usual[0] != '\0' ? " (" : "", usual,
               usual[0] != '\0' ? ")" : "", text, range);
        return;
    }
    fputs(".TP\n\\fB", stdout);
    dr_roff_put(stdout, name, strlen(name));
    fputs("\\fR", stdout);
    if (usual[0] != '\0') {
        fputs(" (", stdout);
        dr_roff_put(stdout, usual, strlen(usual));
        fputs(")", stdout);
    }
    fputs("\n", stdout);
    dr_roff_put(stdout, text, strlen(text));
    printf("%s\n", range);
}

static void put_keys(const keys *self, const dr_key *table, const char *before, const void *object)
{
    for (const dr_key *key = table; key->name != NULL; key++) {
        char name[KEY_MAX];
        snprintf(name, sizeof name, "%s%s", before, key->name);
        if (key->keys != NULL) {
            char within[KEY_MAX + 1];
            snprintf(within, sizeof within, "%s.", name);
            put_keys(self, key->keys, within, object);
        } else if (object == &self->config && strcmp(name, "pools") == 0) {
            put_keys(self, dr_pool_keys(), "pools.NAME.", self->pool);
        } else {
            put_key(self, key, name, object);
        }
    }
}

static int put_all_keys(bool is_page)
{
    keys self = {.is_page = is_page};
    dora_err err = dr_config_init(&self.config);
    if (err == DORA_OK) {
        self.pool = dr_config_pool_add(&self.config, "NAME", DR_RUNTIME_C, "");
        err = self.pool != NULL ? DORA_OK : DORA_ENOMEM;
    }
    if (err == DORA_OK) {
        put_keys(&self, dr_config_keys(), "", &self.config);
    } else {
        dr_cli_print_error("help", dora_err_text(err));
    }
    dr_config_fini(&self.config);
    return err == DORA_OK ? DR_EXIT_OK : DR_EXIT_FAILED;
}

int dr_cli_keys(void)
{
    printf("%s\n", about_file);
    return put_all_keys(false);
}

static int print_file_page(void)
{
    dr_roff_head(stdout, "dora.json", "5", "configuration of a Dora server");
    fputs(".SH DESCRIPTION\n", stdout);
    dr_roff_help(stdout, about_file);
    fputs(".SH KEYS\n", stdout);
    const int status = put_all_keys(true);
    fputs(".SH EXAMPLES\n", stdout);
    dr_roff_verbatim(stdout, example);
    fputs(".SH \"SEE ALSO\"\n.BR dora (1)\n", stdout);
    return status;
}

/* ---- dora(1) ---- */

static int print_program_page(void)
{
    dr_roff_head(stdout, "dora", "1", "serve and call functions in Python, PHP and C");
    fputs(".SH SYNOPSIS\n.B dora\n\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n.SH DESCRIPTION\n", stdout);
    dr_roff_help(stdout, about_dora);
    fputs(".SH COMMANDS\n", stdout);
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        const dr_command *command = dr_subcommands[i];
        printf(".SS \"dora %s: ", command->name);
        dr_roff_put(stdout, command->summary, strlen(command->summary));
        fputs("\"\n", stdout);
        dr_roff_verbatim(stdout, command->usage);
        dr_roff_help(stdout, command->help);
    }
    fputs(".SS \"dora help [COMMAND | dora.json], dora \\-\\-version\"\n", stdout);
    fputs("Say more about a command or the keys of a configuration; print the version.\n", stdout);
    fputs(".SH \"EXIT STATUS\"\n", stdout);
    for (size_t i = 0; i < sizeof exit_statuses / sizeof exit_statuses[0]; i++) {
        printf(".TP\n.B %zu\n", i);
        dr_roff_put(stdout, exit_statuses[i], strlen(exit_statuses[i]));
        fputs("\n", stdout);
    }
    fputs(".SH \"SEE ALSO\"\n.BR dora.json (5)\n", stdout);
    return DR_EXIT_OK;
}

int dr_cli_manual(const char *page)
{
    if (strcmp(page, "dora") == 0) {
        return print_program_page();
    }
    if (strcmp(page, "dora.json") == 0) {
        return print_file_page();
    }
    fprintf(stderr, "dora help --man: there are the pages dora and dora.json\n");
    return DR_EXIT_USAGE;
}
