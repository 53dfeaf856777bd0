/* The status page as JSON: put together from facts when it is asked for, never from memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * {"version":…, "activation":…, "engine":"up"|"down", "trouble":…, "dropped-names":n, "managed-domains":[
 *   {"name":…, "domains":[…], "ca":{"name":…, "url":…,
 *    "trouble":{"detail":…, "problem":…, "errors":n, "next-run":TIME}}, "renew-mode":…,
 * "renew-window":…, "warn-window":…, "state":…, "generation":n, "renew-at":TIME,
 *    "cert":{"valid":{"from":…, "until":…}, "p-256":{"valid":{…}, "serial":…,
 * "sha256-fingerprint":…, "issuer-name":…, "profile":…, "ari-cert-id":…, "renewal-info":{
 *    "window":{"from":…, "until":…}, "renew-at":…, "explanation-url":…, "next-check":…},
 *    "domains":[…]}, …}, "renewal":{"errors":n,
 * "next-run":TIME, "last-run":TIME, "failing-since":TIME, "last":{"problem":…, "detail":…, "link":URL,
 *    "activity":…}, "log":{…}, "step":…, "started":TIME},
 *    "dropped":[{"name":…, "since":TIME, "detail":…, "next-run":TIME}, …],
 *    "manual":[…], "standing":[…] (acme_status_manual.c), "activation":…}, …]}
 *
 * "state" is a judgement of the certificates alone: "complete" (they fit what is wanted now),
 * "incomplete" (a name or a key type is missing, or all of it), "expired", "unknown" (the store
 * cannot be read). How the next one is getting on is in "renewal", which is absent while nothing
 * happened. From the stored records only members named here are copied, so that a URL or token of
 * an order, which may stand beside them, stays inside.
 */
#include "acme/acme_status.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_generation.h"
#include "acme/acme_json.h"
#include "acme/acme_policy.h"
#include "acme/acme_renewal.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "acme_status_private.h"

/** YYYY-MM-DD */
#define DATE_LEN 10
#define MAX_SENTENCE 2000

/* What every part of one answer needs. */
typedef struct {
    const acme_store_t *store;
    const acme_bell_t *bell;
    const acme_status_host_t *host;
    const acme_env_t *env;
    apr_time_t now;
    int is_single;
} view_t;

static const char *renew_mode_name(acme_renew_mode_t mode)
{
    switch (mode) {
    case ACME_RENEW_MANUAL:
        return "manual";
    case ACME_RENEW_ALWAYS:
        return "always";
    case ACME_RENEW_AUTO:
        break;
    }
    return "auto";
}

static json_t *names_json(const apr_array_header_t *identifiers)
{
    json_t *names = json_array();
    for (int i = 0; i < identifiers->nelts; i++) {
        const acme_identifier_t *identifier =
            APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *);
        json_array_append_new(names, json_string(identifier->value));
    }
    return names;
}

static json_t *valid_json(apr_time_t from, apr_time_t until)
{
    json_t *valid = json_object();
    acme_json_set_time(valid, "from", from);
    acme_json_set_time(valid, "until", until);
    return valid;
}

/* ---- what stands in the store */

/* The record at `path` as JSON, NULL if there is none that can be read. */
static json_t *read_record(const acme_domain_t *domain, const char *path, const view_t *view,
                           apr_pool_t *pool)
{
    char *text;
    apr_size_t len;
    json_t *object = NULL;
    acme_err_t *err = acme_store_get(&text, &len, view->store, path, pool);
    if (err == NULL && text != NULL) {
        err = acme_json_parse(&object, text, len, path, pool);
    }
    if (err != NULL) {
        acme_env_log(view->env, ACME_LOG_WARNING, "%s: the status page cannot show its renewal: %s",
                     domain->name, err->text);
        return NULL;
    }
    return object;
}

static void copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; from != NULL && *names != NULL; names++) {
        json_t *member = json_object_get(from, *names);
        if (member != NULL) {
            json_object_set(to, *names, member);
        }
    }
}

/* ---- what is wanted */

