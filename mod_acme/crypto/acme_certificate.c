/* Certificates and chains: read, judged, and (the placeholder only) made.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The PEM text is read here, not by OpenSSL's reader: that one skips what it does not understand,
 * and knows headers that ask for a pass phrase. One pass finds the blocks, each is decoded and
 * must be used up by its certificate; the PEM that is kept is written anew from what was read.
 */
#include "acme/acme_certificate.h"

#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acme/acme_digest.h"
#include "acme/acme_identifier.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#include "acme_certificate_private.h"
#include "acme_openssl.h"

#define BEGIN_LINE "-----BEGIN CERTIFICATE-----"
#define END_LINE "-----END CERTIFICATE-----"
#define CN_MAX 64 /* ub-common-name of RFC 5280 */
#define NAME_SHOWN_MAX 256
#define STATUS_REQUEST 5 /* RFC 6066 */

static acme_err_t *refuse(apr_pool_t *pool, const char *why)
{
    return acme_openssl__err(pool, ACME_ERR_INPUT, "this is not a chain of certificates: %s", why);
}

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* The base64 between @a text and @a end as DER in *der. Returns its length, -1 if it is none. */
static int decode_block(unsigned char **der, const char *text, const char *end, apr_pool_t *pool)
{
    char *digits = apr_palloc(pool, (apr_size_t)(end - text) + 1);
    int len = 0;
    for (; text < end; text++) {
        if (strchr(" \t\r\n", *text) == NULL) {
            digits[len++] = *text;
        }
    }
    digits[len] = '\0';
    int padding = len >= 2 ? (digits[len - 1] == '=') + (digits[len - 2] == '=') : 0;
    int content = (int)strspn(digits, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789+/");
    if (len == 0 || len % 4 != 0 || content + padding != len) {
        return -1;
    }
    *der = apr_palloc(pool, (apr_size_t)len / 4 * 3);
    int size = EVP_DecodeBlock(*der, (const unsigned char *)digits, len);
    return size < 0 ? -1 : size - padding;
}

/* Reads the block that begins at *text and moves *text behind it. */
static acme_err_t *read_block(X509 **certificate, const char **text, apr_pool_t *result_pool,
                              apr_pool_t *scratch_pool)
{
    if (strncmp(*text, BEGIN_LINE, sizeof(BEGIN_LINE) - 1) != 0) {
        return refuse(result_pool, "there is something else before or between the certificates");
    }
    const char *begin = *text + sizeof(BEGIN_LINE) - 1;
    const char *end = strstr(begin, "-----");
    if (end == NULL || strncmp(end, END_LINE, sizeof(END_LINE) - 1) != 0) {
        return refuse(result_pool, "the end of a certificate is missing");
    }
    unsigned char *der;
    int len = decode_block(&der, begin, end, scratch_pool);
    if (len <= 0) {
        return refuse(result_pool, "a certificate is not in base64");
    }
    const unsigned char *used = der;
    *certificate = d2i_X509(NULL, &used, len);
    acme_openssl__own_x509(*certificate, result_pool);
    if (*certificate == NULL || used != der + len) {
        return refuse(result_pool, "a certificate cannot be read");
    }
    *text = end + sizeof(END_LINE) - 1;
    return NULL;
}

/* Leaf and issuers of @a pem. The stack holds references of its own. */
static acme_err_t *read_blocks(acme_chain_t *chain, const char *pem, apr_pool_t *result_pool,
                               apr_pool_t *scratch_pool)
{
    chain->issuers = sk_X509_new_null();
    acme_openssl__own_x509s(chain->issuers, result_pool);
    int count = 0;
    for (const char *text = skip_space(pem); *text != '\0'; text = skip_space(text)) {
        X509 *certificate;
        if (count == ACME_CHAIN_MAX_CERTIFICATES) {
            return refuse(result_pool, "it has more than ten certificates");
        }
        ACME_TRY(read_block(&certificate, &text, result_pool, scratch_pool));
        if (count++ == 0) {
            chain->leaf = certificate;
            continue;
        }
        if (chain->issuers == NULL || X509_up_ref(certificate) != 1) {
            return acme_openssl__err(result_pool, ACME_ERR_INTERNAL, "cannot hold a certificate");
        }
        if (sk_X509_push(chain->issuers, certificate) == 0) {
            X509_free(certificate);
            return acme_openssl__err(result_pool, ACME_ERR_INTERNAL, "cannot hold a certificate");
        }
    }
    return count > 0 ? NULL : refuse(result_pool, "it is empty");
}

static acme_err_t *check_signatures(const acme_chain_t *chain, apr_pool_t *pool)
{
    X509 *subject = chain->leaf;
    for (int i = 0; i < sk_X509_num(chain->issuers); i++) {
        X509 *issuer = sk_X509_value(chain->issuers, i);
        EVP_PKEY *pkey = X509_get0_pubkey(issuer);
        if (X509_NAME_cmp(X509_get_issuer_name(subject), X509_get_subject_name(issuer)) != 0 ||
            pkey == NULL || X509_verify(subject, pkey) != 1) {
            return refuse(pool, "a certificate was not signed by the one that follows it");
        }
        subject = issuer;
    }
    return NULL;
}

static int read_time(apr_time_t *when, const ASN1_TIME *asn1)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(asn1, &tm) != 1) {
        return -1;
    }
    apr_time_exp_t parts = {
        .tm_sec = tm.tm_sec,
        .tm_min = tm.tm_min,
        .tm_hour = tm.tm_hour,
        .tm_mday = tm.tm_mday,
        .tm_mon = tm.tm_mon,
        .tm_year = tm.tm_year,
    };
    return apr_time_exp_gmt_get(when, &parts) == APR_SUCCESS ? 0 : -1;
}

