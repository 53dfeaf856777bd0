/* CAs of the configuration: one for each directory URL, shared by all domains that name it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <string.h>

#include <apr_strings.h>

#include "mod_acme_ca.h"
#include "mod_acme_vhost_private.h"

/* ---- one CA */

static const apr_array_header_t *none(apr_pool_t *pool)
{
    return apr_array_make(pool, 1, sizeof(const char *));
}

static const char *text_or_null(const char *setting)
{
    return setting != NULL && *setting != '\0' ? setting : NULL;
}

/* NULL also for `none`. */
static const acme_eab_t *eab_of(const mod_acme_settings_t *settings)
{
    const acme_eab_t *eab = settings->eab;
    return eab != NULL && (eab->kid != NULL || eab->trouble != NULL) ? eab : NULL;
}

static const acme_account_key_t *account_key_of(const mod_acme_settings_t *settings)
{
    const acme_account_key_t *given = settings->account_key;
    return given != NULL && given->file != NULL ? given : NULL;
}

/* The first that says what @a ca is asked for says it for all of its domains. */
static void limit_ca(link_t *link, acme_ca_t *ca, const mod_acme_settings_t *settings,
                     const mod_acme_ca_t *written)
{
    if (settings->limits != NULL &&
        apr_hash_get(link->limited, ca->directory_url, APR_HASH_KEY_STRING) == NULL) {
        apr_hash_set(link->limited, ca->directory_url, APR_HASH_KEY_STRING, settings->limits);
        ca->limits = mod_acme_limits_apply(&written->limits, settings->limits);
    }
}

static acme_ca_t *make_ca(link_t *link, const mod_acme_settings_t *settings,
                          const mod_acme_ca_t *written)
{
    acme_ca_t *ca = apr_pcalloc(link->pool, sizeof(*ca));
    ca->directory_url = written->directory_url;
    ca->name = written->name;
    ca->folder = acme_ca_folder(ca->directory_url, link->pool);
    ca->route.ca_certificate_file = text_or_null(settings->ca_certificate_file);
    ca->route.proxy = text_or_null(settings->proxy);
    ca->contacts = settings->contacts != NULL ? settings->contacts : none(link->pool);
    ca->agreement = settings->agreement;
    ca->eab = eab_of(settings);
    ca->account_key = account_key_of(settings);
    ca->is_eab_optional = settings->other_cas != NULL && settings->other_cas->nelts > 0;
    ca->is_private = written->is_private;
    ca->max_identifiers = written->max_identifiers;
    ca->is_without_must_staple = written->is_without_must_staple;
    ca->limits = written->limits;
    limit_ca(link, ca, settings, written);
    apr_hash_set(link->cas, ca->directory_url, APR_HASH_KEY_STRING, ca);
    APR_ARRAY_PUSH(link->all, acme_ca_t *) = ca;
    return ca;
}

static int are_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int are_same_words(const apr_array_header_t *a, const apr_array_header_t *b)
{
    if (a->nelts != b->nelts) {
        return 0;
    }
    for (int i = 0; i < a->nelts; i++) {
        if (!are_same(APR_ARRAY_IDX(a, i, const char *), APR_ARRAY_IDX(b, i, const char *))) {
            return 0;
        }
    }
    return 1;
}

static int are_same_bindings(const acme_eab_t *a, const acme_eab_t *b)
{
    return a == b || (a != NULL && b != NULL && are_same(a->kid, b->kid) && a->alg == b->alg &&
                      a->key_len == b->key_len &&
                      (a->key_len == 0 || memcmp(a->key, b->key, a->key_len) == 0));
}

static int are_same_keys(const acme_account_key_t *a, const acme_account_key_t *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a->file, b->file) == 0);
}

static int has_other_limits(const acme_ca_t *ca, const mod_acme_settings_t *settings,
                            const mod_acme_ca_t *written)
{
    const acme_limits_t limits = mod_acme_limits_apply(&written->limits, settings->limits);
    return settings->limits != NULL && !mod_acme_limits_are_same(&ca->limits, &limits);
}

