/* http-01: answered by the module, or put where another server has it and taken away again.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the module answers, all is left to the solver with the record. Else each proof under way is
 * a job, known by its token:
 *
 *   PUT      the way is asked to put the answer in place; the record has said so before
 *   LOOK     by hand only: asked for until it is seen
 *   READY    the CA may be told
 *   REMOVE   the way is asked to take it away
 */
#include "acme/acme_solver_front.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_dns_update_manual.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "acme/acme_webroot.h"

#define TYPE "http-01"

/* Between two polls of a program that runs. */
#define PAUSE (ACME_TIME_SECOND / 20)
/* Between two looks, longer each time. */
#define LOOK_MIN (2 * ACME_TIME_SECOND)
#define LOOK_MAX (30 * ACME_TIME_SECOND)
/* While one is out. */
#define LOOK_PAUSE (ACME_TIME_SECOND / 4)
/* The CA is told this long before the authorization ends, seen or not. */
#define EXPIRY_MARGIN (2 * ACME_TIME_MINUTE)

typedef enum { PUT, LOOK, READY, REMOVE } stage_t;

/* What a look has found. */
typedef enum { NOT_KNOWN, NOT_THERE, THERE } sight_t;

static const char *const way_names[] = {[ACME_HTTP01_WEBROOT] = "webroot",
                                        [ACME_HTTP01_EXEC] = "exec",
                                        [ACME_HTTP01_MANUAL] = "manual"};

typedef struct {
    apr_pool_t *pool;
    stage_t stage;
    acme_txt_t txt;
    acme_proof_t proof; /* as it is recorded */
    acme_proof_place_t place;
    const acme_dns_update_t *update;
    int is_recorded;
    int is_begun; /* in this process */
    apr_interval_time_t wait;
    apr_time_t expires;

    const acme_route_t *route;
    apr_pool_t *look_pool;
    acme_exchange_t *exchange; /* NULL: none was sent yet */
    int is_out;
    apr_time_t next_look;
    apr_interval_time_t pause;
    sight_t sight;
    const char *seen; /* in words, of the last look that is over */
    int has_told;     /* of what was seen */
} job_t;

typedef struct {
    apr_pool_t *pool;
    acme_solver_front_config_t config;
    acme_solver_t *inner; /* the one with the record */
    acme_dns_update_t *webroot;
    acme_dns_update_t *manual;
    apr_hash_t *jobs; /* token -> job_t */
} baton_t;

static apr_time_t now_of(const baton_t *baton)
{
    return acme_env_now(baton->config.env);
}

/* ---- jobs */

static const acme_http01_t *settings_of(const baton_t *baton, const acme_proof_t *proof)
{
    return proof->http01 != NULL
               ? proof->http01
               : baton->config.settings_for(baton->config.baton, proof->identifier);
}

static const char *name_of(const acme_http01_t *http01, const acme_proof_t *proof, apr_pool_t *pool)
{
    int is_root = http01->webroot != NULL && strcmp(http01->webroot, "/") == 0;
    return apr_pstrcat(pool, http01->way == ACME_HTTP01_WEBROOT && !is_root ? http01->webroot : "",
                       ACME_WEBROOT_PATH, proof->token, NULL);
}

/* *place says where the proof was put, or is to be put by its settings; its name is NULL if the
 * module answers. */
static acme_err_t *find_place(acme_proof_place_t *place, int *is_recorded, const baton_t *baton,
                              const acme_proof_t *proof, apr_pool_t *pool)
{
    acme_proof_t *found;
    acme_err_t *err = acme_proof_read(&found, baton->config.store, TYPE, proof->token, pool);
    if (err != NULL && err->errclass != ACME_ERR_INPUT) {
        return err;
    }
    *place = (acme_proof_place_t){0};
    *is_recorded = found != NULL && found->place != NULL && acme_proof_equal(found, proof);
    if (*is_recorded) {
        *place = *found->place;
        return NULL;
    }
    const acme_http01_t *http01 =
        proof->http01; /* leftovers without a place are the module's own */
    if (http01 != NULL && http01->way != ACME_HTTP01_SELF) {
        place->way = way_names[http01->way];
        place->name = name_of(http01, proof, pool);
    }
    return NULL;
}

