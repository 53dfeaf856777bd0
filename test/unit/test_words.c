/* The words of directives: what may be written, and what is said of the rest.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_time.h"

#include "mod_acme_words.h"

static acme_err_t *activation(mod_acme_activation_t *result, const char *a, const char *b,
                              const char *c, apr_pool_t *pool)
{
    const char *argv[] = {a, b, c};
    int argc = 0;
    while (argc < 3 && argv[argc] != NULL) {
        argc++;
    }
    return mod_acme_words_activation(result, argc, argv, pool);
}

static void live_and_manual_stand_alone(void **state)
{
    apr_pool_t *pool = *state;
    mod_acme_activation_t a;
    assert_well(activation(&a, "live", NULL, NULL, pool));
    assert_int_equal(MOD_ACME_ACTIVATE_LIVE, a.mode);
    assert_well(activation(&a, "Manual", NULL, NULL, pool));
    assert_int_equal(MOD_ACME_ACTIVATE_MANUAL, a.mode);
    assert_refused(ACME_ERR_INPUT, activation(&a, "live", "interval=1h", NULL, pool));
    assert_refused(ACME_ERR_INPUT, activation(&a, "sometimes", NULL, NULL, pool));
    assert_refused(ACME_ERR_INPUT, activation(&a, NULL, NULL, NULL, pool));
}

static void graceful_has_an_hour_by_default(void **state)
{
    mod_acme_activation_t a;
    assert_well(activation(&a, "graceful", NULL, NULL, *state));
    assert_int_equal(MOD_ACME_ACTIVATE_GRACEFUL, a.mode);
    assert_true(a.interval == ACME_TIME_HOUR);
    assert_int_equal(-1, a.window_begin);
    assert_true(mod_acme_words_in_window(&a, 0));
    assert_true(mod_acme_words_in_window(&a, 1439));
}

static void graceful_takes_interval_and_window_in_any_order(void **state)
{
    mod_acme_activation_t a;
    assert_well(activation(&a, "graceful", "window=02:30-05:00", "interval=90mi", *state));
    assert_true(a.interval == 90 * ACME_TIME_MINUTE);
    assert_int_equal(150, a.window_begin);
    assert_int_equal(300, a.window_end);
    assert_false(mod_acme_words_in_window(&a, 149));
    assert_true(mod_acme_words_in_window(&a, 150));
    assert_true(mod_acme_words_in_window(&a, 299));
    assert_false(mod_acme_words_in_window(&a, 300));
}

static void window_may_go_over_midnight(void **state)
{
    mod_acme_activation_t a;
    assert_well(activation(&a, "graceful", "window=23:00-01:00", NULL, *state));
    assert_true(mod_acme_words_in_window(&a, 23 * 60));
    assert_true(mod_acme_words_in_window(&a, 0));
    assert_false(mod_acme_words_in_window(&a, 60));
    assert_false(mod_acme_words_in_window(&a, 12 * 60));
}

static void graceful_refuses_what_is_no_window_or_interval(void **state)
{
    static const char *const wrong[] = {
        "window=",
        "window=2:00-5:00",
        "window=02:00",
        "window=02:00-02:00",
        "window=24:00-01:00",
        "window=02:60-3:00",
        "window=02:00-05:00x",
        "window=02:00-",
        "interval=",
        "interval=1s",
        "interval=soon",
        "interval=-1h",
        "at=night",
        "02:00-05:00",
    };
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        mod_acme_activation_t a;
        assert_refused(ACME_ERR_INPUT, activation(&a, "graceful", wrong[i], NULL, *state));
    }
}

static void ports_are_mapped_or_closed(void **state)
{
    apr_pool_t *pool = *state;
    mod_acme_ports_t ports = {80, 443};
    assert_well(mod_acme_words_port(&ports, "http:8080", pool));
    assert_int_equal(8080, ports.http);
    assert_int_equal(443, ports.https);
    assert_well(mod_acme_words_port(&ports, "443:8443", pool));
    assert_int_equal(8443, ports.https);
    assert_well(mod_acme_words_port(&ports, "80:-", pool));
    assert_int_equal(0, ports.http);
    assert_well(mod_acme_words_port(&ports, "HTTPS:65535", pool));
    assert_int_equal(65535, ports.https);
}

static void ports_refuse_all_else(void **state)
{
    static const char *const wrong[] = {
        "",        "http",  "http:", "http:0", "http:65536", "http:8a",
        "http:-1", "21:21", ":80",   "8080",   "http:--",    "http:99999999999999999999"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        mod_acme_ports_t ports = {80, 443};
        assert_refused(ACME_ERR_INPUT, mod_acme_words_port(&ports, wrong[i], *state));
        assert_int_equal(80, ports.http);
        assert_int_equal(443, ports.https);
    }
}

static void contacts_become_mailto_urls(void **state)
{
    const char *contact;
    assert_well(mod_acme_words_contact(&contact, "admin@example.org", *state));
    assert_string_equal("mailto:admin@example.org", contact);
    assert_well(mod_acme_words_contact(&contact, "MailTo:a+b@example.org", *state));
    assert_string_equal("mailto:a+b@example.org", contact);
}

static void contacts_refuse_what_is_no_address(void **state)
{
    static const char *const wrong[] = {"",
                                        "admin",
                                        "@example.org",
                                        "admin@",
                                        "a@b@c",
                                        "a b@example.org",
                                        "a@example.org?subject=x",
                                        "a@example.org,b@example.org",
                                        "tel:+123",
                                        "mailto:",
                                        "\xc3\xa4@example.org"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *contact;
        assert_refused(ACME_ERR_INPUT, mod_acme_words_contact(&contact, wrong[i], *state));
    }
}

static void challenge_types_are_known_gone_or_unknown(void **state)
{
    apr_pool_t *pool = *state;
    const char *type;
    assert_well(mod_acme_words_challenge(&type, "HTTP-01", pool));
    assert_string_equal("http-01", type);
    assert_well(mod_acme_words_challenge(&type, "dns-01", pool));
    assert_well(mod_acme_words_challenge(&type, "tls-alpn-01", pool));
    assert_well(mod_acme_words_challenge(&type, "DNS-Persist-01", pool));
    assert_string_equal("dns-persist-01", type);
    acme_err_t *err = mod_acme_words_challenge(&type, "tls-sni-01", pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "tls-alpn-01"));
    assert_refused(ACME_ERR_INPUT, mod_acme_words_challenge(&type, "http", pool));
    assert_true(mod_acme_words_can_answer("http-01"));
    assert_false(mod_acme_words_can_answer("tls-sni-01"));
    assert_false(mod_acme_words_can_answer("nonsense"));
}

static void default_challenges_are_those_that_are_answered(void **state)
{
    const apr_array_header_t *types = mod_acme_words_default_challenges(*state);
    assert_true(types->nelts > 0);
    for (int i = 0; i < types->nelts; i++) {
        assert_true(mod_acme_words_can_answer(APR_ARRAY_IDX(types, i, const char *)));
    }
}

static void dns_alone_proves_wildcards(void **state)
{
    apr_array_header_t *types = apr_array_make(*state, 1, sizeof(const char *));
    assert_false(mod_acme_words_can_wildcard(types));
    APR_ARRAY_PUSH(types, const char *) = "http-01";
    assert_false(mod_acme_words_can_wildcard(types));
    static const char *const dns[] = {"dns-01", "dns-persist-01"};
    for (int i = 0; i < 2; i++) {
        APR_ARRAY_PUSH(types, const char *) = dns[i];
        assert_true(mod_acme_words_can_wildcard(types));
        apr_array_pop(types);
    }
}

static void proxies_are_urls(void **state)
{
    static const char *const wrong[] = {"",        "proxy:3128", "http://",   "https:///x",
                                        "ftp://x", "socks5://x", "http://:1", "http://a b"};
    const char *proxy;
    assert_well(mod_acme_words_proxy(&proxy, "http://proxy:3128", *state));
    assert_string_equal("http://proxy:3128", proxy);
    assert_well(mod_acme_words_proxy(&proxy, "HTTPS://proxy", *state));
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_refused(ACME_ERR_INPUT, mod_acme_words_proxy(&proxy, wrong[i], *state));
    }
    assert_true(mod_acme_words_is_none("None"));
    assert_false(mod_acme_words_is_none("none."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(live_and_manual_stand_alone),
        FIXTURE_TEST(graceful_has_an_hour_by_default),
        FIXTURE_TEST(graceful_takes_interval_and_window_in_any_order),
        FIXTURE_TEST(window_may_go_over_midnight),
        FIXTURE_TEST(graceful_refuses_what_is_no_window_or_interval),
        FIXTURE_TEST(ports_are_mapped_or_closed),
        FIXTURE_TEST(ports_refuse_all_else),
        FIXTURE_TEST(contacts_become_mailto_urls),
        FIXTURE_TEST(contacts_refuse_what_is_no_address),
        FIXTURE_TEST(challenge_types_are_known_gone_or_unknown),
        FIXTURE_TEST(default_challenges_are_those_that_are_answered),
        FIXTURE_TEST(dns_alone_proves_wildcards),
        FIXTURE_TEST(proxies_are_urls),
    };
    return fixture_run(tests);
}
