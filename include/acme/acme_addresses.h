/* Addresses: which are this machine's, and which the world cannot reach.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Addresses are text as inet_ntop writes it.
 */
#ifndef ACME_ADDRESSES_H
#define ACME_ADDRESSES_H

#include <apr_pools.h>
#include <apr_tables.h>

/** The addresses of this machine's interfaces (const char *); empty if they cannot be told. */
apr_array_header_t *acme_addresses_local(apr_pool_t *pool);

/** Nonzero if @a address is one of @a local, or loops back. */
int acme_addresses_are_here(const apr_array_header_t *local, const char *address);

/** Nonzero if no route of the public Internet leads to @a address (RFC 6890). */
int acme_addresses_is_reserved(const char *address, apr_pool_t *pool);

/** Nonzero if one of @a local is of the family of @a address and can be reached from the Internet.
 */
int acme_addresses_have_public(const apr_array_header_t *local, const char *address,
                               apr_pool_t *pool);

#endif
