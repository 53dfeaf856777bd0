/* domain.json: what stands beside the certificates of a domain in root's own copy.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include "acme/acme_identifier.h"
#include "acme/acme_json.h"
#include "mod_acme_domain_json.h"

#define DOMAIN_JSON_VERSION 1

static json_t *certificate_json(const acme_generation_certificate_t *certificate)
{
    json_t *object = json_object();
    acme_json_set_string(object, "type", acme_key_type_name(certificate->type));
    acme_json_set_time(object, "valid-from", certificate->chain->not_before);
    acme_json_set_time(object, "valid-until", certificate->chain->not_after);
    acme_json_set_string(object, "serial", certificate->chain->serial);
    acme_json_set_string(object, "sha256-fingerprint", certificate->chain->sha256);
    acme_json_set_string(object, "issuer", certificate->chain->issuer_name);
    acme_json_set_string(object, "ca", certificate->ca_url);
    acme_json_set_string(object, "account", certificate->account_url);
    acme_json_set_string(object, "profile", certificate->profile);
    acme_json_set_bool(object, "must-staple-ordered", certificate->must_staple);
    return object;
}

/* see mod_acme_domain_json.h */
char *mod_acme_domain_json_write(const acme_domain_t *domain, const acme_generation_t *generation,
                                 apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    apr_array_header_t *names = apr_array_make(pool, domain->identifiers->nelts, sizeof(char *));
    for (int i = 0; i < domain->identifiers->nelts; i++) {
        const acme_identifier_t *identifier =
            APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *);
        APR_ARRAY_PUSH(names, const char *) = identifier->value;
    }
    acme_json_set_int(object, "version", DOMAIN_JSON_VERSION);
    acme_json_set_string(object, "name", domain->name);
    acme_json_set_strings(object, "domains", names);
    acme_json_set_int(object, "generation", (json_int_t)generation->number);
    acme_json_set_time(object, "made", generation->made);
    json_t *certificates = json_array();
    for (int i = 0; i < generation->certificates->nelts; i++) {
        (void)json_array_append_new(
            certificates, certificate_json(&APR_ARRAY_IDX(generation->certificates, i,
                                                          acme_generation_certificate_t)));
    }
    (void)json_object_set_new(object, "certificates", certificates);
    return acme_json_text(object, 1, pool);
}

/* see mod_acme_domain_json.h */
void mod_acme_domain_json_origin(acme_generation_certificate_t *certificate, const char *text,
                                 apr_size_t len, apr_pool_t *pool)
{
    json_t *object = NULL;
    if (acme_json_parse(&object, text, len, "domain.json", pool) != NULL) {
        return; /* it only tells where the certificate came from */
    }
    const json_t *certificates = json_object_get(object, "certificates");
    for (size_t i = 0; i < json_array_size(certificates); i++) {
        const json_t *member = json_array_get(certificates, i);
        const char *fingerprint = acme_json_string(member, "sha256-fingerprint", pool);
        if (fingerprint != NULL && strcmp(fingerprint, certificate->chain->sha256) == 0) {
            certificate->ca_url = acme_json_url(member, "ca", pool);
            certificate->account_url = acme_json_url(member, "account", pool);
            certificate->profile = acme_json_string(member, "profile", pool);
            certificate->must_staple = acme_json_bool(member, "must-staple-ordered", 0);
            return;
        }
    }
}
