/* test_transport.c: every driver of an outgoing connection meets the same peers, and says the same
 * of them; and what waiting for a single one promises of its time. */
#include "transport_peer.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/transport_poll.h"
#include "transport/transport_uv.h"

#define NS_PER_MS 1000000u
#define PATIENCE_MS 60000u

typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *,
                              struct addrinfo **);

/* The addresses of "two.addresses". */
static struct {
    const char *host;
    char service[8];
} listed[2];

/* Stands before the system's, which is asked about numbers only. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo *second = NULL;
    if (strcmp(node, "unknown.host") == 0) {
        return EAI_NONAME;
    }
    if (strcmp(node, "two.addresses") != 0) {
        return real(node, service, hints, found);
    }
    if (real(listed[0].host, listed[0].service, hints, found) != 0 ||
        real(listed[1].host, listed[1].service, hints, &second) != 0) {
        return EAI_FAIL;
    }
    (*found)->ai_next = second;
    return 0;
}

/* ---- the user, and the three ways to be driven ---- */

typedef enum event { NONE, CONNECTED, SENT, RECEIVED, LOST, EVENTS } event;

typedef enum kind { WAITS, POLLS, LOOPS, KINDS } kind;

typedef struct side {
    peer *peer;
    dr_address address;
    uint32_t deadline_ms; /* 0: PATIENCE_MS */
    size_t out_len;
    size_t sent;
    char heard[64];
    size_t heard_len;
    unsigned connects;
    unsigned losses;
    bool is_over; /* lost, or heard "done" */
    dora_err err;
    int os_error;
    char text[sizeof((dora_error *)NULL)->msg]; /* what is told people */
    size_t partial;                             /* writes that took not all there was */
    bool is_freed;
    event again_in; /* closes and opens again there, once */
    dr_transport *transport;
} side;

static char pattern[PEER_DRINKS];

static bool open_again(side *self, event now)
{
    if (self->again_in != now) {
        return false;
    }
    self->again_in = NONE;
    dr_transport_close(self->transport);
    dr_transport_open(self->transport, &self->address, NULL);
    return true;
}

static void on_connected(void *user)
{
    side *self = user;
    self->connects++;
    open_again(self, CONNECTED);
}

static dora_slice on_output(void *user)
{
    const side *self = user;
    return (dora_slice){pattern + self->sent, self->out_len - self->sent};
}

static void on_sent(void *user, size_t len)
{
    side *self = user;
    self->sent += len;
    self->partial += self->sent < self->out_len ? 1 : 0;
    if (open_again(self, SENT)) {
        peer_was_heard(self->peer); /* the connection before, and the one that comes */
        peer_was_heard(self->peer);
    }
}

static dora_err on_room(void *user, char **room, size_t *room_len)
{
    side *self = user;
    *room = self->heard + self->heard_len;
    *room_len = sizeof self->heard - 1 - self->heard_len;
    return DORA_OK;
}

static void on_received(void *user, size_t len)
{
    side *self = user;
    self->heard_len += len;
    if (strcmp(self->heard, "half") == 0 && self->peer->manner == RESETS) {
        peer_was_heard(self->peer);
    }
    self->is_over = strcmp(self->heard, "done") == 0;
    open_again(self, RECEIVED);
}

static void on_lost(void *user, const dr_loss *loss)
{
    side *self = user;
    self->losses++;
    self->is_over = !open_again(self, LOST);
    self->err = loss->err;
    self->os_error = loss->os_error;
    snprintf(self->text, sizeof self->text, "%s", loss->reason);
}

static const dr_transport_user uses = {on_connected, on_output,   on_sent,
                                       on_room,      on_received, on_lost};

static void by_waiting(side *self, uint64_t until_ns)
{
    const dr_wait wait = {.deadline_ns = until_ns};
    dr_stream stream;
    dora_error error = {.msg = ""};
    dora_err err = dr_wait_connect(&stream, &self->address, NULL, &wait, &error);
    if (err == DORA_OK) {
        self->connects++;
        err = dr_wait_send(&stream, on_output(self), &wait, &self->sent, &error);
    }
    while (err == DORA_OK && !self->is_over) {
        size_t room_len;
        size_t got = 0;
        char *room;
        on_room(self, &room, &room_len);
        err = dr_wait_receive(&stream, room, room_len, &wait, &got, &error);
        if (err == DORA_OK) {
            on_received(self, got);
        }
    }
    dr_stream_close(&stream);
    if (err != DORA_OK) {
        const dr_loss loss = {err, error.os_error, error.msg};
        on_lost(self, &loss);
    }
}

