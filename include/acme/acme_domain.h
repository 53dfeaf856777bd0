/* A managed domain: what the administrator wants, frozen once the configuration is read.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Made in post_config (httpd/) or by a test, never changed after; children inherit it by fork, every
 * thread may read it.
 */
#ifndef ACME_DOMAIN_H
#define ACME_DOMAIN_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_account.h"
#include "acme/acme_eab.h"
#include "acme/acme_identifier.h"
#include "acme/acme_key.h"
#include "acme/acme_time.h"
#include "acme/acme_transport.h"

/** So many in a span of time: a bucket of @a count tokens that refills evenly. */
typedef struct {
    int count; /**< 0: no limit */
    apr_interval_time_t span;
} acme_limit_t;

/** What a CA allows: what is built in for it, or ACMERateLimits. */
typedef struct {
    acme_limit_t orders;            /**< new orders of the account */
    acme_limit_t registered_domain; /**< certificates for names below one registered domain */
    acme_limit_t exact_set;         /**< certificates for exactly the same names */
    int is_renewal_exempt; /**< an order for the same names as a certificate of its own counts for the
                                last alone */
} acme_limits_t;

/** What the administrator said about one CA. Domains of the same directory URL share one. */
typedef struct acme_ca_t acme_ca_t;
struct acme_ca_t {
    const char *directory_url;
    const char *name;   /**< as in the configuration ("letsencrypt"), else the host of the URL */
    const char *folder; /**< its folder in accounts/: acme_ca_folder(directory_url) */
    acme_route_t route;
    const apr_array_header_t *contacts; /**< const char *: "mailto:…"; may be empty */
    const char *agreement;              /**< "accepted", the URL that was agreed to, or NULL */
    const acme_eab_t *eab;              /**< we are its customer (acme_eab.h), or NULL */
    const acme_account_key_t *account_key; /**< the administrator's own, or NULL */
    int is_eab_optional;                /**< one CA of several: bound only if it demands it */
    int is_private;                     /**< no public CA known to us: names are not judged */
    int max_identifiers;                /**< names one certificate may have */
    int is_without_must_staple;         /**< it refuses a CSR that asks for it */
    acme_limits_t limits;
    const acme_ca_t *test; /**< its test environment, where a failure counts nothing; NULL: none */
    int is_test;           /**< no more than that: what fails here is no administrator's matter */
};

typedef enum { ACME_RENEW_MANUAL, ACME_RENEW_AUTO, ACME_RENEW_ALWAYS } acme_renew_mode_t;

typedef struct {
    const char *name;   /**< the first identifier */
    const char *folder; /**< its folder in the store (acme_identifier_folder) */
    const apr_array_header_t *identifiers; /**< const acme_identifier_t *, none twice, not empty */
    const apr_array_header_t *key_specs;   /**< acme_key_spec_t: one certificate each, not empty */
    int has_key_specs; /**< they were written; else a certificate of another type is as good */
    const acme_ca_t *ca;                   /**< the first choice */
    int has_ca;                            /**< it was written, not our default */
    const apr_array_header_t *other_cas;   /**< const acme_ca_t *: when that fails, in order; NULL: none */
    const apr_array_header_t *challenge_types; /**< const char *: allowed ones, best first */
    const struct acme_dns01_t *dns01; /**< how TXT records are set (acme_dns01.h); NULL: not at all */
    const struct acme_http01_t *http01; /**< who answers http-01 (acme_http01.h); NULL: the module */
    acme_window_t renew_window;
    int has_renew_window; /**< written, not our default */
    acme_window_t warn_window;
    int is_renewal_info_off; /**< ACMERenewViaARI off: the CA is not asked when to renew */
    int is_rehearsal_off; /**< no test environment is asked: ACMEStagingRetry off, or a hand would have
                               to prove its names twice */
    const char *preferred_chain; /**< ACMEPreferredChain: issuer of a chain's last certificate, or NULL */
    const char *profile;     /**< ACMEProfile, or NULL */
    int is_profile_mandatory; /**< nothing is ordered from a CA that does not offer it */
    int keeps_failing; /**< ACMEDropFailing off: no order goes without a name that fails */
    int must_staple;          /**< ACMEMustStaple: asked for, where the CA has it */
    int has_must_staple;      /**< it was written, on or off */
    acme_renew_mode_t renew_mode;
    int is_used;      /**< a virtual host answers for one of its names */
    int is_new;       /**< it came with the last reload: whoever wrote it is waiting for it */
    const char *file; /**< where it was configured, for messages */
    int line;
    int index; /**< place in the array of all domains, and in the bell */
} acme_domain_t;

/** How many CAs a domain has, and the one at @a i; 0 is the first choice. */
int acme_domain_cas(const acme_domain_t *domain);
const acme_ca_t *acme_domain_ca(const acme_domain_t *domain, int i);

/** The one of its CAs with this directory URL (which may be NULL), or NULL. */
const acme_ca_t *acme_domain_find_ca(const acme_domain_t *domain, const char *directory_url);

/** The test environment of one of its CAs with this directory URL, or NULL: also where it is one of the
 * domain's CAs itself, or rehearsals are switched off. */
const acme_ca_t *acme_domain_find_test(const acme_domain_t *domain, const char *directory_url);

/** The folder in accounts/ for a CA: host, port if any, and 8 hex digits of the URL's SHA-256. */
char *acme_ca_folder(const char *directory_url, apr_pool_t *pool);

/** Where a name leads: a frozen index over all identifiers of all domains. */
typedef struct acme_domain_index_t acme_domain_index_t;

/** Builds the index over @a domains (const acme_domain_t *); of two domains with the same identifier
 * the first keeps it. */
acme_domain_index_t *acme_domain_index_create(const apr_array_header_t *domains, apr_pool_t *pool);

/** The domain for @a name (folded, see acme_identifier_fold): the one that has it, else the one with
 * the wildcard over it, else NULL. No allocation; any thread. */
const acme_domain_t *acme_domain_index_find(const acme_domain_index_t *index, const char *name,
                                            apr_size_t len);

#endif
