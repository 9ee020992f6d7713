/* stop.c: `dora stop`: a server of this machine is asked to finish, and awaited. */
#include "base/slice.h"
#include "cli/operate.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/address.h"
#include "cli/command.h"
#include "cli/token.h"

static const char usage[] = "usage: dora stop [ADDRESS | --pid-file FILE] [--timeout S]\n";

static const char help[] =
    "\n"
    "Sends SIGTERM to a server of this machine and waits until it has finished what it accepted\n"
    "and is gone; where that takes a while it says how long it may (drain_ms, stop_timeout_ms).\n"
    "ADDRESS is one of 127.0.0.1, localhost, [::1], those behind tls://, or unix:PATH\n"
    "(127.0.0.1:9567).\n"
    "\n"
    "  --pid-file FILE the process whose id stands in FILE, which must be a server\n"
    "  --timeout S     wait at most S seconds (as long as the server says it may last, at least "
    "30)\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

#define ASK_S 3.0    /* for the answer of a server that is well */
#define WAIT_S 30.0  /* where nothing else is known */
#define MARGIN_S 5.0 /* past what the server says of itself */
#define QUIET_MS 500 /* a stop that takes longer is explained */

static int fail(int status, const char *format, ...) DORA_PRINTF(2, 3);

static int fail(int status, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    dr_cli_print_error("stop", message);
    return status;
}

/* is_here says whether an address can only be of this machine. */
static bool is_here(const char *text)
{
    dr_address address;
    if (dr_address_read(dr_slice(text), &address, NULL) != DORA_OK) {
        return false;
    }
    return dr_address_is_unix(&address) || strncmp(address.host, "127.", 4) == 0 ||
           strcmp(address.host, "::1") == 0 || strcmp(address.host, "localhost") == 0;
}

/* target is the process to stop. */
typedef struct target {
    int pid;
    bool says_ms_max;
    int64_t ms_max; /* that its stop may last; 0: without end */
} target;

/* ask_pid asks a server which process it is, and how long its stop may last. Returns: an exit
 * status. */
static int ask_pid(const char *address, double timeout_s, target *found)
{
    const bool is_short = timeout_s > 0.0 && timeout_s < ASK_S;
    dr_operator self = {0};
    dora_error error = {.err = DORA_OK};
    json_t *data = NULL;
    int status = DR_EXIT_OK;
    dora_err err = dr_operator_open(&self, address, is_short ? timeout_s : ASK_S, &error);
    if (err == DORA_OK && !is_here(address)) {
        status = fail(DR_EXIT_USAGE,
                      "%s is not on this machine: only a process here can be stopped", address);
    } else if (err == DORA_OK) {
        err = dr_operator_ask(&self, "getStat", &data, &error);
    }
    if (err != DORA_OK) {
        status = dr_operate_fail("stop", address, &error);
    }
    const json_t *server = json_object_get(data, "server");
    const json_t *ms_max = json_object_get(server, "stop_ms_max");
    *found = (target){.pid = (int)json_integer_value(json_object_get(server, "pid")),
                      .says_ms_max = json_is_integer(ms_max),
                      .ms_max = json_integer_value(ms_max)};
    json_decref(data);
    dr_operator_close(&self);
    return status;
}

static int read_pid(const char *path, int *pid)
{
    char text[32] = "";
    char *end = text;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return fail(DR_EXIT_CONNECTION, "%s: %s", path, strerror(errno));
    }
    const size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    const long number = strtol(text, &end, 10);
    if (end == text || (*end != '\n' && *end != '\0') || number < 1 || number > INT32_MAX) {
        return fail(DR_EXIT_FAILED, "%s does not hold a process id", path);
    }
    *pid = (int)number;
    return DR_EXIT_OK;
}

