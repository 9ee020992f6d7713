/* message.c: requests and replies, found in a body without building a tree. Pure. */
#include "wire/message.h"

#include <string.h>

#include "wire/value.h"
#include "wire/value_read.h"

#define LITERAL(text) ((dora_slice){(text), sizeof(text) - 1})

/* Up to so many apis a repeated key is looked for one by one, beyond by a table of hashes. */
#define KEYS_PLAIN_MAX 16
#define TEXT_OF(number) TEXT_OF_WORD(number)
#define TEXT_OF_WORD(word) #word
#define KEY_SLOTS (DR_APIS_MAX * 2)

/* What one pass over a request finds; judged when all of the body is known to be sound. */
typedef struct request_scan {
    dora_reader reader;
    dr_request *request;
    dr_api *apis;
    size_t apis_max;
    dora_slice type;
    const char *api_fault; /* NULL: none */
    bool has_too_many;     /* apis, for a call of many; a single one looks at its key only */
    dr_api late[2];        /* `one` and `cmd`, where they come when there is no room for more */
    bool keys_rise;        /* all are ints, each above the one before: none can be repeated */
    int64_t last_key;
    size_t slots_used; /* 0: the table is not in use */
    uint16_t slots[KEY_SLOTS];
} request_scan;

static bool slice_is(dora_slice slice, const char *text, size_t len)
{
    return slice.len == len && memcmp(slice.data, text, len) == 0;
}

#define IS(slice, text) slice_is((slice), (text), sizeof(text) - 1)
#define PASS(reader, text) dr_reader_pass((reader), (text), sizeof(text) - 1)

static dora_err refuse(dora_error *error, dora_err err, int64_t code, size_t offset,
                       const char *msg)
{
    dora_error_set(error, err, "%s", msg);
    if (error != NULL) {
        error->code = code;
        error->offset = offset;
    }
    return err;
}

static dora_err refuse_body(dora_error *error, dora_err err, const dora_reader *reader)
{
    char problem[96];
    if (error == NULL) {
        return err;
    }
    dora_reader_problem(reader, err, problem, sizeof(problem));
    dora_error_set(error, err, "body cannot be decoded: %s at byte %zu",
                   err == DORA_ETOOBIG ? problem : "malformed", reader->at);
    error->code = DORA_CODE_BAD_BODY;
    error->offset = reader->at;
    return err;
}

const char *dr_call_type_name(dr_call_type type)
{
#define TYPE_NAME(name, single, accepted, result) #name,
    static const char *const names[] = {DR_CALL_TYPES(TYPE_NAME)};
#undef TYPE_NAME
    return type < DR_TYPE_COUNT ? names[type] : "";
}

static bool find_type(dora_slice name, dr_call_type *type)
{
#define TYPE_FIND(each, single, accepted, result)                                                  \
    if (IS(name, #each)) {                                                                         \
        *type = DR_TYPE_##each;                                                                    \
        return true;                                                                               \
    }
    DR_CALL_TYPES(TYPE_FIND)
#undef TYPE_FIND
    return false;
}

/* find_word finds the types that are no calls. */
static bool find_word(dora_slice name, dr_call_type *type)
{
    *type = IS(name, "TK") ? DR_TYPE_TK : DR_TYPE_CN;
    return *type == DR_TYPE_TK || IS(name, "CN");
}

/* PHP's array has one place for "7" and 7: keys are compared by their text. */
static dora_slice key_text(dora_slice key_raw)
{
    if (key_raw.data[0] == 'i') {
        return (dora_slice){key_raw.data + 2, key_raw.len - 3};
    }
    const char *text = (const char *)memchr(key_raw.data, '"', key_raw.len) + 1;
    return (dora_slice){text, key_raw.len - (size_t)(text - key_raw.data) - 2};
}

static size_t key_slot(dora_slice text)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    }
    return (hash ^ hash >> 16) % KEY_SLOTS;
}

static bool api_has_key(const dr_api *api, dora_slice text)
{
    dora_slice own = key_text(api->key_raw);
    return own.len == text.len && memcmp(own.data, text.data, text.len) == 0;
}

