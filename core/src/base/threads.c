/* threads.c: how many threads this process has. */
#include "base/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dr_thread_count(void)
{
    int count = 1;
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL) {
        return count;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Threads:", 8) == 0) {
            count = (int)strtol(line + 8, NULL, 10);
        }
    }
    fclose(file);
    return count;
}
