/* peer.c: whether a connection comes from this machine. */
#include "net/peer.h"

#include <netinet/in.h>

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