/* Slots hold the index of an api plus 1, 0 when free; twice as many as apis, so one is free. */
static uint16_t *find_slot(request_scan *scan, dora_slice text)
{
    size_t slot = key_slot(text);
    while (scan->slots[slot] != 0 && !api_has_key(&scan->apis[scan->slots[slot] - 1], text)) {
        slot = (slot + 1) % KEY_SLOTS;
    }
    return &scan->slots[slot];
}

/* find_api gives the api that has this key; NULL: none has. */
static dr_api *find_api(request_scan *scan, dora_slice key_raw)
{
    dora_slice text = key_text(key_raw);
    size_t count = scan->request->api_count;
    if (count < KEYS_PLAIN_MAX) {
        for (size_t i = 0; i < count; i++) {
            if (api_has_key(&scan->apis[i], text)) {
                return &scan->apis[i];
            }
        }
        return NULL;
    }
    if (scan->slots_used == 0) {
        memset(scan->slots, 0, sizeof(scan->slots));
    }
    for (; scan->slots_used < count; scan->slots_used++) {
        dora_slice own = key_text(scan->apis[scan->slots_used].key_raw);
        *find_slot(scan, own) = (uint16_t)(scan->slots_used + 1);
    }
    uint16_t slot = *find_slot(scan, text);
    return slot != 0 ? &scan->apis[slot - 1] : NULL;
}

/* The api that has this key, else a new one; NULL when there is no room. */
static dr_api *place_api(request_scan *scan, const dora_value *key, dora_slice key_raw)
{
    size_t count = scan->request->api_count;
    scan->keys_rise =
        scan->keys_rise && key->type == DORA_INT && (count == 0 || key->integer > scan->last_key);
    scan->last_key = scan->keys_rise ? key->integer : 0;
    dr_api *api = scan->keys_rise || count == 0 ? NULL : find_api(scan, key_raw);
    if (api != NULL || count >= scan->apis_max || count >= DR_APIS_MAX) {
        return api;
    }
    scan->request->api_count++;
    scan->apis[count].key_raw = key_raw;
    return &scan->apis[count];
}

/* late_api is where an api goes that has no place: only the key of a single call still counts. */
static dr_api *late_api(request_scan *scan, dora_slice key_raw, dr_api *unplaced)
{
    const bool is_one = IS(key_raw, DR_KEY_ONE);
    if (!scan->has_too_many) {
        scan->has_too_many = true;
        scan->late[0].key_raw = scan->late[1].key_raw = (dora_slice){NULL, 0};
    }
    if (!is_one && !IS(key_raw, DR_KEY_CMD)) {
        return unplaced;
    }
    dr_api *api = &scan->late[is_one ? 0 : 1];
    api->key_raw = key_raw;
    return api;
}

/* A string of at most `max` bytes; anything else is checked and leaves `string` empty. */
static dora_err scan_string(dora_reader *reader, size_t max, dora_slice *string)
{
    dora_value value;
    *string = (dora_slice){NULL, 0};
    if (dr_reader_next(reader) != 's') {
        return dora_reader_skip(reader, NULL);
    }
    dora_err err = dora_reader_value(reader, &value);
    if (err == DORA_OK && value.string.len <= max) {
        *string = value.string;
    }
    return err;
}

/* An int, negative ones as `negative`; anything else is checked and gives -1. */
static dora_err scan_int(dora_reader *reader, int64_t negative, int64_t *number)
{
    dora_value value;
    *number = -1;
    if (dr_reader_next(reader) != 'i') {
        return dora_reader_skip(reader, NULL);
    }
    dora_err err = dora_reader_value(reader, &value);
    if (err == DORA_OK) {
        *number = value.integer < 0 ? negative : value.integer;
    }
    return err;
}

/* One of the three words; anything else is checked and gives none. */
static dora_err scan_priority(dora_reader *reader, dora_priority *priority)
{
    dora_slice word;
    const dora_err err = scan_string(reader, SIZE_MAX, &word);
    *priority = DORA_PRIORITY_DEFAULT;
    (void)dora_priority_find(word, priority);
    return err;
}

