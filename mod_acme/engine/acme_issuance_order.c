/* The steps of an issuance about the order itself: ORDER, POLL, FINALIZE, STAGE.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_issuance_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_csr.h"
#include "acme/acme_generation.h"
#include "acme/acme_json.h"
#include "acme/acme_key_file.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

/* ---- the order object, wherever it comes from ---- */

static acme_err_t *take_order(acme_issuance_t *run, const acme_exchange_t *exchange)
{
    apr_pool_clear(run->order_pool);
    run->order = NULL;
    return acme_order_parse(&run->order, exchange->answer, exchange->answer_len, run->order_pool);
}

static const char *keep(acme_issuance_t *run, const char *known, const char *heard)
{
    if (heard == NULL || (known != NULL && strcmp(known, heard) == 0)) {
        return known;
    }
    return apr_pstrdup(run->pool, heard);
}

static void take_urls(acme_issuance_t *run)
{
    run->record->finalize_url = keep(run, run->record->finalize_url, run->order->finalize);
    run->record->certificate_url = keep(run, run->record->certificate_url, run->order->certificate);
}

/* RFC 8555 section 6.7.1: what the CA pins on one name or other. */
static void note_refused(acme_issuance_t *run, const acme_problem_t *problem)
{
    for (int i = 0; problem != NULL && i < problem->subproblems->nelts; ++i) {
        const acme_problem_t *part = APR_ARRAY_IDX(problem->subproblems, i, const acme_problem_t *);
        if (part->identifier != NULL && issuance__is_about_name(part)) {
            acme_record_refused(run->record, part->identifier,
                                acme_problem_text(part, run->step_pool), run->pool);
        }
    }
}

/* An order is refused, or its request for a certificate; one that is only to wait blames no name. */
static void fail_with_answer(acme_issuance_t *run, const acme_answer_t *answer,
                             const acme_err_t *err)
{
    if (answer->retry_at == 0) {
        note_refused(run, answer->problem);
    }
    issuance_fail(run, err);
}

/* ---- ORDER ---- */

static void take_authorizations(acme_issuance_t *run)
{
    const apr_array_header_t *urls = run->order->authorizations;
    apr_array_clear(run->record->authorizations);
    for (int i = 0; i < urls->nelts; ++i) {
        acme_record_authorization_t *authorization =
            apr_pcalloc(run->pool, sizeof(*authorization));
        authorization->url = apr_pstrdup(run->pool, APR_ARRAY_IDX(urls, i, const char *));
        APR_ARRAY_PUSH(run->record->authorizations, acme_record_authorization_t *) = authorization;
    }
}

/* That the CA refuses to have something replaced is no reason not to get a certificate: without the
 * word it is an order like any other. What else the CA says (its limits, its terms) stands by itself. */
int issuance__is_about_replaces(const acme_issuance_t *run, const acme_answer_t *answer)
{
    static const char *const others[] = {"rateLimited", "badNonce", "userActionRequired",
                                         "accountDoesNotExist"};
    if (run->record->step != ACME_STEP_ORDER || !run->has_replaces || answer->problem == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); ++i) {
        if (acme_problem_is(answer->problem, others[i])) {
            return 0;
        }
    }
    int status = answer->exchange->status;
    return status == 400 || status == 403 || status == 404 || status == 409 || status == 500;
}

static void order_without_replaces(acme_issuance_t *run, const acme_err_t *err)
{
    acme_env_log(run->host->env, ACME_LOG_INFO,
                 "%s: %s; it is ordered without saying which certificate it replaces",
                 run->domain->name, err->text);
    run->without_replaces = 1;
    issuance_stay(run, issuance_now(run));
}

static void hear_new_order(acme_issuance_t *run, acme_record_authorization_t *authorization,
                           const acme_answer_t *answer)
{
    (void)authorization;
    acme_err_t *err = answer->err;
    const char *location = NULL;
    if (err != NULL && issuance__is_about_replaces(run, answer)) {
        order_without_replaces(run, err);
        return;
    }
    if (err == NULL) {
        location = acme_exchange_header(answer->exchange, "Location");
        if (location == NULL || !acme_json_url_ok(location)) {
            err = acme_err_make(run->step_pool, ACME_ERR_INPUT,
                                "the CA made an order but did not say where (no usable Location)");
        }
    }
    if (err == NULL) {
        err = take_order(run, answer->exchange);
    }
    if (err != NULL) {
        fail_with_answer(run, answer, err);
        return;
    }
    run->record->order_url = apr_pstrdup(run->pool, location);
    run->record->account_url = keep(run, NULL, acme_session_account_url(run->session));
    take_urls(run);
    take_authorizations(run);
    issuance_note(run, "order", "ordered at %s: %s", acme_session_ca(run->session)->name, location);
    issuance_goto(run, ACME_STEP_AUTHORIZE, 0);
}

