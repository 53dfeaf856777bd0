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
#include "acme_engine_private.h"

#include <string.h>

#include <apr_hash.h>

/** A clock that goes back by less than this only delays what is due by so much. */
#define CLOCK_STEP ACME_TIME_MINUTE

/** So many entries are worked off before the transport gets its turn. */
#define WORK_MAX 200

apr_time_t acme_engine__sooner(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

/* ---- the heap ---- */

static int is_sooner(const void *a, const void *b)
{
    return ((const entry_t *)a)->due < ((const entry_t *)b)->due;
}

static int *place_of(void *entry)
{
    return &((entry_t *)entry)->place;
}

void acme_engine__set_due(acme_engine_t *engine, entry_t *entry, apr_time_t due)
{
    entry->due = due;
    acme_heap_moved(&engine->heap, entry);
}

static entry_t *first_due(const acme_engine_t *engine)
{
    return acme_heap_first(&engine->heap);
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

void acme_engine__published(void *baton, int count)
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
    acme_engine__set_due(engine, entry_of(engine, acme_issuance_domain(run)), acme_issuance_due(run));
}

/* What was not issued has cost its names nothing. */
static void give_claim_back(acme_engine_t *engine, entry_t *entry, const acme_record_t *record)
{
    if (!entry->has_claim) {
        return;
    }
    entry->has_claim = 0;
    if (record->certificate_url == NULL) { /* else the CA has issued, whatever became of it here */
        acme_session_t *session = acme_issuance_session(entry->run);
        apr_pool_t *pool;
        apr_pool_create(&pool, engine->pool);
        acme_budget_give_names_back(acme_session_budget(session), record->claim,
                                    record->identifiers, acme_env_now(engine->config.env), pool);
        acme_session_save_budget(session);
        apr_pool_destroy(pool);
    }
}

static void on_ended(void *baton, acme_issuance_t *run)
{
    acme_engine_t *engine = baton;
    entry_t *entry = entry_of(engine, acme_issuance_domain(run));
    give_claim_back(engine, entry, acme_issuance_record(run));
    acme_engine__has_ended(engine, entry);
    acme_preflight_desk_ended(engine->desk, entry->domain, acme_issuance_record(run)->err != NULL);
    APR_ARRAY_PUSH(engine->ended, acme_issuance_t *) = run;
    acme_engine__set_due(engine, entry, acme_env_now(engine->config.env)); /* what next? a look will tell */
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
        if (entry->run == NULL || acme_issuance_session(entry->run) != session) {
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
        acme_engine__set_due(engine, entry, acme_env_now(engine->config.env));
    }
}

/* A full disk meets every run: one line, and one more an hour while it lasts. */
void acme_engine__store_trouble(void *baton, const acme_err_t *err)
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

static void on_inquired(void *baton, const acme_domain_t *domain, apr_time_t look_at)
{
    acme_engine_t *engine = baton;
    entry_t *entry = entry_of(engine, domain);
    entry->inquiry = NULL;
    if (entry->run == NULL) {
        acme_engine__set_due(engine, entry, acme_engine__sooner(entry->due, look_at));
    }
}

/* ---- making an engine ---- */

acme_session_t *acme_engine__session(acme_engine_t *engine, const acme_ca_t *ca)
{
    acme_session_t *session = apr_hash_get(engine->by_url, ca->directory_url, APR_HASH_KEY_STRING);
    if (session == NULL) {
        acme_session_config_t config = {.env = engine->config.env,
                                        .store = engine->config.store,
                                        .transport = engine->config.transport,
                                        .generate_key = engine->config.generate_key,
                                        .retry_delay = engine->config.retry_delay,
                                        .max_in_flight = engine->config.max_in_flight,
                                        .registered_domain = engine->config.registered_domain,
                                        .bell = engine->config.bell,
                                        .is_proving = on_is_proving,
                                        .baton = engine};
        session = acme_session_create(&config, ca, engine->pool);
        apr_hash_set(engine->by_url, ca->directory_url, APR_HASH_KEY_STRING, session);
        APR_ARRAY_PUSH(engine->sessions, acme_session_t *) = session;
        APR_ARRAY_PUSH(engine->errors_seen, int) = 0;
        acme_engine__open_gate(engine, session);
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
                                          .published = acme_engine__published,
                                          .due = on_due,
                                          .ended = on_ended,
                                          .store_trouble = acme_engine__store_trouble};
    engine->inquiry_host = (acme_inquiry_host_t){.env = engine->config.env,
                                                 .store = engine->config.store,
                                                 .baton = engine,
                                                 .ended = on_inquired,
                                                 .store_trouble = acme_engine__store_trouble};
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
                                           .store_trouble = acme_engine__store_trouble};
    engine->wishes = acme_wishes_create(&engine->wish_host, engine->pool);
}

