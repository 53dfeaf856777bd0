/* The fake CA: orders, authorizations, challenges, finalize, and what happens by itself.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     order   pending --all authorizations valid--> ready --finalize--> processing --> valid
 *             any of them --an authorization fails, expiry, issuing fails--> invalid
 *     authz   pending --validation--> valid | invalid;  pending, valid --> deactivated | expired
 *
 * States are RFC 8555's words (section 7.1.6). An order looks at its authorizations whenever one of
 * them changes and whenever it is read.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "unit/fake_ca_internal.h"

static int is(const char *status, const char *word)
{
    return strcmp(status, word) == 0;
}

static int is_wildcard(const char *value)
{
    return strncmp(value, "*.", 2) == 0;
}

/* Names. */

apr_array_header_t *fake_ca__order_names(const json_t *payload, apr_pool_t *pool)
{
    const json_t *list = json_object_get(payload, "identifiers");
    if (!json_is_array(list) || json_array_size(list) == 0) {
        return NULL;
    }
    apr_array_header_t *names =
        apr_array_make(pool, (int)json_array_size(list), sizeof(fake_ca__name_t));
    size_t i;
    json_t *identifier;
    json_array_foreach(list, i, identifier)
    {
        const char *type = json_string_value(json_object_get(identifier, "type"));
        const char *value = json_string_value(json_object_get(identifier, "value"));
        APR_ARRAY_PUSH(names, fake_ca__name_t) =
            (fake_ca__name_t){.type = apr_pstrdup(pool, type != NULL ? type : ""),
                              .value = apr_pstrdup(pool, value != NULL ? value : "")};
    }
    fake_ca__names_sort(names);
    return names;
}

static int label_ok(const char *label, size_t len)
{
    return len > 0 && len <= 63 && strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") >= len &&
           label[0] != '-' && label[len - 1] != '-';
}

static int dns_ok(const char *value)
{
    const char *rest = is_wildcard(value) ? value + 2 : value;
    int labels = 0;
    if (strlen(value) > 253) {
        return 0;
    }
    for (;;) {
        size_t len = strcspn(rest, ".");
        if (!label_ok(rest, len)) {
            return 0;
        }
        labels++;
        if (rest[len] == '\0') {
            /* an address is no DNS name */
            return labels >= 2 && strspn(rest, "0123456789") != len;
        }
        rest += len + 1;
    }
}

