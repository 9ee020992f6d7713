/* test_poison.c: calls that have ended workers: what is noted, refused, and forgotten; in the table
 * alone, then in a pool whose workers are written for them. */
#include "base/clock.h"
#include "task/suspect.h"
#include "task/watch.h"
#include "unit_pool.h"

#define SECOND UINT64_C(1000000000)
#define API 1u

typedef struct setting {
    dr_pool pool;
    int event_fd;
    dr_poison alone; /* a table without a pool */
} setting;

static void set_up(setting *self, uint32_t concurrency, uint32_t poison_s)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 2,
                                   .concurrency = concurrency,
                                   .queue_tasks_max = 10,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 4096,
                                   .poison_s = poison_s};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
}

static void tear_down(setting *self)
{
    dr_poison_fini(&self->alone);
    if (self->pool.records != NULL) {
        unit_pool_end(&self->pool, &self->event_fd);
    }
}
UNIT_SCENE(setting, tear_down)

static dr_poison_id id_of(const dr_poison *table, uint32_t api, const char *param)
{
    const dora_slice name = {"/t", 2};
    return (dr_poison_id){.api = api,
                          .name_len = 2,
                          .param_len = (uint32_t)strlen(param),
                          .digest = dr_poison_digest(table, name, text_slice(param), false)};
}

static uint32_t note(dr_poison *table, const char *param, uint64_t now_ns)
{
    const dr_poison_id id = id_of(table, API, param);
    const dr_poison_call *call = dr_poison_note(table, &id, "/t", "exited", now_ns);
    return call != NULL ? call->deaths : 0;
}

static bool is_refused(dr_poison *table, const char *param, uint64_t now_ns)
{
    const dr_poison_id id = id_of(table, API, param);
    const dr_poison_call *call = dr_poison_find(table, &id, now_ns);
    return call != NULL && dr_poison_is_refused(call);
}

static void two_deaths_refuse_a_call_for_its_time(void **state)
{
    dr_poison *table = &((setting *)*state)->alone;
    assert_int_equal(dr_poison_init(table, 600), DORA_OK);
    assert_false(dr_poison_has(table, API));
    assert_int_equal(note(table, "i:1;", SECOND), 1);
    assert_true(dr_poison_has(table, API));
    assert_false(is_refused(table, "i:1;", SECOND));
    assert_int_equal(note(table, "i:1;", 5 * SECOND), 2);
    assert_true(is_refused(table, "i:1;", 605 * SECOND - 1));
    assert_false(is_refused(table, "i:1;", 605 * SECOND));
    assert_false(is_refused(table, "i:2;", 6 * SECOND)); /* of the same length */
    assert_false(is_refused(table, "i:12;", 6 * SECOND));
    assert_int_equal(table->found, 1);
    /* One that was forgotten counts anew. */
    assert_int_equal(note(table, "i:1;", 700 * SECOND), 1);
}

static void lengths_tell_most_calls_apart(void **state)
{
    dr_poison *table = &((setting *)*state)->alone;
    assert_int_equal(dr_poison_init(table, 600), DORA_OK);
    (void)note(table, "i:1;", SECOND);
    assert_true(dr_poison_may_be(table, API, 2, 4));
    assert_false(dr_poison_may_be(table, API, 2, 5));
    assert_false(dr_poison_may_be(table, API, 3, 4));
    assert_false(dr_poison_may_be(table, API + 1, 2, 4));
}

static void whole_apis_are_others_than_parameters(void **state)
{
    dr_poison *table = &((setting *)*state)->alone;
    assert_int_equal(dr_poison_init(table, 600), DORA_OK);
    const dora_slice name = {"/t", 2};
    const dora_slice param = {"N;", 2};
    const dr_digest a = dr_poison_digest(table, name, param, false);
    const dr_digest b = dr_poison_digest(table, name, param, true);
    assert_false(dr_digest_is(&a, &b));
}

/* The table has its bound: the one goes that would be forgotten first, but of those that are
 * refused none before one that is not. */
