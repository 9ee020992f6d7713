/* protocol_text.c: HTTP/1.1, Redis and Gearman for the load generator: replies come in order. */
#include "protocol.h"

#include <stdio.h>
#include <stdlib.h>

#define GEARMAN_HEAD 12
#define HTTP_HEAD 48 /* beside the path, with three digits of length */

enum { SUBMIT_JOB = 7, JOB_CREATED = 8, WORK_COMPLETE = 13 };

/* rest_of is how much payload makes a request of the size that is wanted. */
static size_t rest_of(const wish *wanted, size_t head)
{
    return wanted->request_bytes > head ? wanted->request_bytes - head : 1;
}

/* find is memmem for a text. */
static const char *find(const char *in, size_t len, const char *text)
{
    return memmem(in, len, text, strlen(text));
}

/* end_with adds a payload of zeros and a seven. */
static bool end_with(FILE *to, size_t payload)
{
    fprintf(to, "%0*d", (int)payload, 7);
    return fclose(to) == 0;
}

static bool http_build(pattern *made, const wish *wanted)
{
    FILE *to = open_memstream(&made->data, &made->len);
    size_t payload = rest_of(wanted, strlen(wanted->name) + HTTP_HEAD);
    if (to == NULL) {
        return false;
    }
    if (wanted->body != NULL) {
        fprintf(to, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", wanted->name,
                strlen(wanted->body), wanted->body);
        return fclose(to) == 0;
    }
    fprintf(to, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", wanted->name,
            payload);
    return end_with(to, payload);
}

static size_t http_take(load *run, lane *from, const char *in, size_t len, uint32_t *number)
{
    const char *end = find(in, len, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    size_t head = (size_t)(end - in) + 4;
    const char *length = find(in, head, "Content-Length: ");
    if (length == NULL || memcmp(in, "HTTP/1.1 200", 12) != 0) {
        return TAKE_NONSENSE;
    }
    size_t whole = head + strtoul(length + 16, NULL, 10);
    if (len < whole) {
        return 0;
    }
    run->reply_len = whole;
    *number = place_next(run, from);
    return whole;
}

static bool redis_build(pattern *made, const wish *wanted)
{
    FILE *to = open_memstream(&made->data, &made->len);
    size_t payload = rest_of(wanted, 22);
    if (to == NULL) {
        return false;
    }
    fprintf(to, "*2\r\n$4\r\nPING\r\n$%zu\r\n%0*d\r\n", payload, (int)payload, 7);
    return fclose(to) == 0;
}

static size_t redis_take(load *run, lane *from, const char *in, size_t len, uint32_t *number)
{
    const char *end = find(in, len, "\r\n");
    if (end == NULL) {
        return 0;
    }
    if (in[0] != '$') {
        return TAKE_NONSENSE;
    }
    size_t whole = (size_t)(end - in) + 2 + strtoul(in + 1, NULL, 10) + 2;
    if (len < whole) {
        return 0;
    }
    run->reply_len = whole;
    *number = place_next(run, from);
    return whole;
}

static bool gearman_build(pattern *made, const wish *wanted)
{
    FILE *to = open_memstream(&made->data, &made->len);
    size_t name_len = strlen(wanted->name) + 1;
    size_t payload = rest_of(wanted, GEARMAN_HEAD + name_len + 1);
    char head[GEARMAN_HEAD] = "\0REQ";
    if (to == NULL) {
        return false;
    }
    write_u32(head + 4, SUBMIT_JOB);
    write_u32(head + 8, (uint32_t)(name_len + 1 + payload));
    fwrite(head, 1, sizeof(head), to);
    fwrite(wanted->name, 1, name_len, to);
    fputc(0, to); /* no unique id: the server makes one */
    return end_with(to, payload);
}

static size_t gearman_take(load *run, lane *from, const char *in, size_t len, uint32_t *number)
{
    if (len < GEARMAN_HEAD) {
        return 0;
    }
    size_t whole = GEARMAN_HEAD + (size_t)read_u32(in + 8);
    uint32_t type = read_u32(in + 4);
    if (memcmp(in, "\0RES", 4) != 0 || (type != JOB_CREATED && type != WORK_COMPLETE)) {
        return TAKE_NONSENSE;
    }
    if (len < whole) {
        return 0;
    }
    if (type == WORK_COMPLETE) {
        run->reply_len = whole;
        *number = place_next(run, from);
    }
    return whole;
}

const protocol protocol_http = {.name = "http", .build = http_build, .take = http_take};
const protocol protocol_redis = {.name = "redis", .build = redis_build, .take = redis_take};
const protocol protocol_gearman = {.name = "gearman", .build = gearman_build, .take = gearman_take};
