/* test_nodes.c: addresses, and which node is asked next. */
#include "unit.h"

#include "base/guid.h"
#include "client/balance/node_parse.h"
#include "client/balance/nodes.h"

static void addresses_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:9567", "127.0.0.1", 9567},
        {"localhost:0", "localhost", 0},
        {"[::1]:65535", "::1", 65535},
        {"[fe80::1%eth0]:1", "fe80::1%eth0", 1},
        {"a-b_c.example:80", "a-b_c.example", 80},
        {"::1:80", NULL, 0},
        {"localhost", NULL, 0},
        {"localhost:", NULL, 0},
        {":80", NULL, 0},
        {"[]:80", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:000080", NULL, 0},
        {"a:8x", NULL, 0},
        {"a:-1", NULL, 0},
        {"a b:80", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char host[DR_HOST_BYTES];
        uint16_t port = 0;
        dora_slice text = {cases[i].text, strlen(cases[i].text)};
        dora_err err = dr_address_parse(text, host, &port);
        if (cases[i].host == NULL) {
            assert_int_equal(err, DORA_EINVAL);
            continue;
        }
        assert_int_equal(err, DORA_OK);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void longest_host(void **state)
{
    (void)state;
    char text[DR_HOST_BYTES + 8];
    char host[DR_HOST_BYTES];
    uint16_t port;
    memset(text, 'a', sizeof text);
    memcpy(text + DR_HOST_BYTES - 1, ":1", 2);
    dora_slice longest = {text, DR_HOST_BYTES + 1};
    assert_int_equal(dr_address_parse(longest, host, &port), DORA_OK);
    assert_int_equal(strlen(host), DR_HOST_BYTES - 1);
    memset(text, 'a', sizeof text);
    memcpy(text + DR_HOST_BYTES, ":1", 2);
    dora_slice longer = {text, DR_HOST_BYTES + 2};
    assert_int_equal(dr_address_parse(longer, host, &port), DORA_EINVAL);
}

static void hosts_of_this_machine(void **state)
{
    (void)state;
    const char *near[] = {"127.0.0.1", "127.255.0.9", "::1", "localhost"};
    const char *far[] = {"10.0.0.1", "12.7.0.1", "127.example.org", "::", "redis", "0.0.0.0"};
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        assert_true(dr_address_is_loopback(near[i]));
    }
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        assert_false(dr_address_is_loopback(far[i]));
    }
}

