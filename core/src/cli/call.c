/* call.c: `dora call`: one call, or several at once, from the shell. */
#include "base/slice.h"
#include "cli/command.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dora/client.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/priority.h"
#include "base/utf8.h"
#include "cli/call_stream.h"
#include "cli/frames.h"
#include "cli/hint.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "cli/tls.h"
#include "cli/token.h"
#include "client/shared/follow_up.h"
#include "wire/json.h"
#include "wire/json_parse.h"
#include "wire/json_value.h"

static const char usage[] =
    "usage: dora call HOST:PORT NAME [JSON] [--timeout S] [--wait S] [--trace T]\n"
    "                     [--priority P]\n"
    "       dora call HOST:PORT --many KEY=NAME [JSON] ... [--timeout S]\n"
    "                     [--wait S] [--trace T] [--priority P]\n"
    "       dora call HOST:PORT --stream NAME [JSON] [--timeout S] [--idle S]\n"
    "                     [--window N] [--wait S] [--trace T] [--priority P]\n";

static const char help[] =
    "\n"
    "Calls the api NAME with JSON as its parameter (null without) and prints the handler's\n"
    "data as JSON. With --many all apis run at the same time; the result is an object by KEY.\n"
    "With --stream the parts of the answer are printed as they come, a line of JSON each, and\n"
    "the result as the last line; how far it is is shown on a terminal. Ctrl-C has the handler\n"
    "ended, too.\n"
    "\n"
    "  --timeout S     wait at most S seconds (3; for a stream as long as it goes on)\n"
    "  --idle S        with --stream: at most S seconds for the next part (3)\n"
    "  --window N      with --stream: at most N parts under way, 1 to 1024 (64)\n"
    "  --wait S        of these, up to S seconds for a server to come back (0)\n"
    "  --trace T       the W3C traceparent of the call\n"
    "  --priority P    low, normal or high: which calls go first where many wait "
    "(normal)\n" DR_ABOUT_CLIENT "\n"
    "  dora call 127.0.0.1:9567 /user/get '{\"id\": 7}'\n"
    "  dora call 127.0.0.1:9567 --many user=/user/get '{\"id\": 7}' orders=/order/list\n"
    "\n"
    "exit status: 0 ok, 1 the handler's error, 2 wrong command line, 3 the handler was not run,\n"
    "4 connection failed or time is over, 130 Ctrl-C\n";

#define TIMEOUT_S_MAX 86400.0

/* The command line. Names and keys are borrowed from argv; each call has a writer for its
 * parameter. */
typedef struct call_command {
    const char *address;
    bool is_many;
    bool is_stream;
    double timeout_s; /* 0: not said */
    double idle_s;    /* 0: not said */
    uint32_t window;  /* 0: not said */
    double wait_s;
    const char *trace; /* NULL: none */
    dora_priority priority;
    dora_call *calls;
    dora_writer **writers;
    size_t count;
} call_command;

/* Makes the parameter of call `index` from JSON text. Returns: a message, NULL when all is well. */
static const char *set_param(call_command *command, size_t index, const char *text,
                             json_error_t *where)
{
    const char *problem = NULL;
    json_t *json;
    if (dr_json_parse(dr_slice(text), DR_VALUE_DEPTH_MAX,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &json,
                      where) != DORA_OK) {
        return where->text;
    }
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    command->writers[index] = writer;
    dora_err err = DORA_ENOMEM;
    if (writer != NULL) {
        err = dr_json_to_value(json, writer);
    }
    if (err == DORA_OK) {
        err = dora_writer_finish(writer, &command->calls[index].param);
    }
    if (err != DORA_OK) {
        problem = dora_err_text(err);
    }
    json_decref(json);
    return problem;
}

/* Makes call `index` one without a parameter: null to most handlers, a default to some. */
static void set_no_param(call_command *command, size_t index)
{
    dora_call *call = &command->calls[index];
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_MAX);
    command->writers[index] = writer;
    if (writer == NULL || call->name.len == 0 || call->name.len > DR_API_NAME_MAX) {
        return; /* the client says what is wrong with the name */
    }
    dora_write_array(writer, 1);
    dora_write_string(writer, "name", 4);
    dora_write_string(writer, call->name.data, call->name.len);
    dora_write_end(writer);
    call->is_whole = dora_writer_finish(writer, &call->param) == DORA_OK;
}

/* Adds KEY=NAME, or NAME where it is no call of many, and takes the JSON behind it if there is.
 * Returns: how many arguments it took; 0 after a message for a wrong one. */