/* Why orders at this CA wait, if they do: the session's own record of it. */
static json_t *ca_json(const acme_domain_t *domain, const view_t *view, apr_pool_t *pool)
{
    static const char *const of_session[] = {"errors", "next-run", "problem", "detail", NULL};
    const acme_ca_t *ca = domain->ca;
    json_t *object = json_object();
    acme_json_set_string(object, "name", ca->name);
    acme_json_set_string(object, "url", ca->directory_url);
    json_t *session =
        view->store != NULL
            ? read_record(domain, acme_store_path(pool, "accounts", ca->folder, "session.json"),
                          view, pool)
            : NULL;
    if (session != NULL) {
        json_t *trouble = json_object();
        copy_members(trouble, session, of_session);
        json_object_set_new(object, "trouble", trouble);
    }
    return object;
}

static void add_wanted(json_t *object, const acme_domain_t *domain, const view_t *view,
                       apr_pool_t *pool)
{
    acme_json_set_string(object, "name", domain->name);
    json_object_set_new(object, "domains", names_json(domain->identifiers));
    json_object_set_new(object, "ca", ca_json(domain, view, pool));
    acme_json_set_string(object, "profile", domain->profile);
    acme_json_set_string(object, "renew-mode", renew_mode_name(domain->renew_mode));
    acme_json_set_string(object, "renew-window", acme_window_text(&domain->renew_window, pool));
    acme_json_set_string(object, "warn-window", acme_window_text(&domain->warn_window, pool));
}

/* ---- what is there */

/* What the CA suggested, NULL if it did not. */
static json_t *renewal_info_json(const acme_renewal_certificate_t *certificate)
{
    if (certificate == NULL || certificate->start == 0) {
        return NULL;
    }
    json_t *object = json_object();
    json_object_set_new(object, "window", valid_json(certificate->start, certificate->end));
    acme_json_set_time(object, "renew-at", certificate->at);
    acme_json_set_string(object, "explanation-url", certificate->explanation_url);
    acme_json_set_time(object, "next-check", certificate->next_check);
    return object;
}

static json_t *fact_json(const acme_generation_fact_t *fact, const acme_renewal_t *renewal)
{
    json_t *object = json_object();
    json_object_set_new(object, "valid", valid_json(fact->not_before, fact->not_after));
    acme_json_set_string(object, "serial", fact->serial);
    acme_json_set_string(object, "sha256-fingerprint", fact->sha256);
    acme_json_set_string(object, "issuer-name", fact->issuer_name);
    acme_json_set_time(object, "revoked", fact->revoked);
    acme_json_set_string(object, "profile", fact->profile);
    acme_json_set_bool(object, "must-staple", fact->has_must_staple);
    acme_json_set_string(object, "ari-cert-id", fact->certid);
    json_t *info = renewal_info_json(acme_renewal_find(renewal, fact->certid));
    if (info != NULL) {
        json_object_set_new(object, "renewal-info", info);
    }
    json_object_set_new(object, "domains", names_json(fact->identifiers));
    return object;
}

static const acme_generation_fact_t *fact_at(const acme_generation_facts_t *facts, int i)
{
    return &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t);
}

/* All certificates of the domain together are good while each of them is. */
static json_t *common_valid_json(const acme_generation_facts_t *facts)
{
    apr_time_t from = fact_at(facts, 0)->not_before;
    apr_time_t until = fact_at(facts, 0)->not_after;
    for (int i = 1; i < facts->certificates->nelts; i++) {
        const acme_generation_fact_t *fact = fact_at(facts, i);
        from = fact->not_before > from ? fact->not_before : from;
        until = fact->not_after < until ? fact->not_after : until;
    }
    return valid_json(from, until);
}

static int has_expired(const acme_generation_facts_t *facts, apr_time_t now)
{
    for (int i = 0; i < facts->certificates->nelts; i++) {
        if (fact_at(facts, i)->not_after <= now) {
            return 1;
        }
    }
    return 0;
}

static int is_complete(const acme_generation_facts_t *facts, const acme_domain_t *domain)
{
    for (int i = 0; i < domain->key_specs->nelts; i++) {
        const acme_key_spec_t *spec = &APR_ARRAY_IDX(domain->key_specs, i, acme_key_spec_t);
        const acme_generation_fact_t *fact = acme_policy_fact(domain, facts, spec->type);
        if (fact == NULL ||
            acme_identifiers_missing(domain->identifiers, fact->identifiers) != NULL) {
            return 0;
        }
    }
    return 1;
}

