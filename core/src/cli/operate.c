/* operate.c: what the subcommands for operators share: their arguments, and asking a server. */
#include "cli/operate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/frames.h"
#include "cli/help.h"
#include "cli/hint.h"
#include "cli/text.h"
#include "cli/tls.h"
#include "cli/token.h"
#include "client/blocking/client.h"
#include "wire/json_request.h"
#include "wire/json_value.h"

#define PARAM_BYTES_MAX 4096u /* of an api's name, encoded: ample */

static const dr_operate_flag *flag_of(const dr_operate_flag *flags, const char *arg, size_t len)
{
    while (flags->name != NULL &&
           (strlen(flags->name) != len || memcmp(flags->name, arg, len) != 0)) {
        flags++;
    }
    return flags->name != NULL ? flags : NULL;
}

/* take_value puts what stands behind a flag in its place. Returns: what is wrong with it. */
static const char *take_value(const dr_operate_flag *flag, const char *value)
{
    char *end = NULL;
    if (flag->is_given != NULL) {
        *flag->is_given = true;
        if (value == NULL || flag->seconds == NULL) {
            return value == NULL ? NULL : "takes no value";
        }
    }
    if (value == NULL || value[0] == '\0') {
        return "needs a value";
    }
    if (flag->text != NULL) {
        *flag->text = value;
        return NULL;
    }
    *flag->seconds = strtod(value, &end);
    const bool is_good = *end == '\0' && *flag->seconds >= 0.001 && *flag->seconds <= 86400.0;
    return is_good ? NULL : "must be seconds from 0.001 to 86400";
}

static bool refuse(const char *command, const char *arg, size_t len, const char *problem)
{
    char message[256];
    (void)snprintf(message, sizeof(message), "%.*s %s", (int)len, arg, problem);
    (void)dr_cli_usage(command, message);
    return false;
}

/* parse reads flags and at most `most` words that are none. */
static bool parse(const char *command, const dr_operate_flag *flags, int argc, char *const *argv,
                  const char **words, int most)
{
    int count = 0;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        const char *equals = strchr(arg, '=');
        if (strncmp(arg, "--", 2) != 0) {
            if (count == most) {
                return refuse(command, arg, strlen(arg), "is one argument too many");
            }
            words[count++] = arg;
            continue;
        }
        const size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
        const dr_operate_flag *flag = flag_of(flags, arg, len);
        if (flag == NULL) {
            return refuse(command, arg, len, "does not go here");
        }
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (value == NULL && flag->is_given == NULL && i + 1 < argc) {
            value = argv[++i];
        }
        const char *problem = take_value(flag, value);
        if (problem != NULL) {
            return refuse(command, arg, len, problem);
        }
    }
    return true;
}

bool dr_operate_parse(const char *command, const dr_operate_flag *flags, int argc,
                      char *const *argv, const char **address)
{
    *address = NULL;
    return parse(command, flags, argc, argv, address, 1);
}

dora_err dr_operator_open(dr_operator *self, const char *address, double timeout_s,
                          dora_error *error)
{
    *self = (dr_operator){.address = address};
    dora_client_options options = {.size = sizeof options,
                                   .nodes = address,
                                   .timeout_ms = (uint32_t)(timeout_s * 1000.0),
                                   .token = dr_cli_token()};
    dr_cli_tls_fill(&options);
    dr_cli_frames_fill(&options);
    if (strchr(address, ',') != NULL) {
        return dora_error_set(error, DORA_EINVAL, "%s: one server is asked at a time", address);
    }
    const dora_err err = dora_client_new(&self->client, &options, error);
    if (err != DORA_OK) {
        return err;
    }
    self->answer = dora_answer_new();
    return self->answer != NULL ? DORA_OK : dora_error_set(error, DORA_ENOMEM, "out of memory");
}

void dr_operator_close(dr_operator *self)
{
    dora_client_free(self->client);
    dora_answer_free(self->answer);
    *self = (dr_operator){0};
}

dora_err dr_operator_ask(dr_operator *self, const char *command, json_t **data, dora_error *error)
{
    return dr_operator_tell(self, command, (dora_slice){NULL, 0}, data, error);
}

dora_err dr_operator_tell(dr_operator *self, const char *command, dora_slice param, json_t **data,
                          dora_error *error)
{
    json_t *reply = NULL;
    dr_buf text = {0};
    *data = NULL;
    dora_err err = dr_client_command(self->client, command, param, NULL, self->answer, error);
    if (err == DORA_OK) {
        err = dr_json_print(dora_answer_reply(self->answer), 0, &text, error);
    }
    if (err == DORA_OK) {
        err = dr_json_load(dr_buf_slice(&text), &reply, error);
    }
    if (err == DORA_OK) {
        *data = json_incref(json_object_get(reply, "data"));
    }
    json_decref(reply);
    dr_buf_fini(&text);
    return err;
}

