/* Links domains and virtual hosts, and freezes what comes out of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * 1. Every ACMEDomain becomes a draft with the names it was given; a name belongs to one draft.
 * 2. Every virtual host gives the names nobody has to the one draft it belongs to (ACMEMembers
 * auto).
 * 3. A draft is used if a virtual host answers for one of its names.
 * 4. Drafts become domains, one or more each, and their CAs are shared.
 * 5. Every virtual host gets the domain that answers for it where no name tells.
 */
#include "config.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_digest.h"
#include "acme/acme_dns.h"
#include "acme/acme_key.h"
#include "acme/acme_persist.h"
#include "acme/acme_time.h"

#include "mod_acme_ca.h"
#include "mod_acme_known.h"
#include "mod_acme_vhost_private.h"

/* Names that one sentence shows of many. */
#define SHOWN_MAX 3

#define DNS_01 "dns-01"

plan_t *mod_acme_vhost__plan(const mod_acme_draft_t *draft)
{
    return draft->context;
}

int mod_acme_vhost__is_news(link_t *link, const char *text)
{
    if (apr_hash_get(link->told, text, APR_HASH_KEY_STRING) != NULL) {
        return 0;
    }
    apr_hash_set(link->told, text, APR_HASH_KEY_STRING, text);
    return 1;
}

/* ---- 1: drafts */

/* Best first; what no Listen is for, comes after the others: it may still be that something in
 * front of httpd leads the CA here. */
static const apr_array_header_t *default_challenges(const link_t *link,
                                                    const mod_acme_settings_t *settings)
{
    const apr_array_header_t *all = mod_acme_words_default_challenges(link->pool);
    if (link->global->has_http || !link->global->has_https || settings->http01 != NULL) {
        return all;
    }
    apr_array_header_t *types = apr_array_make(link->pool, all->nelts, sizeof(const char *));
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < all->nelts; i++) {
            const char *type = APR_ARRAY_IDX(all, i, const char *);
            if ((strcmp(type, "http-01") == 0) == pass) {
                APR_ARRAY_PUSH(types, const char *) = type;
            }
        }
    }
    return types;
}

static void set_defaults(const link_t *link, mod_acme_settings_t *settings)
{
    mod_acme_settings_clear(settings);
    mod_acme_ca_t *ca = apr_palloc(link->pool, sizeof(*ca));
    mod_acme_ca_default(ca);
    settings->ca = ca;
    settings->warn_window.percent = 10;
    settings->renew_mode = ACME_RENEW_AUTO;
    settings->is_rehearsed = 1;
    settings->via_ari = 1;
    settings->is_profile_mandatory = 0;
    settings->is_dropping = 1;
    settings->is_auto = 1;
}

static void add_host_names(link_t *link, mod_acme_draft_t *draft,
                           const mod_acme_alias_host_t *host);

static apr_array_header_t *without_type(const apr_array_header_t *types, const char *type,
                                        apr_pool_t *pool)
{
    apr_array_header_t *rest = apr_array_make(pool, types->nelts + 1, sizeof(const char *));
    for (int i = 0; i < types->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(types, i, const char *), type) != 0) {
            APR_ARRAY_PUSH(rest, const char *) = APR_ARRAY_IDX(types, i, const char *);
        }
    }
    return rest;
}

static apr_array_header_t *type_first(const char *type, const apr_array_header_t *types,
                                      apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, types->nelts + 1, sizeof(const char *));
    APR_ARRAY_PUSH(all, const char *) = type;
    apr_array_cat(all, without_type(types, type, pool));
    return all;
}

static apr_array_header_t *type_last(const char *type, const apr_array_header_t *types,
                                     apr_pool_t *pool)
{
    apr_array_header_t *all = without_type(types, type, pool);
    APR_ARRAY_PUSH(all, const char *) = type;
    return all;
}

