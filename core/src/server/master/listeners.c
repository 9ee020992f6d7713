/* listeners.c: where clients come in: the listening sockets, and the line that says it is time. */
#include "server/master/listeners.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"
#include "base/utf8.h"
#include "net/listener.h"
#include "net/local.h"
#include "server/config/config_rights.h"

/* close_rest closes what nobody has taken. */
static void close_rest(const int *fds, size_t begin, size_t count)
{
    for (size_t i = begin; i < count; i++) {
        close(fds[i]);
    }
}

/* share makes as many sockets as there are lanes of fewer: further lanes accept from the same ones.
 * A new one would take connections before this server takes calls. */
static dora_err share(const dr_server *server, int *fds, size_t *count, dora_error *error)
{
    const size_t had = *count;
    while (*count < server->backend.lane_count) {
        const int fd = fcntl(fds[*count % had], F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            return dora_error_set(error, DORA_EIO, "cannot listen: out of descriptors");
        }
        fds[(*count)++] = fd;
    }
    return DORA_OK;
}

/* give_one has a lane accept from a socket. `index` counts the sockets of the door: the first of a
 * lane is its own, what comes behind was of a server with more lanes. */
static dora_err give_one(dr_server *server, dr_link_door kind, size_t index, int fd,
                         dora_error *error)
{
    const dr_config *config = server->backend.config;
    const int backlog = (int)config->backlog;
    const bool is_tls = kind == DR_LINK_DOOR_TLS;
    dr_reactor *reactor = &server->backend.lanes[index % server->backend.lane_count].reactor;
    if (index >= server->backend.lane_count) {
        return dr_reactor_listen_more(reactor, fd, backlog, is_tls, error);
    }
    return is_tls ? dr_reactor_listen_tls(reactor, fd, backlog, &server->certificates.current,
                                          config->tls.handshake_ms, error)
                  : dr_reactor_listen(reactor, fd, backlog, error);
}

/* listen_on has the lanes accept frames at an address. */
static dora_err listen_on(dr_server *server, dr_link_door kind, const char *host, uint16_t *port,
                          dora_error *error)
{
    int fds[DR_DOORS_MAX];
    size_t count = 0;
    size_t given = 0;
    dora_err err = dr_doors_open(server, kind, host, port, fds, &count, error);
    if (err != DORA_OK) {
        return err;
    }
    err = share(server, fds, &count, error);
    while (given < count && err == DORA_OK) {
        err = give_one(server, kind, given, fds[given], error);
        given++; /* the reactor's now */
    }
    close_rest(fds, given, count);
    return err;
}

static dora_err listen_tcp(dr_server *server, dora_error *error)
{
    server->tcp_port = server->backend.config->tcp_port;
    return listen_on(server, DR_LINK_DOOR_TCP, server->backend.config->tcp_host, &server->tcp_port,
                     error);
}

static dora_err listen_tls(dr_server *server, dora_error *error)
{
    server->tls_port = server->backend.config->tls_port;
    const dora_err err = dr_certificates_load(server, error);
    return err == DORA_OK ? listen_on(server, DR_LINK_DOOR_TLS, server->backend.config->tls_host,
                                      &server->tls_port, error)
                          : err;
}

/* open_unix gives the socket, the one that was handed to this server or a new one. */
static dora_err open_unix(dr_server *server, int *fd, dora_error *error)
{
    const dr_config *config = server->backend.config;
    *fd = dr_sockets_find_unix(&server->doors.handed, config->unix_path, &server->local,
                               &server->doors.unix_is_managed);
    if (*fd >= 0) {
        server->doors.took_unix = true;
        return DORA_OK;
    }
    return dr_local_listen(&server->local, config->unix_path, (int)config->backlog, fd, error);
}

/* listen_unix has every lane accept from one socket: the kernel knows no other way for these. */
static dora_err listen_unix(dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    int fds[DR_REACTORS_MAX];
    size_t count = 1;
    size_t given = 0;
    uid_t owner;
    gid_t group;
    dora_err err = dr_unix_owner_find(config, &owner, &group, error);
    err = err == DORA_OK ? open_unix(server, &fds[0], error) : err;
    if (err != DORA_OK) {
        return err;
    }
    dr_doors_note(server, DR_LINK_DOOR_UNIX, fds[0], server->doors.unix_is_managed);
    err = dr_local_give(&server->local, owner, group, (mode_t)config->unix_mode, error);
    err = err == DORA_OK ? share(server, fds, &count, error) : err;
    while (given < count && err == DORA_OK) {
        err = dr_reactor_listen_locally(&server->backend.lanes[given].reactor, fds[given],
                                        (int)config->backlog, error);
        given++; /* the reactor's now */
    }
    close_rest(fds, given, count);
    return err;
}

static const char *http_host(const dr_config *config)
{
    const char *host = config->http_host != NULL ? config->http_host : config->tcp_host;
    return host != NULL ? host : DR_HOST_DEFAULT;
}

/* listen_http only opens: libmicrohttpd accepts from the moment when it has a socket. */
static dora_err listen_http(dr_server *server, dora_error *error)
{
    int fds[DR_DOORS_MAX];
    size_t count = 0;
    dr_doors *doors = &server->doors;
    const size_t begin = doors->count;
    server->http_port = server->backend.config->http_port;
    const dora_err err = dr_doors_open(server, DR_LINK_DOOR_HTTP, http_host(server->backend.config),
                                       &server->http_port, fds, &count, error);
    for (size_t i = begin; i < doors->count; i++) {
        doors->items[i].is_idle = true;
    }
    return err;
}