static const char *state_name(const acme_generation_facts_t *facts, const acme_domain_t *domain,
                              apr_time_t now)
{
    if (facts == NULL || !is_complete(facts, domain)) {
        return "incomplete";
    }
    return has_expired(facts, now) ? "expired" : "complete";
}

static void add_facts(json_t *object, const acme_generation_facts_t *facts,
                      const acme_domain_t *domain, const acme_renewal_t *renewal)
{
    json_t *certificates = json_object();
    json_object_set_new(certificates, "valid", common_valid_json(facts));
    for (int i = 0; i < facts->certificates->nelts; i++) {
        const acme_generation_fact_t *fact = fact_at(facts, i);
        json_object_set_new(certificates, acme_key_type_name(fact->type),
                            fact_json(fact, renewal));
    }
    acme_json_set_int(object, "generation", (json_int_t)facts->number);
    acme_due_t due;
    acme_policy_due(&due, domain, facts, renewal, NULL);
    if (due.reason == ACME_DUE_RENEWAL || due.reason == ACME_DUE_RENEWAL_INFO) {
        acme_json_set_time(object, "renew-at", due.at);
    }
    json_object_set_new(object, "cert", certificates);
}

/* The page says that something cannot be read; the log says what, with its path. */
static void add_certificates(json_t *object, const acme_domain_t *domain, const view_t *view,
                             apr_pool_t *pool)
{
    acme_generation_facts_t *facts;
    acme_err_t *err = acme_generation_facts_read(&facts, view->store, domain->folder, pool);
    if (err != NULL) {
        acme_env_log(view->env, ACME_LOG_WARNING,
                     "%s: the status page cannot show its certificate: %s", domain->name,
                     err->text);
        acme_json_set_string(object, "state", "unknown");
        acme_json_set_string(object, "error",
                             "what is stored for this domain cannot be read; the server's log says "
                             "why");
        return;
    }
    acme_json_set_string(object, "state", state_name(facts, domain, view->now));
    if (facts != NULL) {
        add_facts(object, facts, domain, acme_renewal_read(view->store, domain->folder, pool));
    }
}

/* ---- what is going on */

static int is_name_of(const acme_domain_t *domain, const char *name)
{
    for (int i = 0; i < domain->identifiers->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *)->value, name) ==
            0) {
            return 1;
        }
    }
    return 0;
}

/* The names that orders go without, as the engine has noted it in the job. */
static void add_dropped(json_t *object, const acme_domain_t *domain, const json_t *job,
                        apr_pool_t *pool)
{
    json_t *dropped = json_array();
    const json_t *refused = json_object_get(job, "refused");
    for (size_t i = 0; i < json_array_size(refused); i++) {
        const json_t *refusal = json_array_get(refused, i);
        const char *name = acme_json_string(refusal, "name", pool);
        apr_time_t since = acme_json_time(refusal, "dropped");
        if (since == 0 || name == NULL || !is_name_of(domain, name)) {
            continue;
        }
        json_t *one = json_object();
        acme_json_set_string(one, "name", name);
        acme_json_set_time(one, "since", since);
        acme_json_set_string(one, "detail", acme_json_string(refusal, "detail", pool));
        acme_json_set_time(one, "next-run",
                           acme_json_time(refusal, "last") + ACME_POLICY_DROPPED_FOR);
        json_array_append_new(dropped, one);
    }
    if (json_array_size(dropped) > 0) {
        json_object_set(object, "dropped", dropped);
    }
    json_decref(dropped);
}

static void add_renewal(json_t *object, const acme_domain_t *domain, const view_t *view,
                        apr_pool_t *pool)
{
    static const char *const of_job[] = {"errors", "next-run", "last-run", "failing-since", NULL};
    static const char *const of_last[] = {"problem", "detail", "link", "activity", NULL};
    static const char *const of_log[] = {"log", NULL};
    static const char *const of_order[] = {"step", "started", NULL};
    const char *folder = domain->folder;
    json_t *job =
        read_record(domain, acme_store_path(pool, "staging", folder, "job.json"), view, pool);
    json_t *renewal = json_object();
    json_t *last = json_object();
    copy_members(renewal, job, of_job);
    copy_members(last, json_object_get(job, "last"), of_last);
    if (json_object_size(last) > 0) {
        json_object_set(renewal, "last", last);
    }
    if (view->is_single) {
        copy_members(renewal, job, of_log);
    }
    const json_t *order =
        read_record(domain, acme_store_path(pool, "staging", folder, "order.json"), view, pool);
    copy_members(renewal, order, of_order);
    add_dropped(object, domain, job, pool);
    acme_status__add_manual(object, domain, order, view->store, pool);
    if (json_object_size(renewal) > 0) {
        json_object_set(object, "renewal", renewal);
    }
    json_decref(last);
    json_decref(renewal);
}