/* What is written, without @a type, which is of no use here; that is told once. */
static const apr_array_header_t *useless(link_t *link, mod_acme_draft_t *draft,
                                         const apr_array_header_t *types, const char *type,
                                         const char *why)
{
    const apr_array_header_t *rest = without_type(types, type, link->pool);
    if (rest->nelts < types->nelts && mod_acme_vhost__is_news(link, type)) {
        mod_acme_draft_report(link->drafts, draft, why);
    }
    return rest;
}

static const apr_array_header_t *written_types(link_t *link, const mod_acme_settings_t *settings,
                                               mod_acme_draft_t *draft)
{
    const apr_array_header_t *types = settings->challenge_types;
    if (settings->dns01 == NULL) {
        types = useless(link, draft, types, DNS_01,
                        "ACMECAChallenges names dns-01, and how TXT records are set is not "
                        "said, so dns-01 is not used; write ACMEChallengeDns01");
    }
    if (!acme_dns_is_built_in()) {
        types = useless(link, draft, types, ACME_PERSIST_TYPE,
                        "ACMECAChallenges names " ACME_PERSIST_TYPE
                        ", and this mod_acme was built without c-ares and cannot look whether the "
                        "record for it is there, so it is not used");
    }
    return types;
}

/* Without ACMECAChallenges dns-01 is tried wherever a way is configured: first where that stands in
 * the domain's own section, else last, and after all others a record that may stand there already.
 * With it exactly what is written, as far as it can work. */
static void choose_types(link_t *link, plan_t *plan, mod_acme_draft_t *draft)
{
    mod_acme_settings_t *settings = &plan->settings;
    const apr_array_header_t *types = settings->challenge_types;
    plan->has_own_types = types != NULL;
    if (plan->has_own_types) {
        types = written_types(link, settings, draft);
    }
    else {
        types = default_challenges(link, settings);
        if (settings->dns01 != NULL) {
            types = plan->definition->settings.dns01 != NULL ? type_first(DNS_01, types, link->pool)
                                                             : type_last(DNS_01, types, link->pool);
        }
        if (acme_dns_is_built_in()) {
            types = type_last(ACME_PERSIST_TYPE, types, link->pool);
        }
    }
    settings->challenge_types = types;
}

static mod_acme_draft_t *make_draft(link_t *link, const mod_acme_settings_t *defaults,
                                    const mod_acme_definition_t *definition)
{
    plan_t *plan = apr_pcalloc(link->scratch, sizeof(*plan));
    plan->definition = definition;
    mod_acme_settings_merge(&plan->settings, defaults,
                            &mod_acme_settings_server(definition->server)->settings);
    mod_acme_settings_merge(&plan->settings, &plan->settings, &definition->settings);
    if (plan->settings.dns01 != NULL && plan->settings.dns01->way == ACME_DNS01_OFF) {
        plan->settings.dns01 = NULL;
    }
    if (plan->settings.http01 != NULL && plan->settings.http01->way == ACME_HTTP01_SELF) {
        plan->settings.http01 = NULL;
    }
    mod_acme_draft_t *draft =
        mod_acme_draft_create(link->drafts, definition->file, definition->line);
    draft->context = plan;
    draft->is_auto = plan->settings.is_auto;
    choose_types(link, plan, draft);
    /* whether the CA has dns-persist-01, and a record is there, only who writes it can know */
    draft->can_wildcard = (plan->settings.dns01 != NULL || plan->has_own_types) &&
                          mod_acme_words_can_wildcard(plan->settings.challenge_types);
    draft->ca = mod_acme_vhost__share_ca(link, draft, plan->settings.ca);
    plan->other_cas = mod_acme_vhost__share_other_cas(link, draft);
    return draft;
}

