/* Puts into words what a preflight has seen.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_preflight_words.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_addresses.h"
#include "acme/acme_dns.h"
#include "acme/acme_text.h"

#define URL_SHOWN 200

/* "Apache/2.4.62 (as it calls itself)", "a server behind Cloudflare", "a server without a name". */
static const char *who(const acme_probe_answer_t *answer, apr_pool_t *pool)
{
    const char *server =
        answer->server != NULL
            ? apr_psprintf(pool, "a server that calls itself \"%s\"", answer->server)
            : "a server that does not say its name";
    return answer->via != NULL ? apr_psprintf(pool, "%s, by way of \"%s\"", server, answer->via)
                               : server;
}

static int is_here(const acme_preflight_visit_t *visit, const acme_preflight_here_t *here)
{
    return acme_addresses_are_here(here->local, visit->target);
}

/* "example.org leads to 192.0.2.1 and from there to http://www.example.org/…" */
static const char *way(const acme_preflight_visit_t *visit, apr_pool_t *pool)
{
    if (visit->url == NULL) {
        return apr_psprintf(pool, "%s leads to %s", visit->name, visit->address);
    }
    return apr_psprintf(pool, "%s leads to %s, and a redirect from there to %s (%s)", visit->name,
                        visit->address, acme_text_clean(visit->url, URL_SHOWN, pool),
                        visit->target);
}

/* Why nobody may be met from inside who is there for the world. */
static const char *hairpin(const acme_preflight_visit_t *visit, const acme_preflight_here_t *here,
                           apr_pool_t *pool)
{
    if (is_here(visit, here)) {
        return "add a Listen for it, or say by ACMEPortMap which port the CA reaches instead";
    }
    if (acme_addresses_is_reserved(visit->target, pool) ||
        acme_addresses_have_public(here->local, visit->target, pool)) {
        return apr_psprintf(pool,
                            "%s is no address of this machine: correct the record in the DNS, or "
                            "open the port there",
                            visit->target);
    }
    return apr_psprintf(pool,
                        "if %s is the router or load balancer in front of this machine, open the "
                        "port there; many do not lead their own address back inside (hairpin NAT), "
                        "and then the CA may come through where this server does not",
                        visit->target);
}

static const char *why_not_heard(const acme_preflight_visit_t *visit,
                                 const acme_preflight_here_t *here, apr_pool_t *pool)
{
    switch (visit->answer->end) {
    case ACME_PROBE_REFUSED:
        return apr_psprintf(pool, "where nobody listens (connection refused); %s",
                            hairpin(visit, here, pool));
    case ACME_PROBE_TIMEOUT:
        return apr_psprintf(pool, "where no connection comes about in time (a firewall?); %s",
                            hairpin(visit, here, pool));
    case ACME_PROBE_UNREACHABLE:
        return apr_psprintf(pool, "to where this machine knows no way; %s",
                            strchr(visit->target, ':') != NULL
                                ? "if it has no IPv6, remove its AAAA record"
                                : hairpin(visit, here, pool));
    case ACME_PROBE_MUTE:
        return "where connections are taken and nothing is answered; see who listens there";
    case ACME_PROBE_NO_TLS:
        return "where no TLS handshake comes about; see who listens there";
    case ACME_PROBE_NO_HTTP:
        return "where something else than HTTP is spoken; see who listens there";
    case ACME_PROBE_ANSWERED:
    case ACME_PROBE_FAILED:
        break;
    }
    return NULL;
}

static const char *advice(const acme_preflight_visit_t *visit, const acme_preflight_here_t *here)
{
    if (visit->answer->via == NULL && is_here(visit, here)) {
        return "another program or another httpd of this machine has the port: lead it to this one";
    }
    return visit->answer->via != NULL
               ? "let it pass /.well-known/acme-challenge/ on to this server unchanged"
               : "correct the record in the DNS, or let that server pass "
                 "/.well-known/acme-challenge/ on to this one";
}

