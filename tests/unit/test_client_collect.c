/* test_client_collect.c: results that come later: each exactly once, whatever happens between. */
#include "scene.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/client.h"
#include "torture.h"

#define SERVERS 3
#define SUBMISSIONS 100

static void numbered(char param[32], int number)
{
    snprintf(param, 32, "i:%d;", number);
}

/* The number that a submission echoed. */
static int number_of(const dora_collected *item)
{
    const dora_result *result = dora_answer_result(item->answer, 0);
    assert_non_null(result);
    return (int)strtol(result->data.data + 2, NULL, 10);
}

/* Some results come early, some late and in reverse, one server dies: each ends exactly once. */
static void test_hundred(void **state)
{
    (void)state;
    static bad_server servers[SERVERS];
    scene s = {.client = NULL};
    char guids[SUBMISSIONS][33];
    char param[32];
    scene_begin(&s, "127.0.0.1:1");
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = (bad_server){.port = 0};
        bad_server_start(&servers[i]);
    }
    for (int i = 0; i < SUBMISSIONS; i++) {
        const char *name = i % 10 == 4 ? "/echo" : "/late";
        numbered(param, i);
        const dora_call one = {.name = text_slice(name), .param = text_slice(param)};
        const dora_call_options options = {.node = servers[i % SERVERS].address};
        assert_int_equal(dora_client_submit(s.client, &one, &options, s.answer, &s.error), DORA_OK);
        memcpy(guids[i], dora_answer_guid(s.answer), 33);
    }
    assert_int_equal(dora_client_pending(s.client), SUBMISSIONS);
    for (int i = 0; i < SERVERS; i++) {
        assert_int_equal(atomic_load(&servers[i].conns), 1);
        bad_server_release(&servers[i], i == 1 ? -1 : 0);
    }
    dora_collection *got = scene_collect(&s, 0);
    assert_int_equal(dora_collection_count(got), SUBMISSIONS);
    for (int i = 0; i < SUBMISSIONS; i++) {
        const dora_collected *item = dora_collection_at(got, (size_t)i);
        assert_string_equal(item->guid, guids[i]);
        if (i % SERVERS == 1 && i % 10 != 4) {
            assert_int_equal(item->err, DORA_ECLOSED);
            assert_int_equal(item->error->code, DORA_CODE_RESULT_LOST);
            assert_null(dora_answer_result(item->answer, 0));
        } else {
            assert_int_equal(item->err, DORA_OK);
            assert_int_equal(number_of(item), i);
        }
    }
    dora_collection_free(got);
    assert_int_equal(dora_client_pending(s.client), 0);
    scene_end(&s);
    for (int i = 0; i < SERVERS; i++) {
        bad_server_stop(&servers[i]);
    }
}

static void expect_one(scene *s, const char *data, bool came_early)
{
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), 1);
    const dora_collected *item = dora_collection_at(got, 0);
    assert_int_equal(item->err, DORA_OK);
    assert_int_equal(item->came_early, came_early);
    scene_expect_data(item->answer, 0, data);
    dora_collection_free(got);
}

static void expect_failed(scene *s, uint32_t timeout_ms, dora_err err, int64_t code)
{
    dora_collection *got = scene_collect(s, timeout_ms);
    assert_int_equal(dora_collection_count(got), 1);
    const dora_collected *item = dora_collection_at(got, 0);
    assert_int_equal(item->err, err);
    assert_int_equal(item->error->err, err);
    assert_int_equal(item->error->code, code);
    assert_int_equal(strlen(item->guid), 32);
    assert_null(dora_answer_result(item->answer, 0));
    dora_collection_free(got);
}

static void test_came_early(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    assert_int_equal(scene_submit(&s, "/late", "i:1;"), DORA_OK);
    assert_int_equal(scene_call(&s, "/flush", "i:2;", 0), DORA_OK);
    scene_expect_data(s.answer, 0, "i:2;");
    expect_one(&s, "i:1;", true);
    assert_int_equal(scene_submit(&s, "/late", "i:3;"), DORA_OK);
    bad_server_release(&s.server, 0);
    expect_one(&s, "i:3;", false);
    assert_int_equal(atomic_load(&s.server.conns), 1);
    scene_end(&s);
}