static void make_drafts(link_t *link)
{
    mod_acme_settings_t defaults;
    set_defaults(link, &defaults);
    for (int i = 0; i < link->raw->definitions->nelts; i++) {
        const mod_acme_definition_t *definition =
            APR_ARRAY_IDX(link->raw->definitions, i, const mod_acme_definition_t *);
        mod_acme_draft_t *draft = make_draft(link, &defaults, definition);
        mod_acme_place_t place = {"ACMEDomain", definition->file, definition->line};
        for (int j = 0; j < definition->names->nelts; j++) {
            mod_acme_draft_add(link->drafts, draft,
                               APR_ARRAY_IDX(definition->names, j, const char *), &place);
        }
        if (definition->names->nelts == 0) {
            add_host_names(link, draft, mod_acme_aliases_host(link->hosts, definition->server));
        }
    }
}

/* ---- 2: names of virtual hosts */

static void report_host(link_t *link, mod_acme_draft_t *draft, const mod_acme_alias_host_t *host,
                        const char *name, const char *text)
{
    if (mod_acme_vhost__is_news(link, name)) {
        draft->last = mod_acme_finding_add(link->raw->findings, host->server->defn_name,
                                           (int)host->server->defn_line_number,
                                           "<VirtualHost>: %s: %s", name, text);
    }
}

static const char pattern_text[] =
    "a certificate can cover whole names and \"*.\" before labels only, so this alias is left out";

/* Gives @a name of @a host to @a draft, or says why not. */
static void add_host_name(link_t *link, mod_acme_draft_t *draft, const mod_acme_alias_host_t *host,
                          const mod_acme_alias_t *name)
{
    if (name->is_pattern) {
        report_host(link, draft, host, name->text, pattern_text);
        return;
    }
    int before = draft->identifiers->nelts;
    const char *key = name->value != NULL ? name->value : name->text;
    if (apr_hash_get(link->told, key, APR_HASH_KEY_STRING) != NULL) {
        return;
    }
    mod_acme_place_t place = {"<VirtualHost>", host->server->defn_name,
                              (int)host->server->defn_line_number};
    const mod_acme_finding_t *last = draft->last;
    mod_acme_draft_add(link->drafts, draft, name->text, &place);
    if (draft->identifiers->nelts == before && draft->last != last) {
        (void)mod_acme_vhost__is_news(link, key);
    }
}

static const mod_acme_alias_t *name_at(const mod_acme_alias_host_t *host, int i)
{
    return APR_ARRAY_IDX(host->names, i, const mod_acme_alias_t *);
}

/* An ACMEDomain without names takes those of its virtual host. Where they belong to another already
 * (the same host once more, on another port), one sentence is enough. */
static void add_host_names(link_t *link, mod_acme_draft_t *draft, const mod_acme_alias_host_t *host)
{
    if (host == NULL || !host->has_server_name) {
        mod_acme_draft_report(link->drafts, draft,
                              "the <VirtualHost> has no ServerName to take the names from");
        return;
    }
    const mod_acme_alias_t *first = name_at(host, 0);
    const mod_acme_draft_t *owner =
        first->value != NULL ? mod_acme_drafts_holder(link->drafts, first->value) : NULL;
    if (owner != NULL) {
        mod_acme_draft_report(link->drafts, draft,
                              apr_psprintf(link->scratch,
                                           "%s belongs to the ACMEDomain of %s:%d already",
                                           first->value, owner->file, owner->line));
        return;
    }
    for (int i = 0; i < host->names->nelts; i++) {
        add_host_name(link, draft, host, name_at(host, i));
    }
}

/* The draft that @a host belongs to: that of its ServerName, else the only one that has any of its
 * names. NULL if there is none, or if several share the host. */
static mod_acme_draft_t *find_target(link_t *link, const mod_acme_alias_host_t *host)
{
    int count = mod_acme_aliases_count(host, link->global);
    mod_acme_draft_t *target = NULL;
    for (int i = 0; i < count; i++) {
        const char *value = name_at(host, i)->value;
        mod_acme_draft_t *owner = value != NULL ? mod_acme_drafts_owner(link->drafts, value) : NULL;
        if (owner != NULL && i == 0 && host->has_server_name) {
            return owner;
        }
        if (owner != NULL && target != NULL && owner != target) {
            return NULL;
        }
        target = owner != NULL ? owner : target;
    }
    return target;
}

