/* The steps of an issuance about authorizations: AUTHORIZE, PUBLISH, RESPOND, EXPLAIN.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_issuance_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_authorization.h"
#include "acme/acme_job.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"

typedef acme_record_authorization_t authorization_t;

static authorization_t *authorization_at(const acme_issuance_t *run, int i)
{
    return APR_ARRAY_IDX(run->record->authorizations, i, authorization_t *);
}

static int is_asked(const acme_issuance_t *run, const authorization_t *authorization)
{
    for (const issuance_ask_t *out = run->asks; out != NULL; out = out->next) {
        if (out->authorization == authorization) {
            return 1;
        }
    }
    return 0;
}

/* Still to be proved. */
static int is_open(const authorization_t *authorization)
{
    return !authorization->is_done && authorization->token != NULL;
}

/* ---- AUTHORIZE ---- */

/* RFC 8555 section 7.1.4: the identifier has no "*.", the wildcard member says so. */
static int is_ordered(const acme_issuance_t *run, const acme_identifier_t *identifier)
{
    for (int i = 0; i < run->record->identifiers->nelts; ++i) {
        const acme_identifier_t *ordered =
            APR_ARRAY_IDX(run->record->identifiers, i, const acme_identifier_t *);
        const char *value = ordered->is_wildcard ? ordered->value + 2 : ordered->value;
        if (ordered->type == identifier->type &&
            !ordered->is_wildcard == !identifier->is_wildcard &&
            strcmp(value, identifier->value) == 0) {
            return 1;
        }
    }
    return 0;
}

static void take_identifier(acme_issuance_t *run, authorization_t *authorization,
                            const acme_identifier_t *heard)
{
    acme_identifier_t *identifier = apr_pmemdup(run->pool, heard, sizeof(*heard));
    identifier->value = apr_pstrdup(run->pool, heard->value);
    authorization->identifier = identifier;
}

static acme_err_t *take_authorization(acme_issuance_t *run, authorization_t *authorization,
                                      const acme_authorization_t *heard)
{
    if (!is_ordered(run, heard->identifier)) {
        return acme_err_make(run->step_pool, ACME_ERR_INPUT,
                             "the CA wants an authorization for %s, which was not ordered",
                             heard->identifier->value);
    }
    take_identifier(run, authorization, heard->identifier);
    authorization->is_read = 1;
    authorization->is_done = heard->status == ACME_AUTHORIZATION_VALID;
    authorization->expires = heard->expires;
    authorization->heard = heard->status == ACME_AUTHORIZATION_PENDING ? heard : NULL;
    if (heard->status == ACME_AUTHORIZATION_PENDING || heard->status == ACME_AUTHORIZATION_VALID ||
        heard->status == ACME_AUTHORIZATION_INVALID) {
        return NULL;
    }
    return acme_err_make(run->step_pool, ACME_ERR_GONE, "the authorization of %s is %s",
                         issuance__name(authorization, run->step_pool),
                         acme_authorization_status_name(heard->status));
}

/* The record says "published" before anything is, so that a crash in between leaves nothing behind. */
static void mark_published(acme_issuance_t *run)
{
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization = authorization_at(run, i);
        authorization->is_published |= is_open(authorization);
    }
}

/* Zero when the run waits, or has failed. */
static int have_chosen(acme_issuance_t *run)
{
    apr_time_t wait_until;
    acme_err_t *err = issuance__choose(run, &wait_until);
    if (err != NULL) {
        issuance_fail(run, err);
    } else if (wait_until != 0) {
        issuance_stay(run, wait_until);
    }
    return err == NULL && wait_until == 0;
}

static void leave_authorize(acme_issuance_t *run)
{
    int open = 0;
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        const authorization_t *authorization = authorization_at(run, i);
        if (!authorization->is_read) {
            return; /* still to be heard of */
        }
        open += !authorization->is_done;
    }
    if (!have_chosen(run)) {
        return;
    }
    run->record->thumbprint = acme_session_thumbprint(run->session);
    if (open > 0) {
        mark_published(run);
        issuance_goto(run, ACME_STEP_PUBLISH, 0);
        return;
    }
    run->polls = 0;
    run->record->polling_since = issuance_now(run);
    issuance_goto(run, ACME_STEP_POLL, 0);
}

