/* Tests of acme_account: requests, the CA's answers, and the record in the store.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_account.h"

#define CA "https://ca.example/directory"
#define KID "https://127.0.0.1:24000/my-account/6990ee148344779e"

static apr_array_header_t *contacts(apr_pool_t *pool, const char *first, const char *second)
{
    apr_array_header_t *array = apr_array_make(pool, 2, sizeof(const char *));
    if (first != NULL) {
        APR_ARRAY_PUSH(array, const char *) = first;
    }
    if (second != NULL) {
        APR_ARRAY_PUSH(array, const char *) = second;
    }
    return array;
}

static const acme_account_t *parse(const char *body, const char *location, apr_pool_t *pool)
{
    acme_account_t *account = NULL;
    assert_well(acme_account_parse(&account, body, strlen(body), location, CA, pool));
    return account;
}

static void assert_bad_answer(const char *body, const char *location, apr_pool_t *pool)
{
    acme_account_t *account = NULL;
    assert_refused(ACME_ERR_INPUT,
                   acme_account_parse(&account, body, strlen(body), location, CA, pool));
    assert_null(account);
}

static void asks_for_an_account(void **state)
{
    assert_string_equal(
        "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@example.org\",\"mailto:b@x\"]}",
        acme_account_request(contacts(*state, "mailto:a@example.org", "mailto:b@x"), 1, NULL,
                             *state));
    assert_string_equal("{}", acme_account_request(contacts(*state, NULL, NULL), 0, NULL, *state));
    assert_string_equal(
        "{\"externalAccountBinding\":{\"protected\":\"a\",\"payload\":\"b\",\"signature\":\"c\"}}",
        acme_account_request(contacts(*state, NULL, NULL), 0,
                             "{\"protected\":\"a\",\"payload\":\"b\",\"signature\":\"c\"}",
                             *state));
    assert_string_equal("{\"onlyReturnExisting\":true}", acme_account_lookup_request(*state));
}

static void changes_the_contacts(void **state)
{
    assert_string_equal("{\"contact\":[]}",
                        acme_account_update_request(contacts(*state, NULL, NULL), *state));
    assert_string_equal(
        "{\"contact\":[\"mailto:a@example.org\"]}",
        acme_account_update_request(contacts(*state, "mailto:a@example.org", NULL), *state));
}

static void reads_an_answer(void **state)
{
    const acme_account_t *account = parse(
        "{    \"status\": \"valid\",    \"contact\": [       \"mailto:a@example.org\"    ],    "
        "\"orders\": \"https://127.0.0.1:24000/list-orderz/6990ee148344779e\",    \"key\": {       "
        "\"kty\": \"EC\",       \"crv\": \"P-256\",       \"x\": \"8XOz\",       \"y\": \"Iy4X\"   "
        " }, \"termsOfServiceAgreed\": true }",
        KID, *state);
    assert_int_equal(ACME_ACCOUNT_VALID, account->status);
    assert_string_equal(KID, account->url);
    assert_string_equal(CA, account->ca_url);
    assert_int_equal(1, account->contacts->nelts);
    assert_true(account->terms_agreed);
}

static void reads_an_answer_that_says_little(void **state)
{
    const acme_account_t *account = parse("{}", NULL, *state);
    assert_int_equal(ACME_ACCOUNT_VALID, account->status);
    assert_null(account->url);
    assert_int_equal(0, account->contacts->nelts);
    assert_false(account->terms_agreed);
    assert_int_equal(ACME_ACCOUNT_DEACTIVATED,
                     parse("{\"status\":\"deactivated\"}", NULL, *state)->status);
    assert_int_equal(ACME_ACCOUNT_REVOKED, parse("{\"status\":\"revoked\"}", KID, *state)->status);
}

static void refuses_bad_answers(void **state)
{
    assert_bad_answer("", KID, *state);
    assert_bad_answer("[]", KID, *state);
    assert_bad_answer("{\"status\":\"sleeping\"}", KID, *state);
    assert_bad_answer("{}", "http://ca.example/account/1", *state);
    assert_bad_answer("{}", "/account/1", *state);
    assert_bad_answer("{}", "", *state);
}

static void keeps_an_account(void **state)
{
    const acme_account_t account = {
        .status = ACME_ACCOUNT_VALID,
        .url = KID,
        .ca_url = CA,
        .contacts = contacts(*state, "mailto:a@example.org", NULL),
        .terms_agreed = 1,
    };
    const char *text = acme_account_write(&account, NULL, *state);
    assert_string_equal("{\n  \"version\": 1,\n  \"status\": \"valid\",\n  \"url\": \"" KID
                        "\",\n  \"ca-url\": \"" CA
                        "\",\n  \"contact\": [\n    \"mailto:a@example.org\"\n  ],\n"
                        "  \"agreement\": true\n}",
                        text);
    acme_account_t *again;
    assert_well(acme_account_read(&again, text, strlen(text), *state));
    assert_int_equal(ACME_ACCOUNT_VALID, again->status);
    assert_string_equal(KID, again->url);
    assert_string_equal(CA, again->ca_url);
    assert_string_equal("mailto:a@example.org", APR_ARRAY_IDX(again->contacts, 0, const char *));
    assert_true(again->terms_agreed);
}

static void keeps_what_the_ca_does_not_tell(void **state)
{
    apr_array_header_t *remade = apr_array_make(*state, 2, sizeof(apr_time_t));
    for (int i = 0; i < ACME_ACCOUNT_REMADE_MAX + 2; i++) {
        APR_ARRAY_PUSH(remade, apr_time_t) = apr_time_from_sec(1700000000 + i);
    }
    const acme_account_t account = {.ca_url = CA,
                                    .contacts = contacts(*state, NULL, NULL),
                                    .asked = contacts(*state, "mailto:a@example.org", NULL),
                                    .thumbprint = "thumb",
                                    .remade = remade,
                                    .deactivated = apr_time_from_sec(1700000100)};
    const char *text = acme_account_write(&account, NULL, *state);
    acme_account_t *again;
    assert_well(acme_account_read(&again, text, strlen(text), *state));
    assert_int_equal(0, again->contacts->nelts);
    assert_int_equal(1, again->asked->nelts);
    assert_string_equal("thumb", again->thumbprint);
    assert_int_equal(ACME_ACCOUNT_REMADE_MAX, again->remade->nelts); /* the newest */
    assert_true(APR_ARRAY_IDX(again->remade, 0, apr_time_t) == apr_time_from_sec(1700000002));
    assert_true(again->deactivated == account.deactivated);
    /* what is no longer so is no longer written */
    const acme_account_t plain = {.ca_url = CA, .contacts = contacts(*state, NULL, NULL)};
    const char *later = acme_account_write(&plain, text, *state);
    assert_null(strstr(later, "key-thumbprint"));
    assert_null(strstr(later, "contact-asked"));
    assert_null(strstr(later, "remade"));
    assert_null(strstr(later, "deactivated"));
    assert_well(acme_account_read(&again, later, strlen(later), *state));
    assert_null(again->thumbprint);
    assert_int_equal(0, again->asked->nelts);
    assert_int_equal(0, again->remade->nelts);
    assert_true(again->deactivated == 0);
}

