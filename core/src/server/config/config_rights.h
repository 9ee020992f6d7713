/* config_rights.h: the keys that say as whom processes run and what they may, and what follows. */
#ifndef DR_SERVER_CONFIG_RIGHTS_H
#define DR_SERVER_CONFIG_RIGHTS_H

#include "base/rights.h"
#include "server/config/config_take.h"

/* The dr_take_fn of: a user or a group, by name or number (char *), null for none; bits of a file's
 * mode in octal digits (uint32_t), which a JSON number would not be; true or false where neither is
 * a third thing (dr_choice). */
dora_err dr_take_user(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_mode(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_choice(dr_reading *r, const dr_key *key, const json_t *json, void *object);

/* dr_rights_find gives a pool's: what it says, else what the server says; a pool with a user of its
 * own has not the server's group. Errors: DORA_ECONFIG names the key; DORA_ENOMEM. Ownership: gives
 * what dr_rights_fini frees. */
dora_err dr_rights_find(const dr_config *config, const dr_pool_config *pool, dr_rights *rights,
                        dora_error *error);

/* dr_rights_user is whom a pool's processes run as, by the configuration; NULL: as the server. */
const char *dr_rights_user(const dr_config *config, const dr_pool_config *pool);

/* dr_rights_check says whether this process can start others with these rights. */
dora_err dr_rights_check(const dr_config *config, const dr_pool_config *pool,
                         const dr_rights *rights, dora_error *error);

/* dr_master_user_find gives whom the master is to become. It must be another user than that of any
 * pool, which must have one: else workers could signal and trace the master, or be root until the
 * first reload. `*is_other` is false where there is nothing to become. Errors and ownership: as
 * above. */
dora_err dr_master_user_find(const dr_config *config, dr_account *account, bool *is_other,
                             dora_error *error);

/* dr_unix_owner_find gives whose the Unix socket's file is to be: `master_user`, where nothing else
 * is said; -1: whoever makes it. Errors: as above. */
dora_err dr_unix_owner_find(const dr_config *config, uid_t *owner, gid_t *group, dora_error *error);

#endif