static void by_polling(side *self, uint64_t until_ns)
{
    dr_transport one;
    dr_transport *const transports[] = {&one};
    struct pollfd items[1];
    self->transport = &one;
    dr_transport_init(&one, &dr_transport_poll_driver, &uses, self);
    dr_transport_open(&one, &self->address, NULL);
    while (!self->is_over && dr_clock_ns() < until_ns) {
        dr_transport_write(&one);
        dr_transport_poll(transports, items, 1, until_ns);
    }
    dr_transport_close(&one);
}

static void on_freed(void *user)
{
    ((side *)user)->is_freed = true;
}

static void on_guard(uv_timer_t *timer)
{
    (void)timer; /* it has ended a turn of the loop: that is all */
}

static void by_looping(side *self, uint64_t until_ns)
{
    uv_loop_t loop;
    uv_timer_t guard;
    if (uv_loop_init(&loop) != 0) {
        fail();
    }
    uv_timer_init(&loop, &guard);
    dr_transport *one = dr_transport_uv_new(&loop, &uses, self);
    self->transport = one;
    dr_transport_open(one, &self->address, NULL);
    while (!self->is_over && dr_clock_ns() < until_ns) {
        dr_transport_write(one);
        uv_timer_start(&guard, on_guard, dr_clock_left_ms(until_ns) + 1, 0);
        uv_run(&loop, UV_RUN_ONCE);
    }
    dr_transport_uv_free(one, on_freed);
    uv_close((uv_handle_t *)&guard, NULL);
    const int left = uv_run(&loop, UV_RUN_DEFAULT);
    const int err = uv_loop_close(&loop);
    assert_true(self->is_freed);
    assert_int_equal(left, 0);
    assert_int_equal(err, 0);
}

/* peers are those of a test, and a pair of sockets. */
typedef struct peers {
    peer one;
    peer other;
    int pair[2];
} peers;

static void peers_end(peers *at)
{
    peer_end(&at->one);
    peer_end(&at->other);
    unit_close(&at->pair[0]);
    unit_close(&at->pair[1]);
}
UNIT_SCENE(peers, peers_end)

static void meet(side *self, kind way, peer *other)
{
    static void (*const ways[])(side *, uint64_t) = {by_waiting, by_polling, by_looping};
    uint32_t ms = self->deadline_ms != 0 ? self->deadline_ms : PATIENCE_MS;
    self->peer = other;
    if (self->address.host[0] == '\0') {
        self->address = other->address;
    }
    ways[way](self, dr_clock_ns() + ms * NS_PER_MS);
}

/* ---- addresses ---- */

static void numbers_and_paths_are_not_looked_up(void **state)
{
    static const struct {
        dr_address address;
        int family; /* -1: it is a name */
    } rows[] = {
        {{"127.0.0.1", 7}, AF_INET}, {{"::1", 7}, AF_INET6},         {{"/some/path", 0}, AF_UNIX},
        {{"localhost", 7}, -1},      {{"127.0.0.1.example", 7}, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dr_dial dial;
        assert_int_equal(dr_dial_begin(&dial, &rows[i].address), rows[i].family == -1);
        if (rows[i].family != -1) {
            assert_int_equal(dial.next->ai_family, rows[i].family);
            assert_int_equal(dial.known.any.sa_family, rows[i].family);
        }
        dr_dial_end(&dial);
    }
    dr_dial dial;
    assert_false(dr_dial_begin(&dial, &rows[1].address));
    assert_int_equal(ntohs(dial.known.six.sin6_port), 7);
    assert_true(IN6_IS_ADDR_LOOPBACK(&dial.known.six.sin6_addr));
    assert_false(dr_dial_begin(&dial, &rows[2].address));
    assert_string_equal(dial.known.local.sun_path, "/some/path");
}

/* ---- what ends in a loss ---- */

typedef struct loss_row {
    const char *name;
    manner manner;
    bool is_local;
    const char *host; /* NULL: the peer's address */
    dora_err err;
    int os_error;
    const char *reason;
    const char *heard; /* before */
} loss_row;

static const loss_row losses[] = {
    {"refused", NOBODY, false, NULL, DORA_ECONNECT, ECONNREFUSED, "Connection refused", ""},
    {"refused by a path", NOBODY, true, NULL, DORA_ECONNECT, ECONNREFUSED, "Connection refused",
     ""},
    {"no such path", NOBODY, false, "/nowhere", DORA_ECONNECT, ENOENT, "No such file", ""},
    {"unknown name", NOBODY, false, "unknown.host", DORA_ECONNECT, -1, "Name or service not known",
     ""},
    {"closed in the middle", CLOSES, false, NULL, DORA_ECLOSED, 0, "the connection was closed",
     "half"},
    {"closed in the middle, by a path", CLOSES, true, NULL, DORA_ECLOSED, 0,
     "the connection was closed", "half"},
    {"reset in the middle", RESETS, false, NULL, DORA_ECLOSED, ECONNRESET,
     "Connection reset by peer", "half"},
};

static void losses_are_told_alike(void **state)
{
    peers *at = *state;
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        const loss_row *row = &losses[i];
        for (kind way = 0; way < KINDS; way++) {
            side self = {.is_over = false};
            peer_begin(&at->other, row->manner, row->is_local);
            if (row->host != NULL) {
                snprintf(self.address.host, sizeof self.address.host, "%s", row->host);
                self.address.port = row->host[0] == '/' ? 0 : 1;
            }
            meet(&self, way, &at->other);
            peer_end(&at->other);
            if (self.losses != 1 || self.err != row->err || self.os_error != row->os_error ||
                strstr(self.text, row->reason) == NULL || strcmp(self.heard, row->heard) != 0) {
                fail_msg("%s, kind %d: %u losses, err %d, errno %d, \"%s\", heard \"%s\"",
                         row->name, (int)way, self.losses, self.err, self.os_error, self.text,
                         self.heard);
            }
            assert_int_equal(self.connects, row->err == DORA_ECONNECT ? 0 : 1);
        }
    }
}

