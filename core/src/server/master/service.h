/* service.h: what the service manager (systemd) is told. Thread: the supervisor's. */
#ifndef DR_SERVER_SERVICE_H
#define DR_SERVER_SERVICE_H

#include <uv.h>

#include "base/notify.h"

#define DR_SERVICE_STATUS_BYTES 256

/* DR_PULSE_ENDED is the pulse of a lane whose thread has ended: nothing is wrong with it. */
#define DR_PULSE_ENDED UINT32_MAX

struct dr_server;

typedef struct dr_service {
    dr_notify notify;
    uv_timer_t watchdog;
    bool has_watchdog;                  /* its timer was made */
    _Atomic uint32_t pulse;             /* that the lanes were asked for last */
    char said[DR_SERVICE_STATUS_BYTES]; /* the last STATUS */
} dr_service;

/* dr_service_init makes the timer of the watchdog where one is wanted; dr_service_close closes it.
 * The watchdog is answered while this loop turns and every lane has turned since the last time. */
void dr_service_init(struct dr_server *server);
void dr_service_close(struct dr_server *server);

/* What happens. After dr_service_reloading comes dr_service_ready, however it goes, or stopping. */
void dr_service_ready(struct dr_server *server);
void dr_service_reloading(struct dr_server *server);
void dr_service_stopping(struct dr_server *server);

/* dr_service_hand_over says that process `pid` is the service from now on; nothing more is said
 * here. */
void dr_service_hand_over(struct dr_server *server, pid_t pid);

/* dr_service_look tells the status where it is another one than before. */
void dr_service_look(struct dr_server *server);

#endif
