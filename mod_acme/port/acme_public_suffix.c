/* Asks libpsl for registered domains.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_public_suffix.h"

#include <pthread.h>

#include <apr_strings.h>
#include <libpsl.h>

static pthread_once_t is_loaded = PTHREAD_ONCE_INIT;

/* Of the process, and never let go: nobody knows who still asks. */
static const psl_ctx_t *list;

static void load(void)
{
    list = psl_latest(NULL);
    if (list == NULL) {
        list = psl_builtin();
    }
}

static const psl_ctx_t *the_list(void)
{
    return pthread_once(&is_loaded, load) == 0 ? list : NULL;
}

/* see acme_public_suffix.h */
int acme_public_suffix_is_known(void)
{
    return the_list() != NULL;
}

/* see acme_public_suffix.h */
const char *acme_public_suffix_domain(const char *name, apr_pool_t *pool)
{
    const psl_ctx_t *psl = the_list();
    const char *domain = psl != NULL ? psl_registrable_domain(psl, name) : NULL;
    return domain != NULL ? apr_pstrdup(pool, domain) : NULL;
}
