/* The thread that writes logs and records. Producers fill a buffer of their own and hand it over
 * whole; a full queue means the buffer is dropped and its lines counted (metric
 * weir_log_lines_dropped_total), never that a producer waits. */
#ifndef BASE_SCRIBE_H
#define BASE_SCRIBE_H

#include "base/bytes.h"

struct scribe;
struct scribe_file;   /* one open file, shared by all producers */
struct scribe_writer; /* one producer's buffer for one file; belongs to one thread */

#define SCRIBE_STDOUT "-"
#define SCRIBE_STDERR "/dev/stderr"

enum { SCRIBE_LINE_MAX = 64 * 1024 };

enum err scribe_start(struct scribe **out, size_t queue_bytes) MUST_USE;
/* Starts the thread. At most queue_bytes wait to be written. */

void scribe_stop(struct scribe **s);
/* Writes what was handed over, closes the files, ends the thread. Every writer must have been
 * closed before. */

enum err scribe_open(struct scribe *s, const char *path, uint64_t max_bytes,
                     struct scribe_file **out) MUST_USE;
/* Opens path for appending (created 0640); SCRIBE_STDOUT and SCRIBE_STDERR mean
 * the standard streams. max_bytes > 0: at that size the file is renamed to
 * path.1 (replacing the one before) and begun anew. Any thread. The file lives until scribe_stop().
 */

void scribe_reopen(struct scribe *s);
/* Any thread: closes and opens every file by its path, for log rotation. */

void scribe_rotate_no_more(struct scribe *s);
/* Any thread: another process writes to the same files, and renames them when they are full. */

enum err scribe_writer_new(struct scribe_file *f, struct scribe_writer **out) MUST_USE;
void scribe_writer_free(struct scribe_writer **w);
/* Hands over what is buffered first. */

char *scribe_room(struct scribe_writer *w, size_t max);
/* Up to max (<= SCRIBE_LINE_MAX) writable bytes for the next line, or NULL without memory (the line
 * is counted as dropped). Followed by scribe_commit(). */

void scribe_commit(struct scribe_writer *w, size_t n);
/* n bytes were written, one line with its newline. The buffer is handed over when it is nearly
 * full. */

void scribe_flush(struct scribe_writer *w);
/* Hands over what is buffered; called by the producer every few hundred milliseconds. */

bool scribe_put(struct scribe_file *f, struct span line) MUST_USE;
/* For rare lines, any thread: hands over a copy at once. False: dropped and counted. */

#endif
