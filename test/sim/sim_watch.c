/* What is seen in a simulation: certificates, windows, requests; see sim.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything is seen from outside: writes to the disk, requests at the CA's door. What is asserted
 * about windows is computed here from the certificates themselves, as the CA does.
 */
#include "sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

/** An order takes seconds; in the noise of single lost requests, minutes. */
#define ORDER_TIME (30 * ACME_TIME_MINUTE)

void sim_complain(sim_t *sim, const char *fmt, ...)
{
    va_list args;
    if (sim->seen.complaints++ >= 20) {
        return;
    }
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

/* ---- excuses */

static apr_interval_time_t overlap(sim_span_t a, sim_span_t b)
{
    apr_time_t from = a.from > b.from ? a.from : b.from;
    apr_time_t until = a.until < b.until ? a.until : b.until;
    return until > from ? until - from : 0;
}

/* For so long within @a span the CA was away. */
static apr_interval_time_t time_of_outages(const sim_t *sim, sim_span_t span)
{
    apr_interval_time_t sum = 0;
    for (int i = 0; i < sim->outages->nelts; i++) {
        sim_span_t outage = APR_ARRAY_IDX(sim->outages, i, sim_span_t);
        outage.until += SIM_RECOVERY;
        sum += overlap(outage, span);
    }
    return sum;
}

/* When the CA has been there for @a time since @a from. */
static apr_time_t when_reachable_for(const sim_t *sim, apr_time_t from, apr_interval_time_t time)
{
    sim_span_t span = {from, from};
    apr_time_t until = from + time;
    while (until != span.until) { /* what an outage adds may reach into it, or the next one */
        span.until = until;
        until = from + time + time_of_outages(sim, span);
    }
    return until;
}

/* Its name fails, or failed until recently. */
static sim_span_t failing_span(const sim_t *sim, const sim_domain_t *one)
{
    sim_span_t span = one->fails;
    if (span.until != 0) {
        span.until = when_reachable_for(sim, span.until, SIM_RETRY);
    }
    return span;
}

/* ---- certificates */

static sim_span_t window_of(const sim_domain_t *one)
{
    apr_interval_time_t life = one->not_after + ACME_TIME_SECOND - one->not_before;
    apr_time_t ideal =
        one->not_after + ACME_TIME_SECOND - life / (life < 10 * ACME_TIME_DAY ? 2 : 3);
    return (sim_span_t){ideal - life / 100, ideal + life / 100};
}

/* Up to @a now an expired certificate was in use. */
static void count_expired(sim_t *sim, const sim_domain_t *one, apr_time_t now)
{
    sim_span_t failing = failing_span(sim, one);
    apr_time_t from = one->not_after;
    if (failing.from <= now && from < failing.until) {
        from = failing.until;
    }
    if (one->not_before != 0 && now > from) {
        sim_complain(sim, "%s: expired for %d seconds\n", one->domain->name,
                     (int)apr_time_sec(now - from));
        sim->seen.expired += apr_time_sec(now - from);
    }
}

static void count_renewal(sim_t *sim, const sim_domain_t *one, apr_time_t now)
{
    sim_span_t window = window_of(one);
    sim_span_t whole = {window.from, now};
    int is_inside = one->began >= window.from && one->began <= window.until;
    sim->seen.renewals++;
    if (one->revoked != 0) {
        sim->seen.hastened++;
    }
    else if (is_inside && now - one->began <= ORDER_TIME) {
        sim->seen.inside++;
    }
    else if (one->began >= window.from &&
             (time_of_outages(sim, whole) > 0 || overlap(failing_span(sim, one), whole) > 0)) {
        sim->seen.excused++;
    }
    else {
        sim_complain(sim, "%s: began %d s after the begin of a window of %d s, took %d s\n",
                     one->domain->name, (int)apr_time_sec(one->began - window.from),
                     (int)apr_time_sec(window.until - window.from),
                     (int)apr_time_sec(now - one->began));
        sim->seen.outside++;
    }
}

void sim_watch_certificate(sim_t *sim, sim_domain_t *one)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, sim->pool);
    const acme_store_t *store =
        fake_store_open(sim->w->disk, 1 << 30, sim->w->seal, fake_env(sim->w->world), pool);
    acme_generation_facts_t *facts = NULL;
    acme_err_t *err = acme_generation_facts_read(&facts, store, one->domain->folder, pool);
    if (err == NULL && facts != NULL) {
        const acme_generation_fact_t *fact =
            &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t);
        one->not_before = fact->not_before;
        one->not_after = fact->not_after;
    }
    one->began = 0;
    one->revoked = 0;
    apr_pool_destroy(pool);
}

static void see_staged(sim_t *sim, sim_domain_t *one)
{
    apr_time_t now = sim_now(sim);
    if (one->not_before != 0) {
        count_expired(sim, one, now);
        count_renewal(sim, one, now);
    }
    one->number++;
    one->is_cleaning = 1;
    sim_watch_certificate(sim, one);
}

