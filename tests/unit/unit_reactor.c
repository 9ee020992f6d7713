/* unit_reactor.c: a reactor of a test, and a client of it. */
#include "unit_reactor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/listener.h"

static void on_no_conn(dr_conn *conn, void *user)
{
    (void)conn;
    (void)user;
}

static void on_nothing(void *user)
{
    (void)user;
}

static void set_asleep(bool is_asleep, void *user)
{
    (void)is_asleep;
    (void)user;
}

static bool has_none(void *user)
{
    (void)user;
    return false;
}

dr_reactor_events unit_reactor_events(void *user)
{
    return (dr_reactor_events){.on_gone = on_no_conn,
                               .collect = on_nothing,
                               .set_asleep = set_asleep,
                               .has_ready = has_none,
                               .on_ask = on_nothing,
                               .user = user};
}

void unit_reactor_begin(dr_reactor *reactor, const dr_reactor_events *events, bool *is_made)
{
    const dora_frame_options frame = {.sign = false};
    dora_error error;
    *is_made = dr_reactor_init(reactor, 0, 1, &frame, 0, 0, events, &error) == DORA_OK;
    assert_true(*is_made);
}

void unit_reactor_end(dr_reactor *reactor, bool *is_made)
{
    if (*is_made) {
        *is_made = false;
        dr_reactor_end(reactor);
        dr_reactor_run(reactor);
        dr_reactor_fini(reactor);
    }
}

uint16_t unit_reactor_listen(dr_reactor *reactor, int *listen_fd)
{
    dora_error error;
    uint16_t port = 0;
    assert_int_equal(dr_listener_open("127.0.0.1", &port, 128, listen_fd, 1, &error), DORA_OK);
    const int fd = *listen_fd;
    *listen_fd = 0; /* the reactor's now */
    assert_int_equal(dr_reactor_listen(reactor, fd, 128, &error), DORA_OK);
    return port;
}

void unit_reactor_connect(uint16_t port, int *client)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*client >= 0);
    assert_int_equal(connect(*client, (const struct sockaddr *)&to, sizeof to), 0);
}

void unit_frame(dr_buf *out, const char *guid, const char *body, size_t len)
{
    const dora_frame_options options = {.sign = false};
    size_t mark;
    assert_int_equal(dr_frame_begin(out, &options, guid, &mark), DORA_OK);
    assert_int_equal(dr_buf_append(out, body, len), DORA_OK);
    assert_int_equal(dr_frame_end(out, &options, mark, NULL), DORA_OK);
}
