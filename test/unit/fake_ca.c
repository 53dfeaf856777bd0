/* The fake CA: creation, transport, dispatch, and what a test may ask and do.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <apr_date.h>
#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/fake_ca_internal.h"

static const char *const kind_names[] = {
    [FAKE_CA_DIRECTORY] = "directory",
    [FAKE_CA_NEW_NONCE] = "newNonce",
    [FAKE_CA_NEW_ACCOUNT] = "newAccount",
    [FAKE_CA_ACCOUNT] = "account",
    [FAKE_CA_NEW_ORDER] = "newOrder",
    [FAKE_CA_ORDER] = "order",
    [FAKE_CA_AUTHZ] = "authz",
    [FAKE_CA_CHALLENGE] = "challenge",
    [FAKE_CA_FINALIZE] = "finalize",
    [FAKE_CA_CERTIFICATE] = "certificate",
    [FAKE_CA_REVOKE_CERT] = "revokeCert",
    [FAKE_CA_KEY_CHANGE] = "keyChange",
    [FAKE_CA_RENEWAL_INFO] = "renewalInfo",
    [FAKE_CA_UNKNOWN] = "unknown",
    [FAKE_CA_ANY] = "any",
};

typedef void (*handler_fn)(fake_ca__request_t *r);

static const handler_fn handlers[] = {
    [FAKE_CA_DIRECTORY] = fake_ca__directory,
    [FAKE_CA_NEW_NONCE] = fake_ca__new_nonce,
    [FAKE_CA_NEW_ACCOUNT] = fake_ca__new_account,
    [FAKE_CA_ACCOUNT] = fake_ca__account,
    [FAKE_CA_NEW_ORDER] = fake_ca__new_order,
    [FAKE_CA_ORDER] = fake_ca__order,
    [FAKE_CA_AUTHZ] = fake_ca__authz,
    [FAKE_CA_CHALLENGE] = fake_ca__challenge,
    [FAKE_CA_FINALIZE] = fake_ca__finalize,
    [FAKE_CA_CERTIFICATE] = fake_ca__certificate,
    [FAKE_CA_REVOKE_CERT] = fake_ca__revoke_cert,
    [FAKE_CA_KEY_CHANGE] = fake_ca__key_change,
    [FAKE_CA_RENEWAL_INFO] = fake_ca__renewal_info,
};

/* see fake_ca.h */
const char *fake_ca_kind_name(fake_ca_kind_t kind)
{
    return kind_names[kind];
}

/* Small things that all files use. */

apr_time_t fake_ca__time(const fake_ca_t *ca)
{
    return acme_env_now(ca->env) + ca->settings.clock_ahead;
}

/* splitmix64: the same on every machine, unlike random(3) */
apr_uint64_t fake_ca__random(fake_ca_t *ca)
{
    apr_uint64_t z = (ca->random += APR_UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double fake_ca__uniform(fake_ca_t *ca)
{
    return (double)(fake_ca__random(ca) >> 11) / (double)(APR_UINT64_C(1) << 53);
}

char *fake_ca__token(fake_ca_t *ca, int bytes, apr_pool_t *pool)
{
    unsigned char raw[64];
    assert(bytes <= (int)sizeof(raw));
    for (int i = 0; i < bytes; i++) {
        raw[i] = (unsigned char)fake_ca__random(ca);
    }
    return acme_text_base64url(raw, (apr_size_t)bytes, pool);
}

/* Numbers that are not one after the other, so that no client can compute URLs. */
char *fake_ca__url(fake_ca_t *ca, const char *folder)
{
    ca->numbers += 1 + fake_ca__random(ca) % 1000;
    return apr_psprintf(ca->pool, "%s/acme/%s/%" APR_UINT64_T_FMT, ca->base, folder, ca->numbers);
}

void fake_ca__register(fake_ca_t *ca, const char *url, fake_ca_kind_t kind, void *object)
{
    fake_ca__resource_t *resource = apr_palloc(ca->pool, sizeof(*resource));
    *resource = (fake_ca__resource_t){.kind = kind, .object = object};
    apr_hash_set(ca->resources, url, APR_HASH_KEY_STRING, resource);
}

static void tally_key(fake_ca_t *ca, const char *key)
{
    int *count = apr_hash_get(ca->counts, key, APR_HASH_KEY_STRING);
    if (count == NULL) {
        count = apr_pcalloc(ca->pool, sizeof(*count));
        apr_hash_set(ca->counts, apr_pstrdup(ca->pool, key), APR_HASH_KEY_STRING, count);
    }
    ++*count;
}

void fake_ca__tally(fake_ca_t *ca, const char *what, const char *name)
{
    tally_key(ca, what);
    if (name != NULL) {
        apr_pool_t *scratch_pool;
        apr_pool_create(&scratch_pool, ca->pool);
        tally_key(ca, apr_pstrcat(scratch_pool, what, "\n", name, NULL));
        apr_pool_destroy(scratch_pool);
    }
}

static void add_line(fake_ca_t *ca, apr_array_header_t *lines, const char *fmt, va_list args)
{
    apr_time_exp_t t;
    apr_time_exp_gmt(&t, acme_env_now(ca->env));
    APR_ARRAY_PUSH(lines, const char *) =
        apr_psprintf(ca->pool, "%02d:%02d:%02d %s\n", t.tm_hour, t.tm_min, t.tm_sec,
                     apr_pvsprintf(ca->pool, fmt, args));
}

void fake_ca__violate(fake_ca_t *ca, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_line(ca, ca->violations, fmt, args);
    va_end(args);
    fake_ca__tally(ca, "violations", NULL);
}

void fake_ca__note(fake_ca_t *ca, const char *fmt, ...)
{
    va_list args;
    if (ca->settings.is_lean) {
        return;
    }
    va_start(args, fmt);
    add_line(ca, ca->log, fmt, args);
    va_end(args);
}

static apr_status_t release_json(void *value)
{
    json_decref(value);
    return APR_SUCCESS;
}

json_t *fake_ca__json(json_t *value, apr_pool_t *pool)
{
    if (value != NULL) {
        apr_pool_cleanup_register(pool, value, release_json, apr_pool_cleanup_null);
    }
    return value;
}

char *fake_ca__set(const apr_array_header_t *names, apr_pool_t *pool)
{
    apr_array_header_t *values = apr_array_make(pool, names->nelts, sizeof(const char *));
    for (int i = 0; i < names->nelts; i++) {
        APR_ARRAY_PUSH(values, const char *) = APR_ARRAY_IDX(names, i, fake_ca__name_t).value;
    }
    return apr_array_pstrcat(pool, values, ',');
}

static int is_address(const char *value)
{
    return strchr(value, ':') != NULL || strspn(value, "0123456789.") == strlen(value);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const fake_ca__name_t *)a)->value, ((const fake_ca__name_t *)b)->value);
}

