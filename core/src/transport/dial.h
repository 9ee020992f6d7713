/* dial.h: from an address to an open socket, without waiting: a host's addresses are tried in turn.
 *
 *     if (dr_dial_begin(&dial, address)) { dr_dial_look_up(&dial); }
 *     err = dr_dial_next(&dial);
 *     while (err == DORA_EAGAIN) { wait for dial.fd or dial.wake_ns; err = dr_dial_check(...); }
 */
#ifndef DR_TRANSPORT_DIAL_H
#define DR_TRANSPORT_DIAL_H

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "transport/loss.h"

/* dr_dial is one opening. While it goes on it must not move: it points into itself. */
typedef struct dr_dial {
    int fd;           /* of the address that is tried; -1: none */
    uint64_t wake_ns; /* when dr_dial_check is due without an event; 0: never */
    dr_address address;
    char service[8]; /* for getaddrinfo, with dr_dial_hints */
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_un local;
    } known;
    struct addrinfo only;         /* where nothing is looked up */
    struct addrinfo *found;       /* what was */
    const struct addrinfo *tried; /* at present */
    const struct addrinfo *next;
    bool is_full;   /* the Unix socket takes nobody just now */
    bool is_second; /* all have been tried once, and some had too little time */
    bool has_left;  /* one that had not answered, for those behind it */
    dr_loss loss;   /* of the last address */
} dr_dial;

/* dr_dial_begin says whether the host must be looked up first: a number and a path need not be.
 * dr_dial_look_up does so, for as long as getaddrinfo() takes. Where somebody else has called
 * that, dr_dial_found takes what it gave: `status` is 0 or an EAI_. */
extern const struct addrinfo dr_dial_hints;
bool dr_dial_begin(dr_dial *dial, const dr_address *address);
void dr_dial_look_up(dr_dial *dial);
void dr_dial_found(dr_dial *dial, int status, struct addrinfo *found);

/* dr_dial_next tries the next addresses, as long as they fail at once. dr_dial_check looks what
 * became of the one that is tried: `is_ready` where its socket can be written, or has an error.
 * Returns: DORA_OK: it is open; dr_dial_take gives it. DORA_EAGAIN: it goes on.
 * Errors: DORA_ECONNECT, with `loss`: of dr_dial_check, then dr_dial_next is to be asked; of that,
 * it is over. */
dora_err dr_dial_next(dr_dial *dial);
dora_err dr_dial_check(dr_dial *dial, bool is_ready);

/* dr_dial_end closes and frees what there is; fine twice. dr_dial_take does so, but for the open
 * socket, which does not block: that it gives. */
void dr_dial_end(dr_dial *dial);
int dr_dial_take(dr_dial *dial);

#endif
