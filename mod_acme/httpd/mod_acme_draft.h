/* Drafts of managed domains: which names each may have, decided before anything is frozen.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The judge of names: it knows the whole set of drafts, so that a name belongs to one only, and
 * says one sentence per mistake. No httpd in here. A draft's names are looked up by hash: time is
 * linear in their number.
 *
 * Rules: the first that has a name keeps it; a wildcard and a name under it may belong to different
 * drafts, and the name itself wins; a name that cannot be certified is left out and the rest stays.
 */
#ifndef MOD_ACME_DRAFT_H
#define MOD_ACME_DRAFT_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "acme/acme_domain.h"

#include "mod_acme_finding.h"

typedef struct mod_acme_drafts_t mod_acme_drafts_t;

typedef struct {
    const char *file;
    int line;
    const acme_ca_t *ca;
    int can_wildcard; /**< some challenge type can prove a wildcard */
    int is_auto;      /**< ACMEMembers auto */
    apr_array_header_t
        *identifiers; /**< const acme_identifier_t *; those it may have, none twice */
    int is_used;
    mod_acme_finding_t *last; /**< the latest finding about it, or NULL */
    void *context;            /**< of the caller */
} mod_acme_draft_t;

/** Where a name was written. */
typedef struct {
    const char *what; /**< "ACMEDomain" */
    const char *file;
    int line;
} mod_acme_place_t;

/** Identifiers and orders of the drafts live in @a result_pool, all else in @a scratch_pool. */
mod_acme_drafts_t *mod_acme_drafts_create(mod_acme_findings_t *findings, apr_pool_t *result_pool,
                                          apr_pool_t *scratch_pool);

/** A new draft without names; the caller fills in what it knows. */
mod_acme_draft_t *mod_acme_draft_create(mod_acme_drafts_t *drafts, const char *file, int line);

/** All drafts in the order they were made; mod_acme_draft_t *. */
const apr_array_header_t *mod_acme_drafts_all(const mod_acme_drafts_t *drafts);

/** Gives @a name, as written, to @a draft. If it cannot have it, a finding at @a place says why. A
 * name that it has already is no mistake. */
void mod_acme_draft_add(mod_acme_drafts_t *drafts, mod_acme_draft_t *draft, const char *name,
                        const mod_acme_place_t *place);

/** The draft that has the very name @a value (in its one form), or NULL. */
mod_acme_draft_t *mod_acme_drafts_holder(const mod_acme_drafts_t *drafts, const char *value);

/** The draft that has the name @a value, else the one with the wildcard over it,
 * else NULL. No allocation. */
mod_acme_draft_t *mod_acme_drafts_owner(const mod_acme_drafts_t *drafts, const char *value);

/** A finding about @a draft. */
void mod_acme_draft_report(mod_acme_drafts_t *drafts, mod_acme_draft_t *draft, const char *text);

/** Says of every draft that was left without names that it is not managed: in the sentence that
 * said why, if there is one. */
void mod_acme_drafts_report_empty(mod_acme_drafts_t *drafts);

/** The sets of names of the certificates to order: without names that a wildcard of the same set
 * covers, and never more than the CA takes. With ACMEMembers auto all names are shared out; else
 * the names beyond the limit are left out, with a finding. Arrays of const acme_identifier_t *. */
apr_array_header_t *mod_acme_draft_orders(mod_acme_drafts_t *drafts, mod_acme_draft_t *draft);

#endif
