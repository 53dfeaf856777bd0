/* The door of an issuance: how a run moves, stays, asks, fails; see acme_issuance.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Invariants:
 *
 *  1. The record on disk is at the step we are at, or one before; never after (save, then act).
 *  2. A run has either requests out, or a moment at which it is due, or it has ended.
 *  3. Nothing that was asked at one step is heard at another: moving withdraws what is out.
 */
#include "acme_issuance_private.h"

#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_job.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"

/** So often a step is repeated for reasons that are nobody's fault before the run gives up. */
#define TRIES_MAX 10

/** A test environment is not waited for longer at one step. */
#define REHEARSAL_PATIENCE (3 * ACME_TIME_MINUTE)

/* What is done at each step; the moves are in acme_step.c. */
static void (*const act_at[ACME_STEP_COUNT])(acme_issuance_t *run) = {
    [ACME_STEP_ORDER] = issuance__order,       [ACME_STEP_AUTHORIZE] = issuance__authorize,
    [ACME_STEP_PUBLISH] = issuance__publish,   [ACME_STEP_RESPOND] = issuance__respond,
    [ACME_STEP_POLL] = issuance__poll,         [ACME_STEP_FINALIZE] = issuance__finalize,
    [ACME_STEP_DOWNLOAD] = issuance__download, [ACME_STEP_STAGE] = issuance__stage,
    [ACME_STEP_EXPLAIN] = issuance__explain,   [ACME_STEP_CLEAN] = issuance__clean,
};

apr_time_t issuance_now(const acme_issuance_t *run)
{
    return acme_env_now(run->host->env);
}

static acme_issuance_t *create(const acme_issuance_host_t *host, const acme_domain_t *domain,
                               acme_session_t *session, acme_record_t *record, apr_pool_t *pool)
{
    acme_issuance_t *run = apr_pcalloc(pool, sizeof(*run));
    run->pool = pool;
    apr_pool_create(&run->step_pool, pool);
    apr_pool_create(&run->order_pool, pool);
    run->host = host;
    run->domain = domain;
    run->session = session;
    run->record = record;
    run->due = issuance_now(run);
    run->patient_until = run->due + REHEARSAL_PATIENCE;
    return run;
}

acme_issuance_t *acme_issuance_begin(const acme_issuance_host_t *host, const acme_domain_t *domain,
                                     acme_session_t *session, const acme_key_spec_t *spec,
                                     const apr_array_header_t *names, acme_claim_t claim,
                                     apr_pool_t *pool)
{
    acme_record_t *record = acme_record_create(domain, acme_session_ca(session), spec, names,
                                               acme_env_now(host->env), pool);
    record->claim = claim;
    acme_issuance_t *run = create(host, domain, session, record, pool);
    run->is_unsaved = 1;
    return run;
}

static int has_published(const acme_record_t *record)
{
    for (int i = 0; i < record->authorizations->nelts; ++i) {
        if (APR_ARRAY_IDX(record->authorizations, i, acme_record_authorization_t *)->is_published) {
            return 1;
        }
    }
    return 0;
}

/* What was under way is taken back, and the job stays as it is: this was neither success nor
 * failure. After a rehearsal that came to no end the CA itself is asked at once. */
static void clean_away(acme_issuance_t *run)
{
    acme_record_t *record = run->record;
    const acme_job_t *job = acme_job_read(run->host->store, run->domain->folder, run->step_pool);
    record->step = ACME_STEP_CLEAN;
    record->err = NULL;
    record->ended = issuance_now(run) / ACME_TIME_SECOND * ACME_TIME_SECOND;
    apr_array_clear(record->refusals);
    record->errors = job->errors;
    record->next_run = record->is_rehearsal ? 0 : job->next_run;
    record->rehearse = !record->is_rehearsal && job->rehearse;
    run->is_unsaved = 1;
}