static void hear_authorization(acme_issuance_t *run, authorization_t *authorization,
                               const acme_answer_t *answer)
{
    acme_authorization_t *heard = NULL;
    acme_err_t *err = answer->err;
    if (err != NULL && err->errclass == ACME_ERR_WAIT) {
        issuance_try_again(run, err);
        return;
    }
    if (err == NULL) {
        err = acme_authorization_parse(&heard, answer->exchange->answer,
                                       answer->exchange->answer_len,
                                       run->pool); /* the choice may take days */
    }
    if (err == NULL) {
        err = take_authorization(run, authorization, heard);
    }
    if (err != NULL) {
        issuance_fail(run, err);
    } else if (heard->status == ACME_AUTHORIZATION_INVALID) {
        issuance_goto(run, ACME_STEP_EXPLAIN, 0); /* it failed while we were away */
    } else {
        leave_authorize(run);
    }
}

static void ask_authorizations(acme_issuance_t *run, const char *doing, issuance_hear_fn *hear)
{
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization = authorization_at(run, i);
        if (!authorization->is_read && !is_asked(run, authorization)) {
            issuance_ask(run, authorization, authorization->url, "", doing, hear);
        }
    }
}

void issuance__authorize(acme_issuance_t *run)
{
    run->order = NULL; /* what newOrder said of it is old once its authorizations are read */
    ask_authorizations(run, "asking for an authorization of", hear_authorization);
    if (!issuance_is_waiting(run)) {
        leave_authorize(run);
    }
}

/* ---- PUBLISH ---- */

static acme_proof_t proof_of(const acme_issuance_t *run, const authorization_t *authorization)
{
    return (acme_proof_t){.type = authorization->challenge_type,
                          .identifier = authorization->identifier,
                          .token = authorization->token,
                          .thumbprint = run->record->thumbprint,
                          .dns01 = run->domain->dns01,
                          .http01 = run->domain->http01,
                          .expires = authorization->expires};
}

static acme_err_t *solver_of(acme_solver_t **solver, const acme_issuance_t *run,
                             const authorization_t *authorization)
{
    *solver = issuance__solver(run, authorization->challenge_type);
    return *solver != NULL ? NULL
                           : acme_err_make(run->step_pool, ACME_ERR_CONFIG,
                                           "challenge type %s no longer works here",
                                           authorization->challenge_type);
}

/* A way that fails here is no better than one that the CA judges invalid. */
static acme_err_t *note_failure(authorization_t *authorization, acme_err_t *err)
{
    if (err != NULL && err->errclass != ACME_ERR_STORE) {
        authorization->failed_type = authorization->challenge_type;
    }
    return err;
}

static acme_err_t *publish_all(acme_issuance_t *run)
{
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization = authorization_at(run, i);
        if (!is_open(authorization) || authorization->is_told) {
            continue;
        }
        acme_solver_t *solver;
        ACME_TRY(solver_of(&solver, run, authorization));
        acme_proof_t proof = proof_of(run, authorization);
        ACME_TRY(note_failure(authorization,
                              solver->publish(solver->baton, &proof, run->step_pool)));
        authorization->is_told = 1;
    }
    return NULL;
}

static apr_time_t sooner(apr_time_t a, apr_time_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* *wait_until is 0 when all are visible. */
static acme_err_t *look_at_all(acme_issuance_t *run, apr_time_t *wait_until)
{
    *wait_until = 0;
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization = authorization_at(run, i);
        if (!is_open(authorization)) {
            continue;
        }
        acme_solver_t *solver;
        ACME_TRY(solver_of(&solver, run, authorization));
        acme_proof_t proof = proof_of(run, authorization);
        int is_visible;
        apr_time_t poll_at;
        ACME_TRY(note_failure(authorization, solver->visible(&is_visible, &poll_at, solver->baton,
                                                             &proof, run->step_pool)));
        if (!is_visible) {
            apr_time_t at = poll_at != 0 ? poll_at : issuance_now(run) + ACME_TIME_SECOND;
            *wait_until = sooner(*wait_until, at);
        }
    }
    return NULL;
}

