/* bad_server.c: a server in threads of the test that does as the api's name says, well or badly. */
#include "bad_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/frame.h"
#include "wire/message.h"

typedef struct conn {
    bad_server *server;
    int fd;
} conn;

/* The test cannot go on without these. */
static void must(bool is_good, const char *what)
{
    if (!is_good) {
        perror(what);
        abort();
    }
}

static dora_slice text(const char *string)
{
    return (dora_slice){string, strlen(string)};
}

static bool is_name(const dr_api *api, const char *name)
{
    return api->name.len == strlen(name) && memcmp(api->name.data, name, api->name.len) == 0;
}

static void send_all(int fd, const char *data, size_t len, size_t step)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len < step ? len : step, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        data += sent;
        len -= (size_t)sent;
    }
}

static void put_envelope(dr_buf *out, const dr_request *request, const dr_api *api)
{
    int64_t code = is_name(api, "/fail") ? 7 : is_name(api, "/died") ? 100200 : 0;
    dr_reply_begin(out, request->guid.data, code, text(code == 0 ? "OK" : "it failed"));
    if (is_name(api, "/timeout")) {
        dr_put_int(out, request->timeout_ms);
    } else {
        dr_buf_append_slice(out, api->param);
    }
    dr_reply_end(out);
}

static void put_data(dr_buf *out, const dr_request *request, const dr_api *apis)
{
    if (request->type == DR_TYPE_W_S) {
        put_envelope(out, request, &apis[0]);
        return;
    }
    dr_put_array(out, request->api_count);
    for (size_t i = request->api_count; i > 0; i--) { /* not in the order of the request */
        dr_buf_append_slice(out, apis[i - 1].key_raw);
        put_envelope(out, request, &apis[i - 1]);
    }
    dr_put_end(out);
}

/* Appends a reply; data NULL: the handlers'. */
static void put_reply(dr_buf *out, const bad_server *server, const char *guid, int64_t code,
                      const char *data, const dr_request *request, const dr_api *apis)
{
    size_t mark;
    dr_frame_begin(out, &server->frame, guid, &mark);
    dr_reply_begin(out, guid, code, text(code == 0 ? "OK" : "refused"));
    if (data != NULL) {
        dr_buf_append_slice(out, text(data));
    } else {
        put_data(out, request, apis);
    }
    dr_reply_end(out);
    must(dr_frame_end(out, &server->frame, mark, NULL) == DORA_OK, "reply");
}

/* Answers one request. Returns: false when the connection is to be closed. */
static bool answer(conn *c, const dr_request *request, const dr_api *apis, int call)
{
    const struct linger reset = {.l_onoff = 1};
    const char *guid = request->guid.data;
    size_t step = 1u << 20;
    bool is_open = true;
    dr_buf out = {0};
    if (is_name(apis, "/close")) {
        return false;
    }
    if (is_name(apis, "/reset")) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        return false;
    }
    if (is_name(apis, "/silent")) {
        return true;
    }
    if (is_name(apis, "/garbage")) {
        dr_buf_append(&out, "\0\0\0\41xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx!", 37);
    } else if (is_name(apis, "/refuse")) {
        put_reply(&out, c->server, guid, 100006, "a:0:{}", request, apis);
    } else if (is_name(apis, "/envelope")) {
        put_reply(&out, c->server, guid, 0, "i:1;", request, apis);
    } else if (is_name(apis, "/stopping") || (is_name(apis, "/stopping_once") && call == 1)) {
        put_reply(&out, c->server, guid, 100207, "a:0:{}", request, apis);
    } else {
        if (is_name(apis, "/other")) {
            put_reply(&out, c->server, "ffffffffffffffffffffffffffffffff", 0, NULL, request, apis);
        }
        step = is_name(apis, "/drip") ? 1 : step;
        put_reply(&out, c->server, guid, 0, NULL, request, apis);
        if (is_name(apis, "/half") || is_name(apis, "/leave")) {
            out.len /= is_name(apis, "/half") ? 2 : 1;
            is_open = false;
        }
    }
    send_all(c->fd, out.data, out.len, step);
    dr_buf_fini(&out);
    return is_open;
}

/* Reads until the client closes, and forgets it. */
static void drain(int fd)
{
    char bytes[4096];
    ssize_t got = 1;
    while (got > 0) {
        got = recv(fd, bytes, sizeof bytes, 0);
    }
}

