/* load.c: one thread, N connections, D requests under way on each; or a fixed rate.
 *
 *     bench_load HOST:PORT [--connections N] [--depth N] [--seconds S] [--warm-up S] [--rate R]
 *                [--protocol v1|http|grpc|redis|gearman] [--name NAME] [--apis N]
 *                [--param ENCODED | --string-bytes N] [--request-bytes N]
 *                [--body TEXT] [--source ADDRESS [--sources N]]
 *                [--tls-ca FILE [--tls-cert FILE --tls-key FILE]]
 *
 * Prints "begin" and "end" around what counts, then one line of JSON. With --rate (v1 only) a
 * request's time counts from when it should have been sent, whether or not there was a connection
 * to send it on; without, each reply is followed at once by the next request.
 */
#include "protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/filter.h"

#define PATIENCE_NS 10000000000u /* after the end, for what is still under way */
#define TURN_NS 100000000u       /* the longest sleep */

typedef struct options {
    struct sockaddr_in address;
    struct in_addr source; /* of the first connection; 0: whatever the system takes */
    uint32_t sources;      /* how many addresses from there connections take turns with */
    wish wanted;
    double seconds;
    double warm_up;
    double rate;
    dr_tls_settings tls;
} options;

static const protocol *const protocols[] = {&protocol_v1, &protocol_http, &protocol_grpc,
                                            &protocol_redis, &protocol_gearman};

static int fail(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    return 1;
}

static const protocol *protocol_of(const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocols[i]->name, name) == 0) {
            return protocols[i];
        }
    }
    return NULL;
}

/* take_option sets one option; false for one that is not there. */
static bool take_option(load *run, options *chosen, int option, const char *text)
{
    switch (option) {
    case 'c':
        run->lane_count = (uint32_t)strtoul(text, NULL, 10);
        return run->lane_count > 0;
    case 'd':
        run->depth = (uint32_t)strtoul(text, NULL, 10);
        return run->depth > 0;
    case 's':
        chosen->seconds = strtod(text, NULL);
        return chosen->seconds > 0;
    case 'w':
        chosen->warm_up = strtod(text, NULL);
        return chosen->warm_up >= 0;
    case 'r':
        chosen->rate = strtod(text, NULL);
        return chosen->rate >= 0;
    case 'P':
        run->protocol = protocol_of(text);
        return run->protocol != NULL;
    case 'n':
        chosen->wanted.name = text;
        return true;
    case 'a':
        chosen->wanted.apis = (uint32_t)strtoul(text, NULL, 10);
        return chosen->wanted.apis > 0;
    case 'p':
        chosen->wanted.param = text;
        return true;
    case 'B':
        chosen->wanted.body = text;
        return true;
    case 'b':
        chosen->wanted.string_bytes = strtoul(text, NULL, 10);
        return chosen->wanted.string_bytes < IN_BYTES_MAX;
    case 'q':
        chosen->wanted.request_bytes = strtoul(text, NULL, 10);
        return chosen->wanted.request_bytes < IN_BYTES_MIN;
    case 'A':
        chosen->tls.ca = text;
        return true;
    case 'C':
        chosen->tls.cert = text;
        return true;
    case 'K':
        chosen->tls.key = text;
        return true;
    case 'S':
        return inet_pton(AF_INET, text, &chosen->source) == 1;
    case 'N':
        chosen->sources = (uint32_t)strtoul(text, NULL, 10);
        return chosen->sources > 0;
    default:
        return false;
    }
}

/* tls_make reads the files, where there are any. */
static bool tls_make(load *run, options *chosen)
{
    dora_error error;
    chosen->tls.alpn = run->protocol->alpn;
    if (chosen->tls.ca == NULL ||
        dr_tls_context_client(&chosen->tls, &run->tls, &error) == DORA_OK) {
        return true;
    }
    fprintf(stderr, "bench_load: %s\n", error.msg);
    return false;
}

