/* Private keys: made, read and written, and shown as JWK.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_key.h"

#include <assert.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "acme/acme_digest.h"
#include "acme/acme_text.h"

#include "acme_openssl.h"

#define RSA_BITS_DEFAULT 2048
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
#define PEM_MAX (64 * 1024)

struct acme_key_t {
    EVP_PKEY *pkey;
    acme_key_spec_t spec;
};

typedef struct {
    acme_key_type_t type;
    const char *name;      /* in records and on the status page */
    const char *text;      /* for people, and the JWK's crv */
    const char *group;     /* OpenSSL's */
    const char *suffix;    /* in file names */
    const char *algorithm; /* OpenSSL's */
    apr_size_t coordinate_size;
} kind_t;

static const kind_t kinds[] = {
    {ACME_KEY_P256, "p-256", "P-256", SN_X9_62_prime256v1, ".p-256", "EC", 32},
    {ACME_KEY_P384, "p-384", "P-384", SN_secp384r1, ".p-384", "EC", 48},
    {ACME_KEY_RSA, "rsa", "RSA", NULL, "", "RSA", 0},
};
#define KIND_COUNT (int)(sizeof(kinds) / sizeof(kinds[0]))

static const kind_t *kind_of(acme_key_type_t type)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    assert(!"no such type of key");
    return &kinds[0];
}

static int are_bits_ours(int bits)
{
    return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

/* see acme_openssl.h */
int acme_key__classify(acme_key_spec_t *spec, const EVP_PKEY *pkey)
{
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        spec->type = ACME_KEY_RSA;
        spec->bits = EVP_PKEY_get_bits(pkey);
        return are_bits_ours(spec->bits) ? 0 : -1;
    }
    char group[64];
    if (!EVP_PKEY_is_a(pkey, "EC") ||
        EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1) {
        return -1;
    }
    for (int i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].group != NULL &&
            (strcmp(group, kinds[i].group) == 0 || strcmp(group, kinds[i].text) == 0)) {
            spec->type = kinds[i].type;
            spec->bits = 0;
            return 0;
        }
    }
    return -1;
}

/* A key around @a pkey, whose reference goes over to @a pool in any case. */
static acme_err_t *adopt(acme_key_t **key, EVP_PKEY *pkey, apr_pool_t *pool)
{
    acme_openssl__own_pkey(pkey, pool);
    acme_key_t *made = apr_pcalloc(pool, sizeof(*made));
    made->pkey = pkey;
    if (acme_key__classify(&made->spec, pkey) != 0) {
        return acme_openssl__err(pool, ACME_ERR_INPUT,
                                 "this private key is neither P-256, P-384 nor RSA of 2048 to 4096 "
                                 "bits");
    }
    *key = made;
    return NULL;
}

/* see acme_key.h */
acme_err_t *acme_key_generate(acme_key_t **key, const acme_key_spec_t *spec, apr_pool_t *pool)
{
    if (spec->type == ACME_KEY_RSA && !are_bits_ours(spec->bits)) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "an RSA key of %d bits cannot be made: between 2048 and 4096 are "
                             "possible",
                             spec->bits);
    }
    EVP_PKEY *pkey = spec->type == ACME_KEY_RSA
                         ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)spec->bits)
                         : EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind_of(spec->type)->group);
    if (pkey == NULL) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot make a %s key",
                                 acme_key_spec_text(spec, pool));
    }
    return adopt(key, pkey, pool);
}

/* see acme_key.h */
acme_err_t *acme_key_from_pkey(acme_key_t **key, EVP_PKEY *pkey, apr_pool_t *pool)
{
    if (EVP_PKEY_up_ref(pkey) != 1) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot hold a private key");
    }
    return adopt(key, pkey, pool);
}

/* see acme_key.h */
acme_err_t *acme_key_from_der(acme_key_t **key, acme_key_type_t type, const unsigned char *der,
                              apr_size_t len, apr_pool_t *pool)
{
    const unsigned char *end = der;
    int id = type == ACME_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_EC;
    EVP_PKEY *pkey = len <= PEM_MAX ? d2i_PrivateKey(id, NULL, &end, (long)len) : NULL;
    if (pkey == NULL) {
        return acme_openssl__err(pool, ACME_ERR_INPUT, "this is not a private %s key in DER",
                                 kind_of(type)->text);
    }
    ERR_clear_error();
    acme_key_t *made;
    ACME_TRY(adopt(&made, pkey, pool));
    if (made->spec.type != type || end != der + len) {
        return acme_err_make(pool, ACME_ERR_INPUT, "this is not one private %s key in DER",
                             kind_of(type)->text);
    }
    *key = made;
    return NULL;
}

