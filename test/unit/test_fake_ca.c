/* Tests of the fake CA with a small client of their own, which can also do everything wrong.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <apr_date.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acme/acme_certificate.h"
#include "acme/acme_csr.h"
#include "acme/acme_identifier.h"
#include "acme/acme_jws.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/fake_ca.h"

#define START (1795352400 * APR_USEC_PER_SEC) /* 2026-11-22T13:00:00Z */

/* The client. */

typedef struct {
    apr_pool_t *pool;
    acme_env_t env;
    apr_time_t now;
    fake_ca_t *ca;
    EVP_PKEY *key;
    const char *jwk;
    const char *thumbprint;
    const char *kid;
    const char *nonce;
    /* what to do wrong, each NULL or 0 for right */
    const char *wrong_nonce;
    const char *wrong_url;
    const char *wrong_alg;
    const char *extra_header;
    int wrong_signature;
    /* the last answer */
    acme_exchange_t *exchange;
    json_t *answer;
    int done_count;
    int validate_result;
    const char *validated; /* what the validator was asked */
} client_t;

static apr_time_t client_now(void *baton)
{
    return ((client_t *)baton)->now;
}

static apr_status_t release_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

static apr_status_t release_json(void *value)
{
    json_decref(value);
    return APR_SUCCESS;
}

static EVP_PKEY *new_key(apr_pool_t *pool)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    apr_pool_cleanup_register(pool, key, release_key, apr_pool_cleanup_null);
    return key;
}

static char *jwk_of(EVP_PKEY *key, apr_pool_t *pool)
{
    unsigned char point[65];
    size_t len;
    assert_int_equal(
        1, EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", point, sizeof(point), &len));
    assert_int_equal(65, len);
    return apr_psprintf(pool, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                        acme_text_base64url(point + 1, 32, pool),
                        acme_text_base64url(point + 33, 32, pool));
}

static char *thumbprint_of(const char *jwk, apr_pool_t *pool)
{
    unsigned char digest[32];
    EVP_Digest(jwk, strlen(jwk), digest, NULL, EVP_sha256(), NULL);
    return acme_text_base64url(digest, 32, pool);
}

static char *sign_text(EVP_PKEY *key, const char *text, apr_pool_t *pool)
{
    unsigned char der[80];
    size_t len = sizeof(der);
    unsigned char raw[64];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(1, EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key));
    assert_int_equal(1, EVP_DigestSign(ctx, der, &len, (const unsigned char *)text, strlen(text)));
    EVP_MD_CTX_free(ctx);
    const unsigned char *at = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    return acme_text_base64url(raw, 64, pool);
}

static char *b64(const char *text, apr_pool_t *pool)
{
    return acme_text_base64url(text, strlen(text), pool);
}

static char *jws_of(client_t *c, EVP_PKEY *key, const char *header, const char *payload)
{
    const char *input =
        apr_pstrcat(c->pool, b64(header, c->pool), ".", b64(payload, c->pool), NULL);
    const char *signed_text = c->wrong_signature ? "something else" : input;
    return apr_psprintf(c->pool, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                        b64(header, c->pool), b64(payload, c->pool),
                        sign_text(key, signed_text, c->pool));
}

static char *request_body(client_t *c, const char *url, const char *payload, int use_jwk)
{
    const char *who = use_jwk ? apr_psprintf(c->pool, "\"jwk\":%s", c->jwk)
                              : apr_psprintf(c->pool, "\"kid\":\"%s\"", c->kid);
    const char *header = apr_psprintf(
        c->pool, "{\"alg\":\"%s\",\"nonce\":\"%s\",\"url\":\"%s\",%s%s}",
        c->wrong_alg ? c->wrong_alg : "ES256",
        c->wrong_nonce ? c->wrong_nonce : (c->nonce ? c->nonce : ""),
        c->wrong_url ? c->wrong_url : url, who, c->extra_header ? c->extra_header : "");
    return jws_of(c, c->key, header, payload);
}

static void done(acme_exchange_t *exchange)
{
    ((client_t *)exchange->baton)->done_count++;
}

static acme_exchange_t *begin(client_t *c, acme_method_t method, const char *url, const char *body)
{
    acme_exchange_t *exchange = apr_pcalloc(c->pool, sizeof(*exchange));
    exchange->pool = c->pool;
    exchange->method = method;
    exchange->url = apr_pstrdup(c->pool, url);
    exchange->body = body;
    exchange->done = done;
    exchange->baton = c;
    acme_transport_t *transport = fake_ca_transport(c->ca);
    transport->begin(transport->baton, exchange);
    return exchange;
}

static void pump(client_t *c)
{
    acme_transport_t *transport = fake_ca_transport(c->ca);
    transport->pump(transport->baton, ACME_TIME_DAY);
}

static const char *header(const client_t *c, const char *name)
{
    return apr_table_get(c->exchange->headers, name);
}

/* One exchange to its end; the status, 0 without an answer. */
static int ask(client_t *c, acme_method_t method, const char *url, const char *body)
{
    int before = c->done_count;
    c->exchange = begin(c, method, url, body);
    pump(c);
    assert_int_equal(before + 1, c->done_count);
    c->answer = NULL;
    if (c->exchange->err != NULL) {
        assert_non_null(c->exchange->err->text);
        return 0;
    }
    assert_int_equal(strlen(c->exchange->answer), c->exchange->answer_len);
    c->answer = json_loads(c->exchange->answer, 0, NULL);
    apr_pool_cleanup_register(c->pool, c->answer, release_json, apr_pool_cleanup_null);
    if (header(c, "Replay-Nonce") != NULL) {
        c->nonce = header(c, "Replay-Nonce");
    }
    return c->exchange->status;
}

static const char *entrance(const char *name)
{
    static char url[100];
    apr_snprintf(url, sizeof(url), "https://ca.test/acme/%s", name);
    return url;
}

static void take_nonce(client_t *c)
{
    assert_int_equal(200, ask(c, ACME_METHOD_HEAD, entrance("new-nonce"), NULL));
    assert_non_null(c->nonce);
}

static int post(client_t *c, const char *url, const char *payload)
{
    return ask(c, ACME_METHOD_POST, url, request_body(c, url, payload, 0));
}

static int post_jwk(client_t *c, const char *url, const char *payload)
{
    return ask(c, ACME_METHOD_POST, url, request_body(c, url, payload, 1));
}

static const char *member(const client_t *c, const char *name)
{
    const char *value = json_string_value(json_object_get(c->answer, name));
    return value != NULL ? value : "";
}

static void assert_problem(const client_t *c, const char *name)
{
    assert_string_equal(apr_pstrcat(c->pool, "urn:ietf:params:acme:error:", name, NULL),
                        member(c, "type"));
    assert_string_equal("application/problem+json", header(c, "Content-Type"));
}

static client_t *new_client(apr_pool_t *pool)
{
    client_t *c = apr_pcalloc(pool, sizeof(*c));
    c->pool = pool;
    c->now = START;
    c->env = (acme_env_t){.baton = c, .now = client_now};
    c->ca = fake_ca_create(&c->env, 42, pool);
    c->key = new_key(pool);
    c->jwk = jwk_of(c->key, pool);
    c->thumbprint = thumbprint_of(c->jwk, pool);
    c->validate_result = 1;
    return c;
}

#define AGREED "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@b.test\"]}"

static client_t *new_customer(apr_pool_t *pool)
{
    client_t *c = new_client(pool);
    take_nonce(c);
    assert_int_equal(201, post_jwk(c, entrance("new-account"), AGREED));
    c->kid = header(c, "Location");
    return c;
}

static void assert_clean(client_t *c)
{
    if (fake_ca_violations(c->ca)[0] != '\0') {
        fail_msg("%s%s", fake_ca_violations(c->ca), fake_ca_log(c->ca));
    }
}

