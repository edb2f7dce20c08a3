/* Two documents, separated by a byte 0xff, compared under rules: a document equals itself,
 * exchanging the sides exchanges missing and extra and nothing else, and the work stays in
 * proportion. */
#include "tests/fuzz/fuzz.h"

#include "shadow/diff.h"

enum { PER_NODE = 200 };

static struct shadow_rules *rules;
static struct diff d;

static void make_rules(void)
{
    static const char *ignore[] = {"$.**.ignored", "$.a[].b", "$.m{}"};
    static struct config_tolerance tolerance = {"$.**.t", 0.5, 0.01};
    static struct config config;
    static struct config_route route = {
        .name = "fuzz",
        .shadow = {.ignore = {ignore, 3}, .tolerance = &tolerance, .ntolerance = 1}};
    struct complaints wrong = {.n = 0};
    if (rules == NULL)
        BUG_IF(shadow_rules_new(&route, &config, &rules, &wrong) != ERR_OK);
}

static bool run(struct span a, struct span b, bool errors)
{
    diff_begin(&d, rules, SPAN("shop.test"), errors);
    if (jdoc_parse(&d.docs[SIDE_LEGACY], a) != ERR_OK || jdoc_parse(&d.docs[SIDE_NEW], b) != ERR_OK)
        return false;
    BUG_IF(diff_json(&d) != ERR_OK);
    BUG_IF(d.npending != 0 || d.frame != NULL || d.path.n != 0);
    BUG_IF(d.work > PER_NODE * ((uint64_t)d.docs[0].n + d.docs[1].n) + 10000);
    return true;
}

/* What is found, whatever its order. */
static uint64_t fingerprint(bool swapped)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d.n; i++) {
        const struct finding *f = &d.findings[i];
        uint64_t h =
            (uint64_t)(swapped ? finding_kind_swapped(f->kind) : f->kind) * 1000003u + f->n;
        for (size_t k = 0; k < f->path.n; k++)
            h = (h ^ (unsigned char)f->path.p[k]) * 1099511628211u;
        sum += h;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span a = span_of(data, size), b = SPAN("");
    size_t cut = span_find(a, '\xff');
    if (cut < size) {
        b = span_from(a, cut + 1);
        a = span_until(a, cut);
    }
    make_rules();
    for (unsigned errors = 0; errors < 2; errors++) {
        if (run(a, a, errors == 1))
            BUG_IF(d.n != 0);
        if (!run(a, b, errors == 1))
            continue;
        uint64_t more = d.more, before = fingerprint(false);
        BUG_IF(!run(b, a, errors == 1));
        BUG_IF(more == 0 && (d.more != 0 || fingerprint(true) != before));
    }
    diff_trim(&d);
    return 0;
}
