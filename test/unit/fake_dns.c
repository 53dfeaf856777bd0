/* A DNS for tests; see fake_dns.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fake_dns.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

typedef struct {
    const char *server;
    acme_dns_record_t record;
} fact_t;

typedef struct {
    const char *name;
    acme_dns_type_t type;
    int rcode;
} failure_t;

struct fake_dns_t {
    apr_pool_t *pool;
    apr_array_header_t *failures; /* failure_t */
    acme_dns_t dns;
    apr_array_header_t *facts;  /* fact_t */
    apr_array_header_t *silent; /* const char * */
    apr_array_header_t *lame;   /* const char * */
    apr_array_header_t *asked;  /* const char * */
};

struct acme_dns_question_t {
    apr_pool_t *pool;
    const char *name;
    acme_dns_type_t type;
    const char *server;
    int polls;
};

static const char *shown(const char *server)
{
    return server != NULL ? server : "";
}

static int has(const apr_array_header_t *list, const char *server)
{
    int count = 0;
    for (int i = 0; i < list->nelts; ++i) {
        count += strcmp(APR_ARRAY_IDX(list, i, const char *), shown(server)) == 0;
    }
    return count;
}

static acme_dns_question_t *ask(void *baton, const char *name, acme_dns_type_t type,
                                const char *server, apr_pool_t *pool)
{
    fake_dns_t *world = baton;
    acme_dns_question_t *question = apr_pcalloc(pool, sizeof(*question));
    *question = (acme_dns_question_t){pool, acme_dns_name(name, pool), type, server, 0};
    APR_ARRAY_PUSH(world->asked, const char *) = apr_pstrdup(world->pool, shown(server));
    return question;
}

static const char *copy(const fake_dns_t *world, const char *server, const char *name,
                        acme_dns_type_t type, apr_array_header_t *to)
{
    const char *last = NULL;
    for (int i = 0; i < world->facts->nelts; ++i) {
        const fact_t *fact = &APR_ARRAY_IDX(world->facts, i, fact_t);
        if (strcmp(fact->server, shown(server)) == 0 && fact->record.type == type &&
            strcmp(fact->record.owner, name) == 0) {
            APR_ARRAY_PUSH(to, acme_dns_record_t) = fact->record;
            last = fact->record.text;
        }
    }
    return last;
}

static void add_zone(const fake_dns_t *world, const acme_dns_question_t *question, const char *name,
                     acme_dns_answer_t *answer)
{
    const char *zone = name;
    while (zone != NULL && answer->authority->nelts == 0) {
        (void)copy(world, question->server, zone, ACME_DNS_SOA, answer->authority);
        zone = strchr(zone, '.');
        zone = zone != NULL ? zone + 1 : NULL;
    }
}

/* 0: no failure is wanted. */
static int failure_of(const fake_dns_t *world, const acme_dns_question_t *question)
{
    for (int i = 0; i < world->failures->nelts && question->server == NULL; ++i) {
        const failure_t *failure = &APR_ARRAY_IDX(world->failures, i, failure_t);
        if (failure->type == question->type && strcmp(failure->name, question->name) == 0) {
            return failure->rcode;
        }
    }
    return 0;
}

static int poll_question(acme_dns_answer_t **result, void *baton, acme_dns_question_t *question)
{
    const fake_dns_t *world = baton;
    if (question->polls++ == 0) {
        return 0;
    }
    if (has(world->silent, question->server)) {
        return 1;
    }
    acme_dns_answer_t *answer = apr_pcalloc(question->pool, sizeof(*answer));
    answer->is_authoritative = question->server != NULL && !has(world->lame, question->server);
    answer->answers = apr_array_make(question->pool, 2, sizeof(acme_dns_record_t));
    answer->authority = apr_array_make(question->pool, 2, sizeof(acme_dns_record_t));
    answer->rcode = failure_of(world, question);
    if (answer->rcode != 0) {
        *result = answer;
        return 1;
    }
    const char *name = question->name;
    const char *target = name;
    for (int i = 0; i < 20 && target != NULL; ++i) {
        name = target;
        target = copy(world, question->server, name, ACME_DNS_CNAME, answer->answers);
    }
    if (copy(world, question->server, name, question->type, answer->answers) == NULL) {
        answer->rcode = ACME_DNS_NXDOMAIN;
        add_zone(world, question, name, answer);
    }
    *result = answer;
    return 1;
}