/* see acme_preflight_words.h */
const char *acme_preflight_say_http(const acme_preflight_visit_t *visit,
                                    const acme_preflight_here_t *here, apr_pool_t *pool)
{
    if (visit->is_ours) {
        return NULL;
    }
    if (visit->answer->end == ACME_PROBE_ANSWERED) {
        return apr_psprintf(
            pool, "%s, where on port %d not this server answers but %s, with status %d; %s",
            way(visit, pool), visit->port, who(visit->answer, pool), visit->answer->status,
            advice(visit, here));
    }
    const char *why = why_not_heard(visit, here, pool);
    return why != NULL ? apr_psprintf(pool, "%s, port %d, %s", way(visit, pool), visit->port, why)
                       : NULL;
}

/* Our own answer that somebody has handed on, who then has also ended TLS. */
static int was_handed_on(const acme_preflight_visit_t *visit, const acme_preflight_here_t *here)
{
    const acme_probe_answer_t *answer = visit->answer;
    return answer->via != NULL || (here->server != NULL && answer->server != NULL &&
                                   strcmp(here->server, answer->server) != 0);
}

/* see acme_preflight_words.h */
const char *acme_preflight_say_tls(const acme_preflight_visit_t *visit,
                                   const acme_preflight_here_t *here, apr_pool_t *pool)
{
    if (visit->answer->end != ACME_PROBE_ANSWERED) {
        return acme_preflight_say_http(visit, here, pool);
    }
    if (visit->is_ours && !was_handed_on(visit, here)) {
        return NULL;
    }
    return apr_psprintf(pool,
                        "%s, where on port %d TLS does not end at this server but at %s, so "
                        "tls-alpn-01 cannot work; %s",
                        way(visit, pool), visit->port, who(visit->answer, pool),
                        visit->is_ours
                            ? "let it pass TLS through unopened, or use http-01 or dns-01 "
                              "(ACMECAChallenges)"
                            : "correct the record in the DNS, or use dns-01");
}

/* see acme_preflight_words.h */
const char *acme_preflight_say_redirect(const acme_preflight_visit_t *visit, const char *location,
                                        const char *why, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s, where %s on port %d redirects to %s, %s", way(visit, pool),
                        who(visit->answer, pool), visit->port,
                        acme_text_clean(location, URL_SHOWN, pool), why);
}

/* ---- DNS ---- */

static int has_failed(const acme_preflight_lookup_t *lookup)
{
    return !lookup->is_heard ||
           (lookup->rcode != ACME_DNS_NOERROR && lookup->rcode != ACME_DNS_NXDOMAIN);
}

static const char *how_it_failed(const acme_preflight_lookup_t *lookup, apr_pool_t *pool)
{
    if (!lookup->is_heard) {
        return "no answer in time";
    }
    return lookup->rcode == ACME_DNS_SERVFAIL ? "SERVFAIL"
           : lookup->rcode == 5               ? "REFUSED"
                                              : apr_psprintf(pool, "RCODE %d", lookup->rcode);
}

#define DNS_ADVICE                                                                                 \
    "see whether its name servers answer and its DNSSEC signatures are valid, or set another "     \
    "resolver by ACMEDnsResolver"

/* see acme_preflight_words.h */
const char *acme_preflight_say_addresses(const char *name, const acme_preflight_lookup_t *a,
                                         const acme_preflight_lookup_t *aaaa, apr_pool_t *pool)
{
    if (has_failed(a) || has_failed(aaaa)) {
        const acme_preflight_lookup_t *failed = has_failed(a) ? a : aaaa;
        return apr_psprintf(pool,
                            "the resolver cannot look up the %s records of %s (%s); " DNS_ADVICE,
                            failed == a ? "A" : "AAAA", name, how_it_failed(failed, pool));
    }
    if (a->count + aaaa->count > 0) {
        return NULL;
    }
    if (a->rcode == ACME_DNS_NXDOMAIN) {
        return apr_psprintf(
            pool,
            "%s is not in the DNS (NXDOMAIN), so the CA cannot reach it; add an A or "
            "AAAA record, or remove the name from ACMEDomain",
            name);
    }
    return apr_psprintf(
        pool,
        "%s has neither an A nor an AAAA record, so the CA cannot reach it; add one, "
        "or remove the name from ACMEDomain",
        name);
}

