/* The engine: a heap of domains by time, their runs, one session per CA; see acme_engine.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every domain has one entry in the heap, at the moment when something is to be done for it: act in
 * its run, or look at it. A look reads what is in use, the job and the record from the store, and ends
 * in a new moment or in a run; nothing of it is kept in memory, so that a hundred thousand domains
 * cost as many small entries and an idle tick costs nothing.
 *
 *  1. A domain has at most one run.
 *  2. An entry whose run awaits an answer rests at "never"; the run's `due` wakes it.
 *  3. Moments are by the wall clock; when that is set back, all of them are set back with it.
 *  4. Runs that ended are destroyed at the end of the tick, not inside what ended them.
 */
#include "acme/acme_engine.h"

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_generation.h"
#include "acme/acme_issuance.h"
#include "acme/acme_job.h"
#include "acme/acme_policy.h"
#include "acme/acme_preflight_desk.h"
#include "acme/acme_renewal.h"
#include "acme/acme_session.h"
#include "acme/acme_standing.h"
#include "acme_inquiry.h"
#include "acme_wish.h"

#define NEVER ((apr_time_t)APR_INT64_MAX)

/** A clock that goes back by less than this only delays what is due by so much. */
#define CLOCK_STEP ACME_TIME_MINUTE

/** So many entries are worked off before the transport gets its turn. */
#define WORK_MAX 200

typedef struct entry_t entry_t;
struct entry_t {
    const acme_domain_t *domain;
    acme_session_t *session; /* with the CA of first choice */
    acme_issuance_t *run;    /* or NULL */
    acme_inquiry_t *inquiry; /* the CA is being asked when to renew; or NULL */
    apr_time_t inquire_at;   /* not before; also where the store forgets what was answered */
    apr_time_t due;
    int place; /* in the heap */
    int was_seen;
};

/* A proof that nobody claims, and who takes it away. */
typedef struct {
    const acme_proof_t *proof;
    acme_solver_t *solver;
} orphan_t;

struct acme_engine_t {
    apr_pool_t *pool;
    acme_engine_config_t config;
    acme_issuance_host_t host;
    acme_inquiry_host_t inquiry_host;
    acme_wish_host_t wish_host;
    acme_wishes_t *wishes;
    entry_t *entries; /* by domain index */
    entry_t **heap;
    int count;
    apr_array_header_t *sessions; /* acme_session_t * */
    apr_hash_t *by_url;           /* directory URL -> acme_session_t * */
    int has_choice;               /* a domain has more than one CA */
    apr_array_header_t *errors_seen; /* int, by session: failures that were acted upon */
    int runs;
    int unseen;    /* entries not looked at yet */
    int published; /* runs with proofs published, and 1 for those of before until they are swept */
    int has_leftovers;
    apr_pool_t *sweep_pool;      /* NULL unless leftovers are being taken away */
    apr_array_header_t *orphans; /* orphan_t: what is still to be taken away */
    apr_time_t sweep_at;
    apr_array_header_t *ended; /* acme_issuance_t * */
    acme_preflight_desk_t *desk;
    apr_time_t store_logged_at;
    apr_uint32_t store_logged_hash;
    apr_time_t ticked_at;            /* the wall clock at the last tick */
    apr_interval_time_t ticked_mono; /* and the other one */
};

