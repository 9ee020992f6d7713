/* rpc_common.c: DoraRPC\Common: this host's private address. */
#include "rpc_common.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

/* 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16; `address` in the host's byte order. */
static bool is_private(uint32_t address)
{
    return address >> 24 == 10 || address >> 20 == (172u << 4 | 1) ||
           address >> 16 == (192u << 8 | 168);
}

zend_string *php_dora_local_ip(void)
{
    struct ifaddrs *all = NULL;
    char text[INET_ADDRSTRLEN] = "127.0.0.1";

    if (getifaddrs(&all) != 0) {
        all = NULL;
    }
    for (const struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
        if (each->ifa_addr == NULL || each->ifa_addr->sa_family != AF_INET ||
            !(each->ifa_flags & IFF_UP)) {
            continue;
        }
        struct sockaddr_in address;
        memcpy(&address, each->ifa_addr, sizeof(address));
        if (is_private(ntohl(address.sin_addr.s_addr))) {
            inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
            break;
        }
    }
    freeifaddrs(all);
    return zend_string_init(text, strlen(text), false);
}

PHP_METHOD(DoraRPC_Common, getLocalIp)
{
    ZEND_PARSE_PARAMETERS_NONE();
    RETURN_STR(php_dora_local_ip());
}
