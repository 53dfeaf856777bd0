/* Tests of acme_preflight_look: what is found, and how much is asked for it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_http01.h"
#include "acme/acme_preflight_look.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/fake_dns.h"
#include "unit/fake_env.h"
#include "unit/fake_prober.h"
#include "unit/fake_store.h"

#define HERE "198.51.100.1"
#define THERE "203.0.113.2"
#define HTTP 8080
#define HTTPS 8443

typedef struct {
    apr_pool_t *pool;
    fake_env_t *world;
    fake_store_t *disk;
    acme_store_t *store;
    fake_dns_t *dns;
    fake_prober_t *prober;
    acme_preflight_look_config_t config;
    acme_preflight_t *preflight;
    acme_preflight_request_t request;
} house_t;

static apr_array_header_t *local(apr_pool_t *pool)
{
    return acme_text_split("127.0.0.1 " HERE, " ", pool);
}

static const apr_array_header_t *identifiers(const char *names, apr_pool_t *pool)
{
    const apr_array_header_t *words = acme_text_split(names, " ", pool);
    apr_array_header_t *all = apr_array_make(pool, words->nelts, sizeof(const acme_identifier_t *));
    for (int i = 0; i < words->nelts; ++i) {
        acme_identifier_t *identifier = NULL;
        assert_well(
            acme_identifier_parse(&identifier, APR_ARRAY_IDX(words, i, const char *), pool));
        APR_ARRAY_PUSH(all, const acme_identifier_t *) = identifier;
    }
    return all;
}

/* A private CA "ca.test", example.org leads here, and this server is behind both ports. */
static house_t *open_house(const char *names, const char *types, apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = {1};
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    house->pool = pool;
    house->world = fake_env_create(1, pool);
    house->disk = fake_store_create(pool);
    house->store = fake_store_open(house->disk, 1, acme_seal_create(secret, pool),
                                   fake_env(house->world), pool);
    house->dns = fake_dns_create(pool);
    house->prober = fake_prober_create(pool);
    house->config =
        (acme_preflight_look_config_t){.env = fake_env(house->world),
                                       .http = acme_solver_http_create(house->store, pool),
                                       .dns = fake_dns(house->dns),
                                       .prober = fake_prober(house->prober),
                                       .http_port = HTTP,
                                       .https_port = HTTPS,
                                       .server = "us",
                                       .local = local,
                                       .limit = 20 * ACME_TIME_SECOND,
                                       .max_looks = 2};
    house->request =
        (acme_preflight_request_t){.identifiers = identifiers(names, pool),
                                   .challenge_types = acme_text_split(types, " ", pool),
                                   .caa_identities = acme_text_split("ca.test", " ", pool),
                                   .account = "https://ca.test/acct/1",
                                   .is_private = 1};
    fake_prober_is_ours(house->prober, HERE, HTTP, house->store);
    fake_prober_is_ours(house->prober, HERE, HTTPS, house->store);
    return house;
}

static acme_preflight_look_t *begin(house_t *house, apr_pool_t *pool)
{
    if (house->preflight == NULL) {
        house->preflight = acme_preflight_look_create(&house->config, house->pool);
    }
    return acme_preflight_begin(house->preflight, &house->request, pool);
}

/* Polls once; the findings told are added to @a all. */
static int poll_once(house_t *house, acme_preflight_look_t *look, apr_array_header_t *all)
{
    const apr_array_header_t *findings;
    acme_preflight_tick(house->preflight);
    int is_over = acme_preflight_poll(&findings, house->preflight, look);
    for (int i = 0; i < findings->nelts; ++i) {
        APR_ARRAY_PUSH(all, const char *) = APR_ARRAY_IDX(findings, i, const char *);
    }
    return is_over;
}

/* Looks to the end; the sentences, one a line. */
static const char *look(house_t *house)
{
    apr_array_header_t *all = apr_array_make(house->pool, 4, sizeof(const char *));
    acme_preflight_look_t *one = begin(house, house->pool);
    for (int i = 0; i < 1000; ++i) {
        if (poll_once(house, one, all)) {
            assert_int_equal(0, fake_store_count(house->disk, "challenges/"));
            return acme_text_join(all, "\n", house->pool);
        }
        fake_env_move(house->world, ACME_TIME_SECOND / 20);
    }
    fail_msg("no end");
    return NULL;
}

