/* names.c: the names of an application's apis, and what it says of each. */
#include "task/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "wire/value.h"

#define ABOUT_LEVELS_AROUND 8 /* of the answer that it stands in */

dora_err dr_about_add(dr_about *about, dr_about_part part, dora_slice piece)
{
    dr_buf *text = &about->texts[part];
    return piece.len > DR_ABOUT_BYTES_MAX - text->len ? DORA_ETOOBIG
                                                      : dr_buf_append_slice(text, piece);
}

dora_err dr_about_limit(dr_about *about, int64_t ms)
{
    if (ms < 0 || ms > DR_TIME_LIMIT_MS_MAX) {
        return DORA_EINVAL;
    }
    about->own_limit_ms = ms == 0 ? DR_LIMIT_NONE : (uint32_t)ms;
    return DORA_OK;
}

/* Whether a text is one whole value that has its place in an answer. */
static bool is_value(dora_slice text)
{
    dora_reader reader;
    dora_reader_init(&reader, text);
    reader.depth = ABOUT_LEVELS_AROUND;
    return dora_reader_skip(&reader, NULL) == DORA_OK && dora_reader_is_done(&reader);
}

static void clean(dr_about *about)
{
    dr_buf *summary = &about->texts[DR_ABOUT_SUMMARY];
    if (summary->len > DR_SUMMARY_BYTES_MAX || !dr_utf8_is_valid(dr_buf_slice(summary))) {
        dr_buf_clear(summary);
    }
    for (int part = DR_ABOUT_PARAM; part <= DR_ABOUT_RESULT; part++) {
        dr_buf *schema = &about->texts[part];
        if (schema->len > 0 && !is_value(dr_buf_slice(schema))) {
            dr_buf_clear(schema);
        }
    }
}

void dr_names_clean(dr_names *names)
{
    for (uint32_t i = 0; names->abouts != NULL && i < names->count; i++) {
        clean(&names->abouts[i]);
    }
    clean(&names->fallback);
}

void dr_about_fini(dr_about *about)
{
    for (size_t i = 0; i < DR_ABOUT_PARTS; i++) {
        dr_buf_fini(&about->texts[i]);
    }
}

/* grow makes room for one name more, and for what is said of it. */
static dora_err grow(dr_names *names)
{
    void *items = realloc(names->items, (names->count + 1) * sizeof(*names->items));
    if (items == NULL) {
        return DORA_ENOMEM;
    }
    names->items = items;
    dr_about *abouts = realloc(names->abouts, (names->count + 1) * sizeof(*abouts));
    if (abouts == NULL) {
        return DORA_ENOMEM;
    }
    names->abouts = abouts;
    abouts[names->count] = (dr_about){0};
    return DORA_OK;
}

dora_err dr_names_add(dr_names *names, dora_slice name)
{
    if (name.len == 0) {
        names->has_fallback = true;
        return DORA_OK;
    }
    if (name.len > DR_API_NAME_MAX || names->count == DR_APP_APIS_MAX - 1) {
        return DORA_ETOOBIG;
    }
    const dora_err err = grow(names);
    if (err == DORA_OK) {
        char *item = names->items[names->count++];
        memcpy(item, name.data, name.len);
        item[name.len] = '\0';
    }
    return err;
}

dr_about *dr_names_last(dr_names *names)
{
    if (names->has_fallback) {
        return &names->fallback;
    }
    return names->count > 0 ? &names->abouts[names->count - 1] : NULL;
}

const dr_about *dr_names_about(const dr_names *names, uint32_t api)
{
    static const dr_about nothing;
    if (api == names->count) {
        return &names->fallback;
    }
    return names->abouts != NULL ? &names->abouts[api] : &nothing;
}

static dora_err copy_about(dr_about *to, const dr_about *from)
{
    dora_err err = DORA_OK;
    to->own_limit_ms = from->own_limit_ms;
    for (size_t i = 0; i < DR_ABOUT_PARTS && err == DORA_OK; i++) {
        err = dr_buf_append_slice(&to->texts[i], dr_buf_slice(&from->texts[i]));
    }
    return err;
}

dora_err dr_names_copy(dr_names *to, const dr_names *from)
{
    *to = (dr_names){.has_fallback = from->has_fallback};
    to->items = malloc(from->count * sizeof(*from->items) + 1);
    to->abouts = calloc((size_t)from->count + 1, sizeof(*to->abouts));
    if (to->items == NULL || to->abouts == NULL) {
        return DORA_ENOMEM;
    }
    dora_err err = copy_about(&to->fallback, &from->fallback);
    for (; to->count < from->count && err == DORA_OK; to->count++) {
        memcpy(to->items[to->count], from->items[to->count], sizeof(*from->items));
        err = copy_about(&to->abouts[to->count], dr_names_about(from, to->count));
    }
    return err;
}

dora_err dr_names_add_as(dr_names *names, const dr_names *from, uint32_t api)
{
    const dora_slice name = {from->items[api], strlen(from->items[api])};
    const dora_err err = dr_names_add(names, name);
    return err == DORA_OK ? copy_about(&names->abouts[names->count - 1], dr_names_about(from, api))
                          : err;
}

void dr_names_fini(dr_names *names)
{
    for (uint32_t i = 0; names->abouts != NULL && i < names->count; i++) {
        dr_about_fini(&names->abouts[i]);
    }
    dr_about_fini(&names->fallback);
    free(names->abouts);
    free(names->items);
    *names = (dr_names){0};
}
