/* What is to be done for a domain: a run, a question, or nothing until some moment.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything is read anew from the store; policy decides, and here it is done.
 */
#include "acme_engine_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_generation.h"
#include "acme/acme_job.h"
#include "acme/acme_policy.h"
#include "acme/acme_renewal.h"
#include "acme/acme_standing.h"

/* ---- a run ---- */

/* That the CA wanted it so early is remembered until the certificate is replaced. */
static void mark_hastened(acme_engine_t *engine, const acme_domain_t *domain, const acme_due_t *due,
                          acme_renewal_t *renewal, apr_pool_t *pool)
{
    acme_renewal_certificate_t *certificate = acme_renewal_find(renewal, due->certid);
    if (certificate == NULL || certificate->is_hastened == due->is_hastened) {
        return;
    }
    certificate->is_hastened = due->is_hastened;
    acme_err_t *err =
        acme_renewal_write(engine->config.store, domain->folder, domain->name, renewal, pool);
    if (err != NULL) {
        acme_engine__store_trouble(engine, err);
    }
}

/* The tokens of its names are taken; the account's is taken when the order is sent. */
static void take_claim(acme_engine_t *engine, entry_t *entry)
{
    const acme_record_t *record = acme_issuance_record(entry->run);
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    acme_budget_take_names(acme_session_budget(acme_issuance_session(entry->run)), record->claim,
                           record->identifiers, acme_env_now(engine->config.env), pool);
    entry->has_claim = 1;
    apr_pool_destroy(pool);
}

static void tell_choice(const acme_engine_t *engine, const acme_domain_t *domain,
                        const acme_ca_t *ca, const acme_due_t *due, apr_pool_t *pool)
{
    if (acme_domain_find_test(domain, ca->directory_url) != NULL) {
        acme_env_log(
            engine->config.env, ACME_LOG_INFO,
            "%s: since a validation failed, the next try is made at %s, a test environment",
            domain->name, ca->name);
        return;
    }
    if (ca != domain->ca) {
        acme_env_log(engine->config.env, ACME_LOG_NOTICE, "%s: %s is asked, since %s failed",
                     domain->name, ca->name, domain->ca->name);
    }
    acme_env_log(engine->config.env, ACME_LOG_INFO, "%s: a certificate (%s) is ordered from %s: %s",
                 domain->name, acme_key_spec_text(due->spec, pool), ca->name,
                 acme_policy_due_text(due->reason));
}

static void begin_run(acme_engine_t *engine, entry_t *entry, const acme_due_t *due)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    const acme_ca_t *ca = acme_session_ca(entry->want.session);
    tell_choice(engine, entry->domain, ca, due, pool);
    acme_engine__has_begun(engine, entry,
                           acme_issuance_begin(&engine->host, entry->domain, entry->want.session,
                                               due->spec, entry->want.names, entry->want.claim,
                                               pool));
    take_claim(engine, entry);
}

/* The names that no certificate in use is for yet. */
static const apr_array_header_t *new_names(const acme_domain_t *domain, const acme_due_t *due,
                                           const acme_generation_facts_t *facts, apr_pool_t *pool)
{
    const acme_generation_fact_t *fact =
        facts != NULL ? acme_generation_fact(facts, due->spec->type) : NULL;
    if (fact == NULL) {
        return domain->identifiers;
    }
    apr_array_header_t *names = apr_array_make(pool, 2, sizeof(const acme_identifier_t *));
    for (int i = 0; i < domain->identifiers->nelts; ++i) {
        const acme_identifier_t *name =
            APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *);
        if (!acme_identifiers_contain(fact->identifiers, name)) {
            APR_ARRAY_PUSH(names, const acme_identifier_t *) = name;
        }
    }
    return names;
}

/* Before a name's first order and after a failure, never before an ordinary renewal. It is the CA
 * itself that matters, also during a rehearsal: its CAA records may be about our account there. */
