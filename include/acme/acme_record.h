/* The record of a run: what must survive when the process dies, and no more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * staging/<folder>/order.json, a sealed record. The CA keeps the order; we keep our step, the order's
 * URL, what we published and what the CA cannot tell us. The key of the certificate lies beside it
 * (staging/<folder>/privkey). Nobody but the engine writes it.
 */
#ifndef ACME_RECORD_H
#define ACME_RECORD_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_budget.h"
#include "acme/acme_domain.h"
#include "acme/acme_err.h"
#include "acme/acme_identifier.h"
#include "acme/acme_key.h"
#include "acme/acme_step.h"
#include "acme/acme_store.h"

/** What we know of one authorization of the order. */
typedef struct {
    const char *url;
    const acme_identifier_t *identifier; /**< as the CA gave it; NULL until it was read once */
    int is_done;                         /**< valid when last read */
    const char *challenge_type;          /**< chosen; NULL if none was needed yet */
    const char *challenge_url;
    const char *token;
    const char *failed_type; /**< type of the challenge that the CA judged invalid, or that could not
                                  be published; NULL: none */
    int is_published; /**< the solver is asked to publish it: withdraw it at the end */
    /* of this process only, not stored */
    int is_read; /**< the CA's word on it was heard */
    int is_told; /**< the solver was asked to publish */
    int is_explained; /**< the CA was asked why it failed */
    apr_time_t expires; /**< as the CA said; 0: it did not */
    const struct acme_authorization_t *heard; /**< what is to be chosen from; NULL: nothing is */
    apr_time_t look_at;  /**< what others must publish is not looked for earlier */
    int looks;           /**< so often it was missing */
    const char *missing; /**< and what that is, a sentence */
} acme_record_authorization_t;

/** That the CA refused one name, and what it said. */
typedef struct {
    const char *name; /**< as it was ordered */
    const char *detail;
} acme_record_refusal_t;

typedef struct {
    acme_step_t step;
    const char *ca_url;  /**< directory URL of the CA */
    int is_rehearsal;    /**< that is the test environment of one of the domain's: nothing is finalized */
    acme_key_spec_t spec; /**< of the certificate's key */
    acme_claim_t claim;   /**< which of the CA's limits the order counts for */
    const apr_array_header_t *identifiers; /**< const acme_identifier_t *: the order's names */
    const apr_array_header_t *left_out; /**< likewise: the domain's names that are not ordered */
    apr_time_t started;
    const char *order_url; /**< NULL before newOrder was answered */
    const char *account_url; /**< of the account that ordered; NULL before */
    const char *profile;     /**< that was ordered, or NULL */
    int must_staple;         /**< that is asked for */
    const char *finalize_url;
    const char *certificate_url;
    apr_array_header_t *authorizations; /**< acme_record_authorization_t *, may be empty */
    const char *thumbprint;             /**< of the account key that the proofs were made with */
    const char *chain;                  /**< PEM, from STAGE on */
    apr_time_t polling_since;           /**< when POLL was first entered since the last answer of ours */
    acme_err_t *err;     /**< why it failed, from EXPLAIN or CLEAN on; NULL: well */
    apr_array_header_t *refusals; /**< acme_record_refusal_t: what the CA pinned on a name, one entry a
                                       name */
    apr_time_t ended;    /**< when CLEAN was entered, a whole second; 0 before */
    int errors;          /**< at CLEAN: what the job's count of failures becomes */
    apr_time_t next_run; /**< at CLEAN: not before */
    int rehearse;        /**< at CLEAN: and at the CA's test environment first */
    apr_array_header_t *log; /**< acme_job_entry_t: this run in words, oldest first */
} acme_record_t;

/** A record at ORDER at @a ca (one of @a domain's, or the test environment of one) for @a names (const
 * acme_identifier_t *) of @a domain: all, or what is left when some are dropped. What it points to is
 * copied to @a pool, or the domain's. */
acme_record_t *acme_record_create(const acme_domain_t *domain, const acme_ca_t *ca,
                                  const acme_key_spec_t *spec, const apr_array_header_t *names,
                                  apr_time_t now, apr_pool_t *pool);

/** Remembers that the CA refused @a name (of a wildcard with or without "*."), if that is one of the order's
 * and was not said before. Copied to @a pool. */
void acme_record_refused(acme_record_t *record, const char *name, const char *detail,
                         apr_pool_t *pool);

/** What was remembered against @a name, or NULL. */
const acme_record_refusal_t *acme_record_refusal(const acme_record_t *record, const char *name);

/** Reads; *record NULL if there is none, or if it is damaged (which is logged: a new order is made). */
acme_err_t *acme_record_read(acme_record_t **record, const acme_store_t *store, const char *folder,
                             apr_pool_t *pool);
acme_err_t *acme_record_write(const acme_store_t *store, const char *folder,
                              const acme_record_t *record, apr_pool_t *scratch_pool);

/** The name of an authorization as it was ordered, with "*."; NULL until it was read once. */
const char *acme_record_name(const acme_record_authorization_t *authorization, apr_pool_t *pool);

/** Removes the record and the key beside it. */
acme_err_t *acme_record_remove(const acme_store_t *store, const char *folder,
                               apr_pool_t *scratch_pool);

/** Nonzero if the record is for what @a domain wants now: one of its CAs (of a rehearsal: of their
 * test environments), a configured key type, and the same names, be they ordered or left out. */
int acme_record_fits(const acme_record_t *record, const acme_domain_t *domain);

#endif
