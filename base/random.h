/* Unpredictable bytes from the kernel, for ids and seeds. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/* Fills `len` bytes. Ends the process if the kernel has none to give. */
void random_bytes(void *out, size_t len);

/* Writes `len` lower-case letters and digits (about 5 bits each) and a NUL. */
void random_name(char *out, size_t len);

/* A number in [0, 1). */
double random_unit(void);

#endif
