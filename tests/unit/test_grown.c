/* test_grown.c: in whose calls a worker grew: what it sees of itself, and what the master believes
 * of that. */
#include "unit_pool.h"

#include "task/canary.h"
#include "task/growers.h"
#include "task/grown.h"
#include "task/switch.h"
#include "task/watch.h"

enum { GROWS = 1, RESTS = 2, CREW = 5, LATER = 6 };

#define MORE ((int64_t)4 << 20)

/* ---- what a worker sees ---- */

/* body: a worker, and what its host says is in use. */
typedef struct body {
    dr_grown grown;
    dr_shared_worker *shared;
    dora_runtime runtime;
    uint64_t in_use;
    void *more;
} body;

static void body_end(body *self)
{
    free(self->more);
    free(self->shared);
}

UNIT_SCENE(body, body_end)

static uint64_t bytes_in_use(void *host)
{
    return ((body *)host)->in_use;
}

static void begin(body *self)
{
    self->shared = aligned_alloc(alignof(dr_shared_worker), sizeof(*self->shared));
    assert_non_null(self->shared);
    memset(self->shared, 0, sizeof(*self->shared));
    self->in_use = 10 * MORE;
    self->runtime =
        (dora_runtime){.name = "test", .version = "1", .host = self, .bytes_in_use = bytes_in_use};
    self->grown = dr_grown_begin(&self->runtime);
}

static void end_task(body *self, uint32_t api, uint64_t tasks)
{
    if (self->grown.due_ns != UINT64_MAX) {
        (void)dr_grown_look(&self->grown, self->shared, api, tasks, self->grown.due_ns);
    }
}

/* look_first ends tasks until the worker has looked before one. */
static void look_first(body *self)
{
    for (uint32_t i = 0; i <= DR_GROWN_SKIPPED && !self->grown.is_looking; i++) {
        end_task(self, RESTS, DR_GROWN_TASKS);
    }
    assert_true(self->grown.is_looking);
}

static const dr_grower *find(const dr_shared_worker *shared, uint32_t api)
{
    static dr_grower grower;
    for (uint32_t i = 0; i < DR_GROWN_APIS; i++) {
        if (dr_grown_read(shared, i, &grower) && grower.api == api) {
            return &grower;
        }
    }
    return NULL;
}

/* is_near: nothing else is allocated meanwhile, but by what watches over a test. */
static bool is_near(const body *self, uint32_t api, int64_t bytes)
{
    const dr_grower *grower = find(self->shared, api);
    return grower != NULL && llabs(grower->bytes - bytes) < MORE / 4;
}

static void what_a_task_leaves_is_its_apis(void **state)
{
    body *self = *state;
    begin(self);
    look_first(self);
    end_task(self, RESTS, DR_GROWN_TASKS + 1);
    look_first(self);
    self->in_use += MORE;
    end_task(self, GROWS, DR_GROWN_TASKS + 2);
    assert_true(is_near(self, RESTS, 0));
    assert_true(is_near(self, GROWS, MORE));
    assert_int_equal(find(self->shared, RESTS)->looks, 1);
    assert_int_equal(find(self->shared, GROWS)->looks, 1);
    self->in_use += 5 * MORE; /* in a task that nobody looks at */
    look_first(self);
    self->in_use -= 2 * MORE; /* it gives back what another has taken */
    end_task(self, RESTS, DR_GROWN_TASKS + 3);
    assert_true(is_near(self, RESTS, -2 * MORE));
}

/* What malloc has handed out is in it, whatever the host is. */
static void what_malloc_has_handed_out_counts(void **state)
{
    body *self = *state;
    begin(self);
    self->runtime.bytes_in_use = NULL;
    look_first(self);
    const bool is_told = self->grown.bytes > 0; /* not by the allocators of sanitizers */
    self->more = malloc(MORE);
    end_task(self, GROWS, DR_GROWN_TASKS + 1);
    assert_true(is_near(self, GROWS, is_told ? MORE : 0));
}

