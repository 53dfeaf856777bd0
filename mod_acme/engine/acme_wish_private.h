/* The inside of a wish, shared by the files that fulfil them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_WISH_PRIVATE_H
#define ACME_WISH_PRIVATE_H

#include <jansson.h>

#include "acme_wish.h"

typedef struct acme_wish_t acme_wish_t;

/** A kind of wish. */
typedef struct {
    const char *word;
    /** Reads what the wish is about (@a object lives as long as it does); ACME_ERR_INPUT with a
     * sentence if it cannot be fulfilled. */
    acme_err_t *(*read)(acme_wish_t *wish, json_t *object);
    /** Begins. Nonzero if it has; zero: not now, to be tried again at the next tick. */
    int (*begin)(acme_wish_t *wish);
} acme_wish_kind_t;

/** The work of a revocation (acme_wish_revoke.c). */
typedef struct acme_wish_revocation_t acme_wish_revocation_t;

struct acme_wish_t {
    acme_wish_t *next;
    apr_pool_t *pool;
    acme_wishes_t *wishes;
    const acme_wish_host_t *host;
    const acme_wish_kind_t *kind;
    const char *file;        /* in requests/ */
    const char *about;       /* the CA's name or the domain's, for sentences */
    acme_session_t *session; /* of an account wish */
    acme_wish_revocation_t *revocation;
    apr_time_t next_at;
    int errors;
    int is_running;
    int is_over; /* only the file is still to be removed */
};

extern const acme_wish_kind_t acme_wish__revoke;

/** Puts @a object in the place of what stands in the wish's file. */
acme_err_t *acme_wish__write(acme_wish_t *wish, const json_t *object);

/** It is fulfilled, or @a err says why not (yet). The wish may be gone afterwards. */
void acme_wish__end(acme_wish_t *wish, const acme_err_t *err);

#endif
