/* Registers the module with httpd: its hooks, and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <httpd.h>
#include <http_config.h>

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
}

AP_DECLARE_MODULE(acme) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
                           AP_MODULE_FLAG_NONE};
