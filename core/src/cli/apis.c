/* apis.c: `dora apis`: what a server offers. */
#include "cli/operate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"
#include "cli/token.h"
#include "wire/json_value.h"
#include "wire/message.h"

static const char usage[] = "usage: dora apis [ADDRESS] [--json] [--timeout S]\n";

static const char help[] =
    "\n"
    "Prints the apis that a server offers: names, pools, languages, time limits, and the first\n"
    "line of what each handler's comment says. What a fallback answers has (fallback) behind it,\n"
    "what sends parts (stream): its result comes as they do by dora call --stream.\n"
    "\n" DR_ABOUT_ADDRESS "\n"
    "  --json          all of it as JSON (PROTOCOL.md, \"Control\"), schemas too\n"
    "  --timeout S     wait at most S seconds (3)\n" DR_ABOUT_CLIENT DR_ABOUT_STATUS;

/* widths of the columns that grow. */
typedef struct widths {
    int name;
    int pool;
} widths;

static int wider(int width, const char *text)
{
    const int len = (int)strlen(text);
    return len > width ? len : width;
}

static widths measure(const json_t *apis)
{
    widths all = {4, 4};
    for (size_t i = 0; i < json_array_size(apis); i++) {
        const json_t *api = json_array_get(apis, i);
        all.name = wider(all.name, dr_text_word(api, "name"));
        all.pool = wider(all.pool, dr_text_word(api, "pool"));
    }
    return all;
}

static const char *limit_of(const json_t *api, char text[DR_TEXT_MAX])
{
    const int64_t ms = dr_text_int(api, "time_limit_ms");
    return ms > 0 ? dr_text_ms(ms, text) : "none";
}

static void put_table(dr_buf *out, const json_t *apis)
{
    const widths all = measure(apis);
    char limit[DR_TEXT_MAX];
    dr_text_line(out, SIZE_MAX, "%-*s  %-*s  %-8s  %8s  %s", all.name, "NAME", all.pool, "POOL",
                 "LANGUAGE", "LIMIT", "SUMMARY");
    for (size_t i = 0; i < json_array_size(apis); i++) {
        const json_t *api = json_array_get(apis, i);
        const char *summary = dr_text_word(api, "summary");
        const bool is_fallback = json_is_true(json_object_get(api, "fallback"));
        const bool is_stream = json_is_true(json_object_get(api, "stream"));
        const bool has_summary = *summary != '\0';
        dr_text_line(out, SIZE_MAX, "%-*s  %-*s  %-8s  %8s%s%s%s%s", all.name,
                     dr_text_word(api, "name"), all.pool, dr_text_word(api, "pool"),
                     dr_text_word(api, "language"), limit_of(api, limit),
                     is_fallback ? "  (fallback)" : "", is_stream ? "  (stream)" : "",
                     has_summary ? "  " : "", summary);
    }
}

static dora_err put_json(dr_buf *out, const dora_answer *answer)
{
    dr_buf text = {0};
    dr_reply_message reply;
    dora_err err = dr_reply_decode(dora_answer_reply(answer), &reply, NULL);
    err = err == DORA_OK ? dr_json_print(reply.data, 2, &text, NULL) : err;
    err = err == DORA_OK ? dr_text_json(dr_buf_slice(&text), out) : err;
    dr_buf_fini(&text);
    return err;
}

static int print(const dr_operator *from, const json_t *apis, bool is_json)
{
    dr_buf out = {0};
    dora_err err = DORA_OK;
    if (is_json) {
        err = put_json(&out, from->answer);
    } else {
        put_table(&out, apis);
    }
    const bool is_written =
        err == DORA_OK && fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    dr_buf_fini(&out);
    if (!is_written) {
        dr_cli_print_error("apis", "the list cannot be printed");
    }
    return is_written ? DR_EXIT_OK : DR_EXIT_FAILED;
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    const dr_show ways[DR_SHOW_WAYS_MAX] = {{.show = print}};
    return dr_operate_show("apis", "getApis", ways, argc, argv);
}

const dr_command dr_command_apis = {
    .name = "apis",
    .arguments = "[ADDRESS]",
    .summary = "the apis that it offers",
    .usage = usage,
    .help = help,
    .run = run,
    .is_client = true,
};
