/* monitor_file.h: one node file that a monitor keeps up to date. */
#ifndef DR_MONITOR_FILE_H
#define DR_MONITOR_FILE_H

#include <dora/monitor.h>

#include "discovery/roster.h"

/* dr_monitor_file_check says before anything else whether the file could be written: its folder is
 * there and ours to write, and it is a file where it is there already. Errors: DORA_EIO. */
dora_err dr_monitor_file_check(const dora_monitor_file *file, dora_error *error);

/* dr_monitor_file_put has the file hold the nodes of `roster`. One that holds them already, with
 * whatever times, is left alone: `*is_written` says which. Errors: DORA_EIO, DORA_ENOMEM. */
dora_err dr_monitor_file_put(const dora_monitor_file *file, const dr_roster *roster,
                             bool *is_written, dora_error *error);

#endif
