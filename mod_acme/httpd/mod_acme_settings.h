/* What the administrator wrote, before anything is made of it: settings, definitions and findings.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Filled by the directives, read by mod_acme_vhost_link. A setting that was not written is NULL, 0
 * or -1 as said below, so that server, virtual host and section can be laid over each other.
 */
#ifndef MOD_ACME_SETTINGS_H
#define MOD_ACME_SETTINGS_H

#include <httpd.h>
#include <http_config.h>

#include <apr_hash.h>
#include <apr_tables.h>

#include "acme/acme_dns01.h"
#include "acme/acme_domain.h"
#include "acme/acme_http01.h"

#include "mod_acme_ca.h"
#include "mod_acme_config.h"
#include "mod_acme_finding.h"
#include "mod_acme_given.h"
#include "mod_acme_limits.h"

/** Settings that may stand in the server, a virtual host or a section <ACMEDomain>. */
typedef struct {
    const mod_acme_ca_t *ca;                   /**< NULL: not written */
    const apr_array_header_t *other_cas;       /**< const mod_acme_ca_t *: written after `ca` */
    int is_rehearsed;                          /**< ACMEStagingRetry; -1: not written */
    const mod_acme_ca_t *test;                 /**< named by it; NULL: what is known of the CA */
    const char *agreement;                     /**< NULL: not written */
    const char *ca_certificate_file;           /**< absolute; "": none; NULL: not written */
    const char *proxy;                         /**< "": none; NULL: not written */
    const apr_array_header_t *contacts;        /**< const char *; NULL: not written */
    const acme_eab_t *eab;                     /**< no kid, no trouble: none; NULL: not written */
    const acme_account_key_t *account_key;     /**< no file: none; NULL: not written */
    const mod_acme_limits_t *limits;           /**< NULL: not written */
    const apr_array_header_t *key_specs;       /**< acme_key_spec_t; NULL: not written */
    const apr_array_header_t *challenge_types; /**< const char *; NULL: not written */
    const acme_dns01_t *dns01;                 /**< without its wait; NULL: not written */
    const acme_dns01_wait_t *dns01_wait;       /**< NULL: not written */
    acme_http01_t *http01;                     /**< NULL: not written */
    acme_window_t renew_window;                /**< all 0: not written */
    acme_window_t warn_window;                 /**< all 0: not written */
    int renew_mode;                            /**< acme_renew_mode_t; -1: not written */
    int via_ari;                               /**< ACMERenewViaARI; -1: not written */
    const char *preferred_chain;               /**< "": none; NULL: not written */
    const char *profile;                       /**< "": none; NULL: not written */
    apr_array_header_t *certificate_files; /**< mod_acme_given_file_t; NULL: not written */
    apr_array_header_t *key_files;         /**< mod_acme_given_file_t; NULL: not written */
    int must_staple;                           /**< ACMEMustStaple; -1: not written */
    int is_profile_mandatory;                  /**< -1: not written */
    int is_dropping;                           /**< ACMEDropFailing; -1: not written */
    int is_auto;                               /**< ACMEMembers auto; -1: not written */
    const ap_directive_t *first;               /**< the first of them all; NULL: nothing written */
} mod_acme_settings_t;

/** One ACMEDomain, as a directive or a section. */
typedef struct {
    const apr_array_header_t
        *names;                   /**< const char *, as written; empty: those of the virtual host */
    server_rec *server;           /**< where it stands */
    mod_acme_settings_t settings; /**< of the section */
    const char *file;
    int line;
} mod_acme_definition_t;

/** All that was read in this pass; one per pconf. */
typedef struct {
    mod_acme_global_t global;        /**< settings with their defaults; domains NULL until linked */
    apr_array_header_t *definitions; /**< mod_acme_definition_t *, in the order of the files */
    mod_acme_findings_t *findings;   /**< what is wrong */
    apr_hash_t *known;               /**< of mod_acme_known_names, while it is linked; or NULL */
} mod_acme_raw_t;

/** Our part of a server_rec. */
typedef struct {
    mod_acme_settings_t settings;    /**< own; after merging: laid over the base server's */
    mod_acme_settings_t own;         /**< own, also after merging */
    mod_acme_definition_t *section;  /**< the section that is being read */
    int has_definition;              /**< an ACMEDomain stands in this server */
    const mod_acme_global_t *global; /**< set by mod_acme_config_check */
    const acme_domain_t *domain;     /**< linked to this server, or NULL */
} mod_acme_server_t;

/** What was read with @a pool, pconf. */
mod_acme_raw_t *mod_acme_settings_raw(apr_pool_t *pool);

/** Our part of @a s. */
mod_acme_server_t *mod_acme_settings_server(const server_rec *s);

/** Nothing written. */
void mod_acme_settings_clear(mod_acme_settings_t *settings);

/** @a base with all that is written in @a add over it. */
void mod_acme_settings_merge(mod_acme_settings_t *result, const mod_acme_settings_t *base,
                             const mod_acme_settings_t *add);

#endif