/* A wildcard alias over names of other domains is how one host serves many: it is not for a
 * certificate. */
static int is_catch_all(const link_t *link, const mod_acme_draft_t *target,
                        const mod_acme_alias_t *name)
{
    if (!name->is_wildcard) {
        return 0;
    }
    const mod_acme_below_t *below =
        apr_hash_get(link->hosts->wildcards, name->value + 1, APR_HASH_KEY_STRING);
    return below != NULL && below->draft != NULL && (below->is_shared || below->draft != target);
}

static void offer_name(link_t *link, mod_acme_draft_t *target, const mod_acme_alias_host_t *host,
                       const mod_acme_alias_t *name)
{
    if (name->value != NULL && (mod_acme_drafts_owner(link->drafts, name->value) != NULL ||
                                is_catch_all(link, target, name))) {
        return;
    }
    if (target->is_auto || name->is_pattern) {
        add_host_name(link, target, host, name);
        return;
    }
    report_host(link, target, host, name->text,
                apr_psprintf(link->scratch,
                             "the ACMEDomain of %s:%d does not have this name (ACMEMembers "
                             "manual), so its certificate will not fit; add it there",
                             target->file, target->line));
}

static void offer_names(link_t *link)
{
    for (int i = 0; i < link->hosts->hosts->nelts; i++) {
        const mod_acme_alias_host_t *host =
            APR_ARRAY_IDX(link->hosts->hosts, i, const mod_acme_alias_host_t *);
        mod_acme_draft_t *target = host->is_plain ? NULL : find_target(link, host);
        int count = target != NULL ? mod_acme_aliases_count(host, link->global) : 0;
        for (int j = 0; j < count; j++) {
            offer_name(link, target, host, name_at(host, j));
        }
    }
}

/* ---- 3: use */

static void mark_owners(link_t *link)
{
    for (int i = 0; i < link->hosts->hosts->nelts; i++) {
        const mod_acme_alias_host_t *host =
            APR_ARRAY_IDX(link->hosts->hosts, i, const mod_acme_alias_host_t *);
        int count = mod_acme_aliases_count(host, link->global);
        for (int j = 0; j < count; j++) {
            const char *value = name_at(host, j)->value;
            mod_acme_draft_t *owner =
                value != NULL ? mod_acme_drafts_owner(link->drafts, value) : NULL;
            if (owner != NULL) {
                owner->is_used = 1;
            }
        }
    }
}

static int is_matched(const link_t *link, const mod_acme_draft_t *draft)
{
    for (int i = 0; i < draft->identifiers->nelts; i++) {
        const acme_identifier_t *identifier =
            APR_ARRAY_IDX(draft->identifiers, i, const acme_identifier_t *);
        if (identifier->type == ACME_IDENTIFIER_IP
                ? mod_acme_aliases_listen(link->hosts, identifier->value)
                : !identifier->is_wildcard &&
                      mod_acme_aliases_match(link->hosts, identifier->value)) {
            return 1;
        }
    }
    return 0;
}

static void mark_used(link_t *link)
{
    mark_owners(link);
    const apr_array_header_t *all = mod_acme_drafts_all(link->drafts);
    for (int i = 0; i < all->nelts; i++) {
        mod_acme_draft_t *draft = APR_ARRAY_IDX(all, i, mod_acme_draft_t *);
        draft->is_used = draft->is_used || is_matched(link, draft);
        if (draft->is_used || draft->identifiers->nelts == 0 ||
            mod_acme_vhost__plan(draft)->settings.renew_mode != ACME_RENEW_AUTO) {
            continue;
        }
        mod_acme_draft_report(
            link->drafts, draft,
            apr_psprintf(link->scratch,
                         "no <VirtualHost> has one of its names (%s) as ServerName or ServerAlias, "
                         "so nothing is ordered for it; add one, or write ACMERenewMode always",
                         acme_identifiers_text(draft->identifiers, SHOWN_MAX, link->scratch)));
    }
}