/* A member that means nothing here. */
static dora_err skip_member(dora_reader *reader)
{
    dora_value key;
    dora_err err = dora_reader_key(reader, &key);
    return err == DORA_OK ? dora_reader_skip(reader, NULL) : err;
}

const char dr_no_param[3] = "N;";

/* Reads the members of one api. A name of the wrong shape stays empty, and is judged later. */
static dora_err scan_api(dora_reader *reader, dr_api *api)
{
    const size_t at = reader->at;
    dora_value value;
    size_t others = 0;
    api->name = (dora_slice){NULL, 0};
    api->param = (dora_slice){dr_no_param, sizeof(dr_no_param) - 1};
    api->whole = (dora_slice){NULL, 0};
    if (dr_reader_next(reader) != 'a') {
        return dora_reader_skip(reader, NULL);
    }
    dora_err err = dora_reader_value(reader, &value);
    if (err != DORA_OK) {
        return err;
    }
    for (size_t i = 0, count = value.count; err == DORA_OK && i < count; i++) {
        if (PASS(reader, "s:4:\"name\";")) {
            err = scan_string(reader, DR_API_NAME_MAX, &api->name);
        } else if (PASS(reader, "s:5:\"param\";")) {
            err = dr_reader_skip_data(reader, &api->param);
        } else {
            err = skip_member(reader);
            others++;
        }
    }
    err = err == DORA_OK ? dora_reader_end(reader) : err;
    if (others > 0 || api->name.len == 0) {
        api->whole = (dora_slice){reader->data + at, reader->at - at};
    }
    return err;
}

bool dr_api_has_param(dora_slice whole, dora_slice *param)
{
    dora_reader reader;
    dr_api api;
    dr_reader_init_message(&reader, whole);
    const bool is_read = scan_api(&reader, &api) == DORA_OK;
    *param = is_read ? api.param : LITERAL("N;");
    return is_read && param->data != dr_no_param;
}

dora_slice dr_api_param(dora_slice whole)
{
    dora_slice param;
    (void)dr_api_has_param(whole, &param);
    return param;
}

static dora_err scan_apis(request_scan *scan)
{
    dora_reader *reader = &scan->reader;
    dora_value value;
    dr_api unplaced;
    scan->request->api_count = 0;
    scan->slots_used = 0;
    scan->keys_rise = true;
    scan->api_fault = NULL;
    scan->has_too_many = false;
    if (dr_reader_next(reader) != 'a') {
        scan->api_fault = "api is not a map";
        return dora_reader_skip(reader, NULL);
    }
    dora_err err = dora_reader_value(reader, &value);
    if (err != DORA_OK) {
        return err;
    }
    for (size_t i = 0, count = value.count; err == DORA_OK && i < count; i++) {
        size_t key_at = reader->at;
        err = dora_reader_key(reader, &value);
        if (err != DORA_OK) {
            return err;
        }
        dora_slice key_raw = {reader->data + key_at, reader->at - key_at};
        dr_api *api = place_api(scan, &value, key_raw);
        err = scan_api(reader, api != NULL ? api : late_api(scan, key_raw, &unplaced));
    }
    return err == DORA_OK ? dora_reader_end(reader) : err;
}

/* One member of the request. Unknown ones, and Dora's own ones of a wrong shape, are checked and
 * left alone, as the original does. */
static dora_err scan_member(request_scan *scan)
{
    dr_request *request = scan->request;
    dora_reader *reader = &scan->reader;
    if (PASS(reader, "s:3:\"api\";")) {
        return scan_apis(scan);
    }
    if (PASS(reader, "s:4:\"guid\";")) {
        return scan_string(reader, SIZE_MAX, &request->guid);
    }
    if (PASS(reader, "s:4:\"type\";")) {
        return scan_string(reader, SIZE_MAX, &scan->type);
    }
    if (PASS(reader, "s:7:\"timeout\";")) {
        return scan_int(reader, 0, &request->timeout_ms);
    }
    if (PASS(reader, "s:5:\"trace\";")) {
        return scan_string(reader, DR_TRACE_BYTES_MAX, &request->trace);
    }
    if (PASS(reader, "s:7:\"attempt\";")) {
        return scan_int(reader, -1, &request->attempt);
    }
    if (PASS(reader, "s:8:\"priority\";")) {
        return scan_priority(reader, &request->priority);
    }
    if (PASS(reader, "s:6:\"window\";")) {
        return scan_int(reader, 0, &request->window);
    }
    if (PASS(reader, "s:4:\"take\";")) {
        return scan_int(reader, -1, &request->take);
    }
    return skip_member(reader);
}

