/* redis_reply.c: bytes of Redis to replies. Pure.
 *
 * The parser is that of hiredis. Its objects are built here, so that their number and size are
 * bounded, and nothing of RESP3, which newer versions of hiredis read, is taken for a reply. */
#include "discovery/redis_reply.h"

#include <string.h>

#include <hiredis/hiredis.h>

#include "base/mem.h"

#define UNKNOWN_KIND "sent a reply of a kind that was not asked for"
#define ENDLESS_LINE "sent a line that does not end"
#define ENDLESS_REPLY "sent a reply that does not end"

struct dr_redis_reply {
    dr_redis_kind kind;
    int64_t integer;
    size_t len;             /* bytes of text, or places in items */
    dr_redis_reply **items; /* NULL where one is not read yet */
    char text[];
};

struct dr_redis_reader {
    redisReader *parser;
    size_t bytes;    /* fed since the last whole reply */
    size_t items;    /* of the reply that is being read */
    const char *why; /* a reply was refused; NULL: none was */
};

/* ---- objects ---- */

void dr_redis_reply_free(dr_redis_reply *reply)
{
    if (reply == NULL) {
        return;
    }
    for (size_t i = 0; reply->items != NULL && i < reply->len; i++) {
        dr_redis_reply_free(reply->items[i]); /* DR_REDIS_REPLY_DEPTH_MAX */
    }
    dr_free(reply->items);
    dr_free(reply);
}

static void free_object(void *object)
{
    dr_redis_reply_free(object);
}

static void *refuse(dr_redis_reader *reader, const char *why)
{
    reader->why = why;
    return NULL;
}

/* Makes an object, and puts it where it belongs in the array around it. */
static dr_redis_reply *reply_new(const redisReadTask *task, dr_redis_kind kind, size_t text_len)
{
    dr_redis_reply *reply = dr_calloc(1, sizeof *reply + text_len);
    if (reply == NULL) {
        return refuse(task->privdata, dora_err_text(DORA_ENOMEM));
    }
    reply->kind = kind;
    if (task->parent != NULL) {
        dr_redis_reply *around = task->parent->obj;
        around->items[task->idx] = reply;
    }
    return reply;
}

static void *create_text(const redisReadTask *task, char *text, size_t len)
{
    dr_redis_kind kind = task->type == REDIS_REPLY_ERROR ? DR_REDIS_ERROR : DR_REDIS_TEXT;
    if (task->type != REDIS_REPLY_STRING) {
        if (task->type != REDIS_REPLY_STATUS && task->type != REDIS_REPLY_ERROR) {
            return refuse(task->privdata, UNKNOWN_KIND);
        }
        if (len > DR_REDIS_LINE_BYTES_MAX) {
            return refuse(task->privdata, ENDLESS_LINE);
        }
    }
    dr_redis_reply *reply = reply_new(task, kind, len);
    if (reply != NULL) {
        memcpy(reply->text, text, len);
        reply->len = len;
    }
    return reply;
}

#if HIREDIS_MAJOR >= 1
typedef size_t reader_count;
#else
typedef int reader_count;
#endif

static size_t depth_of(const redisReadTask *task)
{
    size_t depth = 1;
    while (task->parent != NULL) {
        task = task->parent;
        depth++;
    }
    return depth;
}

/* The count is what the peer says will come: it is believed up to a limit. */
static void *create_array(const redisReadTask *task, reader_count count)
{
    dr_redis_reader *reader = task->privdata;
    if (task->type != REDIS_REPLY_ARRAY) {
        return refuse(reader, UNKNOWN_KIND);
    }
    if (depth_of(task) > DR_REDIS_REPLY_DEPTH_MAX) {
        return refuse(reader, "sent a reply of arrays nested too deep");
    }
    if ((size_t)count > DR_REDIS_REPLY_ITEMS_MAX - reader->items) {
        return refuse(reader, "sent a reply of too many items");
    }
    reader->items += (size_t)count;
    dr_redis_reply **items = dr_calloc((size_t)count, sizeof(dr_redis_reply *));
    dr_redis_reply *reply = items != NULL ? reply_new(task, DR_REDIS_ARRAY, 0) : NULL;
    if (reply == NULL) {
        dr_free(items);
        return refuse(reader, dora_err_text(DORA_ENOMEM));
    }
    reply->items = items;
    reply->len = (size_t)count;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    dr_redis_reply *reply = reply_new(task, DR_REDIS_INTEGER, 0);
    if (reply != NULL) {
        reply->integer = value;
    }
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return reply_new(task, DR_REDIS_NIL, 0);
}

