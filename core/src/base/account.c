/* account.c: another user of this machine: found by name, and become. */
#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/capability.h"
#include "base/limits.h"

#define TO_BECOME (DR_CAPABILITY(CAP_SETUID) | DR_CAPABILITY(CAP_SETGID) | DR_CAPABILITY(CAP_KILL))

/* parse_id reads a number that stands in the place of a name. -1 means "leave it" to the kernel. */
static bool parse_id(const char *text, unsigned *id)
{
    const size_t len = strlen(text);
    if (len == 0 || len > 10 || strspn(text, "0123456789") != len) {
        return false;
    }
    const unsigned long long number = strtoull(text, NULL, 10);
    *id = (unsigned)number;
    return number < UINT_MAX;
}

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "out of memory");
}

dora_err dr_group_find(const char *name, gid_t *gid, dora_error *error)
{
    char room[DR_USER_ENTRY_BYTES_MAX];
    struct group entry;
    struct group *found = NULL;
    const int why = getgrnam_r(name, &entry, room, sizeof(room), &found);
    if (found != NULL) {
        *gid = entry.gr_gid;
        return DORA_OK;
    }
    if (parse_id(name, gid)) {
        return DORA_OK;
    }
    return why == 0 ? dora_error_set(error, DORA_ECONFIG, "there is no group %s", name)
                    : dora_error_set(error, DORA_ECONFIG, "the group %s cannot be looked up: %s",
                                     name, strerror(why));
}

/* list_groups gives all groups of a user. */
static dora_err list_groups(dr_account *self, bool is_known, dora_error *error)
{
    gid_t list[DR_GROUPS_MAX];
    int count = DR_GROUPS_MAX;
    if (!is_known) {
        list[0] = self->gid;
        count = 1;
    } else if (getgrouplist(self->user, self->gid, list, &count) < 0) {
        return dora_error_set(error, DORA_ECONFIG, "%s belongs to more than %d groups", self->user,
                              DR_GROUPS_MAX);
    }
    self->group_count = (size_t)count;
    self->groups = malloc(self->group_count * sizeof(gid_t));
    if (self->groups == NULL) {
        return no_memory(error);
    }
    memcpy(self->groups, list, self->group_count * sizeof(gid_t));
    return DORA_OK;
}

dora_err dr_account_find(dr_account *self, const char *user, const char *group, dora_error *error)
{
    char room[DR_USER_ENTRY_BYTES_MAX];
    struct passwd entry;
    struct passwd *found = NULL;
    *self = (dr_account){.user = NULL};
    int why = getpwnam_r(user, &entry, room, sizeof(room), &found);
    if (found == NULL && parse_id(user, &self->uid)) {
        why = getpwuid_r(self->uid, &entry, room, sizeof(room), &found);
    } else if (found == NULL) {
        return why == 0 ? dora_error_set(error, DORA_ECONFIG, "there is no user %s", user)
                        : dora_error_set(error, DORA_ECONFIG, "the user %s cannot be looked up: %s",
                                         user, strerror(why));
    }
    if (found == NULL && group == NULL) {
        return dora_error_set(error, DORA_ECONFIG,
                              "no user has the number %s, so it needs a \"group\", too", user);
    }
    self->user = strdup(found != NULL ? entry.pw_name : user);
    self->home = found != NULL ? strdup(entry.pw_dir) : NULL;
    self->uid = found != NULL ? entry.pw_uid : self->uid;
    self->gid = found != NULL ? entry.pw_gid : 0;
    dora_err err =
        self->user == NULL || (found != NULL && self->home == NULL) ? no_memory(error) : DORA_OK;
    if (err == DORA_OK && group != NULL) {
        err = dr_group_find(group, &self->gid, error);
    }
    err = err == DORA_OK ? list_groups(self, found != NULL, error) : err;
    if (err != DORA_OK) {
        dr_account_fini(self);
    }
    return err;
}

void dr_account_fini(dr_account *self)
{
    free(self->user);
    free(self->home);
    free(self->groups);
    *self = (dr_account){.user = NULL};
}

bool dr_account_is_ours(const dr_account *self)
{
    return self->uid == geteuid() && self->gid == getegid();
}

bool dr_account_is_possible(void)
{
    return dr_capabilities_have(TO_BECOME);
}

void dr_account_hold_back(void)
{
    dr_capabilities_hold_back(TO_BECOME);
}

/* By system calls: the C library's functions would change each thread that it believes to be in
 * this process, and behind a fork those are the parent's. */
int dr_account_take(const dr_account *self)
{
    if (syscall(SYS_setgroups, self->group_count, self->groups) != 0 ||
        syscall(SYS_setresgid, self->gid, self->gid, self->gid) != 0 ||
        syscall(SYS_setresuid, self->uid, self->uid, self->uid) != 0) {
        return errno;
    }
    return self->uid == 0 ? 0 : dr_capabilities_keep(0);
}

int dr_account_try(const dr_account *self, int (*question)(const void *about), const void *about)
{
    int status = 0;
    const pid_t pid = _Fork(); /* no fork handler of the host's runs: this child asks and ends */
    if (pid == 0) {
        const int why = dr_account_take(self);
        _exit(why != 0 ? why : question(about));
    }
    if (pid < 0) {
        return errno;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}
