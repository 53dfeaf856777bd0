/* A server with many domains, lived through in minutes: the real engine, and a world that is
 * unkind. SPDX-License-Identifier: Apache-2.0
 *
 * sim_world.c    the domains with their first certificates, the CA with its limits and profiles
 * sim_weather.c  what happens to them: restarts, outages, names that fail, a mass revocation
 * sim_watch.c    what is seen: certificates, windows, requests
 *
 * One seed decides everything; the same seed gives the same year.
 */
#ifndef SIM_H
#define SIM_H

#include <apr_hash.h>

#include "acme/acme_time.h"
#include "unit/engine_world.h"

typedef struct {
    apr_uint64_t seed;
    int domains;
    int days;
    apr_interval_time_t ari_retry_after; /**< how often the CA wants to be asked when to renew */
    int restarts;                        /**< in that time */
    int outages;
    int is_first_start; /**< nobody has a certificate yet, and nothing else happens */
    int is_echoed;      /**< the engine's log goes to stderr */
} sim_options_t;

typedef struct {
    const char *word;
    const char *profile; /**< NULL: the CA's default */
    apr_interval_time_t life;
    int percent; /**< of all domains */
} sim_kind_t;

/** Three of them, in the order of their percentages. */
#define SIM_KINDS 3
extern const sim_kind_t sim_kinds[SIM_KINDS];

/** A span of time. */
typedef struct {
    apr_time_t from;
    apr_time_t until;
} sim_span_t;

/** What is known of one domain. */
typedef struct {
    const acme_domain_t *domain;
    const sim_kind_t *kind;
    sim_span_t fails;      /**< its validation fails; {0, 0}: never */
    apr_time_t not_before; /**< of the certificate in use; 0: there is none */
    apr_time_t not_after;
    apr_time_t began;   /**< the first attempt to renew it; 0: none yet */
    int is_cleaning;    /**< the run that obtained it is not over yet */
    apr_time_t revoked; /**< when it was; 0: it is not */
    int number;         /**< certificates obtained */
} sim_domain_t;

/** What was seen. */
typedef struct {
    apr_int64_t expired;  /**< seconds of expired certificates that could have been renewed */
    int renewals;         /**< certificates that replaced one */
    int inside;           /**< of them inside the window of the one before */
    int hastened;         /**< since that one was revoked */
    int excused;          /**< after the CA was away, or the name failed, in that window */
    int outside;          /**< for no reason */
    int overdue;          /**< after an outage, due before its end and not renewed in time */
    int after_revocation; /**< the same after the revocation */
    apr_int64_t requests; /**< that were sent, answered or not */
    apr_int64_t by_kind[FAKE_CA_ANY + 1];
    apr_int64_t worst_hour;
    apr_int64_t this_hour;
    apr_time_t hour;
    int restarts;
    int complaints; /**< lines about all that */
} sim_tally_t;

typedef struct {
    apr_pool_t *pool;
    const sim_options_t *options;
    engine_world_t *w;
    sim_domain_t *domains;
    apr_hash_t *by_folder; /**< folder -> sim_domain_t */
    apr_time_t start;
    apr_time_t end;
    apr_uint64_t random;
    apr_array_header_t *events;  /**< of sim_weather.c */
    apr_array_header_t *outages; /**< sim_span_t, in order */
    apr_time_t revocation;       /**< 0: there is none */
    int dies_in;                 /**< so many requests from now; 0: it does not */
    sim_tally_t seen;
} sim_t;

/** After an outage, what was due is done within this time: the next probe is an hour and a fifth away at
 * most, it may get lost as any request, and the work takes minutes. */
#define SIM_RECOVERY (3 * ACME_TIME_HOUR)

/** A name that can be validated again is tried again within this time (a day and a fifth). */
#define SIM_RETRY (29 * ACME_TIME_HOUR)

/** Uniform in [0, 1), and from @a a to @a b. */
double sim_uniform(sim_t *sim);
apr_interval_time_t sim_between(sim_t *sim, apr_interval_time_t a, apr_interval_time_t b);

apr_time_t sim_now(const sim_t *sim);

/** sim_world.c: everything in place, no engine running yet. */
sim_t *sim_create(const sim_options_t *options, apr_pool_t *pool);

/** sim_weather.c: plans what will happen, and lives through it. */
void sim_plan(sim_t *sim);
void sim_live(sim_t *sim);

/** sim_watch.c: from now on everything is seen. */
void sim_watch(sim_t *sim);

/** What is to be seen at an end: of an outage, of the wait for the revocation, of all. */
void sim_watch_recovery(sim_t *sim, apr_time_t outage_end);
void sim_watch_revocation(sim_t *sim);
void sim_watch_end(sim_t *sim);

/** Reads what is in use for @a one. */
void sim_watch_certificate(sim_t *sim, sim_domain_t *one);

/** One line on stderr, as long as they are few. */
void sim_complain(sim_t *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The most requests that all of this may take. */
apr_int64_t sim_requests_bound(const sim_t *sim);

#endif
