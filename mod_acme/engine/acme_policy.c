/* Policy as pure functions, see acme_policy.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_policy.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

/* ---- spans and moments ---- */

/* first * 2^(errors-1), at most `max`, whatever the numbers are: no shift, no overflow. */
static apr_interval_time_t doubled(apr_interval_time_t first, int errors, apr_interval_time_t max)
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

/* ---- when a certificate is needed ---- */

static const acme_key_spec_t *first_spec(const acme_domain_t *domain)
{
    return &APR_ARRAY_IDX(domain->key_specs, 0, acme_key_spec_t);
}

static void note_end(acme_due_t *due, const acme_domain_t *domain,
                     const acme_generation_fact_t *fact)
{
    if (due->expires != 0 && due->expires <= fact->not_after) {
        return;
    }
    due->expires = fact->not_after;
    due->warn_at = fact->not_after - acme_window_length(&domain->warn_window, fact->not_before,
                                                        fact->not_after);
}

/* notAfter is the last second of a certificate, not the first after it (RFC 5280 section 4.1.2.5). */
static apr_interval_time_t life_of(const acme_generation_fact_t *fact)
{
    return fact->not_after + ACME_TIME_SECOND - fact->not_before;
}

/* Below this, CAs want half of the life left, not a third. */
#define SHORT_LIFE (10 * ACME_TIME_DAY)

apr_time_t acme_policy_renew_at(const acme_domain_t *domain, const acme_generation_fact_t *fact)
{
    apr_interval_time_t length =
        acme_window_length(&domain->renew_window, fact->not_before, fact->not_after);
    if (domain->has_renew_window && length < fact->not_after - fact->not_before) {
        return fact->not_after - length;
    }
    return fact->not_after - life_of(fact) / (life_of(fact) < SHORT_LIFE ? 2 : 3);
}

/* What was issued at the same moment shall not be renewed at the same moment: each certificate has a
 * place of its own (its fingerprint's) in the first hundredth of its life after, half a day at most. */
static apr_interval_time_t place_of(const acme_generation_fact_t *fact)
{
    apr_interval_time_t room = life_of(fact) / 100;
    apr_int64_t seconds = apr_time_sec(room < ACME_TIME_DAY / 2 ? room : ACME_TIME_DAY / 2);
    apr_int64_t digits = 0;
    for (int i = 0; i < 6 && fact->sha256[i] != '\0'; ++i) {
        const char *digit = strchr("0123456789abcdef", fact->sha256[i]);
        digits = digits * 16 + (digit != NULL ? digit - "0123456789abcdef" : 0);
    }
    return apr_time_from_sec(seconds * digits / 0x1000000);
}

/* However late a CA's window lies, so much of the life is left to get a new one. */
static apr_time_t latest(const acme_generation_fact_t *fact)
{
    return fact->not_after - life_of(fact) / 6;
}

/* A CA that wants each new certificate replaced at once is broken; one that wants many replaced early
 * has an incident. So the first time counts at once, and then it is waited longer and longer. */
#define HASTENED_FIRST ACME_TIME_HOUR
#define HASTENED_MAX (2 * ACME_TIME_DAY)

static apr_time_t suggested(acme_due_t *due, const acme_renewal_t *renewal,
                            const acme_renewal_certificate_t *certificate,
                            const acme_generation_fact_t *fact)
{
    apr_time_t at = certificate->at < latest(fact) ? certificate->at : latest(fact);
    due->is_hastened = at < fact->not_before + life_of(fact) / 5 * 2;
    if (due->is_hastened && renewal->hastened > 0) {
        apr_time_t braked = fact->made + doubled(HASTENED_FIRST, renewal->hastened, HASTENED_MAX);
        at = at > braked ? at : braked;
    }
    return at;
}

/* A certificate that is due as soon as it is made is one by a clock that is wrong, ours or the CA's: so
 * for a tenth of its life it is not renewed for its age, or there would be one after the other. */
static apr_time_t not_at_once(apr_time_t at, const acme_generation_fact_t *fact)
{
    apr_time_t earliest = fact->made + life_of(fact) / 10;
    return fact->made != 0 && at < earliest ? earliest : at;
}

