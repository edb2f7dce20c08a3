/* The byte classes: token (RFC 9110 5.6.2), request target (VCHAR without '#', RFC 9112 3.2), host
 * and port (RFC 3986 3.2), and what host names mostly consist of: letters, digits, '-' and '.'. */
#include "http/scan.h"

#define T BYTE_TOKEN
#define R BYTE_TARGET
#define H BYTE_HOST
#define A (T | R | H)
#define N (A | BYTE_LABEL)

const uint8_t scan_classes[256] = {
    ['!'] = A,     ['"'] = R,     ['$'] = A,         ['%'] = A,         ['&'] = A,
    ['\''] = A,    ['('] = R | H, [')'] = R | H,     ['*'] = A,         ['+'] = A,
    [','] = R | H, ['-'] = N,     ['.'] = N,         ['/'] = R,         [':'] = R | H,
    [';'] = R | H, ['<'] = R,     ['='] = R | H,     ['>'] = R,         ['?'] = R,
    ['@'] = R,     ['['] = R | H, ['\\'] = R,        [']'] = R | H,     ['^'] = T | R,
    ['_'] = A,     ['`'] = T | R, ['{'] = R,         ['|'] = T | R,     ['}'] = R,
    ['~'] = A,     ['#'] = T,     ['0' ... '9'] = N, ['A' ... 'Z'] = N, ['a' ... 'z'] = N,
};
