/* Changes of the account: a new key (RFC 8555 section 7.3.5), its end (section 7.3.6).
 * SPDX-License-Identifier: Apache-2.0
 *
 * Where the keys are, and what whoever finds them so has to do:
 *
 *   privkey  privkey.new  the CA has   then
 *   old      -            old          -
 *   old      new          old          the CA does not know the new one: it is removed
 *   old      new          new          the CA knows it: privkey becomes the new one, …
 *   new      new          new          … the record says so, and privkey.new is removed
 *   new      -            new          -
 *
 * Which of the two rows in the middle it is, only the CA knows; it is asked by looking the new key
 * up (RFC 8555 section 7.3.1). That is done after a crash, after an answer that never came, and
 * after a refusal, since it may be about a request that was sent again.
 */
#include "acme_session_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_key_file.h"
#include "acme/acme_time.h"

/** So long a new key waits for proofs that stand for the old one. */
#define PROVING_MAX ACME_TIME_HOUR

#define OUR_KEY "privkey"
#define NEW_KEY "privkey.new"

static int begin(acme_session_t *session, acme_change_kind_t kind, acme_session_changed_fn *changed,
                 void *baton)
{
    if (session->change.kind != ACME_CHANGE_NONE) {
        return -1;
    }
    session->change = (acme_change_t){.kind = kind,
                                      .changed = changed,
                                      .baton = baton,
                                      .since = acme_env_now(session->config.env)};
    return 0;
}

int acme_session_roll_key(acme_session_t *session, acme_session_changed_fn *changed, void *baton)
{
    return begin(session, ACME_CHANGE_KEY, changed, baton);
}

int acme_session_deactivate(acme_session_t *session, acme_session_changed_fn *changed, void *baton)
{
    return begin(session, ACME_CHANGE_CLOSE, changed, baton);
}

int acme_session__is_proving(const acme_session_t *session)
{
    apr_time_t waited = acme_env_now(session->config.env) - session->change.since;
    return session->change.kind == ACME_CHANGE_KEY && session->config.is_proving != NULL &&
           waited >= 0 && waited < PROVING_MAX &&
           session->config.is_proving(session->config.baton, session);
}

apr_time_t acme_session__proving_until(const acme_session_t *session)
{
    return session->change.since + PROVING_MAX;
}

/* Who asked for it may ask for the next one from inside. */
static void finish(acme_session_t *session, const acme_err_t *err)
{
    const acme_change_t change = session->change;
    session->change = (acme_change_t){.kind = ACME_CHANGE_NONE};
    change.changed(change.baton, err);
}

int acme_session__miss_change(acme_session_t *session, acme_err_t *err)
{
    if (session->change.kind == ACME_CHANGE_NONE || err->errclass != ACME_ERR_CONFIG) {
        return 0;
    }
    int is_closed = session->change.kind == ACME_CHANGE_CLOSE && session->is_closed;
    finish(session, is_closed ? NULL : err);
    return session->queued == 0;
}

/* An answer of ours, heard; NULL if it is to be asked again with another nonce. */
static acme_err_t *refusal_of(acme_session_t *session, const acme_problem_t **problem,
                              const acme_exchange_t *exchange, const char *doing)
{
    acme_err_t *err = acme_session__problem(session, problem, exchange, doing, exchange->pool);
    int is_again = acme_problem_is(*problem, "badNonce") &&
                   ++session->change.bad_nonces <= ACME_SESSION_BAD_NONCES;
    return is_again ? NULL : err;
}

static void leave_setup(acme_session_t *session)
{
    session->setup = NULL;
    --session->in_flight;
}

/* ---- the new key ---- */

acme_err_t *acme_session__find_new_key(acme_session_t *session)
{
    acme_key_t *key;
    ACME_TRY(acme_key_file_read(&key, session->config.store,
                                acme_session__path(session, NEW_KEY, session->pool),
                                session->pool));
    session->new_key = key;
    session->is_unresolved = key != NULL;
    return NULL;
}

/* What the CA has under @a key becomes what is on disk, and privkey.new goes. */
static acme_err_t *store_new_key(acme_session_t *session, const acme_key_t *key,
                                 apr_pool_t *scratch_pool)
{
    const acme_store_t *store = session->config.store;
    ACME_TRY(acme_key_file_write(store, acme_session__path(session, OUR_KEY, scratch_pool), key,
                                 scratch_pool));
    if (session->record != NULL) {
        char *thumbprint;
        ACME_TRY(acme_key_thumbprint(&thumbprint, key, session->pool));
        session->record->thumbprint = thumbprint;
        ACME_TRY(acme_session__write_record(session, session->record, scratch_pool));
    }
    return acme_store_del(store, acme_session__path(session, NEW_KEY, scratch_pool), scratch_pool);
}