static bool serve_frame(conn *c, dr_buf *in)
{
    dr_frame frame;
    dr_request request;
    dr_api apis[8];
    dr_buf plain = {0};
    dora_slice body;
    dora_error error;
    size_t used = 0;
    dora_err err = dr_frame_decode(&c->server->frame, dr_buf_slice(in), &frame, &used, &error);
    if (err == DORA_EAGAIN) {
        return true;
    }
    must(err == DORA_OK, error.msg);
    must(dr_frame_body(&c->server->frame, &frame, &plain, &body, &error) == DORA_OK, error.msg);
    err = dr_request_decode(body, frame.guid, &request, apis, 8, &error);
    must(err == DORA_OK, error.msg);
    bool is_open = answer(c, &request, apis, atomic_fetch_add(&c->server->calls, 1) + 1);
    dr_buf_fini(&plain);
    dr_buf_consume(in, used);
    return is_open;
}

static void refuse(conn *c)
{
    char header[4 + DR_GUID_LEN];
    dr_buf out = {0};
    if (recv(c->fd, header, sizeof header, MSG_WAITALL) == (ssize_t)sizeof header) {
        put_reply(&out, c->server, header + 4, 100206, "a:0:{}", NULL, NULL);
        send_all(c->fd, out.data, out.len, out.len);
    }
    dr_buf_fini(&out);
}

/* Waits until the test is over, leaving all that the client sends unread. */
static void wait_for_stop(bad_server *server)
{
    pthread_mutex_lock(&server->lock);
    while (!server->is_stopped) {
        pthread_cond_wait(&server->stopped, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

static void *conn_main(void *user)
{
    conn *c = user;
    dr_buf in = {0};
    ssize_t got = 1;
    bool is_open = true;
    if (c->server->mode == BAD_SERVER_REFUSES) {
        refuse(c);
    }
    if (c->server->mode != BAD_SERVER_READS) {
        wait_for_stop(c->server);
        is_open = false;
    }
    while (is_open && got > 0) {
        must(dr_buf_reserve(&in, 65536) == DORA_OK, "memory");
        got = recv(c->fd, in.data + in.len, 65536, 0);
        in.len += got > 0 ? (size_t)got : 0;
        is_open = got <= 0 || serve_frame(c, &in);
    }
    if (!is_open && c->server->mode == BAD_SERVER_READS) {
        shutdown(c->fd, SHUT_WR);
        struct linger linger;
        socklen_t linger_len = sizeof linger;
        getsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, &linger_len);
        if (linger.l_onoff == 0) {
            drain(c->fd);
        }
    }
    close(c->fd);
    dr_buf_fini(&in);
    free(c);
    return NULL;
}

static void *accept_main(void *user)
{
    bad_server *server = user;
    for (;;) {
        int fd = accept(server->listen_fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        conn *c = malloc(sizeof *c);
        int index = atomic_fetch_add(&server->conns, 1);
        must(c != NULL && index < BAD_SERVER_CONNS_MAX, "too many connections");
        *c = (conn){.server = server, .fd = fd};
        must(pthread_create(&server->conn_threads[index], NULL, conn_main, c) == 0, "thread");
    }
}

void bad_server_start(bad_server *server)
{
    int small = 4096; /* so that a big request does not fit what is buffered */
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t address_len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->stopped, NULL);
    server->is_stopped = false;
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listen_fd >= 0, "socket");
    setsockopt(server->listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    must(bind(server->listen_fd, (const struct sockaddr *)&address, address_len) == 0, "bind");
    must(listen(server->listen_fd, 64) == 0, "listen");
    must(getsockname(server->listen_fd, (struct sockaddr *)&address, &address_len) == 0, "name");
    server->port = ntohs(address.sin_port);
    snprintf(server->address, sizeof server->address, "127.0.0.1:%u", server->port);
    must(pthread_create(&server->thread, NULL, accept_main, server) == 0, "thread");
}

void bad_server_stop(bad_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->is_stopped = true;
    pthread_cond_broadcast(&server->stopped);
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listen_fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listen_fd);
    for (int i = 0; i < atomic_load(&server->conns); i++) {
        pthread_join(server->conn_threads[i], NULL);
    }
    pthread_cond_destroy(&server->stopped);
    pthread_mutex_destroy(&server->lock);
}