void fake_ca__names_sort(apr_array_header_t *names)
{
    qsort(names->elts, (size_t)names->nelts, sizeof(fake_ca__name_t), compare_names);
}

apr_array_header_t *fake_ca__names_parse(const char *names, apr_pool_t *pool)
{
    apr_array_header_t *result = apr_array_make(pool, 4, sizeof(fake_ca__name_t));
    char *rest = apr_pstrdup(pool, names);
    char *last = NULL;
    for (char *word = apr_strtok(rest, ",", &last); word != NULL;
         word = apr_strtok(NULL, ",", &last)) {
        APR_ARRAY_PUSH(result, fake_ca__name_t) =
            (fake_ca__name_t){.type = is_address(word) ? "ip" : "dns", .value = word};
    }
    fake_ca__names_sort(result);
    return result;
}

/* The answer. */

void fake_ca__answer_json(fake_ca__request_t *r, int status, json_t *value)
{
    fake_ca__json(value, r->pool);
    char *text = json_dumps(value, JSON_COMPACT);
    assert(text != NULL);
    r->status = status;
    r->type = "application/json";
    r->body = apr_pstrdup(r->exchange->pool, text);
    r->body_len = strlen(r->body);
    free(text);
}

void fake_ca__answer_problem(fake_ca__request_t *r, int status, const char *problem,
                             const char *detail, json_t *subproblems)
{
    json_t *object = json_object();
    json_object_set_new(object, "type",
                        json_string(apr_pstrcat(r->pool, FAKE_CA_URN, problem, NULL)));
    json_object_set_new(object, "detail", json_string(detail));
    json_object_set_new(object, "status", json_integer(status));
    if (subproblems != NULL) {
        json_object_set_new(object, "subproblems", subproblems);
    }
    fake_ca__answer_json(r, status, object);
    r->type = "application/problem+json";
    if (strcmp(problem, "badNonce") == 0) {
        fake_ca__tally(r->ca, "badNonce", NULL);
    }
}

void fake_ca__refuse(fake_ca__request_t *r, int status, const char *problem, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fake_ca__answer_problem(r, status, problem, apr_pvsprintf(r->pool, fmt, args), NULL);
    va_end(args);
}

void fake_ca__blame(fake_ca__request_t *r, int status, const char *problem, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *detail = apr_pvsprintf(r->pool, fmt, args);
    va_end(args);
    fake_ca__violate(r->ca, "%s %s: %s", fake_ca_kind_name(r->kind), r->exchange->url, detail);
    fake_ca__answer_problem(r, status, problem, detail, NULL);
}

static void ask_patience(fake_ca__request_t *r, const char *key, apr_time_t until)
{
    fake_ca__patience_t *patience = apr_hash_get(r->ca->patience, key, APR_HASH_KEY_STRING);
    if (patience == NULL) {
        patience = apr_palloc(r->ca->pool, sizeof(*patience));
        apr_hash_set(r->ca->patience, apr_pstrdup(r->ca->pool, key), APR_HASH_KEY_STRING, patience);
    }
    *patience = (fake_ca__patience_t){.from_seq = r->ca->seq, .until = until};
}

