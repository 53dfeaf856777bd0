/* Makes and merges our part of a server_rec, and checks the whole configuration when it was read.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_config.h"

#include <string.h>

#include <apr_strings.h>

#include <ap_listen.h>
#include <http_core.h>
#include <http_log.h>
#include <unixd.h>

#include "acme/acme_persist.h"
#include "acme/acme_text.h"

#include "mod_acme_known.h"
#include "mod_acme_settings.h"
#include "mod_acme_staple.h"
#include "mod_acme_vhost.h"

APLOG_USE_MODULE(acme);

void *mod_acme_config_create_server(apr_pool_t *pool, server_rec *s)
{
    (void)s;
    mod_acme_server_t *server = apr_pcalloc(pool, sizeof(*server));
    mod_acme_settings_clear(&server->settings);
    mod_acme_settings_clear(&server->own);
    return server;
}

void *mod_acme_config_merge_server(apr_pool_t *pool, void *base, void *add)
{
    const mod_acme_server_t *around = base;
    mod_acme_server_t *server = apr_pmemdup(pool, add, sizeof(*server));
    server->own = server->settings;
    mod_acme_settings_merge(&server->settings, &around->settings, &server->own);
    return server;
}

const mod_acme_global_t *mod_acme_config_global(const server_rec *s)
{
    const mod_acme_server_t *server = mod_acme_settings_server(s);
    return server != NULL ? server->global : NULL;
}

/* In pass 1, for -t and for the apachectl that only sends a signal, httpd logs to stderr and the
 * server's LogLevel must not hide what the administrator asked for. */
static int is_on_terminal(void)
{
    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
}

/* The second pass of a start has nothing new to say. */
static int is_repetition(void)
{
    return !is_on_terminal() && ap_state_query(AP_SQ_CONFIG_GEN) <= 1;
}

static void report(server_rec *s, int is_error, const char *file, int line, const char *text)
{
    int level = is_error ? APLOG_ERR : APLOG_WARNING;
    if (is_on_terminal()) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | level, 0, NULL, "%s %s:%d: %s",
                     is_error ? "Error" : "Warning", file, line, text);
    }
    else {
        ap_log_error(APLOG_MARK, level, 0, s, "%s %s:%d: %s", is_error ? "Error" : "Warning", file,
                     line, text);
    }
}

/* Each finding once; whether the server may start all the same. */
static int report_findings(const mod_acme_raw_t *raw, server_rec *s)
{
    const apr_array_header_t *all = mod_acme_findings_all(raw->findings);
    for (int i = 0; i < all->nelts && (raw->global.is_strict || !is_repetition()); i++) {
        const mod_acme_finding_t *finding = APR_ARRAY_IDX(all, i, const mod_acme_finding_t *);
        report(s, raw->global.is_strict, finding->file, finding->line, finding->text);
    }
    return all->nelts == 0 || !raw->global.is_strict;
}

/* ---- can the CA reach us? */

static int is_listening(int port)
{
    for (const ap_listen_rec *listener = ap_listeners; listener != NULL;
         listener = listener->next) {
        if (port != 0 && listener->bind_addr != NULL && listener->bind_addr->port == port) {
            return 1;
        }
    }
    return 0;
}

/* Nonzero unless all challenges of @a domain that we answer come in on ports that are closed. */
static int is_reachable(const acme_domain_t *domain, int has_http, int has_https)
{
    int can_answer = 0;
    for (int i = 0; i < domain->challenge_types->nelts; i++) {
        const char *type = APR_ARRAY_IDX(domain->challenge_types, i, const char *);
        if (!mod_acme_words_can_answer(type) || strcmp(type, ACME_PERSIST_TYPE) == 0) {
            continue; /* whether there is a record for it, nobody knows yet */
        }
        can_answer = 1;
        if (strcmp(type, "http-01") == 0 ? has_http || domain->http01 != NULL
                                         : strcmp(type, "tls-alpn-01") != 0 || has_https) {
            return 1;
        }
    }
    /* that it answers none at all was said where the types were written */
    return !can_answer;
}

