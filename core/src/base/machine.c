/* machine.c: how much memory and how many processors there are: the machine's, and what control
 * groups leave of them. */
#include "base/machine.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* kind is one resource: its name among the controllers of v1, the folder there, and how a group's
 * limit is read in either version. */
typedef struct kind {
    const char *name;
    const char *folder;
    uint64_t (*limit_v1)(const char *folder);
    uint64_t (*limit_v2)(const char *folder);
} kind;

static uint64_t least(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* line_of reads a file's first line. */
static bool line_of(const char *folder, const char *name, char *line, int room)
{
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    const bool is_read = fgets(line, room, file) != NULL;
    (void)fclose(file);
    return is_read;
}

/* number_in is the number that a file begins with. "max", as v2 writes no limit, is none; so is
 * "-1" of v1. */
static uint64_t number_in(const char *folder, const char *name)
{
    char text[32];
    const bool is_number =
        line_of(folder, name, text, sizeof(text)) && text[0] >= '0' && text[0] <= '9';
    return is_number ? strtoull(text, NULL, 10) : UINT64_MAX;
}

static uint64_t memory_v1(const char *folder)
{
    return number_in(folder, "memory.limit_in_bytes");
}

static uint64_t memory_v2(const char *folder)
{
    return number_in(folder, "memory.max");
}

/* processors is how many a group may keep busy. A part of one counts as one: who is given one and
 * a half has work for two. */
static uint64_t processors(uint64_t quota_us, uint64_t period_us)
{
    if (quota_us == UINT64_MAX || period_us == UINT64_MAX || period_us == 0) {
        return UINT64_MAX;
    }
    return quota_us < period_us ? 1 : quota_us / period_us + (quota_us % period_us > 0);
}

static uint64_t cpus_v1(const char *folder)
{
    return processors(number_in(folder, "cpu.cfs_quota_us"),
                      number_in(folder, "cpu.cfs_period_us"));
}

/* cpus_v2 reads "150000 100000" or "max 100000". */
static uint64_t cpus_v2(const char *folder)
{
    char text[64];
    uint64_t quota_us = 0;
    uint64_t period_us = 0;
    if (!line_of(folder, "cpu.max", text, sizeof(text)) ||
        sscanf(text, "%" SCNu64 " %" SCNu64, &quota_us, &period_us) != 2) {
        return UINT64_MAX;
    }
    return processors(quota_us, period_us);
}

static const kind memory = {"memory", "/memory", memory_v1, memory_v2};
static const kind cpus = {"cpu", "/cpu", cpus_v1, cpus_v2};

/* limit_of is the smallest limit of a group and of those around it. In a container the path is
 * often that outside, and only the topmost folder is there. `group` is cut short. */
static uint64_t limit_of(const char *root, const char *folder, char *group,
                         uint64_t (*limit_in)(const char *folder))
{
    uint64_t limit = UINT64_MAX;
    for (;;) {
        char path[PATH_MAX];
        const int len = snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s%s", root, folder, group);
        if (len > 0 && (size_t)len < sizeof(path)) {
            limit = least(limit, limit_in(path));
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
static uint64_t group_limit(const char *root, const kind *of, char *line)
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
        return limit_of(root, "", group, of->limit_v2);
    }
    return has_word(kinds, of->name) ? limit_of(root, of->folder, group, of->limit_v1) : UINT64_MAX;
}

static uint64_t groups_limit(const char *root, const kind *of)
{
    char path[PATH_MAX];
    char line[PATH_MAX];
    uint64_t limit = UINT64_MAX;
    (void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        limit = least(limit, group_limit(root, of, line));
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
    return least(installed(root), groups_limit(root, &memory));
}

/* usable is how many processors this process may run on. */
static uint64_t usable(void)
{
    cpu_set_t set; /* too small for a machine with more than 1024 */
    CPU_ZERO(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : (int)online;
    return count > 0 ? (uint64_t)count : 1;
}

uint32_t dr_machine_cpus(const char *root)
{
    return (uint32_t)least(usable(), groups_limit(root, &cpus));
}
