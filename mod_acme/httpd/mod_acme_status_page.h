/* The handler acme-status: what the server knows about its domains, as JSON.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   <Location /acme-status>
 *       SetHandler acme-status
 *       Require local
 *   </Location>
 *
 * /acme-status gives all domains, /acme-status/example.org the one that has this name.
 */
#ifndef MOD_ACME_STATUS_PAGE_H
#define MOD_ACME_STATUS_PAGE_H

#include <httpd.h>

#define MOD_ACME_STATUS_HANDLER "acme-status"

/** For ap_hook_handler. */
int mod_acme_status_page(request_rec *r);

#endif