static void set_desk(acme_engine_t *engine)
{
    const acme_preflight_desk_config_t config = {.env = engine->config.env,
                                                 .store = engine->config.store,
                                                 .preflight = engine->config.preflight,
                                                 .baton = engine,
                                                 .published = acme_engine__published};
    engine->desk = acme_preflight_desk_create(&config, engine->pool);
}

static void set_entries(acme_engine_t *engine)
{
    engine->by_url = apr_hash_make(engine->pool);
    engine->count = engine->config.domains->nelts;
    engine->unseen = engine->count;
    engine->unlooked = engine->count;
    engine->entries = apr_pcalloc(engine->pool, sizeof(entry_t) * (apr_size_t)(engine->count + 1));
    acme_heap_init(&engine->heap, engine->count, is_sooner, place_of, engine->pool);
    for (int i = 0; i < engine->count; ++i) {
        entry_t *entry = &engine->entries[i];
        entry->domain = APR_ARRAY_IDX(engine->config.domains, i, const acme_domain_t *);
        entry->session = acme_engine__session(engine, entry->domain->ca);
        for (int k = 0; k < acme_domain_cas(entry->domain); ++k) {
            const acme_ca_t *ca = acme_domain_ca(entry->domain, k);
            (void)acme_engine__session(engine, ca);
            if (ca->test != NULL) {
                (void)acme_engine__session(engine, ca->test);
            }
            engine->has_choice |= k > 0 || ca->test != NULL;
        }
        acme_heap_insert(&engine->heap, entry);
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
    engine->gates = apr_array_make(pool, 2, sizeof(gate_t *));
    engine->ended = apr_array_make(pool, 16, sizeof(acme_issuance_t *));
    set_host(engine);
    set_wishes(engine);
    set_desk(engine);
    set_entries(engine);
    acme_engine__find_leftovers(engine);
    return engine;
}

/* ---- the tick ---- */

static void work(acme_engine_t *engine)
{
    apr_time_t now = acme_env_now(engine->config.env);
    for (int i = 0; i < WORK_MAX && engine->count > 0 && first_due(engine)->due <= now; ++i) {
        entry_t *entry = first_due(engine);
        if (entry->run != NULL) {
            acme_engine__set_due(engine, entry, ACME_ENGINE_NEVER); /* unless acting says otherwise */
            acme_issuance_act(entry->run);
        } else {
            acme_engine__look(engine, entry, now);
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
    apr_time_t next = engine->count > 0 ? first_due(engine)->due : ACME_ENGINE_NEVER;
    for (int i = 0; i < engine->sessions->nelts; ++i) {
        apr_time_t at =
            acme_session_next(APR_ARRAY_IDX(engine->sessions, i, acme_session_t *));
        next = at != 0 ? acme_engine__sooner(next, at) : next;
    }
    next = acme_engine__sooner(next, acme_engine__call_at(engine));
    apr_time_t desk_at = acme_preflight_desk_next(engine->desk);
    next = desk_at != 0 ? acme_engine__sooner(next, desk_at) : next;
    apr_time_t wish_at = acme_wishes_next(engine->wishes);
    next = wish_at != 0 ? acme_engine__sooner(next, wish_at) : next;
    return engine->orphans != NULL ? acme_engine__sooner(next, engine->sweep_at) : next;
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
        if (engine->entries[i].due != ACME_ENGINE_NEVER) {
            engine->entries[i].due -= span;
        }
        engine->entries[i].inquire_at -= span;
    }
    engine->change_at -= span;
    engine->sweep_at -= span;
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

/* What is called begins in the same tick. */
static void work_on(acme_engine_t *engine)
{
    work(engine);
    acme_engine__call(engine);
    work(engine);
    tick_sessions(engine);
}

apr_time_t acme_engine_tick(acme_engine_t *engine, apr_interval_time_t wait)
{
    mind_the_clock(engine);
    acme_wishes_tick(engine->wishes);
    work_on(engine);
    pump(engine, wait);
    work_on(engine);
    acme_engine__fail_over(engine);
    bury_the_ended(engine);
    acme_engine__sweep(engine);
    if (!engine->has_leftovers) { /* the sweep would take the preflight's token for one of them */
        acme_preflight_desk_tick(engine->desk);
    }
    acme_engine__tell_waiting(engine);
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
