/* The certificate signing request of finalize.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_csr.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "acme/acme_text.h"

#include "acme_openssl.h"

static int add_must_staple(X509_EXTENSIONS **extensions)
{
    X509_EXTENSION *feature = X509V3_EXT_conf_nid(NULL, NULL, NID_tlsfeature, "status_request");
    int is_added = feature != NULL && X509v3_add_ext(extensions, feature, -1) != NULL;
    X509_EXTENSION_free(feature);
    return is_added;
}

static int add_extensions(X509_REQ *request, GENERAL_NAMES *names, int must_staple)
{
    X509_EXTENSIONS *extensions = NULL;
    int is_added =
        X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
        (!must_staple || add_must_staple(&extensions)) &&
        X509_REQ_add_extensions(request, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return is_added;
}

/* The subject stays empty: RFC 8555 section 7.4 lets the names be in subjectAltName alone, and a
 * commonName may have no more than 64 characters. */
static X509_REQ *make_request(GENERAL_NAMES *names, int must_staple, EVP_PKEY *pkey)
{
    X509_REQ *request = X509_REQ_new();
    if (request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request, pkey) != 1 || !add_extensions(request, names, must_staple) ||
        X509_REQ_sign(request, pkey, EVP_sha256()) <= 0) {
        X509_REQ_free(request);
        return NULL;
    }
    return request;
}

/* see acme_csr.h */
acme_err_t *acme_csr_make(char **csr, const apr_array_header_t *identifiers, int must_staple,
                          const acme_key_t *key, apr_pool_t *pool)
{
    GENERAL_NAMES *names;
    ACME_TRY(acme_openssl__names(&names, identifiers, pool));
    X509_REQ *request = make_request(names, must_staple, acme_key_pkey(key));
    unsigned char *der = NULL;
    int len = request != NULL ? i2d_X509_REQ(request, &der) : -1;
    X509_REQ_free(request);
    if (len <= 0) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL,
                                 "cannot make a certificate signing request");
    }
    *csr = acme_text_base64url(der, (apr_size_t)len, pool);
    OPENSSL_free(der);
    return NULL;
}
