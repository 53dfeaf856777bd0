/* The seal: AES-256-GCM around secrets, HMAC-SHA256 under records.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each form and each label has a key of its own, HKDF-SHA256(secret, info = "mod_acme <form>
 * <label>"), so that nothing sealed for one purpose opens for another. HKDF's first half is the
 * same for all of them and is done once; the second is one HMAC, so no derived key is kept between
 * calls. What is kept is only copied, never used: a seal is shared by all threads without a lock.
 *
 * The bytes "<label> NUL <place> NUL" are authenticated before the content in both forms. Neither
 * can hold a NUL, so that no other pair gives the same bytes.
 *
 * A sealed record is the object's text up to its final '}', then the tail
 *
 *     ,\n"seal":"<43 digits>"}
 *
 * (no comma after an object without members), and the code covers what stands before the tail.
 */
#include "acme/acme_seal.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "acme/acme_text.h"

#include "acme_openssl.h"

#define KEY_LEN 32
#define NONCE_LEN 12
#define TAG_LEN 16
#define MAGIC "ACMESEAL1"
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define PLAIN_MAX (16 * 1024 * 1024)

#define TAIL_HEAD "\n\"seal\":\""
#define TAIL_HEAD_LEN (sizeof(TAIL_HEAD) - 1)
#define CODE_LEN 32
#define CODE_TEXT_LEN 43
#define TAIL_END "\"}"
#define TAIL_END_LEN (sizeof(TAIL_END) - 1)
#define TAIL_LEN (TAIL_HEAD_LEN + CODE_TEXT_LEN + TAIL_END_LEN)

struct acme_seal_t {
    EVP_MAC_CTX *extracted; /* HMAC-SHA256, ready with HKDF's pseudorandom key; NULL: it failed */
};

static apr_status_t forget(void *data)
{
    acme_seal_t *seal = data;
    EVP_MAC_CTX_free(seal->extracted);
    return APR_SUCCESS;
}

/* An HMAC-SHA256 whose key is the seal's pseudorandom one, NULL if that cannot be: HKDF-Extract
 * (RFC 5869 section 2.2) without salt, for the secret is uniform. */
static EVP_MAC_CTX *extract(const unsigned char secret[ACME_SEAL_SECRET_LEN])
{
    static const unsigned char no_salt[KEY_LEN];
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    unsigned char key[KEY_LEN];
    size_t len = 0;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    int is_done = context != NULL && EVP_MAC_init(context, no_salt, KEY_LEN, params) == 1 &&
                  EVP_MAC_update(context, secret, ACME_SEAL_SECRET_LEN) == 1 &&
                  EVP_MAC_final(context, key, &len, KEY_LEN) == 1 && len == KEY_LEN &&
                  EVP_MAC_init(context, key, KEY_LEN, NULL) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    EVP_MAC_free(mac); /* the context holds it, too */
    if (!is_done) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

/* see acme_seal.h */
acme_seal_t *acme_seal_create(const unsigned char secret[ACME_SEAL_SECRET_LEN], apr_pool_t *pool)
{
    acme_seal_t *seal = apr_palloc(pool, sizeof(*seal));
    seal->extracted = extract(secret);
    apr_pool_cleanup_register(pool, seal, forget, apr_pool_cleanup_null);
    return seal;
}

/* What both forms authenticate first. */
static unsigned char *binding(apr_size_t *len, const char *label, const char *place,
                              apr_pool_t *pool)
{
    apr_size_t label_size = strlen(label) + 1;
    apr_size_t place_size = strlen(place) + 1;
    unsigned char *bytes = apr_palloc(pool, label_size + place_size);
    memcpy(bytes, label, label_size);
    memcpy(bytes + label_size, place, place_size);
    *len = label_size + place_size;
    return bytes;
}

/* HKDF-Expand (RFC 5869 section 2.3): no more bytes than a digest has are one round of it. */
static int expand(unsigned char key[KEY_LEN], EVP_MAC_CTX *extracted, const char *info)
{
    static const unsigned char first_round = 1;
    size_t len = 0;
    return EVP_MAC_update(extracted, (const unsigned char *)info, strlen(info)) == 1 &&
           EVP_MAC_update(extracted, &first_round, 1) == 1 &&
           EVP_MAC_final(extracted, key, &len, KEY_LEN) == 1 && len == KEY_LEN;
}

/* The key of a form and a label. */
static acme_err_t *derive(unsigned char key[KEY_LEN], const acme_seal_t *seal, const char *form,
                          const char *label, apr_pool_t *pool)
{
    const char *info = apr_pstrcat(pool, "mod_acme ", form, " ", label, NULL);
    EVP_MAC_CTX *context = seal->extracted != NULL ? EVP_MAC_CTX_dup(seal->extracted) : NULL;
    int is_done = context != NULL && expand(key, context, info);
    EVP_MAC_CTX_free(context);
    return is_done ? NULL
                   : acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot derive the key of a seal");
}

/* The ciphertext and its tag to @a out, which has room for both. */
static int encrypt(unsigned char *out, const unsigned char key[KEY_LEN], const unsigned char *nonce,
                   const unsigned char *bound, apr_size_t bound_len, const unsigned char *plain,
                   apr_size_t plain_len)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int len;
    int is_done = context != NULL &&
                  EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                  EVP_EncryptUpdate(context, NULL, &len, bound, (int)bound_len) == 1 &&
                  EVP_EncryptUpdate(context, out, &len, plain, (int)plain_len) == 1 &&
                  EVP_EncryptFinal_ex(context, out + len, &len) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_LEN, out + plain_len) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_done ? 0 : -1;
}

