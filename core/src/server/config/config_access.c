/* config_access.c: who there is, and what they may do: the key `access`. */
#include "server/config/config_access.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "server/access/rules.h"
#include "server/config/suggest.h"

#define USER_BYTES 4096 /* for one entry of the users' list */

static const char *const commands[] = {"getStat",    "getApis", "forgive",
                                       "reloadTask", "upgrade", NULL};

const char *const *dr_config_access_commands(void)
{
    return commands;
}

/* proof is a list of one kind of what an identity is known by, on its way into it. */
typedef struct proof {
    dr_reading *r;
    dr_access *access;
    uint32_t index;
    dora_err (*take)(struct proof *self, const json_t *json, size_t number);
} proof;

static dr_identity *identity_of(const proof *self)
{
    return &self->access->identities[self->index];
}

/* is_taken says so where another identity, or this one, is known by the same already. */
static bool is_taken(const proof *self, uint32_t owner, size_t number)
{
    if (owner == DR_NOBODY) {
        return false;
    }
    dr_reading_problem(self->r, "item %zu is that of \"%s\" already; it can be one identity's only",
                       number, self->access->identities[owner].name);
    return true;
}

static dora_err take_token(proof *self, const json_t *json, size_t number)
{
    dr_token_digest digest;
    const dora_slice text = {json_string_value(json), json_string_length(json)};
    if (!json_is_string(json) || !dr_token_digest_read(text, &digest)) {
        dr_reading_problem(self->r,
                           "item %zu must be the SHA-256 of a token, 64 hexadecimal digits, as "
                           "`printf %%s TOKEN | sha256sum` prints them",
                           number);
        return DORA_OK;
    }
    return is_taken(self, dr_access_by_token(self->access, &digest), number)
               ? DORA_OK
               : dr_identity_add_token(identity_of(self), &digest);
}

static dora_err take_cert(proof *self, const json_t *json, size_t number)
{
    const char *text = json_string_value(json);
    if (text == NULL || text[0] == '\0' || json_string_length(json) > DR_HOST_NAME_MAX ||
        strlen(text) != json_string_length(json)) {
        dr_reading_problem(self->r,
                           "item %zu must be the name in a client's certificate: its first DNS "
                           "name, else its CN",
                           number);
        return DORA_OK;
    }
    return is_taken(self, dr_access_by_cert(self->access, text), number)
               ? DORA_OK
               : dr_identity_add_cert(identity_of(self), text);
}

/* uid_of reads a number, or the name of a user. Returns: false when it is neither. */
static bool uid_of(const json_t *json, uint32_t *uid)
{
    char room[USER_BYTES];
    struct passwd user;
    struct passwd *found = NULL;
    const json_int_t number = json_integer_value(json);
    if (json_is_integer(json)) {
        *uid = (uint32_t)number;
        return number >= 0 && number < UINT32_MAX;
    }
    if (json_is_string(json)) {
        (void)getpwnam_r(json_string_value(json), &user, room, sizeof(room), &found);
    }
    *uid = found != NULL ? found->pw_uid : 0;
    return found != NULL;
}

static dora_err take_uid(proof *self, const json_t *json, size_t number)
{
    uint32_t uid;
    if (!uid_of(json, &uid)) {
        dr_reading_problem(self->r,
                           "item %zu must be the number or the name of a user of this "
                           "machine",
                           number);
        return DORA_OK;
    }
    return is_taken(self, dr_access_by_uid(self->access, uid), number)
               ? DORA_OK
               : dr_identity_add_uid(identity_of(self), uid);
}

/* take_proofs: one, or a list of them. */
static dora_err take_proofs(proof *self, const json_t *json)
{
    const size_t count = json_is_array(json) ? json_array_size(json) : 1;
    dora_err err = DORA_OK;
    if (count == 0 || count > DR_IDENTITY_PROOFS_MAX) {
        dr_reading_problem(self->r, "must be one, or a list of 1 to %u", DR_IDENTITY_PROOFS_MAX);
        return DORA_OK;
    }
    for (size_t i = 0; i < count && err == DORA_OK; i++) {
        err = self->take(self, json_is_array(json) ? json_array_get(json, i) : json, i + 1);
    }
    return err;
}

