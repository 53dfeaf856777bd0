/* Tests of acme_authorization: whose it is, how far it is, and what it offers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <apr_strings.h>

#include "acme/acme_authorization.h"

static const acme_authorization_t *parse(const char *body, apr_pool_t *pool)
{
    acme_authorization_t *authorization = NULL;
    assert_well(acme_authorization_parse(&authorization, body, strlen(body), pool));
    return authorization;
}

static void assert_bad(const char *body, const char *words, apr_pool_t *pool)
{
    acme_authorization_t *authorization = NULL;
    const acme_err_t *err = acme_authorization_parse(&authorization, body, strlen(body), pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_null(authorization);
    if (strstr(err->text, words) == NULL) {
        fail_msg("no \"%s\" in: %s", words, err->text);
    }
}

static const char pending[] =
    "{    \"status\": \"pending\",    \"identifier\": {       \"type\": \"dns\",       \"value\": "
    "\"example.org\"    },    \"challenges\": [       {          \"type\": \"tls-alpn-01\",        "
    "  \"url\": \"https://127.0.0.1:24000/chalZ/6RIJ\",          \"token\": "
    "\"g4HR3gKoInoBzvkNWYek35bdWynp1BYvwCJNb3FYAYY\",          \"status\": \"pending\"       },    "
    "   {          \"type\": \"dns-01\",          \"url\": \"https://127.0.0.1:24000/chalZ/bI3f\","
    "          \"token\": \"Tvq2AIB7W_uluDt52TldbKPTo69iH1p7EatpdSOaOvU\",          \"status\": "
    "\"pending\"       },       {          \"type\": \"http-01\",          \"url\": "
    "\"https://127.0.0.1:24000/chalZ/I46q\",          \"token\": "
    "\"ZW5DqRiTnOKKgeXTn2ht5RKaDoI1l6Mz9Z6GSPGuEGo\",          \"status\": \"pending\"       }    "
    "],    \"expires\": \"2026-11-22T14:30:06Z\" }";

static void reads_a_pending_authorization(void **state)
{
    const acme_authorization_t *authorization = parse(pending, *state);
    assert_int_equal(ACME_AUTHORIZATION_PENDING, authorization->status);
    assert_string_equal("example.org", authorization->identifier->value);
    assert_int_equal(ACME_IDENTIFIER_DNS, authorization->identifier->type);
    assert_false(authorization->identifier->is_wildcard);
    assert_true(authorization->expires == apr_time_from_sec(1795357806));
    assert_int_equal(3, authorization->challenges->nelts);
    assert_string_equal(
        "tls-alpn-01", APR_ARRAY_IDX(authorization->challenges, 0, const acme_challenge_t *)->type);
    assert_string_equal("https://127.0.0.1:24000/chalZ/I46q",
                        acme_authorization_challenge(authorization, "http-01")->url);
    assert_null(acme_authorization_challenge(authorization, "http"));
}

#define OF(identifier) "{\"status\":\"valid\",\"identifier\":" identifier "}"

static void reads_whose_it_is(void **state)
{
    const acme_identifier_t *wildcard =
        parse("{\"status\":\"valid\",\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":"
              "\"Example.org\"}}",
              *state)
            ->identifier;
    assert_string_equal("example.org", wildcard->value);
    assert_true(wildcard->is_wildcard);
    wildcard = parse(OF("{\"type\":\"dns\",\"value\":\"*.example.org\"}"), *state)->identifier;
    assert_string_equal("example.org", wildcard->value);
    assert_true(wildcard->is_wildcard);
    const acme_identifier_t *address =
        parse(OF("{\"type\":\"ip\",\"value\":\"2001:DB8::1\"}"), *state)->identifier;
    assert_string_equal("2001:db8::1", address->value);
    assert_int_equal(ACME_IDENTIFIER_IP, address->type);
}

static void refuses_strange_identifiers(void **state)
{
    assert_bad("{\"status\":\"valid\"}", "identifier", *state);
    assert_bad(OF("\"example.org\""), "identifier", *state);
    assert_bad(OF("{\"value\":\"example.org\"}"), "identifier", *state);
    assert_bad(OF("{\"type\":\"dns\"}"), "identifier", *state);
    assert_bad(OF("{\"type\":\"email\",\"value\":\"example.org\"}"), "email", *state);
    assert_bad(OF("{\"type\":\"ip\",\"value\":\"example.org\"}"), "example.org", *state);
    assert_bad(OF("{\"type\":\"dns\",\"value\":\"192.0.2.1\"}"), "192.0.2.1", *state);
    assert_bad(OF("{\"type\":\"dns\",\"value\":\"*.*.example.org\"}"), "*.example", *state);
    assert_bad(OF("{\"type\":\"ip\",\"value\":\"*.192.0.2.1\"}"), "192.0.2.1", *state);
    assert_bad(OF("{\"type\":\"dns\",\"value\":\"\"}"), "\"\"", *state);
    assert_bad(OF("{\"type\":\"dns\",\"value\":\"a b\\n\"}"), "a b?", *state);
}

static void refuses_what_is_no_authorization(void **state)
{
    assert_bad("", "empty", *state);
    assert_bad("<html>", "HTML", *state);
    assert_bad("{\"identifier\":{\"type\":\"dns\",\"value\":\"example.org\"}}", "status", *state);
}

static void reads_each_status(void **state)
{
    static const char *const words[] = {"pending",     "valid",   "invalid",
                                        "deactivated", "expired", "revoked"};
    for (int i = 0; i < 6; i++) {
        const char *body =
            apr_pstrcat(*state, "{\"status\":\"", words[i],
                        "\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.org\"}}", NULL);
        assert_int_equal(i, parse(body, *state)->status);
        assert_string_equal(words[i], acme_authorization_status_name(parse(body, *state)->status));
    }
    assert_int_equal(
        ACME_AUTHORIZATION_UNKNOWN,
        parse("{\"status\":\"odd\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.org\"}"
              "}",
              *state)
            ->status);
    assert_string_equal("unknown", acme_authorization_status_name(ACME_AUTHORIZATION_UNKNOWN));
}

static void passes_over_challenges_it_cannot_use(void **state)
{
    const acme_authorization_t *authorization =
        parse("{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.org\"},"
              "\"challenges\":[7,{},{\"type\":\"http-01\",\"url\":\"http://a/c\"},{\"type\":"
              "\"new-01\",\"url\":\"https://a/c\"}]}",
              *state);
    assert_int_equal(1, authorization->challenges->nelts);
    assert_non_null(acme_authorization_challenge(authorization, "new-01"));
    assert_int_equal(
        0, parse(OF("{\"type\":\"dns\",\"value\":\"a.org\"}"), *state)->challenges->nelts);
}

static void reads_no_more_than_fifty_challenges(void **state)
{
    apr_array_header_t *challenges = apr_array_make(*state, 60, sizeof(const char *));
    for (int i = 0; i < 60; i++) {
        APR_ARRAY_PUSH(challenges, const char *) = "{\"type\":\"x-01\",\"url\":\"https://a/c\"}";
    }
    const char *body = apr_pstrcat(*state,
                                   "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\","
                                   "\"value\":\"a.org\"},\"challenges\":[",
                                   apr_array_pstrcat(*state, challenges, ','), "]}", NULL);
    assert_int_equal(50, parse(body, *state)->challenges->nelts);
}

static void gives_an_authorization_back(void **state)
{
    (void)state;
    assert_string_equal("{\"status\":\"deactivated\"}", acme_authorization_deactivate_request());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_a_pending_authorization),
        FIXTURE_TEST(reads_whose_it_is),
        FIXTURE_TEST(refuses_strange_identifiers),
        FIXTURE_TEST(refuses_what_is_no_authorization),
        FIXTURE_TEST(reads_each_status),
        FIXTURE_TEST(passes_over_challenges_it_cannot_use),
        FIXTURE_TEST(reads_no_more_than_fifty_challenges),
        FIXTURE_TEST(gives_an_authorization_back),
    };
    return fixture_run(tests);
}
