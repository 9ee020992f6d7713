/* check_who.c: `dora check --who`: what somebody may do by a configuration's rules. */
#include "cli/check_who.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "cli/text.h"
#include "server/config/config_access.h"
#include "server/config/suggest.h"

#define NAME_WIDTH 32

static dora_err unknown(const dr_access *access, const char *name, dora_error *error)
{
    const char *names[DR_IDENTITIES_MAX + 2] = {DR_ANYONE};
    for (size_t i = 0; i < access->identity_count; i++) {
        names[i + 1] = access->identities[i].name;
    }
    const char *near = dr_suggest(name, names);
    return dora_error_set(
        error, DORA_ECONFIG,
        "--who %s: is neither in access.identities nor an address nor \"" DR_ANYONE "\"%s%s%s",
        name, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
        near != NULL ? "\"?" : "");
}

dora_err dr_who_find(const dr_config *config, const char *name, dr_who *who, dora_error *error)
{
    *who = (dr_who){.name = name, .access = config->access, .subject = {.identity = DR_NOBODY}};
    if (config->access == NULL) {
        return dora_error_set(error, DORA_ECONFIG,
                              "--who %s: the configuration has no \"access\": everybody may call, "
                              "and control.allow says who may give commands",
                              name);
    }
    who->subject.identity = dr_access_find(config->access, name);
    const bool is_known = who->subject.identity != DR_NOBODY || strcmp(name, DR_ANYONE) == 0 ||
                          dr_ip_read(name, &who->subject.ip);
    return is_known ? DORA_OK : unknown(config->access, name, error);
}

static void print_row(const dr_who *who, dr_right right, const char *kind, const char *name)
{
    const dr_verdict verdict = dr_access_judge(who->access, &who->subject, right, dr_slice(name));
    char by[32] = "no rule";
    if (verdict.rule >= 0) {
        (void)snprintf(by, sizeof(by), "rule %d", verdict.rule + 1);
    }
    dr_text_print(stdout, "", "  %-8s %-*s %-4s %s", kind, NAME_WIDTH, name,
                  verdict.is_allowed ? "yes" : "no", by);
    printf("\n");
}

void dr_who_print(const dr_who *who, const dr_config *config)
{
    dr_text_print(stdout, "", "%s may:", who->name);
    printf("\n");
    for (const char *const *each = dr_config_access_commands(); *each != NULL; each++) {
        print_row(who, DR_RIGHT_COMMAND, "command", *each);
    }
    for (size_t i = 0; i < config->pool_count; i++) {
        const dr_texts *apis = &config->pools[i].apis;
        for (size_t j = 0; j < apis->count; j++) {
            print_row(who, DR_RIGHT_API, "api", apis->items[j]);
        }
    }
}

void dr_who_print_names(const dr_who *who, const dr_names *names)
{
    for (uint32_t i = 0; i < names->count; i++) {
        print_row(who, DR_RIGHT_API, "api", names->items[i]);
    }
}
