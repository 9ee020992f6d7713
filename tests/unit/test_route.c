/* test_route.c: which pool serves a name: exact before pattern, longer before shorter, fallbacks
 * last; and every clash is an error that names both pools. */
#include "unit.h"

#include "server/call/route.h"

/* town is two pools and what their applications registered. */
typedef struct town {
    dr_config config;
    dr_pool_config pools[2];
    dr_names names[2];
    dr_routes *routes;
    char *apis[2][4];
} town;

static void settle(town *self, uint32_t pool, const char *name, const char *const *names,
                   bool has_fallback, const char *const *apis)
{
    dr_pool_config *config = &self->pools[pool];
    dr_names *own = &self->names[pool];
    config->name = (char *)(uintptr_t)name;
    own->has_fallback = has_fallback;
    own->items = calloc(8, sizeof(*own->items));
    assert_non_null(own->items);
    for (; *names != NULL; names++) {
        (void)snprintf(own->items[own->count++], sizeof(*own->items), "%s", *names);
    }
    for (; *apis != NULL; apis++) {
        self->apis[pool][config->apis.count++] = (char *)(uintptr_t)*apis;
    }
    config->apis.items = self->apis[pool];
}

static town *town_new(void)
{
    town *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    self->config.pools = self->pools;
    self->config.pool_count = 2;
    return self;
}

static void town_free(town *self)
{
    dr_routes_free(self->routes);
    free(self->names[0].items);
    free(self->names[1].items);
    free(self);
}

static const char *const none[] = {NULL};

static void expect(town *self, const char *name, uint32_t pool, uint32_t api)
{
    dr_route route = {99, 99, 99};
    assert_true(dr_routes_find(self->routes, text_slice(name), &route));
    assert_int_equal(route.pool, pool);
    assert_int_equal(route.api, api);
}

static void names_find_their_pool(void **state)
{
    (void)state;
    dora_error error;
    town *self = town_new();
    const char *const users[] = {"/user/get", "/user/find", NULL};
    const char *const orders[] = {"/order/get", NULL};
    settle(self, 0, "users", users, false, none);
    settle(self, 1, "orders", orders, true, none);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error), DORA_OK);
    expect(self, "/user/get", 0, 0);
    expect(self, "/user/find", 0, 1);
    expect(self, "/order/get", 1, 0);
    expect(self, "/anything", 1, 1); /* the fallback stands behind the names */
    town_free(self);
}

static void the_longest_pattern_wins(void **state)
{
    (void)state;
    dora_error error;
    dr_route route;
    town *self = town_new();
    const char *const names[] = {"/user/get", "/user/admin/get", NULL};
    const char *const wide[] = {"/user/*", NULL};
    const char *const narrow[] = {"/user/admin/*", NULL};
    settle(self, 0, "wide", names, false, wide);
    settle(self, 1, "narrow", names, false, narrow);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error), DORA_OK);
    expect(self, "/user/get", 0, 0);
    expect(self, "/user/admin/get", 1, 1);
    assert_false(dr_routes_find(self->routes, text_slice("/user/none"), &route));
    assert_false(dr_routes_find(self->routes, text_slice("/other"), &route));
    town_free(self);
}

/* A reload frees the applications' own lists, and asks where an api of the old one is now. */
static void routes_keep_names_of_their_own(void **state)
{
    (void)state;
    dora_error error;
    dr_route route = {99, 99, 99};
    town *self = town_new();
    const char *const users[] = {"/user/get", "/user/find", NULL};
    const char *const orders[] = {"/order/get", NULL};
    settle(self, 0, "users", users, false, none);
    settle(self, 1, "orders", orders, true, none);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error), DORA_OK);
    memset(self->names[0].items, 'x', 8 * sizeof(*self->names[0].items));
    expect(self, "/user/find", 0, 1);
    assert_true(dr_routes_own(self->routes, 0, text_slice("/user/find"), &route));
    assert_int_equal(route.api, 1);
    assert_false(dr_routes_own(self->routes, 0, text_slice("/user/new"), &route));
    assert_true(dr_routes_own(self->routes, 1, text_slice("/user/new"), &route));
    assert_int_equal(route.api, 1); /* the fallback */
    town_free(self);
}

