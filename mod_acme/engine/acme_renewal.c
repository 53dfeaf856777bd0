/* renewal.json read and written, see acme_renewal.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * {"version":1, "name":…, "hastened":n, "cert":[
 *    {"ari-cert-id":…, "window":{"from":TIME, "until":TIME}, "renew-at":TIME,
 *     "explanation-url":…, "next-check":TIME, "errors":n, "hastened":bool}, …]}
 */
#include "acme/acme_renewal.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define FORMAT_VERSION 1
/* A domain has a certificate for each type of key. */
#define MAX_CERTIFICATES 8
#define MAX_URL 2000

static char *renewal_path(const char *folder, apr_pool_t *pool)
{
    return acme_store_path(pool, "staging", folder, "renewal.json");
}

static void push_certificate(acme_renewal_t *renewal, const json_t *object, apr_pool_t *pool)
{
    const json_t *window = json_object_get(object, "window");
    acme_renewal_certificate_t certificate = {
        .certid = acme_json_string(object, "ari-cert-id", pool),
        .start = acme_json_time(window, "from"),
        .end = acme_json_time(window, "until"),
        .at = acme_json_time(object, "renew-at"),
        .explanation_url = acme_json_string(object, "explanation-url", pool),
        .next_check = acme_json_time(object, "next-check"),
        .errors = acme_json_count(object, "errors"),
        .is_hastened = acme_json_bool(object, "hastened", 0),
    };
    if (certificate.start <= 0 || certificate.end <= certificate.start || certificate.at <= 0) {
        certificate.start = certificate.end = certificate.at = 0;
    }
    if (certificate.certid != NULL && acme_renewal_find(renewal, certificate.certid) == NULL) {
        APR_ARRAY_PUSH(renewal->certificates, acme_renewal_certificate_t) = certificate;
    }
}

static void read_members(acme_renewal_t *renewal, const json_t *object, apr_pool_t *pool)
{
    const json_t *certificates = json_object_get(object, "cert");
    renewal->hastened = acme_json_count(object, "hastened");
    for (size_t i = 0; i < json_array_size(certificates) && i < MAX_CERTIFICATES; i++) {
        push_certificate(renewal, json_array_get(certificates, i), pool);
    }
}

/* see acme_renewal.h */
acme_renewal_t *acme_renewal_read(const acme_store_t *store, const char *folder, apr_pool_t *pool)
{
    acme_renewal_t *renewal = apr_pcalloc(pool, sizeof(*renewal));
    renewal->certificates = apr_array_make(pool, 2, sizeof(acme_renewal_certificate_t));
    const char *path = renewal_path(folder, pool);
    char *text;
    apr_size_t len;
    json_t *object;
    acme_err_t *err = acme_store_get(&text, &len, store, path, pool);
    if (err == NULL && text == NULL) {
        return renewal;
    }
    if (err == NULL) {
        err = acme_json_parse(&object, text, len, path, pool);
    }
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "%s: when its CA wants it to be renewed cannot be read, the CA is asked again: "
                     "%s",
                     folder, err->text);
        return renewal;
    }
    read_members(renewal, object, pool);
    renewal->previous = object;
    return renewal;
}

static json_t *certificate_json(const acme_renewal_certificate_t *certificate)
{
    json_t *object = json_object();
    acme_json_set_string(object, "ari-cert-id", certificate->certid);
    if (certificate->start != 0) {
        json_t *window = json_object();
        acme_json_set_time(window, "from", certificate->start);
        acme_json_set_time(window, "until", certificate->end);
        json_object_set_new(object, "window", window);
        acme_json_set_time(object, "renew-at", certificate->at);
    }
    acme_json_set_string(object, "explanation-url", certificate->explanation_url);
    acme_json_set_time(object, "next-check", certificate->next_check);
    acme_json_set_int(object, "errors", certificate->errors);
    acme_json_set_bool(object, "hastened", certificate->is_hastened);
    return object;
}