static apr_time_t sooner(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

/* ---- the heap ---- */

static void place(acme_engine_t *engine, int at, entry_t *entry)
{
    engine->heap[at] = entry;
    entry->place = at;
}

static void sift_up(acme_engine_t *engine, entry_t *entry)
{
    int at = entry->place;
    while (at > 0 && engine->heap[(at - 1) / 2]->due > entry->due) {
        place(engine, at, engine->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(engine, at, entry);
}

static void sift_down(acme_engine_t *engine, entry_t *entry)
{
    int at = entry->place;
    for (;;) {
        int child = 2 * at + 1;
        if (child >= engine->count) {
            break;
        }
        if (child + 1 < engine->count && engine->heap[child + 1]->due < engine->heap[child]->due) {
            ++child;
        }
        if (engine->heap[child]->due >= entry->due) {
            break;
        }
        place(engine, at, engine->heap[child]);
        at = child;
    }
    place(engine, at, entry);
}

static void set_due(acme_engine_t *engine, entry_t *entry, apr_time_t due)
{
    apr_time_t before = entry->due;
    entry->due = due;
    if (due < before) {
        sift_up(engine, entry);
    } else {
        sift_down(engine, entry);
    }
}

/* ---- what runs say ---- */

static entry_t *entry_of(acme_engine_t *engine, const acme_domain_t *domain)
{
    return &engine->entries[domain->index];
}

static apr_uint64_t on_served(void *baton, const acme_domain_t *domain)
{
    const acme_engine_t *engine = baton;
    apr_uint64_t number = engine->config.bell != NULL
                              ? acme_bell_generation(engine->config.bell, domain->index)
                              : ACME_BELL_NONE;
    return number == ACME_BELL_NONE ? 0 : number; /* ACME_BELL_UNKNOWN is 0 */
}

static void on_staged(void *baton, const acme_domain_t *domain, apr_uint64_t number)
{
    acme_engine_t *engine = baton;
    if (engine->config.bell != NULL) {
        acme_bell_ring(engine->config.bell, domain->index, number);
    }
}

static void on_published(void *baton, int count)
{
    acme_engine_t *engine = baton;
    engine->published += count;
    if (engine->config.bell != NULL) {
        atomic_store(&engine->config.bell->challenges, engine->published);
    }
}

static void on_due(void *baton, acme_issuance_t *run)
{
    acme_engine_t *engine = baton;
    set_due(engine, entry_of(engine, acme_issuance_domain(run)), acme_issuance_due(run));
}

static void on_ended(void *baton, acme_issuance_t *run)
{
    acme_engine_t *engine = baton;
    entry_t *entry = entry_of(engine, acme_issuance_domain(run));
    entry->run = NULL;
    --engine->runs;
    acme_preflight_desk_ended(engine->desk, entry->domain, acme_issuance_record(run)->err != NULL);
    APR_ARRAY_PUSH(engine->ended, acme_issuance_t *) = run;
    set_due(engine, entry, acme_env_now(engine->config.env)); /* what next? a look will tell */
}

/* ---- what wishes want ---- */

static acme_session_t *on_session(void *baton, const char *name)
{
    const acme_engine_t *engine = baton;
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        acme_session_t *session = APR_ARRAY_IDX(engine->sessions, i, acme_session_t *);
        const acme_ca_t *ca = acme_session_ca(session);
        if (strcmp(ca->directory_url, name) == 0 || strcmp(ca->name, name) == 0 ||
            strcmp(ca->folder, name) == 0) {
            return session;
        }
    }
    return NULL;
}

static int on_is_proving(void *baton, const acme_session_t *session)
{
    const acme_engine_t *engine = baton;
    for (int i = 0; i < engine->count; ++i) {
        const entry_t *entry = &engine->entries[i];
        if (entry->run == NULL || entry->session != session) {
            continue;
        }
        acme_step_t step = acme_issuance_record(entry->run)->step;
        if (step == ACME_STEP_PUBLISH || step == ACME_STEP_RESPOND) {
            return 1;
        }
    }
    return 0;
}

static void on_look(void *baton, const acme_domain_t *domain)
{
    acme_engine_t *engine = baton;
    entry_t *entry = entry_of(engine, domain);
    if (entry->run == NULL) { /* else it is looked at when that ends */
        set_due(engine, entry, acme_env_now(engine->config.env));
    }
}

/* A full disk meets every run: one line, and one more an hour while it lasts. */
static void on_store_trouble(void *baton, const acme_err_t *err)
{
    acme_engine_t *engine = baton;
    apr_time_t now = acme_env_now(engine->config.env);
    apr_uint32_t hash = (apr_uint32_t)err->status + 1;
    if (engine->store_logged_hash == hash && now >= engine->store_logged_at &&
        now - engine->store_logged_at < ACME_TIME_HOUR) {
        return;
    }
    engine->store_logged_at = now;
    engine->store_logged_hash = hash;
    acme_env_log(engine->config.env, ACME_LOG_ERROR,
                 "the store cannot be written: %s; orders wait, certificates in use are served on",
                 err->text);
}

static void on_inquired(void *baton, const acme_domain_t *domain)
{
    acme_engine_t *engine = baton;
    entry_t *entry = entry_of(engine, domain);
    entry->inquiry = NULL;
    if (entry->run == NULL) {
        set_due(engine, entry, acme_env_now(engine->config.env));
    }
}

/* ---- proofs that an engine before us left published ---- */

static int lists(const acme_solver_t *solver)
{
    return solver->list != NULL;
}

static acme_solver_t *solver_at(const acme_engine_t *engine, int i)
{
    return APR_ARRAY_IDX(engine->config.solvers, i, acme_solver_t *);
}

/* Nonzero also when it cannot be told: children go on looking then. */
static int has_published(acme_solver_t *solver, apr_pool_t *pool)
{
    apr_array_header_t *proofs;
    return lists(solver) &&
           (solver->list(&proofs, solver->baton, pool) != NULL || proofs->nelts > 0);
}

static void find_leftovers(acme_engine_t *engine)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    for (int i = 0; i < engine->config.solvers->nelts && !engine->has_leftovers; ++i) {
        engine->has_leftovers = has_published(solver_at(engine, i), pool);
    }
    if (engine->has_leftovers) {
        on_published(engine, 1);
    }
    apr_pool_destroy(pool);
}

static int is_claimed_by(const acme_record_t *record, const acme_proof_t *proof)
{
    for (int i = 0; i < record->authorizations->nelts; ++i) {
        const acme_record_authorization_t *authorization =
            APR_ARRAY_IDX(record->authorizations, i, acme_record_authorization_t *);
        if (authorization->token != NULL && authorization->challenge_type != NULL &&
            strcmp(authorization->token, proof->token) == 0 &&
            strcmp(authorization->challenge_type, proof->type) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_claimed(const acme_engine_t *engine, const acme_proof_t *proof)
{
    for (int i = 0; i < engine->count; ++i) {
        if (engine->entries[i].run != NULL &&
            is_claimed_by(acme_issuance_record(engine->entries[i].run), proof)) {
            return 1;
        }
    }
    return 0;
}

/* Once all records were read, a proof that no run claims is nobody's. */
static acme_err_t *list_orphans(acme_engine_t *engine, acme_solver_t *solver, apr_pool_t *pool)
{
    apr_array_header_t *proofs;
    ACME_TRY(solver->list(&proofs, solver->baton, pool));
    for (int i = 0; i < proofs->nelts; ++i) {
        acme_proof_t *proof = APR_ARRAY_IDX(proofs, i, acme_proof_t *);
        if (!is_claimed(engine, proof)) {
            orphan_t *orphan = apr_array_push(engine->orphans);
            *orphan = (orphan_t){proof, solver};
        }
    }
    return NULL;
}

static void begin_sweep(acme_engine_t *engine)
{
    apr_pool_create(&engine->sweep_pool, engine->pool);
    engine->orphans = apr_array_make(engine->sweep_pool, 4, sizeof(orphan_t));
    engine->sweep_at = 0;
    for (int i = 0; i < engine->config.solvers->nelts; ++i) {
        acme_solver_t *solver = solver_at(engine, i);
        acme_err_t *err =
            lists(solver) ? list_orphans(engine, solver, engine->sweep_pool) : NULL;
        if (err != NULL) {
            on_store_trouble(engine, err);
        }
    }
}

/* Goes on withdrawing; what is gone, or cannot be withdrawn, leaves the list. */
static void withdraw_orphans(acme_engine_t *engine, apr_pool_t *pool)
{
    int kept = 0;
    apr_time_t next = NEVER;
    for (int i = 0; i < engine->orphans->nelts; ++i) {
        orphan_t orphan = APR_ARRAY_IDX(engine->orphans, i, orphan_t);
        int is_gone = 0;
        apr_time_t poll_at = 0;
        acme_err_t *err = orphan.solver->withdraw(&is_gone, &poll_at, orphan.solver->baton,
                                                  orphan.proof, pool);
        if (err != NULL && err->errclass == ACME_ERR_STORE) {
            on_store_trouble(engine, err);
        } else if (err != NULL) {
            acme_env_log(engine->config.env, ACME_LOG_WARNING,
                         "%s: what was published for %s by an engine before could not be "
                         "taken away: %s",
                         orphan.proof->identifier->value, orphan.proof->type, err->text);
        } else if (!is_gone) {
            APR_ARRAY_IDX(engine->orphans, kept, orphan_t) = orphan;
            ++kept;
            next = sooner(next, poll_at);
        }
    }
    engine->orphans->nelts = kept;
    engine->sweep_at = next;
}

static void end_sweep(acme_engine_t *engine)
{
    apr_pool_destroy(engine->sweep_pool);
    engine->sweep_pool = NULL;
    engine->orphans = NULL;
    engine->has_leftovers = 0;
    on_published(engine, -1);
}

static void sweep_leftovers(acme_engine_t *engine)
{
    if (!engine->has_leftovers || engine->unseen > 0) {
        return;
    }
    if (engine->orphans == NULL) {
        begin_sweep(engine);
    }
    if (engine->sweep_at > acme_env_now(engine->config.env)) {
        return;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->sweep_pool);
    withdraw_orphans(engine, pool);
    apr_pool_destroy(pool);
    if (engine->orphans->nelts == 0) {
        end_sweep(engine);
    }
}

/* ---- making an engine ---- */

static acme_session_t *session_for(acme_engine_t *engine, const acme_ca_t *ca)
{
    acme_session_t *session = apr_hash_get(engine->by_url, ca->directory_url, APR_HASH_KEY_STRING);
    if (session == NULL) {
        acme_session_config_t config = {.env = engine->config.env,
                                        .store = engine->config.store,
                                        .transport = engine->config.transport,
                                        .generate_key = engine->config.generate_key,
                                        .retry_delay = engine->config.retry_delay,
                                        .max_in_flight = engine->config.max_in_flight,
                                        .bell = engine->config.bell,
                                        .is_proving = on_is_proving,
                                        .baton = engine};
        session = acme_session_create(&config, ca, engine->pool);
        apr_hash_set(engine->by_url, ca->directory_url, APR_HASH_KEY_STRING, session);
        APR_ARRAY_PUSH(engine->sessions, acme_session_t *) = session;
        APR_ARRAY_PUSH(engine->errors_seen, int) = 0;
    }
    return session;
}

static void set_host(acme_engine_t *engine)
{
    engine->host = (acme_issuance_host_t){.env = engine->config.env,
                                          .store = engine->config.store,
                                          .solvers = engine->config.solvers,
                                          .generate_key = engine->config.generate_key,
                                          .retry_delay = engine->config.retry_delay,
                                          .baton = engine,
                                          .served = on_served,
                                          .staged = on_staged,
                                          .published = on_published,
                                          .due = on_due,
                                          .ended = on_ended,
                                          .store_trouble = on_store_trouble};
    engine->inquiry_host = (acme_inquiry_host_t){.env = engine->config.env,
                                                 .store = engine->config.store,
                                                 .baton = engine,
                                                 .ended = on_inquired,
                                                 .store_trouble = on_store_trouble};
}

static void set_wishes(acme_engine_t *engine)
{
    engine->wish_host = (acme_wish_host_t){.env = engine->config.env,
                                           .store = engine->config.store,
                                           .domains = engine->config.domains,
                                           .retry_delay = engine->config.retry_delay,
                                           .baton = engine,
                                           .session = on_session,
                                           .look = on_look,
                                           .store_trouble = on_store_trouble};
    engine->wishes = acme_wishes_create(&engine->wish_host, engine->pool);
}

static void set_desk(acme_engine_t *engine)
{
    const acme_preflight_desk_config_t config = {.env = engine->config.env,
                                                 .store = engine->config.store,
                                                 .preflight = engine->config.preflight,
                                                 .baton = engine,
                                                 .published = on_published};
    engine->desk = acme_preflight_desk_create(&config, engine->pool);
}

static void set_entries(acme_engine_t *engine)
{
    engine->by_url = apr_hash_make(engine->pool);
    engine->count = engine->config.domains->nelts;
    engine->unseen = engine->count;
    engine->entries = apr_pcalloc(engine->pool, sizeof(entry_t) * (apr_size_t)(engine->count + 1));
    engine->heap = apr_pcalloc(engine->pool, sizeof(entry_t *) * (apr_size_t)(engine->count + 1));
    for (int i = 0; i < engine->count; ++i) {
        entry_t *entry = &engine->entries[i];
        entry->domain = APR_ARRAY_IDX(engine->config.domains, i, const acme_domain_t *);
        entry->session = session_for(engine, entry->domain->ca);
        for (int k = 1; k < acme_domain_cas(entry->domain); ++k) {
            (void)session_for(engine, acme_domain_ca(entry->domain, k));
            engine->has_choice = 1;
        }
        place(engine, i, entry); /* all due at once: any order is a heap */
    }
}

acme_engine_t *acme_engine_create(const acme_engine_config_t *config, apr_pool_t *pool)
{
    acme_engine_t *engine = apr_pcalloc(pool, sizeof(*engine));
    engine->pool = pool;
    engine->config = *config;
    if (engine->config.generate_key == NULL) {
        engine->config.generate_key = acme_key_generate;
    }
    if (engine->config.max_in_flight == 0) {
        engine->config.max_in_flight = 16;
    }
    if (engine->config.retry_failover == 0) {
        engine->config.retry_failover = 13;
    }
    if (engine->config.max_runs == 0) {
        engine->config.max_runs = 500;
    }
    engine->sessions = apr_array_make(pool, 2, sizeof(acme_session_t *));
    engine->errors_seen = apr_array_make(pool, 2, sizeof(int));
    engine->ended = apr_array_make(pool, 16, sizeof(acme_issuance_t *));
    set_host(engine);
    set_wishes(engine);
    set_desk(engine);
    set_entries(engine);
    find_leftovers(engine);
    return engine;
}

/* ---- looking at a domain ---- */

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
        on_store_trouble(engine, err);
    }
}

/* Given up, and not to be asked yet: when its next probe is due, whoever begins an order may make it. */
static int is_down(const acme_engine_t *engine, acme_session_t *session)
{
    return acme_session_errors(session) >= engine->config.retry_failover &&
           acme_session_not_before(session) > acme_env_now(engine->config.env);
}

/* The session to order through: that of the first choice unless it failed. */
static acme_session_t *choose_session(acme_engine_t *engine, const entry_t *entry, int errors,
                                      apr_pool_t *pool)
{
    const acme_domain_t *domain = entry->domain;
    int count = acme_domain_cas(domain);
    if (count == 1) {
        return entry->session;
    }
    int *down = apr_pcalloc(pool, sizeof(*down) * (apr_size_t)count);
    for (int i = 0; i < count; ++i) {
        down[i] = is_down(engine, session_for(engine, acme_domain_ca(domain, i)));
    }
    int at = acme_policy_choose_ca(count, errors, engine->config.retry_failover, down);
    acme_session_t *session = session_for(engine, acme_domain_ca(domain, at));
    if (at > 0) {
        acme_env_log(engine->config.env, ACME_LOG_NOTICE, "%s: %s is asked, since %s failed",
                     domain->name, acme_session_ca(session)->name, domain->ca->name);
    }
    return session;
}

static void begin_run(acme_engine_t *engine, entry_t *entry, const acme_due_t *due, int errors)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    acme_session_t *session = choose_session(engine, entry, errors, pool);
    acme_env_log(engine->config.env, ACME_LOG_INFO, "%s: a certificate (%s) is ordered from %s: %s",
                 entry->domain->name, acme_key_spec_text(due->spec, pool),
                 acme_session_ca(session)->name, acme_policy_due_text(due->reason));
    entry->run = acme_issuance_begin(&engine->host, entry->domain, session, due->spec, pool);
    ++engine->runs;
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

/* Before a name's first order and after a failure, never before an ordinary renewal. */
static void look_ahead(acme_engine_t *engine, const entry_t *entry, const acme_due_t *due,
                       const acme_generation_facts_t *facts, const acme_job_t *job,
                       apr_pool_t *pool)
{
    int has_failed = job->errors > 0;
    if (has_failed || due->reason == ACME_DUE_FIRST || due->reason == ACME_DUE_NAMES) {
        acme_preflight_desk_want(engine->desk, entry->domain,
                                 acme_issuance_session(entry->run),
                                 has_failed ? entry->domain->identifiers
                                            : new_names(entry->domain, due, facts, pool),
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
    const acme_ca_t *ca = acme_domain_find_ca(entry->domain, record->ca_url);
    acme_session_t *session = ca != NULL ? session_for(engine, ca) : entry->session;
    entry->run = acme_issuance_resume(&engine->host, entry->domain, session, record, pool);
    ++engine->runs;
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
        on_store_trouble(engine, err);
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
            on_store_trouble(engine, err);
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
            return session_for(engine, ca);
        }
    }
    return entry->session;
}

/* Asks if it is time. Returns when it will be; NEVER while one is asked about, or all have expired. */
static apr_time_t inquire(acme_engine_t *engine, entry_t *entry, const acme_due_t *due,
                          const acme_generation_facts_t *facts, const acme_renewal_t *renewal,
                          apr_time_t now)
{
    const acme_renewal_certificate_t *next = next_inquiry(renewal);
    if (next == NULL || entry->inquiry != NULL || due->reason == ACME_DUE_NEVER ||
        due->expires <= now) {
        return NEVER;
    }
    acme_session_t *session = issuer_of(engine, entry, facts, next->certid);
    if (!acme_session_may_inquire(session)) {
        return NEVER;
    }
    apr_time_t when = next->next_check > entry->inquire_at ? next->next_check : entry->inquire_at;
    if (when > now) {
        return when;
    }
    entry->inquire_at = now + ACME_TIME_MINUTE;
    entry->inquiry = acme_inquiry_begin(&engine->inquiry_host, entry->domain, session, next->certid,
                                        engine->pool);
    return NEVER;
}

/* ---- standing records ---- */

static acme_solver_t *find_foreseer(const acme_engine_t *engine, const char *type)
{
    for (int i = 0; i < engine->config.solvers->nelts; ++i) {
        acme_solver_t *solver = solver_at(engine, i);
        if (solver->foresee != NULL && strcmp(solver->type, type) == 0) {
            return solver;
        }
    }
    return NULL;
}

/* A standing record that ends soon is looked at once more before anybody is warned: it may have been
 * prolonged. Returns when to go on with that; NEVER if there is nothing to look at. */
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
        return NEVER;
    }
    acme_err_t *err = prospect != NULL ? acme_standing_hear(engine->config.store, domain,
                                                            ending->identifier, prospect, pool)
                                       : NULL;
    if (err != NULL) {
        on_store_trouble(engine, err);
    }
    return prospect == NULL ? poll_at : now + ACME_TIME_MINUTE; /* there may be another */
}

