/* test_reply_move.c: what one server remembers of calls is known to the one that takes its place.
 */
#include "unit.h"

#include "base/limits.h"
#include "server/dedupe/reply_import.h"
#include "server/dedupe/reply_move.h"
#include "server/dedupe/reply_record.h"

static const dr_reply_cache_limits limits = {
    .calls_max = 1u << 15, .bytes_max = 1u << 20, .reply_s = 60, .lost_s = 600};

/* A store that moves, another that takes its place, and how often there was something to tell. */
typedef struct move {
    dr_reply_cache *old;
    dr_reply_cache *heir;
    dr_reply_import import;
    dr_buf bytes;
    unsigned woken;
} move;

static void move_end(move *at)
{
    dr_reply_cache_free(at->old);
    dr_reply_cache_free(at->heir);
    dr_reply_import_fini(&at->import);
    dr_buf_fini(&at->bytes);
}
UNIT_SCENE(move, move_end)

static void make(move *at, const dr_reply_cache_limits *of_heir)
{
    assert_int_equal(dr_reply_cache_new(&at->old, &limits, NULL), DORA_OK);
    assert_int_equal(dr_reply_cache_new(&at->heir, of_heir, NULL), DORA_OK);
}

static void wake(void *user)
{
    ((move *)user)->woken++;
}

static dr_digest call_of(uint64_t number)
{
    return (dr_digest){{number, ~number}};
}

static dora_slice text(const char *bytes)
{
    return (dora_slice){bytes, strlen(bytes)};
}

static const dora_slice nothing = {NULL, 0};

static void begin(move *at, uint64_t number, dr_reply_waiter *leader, uint64_t now_ms)
{
    const dr_digest call = call_of(number);
    *leader = (dr_reply_waiter){.owner = at};
    assert_int_equal(dr_reply_cache_begin(at->old, &call, leader, now_ms), DR_REPLY_CACHE_UNKNOWN);
}

static void run(move *at, uint64_t number, dora_slice reply, uint16_t status, uint64_t now_ms)
{
    dr_reply_waiter leader;
    begin(at, number, &leader, now_ms);
    leader.http_status = status;
    assert_int_equal(dr_reply_cache_end(at->old, &leader, reply, true, now_ms), 0);
}

/* tell gives the heir all that the old one has to tell now, `each` bytes at a time; 0: as it comes.
 * Returns: the heir's lanes that have to take. */
static uint64_t tell(move *at, size_t each, uint64_t now_ms)
{
    uint64_t all = 0;
    dora_err err;
    while ((err = dr_reply_move_next(at->old, now_ms, &at->bytes)) == DORA_OK) {
        for (size_t from = 0; from < at->bytes.len;) {
            const size_t left = at->bytes.len - from;
            const size_t len = each == 0 || left < each ? left : each;
            uint64_t lanes = 0;
            assert_int_equal(dr_reply_import_take(&at->import, at->heir,
                                                  (dora_slice){at->bytes.data + from, len}, now_ms,
                                                  &lanes, NULL),
                             DORA_OK);
            all |= lanes;
            from += len;
        }
        dr_buf_clear(&at->bytes);
    }
    assert_int_equal(err, DORA_EAGAIN);
    return all;
}

/* is_known says what the heir knows of a call, and that its reply is `reply`. */
static dr_reply_cache_known look(move *at, uint64_t number, dora_slice reply, uint16_t status)
{
    const dr_digest call = call_of(number);
    dr_reply_waiter seat = {.owner = at};
    const dr_reply_cache_known known = dr_reply_cache_look(at->heir, &call, &seat);
    if (known == DR_REPLY_CACHE_HAS_RUN) {
        assert_non_null(seat.reply);
        assert_int_equal(seat.reply->len, reply.len);
        assert_memory_equal(seat.reply->body, reply.data, reply.len);
        assert_int_equal(seat.reply->http_status, status);
        dr_reply_cache_reply_drop(seat.reply);
    } else if (known == DR_REPLY_CACHE_RUNS) {
        assert_int_equal(dr_reply_cache_leave(at->heir, &seat, false), 0);
    }
    return known;
}

