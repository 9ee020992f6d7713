/* registry.c: the nodes that a file or any number of Redis name together, the last good ones kept.
 * Pure but for reading the file. */
#include "discovery/registry.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/utf8.h"
#include "discovery/membership.h"
#include "discovery/watched_file.h"

#define NS_PER_MS UINT64_C(1000000)
#define LINE_BYTES 2048

/* One Redis of several. */
typedef struct source {
    dr_registry *registry;
    dr_membership *membership;
    dr_redis *sessions[2];
    size_t session_count;
    bool is_void; /* it is down, and another one has said something since */
} source;

struct dr_registry {
    dr_registry_events events;
    dr_watched_file *file; /* NULL: it is Redis */
    uint64_t looked_ns;    /* at the file, last; 0: never */
    source sources[DR_REGISTRY_REDIS_MAX];
    size_t count;
    dr_roster roster; /* the last good one */
    bool is_changed;
    bool is_kept_told; /* that the last good one stays though nothing names it, was said */
    dr_roster missing; /* who may be on the way back, and counts beside what Redis say */
    uint64_t whole_ns; /* until then */
    char why[LINE_BYTES];
};

/* A Redis, or who writes into it, may have put anything into a text. */
static void warn(const dr_registry *self, const char *text)
{
    char line[LINE_BYTES * 2];
    const dora_slice told = dr_slice(text);
    self->events.on_warning(self->events.user, dr_printable_text(told, line, sizeof(line)));
}

static void pass_warning(void *user, const char *text)
{
    warn(((const source *)user)->registry, text);
}

/* ---- what is good ---- */

/* warn_kept says that the last good nodes stay, where there are any. */
static void warn_kept(const dr_registry *self, const char *why)
{
    char line[LINE_BYTES + sizeof("; the last ones stay: ") + DR_ROSTER_COUNTS_MAX];
    char counts[DR_ROSTER_COUNTS_MAX];
    if (self->roster.count == 0) {
        warn(self, why);
        return;
    }
    snprintf(line, sizeof line, "%s; the last ones stay: %s", why,
             dr_roster_counts(&self->roster, counts));
    warn(self, line);
}

static void keep_last_good(dr_registry *self, const char *why)
{
    if (self->roster.count > 0 && !self->is_kept_told) {
        self->is_kept_told = true;
        warn_kept(self, why);
    }
}

/* take makes `roster` the good one; it is the registry's from now on. */
static void take(dr_registry *self, dr_roster *roster, const char *nobody)
{
    if (roster->count == 0) {
        dr_roster_fini(roster);
        keep_last_good(self, nobody);
        return;
    }
    self->is_kept_told = false;
    if (dr_roster_is_same(&self->roster, roster)) {
        dr_roster_fini(&self->roster); /* the times are new */
    } else {
        dr_roster_fini(&self->roster);
        self->is_changed = true;
    }
    self->roster = *roster;
}

/* ---- Redis ---- */

/* unite adds up what counts. Returns: whether any Redis can be read. */
static bool unite(dr_registry *self, dr_roster *roster, dora_err *err)
{
    bool is_any_up = false;
    *roster = (dr_roster){0};
    *err = DORA_OK;
    for (size_t i = 0; i < self->count; i++) {
        const source *one = &self->sources[i];
        const dr_roster *named = dr_membership_roster(one->membership);
        is_any_up = is_any_up || dr_membership_is_up(one->membership);
        if (named != NULL && !one->is_void && *err == DORA_OK) {
            *err = dr_roster_join(roster, named);
        }
    }
    *err = *err == DORA_EFULL ? DORA_OK : *err; /* each membership has said so, or nearly */
    dr_roster_sort(roster);
    return is_any_up;
}

/* After an outage Redis is empty, and servers come back to it one by one: those that were known
 * count beside them for a while, so that the first to come does not get the calls of all. */
static dora_err expect_back(dr_registry *self, const dr_roster *known, uint64_t now_ns)
{
    self->whole_ns = now_ns + DR_REGISTRY_RETURN_MS * NS_PER_MS;
    const dora_err err = dr_roster_join(&self->missing, known);
    return err == DORA_EFULL ? DORA_OK : err;
}

/* hear takes in that a Redis can be read. What a lost one said counts no longer than until then.
 * One that was emptied names nobody, while another may name who came last, or went just now, and
 * nobody else. */
