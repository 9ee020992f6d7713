/* float.h: doubles to their shortest text and back. */
#ifndef DR_WIRE_FLOAT_H
#define DR_WIRE_FLOAT_H

#include "wire/value.h"

/* dr_float_text writes the shortest digits that read back as the same double, as PHP writes them:
 * 0.1, 3, 1.0E+25, -0, INF, -INF, NAN. Returns: how many bytes. Independent of the locale. */
size_t dr_float_text(double number, char text[DR_FLOAT_TEXT_MAX]);

/* dr_float_parse reads what stands between `d:` and `;`: -?digits[.digits][(e|E)[+-]digits], INF,
 * -INF or NAN. `number` may be NULL. Returns: bytes read; 0 when there is no such text at `data`,
 * and `*bad` is then where it went wrong. Independent of the locale. */
size_t dr_float_parse(const char *data, size_t len, double *number, size_t *bad);

#endif