fake_dns_t *fake_dns_create(apr_pool_t *pool)
{
    fake_dns_t *world = apr_pcalloc(pool, sizeof(*world));
    world->pool = pool;
    world->dns = (acme_dns_t){.baton = world, .ask = ask, .poll = poll_question};
    world->facts = apr_array_make(pool, 16, sizeof(fact_t));
    world->failures = apr_array_make(pool, 2, sizeof(failure_t));
    world->silent = apr_array_make(pool, 2, sizeof(const char *));
    world->lame = apr_array_make(pool, 2, sizeof(const char *));
    world->asked = apr_array_make(pool, 16, sizeof(const char *));
    return world;
}

const acme_dns_t *fake_dns(fake_dns_t *world)
{
    return &world->dns;
}

void fake_dns_add(fake_dns_t *world, const char *server, const char *owner, acme_dns_type_t type,
                  const char *text)
{
    APR_ARRAY_PUSH(world->facts, fact_t) =
        (fact_t){apr_pstrdup(world->pool, shown(server)),
                 {apr_pstrdup(world->pool, owner), type, apr_pstrdup(world->pool, text)}};
}

void fake_dns_remove(fake_dns_t *world, const char *server, const char *owner, acme_dns_type_t type,
                     const char *text)
{
    for (int i = 0; i < world->facts->nelts; ++i) {
        fact_t *fact = &APR_ARRAY_IDX(world->facts, i, fact_t);
        if (strcmp(fact->server, shown(server)) == 0 && fact->record.type == type &&
            strcmp(fact->record.owner, owner) == 0 && strcmp(fact->record.text, text) == 0) {
            fact->server = "gone";
            return;
        }
    }
}

void fake_dns_zone(fake_dns_t *world, const char *zone, const char *server, const char *address)
{
    apr_array_header_t *known = apr_array_make(world->pool, 1, sizeof(acme_dns_record_t));
    if (copy(world, NULL, zone, ACME_DNS_SOA, known) == NULL) {
        fake_dns_add(world, NULL, zone, ACME_DNS_SOA, server);
    }
    fake_dns_add(world, NULL, zone, ACME_DNS_NS, server);
    if (address != NULL) {
        fake_dns_add(world, NULL, server, strchr(address, ':') != NULL ? ACME_DNS_AAAA : ACME_DNS_A,
                     address);
    }
}

void fake_dns_silence(fake_dns_t *world, const char *server, int is_silent)
{
    if (is_silent) {
        APR_ARRAY_PUSH(world->silent, const char *) = apr_pstrdup(world->pool, shown(server));
        return;
    }
    for (int i = 0; i < world->silent->nelts; ++i) {
        const char **name = &APR_ARRAY_IDX(world->silent, i, const char *);
        *name = strcmp(*name, shown(server)) == 0 ? "gone" : *name;
    }
}

void fake_dns_lame(fake_dns_t *world, const char *server)
{
    APR_ARRAY_PUSH(world->lame, const char *) = apr_pstrdup(world->pool, shown(server));
}

void fake_dns_fail(fake_dns_t *world, const char *name, acme_dns_type_t type, int rcode)
{
    APR_ARRAY_PUSH(world->failures, failure_t) =
        (failure_t){apr_pstrdup(world->pool, name), type, rcode};
}

int fake_dns_asked(const fake_dns_t *world, const char *server)
{
    return has(world->asked, server);
}
