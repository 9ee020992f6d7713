/* test_limits.c: how many connections there may be, how often an address may call, how few lines
 * tell of it, and when a refused caller is to come again. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "unit_pool.h"

#include "base/limits.h"
#include "base/log_few.h"
#include "net/places.h"
#include "server/access/rates.h"
#include "task/room.h"
#include "wire/retry_after.h"

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
} address;

static address address_of(const char *text)
{
    address made;
    memset(&made, 0, sizeof(made));
    if (text[0] == '/') {
        made.local.sun_family = AF_UNIX;
    } else if (strchr(text, ':') != NULL) {
        char host[INET6_ADDRSTRLEN];
        const char *link = strchr(text, '%'); /* the number of the interface behind it */
        const size_t len = link != NULL ? (size_t)(link - text) : strlen(text);
        (void)snprintf(host, sizeof(host), "%.*s", (int)len, text);
        made.v6.sin6_family = AF_INET6;
        made.v6.sin6_scope_id = link != NULL ? (uint32_t)strtoul(link + 1, NULL, 10) : 0;
        assert_int_equal(inet_pton(AF_INET6, host, &made.v6.sin6_addr), 1);
    } else {
        made.v4.sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &made.v4.sin_addr), 1);
    }
    return made;
}

static dr_crowded take(dr_places *places, dr_place *place, const char *from)
{
    const address at = address_of(from);
    return dr_place_take(place, places, &at.any, 1000);
}

/* Places. */

static void without_limits_all_may_come(void **state)
{
    (void)state;
    dr_places places;
    dr_place taken[100];
    dr_places_init(&places);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(take(&places, &taken[i], "10.0.0.1"), DR_CROWDED_NOT);
    }
    assert_int_equal(places.total, 100);
    assert_null(places.rows);
    for (size_t i = 0; i < 100; i++) {
        dr_place_give(&taken[i]);
        dr_place_give(&taken[i]);
    }
    assert_int_equal(places.total, 0);
    dr_places_fini(&places);
}

static void who_operates_the_server_gets_in_beyond_the_most(void **state)
{
    (void)state;
    dr_places places;
    dr_place taken[3 * DR_PLACES_SPARE + 8];
    size_t count = 0;
    dr_places_init(&places);
    dr_places_limit(&places, 2, 0);
    assert_int_equal(take(&places, &taken[count++], "10.0.0.1"), DR_CROWDED_NOT);
    assert_int_equal(take(&places, &taken[count++], "10.0.0.2"), DR_CROWDED_NOT);
    assert_int_equal(take(&places, &taken[count], "10.0.0.3"), DR_CROWDED_ALL);
    for (uint32_t i = 0; i < DR_PLACES_SPARE; i++) {
        assert_int_equal(take(&places, &taken[count++], "127.0.0.1"), DR_CROWDED_NOT);
    }
    assert_int_equal(take(&places, &taken[count], "::1"), DR_CROWDED_ALL);
    for (uint32_t i = 0; i < DR_PLACES_SPARE; i++) {
        assert_int_equal(take(&places, &taken[count++], "/a"), DR_CROWDED_NOT);
    }
    assert_int_equal(take(&places, &taken[count], "/a"), DR_CROWDED_ALL);
    assert_int_equal(places.refused[DR_CROWDED_ALL], 3);
    assert_int_equal(places.total, count);
    dr_places_limit(&places, (uint32_t)count + 1, 0); /* a limit changes at any time */
    assert_int_equal(take(&places, &taken[count++], "10.0.0.3"), DR_CROWDED_NOT);
    while (count > 0) {
        dr_place_give(&taken[--count]);
    }
    assert_int_equal(places.total, 0);
    dr_places_fini(&places);
}

