/* test_transport.c: a wait for bytes ends at its deadline, and not an eighth of it later. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/transport_poll.h"

#define NS_PER_MS 1000000u

/* Waits on a peer that says nothing. Gives what the kernel was told, in ms. */
static long wait_in_vain(uint32_t usual_ms)
{
    int pair[2];
    char room[8];
    size_t got = 0;
    struct timeval value = {0};
    socklen_t value_len = sizeof value;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    dr_stream one = {.fd = pair[0]};
    const uint64_t began_ns = dr_clock_ns();
    const dr_wait wait = {.deadline_ns = began_ns + (uint64_t)usual_ms * NS_PER_MS,
                          .usual_ms = usual_ms};
    assert_int_equal(dr_wait_receive(&one, room, sizeof room, &wait, &got, NULL), DORA_ETIMEDOUT);
    assert_true(dr_clock_ns() >= wait.deadline_ns);
    assert_int_equal(getsockopt(one.fd, SOL_SOCKET, SO_RCVTIMEO, &value, &value_len), 0);
    close(pair[0]);
    close(pair[1]);
    return value.tv_sec * 1000 + value.tv_usec / 1000;
}

/* The kernel's own timers for this may be late by an eighth: 0.25 s of the usual 3 s. */
static void the_kernel_is_told_less_than_the_whole_time(void **state)
{
    (void)state;
    const long told_ms = wait_in_vain(160);
    assert_in_range(told_ms, 1, 160 - 160 / 9);
    assert_in_range(wait_in_vain(1), 0, 10); /* 0 would be no end at all; it ended */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_is_told_less_than_the_whole_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