/* RFC 8738 section 3: addresses come in the text of RFC 5952. */
static int ip_ok(const char *value)
{
    unsigned char raw[16];
    char text[INET6_ADDRSTRLEN];
    int family = strchr(value, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(family, value, raw) == 1 &&
           inet_ntop(family, raw, text, sizeof(text)) != NULL && strcmp(text, value) == 0;
}

static int check_name(fake_ca__request_t *r, const fake_ca__name_t *name)
{
    if (is(name->type, "dns") ? dns_ok(name->value) : is(name->type, "ip") && ip_ok(name->value)) {
        return 0;
    }
    if (!is(name->type, "dns") && !is(name->type, "ip")) {
        fake_ca__refuse(r, 400, "unsupportedIdentifier", "Identifier type '%s' is unknown",
                        name->type);
        return -1;
    }
    fake_ca__blame(r, 400, "malformed", "'%s' is no %s identifier in its one form", name->value,
                   name->type);
    return -1;
}

static int check_names(fake_ca__request_t *r)
{
    if (r->names == NULL) {
        fake_ca__blame(r, 400, "malformed", "the order has no identifiers");
        return -1;
    }
    if (r->names->nelts > r->ca->settings.max_identifiers) {
        fake_ca__refuse(r, 400, "malformed", "Order has more than %d identifiers",
                        r->ca->settings.max_identifiers);
        return -1;
    }
    for (int i = 0; i < r->names->nelts; i++) {
        const fake_ca__name_t *name = &APR_ARRAY_IDX(r->names, i, fake_ca__name_t);
        if (check_name(r, name) != 0) {
            return -1;
        }
        if (i > 0 && is(name->value, APR_ARRAY_IDX(r->names, i - 1, fake_ca__name_t).value)) {
            fake_ca__blame(r, 400, "malformed", "'%s' stands twice in the order", name->value);
            return -1;
        }
    }
    return 0;
}

static json_t *name_json(const fake_ca__name_t *name)
{
    return json_pack("{s:s, s:s}", "type", name->type, "value", name->value);
}

/* RFC 8555 section 6.7.1: one subproblem for each name that will not do. */
static int check_rejected(fake_ca__request_t *r)
{
    json_t *subproblems = fake_ca__json(json_array(), r->pool);
    const char *first = NULL;
    for (int i = 0; i < r->names->nelts; i++) {
        const fake_ca__name_t *name = &APR_ARRAY_IDX(r->names, i, fake_ca__name_t);
        const char *detail = apr_hash_get(r->ca->rejected, name->value, APR_HASH_KEY_STRING);
        if (detail != NULL) {
            first = first != NULL ? first : detail;
            json_array_append_new(subproblems,
                                  json_pack("{s:s, s:s, s:i, s:o}", "type",
                                            FAKE_CA_URN "rejectedIdentifier", "detail", detail,
                                            "status", 400, "identifier", name_json(name)));
        }
    }
    if (first == NULL) {
        return 0;
    }
    const char *detail = apr_psprintf(r->pool, "Cannot issue for these names: %s", first);
    fake_ca__answer_problem(r, 400, "rejectedIdentifier", detail, json_incref(subproblems));
    return -1;
}

/* newOrder. */

static int check_extras(fake_ca__request_t *r)
{
    const fake_ca_settings_t *settings = &r->ca->settings;
    if (json_object_get(r->payload, "notBefore") || json_object_get(r->payload, "notAfter")) {
        fake_ca__refuse(r, 400, "malformed", "NotBefore and NotAfter are not supported");
        return -1;
    }
    const char *profile = json_string_value(json_object_get(r->payload, "profile"));
    if (profile == NULL) {
        return 0;
    }
    const char *known = settings->profiles != NULL ? settings->profiles : "";
    const apr_array_header_t *profiles = acme_text_split(known, ",", r->pool);
    for (int i = 0; i < profiles->nelts; i++) {
        if (is(APR_ARRAY_IDX(profiles, i, const char *), profile)) {
            return 0;
        }
    }
    fake_ca__refuse(r, 400, "invalidProfile", "Profile '%s' is not known here", profile);
    return -1;
}

/* RFC 9773 section 5. */
static int check_replaces(fake_ca__request_t *r)
{
    const char *replaces = json_string_value(json_object_get(r->payload, "replaces"));
    if (replaces == NULL) {
        return 0;
    }
    if (!r->ca->settings.has_renewal_info) {
        fake_ca__blame(r, 400, "malformed", "'replaces' where the directory has no renewalInfo");
        return -1;
    }
    const fake_ca__cert_t *cert = apr_hash_get(r->ca->certids, replaces, APR_HASH_KEY_STRING);
    if (cert == NULL || (cert->account != NULL && cert->account != r->account)) {
        fake_ca__refuse(r, 404, "malformed", "No certificate %s of this account", replaces);
        return -1;
    }
    if (cert->is_replaced) {
        fake_ca__refuse(r, 409, "alreadyReplaced", "Certificate %s has been replaced", replaces);
        return -1;
    }
    return 0;
}

static void set_latest(apr_hash_t *table, fake_ca_t *ca, const fake_ca__account_t *account,
                       const char *name, void *value)
{
    apr_hash_set(table, apr_pstrcat(ca->pool, account->url, "\n", name, NULL), APR_HASH_KEY_STRING,
                 value);
    apr_hash_set(table, name, APR_HASH_KEY_STRING, value);
}

static void *latest_of(apr_hash_t *table, const fake_ca__account_t *account, const char *name,
                       apr_pool_t *pool)
{
    return apr_hash_get(table, apr_pstrcat(pool, account->url, "\n", name, NULL),
                        APR_HASH_KEY_STRING);
}

static void add_challenge(fake_ca_t *ca, fake_ca__authz_t *authz, const char *type)
{
    fake_ca__challenge_t *challenge = apr_pcalloc(ca->pool, sizeof(*challenge));
    challenge->type = apr_pstrdup(ca->pool, type);
    challenge->token = fake_ca__token(ca, 32, ca->pool);
    challenge->url = fake_ca__url(ca, "chall");
    challenge->status = "pending";
    challenge->authz = authz;
    fake_ca__register(ca, challenge->url, FAKE_CA_CHALLENGE, challenge);
    APR_ARRAY_PUSH(authz->challenges, fake_ca__challenge_t *) = challenge;
}

static void add_challenges(fake_ca_t *ca, fake_ca__authz_t *authz, apr_pool_t *scratch_pool)
{
    const apr_array_header_t *types = acme_text_split(ca->settings.challenges, ",", scratch_pool);
    for (int i = 0; i < types->nelts; i++) {
        const char *type = APR_ARRAY_IDX(types, i, const char *);
        int is_dns = strncmp(type, "dns-", 4) == 0;
        /* RFC 8555 section 8.3 and RFC 8738 section 7 */
        if ((is_wildcard(authz->name.value) && !is_dns) || (is(authz->name.type, "ip") && is_dns)) {
            continue;
        }
        add_challenge(ca, authz, type);
    }
}

static fake_ca__authz_t *create_authz(fake_ca__request_t *r, const fake_ca__name_t *name)
{
    fake_ca_t *ca = r->ca;
    fake_ca__authz_t *authz = apr_pcalloc(ca->pool, sizeof(*authz));
    authz->url = fake_ca__url(ca, "authz");
    authz->account = r->account;
    authz->name.type = apr_pstrdup(ca->pool, name->type);
    authz->name.value = apr_pstrdup(ca->pool, name->value);
    authz->base = authz->name.value + (is_wildcard(name->value) ? 2 : 0);
    authz->status = "pending";
    authz->expires = fake_ca__time(ca) + ca->settings.pending_authz_lifetime;
    authz->challenges = apr_array_make(ca->pool, 3, sizeof(fake_ca__challenge_t *));
    authz->orders = apr_array_make(ca->pool, 1, sizeof(fake_ca__order_t *));
    add_challenges(ca, authz, r->pool);
    fake_ca__register(ca, authz->url, FAKE_CA_AUTHZ, authz);
    set_latest(ca->latest_authz, ca, r->account, authz->name.value, authz);
    return authz;
}

static fake_ca__authz_t *reusable_authz(fake_ca__request_t *r, const fake_ca__name_t *name)
{
    fake_ca__authz_t *authz = latest_of(r->ca->latest_authz, r->account, name->value, r->pool);
    if (authz == NULL || authz->is_gone || !r->ca->settings.reuse_valid_authz) {
        return NULL;
    }
    fake_ca__authz_refresh(r->ca, authz);
    return is(authz->status, "valid") ? authz : NULL;
}

static void add_authz(fake_ca__request_t *r, fake_ca__order_t *order, const fake_ca__name_t *name)
{
    fake_ca__authz_t *authz = reusable_authz(r, name);
    if (authz != NULL) {
        fake_ca__tally(r->ca, "authzReused", name->value);
    }
    else {
        authz = create_authz(r, name);
    }
    APR_ARRAY_PUSH(authz->orders, fake_ca__order_t *) = order;
    APR_ARRAY_PUSH(order->authzs, fake_ca__authz_t *) = authz;
}

static const apr_array_header_t *copy_names(const apr_array_header_t *names, apr_pool_t *pool)
{
    apr_array_header_t *copy = apr_array_make(pool, names->nelts, sizeof(fake_ca__name_t));
    for (int i = 0; i < names->nelts; i++) {
        const fake_ca__name_t *name = &APR_ARRAY_IDX(names, i, fake_ca__name_t);
        APR_ARRAY_PUSH(copy, fake_ca__name_t) = (fake_ca__name_t){
            .type = apr_pstrdup(pool, name->type), .value = apr_pstrdup(pool, name->value)};
    }
    return copy;
}

static const char *payload_string(const fake_ca__request_t *r, const char *name)
{
    return apr_pstrdup(r->ca->pool, json_string_value(json_object_get(r->payload, name)));
}

static fake_ca__order_t *create_order(fake_ca__request_t *r)
{
    fake_ca_t *ca = r->ca;
    fake_ca__order_t *order = apr_pcalloc(ca->pool, sizeof(*order));
    order->url = fake_ca__url(ca, "order");
    order->finalize_url = fake_ca__url(ca, "finalize");
    order->account = r->account;
    order->names = copy_names(r->names, ca->pool);
    order->set = apr_pstrdup(ca->pool, r->name);
    order->status = "pending";
    order->expires = fake_ca__time(ca) + ca->settings.order_lifetime;
    order->authzs = apr_array_make(ca->pool, r->names->nelts, sizeof(fake_ca__authz_t *));
    order->profile = payload_string(r, "profile");
    order->replaces = payload_string(r, "replaces");
    for (int i = 0; i < r->names->nelts; i++) {
        add_authz(r, order, &APR_ARRAY_IDX(r->names, i, fake_ca__name_t));
    }
    fake_ca__register(ca, order->url, FAKE_CA_ORDER, order);
    fake_ca__register(ca, order->finalize_url, FAKE_CA_FINALIZE, order);
    set_latest(ca->latest_order, ca, r->account, order->set, order);
    fake_ca__limits_ordered(order, ca);
    fake_ca__tally(ca, "orderCreated", order->set);
    if (order->profile != NULL) {
        fake_ca__tally(ca, apr_pstrcat(ca->pool, "profile ", order->profile, NULL), order->set);
    }
    return order;
}

static fake_ca__order_t *reusable_order(fake_ca__request_t *r)
{
    fake_ca__order_t *order = latest_of(r->ca->latest_order, r->account, r->name, r->pool);
    if (order == NULL || order->is_gone || !r->ca->settings.reuse_pending_orders) {
        return NULL;
    }
    fake_ca__order_refresh(r->ca, order);
    return is(order->status, "pending") || is(order->status, "ready") ? order : NULL;
}

/* In another sequence each time: clients must not go by position. */
static json_t *shuffled(fake_ca_t *ca, json_t *array)
{
    size_t size = json_array_size(array);
    for (size_t i = size; i > 1; i--) {
        size_t j = (size_t)(fake_ca__random(ca) % i);
        json_t *a = json_incref(json_array_get(array, i - 1));
        json_array_set(array, i - 1, json_array_get(array, j));
        json_array_set_new(array, j, a);
    }
    return array;
}

static json_t *order_json(fake_ca_t *ca, const fake_ca__order_t *order, apr_pool_t *pool)
{
    json_t *identifiers = json_array();
    json_t *authorizations = json_array();
    for (int i = 0; i < order->names->nelts; i++) {
        json_array_append_new(identifiers,
                              name_json(&APR_ARRAY_IDX(order->names, i, fake_ca__name_t)));
        json_array_append_new(
            authorizations,
            json_string(APR_ARRAY_IDX(order->authzs, i, const fake_ca__authz_t *)->url));
    }
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:o, s:s}", "status", order->status, "expires",
                  acme_time_rfc3339(order->expires, pool), "identifiers", shuffled(ca, identifiers),
                  "authorizations", shuffled(ca, authorizations), "finalize", order->finalize_url);
    if (order->cert != NULL && is(order->status, "valid")) {
        json_object_set_new(object, "certificate", json_string(order->cert->url));
    }
    if (order->error.problem != NULL) {
        json_object_set_new(object, "error", fake_ca__why_json(&order->error));
    }
    if (order->profile != NULL) {
        json_object_set_new(object, "profile", json_string(order->profile));
    }
    if (order->replaces != NULL) {
        json_object_set_new(object, "replaces", json_string(order->replaces));
    }
    return object;
}

