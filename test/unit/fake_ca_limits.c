/* The fake CA: rate limits, by windows that slide and by buckets that refill.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A bucket is kept as the moment at which it will be full again: with one token taken after the other
 * that moment moves ahead of the clock, and there is no token left when it is as far ahead as the
 * whole bucket takes to fill.
 */
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_time.h"
#include "unit/fake_ca_internal.h"

/* Windows: moments kept per account and name. */

static apr_array_header_t *history(fake_ca_t *ca, const char *what,
                                   const fake_ca__account_t *account, const char *name)
{
    char *key = apr_pstrcat(ca->pool, what, "\n", account->url, "\n", name, NULL);
    apr_array_header_t *moments = apr_hash_get(ca->histories, key, APR_HASH_KEY_STRING);
    if (moments == NULL) {
        moments = apr_array_make(ca->pool, 2, sizeof(apr_time_t));
        apr_hash_set(ca->histories, key, APR_HASH_KEY_STRING, moments);
    }
    return moments;
}

/* When there is room again for one more in @a span; 0 if there is now. */
static apr_time_t room_at(const apr_array_header_t *moments, int limit, apr_interval_time_t span,
                          apr_time_t now)
{
    if (moments->nelts < limit) {
        return 0;
    }
    apr_time_t at = APR_ARRAY_IDX(moments, moments->nelts - limit, apr_time_t) + span;
    return at > now ? at : 0;
}

static void limit_rate(fake_ca__request_t *r, apr_time_t at, const char *what)
{
    char *when = acme_time_rfc3339(at + ACME_TIME_SECOND, r->pool);
    fake_ca__refuse(r, 429, "rateLimited", "too many %s, retry after %s", what, when);
    fake_ca__retry_after(r, at + ACME_TIME_SECOND - acme_env_now(r->ca->env),
                         r->ca->settings.retry_after_as_date);
    fake_ca__link(r, "https://ca.test/docs/rate-limits", "help");
    fake_ca__tally(r->ca, "limited", r->name);
}

static int check_windows(fake_ca__request_t *r)
{
    fake_ca_t *ca = r->ca;
    apr_time_t now = acme_env_now(ca->env);
    apr_time_t at = 0;
    if (ca->settings.orders_per_week > 0) {
        at = room_at(history(ca, "order", r->account, r->name), ca->settings.orders_per_week,
                     7 * ACME_TIME_DAY, now);
        if (at != 0) {
            limit_rate(r, at, "orders for this exact set of identifiers");
            return -1;
        }
    }
    for (int i = 0; ca->settings.failures_per_hour > 0 && i < r->names->nelts; i++) {
        const char *value = APR_ARRAY_IDX(r->names, i, fake_ca__name_t).value;
        at = room_at(history(ca, "failure", r->account, value), ca->settings.failures_per_hour,
                     ACME_TIME_HOUR, now);
        if (at != 0) {
            limit_rate(r, at, apr_psprintf(r->pool, "failed authorizations for %s", value));
            return -1;
        }
    }
    return 0;
}

/* Buckets. */

static apr_time_t *bucket_of(fake_ca_t *ca, const char *what, const char *whose)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, ca->pool);
    const char *key = apr_pstrcat(pool, what, "\n", whose, NULL);
    apr_time_t *full_at = apr_hash_get(ca->buckets, key, APR_HASH_KEY_STRING);
    if (full_at == NULL) {
        full_at = apr_pcalloc(ca->pool, sizeof(*full_at));
        apr_hash_set(ca->buckets, apr_pstrdup(ca->pool, key), APR_HASH_KEY_STRING, full_at);
    }
    apr_pool_destroy(pool);
    return full_at;
}

static void take_token(fake_ca_t *ca, const fake_ca_bucket_t *bucket, const char *what,
                       const char *whose)
{
    if (bucket->capacity == 0) {
        return;
    }
    apr_time_t now = acme_env_now(ca->env);
    apr_time_t *full_at = bucket_of(ca, what, whose);
    *full_at = (*full_at > now ? *full_at : now) + bucket->span / bucket->capacity;
}

/* 0 if there is a token, -1 when the request is answered. */
static int check_token(fake_ca__request_t *r, const fake_ca_bucket_t *bucket, const char *what,
                       const char *whose)
{
    if (bucket->capacity == 0) {
        return 0;
    }
    apr_time_t at = *bucket_of(r->ca, what, whose) -
                    bucket->span / bucket->capacity * (bucket->capacity - 1);
    if (at <= acme_env_now(r->ca->env)) {
        return 0;
    }
    limit_rate(r, at, apr_psprintf(r->pool, "%s for %s", what, whose));
    return -1;
}

/* see fake_ca.h */
const char *fake_ca_registered_domain(const char *value, apr_pool_t *pool)
{
    (void)pool;
    const char *start = value + strlen(value);
    if (strchr(value, ':') != NULL || strspn(value, "0123456789.") == strlen(value)) {
        return value; /* an address */
    }
    for (int dots = 0; start > value && dots < 2; start--) {
        dots += start[-1] == '.';
        if (dots == 2) {
            break;
        }
    }
    return start;
}

static const char ordered[] = "new orders";
static const char issued_domain[] = "certificates of the registered domain";
static const char issued_set[] = "certificates of this exact set of identifiers";
static const char failed[] = "failed authorizations";

