/* machine.c: how much memory there is: the machine's, and what control groups leave of it. */
#include "base/machine.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V1_FOLDER "/sys/fs/cgroup/memory"
#define V1_FILE "memory.limit_in_bytes"
#define V2_FOLDER "/sys/fs/cgroup"
#define V2_FILE "memory.max"

static uint64_t least(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* number_in reads the number in a file. "max", as v2 writes no limit, is none. */
static uint64_t number_in(const char *path)
{
    char text[32];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return UINT64_MAX;
    }
    const bool is_read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    return is_read && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* limit_of is the smallest limit of a group and of those around it. In a container the path is
 * often that outside, and only the topmost folder is there. `group` is cut short. */
static uint64_t limit_of(const char *root, const char *folder, char *group, const char *file)
{
    uint64_t limit = UINT64_MAX;
    for (;;) {
        char path[PATH_MAX];
        const int len = snprintf(path, sizeof(path), "%s%s%s/%s", root, folder, group, file);
        if (len > 0 && (size_t)len < sizeof(path)) {
            limit = least(limit, number_in(path));
        }
        char *slash = strrchr(group, '/');
        if (slash == NULL) {
            return limit;
        }
        *slash = '\0';
    }
}

/* has_word says whether `word` stands in a list with commas. */
static bool has_word(const char *list, const char *word)
{
    const size_t len = strlen(word);
    while (strcspn(list, ",") != len || strncmp(list, word, len) != 0) {
        list += strcspn(list, ",");
        if (*list++ == '\0') {
            return false;
        }
    }
    return true;
}

/* group_limit reads one line of /proc/self/cgroup: "0::/path" is v2, "4:memory:/path" v1. */
static uint64_t group_limit(const char *root, char *line)
{
    char *kinds = strchr(line, ':');
    char *group = kinds != NULL ? strchr(kinds + 1, ':') : NULL;
    if (group == NULL) {
        return UINT64_MAX;
    }
    *kinds++ = '\0';
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    if (kinds[0] == '\0') {
        return limit_of(root, V2_FOLDER, group, V2_FILE);
    }
    return has_word(kinds, "memory") ? limit_of(root, V1_FOLDER, group, V1_FILE) : UINT64_MAX;
}

static uint64_t groups_limit(const char *root)
{
    char path[PATH_MAX];
    char line[PATH_MAX];
    uint64_t limit = UINT64_MAX;
    (void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        limit = least(limit, group_limit(root, line));
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return limit;
}

static uint64_t installed(const char *root)
{
    char path[PATH_MAX];
    char line[128];
    uint64_t kb = 0;
    (void)snprintf(path, sizeof(path), "%s/proc/meminfo", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && kb == 0 && fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "MemTotal: %" SCNu64 " kB", &kb);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kb > 0 ? kb * 1024 : UINT64_MAX;
}

uint64_t dr_machine_memory(const char *root)
{
    return least(installed(root), groups_limit(root));
}
