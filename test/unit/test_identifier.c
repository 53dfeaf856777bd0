/* Tests of acme_identifier: one form for every name, and why others are refused.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "unit/fixture.h"

#include "acme/acme_identifier.h"

static const acme_identifier_t *id(const char *text, apr_pool_t *pool)
{
    acme_identifier_t *identifier = NULL;
    assert_well(acme_identifier_parse(&identifier, text, pool));
    return identifier;
}

static void assert_reads(const char *wanted, acme_identifier_type_t type, const char *text,
                         apr_pool_t *pool)
{
    const acme_identifier_t *identifier = id(text, pool);
    assert_string_equal(wanted, identifier->value);
    assert_int_equal(type, identifier->type);
    assert_int_equal(wanted[0] == '*', identifier->is_wildcard);
}

static void reads_names_into_one_form(void **state)
{
    assert_reads("example.org", ACME_IDENTIFIER_DNS, "example.org", *state);
    assert_reads("example.org", ACME_IDENTIFIER_DNS, "EXAMPLE.Org.", *state);
    assert_reads("*.example.org", ACME_IDENTIFIER_DNS, "*.Example.org", *state);
    assert_reads("a_b.example.org", ACME_IDENTIFIER_DNS, "a_b.example.org", *state);
    assert_reads("localhost", ACME_IDENTIFIER_DNS, "localhost", *state);
    assert_reads("xn--bcher-kva.example", ACME_IDENTIFIER_DNS, "XN--bcher-kva.example", *state);
    assert_reads("1.2.3.256", ACME_IDENTIFIER_DNS, "1.2.3.256", *state);
    assert_reads("1.2.3.04", ACME_IDENTIFIER_DNS, "1.2.3.04", *state);
}

static void reads_addresses_into_one_form(void **state)
{
    assert_reads("192.0.2.17", ACME_IDENTIFIER_IP, "192.0.2.17", *state);
    assert_reads("192.0.2.17", ACME_IDENTIFIER_IP, "192.0.2.17.", *state);
    assert_reads("2001:db8::1", ACME_IDENTIFIER_IP, "2001:0DB8:0:0:0:0:0:1", *state);
    assert_reads("2001:db8::1", ACME_IDENTIFIER_IP, "[2001:db8::1]", *state);
    /* RFC 5952 section 4: the longest run, the first of equals, never a single field */
    assert_reads("2001:db8:0:1:1:1:1:1", ACME_IDENTIFIER_IP, "2001:db8::1:1:1:1:1", *state);
    assert_reads("2001:0:0:1::1", ACME_IDENTIFIER_IP, "2001:0:0:1:0:0:0:1", *state);
    assert_reads("2001:db8::1:0:0:1", ACME_IDENTIFIER_IP, "2001:db8:0:0:1:0:0:1", *state);
    assert_reads("::", ACME_IDENTIFIER_IP, "0::0", *state);
    assert_reads("::1", ACME_IDENTIFIER_IP, "::1", *state);
    assert_reads("fe80::", ACME_IDENTIFIER_IP, "fe80:0::", *state);
    assert_reads("::102:304", ACME_IDENTIFIER_IP, "::1.2.3.4", *state);
    assert_reads("::ffff:1.2.3.4", ACME_IDENTIFIER_IP, "::FFFF:102:304", *state);
    assert_reads("2001:db8:1:2:3:4:5:6", ACME_IDENTIFIER_IP, "2001:db8:1:2:3:4:5:6", *state);
}

static void converts_u_labels(void **state)
{
#ifdef HAVE_LIBIDN2
    assert_reads("xn--bcher-kva.example", ACME_IDENTIFIER_DNS,
                 "B\xC3\xBC"
                 "cher.example",
                 *state);
    assert_reads("*.xn--bcher-kva.example", ACME_IDENTIFIER_DNS,
                 "*.b\xC3\xBC"
                 "cher.example.",
                 *state);
    assert_reads("xn--strae-oqa.example", ACME_IDENTIFIER_DNS,
                 "stra\xC3\x9F"
                 "e.example",
                 *state);
#endif
    acme_identifier_t *identifier;
    /* a superscript one: must not become the address 1.20.221.0 of type dns */
    assert_refused(ACME_ERR_INPUT, acme_identifier_parse(&identifier, "1.20.22\xC2\xB9.0", *state));
    assert_refused(ACME_ERR_INPUT, acme_identifier_parse(&identifier, "b\xC3.example", *state));
    assert_refused(ACME_ERR_INPUT, acme_identifier_parse(&identifier,
                                                         "\xE2\x98\x83"
                                                         "\xFF.example",
                                                         *state));
}