/* The text under which acme_identifier_parse knows @a name; NULL if it is no name of ours. */
static const char *name_text(const GENERAL_NAME *name, apr_pool_t *pool)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *bytes = ASN1_STRING_get0_data(value);
    int len = ASN1_STRING_length(value);
    char address[INET6_ADDRSTRLEN];
    if (type == GEN_IPADD && (len == 4 || len == 16) &&
        inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, address, sizeof(address)) != NULL) {
        return apr_pstrdup(pool, address);
    }
    if (type != GEN_DNS || len <= 0) {
        return NULL;
    }
    for (int i = 0; i < len; i++) {
        /* A NUL would hide the rest; what is not ASCII would be converted to another name. */
        if (bytes[i] == '\0' || bytes[i] >= 0x80) {
            return NULL;
        }
    }
    return apr_pstrmemdup(pool, (const char *)bytes, (apr_size_t)len);
}

static acme_err_t *read_names(acme_chain_t *chain, apr_pool_t *result_pool,
                              apr_pool_t *scratch_pool)
{
    apr_array_header_t *identifiers = apr_array_make(result_pool, 4, sizeof(acme_identifier_t *));
    GENERAL_NAMES *names = X509_get_ext_d2i(chain->leaf, NID_subject_alt_name, NULL, NULL);
    acme_openssl__own_names(names, scratch_pool);
    apr_pool_t *iteration_pool;
    apr_pool_create(&iteration_pool, scratch_pool);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        apr_pool_clear(iteration_pool);
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *text = name_text(name, iteration_pool);
        acme_identifier_t *identifier;
        /* A name that we cannot read can be none that we want. */
        if (text == NULL || acme_identifier_parse(&identifier, text, iteration_pool) != NULL) {
            continue;
        }
        /* An address written as a DNS name is valid for neither. */
        if ((identifier->type == ACME_IDENTIFIER_DNS) == (name->type == GEN_DNS)) {
            acme_identifier_t *kept = apr_pmemdup(result_pool, identifier, sizeof(*identifier));
            kept->value = apr_pstrdup(result_pool, identifier->value);
            APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = kept;
        }
    }
    if (identifiers->nelts == 0) {
        return refuse(result_pool, "the first certificate is for no host name or address "
                                   "(subjectAltName)");
    }
    chain->identifiers = identifiers;
    return NULL;
}

static const char *read_issuer_name(X509 *certificate, apr_pool_t *pool)
{
    X509_NAME *issuer = X509_get_issuer_name(certificate);
    int at = X509_NAME_get_index_by_NID(issuer, NID_commonName, -1);
    unsigned char *utf8 = NULL;
    char *line = NULL;
    const char *name;
    if (at >= 0 &&
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, at))) > 0) {
        name = acme_text_clean((const char *)utf8, NAME_SHOWN_MAX, pool);
    }
    else {
        line = X509_NAME_oneline(issuer, NULL, 0);
        name = acme_text_clean(line, NAME_SHOWN_MAX, pool);
    }
    OPENSSL_free(utf8);
    OPENSSL_free(line);
    return name;
}

