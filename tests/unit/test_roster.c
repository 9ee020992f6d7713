/* test_roster.c: groups of nodes: made, ordered, compared. */
#include "unit.h"

#include "discovery/roster.h"
#include "torture.h"

static dr_address address_of(const char *text)
{
    dr_address address;
    assert_int_equal(dr_address_read(text_slice(text), &address, NULL), DORA_OK);
    return address;
}

static void add(dr_roster *roster, const char *group, const char *address, int64_t updatetime)
{
    const dr_address node = address_of(address);
    assert_int_equal(dr_roster_add(roster, text_slice(group), &node, updatetime), DORA_OK);
}

static void nodes_are_added(void **state)
{
    (void)state;
    dr_roster roster = {0};
    add(&roster, "b", "10.0.0.2:1", 5);
    add(&roster, "a", "10.0.0.2:1", 7);
    add(&roster, "b", "10.0.0.1:1", 1);
    add(&roster, "b", "10.0.0.2:1", 9); /* there already: the later time is kept */
    add(&roster, "b", "10.0.0.2:1", 8);
    assert_int_equal(roster.count, 2);
    assert_string_equal(roster.groups[0].name, "b");
    assert_int_equal(roster.groups[0].count, 2);
    assert_int_equal(roster.groups[0].nodes[0].updatetime, 9);
    assert_int_equal(dr_roster_count_nodes(&roster), 2); /* one of them in both groups */
    assert_string_equal(roster.groups[1].name, "a");
    dr_roster_fini(&roster);
    assert_int_equal(roster.count, 0);
    dr_roster_fini(&roster);
}

static void nodes_are_sorted(void **state)
{
    (void)state;
    dr_roster roster = {0};
    dr_roster_sort(&roster);
    add(&roster, "b", "10.0.0.2:2", 0);
    add(&roster, "b", "10.0.0.2:1", 0);
    add(&roster, "b", "10.0.0.1:9", 0);
    add(&roster, "a", "[::1]:1", 0);
    dr_roster_sort(&roster);
    assert_string_equal(roster.groups[0].name, "a");
    const dr_roster_node *nodes = roster.groups[1].nodes;
    assert_string_equal(nodes[0].address.host, "10.0.0.1");
    assert_int_equal(nodes[1].address.port, 1);
    assert_int_equal(nodes[2].address.port, 2);
    dr_roster_fini(&roster);
}

static void nodes_are_removed(void **state)
{
    (void)state;
    dr_roster roster = {0};
    dr_roster other = {0};
    dr_roster_remove(&roster, &other);
    add(&roster, "a", "10.0.0.1:1", 0);
    add(&roster, "b", "10.0.0.1:1", 0);
    add(&roster, "b", "10.0.0.2:1", 0);
    add(&roster, "b", "10.0.0.3:1", 0);
    dr_roster_remove(&roster, &other);
    assert_int_equal(roster.count, 2);
    add(&other, "c", "10.0.0.1:1", 0); /* in another group: it is the same node */
    dr_roster_remove(&roster, &other);
    assert_int_equal(roster.count, 1);
    assert_string_equal(roster.groups[0].name, "b");
    assert_int_equal(roster.groups[0].count, 2);
    add(&roster, "b", "10.0.0.4:1", 0);
    add(&roster, "b", "10.0.0.5:1", 0);
    assert_int_equal(roster.groups[0].count, 4);
    dr_roster_remove(&roster, &roster);
    assert_int_equal(roster.count, 0);
    dr_roster_fini(&roster);
    dr_roster_fini(&other);
}

static void join_and_same(void **state)
{
    (void)state;
    dr_roster one = {0};
    dr_roster other = {0};
    add(&one, "a", "h:1", 3);
    add(&other, "b", "h:2", 1);
    add(&other, "a", "h:1", 9);
    assert_false(dr_roster_is_same(&one, &other));
    assert_int_equal(dr_roster_join(&one, &other), DORA_OK);
    dr_roster_sort(&one);
    dr_roster_sort(&other);
    assert_true(dr_roster_is_same(&one, &other));
    assert_int_equal(one.groups[0].nodes[0].updatetime, 9);
    one.groups[0].nodes[0].updatetime = 100; /* that is no difference */
    assert_true(dr_roster_is_same(&one, &other));
    add(&one, "b", "h:3", 0);
    assert_false(dr_roster_is_same(&one, &other));
    dr_roster_fini(&one);
    dr_roster_fini(&other);
}

static void note(void *user, bool is_join, const char *group, const dr_address *address)
{
    char *text = user;
    char node[DR_ADDRESS_TEXT_MAX];
    const size_t len = strlen(text);
    snprintf(text + len, 256 - len, "%s%s %s;", is_join ? "+" : "-", group,
             dr_address_text(address, node));
}

static void rosters_are_compared(void **state)
{
    (void)state;
    char text[256] = "";
    dr_roster before = {0};
    dr_roster after = {0};
    dr_roster_compare(&before, &after, note, text);
    assert_string_equal(text, "");
    add(&before, "gone", "h:1", 0);
    add(&before, "stays", "h:1", 0);
    add(&before, "stays", "h:2", 0);
    add(&after, "new", "h:1", 0);
    add(&after, "stays", "h:2", 7);
    add(&after, "stays", "h:3", 0);
    dr_roster_sort(&before);
    dr_roster_sort(&after);
    dr_roster_compare(&before, &after, note, text);
    assert_string_equal(text, "-gone h:1;+new h:1;-stays h:1;+stays h:3;");
    dr_roster_fini(&before);
    dr_roster_fini(&after);
}

static void rosters_have_limits(void **state)
{
    (void)state;
    dr_roster roster = {0};
    char name[32];
    dr_address node = address_of("h:1");
    for (size_t i = 0; i < DR_ROSTER_GROUPS_MAX; i++) {
        snprintf(name, sizeof name, "g%zu", i);
        assert_int_equal(dr_roster_add(&roster, text_slice(name), &node, 0), DORA_OK);
    }
    assert_int_equal(dr_roster_add(&roster, text_slice("one more"), &node, 0), DORA_EFULL);
    assert_int_equal(roster.count, DR_ROSTER_GROUPS_MAX);
    for (size_t i = DR_ROSTER_GROUPS_MAX; i < DR_ROSTER_NODES_MAX; i++) {
        node.port = (uint16_t)(i + 2);
        assert_int_equal(dr_roster_add(&roster, text_slice("g0"), &node, 0), DORA_OK);
    }
    node.port = 1;
    assert_int_equal(dr_roster_add(&roster, text_slice("g1"), &node, 3), DORA_OK); /* not new */
    node.port = 2;
    assert_int_equal(dr_roster_add(&roster, text_slice("g1"), &node, 0), DORA_EFULL);
    dr_roster_fini(&roster);
}

static bool build(void *user)
{
    (void)user;
    dr_roster roster = {0};
    const dr_address node = {.host = "h", .port = 1};
    dora_err err = dr_roster_add(&roster, text_slice("a"), &node, 0);
    err = err == DORA_OK ? dr_roster_add(&roster, text_slice("b"), &node, 0) : err;
    for (size_t i = 0; i < roster.count; i++) { /* no group is left without nodes */
        assert_int_equal(roster.groups[i].count, 1);
    }
    dr_roster_fini(&roster);
    return err == DORA_OK;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(torture_run(build, NULL), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_added),      cmocka_unit_test(nodes_are_sorted),
        cmocka_unit_test(nodes_are_removed),    cmocka_unit_test(join_and_same),
        cmocka_unit_test(rosters_are_compared), cmocka_unit_test(rosters_have_limits),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