static dora_err hear(dr_registry *self, source *spoke, uint64_t now_ns)
{
    const dr_roster *before = dr_membership_before(spoke->membership);
    const bool is_emptied = !spoke->is_void &&
                            dr_membership_roster(spoke->membership)->count == 0 &&
                            dr_roster_count_nodes(before) > 1;
    spoke->is_void = false;
    for (size_t i = 0; i < self->count; i++) {
        source *other = &self->sources[i];
        other->is_void = other->is_void || !dr_membership_is_up(other->membership);
    }
    return is_emptied ? expect_back(self, before, now_ns) : DORA_OK;
}

/* add_missing adds who is not back yet. Who was, and went again, is gone. Of a single node nothing
 * is kept when nobody is named any more: it was replaced by another, rather. */
static dora_err add_missing(dr_registry *self, dr_roster *roster, uint64_t now_ns)
{
    dora_err err = DORA_OK;
    if (self->is_kept_told && dr_roster_count_nodes(&self->roster) > 1) {
        err = expect_back(self, &self->roster, now_ns);
    }
    if (now_ns >= self->whole_ns) {
        dr_roster_fini(&self->missing);
    }
    dr_roster_remove(&self->missing, roster);
    err = err == DORA_OK ? dr_roster_join(roster, &self->missing) : err;
    dr_roster_sort(roster);
    return err == DORA_EFULL ? DORA_OK : err;
}

static void on_read(void *user, uint64_t now_ns)
{
    source *spoke = user;
    dr_registry *self = spoke->registry;
    dr_roster roster;
    dora_err err;
    const bool is_up = dr_membership_is_up(spoke->membership);
    const dora_err heard = is_up ? hear(self, spoke, now_ns) : DORA_OK;
    const bool is_any_up = unite(self, &roster, &err);
    err = err == DORA_OK ? heard : err;
    if (err == DORA_OK && is_any_up && roster.count > 0) {
        err = add_missing(self, &roster, now_ns);
    }
    if (err != DORA_OK) { /* without memory the old one stays; the next reading may find some */
        dr_roster_fini(&roster);
    } else if (!is_any_up) {
        dr_roster_fini(&roster);
        keep_last_good(self, "no Redis can be read");
    } else {
        take(self, &roster, "no server is registered any more");
    }
}

/* ---- the file ---- */

static void look_at_file(dr_registry *self, uint64_t now_ns)
{
    dr_roster roster;
    const char *warning = NULL;
    self->looked_ns = now_ns;
    if (!dr_watched_file_look(self->file, &roster, &warning)) {
        if (warning != NULL) {
            warn_kept(self, warning);
        }
        return;
    }
    char nobody[LINE_BYTES];
    snprintf(nobody, sizeof nobody, "%s: no server stands there any more",
             dr_watched_file_name(self->file));
    take(self, &roster, nobody);
}

/* ---- what is meant ---- */

static bool begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " ");
}

bool dr_registry_is_meant(const char *nodes)
{
    const char *text = nodes != NULL ? skip_blanks(nodes) : "";
    if (begins_with(text, "file:")) {
        return true;
    }
    while (dr_redis_url_is_meant(dr_slice(text))) {
        text += strcspn(text, ",");
        if (*text == '\0') {
            return true; /* one that stands beside servers is none */
        }
        text = skip_blanks(text + 1);
    }
    return false;
}

static dora_err add_redis(dr_registry *self, dora_slice text, bool subscribes, dora_error *error)
{
    dr_redis_url url;
    if (self->count == DR_REGISTRY_REDIS_MAX) {
        return dora_error_set(error, DORA_EINVAL, "more than %u Redis", DR_REGISTRY_REDIS_MAX);
    }
    dora_err err = dr_redis_url_read(text, &url, error);
    if (err != DORA_OK) {
        return err;
    }
    source *one = &self->sources[self->count];
    const dr_membership_events events = {
        .on_read = on_read, .on_warning = pass_warning, .user = one};
    one->registry = self;
    err = dr_membership_new(&one->membership, &url, subscribes, &events);
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    one->session_count = dr_membership_sessions(one->membership, one->sessions);
    self->count++;
    return DORA_OK;
}

static dora_err add_all(dr_registry *self, const char *sources, bool subscribes, dora_error *error)
{
    dora_err err = DORA_OK;
    const char *at = sources;
    while (err == DORA_OK) {
        const size_t len = strcspn(at, ",");
        err = add_redis(self, dr_address_trimmed((dora_slice){at, len}), subscribes, error);
        if (at[len] == '\0') {
            break;
        }
        at += len + 1;
    }
    return err;
}