static void look_ahead(acme_engine_t *engine, const entry_t *entry, const acme_due_t *due,
                       const acme_generation_facts_t *facts, const acme_job_t *job,
                       apr_pool_t *pool)
{
    int has_failed = job->errors > 0;
    if (has_failed || due->reason == ACME_DUE_FIRST || due->reason == ACME_DUE_NAMES) {
        acme_preflight_desk_want(
            engine->desk, entry->domain,
            acme_issuance_record(entry->run)->is_rehearsal ? entry->session
                                                           : acme_issuance_session(entry->run),
            has_failed ? entry->domain->identifiers : new_names(entry->domain, due, facts, pool),
            has_failed);
    }
}

/* *is_run: there was a record to go on with. */
static acme_err_t *resume_run(int *is_run, acme_engine_t *engine, entry_t *entry,
                              apr_pool_t *scratch_pool)
{
    *is_run = 0;
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    acme_record_t *record;
    acme_err_t *err =
        acme_record_read(&record, engine->config.store, entry->domain->folder, pool);
    if (err != NULL || record == NULL) {
        err = acme_err_copy(scratch_pool, err);
        apr_pool_destroy(pool);
        return err;
    }
    const acme_ca_t *ca = record->is_rehearsal
                              ? acme_domain_find_test(entry->domain, record->ca_url)
                              : acme_domain_find_ca(entry->domain, record->ca_url);
    acme_session_t *session = ca != NULL ? acme_engine__session(engine, ca) : entry->session;
    acme_engine__has_begun(
        engine, entry,
        acme_issuance_resume(&engine->host, entry->domain, session, record, pool));
    if (record->step == ACME_STEP_ORDER) {
        take_claim(engine, entry); /* nobody knows whether that was written */
    }
    entry->has_claim = record->step != ACME_STEP_CLEAN; /* there it was given back, perhaps */
    *is_run = 1;
    return NULL;
}

static void ring_what_is_there(acme_engine_t *engine, const acme_domain_t *domain,
                               const acme_generation_facts_t *facts)
{
    if (engine->config.bell != NULL) {
        acme_bell_ring(engine->config.bell, domain->index,
                       facts != NULL ? facts->number : ACME_BELL_NONE);
    }
}

/* A certificate in use that runs out is said again each day, whatever the reason. */
static void warn_of_end(acme_engine_t *engine, const acme_domain_t *domain, const acme_due_t *due,
                        acme_job_t *job, apr_time_t now, apr_pool_t *pool)
{
    if (due->expires == 0 || now < due->warn_at ||
        (job->warned_at != 0 && now - job->warned_at < ACME_TIME_DAY && now >= job->warned_at)) {
        return;
    }
    const char *why = job->detail != NULL ? job->detail : "it is not renewed yet";
    if (now >= due->expires) {
        acme_env_log(engine->config.env, ACME_LOG_ERROR,
                     "%s: the certificate in use has expired at %s: %s", domain->name,
                     acme_time_rfc3339(due->expires, pool), why);
    } else {
        acme_env_log(engine->config.env, ACME_LOG_WARNING,
                     "%s: the certificate in use expires in %s, at %s: %s", domain->name,
                     acme_time_span_words(due->expires - now, pool),
                     acme_time_rfc3339(due->expires, pool), why);
    }
    job->warned_at = now;
    acme_err_t *err = acme_job_write(engine->config.store, domain->folder, domain->name, job, pool);
    if (err != NULL) {
        acme_engine__store_trouble(engine, err);
    }
}

/* ---- what the CA suggests ---- */

/* What is known of the certificates in use; empty where the CA is not asked. */
static acme_renewal_t *read_renewal(acme_engine_t *engine, const acme_domain_t *domain,
                                    const acme_generation_facts_t *facts, apr_time_t now,
                                    apr_pool_t *pool)
{
    if (facts == NULL || domain->is_renewal_info_off) {
        acme_renewal_t *empty = apr_pcalloc(pool, sizeof(*empty));
        empty->certificates = apr_array_make(pool, 1, sizeof(acme_renewal_certificate_t));
        return empty;
    }
    acme_renewal_t *renewal = acme_renewal_read(engine->config.store, domain->folder, pool);
    apr_time_t first = acme_policy_inquire_first(now, acme_env_uniform(engine->config.env, pool));
    if (acme_renewal_follow(renewal, facts, domain, first, pool)) {
        acme_err_t *err =
            acme_renewal_write(engine->config.store, domain->folder, domain->name, renewal, pool);
        if (err != NULL) {
            acme_engine__store_trouble(engine, err);
        }
    }
    return renewal;
}