/* see acme_renewal.h */
acme_err_t *acme_renewal_write(const acme_store_t *store, const char *folder, const char *name,
                               const acme_renewal_t *renewal, apr_pool_t *scratch_pool)
{
    json_t *object =
        renewal->previous != NULL ? renewal->previous : acme_json_object(scratch_pool);
    json_t *certificates = json_array();
    for (int i = 0; i < renewal->certificates->nelts; i++) {
        json_array_append_new(
            certificates,
            certificate_json(&APR_ARRAY_IDX(renewal->certificates, i, acme_renewal_certificate_t)));
    }
    acme_json_set_int(object, "version", FORMAT_VERSION);
    acme_json_set_string(object, "name", name);
    acme_json_set_int(object, "hastened", renewal->hastened);
    json_object_set_new(object, "cert", certificates);
    const char *text = acme_json_text(object, 1, scratch_pool);
    return acme_store_put_unsynced(store, renewal_path(folder, scratch_pool), text, strlen(text),
                                   scratch_pool);
}

/* see acme_renewal.h */
acme_renewal_certificate_t *acme_renewal_find(const acme_renewal_t *renewal, const char *certid)
{
    for (int i = 0; renewal != NULL && certid != NULL && i < renewal->certificates->nelts; i++) {
        acme_renewal_certificate_t *certificate =
            &APR_ARRAY_IDX(renewal->certificates, i, acme_renewal_certificate_t);
        if (strcmp(certificate->certid, certid) == 0) {
            return certificate;
        }
    }
    return NULL;
}

/* Only who issued a certificate knows of it. */
static int is_of_ca(const acme_generation_fact_t *fact, const acme_domain_t *domain)
{
    return fact->certid != NULL && acme_domain_find_ca(domain, fact->ca_url) != NULL;
}

static const acme_generation_fact_t *fact_with(const acme_generation_facts_t *facts,
                                               const char *certid, const acme_domain_t *domain)
{
    for (int i = 0; i < facts->certificates->nelts; i++) {
        const acme_generation_fact_t *fact =
            &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t);
        if (is_of_ca(fact, domain) && strcmp(fact->certid, certid) == 0) {
            return fact;
        }
    }
    return NULL;
}

/* Those that are gone from the facts; the others stay, in their order. */
static int forget_replaced(acme_renewal_t *renewal, const acme_generation_facts_t *facts,
                           const acme_domain_t *domain)
{
    apr_array_header_t *list = renewal->certificates;
    int kept = 0;
    for (int i = 0; i < list->nelts; i++) {
        acme_renewal_certificate_t one = APR_ARRAY_IDX(list, i, acme_renewal_certificate_t);
        if (fact_with(facts, one.certid, domain) != NULL) {
            APR_ARRAY_IDX(list, kept++, acme_renewal_certificate_t) = one;
        }
        else {
            renewal->hastened = one.is_hastened ? renewal->hastened + 1 : 0;
        }
    }
    int is_changed = kept != list->nelts;
    list->nelts = kept;
    return is_changed;
}

/* Nobody puts a question off for longer: that was under a clock which was ahead. */
#define LONGEST_WAIT (30 * ACME_TIME_HOUR)

/* Nonzero if a question is asked earlier than was meant. */
static int hasten_questions(acme_renewal_t *renewal, apr_time_t first_check)
{
    int is_changed = 0;
    for (int i = 0; i < renewal->certificates->nelts; i++) {
        acme_renewal_certificate_t *certificate =
            &APR_ARRAY_IDX(renewal->certificates, i, acme_renewal_certificate_t);
        if (certificate->next_check > first_check + LONGEST_WAIT) {
            certificate->next_check = first_check;
            is_changed = 1;
        }
    }
    return is_changed;
}

/* see acme_renewal.h */
int acme_renewal_follow(acme_renewal_t *renewal, const acme_generation_facts_t *facts,
                        const acme_domain_t *domain, apr_time_t first_check, apr_pool_t *pool)
{
    int is_changed = forget_replaced(renewal, facts, domain);
    is_changed |= hasten_questions(renewal, first_check);
    for (int i = 0; i < facts->certificates->nelts; i++) {
        const acme_generation_fact_t *fact =
            &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t);
        if (is_of_ca(fact, domain) && acme_renewal_find(renewal, fact->certid) == NULL) {
            APR_ARRAY_PUSH(renewal->certificates, acme_renewal_certificate_t) =
                (acme_renewal_certificate_t){.certid = apr_pstrdup(pool, fact->certid),
                                             .next_check = first_check};
            is_changed = 1;
        }
    }
    return is_changed;
}