static int add_call(call_command *command, int argc, char *const *argv)
{
    char message[512];
    json_error_t where;
    size_t index = command->count++;
    dora_call *call = &command->calls[index];
    const char *name = argv[0];
    if (command->is_many) {
        const char *equals = strchr(argv[0], '=');
        if (equals == NULL || equals[1] == '\0') {
            snprintf(message, sizeof message, "--many: %s is not KEY=NAME", argv[0]);
            dr_cli_usage("call", message);
            return 0;
        }
        call->key = (dora_slice){argv[0], (size_t)(equals - argv[0])};
        name = equals + 1;
    }
    call->name = dr_slice(name);
    if (argc < 2 || strncmp(argv[1], "--", 2) == 0) {
        set_no_param(command, index);
        return 1;
    }
    const char *problem = set_param(command, index, argv[1], &where);
    if (problem == NULL) {
        return 2;
    }
    if (command->is_many && command->writers[index] == NULL && strchr(argv[1], '=') != NULL) {
        set_no_param(command, index); /* the next is KEY=NAME */
        return 1;
    }
    snprintf(message, sizeof message, "the parameter of %s is not JSON: %s", name, problem);
    dr_cli_usage("call", message);
    return 0;
}

/* An option that is a number of seconds: --NAME S or --NAME=S. */
typedef struct seconds_option {
    const char *name;
    const char *least_text;
    double least;
    double *seconds;
} seconds_option;

/* Reads the option at argv[0] if it is this one. Returns: how many arguments it took, 0: it is
 * another one; -1 after a message. */
static int parse_seconds(const seconds_option *option, int argc, char *const *argv)
{
    char message[128];
    char *end = NULL;
    size_t len = strlen(option->name);
    if (strncmp(argv[0], option->name, len) != 0 || (argv[0][len] != '\0' && argv[0][len] != '=')) {
        return 0;
    }
    bool is_apart = argv[0][len] == '\0';
    const char *text = !is_apart ? argv[0] + len + 1 : argc > 1 ? argv[1] : "";
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= option->least) || seconds > TIMEOUT_S_MAX) {
        snprintf(message, sizeof message, "%s must be seconds from %s to 86400", option->name,
                 option->least_text);
        dr_cli_usage("call", message);
        return -1;
    }
    *option->seconds = seconds;
    return is_apart ? 2 : 1;
}

/* Reads --timeout, --idle and --wait. Returns: as parse_seconds. */
static int parse_times(call_command *command, int argc, char *const *argv)
{
    const seconds_option timeout = {"--timeout", "0.001", 0.001, &command->timeout_s};
    const seconds_option wait = {"--wait", "0", 0.0, &command->wait_s};
    const seconds_option idle = {"--idle", "0.001", 0.001, &command->idle_s};
    int taken = parse_seconds(&timeout, argc, argv);
    taken = taken != 0 ? taken : parse_seconds(&idle, argc, argv);
    return taken != 0 ? taken : parse_seconds(&wait, argc, argv);
}

/* Reads --NAME TEXT or --NAME=TEXT. Returns: how many arguments it took, 0: it is another one. */
static int parse_text(const char *name, int argc, char *const *argv, const char **text)
{
    const size_t len = strlen(name);
    if (strcmp(argv[0], name) == 0 && argc > 1) {
        *text = argv[1];
        return 2;
    }
    if (strncmp(argv[0], name, len) != 0 || argv[0][len] != '=') {
        return 0;
    }
    *text = argv[0] + len + 1;
    return 1;
}

/* Reads --priority. Returns: as parse_seconds. */
static int parse_priority(call_command *command, int argc, char *const *argv)
{
    const char *word = NULL;
    const int taken = parse_text("--priority", argc, argv, &word);
    if (taken == 0 || dora_priority_find(dr_slice(word), &command->priority)) {
        return taken;
    }
    dr_cli_usage("call", "--priority must be " DR_PRIORITY_WORDS);
    return -1;
}

/* Reads --window. Returns: as parse_seconds. */
static int parse_window(call_command *command, int argc, char *const *argv)
{
    const char *text = "";
    char *end = NULL;
    const int taken = parse_text("--window", argc, argv, &text);
    if (taken == 0 && strcmp(argv[0], "--window") != 0) {
        return 0;
    }
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > (long)DR_WINDOW_MAX) {
        dr_cli_usage("call", "--window must be parts from 1 to 1024");
        return -1;
    }
    command->window = (uint32_t)number;
    return taken;
}

/* Reads the options that have a value. Returns: as parse_seconds. */
static int parse_option(call_command *command, int argc, char *const *argv)
{
    int taken = parse_times(command, argc, argv);
    taken = taken != 0 ? taken : parse_priority(command, argc, argv);
    taken = taken != 0 ? taken : parse_window(command, argc, argv);
    return taken != 0 ? taken : parse_text("--trace", argc, argv, &command->trace);
}

