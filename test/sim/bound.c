/* No sequence of answers makes the engine ask a CA more often than it may.
 * SPDX-License-Identifier: Apache-2.0
 *
 * usage: bound [--seed N] [--seeds N] [--hours N] [--echo]
 *
 * The CA answers at random: every kind of fault for every kind of request, problems of every type
 * with every status, Retry-After negative, in ten years or garbage, windows for renewal that lie
 * anywhere; it forgets orders, accounts and nonces, revokes, and works well in between. The engine
 * is killed and started at random. Whatever happens, the requests of any minute and any hour stay
 * below a bound that grows with nothing but the number of domains.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "acme/acme_time.h"
#include "unit/engine_world.h"

#define DOMAINS 6

/* A certificate takes seven requests that end well at once. What makes it more: after badNonce a
 * request is signed anew, up to thirty times at once, and then comes again after half a minute,
 * doubled, so that one request for one domain may be 7 * 31 in an hour; all other pauses are
 * longer. */
#define MINUTE_MAX (DOMAINS * 100)
#define HOUR_MAX (DOMAINS * 400)

#if defined(__SANITIZE_ADDRESS__)
#define SEEDS 4
#else
#define SEEDS 20
#endif

typedef struct {
    apr_pool_t *pool;
    engine_world_t *w;
    apr_uint64_t random;
    int minutes[60]; /* requests of the last sixty minutes, by minute modulo 60 */
    apr_time_t minute;
    int this_hour;
    int worst_minute;
    int worst_hour;
    int requests;
    apr_time_t patient_since;
} bound_t;

