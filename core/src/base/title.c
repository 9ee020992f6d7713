/* title.c: process names, by writing over the memory the kernel shows as the command line. */
#include "base/title.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/environment.h"

#define TITLE_MAX 128

/* area finds the arguments and the environment behind them. Fields of /proc/self/stat: 48 and 49
 * are arg_start and arg_end, 50 and 51 env_start and env_end. */
static int area(char **start, char **end, char **env_end)
{
    char text[2048];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL) {
        return -1;
    }
    const size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    const char *at = strrchr(text, ')'); /* the name may hold spaces */
    if (at == NULL) {
        return -1;
    }
    int field = 2;
    unsigned long values[52] = {0};
    while (field < 51 && (at = strchr(at, ' ')) != NULL) {
        values[++field] = strtoul(++at, NULL, 10);
    }
    if (values[48] == 0 || values[49] <= values[48]) {
        return -1;
    }
    *start = (char *)values[48];
    *end = (char *)values[49];
    *env_end = values[50] == values[49] && values[51] > values[50] ? (char *)values[51] : *end;
    return 0;
}

/* move_environment copies the strings between `from` and `to`, so that they can be overwritten. */
static int move_environment(const char *from, const char *to)
{
    for (char **entry = dr_environment(); entry != NULL && *entry != NULL; entry++) {
        if (*entry >= from && *entry < to) {
            char *copy = strdup(*entry);
            if (copy == NULL) {
                return -1;
            }
            *entry = copy;
        }
    }
    return 0;
}

/* set_short_name: the kernel's own name of a process has no spaces. Programs that read
 * /proc/PID/stat word by word are common; Python 3.13 is one, and warns at each fork of threads
 * that there are not. */
static void set_short_name(const char *title)
{
    char name[TITLE_MAX];
    size_t len = 0;
    for (; *title != '\0'; title++) {
        if (*title != ' ' || len == 0 || name[len - 1] != ':') {
            name[len++] = *title == ' ' ? ':' : *title;
        }
    }
    name[len] = '\0';
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void write_over(const char *title)
{
    /* A forked process has it from its parent: looking again costs a worker's start. */
    static char *start = NULL;
    static char *end = NULL;
    static char *env_end = NULL;
    set_short_name(title);
    if (start == NULL && area(&start, &end, &env_end) != 0) {
        return;
    }
    if (strlen(title) + 1 >= (size_t)(end - start) && env_end > end &&
        move_environment(end, env_end) == 0) {
        end = env_end;
    }
    const size_t room = (size_t)(end - start);
    const size_t len = strlen(title) < room - 1 ? strlen(title) : room - 1;
    memcpy(start, title, len);
    memset(start + len, 0, room - len);
}

static char current[TITLE_MAX]; /* the process's name is one, as the process is */

void dr_title_set(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(current, sizeof(current), format, args);
    va_end(args);
    write_over(current);
}

void dora_title_again(void)
{
    write_over(current);
}
