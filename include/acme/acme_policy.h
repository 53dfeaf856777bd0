/* Policy: when to renew, when to try again, when to ask again, when to speak. Pure functions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything that decides is here, with all it depends on in its arguments, so that it can be read,
 * tested and argued about in one place. No clock, no disk, no state. Times are microseconds.
 */
#ifndef ACME_POLICY_H
#define ACME_POLICY_H

#include <apr_time.h>

#include "acme/acme_budget.h"
#include "acme/acme_domain.h"
#include "acme/acme_err.h"
#include "acme/acme_generation.h"
#include "acme/acme_job.h"
#include "acme/acme_renewal.h"

typedef enum {
    ACME_DUE_NEVER,       /**< renewal is manual, or nobody uses the domain */
    ACME_DUE_FIRST,       /**< there is no certificate yet */
    ACME_DUE_NAMES,       /**< a configured name is not in it */
    ACME_DUE_KEY_TYPE,    /**< a configured key type has none */
    ACME_DUE_REVOKED,     /**< it was revoked by us */
    ACME_DUE_CA,          /**< it is of a CA that is not configured any more, or of a test CA */
    ACME_DUE_PROFILE,     /**< it was not ordered with the profile that is configured */
    ACME_DUE_MUST_STAPLE, /**< it has must-staple, or has it not, against what was written */
    ACME_DUE_RENEWAL,     /**< its renew window begins at `at` */
    ACME_DUE_RENEWAL_INFO /**< the CA suggested a window, and `at` is in it (RFC 9773) */
} acme_due_reason_t;

typedef struct {
    acme_due_reason_t reason;
    apr_time_t at;               /**< when an order should begin; 0: at once */
    const acme_key_spec_t *spec; /**< the kind of certificate to order (in the domain) */
    const char *certid;          /**< of the certificate to be renewed, or NULL (in the facts) */
    int is_hastened;             /**< the CA wants it early in its life: an incident, or a broken CA */
    apr_time_t expires;          /**< when the first certificate of the domain ends; 0: there is none */
    apr_time_t warn_at;          /**< when its warn window begins; 0: there is none */
} acme_due_t;

/** A name that was dropped is tried again after so long. */
#define ACME_POLICY_DROPPED_FOR ACME_TIME_DAY

/** A name that orders go without, so that the others get their certificate. */
typedef struct {
    const acme_identifier_t *identifier; /**< of the domain */
    acme_job_refusal_t *refusal;         /**< of the job: what the CA holds against it */
    apr_time_t again; /**< when it is tried again, with the others: a day after it failed last */
} acme_dropped_t;

/** The names of @a domain that are dropped, given what is in use (@a facts, NULL if nothing): those that the
 * CA has refused at least three times, over at least 15 minutes where a certificate in use lacks the name (or
 * there is none), over at least a day and with the end of what is in use near (ACMEWarnWindow) where all have
 * it. None if that would be all names, or with ACMEDropFailing off. An array of acme_dropped_t in @a pool. */
apr_array_header_t *acme_policy_dropped(const acme_domain_t *domain,
                                        const acme_generation_facts_t *facts,
                                        const acme_job_t *job, apr_time_t now, apr_pool_t *pool);

/** Nonzero if the last run of @a job failed for names alone that are in @a dropped by now: since the next
 * order goes without them, it need not wait. */
int acme_policy_is_excused(const acme_job_t *job, const apr_array_header_t *dropped);

/** What @a domain needs next, given what is in use (@a facts, NULL if nothing), what its CA suggested
 * (@a renewal, NULL if nothing), and which names are @a dropped (acme_dropped_t, NULL if none): for these
 * alone it is due when they are tried again. Nothing is renewed for its age in the first tenth of its life after
 * we got it, whatever clocks and windows say, unless its CA wants it early. */
void acme_policy_due(acme_due_t *due, const acme_domain_t *domain,
                     const acme_generation_facts_t *facts, const acme_renewal_t *renewal,
                     const apr_array_header_t *dropped);

/** The certificate in use that does for @a type, or NULL: one of that type, and where no key types were
 * written the first of any. A default of ours that differs from what is there takes effect when that is
 * renewed, not before. */
