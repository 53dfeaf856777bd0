/* Probes for tests; see fake_prober.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fake_prober.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "acme/acme_proof.h"

typedef struct {
    const char *address;
    int port;
    int hangs;
    const acme_store_t *store; /* NULL: it is not us */
    const char *thumbprint;    /* that it answers every token with, or NULL */
    acme_probe_answer_t answer;
} place_t;

struct fake_prober_t {
    apr_pool_t *pool;
    acme_prober_t prober;
    apr_array_header_t *places; /* place_t */
    int begun;
    const char *url;
};

struct acme_probe_t {
    apr_pool_t *pool;
    const place_t *place; /* NULL: nobody */
    const char *url;
    int polls;
    acme_probe_answer_t answer;
};

static acme_probe_t *begin(void *baton, const char *url, const char *address, int port,
                           apr_pool_t *pool)
{
    fake_prober_t *world = baton;
    acme_probe_t *probe = apr_pcalloc(pool, sizeof(*probe));
    probe->pool = pool;
    probe->url = apr_pstrdup(pool, url);
    probe->answer = (acme_probe_answer_t){.end = ACME_PROBE_REFUSED};
    world->url = apr_pstrdup(world->pool, url);
    ++world->begun;
    for (int i = 0; i < world->places->nelts; ++i) {
        const place_t *place = &APR_ARRAY_IDX(world->places, i, place_t);
        if (place->port == port && strcmp(place->address, address) == 0) {
            probe->place = place;
            probe->answer = place->answer;
        }
    }
    return probe;
}

/* What httpd answers for a token that is published. */
static void answer_token(acme_probe_t *probe)
{
    const char *token = strrchr(probe->url, '/') + 1;
    acme_proof_t *proof = NULL;
    probe->answer.status = 404;
    probe->answer.body = "";
    if (acme_proof_read(&proof, probe->place->store, "http-01", token, probe->pool) == NULL &&
        proof != NULL) {
        probe->answer.status = 200;
        probe->answer.body = apr_pstrcat(probe->pool, token, ".", proof->thumbprint, NULL);
    }
}

static int poll_probe(const acme_probe_answer_t **answer, void *baton, acme_probe_t *probe)
{
    (void)baton;
    *answer = &probe->answer;
    if (probe->polls++ == 0 || (probe->place != NULL && probe->place->hangs)) {
        return 0;
    }
    if (probe->place != NULL && probe->place->store != NULL) {
        answer_token(probe);
    }
    if (probe->place != NULL && probe->place->thumbprint != NULL) {
        probe->answer.body = apr_pstrcat(probe->pool, strrchr(probe->url, '/') + 1, ".",
                                         probe->place->thumbprint, NULL);
    }
    return 1;
}

static void pump(void *baton)
{
    (void)baton;
}

fake_prober_t *fake_prober_create(apr_pool_t *pool)
{
    fake_prober_t *world = apr_pcalloc(pool, sizeof(*world));
    world->pool = pool;
    world->prober =
        (acme_prober_t){.baton = world, .begin = begin, .pump = pump, .poll = poll_probe};
    world->places = apr_array_make(pool, 100, sizeof(place_t));
    return world;
}

const acme_prober_t *fake_prober(fake_prober_t *world)
{
    return &world->prober;
}

void fake_prober_is_front(fake_prober_t *world, const char *address, int port,
                          const acme_store_t *store, const char *server, const char *via)
{
    APR_ARRAY_PUSH(world->places, place_t) =
        (place_t){.address = address,
                  .port = port,
                  .store = store,
                  .answer = {.end = ACME_PROBE_ANSWERED, .server = server, .via = via}};
}

void fake_prober_is_ours(fake_prober_t *world, const char *address, int port,
                         const acme_store_t *store)
{
    fake_prober_is_front(world, address, port, store, "us", NULL);
}

void fake_prober_answers(fake_prober_t *world, const char *address, int port, int status,
                         const char *server, const char *location)
{
    APR_ARRAY_PUSH(world->places, place_t) = (place_t){.address = address,
                                                       .port = port,
                                                       .answer = {.end = ACME_PROBE_ANSWERED,
                                                                  .status = status,
                                                                  .body = "",
                                                                  .server = server,
                                                                  .location = location}};
}

void fake_prober_is_sister(fake_prober_t *world, const char *address, int port,
                           const char *thumbprint)
{
    APR_ARRAY_PUSH(world->places, place_t) =
        (place_t){.address = address,
                  .port = port,
                  .thumbprint = thumbprint,
                  .answer = {.end = ACME_PROBE_ANSWERED, .status = 200, .server = "sister"}};
}

void fake_prober_ends(fake_prober_t *world, const char *address, int port, acme_probe_end_t end)
{
    APR_ARRAY_PUSH(world->places, place_t) =
        (place_t){.address = address, .port = port, .answer = {.end = end}};
}

void fake_prober_hangs(fake_prober_t *world, const char *address, int port)
{
    APR_ARRAY_PUSH(world->places, place_t) =
        (place_t){.address = address, .port = port, .hangs = 1};
}

int fake_prober_begun(const fake_prober_t *world)
{
    return world->begun;
}

const char *fake_prober_url(const fake_prober_t *world)
{
    return world->url;
}