/* 503 concerns every request of the kind, 429 those about the same names, all else this URL. */
static const char *patience_key(const fake_ca__request_t *r, int status)
{
    const char *kind = fake_ca_kind_name(r->kind);
    if (status == 503) {
        return kind;
    }
    if (status == 429) {
        return apr_pstrcat(r->pool, kind, " ", r->name != NULL ? r->name : "", NULL);
    }
    if (r->kind == FAKE_CA_FINALIZE) {
        return ((fake_ca__order_t *)r->object)->url; /* that is what is polled */
    }
    return r->exchange->url;
}

void fake_ca__retry_after(fake_ca__request_t *r, apr_interval_time_t span, int as_date)
{
    if (span <= 0) {
        return;
    }
    const char *value;
    if (as_date) {
        char *date = apr_palloc(r->exchange->pool, APR_RFC822_DATE_LEN);
        apr_rfc822_date(date, fake_ca__time(r->ca) + span);
        value = date;
    }
    else {
        value = apr_psprintf(r->exchange->pool, "%" APR_TIME_T_FMT,
                             (span + ACME_TIME_SECOND - 1) / ACME_TIME_SECOND);
    }
    apr_table_set(r->headers, "Retry-After", value);
    /* a date has whole seconds only: one second less is not early */
    ask_patience(r, patience_key(r, r->status),
                 acme_env_now(r->ca->env) + span - (as_date ? ACME_TIME_SECOND : 0));
}

void fake_ca__link(fake_ca__request_t *r, const char *url, const char *rel)
{
    apr_table_add(r->headers, "Link", apr_psprintf(r->exchange->pool, "<%s>;rel=\"%s\"", url, rel));
}

json_t *fake_ca__why_json(const fake_ca__why_t *why)
{
    char type[200];
    apr_snprintf(type, sizeof(type), FAKE_CA_URN "%s", why->problem);
    return json_pack("{s:s, s:s, s:i}", "type", type, "detail", why->detail, "status", 403);
}

void fake_ca__why_set(fake_ca__why_t *why, fake_ca_t *ca, const char *problem, const char *detail)
{
    why->problem = apr_pstrdup(ca->pool, problem);
    why->detail = apr_pstrdup(ca->pool, detail != NULL ? detail : "The CA gives no detail");
}

/* One request. */

static void find_names(fake_ca__request_t *r)
{
    fake_ca__order_t *order = NULL;
    const fake_ca__authz_t *authz = NULL;
    switch (r->kind) {
    case FAKE_CA_NEW_ORDER:
        r->names = fake_ca__order_names(r->payload, r->pool);
        break;
    case FAKE_CA_ORDER:
    case FAKE_CA_FINALIZE:
        order = r->object;
        r->names = order->names;
        break;
    case FAKE_CA_CERTIFICATE:
    case FAKE_CA_RENEWAL_INFO:
        r->names = r->object != NULL ? ((fake_ca__cert_t *)r->object)->names : NULL;
        break;
    case FAKE_CA_AUTHZ:
        authz = r->object;
        break;
    case FAKE_CA_CHALLENGE:
        authz = ((fake_ca__challenge_t *)r->object)->authz;
        break;
    default:
        break;
    }
    if (authz != NULL) {
        apr_array_header_t *names = apr_array_make(r->pool, 1, sizeof(fake_ca__name_t));
        APR_ARRAY_PUSH(names, fake_ca__name_t) = authz->name;
        r->names = names;
    }
    r->name = r->names != NULL ? fake_ca__set(r->names, r->pool) : NULL;
}

static void find_resource(fake_ca__request_t *r)
{
    const char *url = r->exchange->url;
    const fake_ca__resource_t *resource = apr_hash_get(r->ca->resources, url, APR_HASH_KEY_STRING);
    r->kind = FAKE_CA_UNKNOWN;
    if (resource != NULL) {
        r->kind = resource->kind;
        r->object = resource->object;
        return;
    }
    const char *ari = apr_pstrcat(r->pool, r->ca->base, "/acme/renewal-info/", NULL);
    if (strncmp(url, ari, strlen(ari)) == 0 && r->ca->settings.has_renewal_info) {
        r->kind = FAKE_CA_RENEWAL_INFO;
        r->object = apr_hash_get(r->ca->certids, url + strlen(ari), APR_HASH_KEY_STRING);
    }
}

static void check_patience(fake_ca__request_t *r)
{
    const char *keys[] = {r->exchange->url, patience_key(r, 503), patience_key(r, 429)};
    for (int i = 0; i < 3; i++) {
        const fake_ca__patience_t *patience =
            apr_hash_get(r->ca->patience, keys[i], APR_HASH_KEY_STRING);
        if (patience != NULL && r->seq >= patience->from_seq && r->begun < patience->until) {
            fake_ca__tally(r->ca, "early", r->name);
            fake_ca__note(r->ca, "early: %s %s", fake_ca_kind_name(r->kind), r->exchange->url);
            return;
        }
    }
}

static int is_gone(const fake_ca__request_t *r)
{
    switch (r->kind) {
    case FAKE_CA_ORDER:
    case FAKE_CA_FINALIZE:
        return ((fake_ca__order_t *)r->object)->is_gone;
    case FAKE_CA_AUTHZ:
        return ((fake_ca__authz_t *)r->object)->is_gone;
    case FAKE_CA_CHALLENGE:
        return ((fake_ca__challenge_t *)r->object)->authz->is_gone;
    default:
        return 0;
    }
}

