/* The fake CA: CSRs read and certificates made, with OpenSSL and P-256 keys of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     root  ----signs---> issuer ------signs---> leaves
 *     other root -signs-> cross issuer: same name and key as the issuer, for the alternate chain
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/fake_ca_internal.h"

static apr_status_t release_cert(void *cert)
{
    X509_free(cert);
    return APR_SUCCESS;
}

X509 *fake_ca__x509_keep(X509 *cert, apr_pool_t *pool)
{
    apr_pool_cleanup_register(pool, cert, release_cert, apr_pool_cleanup_null);
    return cert;
}

EVP_PKEY *fake_ca__key_make(apr_pool_t *pool)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert(key != NULL);
    return fake_ca__key_keep(key, pool);
}

/* Making. */

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert(extension != NULL);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static void set_name(X509_NAME *name, const char *common_name)
{
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1,
                               -1, 0);
}

/* RFC 5280 section 4.1.2.2: positive, not predictable; half of them have a leading zero octet. */
static void set_serial(X509 *cert, fake_ca_t *ca)
{
    unsigned char raw[16];
    for (size_t i = 0; i < sizeof(raw); i++) {
        raw[i] = (unsigned char)fake_ca__random(ca);
    }
    raw[0] |= 1;
    BIGNUM *number = BN_bin2bn(raw, sizeof(raw), NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
}

static X509 *blank(fake_ca_t *ca, EVP_PKEY *key, apr_time_t not_before, apr_time_t not_after,
                   apr_pool_t *pool)
{
    X509 *cert = fake_ca__x509_keep(X509_new(), pool);
    X509_set_version(cert, X509_VERSION_3);
    set_serial(cert, ca);
    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)apr_time_sec(not_before));
    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)apr_time_sec(not_after));
    X509_set_pubkey(cert, key);
    return cert;
}

static void sign(X509 *cert, const X509 *issuer, EVP_PKEY *issuer_key)
{
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    int len = X509_sign(cert, issuer_key, EVP_sha256());
    assert(len > 0);
    (void)len;
}

static X509 *make_authority(fake_ca_t *ca, EVP_PKEY *key, const char *common_name, X509 *issuer,
                            EVP_PKEY *issuer_key)
{
    apr_time_t now = fake_ca__time(ca);
    X509 *cert =
        blank(ca, key, now - 3650 * ACME_TIME_DAY, now + 10950 * ACME_TIME_DAY, ca->pool);
    set_name(X509_get_subject_name(cert), common_name);
    X509 *above = issuer != NULL ? issuer : cert;
    add_extension(cert, above, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, above, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(cert, above, NID_subject_key_identifier, "hash");
    if (issuer != NULL) {
        add_extension(cert, above, NID_authority_key_identifier, "keyid:always");
    }
    sign(cert, above, issuer_key);
    return cert;
}

void fake_ca__x509_create(fake_ca_t *ca)
{
    ca->root_key = fake_ca__key_make(ca->pool);
    ca->other_root_key = fake_ca__key_make(ca->pool);
    ca->issuer_key = fake_ca__key_make(ca->pool);
    ca->root = make_authority(ca, ca->root_key, "Fake Root", NULL, ca->root_key);
    ca->other_root =
        make_authority(ca, ca->other_root_key, FAKE_CA_OTHER_ROOT, NULL, ca->other_root_key);
    ca->issuer = make_authority(ca, ca->issuer_key, "Fake Issuer", ca->root, ca->root_key);
    ca->cross_issuer =
        make_authority(ca, ca->issuer_key, "Fake Issuer", ca->other_root, ca->other_root_key);
}

static GENERAL_NAME *general_name(const fake_ca__name_t *name)
{
    if (strcmp(name->type, "ip") == 0) {
        return a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_IPADD, name->value, 0);
    }
    return a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_DNS, name->value, 0);
}

static void add_names(X509 *cert, const apr_array_header_t *names)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    for (int i = 0; i < names->nelts; i++) {
        sk_GENERAL_NAME_push(list, general_name(&APR_ARRAY_IDX(names, i, fake_ca__name_t)));
    }
    /* critical, since the subject is empty (RFC 5280 section 4.2.1.6) */
    X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 1, 0);
    GENERAL_NAMES_free(list);
}

