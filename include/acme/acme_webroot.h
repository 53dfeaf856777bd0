/* http-01 answers as files in a folder that another server serves.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The file is DIR/.well-known/acme-challenge/TOKEN, mode 0644, whole at once (written beside and
 * renamed); the two folders are made with mode 0755 if they lack and stay when the file goes. DIR
 * is the administrator's and may be a symbolic link; the two below it are opened without following
 * any, since who can write into a site's folder must not choose where we write. A file or link of
 * the token's name gives way.
 */
#ifndef ACME_WEBROOT_H
#define ACME_WEBROOT_H

#include "acme/acme_dns_update.h"

/** Below a folder that is served: where the files are, with '/' at both ends (RFC 8555
 * section 8.3). */
#define ACME_WEBROOT_PATH "/.well-known/acme-challenge/"

/** A way to put answers there, in @a pool: `name` is DIR, ACME_WEBROOT_PATH and the token, `value`
 * what is to stand in the file. Each verb is done when it returns. */
acme_dns_update_t *acme_webroot_create(apr_pool_t *pool);

/** Why no answer could be put into @a dir by whoever calls, as ACME_ERR_CONFIG with what to do, or
 * NULL. Makes and changes nothing. */
acme_err_t *acme_webroot_check(const char *dir, apr_pool_t *pool);

#endif
