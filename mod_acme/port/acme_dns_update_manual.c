/* Proofs set by the administrator: shown in the log, and taken as set.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_dns_update_manual.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "acme/acme_text.h"

/* How one kind of them is shown. */
typedef struct {
    char *(*text)(const acme_txt_t *txt, apr_pool_t *pool);
    const char *set;    /* what to do with the text */
    const char *remove; /* likewise */
} words_t;

typedef struct {
    const acme_env_t *env;
    const words_t *words;
    apr_pool_t *pool;
    apr_hash_t *shown; /* of the record as text: a pool of its own */
} manual_t;

static char *record_text(const acme_txt_t *txt, apr_pool_t *pool)
{
    return apr_pstrcat(pool, acme_text_clean(txt->name, 260, pool), ". 60 IN TXT \"",
                       acme_text_clean(txt->value, 260, pool), "\"", NULL);
}

static char *answer_text(const acme_txt_t *txt, apr_pool_t *pool)
{
    /* an address of version 6 is bracketed in a URL */
    int has_colon = strchr(txt->domain, ':') != NULL;
    return apr_psprintf(pool, "http://%s%s%s%s with \"%s\"", has_colon ? "[" : "", txt->domain,
                        has_colon ? "]" : "", acme_text_clean(txt->name, 260, pool),
                        acme_text_clean(txt->value, 400, pool));
}

static const words_t of_records = {record_text,
                                   "add this DNS record, beside others of the same name",
                                   "this DNS record is no longer needed and may be removed"};
static const words_t of_answers = {
    answer_text, "let the server that the CA reaches answer, on one line and with nothing else",
    "this answer is no longer needed and may be removed"};

static acme_err_t *add(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    manual_t *manual = baton;
    const char *record = manual->words->text(txt, pool);
    if (apr_hash_get(manual->shown, record, APR_HASH_KEY_STRING) != NULL) {
        return NULL;
    }
    apr_pool_t *own;
    if (apr_pool_create(&own, manual->pool) != APR_SUCCESS) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: memory is short", txt->domain);
    }
    apr_hash_set(manual->shown, apr_pstrdup(own, record), APR_HASH_KEY_STRING, own);
    acme_env_log(manual->env, ACME_LOG_WARNING, "%s: %s: %s", txt->domain, manual->words->set,
                 record);
    return NULL;
}

static acme_err_t *remove_record(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    manual_t *manual = baton;
    const char *record = manual->words->text(txt, pool);
    apr_pool_t *own = apr_hash_get(manual->shown, record, APR_HASH_KEY_STRING);
    if (own != NULL) {
        apr_hash_set(manual->shown, record, APR_HASH_KEY_STRING, NULL);
        apr_pool_destroy(own);
        acme_env_log(manual->env, ACME_LOG_NOTICE, "%s: %s: %s", txt->domain, manual->words->remove,
                     record);
    }
    return NULL;
}

static acme_err_t *poll_record(int *is_done, apr_time_t *poll_at, void *baton,
                               const acme_txt_t *txt, apr_pool_t *pool)
{
    (void)baton;
    (void)txt;
    (void)pool;
    *is_done = 1;
    *poll_at = 0;
    return NULL;
}

static acme_dns_update_t *create(const acme_env_t *env, const words_t *words, apr_pool_t *pool)
{
    manual_t *manual = apr_pcalloc(pool, sizeof(*manual));
    *manual = (manual_t){.env = env, .words = words, .pool = pool, .shown = apr_hash_make(pool)};
    acme_dns_update_t *update = apr_pcalloc(pool, sizeof(*update));
    *update = (acme_dns_update_t){
        .baton = manual, .add = add, .remove = remove_record, .poll = poll_record};
    return update;
}

/* see acme_dns_update_manual.h */
acme_dns_update_t *acme_dns_update_manual_create(const acme_env_t *env, apr_pool_t *pool)
{
    return create(env, &of_records, pool);
}

/* see acme_dns_update_manual.h */
acme_dns_update_t *acme_dns_update_manual_http_create(const acme_env_t *env, apr_pool_t *pool)
{
    return create(env, &of_answers, pool);
}