/* RFC 9773 section 5: to the CA and the account that issued it, while it is valid, and only for names
 * that it has. NULL if there is none such. */
static const char *replaced_certid(const acme_issuance_t *run,
                                   const acme_generation_facts_t *facts, const char *account_url)
{
    const acme_generation_fact_t *fact =
        facts != NULL ? acme_generation_fact(facts, run->record->spec.type) : NULL;
    if (fact == NULL || fact->ca_url == NULL || fact->account_url == NULL ||
        strcmp(fact->ca_url, run->record->ca_url) != 0 ||
        strcmp(fact->account_url, account_url) != 0 || fact->not_after <= issuance_now(run)) {
        return NULL;
    }
    for (int i = 0; i < run->record->identifiers->nelts; ++i) {
        if (acme_identifiers_contain(
                fact->identifiers,
                APR_ARRAY_IDX(run->record->identifiers, i, const acme_identifier_t *))) {
            return fact->certid;
        }
    }
    return NULL;
}

/* The certificate in use that this order is to replace; what cannot be read is replaced without a word. */
static const char *replaces(acme_issuance_t *run, const acme_directory_t *directory,
                            const char *account_url, apr_pool_t *pool)
{
    acme_generation_facts_t *facts;
    if (run->without_replaces || run->record->is_rehearsal || run->domain->is_renewal_info_off ||
        directory->renewal_info == NULL ||
        acme_generation_facts_read(&facts, run->host->store, run->domain->folder, pool) != NULL) {
        return NULL;
    }
    return replaced_certid(run, facts, account_url);
}

/* As the CA spells it; NULL where it does not offer the profile. */
static const char *offered_profile(const acme_directory_t *directory, const char *profile)
{
    for (int i = 0; i < directory->profiles->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(directory->profiles, i, const char *);
        if (acme_text_equal_nocase(name, profile)) {
            return name;
        }
    }
    return NULL;
}

static acme_err_t *choose_profile(const char **profile, acme_issuance_t *run,
                                  const acme_directory_t *directory, apr_pool_t *pool)
{
    const acme_domain_t *domain = run->domain;
    const acme_ca_t *ca = acme_session_ca(run->session);
    *profile = NULL;
    if (domain->profile == NULL) {
        return NULL;
    }
    *profile = offered_profile(directory, domain->profile);
    if (*profile != NULL || run->record->is_rehearsal) {
        return NULL; /* a test environment may offer less than its CA */
    }
    const char *offer = directory->profiles->nelts == 0
                            ? "it offers none"
                            : apr_pstrcat(pool, "it offers ",
                                          acme_text_join(directory->profiles, ", ", pool), NULL);
    if (domain->is_profile_mandatory) {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "%s has no profile %s (%s), and ACMEProfileMandatory is on: correct "
                             "ACMEProfile",
                             ca->name, domain->profile, offer);
    }
    acme_env_log(run->host->env, ACME_LOG_WARNING,
                 "%s: %s has no profile %s (%s); the certificate is ordered without one",
                 domain->name, ca->name, domain->profile, offer);
    return NULL;
}

acme_err_t *issuance__compose_order(const char **payload, acme_issuance_t *run,
                                    const acme_directory_t *directory, const char *account_url,
                                    apr_pool_t *pool)
{
    acme_order_request_t request = {.identifiers = run->record->identifiers};
    ACME_TRY(choose_profile(&request.profile, run, directory, pool));
    request.replaces = replaces(run, directory, account_url, pool);
    run->has_replaces = request.replaces != NULL;
    run->record->profile = keep(run, run->record->profile, run->domain->profile);
    run->record->must_staple =
        run->domain->must_staple && !acme_session_ca(run->session)->is_without_must_staple;
    *payload = acme_order_request(&request, pool);
    return NULL;
}

void issuance__order(acme_issuance_t *run)
{
    issuance_ask_order(run, hear_new_order);
}

/* ---- POLL ---- */