/* While the disk has the key in use in privkey.new alone, nothing may be written over it. */
static acme_err_t *free_new_key_file(acme_session_t *session, apr_pool_t *scratch_pool)
{
    if (session->is_key_unsaved) {
        ACME_TRY(store_new_key(session, session->key, scratch_pool));
        session->is_key_unsaved = 0;
    }
    return NULL;
}

static acme_err_t *make_new_key(acme_session_t *session, apr_pool_t *scratch_pool)
{
    acme_key_spec_t spec;
    acme_key_t *key;
    ACME_TRY(free_new_key_file(session, scratch_pool));
    acme_key_spec(&spec, session->key);
    ACME_TRY(session->config.generate_key(&key, &spec, session->pool));
    ACME_TRY(acme_key_file_write(session->config.store,
                                 acme_session__path(session, NEW_KEY, scratch_pool), key,
                                 scratch_pool));
    session->new_key = key;
    return NULL;
}

/* The CA has it. What the disk refuses now is done at the next start, or before the next
 * change: privkey.new is there. */
static acme_err_t *adopt_new_key(acme_session_t *session, apr_pool_t *scratch_pool)
{
    acme_err_t *err = store_new_key(session, session->new_key, scratch_pool);
    session->is_key_unsaved = err != NULL;
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_ERROR,
                     "%s: %s; the new key of the account is in %s, and taken from there at the "
                     "next start",
                     session->ca->name, err->text,
                     acme_session__path(session, NEW_KEY, scratch_pool));
    }
    ACME_TRY(acme_session__use_key(session, session->new_key));
    session->new_key = NULL;
    session->is_unresolved = 0;
    acme_env_log(session->config.env, ACME_LOG_NOTICE, "%s: the account has a new key",
                 session->ca->name);
    return NULL;
}

/* The CA does not have it. */
static void drop_new_key(acme_session_t *session, apr_pool_t *scratch_pool)
{
    acme_err_t *err = acme_store_del(
        session->config.store, acme_session__path(session, NEW_KEY, scratch_pool), scratch_pool);
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_WARNING, "%s: %s", session->ca->name, err->text);
    }
    session->new_key = NULL;
    session->is_unresolved = 0;
    if (session->change.refusal != NULL) {
        finish(session, session->change.refusal);
    }
}

/* ---- which of the two? ---- */

static int is_our_account(const acme_session_t *session, const char *location)
{
    const char *url = session->record != NULL ? session->record->url : NULL;
    return location != NULL && (url == NULL || strcmp(url, location) == 0);
}

static acme_err_t *take_resolution(acme_session_t *session, const acme_exchange_t *exchange)
{
    const acme_problem_t *problem;
    if (exchange->status / 100 == 2) {
        if (!is_our_account(session, acme_exchange_header(exchange, "Location"))) {
            drop_new_key(session, exchange->pool);
            return NULL;
        }
        ACME_TRY(adopt_new_key(session, exchange->pool));
        if (session->change.kind == ACME_CHANGE_KEY) {
            finish(session, NULL);
        }
        return NULL;
    }
    acme_err_t *err = refusal_of(session, &problem, exchange, "asking which key the account has");
    if (acme_problem_is(problem, "accountDoesNotExist")) {
        drop_new_key(session, exchange->pool);
        return NULL;
    }
    return err;
}

static void hear_resolution(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    leave_setup(session);
    acme_err_t *err = exchange->err;
    if (err == NULL) {
        acme_session__keep_nonce(session, exchange);
        err = take_resolution(session, exchange);
    }
    if (err != NULL) {
        acme_session__trouble(session, err);
    }
    else if (!session->is_unresolved) {
        acme_session__well(session);
    }
    apr_pool_destroy(exchange->pool);
}

void acme_session__resolve_key(acme_session_t *session)
{
    acme_exchange_t *exchange =
        acme_session__exchange(session, ACME_METHOD_POST, session->directory->new_account,
                               hear_resolution, session, session->pool);
    acme_jws_t jws = {.key = session->new_key,
                      .nonce = acme_session__take_nonce(session, exchange->pool),
                      .payload = acme_account_lookup_request(exchange->pool)};
    if (jws.nonce == NULL) {
        apr_pool_destroy(exchange->pool);
        acme_session__seek_nonces(session, 1);
        return;
    }
    acme_err_t *err = acme_session__begin_setup(session, exchange, &jws);
    if (err != NULL) {
        acme_session__trouble(session, err);
    }
}

/* ---- changing the key ---- */

static void hear_key_change(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    const acme_problem_t *problem;
    leave_setup(session);
    if (exchange->err != NULL) {
        session->is_unresolved = 1;
        acme_session__trouble(session, exchange->err);
    }
    else if (exchange->status / 100 == 2) {
        acme_session__keep_nonce(session, exchange);
        acme_err_t *err = adopt_new_key(session, exchange->pool);
        acme_session__well(session);
        finish(session, err);
    }
    else {
        acme_session__keep_nonce(session, exchange);
        acme_err_t *err = refusal_of(session, &problem, exchange, "changing the account's key");
        session->change.refusal = acme_err_copy(session->pool, err);
        session->is_unresolved = err != NULL;
    }
    apr_pool_destroy(exchange->pool);
}

