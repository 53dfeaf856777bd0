/* What an administrator is to set by hand, as the status page shows it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * "manual":[{"type":…, "identifier":…, "name":…, "value":…, "reason":…}, …] are the DNS records
 * that are waited for or would be of use: those of dns-01 of an order under way, where a hand sets
 * them (of http-01: the answers, with "path" in place of "name"), and those of dns-persist-01 that were missing when they were last looked for ("reason" says
 * how).
 *
 * "standing":[{"identifier":…, "name":…, "value":…, "until":TIME, "warning":…}, …] are the records
 * of dns-persist-01 that are there and end some day; "warning" where that is soon.
 */
#include "acme_status_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_digest.h"
#include "acme/acme_json.h"
#include "acme/acme_persist.h"
#include "acme/acme_standing.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define SENTENCE_MAX 1000
#define DNS_01 "dns-01"
#define HTTP_01 "http-01"

static json_t *record_json(const char *identifier, const char *name, const char *value)
{
    json_t *object = json_object();
    acme_json_set_string(object, "identifier", identifier);
    acme_json_set_string(object, "name", name);
    acme_json_set_string(object, "value", value);
    return object;
}

/* ---- dns-01 */

/* Where the proof recorded as @a value is to be put if a hand is to do it, else NULL. */
static const char *manual_name(const acme_store_t *store, const char *type, const char *value,
                               apr_pool_t *pool)
{
    char *text;
    apr_size_t len;
    json_t *record;
    const char *path = acme_store_path(pool, "challenges", type, value);
    if (acme_store_get(&text, &len, store, path, pool) != NULL || text == NULL ||
        acme_json_parse(&record, text, len, path, pool) != NULL) {
        return NULL;
    }
    const char *way = acme_json_string(record, "way", pool);
    return way != NULL && strcmp(way, "manual") == 0 ? acme_json_string(record, "name", pool)
                                                     : NULL;
}

/* ---- http-01 */

static void add_answer(json_t *list, const char *identifier, const char *token,
                       const char *thumbprint, const acme_store_t *store, apr_pool_t *pool)
{
    const char *path = manual_name(store, HTTP_01, token, pool);
    if (path == NULL) {
        return;
    }
    json_t *object = json_object();
    acme_json_set_string(object, "type", HTTP_01);
    acme_json_set_string(object, "identifier", identifier);
    acme_json_set_string(object, "path", path);
    acme_json_set_string(object, "value", apr_pstrcat(pool, token, ".", thumbprint, NULL));
    json_array_append_new(list, object);
}

/* ---- what an order waits for */

static void add_authorization(json_t *list, const json_t *authorization, const char *thumbprint,
                              const acme_store_t *store, apr_pool_t *pool)
{
    const char *type = acme_json_string(authorization, "challenge", pool);
    const char *token = acme_json_string(authorization, "token", pool);
    const char *identifier = acme_json_string(authorization, "identifier", pool);
    if (type == NULL || token == NULL || identifier == NULL ||
        acme_json_bool(authorization, "done", 0)) {
        return;
    }
    if (strcmp(type, HTTP_01) == 0) {
        add_answer(list, identifier, token, thumbprint, store, pool);
    }
    if (strcmp(type, DNS_01) != 0) {
        return;
    }
    const char *proof = apr_pstrcat(pool, token, ".", thumbprint, NULL);
    const char *value = acme_digest_base64url(proof, strlen(proof), pool);
    const char *name = manual_name(store, DNS_01, value, pool);
    if (name == NULL) {
        return;
    }
    const char *prefix = acme_json_bool(authorization, "wildcard", 0) ? "*." : "";
    json_t *object = record_json(apr_pstrcat(pool, prefix, identifier, NULL), name, value);
    acme_json_set_string(object, "type", DNS_01);
    json_array_append_new(list, object);
}

static void add_order(json_t *list, const json_t *order, const acme_store_t *store,
                      apr_pool_t *pool)
{
    const json_t *authorizations = json_object_get(order, "authorizations");
    const char *thumbprint = acme_json_string(order, "thumbprint", pool);
    for (size_t i = 0; thumbprint != NULL && i < json_array_size(authorizations); ++i) {
        add_authorization(list, json_array_get(authorizations, i), thumbprint, store, pool);
    }
}

/* ---- dns-persist-01 */

static json_t *missing_json(const acme_standing_t *standing, apr_pool_t *pool)
{
    json_t *object = record_json(standing->identifier, standing->name, standing->value);
    acme_json_set_string(object, "type", ACME_PERSIST_TYPE);
    acme_json_set_string(object, "reason", acme_text_clean(standing->why, SENTENCE_MAX, pool));
    return object;
}

static json_t *ending_json(const acme_standing_t *standing, apr_time_t now, apr_pool_t *pool)
{
    json_t *object = record_json(standing->identifier, standing->name, standing->value);
    acme_json_set_time(object, "until", standing->until);
    if (acme_standing_is_ending(standing, now)) {
        acme_json_set_string(object, "warning",
                             standing->until > now
                                 ? apr_psprintf(pool, "it ends in %s; give it a later persistUntil",
                                                acme_time_span_words(standing->until - now, pool))
                                 : "it has ended; give it a later persistUntil");
    }
    return object;
}

static int wants_standing(const acme_domain_t *domain)
{
    for (int i = 0; i < domain->challenge_types->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(domain->challenge_types, i, const char *), ACME_PERSIST_TYPE) ==
            0) {
            return 1;
        }
    }
    return 0;
}

static void add_standing(json_t *missing, json_t *ending, const acme_domain_t *domain,
                         const acme_store_t *store, apr_pool_t *pool)
{
    const apr_array_header_t *standings = acme_standing_list(store, domain, pool);
    apr_time_t now = acme_env_now(store->env);
    for (int i = 0; i < standings->nelts; ++i) {
        const acme_standing_t *standing = &APR_ARRAY_IDX(standings, i, acme_standing_t);
        if (standing->why != NULL) {
            json_array_append_new(missing, missing_json(standing, pool));
        }
        else if (standing->until != 0) {
            json_array_append_new(ending, ending_json(standing, now, pool));
        }
    }
}

static void set_unless_empty(json_t *object, const char *name, json_t *list)
{
    if (json_array_size(list) > 0) {
        json_object_set(object, name, list);
    }
    json_decref(list);
}

/* see acme_status_private.h */
void acme_status__add_manual(json_t *object, const acme_domain_t *domain, const json_t *order,
                             const acme_store_t *store, apr_pool_t *pool)
{
    json_t *manual = json_array();
    json_t *standing = json_array();
    add_order(manual, order, store, pool);
    if (wants_standing(domain)) {
        add_standing(manual, standing, domain, store, pool);
    }
    set_unless_empty(object, "manual", manual);
    set_unless_empty(object, "standing", standing);
}
