/* overload.c: offers calls at a rate that does not depend on the answers, in phases, and writes
 * down what became of each.
 *
 *     bench_overload HOST:PORT FILE --phases RATE:SECONDS[,...] [--connections N] [--name NAME]
 *                    [--param ENCODED] [--timeout MS] [--patience S] [--seed N]
 *
 * Calls come at random moments of the seed (a Poisson process) on connections that take turns.
 * FILE gets a `fate` for each, in the order in which they were due. Prints one line of JSON: how
 * late it was itself, and how many of its calls were answered. The server is told of `timeout`, but
 * for 0. `patience` is for the last answers.
 */
#include "protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PHASES_MAX 16u
#define TURN_NS 100000000u /* the longest sleep */
#define TURN_CALLS 64u     /* are sent between two looks at what has come */

/* fate is one call; tests/bench/overload.py reads it. Times are of CLOCK_MONOTONIC. */
typedef struct fate {
    uint64_t due_ns;
    uint64_t sent_ns; /* 0: not */
    uint64_t came_ns; /* 0: no answer */
    int64_t code;     /* of the api's envelope, or of the reply where there is none */
} fate;

typedef struct phase {
    double rate;
    double seconds;
} phase;

/* offer is one run. */
typedef struct offer {
    load run; /* first: what the protocol's functions are given is this */
    phase phases[PHASES_MAX];
    uint32_t phase_count;
    fate *fates;
    uint64_t fate_count;
    uint64_t answered;
    uint64_t twice;
    uint64_t seed;
    double patience;
    wish wanted;
    const char *file;
    struct sockaddr_in address;
} offer;

static int fail(const char *what)
{
    fprintf(stderr, "bench_overload: %s: %s\n", what, strerror(errno));
    return 1;
}

/* code_of finds the code that stands for a single call: the last of at most two. What the handler
 * answers has no such key. */
static int64_t code_of(const char *data, size_t len)
{
    static const char key[] = "s:4:\"code\";i:";
    const char *end = data + len;
    int64_t code = -1;
    for (int i = 0; i < 2; i++) {
        const char *at = memmem(data, (size_t)(end - data), key, sizeof(key) - 1);
        if (at == NULL) {
            break;
        }
        data = at + sizeof(key) - 1;
        code = strtoll(data, NULL, 10);
        if (code != 0) {
            break;
        }
    }
    return code;
}

/* take books one reply. */
static size_t take(load *run, lane *from, const char *in, size_t len, uint32_t *number)
{
    offer *all = (offer *)run;
    const size_t whole = len < 4 ? 0 : 4 + (size_t)read_u32(in);
    uint64_t serial;
    (void)from;
    *number = PLACE_NONE;
    if (whole == 0 || len < whole) {
        return 0;
    }
    if (whole < 36 || !guid_read(in + 4, &serial) || serial >= all->fate_count) {
        return TAKE_NONSENSE;
    }
    fate *one = &all->fates[serial];
    if (one->came_ns != 0) {
        all->twice++;
        return whole;
    }
    one->came_ns = now_ns();
    one->code = code_of(in + 36, whole - 36);
    all->answered++;
    return whole;
}

static const protocol protocol_open = {.name = "open", .take = take};

/* ---- options ---- */

static bool phases_read(offer *all, const char *text)
{
    char *end;
    while (all->phase_count < PHASES_MAX) {
        phase *one = &all->phases[all->phase_count++];
        one->rate = strtod(text, &end);
        if (end == text || *end != ':' || one->rate <= 0) {
            return false;
        }
        text = end + 1;
        one->seconds = strtod(text, &end);
        if (end == text || one->seconds <= 0) {
            return false;
        }
        if (*end == '\0') {
            return true;
        }
        text = end + 1;
    }
    return false;
}