static int order(client_t *c, const char *names)
{
    char *list = apr_pstrdup(c->pool, "");
    const apr_array_header_t *words = acme_text_split(names, ",", c->pool);
    for (int i = 0; i < words->nelts; i++) {
        list = apr_psprintf(c->pool, "%s%s{\"type\":\"dns\",\"value\":\"%s\"}", list, i ? "," : "",
                            APR_ARRAY_IDX(words, i, const char *));
    }
    return post(c, entrance("new-order"), apr_psprintf(c->pool, "{\"identifiers\":[%s]}", list));
}

/* The order's answer as the caller has it, kept beyond the next request. */
typedef struct {
    const char *url;
    const char *finalize;
    const char *authz;
    const char *challenge;
    const char *token;
} taken_t;

static const char *first_of(const json_t *array)
{
    return json_string_value(json_array_get(array, 0));
}

static taken_t take_order(client_t *c, const char *names)
{
    taken_t taken;
    assert_int_equal(201, order(c, names));
    taken.url = header(c, "Location");
    taken.finalize = member(c, "finalize");
    taken.authz = first_of(json_object_get(c->answer, "authorizations"));
    assert_int_equal(200, post(c, taken.authz, ""));
    taken.challenge = "";
    taken.token = "";
    size_t i;
    json_t *challenge;
    json_array_foreach(json_object_get(c->answer, "challenges"), i, challenge)
    {
        if (strcmp("http-01", json_string_value(json_object_get(challenge, "type"))) == 0) {
            taken.challenge = json_string_value(json_object_get(challenge, "url"));
            taken.token = json_string_value(json_object_get(challenge, "token"));
        }
    }
    return taken;
}

static char *csr_for(client_t *c, const char *names, EVP_PKEY *key)
{
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    char *san = apr_pstrdup(c->pool, "");
    const apr_array_header_t *words = acme_text_split(names, ",", c->pool);
    for (int i = 0; i < words->nelts; i++) {
        san =
            apr_pstrcat(c->pool, san, i ? ",DNS:" : "DNS:", APR_ARRAY_IDX(words, i, char *), NULL);
    }
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san));
    X509_REQ_add_extensions(request, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_set_pubkey(request, key);
    X509_REQ_sign(request, key, EVP_sha256());
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(request, &der);
    char *csr = acme_text_base64url(der, (apr_size_t)len, c->pool);
    OPENSSL_free(der);
    X509_REQ_free(request);
    return apr_psprintf(c->pool, "{\"csr\":\"%s\"}", csr);
}

/* From ready to the chain; the PEM. */
static const char *take_chain(client_t *c, const taken_t *taken, const char *names, EVP_PKEY *key)
{
    assert_int_equal(200, post(c, taken->finalize, csr_for(c, names, key)));
    assert_string_equal("processing", member(c, "status"));
    assert_int_equal(200, post(c, taken->url, ""));
    assert_string_equal("valid", member(c, "status"));
    assert_int_equal(200, post(c, member(c, "certificate"), ""));
    assert_string_equal("application/pem-certificate-chain", header(c, "Content-Type"));
    return c->exchange->answer;
}

static X509 *leaf_of(const char *pem, apr_pool_t *pool)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    X509 *leaf = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    assert_non_null(leaf);
    apr_pool_cleanup_register(pool, leaf, (apr_status_t(*)(void *))(void *)X509_free,
                              apr_pool_cleanup_null);
    return leaf;
}

/* Stories. */

static void serves_directory_and_nonces(void **state)
{
    client_t *c = new_client(*state);
    fake_ca_settings(c->ca)->profiles = "classic,shortlived";
    fake_ca_settings(c->ca)->has_renewal_info = 1;

    assert_int_equal(200, ask(c, ACME_METHOD_GET, fake_ca_directory_url(c->ca), NULL));
    assert_string_equal("https://ca.test/acme/new-order", member(c, "newOrder"));
    assert_string_equal("https://ca.test/acme/renewal-info", member(c, "renewalInfo"));
    const json_t *meta = json_object_get(c->answer, "meta");
    assert_non_null(json_object_get(json_object_get(meta, "profiles"), "shortlived"));
    assert_null(header(c, "Replay-Nonce"));
    assert_non_null(header(c, "Date"));

    take_nonce(c);
    const char *first = c->nonce;
    assert_int_equal(204, ask(c, ACME_METHOD_GET, entrance("new-nonce"), NULL));
    assert_string_not_equal(first, c->nonce);
    assert_int_equal(2, fake_ca_count(c->ca, "newNonce", NULL));
    assert_int_equal(3, fake_ca_count(c->ca, "get", NULL));
    assert_clean(c);
}

static void keeps_accounts(void **state)
{
    client_t *c = new_client(*state);
    take_nonce(c);
    assert_int_equal(400, post_jwk(c, entrance("new-account"), "{\"onlyReturnExisting\":true}"));
    assert_problem(c, "accountDoesNotExist");
    assert_int_equal(403, post_jwk(c, entrance("new-account"), "{}"));
    assert_problem(c, "userActionRequired");
    assert_int_equal(400, post_jwk(c, entrance("new-account"),
                                   "{\"termsOfServiceAgreed\":true,\"contact\":[\"tel:1\"]}"));
    assert_problem(c, "unsupportedContact");
    fake_ca_reject_contact(c->ca, "mailto:a@b.test");
    assert_int_equal(400, post_jwk(c, entrance("new-account"), AGREED));
    assert_problem(c, "invalidContact");
    assert_int_equal(0, fake_ca_count(c->ca, "accountCreated", NULL));
    assert_null(fake_ca_account_status(c->ca));

    assert_int_equal(201, post_jwk(c, entrance("new-account"), "{\"termsOfServiceAgreed\":true}"));
    c->kid = header(c, "Location");
    assert_int_equal(200, post_jwk(c, entrance("new-account"), "{\"onlyReturnExisting\":true}"));
    assert_string_equal(c->kid, header(c, "Location"));
    assert_int_equal(1, fake_ca_count(c->ca, "accountCreated", NULL));

    assert_int_equal(200, post(c, c->kid, "{\"contact\":[\"mailto:x@y.test\"]}"));
    assert_string_equal("mailto:x@y.test", fake_ca_account_contacts(c->ca));
    assert_int_equal(200, post(c, c->kid, "{\"status\":\"deactivated\"}"));
    assert_string_equal("deactivated", fake_ca_account_status(c->ca));
    assert_int_equal(403, post(c, c->kid, ""));
    assert_problem(c, "unauthorized");
    assert_clean(c);
}

static int validate(void *baton, const char *type, const char *identifier, const char *token,
                    const char *key_authorization)
{
    client_t *c = baton;
    c->validated = apr_pstrcat(c->pool, type, " ", identifier, NULL);
    assert_string_equal(apr_pstrcat(c->pool, token, ".", c->thumbprint, NULL), key_authorization);
    return c->validate_result;
}

