/* log_line.h: one entry of the log, as a line of text or of JSON. */
#ifndef DR_BASE_LOG_LINE_H
#define DR_BASE_LOG_LINE_H

#include "base/log_call.h"

/* dr_log_entry is what a line says. All bytes are borrowed. */
typedef struct dr_log_entry {
    int level;        /* 1..9; others count as the nearest of these */
    uint64_t time_ns; /* Unix time */
    dora_slice tag;   /* who speaks */
    dora_slice file;  /* from where; empty: not known */
    uint32_t line;
    int pid;          /* 0: not known */
    const char *pool; /* NULL: the server itself */
    dora_slice msg;
    bool is_value; /* msg is one JSON value */
    bool is_line;  /* msg is one line: a newline in it came from others, and is escaped as text */
    const dr_log_call *call; /* that it is about; NULL: none */
} dr_log_entry;

/* dr_log_line_text appends `time level [tag] [file:line] message (field=value ...)`. Further lines
 * of a message, and those of a traceback, are indented, so that none can look like an entry of its
 * own; else all is as dr_printable has it, with tabs. dr_log_line_json appends one object: the
 * original's keys v, e, g, p, l and m in this order, then pid and pool, then the fields of its
 * call; it is as dr_printable_json has it, and a message that is a value stands as one. Both end
 * with a newline. Errors: DORA_ENOMEM. */
dora_err dr_log_line_text(dr_buf *out, const dr_log_entry *entry);
dora_err dr_log_line_json(dr_buf *out, const dr_log_entry *entry);

#endif
