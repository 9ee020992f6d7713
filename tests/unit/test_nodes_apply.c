/* test_nodes_apply.c: the nodes of a registry, as they come and go under calls. */
#include "unit.h"

#include "client/balance/node_parse.h"
#include "client/balance/node_sync.h"
#include "client/balance/tries.h"

/* owner: which nodes have something under way, and whose idle connections were closed. */
typedef struct owner {
    size_t room;
    bool is_used[DR_NODES_MAX + DR_NODES_OTHER_MAX];
    unsigned closed[DR_NODES_MAX + DR_NODES_OTHER_MAX];
    bool has_no_memory;
} owner;

static dora_err grow(void *user, size_t count)
{
    owner *self = user;
    if (self->has_no_memory) {
        return DORA_ENOMEM;
    }
    self->room = count > self->room ? count : self->room;
    return DORA_OK;
}

static bool is_used(void *user, size_t node)
{
    return ((owner *)user)->is_used[node];
}

static void close_idle(void *user, size_t node)
{
    ((owner *)user)->closed[node]++;
}

typedef struct scene {
    dr_nodes nodes;
    owner owner;
    dr_nodes_owner given;
} scene;

static void begin(scene *s, const char *group)
{
    memset(s, 0, sizeof *s);
    s->given = (dr_nodes_owner){grow, is_used, close_idle, &s->owner};
    assert_int_equal(dr_nodes_expect(&s->nodes, group), DORA_OK);
}

/* Applies one group of the servers host:FROM to host:TO, and, where `other` is given, a second one
 * of that name with the server host:FROM. Returns: how many were left out. */
static size_t apply(scene *s, const char *name, uint16_t from, uint16_t to, const char *other)
{
    static dr_roster_node many[DR_ROSTER_NODES_MAX];
    char first[64];
    char second[64];
    size_t left_out = 99;
    dr_roster_group groups[2] = {{first, many, 0}, {second, many, 1}};
    const dr_roster roster = {groups, other != NULL ? 2 : 1};
    snprintf(first, sizeof first, "%s", name);
    snprintf(second, sizeof second, "%s", other != NULL ? other : "");
    for (uint16_t port = from; port <= to; port++) {
        many[groups[0].count++] = (dr_roster_node){.address = {.host = "host", .port = port}};
    }
    assert_int_equal(dr_nodes_apply(&s->nodes, &roster, &s->given, &left_out), DORA_OK);
    assert_true(s->owner.room >= s->nodes.count);
    return left_out;
}

static size_t find(const scene *s, uint16_t port)
{
    const dr_address address = {.host = "host", .port = port};
    return dr_nodes_find(&s->nodes, &address);
}

static void nodes_keep_index_and_health(void **state)
{
    (void)state;
    scene s;
    begin(&s, NULL);
    assert_int_equal(apply(&s, "g", 1, 3, NULL), 0);
    assert_int_equal(s.nodes.listed, 3);
    dr_nodes_failed(&s.nodes, 2, 1000);
    s.nodes.items[1].in_flight = 1;
    assert_int_equal(apply(&s, "g", 3, 4, NULL), 0); /* 1 and 2 leave, 4 joins */
    assert_int_equal(s.nodes.listed, 2);
    assert_int_equal(find(&s, 3), 2);
    assert_int_equal(s.nodes.items[2].failures, 1);
    assert_false(s.nodes.items[0].is_listed);
    assert_int_equal(s.nodes.items[1].in_flight, 1);
    assert_int_equal(find(&s, 4), 3);
    assert_int_equal(s.nodes.groups[0].count, 2);
    assert_int_equal(s.owner.closed[0] + s.owner.closed[1], 2);
    assert_int_equal(s.owner.closed[2] + s.owner.closed[3], 0);
    assert_int_equal(apply(&s, "g", 2, 2, NULL), 0); /* back again, with its call */
    assert_int_equal(find(&s, 2), 1);
    assert_int_equal(s.nodes.items[1].in_flight, 1);
    dr_nodes_fini(&s.nodes);
}

static void groups_keep_their_index(void **state)
{
    (void)state;
    scene s;
    size_t group = 9;
    dora_error error;
    begin(&s, NULL);
    assert_int_equal(apply(&s, "b", 1, 2, "c"), 0);
    assert_int_equal(dr_nodes_group(&s.nodes, "c", &group, &error), DORA_OK);
    assert_int_equal(group, 1);
    assert_int_equal(apply(&s, "a", 1, 3, "b"), 0);
    assert_int_equal(s.nodes.default_group,
                     2); /* the first one of the registry, not of the table */
    assert_int_equal(s.nodes.groups[1].count, 0);
    assert_int_equal(dr_nodes_group(&s.nodes, "b", &group, &error), DORA_OK);
    assert_int_equal(group, 0);
    assert_int_equal(dr_nodes_group(&s.nodes, "c", &group, &error), DORA_ECONNECT);
    assert_int_equal(error.code, DORA_CODE_CONNECT);
    assert_string_equal(error.msg, "there is no group \"c\"; there are: b, a");
    dr_nodes_fini(&s.nodes);
}

