/* Keeps the list of domains that are looked at, and writes down what is found.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A domain on the list is wanted (the CA's directory or our account is not known yet, or there is a
 * queue), or out. Nothing wakes the engine for those that are wanted: what they wait for comes with
 * an answer of the CA, or with the end of a look that is out.
 */
#include "acme/acme_preflight_desk.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_job.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

/** Sockets that only the tick looks at are looked at so often. */
#define PAUSE (ACME_TIME_SECOND / 20)

/** A history keeps nothing longer than this, and the job cuts what is longer. */
#define SENTENCE_MAX 1000

typedef struct {
    const acme_domain_t *domain;
    acme_session_t *session;
    apr_pool_t *pool;
    acme_preflight_request_t request;
    acme_preflight_look_t *look; /* NULL: wanted */
    int is_alone;                /* its run has failed, and it goes on */
} item_t;

struct acme_preflight_desk_t {
    apr_pool_t *pool;
    acme_preflight_desk_config_t config;
    apr_array_header_t *items;  /* item_t * */
    apr_interval_time_t ticked; /* when, by the clock that only goes forward */
    int is_published;
};

acme_preflight_desk_t *acme_preflight_desk_create(const acme_preflight_desk_config_t *config,
                                                  apr_pool_t *pool)
{
    acme_preflight_desk_t *desk = apr_pcalloc(pool, sizeof(*desk));
    desk->pool = pool;
    desk->config = *config;
    desk->items = apr_array_make(pool, 16, sizeof(item_t *));
    return desk;
}

static item_t *item_at(const acme_preflight_desk_t *desk, int i)
{
    return APR_ARRAY_IDX(desk->items, i, item_t *);
}

/* -1 if it is not on the list. */
static int find_item(const acme_preflight_desk_t *desk, const acme_domain_t *domain)
{
    for (int i = 0; i < desk->items->nelts; i++) {
        if (item_at(desk, i)->domain == domain) {
            return i;
        }
    }
    return -1;
}

static int is_any_out(const acme_preflight_desk_t *desk)
{
    for (int i = 0; i < desk->items->nelts; i++) {
        if (item_at(desk, i)->look != NULL) {
            return 1;
        }
    }
    return 0;
}

/* Children look for tokens only while some are said to be there. */
static void tell_published(acme_preflight_desk_t *desk, int is_published)
{
    if (desk->is_published != is_published) {
        desk->is_published = is_published;
        desk->config.published(desk->config.baton, is_published ? 1 : -1);
    }
}

static void remove_item(acme_preflight_desk_t *desk, int i)
{
    apr_pool_t *pool = item_at(desk, i)->pool;
    memmove(&APR_ARRAY_IDX(desk->items, i, item_t *), &APR_ARRAY_IDX(desk->items, i + 1, item_t *),
            sizeof(item_t *) * (apr_size_t)(desk->items->nelts - i - 1));
    desk->items->nelts--;
    apr_pool_destroy(pool);
    if (!is_any_out(desk)) {
        tell_published(desk, 0);
    }
}

void acme_preflight_desk_want(acme_preflight_desk_t *desk, const acme_domain_t *domain,
                              acme_session_t *session, const apr_array_header_t *identifiers,
                              int is_thorough)
{
    if (desk->config.preflight == NULL || identifiers->nelts == 0 || find_item(desk, domain) >= 0) {
        return;
    }
    apr_pool_t *pool;
    apr_pool_create(&pool, desk->pool);
    item_t *item = apr_pcalloc(pool, sizeof(*item));
    item->domain = domain;
    item->session = session;
    item->pool = pool;
    item->request = (acme_preflight_request_t){.identifiers = apr_array_copy(pool, identifiers),
                                               .challenge_types = domain->challenge_types,
                                   .http01 = domain->http01,
                                               .is_private = domain->ca->is_private,
                                               .is_thorough = is_thorough};
    APR_ARRAY_PUSH(desk->items, item_t *) = item;
}

void acme_preflight_desk_ended(acme_preflight_desk_t *desk, const acme_domain_t *domain,
                               int has_failed)
{
    int i = find_item(desk, domain);
    if (i < 0) {
        return;
    }
    item_t *item = item_at(desk, i);
    if (has_failed && item->look != NULL &&
        !acme_preflight_is_waiting(desk->config.preflight, item->look)) {
        item->is_alone = 1; /* what it finds stands beside what the CA says */
        return;
    }
    remove_item(desk, i);
}

/* ---- findings ---- */