static int has_must_staple(X509 *leaf)
{
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
    int is_found = 0;
    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        is_found |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == STATUS_REQUEST;
    }
    TLS_FEATURE_free(features);
    return is_found;
}

/* The plain fields. */
static acme_err_t *read_facts(acme_chain_t *chain, apr_pool_t *result_pool,
                              apr_pool_t *scratch_pool)
{
    X509 *leaf = chain->leaf;
    if (read_time(&chain->not_before, X509_get0_notBefore(leaf)) != 0 ||
        read_time(&chain->not_after, X509_get0_notAfter(leaf)) != 0 ||
        chain->not_after < chain->not_before) {
        return refuse(result_pool, "the first certificate has no proper dates");
    }
    acme_key_spec_t spec;
    EVP_PKEY *pkey = X509_get0_pubkey(leaf);
    if (pkey == NULL || acme_key__classify(&spec, pkey) != 0) {
        return refuse(result_pool, "the first certificate's key is neither P-256, P-384 nor RSA of "
                                   "2048 to 4096 bits");
    }
    chain->key_type = spec.type;
    ACME_TRY(read_names(chain, result_pool, scratch_pool));
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    chain->serial = acme_text_hex(ASN1_STRING_get0_data(serial),
                                  (apr_size_t)ASN1_STRING_length(serial), result_pool);
    chain->issuer_name = read_issuer_name(leaf, result_pool);
    int issuers = sk_X509_num(chain->issuers);
    chain->top_issuer_name =
        issuers > 0 ? read_issuer_name(sk_X509_value(chain->issuers, issuers - 1), result_pool)
                    : chain->issuer_name;
    unsigned char digest[ACME_DIGEST_LEN];
    if (X509_digest(leaf, EVP_sha256(), digest, NULL) != 1) {
        return acme_openssl__err(result_pool, ACME_ERR_INTERNAL, "cannot digest a certificate");
    }
    chain->sha256 = acme_text_hex(digest, sizeof(digest), result_pool);
    chain->is_self_signed = X509_self_signed(leaf, 1) == 1;
    chain->has_must_staple = has_must_staple(leaf);
    return NULL;
}

/* The text of everything in @a bio, in @a pool. */
static char *bio_text(BIO *bio, apr_pool_t *pool)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    return apr_pstrmemdup(pool, bytes, len > 0 ? (apr_size_t)len : 0);
}

static acme_err_t *write_pem(const char **pem, const acme_chain_t *chain, apr_pool_t *result_pool,
                             apr_pool_t *scratch_pool)
{
    BIO *bio = BIO_new(BIO_s_mem());
    acme_openssl__own_bio(bio, scratch_pool);
    int is_written = bio != NULL && PEM_write_bio_X509(bio, chain->leaf) == 1;
    for (int i = 0; is_written && i < sk_X509_num(chain->issuers); i++) {
        is_written = PEM_write_bio_X509(bio, sk_X509_value(chain->issuers, i)) == 1;
    }
    if (!is_written) {
        return acme_openssl__err(result_pool, ACME_ERR_INTERNAL,
                                 "cannot write certificates as PEM");
    }
    *pem = bio_text(bio, result_pool);
    return NULL;
}

static acme_err_t *parse(acme_chain_t *chain, const char *pem, apr_size_t len,
                         apr_pool_t *result_pool, apr_pool_t *scratch_pool)
{
    if (len > ACME_CHAIN_MAX_BYTES) {
        return refuse(result_pool, "it is larger than 256 KB");
    }
    if (memchr(pem, '\0', len) != NULL) {
        return refuse(result_pool, "it is not text");
    }
    ACME_TRY(read_blocks(chain, apr_pstrmemdup(scratch_pool, pem, len), result_pool, scratch_pool));
    ACME_TRY(read_facts(chain, result_pool, scratch_pool));
    ACME_TRY(check_signatures(chain, result_pool));
    return write_pem(&chain->pem, chain, result_pool, scratch_pool);
}

/* see acme_certificate.h */
acme_err_t *acme_chain_parse(acme_chain_t **chain, const char *pem, apr_size_t len,
                             apr_pool_t *pool)
{
    acme_chain_t *read = apr_pcalloc(pool, sizeof(*read));
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, pool);
    acme_err_t *err = parse(read, pem, len, pool, scratch_pool);
    apr_pool_destroy(scratch_pool);
    /* Extensions that are not there leave their mark in the queue. */
    ERR_clear_error();
    if (err == NULL) {
        *chain = read;
    }
    return err;
}

