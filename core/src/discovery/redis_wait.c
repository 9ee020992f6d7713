/* redis_wait.c: sessions with any number of Redis, by poll(2). The addresses of a name are tried in
 * turn, all within the time that the session gives for connecting. */
#include "discovery/redis_wait.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define NS_PER_MS 1000000u
#define READ_BYTES 16384u
#define READS_MAX                                                                                  \
    64u /* of one session in one turn: one that never ends does not hold up the others */

typedef struct session {
    dr_redis *redis;
    int fd; /* -1: none */
    bool is_connecting;
    struct addrinfo *found; /* while connecting to a name */
    struct addrinfo *next;  /* to be tried */
} session;

struct dr_redis_wait {
    session *sessions;
    struct pollfd *items;
    size_t count;
};

/* ---- connections ---- */

static void session_close(session *one)
{
    if (one->fd >= 0) {
        close(one->fd);
        one->fd = -1;
    }
    if (one->found != NULL) {
        freeaddrinfo(one->found);
    }
    one->found = NULL;
    one->next = NULL;
    one->is_connecting = false;
}

static void lose(session *one, const char *doing, const char *reason)
{
    char why[128];
    snprintf(why, sizeof why, "%s: %s", doing, reason);
    session_close(one);
    dr_redis_lost(one->redis, why, dr_clock_ns());
}

static void connected(session *one)
{
    int fd = one->fd;
    one->fd = -1;
    session_close(one);
    one->fd = fd;
    dr_redis_connected(one->redis, dr_clock_ns());
}

/* Begins to connect to one address. Returns: 0, or an errno; EINPROGRESS: it goes on. */
static int connect_to(session *one, const struct sockaddr *address, socklen_t address_len)
{
    int yes = 1;
    one->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (one->fd < 0) {
        return errno;
    }
    if (address->sa_family != AF_UNIX) {
        setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    one->is_connecting = true;
    if (connect(one->fd, address, address_len) == 0) {
        return 0;
    }
    int problem = errno == EINTR ? EINPROGRESS : errno;
    if (problem != EINPROGRESS) {
        close(one->fd);
        one->fd = -1;
    }
    return problem;
}

/* Tries the next addresses, as long as they fail at once; `problem` is that of the one before. */
static void connect_next(session *one, int problem)
{
    if (one->fd >= 0) {
        close(one->fd);
        one->fd = -1;
    }
    while (one->next != NULL && problem != 0 && problem != EINPROGRESS) {
        const struct addrinfo *address = one->next;
        one->next = address->ai_next;
        problem = connect_to(one, address->ai_addr, address->ai_addrlen);
    }
    if (problem == 0) {
        connected(one);
    } else if (problem != EINPROGRESS) {
        lose(one, "cannot connect", strerror(problem));
    }
}

static void connect_local(session *one, const char *path)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    snprintf(local.sun_path, sizeof local.sun_path, "%s", path);
    int problem = connect_to(one, (const struct sockaddr *)&local, sizeof local);
    if (problem == 0) {
        connected(one);
    } else if (problem != EINPROGRESS) {
        lose(one, "cannot connect", strerror(problem));
    }
}

static void talk_connect(session *one)
{
    char service[8];
    const dr_address *address = &dr_redis_url_of(one->redis)->address;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (dr_address_is_unix(address)) {
        connect_local(one, address->host);
        return;
    }
    snprintf(service, sizeof service, "%u", address->port);
    int status = getaddrinfo(address->host, service, &hints, &one->found); /* numbers: at once */
    if (status != 0) {
        one->found = NULL;
        lose(one, "cannot look up the host", gai_strerror(status));
        return;
    }
    one->next = one->found;
    connect_next(one, EHOSTUNREACH);
}

/* A connection that was being opened is open, or failed. */
static void connect_end(session *one)
{
    int problem = 0;
    socklen_t problem_len = sizeof problem;
    if (getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &problem, &problem_len) != 0) {
        problem = errno;
    }
    if (problem == 0) {
        connected(one);
    } else {
        connect_next(one, problem);
    }
}

/* ---- bytes ---- */

