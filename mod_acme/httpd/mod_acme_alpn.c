/* Answers tls-alpn-01 in handshakes: selects acme-tls/1 and shows the challenge certificate.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A handshake of a CA goes this way, all of it in one worker thread:
 *
 *   pre_handshake     the connection's SSL is noted, if a challenge may be pending
 *   protocol_propose  the only offer is acme-tls/1 and the name is one of ours: noted, proposed
 *   protocol_switch   taken; the connection will carry no request
 *   answer_challenge  the certificate slots are emptied, ours is given
 *
 * In TLS 1.2 OpenSSL has chosen the slot (RSA or EC) before the ALPN callback; in TLS 1.3 it
 * chooses afterwards among those that are filled. So the slots are emptied first, and the challenge
 * key is of the class that was chosen; for TLS 1.3 EC if the host has EC, else RSA.
 */
#include "config.h"

#include <string.h>

#include <httpd.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_ssl.h>
#include <apr_optional_hooks.h>
#include <apr_thread_mutex.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "acme/acme_key.h"
#include "acme/acme_responder.h"
#include "acme/acme_tls_alpn.h"
#include "mod_acme_alpn.h"

APLOG_USE_MODULE(acme);

/* From mod_ssl_openssl.h, which distributions do not install. */
typedef int ssl_HOOK_pre_handshake_t(conn_rec *c, SSL *ssl, int is_proxy);

#define CHALLENGE_TYPE "tls-alpn-01"
#define HTTP1 "http/1.1"
#define RSA_BITS 2048

/* What is known of a connection while a challenge may be pending. */
typedef struct {
    SSL *ssl;    /* NULL: the TLS module is not mod_ssl */
    int is_ours; /* `answer` is what it is to be shown */
    int is_selected;
    int is_answered;
    acme_responder_tls_alpn_t answer;
} handshake_t;

/* Making an RSA key costs what a hundred handshakes do: each child makes one, when it first needs
 * it. It signs challenge certificates only. */
static struct {
    apr_thread_mutex_t *mutex;
    apr_pool_t *pool; /* of no pool of httpd's: those may go while threads still run */
    char *pem;
} rsa;

static handshake_t *handshake_of(const conn_rec *c)
{
    return ap_get_module_config(c->conn_config, &acme_module);
}

static handshake_t *note(conn_rec *c)
{
    handshake_t *handshake = handshake_of(c);
    if (handshake == NULL) {
        handshake = apr_pcalloc(c->pool, sizeof(*handshake));
        ap_set_module_config(c->conn_config, &acme_module, handshake);
    }
    return handshake;
}

/* The world, or NULL if no challenge is pending for sure. */
static const mod_acme_world_t *world_in_need(void)
{
    const mod_acme_world_t *world = mod_acme_world();
    if (world == NULL || world->store == NULL || world->board == NULL) {
        return NULL;
    }
    return acme_bell_is_quiet(mod_acme_board_bell(world->board)) ? NULL : world;
}

/* ---- selecting the protocol ---- */

static int pre_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    if (!is_proxy && world_in_need() != NULL) {
        note(c)->ssl = ssl;
    }
    return DECLINED;
}

/* RFC 8737 section 3: a CA offers this protocol and no other. */
static int is_offered(const apr_array_header_t *offers)
{
    return offers != NULL && offers->nelts == 1 &&
           strcmp(APR_ARRAY_IDX(offers, 0, const char *), ACME_TLS_ALPN_PROTOCOL) == 0;
}

static const char *server_name(conn_rec *c, server_rec *s, const handshake_t *handshake)
{
    if (handshake != NULL && handshake->ssl != NULL) {
        return SSL_get_servername(handshake->ssl, TLSEXT_NAMETYPE_host_name);
    }
    return ap_ssl_var_lookup(c->pool, s, c, NULL, "SSL_TLS_SNI");
}

