/* address.c: "host:port" text to its parts. Pure: nothing is looked up. */
#include "client/address.h"

#include <string.h>

static bool is_host_byte(char byte, bool is_bracketed)
{
    bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    bool is_digit = byte >= '0' && byte <= '9';
    if (is_letter || is_digit || byte == '.' || byte == '-' || byte == '_') {
        return true;
    }
    return is_bracketed && (byte == ':' || byte == '%');
}

static bool port_parse(const char *data, size_t len, uint16_t *port)
{
    uint32_t number = 0;
    if (len == 0 || len > 5) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] < '0' || data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(data[i] - '0');
    }
    if (number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

dora_err dr_address_parse(dora_slice text, char host[DR_HOST_BYTES], uint16_t *port)
{
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 || !port_parse(text.data + colon, text.len - colon, port)) {
        return DORA_EINVAL;
    }
    dora_slice name = {text.data, colon - 1};
    bool is_bracketed = name.len > 2 && name.data[0] == '[' && name.data[name.len - 1] == ']';
    if (is_bracketed) {
        name.data++;
        name.len -= 2;
    }
    if (name.len == 0 || name.len >= DR_HOST_BYTES) {
        return DORA_EINVAL;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_host_byte(name.data[i], is_bracketed)) {
            return DORA_EINVAL;
        }
    }
    memcpy(host, name.data, name.len);
    host[name.len] = '\0';
    return DORA_OK;
}
