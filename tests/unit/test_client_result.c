/* test_client_result.c: one result by its guid, among others who collect. */
#include "scene.h"

#include "base/clock.h"
#include "client/blocking/share.h"

static dora_slice submit(scene *s, const char *name, const char *param, char guid[33])
{
    assert_int_equal(scene_submit(s, name, param), DORA_OK);
    memcpy(guid, dora_answer_guid(s->answer), 33);
    return (dora_slice){guid, 32};
}

static dora_err ask(scene *s, dora_slice guid, uint32_t timeout_ms, dora_collection **got)
{
    const dora_call_options options = {.timeout_ms = timeout_ms};
    return dora_client_result(s->client, guid, &options, got, &s->error);
}

static void expect(scene *s, dora_slice guid, const char *data)
{
    dora_collection *got = NULL;
    assert_int_equal(ask(s, guid, 0, &got), DORA_OK);
    assert_int_equal(dora_collection_count(got), 1);
    assert_memory_equal(dora_collection_at(got, 0)->guid, guid.data, guid.len);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_OK);
    scene_expect_data(dora_collection_at(got, 0)->answer, 0, data);
    dora_collection_free(got);
}

static void expect_none(const dora_collection *got, size_t index)
{
    const dora_collected *item = dora_collection_at(got, index);
    assert_non_null(item);
    assert_int_equal(item->err, DORA_ECLOSED);
    assert_int_equal(item->error->code, DORA_CODE_RESULT_LOST);
    assert_null(dora_answer_result(item->answer, 0));
}

static void expect_gone(scene *s, dora_slice guid)
{
    dora_collection *got = NULL;
    assert_int_equal(ask(s, guid, 0, &got), DORA_OK);
    assert_int_equal(dora_collection_count(got), 1);
    expect_none(got, 0);
    dora_collection_free(got);
}

static void in_any_order(void **state)
{
    scene *s = *state;
    char guids[3][33];
    dora_slice one;
    scene_begin(s, NULL);
    one = submit(s, "/echo", "i:1;", guids[0]);
    dora_slice two = submit(s, "/late", "i:2;", guids[1]);
    dora_slice three = submit(s, "/echo", "i:3;", guids[2]);
    expect(s, three, "i:3;");
    assert_int_equal(dora_client_pending(s->client), 2);
    bad_server_release(&s->server, 0);
    expect(s, two, "i:2;");
    expect_gone(s, two);
    scene_expect_one(s, "i:1;", true);
    expect_gone(s, one);
    assert_int_equal(atomic_load(&s->server.conns), 1);
}

/* It is outstanding until it was given: after its time, and when a signal ended the wait. */
static void again_after_its_time(void **state)
{
    scene *s = *state;
    dora_collection *got = NULL;
    char text[33];
    scene_begin(s, NULL);
    dora_slice guid = submit(s, "/late", "i:1;", text);
    assert_int_equal(ask(s, guid, 20, &got), DORA_ETIMEDOUT);
    assert_null(got);
    assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
    assert_int_equal(dora_client_pending(s->client), 1);
    scene_expect_echo(s); /* and the connection serves on */
    assert_int_equal(atomic_load(&s->server.conns), 1);
    bad_server_release(&s->server, 0);
    expect(s, guid, "i:1;");
}

static void lost_with_its_connection(void **state)
{
    scene *s = *state;
    char text[33];
    scene_begin(s, NULL);
    dora_slice guid = submit(s, "/late", "i:1;", text);
    bad_server_release(&s->server, -1);
    expect_gone(s, guid);
    assert_int_equal(dora_client_pending(s->client), 0);
}

static void an_unknown_guid_is_gone(void **state)
{
    scene *s = *state;
    dora_collection *got = NULL;
    scene_begin(s, NULL);
    expect_gone(s, text_slice("0123456789abcdef0123456789abcdef"));
    assert_int_equal(ask(s, text_slice("short"), 0, &got), DORA_EINVAL);
    assert_null(got);
    assert_string_equal(s->error.msg, "a guid of a submission has 32 bytes; this one has 5");
}

