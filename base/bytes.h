/* Bytes: spans (borrowed), strict numbers, a growable buffer with a ceiling, a chunk queue for
 * connection output.
 *
 * A span never owns; whoever made it says how long it lives. Nothing here is thread-safe. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/base.h"
#include "base/err.h"

#include <string.h>
#include <sys/uio.h>

/* --- spans --- */

struct span {
    const char *p;
    size_t n;
};

#define SPAN(lit)   ((struct span){"" lit, sizeof(lit) - 1})
#define SPAN_NULL   ((struct span){NULL, 0})
#define SPAN_FMT    "%.*s"
#define SPAN_ARG(s) (int)(s).n, (s).p

static inline struct span span_of(const void *p, size_t n)
{
    return (struct span){p, n};
}

static inline struct span span_str(const char *s)
{
    return (struct span){s, s == NULL ? 0 : strlen(s)};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline struct span span_from(struct span s, size_t at)
{
    BUG_IF(at > s.n);
    return at == 0 ? s : (struct span){s.p + at, s.n - at}; /* nothing may be added to a null p */
}

static inline struct span span_until(struct span s, size_t n)
{
    BUG_IF(n > s.n);
    return (struct span){s.p, n};
}

static inline char byte_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c + ('a' - 'A')) : c;
}

bool span_eq_nocase(struct span a, struct span b);
/* ASCII case-insensitive. */

bool span_has_prefix(struct span s, struct span prefix);
bool span_has_suffix(struct span s, struct span suffix);

size_t span_find(struct span s, char c);
/* Index of the first c, or s.n. */

struct span span_trim(struct span s);
/* Without leading and trailing SP and HTAB (OWS, RFC 9110 5.6.3). */

bool span_cut(struct span *rest, char sep, struct span *item);
/* Takes the next item up to sep (or the end) off *rest. False when *rest is exhausted (p is NULL).
 */

bool span_u64(struct span s, uint64_t *out);
/* Strict decimal: one or more digits, nothing else, no overflow. */

bool span_hex_u64(struct span s, uint64_t *out);
/* Strict hexadecimal: 1 to 16 digits, nothing else. */

int span_cmp(struct span a, struct span b);
/* Like memcmp over the common part, then by length. */

size_t bytes_u64(char out[20], uint64_t v);
/* Writes v in decimal without a terminator; returns the number of digits. */

void bytes_hex(char *out, const void *in, size_t n);
/* Writes 2*n lower-case hex digits, no terminator. */

size_t bytes_base64(char *out, const void *in, size_t n);
/* Writes (n + 2) / 3 * 4 characters of base64 (RFC 4648 4), no terminator; returns how many. */

uint32_t bytes_hash(const char *text, uint32_t seed);
/* FNV-1a, for tables whose keys no stranger chooses. */

/* --- buf: growable, contiguous, with a ceiling --- */

struct buf {
    char *p;
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* ceiling; 0 means none */
};

#define BUF_INIT(ceiling) ((struct buf){NULL, 0, 0, (ceiling)})

void buf_free(struct buf *b);
/* Releases the memory; b is empty and usable again, its ceiling kept. */

enum err buf_reserve(struct buf *b, size_t more) MUST_USE;
/* Room for `more` bytes after b->n. ERR_TOO_LARGE at the ceiling, ERR_NO_MEMORY; b is unchanged
 * then. */

enum err buf_append(struct buf *b, struct span s) MUST_USE;
enum err buf_printf(struct buf *b, const char *fmt, ...) MUST_USE PRINTF(2, 3);
void buf_drop_front(struct buf *b, size_t n);
/* Removes the first n bytes; frees the memory when nothing is left. */

static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->p, b->n};
}

/* --- chunkq: the bytes that wait to be written to a connection ---
 *
 * A queue of segments. A segment is owned (copied into a chunk) or borrowed (points at somebody's
 * bytes). Borrowed bytes must be written or chunkq_own()ed before their owner goes on; that is what
 * lets a body slice go from the read buffer to the socket without a copy. An empty queue holds no
 * memory. */

struct chunk;

struct chunkq {
    struct chunk *head;
    struct chunk *tail;
    size_t n;       /* bytes queued */
    bool borrowing; /* some segment is borrowed */
};

void chunkq_free(struct chunkq *q);

enum err chunkq_append(struct chunkq *q, struct span s) MUST_USE;
/* Copies s to the end. ERR_NO_MEMORY: nothing of s was taken. */

enum err chunkq_borrow(struct chunkq *q, struct span s) MUST_USE;
/* Queues s, as a rule without copying it. */

enum err chunkq_own(struct chunkq *q) MUST_USE;
/* Copies whatever is still borrowed. */

char *chunkq_room(struct chunkq *q, size_t want);
/* At least `want` (<= 16 KiB) contiguous writable bytes at the end, to be followed by
 * chunkq_commit(). NULL: no memory. */

void chunkq_commit(struct chunkq *q, size_t n);
/* n bytes were written to what chunkq_room() gave. */

int chunkq_iov(const struct chunkq *q, struct iovec *iov, int max);
/* Fills up to max entries from the front; returns how many. */

size_t chunkq_copy(const struct chunkq *q, char *out, size_t max);
/* Copies up to max bytes from the front without consuming them. */

void chunkq_consume(struct chunkq *q, size_t n);
/* n bytes from the front are done with. */

void chunkq_thread_end(void);
/* Gives back the calling thread's cache of free chunks; called once, when a thread ends. */

enum err chunkq_move(struct chunkq *to, struct chunkq *from, size_t n) MUST_USE;
/* Moves the first n bytes of `from` to the end of `to`; whole segments move without a copy,
 * borrowed stay borrowed. */

#endif
