/* membership.c: who is registered in one Redis, and alive: readings, and what is remembered of each
 * member between them. Pure.
 *
 * A reading is two round trips: TIME and SMEMBERS, then one MGET of all time and node keys. */
#include "discovery/membership.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "discovery/redis_reply.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define PING_MS 3000u   /* on the channel: a Redis that is dead or stopped is noticed */
#define SHOWN_MAX 120u  /* bytes of a malformed member in a warning */
#define LINE_BYTES 1024 /* of a warning */

/* What is known of one member of the set. */
typedef struct member {
    dr_entry entry;
    bool is_keyed; /* its key dora.node.IP.PORT was seen */
    bool is_timed; /* its time value can be read: */
    int64_t time_s;
    uint64_t until_ns; /* without its key it counts until then */
    bool is_alive;
} member;

typedef struct members {
    member *items; /* sorted by address */
    size_t count;
} members;

struct dr_membership {
    dr_redis *list;
    dr_redis *channel; /* NULL: it does not subscribe */
    dr_membership_events events;
    char name[DR_REDIS_URL_TEXT_MAX];
    char why[LINE_BYTES];
    bool is_opening; /* started, and nothing has come of the first connection yet */
    bool is_reading;
    bool is_again; /* a message came during a reading */
    bool is_up;
    bool is_deaf;     /* it was said that it may not subscribe, */
    bool is_overfull; /* that not all members are looked at, */
    bool is_cut;      /* and that the roster has not all of them */
    bool has_roster;
    dr_roster roster;
    dr_roster before; /* what it said before that */
    members known;
    members fresh;                         /* of the reading under way */
    int64_t redis_s;                       /* Redis' own time in it, -1: TIME was refused, */
    char refusal[SHOWN_MAX + 64];          /* with this */
    uint64_t read_ns;                      /* when the last one ended well */
    uint64_t told[DR_MEMBERSHIP_WHYS_MAX]; /* digests of why it cannot be read, as was said */
    size_t told_count;
    uint64_t named[DR_MEMBERSHIP_NAMED_MAX]; /* digests of malformed members */
    size_t named_count;
};

static void warn(const dr_membership *self, const char *what)
{
    char line[LINE_BYTES + DR_REDIS_URL_TEXT_MAX + 2];
    snprintf(line, sizeof line, "%s: %s", self->name, what);
    self->events.on_warning(self->events.user, line);
}

/* printable copies at most SHOWN_MAX bytes of what others wrote, fit for a line. */
static const char *printable(dora_slice text, char shown[SHOWN_MAX + 4])
{
    size_t len = text.len < SHOWN_MAX ? text.len : SHOWN_MAX;
    for (size_t i = 0; i < len; i++) {
        shown[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    }
    snprintf(shown + len, 4, text.len > len ? "..." : "");
    return shown;
}

static void members_fini(members *list)
{
    for (size_t i = 0; i < list->count; i++) {
        dr_entry_fini(&list->items[i].entry);
    }
    dr_free(list->items);
    *list = (members){0};
}

/* was_said notes a text by its digest, and says whether it was noted before, or there are too many.
 */
static bool was_said(uint64_t *digests, size_t *count, size_t max, dora_slice text)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325); /* FNV-1a: a clash costs one warning */
    for (size_t i = 0; i < text.len; i++) {
        digest = (digest ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < *count; i++) {
        if (digests[i] == digest) {
            return true;
        }
    }
    if (*count == max) {
        return true;
    }
    digests[(*count)++] = digest;
    return false;
}

/* ---- the end of a reading ---- */

static void begin(dr_membership *self, uint64_t now_ns);

static void end(dr_membership *self, uint64_t now_ns)
{
    const bool is_again = self->is_again;
    self->is_reading = false;
    self->is_again = false;
    members_fini(&self->fresh);
    if (self->channel != NULL) {
        dr_redis_alarm(self->list, now_ns + DR_MEMBERSHIP_READ_MS * NS_PER_MS);
    }
    self->events.on_read(self->events.user, now_ns);
    if (is_again) {
        begin(self, now_ns);
    }
}

