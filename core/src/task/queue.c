/* queue.c: the tasks of a pool that wait for a worker, callers taking turns. */
#include "task/queue.h"

#include <stdlib.h>
#include <sys/random.h>

#include "task/pool.h"

dora_err dr_queue_init(dr_queue *queue, uint32_t tasks)
{
    uint32_t places = 64;
    while (places < tasks) {
        places *= 2;
    }
    *queue = (dr_queue){.all = {DR_NONE, DR_NONE}, .turn = DR_NONE, .free = DR_NONE};
    queue->turns = calloc(tasks, sizeof(*queue->turns));
    queue->table = calloc(places, sizeof(*queue->table));
    queue->mask = places - 1;
    (void)!getrandom(&queue->mixer, sizeof(queue->mixer), GRND_NONBLOCK);
    queue->mixer |= 1;
    return queue->turns != NULL && queue->table != NULL ? DORA_OK : DORA_ENOMEM;
}

void dr_queue_fini(dr_queue *queue)
{
    free(queue->turns);
    free(queue->table);
    *queue = (dr_queue){0};
}

/* ---- callers ---- */

/* place_of is where the table has a caller. The upper half of a product depends on the lower half
 * of the key alone, so it is taken in twice: networks of IPv6 differ in the other half. */
static uint32_t *place_of(dr_queue *queue, uint64_t key)
{
    uint64_t mixed = key * queue->mixer;
    mixed = (mixed ^ mixed >> 32) * queue->mixer;
    return &queue->table[(mixed >> 32) & queue->mask];
}

static uint32_t find(dr_queue *queue, uint64_t key)
{
    uint32_t number = *place_of(queue, key);
    while (number != 0 && queue->turns[number - 1].key != key) {
        number = queue->turns[number - 1].next_alike;
    }
    return number != 0 ? number - 1 : DR_NONE;
}

/* join lets a caller that has had nothing wait take turns: it comes last. */
static uint32_t join(dr_queue *queue, uint64_t key)
{
    const uint32_t index = queue->free != DR_NONE ? queue->free : queue->used++;
    dr_turn *turn = &queue->turns[index];
    uint32_t *place = place_of(queue, key);
    if (index == queue->free) {
        queue->free = turn->next;
    }
    *turn = (dr_turn){.key = key, .tasks = {DR_NONE, DR_NONE}, .next_alike = *place};
    *place = index + 1;
    if (queue->turn == DR_NONE) {
        turn->next = turn->prev = index;
        queue->turn = index;
        return index;
    }
    turn->next = queue->turn;
    turn->prev = queue->turns[queue->turn].prev;
    queue->turns[turn->prev].next = index;
    queue->turns[turn->next].prev = index;
    return index;
}

/* leave is for a caller of whom nothing waits any more. */
static void leave(dr_queue *queue, uint32_t index)
{
    dr_turn *turn = &queue->turns[index];
    uint32_t *at = place_of(queue, turn->key);
    while (*at != index + 1) {
        at = &queue->turns[*at - 1].next_alike;
    }
    *at = turn->next_alike;
    if (queue->turn == index) {
        queue->turn = turn->next != index ? turn->next : DR_NONE;
    }
    queue->turns[turn->prev].next = turn->next;
    queue->turns[turn->next].prev = turn->prev;
    turn->next = queue->free;
    queue->free = index;
}

static uint32_t turn_of(dr_queue *queue, const dr_record *record)
{
    const uint32_t found = find(queue, record->turn_key);
    return found != DR_NONE ? found : join(queue, record->turn_key);
}

/* ---- tasks ---- */

static void note_deadline(dr_queue *queue, const dr_record *record)
{
    if (record->deadline_ns != 0 && record->deadline_ns < queue->expiry_ns) {
        queue->expiry_ns = record->deadline_ns;
    }
}

