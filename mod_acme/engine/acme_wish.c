/* Reads wishes and sees them through; see acme_wish.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_wish_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define GROUP "requests"
#define LOOK_EVERY ACME_TIME_SECOND
#define AGE_MAX ACME_TIME_DAY
#define AHEAD_MAX                                                                                  \
    ACME_TIME_HOUR /* clocks of two programs on one machine, and one that was just set */

struct acme_wishes_t {
    apr_pool_t *pool;
    const acme_wish_host_t *host;
    acme_wish_t *first;
    int has_looked;
    apr_interval_time_t looked; /* by the clock that only goes forward */
};

acme_wishes_t *acme_wishes_create(const acme_wish_host_t *host, apr_pool_t *pool)
{
    acme_wishes_t *wishes = apr_pcalloc(pool, sizeof(*wishes));
    wishes->pool = pool;
    wishes->host = host;
    return wishes;
}

/* ---- the end of a wish ---- */

static void forget(acme_wish_t *wish)
{
    for (acme_wish_t **at = &wish->wishes->first; *at != NULL; at = &(*at)->next) {
        if (*at == wish) {
            *at = wish->next;
            break;
        }
    }
    apr_pool_destroy(wish->pool);
}

/* What the disk refuses to remove is not done again by this process. */
static void remove_file(acme_wish_t *wish)
{
    wish->is_over = 1;
    wish->is_running = 0;
    acme_err_t *err = acme_store_del(
        wish->host->store, acme_store_path(wish->pool, GROUP, wish->file, NULL), wish->pool);
    if (err != NULL) {
        wish->next_at = acme_env_now(wish->host->env) + ACME_TIME_MINUTE;
        wish->host->store_trouble(wish->host->baton, err);
        return;
    }
    forget(wish);
}

static int will_pass(const acme_err_t *err)
{
    return err->errclass == ACME_ERR_NETWORK || err->errclass == ACME_ERR_WAIT ||
           err->errclass == ACME_ERR_STORE || err->errclass == ACME_ERR_CLOCK;
}

static void put_off(acme_wish_t *wish, const acme_err_t *err)
{
    const acme_env_t *env = wish->host->env;
    wish->is_running = 0;
    wish->next_at = acme_policy_retry_at(err, ++wish->errors, wish->host->retry_delay,
                                         acme_env_now(env), acme_env_uniform(env, wish->pool));
    acme_env_log(env, ACME_LOG_WARNING, "%s: the wish %s is tried again at %s: %s", wish->about,
                 wish->kind->word, acme_time_rfc3339(wish->next_at, wish->pool), err->text);
}

acme_err_t *acme_wish__write(acme_wish_t *wish, const json_t *object)
{
    const char *text = acme_json_text(object, 1, wish->pool);
    return acme_store_put(wish->host->store, acme_store_path(wish->pool, GROUP, wish->file, NULL),
                          text, strlen(text), wish->pool);
}

void acme_wish__end(acme_wish_t *wish, const acme_err_t *err)
{
    if (err != NULL && will_pass(err)) {
        put_off(wish, err);
        return;
    }
    if (err != NULL) {
        acme_env_log(wish->host->env, ACME_LOG_ERROR, "%s: the wish %s is not fulfilled: %s",
                     wish->about, wish->kind->word, err->text);
    }
    else {
        acme_env_log(wish->host->env, ACME_LOG_NOTICE, "%s: the wish %s is fulfilled", wish->about,
                     wish->kind->word);
    }
    remove_file(wish);
}

/* ---- about accounts ---- */

static acme_err_t *read_ca(acme_wish_t *wish, json_t *object)
{
    const char *ca = acme_json_string(object, "ca", wish->pool);
    wish->session = ca != NULL ? wish->host->session(wish->host->baton, ca) : NULL;
    if (wish->session == NULL) {
        return acme_err_make(wish->pool, ACME_ERR_INPUT,
                             "no domain has a certificate from the CA '%s'; name one of the "
                             "configuration",
                             acme_text_clean(ca, 200, wish->pool));
    }
    wish->about = acme_session_ca(wish->session)->name;
    return NULL;
}

static void hear_changed(void *baton, const acme_err_t *err)
{
    acme_wish__end(baton, err);
}

static int begin_rollover(acme_wish_t *wish)
{
    return acme_session_roll_key(wish->session, hear_changed, wish) == 0;
}

static int begin_deactivation(acme_wish_t *wish)
{
    return acme_session_deactivate(wish->session, hear_changed, wish) == 0;
}

/* ---- reading ---- */

static const acme_wish_kind_t rollover = {"account-rollover", read_ca, begin_rollover};
static const acme_wish_kind_t deactivation = {"account-deactivate", read_ca, begin_deactivation};

