/* What happens in a simulation: restarts, outages, names that fail, a mass revocation; see sim.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum {
    RESTART, /* now */
    CRASH,   /* within the next requests */
    OUTAGE_BEGIN,
    OUTAGE_END,
    OUTAGE_OVER, /* and what was due shall be done */
    NAME_FAILS,
    NAME_WORKS,
    REVOCATION,
    REVOCATION_OVER,
    DAY /* for tidying up */
} what_t;

typedef struct {
    apr_time_t at;
    what_t what;
    int index;         /* of a domain */
    apr_time_t before; /* when what is over now had ended */
} event_t;

static void add(sim_t *sim, apr_time_t at, what_t what, int index, apr_time_t before)
{
    APR_ARRAY_PUSH(sim->events, event_t) = (event_t){at, what, index, before};
}

/* ---- the plan */

#define LONG_OUTAGES 3
#define LONG_OUTAGE (2 * ACME_TIME_DAY)

/* From minutes to half a day, each order of magnitude as often as another; three last two days. */
static apr_interval_time_t outage_length(sim_t *sim, int number)
{
    if (number % ((sim->options->outages + LONG_OUTAGES - 1) / LONG_OUTAGES) == 1) {
        return LONG_OUTAGE;
    }
    return (apr_interval_time_t)(exp(sim_uniform(sim) * log(144)) * 5 * (double)ACME_TIME_MINUTE);
}

/* One in each slot of the year, with a day at least in between. */
static void plan_outages(sim_t *sim)
{
    int count = sim->options->outages;
    apr_interval_time_t slot = count > 0 ? (sim->end - sim->start) / count : 0;
    for (int i = 0; i < count; i++) {
        apr_interval_time_t length = outage_length(sim, i);
        apr_time_t from = sim->start + i * slot + ACME_TIME_DAY +
                          sim_between(sim, 0, slot - 2 * ACME_TIME_DAY - LONG_OUTAGE);
        sim_span_t outage = {from, from + length};
        APR_ARRAY_PUSH(sim->outages, sim_span_t) = outage;
        add(sim, outage.from, OUTAGE_BEGIN, i, 0);
        add(sim, outage.until, OUTAGE_END, i, 0);
        add(sim, outage.until + SIM_RECOVERY, OUTAGE_OVER, i, outage.until);
    }
}

static void plan_restarts(sim_t *sim)
{
    for (int i = 0; i < sim->options->restarts; i++) {
        apr_time_t at = sim_between(sim, sim->start + ACME_TIME_DAY, sim->end);
        add(sim, at, i % 2 == 0 ? RESTART : CRASH, 0, 0);
    }
}

static void plan_failures(sim_t *sim)
{
    for (int i = 0; i < sim->options->domains; i++) {
        const sim_span_t *fails = &sim->domains[i].fails;
        if (fails->until != 0) {
            add(sim, fails->from, NAME_FAILS, i, 0);
            add(sim, fails->until, NAME_WORKS, i, 0);
        }
    }
}

/* The time in which a revoked certificate is to be replaced: until the CA is asked again, which is
 * spread over a tenth, and then as after an outage. */
static apr_interval_time_t revocation_time(const sim_t *sim)
{
    return sim->options->ari_retry_after / 10 * 11 + SIM_RECOVERY;
}

/* In the midst of a slot, before the outage of which there is time. */
static void plan_revocation(sim_t *sim)
{
    sim_span_t outage = APR_ARRAY_IDX(sim->outages, sim->outages->nelts / 2, sim_span_t);
    sim->revocation = outage.until + SIM_RECOVERY + ACME_TIME_HOUR;
    add(sim, sim->revocation, REVOCATION, 0, 0);
    add(sim, sim->revocation + revocation_time(sim), REVOCATION_OVER, 0, 0);
}

static int compare(const void *a, const void *b)
{
    const event_t *one = a;
    const event_t *other = b;
    if (one->at != other->at) {
        return one->at < other->at ? -1 : 1;
    }
    return one->what != other->what ? (int)one->what - (int)other->what : one->index - other->index;
}

void sim_plan(sim_t *sim)
{
    sim->events = apr_array_make(sim->pool, 400, sizeof(event_t));
    sim->outages = apr_array_make(sim->pool, 20, sizeof(sim_span_t));
    for (int i = 1; i < sim->options->days; i++) {
        add(sim, sim->start + i * ACME_TIME_DAY, DAY, 0, 0);
    }
    if (!sim->options->is_first_start) {
        plan_outages(sim);
        plan_restarts(sim);
        plan_failures(sim);
        plan_revocation(sim);
    }
    qsort(sim->events->elts, (size_t)sim->events->nelts, sizeof(event_t), compare);
}

