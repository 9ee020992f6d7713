/* log.h: the one writer of the server's log. */
#ifndef DR_BASE_LOG_H
#define DR_BASE_LOG_H

#include "base/log_line.h"

/* Levels by the original's names and numbers. */
enum {
    DR_LOG_DEBUG = 1,
    DR_LOG_TRACE = 2,
    DR_LOG_NOTICE = 3,
    DR_LOG_INFO = 4,
    DR_LOG_ERROR = 5,
    DR_LOG_EMERGENCY = 6,
    DR_LOG_EXCEPTION = 7,
    DR_LOG_SNAP = 8,
    DR_LOG_PERFORMANCE = 9
};

/* dr_log owns a bounded queue and the thread that writes it out, so that nobody who logs ever waits
 * for the disk or the terminal. What does not fit is dropped and counted in the log itself. */
typedef struct dr_log dr_log;

/* dr_log_new starts the writer. `file` NULL: stderr; else as base/log_file.h opens it. Levels above
 * `level` are dropped, except errors, emergencies and exceptions. Errors: DORA_EIO names the key
 * and the file. dr_log_free writes out what is queued, within a second, and ends the thread; NULL
 * is fine. */
dora_err dr_log_new(dr_log **log, const char *file, bool is_json, uint32_t level,
                    dora_error *error);
void dr_log_free(dr_log *log);

/* dr_log_colour shows errors in red where text is written to a terminal and the environment has no
 * NO_COLOR. Thread: before anybody logs. */
void dr_log_colour(dr_log *log);

/* dr_log_is_wanted says whether a threshold of `threshold` keeps `level`. */
static inline bool dr_log_is_wanted(uint32_t threshold, int level)
{
    return level <= (int)threshold || (level >= DR_LOG_ERROR && level <= DR_LOG_EXCEPTION);
}

/* dr_log_write adds one line of the server's own: what `tag` (a part of the server, or a pool)
 * says. Texts of others may stand in it: a newline among them is escaped. dr_log_write_lines is for
 * a message of several lines, such as a traceback. Thread: any. */
void dr_log_write(dr_log *log, int level, const char *tag, const char *format, ...)
    DORA_PRINTF(4, 5);
void dr_log_write_lines(dr_log *log, int level, const char *tag, const char *format, ...)
    DORA_PRINTF(4, 5);

/* dr_log_record adds an entry that says all about itself, whatever its level: who made it has asked
 * for it. Its bytes may be any. Thread: any. */
void dr_log_record(dr_log *log, const dr_log_entry *entry);

/* dr_log_lines adds what a worker of the pool `tag` printed, line by line; `carry` keeps an
 * unfinished line between calls. No level drops it. Thread: one at a time for one carry. */
typedef struct dr_log_carry {
    size_t len;
    char text[8192];
} dr_log_carry;
void dr_log_lines(dr_log *log, const char *tag, dr_log_carry *carry, const char *data, size_t len);

/* dr_log_reopen opens the log's file again by its name, between two lines: after the file was moved
 * away, lines go to a new one. Where it cannot be opened the old one is kept, and the log says so.
 * It only asks the writer's thread. Thread: any. */
void dr_log_reopen(dr_log *log);

/* dr_log_take_output makes the process's stdout and stderr the log's file, over reopenings too.
 * It is for a log with a file. Thread: any. */
void dr_log_take_output(dr_log *log);

/* dr_log_queue is what is not written yet. dr_log_dropped is how many lines were dropped so far.
 * Thread: any. */
void dr_log_queue(dr_log *log, uint64_t *lines, uint64_t *bytes);
uint64_t dr_log_dropped(dr_log *log);

#endif
