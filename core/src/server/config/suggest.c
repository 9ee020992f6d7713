/* suggest.c: the known name nearest to a mistyped one, by edit distance. */
#include "server/config/suggest.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 32 /* names of keys and flags are shorter; longer words get no suggestion */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to add, drop or change between two words; swapped neighbours count once. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b_len; j++) {
        above[j] = j;
        before[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smaller(change, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

const char *dr_suggest(const char *word, const char *const *names)
{
    size_t word_len = strnlen(word, WORD_MAX + 1);
    if (word_len == 0 || word_len > WORD_MAX) {
        return NULL;
    }
    const char *nearest = NULL;
    size_t least = word_len / 3 + 2; /* one letter of a short word, more of a long one */
    for (size_t i = 0; names[i] != NULL; i++) {
        size_t name_len = strnlen(names[i], WORD_MAX + 1);
        if (name_len > WORD_MAX) {
            continue;
        }
        size_t far = distance(word, word_len, names[i], name_len);
        if (far < least) {
            least = far;
            nearest = names[i];
        }
    }
    return nearest;
}
