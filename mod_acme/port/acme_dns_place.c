/* Finds out where a record belongs, question by question.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   CUT        SOA of the name, and of its parents until one knows a zone
 *   SERVERS    NS of the zone
 *   ADDRESSES  A and AAAA of each server, all at once
 */
#include "acme/acme_dns_place.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

#define NAME_MAX_SHOWN 260
/* More CNAMEs in a row are a circle, or a mistake. */
#define CNAMES_MAX 10
#define SERVERS_MAX 16
#define ADDRESSES_MAX 8

typedef enum { CUT, SERVERS, ADDRESSES, DONE } stage_t;

typedef struct {
    acme_dns_server_t *server;
    acme_dns_question_t *question;
    int is_over;
} lookup_t;

struct acme_dns_place_t {
    apr_pool_t *pool;
    const acme_dns_t *dns;
    const char *name;
    const char *asked; /* for the cut: the name, or one of its parents */
    const char *zone;
    int cnames;
    stage_t stage;
    acme_dns_question_t *question;
    apr_array_header_t *servers; /* acme_dns_server_t */
    apr_array_header_t *lookups; /* lookup_t */
};

static void ask_cut(acme_dns_place_t *place, const char *name)
{
    place->asked = name;
    place->question = acme_dns_ask(place->dns, name, ACME_DNS_SOA, NULL, place->pool);
}

/* see acme_dns_place.h */
acme_dns_place_t *acme_dns_place_find(const acme_dns_t *dns, const char *name, apr_pool_t *pool)
{
    acme_dns_place_t *place = apr_pcalloc(pool, sizeof(*place));
    place->pool = pool;
    place->dns = dns;
    place->name = acme_dns_name(name, pool);
    place->servers = apr_array_make(pool, 4, sizeof(acme_dns_server_t));
    place->lookups = apr_array_make(pool, 8, sizeof(lookup_t));
    ask_cut(place, place->name);
    return place;
}

static const acme_dns_record_t *find_record(const apr_array_header_t *records, const char *owner,
                                            acme_dns_type_t type)
{
    for (int i = 0; i < records->nelts; ++i) {
        const acme_dns_record_t *record = &APR_ARRAY_IDX(records, i, acme_dns_record_t);
        if (record->type == type && (owner == NULL || strcmp(record->owner, owner) == 0)) {
            return record;
        }
    }
    return NULL;
}

static acme_err_t *give_up(const acme_dns_place_t *place, const char *what, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "the resolver does not say %s %s", what,
                         acme_text_clean(place->asked, NAME_MAX_SHOWN, pool));
}

/* Follows the CNAMEs in an answer for the name. *has_moved if there were any. */
static acme_err_t *follow(int *has_moved, acme_dns_place_t *place, const acme_dns_answer_t *answer,
                          apr_pool_t *pool)
{
    const acme_dns_record_t *cname;
    *has_moved = 0;
    while ((cname = find_record(answer->answers, place->name, ACME_DNS_CNAME)) != NULL) {
        if (++place->cnames > CNAMES_MAX) {
            return acme_err_make(
                pool, ACME_ERR_INPUT,
                "more than %d CNAMEs in a row lead on from each other, the last at "
                "%s; mend them",
                CNAMES_MAX, acme_text_clean(place->name, NAME_MAX_SHOWN, pool));
        }
        place->name = apr_pstrdup(place->pool, cname->text);
        *has_moved = 1;
    }
    return NULL;
}

/* The zone an SOA answer speaks of: the owner of the SOA, in either section. */
static const char *zone_in(const acme_dns_answer_t *answer, const char *name)
{
    const acme_dns_record_t *soa = find_record(answer->answers, name, ACME_DNS_SOA);
    if (soa == NULL) {
        soa = find_record(answer->authority, NULL, ACME_DNS_SOA);
    }
    return soa != NULL && acme_dns_is_below(name, soa->owner) && soa->owner[0] != '\0' ? soa->owner
                                                                                       : NULL;
}

static acme_err_t *ask_parent(acme_dns_place_t *place, apr_pool_t *pool)
{
    const char *dot = strchr(place->asked, '.');
    if (dot == NULL ||
        strchr(dot + 1, '.') == NULL) { /* no record of ours is in a top-level zone */
        return give_up(place, "which zone is that of", pool);
    }
    ask_cut(place, dot + 1);
    return NULL;
}

