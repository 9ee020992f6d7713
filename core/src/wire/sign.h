/* sign.h: the checksum. It finds damage and mismatched settings; it is no authentication. */
#ifndef DR_WIRE_SIGN_H
#define DR_WIRE_SIGN_H

#include <dora/value.h>

/* DR_SALT_DEFAULT is the protocol's own salt. */
#define DR_SALT_DEFAULT "=&$*#@(*&%(@"

/* dr_crc32_salted is crc32 over `body`, then `salt`. A salt with data NULL is the default one. */
uint32_t dr_crc32_salted(dora_slice body, dora_slice salt);

#endif
