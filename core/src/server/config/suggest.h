/* suggest.h: the known name nearest to a mistyped one. */
#ifndef DR_SERVER_SUGGEST_H
#define DR_SERVER_SUGGEST_H

#include <stddef.h>

/* dr_suggest gives the name among `names` (ended by NULL) that differs from `word` by the fewest
 * letters, or NULL where none is near. */
const char *dr_suggest(const char *word, const char *const *names);

#endif
