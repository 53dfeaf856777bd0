/* The last step of an issuance: tidy up, and tell the job what became of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the job shall say is settled when CLEAN is entered and is part of the record, so that a crash
 * between writing the job and removing the record counts nothing twice.
 */
#include "acme_issuance_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_generation.h"
#include "acme/acme_job.h"
#include "acme/acme_policy.h"
#include "acme/acme_standing.h"
#include "acme/acme_time.h"

/* The CA looked and did not find the proof; what CAA forbids is not of that kind, since it may be
 * about the account. */
static int is_failed_validation(const acme_issuance_t *run)
{
    const acme_err_t *err = run->record->err;
    return err != NULL && err->errclass == ACME_ERR_REFUSED && run->explanations > 0;
}

/* Passed, or the test environment could not say: the CA itself is asked, at once. What failed
 * before is still what failed last. */
static void settle_rehearsal(acme_issuance_t *run, const acme_job_t *job)
{
    acme_record_t *record = run->record;
    const char *name = acme_session_ca(run->session)->name;
    record->errors = job->errors;
    apr_array_clear(record->refusals); /* of what counts for nothing, no name is to blame */
    if (record->err == NULL) {
        acme_env_log(run->host->env, ACME_LOG_INFO,
                     "%s: passed at %s, the test environment; now the certificate is ordered",
                     run->domain->name, name);
        issuance_note(run, "rehearsal", "passed%s", issuance__where(run, run->step_pool));
        return;
    }
    acme_env_log(run->host->env, ACME_LOG_INFO,
                 "%s: %s%s; now the certificate is ordered all the same", run->domain->name,
                 record->err->text, issuance__where(run, run->step_pool));
    issuance_note(run, "rehearsal", "%s%s", record->err->text,
                  issuance__where(run, run->step_pool));
    record->err = NULL;
}

/* A certificate in use ends so soon that a week is too long to wait. */
static int ends_soon(acme_issuance_t *run)
{
    acme_generation_facts_t *facts;
    acme_due_t due;
    apr_time_t now = issuance_now(run);
    if (acme_generation_facts_read(&facts, run->host->store, run->domain->folder,
                                   run->step_pool) != NULL ||
        facts == NULL) {
        return 0;
    }
    acme_policy_due(&due, run->domain, facts, NULL, NULL);
    return now < due.expires && now + ACME_POLICY_WAIT_MAX >= due.warn_at;
}

void issuance__settle(acme_issuance_t *run)
{
    acme_record_t *record = run->record;
    record->errors = 0;
    record->next_run = 0;
    record->ended = issuance_now(run) / ACME_TIME_SECOND * ACME_TIME_SECOND;
    record->rehearse = is_failed_validation(run);
    if (record->err == NULL && !record->is_rehearsal) {
        return;
    }
    const acme_job_t *job = acme_job_read(run->host->store, run->domain->folder, run->step_pool);
    if (record->is_rehearsal && !record->rehearse) {
        settle_rehearsal(run, job);
        return;
    }
    /* to be asked to wait is no failure; where nobody says how long, the pauses grow all the same */
    record->errors =
        job->errors + (record->err->errclass != ACME_ERR_WAIT || record->err->retry_at == 0);
    record->next_run = acme_policy_next_run(
        record->err, record->errors > 0 ? record->errors : 1,
        ends_soon(run) ? 0 : job->failing_since, run->host->retry_delay, issuance_now(run),
        acme_env_uniform(run->host->env, run->step_pool));
    if (run->explanations == 0) { /* else the history has it in the CA's words, name by name */
        issuance_note(run, "error", "%s", record->err->text);
    }
}

/* Nonzero if nothing but names failed that orders go without, of which the engine tells once a day. */
static int is_about_dropped(const acme_record_t *record, const acme_job_t *job)
{
    for (int i = 0; i < record->refusals->nelts; ++i) {
        const acme_job_refusal_t *refusal =
            acme_job_refusal(job, APR_ARRAY_IDX(record->refusals, i, acme_record_refusal_t).name);
        if (refusal == NULL || refusal->dropped == 0) {
            return 0;
        }
    }
    return record->refusals->nelts > 0;
}

