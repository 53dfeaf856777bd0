/* Policy: whose order comes first, what it counts for, and where it goes; see acme_policy.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_policy.h"

#include <string.h>

/* More than so many are spread. */
#define CHANGE_AT_ONCE 20

int acme_policy_is_change(acme_due_reason_t reason)
{
    return reason == ACME_DUE_CA || reason == ACME_DUE_PROFILE || reason == ACME_DUE_MUST_STAPLE ||
           reason == ACME_DUE_KEY_TYPE;
}

apr_interval_time_t acme_policy_change_pause(int number)
{
    return number < CHANGE_AT_ONCE ? 0 : ACME_POLICY_CHANGE_PAUSE;
}

acme_rank_t acme_policy_rank(const acme_due_t *due, int is_new, int errors, apr_time_t now)
{
    if (due->expires != 0 && now >= due->warn_at) {
        return ACME_RANK_WARN;
    }
    if (acme_policy_is_change(due->reason)) {
        return ACME_RANK_CHANGE;
    }
    if (due->reason != ACME_DUE_FIRST && due->reason != ACME_DUE_NAMES) {
        return ACME_RANK_RENEWAL;
    }
    int is_fresh = is_new || due->reason == ACME_DUE_NAMES;
    return is_fresh && errors == 0 ? ACME_RANK_NEW : ACME_RANK_BACKLOG;
}

static int is_same_set(const apr_array_header_t *a, const apr_array_header_t *b)
{
    for (int i = 0; i < a->nelts; ++i) {
        if (!acme_identifiers_contain(b, APR_ARRAY_IDX(a, i, const acme_identifier_t *))) {
            return 0;
        }
    }
    return a->nelts == b->nelts; /* none is in a set twice */
}

acme_claim_t acme_policy_claim(const acme_ca_t *ca, const apr_array_header_t *identifiers,
                               const acme_generation_fact_t *fact,
                               const acme_renewal_certificate_t *certificate, apr_time_t now)
{
    if (!ca->limits.is_renewal_exempt || fact == NULL || fact->ca_url == NULL ||
        strcmp(fact->ca_url, ca->directory_url) != 0) {
        return ACME_CLAIM_FULL;
    }
    if (fact->account_url != NULL && certificate != NULL && certificate->start <= now &&
        now <= certificate->end) { /* so that the order will say what it replaces */
        return ACME_CLAIM_NONE;
    }
    return is_same_set(identifiers, fact->identifiers) ? ACME_CLAIM_RENEWAL : ACME_CLAIM_FULL;
}

int acme_policy_choose_ca(int count, int errors, int failover, const int *is_down)
{
    int first = failover > 0 ? errors / failover % count : 0;
    for (int i = 0; i < count; ++i) {
        int at = (first + i) % count;
        if (!is_down[at]) {
            return at;
        }
    }
    return first;
}

/* Of so many tries in a row that fail, one is made at the CA itself. */
#define REHEARSALS_AND_ONE 4

int acme_policy_shall_rehearse(const acme_due_t *due, const acme_job_t *job, apr_time_t now)
{
    int is_urgent = due->reason == ACME_DUE_REVOKED || (due->warn_at != 0 && now >= due->warn_at);
    return job->rehearse && job->errors % REHEARSALS_AND_ONE != 0 && !is_urgent;
}
