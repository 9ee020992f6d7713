/* http_accept.h: what a client would rather have, by its header Accept. Pure. */
#ifndef DR_NET_HTTP_ACCEPT_H
#define DR_NET_HTTP_ACCEPT_H

#include <dora/value.h>

/* dr_http_accept says how much a media type is wanted that a header Accept names, in thousandths
 * (`q`, 1000 without one); where it names it twice, the most. Ranges with a `*` name none.
 * Returns: 0 where it is not named, or not wanted; what is no `q` counts as 0, too. */
unsigned dr_http_accept(dora_slice accept, const char *type);

#endif
