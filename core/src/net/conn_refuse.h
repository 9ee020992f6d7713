/* conn_refuse.h: a connection beyond connections_max or connections_per_address_max: its frames are
 * answered for a moment, by what has come of their headers alone, and then all that were not by one
 * word without a guid, so that its client knows that none of its calls was run. */
#ifndef DR_NET_CONN_REFUSE_H
#define DR_NET_CONN_REFUSE_H

#include "net/conn.h"

/* dr_conn_refuse has frames answered with 100203 (by on_bad_frame) for DR_REFUSE_MS, then the
 * connection ends as dr_conn_finish ends one. It is closed at once where DR_REFUSED_MAX others are
 * refused. */
void dr_conn_refuse(dr_conn *conn, dr_crowded why);

/* For conn.c and reactor.c. dr_conn_refuse_take answers what has come, of which `got` bytes are
 * new; dr_conn_refuse_end answers no more. dr_conn_is_refused says whether it was refused. */
void dr_conn_refuse_take(dr_conn *conn, size_t got);
void dr_conn_refuse_end(dr_conn *conn);

static inline bool dr_conn_is_refused(const dr_conn *conn)
{
    return conn->crowded != DR_CROWDED_NOT;
}

#endif