static acme_due_t judge_age(const acme_domain_t *domain, const acme_generation_fact_t *fact,
                            const acme_renewal_t *renewal)
{
    acme_due_t due = {.reason = ACME_DUE_RENEWAL, .certid = fact->certid};
    const acme_renewal_certificate_t *certificate =
        domain->is_renewal_info_off ? NULL : acme_renewal_find(renewal, fact->certid);
    if (certificate != NULL && certificate->start != 0) {
        due.reason = ACME_DUE_RENEWAL_INFO;
        due.at = suggested(&due, renewal, certificate, fact);
    } else {
        due.at = acme_policy_renew_at(domain, fact) + place_of(fact);
    }
    if (!due.is_hastened) {
        due.at = not_at_once(due.at, fact);
    }
    return due;
}

const acme_generation_fact_t *acme_policy_fact(const acme_domain_t *domain,
                                               const acme_generation_facts_t *facts,
                                               acme_key_type_t type)
{
    const acme_generation_fact_t *fact = acme_generation_fact(facts, type);
    return fact == NULL && !domain->has_key_specs && facts->certificates->nelts > 0
               ? &APR_ARRAY_IDX(facts->certificates, 0, acme_generation_fact_t)
               : fact;
}

/* Browsers do not know test CAs, whichever way such a certificate came here. */
static int is_of_test_ca(const acme_generation_fact_t *fact)
{
    return strstr(fact->issuer_name, "(STAGING)") != NULL;
}

/* From a CA that was left: replaced if the new one was written, else when it is renewed. */
static int is_of_former_ca(const acme_domain_t *domain, const acme_generation_fact_t *fact)
{
    return fact->ca_url != NULL && acme_domain_find_ca(domain, fact->ca_url) == NULL &&
           (domain->has_ca || is_of_test_ca(fact));
}

/* What came otherwise than by an order of ours has no profile that could differ. */
static int has_other_profile(const acme_domain_t *domain, const acme_generation_fact_t *fact)
{
    return domain->profile != NULL && fact->made != 0 &&
           (fact->profile == NULL || !acme_text_equal_nocase(fact->profile, domain->profile));
}

static int can_have_must_staple(const acme_ca_t *ca)
{
    return ca == NULL || !ca->is_without_must_staple;
}

/* A CA may give what was not asked for, or not give what was: then asking again changes nothing. */
static int has_other_staple(const acme_domain_t *domain, const acme_generation_fact_t *fact)
{
    if (!domain->has_must_staple || !domain->must_staple == !fact->has_must_staple) {
        return 0;
    }
    if (!domain->must_staple) {
        return fact->must_staple || fact->made == 0;
    }
    const acme_ca_t *issuer =
        fact->made != 0 ? acme_domain_find_ca(domain, fact->ca_url) : NULL;
    return !fact->must_staple && can_have_must_staple(domain->ca) && can_have_must_staple(issuer);
}

static const acme_identifier_t *name_of(const acme_domain_t *domain, int i)
{
    return APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *);
}

static int has_name(const acme_generation_fact_t *fact, const acme_identifier_t *name)
{
    for (int i = 0; i < fact->identifiers->nelts; ++i) {
        if (acme_identifier_covers(APR_ARRAY_IDX(fact->identifiers, i, const acme_identifier_t *),
                                   name)) {
            return 1;
        }
    }
    return 0;
}

static const acme_dropped_t *find_dropped(const apr_array_header_t *dropped, const char *name)
{
    for (int i = 0; dropped != NULL && i < dropped->nelts; ++i) {
        const acme_dropped_t *one = &APR_ARRAY_IDX(dropped, i, acme_dropped_t);
        if (strcmp(one->identifier->value, name) == 0) {
            return one;
        }
    }
    return NULL;
}

/* Nonzero if it lacks a name. *at is when to order it: at once, or when the first of those that were dropped
 * is tried again. */
static int lacks_name(apr_time_t *at, const acme_domain_t *domain,
                      const acme_generation_fact_t *fact, const apr_array_header_t *dropped)
{
    int is_lacking = 0;
    for (int i = 0; i < domain->identifiers->nelts; ++i) {
        if (has_name(fact, name_of(domain, i))) {
            continue;
        }
        const acme_dropped_t *one = find_dropped(dropped, name_of(domain, i)->value);
        apr_time_t again = one != NULL ? one->again : 0;
        *at = !is_lacking || again < *at ? again : *at;
        is_lacking = 1;
    }
    return is_lacking;
}

