/* link.c: messages between an old master and its heir, to bytes and back. Pure. */
#include "server/upgrade/link.h"

#include <string.h>

#define NUMBER_BYTES 8u
#define LENGTH_BYTES 4u

void dr_link_begin(dr_link_writer *writer)
{
    writer->len = 0;
    writer->is_full = false;
}

/* room_for gives where `len` bytes go; NULL: they do not fit. */
static char *room_for(dr_link_writer *writer, size_t len)
{
    if (writer->is_full || len > sizeof(writer->bytes) - writer->len) {
        writer->is_full = true;
        return NULL;
    }
    char *room = writer->bytes + writer->len;
    writer->len += len;
    return room;
}

static void put_be(char *to, uint64_t number, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (char)(unsigned char)(number >> (8 * (count - 1 - i)));
    }
}

static uint64_t be_of(const char *from, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) {
        number = number << 8 | (unsigned char)from[i];
    }
    return number;
}

void dr_link_put_number(dr_link_writer *writer, uint64_t number)
{
    char *room = room_for(writer, NUMBER_BYTES);
    if (room != NULL) {
        put_be(room, number, NUMBER_BYTES);
    }
}

void dr_link_put_bytes(dr_link_writer *writer, dora_slice bytes)
{
    if (bytes.len > sizeof(writer->bytes)) {
        writer->is_full = true;
        return;
    }
    char *room = room_for(writer, LENGTH_BYTES + bytes.len);
    if (room != NULL) {
        put_be(room, bytes.len, LENGTH_BYTES);
        if (bytes.len > 0) {
            memcpy(room + LENGTH_BYTES, bytes.data, bytes.len);
        }
    }
}

bool dr_link_written(const dr_link_writer *writer, dora_slice *body)
{
    *body = (dora_slice){writer->bytes, writer->len};
    return !writer->is_full;
}

void dr_link_head(dr_link_type type, unsigned char head[DR_LINK_HEAD_BYTES])
{
    memset(head, 0, DR_LINK_HEAD_BYTES);
    head[0] = (unsigned char)type;
}

bool dr_link_open(dora_slice packet, dr_link_type *type, dora_slice *body)
{
    if (packet.len < DR_LINK_HEAD_BYTES || packet.len > DR_LINK_HEAD_BYTES + DR_LINK_BYTES_MAX) {
        return false;
    }
    *type = (dr_link_type)(unsigned char)packet.data[0];
    *body = (dora_slice){packet.data + DR_LINK_HEAD_BYTES, packet.len - DR_LINK_HEAD_BYTES};
    return true;
}

bool dr_link_take_number(dora_slice *body, uint64_t *number)
{
    if (body->len < NUMBER_BYTES) {
        return false;
    }
    *number = be_of(body->data, NUMBER_BYTES);
    *body = (dora_slice){body->data + NUMBER_BYTES, body->len - NUMBER_BYTES};
    return true;
}

bool dr_link_take_bytes(dora_slice *body, dora_slice *bytes)
{
    if (body->len < LENGTH_BYTES || be_of(body->data, LENGTH_BYTES) > body->len - LENGTH_BYTES) {
        return false;
    }
    const size_t len = (size_t)be_of(body->data, LENGTH_BYTES);
    *bytes = (dora_slice){body->data + LENGTH_BYTES, len};
    *body = (dora_slice){bytes->data + len, body->len - LENGTH_BYTES - len};
    return true;
}