static bool options_read(load *run, options *chosen, int argc, char **argv)
{
    static const struct option names[] = {
        {"connections", 1, NULL, 'c'},  {"depth", 1, NULL, 'd'},         {"seconds", 1, NULL, 's'},
        {"warm-up", 1, NULL, 'w'},      {"rate", 1, NULL, 'r'},          {"protocol", 1, NULL, 'P'},
        {"name", 1, NULL, 'n'},         {"apis", 1, NULL, 'a'},          {"param", 1, NULL, 'p'},
        {"string-bytes", 1, NULL, 'b'}, {"request-bytes", 1, NULL, 'q'}, {"tls-ca", 1, NULL, 'A'},
        {"tls-cert", 1, NULL, 'C'},     {"tls-key", 1, NULL, 'K'},       {"source", 1, NULL, 'S'},
        {"sources", 1, NULL, 'N'},      {"body", 1, NULL, 'B'},          {NULL, 0, NULL, 0}};
    int option;
    *chosen = (options){.wanted = {.name = "/bench/get",
                                   .param = "a:2:{s:2:\"id\";i:7;s:4:\"name\";s:3:\"Ann\";}",
                                   .request_bytes = 230,
                                   .apis = 1},
                        .sources = 1,
                        .seconds = 2,
                        .warm_up = 0.3};
    run->protocol = &protocol_v1;
    run->lane_count = run->depth = 1;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!take_option(run, chosen, option, optarg)) {
            return false;
        }
    }
    return optind + 1 == argc && address_read(argv[optind], &chosen->address) &&
           (chosen->rate == 0 || run->protocol == &protocol_v1) &&
           (run->protocol != &protocol_gearman || run->depth == 1);
}

/* lane_bind gives a connection the address that it is to come from. */
static bool lane_bind(const lane *one, const options *chosen)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = chosen->source};
    from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + one->number % chosen->sources);
    return chosen->source.s_addr == 0 ||
           bind(one->fd, (const struct sockaddr *)&from, sizeof(from)) == 0;
}

static bool lane_open(const load *run, lane *made, uint32_t number, const options *chosen)
{
    int on = 1;
    made->number = number;
    made->places = calloc(run->depth, sizeof(place));
    made->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made->places == NULL || made->fd < 0) {
        return false;
    }
    if (!lane_bind(made, chosen) || connect(made->fd, (const struct sockaddr *)&chosen->address,
                                            sizeof(chosen->address)) != 0) {
        return false;
    }
    setsockopt(made->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (run->tls != NULL && !lane_handshake(made, run->tls)) {
        return false;
    }
    if (run->protocol->greet != NULL) {
        run->protocol->greet(made);
    }
    return fcntl(made->fd, F_SETFL, O_NONBLOCK) == 0;
}

/* lane_turn reads, answers, and says by epoll whether it waits for room. */
static bool lane_turn(load *run, int epoll_fd, lane *one, uint32_t events)
{
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && !lane_read(run, one)) {
        return false;
    }
    int done = lane_write(one);
    if (done < 0) {
        return false;
    }
    if (one->is_waiting != (done == 0)) {
        one->is_waiting = done == 0;
        struct epoll_event event = {.events = EPOLLIN | (one->is_waiting ? EPOLLOUT : 0),
                                    .data.ptr = one};
        return epoll_ctl(epoll_fd, EPOLL_CTL_MOD, one->fd, &event) == 0;
    }
    return true;
}

/* send_due sends what is due at a fixed rate, as far as there are free places. */
static bool send_due(load *run, int epoll_fd, uint64_t now)
{
    uint32_t all = run->lane_count * run->depth;
    while (run->free_count > 0) {
        uint64_t due_ns = run->start_ns + (uint64_t)((double)run->due * run->interval_ns);
        if (due_ns > now || due_ns >= run->end_ns) {
            break;
        }
        uint32_t which = run->free_places[run->free_head];
        run->free_head = (run->free_head + 1) % all;
        run->free_count--;
        run->due++;
        lane *one = &run->lanes[which / run->depth];
        lane_fill(run, one, which % run->depth, due_ns);
        if (!lane_turn(run, epoll_fd, one, 0)) {
            return false;
        }
    }
    return true;
}

static bool start(load *run, int epoll_fd)
{
    for (uint32_t i = 0; i < run->lane_count; i++) {
        lane *one = &run->lanes[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, one->fd, &event) != 0) {
            return false;
        }
        for (uint32_t number = 0; number < run->depth && run->interval_ns == 0; number++) {
            lane_fill(run, one, number, now_ns());
        }
        if (!lane_turn(run, epoll_fd, one, 0)) {
            return false;
        }
    }
    /* One place of every connection, then the next of every one. */
    for (uint32_t i = 0; i < run->lane_count * run->depth && run->interval_ns > 0; i++) {
        run->free_places[i] = i % run->lane_count * run->depth + i / run->lane_count;
    }
    run->free_count = run->lane_count * run->depth;
    return true;
}

/* look notes the moments at which counting begins and ends, and tells who reads us. */
static void look(uint64_t now, uint64_t when_ns, moment *noted, const char *word)
{
    if (noted->ns != 0 || now < when_ns) {
        return;
    }
    noted->ns = now;
    noted->cpu_us = cpu_us();
    puts(word);
    fflush(stdout);
}

