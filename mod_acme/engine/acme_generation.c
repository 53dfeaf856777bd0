/* A generation in live/: written so that it counts whole or not at all, read back and judged.
 * SPDX-License-Identifier: Apache-2.0
 *
 * live/<folder>/<n>, encrypted by the store:
 *
 *   {"version":1, "name":FOLDER, "generation":n, "made":TIME, "certificates":[
 *      {"type":"p-256", "ca-url":URL, "account-url":URL, "profile":…, "made":TIME,
 *       "must-staple-ordered":…, "chain":PEM, "key":base64url of the traditional DER}, …]}
 *
 * live/<folder>/current, readable but sealed:
 *
 *   {"version":1, "generation":n, "made":TIME, "cert":[
 *      {"type":"p-256", "valid":{"from":TIME, "until":TIME}, "domains":[…], "serial":…,
 *       "sha256-fingerprint":…, "issuer-name":…, "ari-cert-id":…, "ca-url":URL, "account-url":URL,
 *       "profile":…, "must-staple-ordered":…, "must-staple":…, "made":TIME, "revoked":TIME}, …]}
 *
 * 1. <n> is complete on disk before `current` names it, so what counts can always be read.
 * 2. What counts never goes down: a write with a number that is not above it is refused.
 * 3. A key type that this version does not know is left out, not an error: a newer version may have
 *    written it before we were installed again.
 * 4. Every copy of a private key that we make on the way is wiped; what remains is the key itself.
 */
#include "acme/acme_generation.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_identifier.h"
#include "acme/acme_json.h"
#include "acme/acme_text.h"

#define FORMAT_VERSION 1
#define CURRENT "current"
/* More certificates than this no domain has: there are three types of key. */
#define MAX_CERTIFICATES 8
#define MAX_IDENTIFIERS 1000
#define MAX_ISSUER_NAME 200
/* ACME_BELL_NONE and what JSON cannot hold are no generations. */
#define MAX_NUMBER ((apr_uint64_t)APR_INT64_MAX)

static char *number_path(const char *folder, apr_uint64_t number, apr_pool_t *pool)
{
    return acme_store_path(pool, "live", folder, apr_psprintf(pool, "%" APR_UINT64_T_FMT, number));
}

static acme_err_t *damaged(const char *folder, const char *what, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT,
                         "live/%s: %s; remove this folder, it is made again from domains/ or by "
                         "a new order",
                         folder, what);
}

/* The number in @a object, 0 if there is no proper one. */
static apr_uint64_t read_number(const json_t *object)
{
    json_int_t number = acme_json_int(object, "generation", 0);
    return number > 0 ? (apr_uint64_t)number : 0;
}

static int read_type(acme_key_type_t *type, const json_t *object)
{
    const json_t *name = json_object_get(object, "type");
    return json_is_string(name) ? acme_key_type_parse(type, json_string_value(name)) : -1;
}

/* ---- facts */

static acme_err_t *read_identifiers(const apr_array_header_t **identifiers, const json_t *object,
                                    apr_pool_t *pool)
{
    const apr_array_header_t *names = acme_json_strings(object, "domains", MAX_IDENTIFIERS, pool);
    apr_array_header_t *read =
        apr_array_make(pool, names->nelts, sizeof(const acme_identifier_t *));
    for (int i = 0; i < names->nelts; i++) {
        acme_identifier_t *identifier;
        ACME_TRY(acme_identifier_parse(&identifier, APR_ARRAY_IDX(names, i, const char *), pool));
        APR_ARRAY_PUSH(read, const acme_identifier_t *) = identifier;
    }
    *identifiers = read;
    return NULL;
}

static acme_err_t *read_fact(acme_generation_fact_t *fact, const json_t *object, const char *folder,
                             apr_pool_t *pool)
{
    const json_t *valid = json_object_get(object, "valid");
    fact->not_before = acme_json_time(valid, "from");
    fact->not_after = acme_json_time(valid, "until");
    fact->serial = acme_json_string(object, "serial", pool);
    fact->sha256 = acme_json_string(object, "sha256-fingerprint", pool);
    fact->issuer_name = acme_json_string(object, "issuer-name", pool);
    fact->ca_url = acme_json_url(object, "ca-url", pool);
    fact->account_url = acme_json_url(object, "account-url", pool);
    fact->profile = acme_json_string(object, "profile", pool);
    fact->must_staple = acme_json_bool(object, "must-staple-ordered", 0);
    fact->has_must_staple = acme_json_bool(object, "must-staple", 0);
    fact->made = acme_json_time(object, "made");
    fact->certid = acme_json_string(object, "ari-cert-id", pool);
    fact->revoked = acme_json_time(object, "revoked");
    ACME_TRY(read_identifiers(&fact->identifiers, object, pool));
    if (fact->not_after <= fact->not_before || fact->serial == NULL || fact->sha256 == NULL ||
        fact->identifiers->nelts == 0) {
        return damaged(folder, "current says too little about a certificate", pool);
    }
    fact->issuer_name = fact->issuer_name != NULL ? fact->issuer_name : "";
    return NULL;
}