dora_err dr_registry_new(dr_registry **registry, const char *sources, bool subscribes,
                         const dr_registry_events *events, dora_error *error)
{
    dr_registry *self = dr_calloc(1, sizeof *self);
    if (self == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    self->events = *events;
    const char *text = skip_blanks(sources);
    const dora_err err = begins_with(text, "file:")
                             ? dr_watched_file_new(&self->file, text + strlen("file:"), error)
                             : add_all(self, sources, subscribes, error);
    if (err != DORA_OK) {
        dr_registry_free(self);
        return err;
    }
    *registry = self;
    return DORA_OK;
}

void dr_registry_free(dr_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    for (size_t i = 0; i < registry->count; i++) {
        dr_membership_free(registry->sources[i].membership);
    }
    dr_watched_file_free(registry->file);
    dr_roster_fini(&registry->roster);
    dr_roster_fini(&registry->missing);
    dr_free(registry);
}

/* ---- use ---- */

size_t dr_registry_sessions(const dr_registry *registry)
{
    size_t count = 0;
    for (size_t i = 0; i < registry->count; i++) {
        count += registry->sources[i].session_count;
    }
    return count;
}

dr_redis *dr_registry_session(dr_registry *registry, size_t index)
{
    size_t i = 0;
    while (index >= registry->sources[i].session_count) {
        index -= registry->sources[i++].session_count;
    }
    return registry->sources[i].sessions[index];
}

bool dr_registry_has_tls(const dr_registry *registry)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (dr_redis_url_of(registry->sources[i].sessions[0])->is_tls) {
            return true;
        }
    }
    return false;
}

void dr_registry_use_tls(dr_registry *registry, dr_tls_context *tls, const char *name)
{
    for (size_t i = 0; i < dr_registry_sessions(registry); i++) {
        dr_redis_use_tls(dr_registry_session(registry, i), tls, name);
    }
}

void dr_registry_start(dr_registry *registry, uint64_t now_ns)
{
    for (size_t i = 0; i < registry->count; i++) {
        dr_membership_start(registry->sources[i].membership, now_ns);
    }
    dr_registry_read(registry, now_ns);
}

void dr_registry_stop(dr_registry *registry, uint64_t now_ns)
{
    for (size_t i = 0; i < registry->count; i++) {
        dr_membership_stop(registry->sources[i].membership, now_ns);
    }
}

void dr_registry_read(dr_registry *registry, uint64_t now_ns)
{
    for (size_t i = 0; i < registry->count; i++) {
        dr_membership_read(registry->sources[i].membership, now_ns);
    }
    if (registry->file != NULL &&
        (registry->looked_ns == 0 ||
         now_ns - registry->looked_ns >= DR_REGISTRY_FILE_MS * NS_PER_MS)) {
        look_at_file(registry, now_ns);
    }
}

bool dr_registry_is_reading(const dr_registry *registry)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (dr_membership_is_reading(registry->sources[i].membership)) {
            return true;
        }
    }
    return false;
}

bool dr_registry_changed(dr_registry *registry)
{
    const bool is_changed = registry->is_changed;
    registry->is_changed = false;
    return is_changed;
}

const dr_roster *dr_registry_roster(const dr_registry *registry)
{
    return registry->roster.count > 0 ? &registry->roster : NULL;
}

/* why_of_redis puts together what keeps each from being read. */
static void why_of_redis(dr_registry *self)
{
    size_t len = 0;
    bool is_any_up = false;
    for (size_t i = 0; i < self->count; i++) {
        is_any_up = is_any_up || dr_membership_is_up(self->sources[i].membership);
    }
    const char *first = is_any_up ? "no server is registered" : "";
    len = (size_t)snprintf(self->why, sizeof self->why, "%s", first);
    for (size_t i = 0; i < self->count && len < sizeof self->why; i++) {
        const char *why = dr_membership_why(self->sources[i].membership);
        if (why[0] != '\0') {
            len += (size_t)snprintf(self->why + len, sizeof self->why - len, "%s%s",
                                    len > 0 ? "; " : "", why);
        }
    }
}

const char *dr_registry_why(const dr_registry *registry)
{
    dr_registry *self = (dr_registry *)(uintptr_t)registry; /* the text is made here, and kept */
    const char *wrong = self->file != NULL ? dr_watched_file_why(self->file) : "";
    if (self->file == NULL) {
        why_of_redis(self);
    } else {
        snprintf(self->why, sizeof self->why, "%s",
                 wrong[0] != '\0' ? wrong : "no server is registered");
    }
    return self->why;
}
