/* master_user.c: the master becomes another user once it has opened what only root may. */
#include "server/master/master_user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/capability.h"
#include "server/config/config_reach.h"
#include "server/config/config_rights.h"
#include "server/master/master.h"

/* Without the last one not even the kernel could end a zygote in the name of a master that has. */
#define KEPT (DR_CAPABILITY(CAP_SETUID) | DR_CAPABILITY(CAP_SETGID) | DR_CAPABILITY(CAP_KILL))

dora_err dr_master_user_check(const dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    dr_account account;
    bool is_other;
    dora_err err = dr_master_user_find(config, &account, &is_other, error);
    if (err == DORA_OK && is_other && (geteuid() != 0 || !dr_account_is_possible())) {
        err = dora_error_set(error, DORA_ECONFIG,
                             "master_user: %s: a server that user %u starts cannot become another "
                             "one; let root start it",
                             config->master_user, (unsigned)geteuid());
    }
    if (err == DORA_OK && is_other) {
        err = dr_reach_master(config, server->host->pid_files, &account, true, error);
    }
    dr_account_fini(&account);
    return err;
}

/* may_any_gain says whether any pool's processes may come to have more rights than they are given.
 */
static bool may_any_gain(const dr_config *config)
{
    dora_error error;
    for (size_t i = 0; i < config->pool_count; i++) {
        dr_rights rights;
        const bool is_found = dr_rights_find(config, &config->pools[i], &rights, &error) == DORA_OK;
        const bool may_gain = is_found && !rights.no_new_privs;
        dr_rights_fini(&rights);
        if (may_gain) {
            return true;
        }
    }
    return false;
}

/* become changes all threads by the C library, which knows them. That takes the capabilities of
 * each but this one, from which those that are started later have theirs. */
static int become(const dr_account *account, bool is_bounded)
{
    int why = is_bounded ? dr_capabilities_bound(0) : 0;
    if (why != 0) {
        return why;
    }
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
        setgroups(account->group_count, account->groups) != 0 ||
        setresgid(account->gid, account->gid, account->gid) != 0 ||
        setresuid(account->uid, account->uid, account->uid) != 0) {
        return errno;
    }
    why = dr_capabilities_keep(KEPT);
    return why != 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 ? why : errno;
}

dora_err dr_master_user_become(const dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    dr_account account;
    bool is_other;
    int death_signal = 0;
    const dora_err err = dr_master_user_find(config, &account, &is_other, error);
    if (err != DORA_OK || !is_other) {
        dr_account_fini(&account);
        return err;
    }
    (void)prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
    const pid_t parent = getppid();
    const int why = become(&account, !may_any_gain(config));
    dr_account_fini(&account);
    if (why != 0) {
        return dora_error_set(error, DORA_EIO, "master_user: cannot become %s: %s",
                              config->master_user, strerror(why));
    }
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);             /* nor may others of this user trace it */
    (void)prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0); /* the change has undone it */
    if (death_signal != 0 && getppid() != parent) {
        (void)raise(death_signal);
    }
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "runs as %s from now on",
                 config->master_user);
    return DORA_OK;
}
