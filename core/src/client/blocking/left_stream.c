/* left_stream.c: what is still to come on a connection of a stream that its caller has left. */
#include "client/blocking/left_stream.h"

#include <string.h>

#define READS_MAX 64 /* a server that has not heard that nobody listens does not hold a call up */

/* Takes what is whole of the bytes that were received. Returns: DORA_EAGAIN while that is not all;
 * an error, or DORA_OK where the last word has come. */
static dora_err take_whole(dr_pooled_conn *peer)
{
    for (;;) {
        dr_incoming incoming;
        const dora_err err = dr_link_next(&peer->link, &incoming, NULL);
        if (err != DORA_OK) {
            return err;
        }
        if (memcmp(incoming.guid, DR_GUID_NONE, DR_GUID_LEN) == 0) {
            return DORA_ECLOSED; /* the server's word on the connection */
        }
        if (memcmp(incoming.guid, peer->left, DR_GUID_LEN) == 0 &&
            !dr_reply_goes_on(&incoming.reply)) {
            return DORA_OK;
        }
    }
}

bool dr_left_stream_has_ended(dr_pooled_conn *peer)
{
    dora_err err = take_whole(peer);
    for (int i = 0; err == DORA_EAGAIN && i < READS_MAX; i++) {
        char *room;
        size_t room_len;
        size_t got = 0;
        dr_loss loss;
        if (dr_link_room(&peer->link, &room, &room_len) != DORA_OK ||
            dr_stream_receive(&peer->stream, room, room_len, false, &got, &loss) != DORA_OK) {
            return false;
        }
        dr_link_received(&peer->link, got);
        err = take_whole(peer);
    }
    peer->is_left = err != DORA_OK;
    return !peer->is_left && dr_link_is_empty(&peer->link);
}