static dora_err scan_request(request_scan *scan)
{
    dora_value value;
    dora_reader *reader = &scan->reader;
    if (dr_reader_next(reader) != 'a') {
        return DORA_EPROTO;
    }
    dora_err err = dora_reader_value(reader, &value);
    if (err != DORA_OK) {
        return err;
    }
    for (size_t i = 0, count = value.count; err == DORA_OK && i < count; i++) {
        err = scan_member(scan);
    }
    if (err == DORA_OK) {
        err = dora_reader_end(reader);
    }
    return err == DORA_OK && !dora_reader_is_done(reader) ? DORA_EPROTO : err;
}

/* A single call is the api under its key; what else stands there is ignored. */
static const char *pick_single(request_scan *scan)
{
    dr_request *request = scan->request;
    dr_api *apis = scan->apis;
    bool is_command = request->type == DR_TYPE_SC;
    for (size_t i = 0; i < request->api_count; i++) {
        if (is_command ? IS(apis[i].key_raw, DR_KEY_CMD) : IS(apis[i].key_raw, DR_KEY_ONE)) {
            apis[0] = apis[i];
            request->api_count = 1;
            return NULL;
        }
    }
    const dr_api *late = &scan->late[is_command ? 1 : 0];
    if (scan->has_too_many && late->key_raw.len > 0) {
        apis[0] = *late;
        request->api_count = 1;
        return NULL;
    }
    return is_command ? "api has no key `cmd`" : "api has no key `one`";
}

static const char *judge_apis(request_scan *scan)
{
    dr_request *request = scan->request;
    if (scan->api_fault != NULL) {
        return scan->api_fault;
    }
    if (request->api_count == 0) {
        return "api is missing or empty";
    }
    if (dr_call_type_is_single(request->type)) {
        const char *fault = pick_single(scan);
        if (fault != NULL) {
            return fault;
        }
    } else if (scan->has_too_many) {
        return "more than the limit of " TEXT_OF(DR_APIS_MAX) " apis in one call";
    }
    bool are_arrays = true;
    for (size_t i = 0; i < request->api_count; i++) {
        if (scan->apis[i].name.len == 0) {
            request->has_odd_name = true;
            are_arrays = are_arrays && scan->apis[i].whole.len > 0;
        }
    }
    const char *fault = request->has_odd_name
                            ? "an api has no name of 1 to " TEXT_OF(DR_API_NAME_MAX) " bytes"
                            : NULL;
    request->has_odd_name = request->has_odd_name && are_arrays;
    return fault;
}

static dora_err decode(dora_slice body, request_scan *scan, dora_error *error)
{
    dr_reader_init_message(&scan->reader, body);
    scan->type = (dora_slice){NULL, 0};
    scan->api_fault = NULL;
    scan->has_too_many = false;
    *scan->request = (dr_request){.timeout_ms = -1, .attempt = -1, .window = -1, .take = -1};
    dora_err err = scan_request(scan);
    return err == DORA_OK ? DORA_OK : refuse_body(error, err, &scan->reader);
}

/* judge looks at type and apis, once the guid is known to be good. */
static dora_err judge(request_scan *scan, dora_error *error)
{
    if (!find_type(scan->type, &scan->request->type)) {
        if (find_word(scan->type, &scan->request->type)) {
            scan->request->api_count = 0;
            return DORA_OK;
        }
        return refuse(error, DORA_EPROTO, DORA_CODE_BAD_TYPE, 0, "unknown or missing type");
    }
    const char *fault = judge_apis(scan);
    if (fault != NULL) {
        return refuse(error, DORA_EPROTO, DORA_CODE_BAD_API, 0, fault);
    }
    return DORA_OK;
}

