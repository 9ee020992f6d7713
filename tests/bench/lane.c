/* lane.c: one connection of the load generator: frames out, replies in, each to its place. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void histogram_add(histogram *all, uint64_t ns)
{
    uint64_t value = ns < 16 ? 16 : ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(value);
    unsigned bucket = power * 16u + (unsigned)((value >> (power - 4u)) & 15u);
    all->counts[bucket]++;
    all->total++;
}

uint64_t histogram_quantile(const histogram *all, double share)
{
    uint64_t wanted = (uint64_t)((double)all->total * share);
    uint64_t seen = 0;
    for (unsigned i = 64; i < BUCKETS; i++) {
        seen += all->counts[i];
        if (all->counts[i] > 0 && seen >= wanted) {
            return ((uint64_t)(16u + i % 16u)) << (i / 16u - 4u);
        }
    }
    return 0;
}

static void put_hex(char *to, uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--) {
        to[i] = digits[value & 15u];
        value >>= 4;
    }
}

static bool get_hex(const char *from, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 16; i++) {
        char c = from[i];
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10u;
        } else {
            return false;
        }
        *value = *value << 4 | digit;
    }
    return true;
}

static uint32_t read_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

void lane_fill(load *run, load_lane *lane, uint32_t place)
{
    char *at = lane->out + lane->out_len;
    uint64_t where = (uint64_t)lane->number << 32 | place;
    uint64_t serial = run->first + run->sent++;
    memcpy(at, run->request.data, run->request.len);
    put_hex(at + 4, where);
    put_hex(at + 20, serial);
    memcpy(at + run->request.body_guid_at, at + 4, 32);
    lane->out_len += run->request.len;
    run->serials[lane->number * run->depth + place] = serial;
    lane->started_ns[place] = now_ns();
}

/* take_reply counts one reply and asks again while there is time. */
static void take_reply(load *run, load_lane *lane, const char *frame, size_t len)
{
    uint64_t where;
    uint64_t serial;
    if (len < 36 || !get_hex(frame + 4, &where) || !get_hex(frame + 20, &serial) ||
        where >> 32 != lane->number || (where & 0xffffffffu) >= run->depth) {
        run->odd++;
        return;
    }
    uint32_t place = (uint32_t)where;
    uint64_t *waited = &run->serials[lane->number * run->depth + place];
    if (*waited != serial) {
        run->odd++;
        return;
    }
    *waited = 0;
    if (run->reply_len == 0) {
        run->reply_len = len;
    } else if (run->reply_len != len) {
        run->odd++;
    }
    uint64_t now = now_ns();
    histogram_add(&run->times, now - lane->started_ns[place]);
    run->received++;
    if (now < run->end_ns) {
        lane_fill(run, lane, place);
    }
}

bool lane_read(load *run, load_lane *lane)
{
    ssize_t got = recv(lane->fd, lane->in + lane->in_len, IN_BYTES - lane->in_len, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
        return false;
    }
    lane->in_len += (size_t)got;
    size_t at = 0;
    while (lane->in_len - at >= 4) {
        size_t len = 4 + (size_t)read_u32(lane->in + at);
        if (len > IN_BYTES) {
            return false;
        }
        if (lane->in_len - at < len) {
            break;
        }
        take_reply(run, lane, lane->in + at, len);
        at += len;
    }
    memmove(lane->in, lane->in + at, lane->in_len - at);
    lane->in_len -= at;
    return true;
}

int lane_write(load_lane *lane)
{
    while (lane->out_at < lane->out_len) {
        ssize_t put =
            send(lane->fd, lane->out + lane->out_at, lane->out_len - lane->out_at, MSG_NOSIGNAL);
        if (put < 0) {
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        }
        lane->out_at += (size_t)put;
    }
    lane->out_at = 0;
    lane->out_len = 0;
    return 1;
}

bool pattern_build(pattern *made, const char *name, const char *param)
{
    char *body = NULL;
    int len = asprintf(&body,
                       "a:3:{s:3:\"api\";a:1:{s:3:\"one\";a:2:{s:4:\"name\";s:%zu:\"%s\";"
                       "s:5:\"param\";%s}}s:4:\"guid\";s:32:\"%032d\";s:4:\"type\";s:3:\"W_S\";}",
                       strlen(name), name, param, 0);
    if (len < 0) {
        return false;
    }
    made->len = 36 + (size_t)len;
    made->data = malloc(made->len);
    if (made->data == NULL) {
        free(body);
        return false;
    }
    uint32_t count = 32 + (uint32_t)len;
    for (int i = 0; i < 4; i++) {
        made->data[i] = (char)(count >> (24 - 8 * i) & 255u);
    }
    memcpy(made->data + 36, body, (size_t)len);
    const char *guid = strstr(body, "s:32:\"");
    made->body_guid_at = 36 + (size_t)(guid - body) + 6;
    free(body);
    return true;
}