/* The phrase that Redis sessions tell, which have no address in their text. */
static void a_loss_is_a_phrase(void **state)
{
    char text[DR_LOSS_TEXT_MAX];
    dr_loss loss = dr_loss_new(DORA_ECONNECT, ECONNREFUSED);
    (void)state;
    assert_string_equal(dr_loss_text(&loss, text), "cannot connect: Connection refused");
    loss = (dr_loss){DORA_ECONNECT, -1, "Name or service not known"};
    assert_string_equal(dr_loss_text(&loss, text),
                        "cannot look up the host: Name or service not known");
    loss = dr_loss_of(0);
    assert_string_equal(dr_loss_text(&loss, text), "closed the connection");
    loss = dr_loss_of(ECONNRESET);
    assert_int_equal(loss.err, DORA_ECLOSED);
    assert_string_equal(dr_loss_text(&loss, text), "connection lost: Connection reset by peer");
    assert_int_equal(dr_loss_of(EHOSTUNREACH).err, DORA_EIO);
}

/* ---- what comes about ---- */

static void big_output_goes_out_in_parts(void **state)
{
    peers *at = *state;
    for (int is_local = 0; is_local < 2; is_local++) {
        for (kind way = 0; way < KINDS; way++) {
            side self = {.out_len = PEER_DRINKS};
            peer_begin(&at->other, DRINKS, is_local);
            meet(&self, way, &at->other);
            peer_end(&at->other);
            assert_string_equal(self.heard, "done");
            assert_int_equal(self.losses, 0);
            assert_int_equal(self.sent, PEER_DRINKS);
            assert_true(at->other.is_right);
            assert_true(way == WAITS || self.partial > 0);
        }
    }
}

static void list(size_t at, const char *host, uint16_t port)
{
    listed[at].host = host;
    snprintf(listed[at].service, sizeof listed[at].service, "%u", port);
}

/* The first refuses, or is of another family that nobody serves, or is never answered. */
static void addresses_of_a_name_are_tried_in_turn(void **state)
{
    peers *at = *state;
    static const char *const firsts[] = {"127.0.0.1", "::1", NULL};
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        for (kind way = 0; way < KINDS; way++) {
            side self = {.address = {.host = "two.addresses", .port = 1}};
            peer_begin(&at->one, firsts[i] != NULL ? NOBODY : FULL, false);
            peer_begin(&at->other, CLOSES, false);
            list(0, firsts[i] != NULL ? firsts[i] : "127.0.0.1", at->one.address.port);
            list(1, "127.0.0.1", at->other.address.port);
            meet(&self, way, &at->other);
            peer_end(&at->one);
            peer_end(&at->other);
            assert_string_equal(self.heard, "half");
            assert_int_equal(self.connects, 1);
        }
    }
}

/* Where none answers, the last one's reason is told. */
static void of_several_addresses_the_last_reason_is_told(void **state)
{
    peers *at = *state;
    for (kind way = 0; way < KINDS; way++) {
        side self = {.address = {.host = "two.addresses", .port = 1}};
        peer_begin(&at->other, NOBODY, false);
        list(0, "127.0.0.1", at->other.address.port);
        list(1, "127.0.0.1", at->other.address.port);
        meet(&self, way, &at->other);
        peer_end(&at->other);
        assert_int_equal(self.losses, 1);
        assert_int_equal(self.err, DORA_ECONNECT);
        assert_int_equal(self.os_error, ECONNREFUSED);
    }
}

