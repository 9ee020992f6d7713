/* pid_file.h: files that hold the server's process id, locked while it lives. */
#ifndef DR_SERVER_PID_FILE_H
#define DR_SERVER_PID_FILE_H

#include <stdbool.h>

#include <dora/error.h>

typedef struct dr_pid_file {
    char *path;
    int fd;
    bool is_elders; /* the server that this one takes over from still stands in it */
} dr_pid_file;

/* dr_pid_files is what one server has written. Zeroed memory is none. */
typedef struct dr_pid_files {
    dr_pid_file *items;
    size_t count;
} dr_pid_files;

/* dr_pid_files_add writes this process's id to `path` (NULL: does nothing) and locks the file. A
 * file that nobody has locked is stale, whatever process its number means today, and is replaced.
 * A link, what another user owns and what holds anything else are refused, and stay as they are.
 * Errors: DORA_EIO, which names the file, and the server that holds it; DORA_ENOMEM. */
dora_err dr_pid_files_add(dr_pid_files *files, const char *path, dora_error *error);

/* dr_pid_files_adopt takes a file over from its server, whose lock goes along with `fd`; its number
 * stays in it until dr_pid_files_take_over. Ownership: takes the descriptor, also after an error.
 * Errors: DORA_EIO where another file has that name by now; DORA_ENOMEM. */
dora_err dr_pid_files_adopt(dr_pid_files *files, const char *path, int fd, dora_error *error);

/* dr_pid_files_take_over writes this process's id into all of them: into those adopted, or back
 * into all where an heir has come to nothing. */
void dr_pid_files_take_over(dr_pid_files *files);

/* dr_pid_files_remove removes those that are still this server's, and forgets all. */
void dr_pid_files_remove(dr_pid_files *files);

#endif
