/* crew_greet.c: what a zygote is told when it greets, and what becomes of one whose workers cannot
 * share what it has loaded. */
#include "task/crew_greet.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/log.h"
#include "task/crew.h"
#include "task/crew_zygote.h"

static void greeted_by(dr_zygote *zygote, pid_t sender)
{
    zygote->has_greeted = true;
    zygote->speaker = sender;
    if (sender != zygote->pid && sender > 0) {
        zygote->speaker_fd = (int)syscall(SYS_pidfd_open, sender, 0);
    }
}

void dr_crew_greet(dr_crew *crew, const dr_control_message *message)
{
    const char *end = memchr(message->text, '\n', message->text_len);
    const size_t version_len = end == NULL ? 0 : (size_t)(end - message->text);
    greeted_by(crew->zygote, message->sender);
    if (version_len != strlen(DORA_VERSION) ||
        memcmp(message->text, DORA_VERSION, version_len) != 0 ||
        message->head.number != (int32_t)DR_REGION_LAYOUT) {
        char text[512];
        const int len =
            snprintf(text, sizeof(text),
                     "%s has Dora %.*s (layout %d), this server is Dora %s (layout %u): "
                     "install the same version on both sides",
                     dr_crew_argv(crew)[0], (int)version_len, message->text, message->head.number,
                     DORA_VERSION, DR_REGION_LAYOUT);
        dr_crew_fail(crew, text, (size_t)len);
        return;
    }
    struct {
        dr_control_setup setup;
        char target[4096];
    } text = {.setup = {.shape = crew->pool->region.shape,
                        .reply_bytes_max = crew->options.reply_bytes_max,
                        .log_level = crew->options.log_level,
                        .concurrency = crew->pool->limits.concurrency,
                        .threads = crew->pool->limits.threads,
                        .time_limit_ms = crew->pool->limits.time_limit_ms,
                        .accepted_limit_ms = crew->pool->limits.accepted_limit_ms,
                        .kill_after_ms = crew->pool->limits.kill_after_ms,
                        .memory_hard_mb = crew->pool->limits.memory_hard_mb,
                        .preload = crew->is_preloading,
                        .dev = crew->options.dev,
                        .is_c = crew->options.is_c}};
    (void)snprintf(text.setup.pool, sizeof(text.setup.pool), "%s", crew->options.name);
    const size_t target_len = strlen(crew->options.target);
    if (target_len >= sizeof(text.target)) {
        dr_crew_fail(crew, "app: the path is too long", 25);
        return;
    }
    memcpy(text.target, crew->options.target, target_len);
    int fds[DR_CONTROL_FDS_MAX];
    dora_error error = {.msg = "its zygote greets twice"};
    const uint32_t reactors = crew->pool->limits.reactors;
    fds[0] = crew->pool->region.fd;
    if (crew->zygote->feed.is_open ||
        dr_log_source_open(&crew->zygote->feed, crew->loop, crew->log, crew->options.name, &fds[1],
                           &error) != DORA_OK) {
        dr_crew_fail(crew, error.msg, strlen(error.msg));
        return;
    }
    crew->zygote->open_handles++;
    memcpy(fds + 2, crew->pool->event_fds, reactors * sizeof(int));
    const dr_control_head head = {.kind = DR_CONTROL_SETUP};
    (void)dr_control_send(crew->zygote->control_fd, &head, &text, sizeof(text.setup) + target_len,
                          fds, reactors + 2);
    close(fds[1]);
}

static void on_unload_timer(uv_timer_t *timer)
{
    dr_crew_kill(timer->data);
}

void dr_crew_load_late(dr_crew *crew, const dr_control_message *message)
{
    if (crew->state != DR_CREW_LOADING) {
        return; /* it was told to stop meanwhile */
    }
    dr_log_write(crew->log, DR_LOG_NOTICE, crew->options.name,
                 "the application has after loading what workers cannot share: %.*s; so it is "
                 "loaded in each worker instead: open and start such in worker_start, for threads "
                 "of a library try OMP_NUM_THREADS=1, or set \"preload\": false",
                 (int)message->text_len, message->text);
    crew->is_preloading = false;
    crew->is_respawning = true;
    if (message->head.number > 1) {
        dr_crew_kill(crew); /* its exit could wait for its threads */
    } else {
        uv_timer_start(&crew->kill_timer, on_unload_timer, DR_ZYGOTE_GRACE_MS, 0);
    }
}
