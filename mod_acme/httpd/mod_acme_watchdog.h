/* The watchdog: the thread of one child that runs the engine.
 * SPDX-License-Identifier: Apache-2.0
 *
 * mod_watchdog calls a singleton every 100 ms in one child of each generation of children. It tries
 * to take the store's lock, since the old generation's engine, or another server on the store, may
 * still have it; once it has, it makes the engine and ticks it, staying inside as long as there is
 * something to do. child_stopping ends it: a flag, a wake-up, and a wait of a few milliseconds as a
 * rule and five seconds at most.
 */
#ifndef MOD_ACME_WATCHDOG_H
#define MOD_ACME_WATCHDOG_H

#include "mod_acme_world.h"

/** In the parent's post_config, before mod_watchdog's own: registers the callback if there is
 * anything for an engine to do. Says so when mod_watchdog is missing. */
void mod_acme_watchdog_register(mod_acme_world_t *world);

/** In child_init, before there are threads. */
void mod_acme_watchdog_child_init(mod_acme_world_t *world);

/** For ap_hook_child_stopping. */
void mod_acme_watchdog_child_stopping(apr_pool_t *pool, int graceful);

#endif
