/* Takes the place of libpsl where it is left out: no registered domain is known.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_public_suffix.h"

#include <stddef.h>

/* see acme_public_suffix.h */
int acme_public_suffix_is_known(void)
{
    return 0;
}

/* see acme_public_suffix.h */
const char *acme_public_suffix_domain(const char *name, apr_pool_t *pool)
{
    (void)name;
    (void)pool;
    return NULL;
}