static void test_late_result_is_nobodys(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scene_submit(&s, "/late", "i:1;"), DORA_OK);
        if (i == 0) {
            expect_failed(&s, 30, DORA_ETIMEDOUT, DORA_CODE_RECEIVE);
        } else {
            dora_client_forget(s.client);
        }
        assert_int_equal(dora_client_pending(s.client), 0);
        bad_server_release(&s.server, 0);
        scene_expect_echo(&s);
        dora_collection *got = scene_collect(&s, 30);
        assert_int_equal(dora_collection_count(got), 0);
        dora_collection_free(got);
    }
    scene_end(&s);
}

/* A call that times out leaves the connection to the submissions, and its reply comes too late. */
static void test_late_reply_is_nobodys(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    assert_int_equal(scene_submit(&s, "/late", "i:1;"), DORA_OK);
    assert_int_equal(scene_call(&s, "/late", "i:2;", 30), DORA_ETIMEDOUT);
    bad_server_wait(&s.server, 2);
    bad_server_release(&s.server, 0);
    scene_expect_echo(&s);
    assert_int_equal(atomic_load(&s.server.conns), 1);
    expect_one(&s, "i:1;", true);
    scene_end(&s);
    s = (scene){.client = NULL};
    scene_begin(&s, NULL);
    assert_int_equal(scene_call(&s, "/late", "i:2;", 30), DORA_ETIMEDOUT); /* without: closed */
    scene_expect_echo(&s);
    bad_server_release(&s.server, 0);
    scene_expect_echo(&s);
    assert_int_equal(atomic_load(&s.server.conns), 2);
    scene_end(&s);
}

static void test_connection_breaks(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    assert_int_equal(scene_submit(&s, "/lose", ""), DORA_OK);
    expect_failed(&s, 0, DORA_ECLOSED, DORA_CODE_RESULT_LOST);
    /* found by a call, which looks at a connection that was not used for a while */
    assert_int_equal(scene_submit(&s, "/echo", "i:1;"), DORA_OK);
    assert_int_equal(scene_submit(&s, "/late", "i:2;"), DORA_OK);
    bad_server_release(&s.server, -1);
    s.client->keep.all->used_ns = 0;
    uint64_t deadline_ms = dr_clock_ms() + 10000;
    while (s.client->pending.last->is_done == false) {
        assert_true(dr_clock_ms() < deadline_ms);
        s.client->keep.all->used_ns = 0;
        scene_expect_echo(&s);
    }
    dora_collection *got = scene_collect(&s, 0);
    assert_int_equal(dora_collection_count(got), 2);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_OK);
    assert_true(dora_collection_at(got, 0)->came_early);
    assert_int_equal(dora_collection_at(got, 1)->err, DORA_ECLOSED);
    dora_collection_free(got);
    scene_end(&s);
}

static void test_garbage_loses(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    assert_int_equal(scene_submit(&s, "/late", ""), DORA_OK);
    assert_int_equal(scene_call(&s, "/garbage", "", 0), DORA_EPROTO);
    expect_failed(&s, 0, DORA_ECLOSED, DORA_CODE_RESULT_LOST);
    scene_end(&s);
}

/* What a stopping server has accepted it still answers; new calls go to another connection. */
static void test_stopping_keeps_results(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    assert_int_equal(scene_submit(&s, "/late", "i:1;"), DORA_OK);
    atomic_store(&s.server.calls, 0);
    assert_int_equal(scene_call(&s, "/stopping_once", "i:2;", 0), DORA_OK);
    assert_int_equal(atomic_load(&s.server.conns), 2);
    scene_expect_echo(&s);
    assert_int_equal(atomic_load(&s.server.conns), 2);
    bad_server_release(&s.server, 0);
    expect_one(&s, "i:1;", false);
    assert_null(s.client->keep.all->next); /* it was kept for the result only */
    scene_end(&s);
}