/* RFC 8555 section 6.3: only directory, newNonce (and renewalInfo) are read by GET. */
static int check_method(fake_ca__request_t *r)
{
    int is_get = r->exchange->method != ACME_METHOD_POST;
    int wants_get = r->kind == FAKE_CA_DIRECTORY || r->kind == FAKE_CA_NEW_NONCE ||
                    r->kind == FAKE_CA_RENEWAL_INFO;
    if (r->kind == FAKE_CA_UNKNOWN) {
        fake_ca__blame(r, 404, "malformed", "this CA never gave out this URL");
        return -1;
    }
    if (is_get != wants_get) {
        apr_table_set(r->headers, "Allow", wants_get ? "GET, HEAD" : "POST");
        fake_ca__blame(r, 405, "malformed", "the method is wrong");
        return -1;
    }
    return 0;
}

static const fake_ca__account_t *owner(const fake_ca__request_t *r)
{
    switch (r->kind) {
    case FAKE_CA_ACCOUNT:
        return r->object;
    case FAKE_CA_ORDER:
    case FAKE_CA_FINALIZE:
        return ((fake_ca__order_t *)r->object)->account;
    case FAKE_CA_AUTHZ:
        return ((fake_ca__authz_t *)r->object)->account;
    case FAKE_CA_CHALLENGE:
        return ((fake_ca__challenge_t *)r->object)->authz->account;
    case FAKE_CA_CERTIFICATE:
        return ((fake_ca__cert_t *)r->object)->account;
    default:
        return r->account;
    }
}

static void process(fake_ca__request_t *r)
{
    if (check_method(r) != 0) {
        return;
    }
    if (r->exchange->method == ACME_METHOD_POST && fake_ca__jws_verify(r) != 0) {
        return;
    }
    if (fake_ca__fault_refuses(r)) {
        return;
    }
    if (is_gone(r)) {
        fake_ca__refuse(r, 404, "malformed", "No such %s", fake_ca_kind_name(r->kind));
        return;
    }
    if (owner(r) != r->account) {
        fake_ca__blame(r, 403, "unauthorized", "the account does not own this resource");
        return;
    }
    handlers[r->kind](r);
}

static void finish_answer(fake_ca__request_t *r)
{
    acme_exchange_t *exchange = r->exchange;
    char *date = apr_palloc(exchange->pool, APR_RFC822_DATE_LEN);
    apr_rfc822_date(date, fake_ca__time(r->ca));
    apr_table_set(r->headers, "Date", date);
    if (exchange->method == ACME_METHOD_POST && !r->is_foreign) {
        apr_table_set(r->headers, "Replay-Nonce", fake_ca__nonce(r->ca));
        fake_ca__link(r, fake_ca_directory_url(r->ca), "index");
    }
    if (r->type != NULL) {
        apr_table_set(r->headers, "Content-Type", r->type);
    }
    fake_ca__fault_after(r);
    if (exchange->err != NULL) {
        return;
    }
    exchange->status = r->status;
    exchange->headers = r->headers;
    exchange->answer = r->body != NULL ? r->body : "";
    exchange->answer_len = r->body_len;
}

static void write_log(const fake_ca__request_t *r)
{
    if (r->ca->settings.is_lean) {
        return;
    }
    static const char *const methods[] = {"GET", "HEAD", "POST"};
    const acme_exchange_t *exchange = r->exchange;
    const char *fate = exchange->err != NULL
                           ? exchange->err->text
                           : apr_psprintf(r->pool, "%d%s", exchange->status,
                                          exchange->status >= 400 ? exchange->answer : "");
    fake_ca__note(r->ca, "%s %s %s %s -> %s", methods[exchange->method], fake_ca_kind_name(r->kind),
                  r->name != NULL ? r->name : "", exchange->url, fate);
}

static void count_request(fake_ca__request_t *r)
{
    fake_ca__tally(r->ca, "requests", NULL);
    if (r->exchange->method != ACME_METHOD_POST) {
        fake_ca__tally(r->ca, "get", NULL);
    }
    /* a challenge that is only read is no challenge POSTed */
    int is_read = r->kind == FAKE_CA_CHALLENGE && r->payload == NULL;
    fake_ca__tally(r->ca, is_read ? "challengeRead" : fake_ca_kind_name(r->kind), r->name);
}

static void answer(fake_ca__request_t *r)
{
    r->fault = fake_ca__fault_pick(r);
    if (r->fault != NULL) {
        fake_ca__tally(r->ca, "fault", NULL);
    }
    int is_done = fake_ca__fault_instead(r);
    if (r->exchange->err == NULL) {
        count_request(r);
        check_patience(r);
        if (!is_done) {
            process(r);
        }
        finish_answer(r);
    }
    write_log(r);
}

static int dies(fake_ca_t *ca, fake_ca_moment_t moment, const fake_ca__request_t *r)
{
    return ca->moment != NULL && ca->moment(ca->moment_baton, moment, r->kind, r->exchange) != 0;
}