static const acme_preflight_server_t *server_at(const apr_array_header_t *servers, int i)
{
    return &APR_ARRAY_IDX(servers, i, acme_preflight_server_t);
}

/* Another address of the same server may do. */
static int has_server_with_zone(const apr_array_header_t *servers, const char *name)
{
    for (int i = 0; i < servers->nelts; i++) {
        if (server_at(servers, i)->has_zone &&
            (name == NULL || strcmp(server_at(servers, i)->server, name) == 0)) {
            return 1;
        }
    }
    return 0;
}

/* With more addresses than this, those of one answer are often chosen among many. */
#define COMPARED_MAX 3

static int do_differ(const acme_preflight_server_t *a, const acme_preflight_server_t *b)
{
    if (a->count == 0 || b->count == 0) {
        return a->count != b->count;
    }
    return a->count <= COMPARED_MAX && b->count <= COMPARED_MAX && strcmp(a->said, b->said) != 0;
}

static const char *words_of(const acme_preflight_server_t *server, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s (%s) says %s", server->server, server->address,
                        server->said[0] != '\0' ? server->said : "that there are none");
}

/* see acme_preflight_words.h */
const char *acme_preflight_say_servers(const char *name, const apr_array_header_t *servers,
                                       apr_pool_t *pool)
{
    const acme_preflight_server_t *first = NULL;
    if (!has_server_with_zone(servers, NULL)) {
        return NULL;
    }
    for (int i = 0; i < servers->nelts; i++) {
        const acme_preflight_server_t *server = server_at(servers, i);
        if (!server->has_zone && !has_server_with_zone(servers, server->server)) {
            return apr_psprintf(pool,
                                "the name server %s (%s) %s, and a CA may ask any of the zone's "
                                "servers; mend it, or take it out of the zone",
                                server->server, server->address,
                                server->is_heard
                                    ? apr_psprintf(pool, "does not have the zone of %s", name)
                                    : apr_psprintf(pool, "does not answer for %s", name));
        }
        first = first == NULL && server->has_zone ? server : first;
        if (server->has_zone && do_differ(first, server)) {
            return apr_psprintf(pool,
                                "the name servers do not agree about the addresses of %s: %s, %s; "
                                "a CA may ask any of them, so bring them into line",
                                name, words_of(first, pool), words_of(server, pool));
        }
    }
    return NULL;
}

/* see acme_preflight_words.h */
const char *acme_preflight_say_reserved(const char *name, const char *address, apr_pool_t *pool)
{
    return apr_psprintf(
        pool,
        "%s leads to %s, a private or reserved address; if it does so in the public "
        "DNS too, the CA goes there not: correct the record, or use dns-01",
        name, address);
}

/* see acme_preflight_words.h */
const char *acme_preflight_say_caa_failure(const char *name, const char *level,
                                           const acme_preflight_lookup_t *lookup, apr_pool_t *pool)
{
    return has_failed(lookup)
               ? apr_psprintf(
                     pool,
                     "the resolver cannot look up the CAA records of %s (%s), and a CA for "
                     "which this fails issues nothing for %s; " DNS_ADVICE,
                     level, how_it_failed(lookup, pool), name)
               : NULL;
}

/* see acme_preflight_words.h */
const char *acme_preflight_say_caa(const char *name, const char *level, const char *why,
                                   apr_pool_t *pool)
{
    return strcmp(name, level) == 0
               ? apr_psprintf(pool, "the CAA records of %s %s", level, why)
               : apr_psprintf(pool, "the CAA records of %s, which count for %s, %s", level, name,
                              why);
}
