/* Tests of acme_directory: the directories of real CAs, and what is none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <apr_strings.h>

#include "acme/acme_directory.h"

#define URL "https://ca.example/directory"

static const acme_directory_t *parse(const char *body, apr_pool_t *pool)
{
    acme_directory_t *directory = NULL;
    assert_well(acme_directory_parse(&directory, body, strlen(body), URL, pool));
    return directory;
}

static void assert_bad(const char *body, const char *words, apr_pool_t *pool)
{
    acme_directory_t *directory = NULL;
    const acme_err_t *err = acme_directory_parse(&directory, body, strlen(body), URL, pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_null(directory);
    assert_non_null(strstr(err->text, URL));
    if (strstr(err->text, words) == NULL) {
        fail_msg("no \"%s\" in: %s", words, err->text);
    }
}

static const char pebble[] =
    "{\n   \"keyChange\": \"https://127.0.0.1:24000/rollover-account-key\",\n"
    "   \"meta\": {\n      \"externalAccountRequired\": false,\n"
    "      \"termsOfService\": \"data:text/plain,Do%20what%20thou%20wilt\"\n   },\n"
    "   \"newAccount\": \"https://127.0.0.1:24000/sign-me-up\",\n"
    "   \"newNonce\": \"https://127.0.0.1:24000/nonce-plz\",\n"
    "   \"newOrder\": \"https://127.0.0.1:24000/order-plz\",\n"
    "   \"revokeCert\": \"https://127.0.0.1:24000/revoke-cert\"\n}";

#define REQUIRED                                                                                   \
    "\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://a/o\""

static void reads_what_standing_records_need(void **state)
{
    const acme_directory_t *directory =
        parse("{" REQUIRED ",\"meta\":{\"issuerDomainNames\":[\"ca.example\",\"b c\"],"
              "\"accountHashPrefix\":\"urn:x:\"}}",
              *state);
    assert_int_equal(1, directory->issuer_domain_names->nelts);
    assert_string_equal("urn:x:", directory->account_hash_prefix);
    directory = parse("{" REQUIRED ",\"meta\":{\"accountHashPrefix\":\"a;b\"}}", *state);
    assert_null(directory->account_hash_prefix);
    assert_int_equal(0, directory->issuer_domain_names->nelts);
}

static void reads_pebbles(void **state)
{
    const acme_directory_t *directory = parse(pebble, *state);
    assert_string_equal("https://127.0.0.1:24000/nonce-plz", directory->new_nonce);
    assert_string_equal("https://127.0.0.1:24000/sign-me-up", directory->new_account);
    assert_string_equal("https://127.0.0.1:24000/order-plz", directory->new_order);
    assert_string_equal("https://127.0.0.1:24000/revoke-cert", directory->revoke_cert);
    assert_string_equal("https://127.0.0.1:24000/rollover-account-key", directory->key_change);
    assert_string_equal("data:text/plain,Do%20what%20thou%20wilt", directory->terms_of_service);
    assert_null(directory->new_authz);
    assert_null(directory->renewal_info);
    assert_null(directory->website);
    assert_int_equal(0, directory->caa_identities->nelts);
    assert_int_equal(0, directory->profiles->nelts);
    assert_false(directory->external_account_required);
}

static void reads_all_of_meta(void **state)
{
    const acme_directory_t *directory = parse(
        "{" REQUIRED ",\"newAuthz\":\"https://a/z\",\"renewalInfo\":\"https://a/r\",\"xq3kd8f2\":"
        "\"https://community/\",\"meta\":{\"termsOfService\":\"https://a/tos.pdf\",\"website\":"
        "\"https://a/\",\"caaIdentities\":[\"ca.example\",7,\"other.example\",\"bad\\n\"],"
        "\"externalAccountRequired\":true,\"profiles\":{\"classic\":\"The one\",\"tls server\":"
        "\"\",\"shortlived\":\"Six days\"}}}",
        *state);
    assert_string_equal("https://a/z", directory->new_authz);
    assert_string_equal("https://a/r", directory->renewal_info);
    assert_string_equal("https://a/tos.pdf", directory->terms_of_service);
    assert_string_equal("https://a/", directory->website);
    assert_int_equal(2, directory->caa_identities->nelts);
    assert_string_equal("other.example", APR_ARRAY_IDX(directory->caa_identities, 1, const char *));
    assert_int_equal(2, directory->profiles->nelts);
    assert_string_equal("classic", APR_ARRAY_IDX(directory->profiles, 0, const char *));
    assert_string_equal("shortlived", APR_ARRAY_IDX(directory->profiles, 1, const char *));
    assert_true(directory->external_account_required);
}

static void takes_the_wrong_type_for_absent(void **state)
{
    const acme_directory_t *directory =
        parse("{" REQUIRED ",\"revokeCert\":7,\"keyChange\":\"http://a/k\",\"renewalInfo\":null,"
              "\"meta\":{\"termsOfService\":[],\"website\":\"\",\"caaIdentities\":\"ca\","
              "\"profiles\":[\"x\"],\"externalAccountRequired\":\"yes\"}}",
              *state);
    assert_null(directory->revoke_cert);
    assert_null(directory->key_change);
    assert_null(directory->renewal_info);
    assert_null(directory->terms_of_service);
    assert_null(directory->website);
    assert_int_equal(0, directory->caa_identities->nelts);
    assert_int_equal(0, directory->profiles->nelts);
    assert_false(directory->external_account_required);
    assert_int_equal(0, parse("{" REQUIRED ",\"meta\":7}", *state)->profiles->nelts);
}

static void shows_terms_clean(void **state)
{
    const acme_directory_t *directory =
        parse("{" REQUIRED ",\"meta\":{\"termsOfService\":\"https://a/\\u001b[31m\"}}", *state);
    assert_string_equal("https://a/?[31m", directory->terms_of_service);
}

static void refuses_what_is_no_directory(void **state)
{
    assert_bad("", "empty", *state);
    assert_bad("<html>It works!</html>", "HTML", *state);
    assert_bad("[]", "no JSON object", *state);
    assert_bad("{}", "newNonce", *state);
    assert_bad("{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\"}", "newOrder", *state);
    assert_bad("{\"newNonce\":\"https://a/n\",\"newAccount\":7,\"newOrder\":\"https://a/o\"}",
               "newAccount", *state);
}

static void refuses_acme_v1(void **state)
{
    assert_bad(
        "{\"new-reg\":\"https://a/r\",\"new-cert\":\"https://a/c\",\"new-authz\":\"https://a/"
        "z\",\"revoke-cert\":\"https://a/x\"}",
        "ACMEv1", *state);
}

static void refuses_resources_that_are_not_https(void **state)
{
    assert_bad("{\"newNonce\":\"http://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://"
               "a/o\"}",
               "http://a/n", *state);
    assert_bad(
        "{\"newNonce\":\"https://a/n\",\"newAccount\":\"https://a/a\",\"newOrder\":\"https://"
        "u@a/o\"}",
        "newOrder", *state);
}

static void copies_into_the_pool(void **state)
{
    char *body = strdup(pebble);
    const acme_directory_t *directory = parse(body, *state);
    memset(body, 'x', strlen(body));
    free(body);
    assert_string_equal("https://127.0.0.1:24000/order-plz", directory->new_order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_pebbles),
        FIXTURE_TEST(reads_what_standing_records_need),
        FIXTURE_TEST(reads_all_of_meta),
        FIXTURE_TEST(takes_the_wrong_type_for_absent),
        FIXTURE_TEST(shows_terms_clean),
        FIXTURE_TEST(refuses_what_is_no_directory),
        FIXTURE_TEST(refuses_acme_v1),
        FIXTURE_TEST(refuses_resources_that_are_not_https),
        FIXTURE_TEST(copies_into_the_pool),
    };
    return fixture_run(tests);
}