/* Returns: false after a message. */
static bool parse(call_command *command, int argc, char *const *argv)
{
    char message[256];
    for (int i = 0; i < argc;) {
        int taken = parse_option(command, argc - i, argv + i);
        if (taken != 0) {
            if (taken < 0) {
                return false;
            }
            i += taken;
            continue;
        }
        taken = 1;
        if (strcmp(argv[i], "--many") == 0 && (command->count == 0 || command->is_many)) {
            command->is_many = true;
        } else if (strcmp(argv[i], "--stream") == 0) {
            command->is_stream = true;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            snprintf(message, sizeof message, "%s does not go here", argv[i]);
            dr_cli_usage("call", message);
            return false;
        } else if (command->address == NULL) {
            command->address = argv[i];
        } else if (!command->is_many && command->count == 1) {
            snprintf(message, sizeof message, "%s is one argument too many", argv[i]);
            dr_cli_usage("call", message);
            return false;
        } else {
            taken = add_call(command, argc - i, argv + i);
            if (taken == 0) {
                return false;
            }
        }
        i += taken;
    }
    if (command->address == NULL || command->count == 0) {
        dr_cli_usage("call", command->address == NULL ? "HOST:PORT is missing" : "NAME is missing");
        return false;
    }
    if (command->is_stream && command->is_many) {
        dr_cli_usage("call", "--stream is of one api, --many of several");
        return false;
    }
    if ((command->idle_s > 0 || command->window > 0) && !command->is_stream) {
        dr_cli_usage("call", command->idle_s > 0 ? "--idle belongs to --stream"
                                                 : "--window belongs to --stream");
        return false;
    }
    return true;
}

static int status_of_code(int64_t code)
{
    if (code == DORA_CODE_OK) {
        return DR_EXIT_OK;
    }
    return dora_code_is_not_run(code) ? DR_EXIT_NOT_RUN : DR_EXIT_FAILED;
}

static int status_of_err(const dora_error *error)
{
    switch (error->err) {
    case DORA_EREPLY:
    case DORA_EHANDLER:
        return status_of_code(error->code);
    case DORA_EINTERRUPTED:
        return DR_EXIT_INTERRUPTED;
    case DORA_EINVAL:
        return DR_EXIT_USAGE;
    case DORA_EFULL:
    case DORA_ETOOBIG:
    case DORA_ENOMEM:
        return DR_EXIT_FAILED;
    default:
        return DR_EXIT_CONNECTION;
    }
}

static void complain(dora_slice name, int64_t code, dora_slice msg, const char *hint)
{
    dr_buf said = {0};
    const bool is_whole = dr_printable(&said, msg, "") == DORA_OK;
    dr_text_print(stderr, "", "dora call: %.*s: %lld %.*s%s", (int)name.len, name.data,
                  (long long)code, is_whole ? (int)said.len : 0, said.data, hint);
    fputc('\n', stderr);
    dr_buf_fini(&said);
}

/* Writes one result, under its key in a call of many. Returns: its exit status. */
static int put_result(const char *address, const dora_call *call, const dora_result *result,
                      dr_json_writer *writer, dr_json_level *many)
{
    char hint[DR_HINT_MAX] = "";
    dora_error error;
    int status = status_of_code(result->code);
    int64_t code = result->code;
    dora_slice msg = result->msg;
    if (many != NULL) {
        dr_json_key(writer, many, call->key);
    }
    if (status == DR_EXIT_OK && dr_json_data(writer, result->data, &error) != DORA_OK) {
        status = DR_EXIT_FAILED;
        code = DORA_CODE_HANDLER;
        msg = dr_slice(error.msg);
    }
    if (status != DR_EXIT_OK) {
        const bool is_unknown = code == DORA_CODE_NO_API;
        complain(call->name, code, msg, is_unknown ? dr_hint_api(address, call->name, hint) : "");
    }
    if (status != DR_EXIT_OK && many != NULL) {
        dr_json_error(writer, code, msg, NULL);
    }
    return status;
}

static int print_json(dora_slice json)
{
    dr_buf text = {0};
    dora_err err = dr_text_json(json, &text);
    if (err == DORA_OK) {
        err = dr_interrupt_print(dr_buf_slice(&text));
    }
    dr_buf_fini(&text);
    if (err == DORA_EINTERRUPTED) {
        return DR_EXIT_INTERRUPTED;
    }
    if (err != DORA_OK) {
        dr_cli_print_error("call", "the result cannot be printed");
        return DR_EXIT_FAILED;
    }
    return DR_EXIT_OK;
}

