/* rights.c: as whom a process runs that this one starts, and what it may. */
#include "base/rights.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/capability.h"

void dr_rights_init(dr_rights *self)
{
    *self = (dr_rights){.mask = DR_RIGHTS_UNSET,
                        .core_bytes_max = DR_RIGHTS_UNSET,
                        .data_bytes_max = DR_RIGHTS_UNSET};
}

void dr_rights_fini(dr_rights *self)
{
    dr_account_fini(&self->account);
}

/* limit_files lowers the limit that a process may raise again by itself. */
static int limit_files(uint64_t most)
{
    struct rlimit files;
    if (most == 0 || getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return 0;
    }
    files.rlim_cur = most < files.rlim_max ? most : files.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &files) == 0 ? 0 : errno;
}

/* Limits that the process cannot raise. */
static int limit_core(uint64_t most)
{
    const struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    return most == DR_RIGHTS_UNSET || setrlimit(RLIMIT_CORE, &limit) == 0 ? 0 : errno;
}

static int limit_data(uint64_t most)
{
    const struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    return most == DR_RIGHTS_UNSET || setrlimit(RLIMIT_DATA, &limit) == 0 ? 0 : errno;
}

int dr_rights_take(const dr_rights *self, const char **what)
{
    *what = "the limit of descriptors";
    int why = limit_files(self->files_max);
    if (why == 0) {
        *what = "core_mb_max";
        why = limit_core(self->core_bytes_max);
    }
    if (why == 0) {
        *what = "memory_hard_mb";
        why = limit_data(self->data_bytes_max);
    }
    if (self->mask != DR_RIGHTS_UNSET) {
        (void)umask((mode_t)self->mask);
    }
    if (why == 0 && self->no_new_privs) {
        *what = "no_new_privs";
        why = dr_capabilities_bound(0);
    }
    if (!self->has_account) {
        dr_account_hold_back();
    }
    if (why == 0 && self->has_account) {
        *what = "user";
        why = dr_account_take(&self->account);
    }
    if (why == 0 && self->no_new_privs) {
        *what = "no_new_privs";
        why = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
    }
    return why;
}
