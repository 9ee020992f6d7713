/* cell.h: what the clients in C share: the calls of a cell, how results are printed, the modes. */
#ifndef CONFORMANCE_CELL_H
#define CONFORMANCE_CELL_H

#include <dora/dora.h>

typedef enum cell_kind { CELL_WAIT, CELL_SEND, CELL_SUBMIT, CELL_STREAM, CELL_CANCEL } cell_kind;

/* cell is the one or two calls that are under way. */
typedef struct cell {
    const char *marks;
    const char *handler;
    char name[32];
    dora_writer *writers[2];
    dora_call calls[2];
    dora_error error;
} cell;

/* cell_ask_fn makes the cell's first `count` calls and prints what came of them. Of a stream it
 * prints the parts, then its end; CELL_CANCEL cancels it behind the first. */
typedef void (*cell_ask_fn)(void *user, cell_kind kind, size_t count);

/* cell_run asks each handler once in each mode: client ADDRESS FLAGS MARKS, see run.py. */
void cell_run(cell *self, const char *marks, cell_ask_fn ask, void *user);

/* cell_options reads ADDRESS and FLAGS. */
dora_client_options cell_options(char **argv);

/* cell_print_part prints a part of a stream, cell_print_end what it came to. */
void cell_print_part(const dora_stream_event *part);
void cell_print_end(int64_t code, dora_slice data);

/* cell_print prints results: hex with a space between, !TEXT for an error. */
void cell_print(const dora_answer *answer, size_t count);

#endif
