/* orphans.h: what a pool's workers have started and left behind when they ended. */
#ifndef DR_TASK_ORPHANS_H
#define DR_TASK_ORPHANS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* dr_orphans is of one zygote: younger than what its application has started while it loaded. */
typedef struct dr_orphans {
    pid_t zygote;
    uint64_t since_ticks; /* of the machine's clock; 0: all that is its, it has not loaded */
} dr_orphans;

/* dr_orphans_begin: the zygote has loaded, or lets a process of its own load; what is older stays.
 * dr_orphans_adopt makes it, the calling process, the parent of those whose own ends. */
void dr_orphans_begin(dr_orphans *self, pid_t zygote);
bool dr_orphans_has_begun(const dr_orphans *self);
void dr_orphans_adopt(void);

/* dr_orphans_end ends the zygote's children, in the zygote: SIGTERM, and SIGKILL for those that are
 * still there after DR_ORPHANS_GRACE_MS. A process that has made a session of its own (setsid) is
 * meant to stay, and does. Call it when the last worker, or what loaded aside, has ended.
 * dr_orphans_kill is for a zygote that was killed: it ends those of its process group. Call it
 * before the zygote is waited for, as the number may be another's then. */
void dr_orphans_end(const dr_orphans *self);
void dr_orphans_kill(const dr_orphans *self);

#endif
