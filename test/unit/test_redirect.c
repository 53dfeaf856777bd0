/* Tests of redirects: where they lead, and which no CA follows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_redirect.h"

#define FROM "http://example.org/.well-known/acme-challenge/abc"

static const struct {
    const char *location;
    const char *url;  /* NULL: refused */
    const char *host; /* or a fragment of why not */
} cases[] = {
    {"https://example.org/.well-known/acme-challenge/abc",
     "https://example.org/.well-known/acme-challenge/abc", "example.org"},
    {"https://WWW.Example.org./x", "https://WWW.Example.org./x", "www.example.org"},
    {"/other", "http://example.org/other", "example.org"},
    {"other", "http://example.org/.well-known/acme-challenge/other", "example.org"},
    {"//b.example/x", "http://b.example/x", "b.example"},
    {"https://example.org:443/x", "https://example.org:443/x", "example.org"},
    {"http://192.0.2.1/x", "http://192.0.2.1/x", "192.0.2.1"},
    {"https://[2001:db8::1]/x", "https://[2001:db8::1]/x", "2001:db8::1"},
    {"https://example.org:8443/x", NULL, "the ports 80"},
    {"http://example.org:443/x", NULL, "the ports 80"},
    {"ftp://example.org/x", NULL, "http and https only"},
    {"javascript:alert(1)", NULL, ""},
    {"https://user@example.org/x", NULL, "user"},
    {"https://example.org.well-known/acme-challenge/abc", NULL, "lacks its final '/'"},
    {"https://exa mple.org/x", NULL, ""},
    {"", NULL, NULL}, /* whatever libcurl makes of it */
};

static void leads_where_a_browser_would_go(void **state)
{
    for (apr_size_t i = 0; i < sizeof cases / sizeof cases[0] && cases[i].host != NULL; i++) {
        acme_redirect_t to;
        const char *why = acme_redirect_resolve(&to, FROM, cases[i].location, *state);
        if ((why == NULL) != (cases[i].url != NULL)) {
            fail_msg("%s: %s", cases[i].location, why != NULL ? why : "followed");
        }
        if (why == NULL) {
            assert_string_equal(cases[i].url, to.url);
            assert_string_equal(cases[i].host, to.host);
        }
        else {
            assert_non_null(strstr(why, cases[i].host));
        }
    }
}

static void knows_schemes_and_addresses(void **state)
{
    acme_redirect_t to;
    assert_null(acme_redirect_resolve(&to, FROM, "HTTPS://[2001:DB8::1]/", *state));
    assert_true(to.is_https);
    assert_true(to.is_address);
    assert_string_equal("2001:db8::1", to.host);
    assert_null(acme_redirect_resolve(&to, FROM, "/x", *state));
    assert_false(to.is_https);
    assert_false(to.is_address);
}

static void refuses_what_is_too_long(void **state)
{
    char location[2200] = "/";
    acme_redirect_t to;
    memset(location + 1, 'x', sizeof location - 2);
    assert_non_null(acme_redirect_resolve(&to, FROM, location, *state));
}

static void follows_only_four_kinds(void **state)
{
    (void)state;
    assert_true(acme_redirect_is(301) && acme_redirect_is(302) && acme_redirect_is(307) &&
                acme_redirect_is(308));
    assert_false(acme_redirect_is(300) || acme_redirect_is(303) || acme_redirect_is(304) ||
                 acme_redirect_is(200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(leads_where_a_browser_would_go),
        FIXTURE_TEST(knows_schemes_and_addresses),
        FIXTURE_TEST(refuses_what_is_too_long),
        FIXTURE_TEST(follows_only_four_kinds),
    };
    return fixture_run(tests);
}
