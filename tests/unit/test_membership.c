/* test_membership.c: who counts in one Redis, by scripted replies in fake time. */
#include "unit.h"

#include "discovery/membership.h"
#include "membership_scene.h"
#include "roster_group.h"
#include "torture.h"

#define NODE(ip, groups) "{\"node\":{\"ip\":\"" ip "\",\"port\":1},\"group\":[" groups "]}"
#define CLOCK(ip, value) "dora.servertime." ip ".1.time=" value
#define KEY(ip) "dora.node." ip ".1"

typedef struct fixture {
    dr_membership *membership;
    dr_redis *sessions[2];
    size_t session_count;
    scene_redis redis;
    uint64_t now_ns;
    size_t reads;
    size_t warnings;
    char warning[2048]; /* the last */
} fixture;

static void on_read(void *user, uint64_t now_ns)
{
    (void)now_ns;
    ((fixture *)user)->reads++;
}

static void on_warning(void *user, const char *text)
{
    fixture *self = user;
    self->warnings++;
    snprintf(self->warning, sizeof self->warning, "%s", text);
}

static void start(fixture *self, bool subscribes)
{
    dr_redis_url url;
    const dr_membership_events events = {
        .on_read = on_read, .on_warning = on_warning, .user = self};
    assert_int_equal(dr_redis_url_read(text_slice("redis://:secret@r:7"), &url, NULL), DORA_OK);
    url.password[0] = '\0';
    assert_int_equal(dr_membership_new(&self->membership, &url, subscribes, &events), DORA_OK);
    self->session_count = dr_membership_sessions(self->membership, self->sessions);
    self->now_ns = 1000 * SCENE_S;
    self->redis.time_s = 5000;
}

static void move(fixture *self)
{
    for (size_t i = 0; i < self->session_count; i++) {
        scene_move(&self->redis, self->sessions[i], self->now_ns);
    }
    scene_move(&self->redis, self->sessions[0], self->now_ns); /* what the other has caused */
}

/* Lets `ms` pass, on both clocks. */
static void pass(fixture *self, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i += 50) {
        self->now_ns += 50 * SCENE_MS;
        move(self);
    }
}

static void finish(fixture *self)
{
    if (self->membership != NULL) {
        dr_membership_stop(self->membership, self->now_ns);
        dr_membership_free(self->membership);
    }
    memset(self, 0, sizeof *self);
}
UNIT_SCENE(fixture, finish)

/* The nodes' hosts of group "g", as "a b". */
static const char *hosts(const fixture *self)
{
    static char text[512];
    const dr_roster *roster = dr_membership_roster(self->membership);
    const dr_roster_group *group = group_of(roster, "g");
    text[0] = '\0';
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        const size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s%s", i > 0 ? " " : "",
                 group->nodes[i].address.host);
    }
    return text;
}

static void first_reading(void **state)
{
    fixture *self = *state;
    start(self, false);
    assert_int_equal(self->session_count, 1);
    assert_string_equal(dr_membership_why(self->membership), "redis://r:7: not read yet");
    assert_false(dr_membership_is_reading(self->membership));
    self->redis.count = 2;
    self->redis.members[0] = NODE("b", "\"g\",\"h\"");
    self->redis.members[1] = NODE("a", "\"g\"");
    self->redis.nodes[0] = KEY("a");
    self->redis.nodes[1] = KEY("b");
    self->redis.times[0] = CLOCK("b", "4999");
    dr_membership_start(self->membership, self->now_ns);
    assert_true(dr_membership_is_reading(self->membership));
    assert_null(dr_membership_roster(self->membership));
    move(self);
    assert_false(dr_membership_is_reading(self->membership));
    assert_true(dr_membership_is_up(self->membership));
    assert_string_equal(dr_membership_why(self->membership), "");
    assert_string_equal(hosts(self), "a b");
    const dr_roster *roster = dr_membership_roster(self->membership);
    assert_int_equal(roster->count, 2);
    assert_int_equal(roster->groups[0].nodes[0].updatetime, 0);
    assert_int_equal(roster->groups[0].nodes[1].updatetime, 4999);
    assert_int_equal(self->reads, 1);
    pass(self, 3000); /* nobody asks */
    assert_int_equal(self->redis.readings, 1);
    self->redis.count = 0;
    dr_membership_read(self->membership, self->now_ns);
    dr_membership_read(self->membership, self->now_ns); /* under way already */
    move(self);
    assert_int_equal(self->redis.readings, 2);
    assert_string_equal(hosts(self), "");
    assert_int_equal(self->warnings, 0);
}