static char *repeat(const char *part, int count, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, "");
    while (count-- > 0) {
        text = apr_pstrcat(pool, text, part, NULL);
    }
    return text;
}

static void refuses_wrong_syntax(void **state)
{
    const char *wrong[] = {"",
                           ".",
                           "..",
                           ".example.org",
                           "example..org",
                           "example.org..",
                           "*",
                           "*.",
                           "**.example.org",
                           "a.*.example.org",
                           "*a.example.org",
                           "*.*.example.org",
                           "?.example.org",
                           "https://example.org",
                           "example.org:443",
                           "example.org/",
                           "192.0.2.17:443",
                           "[2001:db8::1]:443",
                           "[example.org]",
                           "[192.0.2.1]",
                           "[]",
                           "2001:db8::g",
                           "fe80::1%eth0",
                           "exa mple.org",
                           "example.org ",
                           "example.org\n",
                           "-a.example.org",
                           "a-.example.org",
                           "a@example.org",
                           "a\"b.example.org"};
    acme_identifier_t *identifier;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_refused(ACME_ERR_INPUT, acme_identifier_parse(&identifier, wrong[i], *state));
    }
}

static void refuses_what_is_too_long(void **state)
{
    apr_pool_t *pool = *state;
    acme_identifier_t *identifier;
    char *label = repeat("a", 63, pool);
    char *longest = apr_pstrcat(pool, repeat(apr_pstrcat(pool, label, ".", NULL), 3, pool),
                                repeat("b", 61, pool), NULL);
    assert_int_equal(253, strlen(longest));
    assert_well(acme_identifier_parse(&identifier, longest, pool));
    assert_refused(ACME_ERR_INPUT,
                   acme_identifier_parse(&identifier, apr_pstrcat(pool, longest, "b", NULL), pool));
    assert_refused(ACME_ERR_INPUT, acme_identifier_parse(
                                       &identifier, apr_pstrcat(pool, label, "a.org", NULL), pool));
    assert_refused(ACME_ERR_INPUT,
                   acme_identifier_parse(&identifier, repeat("a.", 10000, pool), pool));
}

static void says_what_no_public_ca_certifies(void **state)
{
    const char *private[] = {"localhost",
                             "intranet",
                             "*.com",
                             "a.local",
                             "a.localhost",
                             "a.b.internal",
                             "a.lan",
                             "a.test",
                             "a.example",
                             "a.invalid",
                             "a.onion",
                             "a.home.arpa",
                             "home.arpa",
                             "a.alt",
                             "1.2.3.256",
                             "example.123",
                             "a.b.c.d.e.f.g.h.i.example.org",
                             "10.1.2.3",
                             "192.168.0.1",
                             "172.31.0.1",
                             "100.64.0.1",
                             "127.0.0.1",
                             "169.254.1.1",
                             "192.0.2.17",
                             "224.0.0.1",
                             "255.255.255.255",
                             "0.0.0.0",
                             "::1",
                             "::",
                             "fe80::1",
                             "fc00::1",
                             "ff02::1",
                             "2001:db8::1",
                             "2002:102:304::1",
                             "::ffff:8.8.8.8",
                             "3fff::1",
                             "64:ff9b::1"};
    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
        assert_non_null(acme_identifier_check(id(private[i], *state), 0, *state));
        assert_null(acme_identifier_check(id(private[i], *state), 1, *state));
    }
    const char *public[] = {"example.org",
                            "*.example.org",
                            "www.example.org",
                            "notlocal.org",
                            "local.org",
                            "a.xlocal",
                            "8.8.8.8",
                            "172.32.0.1",
                            "100.128.0.1",
                            "2606:4700::1111",
                            "2001:4860::8888",
                            "a.b.c.d.e.f.g.h.example.org",
                            "*.b.c.d.e.f.g.h.i.example.org",
                            "xn--bcher-kva.de"};
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        assert_null(acme_identifier_check(id(public[i], *state), 0, *state));
    }
    assert_non_null(acme_identifier_check(id("a_b.example.org", *state), 0, *state));
    assert_non_null(acme_identifier_check(id("a_b.example.org", *state), 1, *state));
}