/* What a certificate needs beside its names. */
static acme_due_t judge_fact(const acme_domain_t *domain, const acme_generation_fact_t *fact,
                             const acme_renewal_t *renewal)
{
    acme_due_t at_once = {.reason = ACME_DUE_NEVER};
    if (fact->revoked != 0) {
        at_once.reason = ACME_DUE_REVOKED;
    } else if (is_of_former_ca(domain, fact)) {
        at_once.reason = ACME_DUE_CA;
    } else if (has_other_profile(domain, fact)) {
        at_once.reason = ACME_DUE_PROFILE;
    } else if (has_other_staple(domain, fact)) {
        at_once.reason = ACME_DUE_MUST_STAPLE;
    } else {
        return judge_age(domain, fact, renewal);
    }
    return at_once;
}

/* What one certificate needs; better reasons (sooner) replace the one in `due`. */
static void judge(acme_due_t *due, const acme_domain_t *domain, const acme_key_spec_t *spec,
                  const acme_generation_facts_t *facts, const acme_renewal_t *renewal,
                  const apr_array_header_t *dropped)
{
    const acme_generation_fact_t *fact = acme_policy_fact(domain, facts, spec->type);
    acme_due_t one = {.reason = ACME_DUE_KEY_TYPE};
    apr_time_t names_at = 0;
    if (fact != NULL) {
        one = judge_fact(domain, fact, renewal);
    }
    if (fact != NULL && lacks_name(&names_at, domain, fact, dropped) && names_at <= one.at) {
        one = (acme_due_t){.reason = ACME_DUE_NAMES, .at = names_at};
    }
    if (due->reason == ACME_DUE_NEVER || one.at < due->at) {
        due->reason = one.reason;
        due->at = one.at;
        due->certid = one.certid;
        due->is_hastened = one.is_hastened;
        due->spec = spec;
    }
}

void acme_policy_due(acme_due_t *due, const acme_domain_t *domain,
                     const acme_generation_facts_t *facts, const acme_renewal_t *renewal,
                     const apr_array_header_t *dropped)
{
    memset(due, 0, sizeof(*due));
    due->spec = first_spec(domain);
    for (int i = 0; facts != NULL && i < facts->certificates->nelts; ++i) {
        note_end(due, domain, &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t));
    }
    if (domain->renew_mode == ACME_RENEW_MANUAL ||
        (domain->renew_mode == ACME_RENEW_AUTO && !domain->is_used)) {
        return;
    }
    if (facts == NULL) {
        due->reason = ACME_DUE_FIRST;
        return;
    }
    for (int i = 0; i < domain->key_specs->nelts; ++i) {
        judge(due, domain, &APR_ARRAY_IDX(domain->key_specs, i, acme_key_spec_t), facts, renewal,
              dropped);
    }
}

/* ---- names that fail ---- */

/* What the CA says once or twice may be an accident; a name of a new site is waited for shortly, and one that
 * works as long as its certificate does. */
#define DROP_COUNT 3
#define DROP_SPAN_NEW (15 * ACME_TIME_MINUTE)
#define DROP_SPAN_IN_USE ACME_TIME_DAY

static int is_in_use(const acme_generation_facts_t *facts, const acme_identifier_t *name)
{
    for (int i = 0; facts != NULL && i < facts->certificates->nelts; ++i) {
        if (!has_name(&APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t), name)) {
            return 0;
        }
    }
    return facts != NULL;
}

static int is_in_warn_window(const acme_domain_t *domain, const acme_generation_facts_t *facts,
                             apr_time_t now)
{
    acme_due_t due = {.expires = 0};
    for (int i = 0; i < facts->certificates->nelts; ++i) {
        note_end(&due, domain, &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t));
    }
    return now >= due.warn_at;
}

static int is_dropped(const acme_domain_t *domain, const acme_generation_facts_t *facts,
                      const acme_identifier_t *name, const acme_job_refusal_t *refusal,
                      apr_time_t now)
{
    if (refusal == NULL || refusal->count < DROP_COUNT) {
        return 0;
    }
    apr_interval_time_t span = refusal->last - refusal->since;
    return is_in_use(facts, name)
               ? span >= DROP_SPAN_IN_USE && is_in_warn_window(domain, facts, now)
               : span >= DROP_SPAN_NEW;
}