static void what_is_known_goes_along(void **state)
{
    move *at = *state;
    for (size_t each = 0; each < 40; each = each == 0 ? 1 : each + 38) {
        dr_reply_waiter leader;
        make(at, &limits);
        run(at, 1, text("one"), 0, 5000);
        run(at, 2, text(""), 0, 5000);
        run(at, 3, nothing, 0, 5000);
        run(at, 4, text("four"), 404, 6000);
        begin(at, 5, &leader, 6000);
        dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
        assert_false(dr_reply_move_is_told(at->old));
        (void)tell(at, each, 6000);
        assert_true(dr_reply_move_is_told(at->old));
        assert_memory_equal(dr_reply_cache_key(at->heir), dr_reply_cache_key(at->old),
                            sizeof(dr_digest_key));
        assert_int_equal(look(at, 1, text("one"), 0), DR_REPLY_CACHE_HAS_RUN);
        assert_int_equal(look(at, 2, text(""), 0), DR_REPLY_CACHE_HAS_RUN);
        assert_int_equal(look(at, 3, nothing, 0), DR_REPLY_CACHE_LOST);
        assert_int_equal(look(at, 4, text("four"), 404), DR_REPLY_CACHE_HAS_RUN);
        assert_int_equal(look(at, 5, nothing, 0), DR_REPLY_CACHE_RUNS);
        assert_int_equal(look(at, 6, nothing, 0), DR_REPLY_CACHE_UNKNOWN);
        /* Its time goes on. */
        dr_reply_cache_sweep(at->heir, 64999);
        assert_int_equal(look(at, 1, text("one"), 0), DR_REPLY_CACHE_HAS_RUN);
        dr_reply_cache_sweep(at->heir, 65000);
        assert_int_equal(look(at, 1, text("one"), 0), DR_REPLY_CACHE_LOST);
        assert_int_equal(look(at, 4, text("four"), 404), DR_REPLY_CACHE_HAS_RUN);
        dr_reply_cache_sweep(at->heir, 605000);
        assert_int_equal(look(at, 3, nothing, 0), DR_REPLY_CACHE_UNKNOWN);
        (void)dr_reply_cache_end(at->old, &leader, text("five"), true, 6000);
        move_end(at);
        memset(at, 0, sizeof(*at));
    }
}

static void who_joins_a_call_of_the_old_one_gets_its_reply(void **state)
{
    move *at = *state;
    static const struct {
        dora_slice reply;
        bool has_run;
        dr_reply_cache_known then;
    } ends[] = {{{"done", 4}, true, DR_REPLY_CACHE_HAS_RUN},
                {{"", 0}, true, DR_REPLY_CACHE_HAS_RUN},
                {{NULL, 0}, true, DR_REPLY_CACHE_LOST},
                {{"late", 4}, false, DR_REPLY_CACHE_UNKNOWN},
                {{NULL, 0}, false, DR_REPLY_CACHE_UNKNOWN}};
    const size_t count = sizeof(ends) / sizeof(ends[0]);
    dr_reply_waiter leaders[sizeof(ends) / sizeof(ends[0])];
    make(at, &limits);
    for (size_t i = 0; i < count; i++) {
        begin(at, i, &leaders[i], 0);
    }
    dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
    (void)tell(at, 0, 0);
    for (size_t i = 0; i < count; i++) {
        const dr_digest call = call_of(i);
        dr_reply_waiter seat = {.owner = at, .lane = 3};
        assert_int_equal(dr_reply_cache_begin(at->heir, &call, &seat, 0), DR_REPLY_CACHE_RUNS);
        (void)dr_reply_cache_end(at->old, &leaders[i], ends[i].reply, ends[i].has_run, 0);
        assert_int_equal(at->woken, i + 1);
        assert_int_equal(tell(at, 7, 0), UINT64_C(1) << 3);
        assert_ptr_equal(dr_reply_cache_take(at->heir, 3), &seat);
        if (ends[i].reply.data == NULL || (!ends[i].has_run && ends[i].reply.len == 0)) {
            assert_null(seat.reply);
        } else {
            assert_int_equal(seat.reply->len, ends[i].reply.len);
            assert_memory_equal(seat.reply->body, ends[i].reply.data, ends[i].reply.len);
        }
        dr_reply_cache_reply_drop(seat.reply);
        assert_int_equal(look(at, i, ends[i].reply, 0), ends[i].then);
    }
}

