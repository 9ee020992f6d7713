/* membership.h: who is registered in one Redis, and alive. Pure: its sessions are driven by others.
 *
 * A member of the set counts while its key dora.node.IP.PORT stands; one that was never seen with
 * that key is one of the original's servers: it counts while its time value changes at least every
 * 20 s by our own clock, and at first sight when the value is within 20 s of Redis' own TIME.
 * Source: PROTOCOL.md, "Discovery". */
#ifndef DR_DISCOVERY_MEMBERSHIP_H
#define DR_DISCOVERY_MEMBERSHIP_H

#include "discovery/entry.h"
#include "discovery/redis_session.h"
#include "discovery/roster.h"

#define DR_MEMBERSHIP_ALIVE_S 20u
#define DR_MEMBERSHIP_READ_MS 1000u     /* between two readings, where nothing was announced */
#define DR_MEMBERSHIP_MEMBERS_MAX 4096u /* that can be read; further ones are not, with a warning */
#define DR_MEMBERSHIP_WHYS_MAX 4u       /* reasons told until it can be read again */
#define DR_MEMBERSHIP_NAMED_MAX 256u /* malformed members remembered, so that each is named once */

typedef struct dr_membership dr_membership;

typedef struct dr_membership_events {
    /* on_read: a reading has come to its end, or Redis was lost: the roster is new, or as before.
     */
    void (*on_read)(void *user, uint64_t now_ns);
    /* on_warning: something is wrong, and goes on: a member that cannot be read (each is named
     * once), a Redis that is down (each reason once until it is back). One line, NUL-ended,
     * borrowed. */
    void (*on_warning)(void *user, const char *text);
    void *user;
} dr_membership_events;

/* dr_membership_new makes a membership. One that `subscribes` has a second session, for the
 * channel, and reads again within moments of a join or leave, else every second; one that does not
 * reads when dr_membership_read asks. Ownership: copies; gives; dr_membership_free frees. Errors:
 * DORA_ENOMEM. */
dora_err dr_membership_new(dr_membership **membership, const dr_redis_url *url, bool subscribes,
                           const dr_membership_events *events);
void dr_membership_free(dr_membership *membership);

/* dr_membership_sessions gives its sessions, one or two, to be driven. What the second hears makes
 * the first speak: look at the drivers of both after any event of one. */
size_t dr_membership_sessions(dr_membership *membership, dr_redis *sessions[2]);

/* dr_membership_start begins. dr_membership_stop closes the connections. */
void dr_membership_start(dr_membership *membership, uint64_t now_ns);
void dr_membership_stop(dr_membership *membership, uint64_t now_ns);

/* dr_membership_read asks for a reading, unless one is under way or Redis is down.
 * dr_membership_is_reading says whether an answer may come soon: a reading is under way, or the
 * first connection is being opened. */
void dr_membership_read(dr_membership *membership, uint64_t now_ns);
bool dr_membership_is_reading(const dr_membership *membership);

/* dr_membership_roster is what the last reading found, sorted; NULL before any. dr_membership_is_up
 * says whether the last reading is still valid: Redis was not lost since. dr_membership_why says
 * what keeps it from being read, "" where nothing does. dr_membership_before is what the reading
 * before the last one found, empty before any. Borrowed until the next function. */
const dr_roster *dr_membership_roster(const dr_membership *membership);
const dr_roster *dr_membership_before(const dr_membership *membership);
bool dr_membership_is_up(const dr_membership *membership);
const char *dr_membership_why(const dr_membership *membership);

#endif
