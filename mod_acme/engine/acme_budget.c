/* Buckets of tokens for what a CA limits; see acme_budget.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * {"version":1, "full":{"orders":TIME, "domain example.org":TIME, "set 0123456789abcdef":TIME, …}}
 *
 * The first word of a bucket's key says which limit it is of.
 */
#include "acme/acme_budget.h"

#include <limits.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include <arpa/inet.h>

#include "acme/acme_digest.h"
#include "acme/acme_json.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define FORMAT_VERSION 1

/** So many hex digits of a digest stand for a set of names. */
#define SET_DIGITS 16

struct acme_bucket_t {
    const acme_limit_t *limit;
    apr_time_t full_at; /* in the past: it is full */
    int held;           /* orders that wait for it */
};

struct acme_budget_t {
    apr_pool_t *pool;
    const acme_limits_t *limits;
    const char *(*registered_domain)(const char *name, apr_pool_t *pool);
    acme_bucket_t orders;
    apr_hash_t
        *buckets; /* of names: key -> acme_bucket_t *; no more than the configuration has names */
    int is_changed;
};

static const char orders_key[] = "orders";
static const char domain_word[] = "domain ";
static const char set_word[] = "set ";

acme_budget_t *acme_budget_create(const acme_limits_t *limits,
                                  const char *(*registered_domain)(const char *, apr_pool_t *),
                                  apr_pool_t *pool)
{
    acme_budget_t *budget = apr_pcalloc(pool, sizeof(*budget));
    budget->pool = pool;
    budget->limits = limits;
    budget->registered_domain = registered_domain;
    budget->orders.limit = &limits->orders;
    budget->buckets = apr_hash_make(pool);
    return budget;
}

/* ---- a bucket ---- */

/* From one token to the next; never 0. */
static apr_interval_time_t pace_of(const acme_bucket_t *bucket)
{
    apr_interval_time_t pace =
        (bucket->limit->span + bucket->limit->count - 1) / bucket->limit->count;
    return pace + pace / 20;
}

/* Tokens that are not for everybody. Nobody waits long for an exact set. */
static int reserve_of(const acme_budget_t *budget, const acme_bucket_t *bucket, int is_urgent)
{
    return is_urgent || bucket->limit == &budget->limits->exact_set ? 0 : bucket->limit->count / 10;
}

/* When it has a token beside @a reserve; 0: now. */
static apr_time_t token_at(const acme_bucket_t *bucket, int reserve, apr_time_t now)
{
    if (bucket->limit->count == 0) {
        return 0;
    }
    apr_time_t at = bucket->full_at - (bucket->limit->count - 1 - reserve) * pace_of(bucket);
    return at > now ? at : 0;
}

static int tokens(const acme_bucket_t *bucket, int reserve, apr_time_t now)
{
    if (bucket->limit->count == 0) {
        return INT_MAX;
    }
    apr_interval_time_t pace = pace_of(bucket);
    apr_interval_time_t missing = bucket->full_at > now ? bucket->full_at - now : 0;
    int left = bucket->limit->count - reserve - (int)((missing + pace - 1) / pace);
    return left > 0 ? left : 0;
}

static void take(acme_bucket_t *bucket, apr_time_t now)
{
    if (bucket->limit->count > 0) {
        bucket->full_at = (bucket->full_at > now ? bucket->full_at : now) + pace_of(bucket);
    }
}

static void give_back(acme_bucket_t *bucket)
{
    if (bucket->limit->count > 0) {
        bucket->full_at -= pace_of(bucket);
    }
}

/* Nobody plans further ahead, and no sum overflows. */
#define FAR_AHEAD (1000 * 365 * ACME_TIME_DAY)

/* When @a count more will have been taken, one after the other. */
static apr_time_t done_at(const acme_bucket_t *bucket, int reserve, int count, apr_time_t now)
{
    int left = tokens(bucket, reserve, now);
    if (count <= left) {
        return 0;
    }
    apr_time_t next = token_at(bucket, reserve, now);
    int others = count - left - (left == 0);
    return (next != 0 ? next : now) +
           (others < FAR_AHEAD / pace_of(bucket) ? others * pace_of(bucket) : FAR_AHEAD);
}

/* ---- the account ---- */

int acme_budget_orders(const acme_budget_t *budget, int is_urgent, apr_time_t now)
{
    return tokens(&budget->orders, reserve_of(budget, &budget->orders, is_urgent), now);
}

apr_time_t acme_budget_order_at(const acme_budget_t *budget, int is_urgent, apr_time_t now)
{
    return token_at(&budget->orders, reserve_of(budget, &budget->orders, is_urgent), now);
}

void acme_budget_take_order(acme_budget_t *budget, apr_time_t now)
{
    take(&budget->orders, now);
    budget->is_changed = budget->is_changed || budget->limits->orders.count > 0;
}

void acme_budget_give_order_back(acme_budget_t *budget, apr_time_t now)
{
    if (budget->orders.full_at > now) {
        give_back(&budget->orders);
        budget->is_changed = 1;
    }
}

/* ---- the names ---- */