static void assert_folds(const char *wanted, const char *name)
{
    char buffer[64] = "untouched";
    assert_int_equal(strlen(wanted),
                     acme_identifier_fold(buffer, sizeof(buffer), name, strlen(name)));
    if (wanted[0] != '\0') {
        assert_string_equal(wanted, buffer);
    }
}

static void folds_names_from_clients(void **state)
{
    (void)state;
    assert_folds("a.test", "A.TEST");
    assert_folds("a.test", "a.Test.");
    assert_folds("192.0.2.1", "192.0.2.1");
    assert_folds("2001:db8::1", "[2001:DB8:0::1]");
    assert_folds("2001:db8::1", "2001:DB8:0::1");
    assert_folds("", "");
    assert_folds("", ".");
    assert_folds("", "a..test");
    assert_folds("", ".a.test");
    assert_folds("", "a.test..");
    assert_folds("", "a.test:443");
    assert_folds("", "*.test");
    assert_folds("", "a/b");
    assert_folds("", "a b");
    assert_folds("", "b\xC3\xBC"
                     "cher");
    char small[7];
    assert_int_equal(6, acme_identifier_fold(small, 7, "a.test", 6));
    assert_int_equal(0, acme_identifier_fold(small, 6, "a.test", 6));
    assert_int_equal(0, acme_identifier_fold(small, 3, "::1", 3));
    assert_int_equal(0, acme_identifier_fold(small, 7, "a\0test", 6));
    assert_int_equal(0, acme_identifier_fold(small, 7, "[::\0]", 5));
}

static void compares_and_covers(void **state)
{
    const acme_identifier_t *name = id("a.example.org", *state);
    const acme_identifier_t *wildcard = id("*.example.org", *state);
    assert_true(acme_identifier_compare(name, id("A.example.org", *state)) == 0);
    assert_true(acme_identifier_compare(name, id("b.example.org", *state)) < 0);
    assert_true(acme_identifier_compare(name, id("1.1.1.1", *state)) < 0);
    assert_true(acme_identifier_compare(id("1.1.1.1", *state), name) > 0);
    assert_true(acme_identifier_covers(name, name));
    assert_true(acme_identifier_covers(wildcard, name));
    assert_true(acme_identifier_covers(wildcard, wildcard));
    assert_false(acme_identifier_covers(name, wildcard));
    assert_false(acme_identifier_covers(wildcard, id("example.org", *state)));
    assert_false(acme_identifier_covers(wildcard, id("a.b.example.org", *state)));
    assert_false(acme_identifier_covers(wildcard, id("*.b.example.org", *state)));
    assert_false(acme_identifier_covers(wildcard, id("aexample.org", *state)));
    assert_false(acme_identifier_covers(id("*.1.1.1", *state), id("1.1.1.1", *state)));
}

static void names_its_folder(void **state)
{
    apr_pool_t *pool = *state;
    assert_string_equal("example.org", acme_identifier_folder(id("example.org", pool), NULL, pool));
    assert_string_equal("_wildcard.example.org",
                        acme_identifier_folder(id("*.example.org", pool), NULL, pool));
    char *name = apr_pstrcat(pool, repeat("abcd.", 40, pool), "org", NULL);
    const char *digest = repeat("0123456789abcdef", 4, pool);
    char *folder = acme_identifier_folder(id(name, pool), digest, pool);
    assert_int_equal(160 + 1 + 32, strlen(folder));
    assert_memory_equal(name, folder, 160);
    assert_string_equal("~0123456789abcdef0123456789abcdef", folder + 160);
    char *fits = apr_pstrcat(pool, repeat("abcd.", 39, pool), "abcde", NULL);
    assert_string_equal(fits, acme_identifier_folder(id(fits, pool), NULL, pool));
}

