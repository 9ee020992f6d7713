/* peer.c: whether a connection comes from this machine, and who it is. */
#include "net/peer.h"

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
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

static bool is_loopback(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    return address->sa_family == AF_INET ? is_loopback_v4(ntohl(v4->sin_addr.s_addr))
                                         : is_loopback_v6(&v6->sin6_addr);
}

/* A link-local address belongs to one link: behind another, another host may have it. */
static bool is_same_v6(const struct sockaddr_in6 *one, const struct sockaddr_in6 *other)
{
    return memcmp(&one->sin6_addr, &other->sin6_addr, sizeof(one->sin6_addr)) == 0 &&
           (!IN6_IS_ADDR_LINKLOCAL(&one->sin6_addr) || one->sin6_scope_id == other->sin6_scope_id);
}

/* v4_of gives the IPv4 address that `address` is, or that is mapped into it; NULL for none. */
static const void *v4_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) ? v6->sin6_addr.s6_addr + 12 : NULL;
}

static bool is_same(const struct sockaddr *peer, const struct sockaddr *own)
{
    const void *v4 = v4_of(peer);
    if (own->sa_family == AF_INET) {
        return v4 != NULL && memcmp(v4, v4_of(own), sizeof(struct in_addr)) == 0;
    }
    return own->sa_family == AF_INET6 && v4 == NULL &&
           is_same_v6((const void *)peer, (const void *)own);
}

dr_peer dr_peer_among(const struct sockaddr *address, const struct ifaddrs *own)
{
    if (address->sa_family == AF_UNIX) {
        return DR_PEER_UNIX;
    }
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) {
        return DR_PEER_OTHER;
    }
    if (is_loopback(address)) {
        return DR_PEER_LOOPBACK;
    }
    for (; own != NULL; own = own->ifa_next) {
        if (own->ifa_addr != NULL && (own->ifa_flags & IFF_UP) != 0 &&
            is_same(address, own->ifa_addr)) {
            return DR_PEER_OWN;
        }
    }
    return DR_PEER_OTHER;
}

uint64_t dr_peer_place(const struct sockaddr *address)
{
    uint32_t words[2] = {UINT32_MAX, 0}; /* a network that no host of IPv6 is in: multicast */
    uint64_t place;
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) {
        return 0;
    }
    const void *v4 = v4_of(address);
    if (v4 != NULL) {
        memcpy(&words[1], v4, sizeof(words[1]));
    } else {
        const struct sockaddr_in6 *v6 = (const void *)address;
        memcpy(words, v6->sin6_addr.s6_addr, sizeof(words));
        words[1] |= IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? v6->sin6_scope_id : 0;
    }
    memcpy(&place, words, sizeof(place));
    return place;
}

dr_peer dr_peer_of(const struct sockaddr *address)
{
    struct ifaddrs *own = NULL;
    dr_peer peer = dr_peer_among(address, NULL);
    if (peer == DR_PEER_OTHER && getifaddrs(&own) == 0) {
        peer = dr_peer_among(address, own);
        freeifaddrs(own);
    }
    return peer;
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

bool dr_peer_uid(int fd, uint32_t *uid)
{
    struct ucred who = {.pid = 0};
    socklen_t len = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
        return false;
    }
    *uid = who.uid;
    return true;
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
