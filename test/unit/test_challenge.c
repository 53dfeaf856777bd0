/* Tests of acme_challenge: tokens that may become names, and words on where the CA looked.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_challenge.h"
#include "acme/acme_json.h"

#define TOKEN "1uYOuW_wbhXCII2uXnyqCRb69eSLZ8fXAiLPWhjjGbc"
#define BEGIN "{\"type\":\"http-01\",\"url\":\"https://a/c\""

static acme_challenge_t *read_text(const char *text, apr_pool_t *pool)
{
    json_t *object;
    assert_well(acme_json_parse(&object, text, strlen(text), "it", pool));
    return acme_challenge_read(object, pool);
}

static void reads_a_challenge(void **state)
{
    const acme_challenge_t *challenge = read_text(
        "{\"type\": \"http-01\", \"url\": \"https://127.0.0.1:24000/chalZ/PelJ8\", \"token\": "
        "\"" TOKEN "\", \"status\": \"pending\"}",
        *state);
    assert_string_equal("http-01", challenge->type);
    assert_string_equal("https://127.0.0.1:24000/chalZ/PelJ8", challenge->url);
    assert_string_equal(TOKEN, challenge->token);
    assert_int_equal(ACME_CHALLENGE_PENDING, challenge->status);
    assert_null(challenge->error);
    assert_null(challenge->validation);
}

static void reads_a_challenge_without_token(void **state)
{
    const acme_challenge_t *challenge =
        read_text("{\"type\": \"dns-persist-01\", \"url\": \"https://127.0.0.1:24000/chalZ/p1\", "
                  "\"status\": \"pending\", \"issuer-domain-names\": [\"pebble.letsencrypt.org\"]}",
                  *state);
    assert_string_equal("dns-persist-01", challenge->type);
    assert_null(challenge->token);
    assert_int_equal(1, challenge->issuers->nelts);
    assert_string_equal("pebble.letsencrypt.org",
                        APR_ARRAY_IDX(challenge->issuers, 0, const char *));
    assert_null(challenge->account_uri);
    assert_false(challenge->has_account_hash);
}

static void reads_all_drafts_of_persist(void **state)
{
    const acme_challenge_t *challenge =
        read_text(BEGIN ",\"issuer-domain-names\":[\"a.example\",\"xn--bcher-kva.example\"],"
                        "\"accounturi\":\"https://a/acct/1\"}",
                  *state);
    assert_int_equal(2, challenge->issuers->nelts);
    assert_string_equal("https://a/acct/1", challenge->account_uri);
    challenge = read_text(BEGIN ",\"issuerDomainNames\":[\"a.example\"]}", *state);
    assert_int_equal(1, challenge->issuers->nelts);
    assert_true(challenge->has_account_hash);
}

static void lists_of_issuers_that_no_draft_allows_are_empty(void **state)
{
    static const char *const wrong[] = {
        "[]",
        "\"a.example\"",
        "[1]",
        "[\"\"]",
        "[\"A.example\"]",
        "[\"a.example.\"]",
        "[\"-a\"]",
        "[\"a..b\"]",
        "[\"a;b\"]",
        "[\"a.example\",null]",
        "[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]"};
    assert_int_equal(0, read_text(BEGIN "}", *state)->issuers->nelts);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); ++i) {
        const char *text =
            apr_pstrcat(*state, BEGIN ",\"issuer-domain-names\":", wrong[i], "}", NULL);
        assert_int_equal(0, read_text(text, *state)->issuers->nelts);
    }
}

static void reads_each_status(void **state)
{
    assert_int_equal(ACME_CHALLENGE_PENDING, read_text(BEGIN "}", *state)->status);
    assert_int_equal(ACME_CHALLENGE_PROCESSING,
                     read_text(BEGIN ",\"status\":\"processing\"}", *state)->status);
    assert_int_equal(ACME_CHALLENGE_VALID,
                     read_text(BEGIN ",\"status\":\"valid\"}", *state)->status);
    assert_int_equal(ACME_CHALLENGE_INVALID,
                     read_text(BEGIN ",\"status\":\"invalid\"}", *state)->status);
    assert_int_equal(ACME_CHALLENGE_INVALID,
                     read_text(BEGIN ",\"status\":\"odd\"}", *state)->status);
}

static void passes_over_what_cannot_be_answered(void **state)
{
    assert_null(read_text("{\"url\":\"https://a/c\"}", *state));
    assert_null(read_text("{\"type\":\"\",\"url\":\"https://a/c\"}", *state));
    assert_null(read_text("{\"type\":\"http-01\"}", *state));
    assert_null(read_text("{\"type\":\"http-01\",\"url\":\"http://a/c\"}", *state));
    assert_null(acme_challenge_read(NULL, *state));
}

static void knows_tokens(void **state)
{
    assert_true(acme_challenge_token_ok(TOKEN, 43));
    assert_true(acme_challenge_token_ok("-_-_-_-_-_-_-_-_and more", 16));
    assert_false(acme_challenge_token_ok(TOKEN, 15));
    assert_false(acme_challenge_token_ok("", 0));
    assert_false(acme_challenge_token_ok("../../../etc/passwd", 19));
    assert_false(acme_challenge_token_ok("aaaaaaaaaaaaaaa=", 16));
    assert_false(acme_challenge_token_ok("aaaaaaaaaaaaaaa.", 16));
    assert_false(acme_challenge_token_ok("aaaaaaaaaaaaaaa\0", 16));
    assert_false(acme_challenge_token_ok("aaaaaaaaaaaaaa\xC3\xBC", 16));
    char *token = apr_palloc(*state, 129);
    memset(token, 'x', 129);
    assert_true(acme_challenge_token_ok(token, 128));
    assert_false(acme_challenge_token_ok(token, 129));
}

static void takes_no_token_that_could_be_a_path(void **state)
{
    assert_null(read_text(BEGIN ",\"token\":\"../../../../etc/passwd\"}", *state)->token);
    assert_null(read_text(BEGIN ",\"token\":\"short\"}", *state)->token);
    assert_null(read_text(BEGIN ",\"token\":7}", *state)->token);
}

static void makes_a_key_authorization(void **state)
{
    assert_string_equal(TOKEN ".MZaA6-J0vMO5OmCYxdAhKPF5jLmKhUpb7ajMQJnf64w",
                        acme_challenge_key_authorization(
                            TOKEN, "MZaA6-J0vMO5OmCYxdAhKPF5jLmKhUpb7ajMQJnf64w", *state));
}

static void says_where_the_ca_looked(void **state)
{
    const acme_challenge_t *challenge = read_text(
        BEGIN
        ",\"status\":\"invalid\",\"error\":{\"type\":\"urn:ietf:params:acme:error:"
        "connection\",\"detail\":\"Timeout during connect (likely firewall problem)\"},"
        "\"validationRecord\":[{\"url\":\"http://example.org/x\",\"hostname\":\"example.org\","
        "\"port\":\"80\",\"addressesResolved\":[\"192.0.2.1\",\"2001:db8::1\"],"
        "\"addressUsed\":\"2001:db8::1\"},{\"hostname\":\"www.example.org\",\"port\":\"443\","
        "\"addressesResolved\":[\"192.0.2.1\"],\"addressUsed\":\"192.0.2.1\"}]}",
        *state);
    assert_true(acme_problem_is(challenge->error, "connection"));
    assert_string_equal("http://example.org/x at 2001:db8::1 (of 192.0.2.1, 2001:db8::1), then "
                        "www.example.org:443 at 192.0.2.1",
                        challenge->validation);
}

static void says_what_little_the_ca_told(void **state)
{
    assert_string_equal(
        "example.org (of 192.0.2.1)",
        read_text(BEGIN ",\"validationRecord\":[7,{},{\"hostname\":\"example.org\",\"addressUsed\":"
                        "\"\",\"addressesResolved\":[\"192.0.2.1\"]}]}",
                  *state)
            ->validation);
    assert_string_equal(
        "192.0.2.1",
        read_text(BEGIN ",\"validationRecord\":[{\"addressUsed\":\"192.0.2.1\"}]}", *state)
            ->validation);
    assert_null(read_text(BEGIN ",\"validationRecord\":[{}]}", *state)->validation);
    assert_null(read_text(BEGIN ",\"validationRecord\":{}}", *state)->validation);
}

static void cleans_and_cuts_what_the_ca_told(void **state)
{
    char *text = apr_pcalloc(*state, 1000);
    strcpy(text, BEGIN ",\"validationRecord\":[{\"url\":\"\\u001b[31m");
    memset(text + strlen(text), 'x', 800);
    strcat(text, "\"}]}");
    const char *validation = read_text(text, *state)->validation;
    assert_memory_equal("?[31mxx", validation, 7);
    assert_true(strlen(validation) <= 500);
    assert_string_equal(
        "http-01?", read_text("{\"type\":\"http-01\\n\",\"url\":\"https://a/c\"}", *state)->type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_a_challenge),
        FIXTURE_TEST(reads_a_challenge_without_token),
        FIXTURE_TEST(reads_all_drafts_of_persist),
        FIXTURE_TEST(lists_of_issuers_that_no_draft_allows_are_empty),
        FIXTURE_TEST(reads_each_status),
        FIXTURE_TEST(passes_over_what_cannot_be_answered),
        FIXTURE_TEST(knows_tokens),
        FIXTURE_TEST(takes_no_token_that_could_be_a_path),
        FIXTURE_TEST(makes_a_key_authorization),
        FIXTURE_TEST(says_where_the_ca_looked),
        FIXTURE_TEST(says_what_little_the_ca_told),
        FIXTURE_TEST(cleans_and_cuts_what_the_ca_told),
    };
    return fixture_run(tests);
}