void dr_queue_add(dr_pool *pool, uint32_t task)
{
    dr_queue *queue = &pool->queue;
    dr_record *record = &pool->records[task];
    record->turn = turn_of(queue, record);
    dr_chain *tasks = &queue->turns[record->turn].tasks;
    record->turn_next = DR_NONE;
    record->turn_prev = tasks->last;
    if (tasks->last == DR_NONE) {
        tasks->first = task;
    } else {
        pool->records[tasks->last].turn_next = task;
    }
    tasks->last = task;
    dr_record_append(pool, &queue->all, task);
    note_deadline(queue, record);
    queue->count++;
}

void dr_queue_add_first(dr_pool *pool, uint32_t task)
{
    dr_queue *queue = &pool->queue;
    dr_record *record = &pool->records[task];
    record->turn = turn_of(queue, record);
    dr_chain *tasks = &queue->turns[record->turn].tasks;
    record->turn_prev = DR_NONE;
    record->turn_next = tasks->first;
    if (tasks->first == DR_NONE) {
        tasks->last = task;
    } else {
        pool->records[tasks->first].turn_prev = task;
    }
    tasks->first = task;
    queue->turn = record->turn;
    dr_record_prepend(pool, &queue->all, task);
    note_deadline(queue, record);
    queue->count++;
}

void dr_queue_put_back(dr_pool *pool, uint32_t task)
{
    dr_queue *queue = &pool->queue;
    const bool was_first = pool->records[task].turn_prev == DR_NONE;
    if (was_first) {
        dr_queue_add_first(pool, task);
    } else {
        dr_queue_add(pool, task);
        queue->turn = pool->records[task].turn;
    }
}

void dr_queue_remove(dr_pool *pool, uint32_t task)
{
    dr_queue *queue = &pool->queue;
    const dr_record *record = &pool->records[task];
    dr_chain *tasks = &queue->turns[record->turn].tasks;
    if (record->turn_prev == DR_NONE) {
        tasks->first = record->turn_next;
    } else {
        pool->records[record->turn_prev].turn_next = record->turn_next;
    }
    if (record->turn_next == DR_NONE) {
        tasks->last = record->turn_prev;
    } else {
        pool->records[record->turn_next].turn_prev = record->turn_prev;
    }
    dr_record_remove(pool, &queue->all, task);
    queue->count--;
    if (tasks->first == DR_NONE) {
        leave(queue, record->turn);
    }
}

/* is_late: a call has waited so long that its caller has soon gone, or has already: another one,
 * that has just come, is of more use. */
static bool is_late(const dr_pool *pool, const dr_record *record, uint64_t now_ns)
{
    uint64_t most_ns = (uint64_t)pool->limits.newest_first_ms * 1000000u;
    if (most_ns == 0 || dr_call_type_is_accepted((dr_call_type)record->type)) {
        return false;
    }
    if (record->deadline_ns > record->submitted_ns) {
        const uint64_t half_ns = (record->deadline_ns - record->submitted_ns) / 2;
        most_ns = half_ns < most_ns ? half_ns : most_ns;
    }
    return now_ns > record->submitted_ns && now_ns - record->submitted_ns > most_ns;
}

uint32_t dr_queue_take(dr_pool *pool, uint64_t now_ns)
{
    dr_queue *queue = &pool->queue;
    if (queue->turn == DR_NONE) {
        return DR_NONE;
    }
    const dr_turn *turn = &queue->turns[queue->turn];
    const uint32_t first = turn->tasks.first;
    const bool is_newest = is_late(pool, &pool->records[first], now_ns);
    const uint32_t task = is_newest ? turn->tasks.last : first;
    const dr_record *record = &pool->records[task];
    const uint32_t behind = is_newest ? record->turn_prev : record->turn_next;
    const bool is_over = behind == DR_NONE || pool->records[behind].owner != record->owner;
    const uint32_t next = turn->next;
    if (is_over) {
        queue->turn = next;
    }
    dr_queue_remove(pool, task);
    return task;
}