int dr_operate_fail(const char *command, const char *address, const dora_error *error)
{
    if (error->err == DORA_EINVAL) {
        return dr_cli_usage(command, error->msg);
    }
    if (error->err == DORA_EREPLY) {
        dr_text_print(stderr, "\n\t", "dora %s: %s: %lld %s", command, address,
                      (long long)error->code, error->msg);
        fputc('\n', stderr);
        return DR_EXIT_FAILED;
    }
    if (dr_hint_http(error, address)) {
        dr_text_print(stderr, "", "dora %s: %s" DR_HINT_HTTP, command, error->msg);
        fputc('\n', stderr);
    } else {
        dr_cli_print_error(command, error->msg);
    }
    return error->err == DORA_ENOMEM || error->err == DORA_ETOOBIG || error->err == DORA_ETYPE
               ? DR_EXIT_FAILED
               : DR_EXIT_CONNECTION;
}

/* param_of encodes what stands behind the address; `*param` stays empty where nothing can. */
static dora_err param_of(const dr_order *order, const char *word, dora_writer **writer,
                         dora_slice *param, dora_error *error)
{
    if (order->param == NULL) {
        return DORA_OK;
    }
    *writer = dora_writer_new(PARAM_BYTES_MAX);
    const dora_err err = *writer != NULL ? order->param(word, *writer, error) : DORA_ENOMEM;
    if (err == DORA_EINVAL) {
        return err;
    }
    return err == DORA_OK && dora_writer_finish(*writer, param) == DORA_OK
               ? DORA_OK
               : dora_error_set(error, DORA_ENOMEM, "out of memory");
}

int dr_operate_order(const dr_order *order, int argc, char **argv)
{
    double timeout_s = order->timeout_s;
    const char *words[2] = {NULL, NULL};
    const dr_operate_flag flags[] = {{.name = "--timeout", .seconds = &timeout_s}, {.name = NULL}};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help(order->command);
    }
    if (!parse(order->command, flags, argc, argv, words, order->param != NULL ? 2 : 1)) {
        return DR_EXIT_USAGE;
    }
    if (order->param != NULL && words[1] == NULL && words[0] != NULL && words[0][0] == '/') {
        words[1] = words[0];
        words[0] = NULL;
    }
    const char *address = words[0] != NULL ? words[0] : DR_OPERATE_ADDRESS;
    dr_operator self = {0};
    dora_error error = {.err = DORA_OK};
    dora_writer *writer = NULL;
    dora_slice param = {NULL, 0};
    json_t *data = NULL;
    int status = DR_EXIT_OK;
    dora_err err = param_of(order, words[1], &writer, &param, &error);
    err = err == DORA_OK ? dr_operator_open(&self, address, timeout_s, &error) : err;
    err = err == DORA_OK ? dr_operator_tell(&self, order->asked, param, &data, &error) : err;
    if (err == DORA_OK) {
        order->print(data);
    } else {
        status = dr_operate_fail(order->command, address, &error);
    }
    json_decref(data);
    dr_operator_close(&self);
    dora_writer_free(writer);
    return status;
}

int dr_operate_show(const char *command, const char *asked, const dr_show *ways, int argc,
                    char **argv)
{
    bool is_json = false;
    bool is_way[DR_SHOW_WAYS_MAX] = {false};
    double timeout_s = 3.0;
    const char *address = NULL;
    const dr_operate_flag flags[] = {{.name = "--json", .is_given = &is_json},
                                     {.name = "--timeout", .seconds = &timeout_s},
                                     {.name = ways[1].flag, .is_given = &is_way[1]},
                                     {.name = ways[2].flag, .is_given = &is_way[2]},
                                     {.name = NULL}};
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help(command);
    }
    if (!dr_operate_parse(command, flags, argc, argv, &address)) {
        return DR_EXIT_USAGE;
    }
    const dr_show *way = &ways[is_way[1] ? 1 : is_way[2] ? 2 : 0];
    if (way->flag != NULL && (is_json || (is_way[1] && is_way[2]))) {
        (void)refuse(command, way->flag, strlen(way->flag),
                     is_json ? "does not go with --json" : "is given beside another");
        return DR_EXIT_USAGE;
    }
    address = address != NULL ? address : DR_OPERATE_ADDRESS;
    dr_operator self = {0};
    dora_error error = {.err = DORA_OK};
    json_t *told = NULL;
    dora_err err = dr_operator_open(&self, address, timeout_s, &error);
    err = err == DORA_OK ? dr_operator_ask(&self, asked, &told, &error) : err;
    const int status = err == DORA_OK ? way->show(&self, told, is_json)
                                      : dr_operate_fail(command, address, &error);
    json_decref(told);
    dr_operator_close(&self);
    return status;
}