static void nodes_are_parsed(void **state)
{
    (void)state;
    dr_nodes nodes;
    dora_error error;
    assert_int_equal(dr_nodes_read(&nodes, "a:1, [::1]:2 ,c:3", NULL, 0, &error), DORA_OK);
    assert_int_equal(nodes.count, 3);
    assert_string_equal(nodes.items[1].address.host, "::1");
    assert_int_equal(nodes.items[2].address.port, 3);
    dr_nodes_fini(&nodes);
    assert_int_equal(dr_nodes_read(&nodes, "a:1,,b:2", NULL, 0, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "node \"\" is not host:port");
    assert_int_equal(dr_nodes_read(&nodes, "a:0", NULL, 0, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "node \"a:0\" is not host:port");
}

static void parse_most(void **state)
{
    (void)state;
    dr_nodes nodes;
    dora_error error;
    char many[(DR_NODES_MAX + 1) * 6 + 1];
    size_t len = 0;
    for (int i = 0; i < DR_NODES_MAX + 1; i++) {
        len += (size_t)snprintf(many + len, sizeof many - len, "a:%d,", i + 1);
        if (i + 1 == DR_NODES_MAX) {
            many[len - 1] = '\0';
            assert_int_equal(dr_nodes_read(&nodes, many, NULL, 0, &error), DORA_OK);
            assert_int_equal(nodes.count, DR_NODES_MAX);
            dr_nodes_fini(&nodes);
            many[len - 1] = ',';
        }
    }
    many[len - 1] = '\0';
    assert_int_equal(dr_nodes_read(&nodes, many, NULL, 0, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "more than 256 nodes");
}

/* How often each of up to 8 nodes is picked in 1000 calls. */
static void count_picks(dr_nodes *nodes, const dr_tried *tried, uint64_t now_ms, unsigned picks[8])
{
    dr_random random = {{0}};
    memset(picks, 0, 8 * sizeof picks[0]);
    for (size_t i = 0; i < 1000; i++) {
        size_t node = dr_nodes_pick(nodes, 0, tried, now_ms, dr_random_next(&random));
        assert_true(node < nodes->count);
        picks[node]++;
    }
}

static void pick_by_work_and_turn(void **state)
{
    (void)state;
    dr_nodes nodes;
    dr_tried tried = {{0}};
    unsigned picks[8];
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1,c:1,d:1", NULL, 0, NULL), DORA_OK);
    count_picks(&nodes, &tried, 0, picks);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(picks[i], 250);
    }
    nodes.items[2].in_flight = 5;
    count_picks(&nodes, &tried, 0, picks);
    assert_int_equal(picks[2], 0);
    assert_in_range(picks[0], 333, 334);
    nodes.items[1].in_flight = nodes.items[3].in_flight = 5;
    count_picks(&nodes, &tried, 0, picks);
    assert_int_equal(picks[0], 1000);
    dr_nodes_fini(&nodes);
}

/* Clients that make few calls each begin anywhere: together they ask all nodes alike. */
static void first_pick_is_by_chance(void **state)
{
    (void)state;
    dr_tried tried = {{0}};
    dr_random random = {{0}};
    unsigned picks[3] = {0};
    for (size_t i = 0; i < 999; i++) {
        dr_nodes nodes;
        assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1,c:1", NULL, 0, NULL), DORA_OK);
        picks[dr_nodes_pick(&nodes, 0, &tried, 0, dr_random_next(&random))]++;
        dr_nodes_fini(&nodes);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(picks[i], 266, 400);
    }
}

static void pick_not_tried(void **state)
{
    (void)state;
    dr_nodes nodes;
    dr_tried tried = {{0}};
    unsigned picks[8];
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1,c:1", NULL, 0, NULL), DORA_OK);
    dr_tried_add(&tried, 0);
    count_picks(&nodes, &tried, 0, picks);
    assert_int_equal(picks[0], 0);
    dr_tried_add(&tried, 2);
    count_picks(&nodes, &tried, 0, picks);
    assert_int_equal(picks[1], 1000);
    dr_tried_add(&tried, 1);
    assert_int_equal(dr_nodes_pick(&nodes, 0, &tried, 0, 42), nodes.count);
    dr_nodes_fini(&nodes);
}

static void set_aside(void **state)
{
    (void)state;
    dr_nodes nodes;
    dr_tried tried = {{0}};
    unsigned picks[8];
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1,c:1,d:1", NULL, 0, NULL), DORA_OK);
    dr_nodes_failed(&nodes, 0, 1000);
    count_picks(&nodes, &tried, 1000 + DR_NODE_PAUSE_MS - 1, picks);
    assert_int_equal(picks[0], 0);
    count_picks(&nodes, &tried, 1000 + DR_NODE_PAUSE_MS, picks);
    assert_true(picks[0] > 0);
    dr_nodes_failed(&nodes, 0, 2000); /* the second pause is twice as long */
    count_picks(&nodes, &tried, 2000 + 2 * DR_NODE_PAUSE_MS - 1, picks);
    assert_int_equal(picks[0], 0);
    for (uint32_t i = 0; i < 100; i++) {
        dr_nodes_failed(&nodes, 0, 3000);
    }
    assert_int_equal(nodes.items[0].ejected_until_ms, 3000 + DR_NODE_PAUSE_MS_MAX);
    dr_nodes_failed(&nodes, 1, 3000);
    dr_nodes_failed(&nodes, 2, 3000); /* a third of four would be more than half */
    assert_true(nodes.items[1].ejected_until_ms > 3000);
    assert_int_equal(nodes.items[2].ejected_until_ms, 0);
    dr_tried_add(&tried, 2);
    dr_tried_add(&tried, 3);
    assert_in_range(dr_nodes_pick(&nodes, 0, &tried, 3000, 7), 0, 1); /* better than none */
    dr_nodes_succeeded(&nodes, 0);
    assert_int_equal(dr_nodes_pick(&nodes, 0, &tried, 3000, 7), 0);
    dr_nodes_fini(&nodes);
}

static void only_node_is_never_aside(void **state)
{
    (void)state;
    dr_nodes nodes;
    assert_int_equal(dr_nodes_read(&nodes, "a:1", NULL, 0, NULL), DORA_OK);
    dr_nodes_failed(&nodes, 0, 1);
    assert_int_equal(nodes.items[0].ejected_until_ms, 0);
    dr_nodes_fini(&nodes);
}

static void half_of_each_group(void **state)
{
    (void)state;
    dr_nodes nodes;
    const dora_group groups[] = {
        {"wide", "a:1,b:1,c:1,d:1,e:1,f:1"}, {"pair", "a:1,b:1"}, {"alone", "f:1,f:1"}};
    assert_int_equal(dr_nodes_read(&nodes, NULL, groups, 3, NULL), DORA_OK);
    assert_int_equal(nodes.count, 6);
    assert_int_equal(nodes.groups[2].count, 1);
    dr_nodes_failed(&nodes, 0, 1000);
    assert_true(nodes.items[0].ejected_until_ms > 1000);
    dr_nodes_failed(&nodes, 1, 1000); /* it is all that is left of the pair */
    assert_int_equal(nodes.items[1].ejected_until_ms, 0);
    dr_nodes_failed(&nodes, 5, 1000); /* it stands alone in a group */
    assert_int_equal(nodes.items[5].ejected_until_ms, 0);
    dr_nodes_failed(&nodes, 2, 1000);
    dr_nodes_failed(&nodes, 3, 1000);
    assert_true(nodes.items[3].ejected_until_ms > 1000);
    dr_nodes_failed(&nodes, 4, 1000); /* that would be four of six */
    assert_int_equal(nodes.items[4].ejected_until_ms, 0);
    dr_nodes_fini(&nodes);
}

static void wrong_groups(void **state)
{
    (void)state;
    dr_nodes nodes;
    dora_error error;
    size_t group;
    const dora_group twice[] = {{"a", "a:1"}, {"a", "b:1"}};
    const dora_group empty[] = {{"a", ""}};
    const dora_group wrong[] = {{"a", "a:1"}, {"b", "b"}};
    assert_int_equal(dr_nodes_read(&nodes, NULL, twice, 2, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "group \"a\" stands there twice");
    assert_int_equal(dr_nodes_read(&nodes, NULL, empty, 1, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "group \"a\" has no nodes");
    assert_int_equal(dr_nodes_read(&nodes, NULL, wrong, 2, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "node \"b\" is not host:port");
    assert_int_equal(dr_nodes_read(&nodes, "a:1", wrong, 2, &error), DORA_EINVAL);
    assert_int_equal(dr_nodes_read(&nodes, "a:1", NULL, 0, &error), DORA_OK);
    assert_int_equal(dr_nodes_group(&nodes, "a", &group, &error), DORA_EINVAL);
    assert_string_equal(error.msg, "there is no group \"a\"; the client has no groups");
    dr_nodes_fini(&nodes);
}

/* One caller makes `calls` calls, one after the other, of nodes that take `took_ns[i]`, and now and
 * then ten times that. Counts them in `picks`. */
static void call_in_turn(dr_nodes *nodes, dr_random *random, const uint64_t *took_ns, size_t calls,
                         unsigned picks[8])
{
    dr_tried tried = {{0}};
    memset(picks, 0, 8 * sizeof picks[0]);
    for (size_t i = 0; i < calls; i++) {
        size_t node = dr_nodes_pick(nodes, 0, &tried, 1000, dr_random_next(random));
        uint64_t chance = dr_random_next(random);
        uint64_t took = took_ns[node] * (75 + chance % 50) / 100 * (chance >> 32 & 15 ? 1 : 10);
        dr_nodes_measured(nodes, node, took, 1000);
        picks[node]++;
    }
}

static void equal_nodes_get_equal_shares(void **state)
{
    (void)state;
    static const uint64_t alike[] = {1000000, 1000000, 1000000};
    static const uint64_t quick[] = {60000, 130000}; /* what two processors of one machine make */
    dr_nodes nodes;
    dr_random random = {{0}};
    unsigned picks[8];
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1,c:1", NULL, 0, NULL), DORA_OK);
    for (int i = 0; i < 10; i++) {
        call_in_turn(&nodes, &random, alike, 300, picks);
        for (size_t j = 0; j < 3; j++) {
            assert_in_range(picks[j], 90, 110);
        }
    }
    dr_nodes_fini(&nodes);
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1", NULL, 0, NULL), DORA_OK);
    for (int i = 0; i < 10; i++) {
        call_in_turn(&nodes, &random, quick, 100, picks);
        assert_in_range(picks[0], 45, 55);
    }
    dr_nodes_fini(&nodes);
}

static void slow_node_gets_less(void **state)
{
    (void)state;
    static const uint64_t twice[] = {1000000, 2000000};
    static const uint64_t stuck[] = {1000000, 9000000000};
    static const uint64_t alike[] = {1000000, 1000000};
    dr_nodes nodes;
    dr_random random = {{0}};
    unsigned picks[8];
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1", NULL, 0, NULL), DORA_OK);
    call_in_turn(&nodes, &random, twice, 100, picks);
    call_in_turn(&nodes, &random, twice, 900, picks);
    assert_in_range(picks[1], 250, 350);
    call_in_turn(&nodes, &random, stuck, 60, picks); /* it gets slow, */
    call_in_turn(&nodes, &random, stuck, 650, picks);
    assert_in_range(picks[1], 1, 20);
    call_in_turn(&nodes, &random, alike, 70, picks); /* and is well again */
    call_in_turn(&nodes, &random, alike, 200, picks);
    assert_in_range(picks[1], 90, 110);
    dr_nodes_fini(&nodes);
}

/* A latency that nobody measured for long says nothing. */
static void old_latency_is_forgotten(void **state)
{
    (void)state;
    static const uint64_t stuck[] = {1000000, 9000000000};
    const uint64_t later_ms = 1000 + DR_LATENCY_FORGOTTEN_MS;
    dr_nodes nodes;
    dr_tried tried = {{0}};
    dr_random random = {{0}};
    unsigned picks[8];
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1", NULL, 0, NULL), DORA_OK);
    call_in_turn(&nodes, &random, stuck, 200, picks);
    count_picks(&nodes, &tried, later_ms - 1, picks);
    assert_in_range(picks[1], 1, 40);
    count_picks(&nodes, &tried, later_ms, picks);
    assert_in_range(picks[1], 480, 520);
    dr_nodes_measured(&nodes, 1, 5000, later_ms);
    assert_int_equal(nodes.items[1].samples, 1);
    assert_int_equal(nodes.items[1].before_ns, 0);
    dr_nodes_fini(&nodes);
}

/* Who comes, or comes back, gets its share, and not all calls until it has caught up. */
static void no_burst_for_a_new_node(void **state)
{
    (void)state;
    dr_nodes nodes;
    dr_tried tried = {{0}};
    unsigned picks[8];
    size_t before = 0;
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1,c:1", NULL, 0, NULL), DORA_OK);
    dr_tried_add(&tried, 2);
    count_picks(&nodes, &tried, 1000, picks);
    assert_int_equal(picks[2], 0);
    tried = (dr_tried){{0}};
    nodes.items[0].in_flight = nodes.items[1].in_flight = 30; /* many callers */
    for (size_t i = 0; i < 60; i++) {
        size_t node = dr_nodes_pick(&nodes, 0, &tried, 1000, i);
        assert_true(i == 0 || node != 2 || before != 2);
        before = node;
        nodes.items[node].in_flight++;
    }
    assert_in_range(nodes.items[2].in_flight, 18, 22);
    dr_nodes_fini(&nodes);
}

static void silent_nodes_are_set_aside(void **state)
{
    (void)state;
    dr_nodes nodes;
    assert_int_equal(dr_nodes_read(&nodes, "a:1,b:1", NULL, 0, NULL), DORA_OK);
    for (unsigned i = 1; i < DR_NODE_SILENCES_MAX; i++) {
        dr_nodes_silent(&nodes, 0, 1000000, 1000);
    }
    assert_int_equal(nodes.items[0].ejected_until_ms, 0);
    dr_nodes_succeeded(&nodes, 0);
    for (unsigned i = 1; i < DR_NODE_SILENCES_MAX; i++) {
        dr_nodes_silent(&nodes, 0, 1000000, 1000);
    }
    assert_int_equal(nodes.items[0].ejected_until_ms, 0);
    dr_nodes_silent(&nodes, 0, 1000000, 1000);
    assert_int_equal(nodes.items[0].ejected_until_ms, 1000 + DR_NODE_PAUSE_MS);
    dr_nodes_fini(&nodes);
}

static void read_address(void **state)
{
    (void)state;
    dr_address one;
    dr_address other;
    dora_error error;
    char text[DR_ADDRESS_TEXT_MAX];
    char path[128];
    const char *good[] = {"unix:/run/dora.sock", "[::1]:9567", "localhost:1"};
    const char *bad[] = {"unix:", "unix:relative", "unix", "a:0", "[::1]"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(dr_address_read(text_slice(good[i]), &one, &error), DORA_OK);
        assert_string_equal(dr_address_text(&one, text), good[i]);
        assert_int_equal(dr_address_is_unix(&one), i == 0);
        assert_int_equal(dr_address_read(text_slice(good[(i + 1) % 3]), &other, &error), DORA_OK);
        assert_false(dr_address_is_same(&one, &other));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dr_address_read(text_slice(bad[i]), &one, &error), DORA_EINVAL);
        assert_non_null(strstr(error.msg, bad[i]));
    }
    memset(path, 'p', sizeof path);
    memcpy(path, "unix:/", 6);
    assert_int_equal(dr_address_read((dora_slice){path, 5 + 107}, &one, &error), DORA_OK);
    assert_int_equal(strlen(one.host), 107);
    assert_int_equal(dr_address_read((dora_slice){path, 5 + 108}, &one, &error), DORA_EINVAL);
    path[20] = '\0';
    assert_int_equal(dr_address_read((dora_slice){path, 40}, &one, &error), DORA_EINVAL);
}

/* A Redis among servers: its password is nobody's business. */
static void address_tells_no_password(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *told;
    } cases[] = {
        {"redis://:secret@h:1", "...@h:1"},
        {"redis://me:secret@h", "...@h"},
        {"redis://:secret", "redis://..."},
        {"redis://me:secret", "redis://me..."},
        {"redis://h:1/secret", "redis://h..."},
        {"secret@h:x", "...@h:x"},
        {"redis://h", "redis://h"},
        {"h:x", "h:x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_address address;
        dora_error error;
        char expected[64];
        snprintf(expected, sizeof expected, "node \"%s\" is not host:port", cases[i].told);
        assert_int_equal(dr_address_read(text_slice(cases[i].text), &address, &error), DORA_EINVAL);
        assert_string_equal(error.msg, expected);
    }
}

static void guids_differ(void **state)
{
    (void)state;
    dr_random random = {{0}};
    dr_random other = {{0}};
    char one[DR_GUID_LEN];
    char two[DR_GUID_LEN];
    dr_guid_make(&random, one);
    dr_guid_make(&random, two);
    assert_memory_not_equal(one, two, DR_GUID_LEN);
    dr_guid_make(&other, two);
    assert_memory_not_equal(one, two, DR_GUID_LEN);
    for (size_t i = 0; i < DR_GUID_LEN; i++) {
        assert_non_null(memchr("0123456789abcdef", one[i], 16));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(longest_host),
        cmocka_unit_test(hosts_of_this_machine),
        cmocka_unit_test(nodes_are_parsed),
        cmocka_unit_test(parse_most),
        cmocka_unit_test(pick_by_work_and_turn),
        cmocka_unit_test(first_pick_is_by_chance),
        cmocka_unit_test(pick_not_tried),
        cmocka_unit_test(set_aside),
        cmocka_unit_test(only_node_is_never_aside),
        cmocka_unit_test(half_of_each_group),
        cmocka_unit_test(wrong_groups),
        cmocka_unit_test(equal_nodes_get_equal_shares),
        cmocka_unit_test(slow_node_gets_less),
        cmocka_unit_test(old_latency_is_forgotten),
        cmocka_unit_test(no_burst_for_a_new_node),
        cmocka_unit_test(silent_nodes_are_set_aside),
        cmocka_unit_test(read_address),
        cmocka_unit_test(address_tells_no_password),
        cmocka_unit_test(guids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
