/* notify.h: telling systemd how a service does: sd_notify(3), without its library. */
#ifndef DR_NOTIFY_H
#define DR_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DR_NOTIFY_NAME_BYTES 128 /* as long as the path of a socket may be */

/* dr_notify is where to tell: what NOTIFY_SOCKET and WATCHDOG_USEC said at the start. */
typedef struct dr_notify {
    int fd; /* -1: nobody wants to know */
    uint64_t
        watchdog_ms;     /* how often WATCHDOG=1 is to be said: half of what is allowed; 0: never */
    uint64_t allowed_us; /* between two of them; 0: without end */
    char name[DR_NOTIFY_NAME_BYTES]; /* of the socket */
} dr_notify;

/* dr_notify_for_heir writes the variables that a process is to have which takes this one's place,
 * as NAME=value. Returns: how many, of 2 at most. */
size_t dr_notify_for_heir(const dr_notify *notify, char entries[2][DR_NOTIFY_NAME_BYTES + 32]);

/* dr_notify_open reads the environment and takes the variables out of it, so that no child speaks
 * in our place. dr_notify_close is safe on one that has nobody. */
void dr_notify_open(dr_notify *notify);
void dr_notify_close(dr_notify *notify);

/* dr_notify_say sends lines like "READY=1\nSTATUS=serving", without waiting. For "RELOADING=1" use
 * dr_notify_reloading, which adds the time that Type=notify-reload wants. */
void dr_notify_say(const dr_notify *notify, const char *lines);
void dr_notify_reloading(const dr_notify *notify);

#endif
