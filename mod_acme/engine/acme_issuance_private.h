/* The inside of an issuance, shared by the files of its steps.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_ISSUANCE_PRIVATE_H
#define ACME_ISSUANCE_PRIVATE_H

#include "acme/acme_certificate.h"
#include "acme/acme_issuance.h"
#include "acme/acme_job.h"
#include "acme/acme_order.h"

typedef struct issuance_ask_t issuance_ask_t;

typedef void issuance_hear_fn(acme_issuance_t *run, acme_record_authorization_t *authorization,
                              const acme_answer_t *answer);

/* One request of a run that is out. */
struct issuance_ask_t {
    issuance_ask_t *next;
    acme_issuance_t *run;
    acme_ask_t *ask;
    acme_record_authorization_t *authorization; /* it is about this one, or NULL */
    issuance_hear_fn *hear;
    int is_optional;
};

struct acme_issuance_t {
    apr_pool_t *pool;      /* the run and its record */
    apr_pool_t *step_pool; /* cleared at every move */
    const acme_issuance_host_t *host;
    const acme_domain_t *domain;
    acme_session_t *session;
    acme_record_t *record;

    apr_time_t due;
    issuance_ask_t *asks; /* what is out */
    apr_time_t patient_until; /* a rehearsal's: no answer is awaited longer at this step */
    int is_unsaved;       /* the record is at a new step, but not on disk yet */
    int tries;            /* in vain at this step, for reasons that are nobody's fault */
    int polls;            /* waits since polling_since */
    int finalized;        /* finalize was answered so often, in the life of this process */
    int waits_first;      /* the CA has just been told: no look before the first wait */

    apr_pool_t *order_pool;
    acme_order_t *order; /* heard, not judged yet */
    apr_time_t retry_at; /* Retry-After of the last answer about the order */
    const acme_job_t *job; /* what came of proofs before this run; NULL: not asked yet */
    int explanations;    /* heard at EXPLAIN */
    int is_published;    /* the host counts our proofs */
    int without_replaces; /* the CA did not take an order that says what it replaces */
    int has_replaces;     /* the order that is out says so */

    const acme_chain_t *chain; /* what record->chain says; NULL: that has not been read yet */
    apr_array_header_t *alternates; /* const char *: URLs of further chains; NULL: not asked for */
    int alternate_at;
    int alternate_waits;
    const char *issuers_seen; /* for the log: what chains there were */
};

/* ---- acme_issuance.c: the door ---- */

/** The only way to move: checks the table, saves the record, then acts (at @a not_before, 0: now). */
void issuance_goto(acme_issuance_t *run, acme_step_t step, apr_time_t not_before);

/** Stays at the step, to act again at @a when. */
void issuance_stay(acme_issuance_t *run, apr_time_t when);

/** Asks the CA; `hear` is called with errors other than those that are met by asking again. */
void issuance_ask(acme_issuance_t *run, acme_record_authorization_t *authorization, const char *url,
                  const char *payload, const char *doing, issuance_hear_fn *hear);

/** Asks for what the run can do without (POST-as-GET): `hear` gets every failure, also the network's, and
 * none of them is the CA's trouble. */
void issuance_ask_optional(acme_issuance_t *run, const char *url, const char *doing,
                           issuance_hear_fn *hear);

/** Asks for a new order; issuance__compose_order says what. */
void issuance_ask_order(acme_issuance_t *run, issuance_hear_fn *hear);

/** Nonzero while an answer is awaited. */
int issuance_is_waiting(const acme_issuance_t *run);

/** Something that is no name's fault went wrong: stays, with growing pauses, ten times. */
void issuance_try_again(acme_issuance_t *run, const acme_err_t *err);

/** The run has failed: drops what is out and goes where the table sends failures. */
void issuance_fail(acme_issuance_t *run, const acme_err_t *err);

/** What is said behind a failure of a rehearsal: where it was; "" for any other run. */
const char *issuance__where(const acme_issuance_t *run, apr_pool_t *pool);

/** Adds a sentence to the history of the run. */
void issuance_note(acme_issuance_t *run, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

apr_time_t issuance_now(const acme_issuance_t *run);

/* ---- the steps ---- */

void issuance__order(acme_issuance_t *run);

/** Nonzero if @a answer refuses a new order because of what it was to replace, as far as can be told. */
int issuance__is_about_replaces(const acme_issuance_t *run, const acme_answer_t *answer);

/** The payload of newOrder at a CA with this @a directory for this account; an error ends the run. */
acme_err_t *issuance__compose_order(const char **payload, acme_issuance_t *run,
                                    const acme_directory_t *directory, const char *account_url,
                                    apr_pool_t *pool);

/** Nonzero if @a problem is about the name it was said of, and not about the account, a limit or the CA. */
int issuance__is_about_name(const acme_problem_t *problem);

void issuance__authorize(acme_issuance_t *run);
void issuance__publish(acme_issuance_t *run);
void issuance__respond(acme_issuance_t *run);
void issuance__poll(acme_issuance_t *run);
void issuance__finalize(acme_issuance_t *run);
void issuance__download(acme_issuance_t *run);
void issuance__stage(acme_issuance_t *run);

/** Where the key of the order is kept. */
const char *issuance__key_path(const acme_issuance_t *run);

void issuance__explain(acme_issuance_t *run);
void issuance__clean(acme_issuance_t *run);

/** The solver of challenges of @a type; NULL: there is none here. */
acme_solver_t *issuance__solver(const acme_issuance_t *run, const char *type);

/** The name of an authorization as it was ordered, with "*."; a phrase before it was read once. */
const char *issuance__name(const acme_record_authorization_t *authorization, apr_pool_t *pool);

/** Chooses a challenge for each authorization that was heard and is pending. *wait_until is 0 when all
 * are chosen, else when to call again. */
acme_err_t *issuance__choose(acme_issuance_t *run, apr_time_t *wait_until);

/** Takes every published proof away; troubles are logged and passed over. Returns 0 when all are gone,
 * else when to call again. */
apr_time_t issuance__withdraw_proofs(acme_issuance_t *run);

/** At the way to CLEAN: what the failure (or success) means for the job. */
void issuance__settle(acme_issuance_t *run);

#endif