static void end_badly(dr_membership *self, const char *why, uint64_t now_ns)
{
    self->is_up = false;
    snprintf(self->why, sizeof self->why, "%s: %s", self->name, why);
    if (!was_said(self->told, &self->told_count, DR_MEMBERSHIP_WHYS_MAX, dr_slice(self->why))) {
        self->events.on_warning(self->events.user, self->why);
    }
    end(self, now_ns);
}

/* refuse says why a reply is none to the command. */
static const char *refuse(dr_membership *self, const char *command, const dr_redis_reply *reply)
{
    char shown[SHOWN_MAX + 4];
    const bool is_error = dr_redis_reply_kind(reply) == DR_REDIS_ERROR;
    snprintf(self->refusal, sizeof self->refusal, "%s: %s", command,
             is_error ? printable(dr_redis_reply_text(reply), shown) : "not the reply to that");
    return self->refusal;
}

/* ---- which members count ---- */

/* until_at_first gives how long a member without the key counts that was not seen before: as long
 * as it would if it had been seen when its time was written. */
static uint64_t until_at_first(const dr_membership *self, int64_t time_s, uint64_t now_ns)
{
    const int64_t age_s = self->redis_s > time_s ? self->redis_s - time_s : 0;
    const bool is_near =
        age_s <= DR_MEMBERSHIP_ALIVE_S && time_s - self->redis_s <= DR_MEMBERSHIP_ALIVE_S;
    return is_near ? now_ns + (DR_MEMBERSHIP_ALIVE_S - (uint64_t)age_s) * NS_PER_S : 0;
}

/* judge decides whether a member counts. `before` is what was known of it, NULL: nothing. */
static void judge(const dr_membership *self, member *now, const member *before, bool has_key,
                  uint64_t now_ns)
{
    /* After a long time without a reading a change does not say when it was made. */
    const bool is_long_ago = now_ns - self->read_ns > DR_MEMBERSHIP_ALIVE_S * NS_PER_S;
    now->is_keyed = before != NULL && before->is_keyed;
    if (!now->is_timed) {
        now->until_ns = 0;
    } else if (before == NULL || is_long_ago) {
        now->until_ns = until_at_first(self, now->time_s, now_ns);
    } else if (before->is_timed && before->time_s == now->time_s) {
        now->until_ns = before->until_ns;
    } else {
        now->until_ns = now_ns + DR_MEMBERSHIP_ALIVE_S * NS_PER_S;
        now->is_keyed = false; /* ours would have written its key as well */
    }
    now->is_keyed = now->is_keyed || has_key;
    now->is_alive = has_key || (!now->is_keyed && now_ns <= now->until_ns);
}

static int order_members(const void *one, const void *other)
{
    const dr_address *left = &((const member *)one)->entry.address;
    const dr_address *right = &((const member *)other)->entry.address;
    const int order = strcmp(left->host, right->host);
    return order != 0 ? order : (left->port > right->port) - (left->port < right->port);
}

/* judge_all takes the values of MGET: a time and a key for each member. */
static void judge_all(dr_membership *self, const dr_redis_reply *values, uint64_t now_ns)
{
    size_t at = 0; /* in what was known: both are in order */
    for (size_t i = 0; i < self->fresh.count; i++) {
        member *now = &self->fresh.items[i];
        const dr_redis_reply *time = dr_redis_reply_at(values, 2 * i);
        const dr_redis_reply *key = dr_redis_reply_at(values, 2 * i + 1);
        while (at < self->known.count && order_members(&self->known.items[at], now) < 0) {
            at++;
        }
        const bool is_known =
            at < self->known.count && order_members(&self->known.items[at], now) == 0;
        now->is_timed = dr_redis_reply_number(time, &now->time_s);
        judge(self, now, is_known ? &self->known.items[at] : NULL,
              dr_redis_reply_kind(key) == DR_REDIS_TEXT, now_ns);
    }
}

static dora_err make_roster(const members *list, dr_roster *roster)
{
    dora_err err = DORA_OK;
    *roster = (dr_roster){0};
    for (size_t i = 0; i < list->count && err == DORA_OK; i++) {
        const member *one = &list->items[i];
        for (size_t j = 0; one->is_alive && j < one->entry.count && err == DORA_OK; j++) {
            const dora_slice group = {one->entry.groups[j], strlen(one->entry.groups[j])};
            err =
                dr_roster_add(roster, group, &one->entry.address, one->is_timed ? one->time_s : 0);
        }
    }
    if (err == DORA_ENOMEM) {
        dr_roster_fini(roster);
    } else {
        dr_roster_sort(roster);
    }
    return err;
}

