/* Tests of acme_jws with the vectors of RFC 8555 requests.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "acme/acme_jws.h"
#include "acme/acme_text.h"

static json_t *parse(const char *text, apr_pool_t *pool)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    apr_pool_cleanup_register(pool, json, vectors_free, apr_pool_cleanup_null);
    return json;
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    assert_non_null(text);
    return text;
}

static char *decode(const char *text, apr_size_t *len, apr_pool_t *pool)
{
    unsigned char *bytes = NULL;
    assert_well(acme_text_base64url_decode(&bytes, len, text, pool));
    return (char *)bytes;
}

/* The signature as OpenSSL verifies it. */
static unsigned char *to_der(const unsigned char *raw, apr_size_t len, int *der_len,
                             apr_pool_t *pool)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    ECDSA_SIG_set0(signature, BN_bin2bn(raw, (int)len / 2, NULL),
                   BN_bin2bn(raw + len / 2, (int)len / 2, NULL));
    unsigned char *der = apr_palloc(pool, 128);
    unsigned char *end = der;
    *der_len = i2d_ECDSA_SIG(signature, &end);
    ECDSA_SIG_free(signature);
    return der;
}

static int verifies(const json_t *jws, const acme_key_t *key, apr_pool_t *pool)
{
    const char *input =
        apr_pstrcat(pool, text_of(jws, "protected"), ".", text_of(jws, "payload"), NULL);
    apr_size_t len;
    unsigned char *signature = (unsigned char *)decode(text_of(jws, "signature"), &len, pool);
    acme_key_spec_t spec;
    acme_key_spec(&spec, key);
    int signature_len = (int)len;
    if (spec.type != ACME_KEY_RSA) {
        assert_int_equal(spec.type == ACME_KEY_P384 ? 96 : 64, len);
        signature = to_der(signature, len, &signature_len, pool);
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(context, NULL, spec.type == ACME_KEY_P384 ? EVP_sha384() : EVP_sha256(),
                         NULL, acme_key_pkey(key));
    int rc = EVP_DigestVerify(context, signature, (size_t)signature_len,
                              (const unsigned char *)input, strlen(input));
    EVP_MD_CTX_free(context);
    return rc == 1;
}

/* Signs what the vector says and compares: the header always, the signature where it is
 * deterministic. */
static void assert_signs(const char *vector, const char *key_name, apr_pool_t *pool)
{
    json_t *root = vectors_load(pool);
    const json_t *wanted = json_object_get(json_object_get(root, "jws"), vector);
    apr_size_t len;
    json_t *header = parse(decode(text_of(wanted, "protected"), &len, pool), pool);
    acme_key_t *key = vectors_key(key_name, pool);
    acme_jws_t jws = {
        .key = key,
        .kid = json_string_value(json_object_get(header, "kid")),
        .nonce = json_string_value(json_object_get(header, "nonce")),
        .url = text_of(header, "url"),
        .payload = decode(text_of(wanted, "payload"), &len, pool),
    };
    assert_string_equal(text_of(header, "alg"), acme_jws_alg(key));
    char *body = NULL;
    assert_well(acme_jws_sign(&body, &jws, pool));
    json_t *made = parse(body, pool);
    assert_int_equal(3, json_object_size(made));
    assert_string_equal(text_of(wanted, "protected"), text_of(made, "protected"));
    assert_string_equal(text_of(wanted, "payload"), text_of(made, "payload"));
    if (strcmp(acme_jws_alg(key), "RS256") == 0) {
        assert_string_equal(text_of(wanted, "signature"), text_of(made, "signature"));
    }
    assert_true(verifies(made, key, pool));
    assert_true(verifies(wanted, key, pool));
    assert_int_equal(0, ERR_peek_error());
}

static void signs_as_in_the_vectors(void **state)
{
    const char *vectors[][2] = {{"newAccount/rsa2048", "rsa2048"},  {"newAccount/p256", "p256"},
                                {"newAccount/p384", "p384"},        {"newAccount/p256lz", "p256lz"},
                                {"postAsGet/rsa2048", "rsa2048"},   {"postAsGet/p256", "p256"},
                                {"challenge/p256", "p256"},         {"newOrder/p256", "p256"},
                                {"postAsGet/p256/short-R", "p256"}, {"keyChange/inner", "new256"},
                                {"keyChange/outer", "p256"},        {"finalize/rsa2048", "rsa2048"},
                                {"revoke/certkey", "cert256"}};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        assert_signs(vectors[i][0], vectors[i][1], *state);
    }
}

