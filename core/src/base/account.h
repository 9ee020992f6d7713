/* account.h: another user of this machine: found by name, and become. */
#ifndef DR_BASE_ACCOUNT_H
#define DR_BASE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <dora/error.h>

typedef struct dr_account {
    char *user; /* its name, or its number where it has none */
    char *home; /* NULL: the database of users has none */
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* all that it belongs to, `gid` among them */
    size_t group_count;
} dr_account;

/* dr_account_find looks a user up: by name, or by number. `group` (a name or a number; NULL: the
 * user's own) is its first group. Errors: DORA_ECONFIG, in words that follow a key: "there is no
 * user ann"; DORA_ENOMEM. Ownership: gives what dr_account_fini frees, which is fine on zeroed
 * memory. */
dora_err dr_account_find(dr_account *self, const char *user, const char *group, dora_error *error);
void dr_account_fini(dr_account *self);

/* dr_group_find gives the number of a group. Errors: as above. */
dora_err dr_group_find(const char *name, gid_t *gid, dora_error *error);

/* dr_account_is_ours says whether this process has that user and group already. */
bool dr_account_is_ours(const dr_account *self);

/* dr_account_is_possible says whether this process may start others as any user, and end them. */
bool dr_account_is_possible(void);

/* dr_account_hold_back has a process that stays this user not inherit the rights to become others.
 * dr_account_take makes the calling thread another user, for good, without any right that the user
 * does not have; number 0 keeps all. For between fork and exec. Returns: 0, or errno. */
void dr_account_hold_back(void);
int dr_account_take(const dr_account *self);

/* dr_account_try asks `question` in a process of its own that is that user. Returns: what it
 * answers, 0 to 255; errno where there cannot be such a process. */
int dr_account_try(const dr_account *self, int (*question)(const void *about), const void *about);

#endif
