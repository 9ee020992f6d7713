/* text.h: numbers as people read them, and tables of them. */
#ifndef DR_CLI_TEXT_H
#define DR_CLI_TEXT_H

#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"

#define DR_TEXT_MAX 32

/* dr_text_int is an integer member of an object, 0 where there is none. */
int64_t dr_text_int(const json_t *object, const char *key);

/* dr_text_word is a text member of an object, "" where there is none. */
const char *dr_text_word(const json_t *object, const char *key);

/* dr_text_bytes writes "1.2 MB", dr_text_time "3 h 12 min", dr_text_ms "1.2 s". Returns: `text`. */
const char *dr_text_bytes(double bytes, char text[DR_TEXT_MAX]);
const char *dr_text_time(int64_t seconds, char text[DR_TEXT_MAX]);
const char *dr_text_ms(int64_t ms, char text[DR_TEXT_MAX]);

/* What a server sent may stand in these; it is shown as base/utf8.h's dr_printable has it.
 * dr_text_line appends one line, at most `width` columns of it; without memory it is left out.
 * dr_text_print writes to `file`; `kept` names the controls that are meant.
 * dr_text_json appends JSON and ends its line. Errors: DORA_ENOMEM. */
void dr_text_line(dr_buf *out, size_t width, const char *format, ...) DORA_PRINTF(3, 4);
void dr_text_print(FILE *file, const char *kept, const char *format, ...) DORA_PRINTF(3, 4);
dora_err dr_text_json(dora_slice json, dr_buf *out);

#endif
