/* Policy as pure functions: when to ask and try again, how to prove, when to speak; see
 * acme_policy.h. SPDX-License-Identifier: Apache-2.0
 */
#include "acme_policy_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

/* ---- spans and moments ---- */

apr_interval_time_t acme_policy__doubled(apr_interval_time_t first, int errors,
                                         apr_interval_time_t max)
{
    apr_interval_time_t span = first;
    for (int i = 1; i < errors && span < max; ++i) {
        span *= 2;
    }
    return span < max ? span : max;
}

/* Records keep whole seconds: what is read back must not be earlier than what was meant. */
static apr_time_t whole_second(apr_time_t when)
{
    return (when + ACME_TIME_SECOND - 1) / ACME_TIME_SECOND * ACME_TIME_SECOND;
}

/* ---- what the CA suggests ---- */

#define INQUIRE_MIN ACME_TIME_MINUTE
#define INQUIRE_MAX ACME_TIME_DAY
#define INQUIRE_USUAL (6 * ACME_TIME_HOUR)

static apr_time_t within(apr_time_t when, apr_time_t min, apr_time_t max)
{
    return when < min ? min : when > max ? max : when;
}

static apr_time_t part_of(apr_interval_time_t span, double uniform)
{
    return (apr_interval_time_t)((double)span * uniform);
}

int acme_policy_take_renewal_info(acme_renewal_certificate_t *certificate,
                                  const acme_renewal_info_t *info, double uniform, apr_pool_t *pool)
{
    certificate->explanation_url =
        info->explanation_url != NULL ? apr_pstrdup(pool, info->explanation_url) : NULL;
    if (certificate->start == whole_second(info->start) &&
        certificate->end == whole_second(info->end)) {
        return 0;
    }
    certificate->start = whole_second(info->start);
    certificate->end = whole_second(info->end);
    certificate->at = certificate->start + part_of(info->end - info->start, uniform) /
                                               ACME_TIME_SECOND * ACME_TIME_SECOND;
    return 1;
}

apr_time_t acme_policy_inquire_first(apr_time_t now, double uniform)
{
    return whole_second(now + INQUIRE_MIN + part_of(ACME_TIME_HOUR, uniform));
}

apr_time_t acme_policy_inquire_again(apr_time_t retry_at, apr_time_t now, double uniform)
{
    apr_time_t when = retry_at != 0 ? retry_at : now + INQUIRE_USUAL;
    when = within(when, now + INQUIRE_MIN, now + INQUIRE_MAX);
    return whole_second(when + part_of((when - now) / 10, uniform));
}

apr_time_t acme_policy_inquire_after(const acme_err_t *err, int errors, apr_time_t now,
                                     double uniform)
{
    apr_interval_time_t span = INQUIRE_USUAL;
    if (err->errclass == ACME_ERR_NETWORK || err->errclass == ACME_ERR_WAIT) {
        span = acme_policy__doubled(INQUIRE_MIN, errors, INQUIRE_USUAL);
    }
    apr_time_t when = within(err->retry_at, now + span, now + INQUIRE_MAX);
    return whole_second(when + part_of(span / 10, uniform));
}

/* ---- when to try again ---- */

static apr_time_t spread(apr_time_t now, apr_interval_time_t span, double uniform)
{
    return now + span + (apr_interval_time_t)((double)span * 0.2 * uniform);
}

static apr_interval_time_t first_delay(acme_err_class_t errclass, apr_interval_time_t retry_delay)
{
    switch (errclass) {
    case ACME_ERR_REFUSED:
    case ACME_ERR_INTERNAL:
        return retry_delay > ACME_POLICY_REFUSED_MIN ? retry_delay : ACME_POLICY_REFUSED_MIN;
    case ACME_ERR_CONFIG:
        return ACME_TIME_HOUR;
    case ACME_ERR_WAIT:
        return ACME_TIME_MINUTE;
    case ACME_ERR_NETWORK:
    case ACME_ERR_STORE:
    case ACME_ERR_INPUT:
    case ACME_ERR_GONE:
    case ACME_ERR_CLOCK:
        break;
    }
    return retry_delay;
}

static apr_time_t later(apr_time_t a, apr_time_t b)
{
    return a > b ? a : b;
}

/* Retry-After of an answer, within reason: "in ten years" is a broken CA and no limit. */
static apr_time_t asked_for(const acme_err_t *err, apr_time_t now)
{
    apr_time_t most = now + ACME_POLICY_WAIT_MAX;
    return err->retry_at < most ? err->retry_at : most;
}

apr_time_t acme_policy_believable(apr_time_t when, apr_time_t now)
{
    return when <= now + ACME_POLICY_WAIT_MAX + ACME_TIME_SECOND ? when : 0;
}

apr_time_t acme_policy_retry_at(const acme_err_t *err, int errors, apr_interval_time_t retry_delay,
                                apr_time_t now, double uniform)
{
    apr_interval_time_t span = acme_policy__doubled(first_delay(err->errclass, retry_delay), errors,
                                                    ACME_POLICY_RETRY_MAX);
    return whole_second(later(spread(now, span, uniform), asked_for(err, now)));
}

