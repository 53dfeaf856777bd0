/* A year of many domains, and what must be true of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * usage: sim [--domains N] [--days N] [--seed N] [--seeds N] [--ari-hours N] [--first-start]
 * [--echo]
 *
 * Without arguments what `make check` runs: one seed, the first months of the year (ACME_SIM_DAYS
 * in the environment: so many days), less under a sanitizer. Every promise is printed with its
 * number; the exit status is 1 if one was broken.
 */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#if defined(__SANITIZE_ADDRESS__)
#define DOMAINS 150
#define DAYS 75
#define DAYS_WANTED NULL
#else
#define DOMAINS 1000
#define DAYS 75
#define DAYS_WANTED getenv("ACME_SIM_DAYS")
#endif

static int broken;

static void promise(int is_kept, const char *what, apr_int64_t number)
{
    printf("%s %9" APR_INT64_T_FMT "  %s\n", is_kept ? "ok    " : "NOT OK", number, what);
    broken += !is_kept;
}

static void tell(const sim_t *sim)
{
    const sim_tally_t *seen = &sim->seen;
    apr_int64_t bound = sim_requests_bound(sim);
    int limited = fake_ca_count(sim->w->ca, "limited", NULL);
    apr_int64_t hour = (apr_int64_t)sim->options->domains * 14 + 150;
    printf("%d renewals: %d inside their window, %d after an outage or a failure in it, "
           "%d since their certificate was revoked\n",
           seen->renewals, seen->inside, seen->excused, seen->hastened);
    promise(seen->expired == 0, "seconds with an expired certificate that could be renewed",
            seen->expired);
    promise(limited == 0, "orders refused by a limit of the CA", limited);
    promise(seen->outside == 0, "renewals outside of their window for no reason", seen->outside);
    promise(seen->overdue == 0, "due before the end of an outage, not renewed 3 hours after it",
            seen->overdue);
    promise(seen->after_revocation == 0, "revoked and not replaced in time",
            seen->after_revocation);
    printf("bound: %" APR_INT64_T_FMT " requests, %" APR_INT64_T_FMT " in an hour, 16 at once\n",
           bound, hour);
    promise(seen->requests <= bound, "requests", seen->requests);
    promise(seen->worst_hour <= hour, "requests in the busiest hour", seen->worst_hour);
    promise(fake_ca_peak_in_flight(sim->w->ca) <= 16, "requests at once",
            fake_ca_peak_in_flight(sim->w->ca));
    promise(fake_ca_count(sim->w->ca, "violations", NULL) == 0, "breaches of the protocol",
            fake_ca_count(sim->w->ca, "violations", NULL));
    fputs(fake_ca_violations(sim->w->ca), stdout);
}

static void tell_requests(const sim_t *sim)
{
    const sim_tally_t *seen = &sim->seen;
    printf("requests:");
    for (int i = 0; i < FAKE_CA_ANY; i++) {
        if (seen->by_kind[i] > 0) {
            printf(" %s %" APR_INT64_T_FMT, fake_ca_kind_name((fake_ca_kind_t)i), seen->by_kind[i]);
        }
    }
    printf("\n%d restarts, %d outages, %d orders that replaced inside the window\n", seen->restarts,
           sim->outages->nelts, fake_ca_count(sim->w->ca, "exempt", NULL));
}

static void run(const sim_options_t *options)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, NULL);
    printf("seed %" APR_UINT64_T_FMT ": %d domains, %d days\n", options->seed, options->domains,
           options->days);
    sim_t *sim = sim_create(options, pool);
    fake_env_echo(sim->w->world, options->is_echoed);
    sim_plan(sim);
    sim_watch(sim);
    sim_live(sim);
    tell_requests(sim);
    tell(sim);
    fflush(stdout);
    apr_pool_destroy(pool);
}

static int has_all(const sim_t *sim)
{
    for (int i = 0; i < sim->options->domains; i++) {
        if (sim->domains[i].number == 0) {
            return 0;
        }
    }
    return 1;
}

/* All begin at once, without a certificate: what the CA's bucket has, but for the tenth that is kept
 * for new names, and then as fast as it refills. */
#define DEATHS_A_MINUTE 0.02

static void run_first_start(int domains, apr_uint64_t seed)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, NULL);
    const sim_options_t options = {.seed = seed,
                                   .domains = domains,
                                   .days = 2,
                                   .is_first_start = 1,
                                   .ari_retry_after = ACME_TIME_DAY};
    sim_t *sim = sim_create(&options, pool);
    sim_plan(sim);
    sim_watch(sim);
    engine_world_start(sim->w);
    int minutes = 0;
    int deaths = 0;
    while (!has_all(sim) && minutes < 2 * 24 * 60) {
        engine_world_pass(sim->w, ACME_TIME_MINUTE);
        minutes++;
        if (sim_uniform(sim) < DEATHS_A_MINUTE) {
            engine_world_die(sim->w);
            engine_world_start(sim->w);
            deaths++;
        }
    }
    printf("first start of %d domains, seed %" APR_UINT64_T_FMT ", %d deaths\n", domains, seed,
           deaths);
    promise(has_all(sim), "minutes until all have their certificate", minutes);
    int limited = fake_ca_count(sim->w->ca, "limited", NULL);
    promise(limited == 0, "orders refused by a limit of the CA", limited);
    engine_world_die(sim->w);
    apr_pool_destroy(pool);
}

static int number_of(const char *word, const char *text)
{
    if (text == NULL || atoi(text) <= 0) {
        fprintf(stderr, "sim: %s needs a number\n", word);
        exit(2);
    }
    return atoi(text);
}

int main(int argc, char **argv)
{
    sim_options_t options = {.seed = 1,
                             .domains = DOMAINS,
                             .days = DAYS,
                             .ari_retry_after = ACME_TIME_DAY,
                             .outages = 20};
    if (DAYS_WANTED != NULL) {
        options.days = number_of("ACME_SIM_DAYS", DAYS_WANTED);
    }
    int seeds = 1;
    int is_first_start = argc == 1;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--echo") == 0) {
            options.is_echoed = 1;
        }
        else if (strcmp(argv[i], "--first-start") == 0) {
            is_first_start = 1;
        }
        else if (strcmp(argv[i], "--domains") == 0) {
            options.domains = number_of(argv[i++], next);
        }
        else if (strcmp(argv[i], "--days") == 0) {
            options.days = number_of(argv[i++], next);
        }
        else if (strcmp(argv[i], "--seed") == 0) {
            options.seed = (apr_uint64_t)number_of(argv[i++], next);
        }
        else if (strcmp(argv[i], "--seeds") == 0) {
            seeds = number_of(argv[i++], next);
        }
        else if (strcmp(argv[i], "--ari-hours") == 0) {
            options.ari_retry_after = number_of(argv[i++], next) * ACME_TIME_HOUR;
        }
        else {
            fprintf(stderr, "sim: what is %s?\n", argv[i]);
            return 2;
        }
    }
    options.outages = options.days / 18;
    options.restarts = options.days / 6;
    apr_initialize();
    for (int i = 0; i < seeds; i++) {
        run(&options);
        options.seed++;
    }
    if (is_first_start) {
        run_first_start(250, options.seed);
        run_first_start(1000, options.seed);
    }
    apr_terminate();
    return broken != 0;
}
