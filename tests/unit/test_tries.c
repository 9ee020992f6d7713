/* test_tries.c: what is sent again, where and in what time: the rules alone, with time given. */
#include "unit.h"

#include "client/balance/node_parse.h"
#include "client/balance/tries.h"

#define MS ((uint64_t)DR_NS_PER_MS)

typedef struct rules {
    dr_settings settings;
    dr_nodes nodes;
    dr_tries tries;
} rules;

static void rules_begin(rules *r, const char *nodes, uint32_t retry,
                        const dora_call_options *options)
{
    const dora_client_options made = {.nodes = nodes, .retry = retry, .timeout_ms = 1000};
    assert_int_equal(dr_settings_read(&r->settings, &r->nodes, &made, NULL), DORA_OK);
    assert_int_equal(
        dr_tries_begin(&r->tries, &r->settings, &r->nodes, options, 5000 * MS, 0, NULL), DORA_OK);
    assert_int_equal(dr_tries_pick(&r->tries, &r->nodes, 5000, 0), DORA_OK);
}

static void rules_end(rules *r)
{
    dr_nodes_fini(&r->nodes);
    dr_settings_fini(&r->settings);
}

static void time_is_divided_among_tries(void **state)
{
    (void)state;
    rules r;
    rules_begin(&r, "a:1,b:1,c:1", 3, NULL);
    assert_int_equal(r.tries.deadline_ns, 6000 * MS);
    assert_int_equal(dr_tries_until_ns(&r.tries, 5000 * MS), 5250 * MS);
    assert_int_equal(dr_tries_usual_ms(&r.tries), 250);
    assert_int_equal(dr_tries_until_ns(&r.tries, 7000 * MS), 6000 * MS);
    assert_int_equal(dr_tries_connect_ns(&r.tries, &r.nodes, 5000 * MS, 5240 * MS), 5080 * MS);
    assert_int_equal(dr_tries_connect_ns(&r.tries, &r.nodes, 5000 * MS, 9000 * MS), 6000 * MS);
    dr_tried_add(&r.tries.tried, 0);
    dr_tried_add(&r.tries.tried, 1);
    assert_int_equal(dr_tries_connect_ns(&r.tries, &r.nodes, 5000 * MS, 9000 * MS), 9000 * MS);
    rules_end(&r);
    const dora_call_options never = {.retry = -1, .timeout_ms = 400};
    rules_begin(&r, "a:1", 3, &never);
    assert_int_equal(r.tries.retries_left, 0);
    assert_int_equal(dr_tries_until_ns(&r.tries, 5000 * MS), 5400 * MS);
    /* Whoever waits for the caller waits less. */
    assert_int_equal(
        dr_tries_begin(&r.tries, &r.settings, &r.nodes, NULL, 5000 * MS, 5100 * MS, NULL), DORA_OK);
    assert_int_equal(r.tries.deadline_ns, 5100 * MS);
    const dora_call_options wrong = {.group = "none"};
    assert_int_equal(dr_tries_begin(&r.tries, &r.settings, &r.nodes, &wrong, 5000 * MS, 0, NULL),
                     DORA_EINVAL);
    rules_end(&r);
}

static void outcomes_decide_what_follows(void **state)
{
    (void)state;
    static const struct {
        dr_try made;
        dr_try_outcome outcome;
    } table[] = {
        {{.err = DORA_OK}, DR_ANSWERED},
        {{.err = DORA_OK, .code = DORA_CODE_BAD_BODY}, DR_ANSWERED},
        {{.err = DORA_OK, .code = DORA_CODE_STOPPING}, DR_NOT_RUN},
        {{.err = DORA_OK, .is_overloaded = true}, DR_NOT_RUN},
        {{.err = DORA_ECONNECT}, DR_NOT_RUN},
        {{.err = DORA_ECLOSED, .is_unsent = true}, DR_NOT_RUN},
        {{.err = DORA_ECLOSED}, DR_UNKNOWN},
        {{.err = DORA_EIO}, DR_UNKNOWN},
        {{.err = DORA_ETIMEDOUT, .is_unsent = true}, DR_UNKNOWN},
        {{.err = DORA_EPROTO}, DR_FAILED},
        {{.err = DORA_EINTERRUPTED}, DR_FAILED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(dr_tries_outcome(&table[i].made), table[i].outcome);
    }
}

static void not_run_goes_to_each_node_once(void **state)
{
    (void)state;
    rules r;
    const dr_try refused = {.err = DORA_ECONNECT};
    const dr_try old = {.err = DORA_ECLOSED, .is_unsent = true, .is_reused = true};
    rules_begin(&r, "a:1,b:1,c:1", 0, NULL);
    size_t first = r.tries.node;
    assert_true(dr_tries_again(&r.tries, &old, &r.nodes, 5001 * MS));
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5001, 77), DORA_OK);
    assert_int_equal(r.tries.node, first); /* the connection was old, not the server */
    for (int i = 0; i < 2; i++) {
        size_t before = r.tries.node;
        assert_true(dr_tries_again(&r.tries, &refused, &r.nodes, 5002 * MS));
        assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5002, 12345), DORA_OK);
        assert_true(r.tries.node != before);
    }
    assert_false(dr_tries_again(&r.tries, &refused, &r.nodes, 5003 * MS));
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5003, 0), DORA_ECONNECT);
    rules_end(&r);
}

