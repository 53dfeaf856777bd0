/* Registers the module with httpd: its hooks, and nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <http_ssl.h>
#include <ap_mpm.h>
#include <mpm_common.h>

#include "mod_acme_alpn.h"
#include "mod_acme_answer.h"
#include "mod_acme_config.h"
#include "mod_acme_host.h"
#include "mod_acme_live.h"
#include "mod_acme_parent.h"
#include "mod_acme_start.h"
#include "mod_acme_status_page.h"
#include "mod_acme_watchdog.h"

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    static const char *const tls[] = {"mod_ssl.c", "mod_tls.c", NULL};

    /* the parent */
    ap_hook_check_config(mod_acme_config_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(mod_acme_start_before_tls, NULL, tls, APR_HOOK_MIDDLE);
    ap_hook_ssl_add_cert_files(mod_acme_host_add_files, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(mod_acme_start_after_tls, tls, NULL, APR_HOOK_LAST);
    ap_hook_monitor(mod_acme_parent_look, NULL, NULL, APR_HOOK_MIDDLE);
    mod_acme_live_register_hooks();

    /* each child */
    ap_hook_child_init(mod_acme_start_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(mod_acme_watchdog_child_stopping, NULL, NULL, APR_HOOK_MIDDLE);

    /* each handshake */
    mod_acme_alpn_register_hooks();

    /* each request: before Alias, Redirect, Rewrite, ProxyPass and access control */
    ap_hook_translate_name(mod_acme_answer_challenge, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(mod_acme_answer_unavailable, NULL, NULL, APR_HOOK_REALLY_FIRST + 1);
    ap_hook_handler(mod_acme_status_page, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(acme) = {STANDARD20_MODULE_STUFF,
                           NULL,
                           NULL,
                           mod_acme_config_create_server,
                           mod_acme_config_merge_server,
                           mod_acme_directives,
                           register_hooks,
                           AP_MODULE_FLAG_NONE};