static void assert_says(const char *text, const char *wanted)
{
    if (strstr(text, wanted) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", wanted, text);
    }
}

static void where_all_is_well_nothing_is_said(void **state)
{
    house_t *house = open_house("example.org", "http-01 tls-alpn-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, HERE);
    fake_dns_add(house->dns, NULL, "org", ACME_DNS_CAA, "0 issue other.test");
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_CAA, "0 issue ca.test");
    assert_string_equal("", look(house));
    assert_int_equal(1, fake_prober_begun(house->prober)); /* 443 need not be asked */
    assert_says(fake_prober_url(house->prober), "http://example.org/.well-known/acme-challenge/");
}

static void every_address_is_visited(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, HERE);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_AAAA, "2001:db8::2");
    fake_prober_answers(house->prober, THERE, 80, 404, "nginx", NULL);
    const char *said = look(house);
    assert_says(said,
                "example.org leads to " THERE ", where on port 80 not this server answers but "
                "a server that calls itself \"nginx\", with status 404");
    assert_says(said, "example.org leads to 2001:db8::2, port 80, where nobody listens");
    assert_null(strstr(said, HERE));
    assert_int_equal(3, fake_prober_begun(house->prober));
}

static void a_server_that_shall_answer_is_no_stranger(void **state)
{
    static const acme_http01_t webroot = {.way = ACME_HTTP01_WEBROOT, .webroot = "/srv/www"};
    house_t *house = open_house("example.org", "http-01", *state);
    house->request.http01 = &webroot;
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_answers(house->prober, THERE, 80, 404, "nginx", NULL);
    assert_string_equal("", look(house));
    fake_prober_ends(house->prober, THERE, 80, ACME_PROBE_REFUSED); /* the later one counts */
    assert_says(look(house), "nobody listens");
}

static void whoever_shares_the_account_answers_as_well(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    house->request.thumbprint = "our-thumbprint";
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_is_sister(house->prober, THERE, 80, "our-thumbprint");
    assert_string_equal("", look(house));
    fake_prober_is_sister(house->prober, THERE, 80, "our-thumbprint-not");
    assert_says(look(house), "calls itself \"sister\", with status 200");
    house->request.thumbprint = NULL;
    assert_says(look(house), "calls itself \"sister\", with status 200");
}

static void a_cdn_is_named(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_is_front(house->prober, THERE, 80, NULL, "cloudflare", "Cloudflare");
    assert_says(look(house), "by way of \"Cloudflare\", with status 0; let it pass "
                             "/.well-known/acme-challenge/ on to this server");
}

static void what_ends_without_an_answer_is_told_apart(void **state)
{
    static const struct {
        acme_probe_end_t end;
        const char *words;
    } cases[] = {
        {ACME_PROBE_REFUSED, "connection refused"}, {ACME_PROBE_TIMEOUT, "firewall"},
        {ACME_PROBE_UNREACHABLE, "knows no way"},   {ACME_PROBE_MUTE, "nothing is answered"},
        {ACME_PROBE_NO_TLS, "no TLS handshake"},    {ACME_PROBE_NO_HTTP, "else than HTTP"}};
    for (apr_size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        house_t *house = open_house("example.org", "http-01", *state);
        fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
        fake_prober_ends(house->prober, THERE, 80, cases[i].end);
        assert_says(look(house), cases[i].words);
    }
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_ends(house->prober, THERE, 80, ACME_PROBE_FAILED);
    assert_string_equal("", look(house));
}

static void behind_a_router_nobody_may_be_met_from_inside(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, "8.8.4.4"); /* a public address */
    assert_says(look(house), "hairpin NAT");
}

static void redirects_are_followed_as_a_ca_does(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_dns_add(house->dns, NULL, "www.example.org", ACME_DNS_A, HERE);
    fake_prober_answers(house->prober, THERE, 80, 301, "front", "https://www.example.org/nothing");
    assert_says(look(house), "example.org leads to " THERE
                             ", and a redirect from there to https://www.example.org/nothing "
                             "(" HERE "), where on port 80 not this server answers but");
    assert_int_equal(2, fake_prober_begun(house->prober));
}

