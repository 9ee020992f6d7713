/* described.c: an application whose apis have schemas. */
#include <string.h>

#include <dora/dora.h>

static dora_err nothing(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return dora_write_null(dora_reply_writer(reply));
}

static dora_slice text(const char *words)
{
    return (dora_slice){words, strlen(words)};
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    const dora_about about = {
        .size = sizeof about,
        .summary = text("Buys something\nfor its price"),
        .param = text(" {\"$ref\": \"#/$defs/Order\", \"$defs\": {\"Order\": {\"type\": \"object\","
                      " \"properties\": {\"name\": {\"type\": \"string\"}, \"more\": {}},"
                      " \"required\": [\"name\"]}}}"),
        .result = text("true")};
    dora_err err = dora_app_api(app, "/c/buy", nothing, NULL);
    err = err == DORA_OK ? dora_app_describe(app, "/c/buy", &about) : err;
    err = err == DORA_OK ? dora_app_api(app, "/c/silent", nothing, NULL) : err;
    const dora_about stream = {.size = sizeof stream, .is_stream = true};
    err = err == DORA_OK ? dora_app_describe(app, "/c/silent", &stream) : err;
    return err == DORA_OK ? DORA_OK : dora_error_set(error, err, "%s", dora_err_text(err));
}
