/* Tests of acme_eab with the vectors of RFC 8555 section 7.3.4.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include <openssl/err.h>

#include "acme/acme_account.h"
#include "acme/acme_eab.h"
#include "acme/acme_text.h"

#define NEW_ACCOUNT "https://ca.example/acme/new-acct"
/* 32 bytes, so that base64url needs one '=' */
#define HMAC "DSzgV7t-__ySvRnWGLjTrE2qOI1TGn8_QQCJyo0cPZI"

static acme_eab_t *make(const char *hmac, apr_pool_t *pool)
{
    acme_eab_t *eab = NULL;
    assert_well(acme_eab_make(&eab, "kid-1", hmac, ACME_JWS_HS256, pool));
    assert_non_null(eab);
    assert_null(eab->trouble);
    return eab;
}

static acme_eab_t *parse(const char *text, apr_pool_t *pool)
{
    acme_eab_t *eab = NULL;
    assert_well(acme_eab_parse(&eab, text, strlen(text), pool));
    assert_non_null(eab);
    return eab;
}

static void assert_member(const json_t *wanted, const json_t *jws, const char *name)
{
    assert_string_equal(json_string_value(json_object_get(wanted, name)),
                        json_string_value(json_object_get(jws, name)));
}

static void binds_as_the_vector_does(void **state)
{
    json_t *root = vectors_load(*state);
    const json_t *wanted = json_object_get(json_object_get(root, "jws"), "eab/inner");
    char *binding;
    assert_well(acme_eab_bind(
        &binding, make(json_string_value(json_object_get(root, "eab_mac_b64u")), *state),
        vectors_key("p256", *state), NEW_ACCOUNT, *state));
    json_t *jws = json_loads(binding, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(3, json_object_size(jws));
    assert_member(wanted, jws, "protected");
    assert_member(wanted, jws, "payload");
    assert_member(wanted, jws, "signature");
    json_decref(jws);
}

static void goes_into_the_request_as_in_the_vector(void **state)
{
    json_t *root = vectors_load(*state);
    char *binding;
    assert_well(acme_eab_bind(&binding, make(HMAC, *state), vectors_key("p256", *state),
                              NEW_ACCOUNT, *state));
    apr_array_header_t *contacts = apr_array_make(*state, 1, sizeof(const char *));
    APR_ARRAY_PUSH(contacts, const char *) = "mailto:admin@example.org";
    const char *payload = acme_account_request(contacts, 1, binding, *state);
    assert_string_equal(vectors_text(root, "jws", "eab/outer", "payload"),
                        acme_text_base64url(payload, strlen(payload), *state));
}

/* The longer ones are told apart by their length. */
static void signs_with_other_digests(void **state)
{
    static const int lengths[] = {32, 48, 64};
    for (int alg = ACME_JWS_HS256; alg <= ACME_JWS_HS512; alg++) {
        acme_eab_t *eab = make(HMAC, *state);
        eab->alg = (acme_jws_mac_alg_t)alg;
        char *binding;
        assert_well(acme_eab_bind(&binding, eab, vectors_key("p256", *state), NEW_ACCOUNT, *state));
        json_t *jws = json_loads(binding, 0, NULL);
        unsigned char *bytes;
        apr_size_t len;
        assert_well(acme_text_base64url_decode(
            &bytes, &len, json_string_value(json_object_get(jws, "signature")), *state));
        assert_int_equal(lengths[alg], len);
        assert_well(acme_text_base64url_decode(
            &bytes, &len, json_string_value(json_object_get(jws, "protected")), *state));
        assert_non_null(strstr((const char *)bytes, acme_jws_mac_name(eab->alg)));
        json_decref(jws);
    }
}

static void knows_the_words_for_digests(void **state)
{
    (void)state;
    acme_jws_mac_alg_t alg;
    assert_int_equal(0, acme_jws_mac_parse(&alg, "hs384"));
    assert_int_equal(ACME_JWS_HS384, alg);
    assert_int_equal(0, acme_jws_mac_parse(&alg, "HS512"));
    assert_int_equal(ACME_JWS_HS512, alg);
    assert_int_equal(-1, acme_jws_mac_parse(&alg, "HS255"));
    assert_int_equal(-1, acme_jws_mac_parse(&alg, ""));
    assert_int_equal(-1, acme_jws_mac_parse(&alg, "none"));
}

static void reads_the_key_as_cas_print_it(void **state)
{
    static const char *const forms[] = {
        HMAC,
        HMAC "=",
        "DSzgV7t+//ySvRnWGLjTrE2qOI1TGn8/QQCJyo0cPZI=",
        "DSzgV7t-__ySvRnWGLjT rE2qOI1TGn8_QQCJyo0cPZI=\r\n",
        "DSzgV7t-__ySvRnWGLjTrE2qOI1TGn8_QQCJyo0cPZJ", /* stray bits at the end */
    };
    unsigned char *wanted;
    apr_size_t len;
    assert_well(acme_text_base64url_decode(&wanted, &len, HMAC, *state));
    for (int i = 0; i < 5; i++) {
        const acme_eab_t *eab = make(forms[i], *state);
        assert_int_equal(len, eab->key_len);
        assert_memory_equal(wanted, eab->key, len);
    }
    assert_int_equal(1, make("QQ", *state)->key_len);
    assert_int_equal(2, make("QUI", *state)->key_len);
    assert_int_equal('A', make("QQ==", *state)->key[0]);
}

static void assert_no_secret(const acme_err_t *err, const char *secret)
{
    assert_non_null(err);
    assert_int_equal(ACME_ERR_INPUT, err->errclass);
    assert_true(*secret == '\0' || strstr(err->text, secret) == NULL);
}

static void refuses_what_is_no_key_and_does_not_show_it(void **state)
{
    static const char *const bad[] = {"",        "=",        "Q",      "QUJDR",
                                      "se.cret", "secret=x", "sécret", "\x01"};
    acme_eab_t *eab = NULL;
    for (int i = 0; i < 8; i++) {
        assert_no_secret(acme_eab_make(&eab, "kid", bad[i], ACME_JWS_HS256, *state), bad[i]);
        assert_null(eab);
    }
    char *longest = apr_palloc(*state, 1002);
    memset(longest, 'A', 1001);
    longest[1001] = '\0';
    assert_no_secret(acme_eab_make(&eab, "kid", longest, ACME_JWS_HS256, *state), longest);
}

static void refuses_what_is_no_key_id(void **state)
{
    char *longest = apr_palloc(*state, 502);
    memset(longest, 'k', 501);
    longest[501] = '\0';
    const char *const bad[] = {"", "two words", "tab\t", "\x7f", "umläut", longest};
    acme_eab_t *eab = NULL;
    for (int i = 0; i < 6; i++) {
        assert_refused(ACME_ERR_INPUT, acme_eab_make(&eab, bad[i], HMAC, ACME_JWS_HS256, *state));
    }
    longest[500] = '\0';
    assert_well(acme_eab_make(&eab, longest, HMAC, ACME_JWS_HS256, *state));
}

static void reads_a_file(void **state)
{
    const acme_eab_t *eab = parse("{\"kid\":\"kid-1\",\"hmac\":\"" HMAC "=\"}\n", *state);
    assert_string_equal("kid-1", eab->kid);
    assert_int_equal(32, eab->key_len);
    assert_int_equal(ACME_JWS_HS256, eab->alg);
    assert_int_equal(
        ACME_JWS_HS512,
        parse("{ \"alg\": \"HS512\", \"hmac\": \"QQ\", \"kid\": \"k\", \"note\": 1 }", *state)
            ->alg);
}

static void refuses_bad_files_and_does_not_show_them(void **state)
{
    static const char *const bad[] = {
        "",
        "kid secret",
        "{\"kid\":\"k\"}",
        "{\"hmac\":\"c2VjcmV0\"}",
        "{\"kid\":1,\"hmac\":\"c2VjcmV0\"}",
        "{\"kid\":\"k\",\"hmac\":\"c2VjcmV0\",\"hmac\":\"c2VjcmV0\"}",
        "{\"kid\":\"k\",\"hmac\":\"c2VjcmV0\",\"alg\":\"HS1\"}",
        "{\"kid\":\"k\",\"hmac\":\"c2VjcmV0\",\"alg\":2}",
        "{\"kid\":\"k\",\"hmac\":\"c2VjcmV0",
        "[\"k\",\"c2VjcmV0\"]",
    };
    acme_eab_t *eab = NULL;
    for (int i = 0; i < 10; i++) {
        acme_err_t *err = acme_eab_parse(&eab, bad[i], strlen(bad[i]), *state);
        assert_no_secret(err, "c2VjcmV0");
        assert_no_secret(err, "secret");
        assert_null(eab);
    }
    char *huge = apr_palloc(*state, ACME_EAB_FILE_MAX + 1);
    memset(huge, ' ', ACME_EAB_FILE_MAX + 1);
    assert_refused(ACME_ERR_INPUT, acme_eab_parse(&eab, huge, ACME_EAB_FILE_MAX + 1, *state));
    assert_int_equal(0, ERR_peek_error());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(binds_as_the_vector_does),
        FIXTURE_TEST(goes_into_the_request_as_in_the_vector),
        FIXTURE_TEST(signs_with_other_digests),
        FIXTURE_TEST(knows_the_words_for_digests),
        FIXTURE_TEST(reads_the_key_as_cas_print_it),
        FIXTURE_TEST(refuses_what_is_no_key_and_does_not_show_it),
        FIXTURE_TEST(refuses_what_is_no_key_id),
        FIXTURE_TEST(reads_a_file),
        FIXTURE_TEST(refuses_bad_files_and_does_not_show_them),
    };
    return fixture_run(tests);
}
