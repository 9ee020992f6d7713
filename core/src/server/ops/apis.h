/* apis.h: which apis a server offers, for those who ask: the command getApis, and the pages of the
 * operators' listener. */
#ifndef DR_SERVER_APIS_H
#define DR_SERVER_APIS_H

#include "server/call/backend.h"
#include "server/ops/recent.h"

/* dr_offer is one name that calls can have, or a pattern of names. */
typedef struct dr_offer {
    dora_slice name; /* of a pattern without its `*` */
    uint32_t pool;
    uint32_t api;     /* in its application; the number of its apis means the fallback */
    bool is_pattern;  /* every name that begins so, unless it is somebody else's */
    bool is_fallback; /* the application's fallback answers it */
    const dr_about *about;
} dr_offer;

/* dr_offers is all of them, pool by pool in the order of the configuration. */
typedef struct dr_offers {
    const dr_routes *routes;
    dr_offer *items;
    size_t count;
} dr_offers;

/* dr_offer_limit_ms is how long a call of it may run; 0: as long as it likes. */
uint32_t dr_offer_limit_ms(const dr_backend *backend, const dr_offer *offer);

/* dr_offer_is_stream says whether it sends parts, as far as its application knows before. */
bool dr_offer_is_stream(const dr_offer *offer);

/* dr_offers_find lists what the routes of this moment lead to; before there are any, nothing.
 * Errors: DORA_ENOMEM. Ownership: the items borrow from the routes, until the thread goes back to
 * its loop; dr_offers_fini frees the list. Thread: a lane's, or the supervisor's. */
dora_err dr_offers_find(dr_backend *backend, dr_offers *offers);
void dr_offers_fini(dr_offers *offers);

/* dr_apis_write writes the data of a reply to getApis. Errors: the writer keeps them. Thread: as
 * dr_offers_find. */
void dr_apis_write(dr_backend *backend, dora_writer *writer);

/* dr_apis_write_page writes what the page /apis shows: `apis` as above, each with `numbers` of the
 * last `span_ms`, and `refusal`, NULL or why the page can make no calls. Thread: the supervisor's.
 */
void dr_apis_write_page(dr_backend *backend, const dr_recent *recent, const char *refusal,
                        dora_writer *writer);

#endif
