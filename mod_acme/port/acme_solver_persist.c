/* dns-persist-01: a look at a TXT record that stands for good, and is never ours to set.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A look is a job, known by what it is about, until its result was told, or nobody has asked for it
 * for some time:
 *
 *   PLACE     where CNAMEs and delegations lead, and which servers have that zone
 *   SERVERS   one round of questions to all of them
 *   RESOLVER  the same to the resolver, where no server is known or none answers
 */
#include "acme/acme_solver_persist.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_dns_look.h"
#include "acme/acme_dns_place.h"
#include "acme/acme_persist.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define WORD_SHOWN 300

/* Whoever waits for a look polls it far more often; what its run has left behind goes then. */
#define FORGOTTEN_AFTER (5 * ACME_TIME_MINUTE)

/* Between two polls of questions that are out: doubled from the first to the second. */
#define PAUSE_MIN (ACME_TIME_SECOND / 50)
#define PAUSE_MAX (ACME_TIME_SECOND / 4)

typedef enum { PLACE, SERVERS, RESOLVER } stage_t;

typedef struct {
    apr_pool_t *pool;
    const char *key;
    const char *name;                    /* of the record, before CNAMEs */
    const acme_persist_demand_t *demand; /* the caller's, good during a call only */
    apr_time_t now;                      /* of the last call */
    stage_t stage;
    acme_dns_place_t *place;
    acme_dns_look_t *look;
    const char *value; /* of a record that is right; NULL: none was seen */
    apr_time_t until;  /* of the best such record */
    apr_interval_time_t pause;
} job_t;

typedef struct {
    apr_pool_t *pool;
    const acme_env_t *env;
    const acme_dns_t *dns;
    apr_hash_t *jobs; /* by key */
} baton_t;

/* ---- jobs */

static const char *key_of(const acme_proof_t *proof, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s %d %s", proof->identifier->value, proof->persist->is_wildcard,
                        acme_text_join(proof->persist->accounts, " ", pool));
}

static void drop_job(const baton_t *baton, job_t *job)
{
    apr_hash_set(baton->jobs, job->key, APR_HASH_KEY_STRING, NULL);
    apr_pool_destroy(job->pool);
}

/* Their questions hold places that others wait for, and their answers are of another day. */
static void drop_forgotten(const baton_t *baton, apr_time_t now, apr_pool_t *scratch_pool)
{
    apr_hash_index_t *next;
    for (apr_hash_index_t *at = apr_hash_first(scratch_pool, baton->jobs); at != NULL; at = next) {
        job_t *job = apr_hash_this_val(at);
        next = apr_hash_next(at);
        if (job->now < now - FORGOTTEN_AFTER || job->now > now + FORGOTTEN_AFTER) {
            drop_job(baton, job);
        }
    }
}

static job_t *take_job(const baton_t *baton, const acme_proof_t *proof, apr_pool_t *scratch_pool)
{
    const char *key = key_of(proof, scratch_pool);
    apr_time_t now = acme_env_now(baton->env);
    drop_forgotten(baton, now, scratch_pool);
    job_t *job = apr_hash_get(baton->jobs, key, APR_HASH_KEY_STRING);
    if (job == NULL) {
        apr_pool_t *pool;
        apr_pool_create(&pool, baton->pool);
        job = apr_pcalloc(pool, sizeof(*job));
        job->pool = pool;
        job->key = apr_pstrdup(pool, key);
        job->name = acme_persist_name(proof->identifier, pool);
        job->place = acme_dns_place_find(baton->dns, job->name, pool);
        apr_hash_set(baton->jobs, job->key, APR_HASH_KEY_STRING, job);
    }
    job->demand = proof->persist;
    job->now = now;
    return job;
}

static apr_time_t soon(job_t *job)
{
    job->pause = job->pause == 0              ? PAUSE_MIN
                 : job->pause < PAUSE_MAX / 2 ? 2 * job->pause
                                              : PAUSE_MAX;
    return job->now + job->pause;
}

/* ---- the look */

/* Of several records the CA takes any: the one that ends last counts. */
static void remember(job_t *job, const acme_persist_record_t *record, const char *text)
{
    int is_better = job->value == NULL ||
                    (job->until != 0 && (record->until == 0 || record->until > job->until));
    if (is_better) {
        job->value = apr_pstrdup(job->pool, text);
        job->until = record->until;
    }
}

/* Why the CA would not take @a text, or NULL. */
static const char *flaw_of(acme_persist_record_t **record, const job_t *job, const char *text,
                           apr_pool_t *pool)
{
    acme_err_t *err = acme_persist_parse(record, text, pool);
    return err != NULL ? err->text : acme_persist_flaw(*record, job->demand, job->now, pool);
}

static int is_right(void *data, const char *text)
{
    job_t *job = data;
    acme_persist_record_t *record;
    if (flaw_of(&record, job, text, job->pool) != NULL) {
        return 0;
    }
    remember(job, record, text);
    return 1;
}