/* The certificate to ask about first; NULL if there is none. */
static const acme_renewal_certificate_t *next_inquiry(const acme_renewal_t *renewal)
{
    const acme_renewal_certificate_t *next = NULL;
    for (int i = 0; i < renewal->certificates->nelts; ++i) {
        const acme_renewal_certificate_t *one =
            &APR_ARRAY_IDX(renewal->certificates, i, acme_renewal_certificate_t);
        if (next == NULL || one->next_check < next->next_check) {
            next = one;
        }
    }
    return next;
}

/* With the CA that issued it; of the first choice where that is not known any more. */
static acme_session_t *issuer_of(acme_engine_t *engine, const entry_t *entry,
                                 const acme_generation_facts_t *facts, const char *certid)
{
    for (int i = 0; i < facts->certificates->nelts; ++i) {
        const acme_generation_fact_t *fact =
            &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t);
        const acme_ca_t *ca = acme_domain_find_ca(entry->domain, fact->ca_url);
        if (ca != NULL && fact->certid != NULL && strcmp(fact->certid, certid) == 0) {
            return acme_engine__session(engine, ca);
        }
    }
    return entry->session;
}

/** A question waits in memory until the CA has its turn for it: not all of a hundred thousand shall. */
#define INQUIRIES_WAITING_MAX 256

/* Asks if it is time. Returns when it will be; ACME_ENGINE_NEVER while one is asked about, or all have expired. */
static apr_time_t inquire(acme_engine_t *engine, entry_t *entry, const acme_due_t *due,
                          const acme_generation_facts_t *facts, const acme_renewal_t *renewal,
                          apr_time_t now, apr_pool_t *pool)
{
    const acme_renewal_certificate_t *next = next_inquiry(renewal);
    if (next == NULL || entry->inquiry != NULL || due->reason == ACME_DUE_NEVER ||
        due->expires <= now) {
        return ACME_ENGINE_NEVER;
    }
    acme_session_t *session = issuer_of(engine, entry, facts, next->certid);
    if (!acme_session_may_inquire(session)) {
        return ACME_ENGINE_NEVER;
    }
    apr_time_t when = next->next_check > entry->inquire_at ? next->next_check : entry->inquire_at;
    if (when > now) {
        return when;
    }
    if (acme_session_inquiries_waiting(session) >= INQUIRIES_WAITING_MAX) {
        entry->inquire_at =
            acme_policy_inquire_first(now, acme_env_uniform(engine->config.env, pool));
        return entry->inquire_at;
    }
    entry->inquire_at = now + ACME_TIME_MINUTE;
    entry->inquiry = acme_inquiry_begin(&engine->inquiry_host, entry->domain, session, next->certid,
                                        engine->pool);
    return ACME_ENGINE_NEVER;
}

/* ---- standing records ---- */

static acme_solver_t *find_foreseer(const acme_engine_t *engine, const char *type)
{
    for (int i = 0; i < engine->config.solvers->nelts; ++i) {
        acme_solver_t *solver = APR_ARRAY_IDX(engine->config.solvers, i, acme_solver_t *);
        if (solver->foresee != NULL && strcmp(solver->type, type) == 0) {
            return solver;
        }
    }
    return NULL;
}

/* A standing record that ends soon is looked at once more before anybody is warned: it may have been
 * prolonged. Returns when to go on with that; ACME_ENGINE_NEVER if there is nothing to look at. */