/* Answers one exchange; -1 if the client died over it. */
static int serve(fake_ca_t *through, const fake_ca__flight_t *flight)
{
    fake_ca_t *ca = flight->target;
    apr_pool_t *pool;
    apr_pool_create(&pool, ca->pool);
    fake_ca__request_t r = {
        .ca = ca,
        .exchange = flight->exchange,
        .pool = pool,
        .seq = flight->seq,
        .begun = flight->begun,
        .headers = apr_table_make(flight->exchange->pool, 8),
    };
    fake_ca__advance(ca);
    find_resource(&r);
    if (r.exchange->method == ACME_METHOD_POST) {
        fake_ca__jws_read(&r);
    }
    find_names(&r);
    int is_dead = dies(ca, FAKE_CA_BEFORE, &r);
    if (!is_dead) {
        answer(&r);
        is_dead = dies(ca, FAKE_CA_AFTER, &r);
    }
    apr_pool_destroy(pool);
    if (is_dead) {
        fake_ca_forget_client(through);
        return -1;
    }
    flight->exchange->done(flight->exchange);
    return 0;
}

/* The transport. */

static fake_ca_t *target_of(fake_ca_t *ca, const char *url)
{
    for (int i = 0; i < ca->joined->nelts; i++) {
        fake_ca_t *other = APR_ARRAY_IDX(ca->joined, i, fake_ca_t *);
        apr_size_t len = strlen(other->base);
        if (strncmp(url, other->base, len) == 0 && url[len] == '/') {
            return other;
        }
    }
    return ca;
}

static void begin(void *baton, acme_exchange_t *exchange)
{
    fake_ca_t *ca = baton;
    fake_ca_t *target = target_of(ca, exchange->url);
    const fake_ca_settings_t *settings = &target->settings;
    apr_interval_time_t latency = settings->latency;
    if (settings->latency_jitter > 0) {
        latency +=
            (apr_interval_time_t)(fake_ca__uniform(target) * (double)settings->latency_jitter);
    }
    apr_time_t now = acme_env_now(ca->env);
    exchange->err = NULL;
    exchange->status = 0;
    exchange->headers = apr_table_make(exchange->pool, 1);
    exchange->answer = "";
    exchange->answer_len = 0;
    APR_ARRAY_PUSH(ca->flights, fake_ca__flight_t) = (fake_ca__flight_t){.exchange = exchange,
                                                                         .target = target,
                                                                         .number = ca->begun++,
                                                                         .seq = target->seq++,
                                                                         .begun = now,
                                                                         .due = now + latency};
    if (ca->flights->nelts > ca->peak) {
        ca->peak = ca->flights->nelts;
    }
}

static void take_out(fake_ca_t *ca, int i)
{
    fake_ca__flight_t *flights = (fake_ca__flight_t *)ca->flights->elts;
    memmove(&flights[i], &flights[i + 1],
            (apr_size_t)(ca->flights->nelts - i - 1) * sizeof(*flights));
    ca->flights->nelts--;
}

static void cancel(void *baton, acme_exchange_t *exchange)
{
    fake_ca_t *ca = baton;
    for (int i = 0; i < ca->flights->nelts; i++) {
        if (APR_ARRAY_IDX(ca->flights, i, fake_ca__flight_t).exchange == exchange) {
            fake_ca__note(ca, "cancelled: %s", exchange->url);
            take_out(ca, i);
            return;
        }
    }
}

/* The exchange answered next, of those begun before number @a limit: the earliest due, of equals
 * the one begun first; -1 if none is due. */
static int next_due(const fake_ca_t *ca, apr_uint64_t limit)
{
    apr_time_t now = acme_env_now(ca->env);
    const fake_ca__flight_t *flights = (const fake_ca__flight_t *)ca->flights->elts;
    int best = -1;
    for (int i = 0; i < ca->flights->nelts; i++) {
        if (flights[i].number < limit && flights[i].due <= now &&
            (best < 0 || flights[i].due < flights[best].due)) {
            best = i;
        }
    }
    return best;
}

static void advance_all(fake_ca_t *ca)
{
    fake_ca__advance(ca);
    for (int i = 0; i < ca->joined->nelts; i++) {
        fake_ca__advance(APR_ARRAY_IDX(ca->joined, i, fake_ca_t *));
    }
}

static void pump(void *baton, apr_interval_time_t wait)
{
    (void)wait; /* time moves only when the test moves it */
    fake_ca_t *ca = baton;
    apr_uint64_t limit = ca->begun;
    advance_all(ca);
    for (int i = next_due(ca, limit); i >= 0; i = next_due(ca, limit)) {
        fake_ca__flight_t flight = APR_ARRAY_IDX(ca->flights, i, fake_ca__flight_t);
        take_out(ca, i);
        if (serve(ca, &flight) != 0) {
            return;
        }
    }
}

static void wakeup(void *baton)
{
    (void)baton; /* pump never waits */
}

/* Creation. */

