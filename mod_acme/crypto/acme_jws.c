/* Signed requests in flattened JSON serialization (RFC 7515 section 7.2.2).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_jws.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "acme/acme_text.h"

#include "acme_openssl.h"

#define SIGNATURE_MAX 512 /* RSA 4096; an EC signature in DER is shorter */
#define COORDINATE_MAX 48

typedef struct {
    acme_key_type_t type;
    const char *alg;
    const char *digest;
    apr_size_t coordinate_size; /* 0: the signature is sent as OpenSSL makes it */
} algorithm_t;

static const algorithm_t *algorithm_of(const acme_key_t *key)
{
    static const algorithm_t algorithms[] = {
        [ACME_KEY_P256] = {ACME_KEY_P256, "ES256", "SHA256", 32},
        [ACME_KEY_P384] = {ACME_KEY_P384, "ES384", "SHA384", 48},
        [ACME_KEY_RSA] = {ACME_KEY_RSA, "RS256", "SHA256", 0},
    };
    acme_key_spec_t spec;
    acme_key_spec(&spec, key);
    return &algorithms[spec.type];
}

/* see acme_jws.h */
const char *acme_jws_alg(const acme_key_t *key)
{
    return algorithm_of(key)->alg;
}

/* @a text as it stands between the quotes of a JSON string. URLs come from the CA and might try
 * to add members to the header. */
static char *json_escape(const char *text, apr_pool_t *pool)
{
    char *escaped = apr_palloc(pool, strlen(text) * 6 + 1);
    char *out = escaped;
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20) {
            out += apr_snprintf(out, 7, "\\u%04x", (unsigned)(unsigned char)*text);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            *out++ = '\\';
        }
        *out++ = *text;
    }
    *out = '\0';
    return escaped;
}

/* ,"name":"value" */
static char *member(const char *name, const char *value, apr_pool_t *pool)
{
    return apr_pstrcat(pool, ",\"", name, "\":\"", json_escape(value, pool), "\"", NULL);
}

/* The protected header, members in the order alg, jwk or kid, nonce, url. */
static acme_err_t *make_header(char **header, const acme_jws_t *jws, apr_pool_t *pool)
{
    const char *who;
    if (jws->kid != NULL) {
        who = member("kid", jws->kid, pool);
    }
    else {
        char *jwk;
        ACME_TRY(acme_key_jwk(&jwk, jws->key, pool));
        who = apr_pstrcat(pool, ",\"jwk\":", jwk, NULL);
    }
    const char *nonce = jws->nonce != NULL ? member("nonce", jws->nonce, pool) : "";
    *header = apr_pstrcat(pool, "{\"alg\":\"", acme_jws_alg(jws->key), "\"", who, nonce,
                          member("url", jws->url, pool), "}", NULL);
    return NULL;
}

/* see acme_jws.h */
acme_err_t *acme_jws_ecdsa_raw(unsigned char *raw, apr_size_t size, const unsigned char *der,
                               apr_size_t der_len, apr_pool_t *pool)
{
    const unsigned char *end = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &end, (long)der_len);
    int is_written = 0;
    if (signature != NULL && end == der + der_len) {
        const BIGNUM *r = ECDSA_SIG_get0_r(signature);
        const BIGNUM *s = ECDSA_SIG_get0_s(signature);
        is_written = !BN_is_negative(r) && !BN_is_negative(s) &&
                     BN_bn2binpad(r, raw, (int)size) == (int)size &&
                     BN_bn2binpad(s, raw + size, (int)size) == (int)size;
    }
    ECDSA_SIG_free(signature);
    return is_written
               ? NULL
               : acme_openssl__err(pool, ACME_ERR_INPUT, "this is not an ECDSA signature in DER");
}