/* After so long nobody is waiting for it any more. */
#define TIRESOME (30 * ACME_TIME_DAY)

static int is_its_own(acme_err_class_t errclass)
{
    return errclass != ACME_ERR_NETWORK && errclass != ACME_ERR_STORE &&
           errclass != ACME_ERR_CLOCK && errclass != ACME_ERR_WAIT;
}

apr_time_t acme_policy_next_run(const acme_err_t *err, int errors, apr_time_t failing_since,
                                apr_interval_time_t retry_delay, apr_time_t now, double uniform)
{
    apr_time_t at = acme_policy_retry_at(err, errors, retry_delay, now, uniform);
    if (failing_since != 0 && now - failing_since >= TIRESOME && is_its_own(err->errclass)) {
        at = later(at, now + 7 * ACME_TIME_DAY + part_of(ACME_TIME_DAY, uniform));
    }
    else if (err->link != NULL && err->errclass == ACME_ERR_WAIT) {
        at = later(at, spread(now, ACME_TIME_DAY, uniform));
    }
    return whole_second(at);
}

apr_time_t acme_policy_probe_at(const acme_err_t *err, int errors, apr_interval_time_t retry_delay,
                                apr_time_t now, double uniform)
{
    apr_interval_time_t first = err->errclass == ACME_ERR_CONFIG ? ACME_TIME_HOUR : retry_delay;
    apr_interval_time_t max =
        err->errclass == ACME_ERR_CONFIG ? ACME_POLICY_RETRY_MAX : ACME_TIME_HOUR;
    return whole_second(
        later(spread(now, acme_policy__doubled(first, errors, max), uniform), asked_for(err, now)));
}

/* The @a nth time from the end; 0 if there were not so many, or if it is not in the past. */
static apr_time_t nth_last(const apr_array_header_t *times, int nth, apr_time_t now)
{
    if (times == NULL || times->nelts < nth) {
        return 0;
    }
    apr_time_t when = APR_ARRAY_IDX(times, times->nelts - nth, apr_time_t);
    return when <= now ? when : 0;
}

apr_time_t acme_policy_remake_at(const apr_array_header_t *remade, apr_time_t now)
{
    apr_time_t last = nth_last(remade, 1, now);
    apr_time_t third = nth_last(remade, ACME_POLICY_REMAKES_MAX, now);
    apr_time_t at = last != 0 ? last + ACME_TIME_HOUR : 0;
    apr_time_t daily = third != 0 ? third + ACME_TIME_DAY : 0;
    at = later(at, daily);
    return at > now ? at : 0;
}

/* ---- how to prove ---- */

/* Those of `proofs` that are about `name`. */
static apr_array_header_t *proofs_of(const apr_array_header_t *proofs, const char *name,
                                     apr_pool_t *pool)
{
    apr_array_header_t *own = apr_array_make(pool, 2, sizeof(acme_job_proof_t));
    for (int i = 0; i < proofs->nelts; ++i) {
        const acme_job_proof_t *proof = &APR_ARRAY_IDX(proofs, i, acme_job_proof_t);
        if (strcmp(proof->name, name) == 0) {
            APR_ARRAY_PUSH(own, acme_job_proof_t) = *proof;
        }
    }
    return own;
}

/* When `type` was judged invalid; 0: not since it worked last. */
static apr_time_t failed_at(const apr_array_header_t *failures, const char *type)
{
    for (int i = 0; i < failures->nelts; ++i) {
        const acme_job_proof_t *failure = &APR_ARRAY_IDX(failures, i, acme_job_proof_t);
        if (strcmp(failure->type, type) == 0) {
            return failure->when;
        }
    }
    return 0;
}

static int failed_lately(const apr_array_header_t *failures, apr_time_t now)
{
    int count = 0;
    for (int i = 0; i < failures->nelts; ++i) {
        apr_time_t when = APR_ARRAY_IDX(failures, i, acme_job_proof_t).when;
        count += when <= now && now - when < ACME_TIME_HOUR;
    }
    return count;
}

static const char *last_type(const apr_array_header_t *proofs)
{
    return proofs->nelts > 0 ? APR_ARRAY_IDX(proofs, proofs->nelts - 1, acme_job_proof_t).type
                             : NULL;
}

/* What worked for the name, or, where that was never tried, for another one. */
static const char *best_type(const acme_job_t *job, const char *name,
                             const apr_array_header_t *failures, apr_pool_t *pool)
{
    const apr_array_header_t *worked = proofs_of(job->worked, name, pool);
    return last_type(worked->nelts > 0 || failures->nelts > 0 ? worked : job->worked);
}

/* Behind everything that failed earlier; equals stay in their order. */
static void insert_by_failure(apr_array_header_t *sorted, const char *type,
                              const apr_array_header_t *failures)
{
    APR_ARRAY_PUSH(sorted, const char *) = type;
    const char **at = (const char **)sorted->elts;
    for (int i = sorted->nelts - 1;
         i > 0 && failed_at(failures, at[i - 1]) > failed_at(failures, type); --i) {
        at[i] = at[i - 1];
        at[i - 1] = type;
    }
}

