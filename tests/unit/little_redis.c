/* little_redis.c: a server in a thread that behaves like Redis, or badly, for unit tests. */
#include "little_redis.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "discovery/redis_reply.h"

#define BIG_BYTES (1024u * 1024)
#define LOOK_MS 5

/* Waits for bytes, or for the end. Returns: whether there is something to read. */
static bool is_readable(little_redis *server, int fd, little_manner manner)
{
    while (!server->is_ending) {
        bool may_read = manner != LITTLE_WAITS || server->may_read;
        struct pollfd item = {.fd = may_read ? fd : -1, .events = POLLIN};
        if (poll(&item, 1, LOOK_MS) > 0) {
            return true;
        }
    }
    return false;
}

/* Sends all, unless the client has gone. */
static void send_all(little_redis *server, int fd, const char *data, size_t len)
{
    while (len > 0 && !server->is_ending) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            struct pollfd item = {.fd = fd, .events = POLLOUT};
            if (poll(&item, 1, LOOK_MS) > 0 && (item.revents & (POLLERR | POLLHUP)) != 0) {
                return;
            }
            continue;
        }
        data += sent;
        len -= (size_t)sent;
    }
}

static void answer_text(dr_buf *out, dora_slice text)
{
    char head[32];
    int len = snprintf(head, sizeof head, "$%zu\r\n", text.len);
    dr_buf_append(out, head, (size_t)len);
    dr_buf_append_slice(out, text);
    dr_buf_append(out, "\r\n", 2);
}

static void answer_to(const dr_redis_reply *command, dr_buf *out)
{
    static const char subscribed[] = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
                                     "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n";
    dora_slice word = dr_redis_reply_text(dr_redis_reply_at(command, 0));
    if (word.len == 4 && memcmp(word.data, "PING", 4) == 0) {
        dr_buf_append(out, "+PONG\r\n", 7);
    } else if (word.len == 4 && memcmp(word.data, "ECHO", 4) == 0) {
        answer_text(out, dr_redis_reply_text(dr_redis_reply_at(command, 1)));
    } else if (word.len == 9 && memcmp(word.data, "SUBSCRIBE", 9) == 0) {
        dr_buf_append(out, subscribed, sizeof subscribed - 1);
    } else if (word.len == 3 && memcmp(word.data, "BIG", 3) == 0) {
        dora_slice big = {calloc(1, BIG_BYTES), BIG_BYTES};
        answer_text(out, big);
        free((char *)(uintptr_t)big.data);
    } else {
        dr_buf_append(out, "-ERR unknown\r\n", 14);
    }
}

/* Answers what has come. Returns: false where the connection is to be closed. */
static bool answer(little_redis *server, int fd, little_manner manner, dr_redis_reader *reader)
{
    dr_redis_reply *command = NULL;
    const char *why = NULL;
    bool goes_on = true;
    while (goes_on && dr_redis_reader_take(reader, &command, &why) == DORA_OK) {
        dr_buf out = {0};
        if (manner == LITTLE_CLOSES) {
            dr_buf_append(&out, "+PON", 4);
            goes_on = false;
        } else if (manner == LITTLE_NONSENSE) {
            dr_buf_append(&out, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        } else if (manner != LITTLE_SILENT) {
            answer_to(command, &out);
        }
        send_all(server, fd, out.data, out.len);
        server->answers++;
        dr_buf_fini(&out);
        dr_redis_reply_free(command);
    }
    return goes_on;
}

static void serve(little_redis *server, int fd, little_manner manner)
{
    static const size_t room_bytes = 1 << 20; /* few turns for what is large */
    char *room = malloc(room_bytes);
    dr_redis_reader *reader = dr_redis_reader_new();
    while (is_readable(server, fd, manner)) {
        ssize_t got = recv(fd, room, room_bytes, 0);
        if (got <= 0 || dr_redis_reader_feed(reader, (dora_slice){room, (size_t)got}) != DORA_OK ||
            !answer(server, fd, manner, reader)) {
            break;
        }
    }
    dr_redis_reader_free(reader);
    free(room);
    close(fd);
    server->ended++;
}

static void *run(void *user)
{
    little_redis *server = user;
    while (is_readable(server, server->listener, LITTLE_ANSWERS)) {
        int fd = accept(server->listener, NULL, NULL);
        size_t index = server->connections++;
        if (index >= server->manners_count) {
            index = server->manners_count - 1;
        }
        if (fd >= 0) {
            serve(server, fd, server->manners[index]);
        }
    }
    return NULL;
}

static void listen_at(little_redis *server, const struct sockaddr *address, socklen_t address_len)
{
    server->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, address, address_len), 0);
    assert_int_equal(listen(server->listener, 16), 0);
}

void little_redis_begin(little_redis *server, bool is_local, const little_manner *manners,
                        size_t count)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    socklen_t four_len = sizeof four;
    memset(server, 0, sizeof *server);
    server->manners = manners;
    server->manners_count = count;
    if (is_local) {
        unit_folder_make(&server->folder);
        snprintf(server->path, sizeof server->path, "%s/socket", server->folder.path);
        snprintf(local.sun_path, sizeof local.sun_path, "%s", server->path);
        listen_at(server, (const struct sockaddr *)&local, sizeof local);
    } else {
        listen_at(server, (const struct sockaddr *)&four, sizeof four);
        assert_int_equal(getsockname(server->listener, (struct sockaddr *)&four, &four_len), 0);
        server->port = ntohs(four.sin_port);
    }
    server->has_thread = pthread_create(&server->thread, NULL, run, server) == 0;
    assert_true(server->has_thread);
}

void little_redis_end(little_redis *server)
{
    server->is_ending = true;
    if (server->has_thread) {
        pthread_join(server->thread, NULL);
    }
    server->has_thread = false;
    unit_close(&server->listener);
    unit_folder_remove(&server->folder);
}

void little_redis_url(const little_redis *server, char text[128])
{
    if (server->path[0] != '\0') {
        snprintf(text, 128, "unix:%s", server->path);
    } else {
        snprintf(text, 128, "127.0.0.1:%u", server->port);
    }
}

void little_redis_wait(const atomic_uint *count, unsigned value)
{
    uint64_t until_ns = dr_clock_ns() + UINT64_C(60000000000);
    while (*count < value) {
        assert_true(dr_clock_ns() < until_ns);
        poll(NULL, 0, 1);
    }
}
