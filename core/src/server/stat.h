/* stat.h: what a server can say of itself. */
#ifndef DR_SERVER_STAT_H
#define DR_SERVER_STAT_H

#include <dora/value.h>

struct dr_server;

/* dr_totals are counts over all lanes and pools. */
typedef struct dr_totals {
    uint64_t connections; /* open now */
    uint64_t accepted;    /* connections, since the start */
    uint64_t closed;
    uint64_t tasks;    /* queued or running now */
    uint64_t requests; /* since the start: every message that could be read */
    uint64_t handled;  /* tasks that workers have run */
} dr_totals;

/* dr_stat_totals sums them up; each is exact for itself. Thread: any. */
void dr_stat_totals(struct dr_server *server, dr_totals *totals);

/* dr_stat_write writes the data of a control reply: `server` and `logqueue`. `reload` NULL, or what
 * became of a reload: "done" or "pending". Errors: the writer keeps them. Thread: any. */
void dr_stat_write(struct dr_server *server, const char *reload, dora_writer *writer);

#endif
