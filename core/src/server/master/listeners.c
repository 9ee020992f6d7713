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

static void close_all(const int *fds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static dora_err listen_tcp(dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    int fds[DR_REACTORS_MAX];
    server->tcp_port = config->tcp_port;
    dora_err err = dr_listener_open(config->tcp_host, &server->tcp_port, (int)config->backlog, fds,
                                    server->backend.lane_count, error);
    if (err != DORA_OK) {
        return err;
    }
    for (uint32_t i = 0; i < server->backend.lane_count && err == DORA_OK; i++) {
        err = dr_reactor_listen(&server->backend.lanes[i].reactor, fds[i], (int)config->backlog,
                                error);
        fds[i] = -1; /* the reactor's now */
    }
    close_all(fds, server->backend.lane_count);
    return err;
}

static dora_err listen_tls(dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    int fds[DR_REACTORS_MAX];
    server->tls_port = config->tls_port;
    dora_err err = dr_certificates_load(server, error);
    if (err != DORA_OK) {
        return err;
    }
    err = dr_listener_open(config->tls_host, &server->tls_port, (int)config->backlog, fds,
                           server->backend.lane_count, error);
    if (err != DORA_OK) {
        return err;
    }
    for (uint32_t i = 0; i < server->backend.lane_count && err == DORA_OK; i++) {
        err = dr_reactor_listen_tls(&server->backend.lanes[i].reactor, fds[i], (int)config->backlog,
                                    &server->certificates.current, config->tls.handshake_ms, error);
        fds[i] = -1; /* the reactor's now */
    }
    close_all(fds, server->backend.lane_count);
    return err;
}

/* listen_unix has every lane accept from one socket: the kernel knows no other way for these. */
static dora_err listen_unix(dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    const int backlog = (int)config->backlog;
    int fds[DR_REACTORS_MAX];
    uid_t owner;
    gid_t group;
    dora_err err = dr_unix_owner_find(config, &owner, &group, error);
    err = err == DORA_OK
              ? dr_local_listen(&server->local, config->unix_path, backlog, &fds[0], error)
              : err;
    if (err != DORA_OK) {
        return err;
    }
    err = dr_local_give(&server->local, owner, group, (mode_t)config->unix_mode, error);
    if (err != DORA_OK) {
        close(fds[0]);
        return err;
    }
    for (uint32_t i = 1; i < server->backend.lane_count; i++) {
        fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
    }
    for (uint32_t i = 0; i < server->backend.lane_count && err == DORA_OK; i++) {
        err = fds[i] < 0 ? dora_error_set(error, DORA_EIO, "cannot listen on %s: %s",
                                          config->unix_path, "out of descriptors")
                         : dr_reactor_listen_locally(&server->backend.lanes[i].reactor, fds[i],
                                                     backlog, error);
        fds[i] = -1;
    }
    close_all(fds, server->backend.lane_count);
    return err;
}

static const char *http_host(const dr_config *config)
{
    const char *host = config->http_host != NULL ? config->http_host : config->tcp_host;
    return host != NULL ? host : DR_HOST_DEFAULT;
}

static dora_err listen_http(dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    int fds[DR_REACTORS_MAX];
    server->http_port = config->http_port;
    dora_err err = dr_listener_open(http_host(config), &server->http_port, (int)config->backlog,
                                    fds, server->backend.lane_count, error);
    if (err != DORA_OK) {
        return err;
    }
    for (uint32_t i = 0; i < server->backend.lane_count && err == DORA_OK; i++) {
        err = dr_reactor_thread_listen_http(&server->threads[i], fds[i], error);
        fds[i] = -1; /* the lane's now */
    }
    close_all(fds, server->backend.lane_count);
    return err;
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
    dr_local_remove(&server->local);
}
