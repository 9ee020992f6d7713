/* roff.c: the program's texts as manual pages. */
#include "cli/roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include <dora/version.h>

void dr_roff_head(FILE *to, const char *name, const char *section, const char *summary)
{
    fputs(".TH \"", to);
    for (const char *at = name; *at != '\0'; at++) {
        fputc(toupper((unsigned char)*at), to);
    }
    fprintf(to, "\" %s \"\" \"dora %s\" \"Dora\"\n.SH NAME\n%s \\- %s\n", section, DORA_VERSION,
            name, summary);
}

void dr_roff_put(FILE *to, const char *text, size_t len)
{
    if (len > 0 && (text[0] == '.' || text[0] == '\'')) {
        fputs("\\&", to); /* else it would be a command */
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\') {
            fputs("\\e", to);
        } else if (text[i] == '-') {
            fputs("\\-", to);
        } else if (text[i] == '\'') {
            fputs("\\(aq", to);
        } else {
            fputc(text[i] == '\n' ? ' ' : text[i], to);
        }
    }
}

static void put_line(FILE *to, const char *text, size_t len)
{
    dr_roff_put(to, text, len);
    fputc('\n', to);
}

static void put_bold(FILE *to, const char *text, size_t len)
{
    fputs("\\fB", to);
    dr_roff_put(to, text, len);
    fputs("\\fR\n", to);
}

void dr_roff_verbatim(FILE *to, const char *text)
{
    fputs(".PP\n.nf\n", to);
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        put_line(to, text, len);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    fputs(".fi\n", to);
}

/* What the line before belongs to. */
typedef enum block { NOTHING, PARAGRAPH, OPTION, EXAMPLE } block;

static void turn_to(FILE *to, block *now, block next)
{
    if (*now == EXAMPLE && next != EXAMPLE) {
        fputs(".fi\n.RE\n", to);
    }
    if (next == PARAGRAPH && *now != PARAGRAPH) {
        fputs(".PP\n", to);
    } else if (next == EXAMPLE && *now != EXAMPLE) {
        fputs(".PP\n.RS\n.nf\n", to);
    } else if (next == OPTION) {
        fputs(".TP\n", to);
    }
    *now = next;
}

/* Where what an option does begins in its line; 0: it is the line of no option. */
static size_t explained_at(const char *line, size_t len)
{
    if (line[0] != '-') {
        return 0;
    }
    for (size_t i = 1; i + 2 < len; i++) {
        if (line[i] == ' ' && line[i + 1] == ' ') {
            return i + 2 + strspn(line + i + 2, " ");
        }
    }
    return 0;
}

static void put_help_line(FILE *to, block *now, const char *line, size_t len)
{
    const size_t indent = strspn(line, " ");
    if (len == 0) {
        turn_to(to, now, NOTHING);
        return;
    }
    if (indent == 0 || (*now == OPTION && indent > 2)) {
        turn_to(to, now, indent == 0 ? PARAGRAPH : NOTHING);
        put_line(to, line + indent, len - indent);
        *now = indent == 0 ? PARAGRAPH : OPTION;
        return;
    }
    const char *text = line + indent;
    const size_t at = explained_at(text, len - indent);
    if (at == 0) {
        turn_to(to, now, EXAMPLE);
        put_line(to, text, len - indent);
        return;
    }
    size_t name_len = at;
    while (text[name_len - 1] == ' ') {
        name_len--;
    }
    turn_to(to, now, OPTION);
    put_bold(to, text, name_len);
    put_line(to, text + at, len - indent - at);
}

void dr_roff_help(FILE *to, const char *help)
{
    block now = NOTHING;
    while (*help != '\0') {
        const size_t len = strcspn(help, "\n");
        put_help_line(to, &now, help, len);
        help += len + (help[len] == '\n' ? 1 : 0);
    }
    turn_to(to, &now, NOTHING);
}
