/* packet.h: one message of the link, over its socket, its descriptors riding along. */
#ifndef DR_SERVER_PACKET_H
#define DR_SERVER_PACKET_H

#include <sys/types.h>

#include <dora/error.h>

#include "server/upgrade/link.h"

/* dr_packet is a message that came. `body` points into it. */
typedef struct dr_packet {
    dr_link_type type;
    dora_slice body;
    pid_t sender; /* as the kernel knows it; 0: it was not asked */
    size_t fd_count;
    int fds[DR_LINK_FDS_MAX]; /* close-on-exec */
    char bytes[DR_LINK_HEAD_BYTES + DR_LINK_BYTES_MAX];
} dr_packet;

/* dr_packet_pair makes the two ends of a link, close-on-exec; the first end is told by the kernel
 * who sends. Errors: DORA_EIO. */
dora_err dr_packet_pair(int ends[2], dora_error *error);

/* dr_packet_send sends a message at once. Errors: DORA_EAGAIN where the socket is full and does not
 * wait; DORA_EFULL where as many descriptors of this user are on their way as may be (its own limit
 * of open ones; not root's), until somebody has taken some; DORA_ECLOSED where nobody is there.
 * Ownership: borrows the descriptors. */
dora_err dr_packet_send(int fd, dr_link_type type, dora_slice body, const int *fds, size_t count);

/* dr_packet_receive takes one message. Errors: DORA_EAGAIN where a socket that does not wait has
 * none, DORA_ECLOSED at its end, DORA_EPROTO for what is none. Ownership: gives the descriptors. */
dora_err dr_packet_receive(int fd, dr_packet *packet);

/* dr_packet_fd gives the first descriptor to the caller; -1: there is none. dr_packet_close closes
 * those that nobody took. */
int dr_packet_fd(dr_packet *packet);
void dr_packet_close(dr_packet *packet);

#endif
