/* test_queue.c: what waits is taken by shares of priorities, and in turn over callers, a call each.
 */
#include "unit.h"

#include <string.h>

#include "task/cost.h"
#include "task/pool.h"

#define TASKS 64u
#define MS UINT64_C(1000000)
#define SECOND (1000u * MS)

/* line is a pool of which nothing but the queue is there. The owner of a task is its call. */
typedef struct line {
    dr_pool pool;
    dr_record records[TASKS];
    dr_api_cost costs[1];
    uint32_t count;
    char calls[256];
} line;

static void line_end(line *self)
{
    dr_queue_fini(&self->pool.queue);
}

UNIT_SCENE(line, line_end)

static void begin(line *self)
{
    assert_int_equal(dr_queue_init(&self->pool.queue, TASKS), DORA_OK);
    self->pool.records = self->records;
    self->pool.costs = self->costs;
    self->pool.limits.newest_first_ms = 1500;
}

/* come_as adds a task of a call of a caller, each named by a letter; come of the usual priority.
 * Returns: its record. */
static dr_record *come_as(line *self, char caller, char call, dora_priority priority)
{
    dr_record *record = &self->records[self->count];
    *record = (dr_record){.turn_key = (uint64_t)caller, .owner = &self->calls[(int)call]};
    record->type = DR_TYPE_W_M;
    record->priority = (uint8_t)priority;
    dr_queue_add(&self->pool, self->count++);
    return record;
}

static dr_record *come(line *self, char caller, char call)
{
    return come_as(self, caller, call, DORA_PRIORITY_NORMAL);
}

/* flood adds so many calls of a caller. */
static void flood(line *self, char caller, dora_priority priority, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        dr_record *record = come_as(self, caller, '-', priority);
        record->owner = record; /* each is a call of its own */
    }
}

/* taken checks in which order the calls are taken whose tasks wait, "" at the end. */
static void check_taken(line *self, const char *calls, uint64_t now_ns)
{
    char found[TASKS + 1] = "";
    size_t count = 0;
    while (count < strlen(calls)) {
        const uint32_t task = dr_queue_take(&self->pool, now_ns);
        assert_true(task != DR_NONE);
        found[count++] = (char)((char *)self->records[task].owner - self->calls);
    }
    found[count] = '\0';
    assert_string_equal(found, calls);
}

/* check_shares checks of which priorities the next are, by their first letters. */
static void check_shares(line *self, const char *priorities)
{
    char found[TASKS + 1] = "";
    for (size_t i = 0; i < strlen(priorities); i++) {
        const uint32_t task = dr_queue_take(&self->pool, 0);
        assert_true(task != DR_NONE);
        found[i] = dora_priority_name((dora_priority)self->records[task].priority)[0];
    }
    assert_string_equal(found, priorities);
}

static void check_empty(line *self)
{
    assert_int_equal(dr_queue_take(&self->pool, 0), DR_NONE);
    assert_int_equal(self->pool.queue.count, 0);
    assert_int_equal(self->pool.queue.all.first, DR_NONE);
    for (uint32_t i = 0; i <= self->pool.queue.mask; i++) {
        assert_int_equal(self->pool.queue.table[i], 0);
    }
}

static void callers_take_turns(void **state)
{
    line *self = *state;
    begin(self);
    for (const char *call = "abcdefgh"; *call != '\0'; call++) {
        (void)come(self, 'F', *call); /* a flood */
    }
    (void)come(self, 'P', 'p');
    (void)come(self, 'Q', 'q');
    check_taken(self, "apq", 0);
    (void)come(self, 'P', 'r');
    check_taken(self, "brcdefgh", 0);
    check_empty(self);
}

static void a_call_of_many_is_taken_whole(void **state)
{
    line *self = *state;
    begin(self);
    for (const char *call = "mmmm"; *call != '\0'; call++) {
        (void)come(self, 'M', *call);
    }
    (void)come(self, 'P', 'p');
    (void)come(self, 'M', 'n');
    check_taken(self, "mmmmpn", 0);
    check_empty(self);
}

static void what_is_put_back_is_the_next(void **state)
{
    line *self = *state;
    begin(self);
    (void)come(self, 'M', 'm');
    (void)come(self, 'M', 'n');
    (void)come(self, 'P', 'p');
    dr_queue_put_back(&self->pool, dr_queue_take(&self->pool, 0));
    check_taken(self, "mpn", 0);
    check_empty(self);
}

static void the_turn_of_one_who_leaves_is_the_next_ones(void **state)
{
    line *self = *state;
    begin(self);
    (void)come(self, 'A', 'a');
    (void)come(self, 'B', 'b');
    (void)come(self, 'C', 'c');
    dr_queue_remove(&self->pool, 0);
    dr_queue_remove(&self->pool, 2);
    check_taken(self, "b", 0);
    check_empty(self);
    (void)come(self, 'A', 'd');
    check_taken(self, "d", 0);
    check_empty(self);
}

