/* External account bindings: read leniently, written exactly.
 * SPDX-License-Identifier: Apache-2.0
 *
 * CAs print the HMAC key in all variants of base64, and some with bits behind its end that a strict
 * reader takes for damage. What counts are the bytes, so all of these are read.
 */
#include "acme/acme_eab.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"

#define KID_MAX 500
#define HMAC_MAX 1000

static apr_status_t wipe(void *baton)
{
    const acme_eab_t *eab = baton;
    OPENSSL_cleanse((unsigned char *)eab->key, eab->key_len);
    return APR_SUCCESS;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The six bits of a character, -1 if it is of no alphabet of RFC 4648. */
static int bits_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}

/* Only padding and white space may follow the key. */
static int is_padding(const char *text)
{
    while (*text == '=' || is_blank(*text)) {
        text++;
    }
    return *text == '\0';
}

/* The number of bytes, or -1. */
static int decode(unsigned char *bytes, const char *text)
{
    unsigned sum = 0;
    int characters = 0;
    int count = 0;
    for (; *text != '\0' && *text != '='; text++) {
        if (is_blank(*text)) {
            continue;
        }
        int bits = bits_of(*text);
        if (bits < 0) {
            return -1;
        }
        sum = (sum << 6 | (unsigned)bits) & 0xFFFFFF;
        if (characters++ % 4 != 0) {
            bytes[count++] = (unsigned char)(sum >> (6 - 2 * ((characters - 1) % 4)));
        }
    }
    return characters % 4 == 1 || !is_padding(text) ? -1 : count;
}

static int kid_ok(const char *kid)
{
    apr_size_t len = strlen(kid);
    for (const char *c = kid; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F) {
            return 0;
        }
    }
    return len > 0 && len <= KID_MAX;
}

acme_err_t *acme_eab_make(acme_eab_t **eab, const char *kid, const char *hmac,
                          acme_jws_mac_alg_t alg, apr_pool_t *pool)
{
    if (!kid_ok(kid)) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the key id must be 1 to %d characters without white space, as the CA "
                             "gave it",
                             KID_MAX);
    }
    acme_eab_t *made = apr_pcalloc(pool, sizeof(*made));
    unsigned char *key = apr_pcalloc(pool, HMAC_MAX);
    int len = strlen(hmac) <= HMAC_MAX ? decode(key, hmac) : -1;
    made->key = key;
    made->key_len = HMAC_MAX; /* wiped is what was decoded of a bad one, too */
    apr_pool_cleanup_register(pool, made, wipe, apr_pool_cleanup_null);
    if (len <= 0) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the HMAC key that belongs to the key id %s is not base64url: copy it "
                             "once more, whole, as the CA gave it",
                             kid);
    }
    made->key_len = (apr_size_t)len;
    made->kid = apr_pstrdup(pool, kid);
    made->alg = alg;
    *eab = made;
    return NULL;
}

static acme_err_t *read_members(acme_eab_t **eab, const json_t *object, apr_pool_t *pool)
{
    const json_t *kid = json_object_get(object, "kid");
    const json_t *hmac = json_object_get(object, "hmac");
    const json_t *name = json_object_get(object, "alg");
    acme_jws_mac_alg_t alg = ACME_JWS_HS256;
    if (!json_is_string(kid) || !json_is_string(hmac)) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "there must be the key id and the HMAC key of the CA: "
                             "{\"kid\": \"…\", \"hmac\": \"…\"}");
    }
    if (name != NULL &&
        (!json_is_string(name) || acme_jws_mac_parse(&alg, json_string_value(name)) != 0)) {
        return acme_err_make(pool, ACME_ERR_INPUT, "\"alg\" is HS256, HS384 or HS512");
    }
    return acme_eab_make(eab, json_string_value(kid), json_string_value(hmac), alg, pool);
}

/* jansson would free the text of the key as it is. */
static void wipe_hmac(json_t *object)
{
    json_t *hmac = json_object_get(object, "hmac");
    if (json_is_string(hmac)) {
        OPENSSL_cleanse((char *)json_string_value(hmac), json_string_length(hmac));
    }
}

acme_err_t *acme_eab_parse(acme_eab_t **eab, const char *text, apr_size_t len, apr_pool_t *pool)
{
    json_t *object;
    if (len > ACME_EAB_FILE_MAX) {
        return acme_err_make(pool, ACME_ERR_INPUT, "it is longer than %d bytes", ACME_EAB_FILE_MAX);
    }
    /* the reader of JSON may quote what it cannot read, and that is the secret */
    if (acme_json_parse(&object, text, len, "the binding", pool) != NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "this is not JSON of the form {\"kid\": \"…\", \"hmac\": \"…\"}");
    }
    acme_err_t *err = read_members(eab, object, pool);
    wipe_hmac(object);
    return err;
}

acme_err_t *acme_eab_bind(char **binding, const acme_eab_t *eab, const acme_key_t *account_key,
                          const char *new_account_url, apr_pool_t *pool)
{
    char *jwk;
    ACME_TRY(acme_key_jwk(&jwk, account_key, pool));
    const acme_jws_mac_t jws = {.alg = eab->alg,
                                .key = eab->key,
                                .key_len = eab->key_len,
                                .kid = eab->kid,
                                .url = new_account_url,
                                .payload = jwk};
    return acme_jws_mac(binding, &jws, pool);
}