static void log_failure(acme_issuance_t *run, acme_job_t *job)
{
    const acme_err_t *err = run->record->err;
    apr_time_t now = issuance_now(run);
    apr_uint32_t hash = acme_policy_reason(err->text);
    const char *again = acme_time_rfc3339(run->record->next_run, run->step_pool);
    const char *where = issuance__where(run, run->step_pool);
    if (is_about_dropped(run->record, job)) {
        acme_env_log(run->host->env, ACME_LOG_INFO, "%s: %s%s", run->domain->name, err->text, where);
        return;
    }
    if (!acme_policy_shall_log(job->logged_at, job->logged_hash, hash, now)) {
        ++job->logged_count;
        acme_env_log(run->host->env, ACME_LOG_INFO, "%s: again: %s%s; tried again at %s",
                     run->domain->name, err->text, where, again);
        return;
    }
    const char *often =
        job->logged_hash == hash && job->logged_count > 0
            ? apr_psprintf(run->step_pool, " (%d times since it was last logged)", job->logged_count)
            : "";
    acme_env_log(run->host->env, ACME_LOG_ERROR, "%s: %s%s; tried again at %s%s", run->domain->name,
                 err->text, where, again, often);
    job->logged_at = now;
    job->logged_hash = hash;
    job->logged_count = 0;
}

/* What worked comes first the next time; what failed, last. In an order that failed a name may have
 * been proved all the same; where the CA had proof already, nothing was tried. */
static void tell_challenge(const acme_issuance_t *run, acme_job_t *job,
                           const acme_record_authorization_t *authorization)
{
    int is_proved = authorization->is_done || (run->record->err == NULL && run->record->chain != NULL);
    acme_job_proof_t proof = {.name = acme_record_name(authorization, run->step_pool),
                              .type = authorization->failed_type,
                              .when = issuance_now(run)};
    if (proof.name == NULL) {
        return;
    }
    if (proof.type != NULL) {
        acme_job_failed(job, &proof, run->step_pool);
    } else if (is_proved && authorization->challenge_type != NULL) {
        proof.type = authorization->challenge_type;
        acme_job_worked(job, &proof, run->step_pool);
    }
}

static void tell_challenges(const acme_issuance_t *run, acme_job_t *job)
{
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        tell_challenge(run, job,
                       APR_ARRAY_IDX(run->record->authorizations, i, acme_record_authorization_t *));
    }
}

static int is_proved(const acme_issuance_t *run, const char *name)
{
    const acme_record_t *record = run->record;
    for (int i = 0; i < record->authorizations->nelts; ++i) {
        const acme_record_authorization_t *authorization =
            APR_ARRAY_IDX(record->authorizations, i, acme_record_authorization_t *);
        const char *proved = acme_record_name(authorization, run->step_pool);
        if (authorization->is_done && proved != NULL && strcmp(proved, name) == 0) {
            return 1;
        }
    }
    return record->err == NULL && record->chain != NULL;
}

static void tell_back(acme_issuance_t *run, acme_job_t *job, const char *name)
{
    acme_job_note(job, issuance_now(run), "back",
                  apr_psprintf(run->step_pool, "%s is proved again, orders are for it too", name),
                  run->step_pool);
    acme_env_log(run->host->env, ACME_LOG_NOTICE,
                 "%s: %s, which orders went without, is proved again", run->domain->name, name);
}

/* Refused, and not only put off: a CA may pause names and not say in so many words which. */
static int is_refused(const acme_record_t *record)
{
    const acme_err_t *err = record->err;
    return err != NULL && (err->errclass == ACME_ERR_REFUSED || err->errclass == ACME_ERR_CONFIG ||
                           (err->errclass == ACME_ERR_WAIT && err->link != NULL));
}

/* What the CA holds against names, and no longer holds against others. A name may be proved and the order
 * refused for it all the same (RFC 8659): that counts. That it passed a rehearsal does not say that the CA
 * will not refuse it. An order that failed for nobody said what when a dropped name was in it has failed for
 * that: the others shall not find out again. */
