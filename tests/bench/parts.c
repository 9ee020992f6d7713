/* parts.c: N streams, each on a connection of its own, whose parts are taken as they come.
 *
 *     bench_parts HOST:PORT [--connections N] [--window N] [--seconds S] [--warm-up S]
 *                 [--name NAME]
 *
 * Prints "begin" and "end" around what counts, then one line of JSON; a request there is a part.
 * Room is given back once half of the window was taken, as clients do.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measured.h"

#define ROOM_BYTES (256u * 1024)
#define TURN_MS 100

/* stream is one on its connection; what of a frame has come stands in `in`. */
typedef struct stream {
    int fd;
    char guid[33];
    uint32_t untaken;
    size_t len;
    char in[ROOM_BYTES];
} stream;

typedef struct options {
    struct sockaddr_in address;
    const char *name;
    uint32_t connections;
    uint32_t window;
    double seconds;
    double warm_up;
} options;

static bool send_body(const stream *to, const char *body, size_t len)
{
    char frame[1024];
    const uint32_t whole = htonl((uint32_t)len + 32);
    memcpy(frame, &whole, 4);
    memcpy(frame + 4, to->guid, 32);
    memcpy(frame + 36, body, len);
    return send(to->fd, frame, len + 36, MSG_NOSIGNAL) == (ssize_t)len + 36;
}

static bool begin(stream *made, const options *chosen, uint32_t number)
{
    char body[512];
    int on = 1;
    made->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(made->guid, sizeof(made->guid), "%032u", number);
    const int len = snprintf(
        body, sizeof(body),
        "a:4:{s:3:\"api\";a:1:{s:3:\"one\";a:2:{s:4:\"name\";s:%zu:\"%s\";s:5:\"param\";N;}}"
        "s:4:\"guid\";s:32:\"%s\";s:4:\"type\";s:4:\"ST_S\";s:6:\"window\";i:%u;}",
        strlen(chosen->name), chosen->name, made->guid, chosen->window);
    return made->fd >= 0 &&
           connect(made->fd, (const struct sockaddr *)&chosen->address, sizeof(chosen->address)) ==
               0 &&
           setsockopt(made->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
           send_body(made, body, (size_t)len);
}

/* count_frames drops the whole frames that have come. Returns: how many. */
static uint32_t count_frames(stream *from)
{
    uint32_t count = 0;
    size_t at = 0;
    while (from->len - at >= 4) {
        uint32_t whole;
        memcpy(&whole, from->in + at, 4);
        whole = ntohl(whole) + 4;
        if (from->len - at < whole) {
            break;
        }
        at += whole;
        count++;
    }
    memmove(from->in, from->in + at, from->len - at);
    from->len -= at;
    return count;
}

/* take reads what has come. Returns: how many parts; -1: the stream has ended. */
static int64_t take(stream *from, const options *chosen)
{
    const ssize_t got = recv(from->fd, from->in + from->len, sizeof(from->in) - from->len, 0);
    if (got <= 0) {
        return -1;
    }
    from->len += (size_t)got;
    const uint32_t count = count_frames(from);
    from->untaken += count;
    if (from->untaken * 2 >= chosen->window) {
        char body[128];
        const int len =
            snprintf(body, sizeof(body),
                     "a:3:{s:4:\"type\";s:2:\"TK\";s:4:\"guid\";s:32:\"%s\";s:4:\"take\";i:%u;}",
                     from->guid, from->untaken);
        from->untaken = 0;
        if (!send_body(from, body, (size_t)len)) {
            return -1;
        }
    }
    return count;
}

/* drive takes parts until a time. Returns: how many; -1: a stream has ended. */
static int64_t drive(stream *streams, struct pollfd *polls, const options *chosen, double seconds)
{
    const uint64_t end_ns = now_ns() + (uint64_t)(seconds * 1e9);
    int64_t count = 0;
    while (now_ns() < end_ns) {
        if (poll(polls, chosen->connections, TURN_MS) < 0 && errno != EINTR) {
            return -1;
        }
        for (uint32_t i = 0; i < chosen->connections; i++) {
            const int64_t some = polls[i].revents != 0 ? take(&streams[i], chosen) : 0;
            if (some < 0) {
                return -1;
            }
            count += some;
        }
    }
    return count;
}

static bool run(const options *chosen)
{
    stream *streams = calloc(chosen->connections, sizeof(*streams));
    struct pollfd *polls = calloc(chosen->connections, sizeof(*polls));
    for (uint32_t i = 0; i < chosen->connections; i++) {
        if (streams == NULL || polls == NULL || !begin(&streams[i], chosen, i)) {
            return false;
        }
        polls[i] = (struct pollfd){.fd = streams[i].fd, .events = POLLIN};
    }
    if (drive(streams, polls, chosen, chosen->warm_up) < 0) {
        return false;
    }
    puts("begin");
    (void)fflush(stdout);
    const uint64_t begin_ns = now_ns();
    const double begin_us = cpu_us();
    const int64_t count = drive(streams, polls, chosen, chosen->seconds);
    const double seconds = (double)(now_ns() - begin_ns) / 1e9;
    const double used_us = cpu_us() - begin_us;
    puts("end");
    if (count <= 0) {
        return false;
    }
    printf("{\"requests\": %lld, \"seconds\": %.4f, \"per_second\": %.1f, \"load_cpu_us\": %.3f}\n",
           (long long)count, seconds, (double)count / seconds, used_us / (double)count);
    free(streams);
    free(polls);
    return true;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"connections", 1, NULL, 'c'}, {"window", 1, NULL, 'w'},
                                          {"seconds", 1, NULL, 's'},     {"warm-up", 1, NULL, 'u'},
                                          {"name", 1, NULL, 'n'},        {NULL, 0, NULL, 0}};
    options chosen = {
        .name = "/bench/parts", .connections = 1, .window = 16, .seconds = 1, .warm_up = 0.2};
    int option;
    bool is_good = true;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'c':
            chosen.connections = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            chosen.window = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            chosen.seconds = strtod(optarg, NULL);
            break;
        case 'u':
            chosen.warm_up = strtod(optarg, NULL);
            break;
        case 'n':
            chosen.name = optarg;
            break;
        default:
            is_good = false;
            break;
        }
    }
    if (!is_good || optind + 1 != argc || !address_read(argv[optind], &chosen.address) ||
        chosen.connections == 0 || chosen.window == 0) {
        fputs("usage: bench_parts HOST:PORT [OPTION...], see tests/bench/parts.c\n", stderr);
        return 2;
    }
    if (!run(&chosen)) {
        fputs("bench_parts: a stream has ended\n", stderr);
        return 1;
    }
    return 0;
}
