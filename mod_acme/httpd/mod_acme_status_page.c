/* The handler acme-status: what the server knows about its domains, as JSON.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <apr_strings.h>

#include "acme/acme_identifier.h"
#include "acme/acme_status.h"
#include "mod_acme_status_page.h"
#include "mod_acme_world.h"

APLOG_USE_MODULE(acme);

static const char *activation_name(const mod_acme_activation_t *activation)
{
    switch (activation->mode) {
    case MOD_ACME_ACTIVATE_LIVE:
        return "live";
    case MOD_ACME_ACTIVATE_GRACEFUL:
        return "graceful";
    case MOD_ACME_ACTIVATE_MANUAL:
        break;
    }
    return "manual";
}

/* What hinders, in sentences; NULL if nothing does. */
static const char *trouble(const mod_acme_world_t *world, apr_pool_t *pool)
{
    if (world->trouble != NULL || world->board == NULL) {
        return world->trouble;
    }
    const char *engine = mod_acme_board_note(world->board, MOD_ACME_NOTE_ENGINE, pool);
    const char *activation = mod_acme_board_note(world->board, MOD_ACME_NOTE_ACTIVATION, pool);
    if (engine != NULL && activation != NULL) {
        return apr_pstrcat(pool, engine, "; ", activation, NULL);
    }
    return engine != NULL ? engine : activation;
}

/* The name after the handler's own path, NULL if there is none. */
static const char *wanted_name(const request_rec *r)
{
    const char *name = r->path_info != NULL && *r->path_info == '/' ? r->path_info + 1 : NULL;
    if (name == NULL || *name == '\0') {
        /* <Location /acme-status>: nothing below it is a file, so httpd may see it all as the file
         */
        const char *slash = strrchr(r->uri, '/');
        name = slash != NULL && strchr(slash, '.') != NULL ? slash + 1 : NULL;
    }
    return name;
}

static const acme_domain_t *find_domain(const mod_acme_world_t *world, const char *name)
{
    char folded[ACME_IDENTIFIER_MAX + 2];
    apr_size_t len = acme_identifier_fold(folded, sizeof(folded), name, strlen(name));
    return len > 0 ? acme_domain_index_find(world->global->index, folded, len) : NULL;
}

/* ---- a store where nothing is, for when the real one cannot be used: the page says so */

static acme_err_t *get_nothing(char **bytes, apr_size_t *len, void *baton, const char *path,
                               apr_pool_t *pool)
{
    (void)baton;
    (void)path;
    (void)pool;
    *bytes = NULL;
    *len = 0;
    return NULL;
}

static acme_err_t *list_nothing(apr_array_header_t **names, void *baton, const char *path,
                                apr_pool_t *pool)
{
    (void)baton;
    (void)path;
    *names = apr_array_make(pool, 1, sizeof(const char *));
    return NULL;
}

static const acme_store_provider_t nothing = {.get = get_nothing, .list = list_nothing};

/* ---- the page */

static const char *page(request_rec *r, const mod_acme_world_t *world, const acme_domain_t *only)
{
    if (world == NULL) {
        return "{\"version\": \"" ACME_VERSION "\", \"managed-domains\": []}";
    }
    const acme_status_host_t host = {ACME_VERSION, activation_name(&world->global->activation),
                                     trouble(world, r->pool)};
    unsigned char no_secret[ACME_SEAL_SECRET_LEN] = {0};
    const acme_store_t nowhere = {&nothing, NULL, acme_seal_create(no_secret, r->pool), world->env};
    return acme_status_json(world->global->domains, only,
                            world->store != NULL ? world->store : &nowhere,
                            world->board != NULL ? mod_acme_board_bell(world->board) : NULL, &host,
                            world->env, r->pool);
}

/* see mod_acme_status_page.h */
int mod_acme_status_page(request_rec *r)
{
    if (r->handler == NULL || strcmp(r->handler, MOD_ACME_STATUS_HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return DECLINED;
    }
    const mod_acme_world_t *world = mod_acme_world();
    const char *name = wanted_name(r);
    const acme_domain_t *only = name != NULL && world != NULL ? find_domain(world, name) : NULL;
    if (name != NULL && only == NULL) {
        return HTTP_NOT_FOUND;
    }
    const char *json = page(r, world, only);
    ap_set_content_type(r, "application/json");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    (void)ap_rputs(json, r); /* a client that went away is no matter of ours */
    return OK;
}
