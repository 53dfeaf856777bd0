/* dns-01: a TXT record set by one of several ways, watched until all see it, and removed by value.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each proof under way is a job, known by the value of its record:
 *
 *   FIND     where CNAMEs and delegations lead, and which servers have that zone
 *   ADD      the way is asked to set the record; from here on the sealed record names the place
 *   LOOK     rounds of questions to all servers, until all show it
 *   SETTLE   all do: some time more, for what hides behind one address
 *   READY    the CA may be told
 *   REMOVE   the way is asked to take the record away
 *
 * A stage that ends begins the next one at once. The sealed record is written before what it speaks
 * of happens; so whoever finds it removes what may be there.
 */
#include "acme_solver_dns_private.h"

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <jansson.h>

#include "acme/acme_digest.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define TYPE "dns-01"
#define PREFIX "_acme-challenge."
#define NAME_MAX_SHOWN 260

/* Between two polls of questions that are out: doubled from the first to the second. */
#define PAUSE_MIN (ACME_TIME_SECOND / 50)
#define PAUSE_MAX (ACME_TIME_SECOND / 4)

typedef acme_solver_dns__job_t job_t;
typedef acme_solver_dns__t baton_t;

/* see acme_solver_dns_private.h */
apr_time_t acme_solver_dns__now(const baton_t *baton)
{
    return acme_env_now(baton->config.env);
}

/* ---- what a proof is */

static acme_err_t *check_proof(const acme_proof_t *proof, apr_pool_t *pool)
{
    if (proof->identifier->type != ACME_IDENTIFIER_DNS) {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "%s: an address cannot be proved by " TYPE " (RFC 8738 section 7)",
                             proof->identifier->value);
    }
    return acme_proof_check_token(proof, pool);
}

static char *key_authorization(const acme_proof_t *proof, apr_pool_t *pool)
{
    return apr_pstrcat(pool, proof->token, ".", proof->thumbprint, NULL);
}

static char *value_of(const acme_proof_t *proof, apr_pool_t *pool)
{
    const char *text = key_authorization(proof, pool);
    return acme_digest_base64url(text, strlen(text), pool);
}

static char *first_name(const acme_proof_t *proof, apr_pool_t *pool)
{
    return apr_pstrcat(pool, PREFIX, proof->identifier->value, NULL);
}

static char *record_path(const char *value, apr_pool_t *pool)
{
    return acme_store_path(pool, "challenges", TYPE, value);
}

/* ---- the sealed record */

/* The form of acme_proof.h, and what dns-01 needs beyond it. */
static json_t *make_record(const job_t *job, apr_pool_t *pool)
{
    json_t *record =
        json_pack("{s:i, s:s, s:s, s:{s:s, s:s}, s:s, s:s}", "version", 1, "type", TYPE, "token",
                  job->txt.token, "identifier", "type", "dns", "value", job->txt.domain,
                  "thumbprint", job->thumbprint, "name", job->txt.name);
    if (record != NULL && job->is_manual) {
        (void)json_object_set_new(record, "way", json_string("manual"));
    }
    if (record != NULL && job->txt.printed != NULL) { /* no text: then it is known to us alone */
        (void)json_object_set_new(record, "printed", json_string(job->txt.printed));
    }
    if (record != NULL && job->added_at != 0) {
        (void)json_object_set_new(record, "added",
                                  json_string(acme_time_rfc3339(job->added_at, pool)));
    }
    if (record != NULL && job->shown_at != 0) {
        (void)json_object_set_new(record, "shown",
                                  json_string(acme_time_rfc3339(job->shown_at, pool)));
    }
    return record;
}

/* see acme_solver_dns_private.h */
acme_err_t *acme_solver_dns__keep(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    json_t *record = make_record(job, pool);
    char *text = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (text == NULL) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: the " TYPE " record cannot be written",
                             job->txt.domain);
    }
    acme_err_t *err = acme_store_put(baton->config.store, record_path(job->txt.value, pool), text,
                                     strlen(text), pool);
    free(text);
    job->is_recorded |= err == NULL;
    return err;
}

