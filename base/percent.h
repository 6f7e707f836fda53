/* Percent-encoding, as in URLs and forms (RFC 3986, section 2.1). */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/buf.h"
#include "base/span.h"

/*
 * Appends the text with its %xx undone. A percent sign without two digits
 * behind it stands for itself, as in browsers. In a form a plus sign is a blank.
 */
void percent_decode(struct span text, bool is_form, struct buf *out);

#endif
