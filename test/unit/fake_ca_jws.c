/* The fake CA: is this request properly signed?
 * SPDX-License-Identifier: Apache-2.0
 *
 * Independent of the code under test: it shares nothing with acme_jws and acme_key.
 */
#include <string.h>

#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include "acme/acme_text.h"
#include "unit/fake_ca_internal.h"

char *fake_ca__nonce(fake_ca_t *ca)
{
    char *nonce = fake_ca__token(ca, 16, ca->pool);
    apr_hash_set(ca->nonces, nonce, APR_HASH_KEY_STRING, "fresh");
    return nonce;
}

/* Reading. */

static const char *string_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int decode(unsigned char **bytes, apr_size_t *len, const char *text, apr_pool_t *pool)
{
    return text != NULL && acme_text_base64url_decode(bytes, len, text, pool) == NULL ? 0 : -1;
}

/* NULL with nothing said about the reason: the caller knows what it read. */
static json_t *decode_object(const char **text, const char *encoded, apr_pool_t *pool)
{
    unsigned char *bytes;
    apr_size_t len;
    if (decode(&bytes, &len, encoded, pool) != 0) {
        return NULL;
    }
    *text = (const char *)bytes;
    json_t *value = json_loadb(*text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(value)) {
        json_decref(value);
        return NULL;
    }
    return fake_ca__json(value, pool);
}

/* RFC 8555 section 6.2: flattened serialization, one signature, no unprotected header. */
static const char *take_apart(fake_ca__request_t *r, const json_t *jws)
{
    const char *header = string_of(jws, "protected");
    const char *payload = string_of(jws, "payload");
    const char *signature = string_of(jws, "signature");
    const char *text;
    unsigned char *bytes;
    if (header == NULL || payload == NULL || signature == NULL || json_object_size(jws) != 3) {
        return "the body is not exactly protected, payload and signature";
    }
    r->signing_input = apr_pstrcat(r->pool, header, ".", payload, NULL);
    r->header = decode_object(&text, header, r->pool);
    if (r->header == NULL) {
        return "the protected header is no base64url of a JSON object";
    }
    if (decode(&bytes, &r->signature_len, signature, r->pool) != 0) {
        return "the signature is not base64url";
    }
    r->signature = bytes;
    r->payload_text = "";
    if (payload[0] != '\0') {
        r->payload = decode_object(&r->payload_text, payload, r->pool);
        if (r->payload == NULL) {
            return "the payload is no base64url of a JSON object";
        }
    }
    return NULL;
}

void fake_ca__jws_read(fake_ca__request_t *r)
{
    const char *body = r->exchange->body != NULL ? r->exchange->body : "";
    json_t *jws = fake_ca__json(json_loads(body, JSON_REJECT_DUPLICATES, NULL), r->pool);
    if (!json_is_object(jws)) {
        r->broken = "the body is no JSON object";
        return;
    }
    r->broken = take_apart(r, jws);
}

/* Keys. */

static apr_status_t release_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

EVP_PKEY *fake_ca__key_keep(EVP_PKEY *key, apr_pool_t *pool)
{
    if (key != NULL) {
        apr_pool_cleanup_register(pool, key, release_key, apr_pool_cleanup_null);
    }
    return key;
}

static EVP_PKEY *key_from(const char *type, OSSL_PARAM *params, apr_pool_t *pool)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return fake_ca__key_keep(key, pool);
}

