/* load.h: the load generator's parts: options, latency histogram, one connection. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUCKETS 1024
#define IN_BYTES 262144

/* histogram counts times in buckets of 1/16 of a power of two. */
typedef struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t total;
} histogram;

void histogram_add(histogram *all, uint64_t ns);

/* histogram_quantile gives the time in ns below which `share` (0..1) of all lie. */
uint64_t histogram_quantile(const histogram *all, double share);

/* pattern is the request's frame with the places where the guid goes. */
typedef struct pattern {
    char *data;
    size_t len;
    size_t body_guid_at;
} pattern;

/* pattern_build writes the frame of a W_S call of `name`; `param` is an encoded value. */
bool pattern_build(pattern *made, const char *name, const char *param);

/* lane is one connection with `depth` requests under way. */
typedef struct load_lane {
    int fd;
    uint32_t number;
    char *in;
    size_t in_len;
    char *out;
    size_t out_len;
    size_t out_at;
    uint64_t *started_ns; /* by place, `depth` of them */
} load_lane;

/* load is one run. */
typedef struct load {
    pattern request;
    uint32_t lanes;
    uint32_t depth;
    uint64_t end_ns;
    uint64_t first; /* serial: no other run's guids are used, for the server would know them */
    uint64_t sent;
    uint64_t received;
    uint64_t odd;      /* replies unlike the first, or to nobody */
    size_t reply_len;  /* of the first reply, with its length word */
    uint64_t *serials; /* the serial each place waits for */
    histogram times;
} load;

uint64_t now_ns(void);

/* lane_fill puts a new request for place `place` into the lane's output. */
void lane_fill(load *run, load_lane *lane, uint32_t place);

/* lane_read takes what arrived; returns false when the server closed the connection. */
bool lane_read(load *run, load_lane *lane);

/* lane_write sends what it can; returns 1 when all went out, 0 when some stays, -1 on errors. */
int lane_write(load_lane *lane);

#endif
