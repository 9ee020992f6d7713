/* local_ip.c: this host's private address: what other hosts of its network call it. */
#include <dora/server.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

/* 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16; `address` in the host's byte order. */
static bool is_private(uint32_t address)
{
    return address >> 24 == 10 || address >> 20 == (172u << 4 | 1) ||
           address >> 16 == (192u << 8 | 168);
}

bool dora_local_ip(char text[DORA_LOCAL_IP_BYTES])
{
    struct ifaddrs *all = NULL;
    bool is_found = false;
    if (getifaddrs(&all) != 0) {
        return false;
    }
    for (const struct ifaddrs *each = all; each != NULL && !is_found; each = each->ifa_next) {
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != AF_INET ||
            (each->ifa_flags & IFF_UP) == 0) {
            continue;
        }
        struct sockaddr_in address;
        memcpy(&address, each->ifa_addr, sizeof(address));
        is_found = is_private(ntohl(address.sin_addr.s_addr)) &&
                   inet_ntop(AF_INET, &address.sin_addr, text, DORA_LOCAL_IP_BYTES) != NULL;
    }
    freeifaddrs(all);
    return is_found;
}
