/* The TLS hosts: which certificate files each gets, and whether it can change live.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_strings.h>

#include "acme/acme_store_fs.h"
#include "mod_acme_given.h"
#include "mod_acme_host.h"
#include "mod_acme_pair.h"
#include "mod_acme_static.h"
#include "mod_acme_vhost.h"

APLOG_USE_MODULE(acme);

/* see mod_acme_host.h */
mod_acme_host_t *mod_acme_host_find(const mod_acme_world_t *world, const server_rec *server)
{
    return apr_hash_get(world->hosts, &server, sizeof(server));
}

static mod_acme_host_t *note_host(mod_acme_world_t *world, server_rec *server,
                                  const acme_domain_t *domain)
{
    mod_acme_host_t *host = apr_pcalloc(world->pool, sizeof(*host));
    host->server = server;
    host->domain = domain;
    apr_hash_set(world->hosts, &host->server, sizeof(host->server), host);
    return host;
}

static void push_pair(apr_array_header_t *cert_files, apr_array_header_t *key_files,
                      const char *certificate_file, const char *key_file, apr_pool_t *pool)
{
    APR_ARRAY_PUSH(cert_files, const char *) = apr_pstrdup(pool, certificate_file);
    APR_ARRAY_PUSH(key_files, const char *) = apr_pstrdup(pool, key_file);
}

/* Root's copy of the domain. Returns how many pairs it has. */
static int push_own_copy(mod_acme_world_t *world, const acme_domain_t *domain,
                         apr_array_header_t *cert_files, apr_array_header_t *key_files,
                         apr_pool_t *pool)
{
    apr_pool_t *scratch_pool = NULL;
    apr_pool_create(&scratch_pool, pool);
    acme_err_t *err = NULL;
    const char *folder = apr_pstrcat(scratch_pool, world->base, "/domains/", domain->folder, NULL);
    const apr_array_header_t *pairs = mod_acme_pair_list(&err, folder, scratch_pool);
    const mod_acme_pair_t *last = NULL;
    int count = 0;
    for (int i = 0; i < pairs->nelts; i++) {
        const mod_acme_pair_t *pair = APR_ARRAY_IDX(pairs, i, const mod_acme_pair_t *);
        /* OpenSSL keeps one certificate a class of key: the second would displace the first */
        if (last == NULL ||
            !acme_key_type_same_slot(last->chain->key_type, pair->chain->key_type)) {
            push_pair(cert_files, key_files, pair->certificate_file, pair->key_file, pool);
            count++;
        }
        last = pair;
    }
    if (err != NULL && !world->is_rehearsal) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, world->server,
                     "%s: a certificate in %s is not used, remove it or put a whole pair there: %s",
                     domain->name, folder, err->text);
    }
    apr_pool_destroy(scratch_pool);
    return count;
}

static apr_uint64_t number_in_domains(const mod_acme_world_t *world, const acme_domain_t *domain,
                                      apr_pool_t *pool)
{
    return world->store != NULL ? acme_store_fs_pointed(world->store, domain->folder, pool) : 0;
}

/* Of ACMECertificateFile: good for mod_ssl, or it would not be there. */
static const apr_array_header_t *given_to(const mod_acme_world_t *world,
                                          const acme_domain_t *domain)
{
    return APR_ARRAY_IDX(world->global->givens, domain->index, const apr_array_header_t *);
}

static void push_given(const apr_array_header_t *given, apr_array_header_t *cert_files,
                       apr_array_header_t *key_files, apr_pool_t *pool)
{
    for (int i = 0; i < given->nelts; i++) {
        const mod_acme_given_pair_t *pair = &APR_ARRAY_IDX(given, i, mod_acme_given_pair_t);
        push_pair(cert_files, key_files, pair->certificate_file, pair->key_file, pool);
    }
}