static const fake_ca_settings_t default_settings = {
    .terms_of_service = "https://ca.test/terms",
    .caa_identity = "ca.test",
    .order_lifetime = 7 * ACME_TIME_DAY,
    .pending_authz_lifetime = 7 * ACME_TIME_DAY,
    .valid_authz_lifetime = 30 * ACME_TIME_DAY,
    .reuse_valid_authz = 1,
    .max_identifiers = 100,
    .challenges = "http-01,tls-alpn-01,dns-01",
    .lifetime = 90 * ACME_TIME_DAY,
    .backdate = ACME_TIME_HOUR,
    .ari_retry_after = 6 * ACME_TIME_HOUR,
};

static void create_tables(fake_ca_t *ca)
{
    ca->joined = apr_array_make(ca->pool, 1, sizeof(fake_ca_t *));
    ca->flights = apr_array_make(ca->pool, 16, sizeof(fake_ca__flight_t));
    ca->resources = apr_hash_make(ca->pool);
    ca->nonces = apr_hash_make(ca->pool);
    ca->accounts = apr_hash_make(ca->pool);
    ca->latest_order = apr_hash_make(ca->pool);
    ca->latest_authz = apr_hash_make(ca->pool);
    ca->latest_cert = apr_hash_make(ca->pool);
    ca->certids = apr_hash_make(ca->pool);
    ca->histories = apr_hash_make(ca->pool);
    ca->buckets = apr_hash_make(ca->pool);
    ca->lifetimes = apr_hash_make(ca->pool);
    ca->patience = apr_hash_make(ca->pool);
    ca->certs = apr_array_make(ca->pool, 16, sizeof(fake_ca__cert_t *));
    ca->events = apr_array_make(ca->pool, 16, sizeof(fake_ca__event_t));
    ca->failing = apr_hash_make(ca->pool);
    ca->rejected = apr_hash_make(ca->pool);
    ca->customers = apr_hash_make(ca->pool);
    ca->rejected_contacts = apr_hash_make(ca->pool);
    ca->faults = apr_array_make(ca->pool, 4, sizeof(fake_ca__fault_t));
    ca->counts = apr_hash_make(ca->pool);
    ca->violations = apr_array_make(ca->pool, 4, sizeof(const char *));
    ca->log = apr_array_make(ca->pool, 64, sizeof(const char *));
}

static void register_entrances(fake_ca_t *ca)
{
    static const struct {
        const char *path;
        fake_ca_kind_t kind;
    } entrances[] = {
        {"/directory", FAKE_CA_DIRECTORY},          {"/acme/new-nonce", FAKE_CA_NEW_NONCE},
        {"/acme/new-account", FAKE_CA_NEW_ACCOUNT}, {"/acme/new-order", FAKE_CA_NEW_ORDER},
        {"/acme/revoke-cert", FAKE_CA_REVOKE_CERT}, {"/acme/key-change", FAKE_CA_KEY_CHANGE},
    };
    for (apr_size_t i = 0; i < sizeof(entrances) / sizeof(entrances[0]); i++) {
        fake_ca__register(ca, apr_pstrcat(ca->pool, ca->base, entrances[i].path, NULL),
                          entrances[i].kind, NULL);
    }
}

/* see fake_ca.h */
fake_ca_t *fake_ca_create_at(const char *base_url, const acme_env_t *env, apr_uint64_t seed,
                             apr_pool_t *pool)
{
    fake_ca_t *ca = apr_pcalloc(pool, sizeof(*ca));
    ca->pool = pool;
    ca->env = env;
    ca->base = apr_pstrdup(pool, base_url);
    ca->random = seed;
    ca->numbers = 1000;
    ca->settings = default_settings;
    ca->transport = (acme_transport_t){
        .baton = ca, .begin = begin, .cancel = cancel, .pump = pump, .wakeup = wakeup};
    create_tables(ca);
    register_entrances(ca);
    fake_ca__x509_create(ca);
    return ca;
}

/* see fake_ca.h */
fake_ca_t *fake_ca_create(const acme_env_t *env, apr_uint64_t seed, apr_pool_t *pool)
{
    return fake_ca_create_at("https://ca.test", env, seed, pool);
}

/* see fake_ca.h */
void fake_ca_join(fake_ca_t *ca, fake_ca_t *other)
{
    APR_ARRAY_PUSH(ca->joined, fake_ca_t *) = other;
}

/* see fake_ca.h */
fake_ca_settings_t *fake_ca_settings(fake_ca_t *ca)
{
    return &ca->settings;
}

/* see fake_ca.h */
void fake_ca_profile_lifetime(fake_ca_t *ca, const char *profile, apr_interval_time_t lifetime)
{
    apr_hash_set(ca->lifetimes, apr_pstrdup(ca->pool, profile), APR_HASH_KEY_STRING,
                 apr_pmemdup(ca->pool, &lifetime, sizeof(lifetime)));
}

/* see fake_ca.h */
acme_transport_t *fake_ca_transport(fake_ca_t *ca)
{
    return &ca->transport;
}

/* see fake_ca.h */
const char *fake_ca_directory_url(const fake_ca_t *ca)
{
    return apr_pstrcat(ca->pool, ca->base, "/directory", NULL);
}