static void issues_a_certificate(void **state)
{
    client_t *c = new_customer(*state);
    EVP_PKEY *key = new_key(c->pool);
    fake_ca_on_validate(c->ca, validate, c);
    taken_t taken = take_order(c, "example.test");
    assert_string_equal("pending", fake_ca_order_status(c->ca, "example.test"));
    assert_int_equal(403, post(c, taken.finalize, csr_for(c, "example.test", key)));
    assert_problem(c, "orderNotReady");

    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_string_equal("processing", member(c, "status"));
    assert_int_equal(200, post(c, taken.authz, ""));
    assert_string_equal("valid", member(c, "status"));
    assert_int_equal(1, json_array_size(json_object_get(c->answer, "challenges")));
    assert_string_equal("http-01 example.test", c->validated);
    assert_string_equal("ready", fake_ca_order_status(c->ca, "example.test"));

    const char *pem = take_chain(c, &taken, "example.test", key);
    assert_string_equal(pem, fake_ca_last_chain(c->ca, "example.test"));
    X509 *leaf = leaf_of(pem, c->pool);
    assert_int_equal(1, X509_check_private_key(leaf, key));
    assert_int_equal(1, X509_check_host(leaf, "example.test", 0, 0, NULL));
    X509 *issuer = leaf_of(strstr(pem + 1, "-----BEGIN"), c->pool);
    assert_int_equal(1, X509_verify(leaf, X509_get0_pubkey(issuer)));
    assert_int_equal(
        1, X509_verify(issuer, X509_get0_pubkey(leaf_of(fake_ca_root_pem(c->ca), c->pool))));

    assert_int_equal(1, fake_ca_count(c->ca, "newOrder", "example.test"));
    assert_int_equal(1, fake_ca_count(c->ca, "validation", "example.test"));
    assert_int_equal(1, fake_ca_count(c->ca, "challenge", "example.test"));
    assert_int_equal(1, fake_ca_count(c->ca, "issued", "example.test"));
    assert_int_equal(2, fake_ca_count(c->ca, "finalize", NULL));
    assert_clean(c);
}

static void takes_its_time(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_settings(c->ca)->validation_delay = 4 * ACME_TIME_SECOND;
    fake_ca_settings(c->ca)->issue_delay = 9 * ACME_TIME_SECOND;
    fake_ca_settings(c->ca)->retry_after = 3 * ACME_TIME_SECOND;
    taken_t taken = take_order(c, "slow.test");
    assert_int_equal(0, fake_ca_next_event(c->ca));
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(START + 4 * ACME_TIME_SECOND, fake_ca_next_event(c->ca));
    assert_int_equal(200, post(c, taken.authz, ""));
    assert_string_equal("pending", member(c, "status"));
    assert_string_equal("3", header(c, "Retry-After"));
    assert_int_equal(0, fake_ca_count(c->ca, "early", NULL));
    assert_int_equal(200, post(c, taken.authz, ""));
    assert_int_equal(1, fake_ca_count(c->ca, "early", NULL));

    c->now += 4 * ACME_TIME_SECOND;
    assert_int_equal(200, post(c, taken.url, ""));
    assert_string_equal("ready", member(c, "status"));
    fake_ca_settings(c->ca)->retry_after_as_date = 1;
    assert_int_equal(200, post(c, taken.finalize, csr_for(c, "slow.test", new_key(c->pool))));
    assert_string_equal("processing", member(c, "status"));
    assert_int_equal(c->now + 3 * ACME_TIME_SECOND, apr_date_parse_http(header(c, "Retry-After")));
    c->now = fake_ca_next_event(c->ca);
    assert_int_equal(200, post(c, taken.url, ""));
    assert_string_equal("valid", member(c, "status"));
    assert_int_equal(1, fake_ca_count(c->ca, "early", NULL));
    assert_clean(c);
}

