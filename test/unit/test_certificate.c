/* Tests of acme_certificate: chains read and judged, the placeholder made.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acme/acme_certificate.h"
#include "acme/acme_identifier.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define NOW apr_time_from_sec(APR_INT64_C(1795354164)) /* 2026-11-22T13:29:24Z */

static apr_array_header_t *names(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *words = acme_text_split(text, " ", pool);
    apr_array_header_t *set = apr_array_make(pool, 4, sizeof(acme_identifier_t *));
    for (int i = 0; i < words->nelts; i++) {
        acme_identifier_t *identifier = NULL;
        assert_well(acme_identifier_parse(&identifier, APR_ARRAY_IDX(words, i, char *), pool));
        APR_ARRAY_PUSH(set, const acme_identifier_t *) = identifier;
    }
    return set;
}

/* One certificate of a test chain. */
typedef struct {
    const char *subject;
    const char *issuer;
    acme_key_t *key;
    acme_key_t *signer;
    const char *san;     /* OpenSSL's notation, or NULL */
    const char *feature; /* or NULL */
} recipe_t;

static void add_extension(X509 *certificate, int nid, const char *value)
{
    if (value == NULL) {
        return;
    }
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static char *issue(const recipe_t *recipe, apr_pool_t *pool)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 200);
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)recipe->subject,
                               -1, -1, 0);
    X509_set_subject_name(certificate, name);
    X509_NAME_free(name);
    name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)recipe->issuer, -1,
                               -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_NAME_free(name);
    ASN1_TIME_set(X509_getm_notBefore(certificate), apr_time_sec(NOW));
    ASN1_TIME_set(X509_getm_notAfter(certificate), apr_time_sec(NOW) + 86400);
    X509_set_pubkey(certificate, acme_key_pkey(recipe->key));
    add_extension(certificate, NID_subject_alt_name, recipe->san);
    add_extension(certificate, NID_tlsfeature, recipe->feature);
    assert_true(X509_sign(certificate, acme_key_pkey(recipe->signer), EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    char *pem = apr_pstrmemdup(pool, bytes, (apr_size_t)len);
    BIO_free(bio);
    X509_free(certificate);
    return pem;
}

static acme_err_t *parse(acme_chain_t **chain, const char *pem, apr_pool_t *pool)
{
    acme_err_t *err = acme_chain_parse(chain, pem, strlen(pem), pool);
    assert_int_equal(0, ERR_peek_error());
    return err;
}

static void reads_the_facts(void **state)
{
    acme_chain_t *chain = NULL;
    assert_well(parse(&chain, fixture_read("cert.pem", NULL, *state), *state));
    assert_string_equal("2026-11-01T00:00:00Z", acme_time_rfc3339(chain->not_before, *state));
    assert_string_equal("2027-01-29T23:59:59Z", acme_time_rfc3339(chain->not_after, *state));
    assert_string_equal("www.example.org and example.org",
                        acme_identifiers_text(chain->identifiers, 9, *state));
    assert_int_equal(ACME_KEY_P256, chain->key_type);
    assert_string_equal("c3d2b1a09f8e7d6c5b4a39281706f5e4d3", chain->serial);
    assert_string_equal("Vector CA", chain->issuer_name);
    assert_int_equal(64, strlen(chain->sha256));
    assert_false(chain->is_self_signed);
    assert_false(chain->has_must_staple);
    assert_int_equal(0, sk_X509_num(chain->issuers));
    assert_memory_equal("-----BEGIN CERTIFICATE-----\n", chain->pem, 28);
}

static char *chain_of_three(apr_pool_t *pool)
{
    acme_key_t *leaf = vectors_key("cert256", pool);
    acme_key_t *middle = vectors_key("p384", pool);
    acme_key_t *root = vectors_key("certrsa", pool);
    recipe_t recipes[] = {
        {"x", "Middle", leaf, middle, "DNS:a.test,IP:192.0.2.17,IP:2001:db8::1", NULL},
        {"Middle", "Root", middle, root, NULL, NULL},
        {"Root", "Root", root, root, NULL, NULL},
    };
    return apr_pstrcat(pool, issue(&recipes[0], pool), "\r\n \n", issue(&recipes[1], pool),
                       issue(&recipes[2], pool), "\n\n", NULL);
}

static void reads_a_chain(void **state)
{
    acme_chain_t *chain = NULL;
    assert_well(parse(&chain, chain_of_three(*state), *state));
    assert_int_equal(2, sk_X509_num(chain->issuers));
    assert_string_equal("Middle", chain->issuer_name);
    assert_string_equal("a.test, 192.0.2.17 and 2001:db8::1",
                        acme_identifiers_text(chain->identifiers, 9, *state));
    assert_string_equal("c8", chain->serial);
    acme_chain_t *again = NULL;
    assert_well(parse(&again, chain->pem, *state));
    assert_string_equal(chain->pem, again->pem);
    assert_string_equal(chain->sha256, again->sha256);
}

static void reads_pem_in_one_line_and_with_crlf(void **state)
{
    apr_pool_t *pool = *state;
    const char *pem = fixture_read("cert.pem", NULL, pool);
    acme_chain_t *chain = NULL;
    assert_well(parse(&chain, pem, pool));
    apr_array_header_t *lines = acme_text_split(pem, "\n", pool);
    acme_chain_t *other = NULL;
    assert_well(parse(&other, acme_text_join(lines, "\r\n", pool), pool));
    assert_string_equal(chain->pem, other->pem);
    assert_well(parse(&other, acme_text_join(lines, "", pool), pool));
    assert_string_equal(chain->pem, other->pem);
}

static void refuses_what_is_no_chain(void **state)
{
    apr_pool_t *pool = *state;
    const char *pem = fixture_read("cert.pem", NULL, pool);
    const char *wrong[] = {
        "",
        " \n",
        "hello",
        "<html><body>503</body></html>",
        apr_pstrcat(pool, "Subject: x\n", pem, NULL),
        apr_pstrcat(pool, pem, "x", NULL),
        apr_pstrmemdup(pool, pem, strlen(pem) - 10),
        apr_pstrmemdup(pool, pem, 100),
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n====\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nA=A=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAA\x01"
        "A\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END CERTIFICATE-----\n",
        fixture_read("key-p256.pem", NULL, pool),
        apr_pstrcat(pool, pem, fixture_read("key-p256.pem", NULL, pool), NULL),
        /* no subjectAltName, dates in the year 1 */
        fixture_read("rfc9773-cert.pem", NULL, pool),
        /* did not sign itself */
        apr_pstrcat(pool, pem, pem, NULL),
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        acme_chain_t *chain;
        assert_refused(ACME_ERR_INPUT, parse(&chain, wrong[i], pool));
    }
}

static void refuses_trailing_bytes_in_a_block(void **state)
{
    apr_pool_t *pool = *state;
    X509 *certificate = NULL;
    BIO *bio = BIO_new_file(TEST_DATA_DIR "/cert.pem", "r");
    certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    X509_free(certificate);
    unsigned char *longer = apr_pcalloc(pool, (apr_size_t)len + 1);
    memcpy(longer, der, (apr_size_t)len);
    OPENSSL_free(der);
    char *text = apr_pcalloc(pool, (apr_size_t)len * 2);
    EVP_EncodeBlock((unsigned char *)text, longer, len + 1);
    const char *pem = apr_pstrcat(pool, "-----BEGIN CERTIFICATE-----\n", text,
                                  "\n-----END CERTIFICATE-----\n", NULL);
    acme_chain_t *chain;
    assert_refused(ACME_ERR_INPUT, parse(&chain, pem, pool));
}

static void refuses_too_much(void **state)
{
    apr_pool_t *pool = *state;
    acme_key_t *key = vectors_key("cert256", pool);
    recipe_t recipe = {"R", "R", key, key, "DNS:a.test", NULL};
    char *one = issue(&recipe, pool);
    char *many = apr_pstrdup(pool, "");
    acme_chain_t *chain;
    for (int i = 0; i < 10; i++) {
        many = apr_pstrcat(pool, many, one, NULL);
    }
    assert_well(parse(&chain, many, pool));
    assert_int_equal(9, sk_X509_num(chain->issuers));
    assert_refused(ACME_ERR_INPUT, parse(&chain, apr_pstrcat(pool, many, one, NULL), pool));
    char *large = apr_palloc(pool, ACME_CHAIN_MAX_BYTES + 2);
    memset(large, '\n', ACME_CHAIN_MAX_BYTES + 1);
    large[ACME_CHAIN_MAX_BYTES + 1] = '\0';
    memcpy(large, one, strlen(one));
    assert_refused(ACME_ERR_INPUT, parse(&chain, large, pool));
    large[ACME_CHAIN_MAX_BYTES] = '\0';
    assert_well(parse(&chain, large, pool));
    large[ACME_CHAIN_MAX_BYTES - 1] = '\0';
    assert_refused(ACME_ERR_INPUT, acme_chain_parse(&chain, large, ACME_CHAIN_MAX_BYTES, pool));
}

static void refuses_a_wrong_issuer(void **state)
{
    apr_pool_t *pool = *state;
    acme_key_t *leaf = vectors_key("cert256", pool);
    acme_key_t *ca = vectors_key("p256", pool);
    acme_key_t *other = vectors_key("new256", pool);
    recipe_t recipe = {"x", "CA", leaf, ca, "DNS:a.test", NULL};
    recipe_t good = {"CA", "CA", ca, ca, NULL, NULL};
    recipe_t wrong_name = {"CB", "CB", ca, ca, NULL, NULL};
    recipe_t wrong_key = {"CA", "CA", other, other, NULL, NULL};
    char *pem = issue(&recipe, pool);
    acme_chain_t *chain;
    assert_well(parse(&chain, apr_pstrcat(pool, pem, issue(&good, pool), NULL), pool));
    assert_refused(ACME_ERR_INPUT,
                   parse(&chain, apr_pstrcat(pool, pem, issue(&wrong_name, pool), NULL), pool));
    assert_refused(ACME_ERR_INPUT,
                   parse(&chain, apr_pstrcat(pool, pem, issue(&wrong_key, pool), NULL), pool));
}

static void leaves_out_names_that_are_none(void **state)
{
    apr_pool_t *pool = *state;
    acme_key_t *key = vectors_key("cert256", pool);
    recipe_t recipe = {
        "x", "x", key, key, "DNS:A.test,email:a@b.test,DNS:192.0.2.1,DNS:a b,URI:https://a.test",
        NULL};
    acme_chain_t *chain = NULL;
    assert_well(parse(&chain, issue(&recipe, pool), pool));
    assert_string_equal("a.test", acme_identifiers_text(chain->identifiers, 9, pool));
    recipe.san = "email:a@b.test";
    assert_refused(ACME_ERR_INPUT, parse(&chain, issue(&recipe, pool), pool));
    recipe.san = NULL;
    assert_refused(ACME_ERR_INPUT, parse(&chain, issue(&recipe, pool), pool));
}

static void sees_must_staple(void **state)
{
    apr_pool_t *pool = *state;
    acme_key_t *key = vectors_key("cert256", pool);
    recipe_t recipe = {"x", "x", key, key, "DNS:a.test", "status_request"};
    acme_chain_t *chain = NULL;
    assert_well(parse(&chain, issue(&recipe, pool), pool));
    assert_true(chain->has_must_staple);
    assert_true(chain->is_self_signed);
    recipe.feature = "status_request_v2";
    assert_well(parse(&chain, issue(&recipe, pool), pool));
    assert_false(chain->has_must_staple);
}

static void judges_key_names_and_time(void **state)
{
    apr_pool_t *pool = *state;
    acme_chain_t *chain = NULL;
    assert_well(parse(&chain, fixture_read("cert.pem", NULL, pool), pool));
    assert_well(acme_chain_fits_key(chain, vectors_key("cert256", pool), pool));
    assert_refused(ACME_ERR_INPUT, acme_chain_fits_key(chain, vectors_key("p256", pool), pool));
    assert_refused(ACME_ERR_INPUT, acme_chain_fits_key(chain, vectors_key("rsa2048", pool), pool));
    assert_int_equal(0, ERR_peek_error());

    assert_well(acme_chain_fits_names(chain, names("example.org www.example.org", pool), pool));
    acme_err_t *err = acme_chain_fits_names(chain, names("example.org a.example.org", pool), pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "not for a.example.org"));

    apr_time_t start = chain->not_before;
    assert_well(acme_chain_fits_time(chain, start, pool));
    assert_well(acme_chain_fits_time(chain, start - ACME_TIME_HOUR, pool));
    assert_refused(ACME_ERR_INPUT, acme_chain_fits_time(chain, start - ACME_TIME_HOUR - 1, pool));
    assert_well(acme_chain_fits_time(chain, chain->not_after, pool));
    assert_refused(ACME_ERR_INPUT, acme_chain_fits_time(chain, chain->not_after + 1, pool));
}