/* What the administrator gave for this host, be it to the host or to the domain; NULL: nothing. */
static void note_static(mod_acme_world_t *world, const acme_domain_t *domain,
                        const apr_array_header_t *cert_files, apr_pool_t *pool)
{
    const apr_array_header_t *given = given_to(world, domain);
    apr_array_header_t *files = apr_array_make(pool, 1, sizeof(const char *));
    for (int i = 0; cert_files->nelts == 0 && i < given->nelts; i++) {
        APR_ARRAY_PUSH(files, const char *) =
            APR_ARRAY_IDX(given, i, mod_acme_given_pair_t).certificate_file;
    }
    const apr_array_header_t *all = cert_files->nelts > 0 ? cert_files : files;
    mod_acme_static_note(world, domain, all->nelts > 0 ? all : NULL);
}

/* see mod_acme_host.h */
int mod_acme_host_add_files(server_rec *server, apr_pool_t *pool, apr_array_header_t *cert_files,
                            apr_array_header_t *key_files)
{
    mod_acme_world_t *world = mod_acme_world();
    const acme_domain_t *domain = mod_acme_vhost_domain(server);
    if (world == NULL || domain == NULL) {
        return DECLINED;
    }
    mod_acme_host_t *host = note_host(world, server, domain);
    note_static(world, domain, cert_files, pool);
    if (cert_files->nelts > 0) {
        host->has_own = 1;
        return DECLINED;
    }
    if (push_own_copy(world, domain, cert_files, key_files, pool) > 0) {
        host->loaded = number_in_domains(world, domain, pool);
        return OK;
    }
    if (given_to(world, domain)->nelts > 0) {
        push_given(given_to(world, domain), cert_files, key_files, pool);
        return OK;
    }
    if (world->placeholder.certificate_file == NULL) {
        return DECLINED; /* why was said when it could not be made */
    }
    push_pair(cert_files, key_files, world->placeholder.certificate_file,
              world->placeholder.key_file, pool);
    host->has_only_placeholder = 1;
    world->placeholder_hosts++;
    return OK;
}

static const char *host_name(const mod_acme_host_t *host)
{
    return host->server->server_hostname != NULL ? host->server->server_hostname
                                                 : host->domain->name;
}

/* see mod_acme_host.h */
void mod_acme_host_review(const mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    int wants_live = world->store != NULL && world->board != NULL &&
                     world->global->activation.mode == MOD_ACME_ACTIVATE_LIVE;
    for (apr_hash_index_t *i = apr_hash_first(scratch_pool, world->hosts); i != NULL;
         i = apr_hash_next(i)) {
        const mod_acme_host_t *host = apr_hash_this_val(i);
        if (wants_live && !host->is_live) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, host->server,
                         "%s: the TLS module of this host offers no way to change certificates "
                         "live (mod_ssl does): restart httpd gracefully when a new one is there",
                         host_name(host));
        }
    }
    if (world->placeholder_hosts > 0) {
        ap_log_error(
            APLOG_MARK, APLOG_NOTICE, 0, world->server,
            "%d TLS %s for the first certificate and %s a placeholder until then: "
            "what mod_ssl says of a name that does not match (AH01909) and, with "
            "SSLUseStapling, of an issuer that is missing (AH02217, AH02604) is about it%s",
            world->placeholder_hosts, world->placeholder_hosts == 1 ? "host waits" : "hosts wait",
            world->placeholder_hosts == 1 ? "has" : "have",
            world->trouble == NULL ? ", and nothing has to be done" : "");
    }
}

/* see mod_acme_host.h */
const apr_uint64_t *mod_acme_host_loaded(const mod_acme_world_t *world, apr_pool_t *pool)
{
    int count = world->global->domains->nelts;
    apr_uint64_t *loaded = apr_palloc(pool, sizeof(*loaded) * (apr_size_t)(count + 1));
    for (int i = 0; i < count; i++) {
        loaded[i] = APR_UINT64_MAX;
    }
    for (apr_hash_index_t *i = apr_hash_first(pool, world->hosts); i != NULL;
         i = apr_hash_next(i)) {
        const mod_acme_host_t *host = apr_hash_this_val(i);
        apr_uint64_t *number = &loaded[host->domain->index];
        if (!host->has_own && (*number == APR_UINT64_MAX || *number < host->loaded)) {
            *number = host->loaded;
        }
    }
    return loaded;
}
