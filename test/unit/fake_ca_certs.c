/* The fake CA: certificates handed out, revocation, renewal information.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/fake_ca_internal.h"

fake_ca__cert_t *fake_ca__cert_make(fake_ca_t *ca, EVP_PKEY *key, const apr_array_header_t *names,
                                    apr_time_t not_before, apr_time_t not_after, int must_staple)
{
    fake_ca__cert_t *cert = apr_pcalloc(ca->pool, sizeof(*cert));
    cert->url = fake_ca__url(ca, "cert");
    cert->alternate_url = apr_pstrcat(ca->pool, cert->url, "/1", NULL);
    cert->names = names;
    cert->set = fake_ca__set(names, ca->pool);
    apr_pool_t *leaf_pool;
    apr_pool_create(&leaf_pool, ca->pool);
    cert->leaf = fake_ca__x509_leaf(ca, key, names, not_before, not_after, must_staple, leaf_pool);
    cert->key = key; /* kept by whoever has it: the order, or a test */
    if (key != ca->latest_key) {
        EVP_PKEY_up_ref(key);
        fake_ca__key_keep(key, ca->pool);
    }
    X509 *const chain[] = {cert->leaf, ca->issuer};
    X509 *const alternate[] = {cert->leaf, ca->cross_issuer};
    cert->pem = fake_ca__x509_pem(chain, 2, ca->pool);
    cert->alternate_pem =
        ca->settings.is_lean ? cert->pem : fake_ca__x509_pem(alternate, 2, ca->pool);
    cert->not_before = not_before;
    cert->not_after = not_after;
    cert->certid = fake_ca__x509_certid(cert->leaf, ca->pool);
    fake_ca__register(ca, cert->url, FAKE_CA_CERTIFICATE, cert);
    fake_ca__register(ca, cert->alternate_url, FAKE_CA_CERTIFICATE, cert);
    apr_hash_set(ca->latest_cert, cert->set, APR_HASH_KEY_STRING, cert);
    if (cert->certid != NULL) {
        apr_hash_set(ca->certids, cert->certid, APR_HASH_KEY_STRING, cert);
    }
    if (ca->settings.is_lean) {
        cert->leaf = NULL;
        apr_pool_destroy(leaf_pool);
    }
    APR_ARRAY_PUSH(ca->certs, fake_ca__cert_t *) = cert;
    return cert;
}

/* Another leaf in place of the right one, as the script wants it. */
static const char *spoil(fake_ca__request_t *r, const fake_ca__cert_t *cert)
{
    fake_ca_t *ca = r->ca;
    EVP_PKEY *key = cert->key;
    const apr_array_header_t *names = cert->names;
    apr_time_t not_before = cert->not_before;
    apr_time_t not_after = cert->not_after;
    apr_time_t now = fake_ca__time(ca);
    switch (r->fault->trouble) {
    case FAKE_CA_CERT_WRONG_KEY:
        key = fake_ca__key_make(r->pool);
        break;
    case FAKE_CA_CERT_WRONG_NAMES:
        names = fake_ca__names_parse("somebody-else.test", r->pool);
        break;
    case FAKE_CA_CERT_EXPIRED:
        not_before = now - 10 * ACME_TIME_DAY;
        not_after = now - ACME_TIME_DAY;
        break;
    case FAKE_CA_CERT_NOT_YET:
        not_before = now + 2 * ACME_TIME_DAY;
        not_after = not_before + ca->settings.lifetime;
        break;
    case FAKE_CA_CERT_GARBAGE:
        return "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n"
               "-----END CERTIFICATE-----\n";
    case FAKE_CA_CERT_NO_ISSUER:
        return fake_ca__x509_pem(&cert->leaf, 1, r->pool);
    default:
        return cert->pem;
    }
    X509 *const chain[] = {
        fake_ca__x509_leaf(ca, key, names, not_before, not_after, 0, r->pool), ca->issuer};
    return fake_ca__x509_pem(chain, 2, r->pool);
}

void fake_ca__certificate(fake_ca__request_t *r)
{
    const fake_ca__cert_t *cert = r->object;
    if (r->payload != NULL) {
        fake_ca__blame(r, 400, "malformed", "a certificate is read by POST-as-GET");
        return;
    }
    int is_alternate = strcmp(r->exchange->url, cert->alternate_url) == 0;
    const char *pem = is_alternate ? cert->alternate_pem : cert->pem;
    if (r->fault != NULL) {
        pem = spoil(r, cert);
    }
    r->status = 200;
    r->type = "application/pem-certificate-chain";
    r->body = apr_pstrdup(r->exchange->pool, pem);
    r->body_len = strlen(r->body);
    if (r->ca->settings.has_alternate) {
        fake_ca__link(r, is_alternate ? cert->url : cert->alternate_url, "alternate");
    }
}

