/* test_call_interrupt.c: Ctrl-C of `dora call`, wherever it is at that moment. */
#include "unit.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>

#include <dora/dora.h>

#include "stream_server.h"

#define INTERRUPTED 130

typedef struct stage {
    stream_server server;
    pid_t caller;
    int told[2]; /* the caller says that it looks a name up */
    int out[2];  /* what it prints */
} stage;

static void stage_end(stage *s)
{
    if (s->caller > 0) {
        kill(s->caller, SIGKILL);
        (void)unit_wait(s->caller);
    }
    stream_server_stop(&s->server);
    for (int i = 0; i < 2; i++) {
        unit_close(&s->told[i]);
        unit_close(&s->out[i]);
    }
}
UNIT_SCENE(stage, stage_end)

/* The caller's: where it tells of look-ups, and how many are answered by nobody's name. */
static int told_fd;
static int answered;

/* In place of the C library's, which waits for a server that does not answer. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)node;
    (void)service;
    (void)hints;
    *found = NULL;
    if (answered-- > 0) {
        return EAI_NONAME;
    }
    if (write(told_fd, "l", 1) != 1) {
        abort();
    }
    for (;;) {
        pause();
    }
}

/* Runs the program in a process of its own; `argv` ends with NULL. */
static void call(stage *s, char *const *argv)
{
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    assert_int_equal(pipe(s->told), 0);
    s->caller = fork();
    if (s->caller == 0) {
        const dora_host host = {.runtime = "c"};
        signal(SIGINT, SIG_DFL); /* a run in the background ignores it */
        told_fd = s->told[1];
        if (s->out[1] > 0) {
            dup2(s->out[1], STDOUT_FILENO);
        }
        _exit(dora_main(argc, (char **)(uintptr_t)argv, &host));
    }
    assert_true(s->caller > 0);
}

static void wait_for_look_up(stage *s)
{
    char said;
    assert_int_equal(read(s->told[0], &said, 1), 1);
}

static void expect_interrupted(stage *s)
{
    const pid_t caller = s->caller;
    s->caller = 0;
    const int status = unit_wait(caller);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), INTERRUPTED);
}

static void a_look_up_ends_at_once(void **state)
{
    stage *s = *state;
    char *argv[] = {"dora", "call", "nobody.example:9567", "/x", "--timeout", "600", NULL};
    call(s, argv);
    wait_for_look_up(s);
    kill(s->caller, SIGINT);
    expect_interrupted(s);
}

/* By then a server may have a call: the program has time to say so. */
static void a_later_look_up_ends_soon(void **state)
{
    stage *s = *state;
    char *argv[] = {"dora", "call", "nobody.example:9567", "/x", "--wait", "600", "--timeout",
                    "600",  NULL};
    answered = 1;
    call(s, argv);
    wait_for_look_up(s);
    kill(s->caller, SIGINT);
    expect_interrupted(s);
}

/* Fills the pipe that is the program's stdout. */
static void fill(int fd)
{
    static const char page[4096];
    const int flags = fcntl(fd, F_GETFL);
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, page, sizeof page) > 0) {
        /* until there is no room */
    }
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

static void a_result_that_nobody_reads_ends_at_once(void **state)
{
    stage *s = *state;
    char *streams[] = {"dora", "call", s->server.address, "--stream", "/endless", "--idle",
                       "600",  NULL};
    char *one[] = {"dora", "call", s->server.address, "/one", "--timeout", "600", NULL};
    char **calls[] = {streams, one};
    stream_server_start(&s->server);
    assert_int_equal(pipe(s->out), 0);
    fill(s->out[1]);
    for (int i = 0; i < 2; i++) {
        call(s, calls[i]);
        stream_server_wait(&s->server, &s->server.requests, i + 1);
        usleep(100000); /* mostly it prints by then; where not, it ends all the same */
        kill(s->caller, SIGINT);
        expect_interrupted(s);
        stream_server_wait(&s->server, &s->server.ends, i + 1);
        unit_close(&s->told[0]);
        unit_close(&s->told[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(stage, a_look_up_ends_at_once),
        unit_in(stage, a_later_look_up_ends_soon),
        unit_in(stage, a_result_that_nobody_reads_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