static apr_time_t read_time(const json_t *record, const char *member)
{
    const char *text = json_string_value(json_object_get(record, member));
    apr_time_t when = 0;
    return text != NULL && acme_time_parse_rfc3339(&when, text) == 0 ? when : 0;
}

/* Takes over what a process before us has written, if there is anything. */
static acme_err_t *recall(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    char *text;
    apr_size_t len;
    ACME_TRY(
        acme_store_get(&text, &len, baton->config.store, record_path(job->txt.value, pool), pool));
    json_t *record = text != NULL ? json_loadb(text, len, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(record, "name"));
    if (name != NULL && name[0] != '\0') {
        job->is_recorded = 1;
        job->txt.name = apr_pstrdup(job->pool, name);
        const char *printed = json_string_value(json_object_get(record, "printed"));
        job->txt.printed = printed != NULL ? apr_pstrdup(job->pool, printed) : NULL;
        job->added_at = read_time(record, "added");
        job->shown_at = read_time(record, "shown");
    }
    json_decref(record);
    return NULL;
}

/* ---- jobs */

/* An engine's leftovers do not say what their domain's settings are. */
static acme_err_t *find_settings(const acme_dns01_t **dns01, const baton_t *baton,
                                 const acme_proof_t *proof, apr_pool_t *pool)
{
    const acme_solver_dns_config_t *config = &baton->config;
    *dns01 = proof->dns01 != NULL ? proof->dns01
                                  : config->settings_for(config->baton, proof->identifier);
    return *dns01 != NULL ? NULL
                          : acme_err_make(pool, ACME_ERR_CONFIG,
                                          "%s: how TXT records are set is not configured; see "
                                          "ACMEChallengeDns01",
                                          proof->identifier->value);
}

static acme_dns01_wait_t wait_of(const acme_dns01_t *dns01)
{
    acme_dns01_wait_t wait = dns01->wait;
    if (wait.timeout == 0) {
        wait.timeout =
            dns01->way == ACME_DNS01_MANUAL ? ACME_DNS01_TIMEOUT_MANUAL : ACME_DNS01_TIMEOUT;
    }
    return wait;
}

static void drop_job(const baton_t *baton, job_t *job)
{
    apr_hash_set(baton->jobs, job->txt.value, APR_HASH_KEY_STRING, NULL);
    apr_pool_destroy(job->pool);
}

/* The job of @a proof; a new one knows what the sealed record says. */
static acme_err_t *take_job(job_t **result, const baton_t *baton, const acme_proof_t *proof,
                            apr_pool_t *scratch_pool)
{
    const acme_dns01_t *dns01;
    const acme_dns_update_t *update;
    *result = apr_hash_get(baton->jobs, value_of(proof, scratch_pool), APR_HASH_KEY_STRING);
    if (*result != NULL) {
        return NULL;
    }
    ACME_TRY(find_settings(&dns01, baton, proof, scratch_pool));
    ACME_TRY(baton->config.update_for(&update, baton->config.baton, dns01, scratch_pool));
    apr_pool_t *pool;
    apr_pool_create(&pool, baton->pool);
    job_t *job = apr_pcalloc(pool, sizeof(*job));
    *job = (job_t){.pool = pool,
                   .thumbprint = apr_pstrdup(pool, proof->thumbprint),
                   .update = update,
                   .wait = wait_of(dns01),
                   .is_manual = dns01->way == ACME_DNS01_MANUAL,
                   .expires = proof->expires,
                   .txt = {.domain = apr_pstrdup(pool, proof->identifier->value),
                           .name = first_name(proof, pool),
                           .value = value_of(proof, pool),
                           .token = apr_pstrdup(pool, proof->token),
                           .key_authorization = key_authorization(proof, pool)}};
    apr_pool_create(&job->look_pool, pool);
    acme_err_t *err = recall(baton, job, scratch_pool);
    if (err != NULL) {
        apr_pool_destroy(pool);
        return err;
    }
    apr_hash_set(baton->jobs, job->txt.value, APR_HASH_KEY_STRING, job);
    *result = job;
    return NULL;
}

