/* transport_peer.c: the other side of an outgoing connection, which behaves as it is told. */
#include "transport_peer.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

char peer_byte(size_t at)
{
    return (char)(at % 251);
}

void peer_was_heard(const peer *self)
{
    (void)!write(self->heard[1], "", 1);
}

static void drink(peer *self, int fd)
{
    char *room = calloc(1, 65536);
    size_t got = 0;
    self->is_right = true;
    while (got < PEER_DRINKS) {
        ssize_t count = recv(fd, room, got == 0 ? 1 : 65536, 0);
        if (count <= 0) {
            break;
        }
        for (ssize_t i = 0; i < count; i++) {
            self->is_right = self->is_right && room[i] == peer_byte(got + (size_t)i);
        }
        got += (size_t)count;
    }
    free(room);
    send(fd, "done", 4, MSG_NOSIGNAL);
}

static void answer(peer *self, int fd)
{
    char byte;
    const struct linger at_once = {.l_onoff = 1};
    if (self->manner == LISTENS) {
        (void)!read(self->heard[0], &byte, 1);
    }
    if (self->manner == CLOSES || self->manner == LISTENS || self->manner == RESETS) {
        send(fd, "half", 4, MSG_NOSIGNAL);
    }
    if (self->manner == RESETS) {
        (void)!read(self->heard[0], &byte, 1);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    if (self->manner == DRINKS) {
        drink(self, fd);
    }
    if (self->manner == FULL) {
        send(fd, "done", 4, MSG_NOSIGNAL);
    }
    if (self->manner == SILENT) {
        recv(fd, &byte, 1, 0);
    }
    close(fd);
}

/* Answers one after the other, until nobody is accepted any more. */
static void *peer_run(void *argument)
{
    peer *self = argument;
    int fd = accept(self->fd, NULL, NULL);
    while (fd >= 0) {
        answer(self, fd);
        fd = accept(self->fd, NULL, NULL);
    }
    return NULL;
}

void peer_makes_room(peer *self)
{
    const int err = pthread_create(&self->thread, NULL, peer_run, self);
    self->has_thread = err == 0;
    assert_int_equal(err, 0);
}

static void bind_to(peer *self, struct sockaddr *address, socklen_t len)
{
    self->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int small = 65536;
    assert_true(self->fd >= 0);
    setsockopt(self->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(bind(self->fd, address, len), 0);
    assert_int_equal(getsockname(self->fd, address, &len), 0);
    if (self->manner != NOBODY) {
        assert_int_equal(listen(self->fd, self->manner == FULL ? 0 : 8), 0);
    }
}

static void fill_backlog(peer *self, const struct sockaddr *address, socklen_t len)
{
    for (size_t i = 0; i < sizeof self->fillers / sizeof self->fillers[0]; i++) {
        self->fillers[i] = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(self->fillers[i], address, len);
    }
}

void peer_begin(peer *self, manner how, bool is_local)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr *address = (struct sockaddr *)&four;
    socklen_t len = sizeof four;
    *self = (peer){.manner = how, .is_local = is_local};
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (is_local) {
        snprintf(self->address.host, sizeof self->address.host, "/tmp/dora_transport.%d", getpid());
        snprintf(local.sun_path, sizeof local.sun_path, "/tmp/dora_transport.%d", getpid());
        unlink(local.sun_path);
        address = (struct sockaddr *)&local;
        len = sizeof local;
    } else {
        strncpy(self->address.host, "127.0.0.1", sizeof self->address.host - 1);
    }
    assert_int_equal(pipe(self->heard), 0);
    bind_to(self, address, len);
    self->address.port = is_local ? 0 : ntohs(four.sin_port);
    if (how == FULL) {
        fill_backlog(self, address, len);
    } else if (how != NOBODY) {
        peer_makes_room(self);
    }
}

void peer_end(peer *self)
{
    if (self->fd > 0) {
        shutdown(self->fd, SHUT_RDWR); /* one that nobody came to accepts no longer */
    }
    unit_close(&self->heard[1]);
    if (self->has_thread) {
        pthread_join(self->thread, NULL);
    }
    self->has_thread = false;
    unit_close(&self->heard[0]);
    unit_close(&self->fd);
    for (size_t i = 0; i < 4; i++) {
        unit_close(&self->fillers[i]);
    }
    if (self->is_local) {
        unlink(self->address.host);
    }
}