static void wait_for_order(acme_issuance_t *run, int is_processing)
{
    apr_time_t now = issuance_now(run);
    if (run->record->polling_since > now) {
        run->record->polling_since = now; /* the clock was set back */
    }
    if (acme_policy_poll_is_over(run->record->polling_since, is_processing, now)) {
        issuance_fail(run, acme_err_make(run->step_pool, ACME_ERR_REFUSED,
                                         "%s did not come to an end with the order in time",
                                         acme_session_ca(run->session)->name));
        return;
    }
    apr_interval_time_t *estimate = acme_session_estimate(run->session, is_processing);
    if (run->polls > 0) {
        *estimate = acme_policy_poll_in_vain(*estimate, now - run->record->polling_since, run->polls);
    }
    issuance_stay(run, acme_policy_poll_at(run->polls, run->retry_at, *estimate, now));
    ++run->polls;
}

static void learn_estimate(acme_issuance_t *run, int is_issuance)
{
    if (run->polls == 0) {
        return; /* it was there without being waited for */
    }
    apr_interval_time_t *estimate = acme_session_estimate(run->session, is_issuance);
    *estimate = acme_policy_poll_estimate(
        *estimate, issuance_now(run) - run->record->polling_since, run->polls - 1);
}

/* The order's own error is often no more than "an authorization failed": unless it is about something
 * that only the administrator can mend, EXPLAIN asks the authorizations for more. */
static void take_order_error(acme_issuance_t *run, const acme_order_t *order)
{
    if (order->error == NULL) {
        return;
    }
    acme_err_t *err =
        acme_problem_err(order->error, 0, "issuing the certificate", run->step_pool);
    if (!acme_problem_is(order->error, "caa") &&
        !acme_problem_is(order->error, "rejectedIdentifier")) {
        err->errclass = ACME_ERR_REFUSED;
    }
    run->record->err = acme_err_copy(run->pool, err);
    note_refused(run, order->error);
}

/* So often the CSR is sent to a CA that takes it and then still wants it. */
#define FINALIZE_MAX 8

/* Ready after it was finalized: perhaps the order is only slow to tell, perhaps it never will. */
static void finalize(acme_issuance_t *run)
{
    apr_time_t not_before = 0;
    if (run->finalized >= FINALIZE_MAX) {
        issuance_fail(run, acme_err_make(run->step_pool, ACME_ERR_INPUT,
                                         "%s takes the request for the certificate and goes on "
                                         "asking for it",
                                         acme_session_ca(run->session)->name));
        return;
    }
    if (run->finalized > 0) {
        not_before = acme_policy_poll_at(run->finalized + 5, run->retry_at, 0, issuance_now(run));
    }
    issuance_goto(run, ACME_STEP_FINALIZE, not_before);
}

/* All names are validated (RFC 8555 section 7.1.6), and no more was to be found out. */
static void pass_rehearsal(acme_issuance_t *run)
{
    for (int i = 0; i < run->record->authorizations->nelts; ++i) {
        APR_ARRAY_IDX(run->record->authorizations, i, acme_record_authorization_t *)->is_done = 1;
    }
    issuance_goto(run, ACME_STEP_CLEAN, 0);
}

/* RFC 8555 section 7.1.6 */
static void judge_order(acme_issuance_t *run)
{
    acme_order_t *order = run->order;
    run->order = NULL;
    if (run->record->is_rehearsal &&
        (order->status == ACME_ORDER_READY || order->status == ACME_ORDER_PROCESSING ||
         order->status == ACME_ORDER_VALID)) {
        learn_estimate(run, 0);
        pass_rehearsal(run);
        return;
    }
    switch (order->status) {
    case ACME_ORDER_PENDING:
        wait_for_order(run, 0);
        break;
    case ACME_ORDER_READY:
        learn_estimate(run, 0);
        finalize(run);
        break;
    case ACME_ORDER_PROCESSING:
        wait_for_order(run, 1);
        break;
    case ACME_ORDER_VALID:
        learn_estimate(run, 1);
        issuance_goto(run, ACME_STEP_DOWNLOAD, 0);
        break;
    case ACME_ORDER_INVALID:
    case ACME_ORDER_UNKNOWN:
        take_order_error(run, order);
        issuance_goto(run, ACME_STEP_EXPLAIN, 0);
        break;
    }
}

static void hear_order(acme_issuance_t *run, acme_record_authorization_t *authorization,
                       const acme_answer_t *answer)
{
    (void)authorization;
    acme_err_t *err = answer->err;
    if (err == NULL) {
        err = take_order(run, answer->exchange);
    }
    if (err != NULL && err->errclass == ACME_ERR_WAIT) {
        issuance_try_again(run, err);
        return;
    }
    if (err != NULL) {
        issuance_fail(run, err);
        return;
    }
    run->tries = 0;
    run->retry_at = answer->retry_at;
    take_urls(run);
    judge_order(run);
}

