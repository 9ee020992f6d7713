/* log_packet.h: what handlers log, one packet a record, on its way to the master. */
#ifndef DR_IPC_LOG_PACKET_H
#define DR_IPC_LOG_PACKET_H

#include "base/limits.h"
#include "base/log_line.h"

/* dr_log_packet_pair makes the socket: packets written to `fds[1]`, by any number of processes, are
 * read from `fds[0]`, which does not block. Errors: DORA_EIO. */
dora_err dr_log_packet_pair(int fds[2], dora_error *error);

/* dr_log_packet_send sends an entry (its pool stays behind: the socket is one pool's) and how many
 * this process had to drop before it. Tag, file and message are cut at their limits. It is one
 * system call and never waits. Returns: false when there is no room. Thread: any. */
bool dr_log_packet_send(int fd, const dr_log_entry *entry, uint64_t dropped);

/* dr_log_packet is room for one packet. */
typedef struct dr_log_packet {
    char bytes[DR_LOG_PACKET_MAX];
} dr_log_packet;

/* dr_log_packet_receive takes one packet; the entry's bytes stand in `packet`. Returns: false when
 * none is there, or one that is not ours: ask again when the socket is readable. */
bool dr_log_packet_receive(int fd, dr_log_packet *packet, dr_log_entry *entry, uint64_t *dropped);

#endif