static bool take_option(offer *all, int option, const char *text)
{
    switch (option) {
    case 'f':
        return phases_read(all, text);
    case 'c':
        all->run.lane_count = (uint32_t)strtoul(text, NULL, 10);
        return all->run.lane_count > 0;
    case 'n':
        all->wanted.name = text;
        return true;
    case 'p':
        all->wanted.param = text;
        return true;
    case 't':
        all->wanted.timeout_ms = (uint32_t)strtoul(text, NULL, 10);
        return true;
    case 'w':
        all->patience = strtod(text, NULL);
        return all->patience >= 0;
    case 's':
        all->seed = strtoull(text, NULL, 10);
        return true;
    default:
        return false;
    }
}

static bool options_read(offer *all, int argc, char **argv)
{
    static const struct option names[] = {{"phases", 1, NULL, 'f'},  {"connections", 1, NULL, 'c'},
                                          {"name", 1, NULL, 'n'},    {"param", 1, NULL, 'p'},
                                          {"timeout", 1, NULL, 't'}, {"patience", 1, NULL, 'w'},
                                          {"seed", 1, NULL, 's'},    {NULL, 0, NULL, 0}};
    int option;
    all->wanted = (wish){.name = "/bench/sleep", .param = "i:1000;", .apis = 1};
    all->run.protocol = &protocol_open;
    all->run.lane_count = 1;
    all->patience = 20;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!take_option(all, option, optarg)) {
            return false;
        }
    }
    if (optind + 2 != argc || !address_read(argv[optind], &all->address)) {
        return false;
    }
    all->file = argv[optind + 1];
    return all->phase_count > 0;
}

/* ---- the calls ---- */

/* random_share is in (0, 1]; xorshift64*, so that a seed gives the same moments everywhere. */
static double random_share(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return ((double)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 11) + 1) / 9007199254740992.0;
}

/* fates_make says when each call is due, beginning at 0. */
static bool fates_make(offer *all)
{
    uint64_t state = all->seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    uint64_t size = 0;
    double begin = 0;
    for (uint32_t i = 0; i < all->phase_count; i++) {
        const phase *one = &all->phases[i];
        double at = begin;
        while ((at -= log(random_share(&state)) / one->rate) < begin + one->seconds) {
            if (all->fate_count == size) {
                size = size == 0 ? 4096 : size * 2;
                fate *grown = realloc(all->fates, size * sizeof(fate));
                if (grown == NULL) {
                    return false;
                }
                all->fates = grown;
            }
            all->fates[all->fate_count++] = (fate){.due_ns = (uint64_t)(at * 1e9)};
        }
        begin += one->seconds;
    }
    return true;
}

static bool lanes_open(offer *all, int epoll_fd)
{
    for (uint32_t i = 0; i < all->run.lane_count; i++) {
        lane *one = &all->run.lanes[i];
        const int on = 1;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
        one->number = i;
        one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (one->fd < 0 ||
            connect(one->fd, (const struct sockaddr *)&all->address, sizeof(all->address)) != 0 ||
            setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
            fcntl(one->fd, F_SETFL, O_NONBLOCK) != 0 ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, one->fd, &event) != 0) {
            return false;
        }
    }
    return true;
}

/* lane_flush sends what it can, and says by epoll whether it waits for room. */
static bool lane_flush(int epoll_fd, lane *one)
{
    const int done = lane_write(one);
    if (done >= 0 && one->is_waiting != (done == 0)) {
        one->is_waiting = done == 0;
        struct epoll_event event = {.events = EPOLLIN | (one->is_waiting ? EPOLLOUT : 0),
                                    .data.ptr = one};
        return epoll_ctl(epoll_fd, EPOLL_CTL_MOD, one->fd, &event) == 0;
    }
    return done >= 0;
}