/* Without it OpenSSL would ask for a pass phrase on the terminal. */
static int no_pass_phrase(char *buffer, int size, int is_writing, void *baton)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)baton;
    return -1;
}

/* see acme_key.h */
acme_err_t *acme_key_from_pem(acme_key_t **key, const char *pem, apr_size_t len, apr_pool_t *pool)
{
    if (len > PEM_MAX) {
        return acme_err_make(pool, ACME_ERR_INPUT, "this is not a private key: it is too large");
    }
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;
    BIO_free(bio);
    if (pkey == NULL) {
        return acme_openssl__err(pool, ACME_ERR_INPUT,
                                 "this is not a private key in PEM without pass phrase");
    }
    ERR_clear_error();
    return adopt(key, pkey, pool);
}

/* see acme_key.h */
acme_err_t *acme_key_der(unsigned char **der, apr_size_t *len, const acme_key_t *key,
                         apr_pool_t *pool)
{
    unsigned char *written = NULL;
    int size = i2d_PrivateKey(key->pkey, &written);
    if (size <= 0) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot write a private key as DER");
    }
    *der = apr_pmemdup(pool, written, (apr_size_t)size);
    *len = (apr_size_t)size;
    OPENSSL_clear_free(written, (size_t)size);
    acme_openssl__wipe_later(*der, *len, pool);
    return NULL;
}

/* see acme_key.h */
acme_err_t *acme_key_pem(char **pem, const acme_key_t *key, apr_pool_t *pool)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    int is_written = bio != NULL &&
                     PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
    if (is_written) {
        char *bytes;
        apr_size_t size = (apr_size_t)BIO_get_mem_data(bio, &bytes);
        *pem = apr_pstrmemdup(pool, bytes, size);
        acme_openssl__wipe_later(*pem, size, pool);
    }
    BIO_free(bio);
    return is_written
               ? NULL
               : acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot write a private key as PEM");
}

/* see acme_key.h */
EVP_PKEY *acme_key_pkey(const acme_key_t *key)
{
    return key->pkey;
}

/* see acme_key.h */
void acme_key_spec(acme_key_spec_t *spec, const acme_key_t *key)
{
    *spec = key->spec;
}

/* One number of the public key in base64url; @a size 0: as few bytes as it needs. */
static acme_err_t *number(char **text, const acme_key_t *key, const char *param, apr_size_t size,
                          apr_pool_t *pool)
{
    BIGNUM *bn = NULL;
    unsigned char bytes[RSA_BITS_MAX / 8];
    int len = -1;
    if (EVP_PKEY_get_bn_param(key->pkey, param, &bn) == 1) {
        apr_size_t wanted = size > 0 ? size : (apr_size_t)BN_num_bytes(bn);
        /* RFC 7518 section 6.2.1.2: a coordinate keeps its leading zeros. */
        len = wanted <= sizeof(bytes) ? BN_bn2binpad(bn, bytes, (int)wanted) : -1;
    }
    BN_free(bn);
    if (len <= 0) {
        return acme_openssl__err(pool, ACME_ERR_INTERNAL, "cannot read a public key");
    }
    *text = acme_text_base64url(bytes, (apr_size_t)len, pool);
    return NULL;
}