/* What was made in the future was so by a clock that was ahead, and is not to be planned by. */
static acme_err_t *read_facts(acme_generation_facts_t *facts, const json_t *object,
                              const char *folder, apr_time_t now, apr_pool_t *pool)
{
    const json_t *certificates = json_object_get(object, "cert");
    apr_array_header_t *read = apr_array_make(pool, 2, sizeof(acme_generation_fact_t));
    facts->number = read_number(object);
    facts->made = acme_json_time(object, "made");
    facts->certificates = read;
    if (facts->number == 0 || json_array_size(certificates) > MAX_CERTIFICATES) {
        return damaged(folder, "current names no generation", pool);
    }
    for (size_t i = 0; i < json_array_size(certificates); i++) {
        const json_t *certificate = json_array_get(certificates, i);
        acme_generation_fact_t fact = {0};
        if (read_type(&fact.type, certificate) == 0 &&
            acme_generation_fact(facts, fact.type) == NULL) {
            ACME_TRY(read_fact(&fact, certificate, folder, pool));
            fact.made = fact.made > now ? fact.not_before : fact.made;
            APR_ARRAY_PUSH(read, acme_generation_fact_t) = fact;
        }
    }
    return read->nelts > 0 ? NULL : damaged(folder, "current names no certificate", pool);
}

/* `current` as JSON, NULL if there is none. */
static acme_err_t *read_current(json_t **object, const acme_store_t *store, const char *folder,
                                apr_pool_t *pool)
{
    char *text;
    apr_size_t len;
    const char *path = acme_store_path(pool, "live", folder, CURRENT);
    *object = NULL;
    ACME_TRY(acme_store_get(&text, &len, store, path, pool));
    return text != NULL ? acme_json_parse(object, text, len, path, pool) : NULL;
}

acme_err_t *acme_generation_facts_read(acme_generation_facts_t **facts, const acme_store_t *store,
                                       const char *folder, apr_pool_t *pool)
{
    json_t *object;
    *facts = NULL;
    ACME_TRY(read_current(&object, store, folder, pool));
    if (object == NULL) {
        return NULL;
    }
    acme_generation_facts_t *read = apr_pcalloc(pool, sizeof(*read));
    ACME_TRY(read_facts(read, object, folder, acme_env_now(store->env), pool));
    *facts = read;
    return NULL;
}

static apr_array_header_t *identifier_values(const apr_array_header_t *identifiers,
                                             apr_pool_t *pool)
{
    apr_array_header_t *values = apr_array_make(pool, identifiers->nelts, sizeof(const char *));
    for (int i = 0; i < identifiers->nelts; i++) {
        APR_ARRAY_PUSH(values, const char *) =
            APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *)->value;
    }
    return values;
}

/* NULL also where it cannot be told: then the CA is not asked about the certificate. */
static const char *certid_of(const acme_chain_t *chain, apr_pool_t *pool)
{
    char *certid = NULL;
    return acme_chain_certid(&certid, chain, pool) == NULL ? certid : NULL;
}

void acme_generation_fact_fill(acme_generation_fact_t *fact,
                               const acme_generation_certificate_t *certificate, apr_pool_t *pool)
{
    const acme_chain_t *chain = certificate->chain;
    *fact = (acme_generation_fact_t){
        .type = certificate->type,
        .not_before = chain->not_before,
        .not_after = chain->not_after,
        .identifiers = chain->identifiers,
        .serial = apr_pstrdup(pool, chain->serial),
        .sha256 = apr_pstrdup(pool, chain->sha256),
        .issuer_name = acme_text_clean(chain->issuer_name, MAX_ISSUER_NAME, pool),
        .ca_url = apr_pstrdup(pool, certificate->ca_url),
        .account_url = apr_pstrdup(pool, certificate->account_url),
        .profile = apr_pstrdup(pool, certificate->profile),
        .must_staple = certificate->must_staple,
        .has_must_staple = chain->has_must_staple,
        .made = certificate->made,
        .certid = certid_of(chain, pool)};
}