/* is_master says whether a process is the master of a server, by its name. */
static bool is_master(int pid)
{
    char path[64];
    char name[32] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        const size_t len = fread(name, 1, sizeof(name) - 1, file);
        fclose(file);
        name[len] = '\0';
    }
    return strcmp(name, "dora:master\n") == 0 ||
           strcmp(name, "dora: master\n") == 0; /* of an older release, that is being replaced */
}

/* say_waiting tells a person how long it may last. */
static void say_waiting(const target *self)
{
    if (self->says_ms_max && self->ms_max > 0) {
        fprintf(stderr,
                "dora stop: process %d finishes what it accepted; that may last %" PRId64 " s\n",
                self->pid, (self->ms_max + 999) / 1000);
    } else if (self->says_ms_max) {
        fprintf(stderr,
                "dora stop: process %d finishes what it accepted, however long that lasts "
                "(stop_timeout_ms is 0)\n",
                self->pid);
    } else {
        fprintf(stderr,
                "dora stop: process %d finishes what it accepted; how long that may last is in its "
                "configuration (drain_ms, stop_timeout_ms)\n",
                self->pid);
    }
}

/* patience_s is how long to wait for the end where nobody has said it. */
static double patience_s(const target *self)
{
    const double said_s = (double)self->ms_max / 1000.0 + MARGIN_S;
    return self->says_ms_max && said_s > WAIT_S ? said_s : WAIT_S;
}

/* has_ended waits for the end of the process that `fd` stands for. */
static bool has_ended(int fd, const target *self, double timeout_s)
{
    struct pollfd end = {.fd = fd, .events = POLLIN};
    const int timeout_ms = (int)(timeout_s * 1000.0);
    const int quiet_ms = timeout_ms < QUIET_MS ? timeout_ms : QUIET_MS;
    if (poll(&end, 1, quiet_ms) == 1) {
        return true;
    }
    if (timeout_ms <= quiet_ms) {
        return false;
    }
    say_waiting(self);
    return poll(&end, 1, timeout_ms - quiet_ms) == 1;
}

/* stop_process signals by a descriptor, which never means another process than the one that was
 * looked at, and waits for its end. */
static int stop_process(const target *self, double timeout_s)
{
    const int pid = self->pid;
    const int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd < 0) {
        return fail(DR_EXIT_CONNECTION, "process %d is not there", pid);
    }
    int status = DR_EXIT_OK;
    if (!is_master(pid)) {
        status = fail(DR_EXIT_FAILED, "process %d is no dora server: nothing was done", pid);
    } else if (syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) != 0) {
        status = fail(DR_EXIT_FAILED, "process %d cannot be stopped: %s", pid, strerror(errno));
    } else if (has_ended(fd, self, timeout_s)) {
        printf("stopped process %d\n", pid);
    } else {
        status = fail(DR_EXIT_FAILED,
                      "process %d was told to stop and still finishes what it accepted, after %g s",
                      pid, timeout_s);
    }
    close(fd);
    return status;
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    double timeout_s = 0.0; /* not given */
    const char *address = NULL;
    const char *pid_file = NULL;
    const dr_operate_flag flags[] = {{.name = "--timeout", .seconds = &timeout_s},
                                     {.name = "--pid-file", .text = &pid_file},
                                     {.name = NULL}};
    target found = {0};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("stop");
    }
    if (!dr_operate_parse("stop", flags, argc, argv, &address)) {
        return DR_EXIT_USAGE;
    }
    if (address != NULL && pid_file != NULL) {
        return dr_cli_usage("stop", "ADDRESS or --pid-file, not both");
    }
    address = address != NULL ? address : DR_OPERATE_ADDRESS;
    const int status =
        pid_file != NULL ? read_pid(pid_file, &found.pid) : ask_pid(address, timeout_s, &found);
    if (status != DR_EXIT_OK) {
        return status;
    }
    return stop_process(&found, timeout_s > 0.0 ? timeout_s : patience_s(&found));
}

const dr_command dr_command_stop = {
    .name = "stop",
    .arguments = "[ADDRESS]",
    .summary = "stop a server of this machine",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
