/* Gathers the names of virtual hosts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_aliases.h"

#include <string.h>

#include <apr_strings.h>

/* The text of an IPv6 address with a zone index. */
#define ADDRESS_MAX 64

static mod_acme_alias_t *make_name(const char *text, apr_pool_t *pool)
{
    mod_acme_alias_t *name = apr_pcalloc(pool, sizeof(*name));
    name->text = text;
    const char *labels = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    if (strpbrk(labels, "*?") != NULL) {
        name->is_pattern = 1;
        return name;
    }
    acme_identifier_t *identifier;
    if (acme_identifier_parse(&identifier, text, pool) == NULL) {
        name->value = identifier->value;
        name->is_wildcard = identifier->is_wildcard;
    }
    return name;
}

static void add_names(mod_acme_alias_host_t *host, const apr_array_header_t *texts,
                      apr_pool_t *pool)
{
    for (int i = 0; texts != NULL && i < texts->nelts; i++) {
        APR_ARRAY_PUSH(host->names, mod_acme_alias_t *) =
            make_name(APR_ARRAY_IDX(texts, i, const char *), pool);
    }
}

/* A host on the port of http alone has no certificate to show. */
static int is_plain(const server_rec *s, int http_port)
{
    int count = 0;
    for (const server_addr_rec *addr = s->addrs; addr != NULL; addr = addr->next) {
        if (addr->host_port != http_port) {
            return 0;
        }
        count++;
    }
    return count > 0 && http_port != 0;
}

/* httpd lends a virtual host without ServerName that of the base server, the very string. */
static int has_server_name(const server_rec *s, const server_rec *base)
{
    return s->server_hostname != NULL &&
           (!s->is_virtual || s->server_hostname != base->server_hostname);
}

static int is_any(const apr_sockaddr_t *address)
{
    static const unsigned char zeros[16];
    return (apr_size_t)address->ipaddr_len <= sizeof(zeros) &&
           memcmp(address->ipaddr_ptr, zeros, (apr_size_t)address->ipaddr_len) == 0;
}

const char *mod_acme_aliases_address(apr_sockaddr_t *address, apr_pool_t *pool)
{
    char text[ADDRESS_MAX];
    char *folded = apr_palloc(pool, ADDRESS_MAX);
    if (address == NULL || is_any(address) ||
        apr_sockaddr_ip_getbuf(text, sizeof(text), address) != APR_SUCCESS ||
        acme_identifier_fold(folded, ADDRESS_MAX, text, strcspn(text, "%")) == 0) {
        return NULL; /* a zone index is no part of an address that is certified */
    }
    return folded;
}

static void add_addresses(mod_acme_alias_host_t *host, apr_pool_t *pool)
{
    for (const server_addr_rec *addr = host->server->addrs; addr != NULL; addr = addr->next) {
        const char *value = mod_acme_aliases_address(addr->host_addr, pool);
        if (value != NULL) {
            APR_ARRAY_PUSH(host->addresses, const char *) = value;
        }
        else if (addr->host_addr != NULL) {
            host->has_any_address = 1;
        }
    }
}

static mod_acme_alias_host_t *make_host(server_rec *s, const server_rec *base, int http_port,
                                        apr_pool_t *pool)
{
    mod_acme_alias_host_t *host = apr_pcalloc(pool, sizeof(*host));
    host->server = s;
    host->names = apr_array_make(pool, 2, sizeof(mod_acme_alias_t *));
    host->is_plain = s->is_virtual && is_plain(s, http_port);
    host->addresses = apr_array_make(pool, 1, sizeof(const char *));
    add_addresses(host, pool);
    host->has_server_name = has_server_name(s, base);
    if (host->has_server_name) {
        APR_ARRAY_PUSH(host->names, mod_acme_alias_t *) = make_name(s->server_hostname, pool);
    }
    add_names(host, s->names, pool);
    add_names(host, s->wild_names, pool);
    return host;
}

static void enter_names(mod_acme_aliases_t *hosts, const mod_acme_alias_host_t *host, int count,
                        apr_pool_t *pool)
{
    for (int i = 0; i < count; i++) {
        const mod_acme_alias_t *name = APR_ARRAY_IDX(host->names, i, const mod_acme_alias_t *);
        if (name->is_pattern) {
            APR_ARRAY_PUSH(hosts->patterns, const char *) = name->text;
        }
        else if (name->is_wildcard &&
                 apr_hash_get(hosts->wildcards, name->value + 1, APR_HASH_KEY_STRING) == NULL) {
            apr_hash_set(hosts->wildcards, name->value + 1, APR_HASH_KEY_STRING,
                         apr_pcalloc(pool, sizeof(mod_acme_below_t)));
        }
    }
}

int mod_acme_aliases_count(const mod_acme_alias_host_t *host, const mod_acme_global_t *global)
{
    return global->match_aliases ? host->names->nelts : host->has_server_name;
}

