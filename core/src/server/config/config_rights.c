/* config_rights.c: the keys that say as whom processes run and what they may, and what follows. */
#include "server/config/config_rights.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MODE_MAX 0777u
#define KEY_BYTES_MAX 128

dora_err dr_take_user(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    char number[32];
    const char *text = json_string_value(json);
    if (json_is_integer(json) && json_integer_value(json) >= 0) {
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        text = number;
    }
    if (!json_is_null(json) && (text == NULL || text[0] == '\0')) {
        dr_reading_problem(r, "must be a name or a number, or null");
        return DORA_OK;
    }
    return dr_text_set((char **)(void *)((char *)object + key->at), text);
}

dora_err dr_take_mode(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    const size_t len = strlen(text);
    uint32_t mode = 0;
    for (size_t i = 0; i < len && i < 4; i++) {
        mode = mode * 8 + (uint32_t)(text[i] - '0');
    }
    if (len == 0 || len > 4 || strspn(text, "01234567") != len || mode > MODE_MAX) {
        dr_reading_problem(r, "must be octal digits in quotes, from \"0\" to \"0777\", such as "
                              "\"0027\"");
        return DORA_OK;
    }
    memcpy((char *)object + key->at, &mode, sizeof mode);
    return DORA_OK;
}

dora_err dr_take_choice(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    if (!json_is_boolean(json) && !json_is_null(json)) {
        dr_reading_problem(r, "must be true, false or null");
        return DORA_OK;
    }
    const dr_choice choice = json_is_null(json)   ? DR_CHOICE_UNSET
                             : json_is_true(json) ? DR_CHOICE_YES
                                                  : DR_CHOICE_NO;
    memcpy((char *)object + key->at, &choice, sizeof choice);
    return DORA_OK;
}

/* key_of writes where something stands: "pools.NAME.user" where the pool says it, else "user". */
static const char *key_of(const dr_pool_config *pool, bool is_own, const char *name,
                          char text[KEY_BYTES_MAX])
{
    (void)snprintf(text, KEY_BYTES_MAX, "%s%s%s%s", is_own ? "pools." : "",
                   is_own ? pool->name : "", is_own ? "." : "", name);
    return text;
}

const char *dr_rights_user(const dr_config *config, const dr_pool_config *pool)
{
    return pool->rights.user != NULL ? pool->rights.user : config->rights.user;
}

/* find_account gives the pool's user. */
static dora_err find_account(const dr_config *config, const dr_pool_config *pool, dr_rights *rights,
                             dora_error *error)
{
    char key[KEY_BYTES_MAX];
    dora_error why;
    const bool has_own = pool->rights.user != NULL;
    const bool has_own_group = pool->rights.group != NULL;
    const char *user = dr_rights_user(config, pool);
    const char *group = has_own_group ? pool->rights.group : has_own ? NULL : config->rights.group;
    if (user == NULL && group != NULL) {
        return dora_error_set(error, DORA_ECONFIG, "%s: has no effect without \"user\"",
                              key_of(pool, has_own_group, "group", key));
    }
    if (user == NULL) {
        return DORA_OK;
    }
    const dora_err err = dr_account_find(&rights->account, user, group, &why);
    if (err != DORA_OK) {
        const bool is_group = strstr(why.msg, "group ") != NULL;
        return dora_error_set(
            error, err, "%s: %s",
            key_of(pool, is_group ? has_own_group : has_own, is_group ? "group" : "user", key),
            why.msg);
    }
    rights->has_account = !dr_account_is_ours(&rights->account);
    return DORA_OK;
}

dora_err dr_rights_find(const dr_config *config, const dr_pool_config *pool, dr_rights *rights,
                        dora_error *error)
{
    const dr_rights_config *own = &pool->rights;
    const dr_rights_config *common = &config->rights;
    const uint32_t mask = own->umask != DR_UMASK_UNSET ? own->umask : common->umask;
    const uint32_t core_mb =
        own->core_mb_max != DR_CORE_MB_UNSET ? own->core_mb_max : common->core_mb_max;
    const dr_choice choice =
        own->no_new_privs != DR_CHOICE_UNSET ? own->no_new_privs : common->no_new_privs;
    dr_rights_init(rights);
    rights->mask = mask != DR_UMASK_UNSET ? mask : DR_RIGHTS_UNSET;
    rights->core_bytes_max =
        core_mb != DR_CORE_MB_UNSET ? (uint64_t)core_mb * 1024 * 1024 : DR_RIGHTS_UNSET;
    rights->data_bytes_max =
        pool->memory_hard_mb > 0 ? (uint64_t)pool->memory_hard_mb * 1024 * 1024 : DR_RIGHTS_UNSET;
    rights->no_new_privs =
        choice == DR_CHOICE_UNSET ? dr_rights_user(config, pool) != NULL : choice == DR_CHOICE_YES;
    return find_account(config, pool, rights, error);
}