void issuance__publish(acme_issuance_t *run)
{
    if (!run->is_published) {
        run->is_published = 1;
        run->host->published(run->host->baton, 1);
    }
    apr_time_t wait_until;
    acme_err_t *err = publish_all(run);
    if (err == NULL) {
        err = look_at_all(run, &wait_until);
    }
    if (err != NULL && err->errclass == ACME_ERR_STORE) {
        run->host->store_trouble(run->host->baton, err);
        issuance_try_again(run, err);
    } else if (err != NULL) {
        issuance_fail(run, err);
    } else if (wait_until != 0) {
        issuance_stay(run, wait_until);
    } else {
        issuance_goto(run, ACME_STEP_RESPOND, 0);
    }
}

/* Nonzero when the proof is gone, or nothing more can be done about it. */
static int withdraw_proof(acme_issuance_t *run, const authorization_t *authorization,
                          apr_time_t *poll_at)
{
    acme_solver_t *solver = issuance__solver(run, authorization->challenge_type);
    if (solver == NULL) {
        return 1;
    }
    acme_proof_t proof = proof_of(run, authorization);
    int is_gone;
    acme_err_t *err = solver->withdraw(&is_gone, poll_at, solver->baton, &proof, run->step_pool);
    if (err != NULL) {
        acme_env_log(run->host->env, ACME_LOG_WARNING, "%s: %s", run->domain->name, err->text);
        issuance_note(run, "clean", "%s", err->text);
    }
    return err != NULL || is_gone;
}

apr_time_t issuance__withdraw_proofs(acme_issuance_t *run)
{
    apr_time_t wait_until = 0;
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization = authorization_at(run, i);
        if (!authorization->is_published || authorization->challenge_type == NULL ||
            authorization->token == NULL || authorization->identifier == NULL) {
            continue;
        }
        apr_time_t poll_at;
        if (withdraw_proof(run, authorization, &poll_at)) {
            authorization->is_published = 0;
        } else {
            wait_until = sooner(wait_until, poll_at);
        }
    }
    if (wait_until == 0 && run->is_published) {
        run->is_published = 0;
        run->host->published(run->host->baton, -1);
    }
    return wait_until;
}

/* ---- RESPOND ---- */

static void leave_respond(acme_issuance_t *run)
{
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        const authorization_t *authorization = authorization_at(run, i);
        if (is_open(authorization) && authorization->challenge_url != NULL) {
            return; /* still to be told, or not heard of yet */
        }
    }
    run->polls = 0;
    run->waits_first = 1;
    run->retry_at = 0;
    run->record->polling_since = issuance_now(run);
    issuance_goto(run, ACME_STEP_POLL, 0);
}

static void hear_challenge(acme_issuance_t *run, authorization_t *authorization,
                           const acme_answer_t *answer)
{
    if (answer->err != NULL && answer->err->errclass == ACME_ERR_WAIT) {
        issuance_try_again(run, answer->err);
        return;
    }
    if (answer->err != NULL &&
        (answer->problem == NULL || !acme_problem_is(answer->problem, "malformed"))) {
        issuance_fail(run, answer->err);
        return;
    }
    /* "malformed": it is no longer pending, since an answer of ours got lost; the order will tell */
    authorization->challenge_url = NULL;
    issuance_note(run, "challenge", "%s: told the CA to validate by %s",
                  issuance__name(authorization, run->step_pool), authorization->challenge_type);
    leave_respond(run);
}

void issuance__respond(acme_issuance_t *run)
{
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization = authorization_at(run, i);
        if (is_open(authorization) && authorization->challenge_url != NULL &&
            !is_asked(run, authorization)) {
            issuance_ask(run, authorization, authorization->challenge_url, "{}",
                         "answering a challenge of", hear_challenge);
        }
    }
    if (!issuance_is_waiting(run)) {
        leave_respond(run);
    }
}

/* ---- EXPLAIN ---- */

static const acme_challenge_t *failed_challenge(const acme_authorization_t *heard)
{
    for (int i = 0; i < heard->challenges->nelts; ++i) {
        const acme_challenge_t *challenge =
            APR_ARRAY_IDX(heard->challenges, i, const acme_challenge_t *);
        if (challenge->error != NULL) {
            return challenge;
        }
    }
    return NULL;
}

