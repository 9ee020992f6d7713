/* bad_server.c: a server in threads of the test that does as the api's name says, well or badly. */
#include "bad_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/frame.h"
#include "wire/message.h"
#include "wire/message_write.h"

#define OWN_PORT_FIRST 20000
#define OWN_PORTS 10000

typedef struct conn {
    bad_server *server;
    int fd;
    int number;
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

static void put_envelope(dr_buf *out, const dr_request *request, const dr_api *api, bool is_busy)
{
    int64_t code = is_name(api, "/fail") ? 7 : is_name(api, "/died") ? 100200 : 0;
    code = is_busy ? 100203 : code;
    dr_reply_begin(out, request->guid.data, code, text(code == 0 ? "OK" : "it failed"));
    if (is_name(api, "/timeout")) {
        dr_put_int(out, request->timeout_ms);
    } else {
        dr_buf_append_slice(out, api->param.len > 0 ? api->param : text("N;"));
    }
    dr_reply_end(out);
}

static bool is_type(const dr_request *request, dr_call_type one, dr_call_type other)
{
    return request->type == one || request->type == other;
}

static void put_data(dr_buf *out, const bad_server *server, const dr_request *request,
                     const dr_api *apis)
{
    bool is_busy = atomic_load(&server->is_busy);
    if (is_type(request, DR_TYPE_W_S, DR_TYPE_AM_S)) {
        put_envelope(out, request, &apis[0], is_busy);
        return;
    }
    dr_put_array(out, request->api_count);
    for (size_t i = request->api_count; i > 0; i--) { /* not in the order of the request */
        dr_buf_append_slice(out, apis[i - 1].key_raw);
        put_envelope(out, request, &apis[i - 1], is_busy);
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
        put_data(out, server, request, apis);
    }
    dr_reply_end(out);
    must(dr_frame_end(out, &server->frame, mark, NULL) == DORA_OK, "reply");
}

/* Appends a later result. */
static void put_result(dr_buf *out, const bad_server *server, const dr_request *request,
                       const dr_api *apis)
{
    size_t mark;
    dr_frame_begin(out, &server->frame, request->guid.data, &mark);
    dr_result_begin(out, request->guid.data, 0, text("OK"));
    put_data(out, server, request, apis);
    dr_result_end(out);
    must(dr_frame_end(out, &server->frame, mark, NULL) == DORA_OK, "result");
}

/* Keeps a frame for bad_server_release. */
static void hold(conn *c, dr_buf *frame)
{
    bad_server *server = c->server;
    pthread_mutex_lock(&server->lock);
    must(server->held_count < BAD_SERVER_SEEN_MAX, "too many frames are held");
    server->held[server->held_count++] =
        (bad_server_held){c->number, c->fd, frame->data, frame->len};
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    *frame = (dr_buf){0};
}

void bad_server_release(bad_server *server, int conn_max)
{
    pthread_mutex_lock(&server->lock);
    while (server->held_count > 0) {
        bad_server_held *held = &server->held[--server->held_count];
        if (conn_max == 0 || held->conn <= conn_max) {
            send_all(held->fd, held->bytes, held->len, held->len);
        } else {
            shutdown(held->fd, SHUT_RDWR);
        }
        free(held->bytes);
    }
    pthread_mutex_unlock(&server->lock);
}

void bad_server_wait(bad_server *server, int count)
{
    pthread_mutex_lock(&server->lock);
    while (server->held_count < count) {
        pthread_cond_wait(&server->changed, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

void bad_server_wait_seen(bad_server *server, int count)
{
    pthread_mutex_lock(&server->lock);
    while (atomic_load(&server->seen_count) < count) {
        pthread_cond_wait(&server->changed, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

/* Forgets what was held for a connection that ends. */
static void unhold(conn *c)
{
    bad_server *server = c->server;
    int kept = 0;
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->held_count; i++) {
        if (server->held[i].conn == c->number) {
            free(server->held[i].bytes);
        } else {
            server->held[kept++] = server->held[i];
        }
    }
    server->held_count = kept;
    pthread_mutex_unlock(&server->lock);
}

static void note(conn *c, const dr_request *request)
{
    bad_server *server = c->server;
    pthread_mutex_lock(&server->lock);
    int count = atomic_load(&server->seen_count);
    bad_server_request *seen = &server->seen[count % BAD_SERVER_SEEN_MAX];
    memcpy(seen->guid, request->guid.data, 32);
    seen->attempt = request->attempt;
    seen->timeout_ms = request->timeout_ms;
    seen->conn = c->number;
    atomic_store(&server->seen_count, count + 1);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* Says or does nothing good. Returns: whether that was the name's meaning. */
static bool misbehave(conn *c, const dr_api *apis, int call, dr_buf *out, bool *is_open)
{
    const struct linger reset = {.l_onoff = 1};
    *is_open = true;
    if (is_name(apis, "/close") || (is_name(apis, "/close_once") && call == 1)) {
        *is_open = false;
    } else if (is_name(apis, "/reset")) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        *is_open = false;
    } else if (is_name(apis, "/garbage")) {
        dr_buf_append(out, "\0\0\0\41xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx!", 37);
    } else {
        return is_name(apis, "/silent") || (is_name(apis, "/silent_once") && call == 1);
    }
    return true;
}

/* Accepts a request whose result nobody waits for, or comes later. Returns: as answer. */
static bool accept_request(conn *c, const dr_request *request, const dr_api *apis, dr_buf *out)
{
    bad_server *server = c->server;
    int64_t code = is_name(apis, "/zero") ? 0 : atomic_load(&server->is_busy) ? 100203 : 100001;
    put_reply(out, server, request->guid.data, code, "a:0:{}", request, apis);
    if (code != 100001 || is_type(request, DR_TYPE_AN_S, DR_TYPE_AN_M) || is_name(apis, "/never")) {
        return true;
    }
    if (is_name(apis, "/lose")) {
        return false;
    }
    if (is_name(apis, "/late")) {
        dr_buf later = {0};
        put_result(&later, server, request, apis);
        hold(c, &later); /* before the acceptance is sent: then the test may release it */
    } else {
        put_result(out, server, request, apis);
    }
    return true;
}

/* Replies to a request that waits. Returns: as answer. */
static bool reply_now(conn *c, const dr_request *request, const dr_api *apis, int call, dr_buf *out)
{
    const char *guid = request->guid.data;
    bool is_open = true;
    if (is_name(apis, "/refuse")) {
        put_reply(out, c->server, guid, 100006, "a:0:{}", request, apis);
    } else if (is_name(apis, "/envelope")) {
        put_reply(out, c->server, guid, 0, "i:1;", request, apis);
    } else if (is_name(apis, "/stopping") || (is_name(apis, "/stopping_once") && call == 1)) {
        put_reply(out, c->server, guid, 100207, "a:0:{}", request, apis);
    } else {
        if (is_name(apis, "/other") || is_name(apis, "/stranger")) {
            put_reply(out, c->server, "ffffffffffffffffffffffffffffffff", 0, NULL, request, apis);
        }
        if (!is_name(apis, "/stranger")) {
            put_reply(out, c->server, guid, 0, NULL, request, apis);
        }
        if (is_name(apis, "/half") || is_name(apis, "/leave")) {
            out->len /= is_name(apis, "/half") ? 2 : 1;
            is_open = false;
        }
    }
    if (is_name(apis, "/late")) {
        hold(c, out);
    }
    if (is_name(apis, "/flush")) {
        bad_server_release(c->server, 0);
    }
    return is_open;
}

static void control(conn *c, const dr_request *request, const dr_api *apis, dr_buf *out)
{
    int64_t code = is_name(apis, "getStat") ? 0 : 100205;
    const char *data = code == 0 ? "a:2:{s:6:\"server\";a:1:{s:9:\"tasks_now\";i:3;}"
                                   "s:8:\"logqueue\";a:0:{}}"
                                 : "a:0:{}";
    put_reply(out, c->server, request->guid.data, code, data, request, apis);
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

/* Answers one request. Returns: false when the connection is to be closed. */
static bool answer(conn *c, const dr_request *request, const dr_api *apis, int call)
{
    bool is_open = true;
    dr_buf out = {0};
    note(c, request);
    if (misbehave(c, apis, call, &out, &is_open)) {
        /* said */
    } else if (request->type == DR_TYPE_SC) {
        control(c, request, apis, &out);
    } else if (is_type(request, DR_TYPE_W_S, DR_TYPE_W_M)) {
        is_open = reply_now(c, request, apis, call, &out);
    } else {
        is_open = accept_request(c, request, apis, &out);
    }
    send_all(c->fd, out.data, out.len, is_name(apis, "/drip") ? 1 : 1u << 20);
    dr_buf_fini(&out);
    if (is_name(apis, "/deaf")) {
        wait_for_stop(c->server);
    }
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

/* Serves the first frame that is there. `*is_more` is set where there was a whole one. */
static bool serve_frame(conn *c, dr_buf *in, bool *is_more)
{
    dr_frame frame;
    dr_request request;
    dr_api apis[16];
    dr_buf plain = {0};
    dora_slice body;
    dora_error error;
    size_t used = 0;
    dora_err err = dr_frame_decode(&c->server->frame, dr_buf_slice(in), &frame, &used, &error);
    *is_more = err != DORA_EAGAIN;
    if (err == DORA_EAGAIN) {
        return true;
    }
    must(err == DORA_OK, error.msg);
    must(dr_frame_body(&c->server->frame, &frame, &plain, &body, &error) == DORA_OK, error.msg);
    err = dr_request_decode(body, frame.guid, &request, apis, 16, &error);
    must(err == DORA_OK, error.msg);
    if (request.type == DR_TYPE_CN || request.type == DR_TYPE_TK) {
        atomic_fetch_add(&c->server->cancels, request.type == DR_TYPE_CN ? 1 : 0);
        dr_buf_fini(&plain);
        dr_buf_consume(in, used);
        return true;
    }
    bool is_open = answer(c, &request, apis, atomic_fetch_add(&c->server->calls, 1) + 1);
    dr_buf_fini(&plain);
    dr_buf_consume(in, used);
    return is_open;
}

static bool serve_frames(conn *c, dr_buf *in)
{
    bool is_open = true;
    bool is_more = true;
    while (is_open && is_more) {
        is_open = serve_frame(c, in, &is_more);
    }
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

/* Does what a mode other than BAD_SERVER_READS means. */
static void act(conn *c, bad_server_mode mode)
{
    char header[4 + DR_GUID_LEN];
    if (mode == BAD_SERVER_REFUSES) {
        refuse(c);
    } else if (mode == BAD_SERVER_HANGS_UP) {
        must(recv(c->fd, header, sizeof header, MSG_WAITALL) >= 0, "header");
    }
    if (mode == BAD_SERVER_REFUSES || mode == BAD_SERVER_DEAF) {
        wait_for_stop(c->server);
    }
}

static void read_requests(conn *c)
{
    dr_buf in = {0};
    ssize_t got = 1;
    bool is_open = true;
    while (is_open && got > 0) {
        must(dr_buf_reserve(&in, 65536) == DORA_OK, "memory");
        got = recv(c->fd, in.data + in.len, 65536, 0);
        in.len += got > 0 ? (size_t)got : 0;
        is_open = got <= 0 || serve_frames(c, &in);
    }
    if (!is_open) {
        struct linger linger;
        socklen_t linger_len = sizeof linger;
        getsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, &linger_len);
        if (linger.l_onoff == 0) {
            shutdown(c->fd, SHUT_WR);
            drain(c->fd);
        }
    }
    dr_buf_fini(&in);
}

static void *conn_main(void *user)
{
    conn *c = user;
    bad_server_mode mode = (bad_server_mode)atomic_load(&c->server->mode);
    if (mode == BAD_SERVER_READS) {
        read_requests(c);
    } else {
        act(c, mode);
    }
    unhold(c);
    close(c->fd);
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
        int index = atomic_load(&server->conns);
        must(c != NULL && index < BAD_SERVER_CONNS_MAX, "too many connections");
        *c = (conn){.server = server, .fd = fd, .number = index + 1};
        atomic_store(&server->conns, index + 1); /* before anything is said on it */
        must(pthread_create(&server->conn_threads[index], NULL, conn_main, c) == 0, "thread");
    }
}

static bool bind_port(int fd, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

/* bind_own_port: a server may stop, and come back or not. Of the ports that the kernel chooses,
 * below which these are, another process could have its port by then; below these are those of
 * tests/support/ports.py. */
static uint16_t bind_own_port(int fd)
{
    static atomic_uint taken;
    for (int i = 0; i < OWN_PORTS; i++) {
        const unsigned number = (unsigned)getpid() * 64 + atomic_fetch_add(&taken, 1);
        const uint16_t port = (uint16_t)(OWN_PORT_FIRST + number % OWN_PORTS);
        if (bind_port(fd, port)) {
            return port;
        }
    }
    return 0;
}

static void listen_tcp(bad_server *server)
{
    int small = 4096; /* so that a big request does not fit what is buffered */
    int yes = 1;
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listen_fd >= 0, "socket");
    setsockopt(server->listen_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (server->port == 0) {
        server->port = bind_own_port(server->listen_fd);
        must(server->port != 0, "no port is free");
    } else {
        must(bind_port(server->listen_fd, server->port), "bind");
    }
    snprintf(server->address, sizeof server->address, "127.0.0.1:%u", server->port);
}

static void listen_unix(bad_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", server->unix_path);
    snprintf(server->address, sizeof server->address, "unix:%s", server->unix_path);
    server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listen_fd >= 0, "socket");
    unlink(server->unix_path);
    must(bind(server->listen_fd, (const struct sockaddr *)&address, sizeof address) == 0, "bind");
}

void bad_server_start(bad_server *server)
{
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->stopped, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->is_stopped = false;
    atomic_store(&server->conns, 0);
    atomic_store(&server->calls, 0);
    atomic_store(&server->cancels, 0);
    atomic_store(&server->seen_count, 0);
    server->held_count = 0;
    if (server->unix_path != NULL) {
        listen_unix(server);
    } else {
        listen_tcp(server);
    }
    must(listen(server->listen_fd, 64) == 0, "listen");
    must(pthread_create(&server->thread, NULL, accept_main, server) == 0, "thread");
    server->is_running = true;
}

void bad_server_stop(bad_server *server)
{
    if (!server->is_running) {
        return;
    }
    server->is_running = false;
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
    bad_server_release(server, 0);
    pthread_cond_destroy(&server->changed);
    pthread_cond_destroy(&server->stopped);
    pthread_mutex_destroy(&server->lock);
}

bad_server *bad_server_add(bad_server **list, const bad_server *settings)
{
    bad_server *server = calloc(1, sizeof *server);
    must(server != NULL, "calloc");
    if (settings != NULL) {
        server->frame = settings->frame;
        atomic_init(&server->mode, atomic_load(&settings->mode));
        atomic_init(&server->is_busy, atomic_load(&settings->is_busy));
        server->unix_path = settings->unix_path;
    }
    bad_server_start(server);
    server->next = *list;
    *list = server;
    return server;
}

void bad_server_stop_all(bad_server **list)
{
    while (*list != NULL) {
        bad_server *server = *list;
        *list = server->next;
        bad_server_stop(server);
        free(server);
    }
}

void bad_server_gone(char address[128])
{
    bad_server *none = NULL;
    memcpy(address, bad_server_add(&none, NULL)->address, 128);
    bad_server_stop_all(&none);
}