static void fails_validations(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_on_validate(c->ca, validate, c);
    c->validate_result = 0;
    taken_t taken = take_order(c, "wrong.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(200, post(c, taken.authz, ""));
    assert_string_equal("invalid", member(c, "status"));
    const json_t *challenge = json_array_get(json_object_get(c->answer, "challenges"), 0);
    assert_string_equal(
        "urn:ietf:params:acme:error:unauthorized",
        json_string_value(json_object_get(json_object_get(challenge, "error"), "type")));
    assert_string_equal("invalid", fake_ca_order_status(c->ca, "wrong.test"));
    assert_int_equal(400, post(c, taken.challenge, "{}"));
    assert_int_equal(1, fake_ca_count(c->ca, "validationFailed", "wrong.test"));

    c->validate_result = 1;
    fake_ca_fail_validation(c->ca, "dark.test", "connection", "Timeout during connect");
    taken = take_order(c, "dark.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_string_equal("invalid", fake_ca_authz_status(c->ca, "dark.test"));
    assert_int_equal(200, post(c, taken.challenge, ""));
    assert_non_null(strstr(c->exchange->answer, "Timeout during connect"));
    assert_int_equal(1, fake_ca_count(c->ca, "challengeRead", "dark.test"));
    fake_ca_fail_validation(c->ca, "dark.test", NULL, NULL);
    taken = take_order(c, "dark.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_string_equal("valid", fake_ca_authz_status(c->ca, "dark.test"));
    assert_clean(c);
}

static void reuses_and_expires(void **state)
{
    client_t *c = new_customer(*state);
    taken_t taken = take_order(c, "a.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(201, order(c, "a.test"));
    assert_string_equal("ready", member(c, "status"));
    assert_int_equal(1, fake_ca_count(c->ca, "authzReused", "a.test"));
    assert_int_equal(2, fake_ca_count(c->ca, "orderCreated", "a.test"));

    fake_ca_settings(c->ca)->reuse_pending_orders = 1;
    assert_int_equal(201, order(c, "a.test"));
    assert_int_equal(2, fake_ca_count(c->ca, "orderCreated", "a.test"));

    fake_ca_expire_authorizations(c->ca);
    assert_string_equal("expired", fake_ca_authz_status(c->ca, "a.test"));
    assert_string_equal("invalid", fake_ca_order_status(c->ca, "a.test"));
    taken = take_order(c, "a.test");
    assert_int_equal(200, post(c, taken.authz, "{\"status\":\"deactivated\"}"));
    assert_string_equal("deactivated", member(c, "status"));
    assert_string_equal("invalid", fake_ca_order_status(c->ca, "a.test"));

    taken = take_order(c, "b.test");
    c->now += 8 * ACME_TIME_DAY;
    assert_string_equal("invalid", fake_ca_order_status(c->ca, "b.test"));
    fake_ca_forget_orders(c->ca);
    assert_int_equal(404, post(c, taken.url, ""));
    assert_problem(c, "malformed");
    assert_clean(c);
}

static void offers_wildcards_dns_only(void **state)
{
    client_t *c = new_customer(*state);
    taken_t taken = take_order(c, "*.example.test");
    assert_string_equal("", taken.challenge);
    assert_true(json_is_true(json_object_get(c->answer, "wildcard")));
    const json_t *identifier = json_object_get(c->answer, "identifier");
    assert_string_equal("example.test", json_string_value(json_object_get(identifier, "value")));
    assert_int_equal(1, json_array_size(json_object_get(c->answer, "challenges")));
    assert_string_equal("pending", fake_ca_authz_status(c->ca, "*.example.test"));
    assert_null(fake_ca_authz_status(c->ca, "example.test"));
    assert_clean(c);
}

static void refuses_orders(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_reject_identifier(c->ca, "bad.test", "policy forbids");
    assert_int_equal(400, order(c, "bad.test,good.test"));
    assert_problem(c, "rejectedIdentifier");
    const json_t *sub = json_array_get(json_object_get(c->answer, "subproblems"), 0);
    assert_string_equal("policy forbids", json_string_value(json_object_get(sub, "detail")));

    assert_int_equal(
        400, post(c, entrance("new-order"),
                  "{\"profile\":\"x\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}"));
    assert_problem(c, "invalidProfile");
    assert_clean(c);
    assert_int_equal(0, fake_ca_count(c->ca, "orderCreated", NULL));

    static const char *const wrong[] = {"A.test",  "a.test.",  "a..test",      "a.*.test",
                                        "1.2.3.4", "a_b.test", "a.test,a.test"};
    for (int i = 0; i < 7; i++) {
        assert_int_equal(400, order(c, wrong[i]));
        assert_problem(c, "malformed");
        assert_int_equal(i + 1, fake_ca_count(c->ca, "violations", NULL));
    }
}

static void limits_rates(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_settings(c->ca)->orders_per_week = 2;
    assert_int_equal(201, order(c, "a.test"));
    c->now += ACME_TIME_HOUR;
    assert_int_equal(201, order(c, "a.test"));
    assert_int_equal(429, order(c, "a.test"));
    assert_problem(c, "rateLimited");
    assert_int_equal(7 * 24 * 3600 - 3600 + 1, atoi(header(c, "Retry-After")));
    assert_int_equal(201, order(c, "b.test"));
    assert_int_equal(0, fake_ca_count(c->ca, "early", NULL));
    assert_int_equal(429, order(c, "a.test"));
    assert_int_equal(1, fake_ca_count(c->ca, "early", NULL));
    c->now += 7 * ACME_TIME_DAY;
    assert_int_equal(201, order(c, "a.test"));

    fake_ca_settings(c->ca)->failures_per_hour = 1;
    fake_ca_fail_validation(c->ca, "f.test", "dns", "NXDOMAIN");
    taken_t taken = take_order(c, "f.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(429, order(c, "f.test"));
    c->now += ACME_TIME_HOUR;
    assert_int_equal(201, order(c, "f.test"));
    assert_clean(c);
}

static int renew(client_t *c, const char *name, const char *certid)
{
    return post(c, entrance("new-order"),
                apr_psprintf(c->pool,
                             "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]"
                             ",\"replaces\":\"%s\"}",
                             name, certid));
}

static void limits_rates_by_buckets(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_settings(c->ca)->account_orders = (fake_ca_bucket_t){2, ACME_TIME_HOUR};
    assert_int_equal(201, order(c, "a.test"));
    assert_int_equal(201, order(c, "b.test"));
    assert_int_equal(429, order(c, "c.test"));
    assert_problem(c, "rateLimited");
    assert_int_equal(1800 + 1, atoi(header(c, "Retry-After")));
    assert_int_equal(1, fake_ca_count(c->ca, "limited", "c.test"));
    c->now += ACME_TIME_HOUR / 2;
    assert_int_equal(201, order(c, "c.test"));
    assert_int_equal(429, order(c, "d.test"));
    fake_ca_settings(c->ca)->account_orders.capacity = 0;
    assert_int_equal(201, order(c, "d.test"));

    fake_ca_settings(c->ca)->name_failures = (fake_ca_bucket_t){1, ACME_TIME_HOUR};
    fake_ca_fail_validation(c->ca, "f.test", "dns", "NXDOMAIN");
    taken_t taken = take_order(c, "f.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(201, order(c, "d.test"));
    assert_int_equal(429, order(c, "f.test"));
    c->now += ACME_TIME_HOUR;
    assert_int_equal(201, order(c, "f.test"));
    assert_clean(c);
}

static void spares_renewals_its_limits(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_settings_t *settings = fake_ca_settings(c->ca);
    settings->has_renewal_info = 1;
    apr_time_t begin = c->now - 60 * ACME_TIME_DAY;
    const char *pem = fake_ca_issue(c->ca, new_key(c->pool), "www.a.test", begin,
                                    begin + 90 * ACME_TIME_DAY, c->pool);
    acme_chain_t *chain;
    assert_well(acme_chain_parse(&chain, pem, strlen(pem), c->pool));
    char *certid;
    assert_well(acme_chain_certid(&certid, chain, c->pool));
    settings->account_orders = (fake_ca_bucket_t){1, ACME_TIME_DAY};
    settings->domain_certificates = (fake_ca_bucket_t){1, ACME_TIME_DAY};
    settings->set_certificates = (fake_ca_bucket_t){1, 7 * ACME_TIME_DAY};

    EVP_PKEY *key = new_key(c->pool);
    taken_t taken = take_order(c, "b.a.test"); /* takes the tokens of account and domain */
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    take_chain(c, &taken, "b.a.test", key);
    settings->account_orders.capacity = 0;
    assert_int_equal(429, order(c, "c.a.test"));
    settings->account_orders.capacity = 1;

    taken = take_order(c, "www.a.test"); /* a renewal without the word: the exact set counts */
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    take_chain(c, &taken, "www.a.test", key);
    assert_int_equal(429, order(c, "www.a.test"));
    assert_int_equal(201, renew(c, "www.a.test", certid)); /* in the window: nothing does */
    c->now += 3 * ACME_TIME_DAY;
    assert_int_equal(429, renew(c, "www.a.test", certid));
    assert_int_equal(1, fake_ca_count(c->ca, "exempt", NULL));
    assert_int_equal(2, fake_ca_count(c->ca, "renewal", NULL));
    assert_clean(c);
}

static void gives_profiles_their_lifetime(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_settings(c->ca)->profiles = "short,long";
    fake_ca_profile_lifetime(c->ca, "short", 6 * ACME_TIME_DAY);
    EVP_PKEY *key = new_key(c->pool);
    taken_t taken = take_order(c, "a.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(201, post(c, entrance("new-order"),
                               "{\"profile\":\"short\",\"identifiers\":"
                               "[{\"type\":\"dns\",\"value\":\"a.test\"}]}"));
    taken.finalize = apr_pstrdup(
        c->pool, json_string_value(json_object_get(c->answer, "finalize")));
    assert_int_equal(200, post(c, taken.finalize, csr_for(c, "a.test", key)));
    c->now += ACME_TIME_MINUTE;
    assert_string_equal("valid", fake_ca_order_status(c->ca, "a.test"));
    const char *pem = fake_ca_last_chain(c->ca, "a.test");
    acme_chain_t *chain;
    assert_well(acme_chain_parse(&chain, pem, strlen(pem), c->pool));
    assert_true(chain->not_after + ACME_TIME_SECOND - chain->not_before == 6 * ACME_TIME_DAY);
}

static void judges_csrs(void **state)
{
    client_t *c = new_customer(*state);
    assert_int_equal(200, post(c, take_order(c, "a.test").challenge, "{}"));
    assert_int_equal(200, post(c, take_order(c, "b.test").challenge, "{}"));
    taken_t taken = take_order(c, "a.test,b.test");
    EVP_PKEY *key = new_key(c->pool);
    assert_int_equal(400, post(c, taken.finalize, csr_for(c, "a.test", key)));
    assert_problem(c, "badCSR");
    assert_int_equal(400, post(c, taken.finalize, csr_for(c, "a.test,b.test", c->key)));
    assert_int_equal(400, post(c, taken.finalize, "{\"csr\":\"AAAA\"}"));
    assert_int_equal(400, post(c, taken.finalize, "{}"));
    assert_int_equal(4, fake_ca_count(c->ca, "violations", NULL));
    take_chain(c, &taken, "b.test,a.test", key);
    assert_int_equal(1, fake_ca_count(c->ca, "issued", "a.test,b.test"));
}

static void sees_bad_signatures(void **state)
{
    client_t *c = new_customer(*state);
    int violations = 0;

    c->wrong_signature = 1;
    assert_int_equal(400, post(c, c->kid, ""));
    assert_int_equal(++violations, fake_ca_count(c->ca, "violations", NULL));
    c->wrong_signature = 0;

    c->wrong_url = "https://ca.test/else";
    assert_int_equal(403, post(c, c->kid, ""));
    assert_int_equal(++violations, fake_ca_count(c->ca, "violations", NULL));
    c->wrong_url = NULL;

    c->wrong_alg = "RS256";
    assert_int_equal(400, post(c, c->kid, ""));
    c->wrong_alg = "none";
    assert_int_equal(400, post(c, c->kid, ""));
    assert_problem(c, "badSignatureAlgorithm");
    violations += 2;
    assert_int_equal(violations, fake_ca_count(c->ca, "violations", NULL));
    c->wrong_alg = NULL;

    c->extra_header = ",\"typ\":\"JWT\"";
    assert_int_equal(400, post(c, c->kid, ""));
    c->extra_header = apr_pstrcat(c->pool, ",\"jwk\":", c->jwk, NULL);
    assert_int_equal(400, post(c, c->kid, ""));
    c->extra_header = NULL;
    assert_int_equal(400, post_jwk(c, c->kid, ""));
    assert_int_equal(400, post(c, entrance("new-account"), "{}"));
    violations += 4;
    assert_int_equal(violations, fake_ca_count(c->ca, "violations", NULL));

    assert_int_equal(400, ask(c, ACME_METHOD_POST, c->kid, "{}"));
    assert_int_equal(400, ask(c, ACME_METHOD_POST, c->kid, "nonsense"));
    assert_int_equal(405, ask(c, ACME_METHOD_GET, c->kid, NULL));
    assert_int_equal(404, ask(c, ACME_METHOD_GET, "https://ca.test/nothing", NULL));
    violations += 4;
    assert_int_equal(violations, fake_ca_count(c->ca, "violations", NULL));
    assert_int_equal(200, post(c, c->kid, ""));
    assert_int_equal(violations, fake_ca_count(c->ca, "violations", NULL));
}

static void sees_bad_nonces(void **state)
{
    client_t *c = new_customer(*state);
    const char *used = c->nonce;
    assert_int_equal(200, post(c, c->kid, ""));
    c->wrong_nonce = used;
    assert_int_equal(400, post(c, c->kid, ""));
    assert_problem(c, "badNonce");
    c->wrong_nonce = "invented";
    assert_int_equal(400, post(c, c->kid, ""));
    c->wrong_nonce = NULL;
    assert_int_equal(2, fake_ca_count(c->ca, "violations", NULL));

    fake_ca_forget_nonces(c->ca);
    assert_int_equal(400, post(c, c->kid, ""));
    assert_problem(c, "badNonce");
    assert_int_equal(200, post(c, c->kid, ""));
    assert_int_equal(3, fake_ca_count(c->ca, "badNonce", NULL));
    assert_int_equal(2, fake_ca_count(c->ca, "violations", NULL));
}

static void keeps_accounts_apart(void **state)
{
    client_t *c = new_customer(*state);
    taken_t taken = take_order(c, "mine.test");
    c->key = new_key(c->pool);
    c->jwk = jwk_of(c->key, c->pool);
    assert_int_equal(201, post_jwk(c, entrance("new-account"), AGREED));
    c->kid = header(c, "Location");
    assert_int_equal(403, post(c, taken.url, ""));
    assert_problem(c, "unauthorized");
    assert_int_equal(403, post(c, taken.challenge, "{}"));
    assert_int_equal(2, fake_ca_count(c->ca, "violations", NULL));
}

static void loses_accounts(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_forget_accounts(c->ca);
    assert_int_equal(400, order(c, "a.test"));
    assert_problem(c, "accountDoesNotExist");
    assert_int_equal(201, post_jwk(c, entrance("new-account"), AGREED));
    c->kid = header(c, "Location");
    assert_int_equal(201, order(c, "a.test"));
    fake_ca_deactivate_accounts(c->ca);
    assert_int_equal(403, order(c, "a.test"));
    assert_problem(c, "unauthorized");
    assert_clean(c);
}

static void changes_keys(void **state)
{
    client_t *c = new_customer(*state);
    EVP_PKEY *key = new_key(c->pool);
    const char *jwk = jwk_of(key, c->pool);
    const char *head = apr_psprintf(c->pool, "{\"alg\":\"ES256\",\"jwk\":%s,\"url\":\"%s\"}", jwk,
                                    entrance("key-change"));
    const char *wrong = apr_psprintf(c->pool, "{\"account\":\"%s\",\"oldKey\":%s}", c->kid, jwk);
    const char *right = apr_psprintf(c->pool, "{\"account\":\"%s\",\"oldKey\":%s}", c->kid, c->jwk);
    assert_int_equal(400, post(c, entrance("key-change"), jws_of(c, key, head, wrong)));
    assert_int_equal(1, fake_ca_count(c->ca, "violations", NULL));
    assert_int_equal(200, post(c, entrance("key-change"), jws_of(c, key, head, right)));
    c->key = key;
    c->jwk = jwk;
    assert_int_equal(200, post(c, c->kid, ""));
    assert_int_equal(409, post(c, entrance("key-change"),
                               jws_of(c, key, head,
                                      apr_psprintf(c->pool, "{\"account\":\"%s\",\"oldKey\":%s}",
                                                   c->kid, jwk))));
    assert_string_equal(c->kid, header(c, "Location"));
    assert_int_equal(1, fake_ca_count(c->ca, "violations", NULL));
}

static const char *der_of(X509 *leaf, apr_pool_t *pool)
{
    unsigned char *der = NULL;
    int len = i2d_X509(leaf, &der);
    const char *text = acme_text_base64url(der, (apr_size_t)len, pool);
    OPENSSL_free(der);
    return text;
}

static void revokes(void **state)
{
    client_t *c = new_customer(*state);
    taken_t taken = take_order(c, "a.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    const char *pem = take_chain(c, &taken, "a.test", new_key(c->pool));
    const char *der = der_of(leaf_of(pem, c->pool), c->pool);
    const char *bare = apr_psprintf(c->pool, "{\"certificate\":\"%s\"}", der);
    const char *seven = apr_psprintf(c->pool, "{\"certificate\":\"%s\",\"reason\":7}", der);
    assert_int_equal(400, post(c, entrance("revoke-cert"), seven));
    assert_problem(c, "badRevocationReason");
    assert_int_equal(403, post_jwk(c, entrance("revoke-cert"), bare));
    assert_int_equal(200, post(c, entrance("revoke-cert"), bare));
    assert_int_equal(400, post(c, entrance("revoke-cert"), bare));
    assert_problem(c, "alreadyRevoked");
    assert_int_equal(404, post(c, entrance("revoke-cert"), "{\"certificate\":\"AAAA\"}"));
    assert_int_equal(1, fake_ca_count(c->ca, "revoked", "a.test"));
    assert_clean(c);
}

static char *certid_of(X509 *leaf, apr_pool_t *pool)
{
    const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(leaf);
    unsigned char *der = NULL;
    int len = i2d_ASN1_INTEGER(X509_get0_serialNumber(leaf), &der);
    char *text = apr_pstrcat(
        pool,
        acme_text_base64url(ASN1_STRING_get0_data(aki), (apr_size_t)ASN1_STRING_length(aki), pool),
        ".", acme_text_base64url(der + 2, (apr_size_t)len - 2, pool), NULL);
    OPENSSL_free(der);
    return text;
}

static int order_replacing(client_t *c, const char *certid)
{
    return post(c, entrance("new-order"),
                apr_psprintf(c->pool,
                             "{\"replaces\":\"%s\",\"identifiers\":"
                             "[{\"type\":\"dns\",\"value\":\"a.test\"}]}",
                             certid));
}

static void informs_about_renewal(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_settings(c->ca)->has_renewal_info = 1;
    EVP_PKEY *key = new_key(c->pool);
    const char *pem =
        fake_ca_issue(c->ca, key, "a.test", START, START + 90 * ACME_TIME_DAY, c->pool);
    const char *certid = certid_of(leaf_of(pem, c->pool), c->pool);
    const char *url = apr_pstrcat(c->pool, "https://ca.test/acme/renewal-info/", certid, NULL);
    assert_int_equal(200, ask(c, ACME_METHOD_GET, url, NULL));
    const json_t *window = json_object_get(c->answer, "suggestedWindow");
    assert_string_equal(
        acme_time_rfc3339(START + 60 * ACME_TIME_DAY - 90 * ACME_TIME_DAY / 100, c->pool),
        json_string_value(json_object_get(window, "start")));
    assert_string_equal("21600", header(c, "Retry-After"));
    assert_int_equal(404, ask(c, ACME_METHOD_GET, "https://ca.test/acme/renewal-info/AA.AA", NULL));

    assert_int_equal(404, order_replacing(c, "AA.AA"));
    assert_int_equal(201, order_replacing(c, certid));
    taken_t taken = {.url = header(c, "Location"), .finalize = member(c, "finalize")};
    const char *authz = first_of(json_object_get(c->answer, "authorizations"));
    assert_int_equal(200, post(c, authz, ""));
    const json_t *challenge = json_array_get(json_object_get(c->answer, "challenges"), 0);
    assert_int_equal(200, post(c, json_string_value(json_object_get(challenge, "url")), "{}"));
    take_chain(c, &taken, "a.test", key);
    assert_int_equal(409, order_replacing(c, certid));
    assert_problem(c, "alreadyReplaced");

    fake_ca_revoke(c->ca, "a.test");
    assert_int_equal(200, ask(c, ACME_METHOD_GET, url, NULL));
    assert_non_null(json_object_get(c->answer, "explanationURL"));
    assert_clean(c);
}

static void gives_alternate_chains(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_settings(c->ca)->has_alternate = 1;
    taken_t taken = take_order(c, "a.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    const char *pem = take_chain(c, &taken, "a.test", new_key(c->pool));
    int links = 0;
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)apr_table_elts(c->exchange->headers)->elts;
    const char *alternate = NULL;
    for (int i = 0; i < apr_table_elts(c->exchange->headers)->nelts; i++) {
        if (strcmp(entries[i].key, "Link") == 0) {
            links++;
            if (strstr(entries[i].val, "alternate") != NULL) {
                alternate = entries[i].val;
            }
        }
    }
    assert_int_equal(2, links);
    assert_non_null(alternate);
    const char *url = apr_pstrmemdup(c->pool, alternate + 1, strcspn(alternate + 1, ">"));
    assert_int_equal(200, post(c, url, ""));
    assert_string_not_equal(pem, c->exchange->answer);
    assert_int_equal(0, X509_cmp(leaf_of(pem, c->pool), leaf_of(c->exchange->answer, c->pool)));
    assert_clean(c);
}

/* The core as client: every kind of key signs requests and CSRs that the CA takes. */

static int post_by_core(client_t *c, const acme_key_t *key, const char *kid, const char *url,
                        const char *payload)
{
    acme_jws_t jws = {.key = key, .kid = kid, .nonce = c->nonce, .url = url, .payload = payload};
    char *body;
    assert_well(acme_jws_sign(&body, &jws, c->pool));
    return ask(c, ACME_METHOD_POST, url, body);
}

static char *csr_by_core(client_t *c, const acme_key_spec_t *spec)
{
    static const acme_identifier_t names[] = {
        {ACME_IDENTIFIER_DNS, "a.test", 0},
        {ACME_IDENTIFIER_IP, "192.0.2.17", 0},
        {ACME_IDENTIFIER_IP, "2001:db8::1", 0},
    };
    apr_array_header_t *identifiers = apr_array_make(c->pool, 3, sizeof(acme_identifier_t *));
    for (int i = 0; i < 3; i++) {
        APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = &names[i];
    }
    acme_key_t *key;
    char *csr;
    assert_well(acme_key_generate(&key, spec, c->pool));
    assert_well(acme_csr_make(&csr, identifiers, 0, key, c->pool));
    return apr_psprintf(c->pool, "{\"csr\":\"%s\"}", csr);
}

static void answer_challenges(client_t *c, const acme_key_t *key, const char *kid,
                              const json_t *authorizations)
{
    size_t i;
    json_t *url;
    json_array_foreach(authorizations, i, url)
    {
        assert_int_equal(200, post_by_core(c, key, kid, json_string_value(url), ""));
        const json_t *challenge = json_array_get(json_object_get(c->answer, "challenges"), 0);
        const char *challenge_url = json_string_value(json_object_get(challenge, "url"));
        assert_int_equal(200, post_by_core(c, key, kid, challenge_url, "{}"));
    }
}

static void takes_what_the_core_signs(void **state)
{
    static const acme_key_spec_t specs[] = {
        {ACME_KEY_P256, 0}, {ACME_KEY_P384, 0}, {ACME_KEY_RSA, 2048}};
    client_t *c = new_client(*state);
    fake_ca_settings(c->ca)->issue_at_once = 1;
    take_nonce(c);
    for (int i = 0; i < 3; i++) {
        acme_key_t *key;
        assert_well(acme_key_generate(&key, &specs[i], c->pool));
        assert_int_equal(201, post_by_core(c, key, NULL, entrance("new-account"), AGREED));
        const char *kid = header(c, "Location");
        assert_int_equal(201,
                         post_by_core(c, key, kid, entrance("new-order"),
                                      "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"},"
                                      "{\"type\":\"ip\",\"value\":\"192.0.2.17\"},"
                                      "{\"type\":\"ip\",\"value\":\"2001:db8::1\"}]}"));
        const char *finalize = member(c, "finalize");
        answer_challenges(c, key, kid, json_object_get(c->answer, "authorizations"));
        assert_int_equal(200, post_by_core(c, key, kid, finalize, csr_by_core(c, &specs[i])));
        assert_string_equal("valid", member(c, "status"));
        const char *pem = fake_ca_last_chain(c->ca, "192.0.2.17,2001:db8::1,a.test");
        acme_chain_t *chain;
        assert_well(acme_chain_parse(&chain, pem, strlen(pem), c->pool));
        assert_well(acme_chain_fits_time(chain, c->now, c->pool));
        char *certid;
        assert_well(acme_chain_certid(&certid, chain, c->pool));
        assert_string_equal(certid_of(leaf_of(pem, c->pool), c->pool), certid);
    }
    assert_int_equal(3, fake_ca_count(c->ca, "issued", "192.0.2.17,2001:db8::1,a.test"));
    assert_clean(c);
}

/* Faults. */

static void loses_answers(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_REFUSED);
    assert_int_equal(0, order(c, "a.test"));
    assert_int_equal(ACME_ERR_NETWORK, c->exchange->err->errclass);
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_TIMEOUT_BEFORE);
    assert_int_equal(0, order(c, "a.test"));
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_CLOCK);
    assert_int_equal(0, order(c, "a.test"));
    assert_int_equal(ACME_ERR_CLOCK, c->exchange->err->errclass);
    assert_int_equal(0, fake_ca_count(c->ca, "newOrder", NULL));

    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_TIMEOUT_AFTER);
    assert_int_equal(0, order(c, "a.test"));
    assert_int_equal(0, c->exchange->status);
    assert_int_equal(1, fake_ca_count(c->ca, "orderCreated", "a.test"));
    assert_int_equal(4, fake_ca_count(c->ca, "fault", NULL));
    take_nonce(c);
    assert_int_equal(201, order(c, "a.test"));
    assert_clean(c);
}

static void answers_badly(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_fault_add(c->ca, &(fake_ca_fault_t){.kind = FAKE_CA_ANY,
                                                .trouble = FAKE_CA_ERROR,
                                                .status = 503,
                                                .retry_after = 5 * ACME_TIME_SECOND,
                                                .retry_after_as_date = 1});
    assert_int_equal(503, order(c, "a.test"));
    assert_problem(c, "serverInternal");
    assert_int_equal(START + 5 * ACME_TIME_SECOND, apr_date_parse_http(header(c, "Retry-After")));
    assert_int_equal(201, order(c, "b.test"));
    assert_int_equal(1, fake_ca_count(c->ca, "early", NULL));

    fake_ca_fault_add(c->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER,
                                                .trouble = FAKE_CA_RATE_LIMITED,
                                                .detail = "slow down",
                                                .retry_after = ACME_TIME_HOUR});
    assert_int_equal(429, order(c, "a.test"));
    assert_string_equal("slow down", member(c, "detail"));
    assert_string_equal("3600", header(c, "Retry-After"));

    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_HTML);
    const char *nonce = c->nonce;
    assert_int_equal(200, order(c, "a.test"));
    assert_null(c->answer);
    assert_null(header(c, "Replay-Nonce"));
    assert_ptr_equal(nonce, c->nonce);
    assert_int_equal(1, fake_ca_count(c->ca, "orderCreated", NULL));
    assert_clean(c);
}

