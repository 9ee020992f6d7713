/* lane.c: one connection of the load generators: requests out, replies in, each to its place. */
#include "protocol.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tls/filter.h"

void histogram_add(histogram *all, uint64_t ns)
{
    uint64_t value = ns < PARTS ? PARTS : ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(value);
    unsigned bucket = power * PARTS + (unsigned)((value >> (power - PARTS_BITS)) & (PARTS - 1u));
    all->counts[bucket]++;
    all->total++;
    all->sum_ns += ns;
}

uint64_t histogram_quantile(const histogram *all, double share)
{
    uint64_t wanted = (uint64_t)((double)all->total * share);
    uint64_t seen = 0;
    for (unsigned i = PARTS_BITS * PARTS; i < BUCKETS; i++) {
        seen += all->counts[i];
        if (all->counts[i] > 0 && seen >= wanted) {
            return ((uint64_t)(PARTS + i % PARTS)) << (i / PARTS - PARTS_BITS);
        }
    }
    return 0;
}

/* grown makes room for `len` bytes; running out of memory ends the run. */
static char *grown(char *data, size_t *size, size_t len)
{
    size_t wanted = *size == 0 ? IN_BYTES_MIN : *size;
    while (wanted < len) {
        wanted *= 2;
    }
    if (wanted != *size) {
        data = realloc(data, wanted);
        *size = wanted;
    }
    if (data == NULL) {
        fprintf(stderr, "bench_load: out of memory\n");
        exit(1);
    }
    return data;
}

void lane_put(lane *to, const void *data, size_t len)
{
    to->out = grown(to->out, &to->out_size, to->out_len + len);
    memcpy(to->out + to->out_len, data, len);
    to->out_len += len;
}

void lane_fill(load *run, lane *to, uint32_t number, uint64_t started_ns)
{
    uint64_t serial = run->first + run->sent++;
    size_t at = to->out_len;
    lane_put(to, run->request.data, run->request.len);
    to->places[number] = (place){.serial = serial, .started_ns = started_ns};
    if (run->protocol->stamp != NULL) {
        run->protocol->stamp(run, to, number, serial, to->out + at);
    }
}

/* finish counts a reply; the place asks again while there is time. */
static void finish(load *run, lane *from, uint32_t number)
{
    uint64_t now = now_ns();
    run->received++;
    if (now >= run->begin_ns && now < run->end_ns) {
        run->counted++;
        histogram_add(&run->times, now - from->places[number].started_ns);
    }
    if (run->interval_ns > 0) {
        uint32_t all = run->lane_count * run->depth;
        run->free_places[(run->free_head + run->free_count++) % all] =
            from->number * run->depth + number;
    } else if (now < run->end_ns) {
        lane_fill(run, from, number, now);
    }
}

bool lane_handshake(lane *one, struct dr_tls_context *context)
{
    char bytes[16384];
    one->tls = dr_tls_filter_client(context, "localhost");
    while (one->tls != NULL && !dr_tls_filter_is_open(one->tls)) {
        const dora_slice said = dr_tls_filter_output(one->tls);
        if (send(one->fd, said.data, said.len, MSG_NOSIGNAL) != (ssize_t)said.len) {
            return false;
        }
        dr_tls_filter_sent(one->tls, said.len);
        const ssize_t got = recv(one->fd, bytes, sizeof(bytes), 0);
        if (got <= 0 || dr_tls_filter_feed(one->tls, (dora_slice){bytes, (size_t)got}) != DORA_OK) {
            fprintf(stderr, "bench_load: TLS: %s\n", dr_tls_filter_problem(one->tls));
            return false;
        }
    }
    return one->tls != NULL;
}

/* receive_tls is recv for what has come through TLS. */
static ssize_t receive_tls(lane *from)
{
    static char bytes[65536];
    const ssize_t got = recv(from->fd, bytes, sizeof(bytes), 0);
    ssize_t all = 0;
    size_t more = 0;
    if (got <= 0) {
        return got;
    }
    if (dr_tls_filter_feed(from->tls, (dora_slice){bytes, (size_t)got}) != DORA_OK) {
        return 0;
    }
    from->in = grown(from->in, &from->in_size, from->in_len + sizeof(bytes));
    while (dr_tls_filter_read(from->tls, from->in + from->in_len + all,
                              from->in_size - from->in_len - (size_t)all, &more) == DORA_OK) {
        all += (ssize_t)more;
    }
    errno = EAGAIN; /* for none: a record has not come whole */
    return all > 0 ? all : -1;
}

bool lane_read(load *run, lane *from)
{
    if (from->in_len == from->in_size) {
        from->in = grown(from->in, &from->in_size, from->in_len + 1);
    }
    ssize_t got = from->tls != NULL
                      ? receive_tls(from)
                      : recv(from->fd, from->in + from->in_len, from->in_size - from->in_len, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
        return false;
    }
    from->in_len += (size_t)got;
    size_t at = 0;
    while (at < from->in_len) {
        uint32_t number = PLACE_NONE;
        size_t len = run->protocol->take(run, from, from->in + at, from->in_len - at, &number);
        if (len == 0) {
            break;
        }
        if (len == TAKE_NONSENSE) {
            return false;
        }
        at += len;
        if (number != PLACE_NONE) {
            finish(run, from, number);
        }
    }
    memmove(from->in, from->in + at, from->in_len - at);
    from->in_len -= at;
    return from->in_len <= IN_BYTES_MAX;
}

/* write_tls is lane_write for TLS. */
static int write_tls(lane *to)
{
    const dora_slice plain = {to->out, to->out_len};
    if (dr_tls_filter_write(to->tls, plain) != DORA_OK) {
        return -1;
    }
    to->out_len = 0;
    for (;;) {
        const dora_slice said = dr_tls_filter_output(to->tls);
        if (said.len == 0) {
            return 1;
        }
        const ssize_t put = send(to->fd, said.data, said.len, MSG_NOSIGNAL);
        if (put < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        }
        dr_tls_filter_sent(to->tls, (size_t)put);
    }
}

int lane_write(lane *to)
{
    if (to->tls != NULL) {
        return write_tls(to);
    }
    while (to->out_at < to->out_len) {
        ssize_t put = send(to->fd, to->out + to->out_at, to->out_len - to->out_at, MSG_NOSIGNAL);
        if (put < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        }
        to->out_at += (size_t)put;
    }
    to->out_at = 0;
    to->out_len = 0;
    return 1;
}