static apr_time_t earlier(apr_time_t a, apr_time_t b)
{
    return a == 0 || b < a ? b : a;
}

static apr_time_t next_of_itself(const fake_ca_t *ca, apr_time_t next)
{
    for (int i = 0; i < ca->events->nelts; i++) {
        next = earlier(next, APR_ARRAY_IDX(ca->events, i, fake_ca__event_t).due);
    }
    return next;
}

/* see fake_ca.h */
apr_time_t fake_ca_next_event(fake_ca_t *ca)
{
    apr_time_t next = next_of_itself(ca, 0);
    for (int i = 0; i < ca->joined->nelts; i++) {
        next = next_of_itself(APR_ARRAY_IDX(ca->joined, i, fake_ca_t *), next);
    }
    for (int i = 0; i < ca->flights->nelts; i++) {
        next = earlier(next, APR_ARRAY_IDX(ca->flights, i, fake_ca__flight_t).due);
    }
    return next;
}

/* see fake_ca.h */
int fake_ca_in_flight(const fake_ca_t *ca)
{
    return ca->flights->nelts;
}

/* see fake_ca.h */
int fake_ca_peak_in_flight(const fake_ca_t *ca)
{
    return ca->peak;
}

/* see fake_ca.h */
void fake_ca_forget_client(fake_ca_t *ca)
{
    fake_ca__note(ca, "the client is dead, %d exchanges dropped", ca->flights->nelts);
    ca->flights->nelts = 0;
}

/* see fake_ca.h */
void fake_ca_on_validate(fake_ca_t *ca, fake_ca_validate_fn validate, void *baton)
{
    ca->validate = validate;
    ca->validate_baton = baton;
}

/* see fake_ca.h */
void fake_ca_on_moment(fake_ca_t *ca, fake_ca_moment_fn moment, void *baton)
{
    ca->moment = moment;
    ca->moment_baton = baton;
}

/* see fake_ca.h */
void fake_ca_fail_validation(fake_ca_t *ca, const char *identifier, const char *problem,
                             const char *detail)
{
    fake_ca__why_t *why = NULL;
    if (problem != NULL) {
        why = apr_palloc(ca->pool, sizeof(*why));
        fake_ca__why_set(why, ca, problem, detail);
    }
    apr_hash_set(ca->failing, apr_pstrdup(ca->pool, identifier), APR_HASH_KEY_STRING, why);
}

/* see fake_ca.h */
void fake_ca_reject_identifier(fake_ca_t *ca, const char *identifier, const char *detail)
{
    apr_hash_set(ca->rejected, apr_pstrdup(ca->pool, identifier), APR_HASH_KEY_STRING,
                 detail != NULL ? apr_pstrdup(ca->pool, detail) : NULL);
}

/* see fake_ca.h */
void fake_ca_add_customer(fake_ca_t *ca, const char *kid, const char *key, const char *alg,
                          int is_single_use)
{
    fake_ca__customer_t *customer = apr_pcalloc(ca->pool, sizeof(*customer));
    customer->alg = apr_pstrdup(ca->pool, alg);
    customer->key = (const unsigned char *)apr_pstrdup(ca->pool, key);
    customer->key_len = strlen(key);
    customer->is_single_use = is_single_use;
    apr_hash_set(ca->customers, apr_pstrdup(ca->pool, kid), APR_HASH_KEY_STRING, customer);
}

/* see fake_ca.h */
void fake_ca_reject_contact(fake_ca_t *ca, const char *contact)
{
    apr_hash_set(ca->rejected_contacts, apr_pstrdup(ca->pool, contact), APR_HASH_KEY_STRING, "");
}

/* Levers. */

/* see fake_ca.h */
void fake_ca_forget_accounts(fake_ca_t *ca)
{
    for (apr_hash_index_t *i = apr_hash_first(ca->pool, ca->accounts); i; i = apr_hash_next(i)) {
        ((fake_ca__account_t *)apr_hash_this_val(i))->is_gone = 1;
    }
    apr_hash_clear(ca->accounts);
    ca->latest_account = NULL;
}

/* see fake_ca.h */
void fake_ca_deactivate_accounts(fake_ca_t *ca)
{
    for (apr_hash_index_t *i = apr_hash_first(ca->pool, ca->accounts); i; i = apr_hash_next(i)) {
        ((fake_ca__account_t *)apr_hash_this_val(i))->status = "deactivated";
    }
}

static void each_resource(fake_ca_t *ca, fake_ca_kind_t kind,
                          void (*act)(fake_ca_t *ca, void *object))
{
    for (apr_hash_index_t *i = apr_hash_first(ca->pool, ca->resources); i; i = apr_hash_next(i)) {
        const fake_ca__resource_t *resource = apr_hash_this_val(i);
        if (resource->kind == kind) {
            act(ca, resource->object);
        }
    }
}

static void forget_order(fake_ca_t *ca, void *object)
{
    fake_ca__order_vanish(ca, object);
}

static void forget_authz(fake_ca_t *ca, void *object)
{
    (void)ca;
    ((fake_ca__authz_t *)object)->is_gone = 1;
}