static void spoils_answers(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_TRUNCATED);
    assert_int_equal(201, order(c, "a.test"));
    assert_null(c->answer);
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_WRONG_TYPE);
    assert_int_equal(201, order(c, "a.test"));
    assert_string_equal("text/plain", header(c, "Content-Type"));
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_HUGE);
    assert_int_equal(201, order(c, "a.test"));
    assert_true(c->exchange->answer_len > 2 * 1024 * 1024);
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_EMPTY);
    assert_int_equal(201, order(c, "a.test"));
    assert_int_equal(0, c->exchange->answer_len);
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_NO_LOCATION);
    assert_int_equal(201, order(c, "a.test"));
    assert_null(header(c, "Location"));
    fake_ca_fault(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_NO_NONCE);
    assert_int_equal(201, order(c, "a.test"));
    assert_null(header(c, "Replay-Nonce"));
    take_nonce(c);
    assert_int_equal(201, order(c, "a.test"));
    assert_int_equal(7, fake_ca_count(c->ca, "orderCreated", "a.test"));
    assert_clean(c);
}

static void makes_nonces_bad(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_fault_add(c->ca,
                      &(fake_ca_fault_t){
                          .kind = FAKE_CA_ANY, .trouble = FAKE_CA_BAD_NONCE, .nth = 2, .times = 2});
    assert_int_equal(201, order(c, "a.test"));
    assert_int_equal(400, order(c, "a.test"));
    assert_problem(c, "badNonce");
    assert_int_equal(400, order(c, "a.test"));
    assert_int_equal(201, order(c, "a.test"));
    fake_ca_faults_clear(c->ca);

    fake_ca_fault_random(c->ca, FAKE_CA_NEW_ORDER, FAKE_CA_BAD_NONCE, 0.5);
    int bad = 0;
    for (int i = 0; i < 200; i++) {
        bad += order(c, "a.test") == 400;
    }
    assert_in_range(bad, 70, 130);
    assert_int_equal(bad + 2, fake_ca_count(c->ca, "badNonce", NULL));
    assert_clean(c);
}

