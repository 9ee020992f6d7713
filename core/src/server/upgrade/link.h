/* link.h: what an old master and its heir say to each other while the one takes over from the
 * other: messages and their bytes. Pure.
 *
 * The link is a pair of SOCK_SEQPACKET sockets; a message is one packet: a type, three zero bytes,
 * then its body, and descriptors beside it. Both may be of different releases: a message of a type
 * that is not known is dropped (and its descriptors closed), bytes behind those that are known are
 * ignored.
 *
 *   heir                              old
 *   HELLO protocol, release      ->
 *                                <-   OUTPUT (stdout, stderr), SOCKET..., PID_FILE..., OFFERED
 *   (reads, opens, loads)
 *   TOOK what...                 ->   of what was offered: the old one leaves it where it is
 *   FAILED why                   ->   it ends; nothing has happened
 *   READY                        ->   and takes nothing yet
 *                                <-   DIGESTS..., TAKE_OVER
 *   SERVING                      ->   it accepts; the old one accepts no more from here on
 *                                <-   CONNECTION, BYTES..., DIGESTS..., in any order
 *                                     the end of the link: the old one has ended
 */
#ifndef DR_SERVER_LINK_H
#define DR_SERVER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dora/value.h>

#define DR_LINK_PROTOCOL 1u
#define DR_LINK_BYTES_MAX (16u * 1024) /* of a body: a packet is copied whole */
#define DR_LINK_HEAD_BYTES 4u
#define DR_LINK_FDS_MAX 2u /* of one message: stdout and stderr */

/* The types. Each is one byte on the link and is never used for anything else. */
typedef enum dr_link_type {
    DR_LINK_HELLO = 1, /* number: DR_LINK_PROTOCOL; text: its release */
    DR_LINK_OUTPUT,    /* fds: stdout, stderr */
    DR_LINK_SOCKET,    /* number: dr_link_door; numbers: device, inode (of a Unix socket's file);
                        * number: 1 where a service manager has it, too; fd: it listens */
    DR_LINK_PID_FILE,  /* text: its path; fd: open and locked */
    DR_LINK_OFFERED,   /* that was all */
    DR_LINK_TOOK,      /* number: dr_link_thing; text: which */
    DR_LINK_FAILED,    /* text: why, for people */
    DR_LINK_READY,
    DR_LINK_TAKE_OVER,
    DR_LINK_SERVING,
    DR_LINK_DIGESTS,    /* bytes: what the old one remembers of calls (dedupe/reply_record.h) */
    DR_LINK_CONNECTION, /* connection.h; fd: it */
    DR_LINK_BYTES       /* bytes: of the last connection, that nobody has taken */
} dr_link_type;

/* dr_link_door says what a listening socket is for. */
typedef enum dr_link_door {
    DR_LINK_DOOR_ANY = 0, /* of a service manager: whatever has its address */
    DR_LINK_DOOR_TCP,
    DR_LINK_DOOR_TLS,
    DR_LINK_DOOR_HTTP,
    DR_LINK_DOOR_UNIX,
    DR_LINK_DOOR_ADMIN
} dr_link_door;

/* dr_link_thing is what the old one is not to remove when it ends. */
typedef enum dr_link_thing {
    DR_LINK_THING_UNIX = 1, /* the file of its Unix socket */
    DR_LINK_THING_PLACE     /* a place in a Redis; which: as dr_discovery_place_text has it */
} dr_link_thing;

/* dr_link_writer makes a body. What does not fit is not written, and makes dr_link_written fail. */
typedef struct dr_link_writer {
    size_t len;
    bool is_full;
    char bytes[DR_LINK_BYTES_MAX];
} dr_link_writer;

void dr_link_begin(dr_link_writer *writer);
void dr_link_put_number(dr_link_writer *writer, uint64_t number);
void dr_link_put_bytes(dr_link_writer *writer, dora_slice bytes); /* of at most 16 KiB */

/* dr_link_written gives the body. Returns: false where it did not fit. */
bool dr_link_written(const dr_link_writer *writer, dora_slice *body);

/* dr_link_head makes the beginning of a packet. dr_link_open takes a packet apart. Returns: false
 * for what is none. Ownership: borrows. */
void dr_link_head(dr_link_type type, unsigned char head[DR_LINK_HEAD_BYTES]);
bool dr_link_open(dora_slice packet, dr_link_type *type, dora_slice *body);

/* dr_link_take_number and dr_link_take_bytes read a body from its beginning, and shorten it.
 * Returns: false where it is too short; `*body` is as it was then. Ownership: borrows. */
bool dr_link_take_number(dora_slice *body, uint64_t *number);
bool dr_link_take_bytes(dora_slice *body, dora_slice *bytes);

#endif
