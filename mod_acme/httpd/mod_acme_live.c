/* Live activation: the handshake callback that serves the current generation without a restart.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <apr_optional_hooks.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "acme/acme_certificate_cache.h"
#include "acme/acme_identifier.h"
#include "mod_acme_aliases.h"
#include "mod_acme_alpn.h"
#include "mod_acme_host.h"
#include "mod_acme_live.h"
#include "mod_acme_vhost.h"

APLOG_USE_MODULE(acme);

/* From mod_ssl_openssl.h, which distributions do not install. */
typedef int ssl_HOOK_init_server_t(server_rec *s, apr_pool_t *p, int is_proxy, SSL_CTX *ctx);

/* OpenSSL has a slot for each class of key; these are more than it has that we fill. */
#define SLOTS 8

/* What a connection had before: all referenced. */
typedef struct {
    int count;
    struct {
        X509 *leaf;
        EVP_PKEY *key;
        STACK_OF(X509) * issuers;
    } slots[SLOTS];
} kept_t;

static void keep(kept_t *kept, SSL *ssl)
{
    kept->count = 0;
    for (long next = SSL_CERT_SET_FIRST;
         kept->count < SLOTS && SSL_set_current_cert(ssl, next) == 1; next = SSL_CERT_SET_NEXT) {
        X509 *leaf = SSL_get_certificate(ssl);
        EVP_PKEY *key = SSL_get_privatekey(ssl);
        if (leaf == NULL || key == NULL) {
            continue;
        }
        STACK_OF(X509) *issuers = NULL;
        SSL_get0_chain_certs(ssl, &issuers);
        X509_up_ref(leaf);
        EVP_PKEY_up_ref(key);
        kept->slots[kept->count].leaf = leaf;
        kept->slots[kept->count].key = key;
        kept->slots[kept->count].issuers = issuers != NULL ? X509_chain_up_ref(issuers) : NULL;
        kept->count++;
    }
}

static void let_go(kept_t *kept)
{
    for (int i = 0; i < kept->count; i++) {
        X509_free(kept->slots[i].leaf);
        EVP_PKEY_free(kept->slots[i].key);
        sk_X509_pop_free(kept->slots[i].issuers, X509_free);
    }
}

static void restore(const kept_t *kept, SSL *ssl)
{
    SSL_certs_clear(ssl);
    for (int i = 0; i < kept->count; i++) {
        (void)SSL_use_cert_and_key(ssl, kept->slots[i].leaf, kept->slots[i].key,
                                   kept->slots[i].issuers, 1);
    }
}

/* Returns 0 if the connection could not take one of them. */
static int put_on(SSL *ssl, const acme_loaded_t *loaded)
{
    SSL_certs_clear(ssl);
    for (int i = 0; i < loaded->count; i++) {
        if (SSL_use_cert_and_key(ssl, loaded->certificates[i].leaf, loaded->certificates[i].key,
                                 loaded->certificates[i].issuers, 1) != 1) {
            return 0;
        }
    }
    return loaded->count > 0;
}

static void use(SSL *ssl, const acme_loaded_t *loaded, const acme_domain_t *domain,
                server_rec *server)
{
    kept_t kept;
    keep(&kept, ssl);
    if (!put_on(ssl, loaded)) {
        char reason[256];
        ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
        restore(&kept, ssl);
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, server,
                     "%s: OpenSSL does not accept generation %" APR_UINT64_T_FMT
                     " for a connection (%s); the certificate of server start is served: check "
                     "SSLOpenSSLConfCmd and the security level of OpenSSL",
                     domain->name, loaded->number, reason);
        ERR_clear_error(); /* mod_ssl reads the queue after the handshake */
    }
    let_go(&kept);
}

static const acme_domain_t *find_by_name(const mod_acme_world_t *world, const char *sni)
{
    char name[ACME_IDENTIFIER_MAX + 2];
    apr_size_t len = acme_identifier_fold(name, sizeof(name), sni, strlen(sni));
    return len > 0 ? acme_domain_index_find(world->global->index, name, len) : NULL;
}

static const acme_domain_t *find_by_address(const mod_acme_world_t *world, const conn_rec *c)
{
    const char *address = c != NULL ? mod_acme_aliases_address(c->local_addr, c->pool) : NULL;
    return address != NULL ? acme_domain_index_find(world->global->index, address, strlen(address))
                           : NULL;
}

/* What the administrator gave to a host is shown to whoever asks for none of our names. */
static int has_own(const mod_acme_world_t *world, const server_rec *server)
{
    const mod_acme_host_t *host = mod_acme_host_find(world, server);
    return host != NULL && host->has_own;
}

/* see mod_acme_live.h */
const acme_domain_t *mod_acme_live_domain(const mod_acme_world_t *world, const char *sni,
                                          const conn_rec *c, const server_rec *server)
{
    const acme_domain_t *domain =
        sni != NULL ? find_by_name(world, sni) : find_by_address(world, c);
    return domain != NULL || has_own(world, server) ? domain : mod_acme_vhost_domain(server);
}

static void serve(SSL *ssl, const mod_acme_world_t *world, const acme_domain_t *domain,
                  server_rec *server)
{
    /* A generation is read and parsed on the way. An error that stayed in OpenSSL's queue would
     * make SSL_get_error call a handshake failed that only waits for the client. */
    (void)ERR_set_mark();
    const acme_loaded_t *loaded = acme_certificate_cache_take(world->cache, domain);
    if (loaded != NULL) {
        use(ssl, loaded, domain, server);
        acme_certificate_cache_give_back(loaded);
    }
    (void)ERR_pop_to_mark(); /* no mark any more: the queue was emptied on the way */
}

/* OpenSSL calls it while it handles the ClientHello, in a child's worker thread. Returns 1 always.
 */
static int choose_certificate(SSL *ssl, void *arg)
{
    server_rec *server = arg;
    const conn_rec *c = SSL_get_app_data(ssl);
    const mod_acme_world_t *world = mod_acme_world();
    char finished[1];
    if (world == NULL || world->cache == NULL ||
        SSL_get_finished(ssl, finished, sizeof(finished)) > 0) {
        return 1; /* a renegotiation keeps what the connection began with */
    }
    if (c != NULL && mod_acme_alpn_has_answered(c)) {
        return 1; /* in TLS 1.3 OpenSSL asks for the protocol before it calls us */
    }
    const acme_domain_t *domain =
        mod_acme_live_domain(world, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), c, server);
    if (domain != NULL) {
        serve(ssl, world, domain, server);
    }
    return 1;
}

static int init_server(server_rec *server, apr_pool_t *pool, int is_proxy, SSL_CTX *ctx)
{
    (void)pool;
    const mod_acme_world_t *world = mod_acme_world();
    if (is_proxy || world == NULL || world->store == NULL || world->board == NULL ||
        world->global->activation.mode != MOD_ACME_ACTIVATE_LIVE) {
        return DECLINED;
    }
    SSL_CTX_set_cert_cb(ctx, choose_certificate, server);
    mod_acme_host_t *host = mod_acme_host_find(world, server);
    if (host != NULL) {
        host->is_live = 1;
    }
    return DECLINED; /* the next module may want the context, too */
}

/* see mod_acme_live.h */
void mod_acme_live_register_hooks(void)
{
    APR_OPTIONAL_HOOK(ssl, init_server, init_server, NULL, NULL, APR_HOOK_MIDDLE);
}
