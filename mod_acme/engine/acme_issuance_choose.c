/* How each name is to be proved: the choice among the challenges that the CA offers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The first type that is offered and works here is taken, in the order that policy says. Where others
 * have to have published something (dns-persist-01), that is looked for first, and the type is passed
 * over if it is missing; if no other type can be used, the run waits for it, looking again and again.
 */
#include "acme_issuance_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_authorization.h"
#include "acme/acme_directory.h"
#include "acme/acme_job.h"
#include "acme/acme_persist.h"
#include "acme/acme_policy.h"
#include "acme/acme_standing.h"
#include "acme/acme_text.h"

typedef acme_record_authorization_t authorization_t;

/* Between two looks at what a hand must set: doubled from the first to the second. */
#define LOOK_MIN (5 * ACME_TIME_SECOND)
#define LOOK_MAX ACME_TIME_MINUTE
/* A hand is not waited for longer, nor beyond this before the authorization ends. */
#define PATIENCE ACME_TIME_DAY
#define EXPIRY_MARGIN (2 * ACME_TIME_MINUTE)

/* What came of looking at one authorization. */
typedef struct {
    const acme_challenge_t *taken; /* NULL: none yet */
    apr_time_t poll_at;            /* a look is under way; 0: none is */
    const char *missing;           /* what others have not published, a sentence; NULL: nothing */
    const char *refused;           /* what cannot even be looked for, likewise */
} choice_t;

/* ---- what there is to choose from */

acme_solver_t *issuance__solver(const acme_issuance_t *run, const char *type)
{
    for (int i = 0; i < run->host->solvers->nelts; ++i) {
        acme_solver_t *solver = APR_ARRAY_IDX(run->host->solvers, i, acme_solver_t *);
        if (strcmp(solver->type, type) == 0) {
            return solver;
        }
    }
    return NULL;
}

const char *issuance__name(const authorization_t *authorization, apr_pool_t *pool)
{
    const char *name = acme_record_name(authorization, pool);
    return name != NULL ? name : "an unknown name";
}

static char *offered_types(const acme_authorization_t *heard, apr_pool_t *pool)
{
    apr_array_header_t *types = apr_array_make(pool, 4, sizeof(const char *));
    for (int i = 0; i < heard->challenges->nelts; ++i) {
        APR_ARRAY_PUSH(types, const char *) = acme_text_clean(
            APR_ARRAY_IDX(heard->challenges, i, const acme_challenge_t *)->type, 40, pool);
    }
    return acme_text_join(types, ", ", pool);
}

/* After a crash: what was published before is gone on with, as long as the CA offers it. */
static const acme_challenge_t *published_challenge(const acme_issuance_t *run,
                                                   const authorization_t *authorization)
{
    if (!authorization->is_published || authorization->challenge_type == NULL ||
        issuance__solver(run, authorization->challenge_type) == NULL) {
        return NULL;
    }
    const acme_challenge_t *challenge =
        acme_authorization_challenge(authorization->heard, authorization->challenge_type);
    return challenge != NULL && challenge->token != NULL && authorization->token != NULL &&
                   strcmp(challenge->token, authorization->token) == 0
               ? challenge
               : NULL;
}

/* The job is asked once in a run: what worked, what failed. */
static const apr_array_header_t *types_to_try(acme_issuance_t *run, const char *name)
{
    if (run->job == NULL) {
        run->job = acme_job_read(run->host->store, run->domain->folder, run->pool);
    }
    return acme_policy_challenge_types(run->domain->challenge_types, name, run->job,
                                       issuance_now(run), run->step_pool);
}

/* ---- what others must have published */