static int is_validating(const fake_ca__authz_t *authz)
{
    for (int i = 0; is(authz->status, "pending") && i < authz->challenges->nelts; i++) {
        if (is(APR_ARRAY_IDX(authz->challenges, i, fake_ca__challenge_t *)->status, "processing")) {
            return 1;
        }
    }
    return 0;
}

static void ask_to_wait(fake_ca__request_t *r)
{
    fake_ca__retry_after(r, r->ca->settings.retry_after, r->ca->settings.retry_after_as_date);
}

static void answer_order(fake_ca__request_t *r, fake_ca__order_t *order, int status)
{
    fake_ca__order_refresh(r->ca, order);
    fake_ca__answer_json(r, status, order_json(r->ca, order, r->pool));
    int waits = is(order->status, "processing");
    for (int i = 0; is(order->status, "pending") && i < order->authzs->nelts; i++) {
        waits |= is_validating(APR_ARRAY_IDX(order->authzs, i, fake_ca__authz_t *));
    }
    if (waits) {
        ask_to_wait(r);
    }
}

void fake_ca__new_order(fake_ca__request_t *r)
{
    if (check_names(r) != 0 || check_extras(r) != 0 || check_replaces(r) != 0 ||
        check_rejected(r) != 0) {
        return;
    }
    fake_ca__order_t *order = reusable_order(r);
    if (order == NULL) {
        if (fake_ca__limits_check(r) != 0) {
            return;
        }
        order = create_order(r);
    }
    apr_table_set(r->headers, "Location", order->url);
    answer_order(r, order, 201);
}