static void test_fork(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    int status = -1;
    scene_begin(&s, NULL);
    assert_int_equal(scene_submit(&s, "/late", "i:1;"), DORA_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dora_collection *none = NULL;
        bool is_good = dora_client_pending(s.client) == 0;
        is_good = is_good && scene_call(&s, "/echo", "i:9;", 0) == DORA_OK;
        is_good = is_good && scene_submit(&s, "/echo", "i:8;") == DORA_OK;
        is_good = is_good && dora_client_collect(&s.client, 1, NULL, &none, NULL) == DORA_OK &&
                  dora_collection_count(none) == 1;
        _exit(is_good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(dora_client_pending(s.client), 1);
    scene_expect_echo(&s);
    assert_int_equal(atomic_load(&s.server.conns), 2);
    bad_server_release(&s.server, 0);
    expect_one(&s, "i:1;", false);
    scene_end(&s);
}

/* A child that is forked while a call waits has no part in it. */
static bool fork_once(void *user)
{
    pid_t *child = user;
    if (*child == -1) {
        *child = fork();
    }
    return false;
}

static void ignore_signal(int number)
{
    (void)number;
}

/* Signals every few milliseconds, so that waits end early. */
static void signals_begin(void)
{
    const struct sigaction action = {.sa_handler = ignore_signal};
    const struct itimerval often = {{0, 5000}, {0, 5000}};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void signals_end(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

/* Threads of the server would take the signals: they begin while it is blocked. */
static void begin_without_signals(scene *s)
{
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &alarm, NULL), 0);
    scene_begin(s, NULL);
    scene_expect_echo(s); /* its connection's thread, too */
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &alarm, NULL), 0);
}

static void test_fork_while_waiting(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        scene s = {.client = NULL};
        pid_t child = -1;
        int status = -1;
        const dora_call one = {.name = text_slice("/silent")};
        const dora_call_options options = {
            .timeout_ms = 300, .retry = 2, .is_interrupted = fork_once, .user = &child};
        dora_collection *got = NULL;
        begin_without_signals(&s);
        assert_int_equal(scene_submit(&s, "/never", ""), DORA_OK);
        signals_begin();
        dora_err err = i == 0 ? dora_client_call(s.client, &one, &options, s.answer, &s.error)
                              : dora_client_collect(&s.client, 1, &options, &got, &s.error);
        signals_end();
        if (child == 0) {
            bool is_good = i == 0 ? err == DORA_EIO || err == DORA_ECLOSED
                                  : err == DORA_OK && dora_collection_count(got) == 0;
            _exit(is_good && dora_client_pending(s.client) == 0 ? 0 : 1);
        }
        assert_true(child > 0);
        assert_int_equal(err, i == 0 ? DORA_ETIMEDOUT : DORA_OK);
        dora_collection_free(got);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        scene_end(&s);
    }
}

static bool interrupt_third(void *user)
{
    int *asked = user;
    return ++*asked == 3;
}

static void test_interrupted(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    int asked = 0;
    dora_collection *got = NULL;
    const dora_call_options options = {.is_interrupted = interrupt_third, .user = &asked};
    const dora_call one = {.name = text_slice("/silent")};
    begin_without_signals(&s);
    signals_begin();
    assert_int_equal(dora_client_call(s.client, &one, &options, s.answer, &s.error),
                     DORA_EINTERRUPTED);
    assert_int_equal(asked, 3);
    signals_end();
    assert_int_equal(scene_submit(&s, "/late", "i:1;"), DORA_OK);
    asked = 0;
    signals_begin();
    assert_int_equal(dora_client_collect(&s.client, 1, &options, &got, &s.error),
                     DORA_EINTERRUPTED);
    signals_end();
    assert_null(got);
    assert_int_equal(dora_client_pending(s.client), 1);
    bad_server_release(&s.server, 0);
    expect_one(&s, "i:1;", false);
    scene_end(&s);
}

typedef struct crowd {
    scene *s;
    atomic_int submitted;
    atomic_int collected;
    atomic_int wrong;
    atomic_int times[512]; /* how often each number was collected */
} crowd;

static void *submitter_main(void *user)
{
    crowd *c = user;
    char param[32];
    dora_answer *answer = dora_answer_new();
    for (int i = 0; i < 64; i++) {
        numbered(param, atomic_fetch_add(&c->submitted, 1));
        const dora_call one = {.name = text_slice(i % 4 == 0 ? "/late" : "/echo"),
                               .param = text_slice(param)};
        const dora_call flush = {.name = text_slice(i % 4 == 1 ? "/flush" : "/echo")};
        bool is_good = dora_client_submit(c->s->client, &one, NULL, answer, NULL) == DORA_OK &&
                       dora_client_call(c->s->client, &flush, NULL, answer, NULL) == DORA_OK;
        atomic_fetch_add(&c->wrong, is_good ? 0 : 1);
    }
    dora_answer_free(answer);
    return NULL;
}

