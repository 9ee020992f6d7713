/* crew_message.c: what a crew's zygote says. */
#include "task/crew_message.h"

#include <string.h>

#include "task/crew.h"
#include "task/crew_child.h"
#include "task/crew_gone.h"
#include "task/crew_greet.h"
#include "task/dispatch.h"
#include "task/watch.h"

/* is_news_of_start: the slot has not heard of its process yet, though that may have been quick and
 * have said that it is ready. */
static bool is_news_of_start(dr_pool *pool, const dr_control_head *head)
{
    pthread_mutex_lock(&pool->lock);
    const dr_slot *slot = &pool->slots[head->slot];
    const bool is_news = slot->state != DR_SLOT_EMPTY && slot->state != DR_SLOT_DEAD &&
                         slot->pid == 0 && head->pid > 0;
    pthread_mutex_unlock(&pool->lock);
    return is_news;
}

static void on_forked(dr_crew *crew, dr_control_message *message)
{
    if (is_news_of_start(crew->pool, &message->head)) {
        dr_child_forked(crew, message->head.slot, message->head.pid, dr_control_fd(message));
    }
}

static void on_exited(dr_crew *crew, const dr_control_head *head)
{
    dr_child_ended(crew, head->slot, head->pid); /* then it is known what it ran */
    dr_gone_tell(crew, head->pid, head->number);
}

/* is_known: a zygote that was started again says what is known. */
static bool is_known(const dr_crew *crew)
{
    return crew->state != DR_CREW_LOADING || crew->was_ready;
}

/* settle fails the crew where what its zygote said could not be noted. */
static void settle(dr_crew *crew, dora_err err, const char *too_much)
{
    if (err != DORA_OK) {
        const char *text = err == DORA_ETOOBIG ? too_much : "out of memory";
        dr_crew_fail(crew, text, strlen(text));
    }
}

static void on_name(dr_crew *crew, const dr_control_message *message)
{
    if (!is_known(crew)) {
        settle(crew, dr_names_add(&crew->names, (dora_slice){message->text, message->text_len}),
               "the application registers too many handlers");
    }
}

/* on_about: a piece of what is said of the api that was named last. */
static void on_about(dr_crew *crew, const dr_control_message *message)
{
    dr_about *about = is_known(crew) ? NULL : dr_names_last(&crew->names);
    const uint32_t part = (uint32_t)message->head.number;
    if (about != NULL && part < DR_ABOUT_PARTS) {
        crew->names.said_bytes += message->text_len;
        if (crew->names.said_bytes > DR_ABOUT_BYTES_SUM_MAX) {
            settle(crew, DORA_ETOOBIG, "the application says too much of its apis");
            return;
        }
        settle(crew,
               dr_about_add(about, (dr_about_part)part,
                            (dora_slice){message->text, message->text_len}),
               "the application says too much of one api");
    }
}

/* on_limit: how long the api that was named last may run. What cannot be is not believed. */
static void on_limit(dr_crew *crew, const dr_control_message *message)
{
    dr_about *about = is_known(crew) ? NULL : dr_names_last(&crew->names);
    if (about != NULL) {
        (void)dr_about_limit(about, message->head.number);
    }
}

/* on_not_forked: there was no room for another process. */
static void on_not_forked(dr_crew *crew, const dr_control_message *message)
{
    dr_pool *pool = crew->pool;
    const uint32_t index = message->head.slot;
    if (!dr_crew_is_proven(crew)) {
        dr_crew_fail(crew, message->text, message->text_len);
        return;
    }
    dr_log_write_lines(crew->log, DR_LOG_ERROR, crew->options.name, "a worker does not start: %.*s",
                       (int)message->text_len, message->text);
    pthread_mutex_lock(&pool->lock);
    const bool is_lost =
        pool->slots[index].state == DR_SLOT_STARTING && pool->slots[index].pid == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_lost) {
        dr_child_forget(crew, index);
        dr_dispatch_worker_missing(pool, index);
        dr_crew_start_failed(crew);
    }
}

/* is_out_of_place: words of a zygote that has loaded, a zygote's words from somebody else, or about
 * a slot that is not this crew's. What the application has started while it loaded may hold the
 * socket, and say anything. */
static bool is_out_of_place(const dr_crew *crew, const dr_control_message *message)
{
    dr_pool *pool = crew->pool;
    const dr_control_head *head = &message->head;
    if (head->kind < DR_CONTROL_FORKED) {
        return crew->state != DR_CREW_LOADING ||
               (head->kind == DR_CONTROL_HELLO && crew->zygote->has_greeted);
    }
    const bool is_of_process = head->kind == DR_CONTROL_FORKED || head->kind == DR_CONTROL_EXITED;
    if (head->slot >= pool->region.shape.workers || message->sender != crew->zygote->speaker ||
        (is_of_process && head->pid <= 0)) {
        return true;
    }
    pthread_mutex_lock(&pool->lock);
    const bool is_ours = pool->slots[head->slot].crew == crew->id;
    pthread_mutex_unlock(&pool->lock);
    return !is_ours;
}

void dr_crew_message(dr_crew *crew, dr_control_message *message)
{
    if (is_out_of_place(crew, message)) {
        return;
    }
    switch ((dr_control_kind)message->head.kind) {
    case DR_CONTROL_HELLO:
        dr_crew_greet(crew, message);
        break;
    case DR_CONTROL_FILE:
        dr_crew_file(crew, (dora_slice){message->text, message->text_len});
        break;
    case DR_CONTROL_NAME:
        on_name(crew, message);
        break;
    case DR_CONTROL_ABOUT:
        on_about(crew, message);
        break;
    case DR_CONTROL_LIMIT:
        on_limit(crew, message);
        break;
    case DR_CONTROL_LOADED:
        dr_names_clean(&crew->names);
        crew->load_failures = 0;
        crew->has_loop = message->head.number != 0;
        dr_orphans_begin(&crew->zygote->orphans, crew->zygote->pid);
        dr_crew_set_state(crew, DR_CREW_LOADED);
        dr_crew_balance(crew);
        break;
    case DR_CONTROL_FAILED:
        dr_crew_fail(crew, message->text, message->text_len);
        break;
    case DR_CONTROL_UNSHARED:
        dr_crew_load_late(crew, message);
        break;
    case DR_CONTROL_FORKED:
        on_forked(crew, message);
        break;
    case DR_CONTROL_EXITED:
        on_exited(crew, &message->head);
        break;
    case DR_CONTROL_PONG:
        break; /* any word of it will do */
    case DR_CONTROL_NOT_STARTED:
        on_not_forked(crew, message);
        break;
    default:
        break;
    }
}