static json_t *fact_json(const acme_generation_certificate_t *certificate, apr_pool_t *pool)
{
    const acme_chain_t *chain = certificate->chain;
    json_t *fact = json_object();
    json_t *valid = json_object();
    acme_json_set_time(valid, "from", chain->not_before);
    acme_json_set_time(valid, "until", chain->not_after);
    acme_json_set_string(fact, "type", acme_key_type_name(certificate->type));
    json_object_set_new(fact, "valid", valid);
    acme_json_set_strings(fact, "domains", identifier_values(chain->identifiers, pool));
    acme_json_set_string(fact, "serial", chain->serial);
    acme_json_set_string(fact, "sha256-fingerprint", chain->sha256);
    acme_json_set_string(fact, "issuer-name",
                         acme_text_clean(chain->issuer_name, MAX_ISSUER_NAME, pool));
    acme_json_set_string(fact, "ari-cert-id", certid_of(chain, pool));
    acme_json_set_string(fact, "ca-url", certificate->ca_url);
    acme_json_set_string(fact, "account-url", certificate->account_url);
    acme_json_set_string(fact, "profile", certificate->profile);
    acme_json_set_bool(fact, "must-staple-ordered", certificate->must_staple);
    acme_json_set_bool(fact, "must-staple", chain->has_must_staple);
    acme_json_set_time(fact, "made", certificate->made);
    return fact;
}

/* What `current` says of the certificate with this fingerprint; NULL if it does not know it. */
static json_t *find_fact(const json_t *object, const char *sha256)
{
    const json_t *certificates = json_object_get(object, "cert");
    for (size_t i = 0; i < json_array_size(certificates); i++) {
        json_t *fact = json_array_get(certificates, i);
        const json_t *fingerprint = json_object_get(fact, "sha256-fingerprint");
        if (json_is_string(fingerprint) && strcmp(json_string_value(fingerprint), sha256) == 0) {
            return fact;
        }
    }
    return NULL;
}

acme_err_t *acme_generation_revoked(const acme_store_t *store, const char *folder,
                                    const char *sha256, apr_time_t when, apr_pool_t *scratch_pool)
{
    json_t *object;
    ACME_TRY(read_current(&object, store, folder, scratch_pool));
    json_t *fact = object != NULL ? find_fact(object, sha256) : NULL;
    if (fact == NULL) {
        return NULL;
    }
    acme_json_set_time(fact, "revoked", when);
    const char *text = acme_json_text(object, 1, scratch_pool);
    return acme_store_put(store, acme_store_path(scratch_pool, "live", folder, CURRENT), text,
                          strlen(text), scratch_pool);
}

/* Makes @a generation the one that counts. What `current` said beyond our knowledge is kept. */
static acme_err_t *write_current(const acme_store_t *store, const char *folder,
                                 const acme_generation_t *generation, apr_pool_t *pool)
{
    json_t *object;
    acme_err_t *err = read_current(&object, store, folder, pool);
    if (err != NULL && err->errclass != ACME_ERR_INPUT) {
        return err;
    }
    if (err != NULL || object == NULL) {
        object = acme_json_object(pool);
    }
    json_t *certificates = json_array();
    for (int i = 0; i < generation->certificates->nelts; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        json_t *fact = fact_json(certificate, pool);
        acme_json_set_time(
            fact, "revoked",
            acme_json_time(find_fact(object, certificate->chain->sha256), "revoked"));
        json_array_append_new(certificates, fact);
    }
    acme_json_set_int(object, "version", FORMAT_VERSION);
    acme_json_set_int(object, "generation", (json_int_t)generation->number);
    acme_json_set_time(object, "made", generation->made);
    json_object_set_new(object, "cert", certificates);
    const char *text = acme_json_text(object, 1, pool);
    return acme_store_put(store, acme_store_path(pool, "live", folder, CURRENT), text, strlen(text),
                          pool);
}

/* ---- the generation itself */

/* The text of a private key inside a JSON value is overwritten where it lies: jansson owns it and
 * would free it as it is. */
