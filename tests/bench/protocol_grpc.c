/* protocol_grpc.c: gRPC for the load generator: HTTP/2 with one fixed block of headers. */
#include "protocol.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD 9
#define WINDOW 0x7fff0000u
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7 };
enum { WINDOW_UPDATE = 8, END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

static void write_head(char *to, size_t len, int type, int flags, uint32_t stream)
{
    write_u32(to, (uint32_t)len << 8 | (uint32_t)type);
    to[4] = (char)flags;
    write_u32(to + 5, stream);
}

/* greet also lifts the windows, so that replies never have to wait for credit. */
static void greet(lane *to)
{
    char frame[HEAD + 6];
    lane_put(to, PREFACE, strlen(PREFACE));
    write_head(frame, 6, SETTINGS, 0, 0);
    frame[HEAD] = 0;
    frame[HEAD + 1] = 4; /* SETTINGS_INITIAL_WINDOW_SIZE */
    write_u32(frame + HEAD + 2, WINDOW);
    lane_put(to, frame, HEAD + 6);
    write_head(frame, 4, WINDOW_UPDATE, 0, 0);
    write_u32(frame + HEAD, WINDOW);
    lane_put(to, frame, HEAD + 4);
    to->next_stream = 1;
}

/* build makes HEADERS (HPACK, nothing indexed by us) and DATA with a message of one bytes field. */
static bool build(pattern *made, const wish *wanted)
{
    FILE *to = open_memstream(&made->data, &made->len);
    size_t path_len = strlen(wanted->name);
    char word[HEAD];
    if (to == NULL || path_len > 126) {
        return false;
    }
    size_t head_len = 2 + 2 + path_len + 3 + 3 + 16 + 3 + 9;
    write_head(word, head_len, HEADERS, END_HEADERS, 0);
    fwrite(word, 1, HEAD, to);
    fprintf(to, "\x83\x86\x04%c%s\x01\x01x", (int)path_len, wanted->name);
    fprintf(to, "\x0f\x10%c%s", 16, "application/grpc");
    fwrite("\0\2te\10trailers", 1, 13, to);
    fflush(to);
    write_u32(made->data, (uint32_t)(made->len - HEAD) << 8 | HEADERS);
    size_t head = made->len;
    size_t rest = head + HEAD + 5 + 3;
    size_t payload = wanted->request_bytes > rest ? wanted->request_bytes - rest : 1;
    write_head(word, 5 + 3 + payload, DATA, END_STREAM, 0);
    fwrite(word, 1, HEAD, to);
    fputc(0, to);
    write_u32(word, (uint32_t)payload + 3);
    fwrite(word, 1, 4, to);
    fputc(0x0a, to); /* field 1, bytes, its length in two digits of 7 bits */
    fputc((int)(0x80 | (payload & 127)), to);
    fputc((int)(payload >> 7 & 127), to);
    fprintf(to, "%0*d", (int)payload, 7);
    made->stamp_at = head;
    return fclose(to) == 0;
}

static void stamp(const load *run, lane *to, uint32_t number, uint64_t serial, char *request)
{
    (void)serial;
    write_u32(request + 5, to->next_stream);
    write_u32(request + run->request.stamp_at + 5, to->next_stream);
    to->places[number].serial = to->next_stream;
    to->next_stream += 2;
}

static uint32_t place_of(const load *run, const lane *from, uint32_t stream)
{
    for (uint32_t i = 0; i < run->depth; i++) {
        if (from->places[i].serial == stream) {
            return i;
        }
    }
    return PLACE_NONE;
}

static size_t take(load *run, lane *from, const char *in, size_t len, uint32_t *number)
{
    size_t whole = len < HEAD ? 0 : HEAD + (size_t)(read_u32(in) >> 8);
    if (whole == 0 || len < whole) {
        return 0;
    }
    int type = in[3];
    int flags = in[4];
    uint32_t stream = read_u32(in + 5);
    uint32_t place_found = stream == 0 ? PLACE_NONE : place_of(run, from, stream);
    char answer[HEAD + 8];
    if (type == RST_STREAM || type == GOAWAY) {
        return TAKE_NONSENSE;
    }
    if ((type == SETTINGS || type == PING) && (flags & ACK) == 0) {
        size_t back = type == PING ? 8 : 0;
        write_head(answer, back, type, ACK, 0);
        memcpy(answer + HEAD, in + HEAD, back);
        lane_put(from, answer, HEAD + back);
    }
    if (place_found != PLACE_NONE && type == DATA) {
        from->places[place_found].seen += whole - HEAD;
    }
    if (place_found != PLACE_NONE && type == HEADERS && (flags & END_STREAM) != 0) {
        run->reply_len = from->places[place_found].seen;
        run->odd += from->places[place_found].seen == 0;
        from->places[place_found].serial = 0;
        *number = place_found;
    }
    return whole;
}

const protocol protocol_grpc = {
    .name = "grpc", .alpn = "h2", .greet = greet, .build = build, .stamp = stamp, .take = take};
