/* The record of a run: written and read side by side, see acme_record.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_record.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_job.h"
#include "acme/acme_json.h"

#define RECORD_VERSION 1

static const char *record_path(const char *folder, apr_pool_t *pool)
{
    return acme_store_path(pool, "staging", folder, "order.json");
}

/* ---- the claim ---- */

static const char *const claim_names[] = {
    [ACME_CLAIM_FULL] = "full", [ACME_CLAIM_RENEWAL] = "renewal", [ACME_CLAIM_NONE] = "none"};

/* What is not known counts for everything. */
static acme_claim_t read_claim(const json_t *object, apr_pool_t *pool)
{
    const char *name = acme_json_string(object, "claim", pool);
    for (int i = ACME_CLAIM_FULL; name != NULL && i <= ACME_CLAIM_NONE; ++i) {
        if (strcmp(name, claim_names[i]) == 0) {
            return (acme_claim_t)i;
        }
    }
    return ACME_CLAIM_FULL;
}

/* ---- identifiers ---- */

static json_t *write_identifiers(const apr_array_header_t *identifiers)
{
    json_t *list = json_array();
    for (int i = 0; i < identifiers->nelts; ++i) {
        const acme_identifier_t *identifier =
            APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *);
        json_array_append_new(list, json_string(identifier->value));
    }
    return list;
}

static acme_err_t *read_identifiers(const apr_array_header_t **identifiers, const json_t *object,
                                    const char *member, apr_pool_t *pool)
{
    apr_array_header_t *values = acme_json_strings(object, member, 1000, pool);
    apr_array_header_t *list = apr_array_make(pool, values->nelts, sizeof(acme_identifier_t *));
    for (int i = 0; i < values->nelts; ++i) {
        acme_identifier_t *identifier;
        ACME_TRY(acme_identifier_parse(&identifier, APR_ARRAY_IDX(values, i, const char *), pool));
        APR_ARRAY_PUSH(list, const acme_identifier_t *) = identifier;
    }
    *identifiers = list;
    return NULL;
}

/* ---- authorizations ---- */

static json_t *write_authorization(const acme_record_authorization_t *authorization)
{
    json_t *object = json_object();
    acme_json_set_string(object, "url", authorization->url);
    if (authorization->identifier != NULL) {
        acme_json_set_string(object, "identifier", authorization->identifier->value);
        acme_json_set_bool(object, "wildcard", authorization->identifier->is_wildcard);
    }
    acme_json_set_bool(object, "done", authorization->is_done);
    acme_json_set_string(object, "challenge", authorization->challenge_type);
    acme_json_set_string(object, "challenge-url", authorization->challenge_url);
    acme_json_set_string(object, "token", authorization->token);
    acme_json_set_string(object, "failed", authorization->failed_type);
    acme_json_set_bool(object, "published", authorization->is_published);
    return object;
}

static acme_err_t *read_authorization(acme_record_authorization_t **authorization,
                                      const json_t *object, apr_pool_t *pool)
{
    acme_record_authorization_t *read = apr_pcalloc(pool, sizeof(*read));
    read->url = acme_json_url(object, "url", pool);
    if (read->url == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT, "an authorization has no usable URL");
    }
    const char *value = acme_json_string(object, "identifier", pool);
    if (value != NULL) {
        acme_identifier_t *identifier;
        ACME_TRY(acme_identifier_parse(&identifier, value, pool));
        identifier->is_wildcard = acme_json_bool(object, "wildcard", 0);
        read->identifier = identifier;
    }
    read->is_done = acme_json_bool(object, "done", 0);
    read->challenge_type = acme_json_string(object, "challenge", pool);
    read->challenge_url = acme_json_url(object, "challenge-url", pool);
    read->token = acme_json_string(object, "token", pool);
    read->failed_type = acme_json_string(object, "failed", pool);
    read->is_published = acme_json_bool(object, "published", 0);
    *authorization = read;
    return NULL;
}

static json_t *write_authorizations(const apr_array_header_t *authorizations)
{
    json_t *list = json_array();
    for (int i = 0; i < authorizations->nelts; ++i) {
        json_array_append_new(list, write_authorization(APR_ARRAY_IDX(
                                        authorizations, i, acme_record_authorization_t *)));
    }
    return list;
}

static acme_err_t *read_authorizations(acme_record_t *record, const json_t *object,
                                       apr_pool_t *pool)
{
    const json_t *list = json_object_get(object, "authorizations");
    record->authorizations =
        apr_array_make(pool, (int)json_array_size(list), sizeof(acme_record_authorization_t *));
    for (size_t i = 0; i < json_array_size(list); ++i) {
        acme_record_authorization_t *authorization;
        ACME_TRY(read_authorization(&authorization, json_array_get(list, i), pool));
        APR_ARRAY_PUSH(record->authorizations, acme_record_authorization_t *) = authorization;
    }
    return NULL;
}

