/* protocol_v1.c: Dora's frames for the load generator. A guid is the request's place and serial. */
#include "protocol.h"

#include "tls/context.h"

#include <stdio.h>
#include <stdlib.h>

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

static void write_apis(FILE *to, const wish *wanted)
{
    fprintf(to, "a:%d:{s:3:\"api\";a:%u:{", wanted->timeout_ms > 0 ? 4 : 3, wanted->apis);
    for (uint32_t i = 0; i < wanted->apis; i++) {
        if (wanted->apis == 1) {
            fputs("s:3:\"one\";", to);
        } else {
            fprintf(to, "i:%u;", i + 1);
        }
        fprintf(to, "a:2:{s:4:\"name\";s:%zu:\"%s\";s:5:\"param\";", strlen(wanted->name),
                wanted->name);
        if (wanted->string_bytes == 0) {
            fputs(wanted->param, to);
        } else {
            fprintf(to, "s:%zu:\"%0*d\";", wanted->string_bytes, (int)wanted->string_bytes, 0);
        }
        fputs("}", to);
    }
    fputs("}", to);
}

static bool build(pattern *made, const wish *wanted)
{
    FILE *to = open_memstream(&made->data, &made->len);
    if (to == NULL) {
        return false;
    }
    fprintf(to, "LLLL%032d", 0);
    write_apis(to, wanted);
    if (wanted->timeout_ms > 0) {
        fprintf(to, "s:7:\"timeout\";i:%u;", wanted->timeout_ms);
    }
    fputs("s:4:\"guid\";s:32:\"", to);
    fflush(to);
    made->stamp_at = made->len;
    fprintf(to, "%032d\";s:4:\"type\";s:3:\"%s\";}", 0, wanted->apis == 1 ? "W_S" : "W_M");
    if (fclose(to) != 0) {
        return false;
    }
    write_u32(made->data, (uint32_t)made->len - 4);
    return true;
}

static void stamp(const load *run, lane *to, uint32_t number, uint64_t serial, char *request)
{
    put_hex(request + 4, (uint64_t)to->number << 32 | number);
    put_hex(request + 20, serial);
    memcpy(request + run->request.stamp_at, request + 4, 32);
}

void guid_write(char *to, uint64_t upper, uint64_t lower)
{
    put_hex(to, upper);
    put_hex(to + 16, lower);
}

bool guid_read(const char *from, uint64_t *lower)
{
    uint64_t upper;
    return get_hex(from, &upper) && get_hex(from + 16, lower);
}

static size_t take(load *run, lane *from, const char *in, size_t len, uint32_t *number)
{
    uint64_t where;
    uint64_t serial;
    size_t whole = len < 4 ? 0 : 4 + (size_t)read_u32(in);
    if (whole == 0 || len < whole) {
        return 0;
    }
    if (whole < 36 || !get_hex(in + 4, &where) || !get_hex(in + 20, &serial) ||
        where >> 32 != from->number || (where & 0xffffffffu) >= run->depth ||
        from->places[where & 0xffffffffu].serial != serial) {
        run->odd++;
        return whole;
    }
    if (run->reply_len == 0) {
        run->reply_len = whole;
    }
    if (whole != run->reply_len) {
        run->odd++;
    }
    *number = (uint32_t)where;
    from->places[*number].serial = 0;
    return whole;
}

const protocol protocol_v1 = {
    .name = "v1", .alpn = DR_TLS_ALPN, .build = build, .stamp = stamp, .take = take};
