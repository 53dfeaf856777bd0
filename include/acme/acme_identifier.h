/* The names a certificate is for: DNS names (with wildcards) and IP addresses, kept in one form.
 * SPDX-License-Identifier: Apache-2.0
 *
 * RFC 8555 section 7.1.3 calls them identifiers. The one form is: lower case, no final dot,
 * A-labels for DNS names; RFC 5952 text for IPv6. Names from SNI and Host are folded with
 * acme_identifier_fold before they are looked up. Plain records, readable by any thread.
 */
#ifndef ACME_IDENTIFIER_H
#define ACME_IDENTIFIER_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_err.h"

typedef enum { ACME_IDENTIFIER_DNS, ACME_IDENTIFIER_IP } acme_identifier_type_t;

typedef struct {
    acme_identifier_type_t type;
    const char *value; /**< in its one form; a wildcard keeps its "*." */
    int is_wildcard;
} acme_identifier_t;

/** The longest a DNS name may be (RFC 1035), wildcard label included. */
#define ACME_IDENTIFIER_MAX 253

/** Reads a name or address as an administrator writes it: any case, a final dot, U-labels where
 * built with libidn2 (else a sentence says to write the A-label), "*." only in front, an address
 * with or without brackets. Errors are ACME_ERR_INPUT: wrong syntax (empty, label above 63, above
 * 253 bytes, a character that no name has, '*' elsewhere, a scheme or port). Underscores pass here:
 * they are refused by acme_identifier_check. *identifier lives in @a pool. */
acme_err_t *acme_identifier_parse(acme_identifier_t **identifier, const char *text,
                                  apr_pool_t *pool);

/** Why no public CA could certify this name, as a sentence, or NULL if nothing speaks against it:
 * underscore, a single label, all-numeric last label, more than ten labels, localhost,
 * .local .localhost .internal .lan .test .example .invalid .onion .home.arpa .alt, a reserved
 * address. A private CA (@a is_private) may certify all of these but the underscore. */
const char *acme_identifier_check(const acme_identifier_t *identifier, int is_private,
                                  apr_pool_t *pool);

/** Folds a name from SNI or Host into @a buffer of @a size bytes: lower case, no final dot. Returns
 * its length, or 0 if it does not fit or has a character that no name has. No allocation. */
apr_size_t acme_identifier_fold(char *buffer, apr_size_t size, const char *name, apr_size_t len);

/** The address whose name in the reverse DNS is @a name (folded): "17.2.0.192.in-addr.arpa", 32 nibbles
 * and "ip6.arpa"; that is how tls-alpn-01 asks for one (RFC 8738 section 6). NULL if @a name is none. */
acme_identifier_t *acme_identifier_of_reverse(const char *name, apr_pool_t *pool);

/** <0, 0, >0: by type, then by value. */
int acme_identifier_compare(const acme_identifier_t *a, const acme_identifier_t *b);

/** Nonzero if @a outer is @a inner or a wildcard over it (one label, RFC 9525 section 6.3). */
int acme_identifier_covers(const acme_identifier_t *outer, const acme_identifier_t *inner);

/** The name of its folder in the store: the value; "_wildcard.example.org" for a wildcard; above
 * 200 bytes its first 160, '~' and 32 hex digits of SHA-256 (made by the caller through
 * @a digest_hex since this floor has no digests; NULL allowed for shorter names). */
char *acme_identifier_folder(const acme_identifier_t *identifier, const char *digest_hex,
                             apr_pool_t *pool);

/* Sets of identifiers: arrays of `const acme_identifier_t *`. */

/** Nonzero if @a set has a member equal to @a identifier. */
int acme_identifiers_contain(const apr_array_header_t *set, const acme_identifier_t *identifier);

/** The first member of @a wanted that no member of @a offered covers; NULL if all are covered. */
const acme_identifier_t *acme_identifiers_missing(const apr_array_header_t *wanted,
                                                  const apr_array_header_t *offered);

/** A sorted copy without duplicates. */
apr_array_header_t *acme_identifiers_sorted(const apr_array_header_t *set, apr_pool_t *pool);

/** "a.example, b.example and 3 more" with at most @a max names. */
char *acme_identifiers_text(const apr_array_header_t *set, int max, apr_pool_t *pool);

#endif
