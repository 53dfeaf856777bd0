/* What dns-01's solver asks of the DNS: where a record goes, and whether all see it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_solver_dns_private.h"

#include <apr_strings.h>

#include "acme/acme_time.h"

/* Between two rounds: longer each time. */
#define ROUND_MIN ACME_TIME_SECOND
#define ROUND_MAX (5 * ACME_TIME_SECOND)
/* After so many rounds that nobody answered, nobody will. */
#define SILENT_ROUNDS 4
/* The CA is told this long before the authorization ends, settled or not. */
#define EXPIRY_MARGIN (2 * ACME_TIME_MINUTE)

typedef acme_solver_dns__job_t job_t;
typedef acme_solver_dns__t baton_t;

static void log_line(const baton_t *baton, const job_t *job, acme_log_level_t level,
                     const char *text)
{
    acme_env_log(baton->config.env, level, "%s: %s", job->txt.domain, text);
}

/* ---- FIND */

/* Who cannot be asked about the place may all the same be told of the record. */
static void place_is_unknown(const baton_t *baton, job_t *job, const acme_err_t *err,
                             apr_pool_t *pool)
{
    log_line(baton, job, ACME_LOG_WARNING,
             apr_psprintf(pool,
                          "the name servers of %s are not known, so only the resolver is asked "
                          "whether its TXT record is there: %s; see ACMEDnsResolver and "
                          "ACMEDns01Wait",
                          acme_solver_dns__name(job, pool), err->text));
    job->asks_resolver = 1;
}

static acme_err_t *poll_place(int *is_done, const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    if (job->place == NULL) {
        job->place = acme_dns_place_find(baton->config.dns, job->txt.name, job->pool);
    }
    acme_err_t *err = acme_dns_place_poll(is_done, job->place, pool);
    if (err != NULL) {
        place_is_unknown(baton, job, err, pool);
        *is_done = 1;
    }
    return NULL;
}

/* see acme_solver_dns_private.h */
acme_err_t *acme_solver_dns__find(int *is_done, apr_time_t *poll_at, const baton_t *baton,
                                  job_t *job, apr_pool_t *pool)
{
    *is_done = 1;
    if (baton->config.dns != NULL) {
        ACME_TRY(poll_place(is_done, baton, job, pool));
    }
    if (!*is_done) {
        *poll_at = acme_solver_dns__soon(baton, job);
        return NULL;
    }
    if (job->place != NULL) {
        job->txt.name = acme_dns_place_name(job->place);
    }
    return NULL;
}

/* ---- LOOK */

static acme_err_t *all_show(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    job->shown_at = acme_solver_dns__now(baton);
    acme_solver_dns__enter(job, ACME_SOLVER_DNS_SETTLE);
    return job->wait.settle > 0 ? acme_solver_dns__keep(baton, job, pool) : NULL;
}

/* see acme_solver_dns_private.h */
acme_err_t *acme_solver_dns__begin_wait(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    if (baton->config.dns == NULL || job->wait.servers == ACME_DNS01_NONE) {
        return all_show(baton, job, pool);
    }
    acme_solver_dns__enter(job, ACME_SOLVER_DNS_LOOK);
    return NULL;
}

static int asks_servers(const job_t *job)
{
    return job->wait.servers == ACME_DNS01_AUTHORITATIVE && !job->asks_resolver;
}

static void begin_round(const baton_t *baton, job_t *job)
{
    apr_pool_clear(job->look_pool);
    job->look = acme_dns_look_begin(baton->config.dns, job->txt.name, job->txt.value,
                                    asks_servers(job) ? acme_dns_place_servers(job->place) : NULL,
                                    job->look_pool);
}

static void warn_of_foreign(const baton_t *baton, job_t *job, const acme_dns_sight_t *sight,
                            apr_pool_t *pool)
{
    if (sight->foreign <= ACME_SOLVER_DNS_FOREIGN_MAX || job->has_warned) {
        return;
    }
    job->has_warned = 1;
    log_line(
        baton, job, ACME_LOG_WARNING,
        apr_psprintf(pool,
                     "there are %d other TXT records at %s: answers that grow too large do not "
                     "reach the CA; remove those that nobody needs",
                     sight->foreign, acme_solver_dns__name(job, pool)));
}

