/* echo.c: the floor: a plain libuv server, one thread, that answers each frame at once with a frame
 * of the size asked for. No decoding, no workers.
 *
 *     bench_echo REPLY-BYTES        prints "ready HOST:PORT", ends on SIGTERM
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define FRAME_BYTES_MAX (4u << 20)
#define OUT_BYTES (8u << 20)

typedef struct peer {
    uv_tcp_t tcp;
    size_t in_len;
    char in[FRAME_BYTES_MAX]; /* the kernel gives what is touched only */
} peer;

typedef struct rest {
    uv_write_t write;
    char data[];
} rest;

static size_t reply_len;
static char out[OUT_BYTES];

static uint32_t read_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void on_close(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    free(write->data);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    peer *p = handle->data;
    (void)hint;
    *buf = uv_buf_init(p->in + p->in_len, (unsigned)(FRAME_BYTES_MAX - p->in_len));
}

/* put_reply writes the reply to the frame at `in`; what lies behind its guid is of no interest. */
static void put_reply(char *to, const char *in)
{
    uint32_t len = (uint32_t)reply_len - 4;
    for (int b = 0; b < 4; b++) {
        to[b] = (char)(len >> (24 - 8 * b) & 255u);
    }
    memcpy(to + 4, in + 4, 32);
}

/* send_out sends the replies in `out`; what the socket does not take is copied and waits. */
static void send_out(peer *p, size_t len)
{
    uv_buf_t buf = uv_buf_init(out, (unsigned)len);
    int put = uv_try_write((uv_stream_t *)&p->tcp, &buf, 1);
    size_t done = put > 0 ? (size_t)put : 0;
    rest *left = done < len ? malloc(sizeof(*left) + len - done) : NULL;
    if (left == NULL) {
        return;
    }
    memcpy(left->data, out + done, len - done);
    buf = uv_buf_init(left->data, (unsigned)(len - done));
    left->write.data = left;
    if (uv_write(&left->write, (uv_stream_t *)&p->tcp, &buf, 1, on_written) != 0) {
        free(left);
    }
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    peer *p = stream->data;
    (void)buf;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, on_close);
        return;
    }
    p->in_len += (size_t)got;
    size_t at = 0;
    size_t len = 0;
    while (p->in_len - at >= 36 && p->in_len - at >= 4 + (size_t)read_u32(p->in + at)) {
        if (len + reply_len > OUT_BYTES) {
            send_out(p, len);
            len = 0;
        }
        put_reply(out + len, p->in + at);
        len += reply_len;
        at += 4 + (size_t)read_u32(p->in + at);
    }
    memmove(p->in, p->in + at, p->in_len - at);
    p->in_len -= at;
    if (len > 0) {
        send_out(p, len);
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    peer *p = status == 0 ? malloc(sizeof(*p)) : NULL;
    if (p == NULL) {
        return;
    }
    p->in_len = 0;
    uv_tcp_init(server->loop, &p->tcp);
    p->tcp.data = p;
    if (uv_accept(server, (uv_stream_t *)&p->tcp) != 0) {
        uv_close((uv_handle_t *)&p->tcp, on_close);
        return;
    }
    uv_tcp_nodelay(&p->tcp, 1);
    uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_read);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t server;
    struct sockaddr_in address;
    int len = sizeof(address);
    reply_len = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    if (reply_len < 36 || reply_len > FRAME_BYTES_MAX) {
        fprintf(stderr, "usage: bench_echo REPLY-BYTES\n");
        return 2;
    }
    uv_tcp_init(loop, &server);
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(&server, (const struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)&server, 8192, on_connection) != 0 ||
        uv_tcp_getsockname(&server, (struct sockaddr *)&address, &len) != 0) {
        fprintf(stderr, "bench_echo: cannot listen\n");
        return 1;
    }
    printf("ready 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