/* ---- looking at a domain, as a whole ---- */

/* The moment of the next look: when it is due and may be tried, at the warn window, and in any case
 * after the check interval (spread, so that they do not come all at once). */
static apr_time_t next_look(acme_engine_t *engine, const acme_due_t *due, const acme_job_t *job,
                            apr_time_t now, apr_pool_t *pool)
{
    double uniform = acme_env_uniform(engine->config.env, pool);
    apr_time_t next = now + (apr_interval_time_t)((double)engine->config.check_interval *
                                                  (0.75 + 0.5 * uniform));
    if (due->reason != ACME_DUE_NEVER) {
        apr_time_t at = job != NULL && due->at < job->next_run ? job->next_run : due->at;
        next = sooner(next, at > now ? at : now + ACME_TIME_SECOND);
    }
    if (due->warn_at > now) {
        next = sooner(next, due->warn_at);
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

/* Nothing will be due at this look or before the next one: then neither the back-off nor the history is
 * asked for, and the many looks at most domains cost a third less. */
static int is_at_rest(const acme_engine_t *engine, const acme_due_t *due, apr_time_t now)
{
    return (due->reason == ACME_DUE_NEVER ||
            due->at > now + engine->config.check_interval / 4 * 5) &&
           (due->expires == 0 || now < due->warn_at);
}

static void consider(acme_engine_t *engine, entry_t *entry, apr_time_t now, apr_pool_t *pool)
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
        on_store_trouble(engine, err);
        set_due(engine, entry, now + ACME_TIME_MINUTE);
        return;
    }
    ring_what_is_there(engine, domain, facts);
    const acme_generation_facts_t *used = in_use(engine, domain, facts);
    acme_renewal_t *renewal = read_renewal(engine, domain, used, now, pool);
    acme_due_t due;
    acme_policy_due(&due, domain, used, renewal);
    acme_job_t *job = is_at_rest(engine, &due, now)
                          ? NULL
                          : acme_job_read(engine->config.store, domain->folder, pool);
    warn_of_end(engine, domain, &due, job, now, pool);
    if (due.reason != ACME_DUE_NEVER && due.at <= now && job->next_run <= now) {
        mark_hastened(engine, domain, &due, renewal, pool);
        begin_run(engine, entry, &due, job->errors);
        look_ahead(engine, entry, &due, facts, job, pool);
        set_due(engine, entry, now);
        return;
    }
    apr_time_t next = next_look(engine, &due, job, now, pool);
    next = sooner(next, inquire(engine, entry, &due, used, renewal, now));
    set_due(engine, entry, sooner(next, watch_standing(engine, domain, now, pool)));
}