/* @a in is the ciphertext, followed by its tag. */
static int decrypt(unsigned char *plain, apr_size_t plain_len, const unsigned char key[KEY_LEN],
                   const unsigned char *nonce, const unsigned char *bound, apr_size_t bound_len,
                   const unsigned char *in)
{
    unsigned char tag[TAG_LEN];
    memcpy(tag, in + plain_len, TAG_LEN);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int len;
    int is_done = context != NULL &&
                  EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                  EVP_DecryptUpdate(context, NULL, &len, bound, (int)bound_len) == 1 &&
                  EVP_DecryptUpdate(context, plain, &len, in, (int)plain_len) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1 &&
                  EVP_DecryptFinal_ex(context, plain + len, &len) == 1;
    EVP_CIPHER_CTX_free(context);
    return is_done ? 0 : -1;
}

/* see acme_seal.h */
acme_err_t *acme_seal_close_secret(char **sealed, apr_size_t *sealed_len, const acme_seal_t *seal,
                                   const char *label, const char *place, const char *plain,
                                   apr_size_t plain_len, const acme_env_t *env, apr_pool_t *pool)
{
    if (plain_len > PLAIN_MAX) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s is too large to be sealed", place);
    }
    apr_size_t len = MAGIC_LEN + NONCE_LEN + plain_len + TAG_LEN;
    unsigned char *out = apr_palloc(pool, len);
    unsigned char *nonce = out + MAGIC_LEN;
    memcpy(out, MAGIC, MAGIC_LEN);
    ACME_TRY(acme_env_random(env, nonce, NONCE_LEN, pool));

    apr_size_t bound_len;
    const unsigned char *bound = binding(&bound_len, label, place, pool);
    unsigned char key[KEY_LEN];
    ACME_TRY(derive(key, seal, "secret", label, pool));
    int rc = encrypt(nonce + NONCE_LEN, key, nonce, bound, bound_len, (const unsigned char *)plain,
                     plain_len);
    OPENSSL_cleanse(key, sizeof(key));
    if (rc != 0) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot seal %s", place);
    }
    *sealed = (char *)out;
    *sealed_len = len;
    return NULL;
}

static acme_err_t *not_ours(const char *label, const char *place, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT,
                         "%s (%s) is not believed: its seal was not made by this server for this "
                         "place",
                         acme_text_clean(place, 512, pool), label);
}

/* see acme_seal.h */
acme_err_t *acme_seal_open_secret(char **plain, apr_size_t *plain_len, const acme_seal_t *seal,
                                  const char *label, const char *place, const char *sealed,
                                  apr_size_t sealed_len, apr_pool_t *pool)
{
    const apr_size_t around = MAGIC_LEN + NONCE_LEN + TAG_LEN;
    if (sealed_len < around || sealed_len - around > PLAIN_MAX ||
        memcmp(sealed, MAGIC, MAGIC_LEN) != 0) {
        return not_ours(label, place, pool);
    }
    apr_size_t len = sealed_len - around;
    const unsigned char *nonce = (const unsigned char *)sealed + MAGIC_LEN;
    char *out = apr_palloc(pool, len + 1);
    acme_openssl__wipe_later(out, len, pool);

    apr_size_t bound_len;
    const unsigned char *bound = binding(&bound_len, label, place, pool);
    unsigned char key[KEY_LEN];
    ACME_TRY(derive(key, seal, "secret", label, pool));
    int rc = decrypt((unsigned char *)out, len, key, nonce, bound, bound_len, nonce + NONCE_LEN);
    OPENSSL_cleanse(key, sizeof(key));
    if (rc != 0) {
        /* What was decrypted before the tag was found wrong is nobody's business. */
        OPENSSL_cleanse(out, len);
        ERR_clear_error();
        return not_ours(label, place, pool);
    }
    out[len] = '\0';
    *plain = out;
    *plain_len = len;
    return NULL;
}