static void closes_an_account_and_changes_its_key(void **state)
{
    assert_string_equal("{\"status\":\"deactivated\"}", acme_account_deactivate_request(*state));
    assert_string_equal("{\"account\":\"" KID
                        "\",\"oldKey\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"a\"}}",
                        acme_account_key_change_request(
                            KID, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"a\"}", *state));
}

static void keeps_what_it_does_not_know(void **state)
{
    static const char previous[] =
        "{\"version\":1,\"status\":\"valid\",\"url\":\"" KID "\",\"ca-url\":\"" CA
        "\",\"contact\":[\"mailto:old@example.org\"],\"agreement\":\"https://ca.example/tos\","
        "\"orders\":\"https://ca.example/orders\",\"eab\":{\"kid\":\"k\"}}";
    acme_account_t *account;
    assert_well(acme_account_read(&account, previous, strlen(previous), *state));
    assert_true(account->terms_agreed);
    account->status = ACME_ACCOUNT_DEACTIVATED;
    account->contacts = account->asked = contacts(*state, NULL, NULL);
    account->url = NULL;
    const char *text = acme_account_write(account, previous, *state);
    assert_non_null(strstr(text, "\"kid\": \"k\""));
    assert_non_null(strstr(text, "\"agreement\": \"https://ca.example/tos\""));
    assert_non_null(strstr(text, "\"status\": \"deactivated\""));
    assert_null(strstr(text, "old@example.org"));
    assert_null(strstr(text, "\"url\""));

    account->terms_agreed = 0;
    assert_null(strstr(acme_account_write(account, previous, *state), "agreement"));
    /* what was damaged before is not worth keeping */
    assert_non_null(strstr(acme_account_write(account, "{\"x\":", *state), CA));
}

static void assert_bad_record(const char *text, apr_pool_t *pool)
{
    acme_account_t *account = NULL;
    assert_refused(ACME_ERR_INPUT, acme_account_read(&account, text, strlen(text), pool));
    assert_null(account);
}

static void refuses_damaged_records(void **state)
{
    assert_bad_record("", *state);
    assert_bad_record("{\"status\":\"valid\",\"url\":\"" KID "\"", *state);
    assert_bad_record("{\"status\":\"valid\",\"url\":\"" KID "\"}", *state);
    assert_bad_record("{\"url\":\"" KID "\",\"ca-url\":\"" CA "\"}", *state);
    assert_bad_record("{\"status\":\"odd\",\"ca-url\":\"" CA "\"}", *state);
    assert_bad_record("{\"status\":\"valid\",\"url\":\"http://a/\",\"ca-url\":\"" CA "\"}", *state);
    assert_bad_record("{\"status\":\"valid\",\"url\":\"" KID "\",\"ca-url\":\"http://a/\"}",
                      *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(asks_for_an_account),
        FIXTURE_TEST(changes_the_contacts),
        FIXTURE_TEST(reads_an_answer),
        FIXTURE_TEST(reads_an_answer_that_says_little),
        FIXTURE_TEST(refuses_bad_answers),
        FIXTURE_TEST(keeps_an_account),
        FIXTURE_TEST(keeps_what_the_ca_does_not_tell),
        FIXTURE_TEST(closes_an_account_and_changes_its_key),
        FIXTURE_TEST(keeps_what_it_does_not_know),
        FIXTURE_TEST(refuses_damaged_records),
    };
    return fixture_run(tests);
}