const acme_generation_fact_t *acme_policy_fact(const acme_domain_t *domain,
                                               const acme_generation_facts_t *facts,
                                               acme_key_type_t type);

/** When the certificate of @a fact is renewed if its CA says nothing: where ACMERenewWindow says, if that
 * is not all of its life; else when a third of its life is left, half of a life below ten days. */
apr_time_t acme_policy_renew_at(const acme_domain_t *domain, const acme_generation_fact_t *fact);

/** Takes over what the CA suggested. The moment is drawn from the whole window (@a uniform, 0 to 1), and
 * anew only if the window has changed (RFC 9773 section 4.2). Nonzero if it has. Copies to @a pool. */
int acme_policy_take_renewal_info(acme_renewal_certificate_t *certificate,
                                  const acme_renewal_info_t *info, double uniform, apr_pool_t *pool);

/** When to ask about a new certificate: soon, but spread, and not while others are still being made. */
apr_time_t acme_policy_inquire_first(apr_time_t now, double uniform);

/** When to ask again after an answer: when it said (@a retry_at, 0: it did not), within a minute and a
 * day, a little spread. */
apr_time_t acme_policy_inquire_again(apr_time_t retry_at, apr_time_t now, double uniform);

/** When to ask again after @a errors failures in a row, the last with @a err: after a minute, doubled, if
 * it was the network's or the CA's trouble, and in six hours if it was more (RFC 9773 section 4.3.3). */
apr_time_t acme_policy_inquire_after(const acme_err_t *err, int errors, apr_time_t now,
                                     double uniform);

/** Nonzero for a reason that a change of the configuration gave to a certificate that works: many of them
 * at once are spread. */
int acme_policy_is_change(acme_due_reason_t reason);

/** How long after the @a number-th certificate (1 and up) that a change concerns the next one is replaced:
 * the first 20 at once, the others one after the other, no more than the largest CA takes of an account in
 * the long run. */
#define ACME_POLICY_CHANGE_PAUSE (40 * ACME_TIME_SECOND)
apr_interval_time_t acme_policy_change_pause(int number);

/** Whose turn it is where not all can begin, first things first. */
typedef enum {
    ACME_RANK_WARN,    /**< in use, and about to end */
    ACME_RANK_RENEWAL, /**< in its window, or revoked */
    ACME_RANK_NEW,     /**< somebody has just written these names, and they have not failed yet */
    ACME_RANK_BACKLOG, /**< has no certificate for all of its names yet */
    ACME_RANK_CHANGE   /**< works, but not as it is written now */
} acme_rank_t;

/** The rank of a domain that is due, @a is_new with the last reload, after @a errors failures in a row. */
acme_rank_t acme_policy_rank(const acme_due_t *due, int is_new, int errors, apr_time_t now);

/** What an order for @a identifiers counts for at @a ca, where @a fact (NULL: none) is the certificate it is
 * to replace, and @a certificate (NULL: nothing) what the CA suggested for that. */
acme_claim_t acme_policy_claim(const acme_ca_t *ca, const apr_array_header_t *identifiers,
                               const acme_generation_fact_t *fact,
                               const acme_renewal_certificate_t *certificate, apr_time_t now);

/** Which of @a count CAs to order from: after each @a failover of the domain's @a errors in a row it is the
 * next one's turn, and one that is in trouble (@a is_down[i] nonzero) is passed over unless all are. */
int acme_policy_choose_ca(int count, int errors, int failover, const int *is_down);

/** Nonzero if what is due is first tried at the test environment of the CA: after a failed
 * validation, but each fourth try in a row is made at the CA itself, since a test environment may
 * look from elsewhere. Never inside the warn window, nor for a certificate that was revoked. */
int acme_policy_shall_rehearse(const acme_due_t *due, const acme_job_t *job, apr_time_t now);

/** One phrase for a reason: "it has no certificate yet". */
const char *acme_policy_due_text(acme_due_reason_t reason);

/** No back-off grows beyond this. */
#define ACME_POLICY_RETRY_MAX ACME_TIME_DAY
/** Nobody is made to wait longer than this, whatever a CA or a wrong clock said: the longest limits of
 * public CAs count a week. */
#define ACME_POLICY_WAIT_MAX (8 * ACME_TIME_DAY)
/** After a failed validation, never earlier. */
#define ACME_POLICY_REFUSED_MIN (10 * ACME_TIME_MINUTE)

