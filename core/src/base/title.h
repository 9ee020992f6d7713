/* title.h: the name a process shows in ps and top. */
#ifndef DR_BASE_TITLE_H
#define DR_BASE_TITLE_H

/* dr_title_set names the process: the whole text in ps, its first 15 bytes as the short name. It
 * writes over the process's own arguments, of which the host must hold no pointers (the C library,
 * CPython and PHP copy theirs); environment strings in the way are copied first.
 * Thread: main, before others read the environment. */
void dr_title_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
