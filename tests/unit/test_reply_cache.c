/* test_reply_cache.c: a call that is sent again joins it, gets its reply, or hears that it has run.
 */
#include "unit_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "server/dedupe/reply_cache.h"

#define BODY_LEN 1000u

static const dr_reply_cache_limits limits = {
    .calls_max = 8, .bytes_max = 4 * BODY_LEN, .reply_s = 60, .lost_s = 600};

static dr_reply_cache *new_kept(const dr_reply_cache_limits *with)
{
    dr_reply_cache *kept = NULL;
    assert_int_equal(dr_reply_cache_new(&kept, with, NULL), DORA_OK);
    return kept;
}

static dr_digest call_of(uint64_t number)
{
    return (dr_digest){{number, ~number}};
}

static const dora_slice nothing = {NULL, 0};

/* reply_of is a reply of many letters. They are forgotten with the thread's next one. */
static dora_slice reply_of(char letter)
{
    static _Thread_local char body[BODY_LEN];
    memset(body, letter, sizeof(body));
    return (dora_slice){body, sizeof(body)};
}

static void check_reply(dr_reply_cache_reply *reply, char letter)
{
    assert_non_null(reply);
    assert_int_equal(reply->len, BODY_LEN);
    assert_int_equal(reply->body[0], letter);
    assert_int_equal(reply->body[BODY_LEN - 1], letter);
    dr_reply_cache_reply_drop(reply);
}

static dr_reply_cache_numbers numbers_of(dr_reply_cache *kept)
{
    dr_reply_cache_numbers numbers;
    dr_reply_cache_count(kept, &numbers);
    return numbers;
}