/* Reading. */

static int must_be_read(fake_ca__request_t *r)
{
    if (r->payload != NULL) {
        fake_ca__blame(r, 400, "malformed", "this is read by POST-as-GET, with an empty payload");
        return -1;
    }
    return 0;
}

void fake_ca__order(fake_ca__request_t *r)
{
    if (must_be_read(r) == 0) {
        answer_order(r, r->object, 200);
    }
}

static json_t *record_json(const fake_ca__challenge_t *challenge, apr_pool_t *pool)
{
    const char *host = challenge->authz->base;
    const char *url =
        apr_psprintf(pool, "http://%s/.well-known/acme-challenge/%s", host, challenge->token);
    return json_pack("[{s:s, s:s, s:s, s:[s], s:s}]", "url", url, "hostname", host, "port", "80",
                     "addressesResolved", "192.0.2.1", "addressUsed", "192.0.2.1");
}

static json_t *challenge_json(const fake_ca__request_t *r, const fake_ca__challenge_t *challenge)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s}", "type", challenge->type, "url", challenge->url, "status",
                  challenge->status, "token", challenge->token);
    if (is(challenge->type, "dns-persist-01")) { /* no token, but whom to name */
        int is_draft_02 = r->ca->settings.account_hash_prefix != NULL;
        json_object_del(object, "token");
        json_object_set_new(object, is_draft_02 ? "issuerDomainNames" : "issuer-domain-names",
                            json_pack("[s]", "ca.test"));
    }
    if (challenge->validated != 0) {
        json_object_set_new(object, "validated",
                            json_string(acme_time_rfc3339(challenge->validated, r->pool)));
        if (is(challenge->type, "http-01")) {
            json_object_set_new(object, "validationRecord", record_json(challenge, r->pool));
        }
    }
    if (challenge->error.problem != NULL) {
        json_object_set_new(object, "error", fake_ca__why_json(&challenge->error));
    }
    return object;
}

