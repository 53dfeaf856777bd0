/* Certificates and chains: read, judged, and (the placeholder only) made.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A chain is read from PEM as a CA delivers it (RFC 8555 section 9.1): leaf first. Facts about the
 * leaf are plain fields; what it fits is asked with functions. Once read, nothing changes.
 */
#ifndef ACME_CERTIFICATE_H
#define ACME_CERTIFICATE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <openssl/x509.h>

#include "acme/acme_err.h"
#include "acme/acme_key.h"

/** No CA sends more. */
#define ACME_CHAIN_MAX_CERTIFICATES 10
#define ACME_CHAIN_MAX_BYTES (256 * 1024)

typedef struct {
    const char *pem;                      /**< all blocks, normalised, NUL-terminated */
    X509 *leaf;                           /**< owned by the pool */
    STACK_OF(X509) * issuers;             /**< the others in order, may be empty; owned by the pool */
    apr_time_t not_before;
    apr_time_t not_after;
    const apr_array_header_t *identifiers; /**< of subjectAltName, `const acme_identifier_t *` */
    acme_key_type_t key_type;
    const char *serial;                   /**< hexadecimal, lower case */
    const char *issuer_name;              /**< CN of the issuer, else its one-line form */
    const char *top_issuer_name;          /**< the same of the last certificate in the chain */
    const char *sha256;                   /**< of the leaf's DER, hexadecimal */
    int is_self_signed;
    int has_must_staple;                  /**< TLS feature status_request (RFC 7633) */
} acme_chain_t;

/** Reads one to ten CERTIFICATE blocks. Refuses anything else between them, oversize, a leaf
 * without subjectAltName or with a key of none of our kinds, and an issuer that did not sign the
 * one before it. Names of the leaf that are no host name or address are left out. *chain, its
 * X509s included, lives in @a pool. */
acme_err_t *acme_chain_parse(acme_chain_t **chain, const char *pem, apr_size_t len,
                             apr_pool_t *pool);

/** NULL if @a key is the leaf's, else ACME_ERR_INPUT. */
acme_err_t *acme_chain_fits_key(const acme_chain_t *chain, const acme_key_t *key, apr_pool_t *pool);

/** NULL if every identifier of @a wanted is covered, else ACME_ERR_INPUT naming the first missing. */
acme_err_t *acme_chain_fits_names(const acme_chain_t *chain, const apr_array_header_t *wanted,
                                  apr_pool_t *pool);

/** NULL if the leaf is valid at @a now, allowing for a start up to an hour ahead of our clock. */
acme_err_t *acme_chain_fits_time(const acme_chain_t *chain, apr_time_t now, apr_pool_t *pool);

/** RFC 9773 section 4.1 CertID, or NULL in *certid if the leaf has no Authority Key Identifier. */
acme_err_t *acme_chain_certid(char **certid, const acme_chain_t *chain, apr_pool_t *pool);

/** The leaf in DER. */
acme_err_t *acme_chain_leaf_der(unsigned char **der, apr_size_t *len, const acme_chain_t *chain,
                                apr_pool_t *pool);

/** A self-signed certificate for @a name (as subject and subjectAltName) valid from a day before
 * @a now until @a lifetime after it: the placeholder that keeps a TLS virtual host alive until its
 * first certificate. PEM in *pem. */
acme_err_t *acme_certificate_self_signed(char **pem, const acme_key_t *key, const char *name,
                                         apr_time_t now, apr_interval_time_t lifetime,
                                         apr_pool_t *pool);

#endif
