/* master.h: what the files of the master share. Thread: the supervisor's, but for what says so. */
#ifndef DR_SERVER_MASTER_H
#define DR_SERVER_MASTER_H

#include <dora/server.h>

#include "net/listener.h"
#include "server/call/backend.h"
#include "server/master/adopted.h"
#include "server/master/certificates.h"
#include "server/master/control.h"
#include "server/master/dev.h"
#include "server/master/doors.h"
#include "server/master/elder.h"
#include "server/master/heir.h"
#include "server/master/launch.h"
#include "server/master/memory.h"
#include "server/master/pid_file.h"
#include "server/master/reactor_thread.h"
#include "server/master/rehearsal.h"
#include "server/master/reload.h"
#include "server/master/server.h"
#include "server/master/service.h"
#include "server/master/settings.h"
#include "server/master/stop.h"
#include "server/master/watch.h"
#include "server/ops/admin.h"

typedef struct dr_server {
    dr_backend backend; /* what requests see */
    const dora_host *host;
    const dr_config_source *source;
    const dr_rehearsal *rehearsal; /* NULL: this is a start in earnest */
    dr_crew **crews;               /* that serve, one a pool */
    dr_crew *all_crews;            /* those on trial and those that leave too */
    dr_launch_command *commands;
    char *folder; /* the working directory by name: a link in it may lead elsewhere after a while */
    dr_reload reload;
    dr_elder elder; /* how this server hands over, */
    dr_heir heir;   /* and how it took over */
    dr_watch watch;
    dr_access *retired; /* rules that a lane may still read */
    uint32_t access_number;
    dr_dev dev;
    dr_reactor_thread *threads; /* one for each lane */
    uint32_t threads_running;
    _Atomic uint32_t threads_ended;
    uint16_t tcp_port; /* that is listened on */
    uint16_t tls_port;
    uint16_t http_port;
    uint16_t admin_port;
    uint64_t files; /* descriptors that each process of the pools may have */
    dr_doors doors;
    dr_local local; /* the file of the Unix socket */
    uv_loop_t loop;
    uv_async_t attention;
    dr_reload_queue asked; /* by the lanes, to reload */
    uv_signal_t signals[6];
    dr_adopted adopted;
    uv_timer_t housekeeping;
    bool has_loop;
    int ready_fd; /* of a daemon: whom dr_daemon_ready tells */
    dr_seat seat; /* at the budget, of the supervisor's loop */
    dr_pid_files pid_files;
    dr_admin admin;
    dr_service service;
    dr_memory memory;
    dr_stop stop;
    dr_certificates certificates;
    dora_error failure;
    dora_err outcome;
} dr_server;

#endif
