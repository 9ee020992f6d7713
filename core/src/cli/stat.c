/* stat.c: `dora stat`: what a server says of itself, once. */
#include "cli/operate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"
#include "cli/token.h"
#include "wire/json_value.h"
#include "wire/message.h"

static const char usage[] =
    "usage: dora stat [ADDRESS] [--json | --check | --running] [--timeout S]\n";

static const char help[] =
    "\n"
    "Prints what a server says of itself: a few lines and a table of its pools.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  --check         prints ok, or why not: the server is stopping or does not serve yet, a "
    "pool\n"
    "                  has no worker or hangs; the exit status is 1 then (for HEALTHCHECK)\n"
    "  --running       the tasks that have run for longest, at most 10 of each pool; of those that "
    "were\n"
    "                  asked to end, where they are\n"
    "  --json          all of it as JSON (PROTOCOL.md, \"Control\")\n"
    "  --timeout S     wait at most S seconds (3)\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

static void put_server(dr_buf *out, const char *address, const json_t *server, const json_t *log)
{
    char in[DR_TEXT_MAX];
    char sent[DR_TEXT_MAX];
    char up[DR_TEXT_MAX];
    dr_text_line(out, SIZE_MAX, "%s: dora %s, process %" PRId64 ", up %s, %s", address,
                 dr_text_word(server, "version"), dr_text_int(server, "pid"),
                 dr_text_time(dr_text_int(server, "uptime_s"), up),
                 json_is_true(json_object_get(server, "draining")) ? "draining" : "serving");
    dr_text_line(out, SIZE_MAX,
                 "connections: %" PRId64 " open, %" PRId64 " since the start, %s in, %s out",
                 dr_text_int(server, "connection_num"), dr_text_int(server, "accept_count"),
                 dr_text_bytes((double)dr_text_int(server, "bytes_in"), in),
                 dr_text_bytes((double)dr_text_int(server, "bytes_out"), sent));
    dr_text_line(out, SIZE_MAX,
                 "requests: %" PRId64 ", tasks: %" PRId64 " now, %" PRId64 " done, log: %" PRId64
                 " lines waiting",
                 dr_text_int(server, "request_count"), dr_text_int(server, "tasking_num"),
                 dr_text_int(server, "worker_request_count"), dr_text_int(log, "queue_num"));
}

/* put_tls writes a line where anybody has come over TLS. */
static void put_tls(dr_buf *out, const json_t *tls)
{
    if (dr_text_int(tls, "handshakes") + dr_text_int(tls, "failed") > 0) {
        dr_text_line(out, SIZE_MAX,
                     "tls: %" PRId64 " open, %" PRId64 " handshakes (%" PRId64 " resumed), %" PRId64
                     " failed",
                     dr_text_int(tls, "open"), dr_text_int(tls, "handshakes"),
                     dr_text_int(tls, "resumed"), dr_text_int(tls, "failed"));
    }
}

/* put_discovery writes a line for each Redis. */
static void put_discovery(dr_buf *out, const json_t *discovery)
{
    const json_t *redis = json_object_get(discovery, "redis");
    for (size_t i = 0; i < json_array_size(redis); i++) {
        const json_t *one = json_array_get(redis, i);
        const char *error = dr_text_word(one, "error");
        dr_text_line(out, SIZE_MAX, "%s: %s as %s, %" PRId64 " beats, %" PRId64 " failures%s%s",
                     dr_text_word(one, "url"), dr_text_word(one, "state"),
                     dr_text_word(discovery, "advertise"), dr_text_int(one, "beats"),
                     dr_text_int(one, "failures"), error[0] != '\0' ? ": " : "", error);
    }
}

/* put_rollout writes a line of the last reload that was watched, where there was any. */
static void put_rollout(dr_buf *out, const json_t *rollout)
{
    const char *state = dr_text_word(rollout, "state");
    const char *text = dr_text_word(rollout, "text");
    if (strcmp(state, "watching") == 0) {
        const int64_t ms = dr_text_int(rollout, "ms");
        dr_text_line(out, SIZE_MAX,
                     "reload: generation %" PRId64 " is watched, %" PRId64 " s of %" PRId64
                     " s, with %" PRId64 " %% of the calls; %s",
                     dr_text_int(rollout, "generation"), ms / 1000, dr_text_int(rollout, "watch_s"),
                     dr_text_int(rollout, "canary_percent"), text);
    } else if (text[0] != '\0') {
        dr_text_line(out, SIZE_MAX, "reload: %s", text);
    }
}

#define STATE_MAX 64

static bool has_worker(const json_t *pool)
{
    return dr_text_int(pool, "idle") + dr_text_int(pool, "busy") > 0;
}

/* state_of says how a pool does, and for how long it starts nobody after a crash loop. */
static const char *state_of(const json_t *pool, char text[STATE_MAX])
{
    char left[DR_TEXT_MAX];
    if (json_is_true(json_object_get(pool, "crash_loop")) && !has_worker(pool)) {
        (void)snprintf(text, STATE_MAX, "crash loop, next start in %s",
                       dr_text_ms(dr_text_int(pool, "next_start_ms"), left));
        return text;
    }
    if (json_is_true(json_object_get(pool, "hung"))) {
        return "hangs";
    }
    if (json_is_true(json_object_get(pool, "healthy"))) {
        return has_worker(pool) ? "ok" : "no worker";
    }
    return "does not start";
}