static void key_expires(void **state)
{
    fixture *self = *state;
    start(self, true);
    self->redis.count = 1;
    self->redis.members[0] = NODE("a", "\"g\"");
    self->redis.nodes[0] = KEY("a");
    self->redis.times[0] = CLOCK("a", "5000");
    dr_membership_start(self->membership, self->now_ns);
    move(self);
    assert_string_equal(hosts(self), "a");
    self->redis.nodes[0] = NULL; /* the time is fresh, yet ours counts by its key */
    pass(self, 1100);
    assert_string_equal(hosts(self), "");
    self->redis.nodes[0] = KEY("a");
    pass(self, 1100);
    assert_string_equal(hosts(self), "a");
    self->redis.nodes[0] = NULL; /* one of the original takes the place: its time goes on */
    self->redis.times[0] = CLOCK("a", "5010");
    pass(self, 1100);
    assert_string_equal(hosts(self), "a");
    pass(self, 21100);
    assert_string_equal(hosts(self), "");
}

static void members_of_the_original_are_read(void **state)
{
    fixture *self = *state;
    start(self, true);
    self->redis.count = 5;
    self->redis.members[0] = NODE("a", "\"g\"");
    self->redis.members[1] = NODE("b", "\"g\"");
    self->redis.members[2] = NODE("c", "\"g\"");
    self->redis.members[3] = NODE("d", "\"g\"");
    self->redis.members[4] = NODE("e", "\"g\"");
    self->redis.times[0] = CLOCK("a", "4990"); /* 10 s old */
    self->redis.times[1] = CLOCK("b", "4979"); /* too old */
    self->redis.times[2] = CLOCK("c", "5020"); /* its host's clock is ahead */
    self->redis.times[3] = CLOCK("d", "yesterday");
    self->redis.times[4] = CLOCK("e", "4980");
    dr_membership_start(self->membership, self->now_ns);
    move(self);
    assert_string_equal(hosts(self), "a c e");
    pass(self, 9000);
    assert_string_equal(hosts(self), "a c");
    self->redis.times[1] = CLOCK("b", "4980"); /* old by Redis' clock: but it moves */
    pass(self, 2100);
    assert_string_equal(hosts(self), "b c");
    pass(self, 10000);
    assert_string_equal(hosts(self), "b");
    pass(self, 10000);
    assert_string_equal(hosts(self), "");
}

/* A reader that seldom looks cannot tell when a time has changed: it goes by Redis' clock. */
static void original_seldom(void **state)
{
    fixture *self = *state;
    start(self, false);
    self->redis.count = 1;
    self->redis.members[0] = NODE("a", "\"g\"");
    self->redis.times[0] = CLOCK("a", "5000");
    dr_membership_start(self->membership, self->now_ns);
    move(self);
    assert_string_equal(hosts(self), "a");
    self->redis.time_s = 5100;
    self->redis.times[0] = CLOCK("a", "5030"); /* it lived for 30 s, and died 70 s ago */
    self->now_ns += 100 * SCENE_S;
    dr_membership_read(self->membership, self->now_ns);
    move(self);
    assert_string_equal(hosts(self), "");
}

static void messages_bring_a_reading(void **state)
{
    fixture *self = *state;
    start(self, true);
    assert_int_equal(self->session_count, 2);
    dr_membership_start(self->membership, self->now_ns);
    move(self);
    const size_t before = self->redis.readings;
    scene_publish(self->sessions[1], self->now_ns);
    assert_true(dr_membership_is_reading(self->membership)); /* at once */
    scene_publish(self->sessions[1], self->now_ns);
    scene_publish(self->sessions[1], self->now_ns);
    self->redis.count = 1;
    self->redis.members[0] = NODE("a", "\"g\"");
    self->redis.nodes[0] = KEY("a");
    move(self);
    assert_int_equal(self->redis.readings, before + 2); /* and once more for the others */
    assert_string_equal(hosts(self), "a");
    pass(self, 3000); /* and every second anyway */
    assert_in_range(self->redis.readings, before + 4, before + 5);
    /* The channel is lost alone: it comes back by itself, and then it is read at once. */
    scene_lose(self->sessions[1], self->now_ns);
    self->redis.members[0] = NODE("b", "\"g\"");
    self->redis.nodes[0] = KEY("b");
    pass(self, 200);
    assert_string_equal(hosts(self), "b");
    assert_int_equal(self->warnings, 0);
    /* PING finds a Redis that has stopped. */
    self->redis.is_silent = true;
    pass(self, 6000);
    assert_int_not_equal(dr_redis_state_of(self->sessions[1]), DR_REDIS_OPEN);
    assert_int_equal(self->warnings, 1);
}

