/* network.h: addresses of IPv4 and IPv6, and the networks that they are in. Pure. */
#ifndef DR_SERVER_NETWORK_H
#define DR_SERVER_NETWORK_H

#include <sys/socket.h>

#include <dora/error.h>
#include <dora/value.h>

#define DR_NETWORK_TEXT_MAX 64 /* an address of IPv6 and its prefix */

/* dr_ip is an address, or with family 0 none. IPv4 as IPv6 writes it is IPv4. */
typedef struct dr_ip {
    uint8_t family; /* 0, 4 or 6 */
    uint8_t bytes[16];
} dr_ip;

/* dr_network is all addresses that begin with the first `bits` of one. */
typedef struct dr_network {
    dr_ip ip;
    unsigned bits;
} dr_network;

/* dr_ip_of takes what the kernel has; family 0 for what is no address of IP. */
dr_ip dr_ip_of(const struct sockaddr *address);

/* dr_ip_read reads "10.0.0.1" or "fd00::1". Returns: false for anything else. */
bool dr_ip_read(const char *text, dr_ip *ip);

/* dr_ip_is_loopback: 127.0.0.0/8 or ::1. */
bool dr_ip_is_loopback(const dr_ip *ip);

/* dr_network_read reads "10.0.0.0/8", "fd00::/8", or one address. Errors: DORA_EINVAL says what is
 * wrong; bits behind the prefix are, too. */
dora_err dr_network_read(const char *text, dr_network *network, dora_error *error);

/* dr_ip_text writes an address; of none, that it is a process of this machine. Returns: `text`. */
const char *dr_ip_text(const dr_ip *ip, char text[DR_NETWORK_TEXT_MAX]);

bool dr_network_has(const dr_network *network, const dr_ip *ip);

#endif