/* see acme_solver_dns_private.h */
const char *acme_solver_dns__name(const job_t *job, apr_pool_t *pool)
{
    return acme_text_clean(job->txt.name, NAME_MAX_SHOWN, pool);
}

/* see acme_solver_dns_private.h */
apr_time_t acme_solver_dns__soon(const baton_t *baton, job_t *job)
{
    job->pause = job->pause == 0              ? PAUSE_MIN
                 : job->pause < PAUSE_MAX / 2 ? 2 * job->pause
                                              : PAUSE_MAX;
    return acme_solver_dns__now(baton) + job->pause;
}

/* see acme_solver_dns_private.h */
void acme_solver_dns__enter(job_t *job, acme_solver_dns__stage_t stage)
{
    job->stage = stage;
    job->pause = 0;
}

/* ---- FIND and ADD */

static acme_err_t *begin_add(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    ACME_TRY(acme_solver_dns__keep(baton, job, pool)); /* first said, then done */
    acme_solver_dns__enter(job, ACME_SOLVER_DNS_ADD);
    return job->update->add(job->update->baton, &job->txt, pool);
}

static acme_err_t *find(apr_time_t *poll_at, const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    int is_done;
    ACME_TRY(acme_solver_dns__find(&is_done, poll_at, baton, job, pool));
    return is_done ? begin_add(baton, job, pool) : NULL;
}

static acme_err_t *add(apr_time_t *poll_at, const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    int is_done;
    acme_err_t *err = job->update->poll(&is_done, poll_at, job->update->baton, &job->txt, pool);
    if (err != NULL) {
        return acme_err_wrap(pool, err, "the TXT record %s could not be set",
                             acme_solver_dns__name(job, pool));
    }
    if (!is_done) {
        *poll_at = *poll_at != 0 ? *poll_at : acme_solver_dns__soon(baton, job);
        return NULL;
    }
    *poll_at = 0;
    job->added_at = acme_solver_dns__now(baton);
    if (job->update->printed != NULL) {
        job->txt.printed = job->update->printed(job->update->baton, &job->txt, job->pool);
    }
    ACME_TRY(acme_solver_dns__keep(baton, job, pool));
    return acme_solver_dns__begin_wait(baton, job, pool);
}

/* ---- the verbs */

static acme_err_t *publish(void *data, const acme_proof_t *proof, apr_pool_t *pool)
{
    baton_t *baton = data;
    job_t *job;
    ACME_TRY(check_proof(proof, pool));
    ACME_TRY(take_job(&job, baton, proof, pool));
    job->expires = proof->expires;
    if (job->stage != ACME_SOLVER_DNS_FIND || !job->is_recorded) {
        return NULL; /* under way, or new: visible goes on */
    }
    if (job->added_at == 0) {
        return begin_add(baton, job, pool); /* a process before us had found the place */
    }
    if (job->shown_at == 0) {
        return acme_solver_dns__begin_wait(baton, job, pool);
    }
    acme_solver_dns__enter(job, ACME_SOLVER_DNS_SETTLE);
    return NULL;
}

/* One stage; *poll_at stays 0 if the next one can begin at once. */
static acme_err_t *advance(apr_time_t *poll_at, const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    switch (job->stage) {
    case ACME_SOLVER_DNS_FIND:
        return find(poll_at, baton, job, pool);
    case ACME_SOLVER_DNS_ADD:
        return add(poll_at, baton, job, pool);
    case ACME_SOLVER_DNS_LOOK:
        return acme_solver_dns__look(poll_at, baton, job, pool);
    case ACME_SOLVER_DNS_SETTLE:
        return acme_solver_dns__settle(poll_at, baton, job, pool);
    default:
        return NULL;
    }
}