/* The base server and its virtual hosts; httpd lists the latter from the last to the first. */
static apr_array_header_t *in_order_of_files(server_rec *base, apr_pool_t *pool)
{
    int count = 0;
    for (const server_rec *s = base; s != NULL; s = s->next) {
        count++;
    }
    apr_array_header_t *servers = apr_array_make(pool, count, sizeof(server_rec *));
    servers->nelts = count;
    APR_ARRAY_IDX(servers, 0, server_rec *) = base;
    for (server_rec *s = base->next; s != NULL; s = s->next) {
        APR_ARRAY_IDX(servers, --count, server_rec *) = s;
    }
    return servers;
}

mod_acme_aliases_t *mod_acme_aliases_create(const mod_acme_global_t *global, server_rec *s,
                                            apr_pool_t *pool)
{
    mod_acme_aliases_t *hosts = apr_pcalloc(pool, sizeof(*hosts));
    hosts->hosts = apr_array_make(pool, 16, sizeof(mod_acme_alias_host_t *));
    hosts->by_server = apr_hash_make(pool);
    hosts->wildcards = apr_hash_make(pool);
    hosts->patterns = apr_array_make(pool, 2, sizeof(const char *));
    const apr_array_header_t *servers = in_order_of_files(s, pool);
    for (int i = 0; i < servers->nelts; i++) {
        server_rec *server = APR_ARRAY_IDX(servers, i, server_rec *);
        if (!server->is_virtual && !global->has_base_server) {
            continue;
        }
        mod_acme_alias_host_t *host = make_host(server, s, global->ports.http, pool);
        APR_ARRAY_PUSH(hosts->hosts, mod_acme_alias_host_t *) = host;
        apr_hash_set(hosts->by_server, &host->server, sizeof(host->server), host);
        enter_names(hosts, host, mod_acme_aliases_count(host, global), pool);
    }
    return hosts;
}

mod_acme_alias_host_t *mod_acme_aliases_host(const mod_acme_aliases_t *hosts, const server_rec *s)
{
    return apr_hash_get(hosts->by_server, &s, sizeof(s));
}

/* Calls @a note for each wildcard alias that matches @a value, by httpd's rules: at any depth.
 * Returns nonzero if there is one. */
static int for_each_above(const mod_acme_aliases_t *hosts, const char *value,
                          mod_acme_draft_t *draft,
                          void (*note)(mod_acme_below_t *, mod_acme_draft_t *))
{
    int found = 0;
    for (const char *dot = strchr(value, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        mod_acme_below_t *below = apr_hash_get(hosts->wildcards, dot, APR_HASH_KEY_STRING);
        if (below != NULL) {
            found = 1;
            note(below, draft);
        }
    }
    return found;
}

static void note_draft(mod_acme_below_t *below, mod_acme_draft_t *draft)
{
    if (below->draft == NULL) {
        below->draft = draft;
    }
    else if (below->draft != draft) {
        below->is_shared = 1;
    }
}

static void note_nothing(mod_acme_below_t *below, mod_acme_draft_t *draft)
{
    (void)below;
    (void)draft;
}

void mod_acme_aliases_look_below(mod_acme_aliases_t *hosts, const mod_acme_drafts_t *drafts)
{
    const apr_array_header_t *all = mod_acme_drafts_all(drafts);
    for (int i = 0; i < all->nelts; i++) {
        mod_acme_draft_t *draft = APR_ARRAY_IDX(all, i, mod_acme_draft_t *);
        for (int j = 0; j < draft->identifiers->nelts; j++) {
            const acme_identifier_t *identifier =
                APR_ARRAY_IDX(draft->identifiers, j, const acme_identifier_t *);
            (void)for_each_above(hosts, identifier->value, draft, note_draft);
        }
    }
}

static int has_address(const mod_acme_alias_host_t *host, const char *value)
{
    for (int i = 0; i < host->addresses->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(host->addresses, i, const char *), value) == 0) {
            return 1;
        }
    }
    return host->has_any_address;
}

int mod_acme_aliases_listen(const mod_acme_aliases_t *hosts, const char *value)
{
    for (int i = 0; i < hosts->hosts->nelts; i++) {
        const mod_acme_alias_host_t *host =
            APR_ARRAY_IDX(hosts->hosts, i, const mod_acme_alias_host_t *);
        if (!host->is_plain && has_address(host, value)) {
            return 1;
        }
    }
    return 0;
}

int mod_acme_aliases_match(const mod_acme_aliases_t *hosts, const char *value)
{
    if (for_each_above(hosts, value, NULL, note_nothing)) {
        return 1;
    }
    for (int i = 0; i < hosts->patterns->nelts; i++) {
        if (ap_strcasecmp_match(value, APR_ARRAY_IDX(hosts->patterns, i, const char *)) == 0) {
            return 1;
        }
    }
    return 0;
}