static void end_well(dr_membership *self, uint64_t now_ns)
{
    dr_roster roster;
    const dora_err err = make_roster(&self->fresh, &roster);
    if (err == DORA_ENOMEM) {
        end_badly(self, dora_err_text(err), now_ns);
        return;
    }
    if (err == DORA_EFULL && !self->is_cut) {
        char what[96];
        snprintf(what, sizeof what, "more than %u nodes or %u groups; the rest is left out",
                 DR_ROSTER_NODES_MAX, DR_ROSTER_GROUPS_MAX);
        warn(self, what);
    }
    self->is_cut = err == DORA_EFULL;
    dr_roster_fini(&self->before);
    self->before = self->roster;
    self->roster = roster;
    self->has_roster = true;
    members_fini(&self->known);
    self->known = self->fresh;
    self->fresh = (members){0};
    self->read_ns = now_ns;
    self->is_up = true;
    self->told_count = 0;
    self->why[0] = '\0';
    end(self, now_ns);
}

/* ---- a reading ---- */

static void on_values(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_membership *self = user;
    if (dr_redis_reply_kind(reply) != DR_REDIS_ARRAY ||
        dr_redis_reply_count(reply) != 2 * self->fresh.count) {
        end_badly(self, refuse(self, "MGET", reply), now_ns);
        return;
    }
    judge_all(self, reply, now_ns);
    end_well(self, now_ns);
}

typedef struct member_keys {
    char time[DR_ENTRY_KEY_MAX];
    char node[DR_ENTRY_KEY_MAX];
} member_keys;

static dora_err ask_values(dr_membership *self, uint64_t now_ns)
{
    const size_t count = self->fresh.count;
    member_keys *keys = dr_alloc(count * sizeof *keys);
    dora_slice *words = dr_alloc((1 + 2 * count) * sizeof *words);
    dora_err err = DORA_ENOMEM;
    if (keys != NULL && words != NULL) {
        words[0] = (dora_slice){"MGET", 4};
        for (size_t i = 0; i < count; i++) {
            const dr_address *address = &self->fresh.items[i].entry.address;
            dr_entry_time_key(address, keys[i].time);
            dr_entry_node_key(address, keys[i].node);
            words[1 + 2 * i] = (dora_slice){keys[i].time, strlen(keys[i].time)};
            words[2 + 2 * i] = (dora_slice){keys[i].node, strlen(keys[i].node)};
        }
        err = dr_redis_command(self->list, words, 1 + 2 * count, on_values, self, now_ns);
    }
    dr_free(words);
    dr_free(keys);
    return err;
}

static void name_malformed(dr_membership *self, dora_slice text, const char *why)
{
    char shown[SHOWN_MAX + 4];
    char reason[SHOWN_MAX + 4];
    char line[LINE_BYTES];
    if (was_said(self->named, &self->named_count, DR_MEMBERSHIP_NAMED_MAX, text)) {
        return;
    }
    snprintf(line, sizeof line, DR_ENTRY_SET ": member %s is left out: %s%s",
             printable(text, shown), printable(dr_slice(why), reason),
             self->named_count == DR_MEMBERSHIP_NAMED_MAX ? "; further ones are not named" : "");
    warn(self, line);
}

/* tell_left_over says how many members were looked at, where that is not all of them. */
static void tell_left_over(dr_membership *self, size_t looked_at, size_t all)
{
    if (looked_at < all && !self->is_overfull) {
        char what[96];
        snprintf(what, sizeof what, DR_ENTRY_SET " has %zu members; %zu are looked at", all,
                 looked_at);
        warn(self, what);
    }
    self->is_overfull = looked_at < all;
}

/* take_members reads the set's members. Redis gives them in any order: those that cannot be read
 * take no place from the others. Errors: DORA_ENOMEM. */