/* Revocation (RFC 8555 section 7.6). */

static fake_ca__cert_t *find_cert(const fake_ca__request_t *r, const char *encoded)
{
    unsigned char *der;
    apr_size_t len;
    if (encoded == NULL || acme_text_base64url_decode(&der, &len, encoded, r->pool) != NULL) {
        return NULL;
    }
    for (int i = 0; i < r->ca->certs->nelts; i++) {
        fake_ca__cert_t *cert = APR_ARRAY_IDX(r->ca->certs, i, fake_ca__cert_t *);
        unsigned char *known = NULL;
        int known_len = cert->leaf != NULL ? i2d_X509(cert->leaf, &known) : 0;
        int is_equal = known_len == (int)len && memcmp(known, der, len) == 0;
        OPENSSL_free(known);
        if (is_equal) {
            return cert;
        }
    }
    return NULL;
}

/* RFC 5280 section 5.3.1, those that Let's Encrypt takes. */
static int reason_ok(const json_t *reason)
{
    json_int_t code = json_integer_value(reason);
    return reason == NULL ||
           (json_is_integer(reason) && (code == 0 || code == 1 || code == 4 || code == 5));
}

void fake_ca__revoke_cert(fake_ca__request_t *r)
{
    fake_ca__cert_t *cert =
        find_cert(r, json_string_value(json_object_get(r->payload, "certificate")));
    if (cert == NULL) {
        fake_ca__refuse(r, 404, "malformed", "No such certificate");
        return;
    }
    if (r->account != NULL ? cert->account != r->account : EVP_PKEY_eq(r->jwk, cert->key) != 1) {
        fake_ca__refuse(r, 403, "unauthorized", "Not the owner of the certificate");
        return;
    }
    if (!reason_ok(json_object_get(r->payload, "reason"))) {
        fake_ca__refuse(r, 400, "badRevocationReason", "Reasons are 0, 1, 4 and 5");
        return;
    }
    if (cert->is_revoked) {
        fake_ca__refuse(r, 400, "alreadyRevoked", "Certificate is already revoked");
        return;
    }
    cert->is_revoked = 1;
    fake_ca__tally(r->ca, "revoked", cert->set);
    r->status = 200;
}

/* Renewal information (RFC 9773 section 4). */

static void suggest_window(apr_time_t *start, apr_time_t *end, const fake_ca_t *ca,
                           const fake_ca__cert_t *cert)
{
    apr_time_t life = cert->not_after - cert->not_before;
    apr_time_t ideal = cert->not_after - life / (life < 10 * ACME_TIME_DAY ? 2 : 3);
    apr_time_t now = fake_ca__time(ca);
    *start = ideal - life / 100;
    *end = ideal + life / 100;
    if (ca->settings.window_start != 0 && ca->settings.window_end != 0) {
        *start = ca->settings.window_start;
        *end = ca->settings.window_end;
    }
    if (cert->is_revoked) {
        *start = now - ACME_TIME_HOUR;
        *end = now - ACME_TIME_HOUR / 2;
    }
}

int fake_ca__cert_is_in_window(const fake_ca_t *ca, const fake_ca__cert_t *cert)
{
    apr_time_t start;
    apr_time_t end;
    suggest_window(&start, &end, ca, cert);
    return start <= fake_ca__time(ca) && fake_ca__time(ca) <= end;
}

void fake_ca__renewal_info(fake_ca__request_t *r)
{
    const fake_ca__cert_t *cert = r->object;
    if (cert == NULL) {
        fake_ca__refuse(r, 404, "malformed", "No such certificate");
        return;
    }
    apr_time_t start;
    apr_time_t end;
    suggest_window(&start, &end, r->ca, cert);
    json_t *window = json_pack("{s:s, s:s}", "start", acme_time_rfc3339(start, r->pool), "end",
                               acme_time_rfc3339(end, r->pool));
    json_t *object = json_pack("{s:o}", "suggestedWindow", window);
    if (cert->is_revoked) {
        json_object_set_new(object, "explanationURL", json_string("https://ca.test/incident"));
    }
    fake_ca__answer_json(r, 200, object);
    fake_ca__retry_after(r, r->ca->settings.ari_retry_after, r->ca->settings.retry_after_as_date);
}