/* HMAC-SHA256 over the binding and @a text. */
static int authenticate(unsigned char code[CODE_LEN], const acme_seal_t *seal,
                        const unsigned char key[KEY_LEN], const unsigned char *bound,
                        apr_size_t bound_len, const char *text, apr_size_t text_len)
{
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(seal->extracted); /* of which only the digest remains */
    size_t len = 0;
    int is_done = context != NULL && EVP_MAC_init(context, key, KEY_LEN, NULL) == 1 &&
                  EVP_MAC_update(context, bound, bound_len) == 1 &&
                  EVP_MAC_update(context, (const unsigned char *)text, text_len) == 1 &&
                  EVP_MAC_final(context, code, &len, CODE_LEN) == 1 && len == CODE_LEN;
    EVP_MAC_CTX_free(context);
    return is_done ? 0 : -1;
}

/* The 43 digits that belong in a record's tail. */
static acme_err_t *record_code(char **digits, const acme_seal_t *seal, const char *label,
                               const char *place, const char *text, apr_size_t text_len,
                               apr_pool_t *pool)
{
    apr_size_t bound_len;
    const unsigned char *bound = binding(&bound_len, label, place, pool);
    unsigned char key[KEY_LEN];
    unsigned char code[CODE_LEN];
    ACME_TRY(derive(key, seal, "record", label, pool));
    int rc = authenticate(code, seal, key, bound, bound_len, text, text_len);
    OPENSSL_cleanse(key, sizeof(key));
    if (rc != 0) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot compute the seal of %s", place);
    }
    *digits = acme_text_base64url(code, sizeof(code), pool);
    return NULL;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static apr_size_t without_final_space(const char *text, apr_size_t len)
{
    while (len > 0 && is_space(text[len - 1])) {
        len--;
    }
    return len;
}

/* Nonzero if @a text, an object without its final '}', has no members: then no comma is due. */
static int is_without_members(const char *text, apr_size_t len)
{
    apr_size_t end = without_final_space(text, len);
    apr_size_t start = 0;
    while (start < end && is_space(text[start])) {
        start++;
    }
    return end - start == 1 && text[start] == '{';
}

/* see acme_seal.h */
acme_err_t *acme_seal_close_record(char **sealed, apr_size_t *sealed_len, const acme_seal_t *seal,
                                   const char *label, const char *place, const char *json,
                                   apr_size_t json_len, apr_pool_t *pool)
{
    apr_size_t len = without_final_space(json, json_len);
    if (len < 2 || json[len - 1] != '}') {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s cannot be sealed: it is not an object",
                             place);
    }
    len--;
    char *digits;
    ACME_TRY(record_code(&digits, seal, label, place, json, len, pool));
    const char *comma = is_without_members(json, len) ? "" : ",";
    char *out = apr_palloc(pool, len + 1 + TAIL_LEN + 1);
    memcpy(out, json, len);
    apr_snprintf(out + len, 1 + TAIL_LEN + 1, "%s" TAIL_HEAD "%s" TAIL_END, comma, digits);
    *sealed = out;
    *sealed_len = len + strlen(comma) + TAIL_LEN;
    return NULL;
}

/* Where the tail begins in @a sealed, whose final white space is already left away; what stands
 * before it, without the comma, in *text_len. NULL if there is no tail as we write it. */
static const char *find_tail(apr_size_t *text_len, const char *sealed, apr_size_t len)
{
    if (len < TAIL_LEN + 1) {
        return NULL;
    }
    const char *tail = sealed + len - TAIL_LEN;
    if (memcmp(tail, TAIL_HEAD, TAIL_HEAD_LEN) != 0 ||
        memcmp(sealed + len - TAIL_END_LEN, TAIL_END, TAIL_END_LEN) != 0) {
        return NULL;
    }
    apr_size_t before = len - TAIL_LEN;
    int has_comma = sealed[before - 1] == ',';
    *text_len = before - (apr_size_t)has_comma;
    return has_comma != is_without_members(sealed, *text_len) ? tail : NULL;
}

/* see acme_seal.h */
acme_err_t *acme_seal_open_record(char **json, apr_size_t *json_len, const acme_seal_t *seal,
                                  const char *label, const char *place, const char *sealed,
                                  apr_size_t sealed_len, apr_pool_t *pool)
{
    apr_size_t len;
    const char *tail = find_tail(&len, sealed, without_final_space(sealed, sealed_len));
    if (tail == NULL) {
        return not_ours(label, place, pool);
    }
    char *digits;
    ACME_TRY(record_code(&digits, seal, label, place, sealed, len, pool));
    if (CRYPTO_memcmp(digits, tail + TAIL_HEAD_LEN, CODE_TEXT_LEN) != 0) {
        return not_ours(label, place, pool);
    }
    char *out = apr_palloc(pool, len + 2);
    memcpy(out, sealed, len);
    memcpy(out + len, "}", 2);
    *json = out;
    *json_len = len + 1;
    return NULL;
}
