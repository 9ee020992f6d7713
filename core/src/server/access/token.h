/* token.h: bearer tokens. What is kept and compared is their SHA-256. Pure. */
#ifndef DR_SERVER_TOKEN_H
#define DR_SERVER_TOKEN_H

#include "base/token_text.h"

#define DR_TOKEN_DIGEST_BYTES 32

typedef struct dr_token_digest {
    uint8_t bytes[DR_TOKEN_DIGEST_BYTES];
} dr_token_digest;

/* dr_token_digest_of hashes a token. Errors: DORA_ENOMEM, where the library cannot. */
dora_err dr_token_digest_of(dora_slice token, dr_token_digest *digest);

/* dr_token_digest_read reads 64 hexadecimal digits, as sha256sum prints them. Returns: false for
 * anything else. */
bool dr_token_digest_read(dora_slice text, dr_token_digest *digest);

/* dr_token_is compares in a time that does not tell where two differ. */
bool dr_token_is(const dr_token_digest *one, const dr_token_digest *other);

#endif