/* ---- 4: domains */

static const char *folder_of(const acme_identifier_t *identifier, apr_pool_t *pool,
                             apr_pool_t *scratch)
{
    const char *digest = acme_digest_hex(identifier->value, strlen(identifier->value), scratch);
    return acme_identifier_folder(identifier, digest, pool);
}

/* One of settings and wait together; domains with the same two share it. */
static const acme_dns01_t *share_dns01(link_t *link, const mod_acme_settings_t *settings)
{
    if (settings->dns01 == NULL) {
        return NULL;
    }
    const void *key[2] = {settings->dns01, settings->dns01_wait};
    acme_dns01_t *dns01 = apr_hash_get(link->dns01s, key, sizeof(key));
    if (dns01 == NULL) {
        dns01 = apr_pmemdup(link->pool, settings->dns01, sizeof(*dns01));
        if (settings->dns01_wait != NULL) {
            dns01->wait = *settings->dns01_wait;
        }
        apr_hash_set(link->dns01s, apr_pmemdup(link->scratch, key, sizeof(key)), sizeof(key),
                     dns01);
        APR_ARRAY_PUSH(link->all_dns01s, acme_dns01_t *) = dns01;
    }
    return dns01;
}

static const acme_http01_t *note_http01(link_t *link, acme_http01_t *http01)
{
    if (http01 != NULL && apr_hash_get(link->http01s, &http01, sizeof(http01)) == NULL) {
        apr_hash_set(link->http01s, apr_pmemdup(link->scratch, &http01, sizeof(http01)),
                     sizeof(http01), http01);
        APR_ARRAY_PUSH(link->all_http01s, acme_http01_t *) = http01;
    }
    return http01;
}

/* Where a name can be proved by dns-01 only, all of the certificate's names are tried so first. */
static const apr_array_header_t *types_for(link_t *link, const plan_t *plan,
                                           const apr_array_header_t *identifiers)
{
    const apr_array_header_t *types = plan->settings.challenge_types;
    for (int i = 0; i < identifiers->nelts && !plan->has_own_types; i++) {
        if (APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *)->is_wildcard) {
            return type_first(DNS_01, types, link->pool);
        }
    }
    return types;
}

/* "none" is kept as "", so that a section can undo what stands around it. */
static const char *written_or_null(const char *word)
{
    return word != NULL && word[0] != '\0' ? word : NULL;
}

static const apr_array_header_t *default_specs(const link_t *link)
{
    apr_array_header_t *specs = apr_array_make(link->pool, 1, sizeof(acme_key_spec_t));
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){ACME_KEY_P256, 0};
    return specs;
}

/* Who sets what proves the names by hand, shall not do so once more for a rehearsal. */
static int needs_hand(const acme_domain_t *domain)
{
    return (domain->dns01 != NULL && domain->dns01->way == ACME_DNS01_MANUAL) ||
           (domain->http01 != NULL && domain->http01->way == ACME_HTTP01_MANUAL);
}

