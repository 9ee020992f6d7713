/* registration.c: one server's place in one Redis, as commands and what their replies mean. */
#include "discovery/registration.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "discovery/redis_reply.h"

#define NS_A_MS UINT64_C(1000000)
#define WHY_BYTES 512
#define OLDER_MAX 64u /* own older members taken out by one SREM; the rest at the next beat */

struct dr_registration {
    dr_redis *redis;
    dr_address address;
    char *member; /* of the set */
    char time_key[DR_ENTRY_KEY_MAX];
    char node_key[DR_ENTRY_KEY_MAX];
    void (*on_change)(void *user);
    void *user;
    dr_registration_state state;
    char why[WHY_BYTES];
    uint64_t beats;
    uint64_t failures;
    bool is_tidy;          /* on this connection own older members have been taken out */
    bool was_missing;      /* the beat under way put the member into the set */
    char wrong[WHY_BYTES]; /* with the beat under way; "": nothing */
};

/* set_state tells the owner, where there is anything to tell. */
static void set_state(dr_registration *self, dr_registration_state state, const char *why)
{
    const bool is_same = self->state == state && strcmp(self->why, why) == 0;
    self->state = state;
    (void)snprintf(self->why, sizeof self->why, "%s", why);
    if (!is_same && self->on_change != NULL) {
        self->on_change(self->user);
    }
}

/* is_wanted says whether the server is to be listed. */
static bool is_wanted(const dr_registration *self)
{
    return self->state == DR_REGISTRATION_JOINING || self->state == DR_REGISTRATION_JOINED;
}

/* say sends a command of up to six words; the last one is NULL. What cannot be sent has no reply,
 * so that the beat does not become good. */
static void say(dr_registration *self, const char *const *texts, dr_redis_reply_fn on_reply,
                uint64_t now_ns)
{
    dora_slice words[6];
    size_t count = 0;
    for (; texts[count] != NULL; count++) {
        words[count] = dr_slice(texts[count]);
    }
    if (dr_redis_command(self->redis, words, count, on_reply, self, now_ns) != DORA_OK) {
        self->failures++;
    }
}

/* note_wrong keeps the first reason of a beat, as one line of printable ASCII. */
static void note_wrong(dr_registration *self, const char *command, const char *key, dora_slice text)
{
    self->failures++;
    if (self->wrong[0] != '\0') {
        return;
    }
    const int len = snprintf(self->wrong, sizeof self->wrong, "%s%s%s: ", command,
                             key[0] != '\0' ? " " : "", key);
    size_t at = (size_t)len;
    for (size_t i = 0; i < text.len && at + 1 < sizeof self->wrong; i++) {
        self->wrong[at++] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    }
    self->wrong[at] = '\0';
}

/* check says whether an answer is of `kind`, and notes what it is otherwise. */
static bool check(dr_registration *self, const char *command, const char *key,
                  const dr_redis_reply *reply, dr_redis_kind kind)
{
    const dr_redis_kind found = dr_redis_reply_kind(reply);
    if (found != kind) {
        note_wrong(self, command, key,
                   found == DR_REDIS_ERROR ? dr_redis_reply_text(reply)
                                           : dr_slice("an answer that Redis does not give"));
    }
    return found == kind;
}

/* ---- the channel ---- */

static void on_published(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)now_ns;
    dr_registration *self = user;
    /* Who is not told reads the set a moment later: the place there is what counts. */
    self->failures += dr_redis_reply_kind(reply) != DR_REDIS_INTEGER;
}

/* publish says {"event":"join",...the member's own keys...}. */
static void publish(dr_registration *self, const char *event, dr_redis_reply_fn on_reply,
                    uint64_t now_ns)
{
    const size_t room = strlen(self->member) + 32;
    char *text = dr_alloc(room);
    if (text == NULL) {
        self->failures++;
        return;
    }
    (void)snprintf(text, room, "{\"event\":\"%s\",%s", event, self->member + 1);
    say(self, (const char *const[]){"PUBLISH", DR_ENTRY_CHANNEL, text, NULL}, on_reply, now_ns);
    dr_free(text);
}

/* ---- joining ---- */

static bool is_older(const dr_registration *self, dora_slice member)
{
    dr_entry entry;
    if (member.len == strlen(self->member) && memcmp(member.data, self->member, member.len) == 0) {
        return false;
    }
    if (dr_entry_read(member, &entry, NULL) != DORA_OK) {
        return false; /* who knows whose */
    }
    const bool is_own = dr_address_is_same(&entry.address, &self->address);
    dr_entry_fini(&entry);
    return is_own;
}