static acme_err_t *check_key_change(const acme_session_t *session, apr_pool_t *pool)
{
    if (session->ca->account_key != NULL) {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "the account's key is the one in %s (ACMEAccountKeyFile), which is "
                             "not ours to change",
                             session->ca->account_key->file);
    }
    if (session->directory->key_change == NULL) {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "the CA does not offer to change the key of an account");
    }
    return NULL;
}

/* RFC 8555 section 7.3.5: signed with the new key, and around it with the old one. */
static acme_err_t *key_change_payload(char **payload, const acme_session_t *session,
                                      apr_pool_t *pool)
{
    char *old_jwk;
    ACME_TRY(acme_key_jwk(&old_jwk, session->key, pool));
    const acme_jws_t inner = {
        .key = session->new_key,
        .url = session->directory->key_change,
        .payload = acme_account_key_change_request(session->account->url, old_jwk, pool)};
    return acme_jws_sign(payload, &inner, pool);
}

static acme_err_t *change_key(acme_session_t *session, acme_jws_t *jws, apr_pool_t *scratch_pool)
{
    char *payload;
    ACME_TRY(check_key_change(session, scratch_pool));
    if (session->new_key == NULL) {
        ACME_TRY(make_new_key(session, scratch_pool));
    }
    ACME_TRY(key_change_payload(&payload, session, scratch_pool));
    jws->payload = payload;
    return acme_session__begin_setup(
        session,
        acme_session__exchange(session, ACME_METHOD_POST, session->directory->key_change,
                               hear_key_change, session, session->pool),
        jws);
}

/* ---- closing ---- */

/* Written before it counts: a closing that nobody remembers as wished would look like somebody
 * else's, and be answered with a new account. So what the disk refuses is remembered until it takes
 * it. */
static acme_err_t *close_account(acme_session_t *session, apr_pool_t *scratch_pool)
{
    acme_account_t *record = apr_pmemdup(session->pool, session->account, sizeof(*record));
    record->status = ACME_ACCOUNT_DEACTIVATED;
    record->thumbprint = session->thumbprint;
    record->deactivated = acme_env_now(session->config.env);
    session->record = record;
    session->account = NULL;
    session->is_closed = 1;
    session->is_closing_unsaved = 1;
    ACME_TRY(acme_session__write_record(session, record, scratch_pool));
    session->is_closing_unsaved = 0;
    acme_env_log(session->config.env, ACME_LOG_NOTICE,
                 "%s: the account %s is closed, as was wished", session->ca->name, record->url);
    return NULL;
}

static void hear_closing(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    const acme_problem_t *problem = NULL;
    acme_err_t *err = NULL;
    leave_setup(session);
    if (exchange->err != NULL) {
        acme_session__trouble(session, exchange->err);
        apr_pool_destroy(exchange->pool);
        return;
    }
    acme_session__keep_nonce(session, exchange);
    if (exchange->status / 100 != 2) {
        err = refusal_of(session, &problem, exchange, "closing the account");
    }
    if (err == NULL && problem != NULL) { /* badNonce */
        apr_pool_destroy(exchange->pool);
        return;
    }
    /* asked for once more, the CA says only that the account is not there */
    if (err == NULL || acme_problem_is(problem, "unauthorized") ||
        acme_problem_is(problem, "accountDoesNotExist")) {
        err = close_account(session, exchange->pool);
    }
    acme_session__well(session);
    finish(session, err);
    apr_pool_destroy(exchange->pool);
}

static acme_err_t *begin_closing(acme_session_t *session, acme_jws_t *jws, apr_pool_t *scratch_pool)
{
    jws->payload = acme_account_deactivate_request(scratch_pool);
    return acme_session__begin_setup(session,
                                     acme_session__exchange(session, ACME_METHOD_POST,
                                                            session->account->url, hear_closing,
                                                            session, session->pool),
                                     jws);
}

void acme_session__begin_change(acme_session_t *session)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_jws_t jws = {.key = session->key,
                      .kid = session->account->url,
                      .nonce = acme_session__take_nonce(session, scratch_pool)};
    if (jws.nonce == NULL) {
        acme_session__seek_nonces(session, 1);
    }
    else {
        acme_err_t *err = session->change.kind == ACME_CHANGE_KEY
                              ? change_key(session, &jws, scratch_pool)
                              : begin_closing(session, &jws, scratch_pool);
        if (err != NULL) {
            finish(session, err);
        }
    }
    apr_pool_destroy(scratch_pool);
}
