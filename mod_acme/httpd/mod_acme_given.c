/* Certificates that the administrator gives to a domain: paired, and looked at before mod_ssl does.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_given.h"

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "acme/acme_certificate.h"

#include "mod_acme_pair.h"
#include "mod_acme_secret_file.h"

#define CERTIFICATE "ACMECertificateFile"
#define KEY "ACMECertificateKeyFile"

static const mod_acme_given_file_t *file_at(const apr_array_header_t *files, int i)
{
    return files != NULL && i < files->nelts ? &APR_ARRAY_IDX(files, i, mod_acme_given_file_t)
                                             : NULL;
}

static void report(mod_acme_findings_t *findings, const mod_acme_given_file_t *given,
                   const char *directive, const char *what, const char *advice)
{
    (void)mod_acme_finding_add(findings, given->file, given->line, "%s: %s, so it is not used; %s",
                               directive, what, advice);
}

/* What is too weak for this OpenSSL is no matter of taste: mod_ssl would not let httpd start. */
static acme_err_t *try_out(const acme_chain_t *chain, const acme_key_t *key, apr_pool_t *pool)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int is_well = ctx != NULL && SSL_CTX_use_cert_and_key(ctx, chain->leaf, acme_key_pkey(key),
                                                          chain->issuers, 1) == 1;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return is_well ? NULL
                   : acme_err_make(pool, ACME_ERR_INPUT, "OpenSSL does not take it (%s)",
                                   reason != NULL ? reason : "no reason is known");
}

/* Errors are about the key file. */
static acme_err_t *read_key(acme_key_t **key, const mod_acme_given_file_t *given,
                            mod_acme_findings_t *findings, apr_pool_t *pool)
{
    mod_acme_secret_file_t secret;
    acme_err_t *err = mod_acme_secret_file_read(&secret, given->path, pool);
    if (err == NULL) {
        err = acme_key_from_pem(key, secret.text, secret.len, pool);
        err = acme_err_wrap(pool, err,
                            "%s has no key that can be used (PEM without pass phrase: P-256, "
                            "P-384 or RSA)",
                            given->path);
    }
    mod_acme_secret_file_wipe(&secret);
    if (err == NULL && secret.warning != NULL) {
        (void)mod_acme_finding_add(findings, given->file, given->line, KEY ": %s", secret.warning);
    }
    return err;
}

/* Nonzero, and *chain, if the two files are what mod_ssl can load. */
static int read_pair(acme_chain_t **chain, const mod_acme_given_file_t *certificate,
                     const mod_acme_given_file_t *key, mod_acme_findings_t *findings,
                     apr_pool_t *pool)
{
    acme_key_t *read = NULL;
    acme_err_t *err = mod_acme_pair_read_chain(chain, certificate->path, pool);
    if (err != NULL) {
        report(findings, certificate, CERTIFICATE, err->text,
               "name a PEM file with the certificate and those of its issuers after it");
        return 0;
    }
    err = read_key(&read, key, findings, pool);
    if (err != NULL) {
        report(findings, key, KEY, err->text, "name the file with the key of the certificate");
        return 0;
    }
    if (acme_chain_fits_key(*chain, read, pool) != NULL) {
        report(findings, key, KEY,
               apr_psprintf(pool, "the key in %s is not that of the certificate in %s", key->path,
                            certificate->path),
               "write the two files that belong together");
        return 0;
    }
    err = try_out(*chain, read, pool);
    if (err != NULL) {
        report(findings, certificate, CERTIFICATE,
               apr_psprintf(pool, "%s: %s", certificate->path, err->text),
               "name another certificate");
        return 0;
    }
    return 1;
}

/* One of the two was written without the other. */
static void report_single(mod_acme_findings_t *findings, const mod_acme_given_file_t *certificate,
                          const mod_acme_given_file_t *key, apr_pool_t *pool)
{
    if (key == NULL) {
        report(findings, certificate, CERTIFICATE,
               apr_psprintf(pool, "no " KEY " is written for %s", certificate->path),
               "write " KEY " with the file of its key");
    }
    else {
        report(findings, key, KEY,
               apr_psprintf(pool, "no " CERTIFICATE " is written for %s", key->path),
               "write " CERTIFICATE " with the file of its certificate");
    }
}

static int has_slot(const apr_array_header_t *types, acme_key_type_t type)
{
    for (int i = 0; i < types->nelts; i++) {
        if (acme_key_type_same_slot(APR_ARRAY_IDX(types, i, acme_key_type_t), type)) {
            return 1;
        }
    }
    return 0;
}

static void take_pair(apr_array_header_t *pairs, apr_array_header_t *types,
                      const mod_acme_given_file_t *certificate, const mod_acme_given_file_t *key,
                      mod_acme_findings_t *findings, apr_pool_t *pool)
{
    acme_chain_t *chain = NULL;
    if (!read_pair(&chain, certificate, key, findings, pool)) {
        return;
    }
    if (has_slot(types, chain->key_type)) {
        report(findings, certificate, CERTIFICATE,
               apr_psprintf(pool,
                            "a host can have one RSA and one EC certificate, and %s is one more",
                            certificate->path),
               "remove one of them");
        return;
    }
    APR_ARRAY_PUSH(types, acme_key_type_t) = chain->key_type;
    APR_ARRAY_PUSH(pairs, mod_acme_given_pair_t) =
        (mod_acme_given_pair_t){certificate->path, key->path};
}

/* see mod_acme_given.h */
const apr_array_header_t *mod_acme_given_pairs(const apr_array_header_t *certificate_files,
                                               const apr_array_header_t *key_files,
                                               mod_acme_findings_t *findings, apr_pool_t *pool)
{
    apr_array_header_t *pairs = apr_array_make(pool, 1, sizeof(mod_acme_given_pair_t));
    const mod_acme_given_file_t *certificate = file_at(certificate_files, 0);
    const mod_acme_given_file_t *key = file_at(key_files, 0);
    if (certificate == NULL && key == NULL) {
        return pairs;
    }
    apr_pool_t *scratch;
    apr_pool_create(&scratch, pool);
    apr_array_header_t *types = apr_array_make(scratch, 2, sizeof(acme_key_type_t));
    for (int i = 0; certificate != NULL || key != NULL; i++) {
        if (certificate != NULL && key != NULL) {
            take_pair(pairs, types, certificate, key, findings, scratch);
        }
        else {
            report_single(findings, certificate, key, scratch);
        }
        certificate = file_at(certificate_files, i + 1);
        key = file_at(key_files, i + 1);
    }
    apr_pool_destroy(scratch);
    return pairs;
}