#if HIREDIS_MAJOR >= 1
static void *create_double(const redisReadTask *task, double value, char *text, size_t len)
{
    (void)value;
    (void)text;
    (void)len;
    return refuse(task->privdata, UNKNOWN_KIND);
}

static void *create_bool(const redisReadTask *task, int value)
{
    (void)value;
    return refuse(task->privdata, UNKNOWN_KIND);
}
#endif

static const redisReplyObjectFunctions functions = {
    .createString = create_text,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .freeObject = free_object,
};

/* ---- what a reply says ---- */

dr_redis_kind dr_redis_reply_kind(const dr_redis_reply *reply)
{
    return reply->kind;
}

dora_slice dr_redis_reply_text(const dr_redis_reply *reply)
{
    dora_slice text = {reply->text, reply->kind != DR_REDIS_ARRAY ? reply->len : 0};
    return text;
}

bool dr_redis_reply_number(const dr_redis_reply *reply, int64_t *number)
{
    const dora_slice text = dr_redis_reply_text(reply);
    int64_t value = 0;
    if (text.len == 0 || text.len > 18) { /* 18 digits fit */
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *number = value;
    return true;
}

int64_t dr_redis_reply_integer(const dr_redis_reply *reply)
{
    return reply->integer;
}

size_t dr_redis_reply_count(const dr_redis_reply *reply)
{
    return reply->kind == DR_REDIS_ARRAY ? reply->len : 0;
}

const dr_redis_reply *dr_redis_reply_at(const dr_redis_reply *reply, size_t index)
{
    static const dr_redis_reply nothing = {.kind = DR_REDIS_NIL};
    return index < dr_redis_reply_count(reply) ? reply->items[index] : &nothing;
}

/* ---- bytes ---- */

dr_redis_reader *dr_redis_reader_new(void)
{
    dr_redis_reader *reader = dr_calloc(1, sizeof *reader);
    if (reader == NULL) {
        return NULL;
    }
    /* hiredis only reads the table, though it does not say so. */
    reader->parser =
        redisReaderCreateWithFunctions((redisReplyObjectFunctions *)(uintptr_t)&functions);
    if (reader->parser == NULL) {
        dr_free(reader);
        return NULL;
    }
    reader->parser->privdata = reader;
    reader->parser->maxbuf =
        0; /* else it frees large buffers, and asserts that it gets small ones */
    return reader;
}

void dr_redis_reader_free(dr_redis_reader *reader)
{
    if (reader != NULL) {
        redisReaderFree(reader->parser);
        dr_free(reader);
    }
}

dora_err dr_redis_reader_feed(dr_redis_reader *reader, dora_slice bytes)
{
    reader->bytes += bytes.len;
    return redisReaderFeed(reader->parser, bytes.data, bytes.len) == REDIS_OK ? DORA_OK
                                                                              : DORA_ENOMEM;
}

/* Whether more is waited for than a sane Redis sends. What is left in the parser begins with the
 * line of an item; the length of a bulk stands in such a line, too. */
static const char *find_excess(const dr_redis_reader *reader)
{
    const redisReader *parser = reader->parser;
    const size_t line_max = DR_REDIS_LINE_BYTES_MAX + 1; /* with the \r */
    if (reader->bytes > DR_REDIS_REPLY_BYTES_MAX) {
        return ENDLESS_REPLY;
    }
    if (parser->len - parser->pos > line_max &&
        memmem(parser->buf + parser->pos, line_max + 1, "\r\n", 2) == NULL) {
        return ENDLESS_LINE;
    }
    return NULL;
}

dora_err dr_redis_reader_take(dr_redis_reader *reader, dr_redis_reply **reply, const char **why)
{
    void *found = NULL;
    *reply = NULL;
    if (redisReaderGetReply(reader->parser, &found) != REDIS_OK) {
        *why = reader->why != NULL ? reader->why : reader->parser->errstr;
        return DORA_EPROTO;
    }
    if (found == NULL) {
        *why = find_excess(reader);
        return *why != NULL ? DORA_EPROTO : DORA_EAGAIN;
    }
    size_t left = reader->parser->len - reader->parser->pos;
    size_t used = reader->bytes - left;
    reader->bytes = left;
    reader->items = 0;
    if (used > DR_REDIS_REPLY_BYTES_MAX) {
        dr_redis_reply_free(found);
        *why = ENDLESS_REPLY;
        return DORA_EPROTO;
    }
    *reply = found;
    return DORA_OK;
}
