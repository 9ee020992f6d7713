/* plain.c: the plainest hand-over, to measure Dora's against: one epoll reactor, forked workers,
 * an index over a SOCK_SEQPACKET pair to each, payload in shared memory. It answers v1 frames with
 * the reply of a trivial handler and decodes nothing but the frame's length.
 *
 *     bench_plain WORKERS AHEAD     prints "ready HOST:PORT", ends on SIGTERM
 *
 * AHEAD is how many tasks a worker may hold; the first worker with room gets the next.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <unistd.h>

#define TASKS 4096
#define PAYLOAD_BYTES 2048
#define PEERS_MAX 1024
#define WORKERS_MAX 16
#define BUF_BYTES 262144
#define REPLY_BODY                                                                                 \
    "a:4:{s:4:\"guid\";s:32:\"%.32s\";s:4:\"code\";i:0;s:3:\"msg\";s:2:\"OK\";s:4:\"data\";"       \
    "a:4:{s:4:\"guid\";s:32:\"%.32s\";s:4:\"code\";i:0;s:3:\"msg\";s:2:\"OK\";s:4:\"data\";"       \
    "s:5:\"hello\";}}"

typedef struct task {
    uint32_t peer;
    uint32_t serial; /* of the peer, so that a reply never reaches its successor */
    uint32_t len;
    char payload[PAYLOAD_BYTES];
} task;

typedef struct peer {
    int fd;
    uint32_t serial;
    size_t in_len;
    size_t out_len;
    bool is_dirty;
    char *in;
    char *out;
} peer;

typedef struct worker {
    int fd;
    uint32_t held;
} worker;

static task *tasks;
static uint32_t free_tasks[TASKS];
static uint32_t free_count;
static uint32_t waiting[TASKS];
static uint32_t waiting_head;
static uint32_t waiting_count;
static peer peers[PEERS_MAX];
static worker workers[WORKERS_MAX];
static uint32_t worker_count;
static uint32_t ahead;
static int epoll_fd;

static uint32_t read_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* worker_main answers tasks in place until the reactor is gone. */
static void worker_main(int fd)
{
    uint32_t index;
    while (recv(fd, &index, sizeof(index), 0) == (ssize_t)sizeof(index)) {
        task *t = &tasks[index % TASKS];
        char guid[33];
        memcpy(guid, t->payload + 4, 32);
        guid[32] = '\0';
        int len = snprintf(t->payload + 36, PAYLOAD_BYTES - 36, REPLY_BODY, guid, guid);
        uint32_t count = 32 + (uint32_t)len;
        for (int i = 0; i < 4; i++) {
            t->payload[i] = (char)(count >> (24 - 8 * i) & 255u);
        }
        t->len = 4 + count;
        if (send(fd, &index, sizeof(index), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    _exit(0);
}

static bool workers_start(uint32_t count)
{
    for (worker_count = 0; worker_count < count; worker_count++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
            return false;
        }
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(pair[0]);
            worker_main(pair[1]);
        }
        close(pair[1]);
        workers[worker_count].fd = pair[0];
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = 1000000u + worker_count};
        if (pid < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pair[0], &event) != 0) {
            return false;
        }
    }
    return true;
}

/* hand_over gives waiting tasks to workers with room, the first such worker first. */
static void hand_over(void)
{
    for (uint32_t i = 0; i < worker_count && waiting_count > 0; i++) {
        while (workers[i].held < ahead && waiting_count > 0) {
            uint32_t index = waiting[waiting_head];
            if (send(workers[i].fd, &index, sizeof(index), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
                break;
            }
            waiting_head = (waiting_head + 1) % TASKS;
            waiting_count--;
            workers[i].held++;
        }
    }
}

static void peer_flush(peer *p)
{
    ssize_t put = p->out_len > 0 ? send(p->fd, p->out, p->out_len, MSG_NOSIGNAL) : 0;
    if (put > 0) {
        memmove(p->out, p->out + put, p->out_len - (size_t)put);
        p->out_len -= (size_t)put;
    }
    p->is_dirty = p->out_len > 0;
}

static void on_worker(worker *w)
{
    uint32_t index;
    while (recv(w->fd, &index, sizeof(index), MSG_DONTWAIT) == (ssize_t)sizeof(index)) {
        task *t = &tasks[index % TASKS];
        peer *p = &peers[t->peer];
        w->held--;
        if (p->serial == t->serial && p->fd >= 0 && p->out_len + t->len <= BUF_BYTES) {
            memcpy(p->out + p->out_len, t->payload, t->len);
            p->out_len += t->len;
            p->is_dirty = true;
        }
        free_tasks[free_count++] = index;
    }
}

static void peer_close(peer *p)
{
    close(p->fd);
    free(p->in);
    free(p->out);
    p->in = p->out = NULL;
    p->fd = -1;
    p->serial++;
}

static void on_peer(peer *p)
{
    ssize_t got = recv(p->fd, p->in + p->in_len, BUF_BYTES - p->in_len, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            peer_close(p);
        }
        return;
    }
    p->in_len += (size_t)got;
    size_t at = 0;
    while (p->in_len - at >= 4 && p->in_len - at >= 4 + (size_t)read_u32(p->in + at)) {
        size_t len = 4 + (size_t)read_u32(p->in + at);
        if (len > PAYLOAD_BYTES || free_count == 0) {
            peer_close(p);
            return;
        }
        uint32_t index = free_tasks[--free_count];
        tasks[index].peer = (uint32_t)(p - peers);
        tasks[index].serial = p->serial;
        memcpy(tasks[index].payload, p->in + at, len);
        waiting[(waiting_head + waiting_count++) % TASKS] = index;
        at += len;
    }
    memmove(p->in, p->in + at, p->in_len - at);
    p->in_len -= at;
}

static void on_connection(int listener)
{
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (uint32_t i = 0; fd >= 0 && i < PEERS_MAX; i++) {
        if (peers[i].fd >= 0) {
            continue;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        peers[i].in = malloc(BUF_BYTES);
        peers[i].out = malloc(BUF_BYTES);
        peers[i].in_len = peers[i].out_len = 0;
        peers[i].fd = fd;
        if (peers[i].in == NULL || peers[i].out == NULL ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            peer_close(&peers[i]);
        }
        return;
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void serve(int listener)
{
    for (;;) {
        struct epoll_event events[128];
        int count = epoll_wait(epoll_fd, events, 128, -1);
        for (int i = 0; i < count; i++) {
            uint64_t who = events[i].data.u64;
            if (who == UINT64_MAX) {
                on_connection(listener);
            } else if (who >= 1000000u) {
                on_worker(&workers[who - 1000000u]);
            } else if (peers[who].fd >= 0) {
                on_peer(&peers[who]);
            }
        }
        hand_over();
        for (uint32_t i = 0; i < PEERS_MAX; i++) {
            if (peers[i].fd >= 0 && peers[i].is_dirty) {
                peer_flush(&peers[i]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    unsigned long count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    ahead = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    if (count == 0 || count > WORKERS_MAX || ahead == 0) {
        fprintf(stderr, "usage: bench_plain WORKERS AHEAD\n");
        return 2;
    }
    tasks =
        mmap(NULL, TASKS * sizeof(task), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (uint32_t i = 0; i < TASKS; i++) {
        free_tasks[free_count++] = i;
    }
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        peers[i].fd = -1;
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    if (tasks == MAP_FAILED || !workers_start((uint32_t)count) ||
        bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 1024) != 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        fprintf(stderr, "bench_plain: %s\n", strerror(errno));
        return 1;
    }
    printf("ready 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    serve(listener);
    return 0;
}