/* RFC 7518 section 6.2.1: coordinates have the full length of the field. */
static EVP_PKEY *ec_key(const char **thumb_text, const json_t *jwk, apr_pool_t *pool)
{
    const char *curve = string_of(jwk, "crv");
    unsigned char *x;
    unsigned char *y;
    apr_size_t x_len;
    apr_size_t y_len;
    if (curve == NULL || decode(&x, &x_len, string_of(jwk, "x"), pool) != 0 ||
        decode(&y, &y_len, string_of(jwk, "y"), pool) != 0 || json_object_size(jwk) != 4) {
        return NULL;
    }
    apr_size_t size = strcmp(curve, "P-256") == 0 ? 32 : strcmp(curve, "P-384") == 0 ? 48 : 0;
    if (size == 0 || x_len != size || y_len != size) {
        return NULL;
    }
    unsigned char point[1 + 2 * 48] = {4};
    memcpy(point + 1, x, size);
    memcpy(point + 1 + size, y, size);
    *thumb_text = apr_psprintf(pool, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                               curve, string_of(jwk, "x"), string_of(jwk, "y"));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, apr_pstrdup(pool, curve), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size),
        OSSL_PARAM_construct_end(),
    };
    return key_from("EC", params, pool);
}

/* RFC 7518 section 6.3.1: integers have no leading zero octets. */
static EVP_PKEY *rsa_key(const char **thumb_text, const json_t *jwk, apr_pool_t *pool)
{
    unsigned char *n;
    unsigned char *e;
    apr_size_t n_len;
    apr_size_t e_len;
    if (decode(&n, &n_len, string_of(jwk, "n"), pool) != 0 ||
        decode(&e, &e_len, string_of(jwk, "e"), pool) != 0 || json_object_size(jwk) != 3 ||
        n_len < 256 || n[0] == 0 || e_len == 0 || e[0] == 0) {
        return NULL;
    }
    BIGNUM *n_number = BN_bin2bn(n, (int)n_len, NULL);
    BIGNUM *e_number = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n_number);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e_number);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *key = key_from("RSA", params, pool);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n_number);
    BN_free(e_number);
    *thumb_text = apr_psprintf(pool, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
                               string_of(jwk, "e"), string_of(jwk, "n"));
    return key;
}

EVP_PKEY *fake_ca__jwk_read(const char **thumbprint, const char **why, const json_t *jwk,
                            apr_pool_t *pool)
{
    const char *type = string_of(jwk, "kty");
    const char *text = NULL;
    EVP_PKEY *key = NULL;
    if (type != NULL && strcmp(type, "EC") == 0) {
        key = ec_key(&text, jwk, pool);
    }
    else if (type != NULL && strcmp(type, "RSA") == 0) {
        key = rsa_key(&text, jwk, pool);
    }
    if (key == NULL) {
        *why = "the JWK is no public key in the form of RFC 7518";
        return NULL;
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL);
    *thumbprint = acme_text_base64url(digest, len, pool);
    return key;
}

/* Signatures. */

static const char *alg_of(EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        return "RS256";
    }
    return EVP_PKEY_get_bits(key) == 256 ? "ES256" : "ES384";
}

/* RFC 7518 section 3.4: R and S, each of the full length; OpenSSL wants DER. */
static int ecdsa_der(unsigned char **der, size_t *der_len, const fake_ca__request_t *r,
                     apr_size_t size)
{
    if (r->signature_len != 2 * size) {
        return -1;
    }
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(r->signature, (int)size, NULL),
                   BN_bin2bn(r->signature + size, (int)size, NULL));
    unsigned char *out = NULL;
    int len = i2d_ECDSA_SIG(sig, &out);
    ECDSA_SIG_free(sig);
    if (len <= 0) {
        return -1;
    }
    *der = out;
    *der_len = (size_t)len;
    return 0;
}