/* One sentence for all domains: it is one Listen that is missing. */
static void check_ports(const mod_acme_raw_t *raw, apr_pool_t *pool)
{
    const mod_acme_global_t *global = &raw->global;
    for (int i = 0; i < global->domains->nelts; i++) {
        const acme_domain_t *domain = APR_ARRAY_IDX(global->domains, i, const acme_domain_t *);
        if (domain->renew_mode == ACME_RENEW_MANUAL ||
            is_reachable(domain, global->has_http, global->has_https)) {
            continue;
        }
        (void)mod_acme_finding_add(
            raw->findings, domain->file, domain->line,
            "ACMEDomain: the CA asks for the answers to challenges (%s) on port 80 or 443, and no "
            "Listen is for it, so no certificate can be had; add Listen 80, or write by "
            "ACMEPortMap http:<port> which local port the CA reaches as 80",
            acme_text_join(domain->challenge_types, ", ", pool));
        return;
    }
}

/* A setting in a virtual host is for the ACMEDomain in there; without one it would be ignored, and
 * that is worse than refused. */
static int check_lonely(server_rec *s)
{
    int is_well = 1;
    for (server_rec *host = s->next; host != NULL; host = host->next) {
        const mod_acme_server_t *server = mod_acme_settings_server(host);
        const ap_directive_t *first = server->own.first;
        if (first != NULL && !server->has_definition) {
            report(
                s, 1, first->filename, first->line_num,
                apr_pstrcat(s->process->pconf, first->directive,
                            " in a <VirtualHost> is for the ACMEDomain in it, and there is none; "
                            "write ACMEDomain there, or move the line into the section "
                            "<ACMEDomain> that it is meant for",
                            NULL));
            is_well = 0;
        }
    }
    return is_well;
}

/* Children inside would look for the store at another place than the parent outside. */
static int check_chroot(const mod_acme_raw_t *raw, server_rec *s)
{
    if (raw->definitions->nelts == 0 || ap_unixd_config.chroot_dir == NULL) {
        return 1;
    }
    const mod_acme_definition_t *first =
        APR_ARRAY_IDX(raw->definitions, 0, const mod_acme_definition_t *);
    report(s, 1, first->file, first->line,
           "ACMEDomain cannot be used together with ChrootDir, since the server's processes would "
           "not find its store inside of it; remove one of the two");
    return 0;
}

/* A virtual host without any directive of ours has the base server's record (httpd merges nothing
 * then); it needs one of its own, to keep its domain in. */
static void give_records(server_rec *s, apr_pool_t *pool)
{
    const mod_acme_server_t *base = mod_acme_settings_server(s);
    for (server_rec *host = s->next; host != NULL; host = host->next) {
        if (mod_acme_settings_server(host) == base) {
            mod_acme_server_t *server = mod_acme_config_create_server(pool, host);
            server->settings = base->settings;
            ap_set_module_config(host->module_config, &acme_module, server);
        }
    }
}

static void share_global(const mod_acme_global_t *global, server_rec *s)
{
    for (; s != NULL; s = s->next) {
        mod_acme_settings_server(s)->global = global;
    }
}

/* ---- what came with this configuration */

static void report_new(const mod_acme_global_t *global, server_rec *s)
{
    const acme_domain_t *first = NULL;
    int count = 0;
    for (int i = 0; i < global->domains->nelts; i++) {
        const acme_domain_t *domain = APR_ARRAY_IDX(global->domains, i, const acme_domain_t *);
        if (domain->is_new) {
            first = first != NULL ? first : domain;
            count++;
        }
    }
    if (count > 0) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                     "%d of %d domains came with this configuration, the first is %s", count,
                     global->domains->nelts, first->name);
    }
}

/* The first pass of a start is thrown away, and is no configuration that anybody was served. */
static void link_to_the_known(mod_acme_raw_t *raw, server_rec *s, apr_pool_t *pool)
{
    apr_pool_t *process = s->process->pool;
    raw->known = is_on_terminal() ? NULL : mod_acme_known_names(process);
    mod_acme_vhost_link(&raw->global, raw, s, pool);
    raw->known = NULL;
    if (!is_on_terminal()) {
        report_new(&raw->global, s);
        mod_acme_known_keep(raw->global.domains, process);
    }
}

int mod_acme_config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    mod_acme_raw_t *raw = mod_acme_settings_raw(pconf);
    give_records(s, pconf);
    raw->global.has_http = is_listening(raw->global.ports.http);
    raw->global.has_https = is_listening(raw->global.ports.https);
    link_to_the_known(raw, s, pconf);
    share_global(&raw->global, s);
    check_ports(raw, ptemp);
    mod_acme_staple_check(&raw->global, raw->findings, ptemp);
    int is_well = report_findings(raw, s);
    is_well = check_lonely(s) && is_well;
    is_well = check_chroot(raw, s) && is_well;
    return is_well ? OK : HTTP_INTERNAL_SERVER_ERROR;
}