static int is_known(const acme_job_t *job, const char *finding, apr_time_t now)
{
    for (int i = 0; i < job->log->nelts; i++) {
        const acme_job_entry_t *entry = &APR_ARRAY_IDX(job->log, i, acme_job_entry_t);
        if (strcmp(entry->type, ACME_PREFLIGHT_NOTE) == 0 && strcmp(entry->detail, finding) == 0 &&
            entry->when <= now && now - entry->when < ACME_TIME_DAY) {
            return 1;
        }
    }
    return 0;
}

/* What cannot be written into the history is in the log at least; then it may come again. */
static void note_all(const acme_preflight_desk_t *desk, const item_t *item,
                     const apr_array_header_t *findings)
{
    const acme_env_t *env = desk->config.env;
    const acme_domain_t *domain = item->domain;
    apr_time_t now = acme_env_now(env);
    apr_pool_t *pool;
    apr_pool_create(&pool, item->pool);
    acme_job_t *job = acme_job_read(desk->config.store, domain->folder, pool);
    int is_changed = 0;
    for (int i = 0; i < findings->nelts; i++) {
        const char *finding =
            acme_text_clean(APR_ARRAY_IDX(findings, i, const char *), SENTENCE_MAX, pool);
        if (!is_known(job, finding, now)) {
            acme_env_log(env, ACME_LOG_WARNING, "%s: the CA may not come through: %s", domain->name,
                         finding);
            acme_job_note(job, now, ACME_PREFLIGHT_NOTE, finding, pool);
            is_changed = 1;
        }
    }
    acme_err_t *err =
        is_changed ? acme_job_write(desk->config.store, domain->folder, domain->name, job, pool)
                   : NULL;
    if (err != NULL) {
        acme_env_log(env, ACME_LOG_INFO, "%s: what was found is not in its history: %s",
                     domain->name, err->text);
    }
    apr_pool_destroy(pool);
}

/* ---- the tick ---- */

/* The CA is known: who it is in CAA records, and who we are to it. */
static int begin_look(acme_preflight_desk_t *desk, item_t *item)
{
    const acme_directory_t *directory = acme_session_directory(item->session);
    const char *account = acme_session_account_url(item->session);
    if (directory == NULL || account == NULL) {
        return 0;
    }
    apr_array_header_t *identities = apr_array_make(item->pool, 2, sizeof(const char *));
    for (int i = 0; i < directory->caa_identities->nelts; i++) {
        APR_ARRAY_PUSH(identities, const char *) =
            apr_pstrdup(item->pool, APR_ARRAY_IDX(directory->caa_identities, i, const char *));
    }
    item->request.caa_identities = identities;
    item->request.account = apr_pstrdup(item->pool, account);
    item->request.thumbprint = apr_pstrdup(item->pool, acme_session_thumbprint(item->session));
    tell_published(desk, 1);
    item->look = acme_preflight_begin(desk->config.preflight, &item->request, item->pool);
    return 1;
}

/* Nonzero when the item is done with. */
static int move_item(acme_preflight_desk_t *desk, item_t *item)
{
    if (item->look == NULL && !begin_look(desk, item)) {
        return 0;
    }
    const apr_array_header_t *findings;
    int is_over = acme_preflight_poll(&findings, desk->config.preflight, item->look);
    if (findings->nelts > 0) {
        note_all(desk, item, findings);
    }
    return is_over;
}

void acme_preflight_desk_tick(acme_preflight_desk_t *desk)
{
    apr_interval_time_t now = acme_env_monotonic(desk->config.env);
    if (desk->items->nelts == 0 || now - desk->ticked < PAUSE) {
        return; /* a busy engine ticks far more often than sockets are worth a look */
    }
    desk->ticked = now;
    acme_preflight_tick(desk->config.preflight);
    for (int i = 0; i < desk->items->nelts;) {
        if (move_item(desk, item_at(desk, i))) {
            remove_item(desk, i);
        }
        else {
            i++;
        }
    }
}

apr_time_t acme_preflight_desk_next(const acme_preflight_desk_t *desk)
{
    if (!is_any_out(desk)) {
        return 0;
    }
    apr_interval_time_t rest = desk->ticked + PAUSE - acme_env_monotonic(desk->config.env);
    return acme_env_now(desk->config.env) + (rest > 0 ? rest : 0);
}

void acme_preflight_desk_stop(acme_preflight_desk_t *desk)
{
    while (desk->items->nelts > 0) {
        remove_item(desk, desk->items->nelts - 1);
    }
}
