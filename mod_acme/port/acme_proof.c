/* The record of a published proof: written, read and listed.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_proof.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <jansson.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define VERSION 1

/* see acme_proof.h */
acme_err_t *acme_proof_check_token(const acme_proof_t *proof, apr_pool_t *pool)
{
    size_t len = strlen(proof->token);
    if (len > 0 && len <= ACME_PROOF_TOKEN_MAX &&
        strspn(proof->token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
            len) {
        return NULL;
    }
    return acme_err_make(pool, ACME_ERR_INPUT,
                         "%s: the CA's %s token \"%s\" is not base64url of at most %d characters",
                         proof->identifier->value, proof->type,
                         acme_text_clean(proof->token, 100, pool), ACME_PROOF_TOKEN_MAX);
}

static const char *type_name(const acme_identifier_t *identifier)
{
    return identifier->type == ACME_IDENTIFIER_IP ? "ip" : "dns";
}

/* ---- the place */

/* Text that is no UTF-8 is left out, as is what is not said. */
static void set_text(json_t *record, const char *member, const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;
    if (value != NULL) {
        (void)json_object_set_new(record, member, value);
    }
}

static void set_place(json_t *record, const acme_proof_place_t *place, apr_pool_t *pool)
{
    set_text(record, "way", place->way);
    set_text(record, "name", place->name);
    set_text(record, "printed", place->printed);
    set_text(record, "added", place->added != 0 ? acme_time_rfc3339(place->added, pool) : NULL);
}

static const char *take_text(const json_t *record, const char *member, apr_pool_t *pool)
{
    const char *text = json_string_value(json_object_get(record, member));
    return text != NULL ? apr_pstrdup(pool, text) : NULL;
}

/* NULL if the record says none. */
static const acme_proof_place_t *take_place(const json_t *record, apr_pool_t *pool)
{
    const char *added = json_string_value(json_object_get(record, "added"));
    acme_proof_place_t *place = apr_pcalloc(pool, sizeof(*place));
    *place = (acme_proof_place_t){.way = take_text(record, "way", pool),
                                  .name = take_text(record, "name", pool),
                                  .printed = take_text(record, "printed", pool)};
    if (added == NULL || acme_time_parse_rfc3339(&place->added, added) != 0) {
        place->added = 0;
    }
    return place->name != NULL ? place : NULL;
}

/* ---- the record */

/* see acme_proof.h */
acme_err_t *acme_proof_write(const acme_store_t *store, const char *name, const acme_proof_t *proof,
                             apr_pool_t *scratch_pool)
{
    json_t *record =
        json_pack("{s:i, s:s, s:s, s:{s:s, s:s}, s:s}", "version", VERSION, "type", proof->type,
                  "token", proof->token, "identifier", "type", type_name(proof->identifier),
                  "value", proof->identifier->value, "thumbprint", proof->thumbprint);
    if (record != NULL && proof->place != NULL) {
        set_place(record, proof->place, scratch_pool);
    }
    char *dumped = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (dumped == NULL) {
        return acme_err_make(scratch_pool, ACME_ERR_INTERNAL,
                             "%s: the %s record cannot be written", proof->identifier->value,
                             proof->type);
    }
    const char *text = apr_pstrdup(scratch_pool, dumped);
    free(dumped);
    const char *path = acme_store_path(scratch_pool, "challenges", proof->type, name);
    return acme_store_put_unsynced(store, path, text, strlen(text), scratch_pool);
}

static acme_identifier_t *take_identifier(const char *type, const char *value, apr_pool_t *pool)
{
    acme_identifier_t *identifier = apr_pcalloc(pool, sizeof(*identifier));
    identifier->type = strcmp(type, "ip") == 0 ? ACME_IDENTIFIER_IP : ACME_IDENTIFIER_DNS;
    identifier->value = apr_pstrdup(pool, value);
    return identifier;
}

/* NULL if @a record is not a proof of @a type. */
static acme_proof_t *take_proof(json_t *record, const char *type, apr_pool_t *pool)
{
    int version;
    const char *found;
    const char *token;
    const char *kind;
    const char *value;
    const char *thumbprint;
    if (json_unpack(record, "{s:i, s:s, s:s, s:{s:s, s:s}, s:s}", "version", &version, "type",
                    &found, "token", &token, "identifier", "type", &kind, "value", &value,
                    "thumbprint", &thumbprint) != 0 ||
        version != VERSION || strcmp(found, type) != 0) {
        return NULL;
    }
    acme_proof_t *proof = apr_pcalloc(pool, sizeof(*proof));
    proof->type = apr_pstrdup(pool, type);
    proof->identifier = take_identifier(kind, value, pool);
    proof->token = apr_pstrdup(pool, token);
    proof->thumbprint = apr_pstrdup(pool, thumbprint);
    proof->place = take_place(record, pool);
    return proof;
}

/* see acme_proof.h */
acme_err_t *acme_proof_read(acme_proof_t **proof, const acme_store_t *store, const char *type,
                            const char *name, apr_pool_t *pool)
{
    char *text;
    apr_size_t len;
    const char *path = acme_store_path(pool, "challenges", type, name);
    *proof = NULL;
    ACME_TRY(acme_store_get(&text, &len, store, path, pool));
    if (text == NULL) {
        return NULL;
    }
    json_t *record = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    *proof = record != NULL ? take_proof(record, type, pool) : NULL;
    json_decref(record);
    return *proof != NULL ? NULL
                          : acme_err_make(pool, ACME_ERR_INPUT, "%s is no record of a proof", path);
}

/* see acme_proof.h */
acme_err_t *acme_proof_remove(const acme_store_t *store, const char *type, const char *name,
                              apr_pool_t *scratch_pool)
{
    return acme_store_del(store, acme_store_path(scratch_pool, "challenges", type, name),
                          scratch_pool);
}

/* see acme_proof.h */
acme_err_t *acme_proof_list(apr_array_header_t **proofs, const acme_store_t *store,
                            const char *type, apr_pool_t *pool)
{
    apr_array_header_t *names;
    *proofs = apr_array_make(pool, 4, sizeof(acme_proof_t *));
    ACME_TRY(acme_store_list(&names, store, apr_pstrcat(pool, "challenges/", type, NULL), pool));
    for (int i = 0; i < names->nelts; ++i) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);
        acme_proof_t *proof;
        acme_err_t *err = acme_proof_read(&proof, store, type, name, pool);
        if (err != NULL && err->errclass == ACME_ERR_INPUT) {
            err = acme_proof_remove(store, type, name, pool);
        }
        if (err != NULL) {
            return err;
        }
        if (proof != NULL) {
            APR_ARRAY_PUSH(*proofs, acme_proof_t *) = proof;
        }
    }
    return NULL;
}

/* see acme_proof.h */
int acme_proof_equal(const acme_proof_t *a, const acme_proof_t *b)
{
    return strcmp(a->type, b->type) == 0 &&
           acme_identifier_compare(a->identifier, b->identifier) == 0 &&
           strcmp(a->token, b->token) == 0 && strcmp(a->thumbprint, b->thumbprint) == 0;
}
