/* Signed documents: the text of a document, then a line `hmac-sha256 HEX`. What is signed is the
 * text byte by byte, without white space around it, so that anybody with an HMAC can sign. */
#ifndef CONTROL_SIGNATURE_H
#define CONTROL_SIGNATURE_H

#include "config/config.h"

enum { SIGNATURE_ROOM = 80 }; /* bytes the line takes */

enum err signature_add(const struct config_names *secrets, struct buf *text) MUST_USE;
/* Appends the line, made with the first secret. Without secrets nothing is appended. */

enum err signature_check(const struct config_names *secrets, struct span raw, const char *name,
                         struct span *text, struct complaints *wrong) MUST_USE;
/* *text: raw without the line and the white space around it. With secrets, the line must be there
 * and right (ERR_CONTROL_UNSIGNED, ERR_CONTROL_SIGNATURE; `wrong` says more), and the text must be
 * an object: an old word could be shown again by anybody, a document has its epoch. Without
 * secrets a line is taken off unread. */

#endif
