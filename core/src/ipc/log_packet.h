/* log_packet.h: what a zygote or a worker tells the master of itself, above all what handlers log:
 * one packet a record, over a socket of its own. */
#ifndef DR_IPC_LOG_PACKET_H
#define DR_IPC_LOG_PACKET_H

#include "base/limits.h"
#include "base/log_line.h"

/* dr_log_packet_pair makes the socket: packets written to `fds[1]`, by any number of processes, are
 * read from `fds[0]`, which does not block. Errors: DORA_EIO. */
dora_err dr_log_packet_pair(int fds[2], dora_error *error);

/* dr_log_packet_send sends an entry (its pool stays behind: the socket is one pool's) and how many
 * this process had to drop before it. Its texts are cut at their limits. It is one
 * system call and never waits. Returns: false when there is no room. Thread: any. */
bool dr_log_packet_send(int fd, const dr_log_entry *entry, uint64_t dropped);

typedef enum dr_packet_kind {
    DR_PACKET_RECORD = 0,
    DR_PACKET_READY,       /* the worker takes tasks from now on */
    DR_PACKET_NOT_STARTED, /* message: why, and it ends */
    DR_PACKET_FILE         /* message: the path of a file that the application consists of */
} dr_packet_kind;

/* dr_log_packet_say sends a word that is no record, and waits where there is no room for it.
 * Returns: false when nobody reads it any more. */
bool dr_log_packet_say(int fd, dr_packet_kind kind, const char *msg, size_t msg_len);

/* dr_log_packet is room for one packet, and what it was. */
typedef struct dr_log_packet {
    dr_packet_kind kind;
    bool is_end;      /* nothing will come any more: the other end is closed, or was shut down */
    bool is_bad;      /* it was none of ours */
    dr_log_call call; /* of the entry, where that has one; who its worker is, the reader knows */
    char bytes[DR_LOG_PACKET_MAX];
} dr_log_packet;

/* dr_log_packet_receive takes one packet; the entry's bytes stand in `packet`. Returns: false when
 * none is there (ask again when the socket is readable), at the end, or for one that `is_bad`. */
bool dr_log_packet_receive(int fd, dr_log_packet *packet, dr_log_entry *entry, uint64_t *dropped);

#endif
