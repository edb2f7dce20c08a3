/* Any line is a record or is not; what is, can be reported, and the JSON report of it is JSON. */
#include "tests/fuzz/fuzz.h"

#include "shadow/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned scripts(struct span html)
{
    unsigned n = 0;
    for (const char *at; (at = memmem(html.p, html.n, "<script", 7)) != NULL; n++)
        html = span_from(html, (size_t)(at - html.p) + 7);
    return n;
}

static void report(const char *file, enum report_format format)
{
    struct report_options o = {.files = &file, .nfiles = 1, .format = format, .width = 80};
    o.patches = true;
    struct complaints wrong = {.n = 0};
    struct buf out = BUF_INIT(0);
    struct jdoc d = JDOC_INIT;
    BUG_IF(shadow_report(&o, &out, &wrong) != ERR_OK);
    if (format == REPORT_JSON)
        BUG_IF(jdoc_parse(&d, buf_span(&out)) != ERR_OK);
    if (format == REPORT_HTML)
        BUG_IF(scripts(buf_span(&out)) != 1); /* our own */
    for (size_t i = 0; i < out.n && format == REPORT_TEXT; i++)
        BUG_IF((unsigned char)out.p[i] < 0x20 && out.p[i] != '\n');
    jdoc_free(&d);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("records", 0);
    BUG_IF(fd < 0 || write(fd, data, size) != (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    for (enum report_format f = REPORT_TEXT; f <= REPORT_HTML; f++)
        report(path, f);
    (void)close(fd);
    return 0;
}
