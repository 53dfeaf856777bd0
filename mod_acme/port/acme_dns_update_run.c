/* TXT records set by running a program for each.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_dns_update_run.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"

/* How much of a program's output goes into an error, and so into the history of the domain. */
#define QUOTE_MAX 400

/* Anything shorter is no secret, and too much of the output would be lost. */
#define SECRET_MIN 4

typedef struct {
    const acme_dns_update__way_t *way;
    apr_pool_t *pool;
    apr_hash_t *records; /* of "NAME VALUE": record_t */
} runs_t;

typedef struct {
    apr_pool_t *pool;
    const char *key;
    acme_txt_t txt;
    apr_pool_t *run_pool;    /* of what runs, NULL: nothing does */
    acme_program_t *program; /* what runs */
    const char *path;        /* its name */
    int is_removal;          /* what it does */
    int is_reversed;         /* the opposite is to follow */
    const char *printed;     /* what was written to standard output when it was added */
} record_t;

static const char *doing(const record_t *record)
{
    return record->is_removal ? "removing" : "adding";
}

/* ---- the table */

static record_t *find(const runs_t *runs, const acme_txt_t *txt, apr_pool_t *pool)
{
    return apr_hash_get(runs->records, apr_pstrcat(pool, txt->name, " ", txt->value, NULL),
                        APR_HASH_KEY_STRING);
}

static const char *copy_text(const char *text, apr_pool_t *pool)
{
    return apr_pstrdup(pool, text != NULL ? text : "");
}

static acme_err_t *find_or_make(record_t **record, runs_t *runs, const acme_txt_t *txt,
                                apr_pool_t *pool)
{
    *record = find(runs, txt, pool);
    if (*record != NULL) {
        return NULL;
    }
    apr_pool_t *own;
    if (apr_pool_create(&own, runs->pool) != APR_SUCCESS) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "%s: memory is short", txt->domain);
    }
    record_t *made = apr_pcalloc(own, sizeof(*made));
    made->pool = own;
    made->key = apr_pstrcat(own, txt->name, " ", txt->value, NULL);
    made->txt = (acme_txt_t){.domain = copy_text(txt->domain, own),
                             .name = copy_text(txt->name, own),
                             .value = copy_text(txt->value, own),
                             .token = copy_text(txt->token, own),
                             .key_authorization = copy_text(txt->key_authorization, own)};
    made->printed = copy_text(txt->printed, own);
    apr_hash_set(runs->records, made->key, APR_HASH_KEY_STRING, made);
    *record = made;
    return NULL;
}

static void forget(runs_t *runs, record_t *record)
{
    apr_hash_set(runs->records, record->key, APR_HASH_KEY_STRING, NULL);
    apr_pool_destroy(record->pool);
}

/* ---- what is told */

static char *replace_all(const char *text, const char *secret, apr_pool_t *pool)
{
    char *result = apr_pstrdup(pool, "");
    apr_size_t len = strlen(secret);
    for (const char *found; (found = strstr(text, secret)) != NULL; text = found + len) {
        result = apr_pstrcat(pool, result, apr_pstrmemdup(pool, text, (apr_size_t)(found - text)),
                             "***", NULL);
    }
    return apr_pstrcat(pool, result, text, NULL);
}

static const char *without_secrets(const char *text, const apr_array_header_t *secrets,
                                   apr_pool_t *pool)
{
    for (int i = 0; secrets != NULL && i < secrets->nelts; i++) {
        const char *secret = APR_ARRAY_IDX(secrets, i, const char *);
        if (strlen(secret) >= SECRET_MIN && strstr(text, secret) != NULL) {
            text = replace_all(text, secret, pool);
        }
    }
    return text;
}

/* What the program wrote: the error stream if both are apart and it has something. */
static const char *output_of(const runs_t *runs, const record_t *record, apr_pool_t *pool)
{
    const char *output = acme_program_output(record->program);
    if (output[0] == '\0') {
        output = acme_program_stdout(record->program);
    }
    return acme_program_clean(without_secrets(output, runs->way->secrets, pool), QUOTE_MAX, pool);
}

static acme_err_t *tell(const runs_t *runs, const record_t *record, const acme_err_t *err,
                        apr_pool_t *pool)
{
    const char *output = output_of(runs, record, pool);
    const char *meaning = runs->way->explain != NULL
                              ? runs->way->explain(acme_program_output(record->program))
                              : NULL;
    return acme_err_make(pool, err->errclass, "%s: while %s the %s %s: %s%s%s%s%s%s",
                         record->txt.domain, doing(record), runs->way->what, record->txt.name,
                         err->text, output[0] != '\0' ? "; it said: \"" : "", output,
                         output[0] != '\0' ? "\"" : "", meaning != NULL ? "; " : "",
                         meaning != NULL ? meaning : "");
}

/* ---- running */

static void end_run(record_t *record)
{
    if (record->run_pool != NULL) {
        apr_pool_destroy(record->run_pool);
    }
    record->run_pool = NULL;
    record->program = NULL;
}

