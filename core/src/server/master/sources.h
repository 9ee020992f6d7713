/* sources.h: dr_sources, the files that applications consist of, and whether one has changed. It
 * watches folders, not files: an editor that saves by a rename puts another file in its place.
 * Thread: the supervisor's. */
#ifndef DR_SERVER_SOURCES_H
#define DR_SERVER_SOURCES_H

#include <dora/error.h>
#include <dora/value.h>

typedef struct dr_sources dr_sources;

/* dr_sources_new starts with none. Errors: DORA_EIO says what the system refuses, DORA_ENOMEM.
 * dr_sources_free ends the watching; NULL is fine. */
dora_err dr_sources_new(dr_sources **sources, dora_error *error);
void dr_sources_free(dr_sources *sources);

/* dr_sources_fd becomes readable when something has happened. */
int dr_sources_fd(const dr_sources *sources);

/* dr_sources_add watches a file, which need not be there. `has_changed`: it did so just now, while
 * nobody had said that it counts. dr_sources_add_tree watches for files of
 * source code that come later, in the folder of a file and those below it, as far as
 * DR_DEV_FOLDERS_MAX and DR_DEV_DEPTH_MAX go. Errors: DORA_EIO is told once, then DORA_OK follows
 * for what cannot be watched. */
dora_err dr_sources_add(dr_sources *sources, const char *path, bool *has_changed,
                        dora_error *error);
dora_err dr_sources_add_tree(dr_sources *sources, const char *path, dora_error *error);

/* dr_sources_begin: the applications are about to be loaded, and will say what they consist of.
 * dr_sources_settle: they have been, and serve. What only those before them consisted of is
 * watched no more. dr_sources_known is how many files something is known of. */
void dr_sources_begin(dr_sources *sources);
void dr_sources_settle(dr_sources *sources);
size_t dr_sources_known(const dr_sources *sources);

/* dr_sources_read takes what has happened. `takes_any`: any file of source code counts, since
 * loading has failed and nobody knows which one was wanted. Returns: the path of a file that has
 * changed, valid until the next call; NULL: none. */
const char *dr_sources_read(dr_sources *sources, bool takes_any);

#endif