static int signature_fits(const fake_ca__request_t *r, EVP_PKEY *key)
{
    const char *alg = alg_of(key);
    const unsigned char *signature = r->signature;
    size_t len = r->signature_len;
    unsigned char *der = NULL;
    if (alg[0] == 'E') {
        if (ecdsa_der(&der, &len, r, strcmp(alg, "ES256") == 0 ? 32 : 48) != 0) {
            return 0;
        }
        signature = der;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = strcmp(alg, "ES384") == 0 ? EVP_sha384() : EVP_sha256();
    int fits = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
               EVP_DigestVerify(ctx, signature, len, (const unsigned char *)r->signing_input,
                                strlen(r->signing_input)) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return fits;
}

/* The outer rules, in the order in which CAs look. */

static int check_header(fake_ca__request_t *r)
{
    const char *alg = string_of(r->header, "alg");
    if (alg == NULL ||
        (strcmp(alg, "ES256") != 0 && strcmp(alg, "ES384") != 0 && strcmp(alg, "RS256") != 0)) {
        fake_ca__blame(r, 400, "badSignatureAlgorithm", "alg must be ES256, ES384 or RS256");
        return -1;
    }
    const char *url = string_of(r->header, "url");
    if (url == NULL || strcmp(url, r->exchange->url) != 0) {
        fake_ca__blame(r, 403, "unauthorized", "the header's url is not that of the request");
        return -1;
    }
    int has_jwk = json_object_get(r->header, "jwk") != NULL;
    int has_kid = json_object_get(r->header, "kid") != NULL;
    if (has_jwk == has_kid || json_object_size(r->header) != 4) {
        fake_ca__blame(r, 400, "malformed",
                       "the header is not exactly alg, nonce, url and one of jwk and kid");
        return -1;
    }
    int may_jwk = r->kind == FAKE_CA_NEW_ACCOUNT || r->kind == FAKE_CA_REVOKE_CERT;
    if ((has_jwk && !may_jwk) || (has_kid && r->kind == FAKE_CA_NEW_ACCOUNT)) {
        fake_ca__blame(r, 400, "malformed", "this request needs a %s", has_kid ? "jwk" : "kid");
        return -1;
    }
    return 0;
}

/* A stale nonce is bad luck, any other that is not fresh is a mistake (RFC 8555 section 6.5). */
static int check_nonce(fake_ca__request_t *r)
{
    const char *nonce = string_of(r->header, "nonce");
    const char *state =
        nonce == NULL ? NULL : apr_hash_get(r->ca->nonces, nonce, APR_HASH_KEY_STRING);
    if (state == NULL) {
        fake_ca__blame(r, 400, "badNonce", "nonce '%s' is unknown", nonce != NULL ? nonce : "");
        return -1;
    }
    if (r->ca->settings.is_lean) {
        apr_hash_set(r->ca->nonces, nonce, APR_HASH_KEY_STRING, NULL);
    }
    else {
        apr_hash_set(r->ca->nonces, nonce, APR_HASH_KEY_STRING, "spent"); /* its key stays */
    }
    if (strcmp(state, "stale") == 0) {
        fake_ca__refuse(r, 400, "badNonce", "nonce '%s' has expired", nonce);
        return -1;
    }
    if (strcmp(state, "fresh") != 0) {
        fake_ca__blame(r, 400, "badNonce", "nonce '%s' was used before", nonce);
        return -1;
    }
    return 0;
}

static EVP_PKEY *key_by_kid(fake_ca__request_t *r, const char *kid)
{
    const fake_ca__resource_t *resource =
        kid == NULL ? NULL : apr_hash_get(r->ca->resources, kid, APR_HASH_KEY_STRING);
    if (resource == NULL || resource->kind != FAKE_CA_ACCOUNT) {
        fake_ca__blame(r, 400, "accountDoesNotExist", "kid '%s' was never given out",
                       kid != NULL ? kid : "");
        return NULL;
    }
    fake_ca__account_t *account = resource->object;
    if (account->is_gone) {
        fake_ca__refuse(r, 400, "accountDoesNotExist", "There is no account %s", kid);
        return NULL;
    }
    if (strcmp(account->status, "valid") != 0) {
        fake_ca__refuse(r, 403, "unauthorized", "Account is not valid, has status \"%s\"",
                        account->status);
        return NULL;
    }
    r->account = account;
    return account->key;
}

static EVP_PKEY *key_by_jwk(fake_ca__request_t *r, const json_t *jwk)
{
    const char *why = NULL;
    r->jwk = fake_ca__jwk_read(&r->jwk_thumbprint, &why, jwk, r->pool);
    if (r->jwk == NULL) {
        fake_ca__blame(r, 400, "badPublicKey", "%s", why);
    }
    return r->jwk;
}

int fake_ca__jws_verify(fake_ca__request_t *r)
{
    if (r->broken != NULL) {
        fake_ca__blame(r, 400, "malformed", "%s", r->broken);
        return -1;
    }
    if (check_header(r) != 0 || check_nonce(r) != 0) {
        return -1;
    }
    const json_t *jwk = json_object_get(r->header, "jwk");
    EVP_PKEY *key = jwk != NULL ? key_by_jwk(r, jwk) : key_by_kid(r, string_of(r->header, "kid"));
    if (key == NULL) {
        return -1;
    }
    if (strcmp(alg_of(key), string_of(r->header, "alg")) != 0) {
        fake_ca__blame(r, 400, "malformed", "alg does not fit the key");
        return -1;
    }
    if (!r->ca->settings.trusts_signatures && !signature_fits(r, key)) {
        fake_ca__blame(r, 400, "malformed", "the signature does not fit");
        return -1;
    }
    return 0;
}

/* RFC 8555 section 7.3.5: the inner JWS has a jwk, the outer's url and no nonce. */
const char *fake_ca__jws_inner(fake_ca__request_t *inner, const json_t *jws, const char *url)
{
    const char *broken = take_apart(inner, jws);
    if (broken != NULL) {
        return broken;
    }
    const char *why = NULL;
    const char *inner_url = string_of(inner->header, "url");
    inner->jwk = fake_ca__jwk_read(&inner->jwk_thumbprint, &why,
                                   json_object_get(inner->header, "jwk"), inner->pool);
    if (inner->jwk == NULL) {
        return why;
    }
    if (inner_url == NULL || strcmp(inner_url, url) != 0) {
        return "the inner url is not that of the request";
    }
    if (json_object_size(inner->header) != 3 ||
        strcmp(alg_of(inner->jwk), json_is_string(json_object_get(inner->header, "alg"))
                                       ? string_of(inner->header, "alg")
                                       : "") != 0) {
        return "the inner header is not exactly a fitting alg, jwk and url";
    }
    return signature_fits(inner, inner->jwk) ? NULL : "the inner signature does not fit";
}

/* RFC 8555 section 7.3.4: a kid, the outer's url and no nonce; the payload is the account's key. */
const char *fake_ca__jws_binding(fake_ca__request_t *inner, const json_t *jws)
{
    const char *broken = take_apart(inner, jws);
    const char *why = NULL;
    if (broken != NULL) {
        return broken;
    }
    if (json_object_size(inner->header) != 3 || string_of(inner->header, "alg") == NULL ||
        string_of(inner->header, "kid") == NULL || string_of(inner->header, "url") == NULL) {
        return "the binding's header is not exactly alg, kid and url";
    }
    inner->jwk = fake_ca__jwk_read(&inner->jwk_thumbprint, &why, inner->payload, inner->pool);
    return inner->jwk == NULL ? why : NULL;
}

int fake_ca__jws_mac_fits(const fake_ca__request_t *inner, const fake_ca__customer_t *customer)
{
    const EVP_MD *md = strcmp(customer->alg, "HS512") == 0   ? EVP_sha512()
                       : strcmp(customer->alg, "HS384") == 0 ? EVP_sha384()
                                                             : EVP_sha256();
    unsigned char code[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    HMAC(md, customer->key, (int)customer->key_len, (const unsigned char *)inner->signing_input,
         strlen(inner->signing_input), code, &len);
    return strcmp(string_of(inner->header, "alg"), customer->alg) == 0 &&
           inner->signature_len == len && memcmp(code, inner->signature, len) == 0;
}
