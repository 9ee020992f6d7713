/* test_client_shared.c: submissions and calls among threads, over forks, and under signals. */
#include "scene.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/blocking/share.h"

static void a_forked_child_starts_anew(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    pid_t child = fork();
    if (child == 0) {
        dora_collection *none = NULL;
        bool is_good = dora_client_pending(s->client) == 0;
        is_good = is_good && scene_call(s, "/echo", "i:9;", 0) == DORA_OK;
        is_good = is_good && scene_submit(s, "/echo", "i:8;") == DORA_OK;
        is_good = is_good && dora_client_collect(&s->client, 1, NULL, &none, NULL) == DORA_OK &&
                  dora_collection_count(none) == 1;
        _exit(is_good ? 0 : 1);
    }
    assert_int_equal(unit_wait(child), 0);
    assert_int_equal(dora_client_pending(s->client), 1);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 2);
    bad_server_release(&s->server, 0);
    scene_expect_one(s, "i:1;", false);
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

static void fork_while_waiting(void **state)
{
    scene *s = *state;
    for (int i = 0; i < 2; i++) {
        pid_t child = -1;
        int status = -1;
        const dora_call one = {.name = text_slice("/silent")};
        const dora_call_options options = {
            .timeout_ms = 900, .retry = 2, .is_interrupted = fork_once, .user = &child};
        dora_collection *got = NULL;
        begin_without_signals(s);
        assert_int_equal(scene_submit(s, "/never", ""), DORA_OK);
        signals_begin();
        dora_err err = i == 0 ? dora_client_call(s->client, &one, &options, s->answer, &s->error)
                              : dora_client_collect(&s->client, 1, &options, &got, &s->error);
        signals_end();
        if (child == 0) {
            bool is_good = i == 0 ? err == DORA_EIO || err == DORA_ECLOSED
                                  : err == DORA_OK && dora_collection_count(got) == 0;
            _exit(is_good && dora_client_pending(s->client) == 0 ? 0 : 1);
        }
        assert_true(child > 0);
        assert_int_equal(err, i == 0 ? DORA_ETIMEDOUT : DORA_OK);
        dora_collection_free(got);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        scene_end(s);
    }
}

static bool interrupt_third(void *user)
{
    int *asked = user;
    return ++*asked == 3;
}

static void an_interrupted_wait_goes_on(void **state)
{
    scene *s = *state;
    int asked = 0;
    dora_collection *got = NULL;
    const dora_call_options options = {.is_interrupted = interrupt_third, .user = &asked};
    const dora_call one = {.name = text_slice("/silent")};
    begin_without_signals(s);
    signals_begin();
    assert_int_equal(dora_client_call(s->client, &one, &options, s->answer, &s->error),
                     DORA_EINTERRUPTED);
    assert_int_equal(asked, 3);
    signals_end();
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    asked = 0;
    signals_begin();
    assert_int_equal(dora_client_collect(&s->client, 1, &options, &got, &s->error),
                     DORA_EINTERRUPTED);
    signals_end();
    assert_null(got);
    assert_int_equal(dora_client_pending(s->client), 1);
    bad_server_release(&s->server, 0);
    scene_expect_one(s, "i:1;", false);
}

static bool interrupt(void *user)
{
    (void)user;
    return true;
}

/* A signal that came just before the wait does not end it: the question is asked all the same. */
static void interrupted_before_the_wait(void **state)
{
    scene *s = *state;
    dora_collection *got = NULL;
    const dora_call_options options = {.timeout_ms = 60000, .is_interrupted = interrupt};
    const dora_call one = {.name = text_slice("/silent")};
    scene_begin(s, NULL);
    assert_int_equal(dora_client_call(s->client, &one, &options, s->answer, &s->error),
                     DORA_EINTERRUPTED);
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    assert_int_equal(dora_client_collect(&s->client, 1, &options, &got, &s->error),
                     DORA_EINTERRUPTED);
    assert_null(got);
}

typedef struct crowd {
    scene *s;
    atomic_int submitted;
    atomic_int collected;
    atomic_int wrong;
    atomic_int times[512]; /* how often each number was collected */
} crowd;

/* A scene whose client some threads share. */
typedef struct sharing {
    scene s;
    crowd c;
    unit_threads submitters;
} sharing;

static void sharing_end(sharing *at)
{
    atomic_fetch_add(&at->c.wrong, 1); /* nobody waits for more */
    (void)unit_threads_join(&at->submitters);
    scene_end(&at->s);
}
UNIT_SCENE(sharing, sharing_end)

static void *submitter_main(void *user)
{
    crowd *c = user;
    char param[32];
    dora_answer *answer = dora_answer_new();
    for (int i = 0; i < 64; i++) {
        scene_param(param, atomic_fetch_add(&c->submitted, 1));
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
            atomic_fetch_add(&c->times[scene_number(item)], 1);
            atomic_fetch_add(&c->collected, 1);
        }
        dora_collection_free(got);
    }
    return NULL;
}

static void threads_share_connections(void **state)
{
    sharing *at = *state;
    scene *s = &at->s;
    crowd *c = &at->c;
    scene_begin(s, NULL);
    c->s = s;
    unit_threads_start(&s->threads, 2, collector_main, c);
    unit_threads_start(&at->submitters, 4, submitter_main, c);
    (void)unit_threads_join(&at->submitters);
    bad_server_release(&s->server, 0); /* what the last flush did not see */
    (void)unit_threads_join(&s->threads);
    assert_int_equal(atomic_load(&c->wrong), 0);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(atomic_load(&c->times[i]), 1);
    }
}

static void *late_caller_main(void *user)
{
    scene *s = user;
    const dora_call one = {.name = text_slice("/late"), .param = text_slice("i:2;")};
    dora_answer *answer = dora_answer_new();
    dora_err err = dora_client_call(s->client, &one, NULL, answer, NULL);
    dora_answer_free(answer);
    return err == DORA_OK ? NULL : s;
}

/* Another thread's call uses the connection on which the result comes, and stores it. */
static void *releaser_main(void *user)
{
    scene *s = user;
    bad_server_wait(&s->server, 2);
    uint64_t deadline_ms = dr_clock_ms() + 60000;
    bool is_waiting = false;
    while (!is_waiting && dr_clock_ms() < deadline_ms) { /* until the collect wants waking */
        pthread_mutex_lock(&s->client->lock);
        is_waiting = s->client->shares != NULL && s->client->shares->event_fd >= 0;
        pthread_mutex_unlock(&s->client->lock);
    }
    bad_server_release(&s->server, 0);
    return is_waiting ? NULL : s;
}

static void other_thread_reads(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    unit_threads_start(&s->threads, 1, late_caller_main, s);
    bad_server_wait(&s->server, 2);
    unit_threads_start(&s->threads, 1, releaser_main, s);
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), 1);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_OK);
    scene_expect_data(dora_collection_at(got, 0)->answer, 0, "i:1;");
    dora_collection_free(got);
    assert_int_equal(unit_threads_join(&s->threads), 0);
    assert_int_equal(atomic_load(&s->server.conns), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_forked_child_starts_anew),  unit_in(scene, fork_while_waiting),
        unit_in(scene, an_interrupted_wait_goes_on), unit_in(scene, interrupted_before_the_wait),
        unit_in(sharing, threads_share_connections), unit_in(scene, other_thread_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
