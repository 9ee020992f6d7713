/* share.h: which submissions somebody collects, and the connections that he reads meanwhile. */
#ifndef DR_CLIENT_SHARE_H
#define DR_CLIENT_SHARE_H

#include "client/blocking/client.h"
#include "client/blocking/collection.h"

/* dr_share is one collect's part in one client. Thread: the client's lock. */
struct dr_share {
    dora_client *client;
    int event_fd;          /* wakes the collect; -1 while it needs no waking */
    bool is_named;         /* claims what it names, also of a collect that claimed everything */
    bool is_patient;       /* what has not come in its time is left outstanding */
    size_t waiting;        /* submissions that it has claimed and that are not done */
    dr_pooled_conn *peers; /* connections that it reads, chained by idle_next */
    dr_submission *only;   /* the one that it has claimed; NULL: none, or several */
    size_t claimed;
    uint32_t forks; /* the client's, when it began */
    dr_share *next;
};

/* dr_share_join enters an empty share into its client. dr_share_settle takes it out again and gives
 * back its connections; what it claimed moves into `collection`, what has not come as late, unless
 * the share is patient; NULL leaves all outstanding. Returns: whether this is still the process
 * that began. Both take the client's lock. */
void dr_share_join(dr_share *share);
bool dr_share_settle(dr_share *share, dora_collection *collection);

/* dr_share_claim_all claims what nobody else does, and joins. Returns: how many. dr_share_claim
 * claims one guid (DR_GUID_LEN bytes) for a share that has joined. Returns: NULL, or why not.
 * Both take the client's lock. */
size_t dr_share_claim_all(dr_share *share);
const dora_error *dr_share_claim(dr_share *share, const char *guid);

/* dr_share_look reads what has come for a guid (DR_GUID_LEN bytes) where nobody else reads it, and
 * claims nothing. Returns: whether its result is there, or nothing of it is outstanding. Takes the
 * client's lock. */
bool dr_share_look(dora_client *client, const char *guid);

/* dr_share_take_peer gives an idle connection on which something of the share's may come, or NULL;
 * takes the client's lock. dr_share_is_elsewhere says, with it held, whether something is to come
 * on a connection that others hold. */
dr_pooled_conn *dr_share_take_peer(dr_share *share);
bool dr_share_is_elsewhere(const dr_share *share);

#endif