static void callers_alike_in_the_table_are_told_apart(void **state)
{
    line *self = *state;
    begin(self);
    self->pool.queue.mask = 1;
    for (const char *call = "abcdefgh"; *call != '\0'; call++) {
        (void)come(self, *call, *call);
        (void)come(self, *call, *call);
    }
    dr_queue_remove(&self->pool, 6);
    check_taken(self, "aabbccdeeffgghh", 0);
    check_empty(self);
}

/* Whoever owns a network of IPv6 chooses the upper bits of what its callers are told apart by. */
static void callers_that_differ_in_any_bits_have_places_of_their_own(void **state)
{
    line *self = *state;
    begin(self);
    self->pool.queue.mixer = UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned shift = 0; shift <= 58; shift++) {
        uint32_t alike = 0;
        for (uint32_t i = 0; i < TASKS; i++) {
            self->records[i] =
                (dr_record){.turn_key = (uint64_t)i << shift, .priority = DORA_PRIORITY_NORMAL};
            dr_queue_add(&self->pool, i);
            const uint32_t turn = self->records[i].turn;
            alike += self->pool.queue.turns[turn].next_alike != 0;
        }
        assert_true(alike < TASKS * 3 / 4);
        for (uint32_t i = 0; i < TASKS; i++) {
            dr_queue_remove(&self->pool, i);
        }
        check_empty(self);
    }
}

static void the_newest_goes_first_where_the_oldest_is_late(void **state)
{
    line *self = *state;
    begin(self);
    come(self, 'F', 'a')->submitted_ns = 1;
    come(self, 'F', 'b')->submitted_ns = 1400 * MS;
    come(self, 'F', 'c')->submitted_ns = 1450 * MS;
    come(self, 'P', 'p')->submitted_ns = 1490 * MS;
    check_taken(self, "apbc", 1500 * MS);
    self->count = 0;
    come(self, 'F', 'a')->submitted_ns = 1;
    come(self, 'F', 'b')->submitted_ns = 1400 * MS;
    come(self, 'F', 'c')->submitted_ns = 1450 * MS;
    come(self, 'F', 'c')->submitted_ns = 1450 * MS;
    come(self, 'P', 'p')->submitted_ns = 1490 * MS;
    check_taken(self, "ccpba", 1502 * MS);
    check_empty(self);
}

static void the_newest_is_taken_whole_though_it_is_put_back(void **state)
{
    line *self = *state;
    begin(self);
    come(self, 'M', 'a')->submitted_ns = 1;
    for (const char *call = "mmm"; *call != '\0'; call++) {
        come(self, 'M', *call)->submitted_ns = 1490 * MS;
    }
    come(self, 'P', 'p')->submitted_ns = 1490 * MS;
    for (unsigned i = 0; i < 3; i++) {
        dr_queue_put_back(&self->pool, dr_queue_take(&self->pool, 1502 * MS));
        check_taken(self, "m", 1502 * MS);
    }
    dr_queue_put_back(&self->pool, dr_queue_take(&self->pool, 1502 * MS));
    check_taken(self, "pa", 1502 * MS);
    check_empty(self);
}

static void half_a_calls_own_time_is_late_too(void **state)
{
    line *self = *state;
    begin(self);
    for (const char *call = "ab"; *call != '\0'; call++) {
        dr_record *record = come(self, 'F', *call);
        record->submitted_ns = 100 * MS;
        record->deadline_ns = 300 * MS;
    }
    check_taken(self, "b", 201 * MS);
    check_taken(self, "a", 201 * MS);
    self->pool.limits.newest_first_ms = 0; /* never */
    come(self, 'F', 'a')->submitted_ns = 1;
    come(self, 'F', 'b')->submitted_ns = 1;
    check_taken(self, "ab", SECOND * 100);
    check_empty(self);
}

static void accepted_work_keeps_its_order(void **state)
{
    line *self = *state;
    begin(self);
    for (const char *call = "abc"; *call != '\0'; call++) {
        dr_record *record = come(self, 'F', *call);
        record->submitted_ns = 1;
        record->type = DR_TYPE_AN_S;
    }
    check_taken(self, "abc", 1000 * SECOND);
    check_empty(self);
}

#define SHARES "hhhhnhhhhnhhhhnhhhhnl" /* 16, 4 and 1 */

