/* load.c: one thread, N connections, D requests under way on each; prints one line of JSON.
 *
 *     bench_load HOST:PORT CONNECTIONS DEPTH SECONDS NAME [ENCODED-PARAM]
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_NS 10000000000u /* after the last send, for what is still under way */

static int fail(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    return 1;
}

static bool address_parse(const char *text, struct sockaddr_in *address)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static bool lane_open(load *run, load_lane *lane, uint32_t number,
                      const struct sockaddr_in *address)
{
    int on = 1;
    lane->number = number;
    lane->in = malloc(IN_BYTES);
    lane->out = malloc(run->request.len * run->depth);
    lane->started_ns = calloc(run->depth, sizeof(uint64_t));
    lane->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (lane->in == NULL || lane->out == NULL || lane->started_ns == NULL || lane->fd < 0) {
        return false;
    }
    if (connect(lane->fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        return false;
    }
    setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fcntl(lane->fd, F_SETFL, O_NONBLOCK) == 0;
}

/* lane_turn reads, answers, and says by epoll whether it waits for room. */
static bool lane_turn(load *run, int epoll_fd, load_lane *lane, uint32_t events)
{
    bool waited = lane->out_at < lane->out_len;
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && !waited && !lane_read(run, lane)) {
        return false;
    }
    int done = lane_write(lane);
    if (done < 0) {
        return false;
    }
    if (waited != (done == 0)) {
        struct epoll_event event = {.events = done == 0 ? EPOLLOUT : EPOLLIN, .data.ptr = lane};
        return epoll_ctl(epoll_fd, EPOLL_CTL_MOD, lane->fd, &event) == 0;
    }
    return true;
}

static int run_load(load *run, load_lane *lanes, int epoll_fd)
{
    for (uint32_t i = 0; i < run->lanes; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &lanes[i]};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, lanes[i].fd, &event) != 0) {
            return fail("epoll_ctl");
        }
        for (uint32_t place = 0; place < run->depth; place++) {
            lane_fill(run, &lanes[i], place);
        }
        if (!lane_turn(run, epoll_fd, &lanes[i], 0)) {
            return fail("send");
        }
    }
    while (run->received < run->sent) {
        struct epoll_event events[64];
        int count = epoll_wait(epoll_fd, events, 64, 1000);
        if (count < 0 && errno != EINTR) {
            return fail("epoll_wait");
        }
        for (int i = 0; i < count; i++) {
            if (!lane_turn(run, epoll_fd, events[i].data.ptr, events[i].events)) {
                return fail("the server closed a connection");
            }
        }
        if (now_ns() > run->end_ns + PATIENCE_NS) {
            fprintf(stderr, "bench_load: %llu replies never came\n",
                    (unsigned long long)(run->sent - run->received));
            return 1;
        }
    }
    return 0;
}

static void print_result(const load *run, uint64_t took_ns)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double cpu_us = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
                    (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    double count = (double)run->received;
    printf("{\"requests\": %llu, \"per_second\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"own_cpu_us\": %.2f, \"reply_bytes\": %zu, \"odd\": %llu}\n",
           (unsigned long long)run->received, count * 1e9 / (double)took_ns,
           (double)histogram_quantile(&run->times, 0.5) / 1e3,
           (double)histogram_quantile(&run->times, 0.99) / 1e3, cpu_us / count, run->reply_len,
           (unsigned long long)run->odd);
}

int main(int argc, char **argv)
{
    static load run;
    struct sockaddr_in address;
    if (argc < 6 || !address_parse(argv[1], &address)) {
        fprintf(stderr, "usage: bench_load HOST:PORT CONNECTIONS DEPTH SECONDS NAME [PARAM]\n");
        return 2;
    }
    run.lanes = (uint32_t)strtoul(argv[2], NULL, 10);
    run.depth = (uint32_t)strtoul(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    if (run.lanes == 0 || run.depth == 0 || seconds <= 0 ||
        !pattern_build(&run.request, argv[5], argc > 6 ? argv[6] : "N;")) {
        fprintf(stderr, "bench_load: wrong argument\n");
        return 2;
    }
    load_lane *lanes = calloc(run.lanes, sizeof(*lanes));
    run.serials = calloc((size_t)run.lanes * run.depth, sizeof(uint64_t));
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (lanes == NULL || run.serials == NULL || epoll_fd < 0) {
        return fail("start");
    }
    for (uint32_t i = 0; i < run.lanes; i++) {
        if (!lane_open(&run, &lanes[i], i, &address)) {
            return fail("connect");
        }
    }
    uint64_t start_ns = now_ns();
    run.first = start_ns;
    run.end_ns = start_ns + (uint64_t)(seconds * 1e9);
    int status = run_load(&run, lanes, epoll_fd);
    if (status == 0) {
        print_result(&run, now_ns() - start_ns);
    }
    return status != 0 || run.odd != 0;
}
