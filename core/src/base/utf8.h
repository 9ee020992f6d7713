/* utf8.h: the characters of a text, and texts of others made fit for a terminal. */
#ifndef DR_BASE_UTF8_H
#define DR_BASE_UTF8_H

#include "base/buf.h"

/* dr_utf8_len is the length of the character at `at` (below text.len), 0 where there is none: as
 * RFC 3629 has it, no surrogates, no longer form than needed, nothing above U+10FFFF. */
size_t dr_utf8_len(dora_slice text, size_t at);

/* dr_utf8_sound is the place of the first byte at or behind `at` that is no UTF-8; text.len where
 * there is none. */
size_t dr_utf8_sound(dora_slice text, size_t at);

static inline bool dr_utf8_is_valid(dora_slice text)
{
    return dr_utf8_sound(text, 0) == text.len;
}

/* dr_utf8_whole is the length of a text less a character at its end that was cut. */
size_t dr_utf8_whole(dora_slice text);

/* dr_printable appends a text so that it cannot steer a terminal, nor look like another line or in
 * another order than it has. Controls (C0, DEL, C1), bidirectional controls, U+2028, U+2029 and
 * bytes that are no UTF-8 become `\xNN`, each byte for itself; other UTF-8 stays. `kept` names
 * controls that stay: "" none, "\t", "\n\t". Errors: DORA_ENOMEM; `out` is then as before. */
dora_err dr_printable(dr_buf *out, dora_slice text, const char *kept);

/* dr_printable_text does so into an area, ended by a NUL; what does not fit is left out, from a
 * whole character on. Returns: `to`. DR_PRINTABLE_MAX(n) is room for any text of n bytes. */
#define DR_PRINTABLE_MAX(bytes) ((bytes)*4 + 1)
const char *dr_printable_text(dora_slice text, char *to, size_t size);

/* dr_printable_json appends JSON text in which the same characters are `\uNNNN`, which means the
 * same; a byte that is no UTF-8 becomes `?`. It may be a whole value: outside of strings none of
 * these can stand. Controls of C0 are left alone. */
dora_err dr_printable_json(dr_buf *out, dora_slice json);

#endif
