/* The world of one configuration: all that parent, children and the watchdog thread share by fork.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_world.h"

/* The only changing static of the module beside the watchdog's: hooks of httpd carry no baton. */
static mod_acme_world_t *in_force;

/* A module that is linked into httpd keeps its statics over a restart. */
static apr_status_t forget(void *data)
{
    if (in_force == data) {
        in_force = NULL;
    }
    return APR_SUCCESS;
}

/* see mod_acme_world.h */
mod_acme_world_t *mod_acme_world(void)
{
    return in_force;
}

/* see mod_acme_world.h */
void mod_acme_world_set(mod_acme_world_t *world)
{
    in_force = world;
    apr_pool_cleanup_register(world->pool, world, forget, apr_pool_cleanup_null);
}