static void an_address_has_so_many_places(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        dr_crowded crowded;
    } table[] = {
        {"10.0.0.1", DR_CROWDED_NOT},
        {"10.0.0.1", DR_CROWDED_NOT},
        {"10.0.0.1", DR_CROWDED_ADDRESS},
        {"::ffff:10.0.0.1", DR_CROWDED_ADDRESS}, /* the same, as IPv6 writes it */
        {"10.0.0.2", DR_CROWDED_NOT},
        {"fd00::1", DR_CROWDED_NOT},
        {"fd00::ffff:0:0:2", DR_CROWDED_NOT}, /* of IPv6 a host has 64 bits */
        {"fd00::3", DR_CROWDED_ADDRESS},
        {"fd00:0:0:1::1", DR_CROWDED_NOT},
        {"10.1.0.1", DR_CROWDED_NOT},
        {"10.1.0.1", DR_CROWDED_NOT},
        {"a01:1::1", DR_CROWDED_NOT}, /* a network whose number is that address */
        {"fe80::1%1", DR_CROWDED_NOT},
        {"fe80::2%1", DR_CROWDED_NOT},
        {"fe80::3%1", DR_CROWDED_ADDRESS}, /* a link is one network */
        {"fe80::3%2", DR_CROWDED_NOT},     /* and another one another */
        {"/a", DR_CROWDED_NOT},            /* Unix sockets are no address */
        {"/a", DR_CROWDED_NOT},
        {"/a", DR_CROWDED_NOT},
    };
    enum { COUNT = sizeof(table) / sizeof(table[0]) };
    dr_places places;
    dr_place taken[COUNT];
    dr_places_init(&places);
    dr_places_limit(&places, 0, 2);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(take(&places, &taken[i], table[i].from), table[i].crowded);
    }
    assert_int_equal(places.refused[DR_CROWDED_ADDRESS], 4);
    dr_place_give(&taken[0]);
    assert_int_equal(take(&places, &taken[0], "10.0.0.1"), DR_CROWDED_NOT);
    for (size_t i = 0; i < COUNT; i++) {
        dr_place_give(&taken[i]);
    }
    assert_int_equal(places.total, 0);
    for (uint32_t i = 0; i < DR_PLACES_ROWS; i++) {
        assert_null(places.rows[i]);
    }
    dr_places_fini(&places);
}

static void many_addresses_are_told_apart(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    static dr_place taken[MANY];
    dr_places places;
    dr_place more;
    dr_places_init(&places);
    dr_places_limit(&places, 0, 1);
    for (uint32_t i = 0; i < MANY; i++) {
        const address at = {.v4 = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000000 + i)}}};
        assert_int_equal(dr_place_take(&taken[i], &places, &at.any, 1), DR_CROWDED_NOT);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        const address at = {.v4 = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000000 + i)}}};
        assert_int_equal(dr_place_take(&more, &places, &at.any, 1), DR_CROWDED_ADDRESS);
        dr_place_give(&taken[i]);
    }
    assert_int_equal(places.total, 0);
    dr_places_fini(&places);
}

/* Rates. */

static dr_ip ip_of(const char *text)
{
    dr_ip ip;
    assert_true(dr_ip_read(text, &ip));
    return ip;
}

static void a_burst_then_so_many_a_second(void **state)
{
    (void)state;
    dr_rates rates;
    const dr_ip one = ip_of("10.0.0.1");
    const dr_ip other = ip_of("10.0.0.2");
    dr_rates_init(&rates);
    dr_rates_limit(&rates, 4, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dr_rates_take(&rates, &one, 5000), 0);
    }
    assert_int_equal(dr_rates_take(&rates, &one, 5000), 250);
    assert_int_equal(dr_rates_take(&rates, &one, 5249), 1);
    assert_int_equal(dr_rates_take(&rates, &other, 5249), 0);
    assert_int_equal(dr_rates_take(&rates, &one, 5250), 0);
    assert_int_equal(dr_rates_take(&rates, &one, 5250), 250);
    assert_int_equal(rates.refused, 3);
    for (int i = 0; i < 3; i++) { /* no more than the burst gathers, however long it takes */
        assert_int_equal(dr_rates_take(&rates, &one, UINT64_MAX / 2), 0);
    }
    assert_int_equal(dr_rates_take(&rates, &one, UINT64_MAX / 2), 250);
    dr_rates_fini(&rates);
}

