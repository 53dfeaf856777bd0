/* The names that virtual hosts answer to, in one form and looked up by hash.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Made from the list of server_recs when all ServerAlias lines are known, used while domains are
 * linked, then forgotten.
 */
#ifndef MOD_ACME_ALIASES_H
#define MOD_ACME_ALIASES_H

#include <httpd.h>

#include <apr_hash.h>
#include <apr_network_io.h>
#include <apr_tables.h>

#include "mod_acme_config.h"
#include "mod_acme_draft.h"

/** One name of a virtual host. */
typedef struct {
    const char *text;  /**< as written */
    const char *value; /**< in its one form; NULL: it has none (a pattern, or wrong syntax) */
    int is_wildcard;   /**< "*." and labels; also httpd's own pattern for all below them */
    int is_pattern;    /**< '?' or '*' elsewhere: no certificate covers it */
} mod_acme_alias_t;

typedef struct {
    server_rec *server;
    apr_array_header_t *names;     /**< mod_acme_alias_t *: ServerName first, then aliases */
    int has_server_name;           /**< the first of them is the ServerName */
    int is_plain;                  /**< on the port of http only: no TLS here */
    apr_array_header_t *addresses; /**< const char *: of its <VirtualHost>, in their one form */
    int has_any_address;           /**< "*" is among them */
} mod_acme_alias_host_t;

/** What is known of the names below one wildcard alias. */
typedef struct {
    mod_acme_draft_t *draft; /**< the first with a name below it, or NULL */
    int is_shared;           /**< others have names below it, too */
} mod_acme_below_t;

typedef struct {
    apr_array_header_t *hosts;    /**< mod_acme_alias_host_t *, in the order of the files */
    apr_hash_t *by_server;        /**< server_rec * -> mod_acme_alias_host_t * */
    apr_hash_t *wildcards;        /**< what follows "*" in a wildcard alias -> mod_acme_below_t * */
    apr_array_header_t *patterns; /**< const char *: aliases that only httpd can match */
} mod_acme_aliases_t;

/** The hosts of the list @a s: virtual hosts, and the base server where @a global says so. */
mod_acme_aliases_t *mod_acme_aliases_create(const mod_acme_global_t *global, server_rec *s,
                                            apr_pool_t *pool);

/** The host of @a s, or NULL if it is none. */
mod_acme_alias_host_t *mod_acme_aliases_host(const mod_acme_aliases_t *hosts, const server_rec *s);

/** The names of @a host that count when domains are linked: all, or the ServerName alone. */
int mod_acme_aliases_count(const mod_acme_alias_host_t *host, const mod_acme_global_t *global);

/** Notes for each wildcard alias which drafts have names below it. */
void mod_acme_aliases_look_below(mod_acme_aliases_t *hosts, const mod_acme_drafts_t *drafts);

/** Nonzero if a TLS host takes connections at the address @a value. */
int mod_acme_aliases_listen(const mod_acme_aliases_t *hosts, const char *value);

/** @a address as an identifier has it, or NULL if it stands for any address or is none. */
const char *mod_acme_aliases_address(apr_sockaddr_t *address, apr_pool_t *pool);

/** Nonzero if a wildcard alias or pattern of a virtual host matches the name @a value. */
int mod_acme_aliases_match(const mod_acme_aliases_t *hosts, const char *value);

#endif