static int print_results(const call_command *command, const dora_answer *answer)
{
    dr_buf text = {0};
    dr_json_level level;
    dr_json_level *many = command->is_many ? &level : NULL;
    dr_json_writer writer = dr_json_begin(&text, 2);
    int status = DR_EXIT_OK;
    if (many != NULL) {
        dr_json_open(&writer, many, false);
    }
    for (size_t i = 0; i < command->count; i++) {
        int one = put_result(command->address, &command->calls[i], dora_answer_result(answer, i),
                             &writer, many);
        bool is_worse = status == DR_EXIT_OK || one == DR_EXIT_FAILED;
        status = one != DR_EXIT_OK && is_worse ? one : status;
    }
    if (many != NULL) {
        dr_json_close(&writer, many);
    }
    const bool is_written = dr_json_finish(&writer) == DORA_OK;
    int printed = is_written ? DR_EXIT_OK : DR_EXIT_FAILED;
    if (is_written && text.len > 0) {
        printed = print_json(dr_buf_slice(&text));
    }
    status = printed != DR_EXIT_OK ? printed : status;
    dr_buf_fini(&text);
    return status;
}

/* Says what went wrong. Returns: the exit status. */
static int fail(const call_command *command, const dora_error *error)
{
    const dora_slice msg = dr_slice(error->msg);
    char hint[DR_HINT_MAX] = "";
    if (error->err == DORA_EHANDLER) {
        const dora_slice name = command->calls[0].name;
        const bool is_unknown = error->code == DORA_CODE_NO_API;
        complain(name, error->code, msg,
                 is_unknown ? dr_hint_api(command->address, name, hint) : "");
    } else if (error->code != 0) {
        const bool is_http = !command->is_stream && dr_hint_http(error, command->address);
        complain(dr_slice(command->address), error->code, msg, is_http ? DR_HINT_HTTP : "");
    } else if (error->err != DORA_EINTERRUPTED) {
        dr_cli_print_error("call", error->msg);
    }
    return status_of_err(error);
}

static int call_and_print(const call_command *command)
{
    dora_error error = {.err = DORA_OK};
    dora_client *client = NULL;
    const uint32_t timeout_ms = (uint32_t)(command->timeout_s * 1000.0);
    dora_client_options options = {.size = sizeof options,
                                   .nodes = command->address,
                                   .timeout_ms = command->is_stream ? 0 : timeout_ms,
                                   .token = dr_cli_token(),
                                   .wait_ms = (uint32_t)(command->wait_s * 1000.0)};
    const dora_call_options once = {
        .size = sizeof once,
        .timeout_ms = timeout_ms,
        .idle_ms = (uint32_t)(command->idle_s * 1000.0),
        .window = command->window,
        .is_interrupted = dr_interrupt_came,
        .trace = {command->trace, command->trace != NULL ? strlen(command->trace) : 0},
        .priority = command->priority};
    dr_cli_tls_fill(&options);
    dr_cli_frames_fill(&options);
    dr_interrupt_hold();
    dora_answer *answer = dora_answer_new();
    dora_err err = dora_client_new(&client, &options, &error);
    int status = DR_EXIT_OK;
    if (answer == NULL) {
        err = dora_error_set(&error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    if (err == DORA_OK && command->is_stream) {
        err = dr_call_stream(client, command->calls, &once, &error);
    } else if (err == DORA_OK && command->is_many) {
        err = dora_client_call_many(client, command->calls, command->count, &once, answer, &error);
    } else if (err == DORA_OK) {
        err = dora_client_call(client, command->calls, &once, answer, &error);
    }
    dr_interrupt_release();
    if (err != DORA_OK) {
        status = fail(command, &error);
    } else if (!command->is_stream) {
        status = print_results(command, answer);
    }
    dora_client_free(client);
    dora_answer_free(answer);
    return status;
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("call");
    }
    call_command command = {.timeout_s = 0};
    size_t room = (size_t)argc + 1;
    int status = DR_EXIT_USAGE;
    command.calls = dr_calloc(room, sizeof *command.calls);
    command.writers = dr_calloc(room, sizeof(dora_writer *));
    if (command.calls == NULL || command.writers == NULL) {
        dr_cli_print_error("call", dora_err_text(DORA_ENOMEM));
        status = DR_EXIT_FAILED;
    } else if (parse(&command, argc, argv)) {
        status = call_and_print(&command);
    }
    for (size_t i = 0; command.writers != NULL && i < command.count; i++) {
        dora_writer_free(command.writers[i]);
    }
    dr_free(command.writers);
    dr_free(command.calls);
    return status;
}

const dr_command dr_command_call = {
    .name = "call",
    .arguments = "HOST:PORT NAME",
    .summary = "call an api of a server",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