/* Nonzero if the CA may ask for the name of this handshake now. */
static int find_answer(acme_responder_tls_alpn_t *answer, conn_rec *c, server_rec *s)
{
    const mod_acme_world_t *world = world_in_need();
    const char *name = world != NULL ? server_name(c, s, handshake_of(c)) : NULL;
    if (name == NULL) {
        return 0;
    }
    (void)ERR_set_mark(); /* mod_ssl reads OpenSSL's queue after the handshake */
    int is_ours = acme_responder_tls_alpn(answer, world->store, mod_acme_board_bell(world->board),
                                          name, c->pool);
    (void)ERR_pop_to_mark();
    return is_ours;
}

static int propose(conn_rec *c, request_rec *r, server_rec *s, const apr_array_header_t *offers,
                   apr_array_header_t *proposals)
{
    acme_responder_tls_alpn_t answer;
    if (r != NULL || !is_offered(offers) || !ap_ssl_conn_is_ssl(c) || !find_answer(&answer, c, s)) {
        return DECLINED;
    }
    handshake_t *handshake = note(c);
    handshake->answer = answer;
    handshake->is_ours = 1;
    APR_ARRAY_PUSH(proposals, const char *) = ACME_TLS_ALPN_PROTOCOL;
    return OK;
}

static int switch_to(conn_rec *c, request_rec *r, server_rec *s, const char *protocol)
{
    (void)s;
    handshake_t *handshake = handshake_of(c);
    if (r != NULL || handshake == NULL || !handshake->is_ours ||
        strcmp(protocol, ACME_TLS_ALPN_PROTOCOL) != 0) {
        return DECLINED;
    }
    handshake->is_selected = 1;
    c->keepalive = AP_CONN_CLOSE;
    return OK;
}

static const char *get(const conn_rec *c)
{
    const handshake_t *handshake = handshake_of(c);
    return handshake != NULL && handshake->is_selected ? ACME_TLS_ALPN_PROTOCOL : NULL;
}

/* ---- the certificate ---- */

static acme_err_t *make_rsa(void)
{
    static const acme_key_spec_t spec = {ACME_KEY_RSA, RSA_BITS};
    acme_key_t *key;
    char *pem;
    ACME_TRY(acme_key_generate(&key, &spec, rsa.pool));
    ACME_TRY(acme_key_pem(&pem, key, rsa.pool));
    rsa.pem = pem;
    return NULL;
}

/* Whoever comes while another thread makes the key waits for it: a second one would take as long.
 */
static acme_err_t *rsa_key(acme_key_t **key, const char **pem, apr_pool_t *pool)
{
    apr_thread_mutex_lock(rsa.mutex);
    acme_err_t *err = rsa.pem == NULL ? acme_err_copy(pool, make_rsa()) : NULL;
    apr_thread_mutex_unlock(rsa.mutex);
    if (err != NULL) {
        return err;
    }
    *pem = rsa.pem;
    return acme_key_from_pem(key, rsa.pem, strlen(rsa.pem), pool);
}

static acme_err_t *ec_key(acme_key_t **key, const char **pem, apr_pool_t *pool)
{
    static const acme_key_spec_t spec = {ACME_KEY_P256, 0};
    char *text;
    ACME_TRY(acme_key_generate(key, &spec, pool));
    ACME_TRY(acme_key_pem(&text, *key, pool));
    *pem = text;
    return NULL;
}

static int is_ec(X509 *certificate)
{
    EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
    return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
}

static int has_ec(SSL *ssl)
{
    for (long next = SSL_CERT_SET_FIRST; SSL_set_current_cert(ssl, next) == 1;
         next = SSL_CERT_SET_NEXT) {
        if (is_ec(SSL_get_certificate(ssl))) {
            return 1;
        }
    }
    return 0;
}

/* Another TLS library looks at the certificate it is given: EC is what every CA can do. */
static int needs_rsa(SSL *ssl)
{
    if (ssl == NULL) {
        return 0;
    }
    X509 *chosen = SSL_version(ssl) < TLS1_3_VERSION ? SSL_get_certificate(ssl) : NULL;
    return chosen != NULL ? !is_ec(chosen) : !has_ec(ssl);
}

