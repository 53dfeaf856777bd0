/* The job of a domain: its history in words, its failures and when it may be tried again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * staging/<folder>/job.json, a sealed record with mod_md's field names where the thing is the same.
 * It survives restarts and kill -9, so no restart resets a back-off. It never says that a
 * certificate is there: that is asked of live/.
 */
#ifndef ACME_JOB_H
#define ACME_JOB_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_err.h"
#include "acme/acme_store.h"

#define ACME_JOB_LOG_MAX 64

typedef struct {
    apr_time_t when;
    const char *type;   /**< "order", "challenge", "error", "finished", … */
    const char *detail; /**< one clean sentence */
} acme_job_entry_t;

/** What came of proving a name in one way. */
typedef struct {
    const char *name; /**< as it is ordered: "example.org", "*.example.org", "192.0.2.7" */
    const char *type; /**< of the challenge */
    apr_time_t when;
} acme_job_proof_t;

/** No more are remembered; the oldest gives way. */
#define ACME_JOB_PROOFS_MAX 256

/** What the CA pinned on one name: its authorization was judged invalid, or a subproblem named it. */
typedef struct {
    const char *name;   /**< as it is ordered */
    int count;          /**< runs that failed for it since it was proved last */
    apr_time_t since;   /**< the first of them */
    apr_time_t last;    /**< the last, also of those that failed for nobody said what when it was tried again */
    const char *detail; /**< what the CA said then */
    apr_time_t dropped; /**< since when orders go without it (acme_policy.h); 0: they do not */
    apr_time_t told_at; /**< when that was last logged at ERROR */
} acme_job_refusal_t;

/** No more are remembered; the oldest gives way. */
#define ACME_JOB_REFUSALS_MAX 256

typedef struct {
    int errors;           /**< failures in a row since the last success */
    apr_time_t next_run;  /**< not before; 0: whenever due */
    int rehearse;         /**< the next try is made at the CA's test environment first */
    apr_time_t last_run;  /**< when the last attempt ended; 0: never */
    apr_time_t failing_since; /**< the first failure in the row; 0: the last attempt was a success */
    const char *problem;  /**< of the last failure: problem type or class name; NULL after success */
    const char *detail;   /**< of the last failure: the sentence */
    const char *link;     /**< of the last failure: what the CA wants somebody to visit, or NULL */
    const char *activity; /**< what was being done */
    apr_time_t logged_at;  /**< when the last failure was logged at ERROR */
    apr_uint32_t logged_hash; /**< of the reason that was logged */
    int logged_count;         /**< how often the same reason came since */
    apr_time_t warned_at;     /**< when the nearing end of the certificate was last logged */
    apr_array_header_t *worked; /**< acme_job_proof_t: what worked last, one entry a name, oldest first */
    apr_array_header_t *failures; /**< acme_job_proof_t: what has failed since, one entry a name and
                                       type */
    apr_array_header_t *refusals; /**< acme_job_refusal_t: one entry a name */
    apr_array_header_t *log;  /**< acme_job_entry_t, oldest first, at most ACME_JOB_LOG_MAX */
    struct json_t *previous;  /**< what it was read from, with its pool: unknown members are kept */
} acme_job_t;

/** Reads; an empty job if there is none or it is damaged (which is logged). */
acme_job_t *acme_job_read(const acme_store_t *store, const char *folder, apr_pool_t *pool);
acme_err_t *acme_job_write(const acme_store_t *store, const char *folder, const char *name,
                           const acme_job_t *job, apr_pool_t *scratch_pool);

/** Remembers that the CA judged @a proof invalid, or that it could not be published. What it points
 * to is copied to @a pool. */
void acme_job_failed(acme_job_t *job, const acme_job_proof_t *proof, apr_pool_t *pool);

/** Remembers that @a proof->name was proved by @a proof->type; its failures are forgotten. Copied
 * likewise. */
void acme_job_worked(acme_job_t *job, const acme_job_proof_t *proof, apr_pool_t *pool);

/** What is remembered against @a name, or NULL. */
acme_job_refusal_t *acme_job_refusal(const acme_job_t *job, const char *name);

/** Counts that the CA refused @a name at @a when, once for each moment, so that it may be said twice. Copied
 * likewise. */
void acme_job_refused(acme_job_t *job, const char *name, const char *detail, apr_time_t when,
                      apr_pool_t *pool);

/** An order for @a name has come to nothing at @a when, and nobody said that it was for this name: if orders
 * went without it, they do so for another day. */
void acme_job_tried(acme_job_t *job, const char *name, apr_time_t when);

/** Forgets what was held against @a name. Nonzero if orders went without it. */
int acme_job_proved(acme_job_t *job, const char *name);

/** Appends to the history; the text is copied to @a pool and cleaned, the oldest entry gives way. */
void acme_job_note(acme_job_t *job, apr_time_t when, const char *type, const char *detail,
                   apr_pool_t *pool);

#endif
