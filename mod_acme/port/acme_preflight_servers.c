/* Asks each authoritative server for the addresses of a name, and compares.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_preflight_servers.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_dns_place.h"
#include "acme/acme_preflight_words.h"
#include "acme/acme_text.h"

/* More of them say nothing more. */
#define WITNESSES_MAX 12
#define NAME_MAX_SHOWN 260

typedef struct {
    const char *server;
    const char *address;
    acme_dns_question_t *questions[2]; /* A, AAAA */
    acme_dns_answer_t *answers[2];
    int is_over[2];
} witness_t;

struct acme_preflight_servers_t {
    apr_pool_t *pool;
    const acme_dns_t *dns;
    const char *name;
    int has_moved;                 /* a CNAME leads to somebody else's zone */
    acme_dns_place_t *place;       /* NULL once it is known */
    apr_array_header_t *witnesses; /* witness_t */
};

static const acme_dns_type_t types[2] = {ACME_DNS_A, ACME_DNS_AAAA};

/* see acme_preflight_servers.h */
acme_preflight_servers_t *acme_preflight__servers_begin(const acme_dns_t *dns, const char *name,
                                                        apr_pool_t *pool)
{
    acme_preflight_servers_t *servers = apr_pcalloc(pool, sizeof(*servers));
    servers->pool = pool;
    servers->dns = dns;
    servers->name = apr_pstrdup(pool, name);
    servers->place = acme_dns_place_find(dns, name, pool);
    servers->witnesses = apr_array_make(pool, 4, sizeof(witness_t));
    return servers;
}

static void ask_server(acme_preflight_servers_t *servers, const acme_dns_server_t *server,
                       const char *name)
{
    for (int i = 0; i < server->addresses->nelts; ++i) {
        if (servers->witnesses->nelts >= WITNESSES_MAX) {
            return;
        }
        witness_t *witness = apr_array_push(servers->witnesses);
        *witness =
            (witness_t){.server = acme_text_clean(server->name, NAME_MAX_SHOWN, servers->pool),
                        .address = APR_ARRAY_IDX(server->addresses, i, const char *)};
        for (int k = 0; k < 2; ++k) {
            witness->questions[k] =
                acme_dns_ask(servers->dns, name, types[k], witness->address, servers->pool);
        }
    }
}

/* Where CNAMEs lead is where the servers are asked. */
static void ask_servers(acme_preflight_servers_t *servers)
{
    const apr_array_header_t *all = acme_dns_place_servers(servers->place);
    const char *name = acme_dns_place_name(servers->place);
    for (int i = 0; i < all->nelts; ++i) {
        ask_server(servers, &APR_ARRAY_IDX(all, i, acme_dns_server_t), name);
    }
    servers->has_moved = strcmp(name, servers->name) != 0;
    servers->place = NULL;
}

static int hear_all(acme_preflight_servers_t *servers)
{
    int left = 0;
    for (int i = 0; i < servers->witnesses->nelts; ++i) {
        witness_t *witness = &APR_ARRAY_IDX(servers->witnesses, i, witness_t);
        for (int k = 0; k < 2; ++k) {
            if (!witness->is_over[k]) {
                witness->is_over[k] =
                    acme_dns_poll(&witness->answers[k], servers->dns, witness->questions[k]);
            }
            left += !witness->is_over[k];
        }
    }
    return left;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All addresses it gave, in an order of ours. */
static apr_array_header_t *addresses_of(const witness_t *witness, apr_pool_t *pool)
{
    apr_array_header_t *addresses = apr_array_make(pool, 4, sizeof(const char *));
    for (int k = 0; k < 2; ++k) {
        const apr_array_header_t *records = witness->answers[k]->answers;
        for (int i = 0; i < records->nelts; ++i) {
            const acme_dns_record_t *record = &APR_ARRAY_IDX(records, i, acme_dns_record_t);
            if (record->type == types[k]) {
                APR_ARRAY_PUSH(addresses, const char *) = record->text;
            }
        }
    }
    qsort(addresses->elts, (size_t)addresses->nelts, sizeof(const char *), compare);
    return addresses;
}

static int is_of_use(const acme_dns_answer_t *answer)
{
    return answer->is_authoritative &&
           (answer->rcode == ACME_DNS_NOERROR || answer->rcode == ACME_DNS_NXDOMAIN);
}

static acme_preflight_server_t seen_of(const acme_preflight_servers_t *servers,
                                       const witness_t *witness)
{
    acme_preflight_server_t seen = {
        .server = witness->server, .address = witness->address, .said = ""};
    seen.is_heard = witness->answers[0] != NULL && witness->answers[1] != NULL;
    seen.has_zone =
        seen.is_heard && is_of_use(witness->answers[0]) && is_of_use(witness->answers[1]);
    if (seen.has_zone && !servers->has_moved) {
        const apr_array_header_t *addresses = addresses_of(witness, servers->pool);
        seen.count = addresses->nelts;
        seen.said = acme_text_join(addresses, ", ", servers->pool);
    }
    return seen;
}

/* see acme_preflight_servers.h */
int acme_preflight__servers_poll(const char **finding, acme_preflight_servers_t *servers)
{
    *finding = NULL;
    if (servers->place != NULL) {
        int is_done;
        if (acme_dns_place_poll(&is_done, servers->place, servers->pool) != NULL) {
            return 1; /* the resolver knows no servers: nobody can be asked */
        }
        if (!is_done) {
            return 0;
        }
        ask_servers(servers);
    }
    if (hear_all(servers) > 0) {
        return 0;
    }
    apr_array_header_t *all = apr_array_make(servers->pool, 4, sizeof(acme_preflight_server_t));
    for (int i = 0; i < servers->witnesses->nelts; ++i) {
        APR_ARRAY_PUSH(all, acme_preflight_server_t) =
            seen_of(servers, &APR_ARRAY_IDX(servers->witnesses, i, witness_t));
    }
    *finding = acme_preflight_say_servers(servers->name, all, servers->pool);
    return 1;
}