/* The first look: a run of the process before goes on. Nonzero if nothing else is to be done. */
static int go_on(acme_engine_t *engine, entry_t *entry, apr_time_t now, apr_pool_t *pool)
{
    int is_run;
    acme_err_t *err = resume_run(&is_run, engine, entry, pool);
    if (err != NULL) { /* it may be whole: no order is made beside one that is perhaps under way */
        on_store_trouble(engine, err);
        set_due(engine, entry, now + ACME_TIME_MINUTE);
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
    }
    set_due(engine, entry, now);
    return 1;
}

static void look(acme_engine_t *engine, entry_t *entry, apr_time_t now)
{
    if (engine->runs >= engine->config.max_runs) {
        set_due(engine, entry, now + ACME_TIME_SECOND);
        return;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, engine->pool);
    if (entry->was_seen || !go_on(engine, entry, now, pool)) {
        consider(engine, entry, now, pool);
    }
    apr_pool_destroy(pool);
}

/* ---- the tick ---- */

static void work(acme_engine_t *engine)
{
    apr_time_t now = acme_env_now(engine->config.env);
    for (int i = 0; i < WORK_MAX && engine->count > 0 && engine->heap[0]->due <= now; ++i) {
        entry_t *entry = engine->heap[0];
        if (entry->run != NULL) {
            set_due(engine, entry, NEVER); /* unless acting says otherwise */
            acme_issuance_act(entry->run);
        } else {
            look(engine, entry, now);
        }
    }
}

