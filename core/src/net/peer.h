/* peer.h: where a connection comes from. */
#ifndef DR_NET_PEER_H
#define DR_NET_PEER_H

#include <ifaddrs.h>
#include <sys/socket.h>

#include "net/conn.h"

#define DR_PEER_TEXT_MAX 72 /* an address of IPv6 with its zone, brackets and port */

typedef enum dr_peer {
    DR_PEER_OTHER = 0,
    DR_PEER_LOOPBACK, /* 127.0.0.0/8, ::1, and the first as IPv6 writes it */
    DR_PEER_OWN,      /* another address of this machine */
    DR_PEER_UNIX
} dr_peer;

/* dr_peer_among judges an address, `own` being the machine's interfaces; NULL for none. */
dr_peer dr_peer_among(const struct sockaddr *address, const struct ifaddrs *own);

/* dr_peer_of asks the kernel for the interfaces, which may change while a server runs: not for the
 * path of calls. dr_conn_peer asks it for the address of a connection's other end, too, which is
 * DR_PEER_OTHER where it cannot say. */
dr_peer dr_peer_of(const struct sockaddr *address);
dr_peer dr_conn_peer(const dr_conn *conn);

/* dr_peer_place is a number that stands for where somebody is: an IPv4 address, also as IPv6 writes
 * it, or the 64 bits that one host has of IPv6's; all of a link's own (fe80::) are one, those of
 * another link another. 0 for what is no address of IP. */
uint64_t dr_peer_place(const struct sockaddr *address);

/* dr_peer_uid gives the user of the process at the other end of a Unix socket, as it was when that
 * connected. Returns: false where the kernel cannot say. */
bool dr_peer_uid(int fd, uint32_t *uid);

/* dr_peer_text says for people who is at the other end of a socket: "10.0.0.1:4711", or "a local
 * process (4711)". Returns: `text`. */
const char *dr_peer_text(int fd, char text[DR_PEER_TEXT_MAX]);

#endif