/* Calls that name no group must not come to servers of another one when theirs are gone. */
static void the_usual_group_waits_for_its_servers(void **state)
{
    (void)state;
    scene s;
    dr_tries tries = {0};
    dora_error error;
    begin(&s, NULL);
    assert_int_equal(dr_tries_group(&tries, &s.nodes, NULL, &error), DORA_ECONNECT);
    assert_string_equal(error.msg, "no server is known");
    assert_int_equal(apply(&s, "api", 1, 1, "test"), 0);
    assert_int_equal(dr_tries_group(&tries, &s.nodes, NULL, &error), DORA_OK);
    assert_int_equal(apply(&s, "test", 1, 1, NULL), 0);
    assert_int_equal(dr_tries_group(&tries, &s.nodes, NULL, &error), DORA_ECONNECT);
    assert_string_equal(error.msg, "there is no group \"api\"; there are: test");
    assert_int_equal(error.code, DORA_CODE_CONNECT);
    assert_int_equal(apply(&s, "api", 2, 2, "test"), 0);
    assert_int_equal(dr_tries_group(&tries, &s.nodes, NULL, &error), DORA_OK);
    assert_string_equal(s.nodes.groups[tries.group].name, "api");
    dr_nodes_fini(&s.nodes);
}

static void most_groups(void **state)
{
    (void)state;
    scene s;
    char name[32];
    begin(&s, NULL);
    for (int i = 0; i < DR_NODES_GROUPS_MAX; i++) {
        snprintf(name, sizeof name, "g%d", i);
        assert_int_equal(apply(&s, name, 1, 2, NULL), 0);
    }
    assert_int_equal(s.nodes.group_count, DR_NODES_GROUPS_MAX);
    assert_int_equal(apply(&s, "one more", 1, 2, "g7"), 2);
    assert_int_equal(s.nodes.group_count, DR_NODES_GROUPS_MAX);
    assert_int_equal(s.nodes.groups[7].count, 1);
    dr_nodes_fini(&s.nodes);
}

static void most_nodes(void **state)
{
    (void)state;
    scene s;
    begin(&s, NULL);
    assert_int_equal(apply(&s, "g", 1, DR_NODES_MAX, NULL), 0);
    assert_int_equal(s.nodes.listed, DR_NODES_MAX);
    assert_int_equal(apply(&s, "g", 1, DR_NODES_MAX + 1, NULL), 1);
    assert_int_equal(find(&s, DR_NODES_MAX + 1), s.nodes.count);
    assert_int_equal(apply(&s, "g", 1, DR_NODES_MAX + 7, "g2"), 7);
    assert_int_equal(s.nodes.groups[0].count, DR_NODES_MAX);
    assert_int_equal(s.nodes.groups[1].count, 1);
    dr_nodes_fini(&s.nodes);
}

static void places_are_used_again(void **state)
{
    (void)state;
    scene s;
    begin(&s, NULL);
    assert_int_equal(apply(&s, "g", 1, DR_NODES_MAX, NULL), 0);
    s.nodes.items[0].in_flight = 1;
    s.owner.is_used[1] = true;
    s.nodes.items[2].asked_ms = 5;
    assert_int_equal(apply(&s, "g", 1001, 1000 + DR_NODES_MAX, NULL), 0);
    assert_int_equal(s.nodes.count, DR_NODES_MAX + DR_NODES_OTHER_MAX);
    assert_int_equal(s.nodes.listed, DR_NODES_MAX);
    assert_int_equal(find(&s, 1), 0); /* a call and a connection hold theirs */
    assert_int_equal(find(&s, 2), 1);
    assert_int_equal(find(&s, 3), 2); /* asked last: the others went first */
    assert_int_equal(find(&s, 4), s.nodes.count);
    assert_int_equal(s.nodes.items[3].life, 1);
    assert_int_equal(s.owner.closed[3], 1);
    /* A server that a call names takes a place of those, not one of a group. */
    const dr_address named = {.host = "other", .port = 1};
    size_t node = 0;
    assert_int_equal(dr_nodes_name(&s.nodes, &named, &s.given, &node, NULL), DORA_OK);
    assert_false(s.nodes.items[node].is_listed);
    assert_true(node > 1);
    for (size_t i = 0; i < s.nodes.count; i++) {
        s.owner.is_used[i] = true;
    }
    const dr_address another = {.host = "other", .port = 2};
    assert_int_equal(dr_nodes_name(&s.nodes, &another, &s.given, &node, NULL), DORA_EFULL);
    assert_int_equal(apply(&s, "g", 2001, 2001, NULL), 1); /* nor has the registry one */
    assert_int_equal(s.nodes.listed, 0);
    dr_nodes_fini(&s.nodes);
}

