/* Tests of acme_key: made, written and read back, shown as JWK, named.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "acme/acme_digest.h"

static const acme_key_spec_t p256 = {ACME_KEY_P256, 0};
static const acme_key_spec_t p384 = {ACME_KEY_P384, 0};
static const acme_key_spec_t rsa = {ACME_KEY_RSA, 2048};

static void assert_kind(const acme_key_spec_t *wanted, const acme_key_t *key)
{
    acme_key_spec_t spec;
    acme_key_spec(&spec, key);
    assert_int_equal(wanted->type, spec.type);
    assert_int_equal(wanted->bits, spec.bits);
}

static void jwk_and_thumbprint_as_in_the_vectors(void **state)
{
    json_t *root = vectors_load(*state);
    const char *names[] = {"rsa2048", "p256", "p384", "p256lz", "new256", "cert256", "certrsa"};
    for (int i = 0; i < 7; i++) {
        acme_key_t *key = vectors_key(names[i], *state);
        char *text;
        assert_well(acme_key_jwk(&text, key, *state));
        assert_string_equal(vectors_text(root, "keys", names[i], "jwk"), text);
        assert_well(acme_key_thumbprint(&text, key, *state));
        assert_string_equal(vectors_text(root, "keys", names[i], "thumbprint"), text);
        assert_int_equal(43, strlen(text));
    }
}

static void made_keys_survive_their_formats(void **state)
{
    apr_pool_t *pool = *state;
    const acme_key_spec_t *specs[] = {&p256, &p384, &rsa};
    for (int i = 0; i < 3; i++) {
        acme_key_t *key;
        assert_well(acme_key_generate(&key, specs[i], pool));
        assert_kind(specs[i], key);
        unsigned char *der;
        apr_size_t len;
        assert_well(acme_key_der(&der, &len, key, pool));
        acme_key_t *again;
        assert_well(acme_key_from_der(&again, specs[i]->type, der, len, pool));
        assert_kind(specs[i], again);
        assert_int_equal(1, EVP_PKEY_eq(acme_key_pkey(key), acme_key_pkey(again)));
        char *pem;
        assert_well(acme_key_pem(&pem, key, pool));
        assert_memory_equal("-----BEGIN PRIVATE KEY-----\n", pem, 28);
        assert_well(acme_key_from_pem(&again, pem, strlen(pem), pool));
        assert_int_equal(1, EVP_PKEY_eq(acme_key_pkey(key), acme_key_pkey(again)));
        assert_int_equal(0, ERR_peek_error());
    }
}

static void rsa_uses_the_usual_exponent(void **state)
{
    acme_key_t *key;
    acme_key_spec_t spec = {ACME_KEY_RSA, 3072};
    assert_well(acme_key_generate(&key, &spec, *state));
    assert_kind(&spec, key);
    BIGNUM *e = NULL;
    assert_int_equal(1, EVP_PKEY_get_bn_param(acme_key_pkey(key), OSSL_PKEY_PARAM_RSA_E, &e));
    assert_int_equal(65537, BN_get_word(e));
    BN_free(e);
}

static void der_is_traditional(void **state)
{
    acme_key_t *key = vectors_key("p256", *state);
    unsigned char *der;
    apr_size_t len;
    assert_well(acme_key_der(&der, &len, key, *state));
    /* RFC 5915: SEQUENCE { INTEGER 1, OCTET STRING of 32 bytes, ... */
    assert_int_equal(0x30, der[0]);
    assert_memory_equal("\x02\x01\x01\x04\x20", der + 2, 5);
    key = vectors_key("rsa2048", *state);
    assert_well(acme_key_der(&der, &len, key, *state));
    /* PKCS#1: SEQUENCE { INTEGER 0, INTEGER of 257 bytes, ... */
    assert_memory_equal("\x02\x01\x00\x02\x82\x01\x01\x00", der + 4, 8);
}

