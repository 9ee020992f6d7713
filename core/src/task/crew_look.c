/* crew_look.c: what no event tells of a crew's processes: a zygote that is stopped or hangs, a
 * worker that asks to be replaced. */
#include "task/crew_look.h"

#include <sys/wait.h>

#include "base/clock.h"
#include "task/crew.h"
#include "task/crew_child.h"
#include "task/crew_gone.h"
#include "task/crew_pace.h"
#include "task/crew_zygote.h"

/* is_stopped says whether a process has been stopped by a signal. */
static bool is_stopped(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* look_at_loading: loading may take its time, but not in a process that stands still. */
static void look_at_loading(dr_crew *crew)
{
    dr_zygote *zygote = crew->zygote;
    zygote->stopped_looks = is_stopped(zygote->pid) ? zygote->stopped_looks + 1 : 0;
    if (zygote->stopped_looks == DR_ZYGOTE_SILENT_LOOKS) {
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                     "the zygote (process %d) was stopped while it loaded the application, and is "
                     "killed",
                     (int)zygote->pid);
        dr_zygote_kill(zygote);
    }
    if (!zygote->is_slow_said && dr_clock_ms() - zygote->started_ms > DR_SLOW_LOAD_MS) {
        zygote->is_slow_said = true;
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                     "the application has been loading for %u s (process %d)",
                     DR_SLOW_LOAD_MS / 1000, (int)zygote->pid);
    }
}

/* Looks are counted, not time: a master that was itself stopped finds the answers waiting. */
static void look_at_loaded(dr_crew *crew)
{
    const dr_control_head ping = {.kind = DR_CONTROL_PING};
    dr_zygote *zygote = crew->zygote;
    if (zygote->silent_looks < DR_ZYGOTE_SILENT_LOOKS) {
        zygote->silent_looks++;
        (void)dr_control_send(zygote->control_fd, &ping, NULL, 0, NULL, 0);
        return;
    }
    dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                 "the zygote (process %d) has not answered for %u s, it is stopped or hangs: it is "
                 "replaced, and its workers after it",
                 (int)zygote->pid, DR_ZYGOTE_SILENT_LOOKS);
    dr_zygote_set_aside(crew);
}

/* look_at_set_aside has the workers of a zygote that hung replaced, and ends it behind the last. */
static void look_at_set_aside(dr_crew *crew)
{
    for (const dr_zygote *each = crew->set_aside; each != NULL; each = each->next) {
        dr_children_replace(crew, each);
        if (dr_children_count(crew, each) == 0) {
            dr_zygote_kill(each);
        }
    }
}

/* look_at_workers has those replaced that ask for it. */
static void look_at_workers(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    bool is_news = false;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        dr_slot *slot = &pool->slots[i];
        const uint32_t asks =
            atomic_load_explicit(&pool->region.workers[i].wants_renewal, memory_order_relaxed);
        if (asks == 1 && slot->crew == crew->id && dr_slot_is_live(slot) && !slot->leaving &&
            !slot->wants_recycling) {
            slot->wants_recycling = true;
            slot->why = DR_RESTART_WENT_ON;
            is_news = true;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_news) {
        dr_crew_balance(crew);
    }
}

void dr_crew_look(dr_crew *crew)
{
    look_at_workers(crew);
    dr_children_look(crew);
    dr_gone_look(crew);
    dr_crew_pace_look(crew);
    if (crew->state == DR_CREW_LOADED || crew->state == DR_CREW_LEAVING) {
        look_at_set_aside(crew);
    }
    if (crew->zygote == NULL || crew->zygote->control_fd < 0 || crew->is_renewing) {
        return;
    }
    if (crew->state == DR_CREW_LOADING) {
        look_at_loading(crew);
    } else if (crew->state == DR_CREW_LOADED) {
        look_at_loaded(crew);
    }
}