/* A finished authorization lists only what was used (RFC 8555 section 7.1.4). */
static int is_listed(const fake_ca_t *ca, const fake_ca__authz_t *authz,
                     const fake_ca__challenge_t *challenge)
{
    if (is(authz->status, "valid")) {
        return is(challenge->status, "valid");
    }
    if (is(authz->status, "invalid") && !ca->settings.fill_authz_on_failure) {
        return is(challenge->status, "invalid");
    }
    return 1;
}

static void answer_authz(fake_ca__request_t *r, fake_ca__authz_t *authz)
{
    fake_ca__authz_refresh(r->ca, authz);
    json_t *challenges = json_array();
    for (int i = 0; i < authz->challenges->nelts; i++) {
        const fake_ca__challenge_t *challenge =
            APR_ARRAY_IDX(authz->challenges, i, fake_ca__challenge_t *);
        if (is_listed(r->ca, authz, challenge)) {
            json_array_append_new(challenges, challenge_json(r, challenge));
        }
    }
    fake_ca__name_t base = {.type = authz->name.type, .value = authz->base};
    json_t *object = json_pack("{s:o, s:s, s:s, s:o}", "identifier", name_json(&base), "status",
                               authz->status, "expires", acme_time_rfc3339(authz->expires, r->pool),
                               "challenges", shuffled(r->ca, challenges));
    if (is_wildcard(authz->name.value)) {
        json_object_set_new(object, "wildcard", json_true());
    }
    fake_ca__answer_json(r, 200, object);
    if (is_validating(authz)) {
        ask_to_wait(r);
    }
}

