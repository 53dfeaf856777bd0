/* Standing records of a domain: remembered, and spoken of when there is news.
 * SPDX-License-Identifier: Apache-2.0
 *
 * {"version":1, "records":[{"identifier":…, "name":…, "value":…, "why":…, "until":TIME,
 *  "seen-at":TIME, "logged-at":TIME}, …]}
 */
#include "acme/acme_standing.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_persist.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define FORMAT_VERSION 1
#define RECORDS_MAX 1000

static const char *standing_path(const char *folder, apr_pool_t *pool)
{
    return acme_store_path(pool, "staging", folder, "standing.json");
}

/* ---- the file */

static int has_name(const acme_domain_t *domain, const char *identifier)
{
    for (int i = 0; i < domain->identifiers->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *)->value,
                   identifier) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Names that the domain had once are forgotten. */
static void read_standing(apr_array_header_t *standings, const acme_domain_t *domain,
                          const json_t *object, apr_pool_t *pool)
{
    const acme_standing_t standing = {.identifier = acme_json_string(object, "identifier", pool),
                                      .name = acme_json_string(object, "name", pool),
                                      .value = acme_json_string(object, "value", pool),
                                      .why = acme_json_string(object, "why", pool),
                                      .until = acme_json_time(object, "until"),
                                      .seen_at = acme_json_time(object, "seen-at"),
                                      .logged_at = acme_json_time(object, "logged-at")};
    if (standing.identifier != NULL && standing.name != NULL && standing.value != NULL &&
        has_name(domain, standing.identifier)) {
        APR_ARRAY_PUSH(standings, acme_standing_t) = standing;
    }
}

/* see acme_standing.h */
apr_array_header_t *acme_standing_list(const acme_store_t *store, const acme_domain_t *domain,
                                       apr_pool_t *pool)
{
    apr_array_header_t *standings = apr_array_make(pool, 2, sizeof(acme_standing_t));
    const char *path = standing_path(domain->folder, pool);
    char *text;
    apr_size_t len;
    json_t *object;
    acme_err_t *err = acme_store_get(&text, &len, store, path, pool);
    if (err == NULL && text == NULL) {
        return standings;
    }
    if (err == NULL) {
        err = acme_json_parse(&object, text, len, path, pool);
    }
    if (err != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "%s: what was known of its standing DNS records cannot be read: %s",
                     domain->name, err->text);
        return standings;
    }
    const json_t *records = json_object_get(object, "records");
    for (size_t i = 0; i < json_array_size(records) && i < RECORDS_MAX; ++i) {
        read_standing(standings, domain, json_array_get(records, i), pool);
    }
    return standings;
}

static json_t *write_standing(const acme_standing_t *standing)
{
    json_t *object = json_object();
    acme_json_set_string(object, "identifier", standing->identifier);
    acme_json_set_string(object, "name", standing->name);
    acme_json_set_string(object, "value", standing->value);
    acme_json_set_string(object, "why", standing->why);
    acme_json_set_time(object, "until", standing->until);
    acme_json_set_time(object, "seen-at", standing->seen_at);
    acme_json_set_time(object, "logged-at", standing->logged_at);
    return object;
}

/* Unsynced: a look at the DNS shows it again. */
static acme_err_t *write_all(const acme_store_t *store, const char *folder,
                             const apr_array_header_t *standings, apr_pool_t *pool)
{
    const char *path = standing_path(folder, pool);
    if (standings->nelts == 0) {
        return acme_store_del(store, path, pool);
    }
    json_t *object = acme_json_object(pool);
    json_t *records = json_array();
    acme_json_set_int(object, "version", FORMAT_VERSION);
    json_object_set_new(object, "records", records);
    for (int i = 0; i < standings->nelts; ++i) {
        json_array_append_new(records,
                              write_standing(&APR_ARRAY_IDX(standings, i, acme_standing_t)));
    }
    const char *text = acme_json_text(object, 1, pool);
    return acme_store_put_unsynced(store, path, text, strlen(text), pool);
}

/* ---- what is said */

static int is_near(apr_time_t until, apr_time_t now)
{
    return until != 0 && until - now < ACME_STANDING_WARN;
}

static int is_long_ago(apr_time_t when, apr_time_t now)
{
    return when == 0 || now - when >= ACME_TIME_DAY || now < when;
}

static void say(const acme_store_t *store, const acme_standing_t *standing, apr_time_t now,
                apr_pool_t *pool)
{
    const char *line = acme_persist_line(standing->name, standing->value, pool);
    if (standing->why != NULL) {
        acme_env_log(store->env, ACME_LOG_WARNING,
                     "%s: " ACME_PERSIST_TYPE " can be used when this DNS record is there: %s; as "
                     "yet %s",
                     standing->identifier, line, standing->why);
        return;
    }
    acme_env_log(store->env, ACME_LOG_WARNING,
                 "%s: the DNS record that proves it by " ACME_PERSIST_TYPE
                 " ends in %s, at %s; give it a later persistUntil: %s",
                 standing->identifier, acme_time_span_words(standing->until - now, pool),
                 acme_time_rfc3339(standing->until, pool), line);
}

