/* folder.c: the working directory's name. A process holds the directory itself; a link that leads
 * elsewhere by now is found by the name only. */
#include "base/folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_here(const char *name)
{
    struct stat named;
    struct stat here;
    return name[0] == '/' && stat(name, &named) == 0 && stat(".", &here) == 0 &&
           named.st_dev == here.st_dev && named.st_ino == here.st_ino;
}

char *dr_folder_name(void)
{
    const char *name = getenv("PWD");
    return name != NULL && is_here(name) ? strdup(name) : getcwd(NULL, 0);
}

bool dr_folder_is_there(const char *name)
{
    struct stat entry;
    return stat(name, &entry) == 0 && S_ISDIR(entry.st_mode) && access(name, X_OK) == 0;
}
