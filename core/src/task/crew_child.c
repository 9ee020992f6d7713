/* crew_child.c: the processes of a crew's workers: asked for, made, ready, ended. */
#include "task/crew_child.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "task/crew.h"
#include "task/crew_gone.h"
#include "task/crew_zygote.h"
#include "task/dispatch.h"
#include "task/watch.h"

struct dr_child {
    dr_child *next;
    dr_crew *crew;
    const dr_zygote *zygote; /* that was asked for it; never looked into */
    uint32_t slot;
    int pid;   /* 0: it is not made yet */
    int pidfd; /* -1: none */
    uv_poll_t poll;
    dr_log_source feed; /* what it logs, and that it is ready */
    uint32_t open_handles;
    uint64_t asked_ms;
    bool is_ready;
    bool is_slow_said;
    bool is_end_said;
};

static void on_closed(dr_child *child)
{
    if (--child->open_handles == 0) {
        dr_crew *crew = child->crew;
        if (child->pidfd >= 0) {
            close(child->pidfd);
        }
        free(child);
        dr_crew_handle_closed(crew);
    }
}

static void on_feed_closed(uv_handle_t *handle)
{
    on_closed((dr_child *)(void *)((char *)handle - offsetof(dr_child, feed.poll)));
}

static void on_poll_closed(uv_handle_t *handle)
{
    on_closed(handle->data);
}

/* drop takes a process out of the crew's books; the last handle that is closed frees it. */
static void drop(dr_child *child)
{
    dr_child **at = &child->crew->children;
    while (*at != child) {
        at = &(*at)->next;
    }
    *at = child->next;
    if (child->pidfd >= 0) {
        uv_close((uv_handle_t *)&child->poll, on_poll_closed);
    }
    (void)dr_log_source_close(&child->feed, on_feed_closed);
}

/* find gives the newest process of a slot: one that was never made may be followed by another. */
static dr_child *find(const dr_crew *crew, uint32_t slot, int pid)
{
    dr_child *child = crew->children;
    while (child != NULL && (child->slot != slot || child->pid != pid)) {
        child = child->next;
    }
    return child;
}

static void on_not_started(dr_child *child, dora_slice why)
{
    dr_crew *crew = child->crew;
    if (!dr_crew_is_proven(crew)) {
        dr_crew_fail(crew, why.data, why.len);
        return;
    }
    dr_log_write_lines(crew->log, DR_LOG_ERROR, crew->options.name, "a worker does not start: %.*s",
                       (int)why.len, why.data); /* and it ends by itself */
}

static void on_word(dr_log_source *feed, dr_packet_kind kind, dora_slice msg)
{
    dr_child *child = (dr_child *)(void *)((char *)feed - offsetof(dr_child, feed));
    if (kind == DR_PACKET_FILE) {
        dr_crew_file(child->crew, msg);
        return;
    }
    if (child->is_ready) {
        return; /* it has said so, once and for all */
    }
    if (kind == DR_PACKET_READY) {
        child->is_ready = true;
        dr_crew_worker_ready(child->crew, child->slot);
    } else {
        on_not_started(child, msg);
    }
}

dora_err dr_child_ask(dr_crew *crew, const dr_control_head *head, int loop_fd)
{
    int fds[3] = {-1, loop_fd, -1};
    dora_error error;
    dr_child *child = calloc(1, sizeof(*child));
    dora_err err = child == NULL ? DORA_ENOMEM
                                 : dr_log_source_open(&child->feed, crew->loop, crew->log,
                                                      crew->options.name, &fds[0], &error);
    if (err == DORA_OK) {
        child->crew = crew;
        child->zygote = crew->zygote;
        child->slot = head->slot;
        child->pidfd = -1;
        child->asked_ms = dr_clock_ms();
        child->feed.on_word = on_word;
        child->feed.has_worker = true;
        child->feed.worker = (uint32_t)head->number;
        child->feed.generation = crew->generation;
        child->open_handles = 1;
        child->next = crew->children;
        crew->children = child;
        crew->open_handles++;
        fds[2] = loop_fd < 0 ? -1 : crew->pool->loop_fds[head->slot];
        err = dr_control_send(crew->zygote->control_fd, head, NULL, 0, fds, loop_fd < 0 ? 1 : 3);
        close(fds[0]);
        if (err != DORA_OK) {
            drop(child);
        }
    } else {
        free(child);
    }
    if (loop_fd >= 0) {
        close(loop_fd);
    }
    return err;
}

static void on_child_exit(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    const dr_child *child = poll->data;
    dr_child_ended(child->crew, child->slot, child->pid);
}