static const acme_wish_kind_t *find_kind(const char *word)
{
    static const acme_wish_kind_t *const kinds[] = {&rollover, &deactivation, &acme_wish__revoke};
    for (apr_size_t i = 0; word != NULL && i < sizeof(kinds) / sizeof(kinds[0]); ++i) {
        if (strcmp(kinds[i]->word, word) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

static acme_err_t *read_object(acme_wish_t *wish, json_t *object)
{
    apr_time_t now = acme_env_now(wish->host->env);
    apr_time_t asked = acme_json_time(object, "asked");
    const char *word = acme_json_string(object, "wish", wish->pool);
    const acme_wish_kind_t *kind = find_kind(word);
    if (kind == NULL) {
        return acme_err_make(wish->pool, ACME_ERR_INPUT, "this version knows no wish '%s'",
                             acme_text_clean(word, 100, wish->pool));
    }
    wish->kind = kind;
    if (asked < now - AGE_MAX || asked > now + AHEAD_MAX) {
        return acme_err_make(wish->pool, ACME_ERR_INPUT,
                             "it was not written within the last day, so it is not meant any more");
    }
    return kind->read(wish, object);
}

/* *is_there: 0 if its seal did not open, and it was set aside. */
static acme_err_t *read_wish(int *is_there, acme_wish_t *wish)
{
    char *text;
    apr_size_t len;
    json_t *object;
    *is_there = 1;
    ACME_TRY(acme_store_get(&text, &len, wish->host->store,
                            acme_store_path(wish->pool, GROUP, wish->file, NULL), wish->pool));
    *is_there = text != NULL;
    if (text == NULL) {
        return NULL;
    }
    ACME_TRY(acme_json_parse(&object, text, len, "the wish", wish->pool));
    return read_object(wish, object);
}

static acme_wish_t *make_wish(acme_wishes_t *wishes, const char *file)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, wishes->pool);
    acme_wish_t *wish = apr_pcalloc(pool, sizeof(*wish));
    wish->pool = pool;
    wish->wishes = wishes;
    wish->host = wishes->host;
    wish->file = apr_pstrdup(pool, file);
    wish->kind = &rollover; /* until it is known, so that there always is one */
    wish->next = wishes->first;
    wishes->first = wish;
    return wish;
}

static void take(acme_wishes_t *wishes, const char *file)
{
    int is_there;
    acme_wish_t *wish = make_wish(wishes, file);
    acme_err_t *err = read_wish(&is_there, wish);
    if (err != NULL && err->errclass == ACME_ERR_STORE) {
        wishes->host->store_trouble(wishes->host->baton, err);
        forget(wish); /* found again at the next look */
    }
    else if (err != NULL) {
        acme_env_log(wishes->host->env, ACME_LOG_ERROR, GROUP "/%s is not fulfilled: %s", file,
                     err->text);
        remove_file(wish);
    }
    else if (!is_there) {
        forget(wish);
    }
}

static int is_known(const acme_wishes_t *wishes, const char *file)
{
    for (const acme_wish_t *wish = wishes->first; wish != NULL; wish = wish->next) {
        if (strcmp(wish->file, file) == 0) {
            return 1;
        }
    }
    return 0;
}

static void look(acme_wishes_t *wishes)
{
    apr_interval_time_t now = acme_env_monotonic(wishes->host->env);
    if (wishes->has_looked && now - wishes->looked < LOOK_EVERY) {
        return;
    }
    wishes->has_looked = 1;
    wishes->looked = now;
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, wishes->pool);
    apr_array_header_t *files;
    acme_err_t *err = acme_store_list(&files, wishes->host->store, GROUP, scratch_pool);
    if (err != NULL) {
        wishes->host->store_trouble(wishes->host->baton, err);
    }
    for (int i = 0; err == NULL && i < files->nelts; ++i) {
        const char *file = APR_ARRAY_IDX(files, i, const char *);
        if (!is_known(wishes, file)) {
            take(wishes, file);
        }
    }
    apr_pool_destroy(scratch_pool);
}

/* ---- for the engine ---- */

static int is_due(const acme_wish_t *wish)
{
    return !wish->is_running && wish->next_at <= acme_env_now(wish->host->env);
}

static void begin(acme_wish_t *wish)
{
    wish->is_running = 1;
    if (!wish->kind->begin(wish)) {
        wish->is_running = 0;
    } /* else it may be over, and gone */
}

void acme_wishes_tick(acme_wishes_t *wishes)
{
    look(wishes);
    acme_wish_t *next;
    for (acme_wish_t *wish = wishes->first; wish != NULL; wish = next) {
        next = wish->next;
        if (is_due(wish) && wish->is_over) {
            remove_file(wish);
        }
        else if (is_due(wish)) {
            begin(wish);
        }
    }
}

apr_time_t acme_wishes_next(const acme_wishes_t *wishes)
{
    apr_time_t next = 0;
    for (const acme_wish_t *wish = wishes->first; wish != NULL; wish = wish->next) {
        if (wish->next_at != 0 && !wish->is_running && (next == 0 || wish->next_at < next)) {
            next = wish->next_at;
        }
    }
    return next;
}
