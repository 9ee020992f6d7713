/* link.h: one connection's bytes: requests in and their frames out; bytes in and replies out. */
#ifndef DR_CLIENT_LINK_H
#define DR_CLIENT_LINK_H

#include "wire/frame.h"
#include "wire/message.h"

typedef struct dr_link {
    dora_frame_options frame; /* its salt is borrowed */
    dr_buf out;               /* frames to send */
    dr_buf in;                /* bytes received */
    size_t at;                /* of them, what was read: ends with the frame found last */
    dr_buf plain;             /* that frame's body, where it came compressed */
    bool has_hello;           /* whose answer is still to come, under this guid */
    char hello[DR_GUID_LEN];
    bool is_taken; /* the server has said something else than that it has no room */
} dr_link;

/* dr_link_init makes a link; dr_link_fini frees its memory (fine on zeroed memory). */
void dr_link_init(dr_link *link, const dora_frame_options *frame);
void dr_link_fini(dr_link *link);

/* dr_link_request puts the frame of one request in link->out, in place of what was there;
 * dr_link_append puts it behind that. Errors: DORA_ETOOBIG (code 100206), DORA_ENOMEM: link->out
 * then has no part of it. */
dora_err dr_link_request(dr_link *link, const dr_request *request, const dr_api *apis,
                         dora_error *error);
dora_err dr_link_append(dr_link *link, const dr_request *request, const dr_api *apis,
                        dora_error *error);

/* dr_link_room gives a place for bytes from the peer, at least one; dr_link_received says how many
 * were put there. Errors: DORA_ENOMEM. */
dora_err dr_link_room(dr_link *link, char **room, size_t *room_len);
void dr_link_received(dr_link *link, size_t len);

/* dr_incoming is one frame from the server. Its slices are borrowed from the link. */
typedef struct dr_incoming {
    const char *guid; /* DR_GUID_LEN bytes */
    dora_slice body;  /* plain: one encoded value */
    dr_reply_message reply;
} dr_incoming;

/* dr_link_next gives the next frame, for whomever it is. The answer to a hello is taken; where that
 * was refused, it is given as the server's word on the connection. Returns: DORA_OK, borrowed until
 * the next call; DORA_EAGAIN while bytes are missing.
 * Errors, after which the link is of no use: DORA_ECONNECT (code 100010) where the answer is of
 * another protocol, TLS or HTTP: nothing has run; DORA_EPROTO (code 100009; 100100 where header and
 * body name different calls), DORA_ESIGN (100005), DORA_ETOOBIG (100206), DORA_ENOMEM. */
dora_err dr_link_next(dr_link *link, dr_incoming *incoming, dora_error *error);

/* dr_link_is_turned_away says whether a reply of this code means that the server has no room for
 * the connection itself: it refuses all that comes on it, and closes it soon. Once it has said
 * anything else there, 100203 is of one call. */
bool dr_link_is_turned_away(const dr_link *link, int64_t code);

/* dr_incoming_is_for says whether a frame answers the call `guid`. One under a guid of zeros is the
 * server's word on the connection: it answers whoever waits. */
bool dr_incoming_is_for(const dr_incoming *incoming, const char *guid);

/* dr_link_take swaps the memory of the frame that was found last into `memory`, so that its slices
 * live on there. Errors: DORA_ENOMEM; the frame is then lost. */
dora_err dr_link_take(dr_link *link, dr_buf *memory);

/* dr_link_is_empty says whether nothing was received that was not read. */
bool dr_link_is_empty(const dr_link *link);

/* dr_link_shrink frees buffers that grew beyond what usual calls need. */
void dr_link_shrink(dr_link *link);

#endif
