/* copy.h: values read and written one by one, for the handler and the client in C. */
#ifndef INTEROP_COPY_H
#define INTEROP_COPY_H

#include <dora/dora.h>

/* copy_value reads the whole value `bytes` and writes it anew, type by type.
 * Errors: those of the reader and of the writer; DORA_EPROTO for bytes after the value. */
dora_err copy_value(dora_slice bytes, dora_writer *writer);

/* copy_kind writes the types of the value and of all in it as one string:
 * "array(string:int,int:array())". Errors: as copy_value, DORA_ENOMEM. */
dora_err copy_kind(dora_slice bytes, dora_writer *writer);

#endif
