/* doors.c: where clients come in: the listening sockets, and the line that says it is time. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/listener.h"
#include "server/lane.h"

dora_err dr_doors_listen(dr_server *server, dora_error *error)
{
    const dr_config *config = server->config;
    int fds[DR_REACTORS_MAX];
    server->tcp_port = config->tcp_port;
    dora_err err = dr_listener_open(config->tcp_host, &server->tcp_port, (int)config->backlog, fds,
                                    server->lane_count, error);
    const bool is_open = err == DORA_OK;
    for (uint32_t i = 0; i < server->lane_count && err == DORA_OK; i++) {
        err = dr_reactor_listen(&server->lanes[i].reactor, fds[i], (int)config->backlog, error);
        fds[i] = -1; /* the reactor's now */
    }
    for (uint32_t i = 0; i < server->lane_count && err != DORA_OK && is_open; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    return err;
}

dora_err dr_doors_open(dr_server *server, dora_error *error)
{
    atomic_store(&server->phase, DR_PHASE_SERVING);
    for (uint32_t i = 0; i < server->lane_count; i++) {
        const dora_err err = dr_lane_start(&server->lanes[i], error);
        if (err != DORA_OK) {
            return err;
        }
    }
    server->lanes_running = server->lane_count;
    const char *host = server->config->tcp_host;
    const bool is_v6 = strchr(host, ':') != NULL;
    printf("dora: ready tcp=%s%s%s:%u http=-\n", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
           server->tcp_port);
    (void)fflush(stdout);
    return DORA_OK;
}