static void repeats_are_bounded(void **state)
{
    (void)state;
    rules r;
    const dr_try broke = {.err = DORA_ECLOSED};
    rules_begin(&r, "a:1,b:1", 2, NULL);
    size_t first = r.tries.node;
    assert_true(dr_tries_note(&r.tries, &broke));
    assert_true(dr_tries_again(&r.tries, &broke, &r.nodes, 5001 * MS));
    assert_int_equal(r.tries.attempt, 1);
    dr_tries_pick(&r.tries, &r.nodes, 5001, 0);
    assert_int_equal(r.tries.node, first);
    assert_false(dr_tries_note(&r.tries, &broke)); /* the first one counts */
    assert_true(dr_tries_again(&r.tries, &broke, &r.nodes, 5002 * MS));
    assert_int_equal(r.tries.attempt, 2);
    dr_tries_pick(&r.tries, &r.nodes, 5002, 0);
    assert_true(r.tries.node != first);
    assert_false(dr_tries_again(&r.tries, &broke, &r.nodes, 5003 * MS));
    /* No later try says "not run". */
    const dr_try refused = {.err = DORA_ECONNECT};
    const dr_try full = {.err = DORA_OK, .code = DORA_CODE_NO_API};
    const dr_try wrong = {.err = DORA_OK, .code = DORA_CODE_BAD_BODY};
    assert_true(dr_tries_maybe_ran(&r.tries, &refused, DORA_ECONNECT));
    assert_true(dr_tries_maybe_ran(&r.tries, &full, DORA_EREPLY));
    assert_false(dr_tries_maybe_ran(&r.tries, &wrong, DORA_EREPLY));
    assert_false(dr_tries_maybe_ran(&r.tries, &wrong, DORA_OK));
    rules_end(&r);
    rules_begin(&r, "a:1", 5, NULL);
    assert_false(dr_tries_again(&r.tries, &broke, &r.nodes, 6000 * MS)); /* its time is over */
    rules_end(&r);
}

static void one_other_for_an_envelope(void **state)
{
    (void)state;
    rules r;
    const dr_try busy = {.err = DORA_OK, .code = DORA_CODE_OK, .is_overloaded = true};
    rules_begin(&r, "a:1,b:1,c:1", 0, NULL);
    assert_true(dr_tries_again(&r.tries, &busy, &r.nodes, 5001 * MS));
    dr_tries_pick(&r.tries, &r.nodes, 5001, 0);
    assert_false(dr_tries_again(&r.tries, &busy, &r.nodes, 5002 * MS));
    rules_end(&r);
}

