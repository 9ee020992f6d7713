/* value_read.h: reading where marks may not stand. */
#ifndef DR_WIRE_VALUE_READ_H
#define DR_WIRE_VALUE_READ_H

#include "wire/value.h"

/* dr_reader_init_message is dora_reader_init for a message, or for a part of one. A parameter and a
 * handler's data alone may hold marks: dr_reader_skip_data reads those. */
void dr_reader_init_message(dora_reader *reader, dora_slice bytes);
dora_err dr_reader_skip_data(dora_reader *reader, dora_slice *raw);

#endif