/* ---- the error ---- */

static json_t *write_err(const acme_err_t *err)
{
    json_t *object = json_object();
    acme_json_set_int(object, "class", (json_int_t)err->errclass);
    acme_json_set_string(object, "problem", err->problem);
    acme_json_set_string(object, "detail", err->text);
    acme_json_set_time(object, "retry-at", err->retry_at);
    acme_json_set_string(object, "link", err->link);
    return object;
}

static acme_err_t *read_err(const json_t *object, apr_pool_t *pool)
{
    if (!json_is_object(object)) {
        return NULL;
    }
    json_int_t errclass = acme_json_int(object, "class", ACME_ERR_INTERNAL);
    if (errclass < ACME_ERR_INTERNAL || errclass > ACME_ERR_CLOCK) {
        errclass = ACME_ERR_INTERNAL;
    }
    const char *detail = acme_json_string(object, "detail", pool);
    acme_err_t *err =
        acme_err_make(pool, (acme_err_class_t)errclass, "%s", detail != NULL ? detail : "unknown");
    err->problem = acme_json_string(object, "problem", pool);
    err->retry_at = acme_json_time(object, "retry-at");
    err->link = acme_json_string(object, "link", pool);
    return err;
}

/* ---- what the CA pinned on names ---- */

static json_t *write_refusals(const apr_array_header_t *refusals)
{
    json_t *list = json_array();
    for (int i = 0; i < refusals->nelts; ++i) {
        const acme_record_refusal_t *refusal = &APR_ARRAY_IDX(refusals, i, acme_record_refusal_t);
        json_t *object = json_object();
        acme_json_set_string(object, "name", refusal->name);
        acme_json_set_string(object, "detail", refusal->detail);
        json_array_append_new(list, object);
    }
    return list;
}

static apr_array_header_t *read_refusals(const json_t *list, apr_pool_t *pool)
{
    apr_array_header_t *refusals = apr_array_make(pool, 2, sizeof(acme_record_refusal_t));
    for (size_t i = 0; i < json_array_size(list); ++i) {
        const json_t *object = json_array_get(list, i);
        const acme_record_refusal_t refusal = {.name = acme_json_string(object, "name", pool),
                                               .detail = acme_json_string(object, "detail", pool)};
        if (refusal.name != NULL && refusal.detail != NULL) {
            APR_ARRAY_PUSH(refusals, acme_record_refusal_t) = refusal;
        }
    }
    return refusals;
}

static int is_ordered(const acme_record_t *record, const char *name)
{
    for (int i = 0; i < record->identifiers->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(record->identifiers, i, const acme_identifier_t *)->value, name) ==
            0) {
            return 1;
        }
    }
    return 0;
}

const acme_record_refusal_t *acme_record_refusal(const acme_record_t *record, const char *name)
{
    for (int i = 0; i < record->refusals->nelts; ++i) {
        const acme_record_refusal_t *refusal =
            &APR_ARRAY_IDX(record->refusals, i, acme_record_refusal_t);
        if (strcmp(refusal->name, name) == 0) {
            return refusal;
        }
    }
    return NULL;
}

void acme_record_refused(acme_record_t *record, const char *name, const char *detail,
                         apr_pool_t *pool)
{
    name = is_ordered(record, name) ? name : apr_pstrcat(pool, "*.", name, NULL);
    if (is_ordered(record, name) && acme_record_refusal(record, name) == NULL) {
        APR_ARRAY_PUSH(record->refusals, acme_record_refusal_t) = (acme_record_refusal_t){
            .name = apr_pstrdup(pool, name), .detail = apr_pstrdup(pool, detail)};
    }
}

/* ---- the history of the run ---- */

static json_t *write_log(const apr_array_header_t *log)
{
    json_t *list = json_array();
    for (int i = 0; i < log->nelts; ++i) {
        const acme_job_entry_t *entry = &APR_ARRAY_IDX(log, i, acme_job_entry_t);
        json_t *object = json_object();
        acme_json_set_time(object, "when", entry->when);
        acme_json_set_string(object, "type", entry->type);
        acme_json_set_string(object, "detail", entry->detail);
        json_array_append_new(list, object);
    }
    return list;
}

static apr_array_header_t *read_log(const json_t *list, apr_pool_t *pool)
{
    apr_array_header_t *log = apr_array_make(pool, 16, sizeof(acme_job_entry_t));
    for (size_t i = 0; i < json_array_size(list) && i < ACME_JOB_LOG_MAX; ++i) {
        const json_t *object = json_array_get(list, i);
        acme_job_entry_t *entry = &APR_ARRAY_PUSH(log, acme_job_entry_t);
        entry->when = acme_json_time(object, "when");
        entry->type = acme_json_string(object, "type", pool);
        entry->detail = acme_json_string(object, "detail", pool);
        if (entry->type == NULL || entry->detail == NULL) {
            apr_array_pop(log);
        }
    }
    return log;
}

