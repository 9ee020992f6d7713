/* peer.c: whether a connection comes from this machine, and who it is. */
#include "net/peer.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static bool is_loopback_v4(uint32_t address)
{
    return address >> 24 == 127;
}

static bool is_loopback_v6(const struct in6_addr *address)
{
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        return address->s6_addr[12] == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(address);
}

dr_peer dr_peer_of(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    switch (address->sa_family) {
    case AF_UNIX:
        return DR_PEER_UNIX;
    case AF_INET:
        return is_loopback_v4(ntohl(v4->sin_addr.s_addr)) ? DR_PEER_LOOPBACK : DR_PEER_OTHER;
    case AF_INET6:
        return is_loopback_v6(&v6->sin6_addr) ? DR_PEER_LOOPBACK : DR_PEER_OTHER;
    default:
        return DR_PEER_OTHER;
    }
}

dr_peer dr_conn_peer(const dr_conn *conn)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);
    uv_os_fd_t fd;
    if (uv_fileno(&conn->uv.handle, &fd) != 0 ||
        getpeername(fd, (struct sockaddr *)&address, &len) != 0) {
        return DR_PEER_OTHER;
    }
    return dr_peer_of((const struct sockaddr *)&address);
}

static void local_text(int fd, char text[DR_PEER_TEXT_MAX])
{
    struct ucred who = {.pid = 0};
    socklen_t len = sizeof(who);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
    (void)snprintf(text, DR_PEER_TEXT_MAX, "a local process (%ld)", (long)who.pid);
}

const char *dr_peer_text(int fd, char text[DR_PEER_TEXT_MAX])
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    (void)snprintf(text, DR_PEER_TEXT_MAX, "somebody who has left");
    if (getpeername(fd, (struct sockaddr *)&address, &len) != 0) {
        return text;
    }
    if (address.ss_family == AF_UNIX) {
        local_text(fd, text);
    } else if (getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        (void)snprintf(text, DR_PEER_TEXT_MAX,
                       address.ss_family == AF_INET6 ? "[%.56s]:%.6s" : "%.56s:%.6s", host, port);
    }
    return text;
}