static void it_does_not_look_when_young_nor_where_nobody_asks(void **state)
{
    body *self = *state;
    begin(self);
    for (uint64_t tasks = 1; tasks < DR_GROWN_TASKS; tasks++) {
        end_task(self, RESTS, tasks);
        assert_false(self->grown.is_looking);
    }
    end_task(self, RESTS, DR_GROWN_TASKS);
    assert_true(self->grown.is_looking);
    self->grown = dr_grown_begin(NULL);
    assert_true(self->grown.due_ns == UINT64_MAX);
}

static void looks_are_apart(void **state)
{
    body *self = *state;
    begin(self);
    look_first(self);
    const uint64_t now_ns =
        dr_grown_look(&self->grown, self->shared, RESTS, DR_GROWN_TASKS, self->grown.due_ns);
    assert_true(self->grown.due_ns >= now_ns + DR_GROWN_PAUSE_NS);
    assert_true(self->grown.left < DR_GROWN_SKIPPED);
}

static void who_grew_least_makes_room(void **state)
{
    body *self = *state;
    begin(self);
    for (uint32_t api = 0; api < DR_GROWN_APIS; api++) {
        dr_grown_note(self->shared, api, 100 + api);
        dr_grown_note(self->shared, api, -50);
    }
    assert_int_equal(find(self->shared, 3)->bytes, 53);
    assert_int_equal(find(self->shared, 3)->looks, 2);
    dr_grown_note(self->shared, 1000, 50);
    assert_null(find(self->shared, 1000)); /* no more than the least */
    dr_grown_note(self->shared, 1000, 51);
    assert_int_equal(find(self->shared, 1000)->looks, 1);
    assert_null(find(self->shared, 0));
    dr_grown_note(self->shared, DR_NONE, INT64_C(1) << 40);
    assert_int_equal(find(self->shared, DR_APP_APIS_MAX)->bytes, INT64_C(1) << 40);
}

/* ---- what the master believes ---- */

/* setting: a pool with two workers. */
typedef struct setting {
    dr_pool pool;
    int event_fds[1];
    uint32_t slots[2];
} setting;

static void tear_down(setting *self)
{
    unit_pool_end(&self->pool, self->event_fds);
}

UNIT_SCENE(setting, tear_down)

static void set_up(setting *self)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 2,
                                   .queue_tasks_max = 10,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    unit_pool_begin(&self->pool, self->event_fds, &limits);
    for (uint32_t i = 0; i < 2; i++) {
        self->slots[i] = unit_pool_worker(&self->pool);
        self->pool.slots[self->slots[i]].crew = CREW;
        self->pool.slots[self->slots[i]].finished = 100;
    }
}

static void note(setting *self, uint32_t worker, uint32_t api, int64_t bytes)
{
    dr_grown_note(&self->pool.region.workers[self->slots[worker]], api, bytes);
}

static void die(setting *self, uint32_t worker)
{
    pthread_mutex_lock(&self->pool.lock);
    dr_bury(&self->pool, self->slots[worker], DR_RESTART_DIED);
    pthread_mutex_unlock(&self->pool.lock);
}

static void workers_are_added_up_and_the_dead_are_kept(void **state)
{
    setting *self = *state;
    dr_growers all;
    set_up(self);
    note(self, 0, GROWS, 300);
    note(self, 0, RESTS, 400);
    note(self, 1, GROWS, 200);
    note(self, 1, RESTS, -10);
    for (int i = 0; i < 2; i++) {
        dr_growers_list(&self->pool, &all);
        assert_int_equal(all.count, 2);
        assert_int_equal(all.items[0].api, GROWS);
        assert_int_equal(all.items[0].bytes, 500);
        assert_int_equal(all.items[0].looks, 2);
        assert_int_equal(all.items[1].bytes, 390);
        if (i == 0) {
            die(self, 1);
        }
    }
}

