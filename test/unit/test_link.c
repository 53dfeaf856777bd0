/* Tests of acme_link: links as CAs write them, and references resolved as RFC 3986 has it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <apr_strings.h>

#include "acme/acme_link.h"
#include "acme/acme_text.h"

#define BASE "https://ca.example:14000/certZ/2e98?x=/y/z"

static const char *collect_rel(const char *value, const char *rel, const char *base,
                               apr_pool_t *pool)
{
    apr_array_header_t *urls = apr_array_make(pool, 4, sizeof(const char *));
    acme_link_collect(urls, value, rel, base, pool);
    return acme_text_join(urls, " ", pool);
}

static const char *collect(const char *value, apr_pool_t *pool)
{
    return collect_rel(value, "alternate", BASE, pool);
}

static void reads_pebbles_links(void **state)
{
    static const char both[] = "<https://127.0.0.1:24000/dir>;rel=\"index\", "
                               "<https://127.0.0.1:24000/certZ/2e98/alternate/1>;rel=\"alternate\"";
    assert_string_equal("https://127.0.0.1:24000/certZ/2e98/alternate/1", collect(both, *state));
    assert_string_equal("https://127.0.0.1:24000/dir", collect_rel(both, "index", BASE, *state));
    assert_string_equal("data:text/plain,Do%20what%20thou%20wilt",
                        collect_rel("<data:text/plain,Do%20what%20thou%20wilt>;rel=\"terms-of-"
                                    "service\"",
                                    "terms-of-service", BASE, *state));
    assert_string_equal("", collect_rel(both, "up", BASE, *state));
}

static void reads_links_however_they_are_written(void **state)
{
    assert_string_equal("https://a/1", collect("<https://a/1>;rel=alternate", *state));
    assert_string_equal("https://a/1", collect("<https://a/1> ; REL = \"Alternate\" ", *state));
    assert_string_equal("https://a/1", collect("<https://a/1>; rel=\"up\talternate x\"", *state));
    assert_string_equal(
        "https://a/1",
        collect("<https://a/1>; title=\"a, <b>; \\\"rel=up\"; rel=alternate", *state));
    assert_string_equal("https://a/1",
                        collect("<https://a/1>;;crossorigin;rel=alternate;", *state));
    assert_string_equal("https://a/1,x;y",
                        collect(" , <https://a/1,x;y>; rel=\"alternat\\e\" ,, ", *state));
    assert_string_equal(
        "https://a/1 https://a/2",
        collect("<https://a/1>;rel=alternate,<https://a/2>;rel=\"alternate\"", *state));
}

static void counts_only_the_first_relation(void **state)
{
    assert_string_equal("", collect("<https://a/1>;rel=up;rel=alternate", *state));
    assert_string_equal("", collect("<https://a/1>;rev=alternate", *state));
    assert_string_equal("", collect("<https://a/1>;rel=alternates", *state));
    assert_string_equal("", collect("<https://a/1>;rel", *state));
    assert_string_equal("", collect("<https://a/1>", *state));
    assert_string_equal("", collect("<https://a/1>;rel=alternate;anchor=\"#x\"", *state));
}

static void passes_over_malformed_links(void **state)
{
    static const char good[] = "<https://a/2>;rel=alternate";
    static const char *const bad[] = {
        "https://a/1;rel=alternate",          "<https://a/1>rel=alternate",
        "<https://a/1>;rel=alternate x",      "<https://a/1>;rel=\"alternate\"x",
        "\"<https://a/1>;rel=alternate,\"",   "<https://a/\x7F>;rel=alternate",
        "<https://a/b c>;rel=alternate",      "<https://a/\"x>;rel=alternate",
        "<https://a/\xC3\xBC>;rel=alternate", "x=\"a,b\\\"c\"",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *found = collect(apr_pstrcat(*state, bad[i], ",", good, NULL), *state);
        if (strcmp(found, "https://a/2") != 0) {
            fail_msg("%s: %s", bad[i], found);
        }
    }
    assert_string_equal("", collect("", *state));
    assert_string_equal("", collect(",,, ", *state));
    assert_string_equal("", collect("<https://a/1", *state));
    assert_string_equal("", collect("<https://a/1>;rel=\"alternate", *state));
    assert_string_equal("", collect("<https://a/1>;rel=\"alternate\\", *state));
}

static void takes_no_more_than_twenty(void **state)
{
    apr_array_header_t *links = apr_array_make(*state, 30, sizeof(const char *));
    for (int i = 0; i < 30; i++) {
        APR_ARRAY_PUSH(links, const char *) = "<https://a/1>;rel=alternate";
    }
    apr_array_header_t *urls = apr_array_make(*state, 4, sizeof(const char *));
    const char *value = apr_array_pstrcat(*state, links, ',');
    acme_link_collect(urls, value, "alternate", BASE, *state);
    assert_int_equal(20, urls->nelts);
    acme_link_collect(urls, value, "alternate", BASE, *state);
    assert_int_equal(20, urls->nelts);

    char *url = apr_pcalloc(*state, 2100);
    strcpy(url, "<https://a/");
    memset(url + 11, 'x', 1990);
    strcpy(url + 2001, ">;rel=alternate");
    assert_int_equal(2000, strlen(collect(url, *state)));
    strcpy(url + 2001, "x>;rel=alternate");
    assert_string_equal("", collect(url, *state));
}

/* RFC 3986 section 5.4, with an https base. */
static void resolves_relative_references(void **state)
{
    static const char *const cases[][2] = {
        {"g:h", "g:h"},
        {"g", "https://a/b/c/g"},
        {"./g", "https://a/b/c/g"},
        {"g/", "https://a/b/c/g/"},
        {"/g", "https://a/g"},
        {"//g", "https://g"},
        {"?y", "https://a/b/c/d;p?y"},
        {"g?y", "https://a/b/c/g?y"},
        {"#s", "https://a/b/c/d;p?q#s"},
        {"g#s", "https://a/b/c/g#s"},
        {"g?y#s", "https://a/b/c/g?y#s"},
        {";x", "https://a/b/c/;x"},
        {"g;x?y#s", "https://a/b/c/g;x?y#s"},
        {"", "https://a/b/c/d;p?q"},
        {".", "https://a/b/c/"},
        {"./", "https://a/b/c/"},
        {"..", "https://a/b/"},
        {"../", "https://a/b/"},
        {"../g", "https://a/b/g"},
        {"../..", "https://a/"},
        {"../../g", "https://a/g"},
        {"../../../g", "https://a/g"},
        {"/./g", "https://a/g"},
        {"/../g", "https://a/g"},
        {"g.", "https://a/b/c/g."},
        {"..g", "https://a/b/c/..g"},
        {"./../g", "https://a/b/g"},
        {"./g/.", "https://a/b/c/g/"},
        {"g/../h", "https://a/b/c/h"},
        {"g;x=1/./y", "https://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "https://a/b/c/y"},
        {"g?y/../x", "https://a/b/c/g?y/../x"},
        {"g#s/../x", "https://a/b/c/g#s/../x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *value = apr_pstrcat(*state, "<", cases[i][0], ">;rel=up", NULL);
        assert_string_equal(cases[i][1], collect_rel(value, "up", "https://a/b/c/d;p?q", *state));
    }
    assert_string_equal("https://ca.example:14000/certZ/1", collect("<1>;rel=alternate", *state));
    assert_string_equal("https://a/g", collect_rel("<g>;rel=up", "up", "https://a", *state));
    assert_string_equal("https://a/g", collect_rel("<g>;rel=up", "up", "https://a?b/c", *state));
    assert_string_equal("", collect_rel("<g>;rel=up", "up", "no base", *state));
    assert_string_equal("", collect_rel("<g>;rel=up", "up", "mailto:x", *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_pebbles_links),
        FIXTURE_TEST(reads_links_however_they_are_written),
        FIXTURE_TEST(counts_only_the_first_relation),
        FIXTURE_TEST(passes_over_malformed_links),
        FIXTURE_TEST(takes_no_more_than_twenty),
        FIXTURE_TEST(resolves_relative_references),
    };
    return fixture_run(tests);
}
