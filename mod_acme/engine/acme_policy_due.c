/* Policy: what a domain needs, why, and from when; see acme_policy.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_policy_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

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
    due->warn_at = fact->not_after -
                   acme_window_length(&domain->warn_window, fact->not_before, fact->not_after);
}

/* notAfter is the last second of a certificate, not the first after it (RFC 5280 section 4.1.2.5).
 */
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

/* What was issued at the same moment shall not be renewed at the same moment: each certificate has
 * a place of its own (its fingerprint's) in the first hundredth of its life after, half a day at
 * most. */
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

/* A CA that wants each new certificate replaced at once is broken; one that wants many replaced
 * early has an incident. So the first time counts at once, and then it is waited longer and longer.
 */
#define HASTENED_FIRST ACME_TIME_HOUR
#define HASTENED_MAX (2 * ACME_TIME_DAY)

static apr_time_t suggested(acme_due_t *due, const acme_renewal_t *renewal,
                            const acme_renewal_certificate_t *certificate,
                            const acme_generation_fact_t *fact)
{
    apr_time_t at = certificate->at < latest(fact) ? certificate->at : latest(fact);
    due->is_hastened = at < fact->not_before + life_of(fact) / 5 * 2;
    if (due->is_hastened && renewal->hastened > 0) {
        apr_time_t braked =
            fact->made + acme_policy__doubled(HASTENED_FIRST, renewal->hastened, HASTENED_MAX);
        at = at > braked ? at : braked;
    }
    return at;
}

/* A certificate that is due as soon as it is made is one by a clock that is wrong, ours or the
 * CA's: so for a tenth of its life it is not renewed for its age, or there would be one after the
 * other. */
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
    }
    else {
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
    const acme_ca_t *issuer = fact->made != 0 ? acme_domain_find_ca(domain, fact->ca_url) : NULL;
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

/* Nonzero if it lacks a name. *at is when to order it: at once, or when the first of those that
 * were dropped is tried again. */
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
    }
    else if (is_of_former_ca(domain, fact)) {
        at_once.reason = ACME_DUE_CA;
    }
    else if (has_other_profile(domain, fact)) {
        at_once.reason = ACME_DUE_PROFILE;
    }
    else if (has_other_staple(domain, fact)) {
        at_once.reason = ACME_DUE_MUST_STAPLE;
    }
    else {
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

/* What the CA says once or twice may be an accident; a name of a new site is waited for shortly,
 * and one that works as long as its certificate does. */
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
                                        const acme_generation_facts_t *facts, const acme_job_t *job,
                                        apr_time_t now, apr_pool_t *pool)
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

/* ---- in words ---- */

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
