/* Activation by restart: for hosts that do not change certificates live.
 * SPDX-License-Identifier: Apache-2.0
 *
 * With `ACMEActivation manual` (and where the TLS module has no way to change live) it says once
 * that a certificate waits for a restart. With `graceful` the parent restarts httpd gracefully, for
 * all together that are just coming in, only inside the window, and not more often than the
 * interval (from the last restart that it made; an administrator's own do not count). It never does
 * so with a broken configuration, since that would end the server: it first has its own binary test
 * it, with its own arguments and -t. If that fails there is no restart, the log and the status page
 * quote httpd's own words, and it is tried again later. Parent only.
 */
#ifndef MOD_ACME_ACTIVATION_H
#define MOD_ACME_ACTIVATION_H

#include "mod_acme_world.h"

/** Looks whether hosts wait; @a pointed tells by domain which generation domains/ has. */
void mod_acme_activation_look(mod_acme_world_t *world, const apr_uint64_t *pointed);

#endif