/* sleep_until is how long epoll may wait. */
static struct timespec sleep_until(const load *run, uint64_t now)
{
    uint64_t next = now + TURN_NS;
    if (run->interval_ns > 0 && run->free_count > 0 && now < run->end_ns) {
        uint64_t due_ns = run->start_ns + (uint64_t)((double)run->due * run->interval_ns);
        next = due_ns < next ? due_ns : next;
    }
    if (run->begun.ns == 0 && run->begin_ns < next) {
        next = run->begin_ns;
    }
    if (run->ended.ns == 0 && run->end_ns < next) {
        next = run->end_ns;
    }
    uint64_t wait = next > now ? next - now : 0;
    return (struct timespec){.tv_sec = (time_t)(wait / 1000000000u),
                             .tv_nsec = (long)(wait % 1000000000u)};
}

static int run_load(load *run, int epoll_fd)
{
    if (!start(run, epoll_fd)) {
        return fail("send");
    }
    while (run->ended.ns == 0 || run->received < run->sent) {
        struct epoll_event events[64];
        uint64_t now = now_ns();
        look(now, run->begin_ns, &run->begun, "begin");
        look(now, run->end_ns, &run->ended, "end");
        if (run->interval_ns > 0 && !send_due(run, epoll_fd, now)) {
            return fail("send");
        }
        struct timespec wait = sleep_until(run, now_ns());
        int count = epoll_pwait2(epoll_fd, events, 64, &wait, NULL);
        if (count < 0 && errno != EINTR) {
            return fail("epoll_pwait2");
        }
        for (int i = 0; i < count; i++) {
            if (!lane_turn(run, epoll_fd, events[i].data.ptr, events[i].events)) {
                return fail("the server closed a connection");
            }
        }
        if (now > run->end_ns + PATIENCE_NS) {
            fprintf(stderr, "bench_load: %llu replies never came\n",
                    (unsigned long long)(run->sent - run->received));
            return 1;
        }
    }
    return 0;
}

static void print_result(const load *run)
{
    double count = run->counted > 0 ? (double)run->counted : 1;
    double seconds = (double)(run->ended.ns - run->begun.ns) / 1e9;
    double due = run->interval_ns > 0 ? (double)(run->end_ns - run->start_ns) / run->interval_ns
                                      : (double)run->due;
    printf("{\"requests\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, \"mean_us\": %.1f, "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"load_cpu_us\": %.2f, \"request_bytes\": %zu, "
           "\"reply_bytes\": %zu, \"unsent\": %.0f, \"odd\": %llu}\n",
           (unsigned long long)run->counted, seconds, (double)run->counted / seconds,
           (double)run->times.sum_ns / count / 1e3,
           (double)histogram_quantile(&run->times, 0.5) / 1e3,
           (double)histogram_quantile(&run->times, 0.99) / 1e3,
           (run->ended.cpu_us - run->begun.cpu_us) / count, run->request.len, run->reply_len,
           due - (double)run->due, (unsigned long long)run->odd);
}

int main(int argc, char **argv)
{
    static load run;
    options chosen;
    if (!options_read(&run, &chosen, argc, argv) ||
        !run.protocol->build(&run.request, &chosen.wanted)) {
        fprintf(stderr, "usage: bench_load HOST:PORT [OPTION...], see tests/bench/load.c\n");
        return 2;
    }
    if (!tls_make(&run, &chosen)) {
        return 1;
    }
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    run.lanes = calloc(run.lane_count, sizeof(lane));
    run.free_places = calloc((size_t)run.lane_count * run.depth, sizeof(uint32_t));
    if (epoll_fd < 0 || run.lanes == NULL || run.free_places == NULL) {
        return fail("start");
    }
    for (uint32_t i = 0; i < run.lane_count; i++) {
        if (!lane_open(&run, &run.lanes[i], i, &chosen)) {
            return fail("connect");
        }
    }
    prctl(PR_SET_TIMERSLACK, 1);
    run.interval_ns = chosen.rate > 0 ? 1e9 / chosen.rate : 0;
    run.start_ns = now_ns();
    run.first = run.start_ns;
    run.begin_ns = run.start_ns + (uint64_t)(chosen.warm_up * 1e9);
    run.end_ns = run.begin_ns + (uint64_t)(chosen.seconds * 1e9);
    int status = run_load(&run, epoll_fd);
    if (status == 0) {
        print_result(&run);
    }
    return status != 0 || run.odd != 0;
}