/* The limit is reached. What answers and lacks the value would be seen by the CA too. */
static acme_err_t *time_is_over(const baton_t *baton, job_t *job, const acme_dns_sight_t *sight,
                                apr_pool_t *pool)
{
    const char *after = acme_time_span_words(job->wait.timeout, pool);
    if (asks_servers(job) && sight->lacking > 0) {
        return acme_err_make(
            pool, ACME_ERR_INPUT,
            "the TXT record %s is not shown by all name servers after %s, so the CA "
            "was not told: %s; see ACMEDns01Wait",
            acme_solver_dns__name(job, pool), after, sight->waiting);
    }
    log_line(baton, job, ACME_LOG_WARNING,
             apr_psprintf(pool,
                          "whether the TXT record %s can be seen is not certain after %s (%s); the "
                          "CA is told all the same",
                          acme_solver_dns__name(job, pool), after, sight->waiting));
    return all_show(baton, job, pool);
}

static void count_silence(const baton_t *baton, job_t *job, const acme_dns_sight_t *sight,
                          apr_pool_t *pool)
{
    job->silent_rounds = sight->showing + sight->lacking > 0 ? 0 : job->silent_rounds + 1;
    if (!asks_servers(job) || job->silent_rounds < SILENT_ROUNDS) {
        return;
    }
    job->asks_resolver = 1;
    log_line(baton, job, ACME_LOG_WARNING,
             apr_psprintf(pool,
                          "no name server of %s answers (%s), so the resolver is asked; if a "
                          "firewall is between, write ACMEDns01Wait servers=resolver",
                          acme_solver_dns__name(job, pool), sight->waiting));
}

static apr_time_t round_after(const job_t *job, apr_time_t now)
{
    apr_interval_time_t pause = ROUND_MIN * (1 + job->rounds);
    return now + (pause < ROUND_MAX ? pause : ROUND_MAX);
}

static acme_err_t *hear_round(const baton_t *baton, job_t *job, const acme_dns_sight_t *sight,
                              apr_pool_t *pool)
{
    apr_time_t now = acme_solver_dns__now(baton);
    job->look = NULL;
    warn_of_foreign(baton, job, sight, pool);
    if (sight->waiting == NULL) {
        return all_show(baton, job, pool);
    }
    if (now - job->added_at >= job->wait.timeout) {
        return time_is_over(baton, job, sight, pool);
    }
    if (job->rounds++ == 0) {
        log_line(baton, job, ACME_LOG_INFO,
                 apr_psprintf(pool, "waiting for the TXT record %s: %s",
                              acme_solver_dns__name(job, pool), sight->waiting));
    }
    count_silence(baton, job, sight, pool);
    job->next_round = round_after(job, now);
    return NULL;
}

/* After a restart the servers are asked for once more: they may have changed. */
static int knows_servers(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    int is_done = 1;
    if (asks_servers(job)) {
        (void)poll_place(&is_done, baton, job, pool); /* what it says is logged */
    }
    return is_done;
}

/* see acme_solver_dns_private.h */
acme_err_t *acme_solver_dns__look(apr_time_t *poll_at, const baton_t *baton, job_t *job,
                                  apr_pool_t *pool)
{
    if (!knows_servers(baton, job, pool)) {
        *poll_at = acme_solver_dns__soon(baton, job);
        return NULL;
    }
    if (job->look == NULL && acme_solver_dns__now(baton) < job->next_round) {
        *poll_at = job->next_round;
        return NULL;
    }
    if (job->look == NULL) {
        begin_round(baton, job);
        job->pause = 0;
    }
    acme_dns_sight_t sight;
    if (!acme_dns_look_poll(&sight, job->look)) {
        *poll_at = acme_solver_dns__soon(baton, job);
        return NULL;
    }
    ACME_TRY(hear_round(baton, job, &sight, pool));
    *poll_at = job->stage == ACME_SOLVER_DNS_LOOK ? job->next_round : 0;
    return NULL;
}

/* ---- SETTLE */

/* see acme_solver_dns_private.h */
acme_err_t *acme_solver_dns__settle(apr_time_t *poll_at, const baton_t *baton, job_t *job,
                                    apr_pool_t *pool)
{
    apr_time_t until = job->shown_at + job->wait.settle;
    (void)pool;
    if (job->expires != 0 && until > job->expires - EXPIRY_MARGIN) {
        until = job->expires - EXPIRY_MARGIN;
    }
    if (acme_solver_dns__now(baton) < until) {
        *poll_at = until;
    }
    else {
        acme_solver_dns__enter(job, ACME_SOLVER_DNS_READY);
    }
    return NULL;
}