/* run takes a call from its beginning to its end. */
static void run(dr_reply_cache *kept, uint64_t number, dora_slice reply, uint64_t now_ms)
{
    const dr_digest call = call_of(number);
    dr_reply_waiter seat = {.lane = 0};
    assert_int_equal(dr_reply_cache_begin(kept, &call, &seat, now_ms), DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(seat.role, DR_REPLY_LEADER);
    assert_int_equal(dr_reply_cache_end(kept, &seat, reply, true, now_ms), 0);
}

/* look is what is known of a call; a reply that comes with it must be of `letter`. */
static dr_reply_cache_known look(dr_reply_cache *kept, uint64_t number, char letter)
{
    const dr_digest call = call_of(number);
    dr_reply_waiter seat = {.lane = 0};
    const dr_reply_cache_known known = dr_reply_cache_look(kept, &call, &seat);
    if (known == DR_REPLY_CACHE_HAS_RUN) {
        check_reply(seat.reply, letter);
    }
    return known;
}

static void gives_a_kept_reply(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    assert_int_equal(look(kept, 1, 'a'), DR_REPLY_CACHE_UNKNOWN);
    run(kept, 1, reply_of('a'), 0);
    assert_int_equal(look(kept, 1, 'a'), DR_REPLY_CACHE_HAS_RUN);
    assert_int_equal(look(kept, 1, 'a'), DR_REPLY_CACHE_HAS_RUN);
    assert_int_equal(look(kept, 2, 'a'), DR_REPLY_CACHE_UNKNOWN);
    /* The whole digest counts, not what finds its bucket. */
    const dr_digest near = {{1, 1}};
    dr_reply_waiter seat = {.lane = 0};
    assert_int_equal(dr_reply_cache_look(kept, &near, &seat), DR_REPLY_CACHE_UNKNOWN);
    const dr_reply_cache_numbers numbers = numbers_of(kept);
    assert_int_equal(numbers.replies, 1);
    assert_int_equal(numbers.bytes, BODY_LEN);
    assert_int_equal(numbers.hits, 2);
    assert_int_equal(numbers.tombstones, 0);
    dr_reply_cache_free(kept);
    dr_reply_cache_free(NULL);
}

static void not_run_is_not_kept(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    const dr_digest call = call_of(1);
    dr_reply_waiter leader = {.lane = 0};
    dr_reply_waiter follower = {.lane = 3};
    assert_int_equal(dr_reply_cache_begin(kept, &call, &leader, 0), DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(dr_reply_cache_begin(kept, &call, &follower, 0), DR_REPLY_CACHE_RUNS);
    /* Who joined hears it too. */
    assert_int_equal(dr_reply_cache_end(kept, &leader, reply_of('n'), false, 0), UINT64_C(1) << 3);
    assert_ptr_equal(dr_reply_cache_take(kept, 3), &follower);
    check_reply(follower.reply, 'n');
    assert_int_equal(look(kept, 1, '-'), DR_REPLY_CACHE_UNKNOWN);
    run(kept, 1, reply_of('a'), 0);
    assert_int_equal(look(kept, 1, 'a'), DR_REPLY_CACHE_HAS_RUN);
    dr_reply_cache_free(kept);
}

static void a_status_over_http_is_kept_with_its_reply(void **state)
{
    (void)state;
    static const uint16_t statuses[] = {0, 400, 404, 499};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        dr_reply_cache *kept = new_kept(&limits);
        const dr_digest call = call_of(1);
        dr_reply_waiter leader = {.lane = 0};
        dr_reply_waiter follower = {.lane = 3};
        dr_reply_waiter late = {.lane = 1};
        (void)dr_reply_cache_begin(kept, &call, &leader, 0);
        (void)dr_reply_cache_begin(kept, &call, &follower, 0);
        leader.http_status = statuses[i];
        (void)dr_reply_cache_end(kept, &leader, reply_of('s'), true, 0);
        assert_ptr_equal(dr_reply_cache_take(kept, 3), &follower);
        assert_int_equal(follower.reply->http_status, statuses[i]);
        check_reply(follower.reply, 's');
        assert_int_equal(dr_reply_cache_begin(kept, &call, &late, 0), DR_REPLY_CACHE_HAS_RUN);
        assert_int_equal(late.reply->http_status, statuses[i]);
        check_reply(late.reply, 's');
        dr_reply_cache_free(kept);
    }
}

static void joiners_get_the_reply(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    const dr_digest call = call_of(1);
    dr_reply_waiter leader = {.lane = 0};
    dr_reply_waiter followers[4] = {{.lane = 0}, {.lane = 1}, {.lane = 1}, {.lane = 63}};
    (void)dr_reply_cache_begin(kept, &call, &leader, 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(dr_reply_cache_look(kept, &call, &followers[i]), DR_REPLY_CACHE_RUNS);
    }
    assert_int_equal(dr_reply_cache_leave(kept, &followers[1], false), 0);
    assert_null(dr_reply_cache_take(kept, 0));
    assert_int_equal(dr_reply_cache_end(kept, &leader, reply_of('j'), true, 0),
                     UINT64_C(1) | UINT64_C(1) << 1 | UINT64_C(1) << 63);
    assert_ptr_equal(dr_reply_cache_take(kept, 0), &followers[0]);
    check_reply(followers[0].reply, 'j');
    /* One whose responder goes while the reply is on its way. */
    assert_int_equal(dr_reply_cache_leave(kept, &followers[2], false), 0);
    assert_null(dr_reply_cache_take(kept, 1));
    assert_ptr_equal(dr_reply_cache_take(kept, 63), &followers[3]);
    check_reply(followers[3].reply, 'j');
    assert_int_equal(dr_reply_cache_leave(kept, &followers[3], false), 0);
    assert_null(dr_reply_cache_take(kept, 63));
    assert_int_equal(numbers_of(kept).joins, 4);
    dr_reply_cache_free(kept);
}

static void the_last_to_leave_tells_the_runner(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    const dr_digest call = call_of(1);
    dr_reply_waiter leader = {.lane = 2};
    dr_reply_waiter followers[2] = {{.lane = 1}, {.lane = 4}};
    (void)dr_reply_cache_begin(kept, &call, &leader, 0);
    (void)dr_reply_cache_look(kept, &call, &followers[0]);
    assert_int_equal(dr_reply_cache_leave(kept, &followers[0], false),
                     0); /* the first responder is there */
    assert_false(dr_reply_cache_is_wanted(kept, &leader));
    (void)dr_reply_cache_look(kept, &call, &followers[0]);
    (void)dr_reply_cache_look(kept, &call, &followers[1]);
    assert_true(dr_reply_cache_is_wanted(kept, &leader));
    assert_int_equal(dr_reply_cache_leave(kept, &followers[0], false), 0);
    assert_int_equal(dr_reply_cache_leave(kept, &followers[1], false), UINT64_C(1) << 2);
    /* Somebody comes before the leader has looked. */
    (void)dr_reply_cache_look(kept, &call, &followers[0]);
    assert_ptr_equal(dr_reply_cache_take(kept, 2), &leader);
    assert_true(dr_reply_cache_is_wanted(kept, &leader));
    assert_int_equal(dr_reply_cache_leave(kept, &followers[0], false), UINT64_C(1) << 2);
    /* It ends with the news still in its inbox. */
    assert_int_equal(dr_reply_cache_end(kept, &leader, nothing, false, 0), 0);
    assert_null(dr_reply_cache_take(kept, 2));
    assert_int_equal(dr_reply_cache_end(kept, &leader, nothing, false, 0), 0);
    dr_reply_cache_free(kept);
}

static void the_last_to_leave_may_have_cancelled(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    const dr_digest call = call_of(1);
    dr_reply_waiter leader = {.lane = 2};
    dr_reply_waiter followers[2] = {{.lane = 1}, {.lane = 4}};
    (void)dr_reply_cache_begin(kept, &call, &leader, 0);
    (void)dr_reply_cache_look(kept, &call, &followers[0]);
    assert_int_equal(dr_reply_cache_leave(kept, &followers[0], true), 0);
    assert_false(dr_reply_cache_is_cancelled(kept, &leader)); /* the first responder is there */
    (void)dr_reply_cache_look(kept, &call, &followers[0]);
    (void)dr_reply_cache_look(kept, &call, &followers[1]);
    assert_true(dr_reply_cache_is_wanted(kept, &leader));
    assert_int_equal(dr_reply_cache_leave(kept, &followers[0], true), 0);
    assert_false(dr_reply_cache_is_cancelled(kept, &leader)); /* another one waits */
    assert_int_equal(dr_reply_cache_leave(kept, &followers[1], true), UINT64_C(1) << 2);
    assert_true(dr_reply_cache_is_cancelled(kept, &leader));
    (void)dr_reply_cache_look(kept, &call, &followers[0]);
    assert_false(dr_reply_cache_is_cancelled(kept, &leader)); /* somebody has come meanwhile, */
    assert_int_equal(dr_reply_cache_leave(kept, &followers[0], false), UINT64_C(1) << 2);
    assert_false(dr_reply_cache_is_cancelled(kept, &leader)); /* and has only gone */
    assert_int_equal(dr_reply_cache_end(kept, &leader, nothing, false, 0), 0);
    assert_false(dr_reply_cache_is_cancelled(kept, &leader));
    dr_reply_cache_free(kept);
}

static void over_the_bytes_the_oldest_is_lost(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    for (uint64_t i = 1; i <= 4; i++) {
        run(kept, i, reply_of('a'), 0);
    }
    assert_int_equal(numbers_of(kept).evicted, 0); /* the limit exactly */
    assert_int_equal(look(kept, 1, 'a'), DR_REPLY_CACHE_HAS_RUN);
    run(kept, 5, reply_of('a'), 0);
    assert_int_equal(look(kept, 1, 'a'), DR_REPLY_CACHE_LOST);
    assert_int_equal(look(kept, 2, 'a'), DR_REPLY_CACHE_HAS_RUN);
    dr_reply_cache_numbers numbers = numbers_of(kept);
    assert_int_equal(numbers.evicted, 1);
    assert_int_equal(numbers.replies, 4);
    assert_int_equal(numbers.tombstones, 1);
    assert_int_equal(numbers.lost, 1);

    /* One that is too much by itself is lost at once; the others stay. */
    static char huge[4 * BODY_LEN + 1];
    run(kept, 6, (dora_slice){huge, sizeof(huge)}, 0);
    assert_int_equal(look(kept, 6, '-'), DR_REPLY_CACHE_LOST);
    numbers = numbers_of(kept);
    assert_int_equal(numbers.replies, 4);
    assert_int_equal(numbers.tombstones, 2);
    assert_int_equal(numbers.evicted, 2);
    /* One that is just not goes alone. */
    run(kept, 7, (dora_slice){huge, sizeof(huge) - 1}, 0);
    assert_int_equal(look(kept, 5, '-'), DR_REPLY_CACHE_LOST);
    numbers = numbers_of(kept);
    assert_int_equal(numbers.bytes, 4 * BODY_LEN);
    assert_int_equal(numbers.replies, 1);
    assert_int_equal(numbers.tombstones, 6);
    dr_reply_cache_free(kept);
}

static void a_reply_in_use_outlives_its_entry(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    const dr_digest call = call_of(1);
    dr_reply_waiter seat = {.lane = 0};
    run(kept, 1, reply_of('u'), 0);
    assert_int_equal(dr_reply_cache_look(kept, &call, &seat), DR_REPLY_CACHE_HAS_RUN);
    dr_reply_cache_sweep(kept, 60000);
    assert_int_equal(look(kept, 1, '-'), DR_REPLY_CACHE_LOST);
    dr_reply_cache_free(kept);
    check_reply(seat.reply, 'u');
}

static void time_passes(void **state)
{
    (void)state;
    dr_reply_cache *kept = new_kept(&limits);
    run(kept, 1, reply_of('t'), 5000);
    run(kept, 2, nothing, 5000); /* it has run, and there was no memory for its reply */
    assert_int_equal(look(kept, 2, '-'), DR_REPLY_CACHE_LOST);
    dr_reply_cache_sweep(kept, 64999);
    assert_int_equal(look(kept, 1, 't'), DR_REPLY_CACHE_HAS_RUN);
    dr_reply_cache_sweep(kept, 65000);
    assert_int_equal(look(kept, 1, 't'), DR_REPLY_CACHE_LOST);
    assert_int_equal(numbers_of(kept).evicted, 0);
    dr_reply_cache_sweep(kept, 604999);
    assert_int_equal(numbers_of(kept).tombstones, 2);
    dr_reply_cache_sweep(kept, 605000);
    assert_int_equal(look(kept, 2, '-'), DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(look(kept, 1, '-'), DR_REPLY_CACHE_LOST); /* since it was lost */
    dr_reply_cache_sweep(kept, 665000);
    assert_int_equal(numbers_of(kept).tombstones, 0);
    assert_int_equal(look(kept, 1, '-'), DR_REPLY_CACHE_UNKNOWN);
    /* The memory was given back, and is taken again. A lane's clock may be behind another's. */
    run(kept, 1, reply_of('t'), 665000);
    run(kept, 3, reply_of('t'), 664000);
    assert_int_equal(look(kept, 1, 't'), DR_REPLY_CACHE_HAS_RUN);
    /* Calls that come expire what is old, without a sweep. */
    run(kept, 4, reply_of('t'), 725000);
    assert_int_equal(look(kept, 1, '-'), DR_REPLY_CACHE_LOST);
    assert_int_equal(look(kept, 3, '-'), DR_REPLY_CACHE_LOST);
    dr_reply_cache_free(kept);
}

static void over_the_calls_tombstones_go_first(void **state)
{
    (void)state;
    dr_reply_cache_limits wide = limits;
    wide.bytes_max = 100 * BODY_LEN;
    dr_reply_cache *kept = new_kept(&wide);
    run(kept, 1, reply_of('c'), 0);
    run(kept, 2, nothing, 0);
    run(kept, 3, nothing, 0);
    for (uint64_t i = 4; i <= 8; i++) {
        run(kept, i, reply_of('c'), 0);
    }
    assert_int_equal(look(kept, 2, '-'), DR_REPLY_CACHE_LOST);
    run(kept, 9, reply_of('c'), 0);
    assert_int_equal(look(kept, 2, '-'), DR_REPLY_CACHE_UNKNOWN);
    run(kept, 10, reply_of('c'), 0);
    assert_int_equal(look(kept, 3, '-'), DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(look(kept, 1, 'c'), DR_REPLY_CACHE_HAS_RUN);
    assert_int_equal(numbers_of(kept).tombstones, 0);
    run(kept, 11, reply_of('c'), 0); /* no tombstone is left */
    assert_int_equal(look(kept, 1, '-'), DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(look(kept, 4, 'c'), DR_REPLY_CACHE_HAS_RUN);
    assert_int_equal(numbers_of(kept).evicted, 1);

    /* When all of them run, one more runs unknown. */
    dr_reply_waiter seats[9] = {{.lane = 0}};
    for (uint64_t i = 0; i < 9; i++) {
        const dr_digest call = call_of(100 + i);
        assert_int_equal(dr_reply_cache_begin(kept, &call, &seats[i], 0), DR_REPLY_CACHE_UNKNOWN);
        assert_int_equal(seats[i].role, i < 8 ? DR_REPLY_LEADER : DR_REPLY_CACHE_NOBODY);
    }
    assert_false(dr_reply_cache_is_wanted(kept, &seats[8]));
    for (uint64_t i = 0; i < 9; i++) {
        assert_int_equal(dr_reply_cache_end(kept, &seats[i], reply_of('c'), true, 0), 0);
    }
    assert_int_equal(look(kept, 100, 'c'), DR_REPLY_CACHE_HAS_RUN);
    assert_int_equal(look(kept, 108, 'c'), DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(numbers_of(kept).replies, 8);
    dr_reply_cache_free(kept);
}

/* The next test's own store: the last calls, oldest first, with what became of each. */
#define MODEL_CALLS 4000u

typedef struct model {
    uint32_t len[MODEL_CALLS];
    uint32_t begun;  /* calls so far */
    uint32_t oldest; /* whose reply is kept; those before it are lost */
    uint64_t bytes;
} model;

static dora_slice body_of(uint32_t number, uint32_t len)
{
    static char letters[2048];
    memset(letters, (int)('a' + number % 26), len);
    return (dora_slice){letters, len};
}

static void check_against(dr_reply_cache *kept, const model *known, uint32_t number)
{
    const dr_digest call = call_of(number);
    dr_reply_waiter seat = {.lane = 0};
    const dr_reply_cache_known is = dr_reply_cache_look(kept, &call, &seat);
    assert_int_equal(is, number >= known->begun    ? DR_REPLY_CACHE_UNKNOWN
                         : number >= known->oldest ? DR_REPLY_CACHE_HAS_RUN
                                                   : DR_REPLY_CACHE_LOST);
    if (is == DR_REPLY_CACHE_HAS_RUN) {
        const dora_slice body = body_of(number, known->len[number]);
        assert_int_equal(seat.reply->len, body.len);
        assert_memory_equal(seat.reply->body, body.data, body.len);
        dr_reply_cache_reply_drop(seat.reply);
    }
}

/* Replies of any size go oldest first, only when they have to, and each that is there is whole. */
static void any_sizes_are_as_the_model_says(void **state)
{
    (void)state;
    static model known;
    const dr_reply_cache_limits wide = {
        .calls_max = 4096, .bytes_max = 2000, .reply_s = 60, .lost_s = 600};
    dr_reply_cache *kept = new_kept(&wide);
    unsigned seed = 7;
    for (uint32_t i = 0; i < MODEL_CALLS; i++) {
        const uint32_t most = rand_r(&seed) % 8 == 0 ? 2000 : 300;
        const uint32_t len = (uint32_t)rand_r(&seed) % (most + 1);
        run(kept, i, body_of(i, len), 0);
        known.len[i] = len;
        known.begun++;
        known.bytes += len;
        const dr_reply_cache_numbers numbers = numbers_of(kept);
        const uint32_t oldest = known.begun - (uint32_t)numbers.replies;
        for (; known.oldest < oldest; known.oldest++) {
            known.bytes -= known.len[known.oldest];
        }
        assert_true(numbers.replies > 0);
        assert_int_equal(numbers.bytes, known.bytes);
        assert_true(known.bytes <= wide.bytes_max);
        assert_int_equal(numbers.evicted, oldest);
        check_against(kept, &known, i);
        check_against(kept, &known, (uint32_t)rand_r(&seed) % (i + 2));
        check_against(kept, &known, oldest);
    }
    dr_reply_cache_free(kept);
}

/* What a thread of the next test does over and over, on few calls, so that they meet. */
typedef struct player {
    dr_reply_cache *kept;
    uint32_t lane;
    uint64_t runs;
    uint64_t answers;
    uint64_t asked;
} player;

#define ROUNDS 20000u

static void await(player *one, dr_reply_waiter *seat)
{
    dr_reply_waiter *taken = NULL;
    while (taken != seat) {
        taken = dr_reply_cache_take(one->kept, one->lane);
        if (taken == NULL) {
            sched_yield();
        }
    }
    check_reply(seat->reply, 'p');
    one->answers++;
}

static void *play(void *user)
{
    player *one = user;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        dr_reply_waiter seat = {.lane = one->lane};
        const dr_digest call = call_of(i / 16);
        const dr_reply_cache_known known = dr_reply_cache_begin(one->kept, &call, &seat, i);
        one->asked++;
        if (known == DR_REPLY_CACHE_UNKNOWN) {
            one->runs++;
            one->answers++;
            (void)dr_reply_cache_end(one->kept, &seat, reply_of('p'), i % 3 != 0, i);
        } else if (known == DR_REPLY_CACHE_RUNS && i % 5 == 0) {
            (void)dr_reply_cache_leave(one->kept, &seat, false);
            one->answers++;
        } else if (known == DR_REPLY_CACHE_RUNS) {
            await(one, &seat);
        } else {
            one->answers++;
            dr_reply_cache_reply_drop(seat.reply);
        }
    }
    return NULL;
}

typedef struct meeting {
    dr_reply_cache *kept;
    player players[3];
    unit_threads threads;
} meeting;

static void meeting_end(meeting *at)
{
    (void)unit_threads_join(&at->threads);
    dr_reply_cache_free(at->kept);
}
UNIT_SCENE(meeting, meeting_end)

static void threads_meet(void **state)
{
    meeting *at = *state;
    player *players = at->players;
    at->kept = new_kept(&limits);
    for (uint32_t i = 0; i < 3; i++) {
        players[i] = (player){.kept = at->kept, .lane = i};
        unit_threads_start(&at->threads, 1, play, &players[i]);
    }
    (void)unit_threads_join(&at->threads);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(players[i].asked, ROUNDS);
        assert_int_equal(players[i].answers, ROUNDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_a_kept_reply),
        cmocka_unit_test(not_run_is_not_kept),
        cmocka_unit_test(a_status_over_http_is_kept_with_its_reply),
        cmocka_unit_test(joiners_get_the_reply),
        cmocka_unit_test(the_last_to_leave_tells_the_runner),
        cmocka_unit_test(the_last_to_leave_may_have_cancelled),
        cmocka_unit_test(over_the_bytes_the_oldest_is_lost),
        cmocka_unit_test(a_reply_in_use_outlives_its_entry),
        cmocka_unit_test(time_passes),
        cmocka_unit_test(over_the_calls_tombstones_go_first),
        cmocka_unit_test(any_sizes_are_as_the_model_says),
        unit_in(meeting, threads_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
