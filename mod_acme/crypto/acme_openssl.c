/* How this floor meets OpenSSL.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_openssl.h"

#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "acme/acme_identifier.h"

/* see acme_openssl.h */
acme_err_t *acme_openssl__err(apr_pool_t *pool, acme_err_class_t errclass, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = apr_pvsprintf(pool, fmt, args);
    va_end(args);
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason != NULL ? acme_err_make(pool, errclass, "%s: OpenSSL says '%s'", text, reason)
                          : acme_err_make(pool, errclass, "%s", text);
}

static apr_status_t free_pkey(void *pkey)
{
    EVP_PKEY_free(pkey);
    return APR_SUCCESS;
}

static apr_status_t free_x509(void *certificate)
{
    X509_free(certificate);
    return APR_SUCCESS;
}

static apr_status_t free_x509s(void *certificates)
{
    sk_X509_pop_free(certificates, X509_free);
    return APR_SUCCESS;
}

static apr_status_t free_names(void *names)
{
    GENERAL_NAMES_free(names);
    return APR_SUCCESS;
}

static apr_status_t free_bio(void *bio)
{
    BIO_free(bio);
    return APR_SUCCESS;
}

static void own(void *object, apr_status_t (*release)(void *), apr_pool_t *pool)
{
    if (object != NULL) {
        apr_pool_cleanup_register(pool, object, release, apr_pool_cleanup_null);
    }
}

/* see acme_openssl.h */
void acme_openssl__own_pkey(EVP_PKEY *pkey, apr_pool_t *pool)
{
    own(pkey, free_pkey, pool);
}

/* see acme_openssl.h */
void acme_openssl__own_x509(X509 *certificate, apr_pool_t *pool)
{
    own(certificate, free_x509, pool);
}

/* see acme_openssl.h */
void acme_openssl__own_x509s(STACK_OF(X509) * certificates, apr_pool_t *pool)
{
    own(certificates, free_x509s, pool);
}

/* see acme_openssl.h */
void acme_openssl__own_names(GENERAL_NAMES *names, apr_pool_t *pool)
{
    own(names, free_names, pool);
}

/* see acme_openssl.h */
void acme_openssl__own_bio(BIO *bio, apr_pool_t *pool)
{
    own(bio, free_bio, pool);
}

typedef struct {
    void *bytes;
    apr_size_t len;
} secret_t;

static apr_status_t wipe(void *baton)
{
    const secret_t *secret = baton;
    OPENSSL_cleanse(secret->bytes, secret->len);
    return APR_SUCCESS;
}

/* see acme_openssl.h */
void acme_openssl__wipe_later(void *bytes, apr_size_t len, apr_pool_t *pool)
{
    secret_t *secret = apr_palloc(pool, sizeof(*secret));
    secret->bytes = bytes;
    secret->len = len;
    apr_pool_cleanup_register(pool, secret, wipe, apr_pool_cleanup_null);
}

/* The 4 or 16 bytes of an address; 0 if @a text is none. */
static int address_bytes(unsigned char address[16], const char *text)
{
    return inet_pton(AF_INET, text, address) == 1    ? 4
           : inet_pton(AF_INET6, text, address) == 1 ? 16
                                                     : 0;
}

/* One name; NULL when memory is short. */
static GENERAL_NAME *make_name(const acme_identifier_t *identifier)
{
    unsigned char address[16];
    int is_dns = identifier->type == ACME_IDENTIFIER_DNS;
    const void *bytes = is_dns ? (const void *)identifier->value : address;
    int len = is_dns ? (int)strlen(identifier->value) : address_bytes(address, identifier->value);
    ASN1_STRING *value = is_dns ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (len == 0 || value == NULL || name == NULL || !ASN1_STRING_set(value, bytes, len)) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, is_dns ? GEN_DNS : GEN_IPADD, value);
    return name;
}

/* see acme_openssl.h */
acme_err_t *acme_openssl__names(GENERAL_NAMES **names, const apr_array_header_t *identifiers,
                                apr_pool_t *pool)
{
    GENERAL_NAMES *made = GENERAL_NAMES_new();
    acme_openssl__own_names(made, pool);
    for (int i = 0; made != NULL && i < identifiers->nelts; i++) {
        GENERAL_NAME *name = make_name(APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *));
        if (name == NULL || sk_GENERAL_NAME_push(made, name) == 0) {
            GENERAL_NAME_free(name);
            return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot make a subjectAltName");
        }
    }
    if (made == NULL) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot make a subjectAltName");
    }
    *names = made;
    return NULL;
}