static acme_err_t *find_exec(const acme_dns_update_t **update, const baton_t *baton,
                             const acme_proof_t *proof, apr_pool_t *pool)
{
    const acme_http01_t *http01 = settings_of(baton, proof);
    if (http01 == NULL || http01->way != ACME_HTTP01_EXEC) {
        return acme_err_make(
            pool, ACME_ERR_CONFIG,
            "%s: the program that sets answers to http-01 is no longer configured; "
            "see ACMEChallengeHttp01",
            proof->identifier->value);
    }
    if (http01->exec->trouble != NULL) {
        return acme_err_make(pool, ACME_ERR_CONFIG, "%s: no answer to http-01 can be set: %s",
                             proof->identifier->value, http01->exec->trouble);
    }
    return baton->config.exec_for(update, baton->config.baton, http01, pool);
}

static acme_err_t *find_update(const acme_dns_update_t **update, const baton_t *baton,
                               const acme_proof_place_t *place, const acme_proof_t *proof,
                               apr_pool_t *pool)
{
    const char *way = place->way != NULL ? place->way : "";
    *update = strcmp(way, way_names[ACME_HTTP01_WEBROOT]) == 0  ? baton->webroot
              : strcmp(way, way_names[ACME_HTTP01_MANUAL]) == 0 ? baton->manual
                                                                : NULL;
    return *update != NULL ? NULL : find_exec(update, baton, proof, pool);
}

static void copy_proof(job_t *job, const acme_proof_t *proof)
{
    acme_identifier_t *identifier = apr_pcalloc(job->pool, sizeof(*identifier));
    *identifier = *proof->identifier;
    identifier->value = apr_pstrdup(job->pool, proof->identifier->value);
    job->proof = (acme_proof_t){.type = TYPE,
                                .identifier = identifier,
                                .token = apr_pstrdup(job->pool, proof->token),
                                .thumbprint = apr_pstrdup(job->pool, proof->thumbprint),
                                .place = &job->place};
    const char *answer = apr_pstrcat(job->pool, job->proof.token, ".", job->proof.thumbprint, NULL);
    job->txt = (acme_txt_t){.domain = identifier->value,
                            .name = job->place.name,
                            .value = answer,
                            .token = job->proof.token,
                            .key_authorization = answer,
                            .printed = job->place.printed};
}

static job_t *make_job(baton_t *baton, const acme_proof_t *proof, const acme_proof_place_t *place,
                       const acme_dns_update_t *update)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, baton->pool);
    job_t *job = apr_pcalloc(pool, sizeof(*job));
    const acme_http01_t *http01 = settings_of(baton, proof);
    job->pool = pool;
    job->update = update;
    job->place = (acme_proof_place_t){
        .way = apr_pstrdup(pool, place->way),
        .name = apr_pstrdup(pool, place->name),
        .printed = place->printed != NULL ? apr_pstrdup(pool, place->printed) : NULL,
        .added = place->added};
    job->wait = http01 != NULL && http01->wait > 0 ? http01->wait : ACME_HTTP01_WAIT;
    job->route = baton->config.route_for(baton->config.baton, proof->identifier);
    copy_proof(job, proof);
    apr_pool_create(&job->look_pool, pool);
    apr_hash_set(baton->jobs, job->txt.token, APR_HASH_KEY_STRING, job);
    return job;
}

static void drop_job(const baton_t *baton, job_t *job)
{
    apr_hash_set(baton->jobs, job->txt.token, APR_HASH_KEY_STRING, NULL);
    apr_pool_destroy(job->pool);
}