/* ---- the record ---- */

/* Those of `set` that are not in `other`. */
static apr_array_header_t *rest_of(const apr_array_header_t *set, const apr_array_header_t *other,
                                   apr_pool_t *pool)
{
    apr_array_header_t *rest = apr_array_make(pool, 2, sizeof(const acme_identifier_t *));
    for (int i = 0; i < set->nelts; ++i) {
        const acme_identifier_t *name = APR_ARRAY_IDX(set, i, const acme_identifier_t *);
        if (!acme_identifiers_contain(other, name)) {
            APR_ARRAY_PUSH(rest, const acme_identifier_t *) = name;
        }
    }
    return rest;
}

acme_record_t *acme_record_create(const acme_domain_t *domain, const acme_ca_t *ca,
                                  const acme_key_spec_t *spec, const apr_array_header_t *names,
                                  apr_time_t now, apr_pool_t *pool)
{
    acme_record_t *record = apr_pcalloc(pool, sizeof(*record));
    record->step = ACME_STEP_ORDER;
    record->ca_url = apr_pstrdup(pool, ca->directory_url);
    record->is_rehearsal = acme_domain_find_test(domain, ca->directory_url) != NULL;
    record->spec = *spec;
    record->identifiers = acme_identifiers_sorted(names, pool);
    record->left_out = rest_of(domain->identifiers, names, pool);
    record->refusals = apr_array_make(pool, 2, sizeof(acme_record_refusal_t));
    record->started = now;
    record->authorizations = apr_array_make(pool, 4, sizeof(acme_record_authorization_t *));
    record->log = apr_array_make(pool, 16, sizeof(acme_job_entry_t));
    return record;
}

static acme_err_t *parse_record(acme_record_t **record, const char *text, apr_size_t len,
                                apr_pool_t *pool)
{
    json_t *object;
    ACME_TRY(acme_json_parse(&object, text, len, "the record of an order", pool));
    acme_record_t *read = apr_pcalloc(pool, sizeof(*read));
    const char *key_type = acme_json_string(object, "key-type", pool);
    read->ca_url = acme_json_url(object, "ca-url", pool);
    if (acme_json_int(object, "version", 0) != RECORD_VERSION || read->ca_url == NULL ||
        key_type == NULL || acme_key_type_parse(&read->spec.type, key_type) != 0 ||
        acme_step_parse(&read->step, acme_json_string(object, "step", pool)) != 0) {
        return acme_err_make(pool, ACME_ERR_INPUT, "a member is missing or not known");
    }
    read->is_rehearsal = acme_json_bool(object, "rehearsal", 0);
    read->spec.bits = (int)acme_json_int(object, "key-bits", 0);
    ACME_TRY(read_identifiers(&read->identifiers, object, "domains", pool));
    ACME_TRY(read_identifiers(&read->left_out, object, "left-out", pool));
    ACME_TRY(read_authorizations(read, object, pool));
    read->started = acme_json_time(object, "started");
    read->order_url = acme_json_url(object, "url", pool);
    read->account_url = acme_json_url(object, "account-url", pool);
    read->profile = acme_json_string(object, "profile", pool);
    read->must_staple = acme_json_bool(object, "must-staple", 0);
    read->claim = read_claim(object, pool);
    read->finalize_url = acme_json_url(object, "finalize", pool);
    read->certificate_url = acme_json_url(object, "certificate", pool);
    read->thumbprint = acme_json_string(object, "thumbprint", pool);
    read->chain = acme_json_string(object, "chain", pool);
    read->polling_since = acme_json_time(object, "polling-since");
    read->err = read_err(json_object_get(object, "error"), pool);
    read->refusals = read_refusals(json_object_get(object, "refused"), pool);
    read->ended = acme_json_time(object, "ended");
    if (read->ended == 0 && read->step == ACME_STEP_CLEAN) {
        read->ended = read->started; /* an older version did not say */
    }
    read->errors = (int)acme_json_int(object, "errors", 0);
    read->next_run = acme_json_time(object, "next-run");
    read->rehearse = acme_json_bool(object, "rehearse", 0);
    read->log = read_log(json_object_get(object, "log"), pool);
    if (read->step > ACME_STEP_ORDER && read->step < ACME_STEP_CLEAN && read->order_url == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT, "it has no order URL");
    }
    *record = read;
    return NULL;
}

