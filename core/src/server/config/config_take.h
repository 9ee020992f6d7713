/* config_take.h: one JSON value to one member of the configuration. Inner to config_read.c and
 * run_options.c. */
#ifndef DR_SERVER_CONFIG_TAKE_H
#define DR_SERVER_CONFIG_TAKE_H

#include <jansson.h>

#include "server/config/config.h"

#define DR_CONFIG_DEPTH_MAX 4 /* access, identities, NAME, key */

/* dr_reading is a file that is being read: `path` holds the keys down to the current one. Empty
 * `text`: it is no file, and messages name no line. */
typedef struct dr_reading {
    dr_config *config;
    dora_slice text;
    const char *file;
    dora_error *problems;
    const char *path[DR_CONFIG_DEPTH_MAX];
    size_t depth;
} dr_reading;

typedef struct dr_key dr_key;

/* dr_take_fn checks one value and stores it at key->at of `object`. What is wrong with it goes to
 * the reading's problems. Errors: DORA_ENOMEM alone. */
typedef dora_err (*dr_take_fn)(dr_reading *r, const dr_key *key, const json_t *json, void *object);

/* dr_key is one key of an object; a table of them ends with a NULL name. */
struct dr_key {
    const char *name;
    dr_take_fn take;
    size_t at; /* of the member in its struct */
    uint32_t min;
    uint32_t max;
    const dr_key *keys; /* of an object */
};

/* dr_reading_problem adds a problem with the current key, its line and column. */
void dr_reading_problem(dr_reading *r, const char *format, ...) DORA_PRINTF(2, 3);

/* dr_reading_set_path puts a copy of `path` in `place`, counted from the file's folder.
 * Errors: DORA_ENOMEM. */
dora_err dr_reading_set_path(dr_reading *r, char **place, const char *path);

/* dr_config_key finds a name in a table, NULL where it is not there. */
const dr_key *dr_config_key(const dr_key *keys, const char *name);

/* dr_take_members reads every member of an object by the table `keys` into `object`. */
dora_err dr_take_members(dr_reading *r, const dr_key *keys, const json_t *json, void *object);

/* The dr_take_fn of plain values. uint32_t, bool; */
dora_err dr_take_uint(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_bool(dr_reading *r, const dr_key *key, const json_t *json, void *object);
/* a file name (char *), or null for none; */
dora_err dr_take_path(dr_reading *r, const dr_key *key, const json_t *json, void *object);
/* a program or module: with a slash it is a file, else a name that is looked up when started. */
dora_err dr_take_program(dr_reading *r, const dr_key *key, const json_t *json, void *object);

/* dr_take_texts gives each text of a list to `add`; why it refuses one is a problem. */
dora_err dr_take_texts(dr_reading *r, const json_t *json, dr_config *config,
                       dora_err (*add)(dr_config *config, const char *text, dora_error *error));

#endif