static dora_err take_identity(dr_reading *r, dr_access *access, const char *name,
                              const json_t *json)
{
    static const struct {
        const char *key;
        dora_err (*take)(proof *self, const json_t *json, size_t number);
    } kinds[] = {{"token_sha256", take_token}, {"cert", take_cert}, {"uid", take_uid}};
    const char *key;
    const json_t *value;
    dora_err err = dr_access_add_identity(access, name) != NULL ? DORA_OK : DORA_ENOMEM;
    proof self = {.r = r, .access = access, .index = (uint32_t)access->identity_count - 1};
    if (err == DORA_OK && (!json_is_object(json) || json_object_size(json) == 0)) {
        dr_reading_problem(r, "must say by what it is known: {\"token_sha256\": ..., \"cert\": "
                              "..., \"uid\": ...}, one of them or more");
        return DORA_OK;
    }
    r->depth++;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        r->path[r->depth - 1] = key;
        self.take = NULL;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            self.take = strcmp(kinds[i].key, key) == 0 ? kinds[i].take : self.take;
        }
        if (self.take == NULL) {
            dr_reading_problem(r, "unknown key; allowed: token_sha256, cert, uid");
        } else if (err == DORA_OK) {
            err = take_proofs(&self, value);
        }
    }
    r->depth--;
    return err;
}

static bool is_identity_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@";
    const size_t len = strlen(name);
    return len > 0 && len <= DR_IDENTITY_NAME_MAX && strspn(name, letters) == len &&
           strcmp(name, DR_ANYONE) != 0;
}

/* access_of is the configuration's, made where there is none. */
static dr_access *access_of(dr_config *config)
{
    if (config->access == NULL) {
        config->access = dr_access_new();
    }
    return config->access;
}

static dora_err take_identities(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_access *access = access_of(object);
    const char *name;
    const json_t *value;
    dora_err err = access != NULL ? DORA_OK : DORA_ENOMEM;
    (void)key;
    if (!json_is_object(json) || json_object_size(json) > DR_IDENTITIES_MAX) {
        dr_reading_problem(r, "must be an object of at most %u: {\"NAME\": {...}}",
                           DR_IDENTITIES_MAX);
        return DORA_OK;
    }
    r->depth++;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        r->path[r->depth - 1] = name;
        if (!is_identity_name(name)) {
            dr_reading_problem(r,
                               "an identity's name is 1 to %u letters, digits, \"_\", \"-\", "
                               "\".\" or \"@\", and not \"" DR_ANYONE "\"",
                               DR_IDENTITY_NAME_MAX);
        } else if (err == DORA_OK) {
            err = take_identity(r, access, name, value);
        }
    }
    r->depth--;
    return err;
}

/* rule_read is a rule on its way, for messages. */
typedef struct rule_read {
    dr_reading *r;
    const dr_access *access;
    dr_access_rule *rule;
    size_t number;
} rule_read;