void dr_child_forked(dr_crew *crew, uint32_t slot, int pid, int pidfd)
{
    dr_pool *pool = crew->pool;
    dr_child *child = find(crew, slot, 0);
    if (child == NULL) {
        if (pidfd >= 0) {
            close(pidfd);
        }
        return;
    }
    child->pid = pid;
    /* Without a pidfd the zygote tells the end, and what is known ends with the zygote. */
    if (pidfd >= 0 && uv_poll_init(crew->loop, &child->poll, pidfd) != 0) {
        close(pidfd);
        pidfd = -1;
    }
    child->pidfd = pidfd;
    if (pidfd >= 0) {
        child->open_handles++;
        child->poll.data = child;
        uv_poll_start(&child->poll, UV_READABLE, on_child_exit);
        uv_unref((uv_handle_t *)&child->poll);
    }
    pthread_mutex_lock(&pool->lock);
    pool->slots[slot].pid = pool->slots[slot].last_pid = pid;
    pool->slots[slot].pidfd = pidfd;
    pthread_mutex_unlock(&pool->lock);
}

void dr_child_forget(dr_crew *crew, uint32_t slot)
{
    dr_child *child = find(crew, slot, 0);
    if (child != NULL) {
        drop(child);
    }
}

void dr_child_ended(dr_crew *crew, uint32_t slot, int pid)
{
    dr_child *child = find(crew, slot, pid);
    if (child != NULL) {
        dr_log_source_read(&child->feed); /* its last words may say why it ended, */
        child = find(crew, slot, pid);    /* and may have been the end of it */
    }
    dr_crew_worker_gone(crew, slot, pid);
    if (child != NULL) {
        drop(child);
    }
}

void dr_children_forget(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    for (dr_child *child = crew->children, *next = NULL; child != NULL; child = next) {
        next = child->next;
        if (child->pidfd >= 0) {
            continue; /* it is watched, and tells its end itself */
        }
        pthread_mutex_lock(&pool->lock);
        const dr_slot *slot = &pool->slots[child->slot];
        const bool is_lost = slot->crew == crew->id && slot->state != DR_SLOT_EMPTY &&
                             slot->state != DR_SLOT_DEAD && slot->pid == child->pid;
        pthread_mutex_unlock(&pool->lock);
        if (is_lost) { /* it may be at work though its zygote has not said yet who it is */
            dr_gone_note(crew, child->slot, child->pid);
        }
        if (is_lost && child->pid == 0) {
            dr_dispatch_worker_missing(pool, child->slot);
        } else if (is_lost) {
            dr_dispatch_worker_died(pool, child->slot);
        }
        drop(child);
    }
    crew->events.on_death(crew->events.user);
}

void dr_children_kill(dr_crew *crew, const dr_zygote *zygote)
{
    for (const dr_child *child = crew->children; child != NULL; child = child->next) {
        if (child->zygote == zygote && child->pidfd >= 0) {
            (void)syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
        }
    }
}

uint32_t dr_children_count(const dr_crew *crew, const dr_zygote *zygote)
{
    uint32_t count = 0;
    for (const dr_child *child = crew->children; child != NULL; child = child->next) {
        count += child->zygote == zygote;
    }
    return count;
}

void dr_children_replace(dr_crew *crew, const dr_zygote *zygote)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    for (const dr_child *child = crew->children; child != NULL; child = child->next) {
        dr_slot *slot = &pool->slots[child->slot];
        if (child->zygote == zygote && slot->crew == crew->id && slot->pid == child->pid &&
            !slot->leaving && !slot->wants_recycling) {
            slot->wants_recycling = true;
            slot->why = DR_RESTART_ZYGOTE;
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

void dr_children_close(dr_crew *crew)
{
    while (crew->children != NULL) {
        drop(crew->children);
    }
}

void dr_children_look(dr_crew *crew)
{
    const uint64_t now_ms = dr_clock_ms();
    for (dr_child *child = crew->children; child != NULL; child = child->next) {
        if (!child->is_ready && !child->is_slow_said &&
            now_ms - child->asked_ms > DR_SLOW_START_MS) {
            child->is_slow_said = true;
            dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                         "worker process %d has been starting for %u s", child->pid,
                         DR_SLOW_START_MS / 1000);
        }
        if (child->feed.is_ended && !child->is_end_said && child->pidfd >= 0) {
            child->is_end_said = true;
            if (!child->is_ready) { /* nor can it say that it is */
                (void)syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
            }
            dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                         "worker process %d has closed its log: what it logs from now on is lost",
                         child->pid);
        }
    }
}