/* Authorizations. */

static void set_authz_status(fake_ca_t *ca, fake_ca__authz_t *authz, const char *status)
{
    authz->status = status;
    for (int i = 0; i < authz->orders->nelts; i++) {
        fake_ca__order_refresh(ca, APR_ARRAY_IDX(authz->orders, i, fake_ca__order_t *));
    }
}

void fake_ca__authz_refresh(fake_ca_t *ca, fake_ca__authz_t *authz)
{
    int is_open = is(authz->status, "pending") || is(authz->status, "valid");
    if (is_open && fake_ca__time(ca) > authz->expires) {
        authz->status = is(authz->status, "pending") ? "invalid" : "expired";
    }
}

static void fail_challenge(fake_ca_t *ca, fake_ca__challenge_t *challenge,
                           const fake_ca__why_t *why)
{
    fake_ca__authz_t *authz = challenge->authz;
    challenge->status = "invalid";
    challenge->error = *why;
    fake_ca__tally(ca, "validationFailed", authz->name.value);
    fake_ca__limits_failed(authz, ca);
    set_authz_status(ca, authz, "invalid");
}

static void deactivate(fake_ca__request_t *r, fake_ca__authz_t *authz)
{
    if (!is(authz->status, "pending") && !is(authz->status, "valid")) {
        fake_ca__refuse(r, 400, "malformed", "Authorization is %s", authz->status);
        return;
    }
    fake_ca__tally(r->ca, "deactivated", authz->name.value);
    set_authz_status(r->ca, authz, "deactivated");
    answer_authz(r, authz);
}

static void doom(fake_ca__why_t *why, const fake_ca__request_t *r, const char *problem)
{
    fake_ca__why_set(why, r->ca, r->fault->problem != NULL ? r->fault->problem : problem,
                     r->fault->detail);
}

static int is_faulty(const fake_ca__request_t *r, fake_ca_trouble_t trouble)
{
    return r->fault != NULL && r->fault->trouble == trouble;
}

void fake_ca__authz(fake_ca__request_t *r)
{
    fake_ca__authz_t *authz = r->object;
    fake_ca__authz_refresh(r->ca, authz);
    if (is_faulty(r, FAKE_CA_AUTHZ_INVALID) && is(authz->status, "pending") &&
        authz->challenges->nelts > 0) {
        fake_ca__why_t why;
        doom(&why, r, "unauthorized");
        fail_challenge(r->ca, APR_ARRAY_IDX(authz->challenges, 0, fake_ca__challenge_t *), &why);
    }
    if (r->payload == NULL) {
        answer_authz(r, authz);
        return;
    }
    const char *status = json_string_value(json_object_get(r->payload, "status"));
    if (status == NULL || !is(status, "deactivated") || json_object_size(r->payload) != 1) {
        fake_ca__blame(r, 400, "malformed", "an authorization can only be read or deactivated");
        return;
    }
    deactivate(r, authz);
}

/* Challenges. */

static void answer_challenge(fake_ca__request_t *r, const fake_ca__challenge_t *challenge)
{
    fake_ca__answer_json(r, 200, challenge_json(r, challenge));
    fake_ca__link(r, challenge->authz->url, "up");
    if (is(challenge->status, "processing")) {
        ask_to_wait(r);
    }
}

static void add_event(fake_ca_t *ca, fake_ca__challenge_t *challenge, fake_ca__order_t *order,
                      apr_interval_time_t delay)
{
    APR_ARRAY_PUSH(ca->events, fake_ca__event_t) = (fake_ca__event_t){
        .due = acme_env_now(ca->env) + delay, .challenge = challenge, .order = order};
}

