/* A way to set TXT records: by value, one of several ways, polled and never waited for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * dns-01 (RFC 8555 section 8.4) needs records added and removed by value, so that a name and its
 * wildcard live side by side. Who knows how to do it (a program in one of the usual conventions,
 * nsupdate, an administrator by hand) is behind this table; waiting until the world sees the record
 * is not its task.
 *
 * The answers of http-01 at another server are set in the same way: then `name` is the path of the
 * URL (or of a file) and `value` what is to be found there.
 *
 * One thread: the engine's. Every verb may be repeated after a crash without harm.
 */
#ifndef ACME_DNS_UPDATE_H
#define ACME_DNS_UPDATE_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_err.h"

/** One record. */
typedef struct {
    const char *domain; /**< the identifier it is for, without "*.": "example.org" */
    const char *name; /**< owner name without final dot: "_acme-challenge.example.org", or where its
                           CNAMEs lead */
    const char *value;             /**< 43 characters of base64url; may begin with '-' */
    const char *token;             /**< of the challenge, for conventions that pass it on */
    const char *key_authorization; /**< likewise */
    const char
        *printed; /**< for its removal: what `printed` said when it was added; NULL: nothing */
} acme_txt_t;

typedef struct {
    void *baton;
    /** Begins to add the record. */
    acme_err_t *(*add)(void *baton, const acme_txt_t *txt, apr_pool_t *pool);
    /** Begins to remove it; what is not there is no error. */
    acme_err_t *(*remove)(void *baton, const acme_txt_t *txt, apr_pool_t *pool);
    /** What was begun last for this record: *is_done; if not, *poll_at is when to ask again. An
     * error is what the way reported (its output cleaned and cut), and ends it. Nothing begun
     * counts as done. */
    acme_err_t *(*poll)(int *is_done, apr_time_t *poll_at, void *baton, const acme_txt_t *txt,
                        apr_pool_t *pool);
    /** What its removal must be told of how it was added, which is now done: kept by the caller,
     * also across a crash. NULL: nothing. The verb may be NULL itself. */
    const char *(*printed)(void *baton, const acme_txt_t *txt, apr_pool_t *pool);
} acme_dns_update_t;

#endif
