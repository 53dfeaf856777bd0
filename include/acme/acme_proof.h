/* What is to be proved to the CA, and its record in the store while the proof is published.
 * SPDX-License-Identifier: Apache-2.0
 *
 * challenges/<type>/<name> is sealed:
 *
 *   {"version": 1, "type": "tls-alpn-01", "token": "…", "identifier": {"type": "dns", "value": "…"},
 *    "thumbprint": "…"}
 *
 * and where the proof was put, if the module does not answer by itself: "way", "name", "printed",
 * "added".
 *
 * It says what the proof is made of, never the proof itself: solvers write it, the responder of any
 * process reads it, and the next engine finds in it what an engine before it left behind.
 */
#ifndef ACME_PROOF_H
#define ACME_PROOF_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_err.h"
#include "acme/acme_identifier.h"
#include "acme/acme_store.h"

/** Where a proof was put that others show to the CA. */
typedef struct {
    const char *way;     /**< "webroot", "exec", "manual"; NULL: not said */
    const char *name;    /**< of the DNS record, of the file, or the path of the URL */
    const char *printed; /**< what has to be known for its removal (acme_dns_update.h), or NULL */
    apr_time_t added;    /**< since when; 0: not yet */
} acme_proof_place_t;

/** All of it but the place is in the record of the run, so that withdraw works after a crash. */
typedef struct {
    const char *type;                    /**< challenge type */
    const acme_identifier_t *identifier; /**< without "*." */
    const char *token;
    const char *thumbprint; /**< of the account key (RFC 8555 section 8.1) */
    const acme_proof_place_t *place; /**< NULL: the module answers, or it is not known yet */
    /* not in a record in challenges/: */
    const struct acme_dns01_t *dns01;   /**< how the domain sets TXT records; NULL: not said */
    const struct acme_http01_t *http01; /**< who answers http-01; NULL: the module */
    apr_time_t expires;               /**< when the authorization ends; 0: not known */
    const struct acme_persist_demand_t *persist; /**< what a standing record must say
                                                      (acme_persist.h); NULL: none is looked for */
} acme_proof_t;

/** The longest token that is taken. */
#define ACME_PROOF_TOKEN_MAX 200

/** Refuses (ACME_ERR_INPUT, with identifier and type) a token that is not base64url without padding
 * (RFC 8555 section 8.1) or too long: it becomes a file name, part of a URL and what is hashed. */
acme_err_t *acme_proof_check_token(const acme_proof_t *proof, apr_pool_t *pool);

/** Writes the record of @a proof as challenges/<type>/@a name. */
acme_err_t *acme_proof_write(const acme_store_t *store, const char *name, const acme_proof_t *proof,
                             apr_pool_t *scratch_pool);

/** The proof whose record is challenges/@a type/@a name. *proof is NULL if there is none, or its seal
 * does not open; ACME_ERR_INPUT if it opens and makes no sense. */
acme_err_t *acme_proof_read(acme_proof_t **proof, const acme_store_t *store, const char *type,
                            const char *name, apr_pool_t *pool);

/** Removes the record. Absent is no error. */
acme_err_t *acme_proof_remove(const acme_store_t *store, const char *type, const char *name,
                              apr_pool_t *scratch_pool);

/** All proofs recorded under challenges/@a type: acme_proof_t *. Records that make no sense are
 * removed. */
acme_err_t *acme_proof_list(apr_array_header_t **proofs, const acme_store_t *store,
                            const char *type, apr_pool_t *pool);

/** Nonzero if both are the same proof: type, identifier, token and thumbprint, wherever it was put. */
int acme_proof_equal(const acme_proof_t *a, const acme_proof_t *b);

#endif