static void wipe_key(json_t *certificate)
{
    json_t *key = json_object_get(certificate, "key");
    if (json_is_string(key)) {
        OPENSSL_cleanse((char *)json_string_value(key), json_string_length(key));
    }
}

static void wipe_keys(json_t *object)
{
    json_t *certificates = json_object_get(object, "certificates");
    for (size_t i = 0; i < json_array_size(certificates); i++) {
        wipe_key(json_array_get(certificates, i));
    }
}

static acme_err_t *read_key(acme_key_t **key, acme_key_type_t type, const json_t *certificate,
                            const char *folder, apr_pool_t *pool)
{
    const json_t *text = json_object_get(certificate, "key");
    unsigned char *der;
    apr_size_t len;
    if (!json_is_string(text)) {
        return damaged(folder, "a certificate is without its key", pool);
    }
    ACME_TRY(acme_text_base64url_decode(&der, &len, json_string_value(text), pool));
    acme_err_t *err = acme_key_from_der(key, type, der, len, pool);
    OPENSSL_cleanse(der, len);
    return err;
}

static acme_err_t *read_certificate(acme_generation_certificate_t *certificate,
                                    const json_t *object, const char *folder, apr_pool_t *pool)
{
    const json_t *pem = json_object_get(object, "chain");
    acme_key_t *key;
    acme_chain_t *chain;
    if (!json_is_string(pem)) {
        return damaged(folder, "a key is without its certificate", pool);
    }
    ACME_TRY(acme_chain_parse(&chain, json_string_value(pem), json_string_length(pem), pool));
    ACME_TRY(read_key(&key, certificate->type, object, folder, pool));
    ACME_TRY(acme_chain_fits_key(chain, key, pool));
    certificate->chain = chain;
    certificate->key = key;
    certificate->ca_url = acme_json_url(object, "ca-url", pool);
    certificate->account_url = acme_json_url(object, "account-url", pool);
    certificate->profile = acme_json_string(object, "profile", pool);
    certificate->must_staple = acme_json_bool(object, "must-staple-ordered", 0);
    certificate->made = acme_json_time(object, "made");
    return NULL;
}

static acme_err_t *read_certificates(acme_generation_t *generation, const json_t *object,
                                     const char *folder, apr_pool_t *pool)
{
    const json_t *certificates = json_object_get(object, "certificates");
    apr_array_header_t *read = apr_array_make(pool, 2, sizeof(acme_generation_certificate_t));
    generation->certificates = read;
    for (size_t i = 0; i < json_array_size(certificates) && i < MAX_CERTIFICATES; i++) {
        const json_t *member = json_array_get(certificates, i);
        acme_generation_certificate_t certificate = {0};
        if (read_type(&certificate.type, member) == 0 &&
            acme_generation_certificate(generation, certificate.type) == NULL) {
            ACME_TRY(read_certificate(&certificate, member, folder, pool));
            APR_ARRAY_PUSH(read, acme_generation_certificate_t) = certificate;
        }
    }
    return read->nelts > 0 ? NULL : damaged(folder, "a generation has no certificate", pool);
}

acme_err_t *acme_generation_read(acme_generation_t **generation, const acme_store_t *store,
                                 const char *folder, apr_uint64_t number, apr_pool_t *pool)
{
    char *text;
    apr_size_t len;
    json_t *object;
    const char *path = number_path(folder, number, pool);
    *generation = NULL;
    ACME_TRY(acme_store_get(&text, &len, store, path, pool));
    if (text == NULL) {
        return NULL;
    }
    acme_err_t *err = acme_json_parse(&object, text, len, path, pool);
    OPENSSL_cleanse(text, len);
    ACME_TRY(err);
    acme_generation_t *read = apr_pcalloc(pool, sizeof(*read));
    read->number = read_number(object);
    read->made = acme_json_time(object, "made");
    if (read->number != number) {
        err = damaged(folder, "a generation has the number of another one", pool);
    }
    else {
        err = read_certificates(read, object, folder, pool);
    }
    wipe_keys(object);
    ACME_TRY(acme_err_wrap(pool, err, "while reading %s", path));
    *generation = read;
    return NULL;
}