/* However a call finds its handler, it finds the handler's time limit. */
static void a_route_has_the_time_limit_of_its_api(void **state)
{
    (void)state;
    dora_error error;
    dr_route route;
    town *self = town_new();
    const char *const users[] = {"/user/get", "/user/find", NULL};
    const char *const orders[] = {"/order/get", "/order/find", NULL};
    const char *const patterns[] = {"/order/*", NULL};
    dr_about users_about[] = {{.own_limit_ms = 100}, {.own_limit_ms = DR_LIMIT_NONE}};
    dr_about orders_about[] = {{.own_limit_ms = 300}, {.own_limit_ms = 0}};
    settle(self, 0, "users", users, false, none);
    settle(self, 1, "orders", orders, true, patterns);
    self->names[0].abouts = users_about;
    self->names[1].abouts = orders_about;
    self->names[1].fallback.own_limit_ms = 500;
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error), DORA_OK);
    static const struct {
        const char *name;
        uint32_t own_limit_ms;
    } cases[] = {{"/user/get", 100},
                 {"/user/find", DR_LIMIT_NONE},
                 {"/order/get", 300},
                 {"/order/find", 0},
                 {"/order/other", 500}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(dr_routes_find(self->routes, text_slice(cases[i].name), &route));
        assert_int_equal(route.own_limit_ms, cases[i].own_limit_ms);
    }
    town_free(self);
}

/* Freeing the newest table frees those it replaced. */
static void older_routes_go_with_the_newest(void **state)
{
    (void)state;
    dora_error error;
    dr_routes *newest = NULL;
    town *self = town_new();
    const char *const users[] = {"/user/get", NULL};
    settle(self, 0, "users", users, false, none);
    settle(self, 1, "orders", none, true, none);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error), DORA_OK);
    assert_int_equal(dr_routes_new(&newest, &self->config, self->names, &error), DORA_OK);
    newest->older = self->routes;
    self->routes = newest;
    expect(self, "/user/get", 0, 0);
    town_free(self);
}

static void a_name_in_two_pools_is_refused(void **state)
{
    (void)state;
    dora_error error;
    town *self = town_new();
    const char *const names[] = {"/user/get", NULL};
    settle(self, 0, "old", names, false, none);
    settle(self, 1, "new", names, false, none);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error),
                     DORA_ECONFIG);
    assert_non_null(strstr(error.msg, "/user/get"));
    assert_non_null(strstr(error.msg, "pool old"));
    assert_non_null(strstr(error.msg, "pool new"));
    town_free(self);
}

static void two_fallbacks_are_refused(void **state)
{
    (void)state;
    dora_error error;
    town *self = town_new();
    settle(self, 0, "old", none, true, none);
    settle(self, 1, "new", none, true, none);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error),
                     DORA_ECONFIG);
    assert_non_null(strstr(error.msg, "*"));
    town_free(self);
}

static void a_listed_api_must_exist(void **state)
{
    (void)state;
    dora_error error;
    town *self = town_new();
    const char *const names[] = {"/user/get", NULL};
    const char *const listed[] = {"/user/got", NULL};
    settle(self, 0, "users", names, false, listed);
    settle(self, 1, "rest", none, true, none);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, self->names, &error),
                     DORA_ECONFIG);
    assert_non_null(strstr(error.msg, "pools.users.apis"));
    assert_non_null(strstr(error.msg, "/user/got"));
    town_free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_their_pool),
        cmocka_unit_test(the_longest_pattern_wins),
        cmocka_unit_test(routes_keep_names_of_their_own),
        cmocka_unit_test(a_route_has_the_time_limit_of_its_api),
        cmocka_unit_test(older_routes_go_with_the_newest),
        cmocka_unit_test(a_name_in_two_pools_is_refused),
        cmocka_unit_test(two_fallbacks_are_refused),
        cmocka_unit_test(a_listed_api_must_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
