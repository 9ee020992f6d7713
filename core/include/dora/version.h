/* version.h: which Dora this is, and how the structures of these headers grow.
 *
 * A structure whose first member is `size` may get more members at its end. Whoever fills one says
 * how large it was when the program was compiled:
 *
 *     dora_client_options options = {.size = sizeof options, .nodes = "127.0.0.1:9567"};
 *
 * 0 stands for the members that version 0.1.0 has. A newer library takes what is not there as zero.
 * An older one ignores what it does not know as long as that is zero, else the function fails with
 * DORA_EVERSION. Structures without `size` stay as they are as long as the library keeps its soname
 * (libdora.so.0). */
#ifndef DORA_VERSION_H
#define DORA_VERSION_H

#include <dora/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* DORA_VERSION is that of these headers, the one that every package has. As a number, for the
 * preprocessor: 10000 * major + 100 * minor + patch. */
#define DORA_VERSION "0.1.0"
#define DORA_VERSION_NUMBER 100

/* dora_version is the version of the library that runs: a static string. */
DORA_API const char *dora_version(void);

#ifdef __cplusplus
}
#endif
#endif