void issuance__poll(acme_issuance_t *run)
{
    if (run->order != NULL) {
        judge_order(run);
    } else if (run->waits_first) {
        run->waits_first = 0;
        wait_for_order(run, 0);
    } else {
        issuance_ask(run, NULL, run->record->order_url, "", "asking for the order of", hear_order);
    }
}

/* ---- FINALIZE ---- */

const char *issuance__key_path(const acme_issuance_t *run)
{
    return acme_store_path(run->step_pool, "staging", run->domain->folder, "privkey");
}

static int is_wanted_key(const acme_issuance_t *run, const acme_key_t *key)
{
    acme_key_spec_t spec;
    acme_key_spec(&spec, key);
    return spec.type == run->record->spec.type && spec.bits == run->record->spec.bits;
}

/* The key of this order: made once, on disk before the CA hears of it. */
static acme_err_t *order_key(acme_key_t **key, acme_issuance_t *run)
{
    ACME_TRY(acme_key_file_read(key, run->host->store, issuance__key_path(run), run->step_pool));
    if (*key != NULL && is_wanted_key(run, *key)) {
        return NULL;
    }
    ACME_TRY(run->host->generate_key(key, &run->record->spec, run->step_pool));
    return acme_key_file_write(run->host->store, issuance__key_path(run), *key, run->step_pool);
}

static void hear_finalize(acme_issuance_t *run, acme_record_authorization_t *authorization,
                          const acme_answer_t *answer)
{
    (void)authorization;
    if (answer->err != NULL && answer->err->errclass == ACME_ERR_WAIT) {
        issuance_try_again(run, answer->err); /* the order stays ready */
        return;
    }
    ++run->finalized;
    run->order = NULL;
    run->polls = 0;
    run->record->polling_since = issuance_now(run);
    if (answer->err == NULL) {
        acme_err_t *err = take_order(run, answer->exchange);
        if (err != NULL) {
            run->order = NULL; /* what the CA made of it, the order will tell when asked */
        } else {
            take_urls(run);
            run->retry_at = answer->retry_at;
        }
    } else if (answer->problem == NULL || !acme_problem_is(answer->problem, "orderNotReady")) {
        fail_with_answer(run, answer, answer->err);
        return;
    }
    issuance_goto(run, ACME_STEP_POLL, 0);
}

static acme_err_t *make_csr(char **csr, acme_issuance_t *run)
{
    acme_key_t *key;
    ACME_TRY(order_key(&key, run));
    return acme_csr_make(csr, run->record->identifiers, run->record->must_staple, key,
                         run->step_pool);
}

void issuance__finalize(acme_issuance_t *run)
{
    char *csr;
    acme_err_t *err = make_csr(&csr, run);
    if (err != NULL && err->errclass == ACME_ERR_STORE) {
        run->host->store_trouble(run->host->baton, err);
        issuance_try_again(run, err);
    } else if (err != NULL) {
        issuance_fail(run, err);
    } else if (run->record->finalize_url == NULL) {
        issuance_fail(run, acme_err_make(run->step_pool, ACME_ERR_INPUT,
                                         "the order has no finalize URL"));
    } else {
        issuance_ask(run, NULL, run->record->finalize_url,
                     acme_order_finalize_request(csr, run->step_pool), "finalizing the order of",
                     hear_finalize);
    }
}

/* ---- STAGE ---- */

static int is_configured(const acme_domain_t *domain, acme_key_type_t type)
{
    for (int i = 0; i < domain->key_specs->nelts; ++i) {
        if (APR_ARRAY_IDX(domain->key_specs, i, acme_key_spec_t).type == type) {
            return 1;
        }
    }
    return 0;
}

/* Certificates of the other key types go on into the new generation. */
static acme_err_t *carry_over(apr_array_header_t *certificates, acme_issuance_t *run,
                              const acme_generation_facts_t *facts)
{
    acme_generation_t *generation = NULL;
    if (facts != NULL && run->domain->key_specs->nelts > 1) {
        ACME_TRY(acme_generation_read(&generation, run->host->store, run->domain->folder,
                                      facts->number, run->step_pool));
    }
    for (int i = 0; generation != NULL && i < generation->certificates->nelts; ++i) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        if (certificate->type != run->record->spec.type &&
            is_configured(run->domain, certificate->type)) {
            APR_ARRAY_PUSH(certificates, acme_generation_certificate_t) = *certificate;
        }
    }
    return NULL;
}

