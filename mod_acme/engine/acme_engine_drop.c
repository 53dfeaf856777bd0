/* Names that fail again and again: orders go without them, so that the others get their
 * certificate. SPDX-License-Identifier: Apache-2.0
 *
 * Runs remember in the job what the CA pins on a name; policy says which of them are dropped, and
 * here it is acted upon, at a look. A dropped name is tried again each day, along with the others.
 * When it fails again, that concerns nobody but it: the failure is not counted, and what is due is
 * ordered without it at once. No loop can come of this, since a name that failed is left out for a
 * day.
 */
#include "acme_engine_private.h"

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"

/* A little less than the day after which it is tried, so that the outcome is told and not the
 * attempt. */
#define TELL_APART (23 * ACME_TIME_HOUR)

#define WORDS_MAX 600

static const acme_dropped_t *dropped_at(const apr_array_header_t *dropped, int i)
{
    return &APR_ARRAY_IDX(dropped, i, acme_dropped_t);
}

static int is_in(const apr_array_header_t *dropped, const acme_job_refusal_t *refusal)
{
    for (int i = 0; i < dropped->nelts; ++i) {
        if (dropped_at(dropped, i)->refusal == refusal) {
            return 1;
        }
    }
    return 0;
}

static int is_to_tell(const acme_dropped_t *one, apr_time_t now)
{
    apr_time_t told_at = one->refusal->told_at;
    return one->again > now && (told_at == 0 || told_at > now || now - told_at >= TELL_APART);
}

static void tell(const acme_engine_t *engine, const acme_dropping_t *dropping,
                 const acme_dropped_t *one, apr_time_t now, apr_pool_t *pool)
{
    acme_job_refusal_t *refusal = one->refusal;
    const char *again = acme_time_rfc3339(one->again, pool);
    if (refusal->dropped == 0) {
        refusal->dropped = now;
        acme_job_note(dropping->job, now, "dropped",
                      apr_psprintf(pool, "orders go without %s, which failed %d times",
                                   refusal->name, refusal->count),
                      pool);
    }
    refusal->told_at = now;
    acme_env_log(
        engine->config.env, ACME_LOG_ERROR,
        "%s: orders go without %s, so that the other names have their certificate, since it has "
        "failed %d times from %s on: %s; it is tried again at %s",
        dropping->domain->name, refusal->name, refusal->count,
        acme_time_rfc3339(refusal->since, pool), acme_text_clean(refusal->detail, WORDS_MAX, pool),
        again);
}

/* Nonzero if the job has changed. */
static int tell_all(const acme_engine_t *engine, const acme_dropping_t *dropping,
                    const apr_array_header_t *dropped, apr_time_t now, apr_pool_t *pool)
{
    int has_changed = 0;
    for (int i = 0; i < dropped->nelts; ++i) {
        if (is_to_tell(dropped_at(dropped, i), now)) {
            tell(engine, dropping, dropped_at(dropped, i), now, pool);
            has_changed = 1;
        }
    }
    const apr_array_header_t *refusals = dropping->job->refusals;
    for (int i = 0; i < refusals->nelts; ++i) {
        acme_job_refusal_t *refusal = &APR_ARRAY_IDX(refusals, i, acme_job_refusal_t);
        if (refusal->dropped != 0 && !is_in(dropped, refusal)) {
            refusal->dropped = refusal->told_at = 0; /* the configuration has changed */
            has_changed = 1;
        }
    }
    return has_changed;
}

/* Nonzero if the job has changed. */
static int excuse(acme_job_t *job, const apr_array_header_t *dropped, apr_time_t now)
{
    if (job->next_run <= now || !acme_policy_is_excused(job, dropped)) {
        return 0;
    }
    job->next_run = 0;
    job->errors -= job->errors > 0;
    job->failing_since = job->errors > 0 ? job->failing_since : 0;
    return 1;
}

static void keep(acme_engine_t *engine, const acme_dropping_t *dropping, apr_pool_t *pool)
{
    acme_err_t *err = acme_job_write(engine->config.store, dropping->domain->folder,
                                     dropping->domain->name, dropping->job, pool);
    if (err != NULL) {
        acme_engine__store_trouble(engine, err);
    }
}

static int is_left_out(const apr_array_header_t *dropped, const acme_identifier_t *name,
                       apr_time_t now)
{
    for (int i = 0; i < dropped->nelts; ++i) {
        if (dropped_at(dropped, i)->identifier == name) {
            return dropped_at(dropped, i)->again > now;
        }
    }
    return 0;
}

static const apr_array_header_t *remaining(const acme_domain_t *domain,
                                           const apr_array_header_t *dropped, apr_time_t now,
                                           apr_pool_t *pool)
{
    apr_array_header_t *names =
        apr_array_make(pool, domain->identifiers->nelts, sizeof(const acme_identifier_t *));
    for (int i = 0; i < domain->identifiers->nelts; ++i) {
        const acme_identifier_t *name =
            APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *);
        if (!is_left_out(dropped, name, now)) {
            APR_ARRAY_PUSH(names, const acme_identifier_t *) = name;
        }
    }
    return names;
}

const apr_array_header_t *acme_engine__drop(acme_engine_t *engine, acme_due_t *due,
                                            const acme_dropping_t *dropping, apr_time_t now,
                                            apr_pool_t *pool)
{
    if (dropping->job->refusals->nelts == 0) {
        return dropping->domain->identifiers;
    }
    const apr_array_header_t *dropped =
        acme_policy_dropped(dropping->domain, dropping->facts, dropping->job, now, pool);
    int has_changed = tell_all(engine, dropping, dropped, now, pool);
    has_changed |= excuse(dropping->job, dropped, now);
    if (has_changed) {
        keep(engine, dropping, pool);
    }
    if (due->reason == ACME_DUE_NAMES && dropped->nelts > 0) {
        acme_policy_due(due, dropping->domain, dropping->facts, dropping->renewal, dropped);
    }
    return remaining(dropping->domain, dropped, now, pool);
}
