/* fuzz_value.c: any bytes as a value: skipped, read, written again, through JSON and back. */
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"
#include "wire/json_value.h"
#include "wire/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static dora_err copy_value(dora_reader *reader, dora_writer *writer);

static dora_err copy_members(dora_reader *reader, dora_writer *writer, size_t count)
{
    dora_value key;
    dora_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dora_err err = dora_reader_key(reader, &key);
        if (err != DORA_OK) {
            return err;
        }
        if (key.type == DORA_INT) {
            dora_write_int(writer, key.integer);
        } else {
            dora_write_string(writer, key.string.data, key.string.len);
        }
        err = copy_value(reader, writer);
        if (err != DORA_OK) {
            return err;
        }
    }
    dora_write_end(writer);
    return dora_reader_end(reader);
}

static dora_err copy_value(dora_reader *reader, dora_writer *writer)
{
    dora_value value;
    dora_err err = dora_reader_value(reader, &value);
    if (err != DORA_OK) {
        return err;
    }
    switch (value.type) {
    case DORA_NULL:
        return dora_write_null(writer);
    case DORA_BOOL:
        return dora_write_bool(writer, value.integer != 0);
    case DORA_INT:
        return dora_write_int(writer, value.integer);
    case DORA_FLOAT:
        return dora_write_float(writer, value.number);
    case DORA_STRING:
        return dora_write_string(writer, value.string.data, value.string.len);
    case DORA_ARRAY:
        break;
    }
    return copy_members(reader, writer, value.count);
}

static void through_json(dora_slice value)
{
    dr_buf text = {0};
    dr_buf again = {0};
    dora_slice encoded;
    if (dr_json_print(value, 0, &text, NULL) != DORA_OK) {
        check(text.len == 0);
        dr_buf_fini(&text);
        return;
    }
    json_t *json = json_loadb(text.data, text.len,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    if (json != NULL) {
        dora_writer *writer = dora_writer_new(1 << 24);
        check(dr_json_to_value(json, writer) == DORA_OK);
        check(dora_writer_finish(writer, &encoded) == DORA_OK);
        check(dr_json_print(encoded, 0, &again, NULL) == DORA_OK);
        check(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
        dora_writer_free(writer);
        json_decref(json);
    } else {
        /* jansson's parser refuses a zero byte at the start of a key; all else must come back. */
        check(memmem(text.data, text.len, "\\u0000", 6) != NULL);
    }
    dr_buf_fini(&again);
    dr_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dora_reader skipper;
    dora_reader reader;
    dora_slice bytes = {(const char *)data, size};
    dora_slice raw;
    dora_slice copy;
    dora_reader_init(&skipper, bytes);
    dora_reader_init(&reader, bytes);
    dora_err err = dora_reader_skip(&skipper, &raw);
    dora_writer *writer = dora_writer_new(1 << 24);
    check(copy_value(&reader, writer) == err);
    check(reader.at == skipper.at && reader.at <= size);
    if (err == DORA_OK) {
        check(raw.len == reader.at);
        check(dora_writer_finish(writer, &copy) == DORA_OK);
        /* Floats may be written otherwise; a second round changes nothing any more. */
        dora_writer *second = dora_writer_new(1 << 24);
        dora_slice copy_again;
        dora_reader_init(&reader, copy);
        check(copy_value(&reader, second) == DORA_OK);
        check(dora_writer_finish(second, &copy_again) == DORA_OK);
        check(copy.len == copy_again.len && memcmp(copy.data, copy_again.data, copy.len) == 0);
        dora_writer_free(second);
        through_json(raw);
    }
    dora_writer_free(writer);
    return 0;
}