static void expire_authz(fake_ca_t *ca, void *object)
{
    fake_ca__authz_t *authz = object;
    if (strcmp(authz->status, "valid") == 0) {
        authz->status = "expired";
        for (int i = 0; i < authz->orders->nelts; i++) {
            fake_ca__order_refresh(ca, APR_ARRAY_IDX(authz->orders, i, fake_ca__order_t *));
        }
    }
}

/* see fake_ca.h */
void fake_ca_forget_orders(fake_ca_t *ca)
{
    each_resource(ca, FAKE_CA_ORDER, forget_order);
    each_resource(ca, FAKE_CA_AUTHZ, forget_authz);
}

/* see fake_ca.h */
void fake_ca_expire_authorizations(fake_ca_t *ca)
{
    each_resource(ca, FAKE_CA_AUTHZ, expire_authz);
}

/* see fake_ca.h */
void fake_ca_forget_nonces(fake_ca_t *ca)
{
    for (apr_hash_index_t *i = apr_hash_first(ca->pool, ca->nonces); i; i = apr_hash_next(i)) {
        const void *nonce = apr_hash_this_key(i);
        if (strcmp(apr_hash_this_val(i), "fresh") == 0) {
            apr_hash_set(ca->nonces, nonce, APR_HASH_KEY_STRING, "stale");
        }
    }
}

static int names_contain(const apr_array_header_t *names, const char *value)
{
    for (int i = 0; i < names->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(names, i, fake_ca__name_t).value, value) == 0) {
            return 1;
        }
    }
    return 0;
}

/* see fake_ca.h */
void fake_ca_revoke(fake_ca_t *ca, const char *name)
{
    for (int i = 0; i < ca->certs->nelts; i++) {
        fake_ca__cert_t *cert = APR_ARRAY_IDX(ca->certs, i, fake_ca__cert_t *);
        if (names_contain(cert->names, name) && !cert->is_revoked) {
            cert->is_revoked = 1;
            fake_ca__tally(ca, "revoked", cert->set);
        }
    }
}

/* What a test may know. */

/* see fake_ca.h */
int fake_ca_count(const fake_ca_t *ca, const char *what, const char *name)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, ca->pool);
    const char *key = name == NULL ? what : apr_pstrcat(pool, what, "\n", name, NULL);
    const int *count = apr_hash_get(ca->counts, key, APR_HASH_KEY_STRING);
    apr_pool_destroy(pool);
    return count == NULL ? 0 : *count;
}

/* see fake_ca.h */
const char *fake_ca_violations(const fake_ca_t *ca)
{
    return apr_array_pstrcat(ca->pool, ca->violations, 0);
}

/* see fake_ca.h */
const char *fake_ca_log(const fake_ca_t *ca)
{
    return apr_array_pstrcat(ca->pool, ca->log, 0);
}

/* see fake_ca.h */
const char *fake_ca_root_pem(const fake_ca_t *ca)
{
    X509 *const roots[] = {ca->root, ca->other_root};
    return fake_ca__x509_pem(roots, 2, ca->pool);
}

/* see fake_ca.h */
const char *fake_ca_last_chain(const fake_ca_t *ca, const char *names)
{
    const fake_ca__cert_t *cert = apr_hash_get(ca->latest_cert, names, APR_HASH_KEY_STRING);
    return cert == NULL ? NULL : cert->pem;
}

/* see fake_ca.h */
const char *fake_ca_order_status(fake_ca_t *ca, const char *names)
{
    fake_ca__advance(ca);
    fake_ca__order_t *order = apr_hash_get(ca->latest_order, names, APR_HASH_KEY_STRING);
    if (order == NULL || order->is_gone) {
        return NULL;
    }
    fake_ca__order_refresh(ca, order);
    return order->status;
}

/* see fake_ca.h */
const char *fake_ca_authz_status(fake_ca_t *ca, const char *identifier)
{
    fake_ca__advance(ca);
    fake_ca__authz_t *authz = apr_hash_get(ca->latest_authz, identifier, APR_HASH_KEY_STRING);
    if (authz == NULL || authz->is_gone) {
        return NULL;
    }
    fake_ca__authz_refresh(ca, authz);
    return authz->status;
}

/* see fake_ca.h */
const char *fake_ca_account_status(fake_ca_t *ca)
{
    return ca->latest_account == NULL ? NULL : ca->latest_account->status;
}

/* see fake_ca.h */
const char *fake_ca_account_contacts(const fake_ca_t *ca)
{
    return ca->latest_account == NULL
               ? NULL
               : apr_array_pstrcat(ca->pool, ca->latest_account->contacts, ',');
}

/* see fake_ca.h */
const char *fake_ca_issue(fake_ca_t *ca, EVP_PKEY *pkey, const char *names, apr_time_t not_before,
                          apr_time_t not_after, apr_pool_t *pool)
{
    const fake_ca__cert_t *cert = fake_ca__cert_make(
        ca, pkey, fake_ca__names_parse(names, ca->pool), not_before, not_after, 0);
    return apr_pstrdup(pool, cert->pem);
}