static void hits_only_who_is_meant(void **state)
{
    client_t *c = new_customer(*state);
    fake_ca_fault_add(c->ca, &(fake_ca_fault_t){.kind = FAKE_CA_NEW_ORDER,
                                                .trouble = FAKE_CA_ERROR,
                                                .name = "b.test",
                                                .times = FAKE_CA_ALWAYS});
    assert_int_equal(201, order(c, "a.test"));
    assert_int_equal(500, order(c, "a.test,b.test"));
    assert_int_equal(500, order(c, "b.test"));
    assert_int_equal(201, order(c, "a.test"));
    fake_ca_faults_clear(c->ca);
    assert_int_equal(201, order(c, "b.test"));
    assert_clean(c);
}

static void decides_badly(void **state)
{
    client_t *c = new_customer(*state);
    EVP_PKEY *key = new_key(c->pool);
    fake_ca_fault_add(c->ca, &(fake_ca_fault_t){.kind = FAKE_CA_CHALLENGE,
                                                .trouble = FAKE_CA_AUTHZ_INVALID,
                                                .problem = "dns",
                                                .detail = "SERVFAIL looking up A"});
    taken_t taken = take_order(c, "a.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(200, post(c, taken.authz, ""));
    assert_string_equal("invalid", member(c, "status"));
    assert_non_null(strstr(c->exchange->answer, "SERVFAIL looking up A"));

    taken = take_order(c, "b.test");
    fake_ca_fault(c->ca, FAKE_CA_AUTHZ, FAKE_CA_AUTHZ_INVALID);
    assert_int_equal(200, post(c, taken.authz, ""));
    assert_string_equal("invalid", member(c, "status"));

    fake_ca_fault_add(c->ca, &(fake_ca_fault_t){.kind = FAKE_CA_FINALIZE,
                                                .trouble = FAKE_CA_ORDER_INVALID,
                                                .detail = "CAA record prevents issuance"});
    taken = take_order(c, "c.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    assert_int_equal(200, post(c, taken.finalize, csr_for(c, "c.test", key)));
    assert_int_equal(200, post(c, taken.url, ""));
    assert_string_equal("invalid", member(c, "status"));
    assert_string_equal(
        "urn:ietf:params:acme:error:caa",
        json_string_value(json_object_get(json_object_get(c->answer, "error"), "type")));

    taken = take_order(c, "d.test");
    fake_ca_fault(c->ca, FAKE_CA_ORDER, FAKE_CA_NOT_FOUND);
    assert_int_equal(404, post(c, taken.url, ""));
    assert_int_equal(404, post(c, taken.url, ""));
    assert_int_equal(404, post(c, taken.challenge, "{}"));
    assert_null(fake_ca_order_status(c->ca, "d.test"));
    assert_clean(c);
}

static void delivers_bad_certificates(void **state)
{
    client_t *c = new_customer(*state);
    EVP_PKEY *key = new_key(c->pool);
    taken_t taken = take_order(c, "a.test");
    assert_int_equal(200, post(c, taken.challenge, "{}"));
    const char *good = take_chain(c, &taken, "a.test", key);
    const char *url = c->exchange->url;

    fake_ca_fault(c->ca, FAKE_CA_CERTIFICATE, FAKE_CA_CERT_WRONG_KEY);
    assert_int_equal(200, post(c, url, ""));
    assert_int_equal(0, X509_check_private_key(leaf_of(c->exchange->answer, c->pool), key));
    fake_ca_fault(c->ca, FAKE_CA_CERTIFICATE, FAKE_CA_CERT_WRONG_NAMES);
    assert_int_equal(200, post(c, url, ""));
    assert_int_equal(0,
                     X509_check_host(leaf_of(c->exchange->answer, c->pool), "a.test", 0, 0, NULL));
    time_t now = (time_t)apr_time_sec(c->now);
    fake_ca_fault(c->ca, FAKE_CA_CERTIFICATE, FAKE_CA_CERT_EXPIRED);
    assert_int_equal(200, post(c, url, ""));
    X509 *leaf = leaf_of(c->exchange->answer, c->pool);
    assert_int_equal(-1, X509_cmp_time(X509_get0_notAfter(leaf), &now));
    fake_ca_fault(c->ca, FAKE_CA_CERTIFICATE, FAKE_CA_CERT_NOT_YET);
    assert_int_equal(200, post(c, url, ""));
    leaf = leaf_of(c->exchange->answer, c->pool);
    assert_int_equal(1, X509_cmp_time(X509_get0_notBefore(leaf), &now));
    fake_ca_fault(c->ca, FAKE_CA_CERTIFICATE, FAKE_CA_CERT_GARBAGE);
    assert_int_equal(200, post(c, url, ""));
    assert_null(strstr(good, c->exchange->answer));
    fake_ca_fault(c->ca, FAKE_CA_CERTIFICATE, FAKE_CA_CERT_NO_ISSUER);
    assert_int_equal(200, post(c, url, ""));
    assert_true(c->exchange->answer_len < strlen(good));
    assert_int_equal(200, post(c, url, ""));
    assert_string_equal(good, c->exchange->answer);
    assert_clean(c);
}

/* The transport. */

static void answers_when_time_has_passed(void **state)
{
    client_t *c = new_client(*state);
    fake_ca_settings(c->ca)->latency = 2 * ACME_TIME_SECOND;
    begin(c, ACME_METHOD_GET, fake_ca_directory_url(c->ca), NULL);
    acme_exchange_t *second = begin(c, ACME_METHOD_GET, fake_ca_directory_url(c->ca), NULL);
    pump(c);
    assert_int_equal(0, c->done_count);
    assert_int_equal(2, fake_ca_in_flight(c->ca));
    assert_int_equal(START + 2 * ACME_TIME_SECOND, fake_ca_next_event(c->ca));
    acme_transport_t *transport = fake_ca_transport(c->ca);
    transport->cancel(transport->baton, second);
    c->now += 2 * ACME_TIME_SECOND;
    pump(c);
    assert_int_equal(1, c->done_count);
    assert_int_equal(0, second->status);
    assert_int_equal(0, fake_ca_in_flight(c->ca));
    assert_int_equal(2, fake_ca_peak_in_flight(c->ca));
    assert_int_equal(0, fake_ca_next_event(c->ca));
    transport->wakeup(transport->baton);
}

static void is_patient_with_those_under_way(void **state)
{
    client_t *c = new_client(*state);
    const char *url = fake_ca_directory_url(c->ca);
    fake_ca_fault_add(c->ca, &(fake_ca_fault_t){.kind = FAKE_CA_DIRECTORY,
                                                .trouble = FAKE_CA_ERROR,
                                                .status = 503,
                                                .retry_after = ACME_TIME_MINUTE});
    acme_exchange_t *first = begin(c, ACME_METHOD_GET, url, NULL);
    begin(c, ACME_METHOD_GET, url, NULL);
    pump(c);
    assert_int_equal(503, first->status);
    assert_int_equal(0, fake_ca_count(c->ca, "early", NULL));
    assert_int_equal(200, ask(c, ACME_METHOD_GET, url, NULL));
    assert_int_equal(1, fake_ca_count(c->ca, "early", NULL));
    c->now += ACME_TIME_MINUTE;
    assert_int_equal(200, ask(c, ACME_METHOD_GET, url, NULL));
    assert_int_equal(1, fake_ca_count(c->ca, "early", NULL));
}

static void begin_another(acme_exchange_t *exchange)
{
    client_t *c = exchange->baton;
    c->done_count++;
    begin(c, ACME_METHOD_GET, fake_ca_directory_url(c->ca), NULL);
}

static void answers_what_was_begun_before_the_pump(void **state)
{
    client_t *c = new_client(*state);
    begin(c, ACME_METHOD_GET, fake_ca_directory_url(c->ca), NULL)->done = begin_another;
    pump(c);
    assert_int_equal(1, c->done_count);
    assert_int_equal(1, fake_ca_in_flight(c->ca));
    pump(c);
    assert_int_equal(2, c->done_count);
}

static void survives_its_client(void **state)
{
    client_t *c = new_customer(*state);
    apr_pool_t *life;
    apr_pool_create(&life, c->pool);
    taken_t taken = take_order(c, "a.test");
    apr_pool_t *pool = c->pool;
    c->pool = life;
    begin(c, ACME_METHOD_POST, taken.challenge, request_body(c, taken.challenge, "{}", 0));
    fake_ca_forget_client(c->ca);
    apr_pool_destroy(life);
    c->pool = pool;
    int before = c->done_count;
    pump(c);
    assert_int_equal(before, c->done_count);
    assert_int_equal(0, fake_ca_count(c->ca, "challenge", NULL));
    take_nonce(c);
    assert_int_equal(200, post(c, taken.url, ""));
    assert_string_equal("pending", member(c, "status"));
    assert_clean(c);
}

static int die_at(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                  const acme_exchange_t *exchange)
{
    (void)exchange;
    return kind == FAKE_CA_NEW_ORDER && moment == *(const fake_ca_moment_t *)baton;
}

static void lets_clients_die(void **state)
{
    static const fake_ca_moment_t moments[] = {FAKE_CA_BEFORE, FAKE_CA_AFTER};
    for (int i = 0; i < 2; i++) {
        client_t *c = new_customer(*state);
        int before = c->done_count;
        fake_ca_on_moment(c->ca, die_at, (void *)&moments[i]);
        const char *url = entrance("new-order");
        const char *payload = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}]}";
        begin(c, ACME_METHOD_POST, url, request_body(c, url, payload, 0));
        begin(c, ACME_METHOD_GET, fake_ca_directory_url(c->ca), NULL);
        pump(c);
        assert_int_equal(before, c->done_count);
        assert_int_equal(0, fake_ca_in_flight(c->ca));
        assert_int_equal(i, fake_ca_count(c->ca, "orderCreated", "a.test"));
        assert_clean(c);
    }
}

