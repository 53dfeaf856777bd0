/* Which CA a domain orders from, and whether its test environment is asked first.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A CA is given up while it has failed ACMERetryFailover times in a row and its next probe is not
 * due, or while that is many hours ahead: the CA said so, or only the administrator can mend what is
 * wrong there. So nobody waits for it, and it is asked again as soon as it may be well. A test environment
 * is given up the first time it fails: whoever rehearses there can do without it.
 */
#include "acme_engine_private.h"

/* About as long as so many failures take as are waited for without another word. */
#define LONG_ABSENCE (6 * ACME_TIME_HOUR)

/* Given up, and not to be asked yet: when its next probe is due, whoever begins an order may make it. */
static int is_down(const acme_engine_t *engine, acme_session_t *session)
{
    int errors = acme_session_errors(session);
    apr_interval_time_t rest =
        acme_session_not_before(session) - acme_env_now(engine->config.env);
    return (errors >= engine->config.retry_failover && rest > 0) ||
           (errors > 0 && rest > LONG_ABSENCE);
}

/* Has failed, and is not to be asked yet. */
static int is_in_trouble(const acme_engine_t *engine, acme_session_t *session)
{
    return acme_session_errors(session) > 0 &&
           acme_session_not_before(session) > acme_env_now(engine->config.env);
}

/* The session to order through: that of the first choice unless it failed. */
static acme_session_t *choose_ca(acme_engine_t *engine, const entry_t *entry, int errors,
                                 apr_pool_t *pool)
{
    const acme_domain_t *domain = entry->domain;
    int count = acme_domain_cas(domain);
    if (count == 1) {
        return entry->session;
    }
    int *down = apr_pcalloc(pool, sizeof(*down) * (apr_size_t)count);
    for (int i = 0; i < count; ++i) {
        down[i] = is_down(engine, acme_engine__session(engine, acme_domain_ca(domain, i)));
    }
    int at = acme_policy_choose_ca(count, errors, engine->config.retry_failover, down);
    return acme_engine__session(engine, acme_domain_ca(domain, at));
}

acme_session_t *acme_engine__choose(acme_engine_t *engine, const entry_t *entry,
                                    const acme_due_t *due, const acme_job_t *job,
                                    apr_pool_t *scratch_pool)
{
    const acme_domain_t *domain = entry->domain;
    acme_session_t *session = choose_ca(engine, entry, job->errors, scratch_pool);
    const acme_ca_t *ca = acme_session_ca(session);
    if (ca->test == NULL || acme_domain_find_test(domain, ca->test->directory_url) == NULL ||
        !acme_policy_shall_rehearse(due, job, acme_env_now(engine->config.env))) {
        return session;
    }
    acme_session_t *rehearsal = acme_engine__session(engine, ca->test);
    int can_order =
        !is_in_trouble(engine, rehearsal) && acme_session_order_room(rehearsal, domain->is_new) > 0;
    return can_order ? rehearsal : session;
}

static int has_another(acme_engine_t *engine, const acme_domain_t *domain)
{
    for (int i = 0; i < acme_domain_cas(domain); ++i) {
        if (!is_down(engine, acme_engine__session(engine, acme_domain_ca(domain, i)))) {
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

static void give_rehearsals_up(acme_engine_t *engine, const acme_session_t *session)
{
    if (acme_session_ca(session)->is_test) {
        acme_engine__send_away(engine, session);
    }
    for (int i = 0; i < engine->count; ++i) {
        acme_issuance_t *run = engine->entries[i].run;
        if (run != NULL && acme_issuance_session(run) == session &&
            acme_issuance_record(run)->is_rehearsal) {
            acme_issuance_abandon(run);
        }
    }
}

/* Once for each failure of a CA: later runs choose another by themselves. */
void acme_engine__fail_over(acme_engine_t *engine)
{
    for (int i = 0; engine->has_choice && i < engine->sessions->nelts; ++i) {
        acme_session_t *session = APR_ARRAY_IDX(engine->sessions, i, acme_session_t *);
        int *errors_seen = &APR_ARRAY_IDX(engine->errors_seen, i, int);
        int errors = acme_session_errors(session);
        if (errors != *errors_seen && is_in_trouble(engine, session)) {
            give_rehearsals_up(engine, session);
        }
        if (errors != *errors_seen && is_down(engine, session)) {
            abandon_at(engine, session);
            acme_engine__send_away(engine, session);
        }
        *errors_seen = errors;
    }
}
