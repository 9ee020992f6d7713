/* roff.h: the program's texts as manual pages. */
#ifndef DR_CLI_ROFF_H
#define DR_CLI_ROFF_H

#include <stddef.h>
#include <stdio.h>

/* dr_roff_head writes the beginning of a page, and its section NAME. */
void dr_roff_head(FILE *to, const char *name, const char *section, const char *summary);

/* dr_roff_put writes `len` bytes of text; line ends become blanks. */
void dr_roff_put(FILE *to, const char *text, size_t len);

/* dr_roff_verbatim writes text as it stands. */
void dr_roff_verbatim(FILE *to, const char *text);

/* dr_roff_help writes the help of a command: paragraphs; lines of an option, two or more blanks and
 * what it does, with what is indented deeper below; other indented lines as they stand. */
void dr_roff_help(FILE *to, const char *help);

#endif
