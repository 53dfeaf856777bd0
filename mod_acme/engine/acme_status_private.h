/* The parts of the status page, shared by the files that make them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_STATUS_PRIVATE_H
#define ACME_STATUS_PRIVATE_H

#include <jansson.h>

#include "acme/acme_domain.h"
#include "acme/acme_store.h"

/** Adds to the object of @a domain what an administrator is to set by hand, and which of that ends;
 * @a order is the record of its run, or NULL. Nothing is added where there is nothing. */
void acme_status__add_manual(json_t *object, const acme_domain_t *domain, const json_t *order,
                             const acme_store_t *store, apr_pool_t *pool);

#endif