static acme_err_t *certificate_json(json_t **object,
                                    const acme_generation_certificate_t *certificate,
                                    apr_pool_t *pool)
{
    unsigned char *der;
    apr_size_t len;
    ACME_TRY(acme_key_der(&der, &len, certificate->key, pool));
    char *key = acme_text_base64url(der, len, pool);
    *object = json_object();
    acme_json_set_string(*object, "type", acme_key_type_name(certificate->type));
    acme_json_set_string(*object, "ca-url", certificate->ca_url);
    acme_json_set_string(*object, "account-url", certificate->account_url);
    acme_json_set_string(*object, "profile", certificate->profile);
    acme_json_set_bool(*object, "must-staple-ordered", certificate->must_staple);
    acme_json_set_time(*object, "made", certificate->made);
    acme_json_set_string(*object, "chain", certificate->chain->pem);
    acme_json_set_string(*object, "key", key);
    OPENSSL_cleanse(key, strlen(key));
    OPENSSL_cleanse(der, len);
    return NULL;
}

static acme_err_t *generation_json(json_t *object, const char *folder,
                                   const acme_generation_t *generation, apr_pool_t *pool)
{
    acme_json_set_int(object, "version", FORMAT_VERSION);
    acme_json_set_string(object, "name", folder);
    acme_json_set_int(object, "generation", (json_int_t)generation->number);
    acme_json_set_time(object, "made", generation->made);
    json_t *certificates = json_array();
    json_object_set_new(object, "certificates", certificates);
    for (int i = 0; i < generation->certificates->nelts; i++) {
        json_t *certificate;
        ACME_TRY(certificate_json(
            &certificate,
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t), pool));
        json_array_append_new(certificates, certificate);
    }
    return NULL;
}

/* Not acme_json_text, which leaves a copy of its own behind: jansson writes into our buffer. */
static acme_err_t *put_wiping(const acme_store_t *store, const char *path, const json_t *object,
                              apr_pool_t *pool)
{
    apr_size_t size = json_dumpb(object, NULL, 0, JSON_COMPACT);
    char *text = apr_palloc(pool, size + 1);
    apr_size_t len = json_dumpb(object, text, size, JSON_COMPACT);
    if (size == 0 || len != size) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s could not be written as JSON", path);
    }
    text[len] = '\0';
    acme_err_t *err = acme_store_put(store, path, text, len, pool);
    OPENSSL_cleanse(text, len);
    return err;
}

static acme_err_t *write_number(const acme_store_t *store, const char *folder,
                                const acme_generation_t *generation, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    acme_err_t *err = generation_json(object, folder, generation, pool);
    if (err == NULL) {
        err = put_wiping(store, number_path(folder, generation->number, pool), object, pool);
    }
    wipe_keys(object);
    return err;
}

/* ---- numbers */

/* The number that a file's name says, 0 if it is another file. */
static apr_uint64_t name_number(const char *name)
{
    apr_size_t len = strlen(name);
    if (len == 0 || len > 18 || name[0] == '0' || strspn(name, "0123456789") != len) {
        return 0;
    }
    return (apr_uint64_t)apr_strtoi64(name, NULL, 10);
}

static int compare_numbers(const void *a, const void *b)
{
    apr_uint64_t x = *(const apr_uint64_t *)a;
    apr_uint64_t y = *(const apr_uint64_t *)b;
    return (x < y) - (x > y);
}

/* All numbers with a file in live/<folder>, the highest first. */
static acme_err_t *list_numbers(apr_array_header_t **numbers, const acme_store_t *store,
                                const char *folder, apr_pool_t *pool)
{
    apr_array_header_t *names;
    *numbers = apr_array_make(pool, ACME_GENERATION_KEEP + 2, sizeof(apr_uint64_t));
    ACME_TRY(acme_store_list(&names, store, acme_store_path(pool, "live", folder, NULL), pool));
    for (int i = 0; i < names->nelts; i++) {
        apr_uint64_t number = name_number(APR_ARRAY_IDX(names, i, const char *));
        if (number > 0) {
            APR_ARRAY_PUSH(*numbers, apr_uint64_t) = number;
        }
    }
    qsort((*numbers)->elts, (size_t)(*numbers)->nelts, sizeof(apr_uint64_t), compare_numbers);
    return NULL;
}

/* The number that counts; 0 if none does, or `current` cannot be understood. */
static acme_err_t *counting_number(apr_uint64_t *number, const acme_store_t *store,
                                   const char *folder, apr_pool_t *pool)
{
    acme_generation_facts_t *facts;
    acme_err_t *err = acme_generation_facts_read(&facts, store, folder, pool);
    *number = err == NULL && facts != NULL ? facts->number : 0;
    return err != NULL && err->errclass != ACME_ERR_INPUT ? err : NULL;
}