/* Nonzero if @a settings ask of the account with @a ca what it cannot be at the same time. */
static int differs(const acme_ca_t *ca, const mod_acme_settings_t *settings,
                   const mod_acme_ca_t *written)
{
    return !are_same(ca->route.ca_certificate_file, text_or_null(settings->ca_certificate_file)) ||
           !are_same(ca->route.proxy, text_or_null(settings->proxy)) ||
           (settings->contacts != NULL && !are_same_words(ca->contacts, settings->contacts)) ||
           (settings->account_key != NULL &&
            !are_same_keys(ca->account_key, account_key_of(settings))) ||
           (settings->eab != NULL && !are_same_bindings(ca->eab, eab_of(settings))) ||
           (settings->agreement != NULL && !are_same(ca->agreement, settings->agreement)) ||
           has_other_limits(ca, settings, written);
}

/* All domains of one CA share an account and the way to it; what the first did not say may be said
 * by a later one. */
const acme_ca_t *mod_acme_vhost__share_ca(link_t *link, mod_acme_draft_t *draft,
                                          const mod_acme_ca_t *written)
{
    const mod_acme_settings_t *settings = &mod_acme_vhost__plan(draft)->settings;
    acme_ca_t *ca = apr_hash_get(link->cas, written->directory_url, APR_HASH_KEY_STRING);
    if (ca == NULL) {
        return make_ca(link, settings, written);
    }
    if (ca->agreement == NULL) {
        ca->agreement = settings->agreement;
    }
    if (ca->contacts->nelts == 0 && settings->contacts != NULL) {
        ca->contacts = settings->contacts;
    }
    if (ca->eab == NULL && settings->eab != NULL) {
        ca->eab = eab_of(settings);
    }
    if (ca->account_key == NULL && settings->account_key != NULL) {
        ca->account_key = account_key_of(settings);
    }
    limit_ca(link, ca, settings, written);
    if (differs(ca, settings, written)) {
        mod_acme_draft_report(
            link->drafts, draft,
            apr_psprintf(link->scratch,
                         "all domains of the CA %s share one account, so its key, contact, "
                         "agreement, external account binding, rate limits, proxy and CA file of "
                         "the first of them are used here too",
                         ca->name));
    }
    return ca;
}

const apr_array_header_t *mod_acme_vhost__share_other_cas(link_t *link, mod_acme_draft_t *draft)
{
    const apr_array_header_t *written = mod_acme_vhost__plan(draft)->settings.other_cas;
    int count = written != NULL ? written->nelts : 0;
    apr_array_header_t *cas = apr_array_make(link->pool, count + 1, sizeof(const acme_ca_t *));
    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(cas, const acme_ca_t *) =
            mod_acme_vhost__share_ca(link, draft, APR_ARRAY_IDX(written, i, const mod_acme_ca_t *));
    }
    return cas;
}

/* ---- their test environments */

/* Asked as its CA is, with an account of its own. Where certificates are ordered from it too, it is
 * that CA. Of its limits only that of the account matters to orders of which nothing comes. */
static const acme_ca_t *share_test(link_t *link, const acme_ca_t *ca, const mod_acme_ca_t *written)
{
    acme_ca_t *test = apr_hash_get(link->cas, written->directory_url, APR_HASH_KEY_STRING);
    if (test == NULL) {
        test = apr_pmemdup(link->pool, ca, sizeof(*ca));
        test->directory_url = written->directory_url;
        test->name = written->name;
        test->folder = acme_ca_folder(test->directory_url, link->pool);
        test->is_private = written->is_private;
        test->limits = (acme_limits_t){.orders = written->limits.orders};
        test->is_test = 1;
        test->test = NULL;
        apr_hash_set(link->cas, test->directory_url, APR_HASH_KEY_STRING, test);
    }
    return test;
}

static void refuse_test(link_t *link, mod_acme_draft_t *draft, const acme_ca_t *ca, const char *why)
{
    mod_acme_draft_report(
        link->drafts, draft,
        apr_psprintf(link->scratch,
                     "ACMEStagingRetry names a test environment of the CA %s, and "
                     "it is not used, since %s",
                     ca->name, why));
}

/* Accounts with a CA for customers only are bound, and nothing is known of a binding elsewhere. */
static void set_test(link_t *link, mod_acme_draft_t *draft, acme_ca_t *ca,
                     const mod_acme_ca_t *named)
{
    mod_acme_ca_t known;
    if (ca->eab != NULL) {
        if (named != NULL) {
            refuse_test(link, draft, ca, "the account there has an ACMEExternalAccountBinding");
        }
        return;
    }
    if (named == NULL && !mod_acme_ca_test(&known, ca->directory_url)) {
        return;
    }
    const mod_acme_ca_t *written = named != NULL ? named : &known;
    if (strcmp(written->directory_url, ca->directory_url) == 0) {
        refuse_test(link, draft, ca, "that is the CA itself");
    }
    else if (ca->test == NULL) {
        ca->test = share_test(link, ca, written);
    }
    else if (named != NULL && strcmp(ca->test->directory_url, named->directory_url) != 0) {
        refuse_test(link, draft, ca,
                    "another one is used by all domains of this CA: write it once for all of them");
    }
}

