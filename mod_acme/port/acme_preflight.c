/* Calls a preflight, whoever it is.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_preflight.h"

/* see acme_preflight.h */
acme_preflight_look_t *acme_preflight_begin(const acme_preflight_t *preflight,
                                            const acme_preflight_request_t *request,
                                            apr_pool_t *pool)
{
    return preflight->begin(preflight->baton, request, pool);
}

/* see acme_preflight.h */
int acme_preflight_is_waiting(const acme_preflight_t *preflight, const acme_preflight_look_t *look)
{
    return preflight->is_waiting(preflight->baton, look);
}

/* see acme_preflight.h */
void acme_preflight_tick(const acme_preflight_t *preflight)
{
    preflight->tick(preflight->baton);
}

/* see acme_preflight.h */
int acme_preflight_poll(const apr_array_header_t **findings, const acme_preflight_t *preflight,
                        acme_preflight_look_t *look)
{
    return preflight->poll(findings, preflight->baton, look);
}