/* The signature's bytes as OpenSSL makes them. */
static acme_err_t *sign(unsigned char *signature, apr_size_t *len, const acme_key_t *key,
                        const char *text, apr_pool_t *pool)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int is_signed =
        context != NULL &&
        EVP_DigestSignInit_ex(context, NULL, algorithm_of(key)->digest, NULL, NULL,
                              acme_key_pkey(key), NULL) == 1 &&
        EVP_DigestSign(context, signature, len, (const unsigned char *)text, strlen(text)) == 1;
    EVP_MD_CTX_free(context);
    return is_signed
               ? NULL
               : acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot sign a request to the CA");
}

/* The signature as a JWS carries it. */
static acme_err_t *sign_for_jws(char **text, const acme_key_t *key, const char *input,
                                apr_pool_t *pool)
{
    unsigned char signature[SIGNATURE_MAX];
    apr_size_t len = sizeof(signature);
    ACME_TRY(sign(signature, &len, key, input, pool));
    apr_size_t size = algorithm_of(key)->coordinate_size;
    if (size == 0) {
        *text = acme_text_base64url(signature, len, pool);
        return NULL;
    }
    unsigned char raw[2 * COORDINATE_MAX];
    ACME_TRY(acme_jws_ecdsa_raw(raw, size, signature, len, pool));
    *text = acme_text_base64url(raw, 2 * size, pool);
    return NULL;
}

/* RFC 7515 section 7.2.2 */
static char *flattened(const char *protected, const char *payload, const char *signature,
                       apr_pool_t *pool)
{
    return apr_pstrcat(pool, "{\"protected\":\"", protected, "\",\"payload\":\"", payload,
                       "\",\"signature\":\"", signature, "\"}", NULL);
}

/* see acme_jws.h */
acme_err_t *acme_jws_sign(char **body, const acme_jws_t *jws, apr_pool_t *pool)
{
    char *header;
    ACME_TRY(make_header(&header, jws, pool));
    const char *protected = acme_text_base64url(header, strlen(header), pool);
    const char *payload = acme_text_base64url(jws->payload, strlen(jws->payload), pool);
    char *signature;
    ACME_TRY(
        sign_for_jws(&signature, jws->key, apr_pstrcat(pool, protected, ".", payload, NULL), pool));
    *body = flattened(protected, payload, signature, pool);
    return NULL;
}

/* ---- under a shared key */

typedef struct {
    const char *name;
    const char *digest;
} mac_t;

static const mac_t macs[] = {
    [ACME_JWS_HS256] = {"HS256", "SHA256"},
    [ACME_JWS_HS384] = {"HS384", "SHA384"},
    [ACME_JWS_HS512] = {"HS512", "SHA512"},
};

/* see acme_jws.h */
const char *acme_jws_mac_name(acme_jws_mac_alg_t alg)
{
    return macs[alg].name;
}

/* see acme_jws.h */
int acme_jws_mac_parse(acme_jws_mac_alg_t *alg, const char *name)
{
    for (int i = ACME_JWS_HS256; i <= ACME_JWS_HS512; i++) {
        if (acme_text_equal_nocase(name, macs[i].name)) {
            *alg = (acme_jws_mac_alg_t)i;
            return 0;
        }
    }
    return -1;
}

/* see acme_jws.h */
acme_err_t *acme_jws_mac(char **body, const acme_jws_mac_t *jws, apr_pool_t *pool)
{
    const char *header = apr_pstrcat(pool, "{\"alg\":\"", macs[jws->alg].name, "\"",
                                     member("kid", jws->kid, pool), member("url", jws->url, pool),
                                     "}", NULL);
    const char *protected = acme_text_base64url(header, strlen(header), pool);
    const char *payload = acme_text_base64url(jws->payload, strlen(jws->payload), pool);
    const char *input = apr_pstrcat(pool, protected, ".", payload, NULL);
    unsigned char code[EVP_MAX_MD_SIZE];
    size_t len = 0;
    if (EVP_Q_mac(NULL, "HMAC", NULL, macs[jws->alg].digest, NULL, jws->key, jws->key_len,
                  (const unsigned char *)input, strlen(input), code, sizeof(code), &len) == NULL) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot sign with the shared key");
    }
    *body = flattened(protected, payload, acme_text_base64url(code, len, pool), pool);
    return NULL;
}