static void bury_the_ended(acme_engine_t *engine)
{
    while (engine->ended->nelts > 0) {
        acme_issuance_t *run = *(acme_issuance_t **)apr_array_pop(engine->ended);
        acme_issuance_stop(run);
        apr_pool_destroy(acme_issuance_pool(run));
    }
}

static int has_another(acme_engine_t *engine, const acme_domain_t *domain)
{
    for (int i = 0; i < acme_domain_cas(domain); ++i) {
        if (!is_down(engine, session_for(engine, acme_domain_ca(domain, i)))) {
            return 1;
        }
    }
    return 0;
}

/* A CA that has failed so often keeps nobody waiting who has another one. */
static void abandon_at(acme_engine_t *engine, const acme_session_t *session)
{
    for (int i = 0; i < engine->count; ++i) {
        const entry_t *entry = &engine->entries[i];
        if (entry->run != NULL && acme_issuance_session(entry->run) == session &&
            has_another(engine, entry->domain)) {
            acme_issuance_abandon(entry->run);
        }
    }
}

/* Once for each failure of a CA: later runs choose another by themselves. */
static void fail_over(acme_engine_t *engine)
{
    for (int i = 0; engine->has_choice && i < engine->sessions->nelts; ++i) {
        acme_session_t *session = APR_ARRAY_IDX(engine->sessions, i, acme_session_t *);
        int *errors_seen = &APR_ARRAY_IDX(engine->errors_seen, i, int);
        int errors = acme_session_errors(session);
        if (errors != *errors_seen && is_down(engine, session)) {
            abandon_at(engine, session);
        }
        *errors_seen = errors;
    }
}