static acme_bucket_t *bucket_for(acme_budget_t *budget, const char *key, const acme_limit_t *limit)
{
    acme_bucket_t *bucket = apr_hash_get(budget->buckets, key, APR_HASH_KEY_STRING);
    if (bucket == NULL) {
        bucket = apr_pcalloc(budget->pool, sizeof(*bucket));
        bucket->limit = limit;
        apr_hash_set(budget->buckets, apr_pstrdup(budget->pool, key), APR_HASH_KEY_STRING, bucket);
    }
    return bucket;
}

/* An IPv6 address counts with its neighbours, as the /64 they share. */
static const char *network_of(const char *address, apr_pool_t *pool)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET6, address, bytes) != 1) {
        return address;
    }
    return apr_psprintf(pool, "%02x%02x:%02x%02x:%02x%02x:%02x%02x::/64", bytes[0], bytes[1],
                        bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
}

/* NULL if it is below none. */
static const char *registered_domain(const acme_budget_t *budget,
                                     const acme_identifier_t *identifier, apr_pool_t *pool)
{
    if (identifier->type == ACME_IDENTIFIER_IP) {
        return network_of(identifier->value, pool);
    }
    const char *name = identifier->value + (identifier->is_wildcard ? 2 : 0);
    return budget->registered_domain != NULL ? budget->registered_domain(name, pool) : NULL;
}

static void push_once(apr_array_header_t *buckets, acme_bucket_t *bucket)
{
    for (int i = 0; i < buckets->nelts; ++i) {
        if (APR_ARRAY_IDX(buckets, i, acme_bucket_t *) == bucket) {
            return;
        }
    }
    APR_ARRAY_PUSH(buckets, acme_bucket_t *) = bucket;
}

static const char *set_key(const apr_array_header_t *identifiers, apr_pool_t *pool)
{
    const apr_array_header_t *sorted = acme_identifiers_sorted(identifiers, pool);
    const char *text = acme_identifiers_text(sorted, sorted->nelts, pool);
    return apr_pstrcat(pool, set_word,
                       apr_pstrndup(pool, acme_digest_hex(text, strlen(text), pool), SET_DIGITS),
                       NULL);
}

/* The buckets that an order for these names takes a token from, each once (acme_bucket_t *). */
static apr_array_header_t *buckets_of(acme_budget_t *budget, acme_claim_t claim,
                                      const apr_array_header_t *identifiers, apr_pool_t *pool)
{
    apr_array_header_t *buckets = apr_array_make(pool, 2, sizeof(acme_bucket_t *));
    if (claim != ACME_CLAIM_NONE && budget->limits->exact_set.count > 0) {
        APR_ARRAY_PUSH(buckets, acme_bucket_t *) =
            bucket_for(budget, set_key(identifiers, pool), &budget->limits->exact_set);
    }
    if (claim != ACME_CLAIM_FULL || budget->limits->registered_domain.count == 0) {
        return buckets;
    }
    for (int i = 0; i < identifiers->nelts; ++i) {
        const char *domain = registered_domain(
            budget, APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *), pool);
        if (domain != NULL) {
            push_once(buckets, bucket_for(budget, apr_pstrcat(pool, domain_word, domain, NULL),
                                          &budget->limits->registered_domain));
        }
    }
    return buckets;
}

apr_time_t acme_budget_names_at(acme_bucket_t **held, acme_budget_t *budget, acme_claim_t claim,
                                const apr_array_header_t *identifiers, int is_urgent,
                                apr_time_t now, apr_pool_t *scratch_pool)
{
    apr_time_t latest = 0;
    *held = NULL;
    const apr_array_header_t *buckets = buckets_of(budget, claim, identifiers, scratch_pool);
    for (int i = 0; i < buckets->nelts; ++i) {
        acme_bucket_t *bucket = APR_ARRAY_IDX(buckets, i, acme_bucket_t *);
        apr_time_t at = token_at(bucket, reserve_of(budget, bucket, is_urgent), now);
        if (at > latest) {
            latest = at;
            *held = bucket;
        }
    }
    return latest;
}

void acme_budget_take_names(acme_budget_t *budget, acme_claim_t claim,
                            const apr_array_header_t *identifiers, apr_time_t now,
                            apr_pool_t *scratch_pool)
{
    const apr_array_header_t *buckets = buckets_of(budget, claim, identifiers, scratch_pool);
    for (int i = 0; i < buckets->nelts; ++i) {
        take(APR_ARRAY_IDX(buckets, i, acme_bucket_t *), now);
        budget->is_changed = 1;
    }
}

void acme_budget_give_names_back(acme_budget_t *budget, acme_claim_t claim,
                                 const apr_array_header_t *identifiers, apr_time_t now,
                                 apr_pool_t *scratch_pool)
{
    const apr_array_header_t *buckets = buckets_of(budget, claim, identifiers, scratch_pool);
    for (int i = 0; i < buckets->nelts; ++i) {
        acme_bucket_t *bucket = APR_ARRAY_IDX(buckets, i, acme_bucket_t *);
        if (bucket->full_at > now) {
            give_back(bucket);
            budget->is_changed = 1;
        }
    }
}

