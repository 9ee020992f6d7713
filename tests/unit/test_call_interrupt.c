/* test_call_interrupt.c: Ctrl-C of `dora call`, wherever it is at that moment. */
#include "unit.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sys/prctl.h>

#include <dora/dora.h>

#include "stream_server.h"

#define INTERRUPTED 130

typedef struct stage {
    stream_server server;
    pid_t caller;
    int told[2];  /* the caller says that it looks a name up */
    int out[2];   /* what it prints */
    int where[2]; /* it is told its server */
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
        unit_close(&s->where[i]);
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

/* Runs the program in a process of its own; `argv` ends with NULL. Where its third word is empty,
 * it is told its server later: a fork comes before threads. */
static void call(stage *s, char **argv)
{
    char address[64] = "";
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    assert_int_equal(pipe(s->told), 0);
    s->caller = fork();
    if (s->caller == 0) {
        const dora_host host = {.runtime = "c"};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_DFL); /* a run in the background ignores it */
        told_fd = s->told[1];
        if (argv[2][0] == '\0') {
            argv[2] = read(s->where[0], address, sizeof address) > 0 ? address : argv[2];
        }
        if (s->out[1] > 0) {
            dup2(s->out[1], STDOUT_FILENO);
        }
        _exit(dora_main(argc, argv, &host));
    }
    assert_true(s->caller > 0);
    unit_close(&s->told[1]); /* so that its end is seen */
    answered = 0;
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

/* The program has something to print, and nobody reads. */
static void interrupt_unread(stage *s, char **argv)
{
    assert_int_equal(pipe(s->out), 0);
    assert_int_equal(pipe(s->where), 0);
    fill(s->out[1]);
    call(s, argv);
    stream_server_start(&s->server);
    assert_true(write(s->where[1], s->server.address, sizeof s->server.address) > 0);
    stream_server_wait(&s->server, &s->server.requests, 1);
    usleep(100000); /* mostly it prints by then; where not, it ends all the same */
    kill(s->caller, SIGINT);
    expect_interrupted(s);
    stream_server_wait(&s->server, &s->server.ends, 1);
}

static void parts_that_nobody_reads_end_at_once(void **state)
{
    char *argv[] = {"dora", "call", "", "--stream", "/endless", "--idle", "600", NULL};
    interrupt_unread(*state, argv);
}

static void a_result_that_nobody_reads_ends_at_once(void **state)
{
    char *argv[] = {"dora", "call", "", "/one", "--timeout", "600", NULL};
    interrupt_unread(*state, argv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(stage, a_look_up_ends_at_once),
        unit_in(stage, a_later_look_up_ends_soon),
        unit_in(stage, parts_that_nobody_reads_end_at_once),
        unit_in(stage, a_result_that_nobody_reads_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
