/* The registered domain of a name, by the Public Suffix List: limits of CAs are counted by it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The list is that of the system if it is newer than the one built into libpsl, and is read once
 * per process, at the first question. Any thread.
 */
#ifndef ACME_PUBLIC_SUFFIX_H
#define ACME_PUBLIC_SUFFIX_H

#include <apr_pools.h>

/** Nonzero if there is a list; never in a build without libpsl. */
int acme_public_suffix_is_known(void);

/** The registered domain of @a name, a DNS name of A-labels in lower case without "*." before it:
 * "example.co.uk" for "www.example.co.uk". In @a pool. NULL if it has none, being a public suffix
 * itself, or if there is no list. Below a top-level domain that the list does not have, names of
 * two labels are registered ones. */
const char *acme_public_suffix_domain(const char *name, apr_pool_t *pool);

#endif