acme_issuance_t *acme_issuance_resume(const acme_issuance_host_t *host, const acme_domain_t *domain,
                                      acme_session_t *session, acme_record_t *record,
                                      apr_pool_t *pool)
{
    acme_issuance_t *run = create(host, domain, session, record, pool);
    if (has_published(record)) {
        run->is_published = 1;
        host->published(host->baton, 1);
    }
    if (record->step != ACME_STEP_CLEAN && !acme_record_fits(record, domain)) {
        acme_env_log(host->env, ACME_LOG_INFO,
                     "%s: the order under way is dropped, the configuration has changed",
                     domain->name);
        clean_away(run);
        return run;
    }
    acme_step_t step = acme_step_resume(record->step);
    acme_env_log(host->env, ACME_LOG_INFO, "%s: goes on with its order at %s (was at %s)",
                 domain->name, acme_step_name(step), acme_step_name(record->step));
    run->is_unsaved = step != record->step;
    record->step = step;
    return run;
}

/* ---- moving ---- */

static void withdraw_asks(acme_issuance_t *run)
{
    while (run->asks != NULL) {
        issuance_ask_t *out = run->asks;
        run->asks = out->next;
        acme_session_withdraw(run->session, out->ask);
    }
}

void issuance_stay(acme_issuance_t *run, apr_time_t when)
{
    run->due = when;
    run->host->due(run->host->baton, run);
}

static int save(acme_issuance_t *run)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, run->pool);
    acme_err_t *err =
        acme_record_write(run->host->store, run->domain->folder, run->record, scratch_pool);
    if (err != NULL) {
        run->host->store_trouble(run->host->baton, err);
        ++run->tries; /* never given up: a full disk is nobody's fault, and it is an hour at most */
        issuance_stay(run, acme_policy_retry_at(err, run->tries < 8 ? run->tries : 8,
                                                run->host->retry_delay, issuance_now(run), 0.5));
    } else if (run->is_unsaved) {
        run->tries = 0; /* what the disk refused uses up no tries of the step's own */
    }
    run->is_unsaved = err != NULL;
    apr_pool_destroy(scratch_pool);
    return err == NULL;
}

/* Whoever has a CA does not wait for its test environment. What is waited for at PUBLISH has a
 * limit of its own, and at EXPLAIN the CA has judged already. */
static int is_hopeless(const acme_issuance_t *run)
{
    acme_step_t step = run->record->step;
    apr_time_t now = issuance_now(run);
    if (!run->record->is_rehearsal || step == ACME_STEP_CLEAN) {
        return 0;
    }
    return (acme_session_errors(run->session) > 0 && acme_session_not_before(run->session) > now) ||
           (step != ACME_STEP_PUBLISH && step != ACME_STEP_EXPLAIN && now >= run->patient_until);
}

/* So that a request which is out for too long is noticed; at EXPLAIN a moment would mean another
 * try. */
static void limit_patience(acme_issuance_t *run)
{
    if (run->record->is_rehearsal && run->asks != NULL && run->due == 0 &&
        run->record->step != ACME_STEP_EXPLAIN) {
        issuance_stay(run, run->patient_until);
    }
}

void acme_issuance_act(acme_issuance_t *run)
{
    run->due = 0;
    if (is_hopeless(run)) {
        acme_issuance_abandon(run);
        return;
    }
    if (run->asks == NULL) {
        apr_pool_clear(run->step_pool); /* a full disk can keep us at a step for weeks */
    }
    if (run->is_unsaved && !save(run)) {
        return; /* nothing is done that is not on disk */
    }
    act_at[run->record->step](run);
    limit_patience(run);
}

