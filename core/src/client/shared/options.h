/* options.h: the options that a caller gives, of whatever version he is. */
#ifndef DR_CLIENT_OPTIONS_H
#define DR_CLIENT_OPTIONS_H

#include <dora/client.h>

/* dr_client_options_take and dr_call_options_take are dr_sized_take for them; NULL becomes zeroed
 * ones. */
dora_err dr_client_options_take(const dora_client_options **options, dora_client_options *room,
                                dora_error *error);
dora_err dr_call_options_take(const dora_call_options **options, dora_call_options *room,
                              dora_error *error);

#endif
