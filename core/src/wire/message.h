/* message.h: requests and replies, found in a body without building a tree.
 * Source: PROTOCOL.md, "Message" and "Reply codes". */
#ifndef DR_WIRE_MESSAGE_H
#define DR_WIRE_MESSAGE_H

#include "base/buf.h"
#include "base/limits.h"
#include <dora/error.h>
#include <dora/priority.h>

/* DR_CALL_TYPES lists the types of a request by their names on the wire. Then: whether one api is
 * meant (that under `one`, of SC `cmd`), whether it is answered before it runs and then runs
 * whatever becomes of its connection, and whether it is answered when it has run. */
#define DR_CALL_TYPES(X)                                                                           \
    X(W_S, 1, 0, 1)                                                                                \
    X(W_M, 0, 0, 1)                                                                                \
    X(AN_S, 1, 1, 0)                                                                               \
    X(AN_M, 0, 1, 0)                                                                               \
    X(AM_S, 1, 1, 1)                                                                               \
    X(AM_M, 0, 1, 1)                                                                               \
    X(SC, 1, 0, 1)                                                                                 \
    X(ST_S, 1, 0, 1)

/* Behind them stand what a client says of a call of its own that is under way: it takes more parts
 * of a stream, it cancels. These are no calls: they have no apis, and are never answered.
 * Source: PROTOCOL.md, "Streams". */
#define DR_CALL_TYPE_ENUM(name, single, accepted, result) DR_TYPE_##name,
typedef enum dr_call_type {
    DR_CALL_TYPES(DR_CALL_TYPE_ENUM) DR_TYPE_COUNT,
    DR_TYPE_TK,
    DR_TYPE_CN
} dr_call_type;
#undef DR_CALL_TYPE_ENUM

/* DR_KEY_ONE and DR_KEY_CMD are the encoded keys of a single call and of a command. */
#define DR_KEY_ONE "s:3:\"one\";"
#define DR_KEY_CMD "s:3:\"cmd\";"

/* dr_call_type_name gives "W_S"; a static string. */
const char *dr_call_type_name(dr_call_type type);

/* What DR_CALL_TYPES says of a type, a bit for each; false of what is none. */
static inline bool dr_call_type_is_in(unsigned set, dr_call_type type)
{
    return type < DR_TYPE_COUNT && (set >> type & 1u) != 0;
}

static inline bool dr_call_type_is_single(dr_call_type type)
{
#define DR_CALL_TYPE_BIT(name, single, accepted, result) | single##u << DR_TYPE_##name
    return dr_call_type_is_in(0u DR_CALL_TYPES(DR_CALL_TYPE_BIT), type);
#undef DR_CALL_TYPE_BIT
}

static inline bool dr_call_type_is_accepted(dr_call_type type)
{
#define DR_CALL_TYPE_BIT(name, single, accepted, result) | accepted##u << DR_TYPE_##name
    return dr_call_type_is_in(0u DR_CALL_TYPES(DR_CALL_TYPE_BIT), type);
#undef DR_CALL_TYPE_BIT
}

static inline bool dr_call_type_has_result(dr_call_type type)
{
#define DR_CALL_TYPE_BIT(name, single, accepted, result) | result##u << DR_TYPE_##name
    return dr_call_type_is_in(0u DR_CALL_TYPES(DR_CALL_TYPE_BIT), type);
#undef DR_CALL_TYPE_BIT
}

/* dr_no_param is what `param` of an api points to where it was absent. */
extern const char dr_no_param[3];

typedef struct dr_api {
    dora_slice key_raw; /* encoded, as it stood: s:3:"one"; or i:7; */
    dora_slice name;    /* 1..DR_API_NAME_MAX bytes */
    dora_slice param;   /* one encoded value, checked; "N;" where it was absent */
    dora_slice whole;   /* the array itself where it is not just a name and a param, else empty */
} dr_api;

typedef struct dr_request {
    dora_slice guid;
    dr_call_type type;
    size_t api_count;
    int64_t timeout_ms;     /* -1: none sent; else 0 or more */
    dora_slice trace;       /* empty: none sent */
    int64_t attempt;        /* -1: none sent */
    dora_priority priority; /* DORA_PRIORITY_DEFAULT: none sent */
    int64_t window;         /* of ST_S: parts under way; -1: none sent */
    int64_t take;           /* of TK: parts that were taken; -1: none sent, or no number */
    bool has_odd_name; /* and nothing else is wrong: 100003 for all but the original's programs */
} dr_request;

/* dr_request_decode reads a whole plain body in one pass. Slices point into `body`; nothing is
 * allocated. `header_guid` is the frame's 32 bytes, or NULL when there is nothing to compare. A
 * single call gives exactly one api. At most `apis_max` apis (itself at most DR_APIS_MAX). TK and
 * CN give no api, and no guid where theirs is not the header's. Errors: DORA_EPROTO or
 * DORA_ETOOBIG, error->code is the reply code, in this precedence: 100006, 100100, 100002, 100003;
 * for 100006 error->offset is the first bad byte. `error` may be NULL. */
dora_err dr_request_decode(dora_slice body, const char *header_guid, dr_request *request,
                           dr_api *apis, size_t apis_max, dora_error *error);

/* dr_api_param finds the parameter in an api's `whole`, "N;" where there is none; dr_api_has_param
 * says which, too. */
dora_slice dr_api_param(dora_slice whole);
bool dr_api_has_param(dora_slice whole, dora_slice *param);

/* dr_request_decode_bare is that of a frame without a guid: the body's own may have any length from
 * 1 to DR_BARE_GUID_MAX. On the errors 100003 and 100100 request->guid is what was found, or empty.
 * */
dora_err dr_request_decode_bare(dora_slice body, dr_request *request, dr_api *apis, size_t apis_max,
                                dora_error *error);

/* dr_reply_message is a reply, or the handler's envelope within one: the same shape. */
typedef struct dr_reply_message {
    dora_slice guid; /* empty where absent */
    int64_t code;
    dora_slice msg;  /* empty where absent */
    dora_slice data; /* one encoded value, checked; "N;" where it was absent */
    int64_t part;    /* of a stream's part: its number, from 0; else -1 */
    bool is_result;
} dr_reply_message;

/* dr_reply_goes_on says whether it is a word of a stream that goes on: a part, or progress. */
static inline bool dr_reply_goes_on(const dr_reply_message *reply)
{
    return reply->code == DORA_CODE_PART || reply->code == DORA_CODE_PROGRESS;
}

/* dr_reply_decode reads a reply's body or an envelope; all of it is checked.
 * Errors: DORA_EPROTO or DORA_ETOOBIG; error->offset is the first bad byte. */
dora_err dr_reply_decode(dora_slice body, dr_reply_message *reply, dora_error *error);

#endif