/* see acme_key.h */
acme_err_t *acme_key_jwk(char **json, const acme_key_t *key, apr_pool_t *pool)
{
    const kind_t *kind = kind_of(key->spec.type);
    char *first;
    char *second;
    if (kind->type == ACME_KEY_RSA) {
        ACME_TRY(number(&first, key, OSSL_PKEY_PARAM_RSA_E, 0, pool));
        ACME_TRY(number(&second, key, OSSL_PKEY_PARAM_RSA_N, 0, pool));
        *json = apr_psprintf(pool, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", first, second);
        return NULL;
    }
    ACME_TRY(number(&first, key, OSSL_PKEY_PARAM_EC_PUB_X, kind->coordinate_size, pool));
    ACME_TRY(number(&second, key, OSSL_PKEY_PARAM_EC_PUB_Y, kind->coordinate_size, pool));
    *json = apr_psprintf(pool, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
                         kind->text, first, second);
    return NULL;
}

/* see acme_key.h */
acme_err_t *acme_key_thumbprint(char **thumbprint, const acme_key_t *key, apr_pool_t *pool)
{
    char *jwk;
    ACME_TRY(acme_key_jwk(&jwk, key, pool));
    *thumbprint = acme_digest_base64url(jwk, strlen(jwk), pool);
    return NULL;
}

static int is_number(const char *word)
{
    return *word != '\0' && word[strspn(word, "0123456789")] == '\0';
}

static acme_err_t *parse_bits(int *bits, const char *digits, apr_pool_t *pool)
{
    /* Five digits and more are refused unread: no number of them overflows. */
    *bits = strlen(digits) <= 4 ? (int)apr_atoi64(digits) : 0;
    if (!are_bits_ours(*bits) || *bits % 8 != 0) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "an RSA key of %s bits is not possible: write 2048 to 4096, in steps "
                             "of 8",
                             acme_text_clean(digits, 32, pool));
    }
    return NULL;
}

/* Every spelling of the curves. */
static int curve_of(acme_key_type_t *type, const char *word)
{
    static const struct {
        const char *word;
        acme_key_type_t type;
    } words[] = {
        {"default", ACME_KEY_P256},   {"p-256", ACME_KEY_P256},      {"p256", ACME_KEY_P256},
        {"secp256r1", ACME_KEY_P256}, {"prime256v1", ACME_KEY_P256}, {"p-384", ACME_KEY_P384},
        {"p384", ACME_KEY_P384},      {"secp384r1", ACME_KEY_P384},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (acme_text_equal_nocase(word, words[i].word)) {
            *type = words[i].type;
            return 0;
        }
    }
    return -1;
}

/* see acme_key.h */
acme_err_t *acme_key_spec_parse(acme_key_spec_t *spec, const char *const *argv, int argc, int *i,
                                apr_pool_t *pool)
{
    if (*i >= argc) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "a kind of key is missing: write P-256, P-384 or RSA 2048");
    }
    const char *word = argv[(*i)++];
    spec->bits = 0;
    if (curve_of(&spec->type, word) == 0) {
        return NULL;
    }
    char *folded = acme_text_lower(word, pool);
    const char *digits = folded + 3 + (strncmp(folded, "rsa-", 4) == 0);
    if (strncmp(folded, "rsa", 3) != 0 || (folded[3] != '\0' && !is_number(digits))) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "'%s' is not a kind of key: write P-256, P-384 or RSA with 2048 to "
                             "4096 bits",
                             acme_text_clean(word, 64, pool));
    }
    spec->type = ACME_KEY_RSA;
    spec->bits = RSA_BITS_DEFAULT;
    if (folded[3] != '\0') {
        return parse_bits(&spec->bits, digits, pool);
    }
    return *i < argc && is_number(argv[*i]) ? parse_bits(&spec->bits, argv[(*i)++], pool) : NULL;
}

/* see acme_key.h */
const char *acme_key_spec_text(const acme_key_spec_t *spec, apr_pool_t *pool)
{
    const char *text = kind_of(spec->type)->text;
    return spec->type == ACME_KEY_RSA ? apr_psprintf(pool, "%s %d", text, spec->bits) : text;
}

/* see acme_key.h */
const char *acme_key_type_suffix(acme_key_type_t type)
{
    return kind_of(type)->suffix;
}

/* see acme_key.h */
const char *acme_key_type_name(acme_key_type_t type)
{
    return kind_of(type)->name;
}

/* see acme_key.h */
int acme_key_type_parse(acme_key_type_t *type, const char *name)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            *type = kinds[i].type;
            return 0;
        }
    }
    return -1;
}

/* see acme_key.h */
int acme_key_type_same_slot(acme_key_type_t a, acme_key_type_t b)
{
    return strcmp(kind_of(a)->algorithm, kind_of(b)->algorithm) == 0;
}