apr_array_header_t *acme_policy_dropped(const acme_domain_t *domain,
                                        const acme_generation_facts_t *facts,
                                        const acme_job_t *job, apr_time_t now, apr_pool_t *pool)
{
    apr_array_header_t *dropped = apr_array_make(pool, 2, sizeof(acme_dropped_t));
    for (int i = 0; !domain->keeps_failing && i < domain->identifiers->nelts; ++i) {
        acme_job_refusal_t *refusal = acme_job_refusal(job, name_of(domain, i)->value);
        if (is_dropped(domain, facts, name_of(domain, i), refusal, now)) {
            /* what was refused in the future was so by a clock that was wrong */
            APR_ARRAY_PUSH(dropped, acme_dropped_t) = (acme_dropped_t){
                .identifier = name_of(domain, i),
                .refusal = refusal,
                .again = refusal->last <= now ? refusal->last + ACME_POLICY_DROPPED_FOR : now};
        }
    }
    if (dropped->nelts == domain->identifiers->nelts) {
        apr_array_clear(dropped); /* an order for nothing helps nobody */
    }
    return dropped;
}

int acme_policy_is_excused(const acme_job_t *job, const apr_array_header_t *dropped)
{
    int count = 0;
    for (int i = 0; i < job->refusals->nelts; ++i) {
        const acme_job_refusal_t *refusal = &APR_ARRAY_IDX(job->refusals, i, acme_job_refusal_t);
        if (refusal->last != job->last_run) {
            continue;
        }
        if (find_dropped(dropped, refusal->name) == NULL) {
            return 0;
        }
        ++count;
    }
    return count > 0;
}

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

/* ---- whose turn it is, and what it costs ---- */

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
    int is_urgent =
        due->reason == ACME_DUE_REVOKED || (due->warn_at != 0 && now >= due->warn_at);
    return job->rehearse && job->errors % REHEARSALS_AND_ONE != 0 && !is_urgent;
}

const char *acme_policy_due_text(acme_due_reason_t reason)
{
    switch (reason) {
    case ACME_DUE_NEVER:
        return "nothing is to be done";
    case ACME_DUE_FIRST:
        return "it has no certificate yet";
    case ACME_DUE_NAMES:
        return "its certificate lacks a configured name";
    case ACME_DUE_KEY_TYPE:
        return "it lacks a certificate of a configured key type";
    case ACME_DUE_CA:
        return "its certificate is of another CA than the configured one";
    case ACME_DUE_PROFILE:
        return "its certificate was ordered with another profile than the configured one";
    case ACME_DUE_MUST_STAPLE:
        return "its certificate is not as ACMEMustStaple says";
    case ACME_DUE_REVOKED:
        return "its certificate was revoked";
    case ACME_DUE_RENEWAL:
        return "its certificate is in its renew window";
    case ACME_DUE_RENEWAL_INFO:
        return "its CA suggests to renew its certificate now";
    }
    return "";
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
        span = doubled(INQUIRE_MIN, errors, INQUIRE_USUAL);
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
    apr_interval_time_t span =
        doubled(first_delay(err->errclass, retry_delay), errors, ACME_POLICY_RETRY_MAX);
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
    } else if (err->link != NULL && err->errclass == ACME_ERR_WAIT) {
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
    return whole_second(later(spread(now, doubled(first, errors, max), uniform), asked_for(err, now)));
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

/* Pauses after the first, second … answer in vain: quick at first, since most CAs are, then a second
 * apart while a person may be watching, then patient. */
static const apr_interval_time_t poll_pauses[] = {
    120 * 1000,           250 * 1000,           500 * 1000,
    ACME_TIME_SECOND,     ACME_TIME_SECOND,     ACME_TIME_SECOND,
    ACME_TIME_SECOND,     2 * ACME_TIME_SECOND, 4 * ACME_TIME_SECOND,
    8 * ACME_TIME_SECOND, 15 * ACME_TIME_SECOND, 30 * ACME_TIME_SECOND,
    60 * ACME_TIME_SECOND};

#define POLL_PAUSES ((int)(sizeof(poll_pauses) / sizeof(poll_pauses[0])))

apr_time_t acme_policy_poll_at(int polls, apr_time_t retry_at, apr_interval_time_t estimate,
                               apr_time_t now)
{
    if (polls == 0) {
        apr_interval_time_t pause = estimate < POLL_FIRST ? POLL_FIRST : estimate;
        return later(now + (pause > POLL_FIRST_MAX ? POLL_FIRST_MAX : pause), retry_at);
    }
    int i = polls - 1 < POLL_PAUSES ? polls - 1 : POLL_PAUSES - 1;
    apr_time_t cap = now + 5 * ACME_TIME_MINUTE; /* RFC 8555 leaves it open; some CAs say a day */
    return later(now + poll_pauses[i], retry_at < cap ? retry_at : cap);
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
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
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
