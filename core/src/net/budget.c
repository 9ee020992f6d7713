/* budget.c: counts what peers have us hold, and chooses who goes when it is too much. */
#include "net/budget.h"

#include "base/clock.h"
#include "base/limits.h"
#include "net/peer.h"

void dr_budget_init(dr_budget *budget, size_t connection_max, size_t total_max, dr_log *log)
{
    budget->connection_max = connection_max;
    budget->total_max = total_max;
    budget->log = log;
    pthread_mutex_init(&budget->lock, NULL);
}

void dr_budget_fini(dr_budget *budget)
{
    pthread_mutex_destroy(&budget->lock);
}

const char *dr_ended_name(dr_ended why)
{
    static const char *const names[DR_ENDED_REASONS] = {"frame", "reply", "allowance",
                                                        "idle",  "most",  "slow"};
    return names[why];
}

static const char *reason_text(dr_ended why)
{
    static const char *const texts[DR_ENDED_REASONS] = {
        "a frame has begun and nothing more of it comes (stall_ms)",
        "nothing of its replies is taken (stall_ms)",
        "more would be held for it than connection_mb_max allows",
        "more is held for all together than buffers_mb_max allows, and it makes no progress",
        "more is held for all together than buffers_mb_max allows, and most of it for this one",
        "what has begun was not whole in time (frame_ms)"};
    return texts[why];
}

static size_t bytes_of(const dr_held *held)
{
    return atomic_load_explicit(&held->bytes, memory_order_relaxed);
}

static size_t total_of(const dr_budget *budget)
{
    return atomic_load_explicit(&budget->total, memory_order_relaxed);
}

static bool is_idle(const dr_held *held)
{
    return atomic_load_explicit(&held->still_ms, memory_order_relaxed) >= DR_HELD_IDLE_MS;
}

void dr_held_ended(const dr_held *held, dr_ended why)
{
    char who[DR_PEER_TEXT_MAX];
    uint32_t unsaid;
    if (held->seat == NULL) {
        return;
    }
    dr_budget *budget = held->seat->budget;
    atomic_fetch_add(&budget->ended[why], 1);
    pthread_mutex_lock(&budget->lock);
    const bool may_say = dr_log_few_may(&budget->told, dr_clock_ms(), &unsaid);
    pthread_mutex_unlock(&budget->lock);
    if (budget->log == NULL || !may_say) {
        return;
    }
    if (unsaid > 0) {
        dr_log_write(budget->log, DR_LOG_NOTICE, "master",
                     "%u more connections were ended like those before; not all are told", unsaid);
    }
    dr_log_write(budget->log, DR_LOG_NOTICE, "master", "connection of %s ended, %zu bytes held: %s",
                 dr_peer_text(held->fd(held), who), bytes_of(held), reason_text(why));
}

/* goes_before: those that do nothing go first, then those that hold most. */
static bool goes_before(const dr_held *held, const dr_held *other)
{
    return other == NULL ||
           (is_idle(held) != is_idle(other) ? is_idle(held) : bytes_of(held) > bytes_of(other));
}

/* choose picks who goes next, NULL where nobody is left, and sums up those that go already. */
static dr_held *choose(const dr_budget *budget, size_t *leaving)
{
    dr_held *chosen = NULL;
    *leaving = 0;
    for (dr_held *each = budget->first; each != NULL; each = each->next) {
        if (atomic_load_explicit(&each->leaving, memory_order_relaxed) != 0) {
            *leaving += bytes_of(each);
        } else if (goes_before(each, chosen)) {
            chosen = each;
        }
    }
    return chosen;
}

static void dismiss(dr_held *held)
{
    const dr_ended why = is_idle(held) ? DR_ENDED_IDLE : DR_ENDED_MOST;
    atomic_store(&held->leaving, (uint32_t)why + 1);
    atomic_fetch_add(&held->seat->leaving, 1);
    held->seat->wake(held->seat->user);
}

static bool is_short(const dr_budget *budget, size_t more, size_t leaving)
{
    const size_t total = total_of(budget);
    const size_t stays = total > leaving ? total - leaving : 0;
    return budget->total_max != 0 && stays + more > budget->total_max;
}