static void certid_as_in_the_vectors(void **state)
{
    apr_pool_t *pool = *state;
    json_t *ari = json_object_get(vectors_load(pool), "ari");
    acme_chain_t *chain = NULL;
    char *certid = NULL;
    assert_well(parse(&chain, fixture_read("cert.pem", NULL, pool), pool));
    assert_well(acme_chain_certid(&certid, chain, pool));
    assert_string_equal(json_string_value(json_array_get(json_object_get(ari, "own"), 0)), certid);

    /* The RFC's example is no certificate that we would take; only its leaf is asked. */
    BIO *bio = BIO_new_file(TEST_DATA_DIR "/rfc9773-cert.pem", "r");
    acme_chain_t example = {.leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL)};
    BIO_free(bio);
    assert_well(acme_chain_certid(&certid, &example, pool));
    assert_string_equal(json_string_value(json_array_get(json_object_get(ari, "rfc9773"), 0)),
                        certid);
    X509_free(example.leaf);

    acme_key_t *key = vectors_key("cert256", pool);
    recipe_t recipe = {"x", "x", key, key, "DNS:a.test", NULL};
    assert_well(parse(&chain, issue(&recipe, pool), pool));
    assert_well(acme_chain_certid(&certid, chain, pool));
    assert_null(certid);
    assert_int_equal(0, ERR_peek_error());
}

