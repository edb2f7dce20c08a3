/* Files of the state directory: read whole, replaced whole or appended to. Blocking; for the work
 * threads and the start. */
#ifndef CONTROL_DISK_H
#define CONTROL_DISK_H

#include "base/bytes.h"

#include <sys/types.h>

enum err disk_directory(const char *path) MUST_USE;
/* Makes path and what is missing above it, mode 0700. ERR_SYSTEM with errno. */

enum err disk_path(char *out, size_t cap, const char *dir, const char *name) MUST_USE;
/* dir/name. ERR_TOO_LARGE when it does not fit. */

enum err disk_read(const char *path, size_t max, struct buf *out) MUST_USE;
/* Appends the whole file. ERR_NOT_FOUND; ERR_TOO_LARGE beyond max bytes (the first max are there);
 * ERR_SYSTEM with errno. */

enum err disk_replace(const char *path, struct span text, mode_t mode) MUST_USE;
/* Writes path.tmp, syncs, renames it over path, syncs the directory: after a crash there is the old
 * text or the new one. ERR_SYSTEM with errno; the old file stays. One writer per path at a time. */

enum err disk_append(const char *path, struct span text, uint64_t rotate_at, mode_t mode) MUST_USE;
/* Appends lines and syncs. A last line without its end is ended first. A file that would grow
 * beyond rotate_at bytes is renamed to path.1 first. */

#endif
