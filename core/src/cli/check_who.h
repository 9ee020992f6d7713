/* check_who.h: `dora check --who`: what somebody may do by a configuration's rules. */
#ifndef DR_CLI_CHECK_WHO_H
#define DR_CLI_CHECK_WHO_H

#include "server/access/rules.h"
#include "server/config/config.h"
#include "task/names.h"

/* dr_who is somebody by name: an identity, "anyone", or an address without an identity. */
typedef struct dr_who {
    const char *name;
    const dr_access *access;
    dr_subject subject;
} dr_who;

/* dr_who_find finds whom `name` means. Errors: DORA_ECONFIG: nobody, or there are no rules. */
dora_err dr_who_find(const dr_config *config, const char *name, dr_who *who, dora_error *error);

/* dr_who_print writes the table: the names that the pools of the configuration list, and commands.
 * dr_who_print_names adds those that an application has registered. */
void dr_who_print(const dr_who *who, const dr_config *config);
void dr_who_print_names(const dr_who *who, const dr_names *names);

#endif
