/* describe.c: what an application says of its apis. */
#include <ctype.h>
#include <string.h>

#include "base/sized.h"
#include "base/slice.h"
#include "base/utf8.h"
#include "task/app.h"
#include "wire/json_request.h"

/* first_line is the first line that is not empty, without the blanks around it. */
static dora_slice first_line(dora_slice text)
{
    while (text.len > 0 && isspace((unsigned char)text.data[0])) {
        text = (dora_slice){text.data + 1, text.len - 1};
    }
    const char *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
    text.len = end != NULL ? (size_t)(end - text.data) : text.len;
    while (text.len > 0 && isspace((unsigned char)text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* add_summary keeps what fits on a line of a table, fit for a terminal. */
static dora_err add_summary(dr_about *about, dora_slice text)
{
    char shown[DR_SUMMARY_BYTES_MAX + 1];
    (void)dr_printable_text(first_line(text), shown, sizeof(shown));
    return dr_about_add(about, DR_ABOUT_SUMMARY, dr_slice(shown));
}

/* is_schema: a schema is an object, or a bool. */
static bool is_schema(dora_slice json)
{
    size_t at = 0;
    while (at < json.len && isspace((unsigned char)json.data[at])) {
        at++;
    }
    return at < json.len && strchr("{tf", json.data[at]) != NULL;
}

/* add_schema keeps a schema as the value that its JSON is. */
static dora_err add_schema(dr_about *about, dr_about_part part, dora_slice json)
{
    dr_buf value = {0};
    if (json.len == 0) {
        return DORA_OK;
    }
    dora_err err = is_schema(json) ? DORA_OK : DORA_EINVAL;
    err = err == DORA_OK ? dr_json_param(json, DR_ABOUT_BYTES_MAX, &value, NULL) : err;
    err = err == DORA_OK ? dr_about_add(about, part, dr_buf_slice(&value)) : err;
    dr_buf_fini(&value);
    return err == DORA_EPROTO ? DORA_EINVAL : err;
}

dora_err dora_app_describe(dora_app *app, const char *name, const dora_about *about)
{
    static const dr_sized type = DR_SIZED(dora_about, result);
    dora_about room;
    const void *taken = about;
    dr_about *kept = name != NULL ? dr_app_about(app, name) : NULL;
    dora_err err = kept != NULL ? dr_sized_take(&type, &taken, &room, NULL) : DORA_EINVAL;
    if (err != DORA_OK) {
        return err;
    }
    about = taken;
    dr_about_fini(kept);
    err = add_summary(kept, about->summary);
    err = err == DORA_OK ? add_schema(kept, DR_ABOUT_PARAM, about->param) : err;
    err = err == DORA_OK ? add_schema(kept, DR_ABOUT_RESULT, about->result) : err;
    return err == DORA_OK && about->is_stream
               ? dr_about_add(kept, DR_ABOUT_STREAM, (dora_slice){"1", 1})
               : err;
}