static void begin_validation(fake_ca__request_t *r, fake_ca__challenge_t *challenge)
{
    challenge->status = "processing";
    challenge->key_authorization =
        apr_pstrcat(r->ca->pool, challenge->token, ".", r->account->thumbprint, NULL);
    if (is_faulty(r, FAKE_CA_AUTHZ_INVALID)) {
        doom(&challenge->doom, r, "unauthorized");
    }
    fake_ca__tally(r->ca, "validation", challenge->authz->name.value);
    add_event(r->ca, challenge, NULL, r->ca->settings.validation_delay);
}

void fake_ca__challenge(fake_ca__request_t *r)
{
    fake_ca__challenge_t *challenge = r->object;
    fake_ca__authz_t *authz = challenge->authz;
    fake_ca__authz_refresh(r->ca, authz);
    if (r->payload == NULL) {
        answer_challenge(r, challenge);
        return;
    }
    if (json_object_size(r->payload) != 0) {
        fake_ca__blame(r, 400, "malformed", "a challenge is answered with an empty object");
        return;
    }
    /* as Let's Encrypt does: a repeated answer is well once the authorization is valid */
    if (!is(authz->status, "valid")) {
        if (!is(authz->status, "pending") || is_validating(authz)) {
            fake_ca__refuse(r, 400, "malformed", "Authorization is %s, not awaiting an answer",
                            authz->status);
            return;
        }
        begin_validation(r, challenge);
    }
    answer_challenge(r, challenge);
}

static int finds_answer(fake_ca_t *ca, const fake_ca__challenge_t *challenge)
{
    return ca->validate == NULL ||
           ca->validate(ca->validate_baton, challenge->type, challenge->authz->base,
                        challenge->token, challenge->key_authorization) != 0;
}

static void end_validation(fake_ca_t *ca, fake_ca__challenge_t *challenge)
{
    fake_ca__authz_t *authz = challenge->authz;
    if (!is(authz->status, "pending") || authz->is_gone) {
        return;
    }
    const fake_ca__why_t *why = &challenge->doom;
    if (why->problem == NULL) {
        const fake_ca__why_t *failing = apr_hash_get(ca->failing, authz->base, APR_HASH_KEY_STRING);
        why = failing != NULL ? failing : why;
    }
    static const fake_ca__why_t nothing_there = {
        "unauthorized", "192.0.2.1: Invalid response: the key authorization was not found"};
    if (why->problem == NULL && !finds_answer(ca, challenge)) {
        why = &nothing_there;
    }
    challenge->validated = fake_ca__time(ca);
    if (why->problem != NULL) {
        fail_challenge(ca, challenge, why);
        return;
    }
    challenge->status = "valid";
    authz->expires = fake_ca__time(ca) + ca->settings.valid_authz_lifetime;
    set_authz_status(ca, authz, "valid");
}

/* Orders. */

static void invalidate_order(fake_ca_t *ca, fake_ca__order_t *order, const char *problem,
                             const char *detail)
{
    order->status = "invalid";
    if (problem != NULL) {
        fake_ca__why_set(&order->error, ca, problem, detail);
    }
    fake_ca__tally(ca, "orderInvalid", order->set);
}

void fake_ca__order_refresh(fake_ca_t *ca, fake_ca__order_t *order)
{
    if (!is(order->status, "pending") && !is(order->status, "ready")) {
        return;
    }
    if (fake_ca__time(ca) > order->expires) {
        invalidate_order(ca, order, NULL, NULL);
        return;
    }
    int valid = 0;
    for (int i = 0; i < order->authzs->nelts; i++) {
        fake_ca__authz_t *authz = APR_ARRAY_IDX(order->authzs, i, fake_ca__authz_t *);
        fake_ca__authz_refresh(ca, authz);
        if (!is(authz->status, "pending") && !is(authz->status, "valid")) {
            invalidate_order(ca, order, "unauthorized", "An authorization is not valid");
            return;
        }
        valid += is(authz->status, "valid");
    }
    order->status = valid == order->authzs->nelts ? "ready" : "pending";
}