static void a_node_is_judged_by_its_outcome(void **state)
{
    (void)state;
    rules r;
    const dr_try good = {.err = DORA_OK};
    const dr_try stops = {.err = DORA_OK, .code = DORA_CODE_STOPPING};
    const dr_try refused = {.err = DORA_ECONNECT};
    const dr_try old = {.err = DORA_ECLOSED, .is_reused = true};
    const dr_try silent = {.err = DORA_ETIMEDOUT};
    rules_begin(&r, "a:1,b:1", 0, NULL);
    dr_node *node = &r.nodes.items[0];
    assert_int_equal(dr_tries_record_outcome(&r.nodes, 0, &old, 0, 5000), DR_ADVICE_MAYBE_RAN);
    assert_int_equal(node->failures, 0);
    assert_int_equal(dr_tries_record_outcome(&r.nodes, 0, &refused, 0, 5000), DR_ADVICE_MAYBE_RAN);
    assert_int_equal(node->failures, 1);
    assert_int_equal(node->ejected_until_ms, 5100);
    assert_int_equal(dr_tries_record_outcome(&r.nodes, 0, &good, MS, 5001), DR_ADVICE_NONE);
    assert_int_equal(node->failures, 0);
    assert_int_equal(node->recent_ns, MS);
    assert_int_equal(dr_tries_record_outcome(&r.nodes, 0, &stops, 0, 5002), DR_ADVICE_LEAVE);
    assert_int_equal(node->failures, 1);
    dr_tries_record_outcome(&r.nodes, 1, &silent, MS, 5003);
    assert_int_equal(r.nodes.items[1].silences, 1);
    rules_end(&r);
}

/* What a wait is for: that no server is there, and nothing else. */
static void only_a_missing_server_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        dr_try made;
        bool is_waited;
    } table[] = {
        {{.err = DORA_ECONNECT}, true},
        {{.err = DORA_OK, .code = DORA_CODE_STOPPING}, true},
        {{.err = DORA_ECLOSED, .is_unsent = true}, true},
        {{.err = DORA_OK, .is_overloaded = true}, false},
        {{.err = DORA_OK}, false},
        {{.err = DORA_OK, .code = DORA_CODE_NO_API}, false},
        {{.err = DORA_ECLOSED}, false},
        {{.err = DORA_ETIMEDOUT, .is_unsent = true}, false},
        {{.err = DORA_EINTERRUPTED}, false},
    };
    const dora_call_options waits = {.wait_ms = 500};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        rules r;
        uint64_t again_ns = 0;
        rules_begin(&r, "a:1", 0, &waits);
        assert_int_equal(dr_tries_wait(&r.tries, &table[i].made, 5000 * MS, 0, &again_ns),
                         table[i].is_waited);
        rules_end(&r);
    }
}

/* A server that says when it has room is asked again then, and not before. */
static void a_refusal_says_when_to_ask_again(void **state)
{
    (void)state;
    rules r;
    uint64_t again_ns = 0;
    const dr_try full = {
        .err = DORA_OK, .code = DORA_CODE_OVERLOADED, .is_overloaded = true, .retry_after_ms = 200};
    const dora_call_options waits = {.wait_ms = 700, .timeout_ms = 2000};
    rules_begin(&r, "a:1,b:1", 0, &waits);
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
    const size_t first = r.tries.node;
    assert_true(dr_tries_again(&r.tries, &full, &r.nodes, 5000 * MS)); /* the other one */
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
    assert_int_not_equal(r.tries.node, first);
    assert_false(dr_tries_again(&r.tries, &full, &r.nodes, 5100 * MS));
    assert_true(dr_tries_wait(&r.tries, &full, 5100 * MS, 0, &again_ns));
    assert_int_equal(again_ns, 5200 * MS); /* the first has room then, the other has not */
    assert_int_equal(dr_nodes_untried(&r.nodes, r.tries.group, &r.tries.tried, 0, false), 1);
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5200, 0), DORA_OK);
    assert_int_equal(r.tries.node, first);
    assert_true(dr_tries_wait(&r.tries, &full, 5100 * MS, 50 * MS - 1, &again_ns));
    assert_int_equal(again_ns, 5250 * MS - 1);
    assert_true(dr_tries_wait(&r.tries, &full, 5250 * MS, 0, &again_ns));
    assert_int_equal(again_ns, 5300 * MS); /* both may be asked */
    assert_int_equal(dr_nodes_untried(&r.nodes, r.tries.group, &r.tries.tried, 0, false), 2);
    rules_end(&r);
}