static void *collector_main(void *user)
{
    crowd *c = user;
    while (atomic_load(&c->collected) < 256 && atomic_load(&c->wrong) == 0) {
        dora_collection *got = NULL;
        dora_err err = dora_client_collect(&c->s->client, 1, NULL, &got, NULL);
        atomic_fetch_add(&c->wrong, err == DORA_OK ? 0 : 1);
        for (size_t i = 0; i < dora_collection_count(got); i++) {
            const dora_collected *item = dora_collection_at(got, i);
            if (item->err != DORA_OK) {
                atomic_fetch_add(&c->wrong, 1);
                continue;
            }
            atomic_fetch_add(&c->times[number_of(item)], 1);
            atomic_fetch_add(&c->collected, 1);
        }
        dora_collection_free(got);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static crowd c;
    scene s = {.client = NULL};
    pthread_t threads[6];
    scene_begin(&s, NULL);
    c = (crowd){.s = &s};
    for (size_t i = 0; i < 6; i++) {
        void *(*body)(void *) = i < 4 ? submitter_main : collector_main;
        assert_int_equal(pthread_create(&threads[i], NULL, body, &c), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        if (i == 4) {
            bad_server_release(&s.server, 0); /* what the last flush did not see */
        }
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&c.wrong), 0);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(atomic_load(&c.times[i]), 1);
    }
    scene_end(&s);
}

static void *late_caller_main(void *user)
{
    scene *s = user;
    const dora_call one = {.name = text_slice("/late"), .param = text_slice("i:2;")};
    dora_answer *answer = dora_answer_new();
    dora_err err = dora_client_call(s->client, &one, NULL, answer, NULL);
    dora_answer_free(answer);
    return err == DORA_OK ? s : NULL;
}

/* Another thread's call uses the connection on which the result comes, and stores it. */
static void *releaser_main(void *user)
{
    scene *s = user;
    bad_server_wait(&s->server, 2);
    uint64_t deadline_ms = dr_clock_ms() + 10000;
    bool is_waiting = false;
    while (!is_waiting && dr_clock_ms() < deadline_ms) { /* until the collect wants waking */
        pthread_mutex_lock(&s->client->lock);
        is_waiting = s->client->shares != NULL && s->client->shares->event_fd >= 0;
        pthread_mutex_unlock(&s->client->lock);
    }
    bad_server_release(&s->server, 0);
    return is_waiting ? s : NULL;
}

static void test_other_thread_reads(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    pthread_t caller;
    pthread_t releaser;
    void *said = NULL;
    scene_begin(&s, NULL);
    assert_int_equal(scene_submit(&s, "/late", "i:1;"), DORA_OK);
    assert_int_equal(pthread_create(&caller, NULL, late_caller_main, &s), 0);
    bad_server_wait(&s.server, 2);
    assert_int_equal(pthread_create(&releaser, NULL, releaser_main, &s), 0);
    dora_collection *got = scene_collect(&s, 0);
    assert_int_equal(dora_collection_count(got), 1);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_OK);
    scene_expect_data(dora_collection_at(got, 0)->answer, 0, "i:1;");
    dora_collection_free(got);
    pthread_join(caller, &said);
    assert_non_null(said);
    pthread_join(releaser, &said);
    assert_non_null(said);
    assert_int_equal(atomic_load(&s.server.conns), 1);
    scene_end(&s);
}

static void test_two_clients(void **state)
{
    (void)state;
    scene one = {.client = NULL};
    scene two = {.client = NULL};
    dora_collection *got = NULL;
    scene_begin(&one, NULL);
    scene_begin(&two, NULL);
    dora_client *clients[] = {one.client, two.client, one.client};
    assert_int_equal(scene_submit(&one, "/late", "i:1;"), DORA_OK);
    assert_int_equal(scene_submit(&two, "/never", ""), DORA_OK);
    bad_server_release(&one.server, 0);
    uint64_t before = dr_clock_ms();
    const dora_call_options options = {.timeout_ms = 50};
    assert_int_equal(dora_client_collect(clients, 3, &options, &got, NULL), DORA_OK);
    assert_in_range(dr_clock_ms() - before, 49, 5000);
    assert_int_equal(dora_collection_count(got), 2);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_OK);
    assert_int_equal(dora_collection_at(got, 1)->err, DORA_ETIMEDOUT);
    dora_collection_free(got);
    assert_int_equal(dora_client_collect(NULL, 0, NULL, &got, NULL), DORA_OK);
    assert_int_equal(dora_collection_count(got), 0);
    dora_collection_free(got);
    scene_end(&one);
    scene_end(&two);
}