void acme_bucket_hold(acme_bucket_t *bucket, int count)
{
    bucket->held += count;
}

/* ---- all of them ---- */

apr_time_t acme_budget_done_at(const acme_budget_t *budget, int orders, apr_time_t now)
{
    apr_time_t latest =
        done_at(&budget->orders, reserve_of(budget, &budget->orders, 0), orders, now);
    for (apr_hash_index_t *at = apr_hash_first(NULL, budget->buckets); at != NULL;
         at = apr_hash_next(at)) {
        const acme_bucket_t *bucket = apr_hash_this_val(at);
        if (bucket->held > 0) {
            apr_time_t when = done_at(bucket, reserve_of(budget, bucket, 0), bucket->held, now);
            latest = when > latest ? when : latest;
        }
    }
    return latest;
}

void acme_budget_set_back(acme_budget_t *budget, apr_interval_time_t span)
{
    budget->orders.full_at -= span;
    for (apr_hash_index_t *at = apr_hash_first(NULL, budget->buckets); at != NULL;
         at = apr_hash_next(at)) {
        acme_bucket_t *bucket = apr_hash_this_val(at);
        bucket->full_at -= span;
    }
}

/* ---- the record ---- */

static int begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* NULL for what is unknown, or not limited any more. */
static acme_bucket_t *bucket_named(acme_budget_t *budget, const char *key)
{
    const acme_limits_t *limits = budget->limits;
    if (strcmp(key, orders_key) == 0) {
        return limits->orders.count > 0 ? &budget->orders : NULL;
    }
    if (begins_with(key, domain_word) && limits->registered_domain.count > 0) {
        return bucket_for(budget, key, &limits->registered_domain);
    }
    if (begins_with(key, set_word) && limits->exact_set.count > 0) {
        return bucket_for(budget, key, &limits->exact_set);
    }
    return NULL;
}

static void read_bucket(acme_budget_t *budget, const char *key, apr_time_t full_at, apr_time_t now)
{
    acme_bucket_t *bucket = full_at > now ? bucket_named(budget, key) : NULL;
    if (bucket == NULL) {
        return;
    }
    apr_time_t latest = now + bucket->limit->count * pace_of(bucket);
    bucket->full_at = full_at < latest ? full_at : latest;
}

acme_err_t *acme_budget_read(acme_budget_t *budget, const acme_store_t *store, const char *path,
                             apr_time_t now, apr_pool_t *scratch_pool)
{
    char *text;
    apr_size_t len;
    json_t *object;
    ACME_TRY(acme_store_get(&text, &len, store, path, scratch_pool));
    if (text == NULL) {
        return NULL;
    }
    ACME_TRY(acme_json_parse(&object, text, len, path, scratch_pool));
    const json_t *full = json_object_get(object, "full");
    int count = 0;
    for (void *at = json_object_iter((json_t *)full); at != NULL && count < ACME_BUDGET_BUCKETS_MAX;
         at = json_object_iter_next((json_t *)full, at), ++count) {
        const char *key = json_object_iter_key(at);
        read_bucket(budget, key, acme_json_time(full, key), now);
    }
    return NULL;
}

/* What a bucket takes beside its key, and what the record takes beside its buckets; and more. */
#define BUCKET_SIZE 40
#define RECORD_SIZE 1000

/* As long as there is @a room. Records keep whole seconds: never earlier than what was meant. */
static void write_bucket(json_t *full, apr_size_t *room, const char *key,
                         const acme_bucket_t *bucket, apr_time_t now)
{
    apr_size_t size = strlen(key) + BUCKET_SIZE;
    if (bucket->full_at > now && size <= *room &&
        json_object_size(full) < ACME_BUDGET_BUCKETS_MAX) {
        acme_json_set_time(full, key, bucket->full_at + ACME_TIME_SECOND - 1);
        *room -= size;
    }
}

static char *budget_text(const acme_budget_t *budget, apr_time_t now, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    json_t *full = json_object();
    acme_json_set_int(object, "version", FORMAT_VERSION);
    json_object_set_new(object, "full", full);
    apr_size_t room = ACME_STORE_VALUE_MAX - RECORD_SIZE;
    write_bucket(full, &room, orders_key, &budget->orders, now);
    for (apr_hash_index_t *at = apr_hash_first(pool, budget->buckets); at != NULL;
         at = apr_hash_next(at)) {
        write_bucket(full, &room, apr_hash_this_key(at), apr_hash_this_val(at), now);
    }
    return acme_json_text(object, 0, pool);
}

acme_err_t *acme_budget_write(acme_budget_t *budget, const acme_store_t *store, const char *path,
                              apr_time_t now, apr_pool_t *scratch_pool)
{
    if (!budget->is_changed) {
        return NULL;
    }
    const char *text = budget_text(budget, now, scratch_pool);
    ACME_TRY(acme_store_put(store, path, text, strlen(text), scratch_pool));
    budget->is_changed = 0;
    return NULL;
}