acme_err_t *acme_record_read(acme_record_t **record, const acme_store_t *store, const char *folder,
                             apr_pool_t *pool)
{
    *record = NULL;
    char *text;
    apr_size_t len;
    ACME_TRY(acme_store_get(&text, &len, store, record_path(folder, pool), pool));
    if (text == NULL) {
        return NULL;
    }
    acme_err_t *err = parse_record(record, text, len, pool);
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "%s: the record of its order cannot be used (%s); a new order is made", folder,
                     err->text);
    }
    return NULL;
}

/* Once the CA has our CSR, the key beside the record and the way to the order are worth a certificate.
 * What a power loss takes before, a new order gives back (CAs hand the same pending order out); what
 * comes later can be downloaded again. */
static int is_precious(acme_step_t step)
{
    return step == ACME_STEP_FINALIZE;
}

acme_err_t *acme_record_write(const acme_store_t *store, const char *folder,
                              const acme_record_t *record, apr_pool_t *scratch_pool)
{
    json_t *object = acme_json_object(scratch_pool);
    acme_json_set_int(object, "version", RECORD_VERSION);
    acme_json_set_string(object, "step", acme_step_name(record->step));
    acme_json_set_time(object, "started", record->started);
    acme_json_set_string(object, "ca-url", record->ca_url);
    acme_json_set_bool(object, "rehearsal", record->is_rehearsal);
    acme_json_set_string(object, "key-type", acme_key_type_name(record->spec.type));
    acme_json_set_int(object, "key-bits", record->spec.bits);
    json_object_set_new(object, "domains", write_identifiers(record->identifiers));
    json_object_set_new(object, "left-out", write_identifiers(record->left_out));
    acme_json_set_string(object, "url", record->order_url);
    acme_json_set_string(object, "account-url", record->account_url);
    acme_json_set_string(object, "profile", record->profile);
    acme_json_set_bool(object, "must-staple", record->must_staple);
    acme_json_set_string(object, "claim", claim_names[record->claim]);
    acme_json_set_string(object, "finalize", record->finalize_url);
    acme_json_set_string(object, "certificate", record->certificate_url);
    json_object_set_new(object, "authorizations", write_authorizations(record->authorizations));
    acme_json_set_string(object, "thumbprint", record->thumbprint);
    acme_json_set_string(object, "chain", record->chain);
    acme_json_set_time(object, "polling-since", record->polling_since);
    if (record->err != NULL) {
        json_object_set_new(object, "error", write_err(record->err));
    }
    json_object_set_new(object, "refused", write_refusals(record->refusals));
    acme_json_set_time(object, "ended", record->ended);
    acme_json_set_int(object, "errors", record->errors);
    acme_json_set_time(object, "next-run", record->next_run);
    acme_json_set_bool(object, "rehearse", record->rehearse);
    json_object_set_new(object, "log", write_log(record->log));
    const char *text = acme_json_text(object, 1, scratch_pool);
    const char *path = record_path(folder, scratch_pool);
    return is_precious(record->step)
               ? acme_store_put(store, path, text, strlen(text), scratch_pool)
               : acme_store_put_unsynced(store, path, text, strlen(text), scratch_pool);
}

const char *acme_record_name(const acme_record_authorization_t *authorization, apr_pool_t *pool)
{
    const acme_identifier_t *identifier = authorization->identifier;
    if (identifier == NULL) {
        return NULL;
    }
    return identifier->is_wildcard ? apr_pstrcat(pool, "*.", identifier->value, NULL)
                                   : identifier->value;
}

acme_err_t *acme_record_remove(const acme_store_t *store, const char *folder,
                               apr_pool_t *scratch_pool)
{
    ACME_TRY(acme_store_del(store, acme_store_path(scratch_pool, "staging", folder, "privkey"),
                            scratch_pool));
    return acme_store_del(store, record_path(folder, scratch_pool), scratch_pool);
}

static int has_same_names(const acme_record_t *record, const acme_domain_t *domain)
{
    if (record->identifiers->nelts + record->left_out->nelts != domain->identifiers->nelts) {
        return 0;
    }
    for (int i = 0; i < domain->identifiers->nelts; ++i) {
        const acme_identifier_t *name =
            APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *);
        if (!acme_identifiers_contain(record->identifiers, name) &&
            !acme_identifiers_contain(record->left_out, name)) {
            return 0;
        }
    }
    return 1;
}

int acme_record_fits(const acme_record_t *record, const acme_domain_t *domain)
{
    const acme_ca_t *ca = record->is_rehearsal ? acme_domain_find_test(domain, record->ca_url)
                                               : acme_domain_find_ca(domain, record->ca_url);
    if (ca == NULL || !has_same_names(record, domain)) {
        return 0;
    }
    for (int i = 0; i < domain->key_specs->nelts; ++i) {
        const acme_key_spec_t *spec = &APR_ARRAY_IDX(domain->key_specs, i, acme_key_spec_t);
        if (spec->type == record->spec.type && spec->bits == record->spec.bits) {
            return 1;
        }
    }
    return 0;
}