static void a_full_table_keeps_what_is_refused(void **state)
{
    char param[32];
    dr_poison *table = &((setting *)*state)->alone;
    assert_int_equal(dr_poison_init(table, 600), DORA_OK);
    (void)note(table, "poison", SECOND);
    (void)note(table, "poison", SECOND);
    for (uint32_t i = 0; i < DR_POISON_CALLS_MAX * 2; i++) {
        (void)snprintf(param, sizeof(param), "other %u", (unsigned)i);
        assert_int_equal(note(table, param, (2 + i) * SECOND), 1);
    }
    assert_true(is_refused(table, "poison", 300 * SECOND));
    assert_int_equal(note(table, param, 300 * SECOND), 2);     /* the newest is there */
    assert_int_equal(note(table, "other 0", 300 * SECOND), 1); /* the oldest has gone */
}

static void switched_off_it_notes_nothing(void **state)
{
    dr_poison *table = &((setting *)*state)->alone;
    assert_int_equal(dr_poison_init(table, 0), DORA_OK);
    assert_int_equal(note(table, "i:1;", SECOND), 0);
    assert_false(dr_poison_has(table, API));
    assert_false(is_refused(table, "i:1;", SECOND));
}

/* in a pool */

static dr_task_input input_of(const char *param)
{
    return (dr_task_input){.name = {"/t", 2},
                           .param = {param, strlen(param)},
                           .guid = UNIT_GUID,
                           .api = API,
                           .submitted_ns = dr_clock_ns()};
}

static uint32_t submit(setting *at, const char *param)
{
    const dr_task_input input = input_of(param);
    return unit_pool_submit(&at->pool, &input);
}

static int64_t try(setting *at, const char *param)
{
    uint32_t task;
    const char *why = NULL;
    const dr_task_input input = input_of(param);
    const int64_t code = dr_dispatch_reserve(&at->pool, &input, &task, &why);
    if (code == 0) {
        dr_dispatch_unreserve(&at->pool, &task, 1);
    } else {
        assert_non_null(why);
    }
    return code;
}

/* blame_of notes what a task has done, as its crew does. Returns: whether it can be blamed. */
static bool blame_of(setting *at, uint32_t task)
{
    dr_blame blame;
    pthread_mutex_lock(&at->pool.lock);
    dr_suspect_blame(&at->pool, task, &blame);
    (void)dr_suspect_note(&at->pool, &blame, "exited with status 1", dr_clock_ns());
    pthread_mutex_unlock(&at->pool.lock);
    return blame.is_known;
}

static void collect(setting *at)
{
    (void)dr_dispatch_collect(&at->pool, 0, unit_pool_drop, NULL);
}

/* kill_one has a worker end while it runs a task. Returns: whether that is blamed. */
static bool kill_one(setting *at, const char *param)
{
    const uint32_t slot = unit_pool_worker(&at->pool);
    (void)submit(at, param);
    const bool is_blamed = blame_of(at, unit_pool_start(&at->pool, slot));
    dr_dispatch_worker_died(&at->pool, slot);
    collect(at);
    return is_blamed;
}

static void the_third_call_is_refused_and_others_are_not(void **state)
{
    setting *at = *state;
    dr_poison_call call;
    set_up(at, 1, 600);
    assert_true(kill_one(at, "i:1;"));
    assert_int_equal(try(at, "i:1;"), 0);
    assert_false(dr_suspect_unsaid(&at->pool, &call));
    assert_true(kill_one(at, "i:1;"));
    assert_int_equal(try(at, "i:1;"), DORA_CODE_POISON);
    assert_int_equal(try(at, "i:2;"), 0);
    assert_int_equal(try(at, "i:10;"), 0);
    assert_int_equal(at->pool.poison.refused, 1);
    assert_true(dr_suspect_unsaid(&at->pool, &call));
    assert_int_equal(call.deaths, 2);
    assert_string_equal(call.ended, "exited with status 1");
    assert_false(dr_suspect_unsaid(&at->pool, &call)); /* once */
}

static void forgiving_takes_the_named_api_or_all(void **state)
{
    setting *at = *state;
    set_up(at, 1, 600);
    for (int i = 0; i < 2; i++) {
        (void)kill_one(at, "i:1;");
    }
    assert_int_equal(dr_suspect_forget(&at->pool, text_slice("/other"), NULL, NULL), 0);
    assert_int_equal(try(at, "i:1;"), DORA_CODE_POISON);
    assert_int_equal(dr_suspect_forget(&at->pool, text_slice("/t"), NULL, NULL), 1);
    assert_int_equal(try(at, "i:1;"), 0);
    assert_false(at->pool.costs[API].is_suspect);
    (void)kill_one(at, "i:1;"); /* it counts anew */
    assert_int_equal(try(at, "i:1;"), 0);
    assert_int_equal(dr_suspect_forget(&at->pool, text_slice(""), NULL, NULL), 1);
}