/* ---- what is remembered */

static acme_standing_t *find(const apr_array_header_t *standings, const char *identifier)
{
    for (int i = 0; i < standings->nelts; ++i) {
        acme_standing_t *standing = &APR_ARRAY_IDX(standings, i, acme_standing_t);
        if (strcmp(standing->identifier, identifier) == 0) {
            return standing;
        }
    }
    return NULL;
}

static int is_same(const acme_standing_t *a, const acme_standing_t *b)
{
    return strcmp(a->value, b->value) == 0 && a->until == b->until &&
           strcmp(a->why != NULL ? a->why : "", b->why != NULL ? b->why : "") == 0;
}

/* see acme_standing.h */
acme_err_t *acme_standing_hear(const acme_store_t *store, const acme_domain_t *domain,
                               const char *identifier, const acme_prospect_t *prospect,
                               apr_pool_t *pool)
{
    apr_time_t now = acme_env_now(store->env);
    apr_array_header_t *standings = acme_standing_list(store, domain, pool);
    acme_standing_t *known = find(standings, identifier);
    acme_standing_t news = {.identifier = identifier,
                            .name = prospect->name,
                            .value = prospect->value,
                            .why = prospect->is_met ? NULL : prospect->why,
                            .until = prospect->is_met ? prospect->until : 0,
                            .seen_at = now};
    int is_old = known != NULL && is_same(known, &news);
    news.logged_at = is_old ? known->logged_at : 0;
    int is_told =
        (news.why != NULL || is_near(news.until, now)) && is_long_ago(news.logged_at, now);
    if (is_told) {
        say(store, &news, now, pool);
        news.logged_at = now;
    }
    if (is_old && !is_told) {
        return NULL;
    }
    if (known == NULL) {
        known = apr_array_push(standings);
    }
    *known = news;
    return write_all(store, domain->folder, standings, pool);
}

static int place_of(const apr_array_header_t *types, const char *type)
{
    int i = 0;
    while (i < types->nelts && strcmp(APR_ARRAY_IDX(types, i, const char *), type) != 0) {
        ++i;
    }
    return i;
}

/* see acme_standing.h */
acme_err_t *acme_standing_settle(const acme_store_t *store, const acme_domain_t *domain,
                                 const char *identifier, const char *type, apr_pool_t *pool)
{
    const apr_array_header_t *types = domain->challenge_types;
    if (place_of(types, type) > place_of(types, ACME_PERSIST_TYPE)) {
        return NULL; /* it is liked better than what worked */
    }
    apr_array_header_t *standings = acme_standing_list(store, domain, pool);
    acme_standing_t *missing = find(standings, identifier);
    if (missing == NULL || missing->why == NULL) {
        return NULL;
    }
    *missing = APR_ARRAY_IDX(standings, standings->nelts - 1, acme_standing_t);
    --standings->nelts;
    return write_all(store, domain->folder, standings, pool);
}

/* see acme_standing.h */
int acme_standing_is_ending(const acme_standing_t *standing, apr_time_t now)
{
    return standing->why == NULL && is_near(standing->until, now);
}

/* see acme_standing.h */
const acme_standing_t *acme_standing_ending(const apr_array_header_t *standings, apr_time_t now)
{
    for (int i = 0; i < standings->nelts; ++i) {
        const acme_standing_t *standing = &APR_ARRAY_IDX(standings, i, acme_standing_t);
        if (acme_standing_is_ending(standing, now) && is_long_ago(standing->logged_at, now)) {
            return standing;
        }
    }
    return NULL;
}

static apr_array_header_t *only(const char *word, apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(words, const char *) = word;
    return words;
}

/* see acme_standing.h */
const acme_proof_t *acme_standing_proof(const acme_standing_t *standing, apr_pool_t *pool)
{
    acme_persist_record_t *record;
    acme_identifier_t *identifier;
    if (acme_persist_parse(&record, standing->value, pool) != NULL || record->account == NULL ||
        acme_identifier_parse(&identifier, standing->identifier, pool) != NULL) {
        return NULL;
    }
    acme_persist_demand_t *demand = apr_pcalloc(pool, sizeof(*demand));
    *demand = (acme_persist_demand_t){only(record->issuer, pool), only(record->account, pool),
                                      identifier->is_wildcard};
    acme_identifier_t *base = apr_pmemdup(pool, identifier, sizeof(*identifier));
    base->value = identifier->is_wildcard ? identifier->value + 2 : identifier->value;
    acme_proof_t *proof = apr_pcalloc(pool, sizeof(*proof));
    *proof = (acme_proof_t){.type = ACME_PERSIST_TYPE, .identifier = base, .persist = demand};
    return proof;
}