static void begin_look(const baton_t *baton, job_t *job, stage_t stage)
{
    const apr_array_header_t *servers =
        stage == SERVERS ? acme_dns_place_servers(job->place) : NULL;
    job->stage = stage;
    job->pause = 0;
    job->look = acme_dns_look_begin_any(baton->dns, acme_dns_place_name(job->place), is_right, job,
                                        servers, job->pool);
}

/* Nonzero when it is over; then *sight. */
static int advance(acme_dns_sight_t *sight, const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    if (job->stage == PLACE) {
        int is_done;
        acme_err_t *err = acme_dns_place_poll(&is_done, job->place, pool);
        if (err == NULL && !is_done) {
            return 0;
        }
        begin_look(baton, job, err == NULL ? SERVERS : RESOLVER);
    }
    if (!acme_dns_look_poll(sight, job->look)) {
        return 0;
    }
    if (job->stage == SERVERS && sight->showing + sight->lacking == 0) {
        begin_look(baton, job, RESOLVER);
        return acme_dns_look_poll(sight, job->look);
    }
    return 1;
}

/* ---- what is told */

static int is_ours(const job_t *job, const char *text)
{
    for (int i = 0; i < job->demand->issuers->nelts; ++i) {
        const char *issuer = APR_ARRAY_IDX(job->demand->issuers, i, const char *);
        if (strncmp(text, issuer, strlen(issuer)) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Of the records that are not right the one that was most likely meant. */
static const char *nearest(const job_t *job, const apr_array_header_t *others)
{
    const char *best = others->nelts > 0 ? APR_ARRAY_IDX(others, 0, const char *) : NULL;
    for (int i = 0; i < others->nelts; ++i) {
        const char *text = APR_ARRAY_IDX(others, i, const char *);
        if (is_ours(job, text)) {
            return text;
        }
    }
    return best;
}

static const char *why_not(const job_t *job, const acme_dns_sight_t *sight, apr_pool_t *pool)
{
    if (sight->showing > 0) {
        return apr_psprintf(pool, "not all name servers show it (%s)", sight->waiting);
    }
    if (sight->lacking == 0) {
        return apr_psprintf(pool, "nobody can be asked about it (%s)", sight->waiting);
    }
    const char *text = nearest(job, sight->others);
    acme_persist_record_t *record;
    return text == NULL ? "there is none"
                        : apr_psprintf(pool, "the one there, \"%s\", is not right: %s",
                                       acme_text_clean(text, WORD_SHOWN, pool),
                                       flaw_of(&record, job, text, pool));
}

static acme_prospect_t *make_prospect(const job_t *job, const acme_dns_sight_t *sight,
                                      apr_pool_t *pool)
{
    acme_prospect_t *prospect = apr_pcalloc(pool, sizeof(*prospect));
    prospect->is_met = sight->showing > 0 && sight->lacking == 0;
    prospect->name = apr_pstrdup(pool, job->name);
    if (prospect->is_met) {
        prospect->value = apr_pstrdup(pool, job->value);
        prospect->until = job->until;
        return prospect;
    }
    const acme_persist_record_t proposal = acme_persist_proposal(job->demand);
    prospect->value = acme_persist_text(&proposal, pool);
    prospect->why = apr_pstrdup(pool, why_not(job, sight, pool));
    return prospect;
}

static acme_err_t *foresee(acme_prospect_t **prospect, apr_time_t *poll_at, void *data,
                           const acme_proof_t *proof, apr_pool_t *pool)
{
    const baton_t *baton = data;
    acme_dns_sight_t sight = {0};
    *prospect = NULL;
    *poll_at = 0;
    if (proof->persist == NULL || proof->identifier->type != ACME_IDENTIFIER_DNS) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "%s: the CA does not say for whom a record of " ACME_PERSIST_TYPE
                             " must be",
                             proof->identifier->value);
    }
    job_t *job = take_job(baton, proof, pool);
    if (!advance(&sight, baton, job, pool)) {
        *poll_at = soon(job);
        return NULL;
    }
    *prospect = make_prospect(job, &sight, pool);
    drop_job(baton, job);
    return NULL;
}

/* ---- there is nothing to do */

static acme_err_t *publish(void *baton, const acme_proof_t *proof, apr_pool_t *pool)
{
    (void)baton;
    (void)proof;
    (void)pool;
    return NULL;
}

static acme_err_t *is_there(int *is_visible, apr_time_t *poll_at, void *baton,
                            const acme_proof_t *proof, apr_pool_t *pool)
{
    *is_visible = 1;
    *poll_at = 0;
    return publish(baton, proof, pool);
}

/* see acme_solver_persist.h */
acme_solver_t *acme_solver_persist_create(const acme_env_t *env, const acme_dns_t *dns,
                                          apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof(*baton));
    *baton = (baton_t){pool, env, dns, apr_hash_make(pool)};
    acme_solver_t *solver = apr_pcalloc(pool, sizeof(*solver));
    *solver = (acme_solver_t){.type = ACME_PERSIST_TYPE,
                              .baton = baton,
                              .publish = publish,
                              .visible = is_there,
                              .withdraw = is_there, /* what we have not set does not trouble us */
                              .foresee = foresee};
    return solver;
}