/* *job is NULL where the module answers. */
static acme_err_t *take_job(job_t **job, baton_t *baton, const acme_proof_t *proof,
                            apr_pool_t *scratch_pool)
{
    *job = apr_hash_get(baton->jobs, proof->token, APR_HASH_KEY_STRING);
    if (*job != NULL) {
        return NULL;
    }
    acme_proof_place_t place;
    int is_recorded;
    ACME_TRY(find_place(&place, &is_recorded, baton, proof, scratch_pool));
    if (place.name == NULL) {
        return NULL;
    }
    const acme_dns_update_t *update;
    ACME_TRY(find_update(&update, baton, &place, proof, scratch_pool));
    *job = make_job(baton, proof, &place, update);
    (*job)->is_recorded = is_recorded;
    return NULL;
}

static acme_err_t *keep(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    acme_err_t *err = acme_proof_write(baton->config.store, job->txt.token, &job->proof, pool);
    job->is_recorded |= err == NULL;
    return err;
}

static void enter(job_t *job, stage_t stage)
{
    job->stage = stage;
}

static int is_manual(const baton_t *baton, const job_t *job)
{
    return job->update == baton->manual;
}

/* ---- PUT */

static acme_err_t *publish(void *data, const acme_proof_t *proof, apr_pool_t *pool)
{
    baton_t *baton = data;
    job_t *job;
    ACME_TRY(acme_proof_check_token(proof, pool));
    ACME_TRY(take_job(&job, baton, proof, pool));
    if (job == NULL) {
        return baton->inner->publish(baton->inner->baton, proof, pool);
    }
    job->expires = proof->expires;
    if (job->is_begun) {
        return NULL;
    }
    ACME_TRY(keep(baton, job, pool)); /* first said, then done */
    job->is_begun = 1;
    if (job->place.added != 0 && job->update != baton->webroot && !is_manual(baton, job)) {
        return NULL; /* a program has done it in a process before us */
    }
    return job->update->add(job->update->baton, &job->txt, pool);
}

static acme_err_t *put_is_done(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    const acme_dns_update_t *update = job->update;
    enter(job, is_manual(baton, job) ? LOOK : READY);
    if (job->place.added != 0) {
        return NULL;
    }
    const char *printed =
        update->printed != NULL ? update->printed(update->baton, &job->txt, pool) : NULL;
    job->place.printed = printed != NULL ? apr_pstrdup(job->pool, printed) : NULL;
    job->txt.printed = job->place.printed;
    job->place.added = now_of(baton);
    return keep(baton, job, pool);
}

static acme_err_t *put(apr_time_t *poll_at, const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    int is_done;
    acme_err_t *err = job->update->poll(&is_done, poll_at, job->update->baton, &job->txt, pool);
    if (err != NULL) {
        return acme_err_wrap(pool, err, "the answer to http-01 could not be put in place");
    }
    if (!is_done) {
        *poll_at = *poll_at != 0 ? *poll_at : now_of(baton) + PAUSE;
        return NULL;
    }
    *poll_at = 0;
    return put_is_done(baton, job, pool);
}

/* ---- LOOK */

static const char *url_of(const job_t *job, apr_pool_t *pool)
{
    int is_v6 = strchr(job->txt.domain, ':') != NULL;
    return apr_pstrcat(pool, "http://", is_v6 ? "[" : "", job->txt.domain, is_v6 ? "]" : "",
                       job->txt.name, NULL);
}

static int is_redirect(int status)
{
    return status == 301 || status == 302 || status == 307 || status == 308;
}

/* RFC 8555 section 8.3: white space at the end is ignored. */
static int is_answer(const acme_exchange_t *exchange, const char *wanted)
{
    apr_size_t len = exchange->answer_len;
    while (len > 0 && strchr(" \t\r\n", exchange->answer[len - 1]) != NULL) {
        len--;
    }
    return len == strlen(wanted) && memcmp(exchange->answer, wanted, len) == 0;
}