/* ---- the answer */

static json_t *domain_json(const acme_domain_t *domain, const view_t *view, apr_pool_t *pool)
{
    json_t *object = json_object();
    add_wanted(object, domain, view, pool);
    add_certificates(object, domain, view, pool);
    add_renewal(object, domain, view, pool);
    acme_json_set_string(object, "activation", view->host->activation);
    return object;
}

static json_t *all_json(const apr_array_header_t *domains, const view_t *view, json_int_t *dropped,
                        apr_pool_t *pool)
{
    *dropped = 0;
    json_t *managed = json_array();
    apr_pool_t *iterpool;
    apr_pool_create(&iterpool, pool);
    for (int i = 0; i < domains->nelts; i++) {
        apr_pool_clear(iterpool);
        json_t *one =
            domain_json(APR_ARRAY_IDX(domains, i, const acme_domain_t *), view, iterpool);
        *dropped += (json_int_t)json_array_size(json_object_get(one, "dropped"));
        json_array_append_new(managed, one);
    }
    apr_pool_destroy(iterpool);
    return managed;
}

/* Who waits for a turn, as the engine told it last. */
static void add_waiting(json_t *object, int of, const view_t *view, apr_pool_t *pool)
{
    int count = view->bell != NULL ? atomic_load(&view->bell->waiting) : 0;
    if (count == 0) {
        return;
    }
    apr_time_t until = atomic_load(&view->bell->waiting_until);
    const char *done =
        until > view->now
            ? apr_pstrcat(pool, ", done about ",
                          apr_pstrndup(pool, acme_time_rfc3339(until, pool), DATE_LEN), NULL)
            : "";
    json_t *waiting = json_object();
    acme_json_set_int(waiting, "count", count);
    acme_json_set_int(waiting, "of", of);
    acme_json_set_time(waiting, "until", until);
    acme_json_set_string(waiting, "text",
                         apr_psprintf(pool, "%s of %s waiting%s", acme_text_number(count, pool),
                                      acme_text_number(of, pool), done));
    json_object_set_new(object, "waiting", waiting);
}

static json_t *server_json(const apr_array_header_t *domains, const view_t *view, apr_pool_t *pool)
{
    json_t *object = json_object();
    acme_json_set_string(object, "version", view->host->version);
    acme_json_set_string(object, "activation", view->host->activation);
    if (view->bell != NULL) {
        acme_json_set_string(object, "engine",
                             atomic_load(&view->bell->engine_is_up) != 0 ? "up" : "down");
    }
    if (view->host->store_trouble != NULL) {
        acme_json_set_string(object, "trouble",
                             acme_text_clean(view->host->store_trouble, MAX_SENTENCE, pool));
    }
    add_waiting(object, domains->nelts, view, pool);
    json_int_t dropped;
    json_t *managed = all_json(domains, view, &dropped, pool);
    acme_json_set_int(object, "dropped-names", dropped);
    json_object_set_new(object, "managed-domains", managed);
    return object;
}

char *acme_status_json(const apr_array_header_t *domains, const acme_domain_t *only,
                       const acme_store_t *store, const acme_bell_t *bell,
                       const acme_status_host_t *host, const acme_env_t *env, apr_pool_t *pool)
{
    const view_t view = {
        .store = store,
        .bell = bell,
        .host = host,
        .env = env,
        .now = acme_env_now(env),
        .is_single = only != NULL,
    };
    json_t *object =
        only != NULL ? domain_json(only, &view, pool) : server_json(domains, &view, pool);
    char *text = acme_json_text(object, 1, pool);
    json_decref(object);
    return text;
}
