/* CAA records: does a set of them allow a CA to issue (RFC 8659, RFC 8657)? Pure functions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whoever asks climbs the DNS from the name towards the root and hands over the first set that is
 * not empty. The answer is a forecast: the CA's own look counts.
 */
#ifndef ACME_CAA_H
#define ACME_CAA_H

#include <apr_pools.h>
#include <apr_tables.h>

/** One property of a set (RFC 8659 section 4.1). */
typedef struct {
    int flags;
    const char *tag;   /**< lower case */
    const char *value; /**< as it stands in the DNS */
} acme_caa_t;

/** The flag: whoever does not know the tag must not issue. */
#define ACME_CAA_CRITICAL 128

/** The parts of the value of an issue or issuewild property (RFC 8659 section 4.2). */
typedef struct {
    const char *domain;             /**< lower case; "": nobody */
    apr_array_header_t *parameters; /**< acme_caa_parameter_t */
} acme_caa_issue_t;

typedef struct {
    const char *tag; /**< lower case */
    const char *value;
} acme_caa_parameter_t;

/** Who wants to issue, and how. */
typedef struct {
    const apr_array_header_t *identities; /**< const char *: the CA's names; empty: it tells none */
    const char *account; /**< URL of the account; NULL: not known, then it is not judged */
    const apr_array_header_t *types; /**< const char *: challenge types that may be used */
    int is_wildcard;
} acme_caa_issuer_t;

/** Reads a record of type ACME_DNS_CAA as acme_dns.h gives it: "FLAGS TAG VALUE". Returns 0, or -1
 * if it is none. */
int acme_caa_read(acme_caa_t *property, const char *text, apr_pool_t *pool);

/** Takes the value of an issue or issuewild property apart. Returns 0, or -1 if it is malformed:
 * then it allows nobody. */
int acme_caa_parse(acme_caa_issue_t *issue, const char *value, apr_pool_t *pool);

/** NULL if @a set (acme_caa_t) allows @a issuer to issue, which an empty set does. Else why it does
 * not and what to do, as the end of a sentence that began with "the CAA records of … ". */
const char *acme_caa_forbids(const apr_array_header_t *set, const acme_caa_issuer_t *issuer,
                             apr_pool_t *pool);

#endif