static acme_ca_t *own_ca(const link_t *link, const acme_ca_t *ca)
{
    return apr_hash_get(link->cas, ca->directory_url, APR_HASH_KEY_STRING);
}

/* When all is known that is said of the CAs. What is named goes before what is known. */
void mod_acme_vhost__share_tests(link_t *link)
{
    const apr_array_header_t *all = mod_acme_drafts_all(link->drafts);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < all->nelts; i++) {
            mod_acme_draft_t *draft = APR_ARRAY_IDX(all, i, mod_acme_draft_t *);
            const mod_acme_settings_t *settings = &mod_acme_vhost__plan(draft)->settings;
            const apr_array_header_t *others = mod_acme_vhost__plan(draft)->other_cas;
            if (pass == 0 && settings->test != NULL) {
                set_test(link, draft, own_ca(link, draft->ca), settings->test);
            }
            else if (pass == 1 && settings->is_rehearsed) {
                set_test(link, draft, own_ca(link, draft->ca), NULL);
            }
            for (int k = 0; pass == 1 && settings->is_rehearsed && k < others->nelts; k++) {
                set_test(link, draft, own_ca(link, APR_ARRAY_IDX(others, k, const acme_ca_t *)),
                         NULL);
            }
        }
    }
}

void mod_acme_vhost__check_agreement(link_t *link)
{
    for (int i = 0; i < link->global->domains->nelts; i++) {
        const acme_domain_t *domain =
            APR_ARRAY_IDX(link->global->domains, i, const acme_domain_t *);
        if (domain->ca->agreement != NULL || domain->ca->is_private ||
            !mod_acme_vhost__is_news(link, domain->ca->directory_url)) {
            continue;
        }
        (void)mod_acme_finding_add(
            link->raw->findings, domain->file, domain->line,
            "ACMEDomain: the CA %s gives certificates only to those who agree to its terms of "
            "service, so nothing is ordered until you read them and write "
            "ACMECertificateAgreement accepted",
            domain->ca->name);
    }
}

static int is_limited(const mod_acme_draft_t *draft)
{
    const apr_array_header_t *others = mod_acme_vhost__plan(draft)->other_cas;
    int has_any = mod_acme_limits_has_any(&draft->ca->limits);
    for (int i = 0; i < others->nelts && !has_any; i++) {
        has_any = mod_acme_limits_has_any(&APR_ARRAY_IDX(others, i, const acme_ca_t *)->limits);
    }
    return has_any;
}

/* A share of nothing is nothing, and who wrote it believes several servers limited. Where one of
 * the CAs that it is written for has limits it does what was meant, and so says nothing. */
static void check_share(link_t *link, apr_hash_t *settled, const mod_acme_draft_t *draft,
                        int is_last_pass)
{
    const mod_acme_limits_t *limits = mod_acme_vhost__plan(draft)->settings.limits;
    if (limits == NULL || limits->percent == 0 ||
        apr_hash_get(settled, &limits, sizeof(limits)) != NULL ||
        (!is_last_pass && !is_limited(draft))) {
        return;
    }
    apr_hash_set(settled, &mod_acme_vhost__plan(draft)->settings.limits, sizeof(limits), limits);
    if (is_last_pass) {
        (void)mod_acme_finding_add(
            link->raw->findings, limits->file, limits->line,
            "ACMERateLimits: %d%% has no effect, since no limits of the CA %s are known; write "
            "beside it what the CA allows, such as orders=300/3h",
            limits->percent, draft->ca->name);
    }
}

void mod_acme_vhost__check_shares(link_t *link)
{
    const apr_array_header_t *all = mod_acme_drafts_all(link->drafts);
    apr_hash_t *settled = apr_hash_make(link->scratch);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < all->nelts; i++) {
            check_share(link, settled, APR_ARRAY_IDX(all, i, const mod_acme_draft_t *), pass);
        }
    }
}