static void named_nodes_may_be_listed_later(void **state)
{
    (void)state;
    scene s;
    const dr_address named = {.host = "host", .port = 7};
    size_t node = 9;
    begin(&s, NULL);
    assert_int_equal(dr_nodes_name(&s.nodes, &named, &s.given, &node, NULL), DORA_OK);
    assert_int_equal(node, 0);
    assert_int_equal(s.nodes.listed, 0);
    assert_int_equal(apply(&s, "g", 6, 7, NULL), 0);
    assert_int_equal(find(&s, 7), 0);
    assert_true(s.nodes.items[0].is_listed);
    dr_nodes_fini(&s.nodes);
}

static void no_memory_changes_nothing(void **state)
{
    (void)state;
    scene s;
    size_t left_out;
    dr_roster_node node = {.address = {"new", 1}};
    char name[] = "new";
    dr_roster_group group = {name, &node, 1};
    const dr_roster roster = {&group, 1};
    begin(&s, NULL);
    assert_int_equal(apply(&s, "g", 1, 2, NULL), 0);
    s.owner.has_no_memory = true;
    assert_int_equal(dr_nodes_apply(&s.nodes, &roster, &s.given, &left_out), DORA_ENOMEM);
    assert_int_equal(s.nodes.listed, 2);
    assert_int_equal(s.nodes.group_count, 1);
    assert_int_equal(s.nodes.groups[0].count, 2);
    assert_int_equal(s.owner.closed[0], 0);
    dr_nodes_fini(&s.nodes);
}

static void a_call_finds_its_group_or_says_why(void **state)
{
    (void)state;
    scene s;
    dr_tries tries;
    dora_error error;
    const dr_settings settings = {.timeout_ms = 1000};
    begin(&s, NULL);
    assert_int_equal(dr_tries_begin(&tries, &settings, &s.nodes, NULL, 1, 0, &error),
                     DORA_ECONNECT);
    assert_int_equal(error.code, DORA_CODE_CONNECT);
    dr_nodes_fini(&s.nodes);
    begin(&s, "wanted");
    assert_int_equal(apply(&s, "a", 1, 2, "b"), 0);
    assert_int_equal(dr_tries_begin(&tries, &settings, &s.nodes, NULL, 1, 0, &error),
                     DORA_ECONNECT);
    assert_string_equal(error.msg, "there is no group \"wanted\"; there are: a, b");
    assert_int_equal(apply(&s, "a", 1, 2, "wanted"), 0);
    assert_int_equal(dr_tries_begin(&tries, &settings, &s.nodes, NULL, 1, 0, &error), DORA_OK);
    assert_int_equal(tries.group, 0);
    assert_int_equal(dr_tries_pick(&tries, &s.nodes, 1, 0), DORA_OK);
    assert_int_equal(tries.node, 0);
    dr_nodes_fini(&s.nodes);
}

/* A call is to go to the same server again: its place must not be another server's by now. */
static void a_repeat_goes_to_no_stranger(void **state)
{
    (void)state;
    scene s;
    dr_tries tries;
    const dr_settings settings = {.timeout_ms = 1000, .retry = 1};
    const dr_try broken = {.err = DORA_ECLOSED};
    begin(&s, NULL);
    assert_int_equal(apply(&s, "g", 1, 1, NULL), 0);
    assert_int_equal(dr_tries_begin(&tries, &settings, &s.nodes, NULL, 1, 0, NULL), DORA_OK);
    assert_int_equal(dr_tries_pick(&tries, &s.nodes, 1, 0), DORA_OK);
    assert_true(dr_tries_again(&tries, &broken, &s.nodes, 1));
    assert_true(tries.is_same);
    assert_int_equal(dr_tries_pick(&tries, &s.nodes, 1, 0), DORA_OK);
    assert_true(tries.is_same);
    s.nodes.items[0].life++;
    assert_int_equal(dr_tries_pick(&tries, &s.nodes, 1, 0), DORA_OK);
    assert_false(tries.is_same);
    /* Its group is gone: there is nowhere to go. */
    assert_int_equal(apply(&s, "h", 2, 2, NULL), 0);
    assert_int_equal(dr_tries_pick(&tries, &s.nodes, 1, 0), DORA_ECONNECT);
    dr_nodes_fini(&s.nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_keep_index_and_health),
        cmocka_unit_test(groups_keep_their_index),
        cmocka_unit_test(the_usual_group_waits_for_its_servers),
        cmocka_unit_test(most_groups),
        cmocka_unit_test(most_nodes),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(named_nodes_may_be_listed_later),
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(a_call_finds_its_group_or_says_why),
        cmocka_unit_test(a_repeat_goes_to_no_stranger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
