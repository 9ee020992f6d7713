/* sockets.c: listening sockets that this process did not open itself. */
#include "server/upgrade/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define ACTIVATED_MAX 256

/* is_listening says whether it is a stream socket of a kind that we accept from, and listens. */
static bool is_listening(int fd)
{
    struct sockaddr_storage name;
    socklen_t name_len = sizeof(name);
    int type = 0;
    int listens = 0;
    socklen_t len = sizeof(type);
    return getsockname(fd, (struct sockaddr *)&name, &name_len) == 0 &&
           (name.ss_family == AF_INET || name.ss_family == AF_INET6 || name.ss_family == AF_UNIX) &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0;
}

dora_err dr_sockets_add(dr_sockets *sockets, const dr_socket *one)
{
    if (!is_listening(one->fd)) {
        close(one->fd);
        return DORA_EINVAL;
    }
    dr_socket *items = realloc(sockets->items, (sockets->count + 1) * sizeof(*items));
    if (items == NULL) {
        close(one->fd);
        return DORA_ENOMEM;
    }
    (void)fcntl(one->fd, F_SETFD, FD_CLOEXEC);
    (void)fcntl(one->fd, F_SETFL, fcntl(one->fd, F_GETFL) | O_NONBLOCK);
    sockets->items = items;
    items[sockets->count++] = *one;
    return DORA_OK;
}

/* count_of gives a variable's number; 0: it has none. */
static long count_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end = NULL;
    const long number = text != NULL ? strtol(text, &end, 10) : 0;
    return text != NULL && end != text && *end == '\0' ? number : 0;
}

dora_err dr_sockets_activated(dr_sockets *sockets, dora_error *error)
{
    const bool is_meant = count_of("LISTEN_PID") == (long)getpid();
    const long count = is_meant ? count_of("LISTEN_FDS") : 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    for (int fd = FIRST_FD; fd < FIRST_FD + count && fd < FIRST_FD + ACTIVATED_MAX; fd++) {
        const dr_socket one = {.fd = fd, .door = DR_LINK_DOOR_ANY, .is_managed = true};
        const dora_err err = dr_sockets_add(sockets, &one);
        if (err == DORA_EINVAL) {
            return dora_error_set(error, DORA_ECONFIG,
                                  "LISTEN_FDS: descriptor %d is no listening stream socket; the "
                                  "socket unit is to have ListenStream= and Accept=no",
                                  fd);
        }
        if (err != DORA_OK) {
            return dora_error_set(error, err, "%s", dora_err_text(err));
        }
    }
    return DORA_OK;
}

/* port_of gives the port of an address of the internet. */
static uint16_t port_of(const struct sockaddr_storage *name)
{
    return ntohs(name->ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)(const void *)name)->sin6_port
                     : ((const struct sockaddr_in *)(const void *)name)->sin_port);
}

/* is_host says whether both are the same host. */
static bool is_host(const struct sockaddr_storage *name, const struct addrinfo *wanted)
{
    if (name->ss_family != wanted->ai_family) {
        return false;
    }
    if (name->ss_family == AF_INET6) {
        return memcmp(&((const struct sockaddr_in6 *)(const void *)name)->sin6_addr,
                      &((const struct sockaddr_in6 *)(const void *)wanted->ai_addr)->sin6_addr,
                      sizeof(struct in6_addr)) == 0;
    }
    return name->ss_family == AF_INET &&
           ((const struct sockaddr_in *)(const void *)name)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)(const void *)wanted->ai_addr)->sin_addr.s_addr;
}

size_t dr_sockets_find(dr_sockets *sockets, dr_link_door door, const char *host, uint16_t *port,
                       int *fds, size_t room, bool *is_managed)
{
    size_t count = 0;
    *is_managed = false;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    if (sockets->count == 0 || getaddrinfo(host, NULL, &hints, &found) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sockets->count && count < room; i++) {
        struct sockaddr_storage name;
        socklen_t len = sizeof(name);
        dr_socket *one = &sockets->items[i];
        if (one->fd < 0 || getsockname(one->fd, (struct sockaddr *)&name, &len) != 0 ||
            !is_host(&name, found)) {
            continue;
        }
        if (port_of(&name) == *port || (*port == 0 && one->door == door)) {
            *port = port_of(&name);
            fds[count++] = one->fd;
            *is_managed |= one->is_managed;
            one->fd = -1;
        }
    }
    freeaddrinfo(found);
    return count;
}

int dr_sockets_find_unix(dr_sockets *sockets, const char *path, dr_local *local, bool *is_managed)
{
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return -1;
    }
    for (size_t i = 0; i < sockets->count; i++) {
        struct sockaddr_un name = {.sun_family = AF_UNSPEC};
        socklen_t len = sizeof(name);
        dr_socket *one = &sockets->items[i];
        if (one->fd < 0 || getsockname(one->fd, (struct sockaddr *)&name, &len) != 0 ||
            name.sun_family != AF_UNIX || strlen(path) >= sizeof(name.sun_path) ||
            len <= offsetof(struct sockaddr_un, sun_path) || strcmp(name.sun_path, path) != 0) {
            continue;
        }
        if (one->inode != 0 && (one->device != status.st_dev || one->inode != status.st_ino)) {
            continue; /* somebody else stands at its name by now */
        }
        const int fd = one->fd;
        *is_managed = one->is_managed;
        one->fd = -1;
        *local = (dr_local){.path = path, .device = status.st_dev, .inode = status.st_ino};
        return fd;
    }
    return -1;
}

size_t dr_sockets_fini(dr_sockets *sockets)
{
    size_t left = 0;
    for (size_t i = 0; i < sockets->count; i++) {
        if (sockets->items[i].fd >= 0) {
            close(sockets->items[i].fd);
            left++;
        }
    }
    free(sockets->items);
    *sockets = (dr_sockets){.items = NULL};
    return left;
}
