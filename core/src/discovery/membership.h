/* membership.h: who is registered in one Redis, and alive. Pure: its talks are driven by others.
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

#define DR_CENSUS_ALIVE_S 20u
#define DR_CENSUS_READ_MS 1000u     /* between two readings, where nothing was announced */
#define DR_CENSUS_MEMBERS_MAX 4096u /* that can be read; further ones are not, with a warning */
#define DR_CENSUS_NAMED_MAX 256u    /* malformed members remembered, so that each is named once */

typedef struct dr_census dr_census;

typedef struct dr_census_events {
    /* on_read: a reading has come to its end, or Redis was lost: the roster is new, or as before.
     */
    void (*on_read)(void *user, uint64_t now_ns);
    /* on_warning: something is wrong, and goes on: a member that cannot be read (each is named
     * once), a Redis that is down (once until it is back). One line, NUL-ended, borrowed. */
    void (*on_warning)(void *user, const char *text);
    void *user;
} dr_census_events;

/* dr_census_new makes a census. One that `subscribes` has a second talk, for the channel, and reads
 * again within moments of a join or leave, else every second; one that does not reads when
 * dr_census_read asks. Ownership: copies; gives; dr_census_free frees. Errors: DORA_ENOMEM. */
dora_err dr_census_new(dr_census **census, const dr_redis_url *url, bool subscribes,
                       const dr_census_events *events);
void dr_census_free(dr_census *census);

/* dr_census_talks gives its talks, one or two, to be driven. What the second hears makes the first
 * speak: look at the drivers of both after any event of one. */
size_t dr_census_talks(dr_census *census, dr_redis *talks[2]);

/* dr_census_start begins. dr_census_stop closes the connections. */
void dr_census_start(dr_census *census, uint64_t now_ns);
void dr_census_stop(dr_census *census, uint64_t now_ns);

/* dr_census_read asks for a reading, unless one is under way or Redis is down.
 * dr_census_is_reading says whether an answer may come soon: a reading is under way, or the first
 * connection is being opened. */
void dr_census_read(dr_census *census, uint64_t now_ns);
bool dr_census_is_reading(const dr_census *census);

/* dr_census_roster is what the last reading found, sorted; NULL before any. dr_census_is_up says
 * whether the last reading is still valid: Redis was not lost since. dr_census_why says what keeps
 * it from being read, "" where nothing does. dr_census_before is what the reading before the last
 * one found, empty before any. Borrowed until the next function. */
const dr_roster *dr_census_roster(const dr_census *census);
const dr_roster *dr_census_before(const dr_census *census);
bool dr_census_is_up(const dr_census *census);
const char *dr_census_why(const dr_census *census);

#endif
