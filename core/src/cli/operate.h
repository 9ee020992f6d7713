/* operate.h: what the subcommands for operators share: their arguments, and asking a server. */
#ifndef DR_CLI_OPERATE_H
#define DR_CLI_OPERATE_H

#include <jansson.h>

#include <dora/client.h>

#define DR_OPERATE_ADDRESS "127.0.0.1:9567"

/* dr_operate_flag is a flag that a subcommand knows; a table of them ends with name NULL. Exactly
 * one of the places is set, or both of `is_given` and `seconds`: those may stand behind a `=`. */
typedef struct dr_operate_flag {
    const char *name;
    bool *is_given;
    const char **text;
    double *seconds; /* 0.001 to 86400 */
} dr_operate_flag;

/* dr_operate_parse reads flags and one ADDRESS, NULL where none is given. Returns: false after a
 * message. */
bool dr_operate_parse(const char *command, const dr_operate_flag *flags, int argc,
                      char *const *argv, const char **address);

/* dr_operator asks one server. Zeroed memory is a closed one. */
typedef struct dr_operator {
    const char *address;
    dora_client *client;
    dora_answer *answer;
} dr_operator;

/* dr_operator_open makes the client; it does not connect yet. Errors: DORA_EINVAL for what is no
 * address of one server; DORA_ENOMEM. Ownership: borrows `address`. dr_operator_close is fine after
 * a failure, and twice. */
dora_err dr_operator_open(dr_operator *self, const char *address, double timeout_s,
                          dora_error *error);
void dr_operator_close(dr_operator *self);

/* dr_operator_ask sends a command. Errors: as dora_client_control. Ownership: gives `*data`, the
 * data of the reply; json_decref frees it. */
dora_err dr_operator_ask(dr_operator *self, const char *command, json_t **data, dora_error *error);

/* dr_operator_tell does so with a parameter: an encoded value, or empty. */
dora_err dr_operator_tell(dr_operator *self, const char *command, dora_slice param, json_t **data,
                          dora_error *error);

/* dr_operate_fail prints what went wrong. Returns: the exit status for it. */
int dr_operate_fail(const char *command, const char *address, const dora_error *error);

/* dr_operate_order is a whole command that tells a server to do something and prints what came of
 * it. `param` makes a value of what stands behind the ADDRESS, which alone is known from one by the
 * slash that it begins with; NULL: nothing does. Returns: the status of the program. */
typedef struct dr_order {
    const char *command; /* of this program */
    const char *asked;   /* of the server */
    double timeout_s;    /* where none is given */
    dora_err (*param)(const char *word, dora_writer *writer, dora_error *error);
    void (*print)(const json_t *data);
} dr_order;
int dr_operate_order(const dr_order *order, int argc, char **argv);

/* dr_operate_show is a whole command that asks a server one thing and shows it: `ways[0].show`, or
 * the one whose flag is given, prints what it told, and returns the status of the program, as this
 * does. Flags that are not there are NULL. */
#define DR_SHOW_WAYS_MAX 3
typedef int (*dr_show_fn)(const dr_operator *from, const json_t *told, bool is_json);
typedef struct dr_show {
    const char *flag;
    dr_show_fn show;
} dr_show;
int dr_operate_show(const char *command, const char *asked, const dr_show *ways, int argc,
                    char **argv);

#endif