static void a_rate_can_change_and_end(void **state)
{
    (void)state;
    dr_rates rates;
    const dr_ip one = ip_of("fd00::1");
    const dr_ip neighbour = ip_of("fd00::2");
    dr_rates_init(&rates);
    assert_false(dr_rates_are_limited(&rates));
    dr_rates_limit(&rates, 2, 0); /* a burst of a second's */
    assert_true(dr_rates_are_limited(&rates));
    assert_int_equal(dr_rates_take(&rates, &one, 1), 0);
    assert_int_equal(dr_rates_take(&rates, &neighbour, 1), 0);
    assert_int_equal(dr_rates_take(&rates, &one, 1), 500);
    dr_rates_limit(&rates, 1000, 1); /* what was left does not go over the new most */
    assert_int_equal(dr_rates_take(&rates, &one, 2), 0);
    assert_int_equal(dr_rates_take(&rates, &one, 2), 1);
    dr_rates_limit(&rates, 2000, 1); /* a burst of less than a millisecond's is one, too */
    assert_int_equal(dr_rates_take(&rates, &one, 10), 0);
    assert_int_equal(dr_rates_take(&rates, &one, 10), 1);
    dr_rates_limit(&rates, 0, 0);
    assert_false(dr_rates_are_limited(&rates));
    assert_int_equal(dr_rates_take(&rates, &one, 2), 0);
    dr_rates_fini(&rates);
}

/* Whoever has used up its calls stays known while addresses come that make one each. */
static void who_calls_much_is_not_forgotten_for_who_calls_little(void **state)
{
    (void)state;
    const dr_bucket_rule rule = {.a_second = 1, .most = 8};
    const dr_ip busy = ip_of("10.0.0.1");
    dr_buckets buckets;
    dr_buckets_init(&buckets, 1); /* all addresses share one set */
    for (int i = 0; i < 8; i++) {
        assert_int_equal(dr_buckets_take(&buckets, &busy, &rule, 5000), 0);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        const dr_ip ip = {.family = 4, .bytes = {11, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        assert_int_equal(dr_buckets_take(&buckets, &ip, &rule, 5000), 0);
    }
    assert_int_equal(dr_buckets_take(&buckets, &busy, &rule, 5000), 1000);
    dr_buckets_fini(&buckets);
}

/* Lines. */

static void few_lines_are_written_and_the_others_counted(void **state)
{
    (void)state;
    dr_log_few few = {0};
    uint32_t unsaid;
    const uint64_t now_ms = 50000;
    for (uint32_t i = 0; i < DR_LOG_FEW_MAX; i++) {
        assert_true(dr_log_few_may(&few, now_ms, &unsaid));
        assert_int_equal(unsaid, 0);
    }
    assert_false(dr_log_few_may(&few, now_ms, &unsaid));
    assert_false(dr_log_few_may(&few, now_ms - 5, &unsaid)); /* by another loop's clock */
    assert_false(dr_log_few_may(&few, now_ms + DR_LOG_FEW_MS - 1, &unsaid));
    assert_true(dr_log_few_may(&few, now_ms + DR_LOG_FEW_MS, &unsaid));
    assert_int_equal(unsaid, 3);
    assert_true(dr_log_few_may(&few, now_ms + DR_LOG_FEW_MS, &unsaid));
    assert_int_equal(unsaid, 0);
}

/* When to come again. */

static uint32_t retry_of(const char *data)
{
    return dr_retry_after_of((dora_slice){data, strlen(data)});
}

static void the_data_of_a_refusal_says_when(void **state)
{
    (void)state;
    dr_buf out = {0};
    assert_int_equal(dr_retry_after_put(&out, 0), DORA_OK);
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.data, "a:0:{}", 6);
    dr_buf_clear(&out);
    assert_int_equal(dr_retry_after_put(&out, 250), DORA_OK);
    assert_memory_equal(out.data, "a:1:{s:14:\"retry_after_ms\";i:250;}", out.len);
    assert_int_equal(dr_retry_after_of(dr_buf_slice(&out)), 250);
    dr_buf_fini(&out);
    assert_int_equal(retry_of("a:2:{s:1:\"x\";a:1:{i:0;N;}s:14:\"retry_after_ms\";i:7;}"), 7);
    assert_int_equal(retry_of("a:1:{s:14:\"retry_after_ms\";i:30001;}"), DR_RETRY_AFTER_MS_MAX);
    static const char *const none[] = {"",
                                       "N;",
                                       "a:0:{}",
                                       "i:5;",
                                       "a:1:{s:14:\"retry_after_ms\";i:0;}",
                                       "a:1:{s:14:\"retry_after_ms\";i:-5;}",
                                       "a:1:{s:14:\"retry_after_ms\";s:1:\"5\";}",
                                       "a:1:{s:14:\"retry_after_ms\";",
                                       "a:1:{i:0;i:5;}",
                                       "a:2:{s:1:\"x\";"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(retry_of(none[i]), 0);
    }
}

typedef struct full {
    dr_pool pool;
    int event_fd;
} full;

static void tear_down(full *self)
{
    unit_pool_end(&self->pool, &self->event_fd);
}
UNIT_SCENE(full, tear_down)

#define MS UINT64_C(1000000)

static void begin(full *self, uint32_t workers)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = workers,
                                   .queue_tasks_max = 100,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    for (uint32_t i = 0; i < workers; i++) {
        (void)unit_pool_worker(&self->pool);
    }
}

