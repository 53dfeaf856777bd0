/* The job of a domain as JSON: job.json read, written, and its history kept short.
 * SPDX-License-Identifier: Apache-2.0
 *
 * {"version":1, "name":…, "errors":n, "next-run":TIME, "rehearse":BOOL, "last-run":TIME,
 *  "failing-since":TIME, "last":{"problem":…, "detail":…, "link":…, "activity":…},
 *  "logged-at":TIME, "logged-hash":n, "logged-count":n, "warned-at":TIME,
 *  "challenge":{"worked":[{"name":…, "type":…, "when":TIME}, …], "failed":[likewise]},
 *  "refused":[{"name":…, "count":n, "since":TIME, "last":TIME, "detail":…, "dropped":TIME,
 *              "told-at":TIME}, …],
 *  "log":{"entries":[{"when":TIME, "type":…, "detail":…}, …]}}      newest first, as mod_md has it
 *
 * What a newer version wrote beside these members is carried through a rewrite.
 */
#include "acme/acme_job.h"

#include <limits.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"

#define FORMAT_VERSION 1
#define MAX_TYPE 64
#define MAX_DETAIL 2000

static char *job_path(const char *folder, apr_pool_t *pool)
{
    return acme_store_path(pool, "staging", folder, "job.json");
}

static acme_job_t *empty_job(apr_pool_t *pool)
{
    acme_job_t *job = apr_pcalloc(pool, sizeof(*job));
    job->log = apr_array_make(pool, 8, sizeof(acme_job_entry_t));
    job->worked = apr_array_make(pool, 2, sizeof(acme_job_proof_t));
    job->failures = apr_array_make(pool, 2, sizeof(acme_job_proof_t));
    job->refusals = apr_array_make(pool, 2, sizeof(acme_job_refusal_t));
    return job;
}

static void push_entry(acme_job_t *job, const json_t *object, apr_pool_t *pool)
{
    const char *type = acme_json_string(object, "type", pool);
    const char *detail = acme_json_string(object, "detail", pool);
    APR_ARRAY_PUSH(job->log, acme_job_entry_t) = (acme_job_entry_t){
        .when = acme_json_time(object, "when"),
        .type = type != NULL ? type : "",
        .detail = detail != NULL ? detail : "",
    };
}

static void read_log(acme_job_t *job, const json_t *object, apr_pool_t *pool)
{
    const json_t *entries = json_object_get(json_object_get(object, "log"), "entries");
    size_t count = json_array_size(entries);
    for (size_t i = count < ACME_JOB_LOG_MAX ? count : ACME_JOB_LOG_MAX; i > 0; i--) {
        const json_t *entry = json_array_get(entries, i - 1);
        if (json_is_object(entry)) {
            push_entry(job, entry, pool);
        }
    }
}

static void read_proofs(acme_job_t *job, const json_t *list,
                        void (*take)(acme_job_t *, const acme_job_proof_t *, apr_pool_t *),
                        apr_pool_t *pool)
{
    for (size_t i = 0; i < json_array_size(list) && i < ACME_JOB_PROOFS_MAX; i++) {
        const json_t *object = json_array_get(list, i);
        const acme_job_proof_t proof = {.name = acme_json_string(object, "name", pool),
                                        .type = acme_json_string(object, "type", pool),
                                        .when = acme_json_time(object, "when")};
        if (proof.name != NULL && proof.type != NULL) {
            take(job, &proof, pool);
        }
    }
}

/* What worked is read first: it would make the failures forgotten that came after it. */
static void read_challenge(acme_job_t *job, const json_t *challenge, apr_pool_t *pool)
{
    read_proofs(job, json_object_get(challenge, "worked"), acme_job_worked, pool);
    read_proofs(job, json_object_get(challenge, "failed"), acme_job_failed, pool);
}

static acme_job_refusal_t *push_refusal(acme_job_t *job, const acme_job_refusal_t *refusal);

