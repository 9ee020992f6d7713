/* transport_peer.h: the other side of an outgoing connection, which behaves as it is told. */
#ifndef TRANSPORT_PEER_H
#define TRANSPORT_PEER_H

#include "unit.h"

#include <pthread.h>

#include "base/address.h"

#define PEER_DRINKS (12u * 1024 * 1024) /* bytes: more than the buffers of a socket take */

typedef enum manner {
    NOBODY,  /* bound, and not listening */
    CLOSES,  /* says "half", and closes */
    LISTENS, /* the same, each time that it was heard: before that, what is sent arrives */
    RESETS,  /* says "half", and resets once it was heard */
    DRINKS,  /* says "done" when it has all bytes that are to come, slowly at first */
    SILENT,  /* accepts, and says nothing until the other side ends */
    FULL     /* its backlog has no room */
} manner;

typedef struct peer {
    manner manner;
    bool is_local;
    dr_address address;
    int fd;
    int fillers[4]; /* of its backlog */
    pthread_t thread;
    bool has_thread;
    bool is_right;
    int heard[2];
} peer;

/* peer_begin binds it to a port of 127.0.0.1, or to a path; it answers one after the other in a
 * thread. peer_makes_room has one that was FULL say "done" to all that come. */
void peer_begin(peer *self, manner how, bool is_local);
void peer_makes_room(peer *self);
void peer_end(peer *self); /* nothing where it was not begun */

/* peer_was_heard tells one that RESETS that its words have come, and one that LISTENS to go on;
 * peer_byte is what one that DRINKS expects at a place. */
void peer_was_heard(const peer *self);
char peer_byte(size_t at);

#endif