static acme_err_t *make_generation(acme_generation_t *generation, acme_issuance_t *run,
                                   const acme_chain_t *chain, const acme_generation_facts_t *facts)
{
    acme_key_t *key;
    ACME_TRY(acme_key_file_read(&key, run->host->store, issuance__key_path(run), run->step_pool));
    if (key == NULL) {
        return acme_err_make(run->step_pool, ACME_ERR_GONE,
                             "the key of the order is lost; a new order is made");
    }
    apr_array_header_t *certificates =
        apr_array_make(run->step_pool, 2, sizeof(acme_generation_certificate_t));
    acme_err_t *err = carry_over(certificates, run, facts);
    if (err != NULL && err->errclass != ACME_ERR_STORE) {
        acme_env_log(run->host->env, ACME_LOG_WARNING,
                     "%s: the generation before cannot be read: %s", run->domain->name, err->text);
    } else {
        ACME_TRY(err);
    }
    acme_generation_certificate_t *certificate =
        &APR_ARRAY_PUSH(certificates, acme_generation_certificate_t);
    certificate->type = run->record->spec.type;
    certificate->chain = chain;
    certificate->key = key;
    certificate->ca_url = run->record->ca_url;
    certificate->account_url = run->record->account_url;
    certificate->profile = run->record->profile;
    certificate->must_staple = run->record->must_staple;
    certificate->made = issuance_now(run);
    generation->certificates = certificates;
    generation->made = issuance_now(run);
    ACME_TRY(acme_generation_next(&generation->number, run->host->store, run->domain->folder,
                                  run->step_pool));
    apr_uint64_t served = run->host->served(run->host->baton, run->domain);
    generation->number = generation->number > served ? generation->number : served + 1;
    return NULL;
}

static void tell_staged(acme_issuance_t *run, const acme_chain_t *chain)
{
    const char *until = acme_time_rfc3339(chain->not_after, run->step_pool);
    issuance_note(run, "finished", "new certificate (%s) until %s, serial %s",
                  acme_key_spec_text(&run->record->spec, run->step_pool), until, chain->serial);
    acme_env_log(run->host->env, ACME_LOG_NOTICE,
                 "%s: new certificate (%s) from %s for %s, valid until %s, serial %s",
                 run->domain->name, acme_key_spec_text(&run->record->spec, run->step_pool),
                 acme_text_clean(chain->issuer_name, 100, run->step_pool),
                 acme_identifiers_text(run->record->identifiers, 5, run->step_pool), until,
                 chain->serial);
}

/* The chain of the record, which a process before may have heard. */
static acme_err_t *read_chain(acme_issuance_t *run)
{
    acme_chain_t *chain;
    const char *pem = run->record->chain != NULL ? run->record->chain : "";
    ACME_TRY(acme_chain_parse(&chain, pem, strlen(pem), run->pool));
    run->chain = chain;
    return NULL;
}

static acme_err_t *stage(acme_issuance_t *run)
{
    if (run->chain == NULL) {
        ACME_TRY(read_chain(run));
    }
    const acme_chain_t *chain = run->chain;
    acme_generation_facts_t *facts = NULL;
    acme_err_t *err = acme_generation_facts_read(&facts, run->host->store, run->domain->folder,
                                                 run->step_pool);
    if (err != NULL && err->errclass != ACME_ERR_INPUT) {
        return err; /* what is damaged is written anew, what cannot be read now may be whole */
    }
    const acme_generation_fact_t *fact =
        facts != NULL ? acme_generation_fact(facts, run->record->spec.type) : NULL;
    if (fact != NULL && strcmp(fact->sha256, chain->sha256) == 0) {
        run->host->staged(run->host->baton, run->domain, facts->number); /* before a crash of ours */
        return NULL;
    }
    acme_generation_t generation;
    ACME_TRY(make_generation(&generation, run, chain, facts));
    ACME_TRY(acme_generation_write(run->host->store, run->domain->folder, &generation,
                                   run->step_pool));
    tell_staged(run, chain);
    run->host->staged(run->host->baton, run->domain, generation.number);
    return NULL;
}

void issuance__stage(acme_issuance_t *run)
{
    acme_err_t *err = stage(run);
    if (err != NULL && err->errclass == ACME_ERR_STORE) {
        run->host->store_trouble(run->host->baton, err);
        ++run->tries; /* never given up: the certificate is here, it only has no place yet */
        issuance_stay(run, acme_policy_retry_at(err, run->tries < 8 ? run->tries : 8,
                                                run->host->retry_delay, issuance_now(run), 0.5));
    } else if (err != NULL) {
        issuance_fail(run, err);
    } else {
        issuance_goto(run, ACME_STEP_CLEAN, 0);
    }
}