static void test_most_submissions(void **state)
{
    (void)state;
    dr_pending pending = {NULL};
    for (uint32_t i = 0; i <= DR_PENDING_MAX; i++) {
        dr_submission *submission = dr_submission_new(false);
        snprintf(submission->answer->guid, 33, "%08u%024u", i, i);
        dora_err expected = i < DR_PENDING_MAX ? DORA_OK : DORA_EFULL;
        assert_int_equal(dr_pending_add(&pending, submission), expected);
        submission->is_accepted = true;
        pending.accepted += expected == DORA_OK ? 1 : 0;
        if (expected != DORA_OK) {
            dr_submission_free(submission);
        }
    }
    dr_submission *found = dr_pending_find(&pending, "00000777000000000000000000000777");
    assert_string_equal(found->answer->guid, "00000777000000000000000000000777");
    dr_pending_remove(&pending, found);
    assert_null(dr_pending_find(&pending, "00000777000000000000000000000777"));
    dr_submission_free(found);
    assert_int_equal(pending.count, DR_PENDING_MAX - 1);
    dr_pending_fini(&pending);
}

static bool submit_and_collect(void *user)
{
    const dora_call calls[] = {{text_slice("a"), text_slice("/echo"), text_slice("i:1;")},
                               {text_slice("b"), text_slice("/echo"), text_slice("i:2;")}};
    const dora_group groups[] = {{"a", user}, {"b", user}};
    const dora_client_options options = {.groups = groups, .group_count = 2};
    const dora_call_options other = {.node = "127.0.0.1:1"};
    dora_client *client = NULL;
    dora_collection *got = NULL;
    dora_answer *answer = dora_answer_new();
    dora_err err = answer != NULL ? dora_client_new(&client, &options, NULL) : DORA_ENOMEM;
    if (err == DORA_OK) {
        err = dora_client_submit(client, calls, NULL, answer, NULL);
    }
    if (err == DORA_OK) {
        err = dora_client_submit_many(client, calls, 2, NULL, answer, NULL);
    }
    if (err == DORA_OK && dora_client_send(client, calls, &other, answer, NULL) == DORA_ENOMEM) {
        err = DORA_ENOMEM;
    }
    if (err == DORA_OK) {
        err = dora_client_collect(&client, 1, NULL, &got, NULL);
    }
    for (size_t i = 0; err == DORA_OK && i < dora_collection_count(got); i++) {
        err = dora_collection_at(got, i)->err;
    }
    dora_collection_free(got);
    dora_client_free(client);
    dora_answer_free(answer);
    return err == DORA_OK;
}

/* A server in a process of its own, where failing allocations are not its. */
static void test_no_memory(void **state)
{
    (void)state;
    char address[128];
    int ready[2];
    int stop[2];
    int status = -1;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(stop), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bad_server server = {.port = 0};
        close(stop[1]);
        bad_server_start(&server);
        bool is_told = write(ready[1], server.address, sizeof address) == sizeof address;
        is_told = is_told && read(stop[0], address, 1) == 0;
        bad_server_stop(&server);
        _exit(is_told ? 0 : 1);
    }
    close(stop[0]);
    assert_int_equal(read(ready[0], address, sizeof address), sizeof address);
    assert_true(torture_run(submit_and_collect, address) > 20);
    close(stop[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hundred),
        cmocka_unit_test(test_came_early),
        cmocka_unit_test(test_late_result_is_nobodys),
        cmocka_unit_test(test_late_reply_is_nobodys),
        cmocka_unit_test(test_connection_breaks),
        cmocka_unit_test(test_garbage_loses),
        cmocka_unit_test(test_stopping_keeps_results),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_fork_while_waiting),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_other_thread_reads),
        cmocka_unit_test(test_two_clients),
        cmocka_unit_test(test_most_submissions),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
