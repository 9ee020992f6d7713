/* json_locate.h: where a key stands in JSON text, for messages to people. */
#ifndef DR_SERVER_JSON_LOCATE_H
#define DR_SERVER_JSON_LOCATE_H

#include <dora/value.h>

/* dr_place_find sets `line` and `column` (both from 1) to the key at the end of `path`, a list of
 * `depth` object keys from the outermost. `text` must be valid JSON. Returns: false where the path
 * is not there. */
bool dr_place_find(dora_slice text, const char *const *path, size_t depth, size_t *line,
                   size_t *column);

#endif
