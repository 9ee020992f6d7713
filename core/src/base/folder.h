/* folder.h: the working directory's name. */
#ifndef DR_BASE_FOLDER_H
#define DR_BASE_FOLDER_H

#include <stdbool.h>

/* dr_folder_name gives the name by which the program came to its working directory, links in it
 * included: PWD, where that is the directory, else what the kernel says. Returns: NULL when out of
 * memory, or where it has no name. Ownership: gives, free() frees. */
char *dr_folder_name(void);

/* dr_folder_is_there says whether a directory of this name can be entered now. */
bool dr_folder_is_there(const char *name);

#endif