static void on_removed(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)now_ns;
    (void)check(user, "SREM", DR_ENTRY_SET, reply, DR_REDIS_INTEGER);
}

static void on_members(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_registration *self = user;
    dora_slice words[2 + OLDER_MAX] = {dr_slice("SREM"), dr_slice(DR_ENTRY_SET)};
    size_t count = 2;
    if (!check(self, "SMEMBERS", DR_ENTRY_SET, reply, DR_REDIS_ARRAY) || !is_wanted(self)) {
        return;
    }
    for (size_t i = 0; i < dr_redis_reply_count(reply) && count < 2 + OLDER_MAX; i++) {
        const dora_slice member = dr_redis_reply_text(dr_redis_reply_at(reply, i));
        if (is_older(self, member)) {
            words[count++] = member;
        }
    }
    self->is_tidy = count < 2 + OLDER_MAX;
    if (count > 2 &&
        dr_redis_command(self->redis, words, count, on_removed, self, now_ns) != DORA_OK) {
        self->failures++;
    }
}

/* finish_beat decides by what all its answers were. */
static void finish_beat(dr_registration *self, uint64_t now_ns)
{
    if (self->wrong[0] != '\0') {
        set_state(self, DR_REGISTRATION_JOINING, self->wrong);
        return;
    }
    const bool is_news = self->state != DR_REGISTRATION_JOINED || self->was_missing;
    self->beats++;
    if (is_news) {
        publish(self, "join", on_published, now_ns);
    }
    set_state(self, DR_REGISTRATION_JOINED, "");
}

static void on_added(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)now_ns;
    dr_registration *self = user;
    if (check(self, "SADD", DR_ENTRY_SET, reply, DR_REDIS_INTEGER)) {
        self->was_missing = dr_redis_reply_integer(reply) > 0;
    }
}

static void on_time_set(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)now_ns;
    dr_registration *self = user;
    (void)check(self, "SET", self->time_key, reply, DR_REDIS_TEXT);
}

static void on_node_set(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_registration *self = user;
    (void)check(self, "SET", self->node_key, reply, DR_REDIS_TEXT);
    if (is_wanted(self)) {
        finish_beat(self, now_ns);
    }
}

/* seconds_of takes the seconds out of the answer to TIME. Returns: false for anything else. */
static bool seconds_of(const dr_redis_reply *reply, char seconds[24])
{
    if (dr_redis_reply_count(reply) != 2) {
        return false;
    }
    const dora_slice text = dr_redis_reply_text(dr_redis_reply_at(reply, 0));
    if (text.len == 0 || text.len > 19) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    memcpy(seconds, text.data, text.len);
    seconds[text.len] = '\0';
    return true;
}

static void on_time(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_registration *self = user;
    char seconds[24];
    char ttl[16];
    if (!is_wanted(self)) {
        return;
    }
    if (!check(self, "TIME", "", reply, DR_REDIS_ARRAY)) {
        finish_beat(self, now_ns);
        return;
    }
    if (!seconds_of(reply, seconds)) {
        note_wrong(self, "TIME", "", dr_slice("an answer that is no time"));
        finish_beat(self, now_ns);
        return;
    }
    (void)snprintf(ttl, sizeof ttl, "%u", DR_ENTRY_TTL_S);
    say(self, (const char *const[]){"SADD", DR_ENTRY_SET, self->member, NULL}, on_added, now_ns);
    say(self, (const char *const[]){"SET", self->time_key, seconds, NULL}, on_time_set, now_ns);
    say(self, (const char *const[]){"SET", self->node_key, self->member, "EX", ttl, NULL},
        on_node_set, now_ns);
}

static void beat(dr_registration *self, uint64_t now_ns)
{
    self->wrong[0] = '\0';
    self->was_missing = false;
    dr_redis_alarm(self->redis, now_ns + DR_ENTRY_BEAT_MS * NS_A_MS);
    if (!self->is_tidy) {
        say(self, (const char *const[]){"SMEMBERS", DR_ENTRY_SET, NULL}, on_members, now_ns);
    }
    say(self, (const char *const[]){"TIME", NULL}, on_time, now_ns);
}

/* ---- leaving ---- */

static void left(dr_registration *self, const char *why, uint64_t now_ns)
{
    dr_redis_alarm(self->redis, 0);
    dr_redis_stop(self->redis, 0, now_ns);
    set_state(self, DR_REGISTRATION_LEFT, why);
}

