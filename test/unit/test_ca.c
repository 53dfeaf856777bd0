/* The CAs known by name, private ones, and those that are no more.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_time.h"
#include "mod_acme_ca.h"

#define PRODUCTION "https://acme-v02.api.letsencrypt.org/directory"
#define STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

static void assert_ca(const char *word, const char *name, const char *url, int is_private,
                      apr_pool_t *pool)
{
    mod_acme_ca_t ca;
    assert_well(mod_acme_ca_parse(&ca, word, pool));
    assert_string_equal(name, ca.name);
    assert_string_equal(url, ca.directory_url);
    assert_int_equal(is_private, ca.is_private);
    assert_int_equal(100, ca.max_identifiers);
}

static void names_are_known_in_any_case(void **state)
{
    assert_ca("letsencrypt", "letsencrypt", PRODUCTION, 0, *state);
    assert_ca("LetsEncrypt", "letsencrypt", PRODUCTION, 0, *state);
    assert_ca("letsencrypt-staging", "letsencrypt-staging", STAGING, 0, *state);
    assert_ca("ZeroSSL", "zerossl", "https://acme.zerossl.com/v2/DV90", 0, *state);
    assert_ca("https://dv.acme-v02.api.pki.goog/directory", "google",
              "https://dv.acme-v02.api.pki.goog/directory", 0, *state);
    assert_ca("LetsEncrypt-Test", "letsencrypt-staging", STAGING, 0, *state);
}

static void known_urls_have_their_name(void **state)
{
    assert_ca(PRODUCTION, "letsencrypt", PRODUCTION, 0, *state);
    assert_ca("HTTPS://ACME-V02.api.letsencrypt.org/directory", "letsencrypt", PRODUCTION, 0,
              *state);
}

static void other_urls_are_private_cas(void **state)
{
    assert_ca("https://CA.local:14000/Dir?x=1", "ca.local:14000", "https://ca.local:14000/Dir?x=1",
              1, *state);
    assert_ca("https://[::1]:14000/dir", "[::1]:14000", "https://[::1]:14000/dir", 1, *state);
}

static void only_lets_encrypts_test_environment_is_known(void **state)
{
    (void)state;
    mod_acme_ca_t test;
    assert_int_equal(1, mod_acme_ca_test(&test, PRODUCTION));
    assert_string_equal(STAGING, test.directory_url);
    assert_string_equal("letsencrypt-staging", test.name);
    assert_int_equal(0, mod_acme_ca_test(&test, STAGING));
    assert_int_equal(0, mod_acme_ca_test(&test, "https://dv.acme-v02.api.pki.goog/directory"));
    assert_int_equal(0, mod_acme_ca_test(&test, "https://ca.local/dir"));
}

static void lets_encrypt_is_the_default(void **state)
{
    (void)state;
    mod_acme_ca_t ca;
    mod_acme_ca_default(&ca);
    assert_string_equal(PRODUCTION, ca.directory_url);
    assert_string_equal("letsencrypt", ca.name);
}

static void assert_limit(int count, apr_interval_time_t span, const acme_limit_t *limit)
{
    assert_int_equal(count, limit->count);
    assert_true(span == limit->span);
}

static void lets_encrypt_alone_is_known_to_have_no_must_staple(void **state)
{
    mod_acme_ca_t ca;
    assert_well(mod_acme_ca_parse(&ca, "letsencrypt", *state));
    assert_true(ca.is_without_must_staple);
    assert_well(mod_acme_ca_parse(&ca, STAGING, *state));
    assert_true(ca.is_without_must_staple);
    assert_well(mod_acme_ca_parse(&ca, "zerossl", *state));
    assert_false(ca.is_without_must_staple);
    assert_well(mod_acme_ca_parse(&ca, "https://ca.local/dir", *state));
    assert_false(ca.is_without_must_staple);
}

static void what_a_ca_publishes_of_its_limits_is_known(void **state)
{
    mod_acme_ca_t ca;
    mod_acme_ca_default(&ca);
    assert_limit(300, 3 * ACME_TIME_HOUR, &ca.limits.orders);
    assert_limit(50, 7 * ACME_TIME_DAY, &ca.limits.registered_domain);
    assert_limit(5, 7 * ACME_TIME_DAY, &ca.limits.exact_set);
    assert_true(ca.limits.is_renewal_exempt);
    assert_well(mod_acme_ca_parse(&ca, PRODUCTION, *state));
    assert_int_equal(300, ca.limits.orders.count);
    assert_well(mod_acme_ca_parse(&ca, "letsencrypt-test", *state));
    assert_limit(1500, 3 * ACME_TIME_HOUR, &ca.limits.orders);
    assert_limit(30000, 7 * ACME_TIME_DAY, &ca.limits.registered_domain);
    assert_limit(30000, 7 * ACME_TIME_DAY, &ca.limits.exact_set);
    assert_true(ca.limits.is_renewal_exempt);
}

static void of_other_cas_no_limit_is_known(void **state)
{
    static const char *const words[] = {"google", "zerossl", "https://ca.local/dir"};
    for (int i = 0; i < 3; i++) {
        mod_acme_ca_t ca;
        assert_well(mod_acme_ca_parse(&ca, words[i], *state));
        assert_limit(0, 0, &ca.limits.orders);
        assert_limit(0, 0, &ca.limits.registered_domain);
        assert_limit(0, 0, &ca.limits.exact_set);
        assert_false(ca.limits.is_renewal_exempt);
    }
}

static void assert_says(const char *word, const char *part, apr_pool_t *pool)
{
    mod_acme_ca_t ca;
    acme_err_t *err = mod_acme_ca_parse(&ca, word, pool);
    assert_refused(ACME_ERR_INPUT, err);
    if (strstr(err->text, part) == NULL) {
        fail_msg("%s: '%s' is not said in: %s", word, part, err->text);
    }
}

static void what_has_ended_is_said(void **state)
{
    assert_says("Buypass", "ended", *state);
    assert_says("buypass-test", "ended", *state);
    assert_says("https://api.buypass.com/acme/directory", "ended", *state);
    assert_says("https://acme-v01.api.letsencrypt.org/directory", PRODUCTION, *state);
    assert_says("https://acme-staging.api.letsencrypt.org/directory", STAGING, *state);
}

static void nonsense_is_refused(void **state)
{
    assert_says("", "letsencrypt", *state);
    assert_says("example.org/directory", "https://", *state);
    assert_says("http://ca.local/dir", "https://", *state);
    assert_says("ftp://ca.local/dir", "https://", *state);
    assert_says("https://", "host", *state);
    assert_says("https:///dir", "host", *state);
    assert_says("https://:14000/dir", "host", *state);
    assert_says("https://user:pw@ca.local/dir", "password", *state);
    assert_says("https://ca.local/a b", "character", *state);
    assert_says("https://ca.local/#dir", "character", *state);
}

static void a_url_has_an_end(void **state)
{
    char *url = apr_pcalloc(*state, 1200);
    memset(url, 'a', 1199);
    memcpy(url, "https://", 8);
    assert_says(url, "long", *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(names_are_known_in_any_case),
        FIXTURE_TEST(known_urls_have_their_name),
        FIXTURE_TEST(other_urls_are_private_cas),
        FIXTURE_TEST(only_lets_encrypts_test_environment_is_known),
        FIXTURE_TEST(lets_encrypt_is_the_default),
        FIXTURE_TEST(lets_encrypt_alone_is_known_to_have_no_must_staple),
        FIXTURE_TEST(what_a_ca_publishes_of_its_limits_is_known),
        FIXTURE_TEST(of_other_cas_no_limit_is_known),
        FIXTURE_TEST(what_has_ended_is_said),
        FIXTURE_TEST(nonsense_is_refused),
        FIXTURE_TEST(a_url_has_an_end),
    };
    return fixture_run(tests);
}