/* One that has no room for long holds nobody back from another that has some soon. */
static void each_server_says_so_for_itself(void **state)
{
    (void)state;
    rules r;
    uint64_t again_ns = 0;
    dr_try full = {.err = DORA_OK,
                   .code = DORA_CODE_OVERLOADED,
                   .is_overloaded = true,
                   .retry_after_ms = 30000};
    const dora_call_options waits = {.wait_ms = 700, .timeout_ms = 2000};
    rules_begin(&r, "a:1,b:1", 0, &waits);
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
    const size_t busy = r.tries.node;
    assert_true(dr_tries_again(&r.tries, &full, &r.nodes, 5000 * MS));
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
    full.retry_after_ms = 100;
    assert_false(dr_tries_again(&r.tries, &full, &r.nodes, 5001 * MS));
    assert_true(dr_tries_wait(&r.tries, &full, 5001 * MS, 0, &again_ns));
    assert_int_equal(again_ns, 5101 * MS);
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5101, 0), DORA_OK);
    assert_int_not_equal(r.tries.node, busy);
    assert_false(
        dr_tries_again(&r.tries, &full, &r.nodes, 5101 * MS)); /* the other is left alone */
    rules_end(&r);
}

/* Of too many the one is forgotten that has room first: it is asked a little early. */
static void the_words_of_so_many_are_remembered(void **state)
{
    (void)state;
    rules r;
    uint64_t again_ns = 0;
    const dora_call_options waits = {.wait_ms = 700, .timeout_ms = 2000};
    rules_begin(&r, "a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1", 0, &waits);
    for (uint32_t i = 0; i <= DR_ROOMS_MAX; i++) {
        const dr_try full = {.err = DORA_OK,
                             .code = DORA_CODE_OVERLOADED,
                             .is_overloaded = true,
                             .retry_after_ms = 100 + i};
        r.tries.node = i;
        (void)dr_tries_again(&r.tries, &full, &r.nodes, 5000 * MS);
    }
    const dr_try last = {.err = DORA_OK, .is_overloaded = true, .retry_after_ms = 1};
    assert_true(dr_tries_wait(&r.tries, &last, 5000 * MS, 0, &again_ns));
    assert_int_equal(again_ns, 5101 * MS);
    assert_int_equal(dr_nodes_untried(&r.nodes, r.tries.group, &r.tries.tried, 0, false), 2);
    rules_end(&r);
}

/* After a pause an envelope that refuses is again one of which another server is asked. */
static void after_a_pause_another_is_asked_again(void **state)
{
    (void)state;
    rules r;
    uint64_t again_ns = 0;
    const dr_try busy = {
        .err = DORA_OK, .code = DORA_CODE_OK, .is_overloaded = true, .retry_after_ms = 200};
    const dora_call_options waits = {.wait_ms = 700, .timeout_ms = 2000};
    rules_begin(&r, "a:1,b:1", 0, &waits);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
        assert_true(dr_tries_again(&r.tries, &busy, &r.nodes, 5000 * MS));
        assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
        assert_false(dr_tries_again(&r.tries, &busy, &r.nodes, 5000 * MS));
        assert_true(dr_tries_wait(&r.tries, &busy, 5000 * MS, 0, &again_ns));
    }
    rules_end(&r);
}

static void no_room_in_its_time_is_not_waited_for(void **state)
{
    (void)state;
    static const struct {
        uint32_t retry_after_ms;
        bool is_waited;
    } table[] = {{700, true}, {701, false}, {30000, false}};
    const dora_call_options waits = {.wait_ms = 700, .timeout_ms = 2000};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        rules r;
        uint64_t again_ns = 0;
        const dr_try full = {.err = DORA_OK,
                             .code = DORA_CODE_OVERLOADED,
                             .is_overloaded = true,
                             .retry_after_ms = table[i].retry_after_ms};
        rules_begin(&r, "a:1", 0, &waits);
        assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
        assert_false(dr_tries_again(&r.tries, &full, &r.nodes, 5000 * MS));
        assert_int_equal(dr_tries_wait(&r.tries, &full, 5000 * MS, 0, &again_ns),
                         table[i].is_waited);
        rules_end(&r);
    }
}

/* Who waits for one server to come back leaves another alone that has refused. */
static void who_has_refused_is_left_alone_meanwhile(void **state)
{
    (void)state;
    rules r;
    uint64_t again_ns = 0;
    const dr_try gone = {.err = DORA_ECONNECT};
    const dr_try full = {.err = DORA_OK,
                         .code = DORA_CODE_OVERLOADED,
                         .is_overloaded = true,
                         .retry_after_ms = 30000};
    const dora_call_options waits = {.wait_ms = 700, .timeout_ms = 2000};
    rules_begin(&r, "a:1,b:1", 0, &waits);
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
    const size_t busy = r.tries.node;
    assert_true(dr_tries_again(&r.tries, &full, &r.nodes, 5000 * MS));
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5000, 0), DORA_OK);
    assert_false(dr_tries_again(&r.tries, &gone, &r.nodes, 5001 * MS));
    assert_true(dr_tries_wait(&r.tries, &gone, 5001 * MS, 0, &again_ns));
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5020, 0), DORA_OK);
    assert_int_not_equal(r.tries.node, busy);
    rules_end(&r);
}