static dora_err take_members(dr_membership *self, const dr_redis_reply *reply)
{
    const size_t all = dr_redis_reply_count(reply);
    const size_t places = all < DR_MEMBERSHIP_MEMBERS_MAX ? all : DR_MEMBERSHIP_MEMBERS_MAX;
    dora_error error;
    size_t i = 0;
    self->fresh.items = dr_calloc(places, sizeof *self->fresh.items);
    if (self->fresh.items == NULL) {
        return DORA_ENOMEM;
    }
    for (; i < all && self->fresh.count < DR_MEMBERSHIP_MEMBERS_MAX; i++) {
        const dora_slice text = dr_redis_reply_text(dr_redis_reply_at(reply, i));
        dora_err err = dr_entry_read(text, &self->fresh.items[self->fresh.count].entry, &error);
        if (err == DORA_OK) {
            self->fresh.count++;
        } else if (err == DORA_ENOMEM) {
            return err;
        } else {
            name_malformed(self, text, error.msg);
        }
    }
    tell_left_over(self, i, all);
    qsort(self->fresh.items, self->fresh.count, sizeof *self->fresh.items, order_members);
    return DORA_OK;
}

static void on_members(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_membership *self = user;
    if (self->redis_s < 0) {
        end_badly(self, self->refusal, now_ns);
        return;
    }
    if (dr_redis_reply_kind(reply) != DR_REDIS_ARRAY) {
        end_badly(self, refuse(self, "SMEMBERS " DR_ENTRY_SET, reply), now_ns);
        return;
    }
    dora_err err = take_members(self, reply);
    if (err == DORA_OK && self->fresh.count == 0) {
        end_well(self, now_ns);
        return;
    }
    err = err == DORA_OK ? ask_values(self, now_ns) : err;
    if (err != DORA_OK) {
        end_badly(self, dora_err_text(err), now_ns);
    }
}

static void on_time(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_membership *self = user;
    (void)now_ns;
    if (dr_redis_reply_count(reply) != 2 ||
        !dr_redis_reply_number(dr_redis_reply_at(reply, 0), &self->redis_s)) {
        self->redis_s = -1; /* the reading ends when the other reply is there */
        (void)refuse(self, "TIME", reply);
    }
}

static void begin(dr_membership *self, uint64_t now_ns)
{
    static const dora_slice time[] = {{"TIME", 4}};
    static const dora_slice members_of[] = {{"SMEMBERS", 8},
                                            {DR_ENTRY_SET, sizeof DR_ENTRY_SET - 1}};
    if (self->is_reading || dr_redis_state_of(self->list) != DR_REDIS_OPEN) {
        return;
    }
    self->is_reading = true;
    dora_err err = dr_redis_command(self->list, time, 1, on_time, self, now_ns);
    if (err == DORA_OK) {
        err = dr_redis_command(self->list, members_of, 2, on_members, self, now_ns);
    }
    if (err != DORA_OK) { /* an answer to the first alone would be an answer to nothing */
        dr_redis_fail(self->list, dora_err_text(err), now_ns);
    }
}

void dr_membership_read(dr_membership *membership, uint64_t now_ns)
{
    begin(membership, now_ns);
}

/* ---- the session that reads ---- */

static void on_list_open(void *user, uint64_t now_ns)
{
    dr_membership *self = user;
    self->is_opening = false;
    begin(self, now_ns);
}

static void on_list_down(void *user, const char *why, uint64_t now_ns)
{
    dr_membership *self = user;
    self->is_opening = false;
    self->is_again = false;
    end_badly(self, why, now_ns);
}

static void on_list_alarm(void *user, uint64_t now_ns)
{
    begin(user, now_ns);
}

/* ---- the session that listens ---- */

static void hurry(dr_membership *self, uint64_t now_ns)
{
    if (self->is_reading) {
        self->is_again = true;
    } else {
        begin(self, now_ns);
    }
}

static void on_subscribed(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    dr_membership *self = user;
    char shown[SHOWN_MAX + 4];
    char what[SHOWN_MAX + 96];
    if (dr_redis_reply_kind(reply) != DR_REDIS_ERROR) {
        self->is_deaf = false;
        hurry(self, now_ns); /* what came before was not heard */
    } else if (!self->is_deaf) {
        self->is_deaf = true;
        snprintf(what, sizeof what, "SUBSCRIBE " DR_ENTRY_CHANNEL ": %s; it is read each second",
                 printable(dr_redis_reply_text(reply), shown));
        warn(self, what);
    }
}

