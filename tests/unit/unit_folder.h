/* unit_folder.h: a folder of a test, removed with all that is in it. */
#ifndef DORA_TEST_UNIT_FOLDER_H
#define DORA_TEST_UNIT_FOLDER_H

#include "unit.h"

#include <limits.h>

/* All zero is none. */
typedef struct unit_folder {
    char path[64];
} unit_folder;

void unit_folder_make(unit_folder *self);
void unit_folder_remove(unit_folder *self);

/* unit_folder_path gives the path of `name` in it, until the next call but seven. */
const char *unit_folder_path(const unit_folder *self, const char *name);

/* unit_write makes a file of `text`, in place; unit_replace by renaming. unit_read gives at most
 * size - 1 bytes of one, as a text; it fails the test where there is none. */
void unit_write(const char *path, const char *text);
void unit_replace(const char *path, const char *text);
void unit_read(const char *path, char *text, size_t size);

#endif
