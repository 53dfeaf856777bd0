/* What went wrong, as a value: its class, its cause, and one sentence for the administrator.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every function that can fail returns `acme_err_t *`, NULL when all is well. The class says what
 * kind of trouble it is (it is given where the knowledge is); what to do about it is decided only
 * in acme_policy. The text is one sentence: what, which one, what to do.
 *
 * An error lives in the pool it was made in; whoever keeps it longer copies it with acme_err_copy.
 * Errors are plain records and may be read by any thread.
 */
#ifndef ACME_ERR_H
#define ACME_ERR_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

typedef enum {
    ACME_ERR_INTERNAL, /**< a promise inside mod_acme was broken, or a local resource is exhausted */
    ACME_ERR_INPUT,    /**< text or bytes from outside are not what they should be */
    ACME_ERR_STORE,    /**< the disk: permission, space, damage */
    ACME_ERR_NETWORK,  /**< the CA was not reached, or answered 5xx: the CA's trouble, no name's */
    ACME_ERR_WAIT,     /**< the CA asks us to wait (429, or Retry-After); retry_at says until when */
    ACME_ERR_REFUSED,  /**< the CA judged this order: a validation or the issuance failed */
    ACME_ERR_CONFIG,   /**< only the administrator can mend it: agreement, policy, account */
    ACME_ERR_GONE,     /**< the CA no longer knows the thing (404, accountDoesNotExist): begin anew */
    ACME_ERR_CLOCK     /**< our clock is wrong: nothing is ordered, no failure is counted */
} acme_err_class_t;

typedef struct acme_err_t acme_err_t;
struct acme_err_t {
    acme_err_class_t errclass;
    apr_status_t status;     /**< the system's reason, APR_SUCCESS if there is none */
    const char *problem;     /**< RFC 8555 section 6.7 problem type (whole URN), or NULL */
    const char *text;        /**< one sentence for the administrator, never NULL */
    apr_time_t retry_at;     /**< not to be tried again before; 0 if nobody said */
    const char *link;        /**< what the CA wants somebody to visit: an https URL, or NULL */
    const acme_err_t *cause; /**< what lay below, or NULL */
};

/** A new error in @a pool. @a fmt as in apr_psprintf. */
acme_err_t *acme_err_make(apr_pool_t *pool, acme_err_class_t errclass, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));

/** A new error for a failed system call; the text is followed by ": " and APR's words for @a status. */
acme_err_t *acme_err_system(apr_pool_t *pool, acme_err_class_t errclass, apr_status_t status,
                            const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));

/** @a cause with a sentence before it ("while reading the order of example.org: …"); class,
 * status, problem, retry_at and link are the cause's. NULL stays NULL. */
acme_err_t *acme_err_wrap(apr_pool_t *pool, const acme_err_t *cause, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** A deep copy in @a pool. NULL stays NULL. */
acme_err_t *acme_err_copy(apr_pool_t *pool, const acme_err_t *err);

/** The word for a class as log and status page show it, e.g. "network". */
const char *acme_err_class_name(acme_err_class_t errclass);

/** Passes an error up. */
#define ACME_TRY(expr)                                                                             \
    do {                                                                                           \
        acme_err_t *acme_try_err_ = (expr);                                                        \
        if (acme_try_err_ != NULL) {                                                               \
            return acme_try_err_;                                                                  \
        }                                                                                          \
    } while (0)

#endif