static void on_channel_open(void *user, uint64_t now_ns)
{
    static const dora_slice words[] = {{"SUBSCRIBE", 9},
                                       {DR_ENTRY_CHANNEL, sizeof DR_ENTRY_CHANNEL - 1}};
    dr_membership *self = user;
    dora_err err = dr_redis_command(self->channel, words, 2, on_subscribed, self, now_ns);
    if (err != DORA_OK) {
        dr_redis_fail(self->channel, dora_err_text(err), now_ns);
        return;
    }
    dr_redis_alarm(self->channel, now_ns + PING_MS * NS_PER_MS);
}

static void on_channel_message(void *user, uint64_t now_ns)
{
    hurry(user, now_ns);
}

static void on_pong(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)user;
    (void)reply;
    (void)now_ns;
}

static void on_channel_alarm(void *user, uint64_t now_ns)
{
    static const dora_slice words[] = {{"PING", 4}};
    dr_membership *self = user;
    (void)dr_redis_command(self->channel, words, 1, on_pong, self, now_ns); /* while it is open */
    dr_redis_alarm(self->channel, now_ns + PING_MS * NS_PER_MS);
}

/* ---- life ---- */

dora_err dr_membership_new(dr_membership **membership, const dr_redis_url *url, bool subscribes,
                           const dr_membership_events *events)
{
    dr_membership *self = dr_calloc(1, sizeof *self);
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->events = *events;
    dr_redis_url_text(url, self->name);
    const dr_redis_events list = {
        .on_open = on_list_open, .on_down = on_list_down, .on_alarm = on_list_alarm, .user = self};
    const dr_redis_events channel = {.on_open = on_channel_open,
                                     .on_message = on_channel_message,
                                     .on_alarm = on_channel_alarm,
                                     .user = self};
    dora_err err = dr_redis_new(&self->list, url, &list);
    if (err == DORA_OK && subscribes) {
        err = dr_redis_new(&self->channel, url, &channel);
    }
    if (err != DORA_OK) {
        dr_membership_free(self);
        return err;
    }
    snprintf(self->why, sizeof self->why, "%s: not read yet", self->name);
    *membership = self;
    return DORA_OK;
}

void dr_membership_free(dr_membership *membership)
{
    if (membership == NULL) {
        return;
    }
    dr_redis_free(membership->list);
    dr_redis_free(membership->channel);
    members_fini(&membership->known);
    members_fini(&membership->fresh);
    dr_roster_fini(&membership->roster);
    dr_roster_fini(&membership->before);
    dr_free(membership);
}

size_t dr_membership_sessions(dr_membership *membership, dr_redis *sessions[2])
{
    sessions[0] = membership->list;
    sessions[1] = membership->channel;
    return membership->channel != NULL ? 2 : 1;
}

void dr_membership_start(dr_membership *membership, uint64_t now_ns)
{
    membership->is_opening = dr_redis_state_of(membership->list) == DR_REDIS_STOPPED;
    dr_redis_start(membership->list, now_ns);
    if (membership->channel != NULL) {
        dr_redis_start(membership->channel, now_ns);
    }
}

void dr_membership_stop(dr_membership *membership, uint64_t now_ns)
{
    dr_redis_alarm(membership->list, 0);
    dr_redis_stop(membership->list, 0, now_ns);
    if (membership->channel != NULL) {
        dr_redis_alarm(membership->channel, 0);
        dr_redis_stop(membership->channel, 0, now_ns);
    }
    membership->is_opening = false;
    membership->is_reading = false;
    membership->is_again = false;
    membership->is_up = false;
    members_fini(&membership->fresh);
}

bool dr_membership_is_reading(const dr_membership *membership)
{
    return membership->is_reading || membership->is_opening;
}

const dr_roster *dr_membership_roster(const dr_membership *membership)
{
    return membership->has_roster ? &membership->roster : NULL;
}

const dr_roster *dr_membership_before(const dr_membership *membership)
{
    return &membership->before;
}

bool dr_membership_is_up(const dr_membership *membership)
{
    return membership->is_up;
}

const char *dr_membership_why(const dr_membership *membership)
{
    return membership->why;
}
