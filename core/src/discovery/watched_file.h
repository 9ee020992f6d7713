/* watched_file.h: a node file that somebody else replaces now and then. */
#ifndef DR_DISCOVERY_WATCHED_FILE_H
#define DR_DISCOVERY_WATCHED_FILE_H

#include "discovery/roster.h"

typedef struct dr_watched_file dr_watched_file;

/* dr_watched_file_new names the file; it is not opened yet. Ownership: copies; gives;
 * dr_watched_file_free frees (NULL is fine). Errors: DORA_EINVAL for no path, DORA_ENOMEM. */
dora_err dr_watched_file_new(dr_watched_file **file, const char *path, dora_error *error);
void dr_watched_file_free(dr_watched_file *file);

/* dr_watched_file_look reads the file where it is another one than when it was looked at last: by
 * inode, size and time of change (of its rights, too), so that an unchanged one costs one system
 * call.
 * Returns: true with a roster that the caller frees. False: it is as before, or it cannot be read;
 * then `*warning` says why, once until it is another one, else NULL; borrowed until the next
 * function. */
bool dr_watched_file_look(dr_watched_file *file, dr_roster *roster, const char **warning);

/* dr_watched_file_name is "file PATH". dr_watched_file_why says what is wrong with the file as it
 * was looked at last, "" for nothing: "file /x/nodes.json: No such file or directory". */
const char *dr_watched_file_name(const dr_watched_file *file);
const char *dr_watched_file_why(const dr_watched_file *file);

#endif