/* The kernel does not wait for room in the backlog of a Unix socket. */
static void a_full_unix_socket_is_waited_for(void **state)
{
    peers *at = *state;
    for (kind way = 0; way < KINDS; way++) {
        side early = {.deadline_ms = 30};
        side late = {.is_over = false};
        peer_begin(&at->other, FULL, true);
        meet(&early, way, &at->other);
        assert_int_equal(early.connects, 0);
        assert_int_equal(early.losses, way == WAITS ? 1 : 0);
        assert_int_equal(early.os_error, way == WAITS ? ETIMEDOUT : 0);

        peer_makes_room(&at->other);
        meet(&late, way, &at->other);
        peer_end(&at->other);
        assert_string_equal(late.heard, "done");
    }
}

/* Nothing of the connection before is told of the next one, nor done to it. */
static void a_user_may_open_again_in_any_event(void **state)
{
    peers *at = *state;
    for (kind way = POLLS; way < KINDS; way++) {
        for (int is_local = 0; is_local < 2; is_local++) {
            for (event again_in = CONNECTED; again_in < EVENTS; again_in++) {
                /* What a peer has closed that did not listen cannot be sent. */
                const bool sends = again_in == SENT;
                side self = {.again_in = again_in, .out_len = sends ? 3 : 0};
                peer_begin(&at->other, sends ? LISTENS : CLOSES, is_local);
                meet(&self, way, &at->other);
                peer_end(&at->other);
                assert_int_equal(self.again_in, NONE);
                assert_int_equal(self.connects, 2);
                assert_int_equal(self.losses, again_in == LOST ? 2 : 1);
                assert_int_equal(self.err, DORA_ECLOSED);
                assert_string_equal(self.heard, again_in < RECEIVED ? "half" : "halfhalf");
            }
        }
    }
}

/* ---- time ---- */

static void a_deadline_ends_connecting_and_reading(void **state)
{
    peers *at = *state;
    static const manner manners[] = {FULL, SILENT};
    for (size_t i = 0; i < 2; i++) {
        for (kind way = 0; way < KINDS; way++) {
            side self = {.deadline_ms = i == 0 ? 30 : 700};
            peer_begin(&at->other, manners[i], false);
            const uint64_t began_ns = dr_clock_ns();
            meet(&self, way, &at->other);
            assert_true(dr_clock_ns() - began_ns >= self.deadline_ms * NS_PER_MS);
            peer_end(&at->other);
            assert_int_equal(self.connects, i == 0 ? 0 : 1);
            /* One who waits is told; the others end it themselves, and hear nothing. */
            assert_int_equal(self.losses, way == WAITS ? 1 : 0);
            if (way == WAITS) {
                assert_int_equal(self.err, i == 0 ? DORA_ECONNECT : DORA_ETIMEDOUT);
                assert_non_null(strstr(self.text, "timed out"));
            }
        }
    }
}

/* Waits on a peer that says nothing. Gives what the kernel was told, in ms. */
static long wait_in_vain(peers *at, uint32_t usual_ms)
{
    int *pair = at->pair;
    char room[8];
    size_t got = 0;
    struct timeval value = {0};
    socklen_t value_len = sizeof value;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    dr_stream one = {.fd = pair[0]};
    const uint64_t began_ns = dr_clock_ns();
    const dr_wait wait = {.deadline_ns = began_ns + (uint64_t)usual_ms * NS_PER_MS,
                          .usual_ms = usual_ms};
    assert_int_equal(dr_wait_receive(&one, room, sizeof room, &wait, &got, NULL), DORA_ETIMEDOUT);
    assert_true(dr_clock_ns() >= wait.deadline_ns);
    assert_int_equal(getsockopt(one.fd, SOL_SOCKET, SO_RCVTIMEO, &value, &value_len), 0);
    unit_close(&pair[0]);
    unit_close(&pair[1]);
    return value.tv_sec * 1000 + value.tv_usec / 1000;
}

/* The kernel's own timers for this may be late by an eighth: 0.25 s of the usual 3 s. */
static void the_kernel_is_told_less_than_the_whole_time(void **state)
{
    peers *at = *state;
    const long told_ms = wait_in_vain(at, 1000);
    assert_in_range(told_ms, 1, 1000 - 1000 / 9);
    assert_in_range(wait_in_vain(at, 1), 0, 10); /* 0 would be no end at all; it ended */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_paths_are_not_looked_up),
        unit_in(peers, losses_are_told_alike),
        cmocka_unit_test(a_loss_is_a_phrase),
        unit_in(peers, big_output_goes_out_in_parts),
        unit_in(peers, addresses_of_a_name_are_tried_in_turn),
        unit_in(peers, of_several_addresses_the_last_reason_is_told),
        unit_in(peers, a_full_unix_socket_is_waited_for),
        unit_in(peers, a_user_may_open_again_in_any_event),
        unit_in(peers, a_deadline_ends_connecting_and_reading),
        unit_in(peers, the_kernel_is_told_less_than_the_whole_time),
    };
    for (size_t i = 0; i < PEER_DRINKS; i++) {
        pattern[i] = peer_byte(i);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
