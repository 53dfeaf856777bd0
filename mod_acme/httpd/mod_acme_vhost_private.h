/* Linking domains and virtual hosts: what the files that do it share; see mod_acme_vhost.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MOD_ACME_VHOST_PRIVATE_H
#define MOD_ACME_VHOST_PRIVATE_H

#include <apr_hash.h>

#include "mod_acme_aliases.h"
#include "mod_acme_draft.h"
#include "mod_acme_vhost.h"

typedef struct {
    mod_acme_global_t *global;
    mod_acme_raw_t *raw;
    mod_acme_drafts_t *drafts;
    mod_acme_aliases_t *hosts;
    apr_hash_t *cas;                 /* directory URL -> acme_ca_t * */
    apr_array_header_t *all;         /* acme_ca_t *, in the order they were met */
    apr_hash_t *limited;             /* directory URL -> mod_acme_limits_t * that holds for it */
    apr_hash_t *dns01s;              /* settings and wait -> acme_dns01_t * */
    apr_array_header_t *all_dns01s;  /* acme_dns01_t *, in the order they were met */
    apr_hash_t *http01s;             /* those met: acme_http01_t * */
    apr_array_header_t *all_http01s; /* acme_http01_t *, in the order they were met */
    apr_hash_t *told; /* names of virtual hosts and URLs of CAs that were spoken of */
    apr_pool_t *pool; /* of what is frozen */
    apr_pool_t *scratch;
} link_t;

/* What a draft has to remember until it is frozen: the context of mod_acme_draft_t. */
typedef struct {
    const mod_acme_definition_t *definition;
    mod_acme_settings_t settings;
    int has_own_types;                   /* ACMECAChallenges was written */
    const apr_array_header_t *other_cas; /* const acme_ca_t * */
    const acme_domain_t *first;          /* of those made of it */
} plan_t;

/* ---- mod_acme_vhost.c */

plan_t *mod_acme_vhost__plan(const mod_acme_draft_t *draft);

/** The first time that @a text is spoken of. */
int mod_acme_vhost__is_news(link_t *link, const char *text);

/* ---- mod_acme_vhost_ca.c: CAs, which all of their domains share */

/** The CA that was @a written for @a draft, made if it is met for the first time. */
const acme_ca_t *mod_acme_vhost__share_ca(link_t *link, mod_acme_draft_t *draft,
                                          const mod_acme_ca_t *written);

/** Those that help out for @a draft (const acme_ca_t *). */
const apr_array_header_t *mod_acme_vhost__share_other_cas(link_t *link, mod_acme_draft_t *draft);

/** Gives CAs their test environments, when all is known that is said of them. */
void mod_acme_vhost__share_tests(link_t *link);

/** Tells where the terms of a CA were not agreed to, and where a share of its limits means nothing.
 */
void mod_acme_vhost__check_agreement(link_t *link);
void mod_acme_vhost__check_shares(link_t *link);

#endif