static void only_these_are_collected(void **state)
{
    scene *s = *state;
    char texts[3][33];
    dora_slice guids[5];
    dora_collection *got = NULL;
    scene_begin(s, NULL);
    guids[0] = submit(s, "/echo", "i:0;", texts[0]);
    guids[1] = submit(s, "/never", "i:1;", texts[1]);
    dora_slice other = submit(s, "/echo", "i:2;", texts[2]);
    guids[2] = guids[0];
    guids[3] = text_slice("0123456789abcdef0123456789abcdef");
    const dora_call_options options = {.timeout_ms = 1500};
    assert_int_equal(dora_client_collect_these(s->client, guids, 4, &options, &got, &s->error),
                     DORA_OK);
    assert_int_equal(dora_collection_count(got), 3);
    expect_none(got, 0);
    assert_memory_equal(dora_collection_at(got, 0)->guid, guids[3].data, 32);
    scene_expect_data(dora_collection_at(got, 1)->answer, 0, "i:0;");
    assert_int_equal(dora_collection_at(got, 2)->err, DORA_ETIMEDOUT);
    dora_collection_free(got);
    assert_int_equal(dora_client_pending(s->client), 1);
    expect(s, other, "i:2;");
    assert_int_equal(dora_client_collect_these(s->client, NULL, 0, NULL, &got, NULL), DORA_OK);
    assert_int_equal(dora_collection_count(got), 0);
    dora_collection_free(got);
}

typedef struct asker {
    scene *s;
    dora_slice guid; /* empty: everything */
    dora_collection *got;
    dora_err err;
    unit_threads thread;
} asker;

/* A scene whose client is asked by threads. */
typedef struct asking {
    scene s;
    asker askers[3];
    atomic_int wrong;
    atomic_int number;
} asking;

static void asking_end(asking *at)
{
    (void)unit_threads_join(&at->s.threads);
    for (size_t i = 0; i < 3; i++) {
        (void)unit_threads_join(&at->askers[i].thread);
        dora_collection_free(at->askers[i].got);
    }
    scene_end(&at->s);
}
UNIT_SCENE(asking, asking_end)

static void *asker_main(void *user)
{
    asker *a = user;
    a->err = a->guid.len > 0 ? dora_client_result(a->s->client, a->guid, NULL, &a->got, NULL)
                             : dora_client_collect(&a->s->client, 1, NULL, &a->got, NULL);
    return NULL;
}

/* Begins to ask in a thread, and returns once that has claimed what it wants. */
static void asker_begin(asker *a, scene *s, dora_slice guid, size_t shares)
{
    *a = (asker){.s = s, .guid = guid};
    unit_threads_start(&a->thread, 1, asker_main, a);
    uint64_t deadline_ms = dr_clock_ms() + 60000;
    size_t claiming = 0;
    while (claiming < shares) {
        assert_true(dr_clock_ms() < deadline_ms);
        claiming = 0;
        pthread_mutex_lock(&s->client->lock);
        for (const dr_share *share = s->client->shares; share != NULL; share = share->next) {
            claiming += share->waiting > 0 ? 1 : 0;
        }
        pthread_mutex_unlock(&s->client->lock);
    }
}

/* Who asks for one gets it, whether a collect of everything began before or after. */
static void never_by_a_collect(void **state)
{
    asking *at = *state;
    scene *s = &at->s;
    asker *collector = &at->askers[0];
    asker *by_guid = &at->askers[1];
    asker *first_responder = &at->askers[2];
    char texts[3][33];
    scene_begin(s, NULL);
    dora_slice first = submit(s, "/late", "i:1;", texts[0]);
    dora_slice second = submit(s, "/late", "i:2;", texts[1]);
    submit(s, "/late", "i:3;", texts[2]);
    asker_begin(first_responder, s, first, 1);
    asker_begin(collector, s, (dora_slice){NULL, 0}, 2);
    asker_begin(by_guid, s, second, 3);
    bad_server_release(&s->server, 0);
    (void)unit_threads_join(&collector->thread);
    (void)unit_threads_join(&first_responder->thread);
    (void)unit_threads_join(&by_guid->thread);
    assert_int_equal(collector->err, DORA_OK);
    assert_int_equal(dora_collection_count(collector->got), 1);
    scene_expect_data(dora_collection_at(collector->got, 0)->answer, 0, "i:3;");
    scene_expect_data(dora_collection_at(first_responder->got, 0)->answer, 0, "i:1;");
    scene_expect_data(dora_collection_at(by_guid->got, 0)->answer, 0, "i:2;");
    assert_int_equal(dora_client_pending(s->client), 0);
}

static void asked_twice_at_once(void **state)
{
    asking *at = *state;
    scene *s = &at->s;
    asker *first = &at->askers[0];
    char text[33];
    scene_begin(s, NULL);
    dora_slice guid = submit(s, "/late", "i:1;", text);
    asker_begin(first, s, guid, 1);
    expect_gone(s, guid);
    dora_client_forget(s->client); /* not what somebody waits for */
    bad_server_release(&s->server, 0);
    (void)unit_threads_join(&first->thread);
    scene_expect_data(dora_collection_at(first->got, 0)->answer, 0, "i:1;");
}