/* send_due sends what is due, at most so much that answers are looked at in between. */
static bool send_due(offer *all, int epoll_fd, uint64_t now)
{
    load *run = &all->run;
    for (uint32_t i = 0; i < TURN_CALLS && run->sent < all->fate_count; i++) {
        fate *one = &all->fates[run->sent];
        if (one->due_ns > now) {
            break;
        }
        lane *to = &run->lanes[run->sent % run->lane_count];
        const size_t at = to->out_len;
        lane_put(to, run->request.data, run->request.len);
        guid_write(to->out + at + 4, run->first, run->sent);
        memcpy(to->out + at + run->request.stamp_at, to->out + at + 4, 32);
        one->sent_ns = now_ns();
        run->sent++;
        if (!lane_flush(epoll_fd, to)) {
            return false;
        }
    }
    return true;
}

/* wait_for is how long epoll may wait for answers. */
static struct timespec wait_for(const offer *all)
{
    const load *run = &all->run;
    const uint64_t now = now_ns();
    uint64_t next = now + TURN_NS;
    if (run->sent < all->fate_count && all->fates[run->sent].due_ns < next) {
        next = all->fates[run->sent].due_ns;
    }
    return (struct timespec){.tv_nsec = (long)(next > now ? next - now : 0)};
}

static int offer_all(offer *all, int epoll_fd)
{
    load *run = &all->run;
    const uint64_t start_ns = now_ns();
    for (uint64_t i = 0; i < all->fate_count; i++) {
        all->fates[i].due_ns += start_ns;
    }
    const uint64_t end_ns = all->fates[all->fate_count - 1].due_ns;
    while (all->answered < all->fate_count) {
        struct epoll_event events[64];
        const uint64_t now = now_ns();
        if (now > end_ns + (uint64_t)(all->patience * 1e9)) {
            break;
        }
        if (!send_due(all, epoll_fd, now)) {
            return fail("send");
        }
        const struct timespec wait = wait_for(all);
        const int count = epoll_pwait2(epoll_fd, events, 64, &wait, NULL);
        for (int i = 0; i < count; i++) {
            lane *one = events[i].data.ptr;
            if (((events[i].events & ~(uint32_t)EPOLLOUT) != 0 && !lane_read(run, one)) ||
                !lane_flush(epoll_fd, one)) {
                return fail("the server closed a connection");
            }
        }
    }
    return 0;
}

static int results_write(const offer *all)
{
    histogram *late = calloc(1, sizeof(*late));
    FILE *to = fopen(all->file, "wb");
    if (late == NULL || to == NULL ||
        fwrite(all->fates, sizeof(fate), all->fate_count, to) != all->fate_count ||
        fclose(to) != 0) {
        return fail(all->file);
    }
    for (uint64_t i = 0; i < all->run.sent; i++) {
        histogram_add(late, all->fates[i].sent_ns - all->fates[i].due_ns);
    }
    printf("{\"due\": %llu, \"sent\": %llu, \"answered\": %llu, \"twice\": %llu, "
           "\"first\": %llu, \"late_p99_ms\": %.3f, \"late_most_ms\": %.3f}\n",
           (unsigned long long)all->fate_count, (unsigned long long)all->run.sent,
           (unsigned long long)all->answered, (unsigned long long)all->twice,
           (unsigned long long)all->run.first, (double)histogram_quantile(late, 0.99) / 1e6,
           (double)histogram_quantile(late, 1) / 1e6);
    free(late);
    return 0;
}

int main(int argc, char **argv)
{
    static offer all;
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!options_read(&all, argc, argv) || !protocol_v1.build(&all.run.request, &all.wanted)) {
        fprintf(stderr, "usage: bench_overload HOST:PORT FILE [OPTION...], see overload.c\n");
        return 2;
    }
    all.run.lanes = calloc(all.run.lane_count, sizeof(lane));
    if (epoll_fd < 0 || all.run.lanes == NULL || !fates_make(&all) || all.fate_count == 0) {
        return fail("start");
    }
    if (!lanes_open(&all, epoll_fd)) {
        return fail("connect");
    }
    prctl(PR_SET_TIMERSLACK, 1);
    all.run.first = now_ns(); /* no other run's guids are used: the server would know them */
    const int status = offer_all(&all, epoll_fd);
    return status != 0 ? status : results_write(&all);
}
