/* protocol.h: what the load generator has to know of a protocol. */
#ifndef BENCH_PROTOCOL_H
#define BENCH_PROTOCOL_H

#include "load.h"

#include <string.h>

#define TAKE_NONSENSE SIZE_MAX

typedef struct protocol {
    const char *name;
    const char *alpn; /* what it is called where TLS begins; NULL: nothing is said */
    /* greet puts what a connection begins with; may be NULL. */
    void (*greet)(lane *to);
    /* build makes the pattern of a request. */
    bool (*build)(pattern *made, const wish *wanted);
    /* stamp makes a copy of the pattern the request of this place and serial; may be NULL. */
    void (*stamp)(const load *run, lane *to, uint32_t number, uint64_t serial, char *request);
    /* take reads one reply, or a part of one, at the start of `in`. Returns: its length, 0 while
     * bytes are missing, or TAKE_NONSENSE. `*number` is the place it ends, PLACE_NONE: none. */
    size_t (*take)(load *run, lane *from, const char *in, size_t len, uint32_t *number);
} protocol;

/* guid_write writes the 32 characters of a guid; guid_read reads its lower half, false for what is
 * none of these. */
void guid_write(char *to, uint64_t upper, uint64_t lower);
bool guid_read(const char *from, uint64_t *lower);

extern const protocol protocol_v1;
extern const protocol protocol_http;
extern const protocol protocol_grpc;
extern const protocol protocol_redis;
extern const protocol protocol_gearman;

static inline uint32_t read_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static inline void write_u32(char *p, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (char)(value >> (24 - 8 * i) & 255u);
    }
}

/* place_next is the place whose turn it is, where replies come in order. */
static inline uint32_t place_next(const load *run, lane *from)
{
    uint32_t number = from->next_place;
    from->next_place = (number + 1) % run->depth;
    return number;
}

#endif