static void reads_traditional_pem(void **state)
{
    const char *pem = "-----BEGIN EC PARAMETERS-----\n"
                      "BggqhkjOPQMBBw==\n"
                      "-----END EC PARAMETERS-----\n"
                      "-----BEGIN EC PRIVATE KEY-----\n"
                      "MHcCAQEEILN5FbEZ5jOAUVNhmFDDlvebz3aHWZahptxSFekJV0psoAoGCCqGSM49\n"
                      "AwEHoUQDQgAE8XOzNjrKJ48XfPgx5U98hdBq6sr3GElwNFES/doHvSEjLhe74TCc\n"
                      "0Ts71TRYp8xexSzjmrZQJJdd93ZRBVY02Q==\n"
                      "-----END EC PRIVATE KEY-----\n";
    acme_key_t *key;
    assert_well(acme_key_from_pem(&key, pem, strlen(pem), *state));
    assert_int_equal(1,
                     EVP_PKEY_eq(acme_key_pkey(key), acme_key_pkey(vectors_key("p256", *state))));
    assert_int_equal(0, ERR_peek_error());
}

static void refuses_other_keys(void **state)
{
    apr_pool_t *pool = *state;
    acme_key_t *key;
    apr_size_t len;
    char *pem = fixture_read("key-ed25519.pem", &len, pool);
    assert_refused(ACME_ERR_INPUT, acme_key_from_pem(&key, pem, len, pool));
    pem = fixture_read("cert.pem", &len, pool);
    assert_refused(ACME_ERR_INPUT, acme_key_from_pem(&key, pem, len, pool));
    pem = fixture_read("key-p256.pem", &len, pool);
    assert_refused(ACME_ERR_INPUT, acme_key_from_pem(&key, pem, len / 2, pool));
    assert_refused(ACME_ERR_INPUT, acme_key_from_pem(&key, "", 0, pool));
    assert_refused(ACME_ERR_INPUT, acme_key_from_pem(&key, pem, 1000000, pool));
    EVP_PKEY *others[] = {EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"),
                          EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
                          EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
    for (int i = 0; i < 3; i++) {
        assert_non_null(others[i]);
        assert_refused(ACME_ERR_INPUT, acme_key_from_pkey(&key, others[i], pool));
        EVP_PKEY_free(others[i]);
    }
    assert_int_equal(0, ERR_peek_error());
}

static void refuses_a_pass_phrase_without_asking(void **state)
{
    const char *pem = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                      "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                      "-----END RSA PRIVATE KEY-----\n";
    acme_key_t *key;
    assert_refused(ACME_ERR_INPUT, acme_key_from_pem(&key, pem, strlen(pem), *state));
    assert_int_equal(0, ERR_peek_error());
}

static void der_must_be_what_was_promised(void **state)
{
    apr_pool_t *pool = *state;
    unsigned char *der;
    apr_size_t len;
    assert_well(acme_key_der(&der, &len, vectors_key("p256", pool), pool));
    acme_key_t *key;
    assert_refused(ACME_ERR_INPUT, acme_key_from_der(&key, ACME_KEY_P384, der, len, pool));
    assert_refused(ACME_ERR_INPUT, acme_key_from_der(&key, ACME_KEY_RSA, der, len, pool));
    assert_refused(ACME_ERR_INPUT, acme_key_from_der(&key, ACME_KEY_P256, der, len - 1, pool));
    assert_refused(ACME_ERR_INPUT, acme_key_from_der(&key, ACME_KEY_P256, der, 0, pool));
    unsigned char *longer = apr_pcalloc(pool, len + 1);
    memcpy(longer, der, len);
    assert_refused(ACME_ERR_INPUT, acme_key_from_der(&key, ACME_KEY_P256, longer, len + 1, pool));
    assert_well(acme_key_from_der(&key, ACME_KEY_P256, der, len, pool));
    assert_int_equal(0, ERR_peek_error());
}

static void refuses_to_make_odd_sizes(void **state)
{
    acme_key_t *key;
    const int sizes[] = {0, 512, 2047, 4097, 65536, -1};
    for (int i = 0; i < 6; i++) {
        acme_key_spec_t spec = {ACME_KEY_RSA, sizes[i]};
        assert_refused(ACME_ERR_INPUT, acme_key_generate(&key, &spec, *state));
    }
}

static void reads_the_words_of_a_directive(void **state)
{
    const char *argv[] = {"Default", "RSA",      "3072",      "p-256",      "RSA",       "P-384",
                          "rsa4096", "RSA-2048", "secp384r1", "PRIME256v1", "secp256r1", "rsa"};
    const char *wanted[] = {"P-256",    "RSA 3072", "P-256", "RSA 2048", "P-384",   "RSA 4096",
                            "RSA 2048", "P-384",    "P-256", "P-256",    "RSA 2048"};
    int argc = sizeof(argv) / sizeof(argv[0]);
    int i = 0;
    for (size_t n = 0; n < sizeof(wanted) / sizeof(wanted[0]); n++) {
        acme_key_spec_t spec;
        assert_well(acme_key_spec_parse(&spec, argv, argc, &i, *state));
        assert_string_equal(wanted[n], acme_key_spec_text(&spec, *state));
    }
    assert_int_equal(argc, i);
    acme_key_spec_t spec;
    assert_refused(ACME_ERR_INPUT, acme_key_spec_parse(&spec, argv, argc, &i, *state));
}

static void refuses_other_words(void **state)
{
    const char *wrong[] = {"",        "DSA",     "secp521r1", "X25519", "rsa-", "RSA1024",
                           "rsa4104", "rsa2049", "rsa2048x",  "P-2560", "2048", "rsa99999999999"};
    for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
        int i = 0;
        acme_key_spec_t spec;
        assert_refused(ACME_ERR_INPUT, acme_key_spec_parse(&spec, &wrong[n], 1, &i, *state));
    }
    const char *argv[] = {"RSA", "1024"};
    int i = 0;
    acme_key_spec_t spec;
    assert_refused(ACME_ERR_INPUT, acme_key_spec_parse(&spec, argv, 2, &i, *state));
}

