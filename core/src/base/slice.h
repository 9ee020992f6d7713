/* slice.h: bytes that somebody else owns, from the text that they are. */
#ifndef DR_BASE_SLICE_H
#define DR_BASE_SLICE_H

#include <string.h>

#include <dora/value.h>

/* dr_slice is a text's bytes, without the NUL. Ownership: borrows. */
static inline dora_slice dr_slice(const char *text)
{
    return (dora_slice){text, strlen(text)};
}

#endif