static apr_uint64_t draw(bound_t *b)
{
    apr_uint64_t z = (b->random += APR_UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int below(bound_t *b, int limit)
{
    return (int)(draw(b) % (apr_uint64_t)limit);
}

static apr_time_t now_of(const bound_t *b)
{
    return acme_env_now(fake_env(b->w->world));
}

/* ---- counting */

/* The hour is that of the sixty minutes before, whenever it began. */
static void begin_minutes(bound_t *b)
{
    apr_time_t minute = now_of(b) / ACME_TIME_MINUTE;
    while (b->minute < minute) {
        b->minute++;
        int *oldest = &b->minutes[b->minute % 60];
        b->this_hour -= *oldest;
        *oldest = 0;
    }
}

static int is_kept(const bound_t *b)
{
    return b->worst_minute <= MINUTE_MAX && b->worst_hour <= HOUR_MAX;
}

static int see_request(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                       const acme_exchange_t *exchange)
{
    bound_t *b = baton;
    (void)kind;
    (void)exchange;
    if (moment == FAKE_CA_AFTER) {
        return 0;
    }
    begin_minutes(b);
    b->requests++;
    int minute = ++b->minutes[b->minute % 60];
    int hour = ++b->this_hour;
    b->worst_minute = minute > b->worst_minute ? minute : b->worst_minute;
    b->worst_hour = hour > b->worst_hour ? hour : b->worst_hour;
    b->w->is_interrupted = !is_kept(b); /* a hot loop would never end by itself */
    return 0;
}

/* ---- a CA out of its mind */

static const char *any_problem(bound_t *b)
{
    static const char *const problems[] = {"",
                                           "accountDoesNotExist",
                                           "alreadyReplaced",
                                           "alreadyRevoked",
                                           "badCSR",
                                           "badNonce",
                                           "badPublicKey",
                                           "badSignatureAlgorithm",
                                           "caa",
                                           "compound",
                                           "conflict",
                                           "connection",
                                           "dns",
                                           "externalAccountRequired",
                                           "incorrectResponse",
                                           "invalidContact",
                                           "invalidProfile",
                                           "malformed",
                                           "orderNotReady",
                                           "rateLimited",
                                           "rejectedIdentifier",
                                           "serverInternal",
                                           "tls",
                                           "unauthorized",
                                           "unsupportedContact",
                                           "unsupportedIdentifier",
                                           "userActionRequired",
                                           "somethingElse"};
    return problems[below(b, (int)(sizeof(problems) / sizeof(problems[0])))];
}

static int any_status(bound_t *b)
{
    static const int all[] = {100, 200, 201, 204, 301, 400, 401, 403, 404, 405,
                              409, 418, 429, 500, 502, 503, 504, 599, 999};
    return all[below(b, (int)(sizeof(all) / sizeof(all[0])))];
}

static const char *any_patience(bound_t *b)
{
    static const char *const texts[] = {"-5",
                                        "-99999999999999999999",
                                        "0",
                                        "1",
                                        "30",
                                        "3600",
                                        "86400",
                                        "315360000",
                                        "99999999999999999999",
                                        "garbage",
                                        "",
                                        " ",
                                        "1e9",
                                        "0x10",
                                        "5 minutes",
                                        "Fri, 31 Dec 9999 23:59:59 GMT",
                                        "Thu, 01 Jan 1970 00:00:00 GMT",
                                        "Sun, 22 Nov 2026 13:00:00 GMT",
                                        "Fri, 99 Dec 2026 99:99:99 GMT"};
    return below(b, 4) == 0 ? texts[below(b, (int)(sizeof(texts) / sizeof(texts[0])))] : NULL;
}

static void add_fault(bound_t *b)
{
    static const double often[] = {0.05, 0.3, 0.7, 0};
    fake_ca_fault_t fault = {.kind = (fake_ca_kind_t)below(b, FAKE_CA_ANY + 1),
                             .trouble = (fake_ca_trouble_t)below(b, FAKE_CA_CERT_NO_ISSUER + 1),
                             .times = FAKE_CA_ALWAYS,
                             .probability = often[below(b, 4)],
                             .retry_after_text = any_patience(b)};
    if (below(b, 3) == 0) {
        fault.status = any_status(b);
        fault.problem = any_problem(b);
    }
    fake_ca_fault_add(b->w->ca, &fault);
}

static apr_interval_time_t any_span(bound_t *b)
{
    static const apr_interval_time_t spans[] = {0,
                                                1,
                                                ACME_TIME_SECOND,
                                                10 * ACME_TIME_SECOND,
                                                ACME_TIME_MINUTE,
                                                ACME_TIME_HOUR,
                                                ACME_TIME_DAY,
                                                30 * ACME_TIME_DAY,
                                                3650 * ACME_TIME_DAY};
    return spans[below(b, (int)(sizeof(spans) / sizeof(spans[0])))];
}

static void change_settings(bound_t *b)
{
    fake_ca_settings_t *settings = fake_ca_settings(b->w->ca);
    apr_time_t now = now_of(b);
    settings->retry_after = any_span(b);
    settings->ari_retry_after = any_span(b);
    settings->retry_after_as_date = below(b, 2);
    settings->validation_delay = any_span(b) % ACME_TIME_HOUR;
    settings->issue_delay = any_span(b) % ACME_TIME_HOUR;
    settings->latency = any_span(b) % ACME_TIME_MINUTE;
    settings->lifetime = ACME_TIME_MINUTE + any_span(b);
    settings->order_lifetime = ACME_TIME_SECOND + any_span(b);
    settings->reuse_valid_authz = below(b, 2);
    settings->reuse_pending_orders = below(b, 2);
    settings->has_renewal_info = below(b, 4) > 0;
    settings->failures_per_hour = below(b, 3);
    settings->orders_per_week = below(b, 4) == 0 ? 1 : 0;
    settings->window_start = below(b, 2) == 0 ? 0 : now - any_span(b) + any_span(b);
    settings->window_end = settings->window_start + any_span(b) - ACME_TIME_SECOND;
    b->w->fails_http = below(b, 3) == 0;
}

static void pull_a_lever(bound_t *b)
{
    fake_ca_t *ca = b->w->ca;
    switch (below(b, 10)) {
    case 0:
        fake_ca_forget_accounts(ca);
        break;
    case 1:
        fake_ca_forget_orders(ca);
        break;
    case 2:
        fake_ca_forget_nonces(ca);
        break;
    case 3:
        fake_ca_expire_authorizations(ca);
        break;
    case 4:
        fake_ca_revoke(ca, "www0.test");
        break;
    case 5:
        engine_world_die(b->w);
        engine_world_start(b->w);
        break;
    default:
        break;
    }
}

/* What was put off for days is tried at once: a CA that says so is not the end of this test. */
static void forget_patience(bound_t *b)
{
    fake_store_t *disk = b->w->disk;
    engine_world_die(b->w);
    fake_store_plant(
        disk, apr_pstrcat(b->pool, "accounts/", b->w->ca_config.folder, "/session.json", NULL),
        NULL, 0);
    for (int i = 0; i < DOMAINS; i++) {
        fake_store_plant(disk, apr_psprintf(b->pool, "staging/www%d.test/job.json", i), NULL, 0);
    }
    b->patient_since = now_of(b);
    engine_world_start(b->w);
}

/* Good times are what lets the next trouble begin at the beginning of every pause. */
static void change_mood(bound_t *b)
{
    fake_ca_faults_clear(b->w->ca);
    if (below(b, 4) == 0) {
        return;
    }
    change_settings(b);
    for (int i = below(b, 4); i >= 0; i--) {
        add_fault(b);
    }
}

/* ---- */

static bound_t *create(apr_uint64_t seed, apr_pool_t *pool)
{
    bound_t *b = apr_pcalloc(pool, sizeof(*b));
    b->pool = pool;
    b->random = seed;
    b->w = engine_world_create(pool);
    fake_ca_settings(b->w->ca)->trusts_signatures = 1;
    for (int i = 0; i < DOMAINS; i++) {
        engine_world_domain(b->w, apr_psprintf(pool, "www%d.test", i));
    }
    b->minute = now_of(b) / ACME_TIME_MINUTE;
    b->patient_since = now_of(b);
    fake_ca_on_moment(b->w->ca, see_request, b);
    return b;
}

static int run(apr_uint64_t seed, int hours, int is_echoed)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, NULL);
    bound_t *b = create(seed, pool);
    fake_env_echo(b->w->world, is_echoed);
    apr_time_t end = now_of(b) + hours * ACME_TIME_HOUR;
    engine_world_start(b->w);
    while (now_of(b) < end && is_kept(b)) {
        change_mood(b);
        pull_a_lever(b);
        if (now_of(b) - b->patient_since > 5 * ACME_TIME_HOUR) {
            forget_patience(b);
        }
        engine_world_pass(b->w, ACME_TIME_SECOND * (1 + below(b, 1 << below(b, 14))));
        fake_env_clear_log(b->w->world);
    }
    int is_well = is_kept(b);
    printf("%s seed %" APR_UINT64_T_FMT
           ": %d requests, %d in the busiest minute, %d in the busiest "
           "hour\n",
           is_well ? "ok    " : "NOT OK", seed, b->requests, b->worst_minute, b->worst_hour);
    engine_world_die(b->w);
    apr_pool_destroy(pool);
    return is_well;
}

static int number_of(const char *word, const char *text)
{
    if (text == NULL || atoi(text) <= 0) {
        fprintf(stderr, "bound: %s needs a number\n", word);
        exit(2);
    }
    return atoi(text);
}

int main(int argc, char **argv)
{
    int seed = 1;
    int seeds = SEEDS;
    int hours = 48;
    int is_echoed = 0;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--echo") == 0) {
            is_echoed = 1;
        }
        else if (strcmp(argv[i], "--seed") == 0) {
            seed = number_of(argv[i++], next);
        }
        else if (strcmp(argv[i], "--seeds") == 0) {
            seeds = number_of(argv[i++], next);
        }
        else if (strcmp(argv[i], "--hours") == 0) {
            hours = number_of(argv[i++], next);
        }
        else {
            fprintf(stderr, "bound: what is %s?\n", argv[i]);
            return 2;
        }
    }
    apr_initialize();
    printf("bound for %d domains: %d requests in a minute, %d in an hour\n", DOMAINS, MINUTE_MAX,
           HOUR_MAX);
    int broken = 0;
    for (int i = 0; i < seeds; i++) {
        broken += !run((apr_uint64_t)(seed + i), hours, is_echoed);
    }
    apr_terminate();
    return broken != 0;
}
