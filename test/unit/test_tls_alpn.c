/* Tests of acme_tls_alpn: the challenge certificate holds what RFC 8737 wants, and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acme/acme_tls_alpn.h"

#define NOW ((apr_time_t)1700000000 * 1000000)

static X509 *read_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

static X509 *make(const char *name, const acme_key_t *key, apr_pool_t *pool)
{
    apr_size_t len;
    acme_identifier_t *identifier;
    assert_well(acme_identifier_parse(&identifier, name, pool));
    const unsigned char *digest = fixture_unhex(
        vectors_text(vectors_load(pool), "challenge", "p256", "sha256"), &len, pool);
    char *pem;
    assert_well(acme_tls_alpn_certificate(&pem, identifier, digest, key, NOW, pool));
    assert_int_equal(0, ERR_peek_error());
    return read_pem(pem);
}

/* The DER of the extension with @a oid; fails the test unless there is exactly one. */
static unsigned char *extension_der(int *len, const X509 *certificate, const char *oid)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = X509_get_ext_by_OBJ(certificate, object, -1);
    assert_true(at >= 0);
    assert_int_equal(-1, X509_get_ext_by_OBJ(certificate, object, at));
    ASN1_OBJECT_free(object);
    unsigned char *der = NULL;
    *len = i2d_X509_EXTENSION(X509_get_ext(certificate, at), &der);
    assert_true(*len > 0);
    return der;
}

static void assert_same_extension(const X509 *made, const X509 *wanted, const char *oid)
{
    int made_len;
    int wanted_len;
    unsigned char *made_der = extension_der(&made_len, made, oid);
    unsigned char *wanted_der = extension_der(&wanted_len, wanted, oid);
    assert_int_equal(wanted_len, made_len);
    assert_memory_equal(wanted_der, made_der, (size_t)wanted_len);
    OPENSSL_free(made_der);
    OPENSSL_free(wanted_der);
}

static void holds_what_the_samples_hold(void **state)
{
    static const char *const samples[][2] = {{"www.example.org", "alpn-dns.pem"},
                                             {"192.0.2.17", "alpn-ip4.pem"},
                                             {"2001:db8::1", "alpn-ip6.pem"}};
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        X509 *made = make(samples[i][0], vectors_key("p256", *state), *state);
        X509 *wanted = read_pem(fixture_read(samples[i][1], NULL, *state));
        assert_int_equal(2, X509_get_ext_count(made));
        assert_same_extension(made, wanted, "2.5.29.17");
        assert_same_extension(made, wanted, "1.3.6.1.5.5.7.1.31");
        X509_free(made);
        X509_free(wanted);
    }
}

static void the_extension_is_the_vector(void **state)
{
    apr_size_t len;
    const unsigned char *wanted = fixture_unhex(
        vectors_text(vectors_load(*state), "challenge", "p256", "extension_der"), &len,
        *state);
    X509 *made = make("www.example.org", vectors_key("p256", *state), *state);
    int made_len;
    unsigned char *der = extension_der(&made_len, made, "1.3.6.1.5.5.7.1.31");
    assert_int_equal((int)len, made_len);
    assert_memory_equal(wanted, der, len);
    OPENSSL_free(der);
    X509_free(made);
}

static void is_signed_by_its_own_key(void **state)
{
    const char *const keys[] = {"p256", "p384", "rsa2048"};
    for (int i = 0; i < 3; i++) {
        acme_key_t *key = vectors_key(keys[i], *state);
        X509 *made = make("example.org", key, *state);
        assert_int_equal(1, X509_verify(made, acme_key_pkey(key)));
        assert_int_equal(0, X509_NAME_cmp(X509_get_subject_name(made), X509_get_issuer_name(made)));
        assert_int_equal(X509_VERSION_3, X509_get_version(made));
        X509_free(made);
    }
}

static void is_valid_now(void **state)
{
    X509 *made = make("example.org", vectors_key("p256", *state), *state);
    time_t now = (time_t)(NOW / 1000000);
    assert_true(X509_cmp_time(X509_get0_notBefore(made), &now) < 0);
    assert_true(X509_cmp_time(X509_get0_notAfter(made), &now) > 0);
    X509_free(made);
}

static void registers_nothing_with_libcrypto(void **state)
{
    X509_free(make("example.org", vectors_key("p256", *state), *state));
    int before = OBJ_new_nid(0);
    X509_free(make("example.org", vectors_key("p256", *state), *state));
    assert_int_equal(before, OBJ_new_nid(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(holds_what_the_samples_hold), FIXTURE_TEST(the_extension_is_the_vector),
        FIXTURE_TEST(is_signed_by_its_own_key),    FIXTURE_TEST(is_valid_now),
        FIXTURE_TEST(registers_nothing_with_libcrypto),
    };
    return fixture_run(tests);
}