static void tick_sessions(acme_engine_t *engine)
{
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        acme_session_tick(APR_ARRAY_IDX(engine->sessions, i, acme_session_t *));
    }
}

static int in_flight(const acme_engine_t *engine)
{
    int sum = 0;
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        sum += acme_session_in_flight(APR_ARRAY_IDX(engine->sessions, i, acme_session_t *));
    }
    return sum;
}

static apr_time_t next_due(const acme_engine_t *engine)
{
    apr_time_t next = engine->count > 0 ? engine->heap[0]->due : NEVER;
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        apr_time_t at =
            acme_session_next(APR_ARRAY_IDX(engine->sessions, i, acme_session_t *));
        next = at != 0 ? sooner(next, at) : next;
    }
    apr_time_t desk_at = acme_preflight_desk_next(engine->desk);
    next = desk_at != 0 ? sooner(next, desk_at) : next;
    apr_time_t wish_at = acme_wishes_next(engine->wishes);
    next = wish_at != 0 ? sooner(next, wish_at) : next;
    return engine->orphans != NULL ? sooner(next, engine->sweep_at) : next;
}

static void pump(acme_engine_t *engine, apr_interval_time_t wait)
{
    if (in_flight(engine) == 0) {
        return;
    }
    apr_interval_time_t until_due = next_due(engine) - acme_env_now(engine->config.env);
    if (until_due < wait) {
        wait = until_due > 0 ? until_due : 0;
    }
    acme_transport_pump(engine->config.transport, wait);
}