static void a_redis_that_is_down_keeps_its_nodes(void **state)
{
    fixture *self = *state;
    start(self, true);
    self->redis.is_dead = true;
    dr_membership_start(self->membership, self->now_ns);
    pass(self, 3000);
    assert_false(dr_membership_is_reading(self->membership));
    assert_false(dr_membership_is_up(self->membership));
    assert_null(dr_membership_roster(self->membership));
    assert_string_equal(dr_membership_why(self->membership), "redis://r:7: Connection refused");
    assert_int_equal(self->warnings, 1); /* once */
    assert_string_equal(self->warning, "redis://r:7: Connection refused");
    assert_true(self->reads > 0); /* who waits hears of it */
    self->redis.is_dead = false;
    self->redis.count = 1;
    self->redis.members[0] = NODE("a", "\"g\"");
    self->redis.nodes[0] = KEY("a");
    pass(self, 5000);
    assert_true(dr_membership_is_up(self->membership));
    assert_string_equal(hosts(self), "a");
    self->redis.is_dead = true;
    scene_lose(self->sessions[0], self->now_ns);
    scene_lose(self->sessions[1], self->now_ns);
    assert_false(dr_membership_is_up(self->membership));
    assert_string_equal(hosts(self), "a"); /* what it said last */
    assert_int_equal(self->warnings, 2);
}

static void a_refused_command_is_told(void **state)
{
    fixture *self = *state;
    static const char *const commands[][2] = {
        {"TIME", "redis://r:7: TIME: NOPERM not for?you"},
        {"SMEMBERS", "redis://r:7: SMEMBERS dora.serverlist: NOPERM not for?you"},
        {"MGET", "redis://r:7: MGET: NOPERM not for?you"},
        {"SUBSCRIBE",
         "redis://r:7: SUBSCRIBE dora.nodes: NOPERM not for?you; it is read each second"},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        start(self, true);
        const bool is_channel = strcmp(commands[i][0], "SUBSCRIBE") == 0;
        self->redis.refuses = commands[i][0];
        self->redis.count = 1;
        self->redis.members[0] = NODE("a", "\"g\"");
        self->redis.nodes[0] = KEY("a");
        dr_membership_start(self->membership, self->now_ns);
        pass(self, 5000);
        assert_int_equal(self->warnings, 1);
        assert_string_equal(self->warning, commands[i][1]);
        assert_int_equal(dr_membership_is_up(self->membership), is_channel);
        assert_string_equal(dr_membership_why(self->membership), is_channel ? "" : commands[i][1]);
        assert_in_range(self->reads, 3, 8); /* it tries each second, not all the time */
        self->redis.refuses = NULL;
        pass(self, 1100);
        assert_string_equal(hosts(self), "a");
        finish(self);
    }
}

static void malformed_members_are_passed_over(void **state)
{
    fixture *self = *state;
    start(self, true);
    char texts[DR_MEMBERSHIP_NAMED_MAX + 8][32];
    self->redis.count = 3;
    self->redis.members[0] = NODE("a", "\"g\"");
    self->redis.members[1] = "{\x01\xff";
    self->redis.members[2] = NODE("b", "\"g\"");
    self->redis.nodes[0] = KEY("a");
    self->redis.nodes[1] = KEY("b");
    dr_membership_start(self->membership, self->now_ns);
    pass(self, 5000);
    assert_string_equal(hosts(self), "a b");
    assert_int_equal(self->warnings, 1);
    assert_non_null(strstr(self->warning, "redis://r:7: dora.serverlist: member {?? is left out"));
    for (size_t i = 0; i < DR_MEMBERSHIP_NAMED_MAX + 8; i++) {
        snprintf(texts[i], sizeof texts[i], "garbage %zu", i);
        self->redis.members[self->redis.count++] = texts[i];
    }
    pass(self, 5000);
    assert_string_equal(hosts(self), "a b");
    assert_int_equal(self->warnings, DR_MEMBERSHIP_NAMED_MAX);
    assert_non_null(strstr(self->warning, "; further ones are not named"));
}

static void too_many(void **state)
{
    fixture *self = *state;
    start(self, true);
    char(*texts)[64] = calloc(DR_MEMBERSHIP_MEMBERS_MAX + 1, sizeof *texts);
    assert_non_null(texts);
    for (size_t i = 0; i <= DR_MEMBERSHIP_MEMBERS_MAX; i++) {
        snprintf(texts[i], sizeof texts[i],
                 "{\"node\":{\"ip\":\"n\",\"port\":%zu},\"group\":[\"g\"]}", i + 1);
        self->redis.members[i] = texts[i];
    }
    self->redis.count = DR_MEMBERSHIP_MEMBERS_MAX;
    dr_membership_start(self->membership, self->now_ns);
    pass(self, 1100);
    assert_int_equal(self->warnings, 0);
    self->redis.count++;
    pass(self, 3000);
    assert_true(dr_membership_is_up(self->membership));
    assert_int_equal(self->warnings, 1);
    assert_string_equal(self->warning,
                        "redis://r:7: dora.serverlist has 4097 members; 4096 are looked at");
    finish(self);
    free(texts);
}