/* The first name, by which an administrator knows the certificate. */
static const char *name_of(const acme_chain_t *chain)
{
    return APR_ARRAY_IDX(chain->identifiers, 0, const acme_identifier_t *)->value;
}

/* see acme_certificate.h */
acme_err_t *acme_chain_fits_key(const acme_chain_t *chain, const acme_key_t *key, apr_pool_t *pool)
{
    EVP_PKEY *pkey = X509_get0_pubkey(chain->leaf);
    int is_equal = pkey != NULL && EVP_PKEY_eq(pkey, acme_key_pkey(key)) == 1;
    ERR_clear_error();
    return is_equal ? NULL
                    : acme_err_make(pool, ACME_ERR_INPUT,
                                    "%s: the private key does not belong to the certificate with "
                                    "serial number %s",
                                    name_of(chain), chain->serial);
}

/* see acme_certificate.h */
acme_err_t *acme_chain_fits_names(const acme_chain_t *chain, const apr_array_header_t *wanted,
                                  apr_pool_t *pool)
{
    const acme_identifier_t *missing = acme_identifiers_missing(wanted, chain->identifiers);
    return missing == NULL
               ? NULL
               : acme_err_make(pool, ACME_ERR_INPUT, "the certificate is not for %s; it is for %s",
                               missing->value, acme_identifiers_text(chain->identifiers, 10, pool));
}

/* see acme_certificate.h */
acme_err_t *acme_chain_fits_time(const acme_chain_t *chain, apr_time_t now, apr_pool_t *pool)
{
    if (now > chain->not_after) {
        return acme_err_make(pool, ACME_ERR_INPUT, "%s: the certificate expired at %s",
                             name_of(chain), acme_time_rfc3339(chain->not_after, pool));
    }
    if (now + ACME_TIME_HOUR < chain->not_before) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "%s: the certificate is not valid before %s, and this server's clock "
                             "says %s; see whether the clock is right",
                             name_of(chain), acme_time_rfc3339(chain->not_before, pool),
                             acme_time_rfc3339(now, pool));
    }
    return NULL;
}

/* The content octets of the serial number's DER, with the leading zero where there is one. */
static char *serial_octets(const X509 *leaf, apr_pool_t *pool)
{
    unsigned char *der = NULL;
    int len = i2d_ASN1_INTEGER(X509_get0_serialNumber(leaf), &der);
    const unsigned char *content = der;
    long size;
    int tag;
    int xclass;
    char *text = NULL;
    if (len > 0 && (ASN1_get_object(&content, &size, &tag, &xclass, len) & 0x80) == 0) {
        text = acme_text_base64url(content, (apr_size_t)size, pool);
    }
    OPENSSL_free(der);
    return text;
}

/* see acme_certificate.h */
acme_err_t *acme_chain_certid(char **certid, const acme_chain_t *chain, apr_pool_t *pool)
{
    *certid = NULL;
    AUTHORITY_KEYID *authority =
        X509_get_ext_d2i(chain->leaf, NID_authority_key_identifier, NULL, NULL);
    const char *keyid = NULL;
    if (authority != NULL && authority->keyid != NULL) {
        keyid = acme_text_base64url(ASN1_STRING_get0_data(authority->keyid),
                                    (apr_size_t)ASN1_STRING_length(authority->keyid), pool);
    }
    AUTHORITY_KEYID_free(authority);
    ERR_clear_error();
    if (keyid == NULL) {
        return NULL;
    }
    const char *serial = serial_octets(chain->leaf, pool);
    if (serial == NULL) {
        return acme_openssl__err(pool, ACME_ERR_INPUT,
                                 "the serial number of a certificate cannot be read");
    }
    *certid = apr_pstrcat(pool, keyid, ".", serial, NULL);
    return NULL;
}

/* see acme_certificate.h */
acme_err_t *acme_chain_leaf_der(unsigned char **der, apr_size_t *len, const acme_chain_t *chain,
                                apr_pool_t *pool)
{
    int size = i2d_X509(chain->leaf, NULL);
    unsigned char *bytes = apr_palloc(pool, size > 0 ? (apr_size_t)size : 1);
    unsigned char *end = bytes;
    if (size <= 0 || i2d_X509(chain->leaf, &end) != size) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "a certificate cannot be written as DER");
    }
    *der = bytes;
    *len = (apr_size_t)size;
    return NULL;
}

