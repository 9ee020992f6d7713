/* sign.c: the frame's checksum. Pure. */
#include "wire/sign.h"

#include <zlib.h>

uint32_t dr_crc32_salted(dora_slice body, dora_slice salt)
{
    if (salt.data == NULL) {
        salt.data = DR_SALT_DEFAULT;
        salt.len = sizeof(DR_SALT_DEFAULT) - 1;
    }
    uLong crc = crc32_z(0, NULL, 0);
    if (body.len > 0) {
        crc = crc32_z(crc, (const Bytef *)body.data, body.len);
    }
    if (salt.len > 0) {
        crc = crc32_z(crc, (const Bytef *)salt.data, salt.len);
    }
    return (uint32_t)crc;
}
