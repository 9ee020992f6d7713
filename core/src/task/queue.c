/* queue.c: the tasks of a pool that wait for a worker: priorities by shares, callers by turns. */
#include "task/queue.h"

#include <stdlib.h>
#include <sys/random.h>

#include "task/pool.h"

/* What one call is of its priority's share: 16 of the highest count as 4 of the next and as 1 of
 * the lowest. A class is a number from 0, the lowest. */
static const uint64_t costs[DR_PRIORITIES] = {16, 4, 1};

static uint32_t class_of(const dr_record *record)
{
    return (uint32_t)record->priority - DORA_PRIORITY_LOW;
}

dora_err dr_queue_init(dr_queue *queue, uint32_t tasks)
{
    uint32_t places = 64;
    while (places < tasks) {
        places *= 2;
    }
    *queue = (dr_queue){.all = {DR_NONE, DR_NONE}, .going = DR_NONE, .free = DR_NONE};
    for (uint32_t i = 0; i < DR_PRIORITIES; i++) {
        queue->classes[i].turn = DR_NONE;
    }
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

static uint32_t find(dr_queue *queue, uint64_t key, uint32_t class)
{
    uint32_t number = *place_of(queue, key);
    while (number != 0 &&
           (queue->turns[number - 1].key != key || queue->turns[number - 1].class != class)) {
        number = queue->turns[number - 1].next_alike;
    }
    return number != 0 ? number - 1 : DR_NONE;
}

/* had_of_newcomer is what a priority begins with of which nothing has waited: it has no claim from
 * that time, and waits for no more than a call of each other one. Without calls that came back
 * since, the second is so anyway. */
static uint64_t had_of_newcomer(const dr_queue *queue, uint32_t number)
{
    uint64_t had = queue->classes[number].had;
    had = had > queue->level ? had : queue->level;
    for (uint32_t i = 0; i < DR_PRIORITIES; i++) {
        const uint64_t cost = costs[i] > costs[number] ? costs[i] : costs[number];
        if (i != number && queue->classes[i].turn != DR_NONE &&
            had > queue->classes[i].had + cost) {
            had = queue->classes[i].had + cost;
        }
    }
    return had;
}

/* join lets a caller that has had nothing of a priority wait take turns: it comes last. */
static uint32_t join(dr_queue *queue, uint64_t key, uint32_t number)
{
    dr_queue_class *class = &queue->classes[number];
    const uint32_t index = queue->free != DR_NONE ? queue->free : queue->used++;
    dr_turn *turn = &queue->turns[index];
    uint32_t *place = place_of(queue, key);
    if (index == queue->free) {
        queue->free = turn->next;
    }
    *turn =
        (dr_turn){.key = key, .class = number, .tasks = {DR_NONE, DR_NONE}, .next_alike = *place};
    *place = index + 1;
    if (class->turn == DR_NONE) {
        turn->next = turn->prev = index;
        class->turn = index;
        class->had = had_of_newcomer(queue, number);
        return index;
    }
    turn->next = class->turn;
    turn->prev = queue->turns[class->turn].prev;
    queue->turns[turn->prev].next = index;
    queue->turns[turn->next].prev = index;
    return index;
}

/* leave is for a caller of whom nothing of a priority waits any more. */
static void leave(dr_queue *queue, uint32_t index)
{
    dr_turn *turn = &queue->turns[index];
    dr_queue_class *class = &queue->classes[turn->class];
    uint32_t *at = place_of(queue, turn->key);
    while (*at != index + 1) {
        at = &queue->turns[*at - 1].next_alike;
    }
    *at = turn->next_alike;
    if (class->turn == index) {
        class->turn = turn->next != index ? turn->next : DR_NONE;
    }
    queue->turns[turn->prev].next = turn->next;
    queue->turns[turn->next].prev = turn->prev;
    turn->next = queue->free;
    queue->free = index;
}

static uint32_t turn_of(dr_queue *queue, const dr_record *record)
{
    const uint32_t class = class_of(record);
    const uint32_t found = find(queue, record->turn_key, class);
    return found != DR_NONE ? found : join(queue, record->turn_key, class);
}

/* ---- tasks ---- */

static void note_deadline(dr_queue *queue, const dr_record *record)
{
    if (record->deadline_ns != 0 && record->deadline_ns < queue->expiry_ns) {
        queue->expiry_ns = record->deadline_ns;
    }
}

/* queue_of is where a record waits, or is to. */
static dr_queue *queue_of(dr_pool *pool, const dr_record *record)
{
    return record->is_bound ? &pool->canary.queue : &pool->queue;
}

void dr_queue_add(dr_pool *pool, uint32_t task)
{
    dr_record *record = &pool->records[task];
    dr_queue *queue = queue_of(pool, record);
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
    queue->classes[class_of(record)].count++;
    queue->count++;
}

/* discharge: what comes back was not had. */
static void discharge(dr_queue *queue, dr_record *record)
{
    uint64_t *had = &queue->classes[class_of(record)].had;
    const uint64_t cost = costs[class_of(record)];
    if (record->is_charged) {
        *had = *had > cost ? *had - cost : 0; /* it may have less than that since it came anew */
        record->is_charged = false;
    }
}

void dr_queue_forgo(dr_pool *pool, uint32_t task)
{
    discharge(&pool->queue, &pool->records[task]);
}

void dr_queue_add_first(dr_pool *pool, uint32_t task)
{
    dr_record *record = &pool->records[task];
    dr_queue *queue = queue_of(pool, record);
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
    queue->classes[class_of(record)].turn = record->turn;
    discharge(queue, record);
    dr_record_prepend(pool, &queue->all, task);
    note_deadline(queue, record);
    queue->classes[class_of(record)].count++;
    queue->count++;
}

void dr_queue_put_back(dr_pool *pool, uint32_t task)
{
    dr_record *record = &pool->records[task];
    dr_queue *queue = queue_of(pool, record);
    if (record->turn_prev == DR_NONE) { /* it was the first */
        dr_queue_add_first(pool, task);
    } else {
        dr_queue_add(pool, task);
        queue->classes[class_of(record)].turn = record->turn;
        discharge(queue, record);
    }
    queue->going = queue->was_going; /* where no task of its call was taken, others may be due */
}

void dr_queue_remove(dr_pool *pool, uint32_t task)
{
    dr_record *record = &pool->records[task];
    dr_queue *queue = queue_of(pool, record);
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
    record->is_bound = false;
    queue->classes[class_of(record)].count--;
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

/* is_due says which of two priorities is taken from first. */
static bool is_due(const dr_queue *queue, uint32_t class, uint32_t other)
{
    return queue->classes[class].had + costs[class] < queue->classes[other].had + costs[other];
}

/* choose finds the priority that is taken from, of equal ones the higher. Something waits. */
static uint32_t choose(const dr_queue *queue)
{
    uint32_t best = DR_NONE;
    if (queue->going != DR_NONE && queue->classes[queue->going].turn != DR_NONE) {
        return queue->going;
    }
    for (uint32_t i = DR_PRIORITIES; i-- > 0;) {
        if (queue->classes[i].turn != DR_NONE && (best == DR_NONE || is_due(queue, i, best))) {
            best = i;
        }
    }
    return best;
}

uint32_t dr_queue_take(dr_pool *pool, uint64_t now_ns)
{
    return dr_queue_take_of(pool, &pool->queue, now_ns);
}

uint32_t dr_queue_take_of(dr_pool *pool, dr_queue *queue, uint64_t now_ns)
{
    if (queue->count == 0) {
        return DR_NONE;
    }
    const uint32_t number = choose(queue);
    dr_queue_class *class = &queue->classes[number];
    const dr_turn *turn = &queue->turns[class->turn];
    const uint32_t first = turn->tasks.first;
    const bool is_newest = is_late(pool, &pool->records[first], now_ns);
    const uint32_t task = is_newest ? turn->tasks.last : first;
    const dr_record *record = &pool->records[task];
    const uint32_t behind = is_newest ? record->turn_prev : record->turn_next;
    const bool is_over = behind == DR_NONE || pool->records[behind].owner != record->owner;
    queue->level = class->had > queue->level ? class->had : queue->level;
    if (is_over) {
        class->turn = turn->next;
        class->had += costs[number];
    }
    pool->records[task].is_charged = is_over;
    queue->was_going = queue->going;
    queue->going = is_over ? DR_NONE : number;
    dr_queue_remove(pool, task);
    return task;
}

bool dr_queue_is_before(const dr_queue *queue, uint8_t priority)
{
    uint32_t count = 0;
    for (uint32_t i = (uint32_t)priority - DORA_PRIORITY_LOW; i < DR_PRIORITIES; i++) {
        count += queue->classes[i].count;
    }
    return count > 0;
}