/* relieve has so many connections go that there is room for `more`. */
static void relieve(dr_budget *budget, size_t more)
{
    if (!is_short(budget, more, 0)) {
        return;
    }
    size_t leaving;
    pthread_mutex_lock(&budget->lock);
    for (dr_held *next = choose(budget, &leaving); next != NULL && is_short(budget, more, leaving);
         next = choose(budget, &leaving)) {
        dismiss(next);
    }
    pthread_mutex_unlock(&budget->lock);
}

static void enter(dr_held *held)
{
    dr_budget *budget = held->seat->budget;
    pthread_mutex_lock(&budget->lock);
    held->prev = NULL;
    held->next = budget->first;
    if (held->next != NULL) {
        held->next->prev = held;
    }
    budget->first = held;
    pthread_mutex_unlock(&budget->lock);
}

/* leave takes one off the list that holds nothing any more; if it was to go, it may stay. */
static void leave(dr_held *held)
{
    dr_budget *budget = held->seat->budget;
    pthread_mutex_lock(&budget->lock);
    *(held->prev != NULL ? &held->prev->next : &budget->first) = held->next;
    if (held->next != NULL) {
        held->next->prev = held->prev;
    }
    if (atomic_exchange(&held->leaving, 0) != 0) {
        atomic_fetch_sub(&held->seat->leaving, 1);
    }
    pthread_mutex_unlock(&budget->lock);
}

void dr_held_set(dr_held *held, size_t bytes)
{
    const size_t before = bytes_of(held);
    if (held->seat == NULL || bytes == before) {
        return;
    }
    dr_budget *budget = held->seat->budget;
    if (before == 0) {
        enter(held);
    }
    atomic_store_explicit(&held->bytes, bytes, memory_order_relaxed);
    if (bytes > before) {
        atomic_fetch_add_explicit(&budget->total, bytes - before, memory_order_relaxed);
        relieve(budget, 0);
    } else {
        atomic_fetch_sub_explicit(&budget->total, before - bytes, memory_order_relaxed);
    }
    if (bytes == 0) {
        leave(held);
    }
}

bool dr_held_has_room(const dr_held *held, size_t more)
{
    const size_t most = held->seat != NULL ? held->seat->budget->connection_max : 0;
    return most == 0 || bytes_of(held) + more <= most;
}

bool dr_held_may_have(dr_held *held, size_t more)
{
    if (held->seat == NULL) {
        return true;
    }
    if (!dr_held_has_room(held, more)) {
        dr_held_ended(held, DR_ENDED_ALLOWANCE);
        return false;
    }
    relieve(held->seat->budget, more);
    const uint32_t leaving = atomic_load(&held->leaving);
    if (leaving != 0) {
        dr_held_ended(held, (dr_ended)(leaving - 1));
    }
    return leaving == 0;
}

bool dr_budget_take(dr_budget *budget, size_t bytes, bool must)
{
    const size_t unowned = atomic_load_explicit(&budget->unowned, memory_order_relaxed);
    if (!must && budget->total_max != 0 && unowned + bytes > budget->total_max / 2) {
        return false;
    }
    atomic_fetch_add_explicit(&budget->unowned, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&budget->total, bytes, memory_order_relaxed);
    relieve(budget, 0);
    return true;
}

void dr_budget_give(dr_budget *budget, size_t bytes)
{
    atomic_fetch_sub_explicit(&budget->unowned, bytes, memory_order_relaxed);
    atomic_fetch_sub_explicit(&budget->total, bytes, memory_order_relaxed);
}

/* next_of is one of a loop's that is to go. Only the loop itself can make it disappear. */
static dr_held *next_of(dr_seat *seat)
{
    dr_budget *budget = seat->budget;
    pthread_mutex_lock(&budget->lock);
    dr_held *found = budget->first;
    while (found != NULL && (found->seat != seat || atomic_load(&found->leaving) == 0)) {
        found = found->next;
    }
    pthread_mutex_unlock(&budget->lock);
    return found;
}

void dr_seat_clear_all(dr_seat *seat)
{
    dr_held *held;
    while ((held = next_of(seat)) != NULL) {
        dr_held_ended(held, (dr_ended)(atomic_load(&held->leaving) - 1));
        held->end(held);
        dr_held_set(held, 0);
    }
}
