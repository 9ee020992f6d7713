/* suspect.c: a pool's calls that have ended workers, from their tasks' deaths to their refusal. */
#include "task/suspect.h"

#include <string.h>

#include "base/clock.h"
#include "task/collect.h"
#include "task/look.h"

/* asked is what a task asks for, as it stands in shared memory, where a worker may write. */
typedef struct asked {
    dora_slice name;
    dora_slice param;
    bool is_whole;
} asked;

/* read_asked. Returns: false where it cannot be what was handed over. */
static bool read_asked(const dr_pool *pool, uint32_t task, asked *found)
{
    const dr_record *record = &pool->records[task];
    const volatile dr_shared_task *shared = &pool->region.tasks[task];
    const uint64_t name_len = shared->name_len;
    const uint64_t param_len = shared->param_len;
    const char *block = pool->region.slab + record->offset;
    if (!dr_is_intact(pool, task) || name_len > DR_API_NAME_MAX ||
        name_len + param_len > record->input_len) {
        return false;
    }
    *found = (asked){{block, name_len}, {block + name_len, param_len}, shared->is_whole};
    return true;
}

/* id_of takes the digest of what a task asks for. */
static dr_poison_id id_of(const dr_pool *pool, uint32_t api, const asked *what)
{
    return (dr_poison_id){
        .api = api,
        .name_len = (uint32_t)what->name.len,
        .param_len = (uint32_t)what->param.len,
        .digest = dr_poison_digest(&pool->poison, what->name, what->param, what->is_whole)};
}

/* is_beside: it ran while another one of its worker did. Where many run at a time, what has just
 * ended may be what the worker has given up. */
static bool is_beside(const dr_pool *pool, uint32_t task)
{
    return dr_task_is(pool, task, DR_TASK_RUNNING) ||
           (pool->limits.concurrency > 1 && dr_task_is(pool, task, DR_TASK_DONE));
}

/* is_alone says whether a worker had begun nothing beside this task: of several none can be
 * blamed. */
static bool is_alone(const dr_pool *pool, uint32_t task)
{
    uint32_t other = pool->slots[pool->records[task].slot].tasks.first;
    while (other != DR_NONE && (other == task || !is_beside(pool, other))) {
        other = pool->records[other].next;
    }
    return other == DR_NONE;
}

/* is_of_now: its worker belongs to the application that serves, and the server does not end it. */
static bool is_of_now(const dr_pool *pool, uint32_t task)
{
    const dr_slot *slot = &pool->slots[pool->records[task].slot];
    return !pool->is_ending && !slot->is_canary &&
           !(slot->leaving && slot->why == DR_RESTART_RELOAD);
}

void dr_suspect_blame(const dr_pool *pool, uint32_t task, dr_blame *blame)
{
    asked what;
    blame->is_known = pool->poison.seconds > 0 && pool->damage.what == NULL &&
                      is_of_now(pool, task) && is_alone(pool, task) &&
                      read_asked(pool, task, &what);
    if (blame->is_known) {
        memcpy(blame->name, what.name.data, what.name.len);
        blame->id = id_of(pool, pool->records[task].api, &what);
    }
}

/* mark says of every api whether it is suspect. */
static void mark(dr_pool *pool)
{
    for (uint32_t api = 0; api <= pool->api_count; api++) {
        pool->costs[api].is_suspect = false;
    }
    for (uint32_t i = 0; i < DR_POISON_CALLS_MAX; i++) {
        const dr_poison_call *call = &pool->poison.calls[i];
        if (call->deaths > 0) {
            pool->costs[call->id.api].is_suspect = true;
        }
    }
}

bool dr_suspect_note(dr_pool *pool, const dr_blame *blame, const char *ended, uint64_t now_ns)
{
    if (!blame->is_known) {
        return false;
    }
    const dr_poison_call *call =
        dr_poison_note(&pool->poison, &blame->id, blame->name, ended, now_ns);
    mark(pool); /* another one may have lost its place */
    return call != NULL && call->deaths == DR_POISON_DEATHS;
}