static apr_time_t watch_standing(acme_engine_t *engine, const acme_domain_t *domain, apr_time_t now,
                                 apr_pool_t *pool)
{
    const acme_standing_t *ending = acme_standing_ending(
        acme_standing_list(engine->config.store, domain, pool), now);
    const acme_proof_t *proof = ending != NULL ? acme_standing_proof(ending, pool) : NULL;
    acme_solver_t *solver = proof != NULL ? find_foreseer(engine, proof->type) : NULL;
    acme_prospect_t *prospect = NULL;
    apr_time_t poll_at = 0;
    if (solver == NULL ||
        solver->foresee(&prospect, &poll_at, solver->baton, proof, pool) != NULL) {
        return ACME_ENGINE_NEVER;
    }
    acme_err_t *err = prospect != NULL ? acme_standing_hear(engine->config.store, domain,
                                                            ending->identifier, prospect, pool)
                                       : NULL;
    if (err != NULL) {
        acme_engine__store_trouble(engine, err);
    }
    return prospect == NULL ? poll_at : now + ACME_TIME_MINUTE; /* there may be another */
}

/* ---- the whole ---- */

/* The moment of the next look: when it is due and may be tried (or, where that is now and it has to wait,
 * at @a wait_until), at the warn window, and in any case after the check interval (spread, so that they do
 * not come all at once). */
static apr_time_t next_look(acme_engine_t *engine, const acme_due_t *due, const acme_job_t *job,
                            apr_time_t wait_until, apr_time_t now, apr_pool_t *pool)
{
    double uniform = acme_env_uniform(engine->config.env, pool);
    apr_time_t next = now + (apr_interval_time_t)((double)engine->config.check_interval *
                                                  (0.75 + 0.5 * uniform));
    if (wait_until != 0) {
        next = acme_engine__sooner(next, wait_until);
    } else if (due->reason != ACME_DUE_NEVER) {
        apr_time_t at = job != NULL && due->at < job->next_run ? job->next_run : due->at;
        next = acme_engine__sooner(next, at > now ? at : now + ACME_TIME_SECOND);
    }
    if (due->warn_at > now) {
        next = acme_engine__sooner(next, due->warn_at);
    }
    return next;
}

/* What counts when it is planned: our own certificates, else what the administrator gave to the hosts. */
static const acme_generation_facts_t *in_use(const acme_engine_t *engine,
                                             const acme_domain_t *domain,
                                             const acme_generation_facts_t *facts)
{
    const acme_generation_facts_t *const *statics = engine->config.statics;
    return facts == NULL && statics != NULL ? statics[domain->index] : facts;
}

static want_t want_of(acme_engine_t *engine, const entry_t *entry, const acme_due_t *due,
                      const apr_array_header_t *names, const acme_generation_facts_t *facts,
                      const acme_renewal_t *renewal, const acme_job_t *job, apr_time_t now,
                      apr_pool_t *pool)
{
    const acme_domain_t *domain = entry->domain;
    want_t want = {.session = acme_engine__choose(engine, entry, due, job, pool),
                   .names = names,
                   .rank = acme_policy_rank(due, domain->is_new, job->errors, now)};
    want.key = due->expires != 0 && want.rank != ACME_RANK_BACKLOG ? due->expires : job->errors;
    const acme_generation_fact_t *fact =
        facts != NULL ? acme_policy_fact(domain, facts, due->spec->type) : NULL;
    want.claim = acme_policy_claim(
        acme_session_ca(want.session), names, fact,
        fact != NULL ? acme_renewal_find(renewal, fact->certid) : NULL, now);
    return want;
}

/* Nothing will be due at this look or before the next one: then neither the back-off nor the history is
 * asked for, and the many looks at most domains cost a third less. */
static int is_at_rest(const acme_engine_t *engine, const acme_due_t *due, apr_time_t now)
{
    return (due->reason == ACME_DUE_NEVER ||
            due->at > now + engine->config.check_interval / 4 * 5) &&
           (due->expires == 0 || now < due->warn_at);
}