static void read_refusals(acme_job_t *job, const json_t *list, apr_pool_t *pool)
{
    for (size_t i = 0; i < json_array_size(list) && i < ACME_JOB_REFUSALS_MAX; i++) {
        const json_t *object = json_array_get(list, i);
        const char *detail = acme_json_string(object, "detail", pool);
        const acme_job_refusal_t refusal = {.name = acme_json_string(object, "name", pool),
                                            .count = acme_json_count(object, "count"),
                                            .since = acme_json_time(object, "since"),
                                            .last = acme_json_time(object, "last"),
                                            .detail = detail != NULL ? detail : "",
                                            .dropped = acme_json_time(object, "dropped"),
                                            .told_at = acme_json_time(object, "told-at")};
        if (refusal.name != NULL && acme_job_refusal(job, refusal.name) == NULL) {
            (void)push_refusal(job, &refusal);
        }
    }
}

static void read_members(acme_job_t *job, const json_t *object, apr_pool_t *pool)
{
    const json_t *last = json_object_get(object, "last");
    job->errors = acme_json_count(object, "errors");
    job->next_run = acme_json_time(object, "next-run");
    job->rehearse = acme_json_bool(object, "rehearse", 0);
    job->last_run = acme_json_time(object, "last-run");
    job->failing_since = acme_json_time(object, "failing-since");
    job->problem = acme_json_string(last, "problem", pool);
    job->link = acme_json_string(last, "link", pool);
    job->detail = acme_json_string(last, "detail", pool);
    job->activity = acme_json_string(last, "activity", pool);
    job->logged_at = acme_json_time(object, "logged-at");
    job->logged_hash = (apr_uint32_t)acme_json_int(object, "logged-hash", 0);
    job->logged_count = acme_json_count(object, "logged-count");
    job->warned_at = acme_json_time(object, "warned-at");
    read_challenge(job, json_object_get(object, "challenge"), pool);
    read_refusals(job, json_object_get(object, "refused"), pool);
    read_log(job, object, pool);
}

acme_job_t *acme_job_read(const acme_store_t *store, const char *folder, apr_pool_t *pool)
{
    acme_job_t *job = empty_job(pool);
    const char *path = job_path(folder, pool);
    char *text;
    apr_size_t len;
    json_t *object;
    acme_err_t *err = acme_store_get(&text, &len, store, path, pool);
    if (err == NULL && text == NULL) {
        return job;
    }
    if (err == NULL) {
        err = acme_json_parse(&object, text, len, path, pool);
    }
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "%s: its history and its back-off cannot be read, they begin anew: %s", folder,
                     err->text);
        return job;
    }
    read_members(job, object, pool);
    job->next_run = acme_policy_believable(job->next_run, acme_env_now(store->env));
    job->previous = object;
    return job;
}

/* Sets or removes: what was there before must not survive as a value of today. */
static void put_string(json_t *object, const char *name, const char *value)
{
    (void)json_object_del(object, name); /* may well not be there */
    acme_json_set_string(object, name, value);
}

static void put_time(json_t *object, const char *name, apr_time_t when)
{
    (void)json_object_del(object, name);
    acme_json_set_time(object, name, when);
}

/* The member @a name, made an object if it is none. */
static json_t *inner_object(json_t *object, const char *name)
{
    json_t *inner = json_object_get(object, name);
    if (!json_is_object(inner)) {
        inner = json_object();
        json_object_set_new(object, name, inner);
    }
    return inner;
}

static json_t *entries_json(const apr_array_header_t *log)
{
    json_t *entries = json_array();
    for (int i = log->nelts - 1; i >= 0 && log->nelts - i <= ACME_JOB_LOG_MAX; i--) {
        const acme_job_entry_t *entry = &APR_ARRAY_IDX(log, i, acme_job_entry_t);
        json_t *object = json_object();
        acme_json_set_time(object, "when", entry->when);
        acme_json_set_string(object, "type", entry->type);
        acme_json_set_string(object, "detail", entry->detail);
        json_array_append_new(entries, object);
    }
    return entries;
}

static json_t *proofs_json(const apr_array_header_t *proofs)
{
    json_t *list = json_array();
    for (int i = 0; i < proofs->nelts; i++) {
        const acme_job_proof_t *proof = &APR_ARRAY_IDX(proofs, i, acme_job_proof_t);
        json_t *object = json_object();
        acme_json_set_string(object, "name", proof->name);
        acme_json_set_string(object, "type", proof->type);
        acme_json_set_time(object, "when", proof->when);
        json_array_append_new(list, object);
    }
    return list;
}

