/* token_text.c: what a bearer token may consist of. */
#include "base/token_text.h"

#include "base/limits.h"

bool dr_token_is_sound(dora_slice token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (token.data[i] < '!' || token.data[i] > '~') {
            return false;
        }
    }
    return token.len > 0 && token.len <= DR_TOKEN_BYTES_MAX;
}