/* The record of a run: written at each step, gone at its end. */
static void see_record(const sim_t *sim, sim_domain_t *one, int is_put)
{
    if (!is_put) {
        one->is_cleaning = 0;
    }
    else if (!one->is_cleaning && one->began == 0) {
        one->began = sim_now(sim);
    }
}

static sim_domain_t *domain_of(const sim_t *sim, const char *path)
{
    const char *folder = strchr(path, '/') + 1;
    return apr_hash_get(sim->by_folder, folder, (apr_ssize_t)strcspn(folder, "/"));
}

static void see_write(void *baton, const char *verb, const char *path)
{
    sim_t *sim = baton;
    const char *file = strrchr(path, '/');
    int is_put = strcmp(verb, "put") == 0;
    if (is_put && strncmp(path, "live/", 5) == 0 && strcmp(file, "/current") == 0) {
        see_staged(sim, domain_of(sim, path));
    }
    else if (strncmp(path, "staging/", 8) == 0 && strcmp(file, "/order.json") == 0) {
        see_record(sim, domain_of(sim, path), is_put);
    }
}

/* ---- requests */

static int see_request(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                       const acme_exchange_t *exchange)
{
    sim_t *sim = baton;
    sim_tally_t *seen = &sim->seen;
    (void)exchange;
    if (moment == FAKE_CA_AFTER) {
        return 0;
    }
    if (sim_now(sim) - seen->hour >= ACME_TIME_HOUR) {
        seen->hour = sim_now(sim);
        seen->this_hour = 0;
    }
    seen->requests++;
    seen->by_kind[kind]++;
    if (++seen->this_hour > seen->worst_hour) {
        seen->worst_hour = seen->this_hour;
    }
    if (sim->dies_in == 0 || --sim->dies_in > 0) {
        return 0;
    }
    sim->w->is_interrupted = 1; /* before or after the CA has heard it */
    return sim_uniform(sim) < 0.5;
}

void sim_watch(sim_t *sim)
{
    fake_store_watch(sim->w->disk, see_write, sim);
    fake_ca_on_moment(sim->w->ca, see_request, sim);
}

/* ---- ends */

void sim_watch_recovery(sim_t *sim, apr_time_t outage_end)
{
    apr_time_t now = sim_now(sim);
    for (int i = 0; i < sim->options->domains; i++) {
        const sim_domain_t *one = &sim->domains[i];
        sim_span_t failing = failing_span(sim, one);
        int is_failing = failing.from <= now && outage_end < failing.until;
        if (window_of(one).until < outage_end && !is_failing) {
            sim_complain(sim, "%s: not renewed after an outage\n", one->domain->name);
            sim->seen.overdue++;
        }
    }
}

void sim_watch_revocation(sim_t *sim)
{
    apr_time_t now = sim_now(sim);
    for (int i = 0; i < sim->options->domains; i++) {
        const sim_domain_t *one = &sim->domains[i];
        sim_span_t failing = failing_span(sim, one);
        if (one->revoked != 0 && !(failing.from <= now && one->revoked < failing.until)) {
            sim_complain(sim, "%s: revoked and not replaced\n", one->domain->name);
            sim->seen.after_revocation++;
        }
    }
}

void sim_watch_end(sim_t *sim)
{
    for (int i = 0; i < sim->options->domains; i++) {
        count_expired(sim, &sim->domains[i], sim_now(sim));
    }
}

/** With its polls, its nonce, and the directory that is read again after an hour. */
#define REQUESTS_PER_CERTIFICATE 14
/** A restart reads the directory and fetches nonces for what it finds, and repeats a step. */
#define REQUESTS_PER_RESTART 70
/** An outage begins with what is in flight, and ends with a stock of nonces. */
#define REQUESTS_PER_OUTAGE 150

static apr_int64_t certificates_bound(const sim_t *sim, const sim_kind_t *kind)
{
    apr_interval_time_t pause =
        kind->life < 10 * ACME_TIME_DAY ? kind->life * 48 / 100 : kind->life * 65 / 100;
    return (sim->end - sim->start) / pause + 2 + (sim->revocation != 0);
}

static apr_int64_t days_of(sim_span_t span)
{
    return (span.until - span.from) / ACME_TIME_DAY + 8; /* the first day has more attempts */
}

apr_int64_t sim_requests_bound(const sim_t *sim)
{
    apr_interval_time_t span = sim->end - sim->start;
    apr_int64_t bound = 0;
    for (int i = 0; i < sim->options->domains; i++) {
        const sim_domain_t *one = &sim->domains[i];
        apr_int64_t certificates = certificates_bound(sim, one->kind);
        bound += certificates * REQUESTS_PER_CERTIFICATE;
        bound += span / sim->options->ari_retry_after + certificates;
        if (one->fails.until != 0) {
            bound += days_of(one->fails) * REQUESTS_PER_CERTIFICATE;
        }
    }
    for (int i = 0; i < sim->outages->nelts; i++) {
        sim_span_t outage = APR_ARRAY_IDX(sim->outages, i, sim_span_t);
        bound += REQUESTS_PER_OUTAGE + (outage.until - outage.from) / ACME_TIME_HOUR * 2;
    }
    return bound + sim->seen.restarts * REQUESTS_PER_RESTART;
}
