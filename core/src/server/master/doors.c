/* doors.c: the listening sockets of a server: which there are, and where they come from. */
#include "server/master/doors.h"

#include <unistd.h>

#include "net/listener.h"
#include "server/master/master.h"

void dr_doors_note(dr_server *server, dr_link_door kind, int fd, bool is_managed)
{
    dr_doors *doors = &server->doors;
    doors->is_managed |= is_managed;
    if (doors->count < DR_DOORS_MAX) {
        doors->items[doors->count++] = (dr_door){.kind = kind, .fd = fd, .is_managed = is_managed};
    }
}

bool dr_doors_are_shared(const dr_server *server)
{
    return server->doors.is_managed || atomic_load(&server->doors.has_elder);
}

dora_err dr_doors_open(dr_server *server, dr_link_door kind, const char *host, uint16_t *port,
                       int *fds, size_t *count, dora_error *error)
{
    const dr_config *config = server->backend.config;
    const uint32_t wanted = kind == DR_LINK_DOOR_ADMIN ? 1 : server->backend.lane_count;
    const size_t room = DR_DOORS_MAX - server->doors.count;
    bool is_managed;
    *count = dr_sockets_find(&server->doors.handed, kind, host, port, fds, room, &is_managed);
    if (*count == 0) {
        const dora_err err = dr_listener_open(host, port, (int)config->backlog, fds, wanted, error);
        if (err != DORA_OK) {
            return err;
        }
        *count = wanted;
    }
    for (size_t i = 0; i < *count; i++) {
        dr_doors_note(server, kind, fds[i], is_managed);
    }
    return DORA_OK;
}

void dr_doors_each(dr_server *server, void (*fn)(const dr_door *door, void *user), void *user)
{
    for (size_t i = 0; i < server->doors.count; i++) {
        fn(&server->doors.items[i], user);
    }
}

void dr_doors_opened(dr_server *server)
{
    const size_t left = dr_sockets_fini(&server->doors.handed);
    if (left > 0) {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                     "listening sockets that were handed to this server, at addresses that the "
                     "configuration does not listen on, are closed: %zu",
                     left);
    }
}

void dr_doors_fini(dr_server *server)
{
    dr_doors *doors = &server->doors;
    (void)dr_sockets_fini(&doors->handed);
    for (size_t i = 0; i < doors->count; i++) {
        if (doors->items[i].is_idle) {
            close(doors->items[i].fd);
        }
    }
    doors->count = 0;
}