static void bad_redirects_are_named(void **state)
{
    static const struct {
        const char *location;
        const char *words;
    } cases[] = {{"https://example.org:8443/x", "the ports 80"},
                 {"https://example.org.well-known/x", "lacks its final '/'"},
                 {"http://nowhere.example.org/x", "whose host has no address"},
                 {"/again", "the eleventh redirect in a row"}};
    for (apr_size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        house_t *house = open_house("example.org", "http-01", *state);
        fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
        fake_prober_answers(house->prober, THERE, 80, 302, NULL, cases[i].location);
        assert_says(look(house), cases[i].words);
        assert_true(fake_prober_begun(house->prober) <= 11);
    }
}

static void a_redirect_from_outside_leads_to_no_private_address(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, "8.8.4.4");
    fake_prober_answers(house->prober, "8.8.4.4", 80, 302, NULL, "http://10.0.0.1/x");
    assert_says(look(house), "at a private or reserved address");
    assert_int_equal(1, fake_prober_begun(house->prober));
}

static void tls_alpn_cannot_work_behind_a_front(void **state)
{
    house_t *house = open_house("example.org", "tls-alpn-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_is_front(house->prober, THERE, 443, house->store, "nginx", NULL);
    assert_says(look(house),
                "on port 443 TLS does not end at this server but at a server that calls "
                "itself \"nginx\", so tls-alpn-01 cannot work; let it pass TLS through");
    assert_says(fake_prober_url(house->prober), "https://example.org/");
}

static void tls_alpn_that_leads_here_is_well(void **state)
{
    house_t *house = open_house("example.org", "tls-alpn-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, HERE);
    assert_string_equal("", look(house));
    assert_int_equal(1, fake_prober_begun(house->prober));
}

static void where_http_fails_443_is_looked_at_too(void **state)
{
    house_t *house = open_house("example.org", "http-01 tls-alpn-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_is_ours(house->prober, THERE, 443, house->store);
    const char *said = look(house);
    assert_says(said, "port 80, where nobody listens");
    assert_says(said, "; port 443 leads here, so tls-alpn-01 can work");
}

static void names_that_lead_nowhere(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    assert_says(look(house), "example.org is not in the DNS (NXDOMAIN)");
    assert_int_equal(0, fake_prober_begun(house->prober));
    house = open_house("example.org", "http-01", *state);
    fake_dns_fail(house->dns, "example.org", ACME_DNS_AAAA, ACME_DNS_SERVFAIL);
    assert_says(look(house), "cannot look up the AAAA records of example.org (SERVFAIL)");
    house = open_house("example.org", "http-01", *state);
    fake_dns_silence(house->dns, NULL, 1);
    assert_says(look(house), "cannot look up the A records of example.org (no answer in time)");
}

static void a_public_ca_goes_to_no_private_address(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    house->request.is_private = 0;
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, "10.0.0.1");
    assert_says(look(house), "example.org leads to 10.0.0.1, a private or reserved address");
    assert_int_equal(0, fake_prober_begun(house->prober));
}

static void caa_is_climbed(void **state)
{
    house_t *house = open_house("a.b.example.org", "dns-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_CAA, "0 issue other.test");
    assert_says(look(house),
                "the CAA records of example.org, which count for a.b.example.org, allow "
                "only other.test");
    fake_dns_add(house->dns, NULL, "b.example.org", ACME_DNS_CAA, "0 issue ca.test");
    assert_string_equal("", look(house));
    fake_dns_fail(house->dns, "a.b.example.org", ACME_DNS_CAA, ACME_DNS_SERVFAIL);
    assert_says(look(house), "the CAA records of a.b.example.org (SERVFAIL)");
}

static void a_failure_above_the_deciding_set_is_no_matter(void **state)
{
    house_t *house = open_house("example.org", "dns-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_CAA, "0 issue ca.test");
    fake_dns_fail(house->dns, "org", ACME_DNS_CAA, ACME_DNS_SERVFAIL);
    assert_string_equal("", look(house));
}

static void a_wildcard_has_caa_alone(void **state)
{
    house_t *house = open_house("*.example.org", "http-01 dns-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_CAA, "0 issue ca.test");
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_CAA, "0 issuewild ;");
    assert_says(look(house),
                "the CAA records of example.org, which count for *.example.org, forbid");
    assert_int_equal(0, fake_prober_begun(house->prober));
    house = open_house("*.example.org", "http-01 dns-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_CAA,
                 "0 issue ca.test; validationmethods=http-01");
    assert_says(look(house), "only validations by http-01, and not by dns-01");
}

/* After a failure; ns1 and ns2 have the zone example.org, which leads here. */
static house_t *open_house_with_servers(apr_pool_t *pool)
{
    house_t *house = open_house("example.org", "http-01", pool);
    house->request.is_thorough = 1;
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, HERE);
    fake_dns_zone(house->dns, "example.org", "ns1.example.org", "192.0.2.53");
    fake_dns_zone(house->dns, "example.org", "ns2.example.org", "192.0.2.54");
    fake_dns_add(house->dns, "192.0.2.53", "example.org", ACME_DNS_A, HERE);
    return house;
}

static void name_servers_that_do_not_agree_are_named(void **state)
{
    house_t *house = open_house_with_servers(*state);
    assert_says(look(house), "the name servers do not agree about the addresses of example.org: "
                             "ns1.example.org (192.0.2.53) says " HERE ", ns2.example.org "
                             "(192.0.2.54) says that there are none");
    fake_dns_add(house->dns, "192.0.2.54", "example.org", ACME_DNS_A, HERE);
    assert_string_equal("", look(house));
    fake_dns_add(house->dns, "192.0.2.54", "example.org", ACME_DNS_AAAA, "2001:db8::1");
    fake_dns_add(house->dns, "192.0.2.53", "example.org", ACME_DNS_AAAA, "2001:db8::1");
    assert_string_equal("", look(house));
}

static void a_choice_among_many_addresses_is_no_disagreement(void **state)
{
    house_t *house = open_house_with_servers(*state);
    for (int i = 1; i <= 4; ++i) {
        fake_dns_add(house->dns, "192.0.2.53", "example.org", ACME_DNS_A,
                     apr_psprintf(*state, "192.0.2.%d", 10 * i));
        fake_dns_add(house->dns, "192.0.2.54", "example.org", ACME_DNS_A,
                     apr_psprintf(*state, "192.0.2.%d", 10 * i + 1));
    }
    assert_string_equal("", look(house));
}

static void name_servers_that_fail_are_named(void **state)
{
    house_t *house = open_house_with_servers(*state);
    fake_dns_silence(house->dns, "192.0.2.54", 1);
    assert_says(look(house), "the name server ns2.example.org (192.0.2.54) does not answer for "
                             "example.org");
    fake_dns_silence(house->dns, "192.0.2.54", 0);
    fake_dns_lame(house->dns, "192.0.2.54");
    assert_says(look(house), "does not have the zone of example.org");
}

static void that_all_name_servers_are_silent_says_nothing(void **state)
{
    house_t *house = open_house_with_servers(*state);
    fake_dns_silence(house->dns, "192.0.2.53", 1);
    fake_dns_silence(house->dns, "192.0.2.54", 1);
    assert_string_equal("", look(house));
}

static void before_a_failure_no_name_server_is_asked(void **state)
{
    house_t *house = open_house_with_servers(*state);
    house->request.is_thorough = 0;
    assert_string_equal("", look(house));
    assert_int_equal(0, fake_dns_asked(house->dns, "192.0.2.53"));
}

static void an_address_needs_no_dns(void **state)
{
    house_t *house = open_house("2001:db8::7 " HERE, "http-01", *state);
    house->config.dns = NULL;
    assert_says(look(house), "2001:db8::7 leads to 2001:db8::7, port 80, where nobody listens");
    assert_int_equal(0, fake_dns_asked(house->dns, NULL));
    assert_int_equal(2, fake_prober_begun(house->prober));
}

static void without_dns_names_are_left_alone(void **state)
{
    house_t *house = open_house("example.org", "http-01 tls-alpn-01", *state);
    house->config.dns = NULL;
    assert_string_equal("", look(house));
    assert_int_equal(0, fake_prober_begun(house->prober));
}

static void a_look_has_an_end_and_tells_what_it_knows(void **state)
{
    house_t *house = open_house("example.org", "http-01 tls-alpn-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_answers(house->prober, THERE, 80, 503, NULL, NULL);
    fake_prober_hangs(house->prober, THERE, 443);
    apr_time_t began = acme_env_now(fake_env(house->world));
    assert_says(look(house), "status 503");
    assert_true(acme_env_now(fake_env(house->world)) - began <= 21 * ACME_TIME_SECOND);
}

static void many_names_say_little(void **state)
{
    apr_array_header_t *names = apr_array_make(*state, 60, sizeof(const char *));
    for (int i = 0; i < 60; ++i) {
        APR_ARRAY_PUSH(names, const char *) = apr_psprintf(*state, "n%d.example.org", i);
    }
    house_t *house = open_house(acme_text_join(names, " ", *state), "http-01", *state);
    const char *said = look(house);
    assert_says(said, "and 52 more of the kind");
    assert_int_equal(8 + 1, acme_text_split(said, "\n", *state)->nelts);
}

static void few_look_at_once_and_the_others_wait(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_prober_hangs(house->prober, THERE, 80);
    acme_preflight_look_t *looks[4];
    apr_pool_t *pools[4];
    apr_array_header_t *all = apr_array_make(*state, 4, sizeof(const char *));
    for (int i = 0; i < 4; ++i) {
        apr_pool_create(&pools[i], *state);
        looks[i] = begin(house, pools[i]);
    }
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < 4; ++i) {
            assert_false(poll_once(house, looks[i], all));
        }
    }
    assert_int_equal(2, fake_prober_begun(house->prober));
    assert_false(acme_preflight_is_waiting(house->preflight, looks[1]));
    assert_true(acme_preflight_is_waiting(house->preflight, looks[2]));
    assert_int_equal(2, fake_store_count(house->disk, "challenges/"));
    apr_pool_destroy(pools[0]); /* dropped: the next has its turn */
    assert_int_equal(1, fake_store_count(house->disk, "challenges/"));
    assert_false(poll_once(house, looks[2], all));
    assert_false(acme_preflight_is_waiting(house->preflight, looks[2]));
    for (int i = 1; i < 4; ++i) {
        apr_pool_destroy(pools[i]);
    }
    assert_int_equal(0, fake_store_count(house->disk, "challenges/"));
}

static void a_full_disk_only_ends_the_look(void **state)
{
    house_t *house = open_house("example.org", "http-01", *state);
    fake_dns_add(house->dns, NULL, "example.org", ACME_DNS_A, THERE);
    fake_store_fail_put(house->disk, 1, 1, APR_ENOSPC);
    assert_string_equal("", look(house));
    assert_int_equal(0, fake_prober_begun(house->prober));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(where_all_is_well_nothing_is_said),
        FIXTURE_TEST(every_address_is_visited),
        FIXTURE_TEST(a_server_that_shall_answer_is_no_stranger),
        FIXTURE_TEST(whoever_shares_the_account_answers_as_well),
        FIXTURE_TEST(a_cdn_is_named),
        FIXTURE_TEST(what_ends_without_an_answer_is_told_apart),
        FIXTURE_TEST(behind_a_router_nobody_may_be_met_from_inside),
        FIXTURE_TEST(redirects_are_followed_as_a_ca_does),
        FIXTURE_TEST(bad_redirects_are_named),
        FIXTURE_TEST(a_redirect_from_outside_leads_to_no_private_address),
        FIXTURE_TEST(tls_alpn_cannot_work_behind_a_front),
        FIXTURE_TEST(tls_alpn_that_leads_here_is_well),
        FIXTURE_TEST(where_http_fails_443_is_looked_at_too),
        FIXTURE_TEST(names_that_lead_nowhere),
        FIXTURE_TEST(a_public_ca_goes_to_no_private_address),
        FIXTURE_TEST(caa_is_climbed),
        FIXTURE_TEST(a_failure_above_the_deciding_set_is_no_matter),
        FIXTURE_TEST(a_wildcard_has_caa_alone),
        FIXTURE_TEST(name_servers_that_do_not_agree_are_named),
        FIXTURE_TEST(a_choice_among_many_addresses_is_no_disagreement),
        FIXTURE_TEST(name_servers_that_fail_are_named),
        FIXTURE_TEST(that_all_name_servers_are_silent_says_nothing),
        FIXTURE_TEST(before_a_failure_no_name_server_is_asked),
        FIXTURE_TEST(an_address_needs_no_dns),
        FIXTURE_TEST(without_dns_names_are_left_alone),
        FIXTURE_TEST(a_look_has_an_end_and_tells_what_it_knows),
        FIXTURE_TEST(many_names_say_little),
        FIXTURE_TEST(few_look_at_once_and_the_others_wait),
        FIXTURE_TEST(a_full_disk_only_ends_the_look),
    };
    return fixture_run(tests);
}