static acme_domain_t *make_domain(link_t *link, const mod_acme_draft_t *draft,
                                  const apr_array_header_t *identifiers, int index)
{
    const mod_acme_settings_t *settings = &mod_acme_vhost__plan(draft)->settings;
    const acme_identifier_t *first = APR_ARRAY_IDX(identifiers, 0, const acme_identifier_t *);
    acme_domain_t *domain = apr_pcalloc(link->pool, sizeof(*domain));
    domain->name = first->value;
    domain->folder = folder_of(first, link->pool, link->scratch);
    domain->identifiers = identifiers;
    domain->key_specs = settings->key_specs != NULL ? settings->key_specs : default_specs(link);
    domain->has_key_specs = settings->key_specs != NULL;
    domain->ca = draft->ca;
    domain->other_cas = mod_acme_vhost__plan(draft)->other_cas;
    domain->has_ca = !settings->ca->is_default;
    domain->challenge_types = types_for(link, mod_acme_vhost__plan(draft), identifiers);
    domain->dns01 = share_dns01(link, settings);
    domain->http01 = note_http01(link, settings->http01);
    domain->renew_window = settings->renew_window;
    domain->has_renew_window =
        settings->renew_window.percent != 0 || settings->renew_window.span != 0;
    if (!domain->has_renew_window) {
        domain->renew_window.percent = 33; /* as it is shown; policy knows better */
    }
    domain->is_rehearsal_off = !settings->is_rehearsed || needs_hand(domain);
    domain->is_renewal_info_off = !settings->via_ari;
    domain->preferred_chain = written_or_null(settings->preferred_chain);
    domain->profile = written_or_null(settings->profile);
    domain->is_profile_mandatory = settings->is_profile_mandatory;
    domain->keeps_failing = !settings->is_dropping;
    domain->must_staple = settings->must_staple > 0;
    domain->has_must_staple = settings->must_staple >= 0;
    domain->warn_window = settings->warn_window;
    domain->renew_mode = (acme_renew_mode_t)settings->renew_mode;
    domain->is_used = draft->is_used;
    domain->is_new = mod_acme_known_is_new(link->raw->known, identifiers);
    domain->file = draft->file;
    domain->line = draft->line;
    domain->index = index;
    return domain;
}

static apr_array_header_t *make_domains(link_t *link)
{
    const apr_array_header_t *all = mod_acme_drafts_all(link->drafts);
    apr_array_header_t *domains =
        apr_array_make(link->pool, all->nelts, sizeof(const acme_domain_t *));
    apr_array_header_t *givens =
        apr_array_make(link->pool, all->nelts, sizeof(const apr_array_header_t *));
    for (int i = 0; i < all->nelts; i++) {
        mod_acme_draft_t *draft = APR_ARRAY_IDX(all, i, mod_acme_draft_t *);
        const mod_acme_settings_t *settings = &mod_acme_vhost__plan(draft)->settings;
        const apr_array_header_t *given = mod_acme_given_pairs(
            settings->certificate_files, settings->key_files, link->raw->findings, link->pool);
        const apr_array_header_t *orders = mod_acme_draft_orders(link->drafts, draft);
        for (int j = 0; j < orders->nelts; j++) {
            const acme_domain_t *domain = make_domain(
                link, draft, APR_ARRAY_IDX(orders, j, const apr_array_header_t *), domains->nelts);
            APR_ARRAY_PUSH(domains, const acme_domain_t *) = domain;
            APR_ARRAY_PUSH(givens, const apr_array_header_t *) = given;
            mod_acme_vhost__plan(draft)->first =
                j == 0 ? domain : mod_acme_vhost__plan(draft)->first;
        }
    }
    link->global->givens = givens;
    return domains;
}

/* The CAs that domains use: one of a domain that is left out is nobody's. */
static apr_array_header_t *used_cas(const link_t *link)
{
    apr_array_header_t *cas =
        apr_array_make(link->pool, link->all->nelts, sizeof(const acme_ca_t *));
    apr_hash_t *used = apr_hash_make(link->scratch);
    for (int i = 0; i < link->global->domains->nelts; i++) {
        const acme_domain_t *domain =
            APR_ARRAY_IDX(link->global->domains, i, const acme_domain_t *);
        for (int k = 0; k < acme_domain_cas(domain); k++) {
            const acme_ca_t *ca = acme_domain_ca(domain, k);
            apr_hash_set(used, ca->directory_url, APR_HASH_KEY_STRING, ca);
        }
    }
    for (int i = 0; i < link->all->nelts; i++) {
        const acme_ca_t *ca = APR_ARRAY_IDX(link->all, i, const acme_ca_t *);
        if (apr_hash_get(used, ca->directory_url, APR_HASH_KEY_STRING) != NULL) {
            APR_ARRAY_PUSH(cas, const acme_ca_t *) = ca;
        }
    }
    return cas;
}