static void judge(job_t *job, const acme_exchange_t *exchange)
{
    if (exchange->err != NULL) {
        job->sight = NOT_KNOWN;
        job->seen = "nobody answers this machine there";
    }
    else if (is_redirect(exchange->status)) {
        job->sight = NOT_KNOWN;
        job->seen =
            apr_psprintf(job->look_pool, "a redirect (%d) leads elsewhere", exchange->status);
    }
    else if (exchange->status == 200 && is_answer(exchange, job->txt.value)) {
        job->sight = THERE;
        job->seen = "it is there";
    }
    else {
        job->sight = NOT_THERE;
        job->seen =
            exchange->status == 200
                ? "something else is answered there"
                : apr_psprintf(job->look_pool, "status %d is answered there", exchange->status);
    }
}

static void hear(acme_exchange_t *exchange)
{
    job_t *job = exchange->baton;
    job->is_out = 0;
    judge(job, exchange);
}

static void begin_look(const baton_t *baton, job_t *job)
{
    apr_time_t now = now_of(baton);
    apr_pool_clear(job->look_pool);
    job->seen = NULL;
    job->pause = job->pause == 0 ? LOOK_MIN : job->pause < LOOK_MAX / 2 ? 2 * job->pause : LOOK_MAX;
    job->next_look = now + job->pause;
    acme_exchange_t *exchange = apr_pcalloc(job->look_pool, sizeof(*exchange));
    *exchange = (acme_exchange_t){.pool = job->look_pool,
                                  .method = ACME_METHOD_GET,
                                  .url = url_of(job, job->look_pool),
                                  .route = job->route,
                                  .is_plain = 1,
                                  .done = hear,
                                  .baton = job};
    job->is_out = 1;
    acme_transport_begin(baton->config.transport, exchange);
}

static apr_time_t limit_of(const job_t *job)
{
    apr_time_t limit = job->place.added + job->wait;
    apr_time_t end = job->expires - EXPIRY_MARGIN;
    return job->expires != 0 && end < limit ? end : limit;
}

static acme_err_t *time_is_over(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    const char *url = url_of(job, pool);
    const char *after = acme_time_span_words(now_of(baton) - job->place.added, pool);
    if (job->sight == NOT_THERE) {
        return acme_err_make(
            pool, ACME_ERR_INPUT,
            "the answer to http-01 was not seen at %s within %s, so the CA was not "
            "told: %s; see ACMEChallengeHttp01 manual",
            url, after, job->seen);
    }
    acme_env_log(
        baton->config.env, ACME_LOG_WARNING,
        "%s: whether the answer to http-01 is at %s cannot be seen from here after %s (%s); "
        "the CA is told all the same",
        job->txt.domain, url, after, job->seen != NULL ? job->seen : "it was not looked for");
    enter(job, READY);
    return NULL;
}

static void tell_what_is_seen(const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    if (job->seen == NULL || job->has_told) {
        return;
    }
    job->has_told = 1;
    acme_env_log(baton->config.env, ACME_LOG_INFO, "%s: waiting for the answer at %s: %s",
                 job->txt.domain, url_of(job, pool), job->seen);
}

static acme_err_t *look(apr_time_t *poll_at, const baton_t *baton, job_t *job, apr_pool_t *pool)
{
    apr_time_t now = now_of(baton);
    apr_time_t limit = limit_of(job);
    if (job->is_out) {
        acme_transport_pump(baton->config.transport, 0);
    }
    if (job->is_out) {
        *poll_at = now + LOOK_PAUSE;
        return NULL;
    }
    if (job->sight == THERE) {
        enter(job, READY);
        return NULL;
    }
    tell_what_is_seen(baton, job, pool);
    if (now >= limit) {
        return time_is_over(baton, job, pool);
    }
    if (baton->config.transport == NULL) {
        *poll_at = limit;
        return NULL;
    }
    if (now >= job->next_look) {
        begin_look(baton, job);
        *poll_at = now + LOOK_PAUSE;
        return NULL;
    }
    *poll_at = job->next_look < limit ? job->next_look : limit;
    return NULL;
}

/* ---- the other verbs */