/** When a domain may be tried again after its @a errors-th failure in a row (1 and up) with @a err:
 *   what the CA has not counted (network, store, garbage, lost)   @a retry_delay, doubled each time
 *   what it has counted (a validation, the issuance)              10 minutes, doubled
 *   what the administrator must mend                              1 hour, doubled
 * all up to a day, spread by @a uniform (0 to 1) over a further fifth; never before err->retry_at, as
 * far as that is within ACME_POLICY_WAIT_MAX; and rounded up to a whole second, as records keep it. */
apr_time_t acme_policy_retry_at(const acme_err_t *err, int errors, apr_interval_time_t retry_delay,
                                apr_time_t now, double uniform);

/** The same for a run that has failed, where @a failing_since is the first failure in the row (0: this one, or
 * something in use would end meanwhile):
 * what the CA has paused (acme_err_t.link) not before a day, and after 30 days of failures that are the
 * domain's own not before a week. */
apr_time_t acme_policy_next_run(const acme_err_t *err, int errors, apr_time_t failing_since,
                                apr_interval_time_t retry_delay, apr_time_t now, double uniform);

/** The order in which to use challenge types for @a name (as it is ordered, with "*."): @a types (const
 * char *, as the configuration or our default has them) with what worked last for it first and, behind
 * all others, those that have failed for it since, the oldest failure first; all of that is in @a job. For a name that was never tried comes first what worked last for another of the domain.
 * When two types have failed for it within the hour before @a now, only these two are left: at most two
 * different types per hour and name. An array of const char * in @a pool. */
apr_array_header_t *acme_policy_challenge_types(const apr_array_header_t *types, const char *name,
                                                const acme_job_t *job, apr_time_t now,
                                                apr_pool_t *pool);

/** When a CA in trouble may be probed again; like the first row above, but at most an hour apart. */
apr_time_t acme_policy_probe_at(const acme_err_t *err, int errors, apr_interval_time_t retry_delay,
                                apr_time_t now, double uniform);

/** When an account that its CA has forgotten or closed may be made anew: an hour after the last time, and
 * ACME_POLICY_REMAKES_MAX times in a day. @a remade: apr_time_t, when it was, oldest first; or NULL. 0: now. */
#define ACME_POLICY_REMAKES_MAX 3
apr_time_t acme_policy_remake_at(const apr_array_header_t *remade, apr_time_t now);

/** The moment that a record says, as far as it can be believed: @a when, or 0 if it lies further ahead
 * than anything is ever put off, since it was written under a clock that was wrong. */
apr_time_t acme_policy_believable(apr_time_t when, apr_time_t now);

/** When to ask again for something that the CA is working on: @a polls answers said "not yet", the
 * last with @a retry_at (0: it did not say). @a estimate is how long it took lately. */
apr_time_t acme_policy_poll_at(int polls, apr_time_t retry_at, apr_interval_time_t estimate,
                               apr_time_t now);

/** A better estimate after it took @a took and @a polls answers were in vain. */
apr_interval_time_t acme_policy_poll_estimate(apr_interval_time_t estimate,
                                              apr_interval_time_t took, int polls);

/** A better estimate after an answer in vain, @a elapsed after the beginning, the @a polls-th (1 and up):
 * what takes so long here takes as long elsewhere. Only the first few count, so that an order that never
 * ends does not make all others wait. */
apr_interval_time_t acme_policy_poll_in_vain(apr_interval_time_t estimate,
                                             apr_interval_time_t elapsed, int polls);

/** Nonzero if polling since @a since has gone on for too long. A CA may validate for an hour, and
 * issue (@a is_processing) for half a day. */
int acme_policy_poll_is_over(apr_time_t since, int is_processing, apr_time_t now);

/** A number for the reason in @a text: words that differ from one attempt to the next (with digits, or
 * long: tokens, addresses, times) do not count. */
apr_uint32_t acme_policy_reason(const char *text);

/** Whether to log a failure at ERROR: when the reason is new, and then once a day. */
int acme_policy_shall_log(apr_time_t logged_at, apr_uint32_t logged_hash, apr_uint32_t hash,
                          apr_time_t now);

#endif
