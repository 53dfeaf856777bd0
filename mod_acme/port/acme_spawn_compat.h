/* What differs between C libraries when a program is spawned; nowhere else is one looked at.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Internal to the folder port. Both return 0 or an error number, as posix_spawn does.
 */
#ifndef ACME_SPAWN_COMPAT_H
#define ACME_SPAWN_COMPAT_H

#include <spawn.h>

/** Lets the program have no descriptor from @a first on. */
int acme_spawn__close_from(posix_spawn_file_actions_t *actions, int first);

/** The same where the C library cannot: closes what is open at this moment, one by one. */
int acme_spawn__close_each_from(posix_spawn_file_actions_t *actions, int first);

#endif