static void names_come_back(void **state)
{
    (void)state;
    const acme_key_type_t types[] = {ACME_KEY_P256, ACME_KEY_P384, ACME_KEY_RSA};
    const char *names[] = {"p-256", "p-384", "rsa"};
    const char *suffixes[] = {".p-256", ".p-384", ""};
    for (int i = 0; i < 3; i++) {
        acme_key_type_t type;
        assert_string_equal(names[i], acme_key_type_name(types[i]));
        assert_string_equal(suffixes[i], acme_key_type_suffix(types[i]));
        assert_int_equal(0, acme_key_type_parse(&type, names[i]));
        assert_int_equal(types[i], type);
        assert_int_equal(-1, acme_key_type_parse(&type, "P-256"));
        assert_int_equal(-1, acme_key_type_parse(&type, ""));
    }
    assert_true(acme_key_type_same_slot(ACME_KEY_P256, ACME_KEY_P384));
    assert_true(acme_key_type_same_slot(ACME_KEY_RSA, ACME_KEY_RSA));
    assert_false(acme_key_type_same_slot(ACME_KEY_RSA, ACME_KEY_P256));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(jwk_and_thumbprint_as_in_the_vectors),
        FIXTURE_TEST(made_keys_survive_their_formats),
        FIXTURE_TEST(rsa_uses_the_usual_exponent),
        FIXTURE_TEST(der_is_traditional),
        FIXTURE_TEST(reads_traditional_pem),
        FIXTURE_TEST(refuses_other_keys),
        FIXTURE_TEST(refuses_a_pass_phrase_without_asking),
        FIXTURE_TEST(der_must_be_what_was_promised),
        FIXTURE_TEST(refuses_to_make_odd_sizes),
        FIXTURE_TEST(reads_the_words_of_a_directive),
        FIXTURE_TEST(refuses_other_words),
        FIXTURE_TEST(names_come_back),
    };
    return fixture_run(tests);
}
