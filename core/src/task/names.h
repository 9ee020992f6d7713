/* names.h: what an application registers: the names of its apis, and what it says of each, for
 * people and programs that look at its server. */
#ifndef DR_TASK_NAMES_H
#define DR_TASK_NAMES_H

#include <dora/handler.h>

#include "base/buf.h"
#include "base/limits.h"

/* dr_about_part is a text about an api. A zygote tells them by number: only append. */
typedef enum dr_about_part {
    DR_ABOUT_SUMMARY = 0,
    DR_ABOUT_PARAM,  /* a JSON Schema, as an encoded value */
    DR_ABOUT_RESULT, /* so, too */
    DR_ABOUT_STREAM, /* any text: it sends parts */
    DR_ABOUT_PARTS
} dr_about_part;

/* dr_about is what is said of one api; an empty text says nothing. Zeroed memory is empty. */
typedef struct dr_about {
    dr_buf texts[DR_ABOUT_PARTS];
    uint32_t own_limit_ms; /* how long it may run; 0: as its pool says, DR_LIMIT_NONE: no limit */
} dr_about;

/* dr_names is all of an application. Zeroed memory is one without any. */
typedef struct dr_names {
    char (*items)[DR_API_NAME_MAX + 1];
    uint32_t count;
    bool has_fallback;
    size_t said_bytes; /* of all texts, at most DR_ABOUT_BYTES_SUM_MAX */
    dr_about *abouts;  /* one an item; NULL: nothing is said */
    dr_about fallback;
} dr_names;

/* dr_about_add adds a piece to a text. Errors: DORA_ETOOBIG over DR_ABOUT_BYTES_MAX, DORA_ENOMEM.
 * dr_about_fini frees all texts. */
dora_err dr_about_add(dr_about *about, dr_about_part part, dora_slice piece);

/* dr_about_limit notes how long an api may run, 0: as long as it likes. Errors: DORA_EINVAL for
 * less than nothing and more than DR_TIME_LIMIT_MS_MAX. */
dora_err dr_about_limit(dr_about *about, int64_t ms);

/* dr_names_clean drops texts that are not what they should be: a schema that is not one encoded
 * value, a summary that is no short UTF-8 text. They come from a process that may write anything.
 */
void dr_names_clean(dr_names *names);
void dr_about_fini(dr_about *about);

/* dr_names_add appends a name of at most DR_API_NAME_MAX bytes; an empty one is the fallback.
 * Errors: DORA_ETOOBIG for more than DR_APP_APIS_MAX with the fallback; DORA_ENOMEM. */
dora_err dr_names_add(dr_names *names, dora_slice name);

/* dr_names_last is what is said of the name that was added last; the fallback is added after all
 * others. Returns: NULL where there is none. dr_names_about is what is said of an api, by its
 * number, or of the fallback, which comes behind them. */
dr_about *dr_names_last(dr_names *names);
const dr_about *dr_names_about(const dr_names *names, uint32_t api);

/* dr_names_add_as appends an api as another application has it. Errors: as dr_names_add. */
dora_err dr_names_add_as(dr_names *names, const dr_names *from, uint32_t api);

/* dr_names_copy. Errors: DORA_ENOMEM. Ownership: gives; dr_names_fini frees, also what a failure
 * has left. */
dora_err dr_names_copy(dr_names *to, const dr_names *from);
void dr_names_fini(dr_names *names);

#endif
