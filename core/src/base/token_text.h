/* token_text.h: what a bearer token may consist of. */
#ifndef DR_BASE_TOKEN_TEXT_H
#define DR_BASE_TOKEN_TEXT_H

#include <dora/value.h>

/* dr_token_is_sound: what an HTTP header may carry as a token: 1 to DR_TOKEN_BYTES_MAX visible
 * ASCII characters. */
bool dr_token_is_sound(dora_slice token);

#endif