static acme_err_t *make_certificate(const char **certificate, const char **key_pem,
                                    const handshake_t *handshake, const mod_acme_world_t *world,
                                    apr_pool_t *pool)
{
    acme_key_t *key;
    char *pem;
    if (needs_rsa(handshake->ssl)) {
        ACME_TRY(rsa_key(&key, key_pem, pool));
    }
    else {
        ACME_TRY(ec_key(&key, key_pem, pool));
    }
    ACME_TRY(acme_tls_alpn_certificate(&pem, handshake->answer.identifier, handshake->answer.digest,
                                       key, acme_env_now(world->env), pool));
    *certificate = pem;
    return NULL;
}

/* A hook that runs for names unknown to httpd, too: what is to be shown was found by propose. */
static int answer_challenge(conn_rec *c, const char *name, const char **certificate,
                            const char **key)
{
    (void)name;
    const mod_acme_world_t *world = mod_acme_world();
    handshake_t *handshake = handshake_of(c);
    if (world == NULL || handshake == NULL || !handshake->is_ours) {
        return DECLINED;
    }
    (void)ERR_set_mark();
    acme_err_t *err = make_certificate(certificate, key, handshake, world, c->pool);
    (void)ERR_pop_to_mark();
    if (err != NULL) {
        ap_log_cerror(APLOG_MARK, APLOG_ERR, 0, c,
                      "%s: a " CHALLENGE_TYPE " challenge cannot be answered: %s",
                      handshake->answer.identifier->value, err->text);
        return DECLINED;
    }
    handshake->is_answered = 1;
    if (handshake->ssl != NULL) {
        SSL_certs_clear(handshake->ssl);
    }
    ap_log_cerror(APLOG_MARK, APLOG_INFO, 0, c, CHALLENGE_TYPE " challenge for %s answered",
                  handshake->answer.identifier->value);
    return OK;
}

/* see mod_acme_alpn.h */
int mod_acme_alpn_has_answered(const conn_rec *c)
{
    const handshake_t *handshake = handshake_of(c);
    return handshake != NULL && handshake->is_answered;
}

/* ---- what may be selected ---- */

static int is_used(const mod_acme_world_t *world)
{
    for (int i = 0; i < world->global->domains->nelts; i++) {
        const apr_array_header_t *types =
            APR_ARRAY_IDX(world->global->domains, i, const acme_domain_t *)->challenge_types;
        for (int j = 0; j < types->nelts; j++) {
            if (strcmp(APR_ARRAY_IDX(types, j, const char *), CHALLENGE_TYPE) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* Hosts share the array that they inherit, so it is copied. httpd tells clients by an Upgrade
 * header of all protocols before the one in use: behind http/1.1 nobody hears of ours. */
static void allow(server_rec *server, apr_pool_t *pool)
{
    core_server_config *core = ap_get_core_module_config(server->module_config);
    if (ap_array_str_contains(core->protocols, ACME_TLS_ALPN_PROTOCOL)) {
        return;
    }
    apr_array_header_t *protocols = apr_array_copy(pool, core->protocols);
    if (!ap_array_str_contains(protocols, HTTP1)) {
        APR_ARRAY_PUSH(protocols, const char *) = HTTP1;
    }
    APR_ARRAY_PUSH(protocols, const char *) = ACME_TLS_ALPN_PROTOCOL;
    core->protocols = protocols;
}

/* see mod_acme_alpn.h */
void mod_acme_alpn_allow(const mod_acme_world_t *world)
{
    if (world->store == NULL || !is_used(world)) {
        return;
    }
    for (server_rec *server = world->server; server != NULL; server = server->next) {
        allow(server, world->pool);
    }
}

/* see mod_acme_alpn.h */
void mod_acme_alpn_start_child(void)
{
    apr_pool_create_unmanaged_ex(&rsa.pool, NULL, NULL);
    apr_thread_mutex_create(&rsa.mutex, APR_THREAD_MUTEX_DEFAULT, rsa.pool);
}

/* see mod_acme_alpn.h */
void mod_acme_alpn_register_hooks(void)
{
    APR_OPTIONAL_HOOK(ssl, pre_handshake, pre_handshake, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_protocol_propose(propose, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_protocol_switch(switch_to, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_protocol_get(get, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_ssl_answer_challenge(answer_challenge, NULL, NULL, APR_HOOK_MIDDLE);
}