void fake_ca__order_fail(fake_ca__request_t *r)
{
    fake_ca__order_t *order = r->object;
    fake_ca__why_t why;
    doom(&why, r, "caa");
    invalidate_order(r->ca, order, why.problem, why.detail);
}

void fake_ca__order_vanish(fake_ca_t *ca, fake_ca__order_t *order)
{
    (void)ca;
    order->is_gone = 1;
    for (int i = 0; i < order->authzs->nelts; i++) {
        fake_ca__authz_t *authz = APR_ARRAY_IDX(order->authzs, i, fake_ca__authz_t *);
        authz->is_gone |= is(authz->status, "pending");
    }
}

static apr_interval_time_t lifetime_of(const fake_ca_t *ca, const fake_ca__order_t *order)
{
    const apr_interval_time_t *lifetime =
        order->profile != NULL
            ? apr_hash_get(ca->lifetimes, order->profile, APR_HASH_KEY_STRING)
            : NULL;
    return lifetime != NULL ? *lifetime : ca->settings.lifetime;
}

static void issue(fake_ca_t *ca, fake_ca__order_t *order)
{
    if (!is(order->status, "processing")) {
        return;
    }
    if (order->doom.problem != NULL) {
        invalidate_order(ca, order, order->doom.problem, order->doom.detail);
        return;
    }
    apr_time_t not_before = fake_ca__time(ca) - ca->settings.backdate;
    order->cert = fake_ca__cert_make(ca, order->key, order->names, not_before,
                                     not_before + lifetime_of(ca, order), order->must_staple);
    order->cert->account = order->account;
    fake_ca__limits_issued(order, ca);
    order->status = "valid";
    fake_ca__tally(ca, "issued", order->set);
    if (order->replaces != NULL) {
        fake_ca__cert_t *old = apr_hash_get(ca->certids, order->replaces, APR_HASH_KEY_STRING);
        old->is_replaced = 1;
        fake_ca__tally(ca, "replaced", order->set);
    }
}

void fake_ca__finalize(fake_ca__request_t *r)
{
    fake_ca__order_t *order = r->object;
    fake_ca__order_refresh(r->ca, order);
    if (!is(order->status, "ready")) {
        fake_ca__refuse(r, 403, "orderNotReady", "Order's status (\"%s\") is not acceptable",
                        order->status);
        return;
    }
    const char *problem = "badCSR";
    const char *csr = json_string_value(json_object_get(r->payload, "csr"));
    const char *why = fake_ca__csr_read(order, &problem, csr, r->ca, r->pool);
    if (why != NULL) {
        fake_ca__blame(r, 400, problem, "%s", why);
        return;
    }
    if (is_faulty(r, FAKE_CA_ORDER_INVALID)) {
        doom(&order->doom, r, "caa");
    }
    order->status = "processing";
    if (r->ca->settings.issue_at_once) {
        issue(r->ca, order);
    }
    else {
        add_event(r->ca, NULL, order, r->ca->settings.issue_delay);
    }
    answer_order(r, order, 200);
}

/* What happens by itself, in the order in which it is due. */

static int first_due(const fake_ca_t *ca)
{
    apr_time_t now = acme_env_now(ca->env);
    const fake_ca__event_t *events = (const fake_ca__event_t *)ca->events->elts;
    int best = -1;
    for (int i = 0; i < ca->events->nelts; i++) {
        if (events[i].due <= now && (best < 0 || events[i].due < events[best].due)) {
            best = i;
        }
    }
    return best;
}

void fake_ca__advance(fake_ca_t *ca)
{
    for (int i = first_due(ca); i >= 0; i = first_due(ca)) {
        fake_ca__event_t event = APR_ARRAY_IDX(ca->events, i, fake_ca__event_t);
        fake_ca__event_t *events = (fake_ca__event_t *)ca->events->elts;
        memmove(&events[i], &events[i + 1],
                (apr_size_t)(ca->events->nelts - i - 1) * sizeof(*events));
        ca->events->nelts--;
        if (event.challenge != NULL) {
            end_validation(ca, event.challenge);
        }
        else {
            issue(ca, event.order);
        }
    }
}