static acme_err_t *call(const runs_t *runs, record_t *record, apr_pool_t *pool)
{
    acme_program_config_t config = {0};
    const acme_dns_update__way_t *way = runs->way;
    acme_err_t *err = way->compose(&config, way->baton, &record->txt, record->is_removal,
                                   record->printed, record->run_pool);
    if (err == NULL) {
        record->path = config.argv[0];
        err = acme_program_start(&record->program, way->runner, &config, record->run_pool);
        if (config.input != NULL) {
            OPENSSL_cleanse((void *)config.input, config.input_len);
        }
    }
    if (err != NULL) {
        return acme_err_make(pool, err->errclass, "%s: while %s the %s %s: %s", record->txt.domain,
                             doing(record), way->what, record->txt.name, err->text);
    }
    acme_env_log(way->env, ACME_LOG_INFO, "%s: %s is %s the %s %s", record->txt.domain,
                 record->path, doing(record), way->what, record->txt.name);
    return NULL;
}

static acme_err_t *run(runs_t *runs, record_t *record, int is_removal, apr_pool_t *pool)
{
    record->is_removal = is_removal;
    record->is_reversed = 0;
    if (apr_pool_create(&record->run_pool, record->pool) != APR_SUCCESS) {
        record->run_pool = NULL;
        forget(runs, record);
        return acme_err_make(pool, ACME_ERR_INTERNAL, "no program can be run: memory is short");
    }
    acme_err_t *err = call(runs, record, pool);
    if (err != NULL) {
        forget(runs, record);
    }
    return err;
}

static acme_err_t *begin(runs_t *runs, const acme_txt_t *txt, int is_removal, apr_pool_t *pool)
{
    record_t *record;
    ACME_TRY(find_or_make(&record, runs, txt, pool));
    if (record->program != NULL) {
        record->is_reversed = record->is_removal != is_removal;
        return NULL;
    }
    return run(runs, record, is_removal, pool);
}

static acme_err_t *add(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    return begin(baton, txt, 0, pool);
}

static acme_err_t *remove_record(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    return begin(baton, txt, 1, pool);
}

/* Nonzero for an exit status that the convention says nobody minds. */
static int is_forgiven(const runs_t *runs, const record_t *record)
{
    return runs->way->is_status_ignored && acme_program_status(record->program) > 0;
}

/* The program is done: its verdict is the caller's, unless something follows. */
static acme_err_t *conclude(int *is_done, runs_t *runs, record_t *record, acme_err_t *err,
                            apr_pool_t *pool)
{
    acme_err_t *verdict = NULL;
    if (err != NULL) {
        verdict = tell(runs, record, err, pool);
        if (is_forgiven(runs, record) || record->is_reversed) {
            acme_env_log(runs->way->env, ACME_LOG_WARNING, "%s", verdict->text);
            verdict = NULL;
        }
    }
    else {
        acme_env_log(runs->way->env, ACME_LOG_DEBUG, "%s: %s is done %s the %s %s: \"%s\"",
                     record->txt.domain, record->path, doing(record), runs->way->what,
                     record->txt.name, output_of(runs, record, pool));
    }
    const char *printed = acme_program_stdout(record->program);
    if (!record->is_removal && printed[0] != '\0') {
        record->printed = apr_pstrdup(record->pool, printed);
    }
    end_run(record);
    if (record->is_reversed) {
        *is_done = 0;
        return run(runs, record, !record->is_removal, pool);
    }
    if (record->is_removal || verdict != NULL || record->printed[0] == '\0') {
        forget(runs, record); /* nothing about it need be known any longer */
    }
    return verdict;
}

/* What has a secret in it is kept in memory alone. */
static const char *printed_by(void *baton, const acme_txt_t *txt, apr_pool_t *pool)
{
    const runs_t *runs = baton;
    const record_t *record = find(runs, txt, pool);
    if (record == NULL || record->printed[0] == '\0' ||
        without_secrets(record->printed, runs->way->secrets, pool) != record->printed) {
        return NULL;
    }
    return apr_pstrdup(pool, record->printed);
}

static acme_err_t *poll_record(int *is_done, apr_time_t *poll_at, void *baton,
                               const acme_txt_t *txt, apr_pool_t *pool)
{
    runs_t *runs = baton;
    record_t *record = find(runs, txt, pool);
    *is_done = 1;
    *poll_at = 0;
    if (record == NULL || record->program == NULL) {
        return NULL;
    }
    acme_err_t *err = acme_program_poll(is_done, poll_at, record->program, pool);
    if (!*is_done) {
        return NULL;
    }
    err = conclude(is_done, runs, record, err, pool);
    if (err != NULL) {
        *is_done = 1;
    }
    if (!*is_done) {
        *poll_at = acme_env_now(runs->way->env) + ACME_TIME_SECOND / 100;
    }
    return err;
}

/* see acme_dns_update_run.h */
acme_dns_update_t *acme_dns_update__run_create(const acme_dns_update__way_t *way, apr_pool_t *pool)
{
    runs_t *runs = apr_pcalloc(pool, sizeof(*runs));
    *runs = (runs_t){.way = way, .pool = pool, .records = apr_hash_make(pool)};
    acme_dns_update_t *update = apr_pcalloc(pool, sizeof(*update));
    *update = (acme_dns_update_t){.baton = runs,
                                  .add = add,
                                  .remove = remove_record,
                                  .poll = poll_record,
                                  .printed = printed_by};
    return update;
}