static void unknown_identity(const rule_read *self, const char *name)
{
    const char *names[DR_IDENTITIES_MAX + 2] = {DR_ANYONE};
    for (size_t i = 0; i < self->access->identity_count; i++) {
        names[i + 1] = self->access->identities[i].name;
    }
    const char *near = dr_suggest(name, names);
    dr_reading_problem(self->r, "rule %zu: who: there is no \"%s\" in access.identities%s%s%s",
                       self->number, name, near != NULL ? "; did you mean \"" : "",
                       near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static dora_err take_network(const rule_read *self, const json_t *json)
{
    const char *text = json_string_value(json_object_get(json, "address"));
    dr_network network;
    dora_error error;
    if (text == NULL || json_object_size(json) != 1) {
        dr_reading_problem(self->r,
                           "rule %zu: who: an object must be {\"address\": \"10.0.0.0/8\"}; for "
                           "several use a list",
                           self->number);
        return DORA_OK;
    }
    if (dr_network_read(text, &network, &error) != DORA_OK) {
        dr_reading_problem(self->r, "rule %zu: who: address: %s", self->number, error.msg);
        return DORA_OK;
    }
    return dr_access_rule_add_network(self->rule, &network);
}

static dora_err take_one_who(const rule_read *self, const json_t *json)
{
    const char *text = json_string_value(json);
    if (json_is_object(json)) {
        return take_network(self, json);
    }
    if (text == NULL) {
        dr_reading_problem(self->r,
                           "rule %zu: who: must be a name of access.identities, \"" DR_ANYONE
                           "\", {\"address\": \"10.0.0.0/8\"}, or a list of these",
                           self->number);
    } else if (strcmp(text, DR_ANYONE) == 0) {
        self->rule->anyone = true;
    } else {
        const uint32_t identity = dr_access_find(self->access, text);
        if (identity == DR_NOBODY) {
            unknown_identity(self, text);
        } else {
            dr_access_rule_add_identity(self->rule, identity);
        }
    }
    return DORA_OK;
}

/* items_of is a list, or one thing as a list of one. Returns: how many; 0 and a problem where that
 * is too many, or none. */
static size_t items_of(const rule_read *self, const char *key, const json_t *json)
{
    const size_t count = json_is_array(json) ? json_array_size(json) : 1;
    if (count > DR_ACCESS_ITEMS_MAX) {
        dr_reading_problem(self->r, "rule %zu: %s: more than %u items", self->number, key,
                           DR_ACCESS_ITEMS_MAX);
        return 0;
    }
    return count;
}

static const json_t *item_of(const json_t *json, size_t i)
{
    return json_is_array(json) ? json_array_get(json, i) : json;
}

static dora_err take_who(const rule_read *self, const json_t *json)
{
    dora_err err = DORA_OK;
    const size_t count = items_of(self, "who", json);
    if (json == NULL || (json_is_array(json) && count == 0)) {
        dr_reading_problem(self->r,
                           "rule %zu: says not \"who\"; everybody is \"who\": \"" DR_ANYONE "\"",
                           self->number);
        return DORA_OK;
    }
    for (size_t i = 0; i < count && err == DORA_OK; i++) {
        err = take_one_who(self, item_of(json, i));
    }
    return err;
}

/* is_command: a pattern has to match one there is. */
static bool is_command(const char *pattern)
{
    for (const char *const *name = commands; *name != NULL; name++) {
        if (dr_pattern_is(pattern, (dora_slice){*name, strlen(*name)})) {
            return true;
        }
    }
    return false;
}

static dora_err take_pattern(const rule_read *self, const char *key, const json_t *json,
                             dr_patterns *patterns)
{
    const char *text = json_string_value(json);
    const size_t len = json_string_length(json);
    const char *name = text != NULL && text[0] == '!' ? text + 1 : text;
    if (name == NULL || name[0] == '\0' || len > DR_API_NAME_MAX + 1 || strlen(text) != len) {
        dr_reading_problem(self->r,
                           "rule %zu: %s: must be a list of names, in which * stands for anything, "
                           "and which a ! in front refuses",
                           self->number, key);
        return DORA_OK;
    }
    if (patterns == &self->rule->commands && !is_command(name)) {
        const char *near = dr_suggest(name, commands);
        dr_reading_problem(self->r,
                           "rule %zu: control: there is no command \"%s\"%s%s%s; there are "
                           "getStat, getApis, forgive, reloadTask and upgrade",
                           self->number, name, near != NULL ? "; did you mean \"" : "",
                           near != NULL ? near : "", near != NULL ? "\"?" : "");
        return DORA_OK;
    }
    return dr_patterns_add(patterns, text);
}

static dora_err take_patterns(const rule_read *self, const char *key, const json_t *json,
                              dr_patterns *patterns)
{
    dora_err err = DORA_OK;
    if (json == NULL || json_is_false(json)) {
        return DORA_OK;
    }
    if (json_is_true(json)) {
        return dr_patterns_add(patterns, "*");
    }
    const size_t count = items_of(self, key, json);
    for (size_t i = 0; i < count && err == DORA_OK; i++) {
        err = take_pattern(self, key, item_of(json, i), patterns);
    }
    return err;
}

static void check_rule_keys(const rule_read *self, const json_t *json)
{
    static const char *const keys[] = {"who", "apis", "control", NULL};
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        bool is_known = false;
        for (const char *const *each = keys; *each != NULL; each++) {
            is_known = is_known || strcmp(*each, key) == 0;
        }
        if (!is_known) {
            dr_reading_problem(self->r, "rule %zu: unknown key \"%s\"; allowed: who, apis, control",
                               self->number, key);
        }
    }
}

static dora_err take_rule(dr_reading *r, dr_access *access, const json_t *json, size_t number)
{
    const rule_read self = {r, access, dr_access_add_rule(access), number};
    const json_t *apis = json_object_get(json, "apis");
    const json_t *control = json_object_get(json, "control");
    if (self.rule == NULL) {
        return DORA_ENOMEM;
    }
    if (!json_is_object(json)) {
        dr_reading_problem(r, "rule %zu must be an object: {\"who\": ..., \"apis\": [...]}",
                           number);
        return DORA_OK;
    }
    check_rule_keys(&self, json);
    if (apis == NULL && control == NULL) {
        dr_reading_problem(r, "rule %zu: has neither \"apis\" nor \"control\": it says nothing",
                           number);
    }
    dora_err err = take_who(&self, json_object_get(json, "who"));
    err = err == DORA_OK ? take_patterns(&self, "apis", apis, &self.rule->apis) : err;
    return err == DORA_OK ? take_patterns(&self, "control", control, &self.rule->commands) : err;
}

static dora_err take_rules(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_access *access = access_of(object);
    dora_err err = access != NULL ? DORA_OK : DORA_ENOMEM;
    const size_t count = json_array_size(json);
    (void)key;
    if (!json_is_array(json) || count == 0 || count > DR_ACCESS_RULES_MAX) {
        dr_reading_problem(r,
                           "must be a list of 1 to %u rules, such as {\"who\": \"" DR_ANYONE
                           "\", \"apis\": [\"*\"]}: without any, nobody could call",
                           DR_ACCESS_RULES_MAX);
        return DORA_OK;
    }
    for (size_t i = 0; i < count && err == DORA_OK; i++) {
        err = take_rule(r, access, json_array_get(json, i), i + 1);
    }
    return err;
}

dora_err dr_take_access(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    dr_config *config = object;
    const json_t *identities = json_object_get(json, "identities");
    const json_t *rules = json_object_get(json, "rules");
    dora_err err = DORA_OK;
    dr_access_free(config->access);
    config->access = NULL;
    if (json_is_null(json)) {
        return DORA_OK;
    }
    if (!json_is_object(json) ||
        json_object_size(json) > (size_t)(identities != NULL) + (size_t)(rules != NULL)) {
        return dr_take_members(r, key->keys, json, object); /* which says what is wrong */
    }
    r->depth++;
    for (const dr_key *each = key->keys; each->name != NULL && err == DORA_OK; each++) {
        const json_t *value = json_object_get(json, each->name);
        r->path[r->depth - 1] = each->name;
        err = value != NULL ? each->take(r, each, value, object) : DORA_OK;
    }
    r->depth--;
    if (rules == NULL) {
        dr_reading_problem(r, "has no \"rules\": nobody could call; without `access` all may");
    }
    return err;
}

void dr_config_each_idle(const dr_config *config, void (*tell)(const char *name))
{
    const dr_access *access = config->access;
    for (uint32_t i = 0; access != NULL && i < access->identity_count; i++) {
        bool is_named = false;
        for (size_t j = 0; j < access->rule_count; j++) {
            is_named = is_named || (access->rules[j].identities[i / 64] >> (i % 64) & 1) != 0;
        }
        if (!is_named) {
            tell(access->identities[i].name);
        }
    }
}

const dr_key dr_config_access_keys[] = {
    {.name = "identities", .take = take_identities},
    {.name = "rules", .take = take_rules},
    {.name = NULL},
};