static void pauses_grow_and_end_with_the_wait(void **state)
{
    (void)state;
    rules r;
    uint64_t again_ns = 0;
    const dr_try refused = {.err = DORA_ECONNECT};
    const dora_call_options waits = {.wait_ms = 700};
    rules_begin(&r, "a:1", 0, &waits);
    assert_false(dr_tries_again(&r.tries, &refused, &r.nodes, 5000 * MS));
    assert_true(dr_tries_wait(&r.tries, &refused, 5000 * MS, 0, &again_ns));
    assert_int_equal(again_ns, 5010 * MS); /* chance decides over half of it */
    assert_int_equal(dr_tries_pick(&r.tries, &r.nodes, 5010, 0), DORA_OK);
    assert_true(dr_tries_wait(&r.tries, &refused, 5010 * MS, 20 * MS - 1, &again_ns));
    assert_int_equal(again_ns, 5050 * MS - 1);
    for (int i = 0; i < 5; i++) {
        assert_true(dr_tries_wait(&r.tries, &refused, 5050 * MS, 0, &again_ns));
    }
    assert_int_equal(again_ns, 5370 * MS); /* they grow to this */
    assert_true(dr_tries_wait(&r.tries, &refused, 5600 * MS, 0, &again_ns));
    assert_int_equal(again_ns, 5700 * MS);
    assert_false(dr_tries_wait(&r.tries, &refused, 5700 * MS, 0, &again_ns));
    rules_end(&r);
}

static void a_wait_leaves_time_for_its_last_try(void **state)
{
    (void)state;
    rules r;
    uint64_t again_ns = 0;
    const dr_try refused = {.err = DORA_ECONNECT};
    const dora_call_options waits = {.wait_ms = 5000, .timeout_ms = 110};
    rules_begin(&r, "a:1", 0, &waits);
    assert_true(dr_tries_wait(&r.tries, &refused, 5002 * MS, 9 * MS, &again_ns));
    assert_int_equal(again_ns, 5010 * MS);
    assert_false(dr_tries_wait(&r.tries, &refused, 5010 * MS, 0, &again_ns));
    rules_end(&r);
}

static void a_call_waits_as_its_client_says_or_itself(void **state)
{
    (void)state;
    static const struct {
        uint32_t client_ms;
        int32_t call_ms;
        uint32_t wait_ms;
    } table[] = {{0, 0, 0}, {40, 0, 40}, {40, 7, 7}, {40, -1, 0}, {0, 7, 7}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        rules r;
        const dora_call_options options = {.wait_ms = table[i].call_ms};
        rules_begin(&r, "a:1", 0, NULL);
        r.settings.wait_ms = table[i].client_ms;
        dr_tries_begin(&r.tries, &r.settings, &r.nodes, &options, 5000 * MS, 0, NULL);
        assert_int_equal(r.tries.wait_ms, table[i].wait_ms);
        rules_end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_is_divided_among_tries),
        cmocka_unit_test(outcomes_decide_what_follows),
        cmocka_unit_test(not_run_goes_to_each_node_once),
        cmocka_unit_test(repeats_are_bounded),
        cmocka_unit_test(one_other_for_an_envelope),
        cmocka_unit_test(a_node_is_judged_by_its_outcome),
        cmocka_unit_test(only_a_missing_server_is_waited_for),
        cmocka_unit_test(a_refusal_says_when_to_ask_again),
        cmocka_unit_test(each_server_says_so_for_itself),
        cmocka_unit_test(the_words_of_so_many_are_remembered),
        cmocka_unit_test(after_a_pause_another_is_asked_again),
        cmocka_unit_test(no_room_in_its_time_is_not_waited_for),
        cmocka_unit_test(who_has_refused_is_left_alone_meanwhile),
        cmocka_unit_test(pauses_grow_and_end_with_the_wait),
        cmocka_unit_test(a_wait_leaves_time_for_its_last_try),
        cmocka_unit_test(a_call_waits_as_its_client_says_or_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