static void put_pools(dr_buf *out, const json_t *pools)
{
    const char *name;
    const json_t *pool;
    char state[STATE_MAX];
    int widest = 4;
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        const int len = (int)strlen(name);
        widest = len > widest ? len : widest;
    }
    dr_text_line(out, SIZE_MAX, "%s", "");
    dr_text_line(out, SIZE_MAX, "%-*s  %-7s %4s %8s %5s %5s %9s %8s %7s %8s %9s %8s %6s %9s  %s",
                 widest, "POOL", "RUNTIME", "GEN", "WORKERS", "IDLE", "BUSY", "STARTING", "LEAVING",
                 "QUEUED", "RUNNING", "HANDLED", "REFUSED", "DIED", "RECYCLED", "STATE");
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        dr_text_line(
            out, SIZE_MAX,
            "%-*s  %-7s %4" PRId64 " %8" PRId64 " %5" PRId64 " %5" PRId64 " %9" PRId64 " %8" PRId64
            " %7" PRId64 " %8" PRId64 " %9" PRId64 " %8" PRId64 " %6" PRId64 " %9" PRId64 "  %s",
            widest, name, dr_text_word(pool, "runtime"), dr_text_int(pool, "generation"),
            dr_text_int(pool, "workers"), dr_text_int(pool, "idle"), dr_text_int(pool, "busy"),
            dr_text_int(pool, "starting"), dr_text_int(pool, "leaving"),
            dr_text_int(pool, "queued"), dr_text_int(pool, "running"), dr_text_int(pool, "handled"),
            dr_text_int(pool, "refused"), dr_text_int(pool, "died"), dr_text_int(pool, "recycled"),
            state_of(pool, state));
    }
}

/* put_priorities writes a line for each pool that had tasks of more than the usual priority. */
static void put_priorities(dr_buf *out, const json_t *pools)
{
    static const char *const numbers[] = {"waiting", "handled"};
    const char *name;
    const json_t *pool;
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        const json_t *all = json_object_get(pool, "priorities");
        const json_t *high = json_object_get(all, "high");
        const json_t *normal = json_object_get(all, "normal");
        const json_t *low = json_object_get(all, "low");
        int64_t others = 0;
        for (size_t i = 0; i < 2; i++) {
            others += dr_text_int(high, numbers[i]) + dr_text_int(low, numbers[i]);
        }
        if (others > 0) {
            dr_text_line(out, SIZE_MAX,
                         "pool %s: high priority %" PRId64 " waiting, %" PRId64
                         " done, normal %" PRId64 ", %" PRId64 ", low %" PRId64 ", %" PRId64,
                         name, dr_text_int(high, "waiting"), dr_text_int(high, "handled"),
                         dr_text_int(normal, "waiting"), dr_text_int(normal, "handled"),
                         dr_text_int(low, "waiting"), dr_text_int(low, "handled"));
        }
    }
}

/* put_callers writes a line for each identity, where the server has any. */
static void put_callers(dr_buf *out, const json_t *callers)
{
    const char *name;
    const json_t *caller;
    json_object_foreach((json_t *)(uintptr_t)callers, name, caller)
    {
        dr_text_line(out, SIZE_MAX, "caller %s: %" PRId64 " asked for, %" PRId64 " refused", name,
                     dr_text_int(caller, "calls"), dr_text_int(caller, "refused"));
    }
}

/* put_poison writes a line for each call that a pool refuses. */
static void put_poison(dr_buf *out, const json_t *pools)
{
    const char *name;
    const json_t *pool;
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        const json_t *calls = json_object_get(pool, "poison");
        for (size_t i = 0; i < json_array_size(calls); i++) {
            const json_t *call = json_array_get(calls, i);
            dr_text_line(out, SIZE_MAX,
                         "%s refuses %s (digest %s) for %" PRId64 " s: workers ended %" PRId64
                         ", the last one %s; refused %" PRId64,
                         name, dr_text_word(call, "api"), dr_text_word(call, "digest"),
                         dr_text_int(call, "seconds_left"), dr_text_int(call, "deaths"),
                         dr_text_word(call, "ended"), dr_text_int(call, "refused"));
        }
    }
}

#define TOLD_BYTES (64 << 10) /* less may be a cache that has found its size */