static apr_array_header_t *set_of(const char *const *names, apr_pool_t *pool)
{
    apr_array_header_t *set = apr_array_make(pool, 4, sizeof(const acme_identifier_t *));
    for (; *names != NULL; names++) {
        APR_ARRAY_PUSH(set, const acme_identifier_t *) = id(*names, pool);
    }
    return set;
}

static void works_on_sets(void **state)
{
    const char *names[] = {"b.example", "a.example", "b.example", "1.1.1.1", "*.example", NULL};
    apr_array_header_t *set = set_of(names, *state);
    assert_true(acme_identifiers_contain(set, id("A.example", *state)));
    assert_false(acme_identifiers_contain(set, id("c.example", *state)));
    apr_array_header_t *sorted = acme_identifiers_sorted(set, *state);
    assert_int_equal(5, set->nelts);
    assert_string_equal("*.example, a.example, b.example and 1.1.1.1",
                        acme_identifiers_text(sorted, 10, *state));
    assert_string_equal("*.example, a.example and 2 more",
                        acme_identifiers_text(sorted, 2, *state));
    assert_string_equal("*.example and 3 more", acme_identifiers_text(sorted, 1, *state));
    const char *wanted[] = {"c.example", "a.example", "d.test", NULL};
    assert_string_equal("d.test", acme_identifiers_missing(set_of(wanted, *state), set)->value);
    assert_null(acme_identifiers_missing(sorted, set));
    const char *none[] = {NULL};
    assert_null(acme_identifiers_missing(set_of(none, *state), set));
    assert_string_equal("", acme_identifiers_text(set_of(none, *state), 3, *state));
    assert_int_equal(0, acme_identifiers_sorted(set_of(none, *state), *state)->nelts);
    const char *one[] = {"b.example", NULL};
    assert_string_equal("b.example", acme_identifiers_text(set_of(one, *state), 3, *state));
}

static void reads_reverse_names(void **state)
{
    static const char *const pairs[][2] = {
        {"17.2.0.192.in-addr.arpa", "192.0.2.17"},
        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::1"},
        {"e.f.a.c.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
         "2001:db8:0:1:2:3:4:cafe"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const acme_identifier_t *identifier = acme_identifier_of_reverse(pairs[i][0], *state);
        assert_non_null(identifier);
        assert_int_equal(ACME_IDENTIFIER_IP, identifier->type);
        assert_string_equal(pairs[i][1], identifier->value);
        assert_int_equal(0, acme_identifier_compare(identifier, id(pairs[i][1], *state)));
    }
}

static void other_names_are_no_reverse_names(void **state)
{
    static const char *const names[] = {
        "",
        "example.org",
        "in-addr.arpa",
        "2.0.192.in-addr.arpa",
        "1.17.2.0.192.in-addr.arpa",
        "256.2.0.192.in-addr.arpa",
        "017.2.0.192.in-addr.arpa",
        "-1.2.0.192.in-addr.arpa",
        "99999999999999999999.2.0.192.in-addr.arpa",
        "17.2.0.192.in-addr.arpa.example",
        "17.2.0.192.ip6.arpa",
        "17.2.0.192",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.ip6.arpa",
        "10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        "0x1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        "g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(acme_identifier_of_reverse(names[i], *state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_names_into_one_form), FIXTURE_TEST(reads_addresses_into_one_form),
        FIXTURE_TEST(converts_u_labels),         FIXTURE_TEST(refuses_wrong_syntax),
        FIXTURE_TEST(refuses_what_is_too_long),  FIXTURE_TEST(says_what_no_public_ca_certifies),
        FIXTURE_TEST(folds_names_from_clients),  FIXTURE_TEST(compares_and_covers),
        FIXTURE_TEST(names_its_folder),          FIXTURE_TEST(works_on_sets),
        FIXTURE_TEST(reads_reverse_names),       FIXTURE_TEST(other_names_are_no_reverse_names),
    };
    return fixture_run(tests);
}
