/* stream_server.c: a server in threads of the test whose answers come in parts, well or badly. */
#include "stream_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/frame.h"
#include "wire/message.h"
#include "wire/message_write.h"

#define STRANGER "ffffffffffffffffffffffffffffffff"
#define STREAMS_MAX 512

/* A stream under way. */
typedef struct stream {
    char guid[DR_GUID_LEN];
    bool is_live;
    bool is_quiet; /* says nothing when it is cancelled */
    int64_t sent;
    int64_t count;
    int64_t room;
} stream;

typedef struct conn {
    stream_server *server;
    int fd;
    dr_buf in;
    dr_buf out;
    stream streams[STREAMS_MAX];
    size_t stream_count;
} conn;

static const dora_frame_options plain = {.sign = false};

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

/* ---- what it says ---- */

/* Appends a reply: `more` is behind its data. */
static void put(conn *c, const char *guid, int64_t code, const char *msg, const char *data,
                int64_t part)
{
    size_t mark;
    char number[48];
    dr_frame_begin(&c->out, &plain, guid, &mark);
    dr_put_array(&c->out, part >= 0 ? 5 : 4);
    dr_buf_append_slice(&c->out, text("s:4:\"guid\";"));
    dr_put_string(&c->out, (dora_slice){guid, DR_GUID_LEN});
    dr_buf_append_slice(&c->out, text("s:4:\"code\";"));
    dr_put_int(&c->out, code);
    dr_buf_append_slice(&c->out, text("s:3:\"msg\";"));
    dr_put_string(&c->out, text(msg));
    dr_buf_append_slice(&c->out, text("s:4:\"data\";"));
    dr_buf_append_slice(&c->out, text(data));
    if (part >= 0) {
        snprintf(number, sizeof number, "s:4:\"part\";i:%lld;", (long long)part);
        dr_buf_append_slice(&c->out, text(number));
    }
    dr_put_end(&c->out);
    must(dr_frame_end(&c->out, &plain, mark, NULL) == DORA_OK, "reply");
}

static void put_part(conn *c, const char *guid, int64_t part)
{
    char data[32];
    snprintf(data, sizeof data, "i:%lld;", (long long)part);
    put(c, guid, 100013, "part", data, part);
}

static void put_result(conn *c, const char *guid, int64_t code, const char *msg, const char *data)
{
    dr_buf envelope = {0};
    dr_reply_begin(&envelope, guid, code, text(msg));
    dr_buf_append_slice(&envelope, text(data));
    dr_reply_end(&envelope);
    dr_buf_append(&envelope, "", 1);
    put(c, guid, 0, "OK", envelope.data, -1);
    dr_buf_fini(&envelope);
}

/* Sends the parts for which there is room. */
static void go_on(conn *c, stream *s)
{
    char data[32];
    while (s->is_live && s->room > 0 && s->sent < s->count) {
        put_part(c, s->guid, s->sent++);
        s->room--;
    }
    if (s->is_live && s->sent == s->count) {
        s->is_live = false;
        snprintf(data, sizeof data, "i:%lld;", (long long)s->count);
        put_result(c, s->guid, 0, "OK", data);
    }
}

/* ---- what it hears ---- */

static stream *find(conn *c, const char *guid)
{
    for (size_t i = 0; i < c->stream_count; i++) {
        if (c->streams[i].is_live && memcmp(c->streams[i].guid, guid, DR_GUID_LEN) == 0) {
            return &c->streams[i];
        }
    }
    return NULL;
}

static stream *begin(conn *c, const dr_request *request, int64_t count)
{
    must(c->stream_count < STREAMS_MAX, "too many streams");
    stream *s = &c->streams[c->stream_count++];
    *s = (stream){.is_live = true, .count = count, .room = request->window};
    memcpy(s->guid, request->guid.data, DR_GUID_LEN);
    return s;
}

static bool is_name(const dr_api *api, const char *name)
{
    return api->name.len == strlen(name) && memcmp(api->name.data, name, api->name.len) == 0;
}

