/* monitor.c: `dora monitor`: its arguments, and its first line. */
#include <dora/monitor.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/command.h"

static const char usage[] =
    "usage: dora monitor --redis HOST:PORT... --out FILE... [--format php|json]\n"
    "           [--tls-ca FILE] [--tls-cert FILE --tls-key FILE] [--tls-name HOST]\n";

static const char help[] =
    "\n"
    "Watches the servers that register in Redis, and writes them to a file for the clients of "
    "this\n"
    "machine: groups of nodes, as PHP for `include` or as JSON for \"file:FILE\". A file is\n"
    "replaced whole, and only when a node comes or goes. While no Redis can be read, or all of\n"
    "them suddenly name nobody, the last nodes stay.\n"
    "\n"
    "  --redis REDIS   HOST:PORT or redis://[[USER]:PASSWORD@]HOST:PORT[/DATABASE], for TLS\n"
    "                  rediss://...; several times: all of them count together\n"
    "  --out FILE      the file to write; several times: all of them\n"
    "  --format FORMAT php or json for all files; else .php is PHP, and any other name JSON\n"
    "  --tls-ca FILE   whom rediss:// trusts; without it whom the system trusts\n"
    "  --tls-cert FILE, --tls-key FILE  what a Redis sees that asks for a certificate\n"
    "  --tls-name HOST the name in the certificate of each Redis; without it the host in its URL\n"
    "\n"
    "When the first state is known, after two seconds at most, it prints one line to stdout:\n"
    "  dora monitor: ready, 3 nodes in 2 groups\n"
    "Later changes are lines on stderr. SIGTERM and SIGINT stop it; the files stay. On SIGHUP it\n"
    "reads the files of TLS again.\n"
    "\n"
    "exit status: 0 stopped, 1 did not start, 2 wrong command line\n";

typedef struct arguments {
    dr_buf redis;             /* parted by commas, NUL-ended at the end */
    dora_monitor_file *files; /* their paths are copies: argv is written over */
    size_t file_count;
    char *format; /* NULL: by the files' names */
    char *tls_ca;
    char *tls_cert;
    char *tls_key;
    char *tls_name;
} arguments;

/* text_flag gives the place of a flag that is a text, NULL where it is none. */
static char **text_flag(arguments *self, const char *flag, size_t len)
{
    static const char *const names[] = {"--format", "--tls-ca", "--tls-cert", "--tls-key",
                                        "--tls-name"};
    char **const places[] = {&self->format, &self->tls_ca, &self->tls_cert, &self->tls_key,
                             &self->tls_name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], flag, len) == 0) {
            return places[i];
        }
    }
    return NULL;
}

/* take reads one flag. Returns: NULL, or what is wrong with it. */
static const char *take(arguments *self, const char *flag, size_t len, const char *value)
{
    const bool is_redis = len == 7 && strncmp(flag, "--redis", len) == 0;
    const bool is_out = len == 5 && strncmp(flag, "--out", len) == 0;
    char **text = text_flag(self, flag, len);
    if (!is_redis && !is_out && text == NULL) {
        return "does not go here";
    }
    if (value == NULL || value[0] == '\0') {
        return "wants a value";
    }
    if (is_redis) {
        const bool is_added =
            (self->redis.len == 0 || dr_buf_append(&self->redis, ",", 1) == DORA_OK) &&
            dr_buf_append(&self->redis, value, strlen(value)) == DORA_OK;
        return is_added ? NULL : "finds no memory";
    }
    if (is_out) {
        const char *path = strdup(value);
        self->files[self->file_count].path = path;
        self->file_count += path != NULL ? 1 : 0;
        return path != NULL ? NULL : "finds no memory";
    }
    if (text == &self->format && strcmp(value, "php") != 0 && strcmp(value, "json") != 0) {
        return "is php or json";
    }
    dr_free(*text);
    *text = strdup(value); /* a copy, as above */
    return *text != NULL ? NULL : "finds no memory";
}

static bool is_php_name(const char *path)
{
    const size_t len = strlen(path);
    return len >= 4 && strcmp(path + len - 4, ".php") == 0;
}

/* parse reads all arguments. Returns: whether that went well; else `message` says what is wrong. */
static bool parse(arguments *self, int argc, char *const *argv, char *message, size_t size)
{
    for (int i = 0; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        const char *flag = argv[i];
        const size_t len = equals != NULL ? (size_t)(equals - flag) : strlen(flag);
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[i + 1] : NULL;
        const char *wrong = take(self, flag, len, value);
        if (wrong != NULL) {
            snprintf(message, size, "%.*s %s", (int)len, flag, wrong);
            return false;
        }
        i += equals == NULL ? 1 : 0;
    }
    for (size_t i = 0; i < self->file_count; i++) {
        dora_monitor_file *file = &self->files[i];
        file->is_php =
            self->format != NULL ? strcmp(self->format, "php") == 0 : is_php_name(file->path);
    }
    if (self->redis.len == 0 || self->file_count == 0) {
        snprintf(message, size, "%s is missing", self->redis.len == 0 ? "--redis" : "--out");
        return false;
    }
    if (dr_buf_append(&self->redis, "", 1) != DORA_OK) {
        snprintf(message, size, "%s", dora_err_text(DORA_ENOMEM));
        return false;
    }
    return true;
}

static void on_ready(void *user, size_t nodes, size_t groups)
{
    (void)user;
    printf("dora monitor: ready, %zu %s in %zu %s\n", nodes, nodes == 1 ? "node" : "nodes", groups,
           groups == 1 ? "group" : "groups");
    (void)fflush(stdout);
}

static int watch(const arguments *self)
{
    dora_error error = {.err = DORA_OK};
    const dora_monitor_options options = {.size = sizeof options,
                                          .redis = self->redis.data,
                                          .files = self->files,
                                          .file_count = self->file_count,
                                          .on_ready = on_ready,
                                          .tls_ca = self->tls_ca,
                                          .tls_cert = self->tls_cert,
                                          .tls_key = self->tls_key,
                                          .tls_name = self->tls_name};
    const dora_err err = dora_monitor_run(&options, &error);
    if (err == DORA_EINVAL) {
        return dr_cli_usage("monitor", error.msg);
    }
    if (err != DORA_OK) {
        dr_cli_print_error("monitor", error.msg);
        return DR_EXIT_FAILED;
    }
    return DR_EXIT_OK;
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    arguments self = {0};
    char message[512];
    int status = DR_EXIT_FAILED;
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("monitor");
    }
    self.files = dr_calloc((size_t)argc, sizeof *self.files);
    if (self.files == NULL) {
        dr_cli_print_error("monitor", dora_err_text(DORA_ENOMEM));
    } else if (parse(&self, argc, argv, message, sizeof message)) {
        status = watch(&self);
    } else {
        status = dr_cli_usage("monitor", message);
    }
    for (size_t i = 0; i < self.file_count; i++) {
        dr_free((char *)(uintptr_t)self.files[i].path);
    }
    dr_free(self.files);
    dr_free(self.format);
    dr_free(self.tls_ca);
    dr_free(self.tls_cert);
    dr_free(self.tls_key);
    dr_free(self.tls_name);
    dr_buf_fini(&self.redis);
    return status;
}

const dr_command dr_command_monitor = {
    .name = "monitor",
    .arguments = "",
    .summary = "keep a file of the servers that Redis names",
    .usage = usage,
    .help = help,
    .run = run,
};
