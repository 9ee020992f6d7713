/* load.h: the load generator's parts: one run, its connections, the histogram of its times. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "measured.h"

#define PARTS_BITS 6u
#define PARTS (1u << PARTS_BITS)
#define BUCKETS (64u * PARTS)
struct dr_tls_context;
struct dr_tls_filter;

#define IN_BYTES_MIN 16384
#define IN_BYTES_MAX (8u << 20)
#define PLACE_NONE UINT32_MAX

/* histogram counts times in buckets of 1/64 of a power of two. */
typedef struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t total;
    uint64_t sum_ns;
} histogram;

void histogram_add(histogram *all, uint64_t ns);

/* histogram_quantile gives the time in ns below which `share` (0..1) of all lie. */
uint64_t histogram_quantile(const histogram *all, double share);

/* wish is what a request should be. */
typedef struct wish {
    const char *name;
    const char *param;    /* an encoded value; v1 only */
    const char *body;     /* NULL: one of the size that is wanted; HTTP only */
    size_t string_bytes;  /* instead of param: a string so long */
    size_t request_bytes; /* of the whole request; all but v1 */
    uint32_t apis;        /* 1: a single call; v1 only */
    uint32_t timeout_ms;  /* what is told to the server, 0: nothing; v1 only */
} wish;

/* pattern is the request's bytes, with the place of what differs from one to the next. */
typedef struct pattern {
    char *data;
    size_t len;
    size_t stamp_at;
} pattern;

/* place is one request under way. */
typedef struct place {
    uint64_t serial;
    uint64_t started_ns;
    uint64_t seen; /* of its reply's bytes, where they come in parts */
} place;

/* lane is one connection with `depth` requests under way. */
typedef struct lane {
    int fd;
    struct dr_tls_filter *tls; /* NULL: plain */
    uint32_t number;
    uint32_t next_place; /* whose reply comes next, where they come in order */
    uint32_t next_stream;
    bool is_waiting; /* for room to write */
    char *in;
    size_t in_len;
    size_t in_size;
    char *out;
    size_t out_len;
    size_t out_at;
    size_t out_size;
    place *places;
} lane;

/* moment is when something was, by the clock and in this process's CPU time. */
typedef struct moment {
    uint64_t ns;
    double cpu_us;
} moment;

/* load is one run. */
typedef struct load {
    struct dr_tls_context *tls; /* NULL: plain */
    const struct protocol *protocol;
    pattern request;
    uint32_t lane_count;
    uint32_t depth;
    lane *lanes;
    uint64_t start_ns;
    uint64_t begin_ns; /* of what counts; before it is the warming up */
    uint64_t end_ns;
    moment begun;
    moment ended;
    uint64_t first; /* serial: no other run's guids are used, for the server would know them */
    uint64_t sent;
    uint64_t received;
    uint64_t counted; /* received between begin and end */
    uint64_t odd;     /* replies that should not be */
    size_t reply_len;
    double interval_ns; /* open loop: from one request to the next; 0: closed loop */
    uint64_t due;       /* open loop: requests that were to be sent so far */
    uint32_t *free_places;
    uint32_t free_head;
    uint32_t free_count;
    histogram times;
} load;

/* lane_put appends bytes to the lane's output. */
void lane_put(lane *to, const void *data, size_t len);

/* lane_fill puts a new request for a place into the lane's output; its time counts from
 * `started_ns`. */
void lane_fill(load *run, lane *to, uint32_t number, uint64_t started_ns);

/* lane_handshake begins TLS on a connection that blocks. Returns: false when that fails; why is
 * printed. */
bool lane_handshake(lane *one, struct dr_tls_context *context);

/* lane_read takes what arrived; returns false when the server closed the connection or talks
 * nonsense. */
bool lane_read(load *run, lane *from);

/* lane_write sends what it can; returns 1 when all went out, 0 when some stays, -1 on errors. */
int lane_write(lane *to);

#endif