/* The names that say what they have to say at once. Returns: whether this is one of them. */
static bool say(conn *c, const char *guid, const dr_api *api)
{
    if (is_name(api, "/progress")) {
        put(c, guid, 100014, "half", "a:2:{i:0;i:1;i:1;i:2;}", -1);
        put_part(c, guid, 0);
        put(c, guid, 100014, "all", "a:2:{i:0;i:2;i:1;i:2;}", -1);
        put_result(c, guid, 0, "OK", "b:1;");
    } else if (is_name(api, "/fail")) {
        put_part(c, guid, 0);
        put_result(c, guid, 7, "it failed", "N;");
    } else if (is_name(api, "/alone")) {
        put_result(c, guid, 0, "OK", "i:5;");
    } else if (is_name(api, "/odd")) {
        put_part(c, guid, 0);
        put_part(c, guid, 2);
    } else if (is_name(api, "/after")) {
        put_part(c, guid, 0);
        put_result(c, guid, 0, "OK", "i:5;");
        put_part(c, guid, 1);
    } else if (is_name(api, "/stranger")) {
        put_part(c, STRANGER, 0);
        put_part(c, guid, 0);
        put_part(c, STRANGER, 1);
        put_result(c, STRANGER, 0, "OK", "i:6;");
        put_result(c, guid, 0, "OK", "i:5;");
    } else if (is_name(api, "/busy")) {
        put_result(c, guid, 100203, "no room", "N;");
    } else if (is_name(api, "/full")) {
        put(c, guid, 100203, "too many connections", "a:1:{s:14:\"retry_after_ms\";i:50;}", -1);
    } else if (is_name(api, "/old")) {
        put(c, guid, 100002, "unknown or missing type", "N;", -1);
    } else {
        return false;
    }
    return true;
}

/* Answers a stream. Returns: false when the connection is to be closed. */
static bool answer(conn *c, const dr_request *request, const dr_api *api)
{
    const char *guid = request->guid.data;
    bool is_open = true;
    if (say(c, guid, api)) {
        return true;
    }
    if (is_name(api, "/parts")) {
        go_on(c, begin(c, request, atoll(api->param.data + 2)));
    } else if (is_name(api, "/endless")) {
        go_on(c, begin(c, request, INT64_MAX));
    } else if (is_name(api, "/close")) {
        is_open = c->server->requests > 1;
        if (is_open) {
            put_result(c, guid, 0, "OK", "i:5;");
        }
    } else if (is_name(api, "/quiet") || is_name(api, "/silent")) {
        begin(c, request, INT64_MAX)->is_quiet = true;
    }
    if (is_name(api, "/quiet") || is_name(api, "/break")) {
        put_part(c, guid, 0);
        is_open = is_name(api, "/quiet");
    }
    return is_open;
}

/* What a client says of a call under way. */
static void follow(conn *c, const dr_request *request)
{
    stream_server *server = c->server;
    stream *s = find(c, request->guid.data);
    if (request->type == DR_TYPE_TK) {
        server->takes++;
        server->taken += (int)request->take;
    }
    if (s == NULL) {
        server->strays++;
        return;
    }
    if (request->type == DR_TYPE_TK) {
        s->room += request->take;
        go_on(c, s);
        return;
    }
    s->is_live = false;
    server->cancels++;
    if (!s->is_quiet) {
        put_result(c, s->guid, 100211, "cancelled", "N;");
    }
}

/* A call. Returns: false when the connection is to be closed. */
static bool begin_call(conn *c, const dr_request *request, const dr_api *api)
{
    c->server->window = (int)request->window;
    c->server->timeout_ms = (int)request->timeout_ms;
    c->server->attempt = (int)request->attempt;
    c->server->requests++;
    if (request->type == DR_TYPE_ST_S) {
        return answer(c, request, api);
    }
    put_result(c, request->guid.data, 0, "OK", "i:1;");
    return true;
}