acme_err_t *acme_generation_next(apr_uint64_t *number, const acme_store_t *store,
                                 const char *folder, apr_pool_t *scratch_pool)
{
    apr_array_header_t *numbers;
    apr_uint64_t highest;
    ACME_TRY(counting_number(&highest, store, folder, scratch_pool));
    ACME_TRY(list_numbers(&numbers, store, folder, scratch_pool));
    if (numbers->nelts > 0 && APR_ARRAY_IDX(numbers, 0, apr_uint64_t) > highest) {
        highest = APR_ARRAY_IDX(numbers, 0, apr_uint64_t);
    }
    *number = highest + 1;
    return NULL;
}

/* Only growing numbers. Where `current` is lost or damaged, the files say what was served; the
 * highest of them may be one that never counted (we died before `current`) and may be written
 * again. */
static acme_err_t *check_number(const acme_store_t *store, const char *folder, apr_uint64_t number,
                                apr_pool_t *pool)
{
    apr_uint64_t counting;
    ACME_TRY(counting_number(&counting, store, folder, pool));
    if (counting == 0) {
        apr_array_header_t *numbers;
        ACME_TRY(list_numbers(&numbers, store, folder, pool));
        counting = numbers->nelts > 0 ? APR_ARRAY_IDX(numbers, 0, apr_uint64_t) - 1 : 0;
    }
    if (number <= counting || number > MAX_NUMBER) {
        return acme_err_make(pool, ACME_ERR_INTERNAL,
                             "live/%s: generation %" APR_UINT64_T_FMT
                             " was to be written after generation %" APR_UINT64_T_FMT
                             "; numbers only grow",
                             folder, number, counting);
    }
    return NULL;
}

static acme_err_t *check_certificates(const char *folder, const acme_generation_t *generation,
                                      apr_pool_t *pool)
{
    for (int i = 0; i < generation->certificates->nelts; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        if (acme_generation_certificate(generation, certificate->type) != certificate) {
            return acme_err_make(pool, ACME_ERR_INTERNAL,
                                 "live/%s: a generation with two certificates of type %s", folder,
                                 acme_key_type_name(certificate->type));
        }
        ACME_TRY(acme_chain_fits_key(certificate->chain, certificate->key, pool));
    }
    if (generation->certificates->nelts == 0) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "live/%s: a generation without certificates",
                             folder);
    }
    return NULL;
}

/* Children may be just loading one of the last few. A failure is only logged: what counts is
 * written. */
static void prune(const acme_store_t *store, const char *folder, apr_uint64_t number,
                  apr_pool_t *pool)
{
    apr_array_header_t *numbers;
    int older = 0;
    acme_err_t *err = list_numbers(&numbers, store, folder, pool);
    for (int i = 0; err == NULL && i < numbers->nelts; i++) {
        apr_uint64_t other = APR_ARRAY_IDX(numbers, i, apr_uint64_t);
        if (other < number && ++older > ACME_GENERATION_KEEP) {
            err = acme_store_del(store, number_path(folder, other, pool), pool);
        }
    }
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "live/%s: an old generation could not be removed, this is tried again after "
                     "the next renewal: %s",
                     folder, err->text);
    }
}

acme_err_t *acme_generation_write(const acme_store_t *store, const char *folder,
                                  const acme_generation_t *generation, apr_pool_t *scratch_pool)
{
    ACME_TRY(check_certificates(folder, generation, scratch_pool));
    ACME_TRY(check_number(store, folder, generation->number, scratch_pool));
    ACME_TRY(write_number(store, folder, generation, scratch_pool));
    ACME_TRY(write_current(store, folder, generation, scratch_pool));
    prune(store, folder, generation->number, scratch_pool);
    return NULL;
}

/* ---- look-up */

const acme_generation_certificate_t *
acme_generation_certificate(const acme_generation_t *generation, acme_key_type_t type)
{
    for (int i = 0; i < generation->certificates->nelts; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        if (certificate->type == type) {
            return certificate;
        }
    }
    return NULL;
}

const acme_generation_fact_t *acme_generation_fact(const acme_generation_facts_t *facts,
                                                   acme_key_type_t type)
{
    for (int i = 0; i < facts->certificates->nelts; i++) {
        const acme_generation_fact_t *fact =
            &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t);
        if (fact->type == type) {
            return fact;
        }
    }
    return NULL;
}
