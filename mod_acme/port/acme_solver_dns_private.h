/* The inside of dns-01's solver: what it keeps of each record, shared by the file that has records
 * set and the one that asks the DNS about them. SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_SOLVER_DNS_PRIVATE_H
#define ACME_SOLVER_DNS_PRIVATE_H

#include <apr_hash.h>

#include "acme/acme_dns_look.h"
#include "acme/acme_dns_place.h"
#include "acme/acme_solver_dns.h"

typedef enum {
    ACME_SOLVER_DNS_FIND,
    ACME_SOLVER_DNS_ADD,
    ACME_SOLVER_DNS_LOOK,
    ACME_SOLVER_DNS_SETTLE,
    ACME_SOLVER_DNS_READY,
    ACME_SOLVER_DNS_REMOVE
} acme_solver_dns__stage_t;

/* The way of one record, from the proof it is for to its removal. */
typedef struct {
    apr_pool_t *pool;
    acme_solver_dns__stage_t stage;
    acme_txt_t txt; /* txt.name: settled from ADD on */
    const char *thumbprint;
    const acme_dns_update_t *update;
    acme_dns01_wait_t wait;
    int is_manual; /* a hand sets it, which the status page guides */
    apr_time_t expires;
    int is_recorded;     /* the sealed record is there */
    apr_time_t added_at; /* 0: not yet */
    apr_time_t shown_at; /* 0: not yet */

    acme_dns_place_t *place; /* NULL: as yet nobody was asked */
    int asks_resolver;       /* the servers cannot be asked */
    apr_pool_t *look_pool;
    acme_dns_look_t *look; /* NULL between two rounds */
    apr_time_t next_round;
    int rounds;
    int silent_rounds;
    int has_warned; /* of foreign values */
    apr_interval_time_t pause;
} acme_solver_dns__job_t;

typedef struct {
    apr_pool_t *pool;
    acme_solver_dns_config_t config;
    apr_hash_t *jobs; /* value -> acme_solver_dns__job_t */
} acme_solver_dns__t;

/* acme_solver_dns.c */

apr_time_t acme_solver_dns__now(const acme_solver_dns__t *baton);
void acme_solver_dns__enter(acme_solver_dns__job_t *job, acme_solver_dns__stage_t stage);

/** Writes the sealed record, synced. */
acme_err_t *acme_solver_dns__keep(const acme_solver_dns__t *baton, acme_solver_dns__job_t *job,
                                  apr_pool_t *pool);

/** The name of the record, fit to be shown. */
const char *acme_solver_dns__name(const acme_solver_dns__job_t *job, apr_pool_t *pool);

/** A moment soon, later each time nothing has happened. */
apr_time_t acme_solver_dns__soon(const acme_solver_dns__t *baton, acme_solver_dns__job_t *job);

/* acme_solver_dns_ask.c: each goes on with a stage; *poll_at stays 0 if the next can begin at once
 */

/** FIND: *is_done when job->txt.name is where CNAMEs lead, as far as that can be known. */
acme_err_t *acme_solver_dns__find(int *is_done, apr_time_t *poll_at,
                                  const acme_solver_dns__t *baton, acme_solver_dns__job_t *job,
                                  apr_pool_t *pool);

/** The record is set: LOOK begins, or SETTLE where nobody is to be asked. */
acme_err_t *acme_solver_dns__begin_wait(const acme_solver_dns__t *baton,
                                        acme_solver_dns__job_t *job, apr_pool_t *pool);

acme_err_t *acme_solver_dns__look(apr_time_t *poll_at, const acme_solver_dns__t *baton,
                                  acme_solver_dns__job_t *job, apr_pool_t *pool);
acme_err_t *acme_solver_dns__settle(apr_time_t *poll_at, const acme_solver_dns__t *baton,
                                    acme_solver_dns__job_t *job, apr_pool_t *pool);

#endif