/* Nobody asks in the old one any more, but somebody may over there. */
static void a_call_of_a_store_that_moves_is_wanted(void **state)
{
    move *at = *state;
    dr_reply_waiter leader;
    make(at, &limits);
    begin(at, 1, &leader, 0);
    assert_false(dr_reply_cache_is_wanted(at->old, &leader));
    dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
    assert_true(dr_reply_cache_is_wanted(at->old, &leader));
    dr_reply_move_undo(at->old);
    assert_false(dr_reply_cache_is_wanted(at->old, &leader));
    (void)dr_reply_cache_end(at->old, &leader, nothing, false, 0);
    assert_int_equal(at->woken, 0);
}

/* Calls end, and replies go for others, between any two parts of what is told. */
static void what_ends_meanwhile_is_told_once_more(void **state)
{
    move *at = *state;
    enum { RUNNING_CALLS = 40, KEPT_CALLS = 3000 };
    static dr_reply_waiter leaders[RUNNING_CALLS];
    static char body[1000];
    uint64_t lanes;
    memset(body, 'm', sizeof(body));
    make(at, &limits);
    for (uint64_t i = 0; i < RUNNING_CALLS; i++) {
        begin(at, 100000 + i, &leaders[i], 0);
    }
    for (uint64_t i = 0; i < KEPT_CALLS; i++) {
        run(at, i, (dora_slice){body, sizeof(body)}, 0, 0);
    }
    dr_reply_cache_numbers before;
    dr_reply_cache_count(at->old, &before);
    assert_true(before.replies > 1000 && before.tombstones > 1000);
    dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
    dora_err err = DORA_OK;
    for (size_t i = 0; err == DORA_OK || i < RUNNING_CALLS; i++) {
        if (i < RUNNING_CALLS) {
            (void)dr_reply_cache_end(at->old, &leaders[i], (dora_slice){body, sizeof(body)}, true,
                                     0);
        }
        err = dr_reply_move_next(at->old, 0, &at->bytes);
        assert_int_equal(
            dr_reply_import_take(&at->import, at->heir, dr_buf_slice(&at->bytes), 0, &lanes, NULL),
            DORA_OK);
        dr_buf_clear(&at->bytes);
    }
    (void)tell(at, 0, 0);
    for (uint64_t i = 0; i < KEPT_CALLS; i++) {
        const dr_digest call = call_of(i);
        dr_reply_waiter seat = {.owner = at};
        const dr_reply_cache_known known = dr_reply_cache_look(at->old, &call, &seat);
        dr_reply_cache_reply_drop(seat.reply);
        /* The two may differ in which replies they have dropped, in nothing else. */
        assert_true(known == DR_REPLY_CACHE_HAS_RUN || known == DR_REPLY_CACHE_LOST);
        const dr_reply_cache_known there = look(at, i, (dora_slice){body, sizeof(body)}, 0);
        assert_true(there == DR_REPLY_CACHE_HAS_RUN || there == DR_REPLY_CACHE_LOST);
    }
    for (uint64_t i = 0; i < RUNNING_CALLS; i++) {
        assert_int_equal(look(at, 100000 + i, (dora_slice){body, sizeof(body)}, 0),
                         DR_REPLY_CACHE_HAS_RUN);
    }
}

static void what_is_not_told_any_more_is_lost(void **state)
{
    move *at = *state;
    dr_reply_waiter leader;
    const dr_digest call = call_of(1);
    dr_reply_waiter seat = {.owner = at, .lane = 1};
    make(at, &limits);
    begin(at, 1, &leader, 0);
    dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
    (void)tell(at, 0, 0);
    assert_int_equal(dr_reply_cache_begin(at->heir, &call, &seat, 0), DR_REPLY_CACHE_RUNS);
    assert_int_equal(dr_reply_import_over(at->heir, 0), UINT64_C(1) << 1);
    assert_ptr_equal(dr_reply_cache_take(at->heir, 1), &seat);
    assert_null(seat.reply);
    assert_int_equal(look(at, 1, nothing, 0), DR_REPLY_CACHE_LOST);
    assert_int_equal(dr_reply_import_over(at->heir, 0), 0);
    (void)dr_reply_cache_end(at->old, &leader, nothing, false, 0);
}

/* The heir's bounds are its own: what it has no room for goes, the oldest first, and calls that run
 * are known before all. */
