/* utf8.c: the characters of a text, and texts of others made fit for a terminal. Pure. */
#include "base/utf8.h"

#include <string.h>

#define ESCAPE_BYTES 4      /* \xNN */
#define JSON_ESCAPE_BYTES 6 /* \uNNNN */

static const char hex[] = "0123456789abcdef";

size_t dr_utf8_len(dora_slice text, size_t at)
{
    const unsigned char lead = (unsigned char)text.data[at];
    const size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || more > text.len - at - 1) {
        return 0;
    }
    for (size_t i = 1; i <= more; i++) {
        const unsigned char next = (unsigned char)text.data[at + i];
        unsigned char low = 0x80;
        unsigned char high = 0xbf;
        if (i == 1) {
            low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
            high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        }
        if (next < low || next > high) {
            return 0;
        }
    }
    return more + 1;
}

/* is_ascii looks at the next eight bytes at once. */
static bool is_ascii(dora_slice text, size_t at)
{
    uint64_t bytes = UINT64_MAX;
    if (text.len - at >= sizeof(bytes)) {
        memcpy(&bytes, text.data + at, sizeof(bytes));
    }
    return (bytes & UINT64_C(0x8080808080808080)) == 0;
}

size_t dr_utf8_sound(dora_slice text, size_t at)
{
    while (at < text.len) {
        const size_t len = is_ascii(text, at) ? sizeof(uint64_t) : dr_utf8_len(text, at);
        if (len == 0) {
            break;
        }
        at += len;
    }
    return at;
}

size_t dr_utf8_whole(dora_slice text)
{
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        const unsigned char c = (unsigned char)text.data[text.len - back];
        if (c >= 0xc2) {
            const size_t needed = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            return c <= 0xf4 && needed > back ? text.len - back : text.len;
        }
        if (c < 0x80) {
            break;
        }
    }
    return text.len;
}

/* code_of is the character of `len` bytes at `at`. */
static uint32_t code_of(dora_slice text, size_t at, size_t len)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)text.data[at] & masks[len];
    for (size_t i = 1; i < len; i++) {
        code = code << 6 | ((unsigned char)text.data[at + i] & 0x3f);
    }
    return code;
}

/* is_steering: controls, and what changes the order or the lines of a text. */
static bool is_steering(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* next is the length of what stands at `at`, and whether it may stand there as it is. */
static size_t next(dora_slice text, size_t at, const char *kept, bool *is_fit)
{
    const char c = text.data[at];
    if (c >= ' ' && c <= '~') {
        *is_fit = true;
        return 1;
    }
    const size_t len = dr_utf8_len(text, at);
    *is_fit = len > 0 && (!is_steering(code_of(text, at, len)) ||
                          (c != '\0' && len == 1 && strchr(kept, c) != NULL));
    return len > 0 ? len : 1;
}

/* put writes one character, escaped where it is not fit. Returns: how many bytes that takes, also
 * where `room` is too small for it, and nothing was written. */
static size_t put(dora_slice one, bool is_fit, char *to, size_t room)
{
    const size_t needed = is_fit ? one.len : one.len * ESCAPE_BYTES;
    if (needed > room) {
        return needed;
    }
    for (size_t i = 0; i < one.len; i++) {
        const unsigned char c = (unsigned char)one.data[i];
        if (is_fit) {
            to[i] = one.data[i];
        } else {
            memcpy(to + i * ESCAPE_BYTES, "\\x", 2);
            to[i * ESCAPE_BYTES + 2] = hex[c >> 4];
            to[i * ESCAPE_BYTES + 3] = hex[c & 15];
        }
    }
    return needed;
}

dora_err dr_printable(dr_buf *out, dora_slice text, const char *kept)
{
    const dora_err err = dr_buf_reserve(out, text.len * ESCAPE_BYTES);
    for (size_t at = 0; err == DORA_OK && at < text.len;) {
        bool is_fit;
        const dora_slice one = {text.data + at, next(text, at, kept, &is_fit)};
        out->len += put(one, is_fit, out->data + out->len, out->cap - out->len);
        at += one.len;
    }
    return err;
}

const char *dr_printable_text(dora_slice text, char *to, size_t size)
{
    size_t used = 0;
    for (size_t at = 0; at < text.len;) {
        bool is_fit;
        const dora_slice one = {text.data + at, next(text, at, "", &is_fit)};
        const size_t needed = put(one, is_fit, to + used, size - 1 - used);
        if (needed > size - 1 - used) {
            break;
        }
        used += needed;
        at += one.len;
    }
    to[used] = '\0';
    return to;
}

dora_err dr_printable_json(dr_buf *out, dora_slice json)
{
    const dora_err err = dr_buf_reserve(out, json.len * JSON_ESCAPE_BYTES);
    for (size_t at = 0; err == DORA_OK && at < json.len;) {
        const size_t len = dr_utf8_len(json, at);
        const uint32_t code = len > 0 ? code_of(json, at, len) : '?';
        char *to = out->data + out->len;
        if (len == 0) {
            *to = '?';
            out->len++;
        } else if (code >= 0x20 && is_steering(code)) {
            const char escape[JSON_ESCAPE_BYTES] = {
                '\\',          'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15],
                hex[code & 15]};
            memcpy(to, escape, sizeof(escape));
            out->len += sizeof(escape);
        } else {
            memcpy(to, json.data + at, len);
            out->len += len;
        }
        at += len > 0 ? len : 1;
    }
    return err;
}
