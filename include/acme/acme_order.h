/* The order: what we ask a certificate for and how far the CA is with it (RFC 8555 section 7.1.3).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_ORDER_H
#define ACME_ORDER_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_err.h"
#include "acme/acme_identifier.h"
#include "acme/acme_problem.h"

/** RFC 8555 section 7.1.6. UNKNOWN is treated as a failure of this order. */
typedef enum {
    ACME_ORDER_PENDING,
    ACME_ORDER_READY,
    ACME_ORDER_PROCESSING,
    ACME_ORDER_VALID,
    ACME_ORDER_INVALID,
    ACME_ORDER_UNKNOWN
} acme_order_status_t;

/** More authorizations than any CA takes names are refused. */
#define ACME_ORDER_MAX_AUTHORIZATIONS 1000

typedef struct {
    acme_order_status_t status;
    apr_time_t expires;                      /**< 0 if not said */
    const apr_array_header_t *authorizations; /**< const char *: URLs, not one to one with names */
    const char *finalize;                    /**< URL, NULL only if invalid or unknown */
    const char *certificate;                 /**< URL, only if valid */
    const acme_problem_t *error;             /**< or NULL */
} acme_order_t;

typedef struct {
    const apr_array_header_t *identifiers; /**< const acme_identifier_t *, sorted here */
    const char *profile;                   /**< or NULL */
    const char *replaces;                  /**< RFC 9773 section 5, or NULL */
} acme_order_request_t;

/** Payload of newOrder. */
char *acme_order_request(const acme_order_request_t *request, apr_pool_t *pool);

/** Payload of finalize. */
char *acme_order_finalize_request(const char *csr, apr_pool_t *pool);

/** Reads an order object. ACME_ERR_INPUT when what its status needs is missing or a URL is not one
 * we may ask. */
acme_err_t *acme_order_parse(acme_order_t **order, const char *body, apr_size_t len,
                             apr_pool_t *pool);

const char *acme_order_status_name(acme_order_status_t status);

#endif