static void garbage_takes_no_place(void **state)
{
    fixture *self = *state;
    start(self, true);
    for (size_t i = 0; i <= DR_MEMBERSHIP_MEMBERS_MAX; i++) {
        self->redis.members[self->redis.count++] = "garbage";
    }
    self->redis.members[self->redis.count++] = NODE("a", "\"g\"");
    self->redis.nodes[0] = KEY("a");
    dr_membership_start(self->membership, self->now_ns);
    pass(self, 1100);
    assert_string_equal(hosts(self), "a");
    assert_int_equal(self->warnings, 1); /* the garbage, once */
}

static void too_many_groups(void **state)
{
    fixture *self = *state;
    start(self, true);
    char(*texts)[1024] = calloc(65, sizeof *texts);
    assert_non_null(texts);
    for (size_t i = 0; i < 65; i++) { /* 65 nodes in 64 groups each: over 4096 places */
        int len = snprintf(texts[i], sizeof texts[i],
                           "{\"node\":{\"ip\":\"n\",\"port\":1%02zu},\"group\":[\"g\"", i);
        for (int j = 1; j < 64; j++) {
            len += snprintf(texts[i] + len, sizeof texts[i] - (size_t)len, ",\"g%d\"", j);
        }
        snprintf(texts[i] + len, sizeof texts[i] - (size_t)len, "]}");
        self->redis.members[i] = texts[i];
    }
    self->redis.count = 65;
    static char keys[65][32];
    for (size_t i = 0; i < 65; i++) {
        snprintf(keys[i], sizeof keys[i], "dora.node.n.1%02zu", i);
        self->redis.nodes[i] = i < 64 ? keys[i] : NULL;
    }
    dr_membership_start(self->membership, self->now_ns);
    pass(self, 2000);
    assert_int_equal(self->warnings, 0);
    self->redis.nodes[64] = keys[64];
    pass(self, 3000);
    assert_true(dr_membership_is_up(self->membership));
    assert_int_equal(self->warnings, 1);
    assert_string_equal(self->warning,
                        "redis://r:7: more than 4096 nodes or 1024 groups; the rest is left out");
    finish(self);
    free(texts);
}

static bool torture_step(void *user)
{
    (void)user;
    dr_membership *membership;
    dr_redis_url url;
    fixture self = {.now_ns = SCENE_S};
    const dr_membership_events events = {
        .on_read = on_read, .on_warning = on_warning, .user = &self};
    assert_int_equal(dr_redis_url_read(text_slice("redis://r:7"), &url, NULL), DORA_OK);
    if (dr_membership_new(&membership, &url, true, &events) != DORA_OK) {
        return false;
    }
    dr_membership_free(membership);
    return true;
}

static void out_of_memory(void **state)
{
    fixture *self = *state;
    assert_true(torture_run(torture_step, NULL) >= 3);
    /* A reading that finds no memory says so, and the next one finds it. */
    bool has_failed = true;
    for (size_t nth = 1; has_failed; nth++) {
        start(self, true);
        self->redis.count = 1;
        self->redis.members[0] = NODE("a", "\"g\"");
        self->redis.nodes[0] = KEY("a");
        torture_arm(nth);
        dr_membership_start(self->membership, self->now_ns);
        pass(self, 1500);
        has_failed = torture_has_failed();
        torture_arm(0);
        pass(self, 1500);
        assert_string_equal(hosts(self), "a");
        assert_true(dr_membership_is_up(self->membership));
        finish(self);
        assert_true(nth < 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(fixture, first_reading),
        unit_in(fixture, key_expires),
        unit_in(fixture, members_of_the_original_are_read),
        unit_in(fixture, original_seldom),
        unit_in(fixture, messages_bring_a_reading),
        unit_in(fixture, a_redis_that_is_down_keeps_its_nodes),
        unit_in(fixture, a_refused_command_is_told),
        unit_in(fixture, malformed_members_are_passed_over),
        unit_in(fixture, too_many),
        unit_in(fixture, garbage_takes_no_place),
        unit_in(fixture, too_many_groups),
        unit_in(fixture, out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