static void forget(dr_pool *pool, dr_poison_call *call)
{
    const uint32_t api = call->id.api;
    dr_poison_forget(call);
    pool->costs[api].is_suspect = dr_poison_has(&pool->poison, api);
}

/* find is the call that a task asks for, NULL: it is not known. */
static dr_poison_call *find(dr_pool *pool, uint32_t task, uint64_t now_ns)
{
    asked what;
    const uint32_t api = pool->records[task].api;
    if (!read_asked(pool, task, &what) ||
        !dr_poison_may_be(&pool->poison, api, what.name.len, what.param.len)) {
        return NULL;
    }
    const dr_poison_id id = id_of(pool, api, &what);
    return dr_poison_find(&pool->poison, &id, now_ns);
}

void dr_suspect_clear(dr_pool *pool, uint32_t task, uint64_t now_ns)
{
    dr_poison_call *call = find(pool, task, now_ns);
    if (call != NULL) {
        forget(pool, call);
    }
}

/* count_refused: a call that is known, or NULL, is refused if it is one that has to be. */
static bool count_refused(dr_pool *pool, dr_poison_call *call)
{
    const bool is_refused = call != NULL && dr_poison_is_refused(call);
    if (is_refused) {
        call->refused++;
        pool->poison.refused++;
    }
    return is_refused;
}

bool dr_suspect_is_refused(dr_pool *pool, const dr_task_input *input)
{
    const uint32_t api = input->api < pool->api_count ? input->api : pool->api_count;
    if (!dr_poison_may_be(&pool->poison, api, input->name.len, input->param.len)) {
        return false;
    }
    pthread_mutex_unlock(&pool->lock);
    const asked what = {input->name, input->param, input->is_whole};
    const dr_poison_id id = id_of(pool, api, &what);
    pthread_mutex_lock(&pool->lock);
    return count_refused(pool, dr_poison_find(&pool->poison, &id, dr_clock_ns()));
}

bool dr_suspect_waits_in_vain(dr_pool *pool, uint32_t task, uint64_t now_ns)
{
    return count_refused(pool, find(pool, task, now_ns));
}

static bool is_named(const dr_poison_call *call, dora_slice name)
{
    return name.len == 0 ||
           (call->id.name_len == name.len && memcmp(call->name, name.data, name.len) == 0);
}

uint32_t dr_suspect_forget(dr_pool *pool, dora_slice name, dr_suspect_fn fn, void *user)
{
    uint32_t count = 0;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; pool->poison.seconds > 0 && i < DR_POISON_CALLS_MAX; i++) {
        dr_poison_call *call = &pool->poison.calls[i];
        if (call->deaths > 0 && is_named(call, name)) {
            if (fn != NULL) {
                fn(call, user);
            }
            forget(pool, call);
            count++;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

void dr_suspect_forget_all(dr_pool *pool)
{
    for (uint32_t i = 0; pool->poison.seconds > 0 && i < DR_POISON_CALLS_MAX; i++) {
        dr_poison_forget(&pool->poison.calls[i]);
    }
    if (pool->poison.seconds > 0) {
        mark(pool);
    }
}

void dr_suspect_sweep(dr_pool *pool, uint64_t now_ns)
{
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; pool->poison.seconds > 0 && i < DR_POISON_CALLS_MAX; i++) {
        dr_poison_call *call = &pool->poison.calls[i];
        if (call->deaths > 0 && call->until_ns <= now_ns) {
            forget(pool, call);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

bool dr_suspect_unsaid(dr_pool *pool, dr_poison_call *call)
{
    bool is_found = false;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; !is_found && pool->poison.seconds > 0 && i < DR_POISON_CALLS_MAX; i++) {
        dr_poison_call *each = &pool->poison.calls[i];
        if (dr_poison_is_refused(each) && !each->is_said) {
            each->is_said = is_found = true;
            *call = *each;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return is_found;
}

uint32_t dr_suspect_each(dr_pool *pool, dr_poison_call *calls)
{
    uint32_t count = 0;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; pool->poison.seconds > 0 && i < DR_POISON_CALLS_MAX; i++) {
        if (dr_poison_is_refused(&pool->poison.calls[i])) {
            calls[count++] = pool->poison.calls[i];
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}