static acme_err_t *visible(int *is_visible, apr_time_t *poll_at, void *data,
                           const acme_proof_t *proof, apr_pool_t *pool)
{
    baton_t *baton = data;
    job_t *job = apr_hash_get(baton->jobs, value_of(proof, pool), APR_HASH_KEY_STRING);
    *is_visible = 0;
    *poll_at = 0;
    if (job == NULL || job->stage == ACME_SOLVER_DNS_REMOVE) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: the " TYPE " record was not published",
                             proof->identifier->value);
    }
    while (*poll_at == 0 && job->stage != ACME_SOLVER_DNS_READY) {
        ACME_TRY(advance(poll_at, baton, job, pool));
    }
    *is_visible = job->stage == ACME_SOLVER_DNS_READY;
    return NULL;
}

/* Nothing of the job is left but, with an error, the record in the zone. */
static acme_err_t *finish(baton_t *baton, job_t *job, acme_err_t *err, apr_pool_t *pool)
{
    if (err != NULL) {
        err =
            acme_err_wrap(pool, err, "the TXT record %s with the value \"%s\" could not be removed",
                          acme_solver_dns__name(job, pool), job->txt.value);
    }
    acme_err_t *store_err =
        acme_store_del(baton->config.store, record_path(job->txt.value, pool), pool);
    drop_job(baton, job);
    return err != NULL ? err : store_err;
}

static acme_err_t *go_on_removing(int *is_gone, apr_time_t *poll_at, baton_t *baton, job_t *job,
                                  apr_pool_t *pool)
{
    acme_err_t *err = NULL;
    if (job->stage != ACME_SOLVER_DNS_REMOVE) {
        acme_solver_dns__enter(job, ACME_SOLVER_DNS_REMOVE);
        err = job->update->remove(job->update->baton, &job->txt, pool);
    }
    if (err == NULL) {
        err = job->update->poll(is_gone, poll_at, job->update->baton, &job->txt, pool);
    }
    if (err == NULL && !*is_gone) {
        *poll_at = *poll_at != 0 ? *poll_at : acme_solver_dns__soon(baton, job);
        return NULL;
    }
    return finish(baton, job, err, pool);
}

/* The way it was set is no longer known: the administrator is told what is left. */
static acme_err_t *leave_behind(const baton_t *baton, const acme_proof_t *proof,
                                const acme_err_t *why, apr_pool_t *pool)
{
    const char *value = value_of(proof, pool);
    (void)acme_store_del(baton->config.store, record_path(value, pool),
                         pool); /* `why` matters more */
    return acme_err_wrap(pool, why, "the TXT record %s with the value \"%s\" may be left behind",
                         first_name(proof, pool), value);
}

static acme_err_t *withdraw(int *is_gone, apr_time_t *poll_at, void *data,
                            const acme_proof_t *proof, apr_pool_t *pool)
{
    baton_t *baton = data;
    job_t *job;
    *is_gone = 0;
    *poll_at = 0;
    if (check_proof(proof, pool) != NULL) {
        *is_gone = 1; /* it never was published */
        return NULL;
    }
    acme_err_t *err = take_job(&job, baton, proof, pool);
    if (err != NULL) {
        return leave_behind(baton, proof, err, pool);
    }
    if (!job->is_recorded) {
        *is_gone = 1; /* as yet nothing was set */
        drop_job(baton, job);
        return NULL;
    }
    return go_on_removing(is_gone, poll_at, baton, job, pool);
}

static acme_err_t *list(apr_array_header_t **proofs, void *data, apr_pool_t *pool)
{
    const baton_t *baton = data;
    return acme_proof_list(proofs, baton->config.store, TYPE, pool);
}

/* see acme_solver_dns.h */
acme_solver_t *acme_solver_dns_create(const acme_solver_dns_config_t *config, apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof(*baton));
    baton->pool = pool;
    baton->config = *config;
    baton->jobs = apr_hash_make(pool);
    acme_solver_t *solver = apr_pcalloc(pool, sizeof(*solver));
    *solver = (acme_solver_t){.type = TYPE,
                              .baton = baton,
                              .publish = publish,
                              .visible = visible,
                              .withdraw = withdraw,
                              .list = list};
    return solver;
}