/* ---- 5: virtual hosts */

/* A host whose names are nobody's has the domain of its address. (httpd makes up a name for one
 * that has none, so it cannot be told whether it has.) */
static const acme_domain_t *find_by_address(const link_t *link, const mod_acme_alias_host_t *host)
{
    const acme_domain_t *domain = NULL;
    for (int i = 0; i < host->addresses->nelts && domain == NULL; i++) {
        const char *value = APR_ARRAY_IDX(host->addresses, i, const char *);
        domain = acme_domain_index_find(link->global->index, value, strlen(value));
    }
    return domain;
}

static const acme_domain_t *find_domain(const link_t *link, const mod_acme_alias_host_t *host)
{
    int count = mod_acme_aliases_count(host, link->global);
    for (int i = 0; i < count; i++) {
        const char *value = name_at(host, i)->value;
        const acme_domain_t *domain =
            value != NULL ? acme_domain_index_find(link->global->index, value, strlen(value))
                          : NULL;
        if (domain != NULL) {
            return domain;
        }
    }
    for (int i = 0; i < count; i++) {
        const mod_acme_alias_t *name = name_at(host, i);
        const mod_acme_below_t *below =
            name->is_wildcard
                ? apr_hash_get(link->hosts->wildcards, name->value + 1, APR_HASH_KEY_STRING)
                : NULL;
        if (below != NULL && below->draft != NULL &&
            mod_acme_vhost__plan(below->draft)->first != NULL) {
            return mod_acme_vhost__plan(below->draft)->first;
        }
    }
    return find_by_address(link, host);
}

static void link_hosts(const link_t *link)
{
    for (int i = 0; i < link->hosts->hosts->nelts; i++) {
        const mod_acme_alias_host_t *host =
            APR_ARRAY_IDX(link->hosts->hosts, i, const mod_acme_alias_host_t *);
        mod_acme_settings_server(host->server)->domain = find_domain(link, host);
    }
}

/* see mod_acme_vhost.h */
void mod_acme_vhost_link(mod_acme_global_t *global, mod_acme_raw_t *raw, server_rec *s,
                         apr_pool_t *pool)
{
    apr_pool_t *scratch;
    apr_pool_create(&scratch, pool);
    apr_pool_tag(scratch, "acme_vhost_link");
    link_t link = {
        .global = global,
        .raw = raw,
        .drafts = mod_acme_drafts_create(raw->findings, pool, scratch),
        .hosts = mod_acme_aliases_create(global, s, scratch),
        .cas = apr_hash_make(scratch),
        .all = apr_array_make(scratch, 2, sizeof(acme_ca_t *)),
        .limited = apr_hash_make(scratch),
        .dns01s = apr_hash_make(scratch),
        .all_dns01s = apr_array_make(pool, 1, sizeof(acme_dns01_t *)),
        .http01s = apr_hash_make(scratch),
        .all_http01s = apr_array_make(pool, 1, sizeof(acme_http01_t *)),
        .told = apr_hash_make(scratch),
        .pool = pool,
        .scratch = scratch,
    };
    make_drafts(&link);
    mod_acme_vhost__share_tests(&link);
    mod_acme_aliases_look_below(link.hosts, link.drafts);
    offer_names(&link);
    mod_acme_drafts_report_empty(link.drafts);
    mark_used(&link);
    global->domains = make_domains(&link);
    global->index = acme_domain_index_create(global->domains, pool);
    global->cas = used_cas(&link);
    global->dns01s = link.all_dns01s;
    global->http01s = link.all_http01s;
    mod_acme_vhost__check_agreement(&link);
    mod_acme_vhost__check_shares(&link);
    link_hosts(&link);
    apr_pool_destroy(scratch);
}

/* see mod_acme_vhost.h */
const acme_domain_t *mod_acme_vhost_domain(const server_rec *s)
{
    const mod_acme_server_t *server = mod_acme_settings_server(s);
    return server != NULL ? server->domain : NULL;
}
