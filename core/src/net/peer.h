/* peer.h: where a connection comes from. */
#ifndef DR_NET_PEER_H
#define DR_NET_PEER_H

#include <sys/socket.h>

#include "net/conn.h"

#define DR_PEER_TEXT_MAX 72 /* an address of IPv6 with its zone, brackets and port */

typedef enum dr_peer {
    DR_PEER_OTHER = 0,
    DR_PEER_LOOPBACK, /* 127.0.0.0/8, ::1, and the first as IPv6 writes it */
    DR_PEER_UNIX
} dr_peer;

/* dr_peer_of judges an address; dr_conn_peer asks the kernel for that of a connection's other end,
 * which is DR_PEER_OTHER where it cannot say. */
dr_peer dr_peer_of(const struct sockaddr *address);
dr_peer dr_conn_peer(const dr_conn *conn);

/* dr_peer_text says for people who is at the other end of a socket: "10.0.0.1:4711", or "a local
 * process (4711)". Returns: `text`. */
const char *dr_peer_text(int fd, char text[DR_PEER_TEXT_MAX]);

#endif