static bool is_again(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

static void talk_read(session *one)
{
    char room[READ_BYTES];
    for (size_t i = 0; i < READS_MAX && one->fd >= 0; i++) {
        ssize_t got = recv(one->fd, room, sizeof room, MSG_DONTWAIT);
        if (got > 0) {
            const dora_slice bytes = {room, (size_t)got};
            dr_redis_received(one->redis, bytes, dr_clock_ns());
        } else if (got == 0) {
            session_close(one);
            dr_redis_lost(one->redis, "closed the connection", dr_clock_ns());
        } else if (is_again(errno)) {
            return;
        } else {
            lose(one, "connection lost", strerror(errno));
        }
    }
}

static void talk_write(session *one)
{
    dora_slice out = dr_redis_output(one->redis);
    while (out.len > 0 && one->fd >= 0) {
        ssize_t sent = send(one->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        /* Where Redis has closed, what it said before is read first; reading notices the end. */
        if (sent < 0 && (is_again(errno) || errno == EPIPE || errno == ECONNRESET)) {
            return;
        }
        if (sent < 0) {
            lose(one, "connection lost", strerror(errno));
            return;
        }
        dr_redis_sent(one->redis, (size_t)sent);
        out = dr_redis_output(one->redis);
    }
}

/* Does what the session wishes, and writes what it has to say. */
static void talk_settle(session *one)
{
    dr_redis_wish wish = DR_REDIS_NOTHING;
    do {
        if (one->fd >= 0 && !one->is_connecting) {
            talk_write(one);
        }
        wish = dr_redis_next(one->redis);
        if (wish == DR_REDIS_CLOSE) {
            session_close(one);
        } else if (wish == DR_REDIS_CONNECT) {
            talk_connect(one);
        }
    } while (wish != DR_REDIS_NOTHING);
}

/* ---- the wait ---- */

static int left_ms(uint64_t until_ns)
{
    uint64_t now_ns = dr_clock_ns();
    uint64_t ms = until_ns > now_ns ? (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void wait_settle(dr_redis_wait *wait)
{
    for (size_t i = 0; i < wait->count; i++) {
        talk_settle(&wait->sessions[i]);
    }
}

/* One turn: waits for bytes, but not past `until_ns`, reads them, then looks at the time: a session
 * that was not driven for long does not take bytes that wait for silence. */
static void wait_turn(dr_redis_wait *wait, uint64_t until_ns)
{
    for (size_t i = 0; i < wait->count; i++) {
        const session *one = &wait->sessions[i];
        uint64_t deadline_ns = dr_redis_deadline_ns(one->redis);
        bool has_output = one->is_connecting || dr_redis_output(one->redis).len > 0;
        wait->items[i] = (struct pollfd){
            .fd = one->fd,
            .events = one->is_connecting ? POLLOUT : (short)(POLLIN | (has_output ? POLLOUT : 0)),
        };
        if (deadline_ns != 0 && deadline_ns < until_ns) {
            until_ns = deadline_ns;
        }
    }
    if (poll(wait->items, (nfds_t)wait->count, left_ms(until_ns)) > 0) {
        for (size_t i = 0; i < wait->count; i++) {
            session *one = &wait->sessions[i];
            if (wait->items[i].revents == 0 || one->fd != wait->items[i].fd) {
                continue;
            }
            if (one->is_connecting) {
                connect_end(one);
            } else if ((wait->items[i].revents & ~POLLOUT) != 0) {
                talk_read(one);
            }
        }
    }
    for (size_t i = 0; i < wait->count; i++) {
        dr_redis_tick(wait->sessions[i].redis, dr_clock_ns());
    }
    wait_settle(wait);
}

void dr_redis_wait_run(dr_redis_wait *wait, bool (*is_done)(void *user), void *user,
                       uint64_t until_ns)
{
    wait_settle(wait);
    while (!is_done(user)) {
        bool is_last = dr_clock_ns() >= until_ns;
        wait_turn(wait, until_ns);
        if (is_last) {
            return;
        }
    }
}

/* ---- life ---- */

dora_err dr_redis_wait_new(dr_redis_wait **wait, dr_redis *const *redis, size_t count)
{
    dr_redis_wait *made = dr_calloc(1, sizeof *made);
    *wait = NULL;
    if (made == NULL) {
        return DORA_ENOMEM;
    }
    made->sessions = dr_calloc(count, sizeof *made->sessions);
    made->items = dr_calloc(count, sizeof *made->items);
    if (made->sessions == NULL || made->items == NULL) {
        dr_redis_wait_free(made);
        return DORA_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        made->sessions[i] = (session){.redis = redis[i], .fd = -1};
    }
    made->count = count;
    *wait = made;
    return DORA_OK;
}

void dr_redis_wait_free(dr_redis_wait *wait)
{
    if (wait == NULL) {
        return;
    }
    for (size_t i = 0; i < wait->count; i++) {
        session_close(&wait->sessions[i]);
    }
    dr_free(wait->sessions);
    dr_free(wait->items);
    dr_free(wait);
}
