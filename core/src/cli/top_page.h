/* top_page.h: what `dora top` shows, as lines of text. Pure: no terminal, no clock. */
#ifndef DR_CLI_TOP_PAGE_H
#define DR_CLI_TOP_PAGE_H

#include <jansson.h>

#include "base/buf.h"

/* dr_top_look is what a server said, and when. */
typedef struct dr_top_look {
    json_t *data;
    uint64_t at_ms;
} dr_top_look;

/* dr_top_page appends the page: at most `rows` lines of `columns`. `before` is the look before this
 * one, for the rates; its data is NULL where there was none. */
void dr_top_page(dr_buf *out, const char *address, const dr_top_look *now,
                 const dr_top_look *before, size_t rows, size_t columns);

#endif