static void priorities_share_what_is_taken(void **state)
{
    line *self = *state;
    begin(self);
    flood(self, 'L', DORA_PRIORITY_LOW, 4);
    flood(self, 'N', DORA_PRIORITY_NORMAL, 12);
    flood(self, 'H', DORA_PRIORITY_HIGH, 40);
    check_shares(self, SHARES SHARES);
    check_shares(self, "hhhhnhhhhnnnll"); /* and what is left */
    check_empty(self);
}

static void callers_of_a_priority_take_turns(void **state)
{
    line *self = *state;
    begin(self);
    for (const char *call = "abcdef"; *call != '\0'; call++) {
        (void)come_as(self, 'F', *call, DORA_PRIORITY_HIGH); /* a flood */
    }
    (void)come(self, 'F', 'n');
    (void)come(self, 'Q', 'q');
    (void)come_as(self, 'P', 'p', DORA_PRIORITY_HIGH);
    check_taken(self, "apbcndefq", 0);
    check_empty(self);
}

/* A low call waits for 20 others at most, however many come meanwhile, and whoever sends one at a
 * time has no more than one in 17 of what a flood of high ones leaves. */
static void no_priority_waits_for_ever(void **state)
{
    line *self = *state;
    begin(self);
    flood(self, 'H', DORA_PRIORITY_HIGH, 60);
    check_shares(self, "hhhhhhhhhhhhhhhhhhhh");
    flood(self, 'L', DORA_PRIORITY_LOW, 1);
    check_shares(self, "hhhhhhhhhhhhhhhl"); /* it has no claim from when it was not there */
    flood(self, 'L', DORA_PRIORITY_LOW, 1);
    check_shares(self, "hhhhhhhhhhhhhhhhl");
    check_shares(self, "hhhhhhhhh");
    check_empty(self);
}

/* What is taken and not run after all leaves the turn to the next of its priority. */
static void what_is_forgone_counts_for_no_priority(void **state)
{
    line *self = *state;
    uint32_t task;
    begin(self);
    flood(self, 'H', DORA_PRIORITY_HIGH, 30);
    flood(self, 'L', DORA_PRIORITY_LOW, 3);
    do {
        task = dr_queue_take(&self->pool, 0);
        assert_true(task != DR_NONE);
    } while (self->records[task].priority == DORA_PRIORITY_HIGH);
    dr_queue_forgo(&self->pool, task);
    check_shares(self, "lh");
}

static void a_call_of_many_is_taken_whole_whatever_comes(void **state)
{
    line *self = *state;
    begin(self);
    for (const char *call = "mmm"; *call != '\0'; call++) {
        (void)come_as(self, 'M', *call, DORA_PRIORITY_LOW);
    }
    dr_queue_put_back(&self->pool, dr_queue_take(&self->pool, 0));
    (void)come_as(self, 'P', 'p', DORA_PRIORITY_HIGH);
    check_taken(self, "pm", 0); /* none of it had begun */
    (void)come_as(self, 'P', 'q', DORA_PRIORITY_HIGH);
    dr_queue_put_back(&self->pool, dr_queue_take(&self->pool, 0));
    check_taken(self, "mmq", 0);
    check_empty(self);
}

/* Ten of low priority are given to a worker that ends before it begins any. */
static void who_comes_does_not_wait_behind_all_that_comes_back(void **state)
{
    line *self = *state;
    uint32_t taken[10];
    begin(self);
    flood(self, 'L', DORA_PRIORITY_LOW, 20);
    for (size_t i = 0; i < 10; i++) {
        taken[i] = dr_queue_take(&self->pool, 0);
    }
    for (size_t i = 10; i-- > 0;) {
        dr_queue_add_first(&self->pool, taken[i]);
    }
    flood(self, 'H', DORA_PRIORITY_HIGH, 17);
    check_shares(self, "lhhhhhhhhhhhhhhhhlh");
}

static void what_is_put_back_is_no_share(void **state)
{
    line *self = *state;
    begin(self);
    flood(self, 'L', DORA_PRIORITY_LOW, 1);
    flood(self, 'N', DORA_PRIORITY_NORMAL, 4);
    flood(self, 'H', DORA_PRIORITY_HIGH, 16);
    for (const char *each = SHARES; *each != '\0'; each++) {
        const char next[] = {*each, '\0'};
        for (unsigned i = 0; i < 3; i++) {
            dr_queue_put_back(&self->pool, dr_queue_take(&self->pool, 0));
        }
        check_shares(self, next);
    }
    check_empty(self);
}