static acme_err_t *visible(int *is_visible, apr_time_t *poll_at, void *data,
                           const acme_proof_t *proof, apr_pool_t *pool)
{
    baton_t *baton = data;
    job_t *job = apr_hash_get(baton->jobs, proof->token, APR_HASH_KEY_STRING);
    if (job == NULL) {
        return baton->inner->visible(is_visible, poll_at, baton->inner->baton, proof, pool);
    }
    *is_visible = 0;
    *poll_at = 0;
    while (*poll_at == 0 && job->stage != READY) {
        if (job->stage == REMOVE) {
            return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: the answer was withdrawn",
                                 job->txt.domain);
        }
        ACME_TRY(job->stage == PUT ? put(poll_at, baton, job, pool)
                                   : look(poll_at, baton, job, pool));
    }
    *is_visible = job->stage == READY;
    return NULL;
}

static acme_err_t *forget_record(const baton_t *baton, const acme_proof_t *proof, apr_pool_t *pool)
{
    return acme_proof_remove(baton->config.store, TYPE, proof->token, pool);
}

/* Nothing of the job is left but, with an error, the answer where it was put. */
static acme_err_t *finish(baton_t *baton, job_t *job, acme_err_t *err, apr_pool_t *pool)
{
    if (err != NULL) {
        err = acme_err_wrap(pool, err, "the answer to http-01 could not be removed from %s",
                            acme_text_clean(job->txt.name, 300, pool));
    }
    acme_err_t *store_err = forget_record(baton, &job->proof, pool);
    drop_job(baton, job);
    return err != NULL ? err : store_err;
}

static acme_err_t *go_on_removing(int *is_gone, apr_time_t *poll_at, baton_t *baton, job_t *job,
                                  apr_pool_t *pool)
{
    acme_err_t *err = NULL;
    if (job->stage != REMOVE) {
        enter(job, REMOVE);
        apr_pool_clear(job->look_pool); /* what is out is dropped */
        job->is_out = 0;
        err = job->update->remove(job->update->baton, &job->txt, pool);
    }
    if (err == NULL) {
        err = job->update->poll(is_gone, poll_at, job->update->baton, &job->txt, pool);
    }
    if (err == NULL && !*is_gone) {
        *poll_at = *poll_at != 0 ? *poll_at : now_of(baton) + PAUSE;
        return NULL;
    }
    return finish(baton, job, err, pool);
}

/* The way it was set is no longer known: the administrator is told what is left. */
static acme_err_t *leave_behind(const baton_t *baton, const acme_proof_t *proof,
                                const acme_err_t *why, apr_pool_t *pool)
{
    (void)forget_record(baton, proof, pool); /* `why` matters more */
    return acme_err_wrap(pool, why, "the answer to http-01 for the token \"%s\" may be left behind",
                         proof->token);
}

static acme_err_t *withdraw(int *is_gone, apr_time_t *poll_at, void *data,
                            const acme_proof_t *proof, apr_pool_t *pool)
{
    baton_t *baton = data;
    job_t *job;
    *is_gone = 0;
    *poll_at = 0;
    if (acme_proof_check_token(proof, pool) != NULL) {
        *is_gone = 1; /* it never was published */
        return NULL;
    }
    acme_err_t *err = take_job(&job, baton, proof, pool);
    if (err != NULL) {
        return leave_behind(baton, proof, err, pool);
    }
    if (job == NULL) {
        return baton->inner->withdraw(is_gone, poll_at, baton->inner->baton, proof, pool);
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

/* see acme_solver_front.h */
acme_solver_t *acme_solver_front_create(const acme_solver_front_config_t *config, apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof(*baton));
    *baton = (baton_t){.pool = pool,
                       .config = *config,
                       .inner = acme_solver_http_create(config->store, pool),
                       .webroot = acme_webroot_create(pool),
                       .manual = acme_dns_update_manual_http_create(config->env, pool),
                       .jobs = apr_hash_make(pool)};
    acme_solver_t *solver = apr_pcalloc(pool, sizeof(*solver));
    *solver = (acme_solver_t){.type = TYPE,
                              .baton = baton,
                              .publish = publish,
                              .visible = visible,
                              .withdraw = withdraw,
                              .list = list};
    return solver;
}