static void fill(full *self, uint32_t tasks, uint64_t submitted_ns)
{
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .owner = self,
                                 .submitted_ns = submitted_ns};
    for (uint32_t i = 0; i < tasks; i++) {
        (void)unit_pool_submit(&self->pool, &input);
    }
}

static void room_comes_as_what_waits_is_done(void **state)
{
    full *at = *state;
    begin(at, 2);
    at->pool.costs[0].run_ns = 100 * MS;
    fill(at, 2 + 19, 1000 * MS); /* 19 wait, and the one that is refused makes 20 */
    assert_int_equal(at->pool.queue.count, 19);
    assert_int_equal(dr_room_ms(&at->pool, 1000 * MS), 20 * 100 / 2 / 2);
    at->pool.costs[0].run_ns = 1;
    assert_int_equal(dr_room_ms(&at->pool, 1000 * MS), DR_RETRY_AFTER_MS_MIN);
    at->pool.costs[0].run_ns = UINT64_MAX;
    assert_int_equal(dr_room_ms(&at->pool, 1000 * MS), DR_RETRY_AFTER_MS_MAX);
}

static void what_never_ended_takes_as_long_as_it_has_waited(void **state)
{
    full *at = *state;
    begin(at, 1);
    fill(at, 1 + 3, 1000 * MS);
    assert_int_equal(dr_room_ms(&at->pool, 1000 * MS), DR_RETRY_AFTER_MS_MIN);
    assert_int_equal(dr_room_ms(&at->pool, 1500 * MS), 4 * 500 / 2);
}

static void a_pool_without_workers_is_asked_later(void **state)
{
    full *at = *state;
    begin(at, 1);
    at->pool.live_count = 0;
    at->pool.unhealthy = true;
    assert_int_equal(dr_room_ms(&at->pool, 1000 * MS), DR_RETRY_AFTER_MS_USUAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_all_may_come),
        cmocka_unit_test(who_operates_the_server_gets_in_beyond_the_most),
        cmocka_unit_test(an_address_has_so_many_places),
        cmocka_unit_test(many_addresses_are_told_apart),
        cmocka_unit_test(a_burst_then_so_many_a_second),
        cmocka_unit_test(a_rate_can_change_and_end),
        cmocka_unit_test(who_calls_much_is_not_forgotten_for_who_calls_little),
        cmocka_unit_test(few_lines_are_written_and_the_others_counted),
        cmocka_unit_test(the_data_of_a_refusal_says_when),
        unit_in(full, room_comes_as_what_waits_is_done),
        unit_in(full, what_never_ended_takes_as_long_as_it_has_waited),
        unit_in(full, a_pool_without_workers_is_asked_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