dora_err dr_rights_check(const dr_config *config, const dr_pool_config *pool,
                         const dr_rights *rights, dora_error *error)
{
    char key[KEY_BYTES_MAX];
    struct rlimit core;
    if (rights->has_account && !dr_account_is_possible()) {
        return dora_error_set(error, DORA_ECONFIG,
                              "%s: %s: a server that user %u starts cannot start processes as "
                              "others; let root start it, or whoever has CAP_SETUID, CAP_SETGID "
                              "and CAP_KILL",
                              key_of(pool, pool->rights.user != NULL, "user", key),
                              dr_rights_user(config, pool), (unsigned)geteuid());
    }
    if (rights->core_bytes_max != DR_RIGHTS_UNSET && getrlimit(RLIMIT_CORE, &core) == 0 &&
        rights->core_bytes_max > core.rlim_max) {
        return dora_error_set(
            error, DORA_ECONFIG,
            "%s: the server itself may have core files of %llu bytes at most; raise its hard limit "
            "(ulimit -Hc, LimitCORE)",
            key_of(pool, pool->rights.core_mb_max != DR_CORE_MB_UNSET, "core_mb_max", key),
            (unsigned long long)core.rlim_max);
    }
    return DORA_OK;
}

/* check_other: a pool's processes run as somebody who is neither the master nor root. */
static dora_err check_other(const dr_config *config, const dr_pool_config *pool,
                            const dr_account *master, dora_error *error)
{
    dr_rights rights;
    const dora_err err = dr_rights_find(config, pool, &rights, error);
    const bool has_user = rights.account.user != NULL && rights.account.uid != 0;
    const bool is_same = has_user && rights.account.uid == master->uid;
    dr_rights_fini(&rights);
    if (err != DORA_OK) {
        return err;
    }
    if (is_same) {
        return dora_error_set(error, DORA_ECONFIG,
                              "master_user: %s is the user of pool %s, too, whose workers could "
                              "signal and trace the master; name another one",
                              config->master_user, pool->name);
    }
    return has_user
               ? DORA_OK
               : dora_error_set(error, DORA_ECONFIG,
                                "master_user: pool %s runs as root, which the master could not "
                                "start again once it is %s; set \"user\" for the pool",
                                pool->name, config->master_user);
}

dora_err dr_master_user_find(const dr_config *config, dr_account *account, bool *is_other,
                             dora_error *error)
{
    dora_error why;
    *account = (dr_account){.user = NULL};
    *is_other = false;
    if (config->master_user == NULL) {
        return DORA_OK;
    }
    dora_err err = dr_account_find(account, config->master_user, NULL, &why);
    if (err != DORA_OK) {
        return dora_error_set(error, err, "master_user: %s", why.msg);
    }
    if (account->uid == 0) {
        err = dora_error_set(error, DORA_ECONFIG,
                             "master_user: %s has all rights; name a user that has none, or leave "
                             "it out",
                             config->master_user);
    }
    *is_other = !dr_account_is_ours(account);
    for (size_t i = 0; i < config->pool_count && err == DORA_OK && *is_other; i++) {
        err = check_other(config, &config->pools[i], account, error);
    }
    if (err != DORA_OK) {
        dr_account_fini(account);
    }
    return err;
}

dora_err dr_unix_owner_find(const dr_config *config, uid_t *owner, gid_t *group, dora_error *error)
{
    dr_account account;
    dora_error why;
    const char *user = config->unix_owner != NULL ? config->unix_owner : config->master_user;
    *owner = (uid_t)-1;
    *group = (gid_t)-1;
    dora_err err =
        config->unix_group != NULL ? dr_group_find(config->unix_group, group, &why) : DORA_OK;
    if (err != DORA_OK) {
        return dora_error_set(error, err, "listen.unix_group: %s", why.msg);
    }
    if (user == NULL) {
        return DORA_OK;
    }
    err = dr_account_find(&account, user, config->unix_group, &why);
    if (err != DORA_OK) {
        return dora_error_set(error, err, "listen.unix_owner: %s", why.msg);
    }
    *owner = account.uid;
    *group = config->unix_group != NULL ? *group : account.gid;
    dr_account_fini(&account);
    return DORA_OK;
}