static void consider(acme_engine_t *engine, entry_t *entry, int was_called, apr_time_t now,
                     apr_pool_t *pool)
{
    const acme_domain_t *domain = entry->domain;
    acme_generation_facts_t *facts = NULL;
    acme_err_t *err =
        acme_generation_facts_read(&facts, engine->config.store, domain->folder, pool);
    if (err != NULL && err->errclass == ACME_ERR_INPUT) {
        acme_env_log(engine->config.env, ACME_LOG_WARNING,
                     "%s: what is stored of its certificate is damaged (%s); a new one is ordered",
                     domain->name, err->text);
    } else if (err != NULL) { /* what is in use cannot be read: nothing is ordered on a guess */
        acme_engine__store_trouble(engine, err);
        acme_engine__set_due(engine, entry, now + ACME_TIME_MINUTE);
        return;
    }
    ring_what_is_there(engine, domain, facts);
    const acme_generation_facts_t *used = in_use(engine, domain, facts);
    acme_renewal_t *renewal = read_renewal(engine, domain, used, now, pool);
    acme_due_t due;
    acme_policy_due(&due, domain, used, renewal, NULL);
    acme_job_t *job = is_at_rest(engine, &due, now)
                          ? NULL
                          : acme_job_read(engine->config.store, domain->folder, pool);
    const acme_dropping_t dropping = {domain, used, renewal, job};
    const apr_array_header_t *names =
        job != NULL ? acme_engine__drop(engine, &due, &dropping, now, pool) : NULL;
    warn_of_end(engine, domain, &due, job, now, pool);
    apr_time_t wait_until = 0;
    if (due.reason != ACME_DUE_NEVER && due.at <= now && job->next_run <= now) {
        want_t want = want_of(engine, entry, &due, names, facts, renewal, job, now, pool);
        wait_until = acme_engine__wait(engine, entry, &want, was_called, now, pool);
        if (wait_until == 0) {
            mark_hastened(engine, domain, &due, renewal, pool);
            begin_run(engine, entry, &due);
            look_ahead(engine, entry, &due, facts, job, pool);
            acme_engine__set_due(engine, entry, now);
            return;
        }
    }
    apr_time_t next = next_look(engine, &due, job, wait_until, now, pool);
    next = acme_engine__sooner(next, inquire(engine, entry, &due, used, renewal, now, pool));
    acme_engine__set_due(engine, entry, acme_engine__sooner(next, watch_standing(engine, domain, now, pool)));
}

/* While no process ran, a certificate in use may have come near its end. */
static void end_late_rehearsal(acme_engine_t *engine, const entry_t *entry,
                               const acme_generation_facts_t *facts, apr_time_t now)
{
    acme_due_t due;
    acme_policy_due(&due, entry->domain, in_use(engine, entry->domain, facts), NULL, NULL);
    if (acme_issuance_record(entry->run)->is_rehearsal && due.warn_at != 0 && now >= due.warn_at) {
        acme_issuance_abandon(entry->run);
    }
}

/* The first look: a run of the process before goes on. Nonzero if nothing else is to be done. */
static int go_on(acme_engine_t *engine, entry_t *entry, apr_time_t now, apr_pool_t *pool)
{
    int is_run;
    acme_err_t *err = resume_run(&is_run, engine, entry, pool);
    if (err != NULL) { /* it may be whole: no order is made beside one that is perhaps under way */
        acme_engine__store_trouble(engine, err);
        acme_engine__set_due(engine, entry, now + ACME_TIME_MINUTE);
        return 1;
    }
    entry->was_seen = 1;
    --engine->unseen;
    if (!is_run) {
        return 0;
    }
    acme_generation_facts_t *facts;
    if (acme_generation_facts_read(&facts, engine->config.store, entry->domain->folder, pool) ==
        NULL) {
        ring_what_is_there(engine, entry->domain, facts);
        end_late_rehearsal(engine, entry, facts, now);
    }
    acme_engine__set_due(engine, entry, now);
    return 1;
}

void acme_engine__look(acme_engine_t *engine, entry_t *entry, apr_time_t now)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    int was_called = acme_engine__leave(engine, entry);
    engine->unlooked -= !entry->was_looked_at;
    entry->was_looked_at = 1;
    if (entry->was_seen || !go_on(engine, entry, now, pool)) {
        consider(engine, entry, was_called, now, pool);
    }
    apr_pool_destroy(pool);
}
