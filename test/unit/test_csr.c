/* Tests of acme_csr: the request's bytes, and what a CA reads in it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "acme/acme_csr.h"
#include "acme/acme_identifier.h"
#include "acme/acme_text.h"

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

static void is_the_vector_byte_for_byte(void **state)
{
    json_t *root = vectors_load(*state);
    char *csr = NULL;
    assert_well(acme_csr_make(&csr, names("www.example.org example.org", *state), 0,
                              vectors_key("certrsa", *state), *state));
    assert_string_equal(vectors_text(root, "csr", "b64u", NULL), csr);
}

static X509_REQ *read_csr(const char *csr, apr_pool_t *pool)
{
    unsigned char *der = NULL;
    apr_size_t len;
    assert_well(acme_text_base64url_decode(&der, &len, csr, pool));
    const unsigned char *end = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &end, (long)len);
    assert_non_null(request);
    assert_ptr_equal(der + len, end);
    return request;
}

static void carries_names_and_addresses(void **state)
{
    apr_pool_t *pool = *state;
    const char *keys[] = {"p256", "p384", "rsa2048"};
    for (int i = 0; i < 3; i++) {
        acme_key_t *key = vectors_key(keys[i], pool);
        char *csr = NULL;
        assert_well(acme_csr_make(
            &csr, names("*.example.org 192.0.2.17 2001:db8::1 ::ffff:1.2.3.4", pool), 0, key, pool));
        X509_REQ *request = read_csr(csr, pool);
        assert_int_equal(1, X509_REQ_verify(request, acme_key_pkey(key)));
        assert_int_equal(0, X509_NAME_entry_count(X509_REQ_get_subject_name(request)));
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
        GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
        assert_int_equal(1, sk_X509_EXTENSION_num(extensions));
        assert_int_equal(4, sk_GENERAL_NAME_num(san));
        const char *wanted[] = {"2a2e6578616d706c652e6f7267", "c0000211",
                                "20010db8000000000000000000000001",
                                "00000000000000000000ffff01020304"};
        for (int n = 0; n < 4; n++) {
            int type;
            const ASN1_STRING *value =
                GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, n), &type);
            assert_int_equal(n == 0 ? GEN_DNS : GEN_IPADD, type);
            assert_string_equal(wanted[n],
                                acme_text_hex(ASN1_STRING_get0_data(value),
                                              (apr_size_t)ASN1_STRING_length(value), pool));
        }
        GENERAL_NAMES_free(san);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
        X509_REQ_free(request);
    }
    assert_int_equal(0, ERR_peek_error());
}

static void subject_alt_name_as_in_the_vectors(void **state)
{
    json_t *root = vectors_load(*state);
    acme_key_t *key = vectors_key("p256", *state);
    const char *single[] = {"www.example.org", "192.0.2.17", "2001:db8::1"};
    for (int i = 0; i < 3; i++) {
        char *csr = NULL;
        assert_well(acme_csr_make(&csr, names(single[i], *state), 0, key, *state));
        X509_REQ *request = read_csr(csr, *state);
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
        const ASN1_OCTET_STRING *value =
            X509_EXTENSION_get_data(sk_X509_EXTENSION_value(extensions, 0));
        assert_string_equal(vectors_text(root, "san_extnValue", single[i], NULL),
                            acme_text_hex(ASN1_STRING_get0_data(value),
                                          (apr_size_t)ASN1_STRING_length(value), *state));
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
        X509_REQ_free(request);
    }
}

static void asks_for_must_staple_when_told_to(void **state)
{
    acme_key_t *key = vectors_key("p256", *state);
    char *csr = NULL;
    assert_well(acme_csr_make(&csr, names("www.example.org", *state), 1, key, *state));
    X509_REQ *request = read_csr(csr, *state);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    assert_int_equal(2, sk_X509_EXTENSION_num(extensions));
    assert_true(X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, -1) >= 0);
    int at = X509v3_get_ext_by_NID(extensions, NID_tlsfeature, -1);
    assert_true(at >= 0);
    X509_EXTENSION *feature = sk_X509_EXTENSION_value(extensions, at);
    assert_int_equal(0, X509_EXTENSION_get_critical(feature));
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(feature);
    assert_string_equal("3003020105", acme_text_hex(ASN1_STRING_get0_data(value),
                                                    (apr_size_t)ASN1_STRING_length(value), *state));
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(is_the_vector_byte_for_byte),
        FIXTURE_TEST(carries_names_and_addresses),
        FIXTURE_TEST(subject_alt_name_as_in_the_vectors),
        FIXTURE_TEST(asks_for_must_staple_when_told_to),
    };
    return fixture_run(tests);
}
