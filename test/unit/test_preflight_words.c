/* Tests of the sentences of a preflight: who is named, and what is advised.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_dns.h"
#include "acme/acme_preflight_words.h"
#include "acme/acme_text.h"

static acme_preflight_here_t here(const char *local, apr_pool_t *pool)
{
    return (acme_preflight_here_t){.local = acme_text_split(local, " ", pool), .server = "us"};
}

static acme_preflight_visit_t visit(const char *address, const acme_probe_answer_t *answer)
{
    return (acme_preflight_visit_t){
        .name = "example.org", .address = address, .target = address, .port = 80, .answer = answer};
}

static void assert_says(const char *text, const char *wanted)
{
    if (text == NULL || strstr(text, wanted) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", wanted, text != NULL ? text : "");
    }
}

static void nobody_is_explained_by_where_the_address_is(void **state)
{
    static const acme_probe_answer_t refused = {.end = ACME_PROBE_REFUSED};
    const acme_preflight_here_t private = here("127.0.0.1 10.0.0.1", *state);
    const acme_preflight_here_t public = here("127.0.0.1 8.8.4.4", *state);
    acme_preflight_visit_t one = visit("127.0.0.1", &refused);
    assert_says(acme_preflight_say_http(&one, &private, *state), "add a Listen for it");
    one = visit("8.8.8.8", &refused);
    assert_says(acme_preflight_say_http(&one, &private, *state), "hairpin NAT");
    assert_says(acme_preflight_say_http(&one, &public, *state),
                "8.8.8.8 is no address of this machine");
    one = visit("10.0.0.2", &refused);
    assert_says(acme_preflight_say_http(&one, &private, *state), "is no address of this machine");
}

static void no_way_by_ipv6_is_a_record_too_many(void **state)
{
    static const acme_probe_answer_t no_way = {.end = ACME_PROBE_UNREACHABLE};
    const acme_preflight_here_t private = here("127.0.0.1", *state);
    const acme_preflight_visit_t one = visit("2001:db8::1", &no_way);
    assert_says(acme_preflight_say_http(&one, &private, *state), "remove its AAAA record");
}

static void who_answers_is_named(void **state)
{
    static const acme_probe_answer_t nameless = {.end = ACME_PROBE_ANSWERED, .status = 403};
    static const acme_probe_answer_t cdn = {
        .end = ACME_PROBE_ANSWERED, .status = 522, .server = "edge", .via = "CDN"};
    const acme_preflight_here_t public = here("8.8.4.4", *state);
    acme_preflight_visit_t one = visit("8.8.8.8", &nameless);
    assert_says(acme_preflight_say_http(&one, &public, *state),
                "a server that does not say its name, with status 403; correct the record");
    one = visit("8.8.4.4", &nameless);
    assert_says(acme_preflight_say_http(&one, &public, *state), "another httpd of this machine");
    one = visit("8.8.8.8", &cdn);
    assert_says(acme_preflight_say_http(&one, &public, *state),
                "calls itself \"edge\", by way of \"CDN\", with status 522; let it pass");
    one.url = "http://www.example.org/x";
    one.target = "8.8.4.5";
    assert_says(
        acme_preflight_say_http(&one, &public, *state),
        "leads to 8.8.8.8, and a redirect from there to http://www.example.org/x (8.8.4.5)");
}

static void tls_ends_where_our_answer_was_handed_on(void **state)
{
    static const acme_probe_answer_t straight = {.end = ACME_PROBE_ANSWERED, .server = "us"};
    static const acme_probe_answer_t handed = {
        .end = ACME_PROBE_ANSWERED, .server = "us", .via = "1.1 front"};
    static const acme_probe_answer_t renamed = {.end = ACME_PROBE_ANSWERED, .server = "front"};
    static const acme_probe_answer_t bare = {.end = ACME_PROBE_ANSWERED};
    const acme_preflight_here_t public = here("8.8.4.4", *state);
    acme_preflight_visit_t one = visit("8.8.8.8", &straight);
    one.is_ours = 1;
    assert_null(acme_preflight_say_tls(&one, &public, *state));
    one.answer = &bare;
    assert_null(acme_preflight_say_tls(&one, &public, *state));
    one.answer = &handed;
    assert_says(acme_preflight_say_tls(&one, &public, *state), "let it pass TLS through unopened");
    one.answer = &renamed;
    assert_says(acme_preflight_say_tls(&one, &public, *state), "so tls-alpn-01 cannot work");
    one.is_ours = 0;
    one.answer = &straight;
    assert_says(acme_preflight_say_tls(&one, &public, *state), "or use dns-01");
}

static void addresses_that_are_not_there(void **state)
{
    const acme_preflight_lookup_t none = {.is_heard = 1};
    const acme_preflight_lookup_t one = {.is_heard = 1, .count = 1};
    const acme_preflight_lookup_t nothing = {.is_heard = 1, .rcode = ACME_DNS_NXDOMAIN};
    const acme_preflight_lookup_t failed = {.is_heard = 1, .rcode = ACME_DNS_SERVFAIL};
    const acme_preflight_lookup_t refused = {.is_heard = 1, .rcode = 5};
    const acme_preflight_lookup_t silent = {0};
    assert_null(acme_preflight_say_addresses("a", &one, &none, *state));
    assert_null(acme_preflight_say_addresses("a", &nothing, &one, *state));
    assert_says(acme_preflight_say_addresses("a", &none, &none, *state),
                "neither an A nor an AAAA");
    assert_says(acme_preflight_say_addresses("a", &nothing, &nothing, *state), "NXDOMAIN");
    assert_says(acme_preflight_say_addresses("a", &one, &failed, *state),
                "AAAA records of a (SERVFAIL)");
    assert_says(acme_preflight_say_addresses("a", &refused, &one, *state),
                "A records of a (REFUSED)");
    assert_says(acme_preflight_say_addresses("a", &silent, &one, *state), "(no answer in time)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(nobody_is_explained_by_where_the_address_is),
        FIXTURE_TEST(no_way_by_ipv6_is_a_record_too_many),
        FIXTURE_TEST(who_answers_is_named),
        FIXTURE_TEST(tls_ends_where_our_answer_was_handed_on),
        FIXTURE_TEST(addresses_that_are_not_there),
    };
    return fixture_run(tests);
}