void issuance_goto(acme_issuance_t *run, acme_step_t step, apr_time_t not_before)
{
    acme_record_t *record = run->record;
    if (!acme_step_may_go(record->step, step)) {
        acme_env_log(run->host->env, ACME_LOG_ERROR,
                     "%s: the move from %s to %s is not in the table; please report this",
                     run->domain->name, acme_step_name(record->step), acme_step_name(step));
        step = ACME_STEP_CLEAN;
    }
    acme_env_log(run->host->env, ACME_LOG_INFO, "%s: %s -> %s", run->domain->name,
                 acme_step_name(record->step), acme_step_name(step));
    withdraw_asks(run);
    record->step = step;
    run->tries = 0;
    run->patient_until = issuance_now(run) + REHEARSAL_PATIENCE;
    apr_pool_clear(run->step_pool);
    if (step == ACME_STEP_CLEAN) {
        issuance__settle(run);
    }
    run->is_unsaved = 1;
    if (!save(run)) {
        return;
    }
    issuance_stay(run, not_before > 0 ? not_before : issuance_now(run));
}

/* ---- asking ---- */

static void forget_ask(issuance_ask_t *gone)
{
    for (issuance_ask_t **out = &gone->run->asks; *out != NULL; out = &(*out)->next) {
        if (*out == gone) {
            *out = gone->next;
            return;
        }
    }
}

static void hear_any(void *baton, const acme_answer_t *answer)
{
    issuance_ask_t *out = baton;
    acme_issuance_t *run = out->run;
    forget_ask(out);
    if (answer->err != NULL && answer->err->errclass == ACME_ERR_NETWORK && !out->is_optional &&
        !issuance__is_about_replaces(run, answer)) {
        issuance_try_again(run, answer->err);
        return;
    }
    out->hear(run, out->authorization, answer);
}

static void ask(acme_issuance_t *run, acme_request_t *request,
                acme_record_authorization_t *authorization, issuance_hear_fn *hear)
{
    issuance_ask_t *out = apr_pcalloc(run->step_pool, sizeof(*out));
    out->run = run;
    out->authorization = authorization;
    out->hear = hear;
    request->hear = hear_any;
    request->baton = out;
    out->is_optional = request->is_optional;
    out->ask = acme_session_ask(run->session, request);
    out->next = run->asks;
    run->asks = out;
}

void issuance_ask(acme_issuance_t *run, acme_record_authorization_t *authorization, const char *url,
                  const char *payload, const char *doing, issuance_hear_fn *hear)
{
    acme_request_t request = {
        .kind = ACME_REQUEST_POST,
        .doing = apr_psprintf(run->step_pool, "%s %s", doing, run->domain->name),
        .url = url,
        .payload = payload};
    ask(run, &request, authorization, hear);
}

void issuance_ask_optional(acme_issuance_t *run, const char *url, const char *doing,
                           issuance_hear_fn *hear)
{
    acme_request_t request = {
        .kind = ACME_REQUEST_POST,
        .doing = apr_psprintf(run->step_pool, "%s %s", doing, run->domain->name),
        .url = url,
        .payload = "",
        .is_optional = 1};
    ask(run, &request, NULL, hear);
}

static acme_err_t *compose_order(const char **payload, void *baton,
                                 const acme_directory_t *directory, const char *account_url,
                                 apr_pool_t *pool)
{
    const issuance_ask_t *out = baton;
    return issuance__compose_order(payload, out->run, directory, account_url, pool);
}

void issuance_ask_order(acme_issuance_t *run, issuance_hear_fn *hear)
{
    acme_request_t request = {.kind = ACME_REQUEST_NEW_ORDER,
                              .doing = apr_psprintf(run->step_pool,
                                                    "ordering a certificate for %s",
                                                    run->domain->name),
                              .compose = compose_order,
                              .is_counted = run->record->claim == ACME_CLAIM_FULL};
    ask(run, &request, NULL, hear);
}

int issuance_is_waiting(const acme_issuance_t *run)
{
    return run->asks != NULL;
}

/* ---- failing ---- */