/* Another thread takes all of it: who collected everything has nothing to wait for any more. */
static void a_collect_that_loses_all_ends(void **state)
{
    asking *at = *state;
    scene *s = &at->s;
    asker *collector = &at->askers[0];
    asker *by_guid = &at->askers[1];
    char text[33];
    scene_begin(s, NULL);
    dora_slice guid = submit(s, "/late", "i:1;", text);
    const uint64_t began_ms = dr_clock_ms();
    asker_begin(collector, s, (dora_slice){NULL, 0}, 1);
    *by_guid = (asker){.s = s, .guid = guid};
    unit_threads_start(&by_guid->thread, 1, asker_main, by_guid);
    (void)unit_threads_join(&collector->thread);
    assert_true(dr_clock_ms() - began_ms < 10000); /* it has not waited its time out */
    assert_int_equal(collector->err, DORA_OK);
    assert_int_equal(dora_collection_count(collector->got), 0);
    bad_server_release(&s->server, 0);
    (void)unit_threads_join(&by_guid->thread);
    assert_int_equal(by_guid->err, DORA_OK);
    scene_expect_data(dora_collection_at(by_guid->got, 0)->answer, 0, "i:1;");
}

static void wait_until_done(scene *s, dora_slice guid)
{
    const uint64_t deadline_ms = dr_clock_ms() + 60000;
    while (!dora_client_is_done(s->client, guid)) {
        assert_true(dr_clock_ms() < deadline_ms);
    }
}

static void is_done_takes_nothing(void **state)
{
    asking *at = *state;
    scene *s = &at->s;
    asker *collector = &at->askers[0];
    char texts[2][33];
    scene_begin(s, NULL);
    dora_slice late = submit(s, "/late", "i:1;", texts[0]);
    dora_slice early = submit(s, "/echo", "i:2;", texts[1]);
    wait_until_done(s, early);
    assert_false(dora_client_is_done(s->client, late));
    assert_int_equal(dora_client_pending(s->client), 2);
    expect(s, early, "i:2;");
    assert_true(dora_client_is_done(s->client, early)); /* it is not outstanding any more */
    assert_true(dora_client_is_done(s->client, text_slice("short")));
    asker_begin(collector, s, (dora_slice){NULL, 0}, 1);
    for (int i = 0; i < 1000; i++) {
        assert_false(dora_client_is_done(s->client, late));
    }
    bad_server_release(&s->server, 0);
    wait_until_done(s, late);
    (void)unit_threads_join(&collector->thread);
    assert_int_equal(dora_collection_count(collector->got), 1);
    late = submit(s, "/late", "i:3;", texts[0]);
    assert_false(dora_client_is_done(s->client, late));
    bad_server_release(&s->server, -1);
    wait_until_done(s, late);
    expect_gone(s, late);
}

/* Each submits on the one client and wants its own. */
static void *member_main(void *user)
{
    asking *c = user;
    char param[32];
    dora_answer *answer = dora_answer_new();
    for (int i = 0; i < 64; i++) {
        dora_collection *got = NULL;
        int number = atomic_fetch_add(&c->number, 1);
        scene_param(param, number);
        const dora_call one = {.name = text_slice("/echo"), .param = text_slice(param)};
        bool is_good = dora_client_submit(c->s.client, &one, NULL, answer, NULL) == DORA_OK;
        dora_slice guid = {dora_answer_guid(answer), 32};
        is_good = is_good && dora_client_result(c->s.client, guid, NULL, &got, NULL) == DORA_OK &&
                  dora_collection_at(got, 0)->err == DORA_OK &&
                  scene_number(dora_collection_at(got, 0)) == number;
        atomic_fetch_add(&c->wrong, is_good ? 0 : 1);
        dora_collection_free(got);
    }
    dora_answer_free(answer);
    return NULL;
}

static void threads_wait_for_their_own(void **state)
{
    asking *at = *state;
    scene *s = &at->s;
    scene_begin(s, NULL);
    unit_threads_start(&s->threads, 6, member_main, at);
    (void)unit_threads_join(&s->threads);
    assert_int_equal(atomic_load(&at->wrong), 0);
    assert_int_equal(dora_client_pending(s->client), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, in_any_order),
        unit_in(scene, again_after_its_time),
        unit_in(scene, lost_with_its_connection),
        unit_in(scene, an_unknown_guid_is_gone),
        unit_in(scene, only_these_are_collected),
        unit_in(asking, never_by_a_collect),
        unit_in(asking, asked_twice_at_once),
        unit_in(asking, a_collect_that_loses_all_ends),
        unit_in(asking, is_done_takes_nothing),
        unit_in(asking, threads_wait_for_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