static void serves_for_another(void **state)
{
    client_t *c = new_client(*state);
    fake_ca_t *other = fake_ca_create_at("https://other.test", &c->env, 1, c->pool);
    fake_ca_join(c->ca, other);
    assert_int_equal(200, ask(c, ACME_METHOD_GET, "https://other.test/directory", NULL));
    assert_string_equal("https://other.test/acme/new-order", member(c, "newOrder"));
    assert_int_equal(0, fake_ca_count(c->ca, "requests", NULL));
    assert_int_equal(1, fake_ca_count(other, "directory", NULL));
    assert_int_equal(200, ask(c, ACME_METHOD_GET, fake_ca_directory_url(c->ca), NULL));
    assert_int_equal(1, fake_ca_count(c->ca, "requests", NULL));
}

static void repeats_itself(void **state)
{
    client_t *a = new_customer(*state);
    client_t *b = new_customer(*state);
    assert_string_equal(a->nonce, b->nonce);
    assert_string_equal(take_order(a, "a.test").token, take_order(b, "a.test").token);
    assert_string_equal(fake_ca_log(a->ca), fake_ca_log(b->ca));
    assert_non_null(strstr(fake_ca_log(a->ca), "POST newOrder a.test"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(serves_directory_and_nonces),
        FIXTURE_TEST(keeps_accounts),
        FIXTURE_TEST(issues_a_certificate),
        FIXTURE_TEST(takes_its_time),
        FIXTURE_TEST(fails_validations),
        FIXTURE_TEST(reuses_and_expires),
        FIXTURE_TEST(offers_wildcards_dns_only),
        FIXTURE_TEST(refuses_orders),
        FIXTURE_TEST(limits_rates),
        FIXTURE_TEST(limits_rates_by_buckets),
        FIXTURE_TEST(spares_renewals_its_limits),
        FIXTURE_TEST(gives_profiles_their_lifetime),
        FIXTURE_TEST(judges_csrs),
        FIXTURE_TEST(sees_bad_signatures),
        FIXTURE_TEST(sees_bad_nonces),
        FIXTURE_TEST(keeps_accounts_apart),
        FIXTURE_TEST(loses_accounts),
        FIXTURE_TEST(changes_keys),
        FIXTURE_TEST(revokes),
        FIXTURE_TEST(informs_about_renewal),
        FIXTURE_TEST(gives_alternate_chains),
        FIXTURE_TEST(takes_what_the_core_signs),
        FIXTURE_TEST(loses_answers),
        FIXTURE_TEST(answers_badly),
        FIXTURE_TEST(spoils_answers),
        FIXTURE_TEST(makes_nonces_bad),
        FIXTURE_TEST(hits_only_who_is_meant),
        FIXTURE_TEST(decides_badly),
        FIXTURE_TEST(delivers_bad_certificates),
        FIXTURE_TEST(answers_when_time_has_passed),
        FIXTURE_TEST(is_patient_with_those_under_way),
        FIXTURE_TEST(answers_what_was_begun_before_the_pump),
        FIXTURE_TEST(survives_its_client),
        FIXTURE_TEST(lets_clients_die),
        FIXTURE_TEST(serves_for_another),
        FIXTURE_TEST(repeats_itself),
    };
    return fixture_run(tests);
}
