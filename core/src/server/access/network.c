/* network.c: addresses of IPv4 and IPv6, and the networks that they are in. */
#include "server/access/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static unsigned bits_of(const dr_ip *ip)
{
    return ip->family == 4 ? 32 : 128;
}

static dr_ip of_v6(const uint8_t bytes[16])
{
    dr_ip ip = {.family = 6};
    if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        ip.family = 4;
        memcpy(ip.bytes, bytes + sizeof(mapped), 4);
    } else {
        memcpy(ip.bytes, bytes, sizeof(ip.bytes));
    }
    return ip;
}

dr_ip dr_ip_of(const struct sockaddr *address)
{
    dr_ip ip = {0};
    if (address->sa_family == AF_INET) {
        ip.family = 4;
        memcpy(ip.bytes, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        ip = of_v6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
    }
    return ip;
}

bool dr_ip_read(const char *text, dr_ip *ip)
{
    struct in6_addr v6;
    *ip = (dr_ip){.family = 4};
    if (inet_pton(AF_INET, text, ip->bytes) == 1) {
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        *ip = of_v6(v6.s6_addr);
        return true;
    }
    *ip = (dr_ip){0};
    return false;
}

bool dr_ip_is_loopback(const dr_ip *ip)
{
    static const uint8_t one[16] = {[15] = 1};
    return ip->family == 4 ? ip->bytes[0] == 127
                           : ip->family == 6 && memcmp(ip->bytes, one, sizeof(one)) == 0;
}

const char *dr_ip_text(const dr_ip *ip, char text[DR_NETWORK_TEXT_MAX])
{
    if (ip->family == 0 || inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->bytes, text,
                                     DR_NETWORK_TEXT_MAX) == NULL) {
        (void)snprintf(text, DR_NETWORK_TEXT_MAX, "a local process");
    }
    return text;
}

/* cut clears what stands behind the first `bits`. */
static void cut(dr_ip *ip, unsigned bits)
{
    for (unsigned i = 0; i < sizeof(ip->bytes); i++) {
        const unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        ip->bytes[i] &= (uint8_t)(kept >= 8 ? 0xffu : 0xff00u >> kept);
    }
}

static bool take_bits(const char *text, unsigned most, unsigned *bits)
{
    const size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 3 || text[len] != '\0') {
        return false;
    }
    *bits = (unsigned)strtoul(text, NULL, 10);
    return *bits <= most;
}

dora_err dr_network_read(const char *text, dr_network *network, dora_error *error)
{
    char address[DR_NETWORK_TEXT_MAX];
    char usual[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    const size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof(address)) {
        return dora_error_set(error, DORA_EINVAL, "is too long for a network");
    }
    memcpy(address, text, len);
    address[len] = '\0';
    if (!dr_ip_read(address, &network->ip)) {
        return dora_error_set(error, DORA_EINVAL,
                              "\"%s\" must be a network, such as \"10.0.0.0/8\" or \"fd00::/8\", "
                              "or one address",
                              text);
    }
    const bool is_mapped = network->ip.family == 4 && strchr(address, ':') != NULL;
    const unsigned most = is_mapped ? 128 : bits_of(&network->ip);
    network->bits = most;
    if (slash != NULL && (!take_bits(slash + 1, most, &network->bits) ||
                          (is_mapped && network->bits < sizeof(mapped) * 8))) {
        return dora_error_set(error, DORA_EINVAL,
                              "\"%s\": behind the / stands how many bits count: %u to %u", text,
                              is_mapped ? 96u : 0u, most);
    }
    network->bits -= is_mapped ? 96 : 0;
    dr_ip first = network->ip;
    cut(&first, network->bits);
    if (memcmp(&first, &network->ip, sizeof(first)) != 0) {
        (void)inet_ntop(first.family == 4 ? AF_INET : AF_INET6, first.bytes, usual, sizeof(usual));
        return dora_error_set(error, DORA_EINVAL,
                              "\"%s\" has more than its first %u bits; did you mean \"%s/%u\"?",
                              text, network->bits, usual, network->bits);
    }
    return DORA_OK;
}

bool dr_network_has(const dr_network *network, const dr_ip *ip)
{
    dr_ip first = *ip;
    cut(&first, network->bits);
    return ip->family != 0 && memcmp(&first, &network->ip, sizeof(first)) == 0;
}