/* A serial number of 127 bits that differs with key and time. It is derived, since nothing here
 * draws randomness; a self-signed certificate needs no more. */
static int set_serial(X509 *certificate, EVP_PKEY *pkey, apr_time_t now)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[ACME_DIGEST_LEN];
    BIGNUM *number = NULL;
    int is_set = len > 0 && context != NULL &&
                 EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                 EVP_DigestUpdate(context, der, (size_t)len) == 1 &&
                 EVP_DigestUpdate(context, &now, sizeof(now)) == 1 &&
                 EVP_DigestFinal_ex(context, digest, NULL) == 1;
    if (is_set) {
        digest[0] = (unsigned char)((digest[0] & 0x7F) | 0x40);
        number = BN_bin2bn(digest, 16, NULL);
        is_set = number != NULL &&
                 BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    }
    BN_free(number);
    EVP_MD_CTX_free(context);
    OPENSSL_free(der);
    return is_set;
}

static int set_subject(X509 *certificate, const char *name)
{
    apr_size_t len = strlen(name);
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)name,
                                      (int)(len < CN_MAX ? len : CN_MAX), -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1;
}

static int set_times(X509 *certificate, apr_time_t now, apr_interval_time_t lifetime)
{
    return ASN1_TIME_set(X509_getm_notBefore(certificate),
                         (time_t)apr_time_sec(now - ACME_TIME_DAY)) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)apr_time_sec(now + lifetime)) !=
               NULL;
}

static int add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    int is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

/* see acme_certificate_private.h */
acme_err_t *acme_certificate__begin(X509 **result, const acme_key_t *key, const char *subject,
                                    const acme_identifier_t *identifier, apr_time_t now,
                                    apr_interval_time_t lifetime, apr_pool_t *pool)
{
    apr_array_header_t *identifiers = apr_array_make(pool, 1, sizeof(acme_identifier_t *));
    APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = identifier;
    GENERAL_NAMES *names;
    ACME_TRY(acme_openssl__names(&names, identifiers, pool));
    EVP_PKEY *pkey = acme_key_pkey(key);
    X509 *certificate = X509_new();
    acme_openssl__own_x509(certificate, pool);
    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1 ||
        !set_serial(certificate, pkey, now) || !set_subject(certificate, subject) ||
        !set_times(certificate, now, lifetime) || X509_set_pubkey(certificate, pkey) != 1 ||
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot make a certificate for %s",
                                 identifier->value);
    }
    *result = certificate;
    return NULL;
}

/* see acme_certificate_private.h */
acme_err_t *acme_certificate__sign(char **pem, X509 *certificate, const acme_key_t *key,
                                   apr_pool_t *pool)
{
    BIO *bio = BIO_new(BIO_s_mem());
    acme_openssl__own_bio(bio, pool);
    if (bio == NULL || X509_sign(certificate, acme_key_pkey(key), EVP_sha256()) <= 0 ||
        PEM_write_bio_X509(bio, certificate) != 1) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot sign a certificate");
    }
    *pem = bio_text(bio, pool);
    return NULL;
}

/* What a browser expects of a server's certificate. */
static int set_usage(X509 *certificate, acme_key_type_t type)
{
    const char *usage = type == ACME_KEY_RSA ? "critical,digitalSignature,keyEncipherment"
                                             : "critical,digitalSignature";
    return add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage, usage) &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth");
}

/* see acme_certificate.h */
acme_err_t *acme_certificate_self_signed(char **pem, const acme_key_t *key, const char *name,
                                         apr_time_t now, apr_interval_time_t lifetime,
                                         apr_pool_t *pool)
{
    acme_identifier_t *identifier;
    X509 *certificate;
    acme_key_spec_t spec;
    ACME_TRY(acme_identifier_parse(&identifier, name, pool));
    ACME_TRY(acme_certificate__begin(&certificate, key, identifier->value, identifier, now,
                                     lifetime, pool));
    acme_key_spec(&spec, key);
    if (!set_usage(certificate, spec.type)) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot make a certificate for %s", name);
    }
    return acme_certificate__sign(pem, certificate, key, pool);
}