void issuance_try_again(acme_issuance_t *run, const acme_err_t *err)
{
    if (run->record->is_rehearsal && err->errclass != ACME_ERR_STORE) {
        issuance_fail(run,
                      err); /* what a test environment does not answer, the CA itself is asked */
        return;
    }
    apr_time_t now = issuance_now(run);
    if (run->due != 0) { /* another request of this round has failed already: that is one try */
        if (err->retry_at > run->due) {
            issuance_stay(run, acme_policy_retry_at(err, 1, run->host->retry_delay, now, 0));
        }
        return;
    }
    if (++run->tries > TRIES_MAX) {
        issuance_fail(run, err);
        return;
    }
    apr_time_t when = acme_policy_retry_at(err, run->tries, run->host->retry_delay, now,
                                           acme_env_uniform(run->host->env, run->step_pool));
    acme_env_log(run->host->env, ACME_LOG_INFO, "%s: %s; tried again in %d seconds",
                 run->domain->name, err->text, (int)apr_time_sec(when - now));
    issuance_stay(run, when);
}

/* Nothing but a rehearsal ends at POLL: about another order the CA may say more. */
static acme_step_t step_after_failure(const acme_issuance_t *run)
{
    acme_step_t here = run->record->step;
    int may_end = acme_step_may_go(here, ACME_STEP_CLEAN) &&
                  (here != ACME_STEP_POLL || run->record->is_rehearsal);
    return may_end ? ACME_STEP_CLEAN : ACME_STEP_EXPLAIN;
}

void issuance_fail(acme_issuance_t *run, const acme_err_t *err)
{
    acme_step_t here = run->record->step;
    if (here != ACME_STEP_EXPLAIN || run->record->err == NULL) { /* why it failed, not why we may
                                                                    not hear more about it */
        run->record->err = acme_err_copy(run->pool, err);
    }
    issuance_goto(run, step_after_failure(run), 0);
}

const char *issuance__where(const acme_issuance_t *run, apr_pool_t *pool)
{
    return run->record->is_rehearsal
               ? apr_psprintf(pool, " (tried at %s, the test environment of the CA)",
                              acme_session_ca(run->session)->name)
               : "";
}

void issuance_note(acme_issuance_t *run, const char *type, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *detail = apr_pvsprintf(run->pool, fmt, args);
    va_end(args);
    apr_array_header_t *log = run->record->log;
    if (log->nelts >= ACME_JOB_LOG_MAX) { /* the oldest entry gives way, as in the job */
        acme_job_entry_t *first = &APR_ARRAY_IDX(log, 0, acme_job_entry_t);
        memmove(first, first + 1, sizeof(*first) * (apr_size_t)(log->nelts - 1));
        apr_array_pop(log);
    }
    acme_job_entry_t *entry = &APR_ARRAY_PUSH(log, acme_job_entry_t);
    entry->when = issuance_now(run);
    entry->type = type;
    entry->detail = acme_text_clean(detail, 1000, run->pool);
}

/* ---- for the engine ---- */

apr_time_t acme_issuance_due(const acme_issuance_t *run)
{
    return run->due;
}

const acme_domain_t *acme_issuance_domain(const acme_issuance_t *run)
{
    return run->domain;
}

const acme_record_t *acme_issuance_record(const acme_issuance_t *run)
{
    return run->record;
}

apr_pool_t *acme_issuance_pool(const acme_issuance_t *run)
{
    return run->pool;
}

void acme_issuance_abandon(acme_issuance_t *run)
{
    if (run->record->step == ACME_STEP_STAGE || run->record->step == ACME_STEP_CLEAN) {
        return; /* it needs the CA no more */
    }
    withdraw_asks(run);
    if (run->record->is_rehearsal) {
        acme_env_log(run->host->env, ACME_LOG_INFO,
                     "%s: %s, the test environment of the CA, is not waited for", run->domain->name,
                     acme_session_ca(run->session)->name);
        issuance_note(run, "rehearsal", "given up%s", issuance__where(run, run->step_pool));
    }
    clean_away(run);
    issuance_stay(run, issuance_now(run));
}

acme_session_t *acme_issuance_session(const acme_issuance_t *run)
{
    return run->session;
}

void acme_issuance_stop(acme_issuance_t *run)
{
    withdraw_asks(run);
}