/* put_growth writes a line for each api in whose calls workers have grown. */
static void put_growth(dr_buf *out, const json_t *pools)
{
    const char *name;
    const json_t *pool;
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        const json_t *apis = json_object_get(pool, "growth");
        for (size_t i = 0; i < json_array_size(apis); i++) {
            const json_t *api = json_array_get(apis, i);
            const char *text = dr_text_word(api, "api");
            const int64_t bytes = dr_text_int(api, "bytes");
            const int64_t calls = dr_text_int(api, "calls");
            if (bytes >= TOLD_BYTES && calls > 0) {
                dr_text_line(out, SIZE_MAX,
                             "pool %s: workers grow in calls of %s: by %.1f KiB each, %.1f MiB in "
                             "%" PRId64 " that were looked at",
                             name, text[0] != '\0' ? text : "the fallback",
                             (double)bytes / 1024 / (double)calls, (double)bytes / 1048576, calls);
            }
        }
    }
}

static int print(const dr_operator *from, const json_t *data, bool is_json)
{
    dr_buf out = {0};
    dr_reply_message reply;
    dora_err err = DORA_OK;
    if (is_json) {
        dr_buf text = {0};
        err = dr_reply_decode(dora_answer_reply(from->answer), &reply, NULL);
        err = err == DORA_OK ? dr_json_print(reply.data, 2, &text, NULL) : err;
        err = err == DORA_OK ? dr_text_json(dr_buf_slice(&text), &out) : err;
        dr_buf_fini(&text);
    } else {
        const json_t *server = json_object_get(data, "server");
        put_server(&out, from->address, server, json_object_get(data, "logqueue"));
        put_tls(&out, json_object_get(server, "tls"));
        put_discovery(&out, json_object_get(server, "discovery"));
        put_callers(&out, json_object_get(server, "callers"));
        put_poison(&out, json_object_get(server, "pools"));
        put_priorities(&out, json_object_get(server, "pools"));
        put_growth(&out, json_object_get(server, "pools"));
        put_rollout(&out, json_object_get(server, "rollout"));
        put_pools(&out, json_object_get(server, "pools"));
    }
    const bool is_written =
        err == DORA_OK && fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    dr_buf_fini(&out);
    if (!is_written) {
        dr_cli_print_error("stat", "the numbers cannot be printed");
    }
    return is_written ? DR_EXIT_OK : DR_EXIT_FAILED;
}

/* check says whether calls are taken, as /readyz does: one worker is enough, though others do not
 * start. */
static int check(const dr_operator *from, const json_t *data, bool is_json)
{
    (void)is_json;
    char text[DR_TEXT_MAX * 2];
    char room[STATE_MAX];
    const json_t *server = json_object_get(data, "server");
    const char *name;
    json_t *pool;
    if (json_is_true(json_object_get(server, "draining"))) {
        (void)snprintf(text, sizeof(text), "%s is stopping, or does not serve yet", from->address);
        dr_cli_print_error("stat", text);
        return DR_EXIT_FAILED;
    }
    json_object_foreach(json_object_get(server, "pools"), name, pool)
    {
        if (!has_worker(pool) || json_is_true(json_object_get(pool, "hung"))) {
            (void)snprintf(text, sizeof(text), "%s: pool %s: %s", from->address, name,
                           state_of(pool, room));
            dr_cli_print_error("stat", text);
            return DR_EXIT_FAILED;
        }
    }
    puts("ok");
    return fflush(stdout) == 0 ? DR_EXIT_OK : DR_EXIT_FAILED;
}

/* put_running writes a line for a task, and one for each call that it is in where that is known. */
static void put_running(dr_buf *out, const char *pool, const json_t *task)
{
    char text[DR_TEXT_MAX];
    const char *line = dr_text_word(task, "stack");
    dr_text_line(out, SIZE_MAX, "%-16s %6" PRId64 " %8" PRId64 " %12s  %s", pool,
                 dr_text_int(task, "number"), dr_text_int(task, "pid"),
                 dr_text_ms(dr_text_int(task, "ms"), text), dr_text_word(task, "api"));
    while (*line != '\0') {
        const size_t len = strcspn(line, "\n");
        dr_text_line(out, SIZE_MAX, "    %.*s", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static int show_running(const dr_operator *from, const json_t *data, bool is_json)
{
    (void)from;
    (void)is_json;
    dr_buf out = {0};
    const char *name;
    json_t *pool;
    dr_text_line(&out, SIZE_MAX, "%-16s %6s %8s %12s  %s", "POOL", "WORKER", "PID", "FOR", "API");
    json_object_foreach(json_object_get(json_object_get(data, "server"), "pools"), name, pool)
    {
        const json_t *tasks = json_object_get(pool, "running_tasks");
        for (size_t i = 0; i < json_array_size(tasks); i++) {
            put_running(&out, name, json_array_get(tasks, i));
        }
    }
    const bool is_written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    dr_buf_fini(&out);
    if (!is_written) {
        dr_cli_print_error("stat", "the tasks cannot be printed");
    }
    return is_written ? DR_EXIT_OK : DR_EXIT_FAILED;
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    const dr_show ways[DR_SHOW_WAYS_MAX] = {{.show = print},
                                            {.flag = "--check", .show = check},
                                            {.flag = "--running", .show = show_running}};
    return dr_operate_show("stat", "getStat", ways, argc, argv);
}

const dr_command dr_command_stat = {
    .name = "stat",
    .arguments = "[ADDRESS]",
    .summary = "what a server says of itself",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
