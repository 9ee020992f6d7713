/* token.c: bearer tokens, as their digests. */
#include "server/access/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

dora_err dr_token_digest_of(dora_slice token, dr_token_digest *digest)
{
    unsigned len = 0;
    const int done = EVP_Digest(token.data, token.len, digest->bytes, &len, EVP_sha256(), NULL);
    return done == 1 && len == sizeof(digest->bytes) ? DORA_OK : DORA_ENOMEM;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool dr_token_digest_read(dora_slice text, dr_token_digest *digest)
{
    if (text.len != 2 * sizeof(digest->bytes)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(digest->bytes); i++) {
        const int high = digit_of(text.data[2 * i]);
        const int low = digit_of(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        digest->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool dr_token_is(const dr_token_digest *one, const dr_token_digest *other)
{
    return CRYPTO_memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}