static void a_task_that_ends_well_clears_its_call(void **state)
{
    setting *at = *state;
    set_up(at, 1, 600);
    (void)kill_one(at, "i:1;");
    const uint32_t slot = unit_pool_worker(&at->pool);
    (void)submit(at, "i:2;");
    uint32_t task = unit_pool_start(&at->pool, slot);
    pthread_mutex_lock(&at->pool.lock);
    dr_suspect_clear(&at->pool, task, dr_clock_ns()); /* another call of the api */
    assert_true(at->pool.costs[API].is_suspect);
    pthread_mutex_unlock(&at->pool.lock);
    const uint32_t other = unit_pool_worker(&at->pool);
    (void)submit(at, "i:1;");
    task = unit_pool_start(&at->pool, other);
    pthread_mutex_lock(&at->pool.lock);
    dr_suspect_clear(&at->pool, task, dr_clock_ns());
    assert_false(at->pool.costs[API].is_suspect);
    pthread_mutex_unlock(&at->pool.lock);
    dr_dispatch_worker_died(&at->pool, slot);
    dr_dispatch_worker_died(&at->pool, other);
    collect(at);
}

static void tasks_side_by_side_are_not_blamed(void **state)
{
    setting *at = *state;
    set_up(at, 2, 600);
    const uint32_t slot = unit_pool_worker(&at->pool);
    (void)submit(at, "i:1;");
    (void)submit(at, "i:1;");
    const uint32_t first = unit_pool_start(&at->pool, slot);
    assert_true(blame_of(at, first)); /* the other has not begun */
    const uint32_t second = unit_pool_start(&at->pool, slot);
    assert_false(blame_of(at, first));
    assert_false(blame_of(at, second));
    dr_dispatch_worker_died(&at->pool, slot);
    collect(at);
}

static void what_waits_is_refused_too(void **state)
{
    setting *at = *state;
    unit_tally told = {0};
    set_up(at, 1, 600);
    (void)kill_one(at, "i:1;");
    const uint32_t slot = unit_pool_worker(&at->pool);
    for (int i = 0; i < 3; i++) {
        (void)submit(at, "i:1;");
    }
    assert_true(blame_of(at, unit_pool_start(&at->pool, slot)));
    dr_dispatch_worker_died(&at->pool, slot);
    (void)unit_pool_worker(&at->pool);
    while (told.count < 3) {
        assert_true(dr_dispatch_collect(&at->pool, 0, unit_count, &told) > 0);
    }
    assert_int_equal(told.died, 1);
    assert_int_equal(at->pool.poison.refused, 2);
}

/* Of what a worker has spoiled nothing is known. */
static void a_task_that_is_damaged_is_not_blamed(void **state)
{
    setting *at = *state;
    set_up(at, 1, 600);
    const uint32_t slot = unit_pool_worker(&at->pool);
    (void)submit(at, "i:1;");
    const uint32_t task = unit_pool_start(&at->pool, slot);
    at->pool.region.tasks[task].param_len++;
    assert_false(blame_of(at, task));
    at->pool.region.tasks[task].param_len--;
    assert_true(blame_of(at, task));
    dr_dispatch_worker_died(&at->pool, slot);
    collect(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, two_deaths_refuse_a_call_for_its_time),
        unit_in(setting, lengths_tell_most_calls_apart),
        unit_in(setting, whole_apis_are_others_than_parameters),
        unit_in(setting, a_full_table_keeps_what_is_refused),
        unit_in(setting, switched_off_it_notes_nothing),
        unit_in(setting, the_third_call_is_refused_and_others_are_not),
        unit_in(setting, forgiving_takes_the_named_api_or_all),
        unit_in(setting, a_task_that_ends_well_clears_its_call),
        unit_in(setting, tasks_side_by_side_are_not_blamed),
        unit_in(setting, what_waits_is_refused_too),
        unit_in(setting, a_task_that_is_damaged_is_not_blamed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