static void tell_refusals(acme_issuance_t *run, acme_job_t *job)
{
    const acme_record_t *record = run->record;
    for (int i = 0; i < record->identifiers->nelts; ++i) {
        const char *name =
            APR_ARRAY_IDX(record->identifiers, i, const acme_identifier_t *)->value;
        const acme_record_refusal_t *refusal = acme_record_refusal(record, name);
        if (refusal != NULL) {
            acme_job_refused(job, name, refusal->detail, record->ended, run->step_pool);
        } else if (!record->is_rehearsal && is_proved(run, name) && acme_job_proved(job, name)) {
            tell_back(run, job, name);
        } else if (is_refused(record)) {
            acme_job_tried(job, name, record->ended);
        }
    }
}

static void tell_job(acme_issuance_t *run, acme_job_t *job)
{
    const acme_record_t *record = run->record;
    job->errors = record->errors;
    job->next_run = record->next_run;
    job->rehearse = record->rehearse;
    job->last_run = record->ended;
    tell_challenges(run, job);
    tell_refusals(run, job);
    for (int i = 0; i < record->log->nelts; ++i) {
        const acme_job_entry_t *entry = &APR_ARRAY_IDX(record->log, i, acme_job_entry_t);
        acme_job_note(job, entry->when, entry->type, entry->detail, run->step_pool);
    }
    if (record->err != NULL) {
        job->problem = record->err->problem != NULL ? record->err->problem
                                                    : acme_err_class_name(record->err->errclass);
        job->detail = apr_pstrcat(run->step_pool, record->err->text,
                                  issuance__where(run, run->step_pool), NULL);
        job->link = record->err->link;
        if (job->failing_since == 0 || job->failing_since > record->ended) { /* by a clock ahead */
            job->failing_since = record->ended;
        }
        job->activity = apr_psprintf(run->step_pool, "ordering a certificate (%s) from %s",
                                     acme_key_spec_text(&record->spec, run->step_pool),
                                     acme_session_ca(run->session)->name);
        log_failure(run, job);
        return;
    }
    if (record->is_rehearsal || record->chain == NULL) {
        return; /* passed, or given up: what failed before it has not succeeded yet */
    }
    job->failing_since = 0;
    job->problem = NULL;
    job->detail = NULL;
    job->link = NULL;
    job->activity = NULL;
    job->logged_at = 0;
    job->logged_hash = 0;
    job->logged_count = 0;
    job->warned_at = 0;
}

/* What was missing for another way to prove a name is no longer, if this way is the better one. */
static acme_err_t *settle_standing(const acme_issuance_t *run)
{
    const acme_record_t *record = run->record;
    int is_success = record->err == NULL && record->chain != NULL;
    for (int i = 0; is_success && i < record->authorizations->nelts; ++i) {
        const acme_record_authorization_t *authorization =
            APR_ARRAY_IDX(record->authorizations, i, acme_record_authorization_t *);
        if (authorization->challenge_type != NULL) {
            ACME_TRY(acme_standing_settle(run->host->store, run->domain,
                                          issuance__name(authorization, run->step_pool),
                                          authorization->challenge_type, run->step_pool));
        }
    }
    return NULL;
}

static acme_err_t *clean(acme_issuance_t *run)
{
    const acme_store_t *store = run->host->store;
    acme_job_t *job = acme_job_read(store, run->domain->folder, run->step_pool);
    tell_job(run, job);
    ACME_TRY(settle_standing(run));
    ACME_TRY(acme_job_write(store, run->domain->folder, run->domain->name, job, run->step_pool));
    return acme_record_remove(store, run->domain->folder, run->step_pool);
}

void issuance__clean(acme_issuance_t *run)
{
    apr_time_t wait_until = issuance__withdraw_proofs(run);
    if (wait_until != 0) {
        issuance_stay(run, wait_until);
        return;
    }
    acme_err_t *err = clean(run);
    if (err != NULL) {
        run->host->store_trouble(run->host->baton, err);
        ++run->tries;
        issuance_stay(run, acme_policy_retry_at(err, run->tries < 8 ? run->tries : 8,
                                                run->host->retry_delay, issuance_now(run), 0.5));
        return;
    }
    run->host->ended(run->host->baton, run);
}
