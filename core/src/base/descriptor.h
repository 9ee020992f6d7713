/* descriptor.h: descriptors of a process that is to become another program. */
#ifndef DR_BASE_DESCRIPTOR_H
#define DR_BASE_DESCRIPTOR_H

/* dr_descriptor_high gives a copy of `fd` that is `first` or higher, closed by an exec: no number
 * that the new program is to have below collides with it. Returns: -1 when there is none.
 * dr_descriptor_close closes one that is there (-1: none). dr_descriptor_close_from closes all from
 * `first` on. Thread: any; the last two also between fork and exec. */
int dr_descriptor_high(int fd, int first);
void dr_descriptor_close(int fd);
void dr_descriptor_close_from(int first);

#endif
