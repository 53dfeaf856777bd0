/* Decides which names each managed domain may have.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_draft.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

/* Names that one sentence shows of many. */
#define SHOWN_MAX 3

struct mod_acme_drafts_t {
    apr_pool_t *pool; /* of what outlives the drafts */
    apr_pool_t *scratch;
    mod_acme_findings_t *findings;
    apr_array_header_t *all; /* mod_acme_draft_t * */
    apr_hash_t *owners;      /* an identifier's value -> mod_acme_draft_t * */
    apr_hash_t *wildcards;   /* the same without its '*', wildcards only */
};

mod_acme_drafts_t *mod_acme_drafts_create(mod_acme_findings_t *findings, apr_pool_t *result_pool,
                                          apr_pool_t *scratch_pool)
{
    mod_acme_drafts_t *drafts = apr_palloc(scratch_pool, sizeof(*drafts));
    drafts->pool = result_pool;
    drafts->scratch = scratch_pool;
    drafts->findings = findings;
    drafts->all = apr_array_make(scratch_pool, 16, sizeof(mod_acme_draft_t *));
    drafts->owners = apr_hash_make(scratch_pool);
    drafts->wildcards = apr_hash_make(scratch_pool);
    return drafts;
}

mod_acme_draft_t *mod_acme_draft_create(mod_acme_drafts_t *drafts, const char *file, int line)
{
    mod_acme_draft_t *draft = apr_pcalloc(drafts->scratch, sizeof(*draft));
    draft->file = file;
    draft->line = line;
    draft->identifiers = apr_array_make(drafts->scratch, 2, sizeof(const acme_identifier_t *));
    APR_ARRAY_PUSH(drafts->all, mod_acme_draft_t *) = draft;
    return draft;
}

const apr_array_header_t *mod_acme_drafts_all(const mod_acme_drafts_t *drafts)
{
    return drafts->all;
}

/* Why @a draft cannot have @a identifier, or NULL. */
static const char *judge(mod_acme_drafts_t *drafts, const mod_acme_draft_t *draft,
                         const acme_identifier_t *identifier)
{
    const char *why = acme_identifier_check(identifier, draft->ca->is_private, drafts->scratch);
    if (why != NULL) {
        return why;
    }
    if (identifier->is_wildcard && !draft->can_wildcard) {
        return apr_psprintf(drafts->scratch,
                            "%s: a wildcard is proved by DNS only (RFC 8555 section 8.4), and "
                            "how is not said; write ACMEChallengeDns01 for dns-01, ACMECAChallenges "
                            "dns-persist-01 if the CA has that, or name the hosts one by one",
                            identifier->value);
    }
    if (identifier->type == ACME_IDENTIFIER_IP && !draft->ca->is_private) {
        return apr_psprintf(drafts->scratch,
                            "%s: the CA %s certifies addresses with its profile 'shortlived' only, "
                            "for which this mod_acme does not ask; name a host, or another CA",
                            identifier->value, draft->ca->name);
    }
    const mod_acme_draft_t *owner = mod_acme_drafts_holder(drafts, identifier->value);
    if (owner != NULL && owner != draft) {
        return apr_psprintf(drafts->scratch, "%s belongs to the ACMEDomain of %s:%d already",
                            identifier->value, owner->file, owner->line);
    }
    return NULL;
}

/* Makes @a draft, or nobody, the owner of @a identifier. */
static void own(mod_acme_drafts_t *drafts, const acme_identifier_t *identifier,
                mod_acme_draft_t *draft)
{
    apr_hash_set(drafts->owners, identifier->value, APR_HASH_KEY_STRING, draft);
    if (identifier->is_wildcard) {
        apr_hash_set(drafts->wildcards, identifier->value + 1, APR_HASH_KEY_STRING, draft);
    }
}

void mod_acme_draft_add(mod_acme_drafts_t *drafts, mod_acme_draft_t *draft, const char *name,
                        const mod_acme_place_t *place)
{
    acme_identifier_t *identifier = NULL;
    const acme_err_t *err = acme_identifier_parse(&identifier, name, drafts->pool);
    const char *why = err != NULL ? err->text : judge(drafts, draft, identifier);
    if (why != NULL) {
        draft->last = mod_acme_finding_add(drafts->findings, place->file, place->line,
                                           "%s: %s; the name is left out", place->what, why);
        return;
    }
    if (mod_acme_drafts_holder(drafts, identifier->value) == NULL) {
        own(drafts, identifier, draft);
        APR_ARRAY_PUSH(draft->identifiers, const acme_identifier_t *) = identifier;
    }
}

mod_acme_draft_t *mod_acme_drafts_holder(const mod_acme_drafts_t *drafts, const char *value)
{
    return apr_hash_get(drafts->owners, value, APR_HASH_KEY_STRING);
}