/* A worker that stands still gives back what it has not begun, the last first. */
static void what_a_worker_gives_back_is_no_share(void **state)
{
    line *self = *state;
    uint32_t taken[8];
    begin(self);
    flood(self, 'L', DORA_PRIORITY_LOW, 1);
    flood(self, 'N', DORA_PRIORITY_NORMAL, 4);
    flood(self, 'H', DORA_PRIORITY_HIGH, 16);
    for (unsigned round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < 8; i++) {
            taken[i] = dr_queue_take(&self->pool, 0);
        }
        for (uint32_t i = 8; i-- > 0;) {
            dr_queue_add_first(&self->pool, taken[i]);
        }
    }
    check_shares(self, SHARES);
    check_empty(self);
}

static void who_leaves_is_no_share_of_its_priority(void **state)
{
    line *self = *state;
    begin(self);
    (void)come_as(self, 'M', 'm', DORA_PRIORITY_LOW);
    (void)come_as(self, 'M', 'm', DORA_PRIORITY_LOW);
    (void)come(self, 'P', 'p');
    check_taken(self, "p", 0);
    check_taken(self, "m", 0);
    dr_queue_remove(&self->pool, 1); /* the rest of the call that is being taken */
    (void)come(self, 'P', 'q');
    (void)come_as(self, 'Q', 'r', DORA_PRIORITY_HIGH);
    check_taken(self, "rq", 0);
    check_empty(self);
}

static void only_what_is_alike_or_higher_is_before_a_call(void **state)
{
    line *self = *state;
    begin(self);
    const dr_queue *queue = &self->pool.queue;
    assert_false(dr_queue_is_before(queue, DORA_PRIORITY_LOW));
    (void)come(self, 'P', 'p');
    assert_true(dr_queue_is_before(queue, DORA_PRIORITY_LOW));
    assert_true(dr_queue_is_before(queue, DORA_PRIORITY_NORMAL));
    assert_false(dr_queue_is_before(queue, DORA_PRIORITY_HIGH));
    check_taken(self, "p", 0);
    assert_false(dr_queue_is_before(queue, DORA_PRIORITY_LOW));
}

static void a_quick_task_is_one_in_ten(void **state)
{
    line *self = *state;
    begin(self);
    dr_api_cost *cost = &self->costs[0];
    assert_int_equal(dr_cost_fast_ns(cost, SECOND), 0);
    for (uint64_t i = 1; i <= 4000; i++) { /* 1 to 100 ms, in no order */
        dr_cost_learn_fast(cost, (i * 37 % 100 + 1) * MS, SECOND + i);
    }
    assert_in_range(dr_cost_fast_ns(cost, SECOND + 4000), 5 * MS, 15 * MS);
}

static void one_slow_sample_closes_no_api(void **state)
{
    line *self = *state;
    begin(self);
    dr_api_cost *cost = &self->costs[0];
    dr_cost_learn_fast(cost, 8 * SECOND, SECOND);
    assert_true(dr_cost_is_hopeless(&self->pool, 0, 5 * SECOND, SECOND));
    assert_false(dr_cost_is_hopeless(&self->pool, 0, 5 * SECOND + 1, 3 * SECOND)); /* a quarter */
    assert_true(dr_cost_is_hopeless(&self->pool, 0, 4 * SECOND, 3 * SECOND));
    assert_false(dr_cost_is_hopeless(&self->pool, 0, 0, 3 * SECOND)); /* nobody waits */
    dr_cost_learn_fast(cost, 2, 3 * SECOND);
    assert_in_range(dr_cost_fast_ns(cost, 3 * SECOND), SECOND, 2 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(line, callers_take_turns),
        unit_in(line, a_call_of_many_is_taken_whole),
        unit_in(line, what_is_put_back_is_the_next),
        unit_in(line, the_turn_of_one_who_leaves_is_the_next_ones),
        unit_in(line, callers_alike_in_the_table_are_told_apart),
        unit_in(line, callers_that_differ_in_any_bits_have_places_of_their_own),
        unit_in(line, the_newest_goes_first_where_the_oldest_is_late),
        unit_in(line, the_newest_is_taken_whole_though_it_is_put_back),
        unit_in(line, half_a_calls_own_time_is_late_too),
        unit_in(line, accepted_work_keeps_its_order),
        unit_in(line, priorities_share_what_is_taken),
        unit_in(line, callers_of_a_priority_take_turns),
        unit_in(line, no_priority_waits_for_ever),
        unit_in(line, what_is_forgone_counts_for_no_priority),
        unit_in(line, a_call_of_many_is_taken_whole_whatever_comes),
        unit_in(line, what_is_put_back_is_no_share),
        unit_in(line, who_comes_does_not_wait_behind_all_that_comes_back),
        unit_in(line, what_a_worker_gives_back_is_no_share),
        unit_in(line, who_leaves_is_no_share_of_its_priority),
        unit_in(line, only_what_is_alike_or_higher_is_before_a_call),
        unit_in(line, a_quick_task_is_one_in_ten),
        unit_in(line, one_slow_sample_closes_no_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
