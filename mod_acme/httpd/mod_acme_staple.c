/* ACMEMustStaple: whether what it asks for can be had, and be served.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_staple.h"

#include <httpd.h>
#include <http_config.h>

#include <apr_hash.h>

static const acme_domain_t *domain_at(const mod_acme_global_t *global, int i)
{
    return APR_ARRAY_IDX(global->domains, i, const acme_domain_t *);
}

static void check_ca(const acme_domain_t *domain, const acme_ca_t *ca, apr_hash_t *told,
                     mod_acme_findings_t *findings)
{
    if (!ca->is_without_must_staple ||
        apr_hash_get(told, ca->directory_url, APR_HASH_KEY_STRING) != NULL) {
        return;
    }
    apr_hash_set(told, ca->directory_url, APR_HASH_KEY_STRING, ca);
    (void)mod_acme_finding_add(
        findings, domain->file, domain->line,
        "ACMEMustStaple: the CA %s does not issue certificates with must-staple any more, so it is "
        "left out of what is ordered there (%s); remove ACMEMustStaple, or name another CA",
        ca->name, domain->name);
}

/* Nonzero if @a name is on somewhere in the tree; <IfModule> and its like are resolved in it. */
static int is_on(const ap_directive_t *tree, const char *name, apr_pool_t *scratch_pool)
{
    for (; tree != NULL; tree = tree->next) {
        const char *args = tree->args;
        if (ap_cstr_casecmp(tree->directive, name) == 0 &&
            ap_cstr_casecmp(ap_getword_conf(scratch_pool, &args), "on") == 0) {
            return 1;
        }
        if (tree->first_child != NULL && is_on(tree->first_child, name, scratch_pool)) {
            return 1;
        }
    }
    return 0;
}

static void check_stapling(const acme_domain_t *domain, mod_acme_findings_t *findings,
                           apr_pool_t *scratch_pool)
{
    if (is_on(ap_conftree, "SSLUseStapling", scratch_pool) ||
        is_on(ap_conftree, "MDStapling", scratch_pool)) {
        return;
    }
    (void)mod_acme_finding_add(
        findings, domain->file, domain->line,
        "ACMEMustStaple: browsers refuse such a certificate (%s) when its status is not stapled, "
        "and "
        "nobody does that here; write SSLUseStapling on and SSLStaplingCache",
        domain->name);
}

static int is_possible(const acme_domain_t *domain)
{
    for (int i = 0; i < acme_domain_cas(domain); i++) {
        if (!acme_domain_ca(domain, i)->is_without_must_staple) {
            return 1;
        }
    }
    return 0;
}

/* see mod_acme_staple.h */
void mod_acme_staple_check(const mod_acme_global_t *global, mod_acme_findings_t *findings,
                           apr_pool_t *scratch_pool)
{
    apr_hash_t *told = apr_hash_make(scratch_pool);
    const acme_domain_t *first = NULL;
    for (int i = 0; i < global->domains->nelts; i++) {
        const acme_domain_t *domain = domain_at(global, i);
        for (int k = 0; domain->must_staple && k < acme_domain_cas(domain); k++) {
            check_ca(domain, acme_domain_ca(domain, k), told, findings);
        }
        if (first == NULL && domain->must_staple && domain->is_used && is_possible(domain)) {
            first = domain;
        }
    }
    if (first != NULL) {
        check_stapling(first, findings, scratch_pool);
    }
}