static void write_challenge(json_t *object, const acme_job_t *job)
{
    json_t *challenge = inner_object(object, "challenge");
    json_object_set_new(challenge, "worked", proofs_json(job->worked));
    json_object_set_new(challenge, "failed", proofs_json(job->failures));
}

static json_t *refusals_json(const apr_array_header_t *refusals)
{
    json_t *list = json_array();
    for (int i = 0; i < refusals->nelts; i++) {
        const acme_job_refusal_t *refusal = &APR_ARRAY_IDX(refusals, i, acme_job_refusal_t);
        json_t *object = json_object();
        acme_json_set_string(object, "name", refusal->name);
        acme_json_set_int(object, "count", refusal->count);
        acme_json_set_time(object, "since", refusal->since);
        acme_json_set_time(object, "last", refusal->last);
        acme_json_set_string(object, "detail", refusal->detail);
        acme_json_set_time(object, "dropped", refusal->dropped);
        acme_json_set_time(object, "told-at", refusal->told_at);
        json_array_append_new(list, object);
    }
    return list;
}

static void write_members(json_t *object, const char *name, const acme_job_t *job)
{
    acme_json_set_int(object, "version", FORMAT_VERSION);
    put_string(object, "name", name);
    acme_json_set_int(object, "errors", job->errors);
    put_time(object, "next-run", job->next_run);
    acme_json_set_bool(object, "rehearse", job->rehearse);
    put_time(object, "last-run", job->last_run);
    put_time(object, "failing-since", job->failing_since);
    json_t *last = inner_object(object, "last");
    put_string(last, "problem", job->problem);
    put_string(last, "detail", job->detail);
    put_string(last, "link", job->link);
    put_string(last, "activity", job->activity);
    put_time(object, "logged-at", job->logged_at);
    acme_json_set_int(object, "logged-hash", (json_int_t)job->logged_hash);
    acme_json_set_int(object, "logged-count", job->logged_count);
    put_time(object, "warned-at", job->warned_at);
    write_challenge(object, job);
    json_object_set_new(object, "refused", refusals_json(job->refusals));
    json_object_set_new(inner_object(object, "log"), "entries", entries_json(job->log));
}

acme_err_t *acme_job_write(const acme_store_t *store, const char *folder, const char *name,
                           const acme_job_t *job, apr_pool_t *scratch_pool)
{
    json_t *object = job->previous != NULL ? job->previous : acme_json_object(scratch_pool);
    write_members(object, name, job);
    const char *text = acme_json_text(object, 1, scratch_pool);
    return acme_store_put(store, job_path(folder, scratch_pool), text, strlen(text), scratch_pool);
}

static acme_job_proof_t copy_proof(const acme_job_proof_t *proof, apr_pool_t *pool)
{
    return (acme_job_proof_t){.name = apr_pstrdup(pool, proof->name),
                              .type = apr_pstrdup(pool, proof->type),
                              .when = proof->when};
}

/* Removes what is known of @a name, by @a type or (NULL) by any. */
static void forget_proofs(apr_array_header_t *proofs, const char *name, const char *type)
{
    int kept = 0;
    for (int i = 0; i < proofs->nelts; i++) {
        acme_job_proof_t proof = APR_ARRAY_IDX(proofs, i, acme_job_proof_t);
        if (strcmp(proof.name, name) != 0 || (type != NULL && strcmp(proof.type, type) != 0)) {
            APR_ARRAY_IDX(proofs, kept, acme_job_proof_t) = proof;
            kept++;
        }
    }
    proofs->nelts = kept;
}

static void append_proof(apr_array_header_t *proofs, const acme_job_proof_t *proof,
                         apr_pool_t *pool)
{
    if (proofs->nelts >= ACME_JOB_PROOFS_MAX) {
        acme_job_proof_t *entries = (acme_job_proof_t *)proofs->elts;
        memmove(entries, entries + 1, (apr_size_t)(proofs->nelts - 1) * sizeof(*entries));
        proofs->nelts--;
    }
    APR_ARRAY_PUSH(proofs, acme_job_proof_t) = copy_proof(proof, pool);
}