static void who_grew_most_is_found(void **state)
{
    setting *self = *state;
    dr_grower most;
    set_up(self);
    assert_false(dr_growers_most(&self->pool, self->slots[0], &most));
    note(self, 0, RESTS, -5);
    assert_false(dr_growers_most(&self->pool, self->slots[0], &most));
    note(self, 0, RESTS, 15);
    note(self, 0, GROWS, 30);
    assert_true(dr_growers_most(&self->pool, self->slots[0], &most));
    assert_int_equal(most.api, GROWS);
}

/* What a handler has written there is not told. */
static void what_cannot_be_is_not_believed(void **state)
{
    setting *self = *state;
    dr_shared_worker *shared;
    dr_growers all;
    set_up(self);
    shared = &self->pool.region.workers[self->slots[0]];
    note(self, 0, GROWS, 1);
    self->pool.slots[self->slots[0]].finished = 0; /* it has not done a task */
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 0);
    self->pool.slots[self->slots[0]].finished = 1;
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 1);
    atomic_store(&shared->grown_looks[0], 2);
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 0);
    atomic_store(&shared->grown_looks[0], 1);
    atomic_store(&shared->grown[0], UINT64_C(0x00017fffffffffff)); /* 128 TiB in one call */
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 0);
    atomic_store(&shared->grown[0], UINT64_C(0xffff000000000001)); /* there is no such api */
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 0);
}

static void another_generation_is_not_mixed_in(void **state)
{
    setting *self = *state;
    const dr_move moves[] = {{0, 0}, {1, 0}, {2, 0}, {3, 0}};
    dr_growers all;
    set_up(self);
    note(self, 0, GROWS, 1000);
    note(self, 1, RESTS, 2000);
    die(self, 1);
    self->pool.slots[self->slots[0]].is_canary = true;
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.items[0].api, RESTS);
    self->pool.slots[self->slots[0]].is_canary = false;
    const uint32_t later = unit_pool_reserve(&self->pool);
    self->pool.slots[later].crew = LATER;
    dr_dispatch_worker_hold(&self->pool, later);
    dr_dispatch_switch(&self->pool, LATER, moves, 4);
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 0);
    die(self, 0);
    self->pool.slots[later].finished = 1;
    dr_grown_note(&self->pool.region.workers[later], GROWS, 7);
    dr_growers_list(&self->pool, &all);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.items[0].bytes, 7);
}

/* The first that ever was watched goes back: what it saw was of apis with other numbers. */
static void what_went_back_is_not_mixed_in(void **state)
{
    setting *self = *state;
    dr_growers all;
    set_up(self);
    const uint32_t later = unit_pool_reserve(&self->pool);
    self->pool.slots[later].crew = LATER;
    self->pool.slots[later].finished = 1;
    dr_dispatch_worker_hold(&self->pool, later);
    dr_canary_api *apis = calloc(4, sizeof(*apis));
    assert_non_null(apis);
    assert_int_equal(dr_canary_begin(&self->pool, LATER, CREW, 10, apis, 4), DORA_OK);
    dr_grown_note(&self->pool.region.workers[later], GROWS, 7);
    note(self, 0, RESTS, 5);
    dr_canary_end(&self->pool);
    for (int i = 0; i < 2; i++) {
        dr_growers_list(&self->pool, &all);
        assert_int_equal(all.count, 1);
        assert_int_equal(all.items[0].api, RESTS);
        if (i == 0) {
            dr_dispatch_worker_died(&self->pool, later);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(body, what_a_task_leaves_is_its_apis),
        unit_in(body, what_malloc_has_handed_out_counts),
        unit_in(body, it_does_not_look_when_young_nor_where_nobody_asks),
        unit_in(body, looks_are_apart),
        unit_in(body, who_grew_least_makes_room),
        unit_in(setting, workers_are_added_up_and_the_dead_are_kept),
        unit_in(setting, who_grew_most_is_found),
        unit_in(setting, what_cannot_be_is_not_believed),
        unit_in(setting, another_generation_is_not_mixed_in),
        unit_in(setting, what_went_back_is_not_mixed_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
