/* The real world behind acme_env_t: system clocks, OpenSSL's randomness, httpd's error log.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Lines are logged with the main server at the level of httpd that means the same, so that
 * `LogLevel acme:debug` works. Any thread of parent and children.
 */
#ifndef MOD_ACME_ENV_H
#define MOD_ACME_ENV_H

#include <httpd.h>

#include "acme/acme_env.h"

/** An env over the real world that logs with @a server; lives in @a pool. */
acme_env_t *mod_acme_env_create(server_rec *server, apr_pool_t *pool);

#endif