/* ---- living through it */

/* Also in good times a request gets lost now and then. */
static void set_noise(sim_t *sim)
{
    fake_ca_faults_clear(sim->w->ca);
    if (!sim->options->is_first_start) {
        fake_ca_fault_random(sim->w->ca, FAKE_CA_ANY, FAKE_CA_BAD_NONCE, 0.003);
        fake_ca_fault_random(sim->w->ca, FAKE_CA_ANY, FAKE_CA_TIMEOUT_BEFORE, 0.001);
        fake_ca_fault_random(sim->w->ca, FAKE_CA_ANY, FAKE_CA_TIMEOUT_AFTER, 0.001);
        fake_ca_fault_random(sim->w->ca, FAKE_CA_ANY, FAKE_CA_ERROR, 0.001);
    }
}

static void begin_outage(sim_t *sim, int number)
{
    static const fake_ca_fault_t kinds[] = {
        {.kind = FAKE_CA_ANY, .trouble = FAKE_CA_REFUSED},
        {.kind = FAKE_CA_ANY, .trouble = FAKE_CA_TIMEOUT_BEFORE},
        {.kind = FAKE_CA_ANY,
         .trouble = FAKE_CA_ERROR,
         .status = 503,
         .problem = "",
         .retry_after = 30 * ACME_TIME_MINUTE},
        {.kind = FAKE_CA_ANY, .trouble = FAKE_CA_ERROR},
        {.kind = FAKE_CA_ANY, .trouble = FAKE_CA_HTML, .status = 502},
    };
    fake_ca_fault_t fault = kinds[number % (int)(sizeof(kinds) / sizeof(kinds[0]))];
    fault.times = FAKE_CA_ALWAYS;
    fake_ca_faults_clear(sim->w->ca);
    fake_ca_fault_add(sim->w->ca, &fault);
}

static void restart(sim_t *sim)
{
    sim->dies_in = 0;
    sim->w->is_interrupted = 0;
    sim->seen.restarts++;
    engine_world_die(sim->w);
    fake_env_move(sim->w->world, sim_between(sim, 0, 3 * ACME_TIME_MINUTE));
    engine_world_start(sim->w);
}

/* Four of ten certificates in use, as when a CA has issued them wrongly. */
static void revoke_many(sim_t *sim)
{
    for (int i = 0; i < sim->options->domains; i++) {
        sim_domain_t *one = &sim->domains[i];
        if (sim_uniform(sim) < 0.4) {
            fake_ca_revoke(sim->w->ca, one->domain->name);
            one->revoked = sim_now(sim);
        }
    }
}

static void let_happen(sim_t *sim, const event_t *event)
{
    fake_ca_t *ca = sim->w->ca;
    switch (event->what) {
    case RESTART:
        restart(sim);
        break;
    case CRASH:
        sim->dies_in = 1 + (int)(sim_uniform(sim) * 40);
        break;
    case OUTAGE_BEGIN:
        begin_outage(sim, event->index);
        break;
    case OUTAGE_END:
        set_noise(sim);
        break;
    case OUTAGE_OVER:
        sim_watch_recovery(sim, event->before);
        break;
    case NAME_FAILS:
        fake_ca_fail_validation(ca, sim->domains[event->index].domain->name, "connection",
                                "192.0.2.1: Timeout during connect (likely firewall problem)");
        break;
    case NAME_WORKS:
        fake_ca_fail_validation(ca, sim->domains[event->index].domain->name, NULL, NULL);
        break;
    case REVOCATION:
        revoke_many(sim);
        break;
    case REVOCATION_OVER:
        sim_watch_revocation(sim);
        break;
    case DAY:
        fake_env_clear_log(sim->w->world);
        break;
    }
}

static void live_until(sim_t *sim, apr_time_t when)
{
    while (sim_now(sim) < when) {
        engine_world_pass(sim->w, when - sim_now(sim));
        if (sim->w->is_interrupted) {
            restart(sim);
        }
    }
}

void sim_live(sim_t *sim)
{
    set_noise(sim);
    engine_world_start(sim->w);
    for (int i = 0; i < sim->events->nelts; i++) {
        const event_t *event = &APR_ARRAY_IDX(sim->events, i, event_t);
        if (event->at >= sim->end) {
            break;
        }
        live_until(sim, event->at);
        let_happen(sim, event);
    }
    live_until(sim, sim->end);
    sim_watch_end(sim);
    engine_world_die(sim->w);
}