mod_acme_draft_t *mod_acme_drafts_owner(const mod_acme_drafts_t *drafts, const char *value)
{
    mod_acme_draft_t *owner = mod_acme_drafts_holder(drafts, value);
    const char *dot = strchr(value, '.');
    if (owner != NULL || dot == NULL || value[0] == '*') {
        return owner;
    }
    return apr_hash_get(drafts->wildcards, dot, APR_HASH_KEY_STRING);
}

void mod_acme_draft_report(mod_acme_drafts_t *drafts, mod_acme_draft_t *draft, const char *text)
{
    draft->last =
        mod_acme_finding_add(drafts->findings, draft->file, draft->line, "ACMEDomain: %s", text);
}

void mod_acme_drafts_report_empty(mod_acme_drafts_t *drafts)
{
    for (int i = 0; i < drafts->all->nelts; i++) {
        mod_acme_draft_t *draft = APR_ARRAY_IDX(drafts->all, i, mod_acme_draft_t *);
        if (draft->identifiers->nelts > 0) {
            continue;
        }
        if (draft->last != NULL) {
            mod_acme_finding_extend(drafts->findings, draft->last,
                                    "no other name is left, so this domain is not managed");
        }
        else {
            mod_acme_draft_report(drafts, draft, "it has no names, so nothing is managed");
        }
    }
}

/* Nonzero if a wildcard of @a wildcards (its value without '*') stands for @a identifier. */
static int is_covered(apr_hash_t *wildcards, const acme_identifier_t *identifier)
{
    const char *dot = strchr(identifier->value, '.');
    return !identifier->is_wildcard && identifier->type == ACME_IDENTIFIER_DNS && dot != NULL &&
           apr_hash_get(wildcards, dot, APR_HASH_KEY_STRING) != NULL;
}

/* A CA refuses an order that has both a wildcard and a name under it. */
static apr_array_header_t *without_covered(const apr_array_header_t *identifiers, apr_pool_t *pool)
{
    apr_hash_t *wildcards = apr_hash_make(pool);
    for (int i = 0; i < identifiers->nelts; i++) {
        const acme_identifier_t *identifier =
            APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *);
        if (identifier->is_wildcard) {
            apr_hash_set(wildcards, identifier->value + 1, APR_HASH_KEY_STRING, identifier);
        }
    }
    apr_array_header_t *rest =
        apr_array_make(pool, identifiers->nelts, sizeof(const acme_identifier_t *));
    for (int i = 0; i < identifiers->nelts; i++) {
        const acme_identifier_t *identifier =
            APR_ARRAY_IDX(identifiers, i, const acme_identifier_t *);
        if (!is_covered(wildcards, identifier)) {
            APR_ARRAY_PUSH(rest, const acme_identifier_t *) = identifier;
        }
    }
    return rest;
}

static apr_array_header_t *slice(const apr_array_header_t *set, int begin, int count,
                                 apr_pool_t *pool)
{
    apr_array_header_t *part = apr_array_make(pool, count, sizeof(const acme_identifier_t *));
    for (int i = begin; i < set->nelts && i < begin + count; i++) {
        APR_ARRAY_PUSH(part, const acme_identifier_t *) =
            APR_ARRAY_IDX(set, i, const acme_identifier_t *);
    }
    return part;
}

/* The names left out belong to nobody: else their hosts would be looked for in vain. */
static void cut(mod_acme_drafts_t *drafts, mod_acme_draft_t *draft, const apr_array_header_t *rest)
{
    for (int i = 0; i < rest->nelts; i++) {
        own(drafts, APR_ARRAY_IDX(rest, i, const acme_identifier_t *), NULL);
    }
    mod_acme_draft_report(
        drafts, draft,
        apr_psprintf(drafts->scratch,
                     "the CA %s takes at most %d names in one certificate; %d too many are left "
                     "out: %s; divide them over several ACMEDomain, or write ACMEMembers auto",
                     draft->ca->name, draft->ca->max_identifiers, rest->nelts,
                     acme_identifiers_text(rest, SHOWN_MAX, drafts->scratch)));
}

apr_array_header_t *mod_acme_draft_orders(mod_acme_drafts_t *drafts, mod_acme_draft_t *draft)
{
    int max = draft->ca->max_identifiers;
    apr_array_header_t *names = without_covered(draft->identifiers, drafts->scratch);
    if (names->nelts > max && !draft->is_auto) {
        cut(drafts, draft, slice(names, max, names->nelts - max, drafts->scratch));
        names = slice(names, 0, max, drafts->scratch);
    }
    apr_array_header_t *orders = apr_array_make(drafts->scratch, 1, sizeof(apr_array_header_t *));
    for (int i = 0; i < names->nelts; i += max) {
        APR_ARRAY_PUSH(orders, apr_array_header_t *) = slice(names, i, max, drafts->pool);
    }
    return orders;
}
