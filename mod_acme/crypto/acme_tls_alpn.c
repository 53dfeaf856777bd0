/* The certificate that answers a tls-alpn-01 challenge: one name, and the digest of what is to be proved.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_tls_alpn.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/objects.h>

#include "acme/acme_time.h"

#include "acme_certificate_private.h"
#include "acme_openssl.h"

/* RFC 8737 section 3: id-pe-acmeIdentifier */
#define ACME_IDENTIFIER_OID "1.3.6.1.5.5.7.1.31"
#define SUBJECT "ACME challenge"

/* The extension's value is the DER of an OCTET STRING; it stands in another one, as every value does. */
#define HEAD_LEN 2

static int fill_value(ASN1_OCTET_STRING *value, const unsigned char digest[ACME_DIGEST_LEN])
{
    unsigned char der[HEAD_LEN + ACME_DIGEST_LEN] = {V_ASN1_OCTET_STRING, ACME_DIGEST_LEN};
    memcpy(der + HEAD_LEN, digest, ACME_DIGEST_LEN);
    return value != NULL && ASN1_OCTET_STRING_set(value, der, sizeof(der)) == 1;
}

/* The OID stays one of this certificate: what is registered with libcrypto would outlive the module. */
static int add_acme_identifier(X509 *certificate, const unsigned char digest[ACME_DIGEST_LEN])
{
    ASN1_OBJECT *oid = OBJ_txt2obj(ACME_IDENTIFIER_OID, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = oid != NULL && fill_value(value, digest)
                                    ? X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value)
                                    : NULL;
    int is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return is_added;
}

/* see acme_tls_alpn.h */
acme_err_t *acme_tls_alpn_certificate(char **pem, const acme_identifier_t *identifier,
                                      const unsigned char digest[ACME_DIGEST_LEN],
                                      const acme_key_t *key, apr_time_t now, apr_pool_t *pool)
{
    X509 *certificate;
    ACME_TRY(acme_certificate__begin(&certificate, key, SUBJECT, identifier, now, ACME_TIME_DAY,
                                     pool));
    if (!add_acme_identifier(certificate, digest)) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL,
                                 "cannot make the challenge certificate of %s", identifier->value);
    }
    return acme_certificate__sign(pem, certificate, key, pool);
}