static void a_smaller_store_keeps_what_it_can(void **state)
{
    move *at = *state;
    static const dr_reply_cache_limits small = {
        .calls_max = 4, .bytes_max = 12, .reply_s = 60, .lost_s = 600};
    dr_reply_waiter leader;
    make(at, &small);
    run(at, 1, nothing, 0, 0);
    run(at, 2, text("twotwo"), 0, 0);
    run(at, 3, text("threee"), 0, 0);
    run(at, 4, text("fourfo"), 0, 0);
    run(at, 5, text("more than there is room for"), 0, 0);
    begin(at, 6, &leader, 0);
    dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
    (void)tell(at, 0, 0);
    assert_int_equal(look(at, 6, nothing, 0), DR_REPLY_CACHE_RUNS);
    assert_int_equal(look(at, 4, text("fourfo"), 0), DR_REPLY_CACHE_HAS_RUN);
    assert_int_equal(look(at, 3, text("threee"), 0), DR_REPLY_CACHE_HAS_RUN);
    assert_int_equal(look(at, 2, nothing, 0), DR_REPLY_CACHE_UNKNOWN);
    assert_int_equal(look(at, 1, nothing, 0), DR_REPLY_CACHE_LOST);
    (void)dr_reply_cache_end(at->old, &leader, nothing, false, 0);
}

static void a_server_that_remembers_nothing_takes_the_bytes(void **state)
{
    move *at = *state;
    uint64_t lanes;
    assert_int_equal(dr_reply_cache_new(&at->old, &limits, NULL), DORA_OK);
    run(at, 1, text("one"), 0, 0);
    dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
    while (dr_reply_move_next(at->old, 0, &at->bytes) == DORA_OK) {
    }
    assert_int_equal(at->bytes.len, DR_REPLY_HEAD_BYTES + DR_REPLY_RECORD_BYTES + 3);
    assert_int_equal(
        dr_reply_import_take(&at->import, NULL, dr_buf_slice(&at->bytes), 0, &lanes, NULL),
        DORA_OK);
}

/* put writes a number into the bytes at a place. */
static void put(move *at, size_t place, uint64_t number, size_t len)
{
    memcpy(at->bytes.data + place, &number, len);
}

static void damaged_bytes_are_refused(void **state)
{
    move *at = *state;
    static const struct {
        size_t place;
        uint64_t number;
        size_t len;
        const char *says;
    } damages[] = {
        {0, 7, 4, "form 7"},
        {4, 31, 4, "form"},
        {DR_REPLY_HEAD_BYTES, 0, 2, "kind 0"},
        {DR_REPLY_HEAD_BYTES, 5, 2, "kind 5"},
        {DR_REPLY_HEAD_BYTES, DR_REPLY_RECORD_LOST, 2, "3 bytes"},
        {DR_REPLY_HEAD_BYTES + 2, 399, 2, "status 399"},
        {DR_REPLY_HEAD_BYTES + 2, 500, 2, "status 500"},
        {DR_REPLY_HEAD_BYTES + 8, (uint64_t)DR_REPLY_CACHE_BYTES_MAX + 1, 8, "bytes"},
        {DR_REPLY_HEAD_BYTES + 8, UINT64_MAX, 8, "bytes"},
    };
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        dora_error error = {0};
        uint64_t lanes;
        make(at, &limits);
        run(at, 1, text("one"), 0, 0);
        dr_reply_move_begin(at->old, (dr_reply_wake){wake, at});
        while (dr_reply_move_next(at->old, 0, &at->bytes) == DORA_OK) {
        }
        put(at, damages[i].place, damages[i].number, damages[i].len);
        assert_int_equal(dr_reply_import_take(&at->import, at->heir, dr_buf_slice(&at->bytes), 0,
                                              &lanes, &error),
                         DORA_EPROTO);
        assert_non_null(strstr(error.msg, damages[i].says));
        move_end(at);
        memset(at, 0, sizeof(*at));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(move, what_is_known_goes_along),
        unit_in(move, who_joins_a_call_of_the_old_one_gets_its_reply),
        unit_in(move, a_call_of_a_store_that_moves_is_wanted),
        unit_in(move, what_ends_meanwhile_is_told_once_more),
        unit_in(move, what_is_not_told_any_more_is_lost),
        unit_in(move, a_smaller_store_keeps_what_it_can),
        unit_in(move, a_server_that_remembers_nothing_takes_the_bytes),
        unit_in(move, damaged_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
