/* Answers in the translate-name phase: challenges of ours, and 503 where only the placeholder is.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <httpd.h>
#include <ap_expr.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_ssl.h>

#include "acme/acme_responder.h"
#include "mod_acme_answer.h"
#include "mod_acme_host.h"
#include "mod_acme_live.h"
#include "mod_acme_status_page.h"
#include "mod_acme_world.h"

APLOG_USE_MODULE(acme);

/* A first certificate takes seconds as a rule; a minute is what a crawler can bear. */
#define RETRY_AFTER "60"

#define PAGE                                                                                       \
    "<!DOCTYPE html>\n<html lang=\"en\"><head><title>503 Service Unavailable</title></head>\n"     \
    "<body><h1>Service Unavailable</h1>\n"                                                         \
    "<p>This site is waiting for its first certificate. Please try again in a minute.</p>\n"       \
    "</body></html>\n"

static int send_all(request_rec *r, const char *type, const char *text)
{
    apr_size_t len = strlen(text);
    ap_set_content_type(r, type);
    ap_set_content_length(r, (apr_off_t)len);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_unset(r->headers_in, "Range"); /* all of it or nothing */
    apr_table_unset(r->headers_in, "Request-Range");
    /* the request ends here, before httpd has judged what the connection may do next */
    r->connection->keepalive = AP_CONN_CLOSE;
    (void)ap_rwrite(text, (int)len, r); /* a client that went away is no matter of ours */
    return DONE;
}

/* see mod_acme_answer.h */
int mod_acme_answer_challenge(request_rec *r)
{
    if (r->uri == NULL ||
        strncmp(r->uri, ACME_RESPONDER_HTTP_PREFIX, sizeof(ACME_RESPONDER_HTTP_PREFIX) - 1) != 0) {
        return DECLINED;
    }
    const mod_acme_world_t *world = mod_acme_world();
    if (r->method_number != M_GET || world == NULL || world->board == NULL) {
        return DECLINED; /* HEAD is M_GET, too */
    }
    const acme_responder_t responder = {.store = world->store,
                                        .bell = mod_acme_board_bell(world->board),
                                        .index = world->global->index,
                                        .thumbprints = world->thumbprints};
    const char *answer = NULL;
    if (!acme_responder_http(&answer, &responder, r->hostname, r->uri, r->pool)) {
        return DECLINED;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "challenge for %s answered",
                  r->hostname != NULL ? r->hostname : "a request without Host");
    return send_all(r, "application/octet-stream", answer);
}

static int is_status_page(request_rec *r)
{
    /* <Location> has been applied by now; httpd makes r->handler of it only later */
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *err = NULL;
    const char *handler =
        core->expr_handler != NULL ? ap_expr_str_exec(r, core->expr_handler, &err) : core->handler;
    return err == NULL && handler != NULL && strcmp(handler, MOD_ACME_STATUS_HANDLER) == 0;
}

/* Nonzero if the certificate of this connection can only be the placeholder. */
static int has_nothing_else(const mod_acme_world_t *world, const mod_acme_host_t *host,
                            request_rec *r)
{
    if (!host->is_live || world->cache == NULL) {
        return 1; /* it stays until the next restart */
    }
    const char *sni = ap_ssl_var_lookup(r->pool, r->server, r->connection, r, "SSL_TLS_SNI");
    const acme_domain_t *domain =
        mod_acme_live_domain(world, sni != NULL && *sni != '\0' ? sni : NULL, r->connection,
                             host->server);
    const acme_loaded_t *loaded =
        domain != NULL ? acme_certificate_cache_take(world->cache, domain) : NULL;
    if (loaded == NULL) {
        return 1;
    }
    acme_certificate_cache_give_back(loaded);
    return 0;
}

/* see mod_acme_answer.h */
int mod_acme_answer_unavailable(request_rec *r)
{
    const mod_acme_world_t *world = mod_acme_world();
    if (world == NULL || world->placeholder_hosts == 0 ||
        world->global->placeholder != MOD_ACME_PLACEHOLDER_UNAVAILABLE || r->main != NULL) {
        return DECLINED;
    }
    const mod_acme_host_t *host = mod_acme_host_find(world, r->server);
    if (host == NULL || !host->has_only_placeholder || !ap_ssl_conn_is_ssl(r->connection) ||
        !has_nothing_else(world, host, r) || is_status_page(r)) {
        return DECLINED;
    }
    r->status = HTTP_SERVICE_UNAVAILABLE;
    apr_table_setn(r->headers_out, "Retry-After", RETRY_AFTER);
    return send_all(r, "text/html; charset=utf-8", PAGE);
}