static acme_err_t *hear_cut(acme_dns_place_t *place, const acme_dns_answer_t *answer,
                            apr_pool_t *pool)
{
    if (answer == NULL) {
        return give_up(place, "anything about", pool);
    }
    int has_moved = 0;
    if (place->asked == place->name || strcmp(place->asked, place->name) == 0) {
        ACME_TRY(follow(&has_moved, place, answer, pool));
    }
    const char *about = has_moved ? place->name : place->asked;
    const char *zone = zone_in(answer, about);
    if (zone == NULL && has_moved) { /* the resolver did not go all the way */
        ask_cut(place, place->name);
        return NULL;
    }
    if (zone == NULL) {
        return ask_parent(place, pool);
    }
    place->zone = apr_pstrdup(place->pool, zone);
    place->stage = SERVERS;
    place->question = acme_dns_ask(place->dns, place->zone, ACME_DNS_NS, NULL, place->pool);
    return NULL;
}

static void ask_address(acme_dns_place_t *place, acme_dns_server_t *server, acme_dns_type_t type)
{
    APR_ARRAY_PUSH(place->lookups, lookup_t) =
        (lookup_t){.server = server,
                   .question = acme_dns_ask(place->dns, server->name, type, NULL, place->pool)};
}

static acme_err_t *hear_servers(acme_dns_place_t *place, const acme_dns_answer_t *answer,
                                apr_pool_t *pool)
{
    place->asked = place->zone;
    for (int i = 0; answer != NULL && i < answer->answers->nelts; ++i) {
        const acme_dns_record_t *record = &APR_ARRAY_IDX(answer->answers, i, acme_dns_record_t);
        if (record->type == ACME_DNS_NS && strcmp(record->owner, place->zone) == 0 &&
            place->servers->nelts < SERVERS_MAX) {
            APR_ARRAY_PUSH(place->servers, acme_dns_server_t) = (acme_dns_server_t){
                .name = apr_pstrdup(place->pool, record->text),
                .addresses = apr_array_make(place->pool, 2, sizeof(const char *))};
        }
    }
    if (place->servers->nelts == 0) {
        return give_up(place, "which servers have the zone", pool);
    }
    for (int i = 0; i < place->servers->nelts; ++i) { /* the array grows no more: pointers stay */
        acme_dns_server_t *server = &APR_ARRAY_IDX(place->servers, i, acme_dns_server_t);
        ask_address(place, server, ACME_DNS_A);
        ask_address(place, server, ACME_DNS_AAAA);
    }
    place->stage = ADDRESSES;
    return NULL;
}

/* The resolver has followed CNAMEs, so whose address it is does not matter. */
static void take_addresses(const acme_dns_place_t *place, acme_dns_server_t *server,
                           const acme_dns_answer_t *answer)
{
    for (int i = 0; answer != NULL && i < answer->answers->nelts; ++i) {
        const acme_dns_record_t *record = &APR_ARRAY_IDX(answer->answers, i, acme_dns_record_t);
        if ((record->type == ACME_DNS_A || record->type == ACME_DNS_AAAA) &&
            server->addresses->nelts < ADDRESSES_MAX) {
            APR_ARRAY_PUSH(server->addresses, const char *) =
                apr_pstrdup(place->pool, record->text);
        }
    }
}

static void hear_addresses(acme_dns_place_t *place)
{
    int left = 0;
    for (int i = 0; i < place->lookups->nelts; ++i) {
        lookup_t *lookup = &APR_ARRAY_IDX(place->lookups, i, lookup_t);
        acme_dns_answer_t *answer;
        if (!lookup->is_over && acme_dns_poll(&answer, place->dns, lookup->question)) {
            lookup->is_over = 1;
            take_addresses(place, lookup->server, answer);
        }
        left += !lookup->is_over;
    }
    place->stage = left == 0 ? DONE : ADDRESSES;
}

/* see acme_dns_place.h */
acme_err_t *acme_dns_place_poll(int *is_done, acme_dns_place_t *place, apr_pool_t *pool)
{
    *is_done = 0;
    acme_dns_answer_t *answer;
    while (place->stage < ADDRESSES && acme_dns_poll(&answer, place->dns, place->question)) {
        ACME_TRY(place->stage == CUT ? hear_cut(place, answer, pool)
                                     : hear_servers(place, answer, pool));
    }
    if (place->stage == ADDRESSES) {
        hear_addresses(place);
    }
    *is_done = place->stage == DONE;
    return NULL;
}

/* see acme_dns_place.h */
const char *acme_dns_place_name(const acme_dns_place_t *place)
{
    return place->name;
}

/* see acme_dns_place.h */
const char *acme_dns_place_zone(const acme_dns_place_t *place)
{
    return place->zone;
}

/* see acme_dns_place.h */
const apr_array_header_t *acme_dns_place_servers(const acme_dns_place_t *place)
{
    return place->servers;
}