static int is_listed(const apr_array_header_t *types, const char *type)
{
    for (int i = 0; type != NULL && i < types->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(types, i, const char *), type) == 0) {
            return 1;
        }
    }
    return 0;
}

apr_array_header_t *acme_policy_challenge_types(const apr_array_header_t *types, const char *name,
                                                const acme_job_t *job, apr_time_t now,
                                                apr_pool_t *pool)
{
    const apr_array_header_t *failures = proofs_of(job->failures, name, pool);
    const char *worked = best_type(job, name, failures, pool);
    int only_failed = failed_lately(failures, now) >= 2;
    apr_array_header_t *sorted = apr_array_make(pool, types->nelts, sizeof(const char *));
    if (is_listed(types, worked)) {
        insert_by_failure(sorted, worked, failures);
    }
    for (int i = 0; i < types->nelts; ++i) {
        const char *type = APR_ARRAY_IDX(types, i, const char *);
        if (!is_listed(sorted, type) && (!only_failed || failed_at(failures, type) != 0)) {
            insert_by_failure(sorted, type, failures);
        }
    }
    return sorted;
}

/* ---- when to ask again ---- */

#define POLL_FIRST (60 * (apr_interval_time_t)1000)
#define POLL_FIRST_MAX (3 * ACME_TIME_SECOND)

/* Pauses after the first, second … answer in vain: quick at first, since most CAs are, then a
 * second apart while a person may be watching, then patient. */
static const apr_interval_time_t poll_pauses[] = {120 * 1000,
                                                  250 * 1000,
                                                  500 * 1000,
                                                  ACME_TIME_SECOND,
                                                  ACME_TIME_SECOND,
                                                  ACME_TIME_SECOND,
                                                  ACME_TIME_SECOND,
                                                  2 * ACME_TIME_SECOND,
                                                  4 * ACME_TIME_SECOND,
                                                  8 * ACME_TIME_SECOND,
                                                  15 * ACME_TIME_SECOND,
                                                  30 * ACME_TIME_SECOND,
                                                  60 * ACME_TIME_SECOND};

#define POLL_PAUSES ((int)(sizeof(poll_pauses) / sizeof(poll_pauses[0])))

apr_time_t acme_policy_poll_at(int polls, apr_time_t retry_at, apr_interval_time_t estimate,
                               apr_time_t now)
{
    apr_time_t cap = now + 5 * ACME_TIME_MINUTE; /* RFC 8555 leaves it open; some CAs say a day */
    apr_time_t wanted = retry_at < cap ? retry_at : cap;
    if (polls == 0) {
        apr_interval_time_t pause = estimate < POLL_FIRST ? POLL_FIRST : estimate;
        return later(now + (pause > POLL_FIRST_MAX ? POLL_FIRST_MAX : pause), wanted);
    }
    int i = polls - 1 < POLL_PAUSES ? polls - 1 : POLL_PAUSES - 1;
    return later(now + poll_pauses[i], wanted);
}

apr_interval_time_t acme_policy_poll_estimate(apr_interval_time_t estimate,
                                              apr_interval_time_t took, int polls)
{
    if (polls == 0) {
        return estimate - estimate / 8; /* it was there at the first look: look a little sooner */
    }
    apr_interval_time_t better = estimate + (took - estimate) / 4;
    return better > POLL_FIRST_MAX ? POLL_FIRST_MAX : better;
}

apr_interval_time_t acme_policy_poll_in_vain(apr_interval_time_t estimate,
                                             apr_interval_time_t elapsed, int polls)
{
    return polls <= 4 && elapsed > estimate && elapsed < POLL_FIRST_MAX ? elapsed : estimate;
}

int acme_policy_poll_is_over(apr_time_t since, int is_processing, apr_time_t now)
{
    return now - since > (is_processing ? 12 * ACME_TIME_HOUR : ACME_TIME_HOUR);
}

/* ---- when to speak ---- */

#define REASON_WORD_MAX 24

static int is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

apr_uint32_t acme_policy_reason(const char *text)
{
    apr_uint32_t hash = 5381;
    while (*text != '\0') {
        const char *end = text;
        int has_digit = 0;
        while (is_word_character(*end)) {
            has_digit |= *end >= '0' && *end <= '9';
            ++end;
        }
        int counts = !has_digit && end - text <= REASON_WORD_MAX;
        for (; counts && text < end; ++text) {
            hash = hash * 33 + (unsigned char)*text;
        }
        text = *end != '\0' ? end + 1 : end;
    }
    return hash;
}

int acme_policy_shall_log(apr_time_t logged_at, apr_uint32_t logged_hash, apr_uint32_t hash,
                          apr_time_t now)
{
    return logged_at == 0 || logged_hash != hash || now - logged_at >= ACME_TIME_DAY ||
           now < logged_at;
}