static void makes_a_placeholder(void **state)
{
    apr_pool_t *pool = *state;
    const char *keys[] = {"p256", "p384", "rsa2048"};
    for (int i = 0; i < 3; i++) {
        acme_key_t *key = vectors_key(keys[i], pool);
        char *pem = NULL;
        assert_well(acme_certificate_self_signed(&pem, key, "placeholder.invalid", NOW,
                                                 100 * ACME_TIME_DAY, pool));
        acme_chain_t *chain = NULL;
        assert_well(parse(&chain, pem, pool));
        assert_true(chain->is_self_signed);
        assert_string_equal("placeholder.invalid", chain->issuer_name);
        assert_string_equal("placeholder.invalid",
                            acme_identifiers_text(chain->identifiers, 9, pool));
        assert_int_equal(NOW - ACME_TIME_DAY, chain->not_before);
        assert_int_equal(NOW + 100 * ACME_TIME_DAY, chain->not_after);
        assert_int_equal(32, strlen(chain->serial));
        assert_well(acme_chain_fits_key(chain, key, pool));
        assert_well(acme_chain_fits_time(chain, NOW, pool));
    }
}

static void placeholders_of_long_names_are_made_too(void **state)
{
    apr_pool_t *pool = *state;
    const char *name =
        "a-name-that-is-longer-than-a-common-name-may-be.but-is-still-a-name.invalid";
    char *pem = NULL;
    assert_well(acme_certificate_self_signed(&pem, vectors_key("p256", pool), name, NOW,
                                             ACME_TIME_DAY, pool));
    acme_chain_t *chain = NULL;
    assert_well(parse(&chain, pem, pool));
    assert_string_equal(name, acme_identifiers_text(chain->identifiers, 9, pool));
    assert_refused(ACME_ERR_INPUT, acme_certificate_self_signed(&pem, vectors_key("p256", pool),
                                                                "a b", NOW, ACME_TIME_DAY, pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_the_facts),
        FIXTURE_TEST(reads_a_chain),
        FIXTURE_TEST(reads_pem_in_one_line_and_with_crlf),
        FIXTURE_TEST(refuses_what_is_no_chain),
        FIXTURE_TEST(refuses_trailing_bytes_in_a_block),
        FIXTURE_TEST(refuses_too_much),
        FIXTURE_TEST(refuses_a_wrong_issuer),
        FIXTURE_TEST(leaves_out_names_that_are_none),
        FIXTURE_TEST(sees_must_staple),
        FIXTURE_TEST(judges_key_names_and_time),
        FIXTURE_TEST(certid_as_in_the_vectors),
        FIXTURE_TEST(makes_a_placeholder),
        FIXTURE_TEST(placeholders_of_long_names_are_made_too),
    };
    return fixture_run(tests);
}