void acme_job_failed(acme_job_t *job, const acme_job_proof_t *proof, apr_pool_t *pool)
{
    forget_proofs(job->failures, proof->name, proof->type);
    append_proof(job->failures, proof, pool);
}

void acme_job_worked(acme_job_t *job, const acme_job_proof_t *proof, apr_pool_t *pool)
{
    forget_proofs(job->failures, proof->name, NULL);
    forget_proofs(job->worked, proof->name, NULL);
    append_proof(job->worked, proof, pool);
}

/* ---- what the CA pins on a name ---- */

acme_job_refusal_t *acme_job_refusal(const acme_job_t *job, const char *name)
{
    for (int i = 0; i < job->refusals->nelts; i++) {
        acme_job_refusal_t *refusal = &APR_ARRAY_IDX(job->refusals, i, acme_job_refusal_t);
        if (strcmp(refusal->name, name) == 0) {
            return refusal;
        }
    }
    return NULL;
}

static void forget_refusal(acme_job_t *job, const acme_job_refusal_t *refusal)
{
    acme_job_refusal_t *entries = (acme_job_refusal_t *)job->refusals->elts;
    job->refusals->nelts--;
    for (apr_size_t i = (apr_size_t)(refusal - entries); i < (apr_size_t)job->refusals->nelts; i++) {
        entries[i] = entries[i + 1];
    }
}

static acme_job_refusal_t *push_refusal(acme_job_t *job, const acme_job_refusal_t *refusal)
{
    if (job->refusals->nelts >= ACME_JOB_REFUSALS_MAX) {
        forget_refusal(job, &APR_ARRAY_IDX(job->refusals, 0, acme_job_refusal_t));
    }
    APR_ARRAY_PUSH(job->refusals, acme_job_refusal_t) = *refusal;
    return &APR_ARRAY_IDX(job->refusals, job->refusals->nelts - 1, acme_job_refusal_t);
}

void acme_job_refused(acme_job_t *job, const char *name, const char *detail, apr_time_t when,
                      apr_pool_t *pool)
{
    acme_job_refusal_t *refusal = acme_job_refusal(job, name);
    if (refusal == NULL) {
        const acme_job_refusal_t first = {.name = apr_pstrdup(pool, name), .since = when};
        refusal = push_refusal(job, &first);
    } else if (refusal->last == when) {
        return;
    }
    refusal->count += refusal->count < INT_MAX;
    refusal->since = refusal->since < when ? refusal->since : when; /* a clock may have been ahead */
    refusal->last = when;
    refusal->detail = acme_text_clean(detail, MAX_DETAIL, pool);
}

void acme_job_tried(acme_job_t *job, const char *name, apr_time_t when)
{
    acme_job_refusal_t *refusal = acme_job_refusal(job, name);
    if (refusal != NULL && refusal->dropped != 0) {
        refusal->last = when;
    }
}

int acme_job_proved(acme_job_t *job, const char *name)
{
    const acme_job_refusal_t *refusal = acme_job_refusal(job, name);
    if (refusal == NULL) {
        return 0;
    }
    int was_dropped = refusal->dropped != 0;
    forget_refusal(job, refusal);
    return was_dropped;
}

void acme_job_note(acme_job_t *job, apr_time_t when, const char *type, const char *detail,
                   apr_pool_t *pool)
{
    acme_job_entry_t entry = {
        .when = when,
        .type = acme_text_clean(type, MAX_TYPE, pool),
        .detail = acme_text_clean(detail, MAX_DETAIL, pool),
    };
    if (job->log->nelts < ACME_JOB_LOG_MAX) {
        APR_ARRAY_PUSH(job->log, acme_job_entry_t) = entry;
        return;
    }
    acme_job_entry_t *entries = (acme_job_entry_t *)job->log->elts;
    memmove(entries, entries + 1, (apr_size_t)(job->log->nelts - 1) * sizeof(*entries));
    entries[job->log->nelts - 1] = entry;
}
