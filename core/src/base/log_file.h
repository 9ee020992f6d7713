/* log_file.h: opening the file that a log is written to. */
#ifndef DR_BASE_LOG_FILE_H
#define DR_BASE_LOG_FILE_H

#include <dora/error.h>

/* dr_log_file_open opens `path` for appending, and makes it with mode 0644 where it is missing. A
 * link in the last place is not followed: in a folder of many anybody may have put it there.
 * /dev/stdout, /dev/stderr and /dev/fd/N are this process's own descriptor N, even one that cannot
 * be opened by a name (a socket of the service manager). A terminal, /dev/null and a fifo that
 * somebody reads are fine.
 * Returns: the descriptor, -1 on error. Errors: DORA_EIO names the key, the file and the mend.
 * Ownership: gives. */
int dr_log_file_open(const char *path, dora_error *error);

#endif
