/* Runs every file of the folders (or the files) that are named through a fuzz target: what a fuzzer
 * once found stays found. */
#include "tests/fuzz/fuzz.h"

#include "base/bytes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool replay_file(const char *name)
{
    struct buf text = BUF_INIT(0);
    size_t n = 1;
    FILE *f = fopen(name, "rb");
    if (f == NULL) {
        perror(name);
        return false;
    }
    while (n > 0 && buf_reserve(&text, 65536) == ERR_OK) {
        n = fread(text.p + text.n, 1, 65536, f);
        text.n += n;
    }
    (void)fclose(f);
    /* An allocation of its own and of the right size, so that a read beyond the end is seen. */
    uint8_t *exact = malloc(text.n + (text.n == 0));
    if (exact != NULL && text.n > 0)
        memcpy(exact, text.p, text.n);
    bool ok = exact != NULL && LLVMFuzzerTestOneInput(exact, text.n) == 0;
    free(exact);
    buf_free(&text);
    return ok;
}

static int replay(const char *name, unsigned *files)
{
    struct dirent *e;
    DIR *d = opendir(name);
    if (d == NULL) {
        (*files)++;
        return replay_file(name) ? 0 : 1;
    }
    int failed = 0;
    while ((e = readdir(d)) != NULL) {
        struct buf path = BUF_INIT(0);
        if (e->d_name[0] == '.')
            continue;
        if (buf_printf(&path, "%s/%s", name, e->d_name) != ERR_OK)
            abort();
        failed += replay(path.p, files);
        buf_free(&path);
    }
    (void)closedir(d);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed += replay(argv[i], &files);
    printf("%u files\n", files);
    return failed > 0 || files == 0; /* an empty corpus tests nothing */
}