/* Shifting all by the same span keeps the heap a heap. */
static void set_back(acme_engine_t *engine, apr_interval_time_t span)
{
    for (int i = 0; i < engine->count; ++i) {
        if (engine->entries[i].due != NEVER) {
            engine->entries[i].due -= span;
        }
        engine->entries[i].inquire_at -= span;
    }
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        acme_session_set_back(APR_ARRAY_IDX(engine->sessions, i, acme_session_t *), span);
    }
    acme_env_log(engine->config.env, ACME_LOG_WARNING,
                 "the clock of this machine was set back by %d seconds; what waits for a moment "
                 "waits no longer for it",
                 (int)apr_time_sec(span));
}

/* What was put off until a moment of a clock that was ahead must not wait until that moment. */
static void mind_the_clock(acme_engine_t *engine)
{
    apr_time_t now = acme_env_now(engine->config.env);
    apr_interval_time_t mono = acme_env_monotonic(engine->config.env);
    apr_interval_time_t span = engine->ticked_at + (mono - engine->ticked_mono) - now;
    if (engine->ticked_at != 0 && span >= CLOCK_STEP) {
        set_back(engine, span);
    }
    engine->ticked_at = now;
    engine->ticked_mono = mono;
}

apr_time_t acme_engine_tick(acme_engine_t *engine, apr_interval_time_t wait)
{
    mind_the_clock(engine);
    acme_wishes_tick(engine->wishes);
    work(engine);
    tick_sessions(engine);
    pump(engine, wait);
    work(engine);
    tick_sessions(engine);
    fail_over(engine);
    bury_the_ended(engine);
    sweep_leftovers(engine);
    if (!engine->has_leftovers) { /* the sweep would take the preflight's token for one of them */
        acme_preflight_desk_tick(engine->desk);
    }
    return next_due(engine);
}

int acme_engine_is_busy(const acme_engine_t *engine)
{
    return in_flight(engine) > 0 || next_due(engine) <= acme_env_now(engine->config.env);
}

static int orders_under_way(acme_engine_t *engine)
{
    int sum = 0;
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        sum += acme_session_drain(APR_ARRAY_IDX(engine->sessions, i, acme_session_t *));
    }
    return sum;
}

void acme_engine_drain(acme_engine_t *engine, apr_interval_time_t patience)
{
    apr_interval_time_t began = acme_env_monotonic(engine->config.env);
    apr_interval_time_t left = patience;
    while (left > 0 && orders_under_way(engine) > 0) {
        acme_transport_pump(engine->config.transport, left);
        left = patience - (acme_env_monotonic(engine->config.env) - began);
    }
}

void acme_engine_stop(acme_engine_t *engine)
{
    acme_preflight_desk_stop(engine->desk);
    for (int i = 0; i < engine->count; ++i) {
        if (engine->entries[i].run != NULL) {
            acme_issuance_stop(engine->entries[i].run);
        }
    }
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        acme_session_stop(APR_ARRAY_IDX(engine->sessions, i, acme_session_t *));
    }
    bury_the_ended(engine);
}
