/* Base64 (RFC 4648): the standard alphabet with padding, and the one for URLs. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum base64_form {
	BASE64_STANDARD, /* section 4; padding required */
	BASE64_URL,      /* section 5; no padding (as in RFC 7515) */
	BASE64_LENIENT,  /* either alphabet; other bytes are passed over, padding is optional */
};

/* Appends the decoded bytes to `out`; false, and nothing appended, when `text` is not base64. */
bool base64_decode(struct span text, enum base64_form form, struct buf *out) MUST_USE;

/* Appends the standard form. */
void base64_encode(struct span bytes, struct buf *out);

#endif