static const char *name_at(const apr_array_header_t *names, int i)
{
    return APR_ARRAY_IDX(names, i, fake_ca__name_t).value;
}

static const char *failure_of(const fake_ca__account_t *account, const char *value,
                              apr_pool_t *pool)
{
    return apr_pstrcat(pool, value, " by ", account->url, NULL);
}

static int is_renewal(fake_ca_t *ca, const char *set)
{
    return apr_hash_get(ca->latest_cert, set, APR_HASH_KEY_STRING) != NULL;
}

static int is_exempt(fake_ca_t *ca, const char *replaces)
{
    const fake_ca__cert_t *cert =
        replaces != NULL ? apr_hash_get(ca->certids, replaces, APR_HASH_KEY_STRING) : NULL;
    return cert != NULL && fake_ca__cert_is_in_window(ca, cert);
}

static int check_names(fake_ca__request_t *r)
{
    const fake_ca_settings_t *settings = &r->ca->settings;
    for (int i = 0; i < r->names->nelts; i++) {
        const char *value = name_at(r->names, i);
        if (check_token(r, &settings->name_failures, failed,
                        failure_of(r->account, value, r->pool)) != 0) {
            return -1;
        }
        if (!is_renewal(r->ca, r->name) &&
            check_token(r, &settings->domain_certificates, issued_domain,
                        fake_ca_registered_domain(value, r->pool)) != 0) {
            return -1;
        }
    }
    return 0;
}

static int check_buckets(fake_ca__request_t *r)
{
    const fake_ca_settings_t *settings = &r->ca->settings;
    if (is_exempt(r->ca, json_string_value(json_object_get(r->payload, "replaces")))) {
        return 0;
    }
    if (!is_renewal(r->ca, r->name) &&
        check_token(r, &settings->account_orders, ordered, r->account->url) != 0) {
        return -1;
    }
    if (check_token(r, &settings->set_certificates, issued_set, r->name) != 0) {
        return -1;
    }
    return check_names(r);
}

int fake_ca__limits_check(fake_ca__request_t *r)
{
    return check_windows(r) != 0 ? -1 : check_buckets(r);
}

void fake_ca__limits_ordered(fake_ca__order_t *order, fake_ca_t *ca)
{
    if (ca->settings.orders_per_week > 0) {
        APR_ARRAY_PUSH(history(ca, "order", order->account, order->set), apr_time_t) =
            acme_env_now(ca->env);
    }
    order->is_renewal = is_renewal(ca, order->set);
    order->is_exempt = is_exempt(ca, order->replaces);
    if (order->is_renewal) {
        fake_ca__tally(ca, "renewal", order->set);
    }
    if (order->is_exempt) {
        fake_ca__tally(ca, "exempt", order->set);
    }
    if (!order->is_renewal && !order->is_exempt) {
        take_token(ca, &ca->settings.account_orders, ordered, order->account->url);
    }
}

void fake_ca__limits_failed(const fake_ca__authz_t *authz, fake_ca_t *ca)
{
    if (ca->settings.failures_per_hour > 0) {
        APR_ARRAY_PUSH(history(ca, "failure", authz->account, authz->name.value), apr_time_t) =
            acme_env_now(ca->env);
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, ca->pool);
    take_token(ca, &ca->settings.name_failures, failed,
               failure_of(authz->account, authz->name.value, pool));
    apr_pool_destroy(pool);
}

/* The names of one certificate that share a registered domain take one token of it. */
static int is_first_of_domain(const apr_array_header_t *names, int at)
{
    for (int i = 0; i < at; i++) {
        if (strcmp(fake_ca_registered_domain(name_at(names, i), NULL),
                   fake_ca_registered_domain(name_at(names, at), NULL)) == 0) {
            return 0;
        }
    }
    return 1;
}

void fake_ca__limits_issued(const fake_ca__order_t *order, fake_ca_t *ca)
{
    if (order->is_exempt) {
        return;
    }
    take_token(ca, &ca->settings.set_certificates, issued_set, order->set);
    for (int i = 0; !order->is_renewal && i < order->names->nelts; i++) {
        if (is_first_of_domain(order->names, i)) {
            take_token(ca, &ca->settings.domain_certificates, issued_domain,
                       fake_ca_registered_domain(name_at(order->names, i), NULL));
        }
    }
}

const acme_limits_t fake_ca_public_limits = {.orders = {300, 3 * ACME_TIME_HOUR},
                                             .registered_domain = {50, 7 * ACME_TIME_DAY},
                                             .exact_set = {5, 7 * ACME_TIME_DAY},
                                             .is_renewal_exempt = 1};

static fake_ca_bucket_t bucket_from(const acme_limit_t *limit)
{
    return (fake_ca_bucket_t){limit->count, limit->span};
}

/* see fake_ca.h */
void fake_ca_limit_as_public(fake_ca_t *ca)
{
    ca->settings.account_orders = bucket_from(&fake_ca_public_limits.orders);
    ca->settings.domain_certificates = bucket_from(&fake_ca_public_limits.registered_domain);
    ca->settings.set_certificates = bucket_from(&fake_ca_public_limits.exact_set);
    ca->settings.name_failures = (fake_ca_bucket_t){5, ACME_TIME_HOUR};
}