dora_err dr_request_decode(dora_slice body, const char *header_guid, dr_request *request,
                           dr_api *apis, size_t apis_max, dora_error *error)
{
    request_scan scan;
    scan.request = request;
    scan.apis = apis;
    scan.apis_max = apis_max;
    dora_err err = decode(body, &scan, error);
    if (err != DORA_OK) {
        return err;
    }
    if (request->guid.len != DR_GUID_LEN ||
        (header_guid != NULL && memcmp(request->guid.data, header_guid, DR_GUID_LEN) != 0)) {
        if (find_word(scan.type, &request->type)) {
            request->api_count = 0;
            request->guid.len = 0;
            return DORA_OK; /* it is never answered */
        }
        return refuse(error, DORA_EPROTO, DORA_CODE_BAD_GUID, 0, "guid in body and header differ");
    }
    return judge(&scan, error);
}

dora_err dr_request_decode_bare(dora_slice body, dr_request *request, dr_api *apis, size_t apis_max,
                                dora_error *error)
{
    request_scan scan;
    scan.request = request;
    scan.apis = apis;
    scan.apis_max = apis_max;
    dora_err err = decode(body, &scan, error);
    if (err != DORA_OK) {
        return err;
    }
    if (request->guid.len == 0 || request->guid.len > DR_BARE_GUID_MAX) {
        request->guid.len = 0;
        return refuse(error, DORA_EPROTO, DORA_CODE_BAD_GUID, 0,
                      "guid is not a string of 1 to 255 bytes");
    }
    return judge(&scan, error);
}

static void scan_reply_member(dr_reply_message *reply, dora_slice key, dora_slice raw,
                              bool *has_code)
{
    dora_reader reader;
    dora_value value;
    if (IS(key, "data")) {
        reply->data = raw;
        return;
    }
    if (raw.data[0] == 'a') {
        return;
    }
    dora_reader_init(&reader, raw);
    if (dora_reader_value(&reader, &value) != DORA_OK) {
        return;
    }
    bool is_string = value.type == DORA_STRING;
    if (IS(key, "code")) {
        *has_code = value.type == DORA_INT;
        reply->code = *has_code ? value.integer : 0;
    } else if (IS(key, "guid")) {
        reply->guid = is_string ? value.string : (dora_slice){NULL, 0};
    } else if (IS(key, "msg")) {
        reply->msg = is_string ? value.string : (dora_slice){NULL, 0};
    } else if (IS(key, "isresult")) {
        reply->is_result = value.type == DORA_INT && value.integer != 0;
    } else if (IS(key, "part")) {
        reply->part = value.type == DORA_INT ? value.integer : -1;
    }
}

dora_err dr_reply_decode(dora_slice body, dr_reply_message *reply, dora_error *error)
{
    dora_reader reader;
    dora_value value = {.count = 0};
    bool has_code = false;
    *reply = (dr_reply_message){.data = LITERAL("N;"), .part = -1};
    dr_reader_init_message(&reader, body);
    if (body.len == 0 || body.data[0] != 'a') {
        return refuse_body(error, DORA_EPROTO, &reader);
    }
    dora_err err = dora_reader_value(&reader, &value);
    for (size_t i = 0, count = value.count; err == DORA_OK && i < count; i++) {
        dora_slice raw;
        err = dora_reader_key(&reader, &value);
        if (err == DORA_OK) {
            err = value.type == DORA_STRING && IS(value.string, "data")
                      ? dr_reader_skip_data(&reader, &raw)
                      : dora_reader_skip(&reader, &raw);
        }
        if (err == DORA_OK && value.type == DORA_STRING) {
            scan_reply_member(reply, value.string, raw, &has_code);
        }
    }
    if (err == DORA_OK) {
        err = dora_reader_end(&reader);
    }
    if (err == DORA_OK && !dora_reader_is_done(&reader)) {
        err = DORA_EPROTO;
    }
    if (err != DORA_OK) {
        return refuse_body(error, err, &reader);
    }
    if (!has_code) {
        return refuse(error, DORA_EPROTO, DORA_CODE_BAD_BODY, 0, "reply has no code");
    }
    return DORA_OK;
}