static void on_withdrawn(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)now_ns;
    (void)check(user, "SREM or DEL", "", reply, DR_REDIS_INTEGER);
}

/* on_leave_published hears the last word of a withdrawal. */
static void on_leave_published(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_registration *self = user;
    on_published(self, reply, now_ns);
    if (self->state == DR_REGISTRATION_LEAVING) {
        left(self, self->wrong, now_ns);
    }
}

/* ---- what the session says ---- */

static void on_open(void *user, uint64_t now_ns)
{
    dr_registration *self = user;
    self->is_tidy = false;
    if (is_wanted(self)) {
        beat(self, now_ns);
    }
}

static void on_down(void *user, const char *why, uint64_t now_ns)
{
    dr_registration *self = user;
    self->failures++;
    if (is_wanted(self)) {
        dr_redis_alarm(self->redis, 0);
        set_state(self, DR_REGISTRATION_JOINING, why);
    } else if (self->state == DR_REGISTRATION_LEAVING) {
        left(self, why, now_ns);
    }
}

static void on_alarm(void *user, uint64_t now_ns)
{
    dr_registration *self = user;
    if (self->state == DR_REGISTRATION_LEAVING) {
        self->failures++;
        left(self, "no answer to the withdrawal", now_ns);
    } else if (is_wanted(self) && dr_redis_state_of(self->redis) == DR_REDIS_OPEN) {
        beat(self, now_ns);
    }
}

/* ---- for the owner ---- */

dora_err dr_registration_new(dr_registration **registration, const dr_redis_url *url,
                             const dr_entry *entry, void (*on_change)(void *user), void *user)
{
    dr_registration *self = dr_calloc(1, sizeof *self);
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    const dr_redis_events events = {
        .on_open = on_open, .on_down = on_down, .on_alarm = on_alarm, .user = self};
    self->address = entry->address;
    self->on_change = on_change;
    self->user = user;
    self->member = dr_entry_write(entry);
    (void)dr_entry_time_key(&entry->address, self->time_key);
    (void)dr_entry_node_key(&entry->address, self->node_key);
    const dora_err err =
        self->member != NULL ? dr_redis_new(&self->redis, url, &events) : DORA_ENOMEM;
    if (err != DORA_OK) {
        dr_registration_free(self);
        return err;
    }
    *registration = self;
    return DORA_OK;
}

void dr_registration_free(dr_registration *registration)
{
    if (registration != NULL) {
        dr_redis_free(registration->redis);
        dr_free(registration->member);
        dr_free(registration);
    }
}

dr_redis *dr_registration_redis(dr_registration *registration)
{
    return registration->redis;
}

void dr_registration_join(dr_registration *registration, uint64_t now_ns)
{
    if (is_wanted(registration)) {
        return;
    }
    set_state(registration, DR_REGISTRATION_JOINING, "");
    dr_redis_start(registration->redis, now_ns);
    if (dr_redis_state_of(registration->redis) == DR_REDIS_OPEN) {
        beat(registration, now_ns); /* it was leaving; what it said there comes first */
    }
}

void dr_registration_leave(dr_registration *registration, uint32_t grace_ms, uint64_t now_ns)
{
    dr_registration *self = registration;
    if (!is_wanted(self)) {
        return;
    }
    if (dr_redis_state_of(self->redis) != DR_REDIS_OPEN) {
        left(self, "", now_ns); /* it is not reached now; the key's time runs out by itself */
        return;
    }
    self->wrong[0] = '\0';
    set_state(self, DR_REGISTRATION_LEAVING, "");
    dr_redis_alarm(self->redis, now_ns + grace_ms * NS_A_MS);
    say(self, (const char *const[]){"SREM", DR_ENTRY_SET, self->member, NULL}, on_withdrawn,
        now_ns);
    say(self, (const char *const[]){"DEL", self->time_key, self->node_key, NULL}, on_withdrawn,
        now_ns);
    publish(self, "leave", on_leave_published, now_ns);
}

void dr_registration_let_go(dr_registration *registration, uint64_t now_ns)
{
    left(registration, "", now_ns);
}

dr_registration_status dr_registration_status_of(const dr_registration *registration)
{
    return (dr_registration_status){.state = registration->state,
                                    .why = registration->why,
                                    .beats = registration->beats,
                                    .failures = registration->failures};
}