/* The CA's own words on one name, with what to do about it. */
static acme_err_t *explain_failure(const acme_authorization_t *heard, const char *name,
                                   apr_pool_t *pool)
{
    const acme_challenge_t *challenge = failed_challenge(heard);
    if (challenge == NULL) {
        return acme_err_make(pool, ACME_ERR_REFUSED, "the authorization of %s is %s", name,
                             acme_authorization_status_name(heard->status));
    }
    const char *advice = acme_problem_advice(challenge->error);
    acme_err_t *err = acme_err_make(
        pool, acme_problem_is(challenge->error, "caa") ? ACME_ERR_CONFIG : ACME_ERR_REFUSED,
        "the CA could not validate %s by %s: %s%s%s%s%s", name, challenge->type,
        acme_problem_text(challenge->error, pool), challenge->validation != NULL ? "; it looked at " : "",
        challenge->validation != NULL ? challenge->validation : "", advice != NULL ? "; " : "",
        advice != NULL ? advice : "");
    err->problem = apr_pstrdup(pool, challenge->error->type);
    return err;
}

/* Several names may have failed: the first explanation takes the place of the order's own error, the
 * others are added to its text. */
static void add_explanation(acme_issuance_t *run, const acme_err_t *err)
{
    acme_err_t *sum = run->record->err;
    issuance_note(run, "error", "%s%s", err->text, issuance__where(run, run->step_pool));
    if (run->explanations++ == 0 || sum == NULL) {
        run->record->err = acme_err_copy(run->pool, err);
    } else if (strlen(sum->text) < 2000 && strstr(sum->text, err->text) == NULL) {
        sum->text = apr_pstrcat(run->pool, sum->text, "; ", err->text, NULL);
        sum->problem = sum->problem != NULL ? sum->problem : apr_pstrdup(run->pool, err->problem);
    }
}

static void leave_explain(acme_issuance_t *run)
{
    if (issuance_is_waiting(run) || run->due != 0) {
        return; /* some are still to be heard, or asked again */
    }
    if (run->record->err == NULL) {
        run->record->err = acme_err_make(run->pool, ACME_ERR_REFUSED,
                                         "the CA gave the order up and did not say why");
    }
    issuance_goto(run, ACME_STEP_CLEAN, 0);
}

int issuance__is_about_name(const acme_problem_t *problem)
{
    static const char *const others[] = {"serverInternal",     "rateLimited",
                                         "userActionRequired", "externalAccountRequired",
                                         "accountDoesNotExist", "badNonce"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); ++i) {
        if (acme_problem_is(problem, others[i])) {
            return 0;
        }
    }
    return 1;
}

static void hear_failure(acme_issuance_t *run, authorization_t *authorization,
                         const acme_authorization_t *heard)
{
    const acme_challenge_t *challenge = failed_challenge(heard);
    const char *name = issuance__name(authorization, run->step_pool);
    acme_err_t *err = explain_failure(heard, name, run->step_pool);
    if (challenge != NULL) {
        authorization->failed_type = apr_pstrdup(run->pool, challenge->type);
    }
    if (heard->status == ACME_AUTHORIZATION_INVALID &&
        (challenge == NULL || issuance__is_about_name(challenge->error))) {
        acme_record_refused(run->record, name, err->text, run->pool);
    }
    add_explanation(run, err);
}

static void hear_explanation(acme_issuance_t *run, authorization_t *authorization,
                             const acme_answer_t *answer)
{
    acme_authorization_t *heard;
    authorization->is_explained = 1;
    if (answer->err == NULL &&
        acme_authorization_parse(&heard, answer->exchange->answer, answer->exchange->answer_len,
                                 run->step_pool) == NULL) {
        take_identifier(run, authorization, heard->identifier);
        authorization->is_done = heard->status == ACME_AUTHORIZATION_VALID;
        if (!authorization->is_done &&
            (heard->status != ACME_AUTHORIZATION_PENDING || failed_challenge(heard) != NULL)) {
            hear_failure(run, authorization, heard);
        }
    }
    leave_explain(run);
}

/* What has an error of another kind needs no more words from the CA. */
static int is_explained(const acme_issuance_t *run)
{
    return run->record->err != NULL && run->record->err->errclass != ACME_ERR_REFUSED;
}

void issuance__explain(acme_issuance_t *run)
{
    for (int i = 0; !is_explained(run) && i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization = authorization_at(run, i);
        if (!authorization->is_done && !authorization->is_explained &&
            !is_asked(run, authorization)) {
            issuance_ask(run, authorization, authorization->url, "",
                         "asking why the order failed of", hear_explanation);
        }
    }
    leave_explain(run);
}