/* One signature in 128 has a short R or S. */
static void every_signature_has_its_full_length(void **state)
{
    acme_key_t *key = vectors_key("p256", *state);
    apr_pool_t *scratch;
    apr_pool_create(&scratch, *state);
    for (int i = 0; i < 600; i++) {
        apr_pool_clear(scratch);
        acme_jws_t jws = {.key = key,
                          .kid = "k",
                          .nonce = apr_itoa(scratch, i),
                          .url = "https://ca.example/",
                          .payload = ""};
        char *body = NULL;
        assert_well(acme_jws_sign(&body, &jws, scratch));
        assert_int_equal(86, strlen(text_of(parse(body, scratch), "signature")));
    }
}

static void nobody_adds_members_to_the_header(void **state)
{
    acme_jws_t jws = {.key = vectors_key("p256", *state),
                      .kid = "a\",\"kid\":\"b",
                      .nonce = "n\\\x01\n",
                      .url = "https://ca.example/\"}",
                      .payload = "{}"};
    char *body = NULL;
    assert_well(acme_jws_sign(&body, &jws, *state));
    apr_size_t len;
    json_t *header = parse(decode(text_of(parse(body, *state), "protected"), &len, *state), *state);
    assert_int_equal(4, json_object_size(header));
    assert_string_equal(jws.kid, text_of(header, "kid"));
    assert_string_equal(jws.nonce, text_of(header, "nonce"));
    assert_string_equal(jws.url, text_of(header, "url"));
}

static void pads_a_short_r(void **state)
{
    json_t *root = vectors_load(*state);
    apr_size_t len;
    unsigned char *der = fixture_unhex(vectors_text(root, "shortR", "der", NULL), &len, *state);
    unsigned char raw[64];
    assert_well(acme_jws_ecdsa_raw(raw, 32, der, len, *state));
    assert_string_equal(vectors_text(root, "shortR", "raw", NULL), acme_text_hex(raw, 64, *state));
}

static void refuses_what_is_no_signature(void **state)
{
    json_t *root = vectors_load(*state);
    apr_size_t len;
    unsigned char *der = fixture_unhex(vectors_text(root, "shortR", "der", NULL), &len, *state);
    unsigned char raw[96];
    assert_refused(ACME_ERR_INPUT, acme_jws_ecdsa_raw(raw, 32, der, len - 1, *state));
    assert_refused(ACME_ERR_INPUT, acme_jws_ecdsa_raw(raw, 32, der, 0, *state));
    assert_refused(ACME_ERR_INPUT, acme_jws_ecdsa_raw(raw, 31, der, len, *state));
    const unsigned char negative[] = {0x30, 6, 2, 1, 0xFF, 2, 1, 1};
    assert_refused(ACME_ERR_INPUT, acme_jws_ecdsa_raw(raw, 32, negative, sizeof(negative), *state));
    const unsigned char trailing[] = {0x30, 6, 2, 1, 1, 2, 1, 1, 0};
    assert_refused(ACME_ERR_INPUT, acme_jws_ecdsa_raw(raw, 32, trailing, sizeof(trailing), *state));
    assert_int_equal(0, ERR_peek_error());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(signs_as_in_the_vectors),
        FIXTURE_TEST(every_signature_has_its_full_length),
        FIXTURE_TEST(nobody_adds_members_to_the_header),
        FIXTURE_TEST(pads_a_short_r),
        FIXTURE_TEST(refuses_what_is_no_signature),
    };
    return fixture_run(tests);
}