X509 *fake_ca__x509_leaf(fake_ca_t *ca, EVP_PKEY *key, const apr_array_header_t *names,
                         apr_time_t not_before, apr_time_t not_after, int must_staple,
                         apr_pool_t *pool)
{
    /* as public CAs count: the last second is part of the life */
    X509 *cert = blank(ca, key, not_before, not_after - ACME_TIME_SECOND, pool);
    add_extension(cert, ca->issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(cert, ca->issuer, NID_key_usage, "critical,digitalSignature");
    add_extension(cert, ca->issuer, NID_ext_key_usage, "serverAuth");
    add_names(cert, names);
    if (!ca->settings.without_aki) {
        add_extension(cert, ca->issuer, NID_authority_key_identifier, "keyid:always");
    }
    if (must_staple) {
        add_extension(cert, ca->issuer, NID_tlsfeature, "status_request");
    }
    sign(cert, ca->issuer, ca->issuer_key);
    return cert;
}

char *fake_ca__x509_pem(X509 *const *certs, int count, apr_pool_t *pool)
{
    BIO *out = BIO_new(BIO_s_mem());
    for (int i = 0; i < count; i++) {
        PEM_write_bio_X509(out, certs[i]);
    }
    char *bytes;
    long len = BIO_get_mem_data(out, &bytes);
    char *pem = apr_pstrmemdup(pool, bytes, (apr_size_t)len);
    BIO_free(out);
    return pem;
}

/* RFC 9773 section 4.1: the serial with its sign octet. */
char *fake_ca__x509_certid(const X509 *leaf, apr_pool_t *pool)
{
    AUTHORITY_KEYID *aki = X509_get_ext_d2i(leaf, NID_authority_key_identifier, NULL, NULL);
    if (aki == NULL) {
        return NULL;
    }
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    unsigned char *der = NULL;
    int len = i2d_ASN1_INTEGER(serial, &der);
    char *certid =
        apr_pstrcat(pool,
                    acme_text_base64url(ASN1_STRING_get0_data(aki->keyid),
                                        (apr_size_t)ASN1_STRING_length(aki->keyid), pool),
                    ".", acme_text_base64url(der + 2, (apr_size_t)len - 2, pool), NULL);
    OPENSSL_free(der);
    AUTHORITY_KEYID_free(aki);
    return certid;
}

/* CSRs. */

static apr_status_t release_request(void *request)
{
    X509_REQ_free(request);
    return APR_SUCCESS;
}

static X509_REQ *decode_csr(const char *csr, apr_pool_t *pool)
{
    unsigned char *der;
    apr_size_t len;
    if (csr == NULL || acme_text_base64url_decode(&der, &len, csr, pool) != NULL) {
        return NULL;
    }
    const unsigned char *at = der;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)len);
    if (request != NULL) {
        apr_pool_cleanup_register(pool, request, release_request, apr_pool_cleanup_null);
    }
    return request != NULL && at == der + len ? request : NULL;
}

static const char *name_text(const GENERAL_NAME *name, apr_pool_t *pool)
{
    char text[INET6_ADDRSTRLEN];
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *bytes = type == GEN_DNS || type == GEN_IPADD ? ASN1_STRING_get0_data(value)
                                                                      : (const unsigned char *)"";
    if (type == GEN_DNS) {
        return apr_pstrmemdup(pool, (const char *)bytes, (apr_size_t)ASN1_STRING_length(value));
    }
    if (type == GEN_IPADD && ASN1_STRING_length(value) == 4) {
        return apr_pstrdup(pool, inet_ntop(AF_INET, bytes, text, sizeof(text)));
    }
    if (type == GEN_IPADD && ASN1_STRING_length(value) == 16) {
        return apr_pstrdup(pool, inet_ntop(AF_INET6, bytes, text, sizeof(text)));
    }
    return "a name of another kind";
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *names_of(STACK_OF(X509_EXTENSION) * extensions, apr_pool_t *pool)
{
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    apr_array_header_t *texts = apr_array_make(pool, 2, sizeof(const char *));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        APR_ARRAY_PUSH(texts, const char *) = name_text(sk_GENERAL_NAME_value(names, i), pool);
    }
    GENERAL_NAMES_free(names);
    qsort(texts->elts, (size_t)texts->nelts, sizeof(const char *), compare_text);
    return apr_array_pstrcat(pool, texts, ',');
}

static const char *check_extensions(fake_ca__order_t *order, X509_REQ *request, apr_pool_t *pool)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    const char *names = names_of(extensions, pool);
    const char *why = NULL;
    order->must_staple = 0;
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(sk_X509_EXTENSION_value(extensions, i)));
        if (nid == NID_tlsfeature) {
            order->must_staple = 1;
        }
        else if (nid != NID_subject_alt_name) {
            why = apr_psprintf(pool, "the CSR asks for extension %s", OBJ_nid2sn(nid));
        }
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (why == NULL && strcmp(names, order->set) != 0) {
        why = apr_psprintf(pool, "the CSR is for '%s', the order for '%s'", names, order->set);
    }
    return why;
}

static const char *check_key(const fake_ca_t *ca, EVP_PKEY *key, apr_pool_t *pool)
{
    int is_ec = EVP_PKEY_is_a(key, "EC");
    int bits = EVP_PKEY_get_bits(key);
    if (is_ec ? bits != 256 && bits != 384 : !EVP_PKEY_is_a(key, "RSA") || bits < 2048) {
        return "the CSR's key is of a kind no CA takes";
    }
    for (apr_hash_index_t *i = apr_hash_first(pool, ca->accounts); i; i = apr_hash_next(i)) {
        const fake_ca__account_t *account = apr_hash_this_val(i);
        if (EVP_PKEY_eq(account->key, key) == 1) {
            return "the CSR's key is an account's key";
        }
    }
    return NULL;
}

const char *fake_ca__csr_read(fake_ca__order_t *order, const char **problem, const char *csr,
                              fake_ca_t *ca, apr_pool_t *pool)
{
    *problem = "badCSR";
    X509_REQ *request = decode_csr(csr, pool);
    EVP_PKEY *key = request == NULL ? NULL : X509_REQ_get0_pubkey(request);
    if (key == NULL ||
        (!ca->settings.trusts_signatures && X509_REQ_verify(request, key) != 1)) {
        return "the CSR is no base64url of a well signed PKCS#10";
    }
    if (X509_NAME_entry_count(X509_REQ_get_subject_name(request)) != 0) {
        return "the CSR's subject is not empty";
    }
    const char *why = check_key(ca, key, pool);
    if (why == NULL) {
        why = check_extensions(order, request, pool);
    }
    if (why == NULL && (ca->latest_key == NULL || EVP_PKEY_eq(ca->latest_key, key) != 1)) {
        EVP_PKEY_up_ref(key);
        ca->latest_key = fake_ca__key_keep(key, ca->pool);
    }
    order->key = why == NULL ? ca->latest_key : NULL;
    return why;
}