/* Serves the first frame that is there. Returns: false when the connection is to be closed. */
static bool serve_frame(conn *c, bool *is_more)
{
    dr_frame frame;
    dr_request request;
    dr_api apis[4];
    size_t used = 0;
    bool is_open = true;
    dora_err err = dr_frame_decode(&plain, dr_buf_slice(&c->in), &frame, &used, NULL);
    *is_more = err != DORA_EAGAIN;
    if (err == DORA_EAGAIN) {
        return true;
    }
    must(err == DORA_OK, "frame");
    must(dr_request_decode(frame.body, frame.guid, &request, apis, 4, NULL) == DORA_OK, "body");
    pthread_mutex_lock(&c->server->lock);
    if (request.api_count == 0) {
        follow(c, &request);
    } else {
        is_open = begin_call(c, &request, &apis[0]);
    }
    pthread_cond_broadcast(&c->server->changed);
    pthread_mutex_unlock(&c->server->lock);
    dr_buf_consume(&c->in, used);
    return is_open;
}

static void send_all(conn *c)
{
    size_t at = 0;
    while (at < c->out.len) {
        const ssize_t sent = send(c->fd, c->out.data + at, c->out.len - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            break;
        }
        at += (size_t)sent;
    }
    dr_buf_clear(&c->out);
}

static void *conn_main(void *user)
{
    conn *c = user;
    ssize_t got = 1;
    bool is_open = true;
    while (is_open && got > 0) {
        bool is_more = true;
        must(dr_buf_reserve(&c->in, 65536) == DORA_OK, "memory");
        got = recv(c->fd, c->in.data + c->in.len, 65536, 0);
        c->in.len += got > 0 ? (size_t)got : 0;
        while (is_open && is_more) {
            is_open = serve_frame(c, &is_more);
        }
        send_all(c);
    }
    shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_lock(&c->server->lock);
    c->server->ends += is_open ? 1 : 0;
    pthread_cond_broadcast(&c->server->changed);
    pthread_mutex_unlock(&c->server->lock);
    dr_buf_fini(&c->in);
    dr_buf_fini(&c->out);
    free(c);
    return NULL;
}

static void *accept_main(void *user)
{
    stream_server *server = user;
    for (;;) {
        const int fd = accept(server->listen_fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        conn *c = calloc(1, sizeof *c);
        must(c != NULL && server->conns < STREAM_SERVER_CONNS_MAX, "too many connections");
        c->server = server;
        c->fd = fd;
        pthread_mutex_lock(&server->lock);
        const int index = server->conns++;
        server->fds[index] = fd;
        must(pthread_create(&server->conn_threads[index], NULL, conn_main, c) == 0, "thread");
        pthread_mutex_unlock(&server->lock);
    }
}

/* ---- its life ---- */

void stream_server_start(stream_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t address_len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(server->listen_fd, (struct sockaddr *)&address, address_len) == 0, "bind");
    must(getsockname(server->listen_fd, (struct sockaddr *)&address, &address_len) == 0, "name");
    must(listen(server->listen_fd, 64) == 0, "listen");
    snprintf(server->address, sizeof server->address, "127.0.0.1:%u", ntohs(address.sin_port));
    must(pthread_create(&server->thread, NULL, accept_main, server) == 0, "thread");
    server->is_running = true;
}

void stream_server_stop(stream_server *server)
{
    if (!server->is_running) {
        return;
    }
    server->is_running = false;
    shutdown(server->listen_fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listen_fd);
    for (int i = 0; i < server->conns; i++) {
        shutdown(server->fds[i], SHUT_RDWR);
        pthread_join(server->conn_threads[i], NULL);
        close(server->fds[i]);
    }
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
}

void stream_server_wait(stream_server *server, const atomic_int *counted, int count)
{
    pthread_mutex_lock(&server->lock);
    while (atomic_load(counted) < count) {
        pthread_cond_wait(&server->changed, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}