static int is_among(const apr_array_header_t *words, const char *word)
{
    for (int i = 0; i < words->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(words, i, const char *), word) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Draft -02: all issuers are in the directory, and the account is a hash, bound to the name or not. */
static const apr_array_header_t *hashed_accounts(const acme_issuance_t *run,
                                                 const acme_identifier_t *identifier,
                                                 const acme_challenge_t *challenge)
{
    const acme_directory_t *directory = acme_session_directory(run->session);
    const char *thumbprint = acme_session_thumbprint(run->session);
    const char *url = acme_session_account_url(run->session);
    apr_array_header_t *accounts = apr_array_make(run->step_pool, 2, sizeof(const char *));
    if (directory == NULL || directory->account_hash_prefix == NULL || url == NULL) {
        return accounts;
    }
    for (int i = 0; i < challenge->issuers->nelts; ++i) {
        if (!is_among(directory->issuer_domain_names,
                      APR_ARRAY_IDX(challenge->issuers, i, const char *))) {
            return accounts;
        }
    }
    const char *const domains[] = {identifier->value, "*"};
    for (int i = 0; i < 2; ++i) {
        APR_ARRAY_PUSH(accounts, const char *) = acme_persist_account_hash(
            directory->account_hash_prefix, domains[i], thumbprint, url, run->step_pool);
    }
    return accounts;
}

/* Drafts -00 and -01: the account's URL, in the CA's own words if it says it. */
static const apr_array_header_t *plain_accounts(const acme_issuance_t *run,
                                                const acme_challenge_t *challenge)
{
    const char *url = challenge->account_uri != NULL ? challenge->account_uri
                                                     : acme_session_account_url(run->session);
    apr_array_header_t *accounts = apr_array_make(run->step_pool, 1, sizeof(const char *));
    if (url != NULL) {
        APR_ARRAY_PUSH(accounts, const char *) = url;
    }
    return accounts;
}

/* NULL where the CA does not say enough. */
static const acme_persist_demand_t *demand_of(const acme_issuance_t *run,
                                              const acme_identifier_t *identifier,
                                              const acme_challenge_t *challenge)
{
    acme_persist_demand_t *demand = apr_pcalloc(run->step_pool, sizeof(*demand));
    demand->issuers = challenge->issuers;
    demand->accounts = challenge->has_account_hash ? hashed_accounts(run, identifier, challenge)
                                                   : plain_accounts(run, challenge);
    demand->is_wildcard = identifier->is_wildcard;
    return demand->issuers->nelts > 0 && demand->accounts->nelts > 0 ? demand : NULL;
}

/* ---- looking */

/* Told in the log, the status and the history of the run. */
static void tell_prospect(acme_issuance_t *run, authorization_t *authorization,
                          const acme_prospect_t *prospect)
{
    const char *name = issuance__name(authorization, run->step_pool);
    acme_err_t *err = acme_standing_hear(run->host->store, run->domain, name, prospect,
                                         run->step_pool);
    if (err != NULL) {
        run->host->store_trouble(run->host->baton, err); /* it is found out again */
    }
    if (!prospect->is_met && authorization->looks == 0) {
        issuance_note(run, "challenge", "%s: the DNS record %s is needed for " ACME_PERSIST_TYPE
                      ", and %s", name,
                      acme_persist_line(prospect->name, prospect->value, run->step_pool),
                      prospect->why);
    }
}

static void put_off_look(const acme_issuance_t *run, authorization_t *authorization)
{
    apr_interval_time_t pause = LOOK_MIN;
    for (int i = 0; i < authorization->looks && pause < LOOK_MAX; ++i) {
        pause *= 2;
    }
    ++authorization->looks;
    authorization->look_at = issuance_now(run) + (pause < LOOK_MAX ? pause : LOOK_MAX);
}

/* Looks whether @a challenge can be met. */
static void look(choice_t *choice, acme_issuance_t *run, authorization_t *authorization,
                 const acme_challenge_t *challenge, const acme_solver_t *solver)
{
    acme_prospect_t *prospect;
    const acme_proof_t proof = {.type = challenge->type,
                                .identifier = authorization->identifier,
                                .persist = demand_of(run, authorization->identifier, challenge)};
    if (issuance_now(run) < authorization->look_at) {
        choice->missing = authorization->missing;
        return;
    }
    acme_err_t *err =
        solver->foresee(&prospect, &choice->poll_at, solver->baton, &proof, run->step_pool);
    if (err != NULL) {
        choice->refused = err->text;
        return;
    }
    if (prospect == NULL) {
        return;
    }
    choice->poll_at = 0;
    tell_prospect(run, authorization, prospect);
    if (prospect->is_met) {
        choice->taken = challenge;
        return;
    }
    const char *missing =
        apr_psprintf(run->step_pool, "%s needs the DNS record %s, and %s", challenge->type,
                     acme_persist_line(prospect->name, prospect->value, run->step_pool),
                     prospect->why);
    if (authorization->missing == NULL || strcmp(authorization->missing, missing) != 0) {
        authorization->missing = apr_pstrdup(run->pool, missing); /* said each minute for a day */
    }
    choice->missing = authorization->missing;
    put_off_look(run, authorization);
}

/* ---- choosing */

static void try_type(choice_t *choice, acme_issuance_t *run, authorization_t *authorization,
                     const char *type)
{
    const acme_challenge_t *challenge = acme_authorization_challenge(authorization->heard, type);
    const acme_solver_t *solver = issuance__solver(run, type);
    if (challenge == NULL || solver == NULL) {
        return;
    }
    if (solver->foresee != NULL && run->record->is_rehearsal) {
        return; /* what stands for the account with the CA proves nothing at its test environment */
    }
    if (solver->foresee != NULL) {
        look(choice, run, authorization, challenge, solver);
    } else if (challenge->token != NULL) {
        choice->taken = challenge;
    }
}

static choice_t choose(acme_issuance_t *run, authorization_t *authorization)
{
    choice_t choice = {.taken = published_challenge(run, authorization)};
    const apr_array_header_t *types =
        types_to_try(run, issuance__name(authorization, run->step_pool));
    for (int i = 0; i < types->nelts && choice.taken == NULL && choice.poll_at == 0; ++i) {
        try_type(&choice, run, authorization, APR_ARRAY_IDX(types, i, const char *));
    }
    return choice;
}

static void take(acme_issuance_t *run, authorization_t *authorization,
                 const acme_challenge_t *challenge)
{
    authorization->heard = NULL;
    authorization->challenge_type = apr_pstrdup(run->pool, challenge->type);
    authorization->challenge_url = apr_pstrdup(run->pool, challenge->url);
    authorization->token =
        apr_pstrdup(run->pool, challenge->token != NULL ? challenge->token : "");
}

static acme_err_t *nothing_works(const acme_issuance_t *run, const authorization_t *authorization,
                                 const choice_t *choice)
{
    const char *name = issuance__name(authorization, run->step_pool);
    const char *why = choice->missing != NULL ? choice->missing : choice->refused;
    if (why != NULL) {
        return acme_err_make(run->step_pool, ACME_ERR_CONFIG,
                             "no challenge of %s can be met: %s", name, why);
    }
    return acme_err_make(run->step_pool, ACME_ERR_CONFIG,
                         "none of the challenge types that work here (%s) is offered for %s: "
                         "the CA offers %s; see ACMECAChallenges",
                         acme_text_join(run->domain->challenge_types, ", ", run->step_pool), name,
                         offered_types(authorization->heard, run->step_pool));
}

static int is_patient(const acme_issuance_t *run, const authorization_t *authorization)
{
    apr_time_t now = issuance_now(run);
    return now < run->record->started + PATIENCE &&
           (authorization->expires == 0 || now < authorization->expires - EXPIRY_MARGIN);
}

acme_err_t *issuance__choose(acme_issuance_t *run, apr_time_t *wait_until)
{
    *wait_until = 0;
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        authorization_t *authorization =
            APR_ARRAY_IDX(run->record->authorizations, i, authorization_t *);
        if (authorization->heard == NULL) {
            continue;
        }
        choice_t choice = choose(run, authorization);
        if (choice.taken != NULL) {
            take(run, authorization, choice.taken);
            continue;
        }
        if (choice.poll_at == 0 && (choice.missing == NULL || !is_patient(run, authorization))) {
            return nothing_works(run, authorization, &choice);
        }
        apr_time_t at = choice.poll_at != 0 ? choice.poll_at : authorization->look_at;
        *wait_until = *wait_until == 0 || at < *wait_until ? at : *wait_until;
    }
    return NULL;
}