/* open_http has the lanes accept from HTTP's sockets. Fewer sockets than lanes are not shared: who
 * finds nobody there looks away for a while. */
static dora_err open_http(dr_server *server, dora_error *error)
{
    dr_doors *doors = &server->doors;
    uint32_t given = 0;
    for (size_t i = 0; i < doors->count; i++) {
        dr_door *door = &doors->items[i];
        if (door->kind == DR_LINK_DOOR_HTTP && door->is_idle) {
            dr_reactor_thread *thread = &server->threads[given % server->backend.lane_count];
            door->is_idle = false; /* the lane's now */
            const dora_err err = dr_reactor_thread_listen_http(thread, door->fd, error);
            if (err != DORA_OK) {
                return err;
            }
            given++;
        }
    }
    return DORA_OK;
}

dora_err dr_listeners_listen(dr_server *server, dora_error *error)
{
    dora_err err = server->backend.config->tcp_host != NULL ? listen_tcp(server, error) : DORA_OK;
    if (err == DORA_OK && server->backend.config->tls_host != NULL) {
        err = listen_tls(server, error);
    }
    if (err == DORA_OK && server->backend.config->unix_path != NULL) {
        err = listen_unix(server, error);
    }
    if (err == DORA_OK && server->backend.config->has_http) {
        err = listen_http(server, error);
    }
    return err;
}

/* print_address prints " name=HOST:PORT", or " name=-" where there is none. */
static void print_address(const char *name, const char *host, uint16_t port)
{
    if (host == NULL) {
        printf(" %s=-", name);
    } else {
        char text[DR_PRINTABLE_MAX(256)];
        const dora_slice bytes = dr_slice(host);
        printf(strchr(host, ':') != NULL ? " %s=[%s]:%u" : " %s=%s:%u", name,
               dr_printable_text(bytes, text, sizeof(text)), port);
    }
}

static void print_ready(const dr_server *server)
{
    const dr_config *config = server->backend.config;
    printf("dora: ready");
    print_address("tcp", config->tcp_host, server->tcp_port);
    print_address("http", config->has_http ? http_host(config) : NULL, server->http_port);
    if (config->tls_host != NULL) {
        print_address("tls", config->tls_host, server->tls_port);
    }
    if (config->unix_path != NULL) {
        char text[DR_PRINTABLE_MAX(256)];
        const dora_slice path = dr_slice(config->unix_path);
        printf(" unix=%s", dr_printable_text(path, text, sizeof(text)));
    }
    if (config->admin_host != NULL) {
        print_address("admin", config->admin_host, server->admin.port);
    }
    printf("\n");
    (void)fflush(stdout);
}

dora_err dr_listeners_open(dr_server *server, dora_error *error)
{
    atomic_store(&server->backend.phase, DR_PHASE_SERVING);
    dr_doors_opened(server);
    const dora_err failed = open_http(server, error);
    if (failed != DORA_OK) {
        return failed;
    }
    for (uint32_t i = 0; i < server->backend.lane_count; i++) {
        const dora_err err = dr_reactor_thread_start(&server->threads[i], error);
        if (err != DORA_OK) {
            return err;
        }
    }
    server->threads_running = server->backend.lane_count;
    const dr_config *config = server->backend.config;
    dr_admin_opened(&server->admin, server->tcp_port, config->has_http ? http_host(config) : NULL,
                    server->http_port);
    print_ready(server);
    return DORA_OK;
}

void dr_listeners_close(dr_server *server)
{
    const bool is_heir = server->heir.stage == DR_HEIR_LOADING || dr_heir_is_ready(server);
    if (server->doors.took_unix && (is_heir || server->doors.unix_is_managed)) {
        server->local.path = NULL; /* its file is the other server's, or a service manager's */
    }
    dr_local_remove(&server->local);
}

dora_err dr_listeners_open_admin(dr_server *server, dora_error *error)
{
    for (size_t i = 0; i < server->doors.count; i++) {
        dr_door *door = &server->doors.items[i];
        if (door->kind == DR_LINK_DOOR_ADMIN && door->is_idle) {
            door->is_idle = false; /* the listener's now */
            return dr_admin_open(&server->admin, &server->backend, &server->loop, &server->seat,
                                 door->fd, server->admin_port, error);
        }
    }
    return DORA_OK;
}

dora_err dr_listeners_admin(dr_server *server, dora_error *error)
{
    int fds[DR_DOORS_MAX];
    size_t count = 0;
    const dr_config *config = server->backend.config;
    dr_doors *doors = &server->doors;
    if (config->admin_host == NULL) {
        return DORA_OK;
    }
    server->admin_port = config->admin_port;
    const dora_err err = dr_doors_open(server, DR_LINK_DOOR_ADMIN, config->admin_host,
                                       &server->admin_port, fds, &count, error);
    for (size_t i = 0; i < doors->count; i++) {
        doors->items[i].is_idle = true;
    }
    return err == DORA_OK && server->heir.stage == DR_HEIR_NONE
               ? dr_listeners_open_admin(server, error)
               : err;
}
