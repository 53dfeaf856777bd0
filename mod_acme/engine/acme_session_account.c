/* Our account at a CA: its key, its record, newAccount (RFC 8555 section 7.3).
 * SPDX-License-Identifier: Apache-2.0
 *
 * The key is written before the CA hears of it, the account's URL after: killed in between, the next
 * newAccount with the same key gives us the same account (RFC 8555 section 7.3.1).
 */
#include "acme_session_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_jws.h"
#include "acme/acme_key_file.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

const char *acme_session__path(const acme_session_t *session, const char *file, apr_pool_t *pool)
{
    return acme_store_path(pool, "accounts", session->ca->folder, file);
}

/* ---- the key ---- */

acme_err_t *acme_session__use_key(acme_session_t *session, const acme_key_t *key)
{
    char *thumbprint;
    ACME_TRY(acme_key_thumbprint(&thumbprint, key, session->pool));
    session->key = key;
    session->thumbprint = thumbprint;
    if (session->config.bell != NULL) {
        atomic_fetch_add(&session->config.bell->accounts, 1);
    }
    return NULL;
}

static acme_err_t *make_key(acme_session_t *session)
{
    const acme_key_spec_t spec = {.type = ACME_KEY_P256};
    acme_key_t *key;
    ACME_TRY(session->config.generate_key(&key, &spec, session->pool));
    ACME_TRY(acme_key_file_write(session->config.store,
                                 acme_session__path(session, "privkey", session->pool), key,
                                 session->pool));
    return acme_session__use_key(session, key);
}

/* That of ACMEAccountKeyFile; ours, if there is one, stays where it is. */
static acme_err_t *use_given_key(acme_session_t *session)
{
    const acme_account_key_t *given = session->ca->account_key;
    if (given->trouble != NULL) {
        return acme_err_make(session->pool, ACME_ERR_CONFIG,
                             "nothing is asked of the CA, since the ACMEAccountKeyFile cannot be "
                             "used: %s",
                             given->trouble);
    }
    session->has_old_key = 1;
    return acme_session__use_key(session, given->key);
}

static acme_err_t *seek_key(acme_session_t *session)
{
    if (session->key != NULL) {
        return NULL;
    }
    if (session->ca->account_key != NULL) {
        return use_given_key(session);
    }
    acme_key_t *key;
    ACME_TRY(acme_key_file_read(&key, session->config.store,
                                acme_session__path(session, "privkey", session->pool), session->pool));
    ACME_TRY(acme_session__find_new_key(session));
    session->has_old_key = key != NULL;
    return key != NULL ? acme_session__use_key(session, key) : make_key(session);
}

/* ---- the record ---- */

static acme_err_t *read_record(acme_session_t *session)
{
    if (session->has_read_record) {
        return NULL;
    }
    char *text;
    apr_size_t len;
    ACME_TRY(acme_store_get(&text, &len, session->config.store,
                            acme_session__path(session, "account.json", session->pool), session->pool));
    session->has_read_record = 1;
    if (text == NULL) {
        return NULL;
    }
    acme_account_t *record;
    acme_err_t *err = acme_account_read(&record, text, len, session->pool);
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_WARNING,
                     "%s: the record of the account cannot be used (%s); the CA is asked for it",
                     session->ca->name, err->text);
        return NULL;
    }
    if (strcmp(record->ca_url, session->ca->directory_url) == 0) {
        session->record = record;
    }
    return NULL;
}

/* A record that does not say it is of the key beside it. */
static int is_of_our_key(const acme_session_t *session, const acme_account_t *record)
{
    return record->thumbprint == NULL ? session->ca->account_key == NULL
                                      : strcmp(record->thumbprint, session->thumbprint) == 0;
}

/* Nonzero if the CA had our account and has it no more. */
static int is_lost(const acme_session_t *session)
{
    const acme_account_t *record = session->record;
    return record != NULL && (record->url == NULL || record->status != ACME_ACCOUNT_VALID);
}

/* Nonzero if the CA closed the account of our key: nothing can be had with it any more. */
static int is_key_dead(const acme_session_t *session)
{
    const acme_account_t *record = session->record;
    return record != NULL && record->status != ACME_ACCOUNT_VALID &&
           record->thumbprint != NULL && is_of_our_key(session, record);
}

acme_err_t *acme_session__write_record(acme_session_t *session, const acme_account_t *account,
                                       apr_pool_t *scratch_pool)
{
    char *previous;
    apr_size_t previous_len;
    ACME_TRY(acme_store_get(&previous, &previous_len, session->config.store,
                            acme_session__path(session, "account.json", scratch_pool), scratch_pool));
    const char *text = acme_account_write(account, previous, scratch_pool);
    return acme_store_put(session->config.store,
                          acme_session__path(session, "account.json", scratch_pool), text, strlen(text),
                          scratch_pool);
}

/* Where it is only good to be remembered: what cannot be written is said, and forgotten. */
static void keep_record(acme_session_t *session)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_err_t *err = acme_session__write_record(session, session->record, scratch_pool);
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_ERROR, "%s: %s", session->ca->name, err->text);
    }
    apr_pool_destroy(scratch_pool);
}

/* ---- its contacts ---- */

static int are_same_contacts(const apr_array_header_t *a, const apr_array_header_t *b)
{
    if (a == NULL || a->nelts != b->nelts) {
        return 0;
    }
    for (int i = 0; i < a->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(a, i, const char *), APR_ARRAY_IDX(b, i, const char *)) != 0) {
            return 0;
        }
    }
    return 1;
}

/* Once the CA has judged them they are not sent again, at whatever start, until they change. */
static void hear_contacts(void *baton, const acme_answer_t *answer)
{
    acme_session_t *session = baton;
    acme_account_t *account = session->account;
    if (account == NULL) {
        return; /* lost meanwhile: the new one gets them at once */
    }
    if (answer->err == NULL) {
        acme_env_log(session->config.env, ACME_LOG_NOTICE,
                     "%s: the contacts of the account are now: %s", session->ca->name,
                     session->ca->contacts->nelts > 0
                         ? acme_text_join(session->ca->contacts, ", ", answer->exchange->pool)
                         : "none");
        account->contacts = session->ca->contacts;
    } else if (acme_problem_is(answer->problem, "invalidContact") ||
               acme_problem_is(answer->problem, "unsupportedContact")) {
        acme_env_log(session->config.env, ACME_LOG_WARNING,
                     "%s: %s; the account keeps its contacts, correct ACMEContactEmail",
                     session->ca->name, answer->err->text);
    } else {
        acme_env_log(session->config.env, ACME_LOG_WARNING,
                     "%s: %s; this is tried again at the next start", session->ca->name,
                     answer->err->text);
        return;
    }
    account->asked = session->ca->contacts;
    session->record = account;
    keep_record(session);
}

/* The configuration may have changed since the account was made (RFC 8555 section 7.3.2). */
static void mind_contacts(acme_session_t *session)
{
    if (session->has_asked_contacts ||
        are_same_contacts(session->account->asked, session->ca->contacts)) {
        return;
    }
    session->has_asked_contacts = 1;
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_request_t request = {
        .doing = "changing the contacts of the account",
        .url = session->account->url,
        .payload = acme_account_update_request(session->ca->contacts, scratch_pool),
        .hear = hear_contacts,
        .baton = session};
    (void)acme_session_ask(session, &request);
    apr_pool_destroy(scratch_pool);
}

/* ---- newAccount ---- */

static acme_err_t *check_agreement(acme_session_t *session, apr_pool_t *pool)
{
    const acme_directory_t *directory = session->directory;
    if (directory->terms_of_service == NULL || session->ca->agreement != NULL) {
        return NULL;
    }
    return acme_err_make(pool, ACME_ERR_CONFIG,
                         "the CA makes accounts only for those who agree to its terms of service: "
                         "read %s and, if you agree, write 'ACMECertificateAgreement accepted'",
                         acme_text_clean(directory->terms_of_service, 500, pool));
}

/* A binding that was configured is sent also to a CA that does not ask for one, unless it may be meant for
 * another CA of the same domains. */
static const acme_eab_t *binding_of(const acme_session_t *session)
{
    return session->ca->is_eab_optional && !session->directory->external_account_required
               ? NULL
               : session->ca->eab;
}

static acme_err_t *check_binding(acme_session_t *session, apr_pool_t *pool)
{
    const acme_eab_t *eab = binding_of(session);
    if (eab != NULL && eab->trouble != NULL) {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "no account is made, since the ACMEExternalAccountBinding of this CA "
                             "cannot be used: %s",
                             eab->trouble);
    }
    if (eab != NULL || !session->directory->external_account_required) {
        return NULL;
    }
    return acme_err_make(pool, ACME_ERR_CONFIG,
                         "the CA makes accounts only for its customers: get a key id and an HMAC "
                         "key from it%s%s, and write 'ACMEExternalAccountBinding KEYID HMAC'",
                         session->directory->website != NULL ? ", see " : "",
                         session->directory->website != NULL
                             ? acme_text_clean(session->directory->website, 500, pool)
                             : "");
}

static const apr_array_header_t *contacts(acme_session_t *session, apr_pool_t *pool)
{
    return session->has_dropped_contacts ? apr_array_make(pool, 1, sizeof(const char *))
                                         : session->ca->contacts;
}

static apr_array_header_t *remade_now(acme_session_t *session)
{
    const apr_array_header_t *before = session->record->remade;
    apr_array_header_t *remade = apr_array_make(session->pool, 4, sizeof(apr_time_t));
    if (before != NULL) {
        apr_array_cat(remade, before);
    }
    APR_ARRAY_PUSH(remade, apr_time_t) = acme_env_now(session->config.env);
    return remade;
}

/* What the CA was told, or, if it had the account already, what it says it has (RFC 8555 section
 * 7.3.1: it ignores the request's contacts then). Where none are configured its own may stay. */
static void set_contacts(acme_session_t *session, acme_account_t *account, int is_new)
{
    if (is_new) {
        account->contacts = contacts(session, session->pool); /* what the CA echoes may be less */
    }
    account->asked = is_new || session->ca->contacts->nelts == 0 ? session->ca->contacts
                                                                 : account->contacts;
}

static acme_err_t *take_account(acme_session_t *session, const acme_exchange_t *exchange)
{
    acme_account_t *account;
    int is_new = exchange->status == 201;
    const char *location = acme_exchange_header(exchange, "Location");
    if (location == NULL) {
        return acme_err_make(exchange->pool, ACME_ERR_INPUT,
                             "the CA made an account but did not say where (no Location)");
    }
    ACME_TRY(acme_account_parse(&account, exchange->answer, exchange->answer_len, location,
                                session->ca->directory_url, session->pool));
    account->thumbprint = session->thumbprint;
    account->terms_agreed = session->ca->agreement != NULL;
    account->remade = is_lost(session)          ? remade_now(session)
                      : session->record != NULL ? session->record->remade
                                                : NULL;
    set_contacts(session, account, is_new);
    ACME_TRY(acme_session__write_record(session, account, exchange->pool));
    session->record = account;
    if (account->status != ACME_ACCOUNT_VALID) {
        return NULL; /* as the record says now: the next look finds its key dead */
    }
    session->account = account;
    acme_env_log(session->config.env, ACME_LOG_NOTICE, "%s: account %s %s", session->ca->name,
                 account->url, is_new ? "was made" : "was found");
    return NULL;
}

/* What a CA says to a binding it does not like tells nobody which directive is meant. */
static acme_err_t *explain_refusal(acme_session_t *session, acme_err_t *err, apr_pool_t *pool)
{
    if (session->ca->eab == NULL || err->errclass != ACME_ERR_CONFIG) {
        return err;
    }
    acme_err_t *explained = acme_err_copy(pool, err);
    explained->text =
        apr_psprintf(pool,
                     "%s; see whether ACMEExternalAccountBinding has the key id (here: %s) and the "
                     "HMAC key that this CA gave you, whole, not used up and not expired",
                     err->text, session->ca->eab->kid);
    return explained;
}

/* Of what the CA says to a newAccount the things that are no trouble: NULL then. */
static acme_err_t *settle_refusal(acme_session_t *session, acme_err_t *err,
                                  const acme_problem_t *problem, apr_pool_t *pool)
{
    if (acme_problem_is(problem, "badNonce") &&
        ++session->account_bad_nonces <= ACME_SESSION_BAD_NONCES) {
        return NULL; /* the stock has the CA's new one: it is tried again at the next tick */
    }
    if (session->is_lookup && acme_problem_is(problem, "accountDoesNotExist")) {
        session->has_old_key = 0; /* not asked again: what is missing is trouble from now on */
        return NULL;
    }
    if ((acme_problem_is(problem, "invalidContact") ||
         acme_problem_is(problem, "unsupportedContact")) &&
        contacts(session, pool)->nelts > 0) {
        acme_env_log(session->config.env, ACME_LOG_WARNING,
                     "%s: %s; the account is made without a contact, correct ACMEContactEmail",
                     session->ca->name, err->text);
        session->has_dropped_contacts = 1;
        return NULL;
    }
    return explain_refusal(session, err, pool);
}

static acme_err_t *hear_answer(acme_session_t *session, const acme_exchange_t *exchange)
{
    if (exchange->err != NULL) {
        return exchange->err;
    }
    acme_session__keep_nonce(session, exchange);
    if (exchange->status / 100 == 2) {
        return take_account(session, exchange);
    }
    const acme_problem_t *problem;
    acme_err_t *err = acme_session__problem(session, &problem, exchange, "making the account",
                                            exchange->pool);
    return settle_refusal(session, err, problem, exchange->pool);
}

static void hear_account(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    session->setup = NULL;
    --session->in_flight;
    acme_err_t *err = hear_answer(session, exchange);
    if (err != NULL) {
        acme_session__trouble(session, err);
    } else if (session->account != NULL) {
        session->account_bad_nonces = 0;
        acme_session__well(session);
        mind_contacts(session);
    }
    apr_pool_destroy(exchange->pool);
}

static acme_err_t *new_account_payload(const char **payload, acme_session_t *session,
                                       apr_pool_t *pool)
{
    char *binding = NULL;
    if (session->is_lookup) {
        *payload = acme_account_lookup_request(pool);
        return NULL;
    }
    const acme_eab_t *eab = binding_of(session);
    if (eab != NULL) {
        ACME_TRY(acme_eab_bind(&binding, eab, session->key,
                               session->directory->new_account, pool));
    }
    *payload = acme_account_request(contacts(session, pool), session->ca->agreement != NULL,
                                    binding, pool);
    return NULL;
}

acme_err_t *acme_session__begin_setup(acme_session_t *session, acme_exchange_t *exchange,
                                      acme_jws_t *jws)
{
    char *body;
    jws->url = exchange->url;
    acme_err_t *err = acme_jws_sign(&body, jws, exchange->pool);
    if (err != NULL) {
        err = acme_err_copy(session->pool, err);
        apr_pool_destroy(exchange->pool);
        return err;
    }
    exchange->body = body;
    session->setup = exchange;
    acme_session__begin(session, exchange);
    return NULL;
}

static acme_err_t *begin_account(acme_session_t *session, int is_lookup, apr_pool_t *scratch_pool)
{
    acme_jws_t jws = {.key = session->key,
                      .nonce = acme_session__take_nonce(session, scratch_pool)};
    if (jws.nonce == NULL) {
        acme_session__seek_nonces(session, 1);
        return NULL;
    }
    session->is_lookup = is_lookup;
    ACME_TRY(new_account_payload(&jws.payload, session, scratch_pool));
    return acme_session__begin_setup(session,
                       acme_session__exchange(session, ACME_METHOD_POST,
                                              session->directory->new_account, hear_account,
                                              session, session->pool),
                       &jws);
}

/* ---- making it anew ---- */

/* An account that its CA has lost, or closed, is made anew, but not again and again: accounts count
 * against limits of the CA, and one that is lost time after time needs a human being. */
static acme_err_t *check_remake(acme_session_t *session, apr_pool_t *pool)
{
    const apr_array_header_t *remade = session->record->remade;
    apr_time_t at = acme_policy_remake_at(remade, acme_env_now(session->config.env));
    if (at == 0) {
        return NULL;
    }
    acme_err_t *err = acme_err_make(
        pool, ACME_ERR_WAIT,
        "the CA no longer takes our account, which was made anew %d times of late, the last time "
        "at %s; it is made once more at %s: ask the CA why it is lost",
        remade->nelts,
        acme_time_rfc3339(APR_ARRAY_IDX(remade, remade->nelts - 1, apr_time_t), pool),
        acme_time_rfc3339(at, pool));
    err->retry_at = at;
    return err;
}

static acme_err_t *replace_key(acme_session_t *session, apr_pool_t *pool)
{
    const acme_account_t *record = session->record;
    session->is_closed = record->deactivated != 0;
    if (session->is_closed && session->is_closing_unsaved) {
        ACME_TRY(acme_session__write_record(session, record, pool));
        session->is_closing_unsaved = 0;
    }
    if (session->is_closed) {
        session->has_read_record = 0; /* it is looked at anew each time: the folder may go */
        session->record = NULL;
        session->key = NULL;
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "the account %s was closed by your wish at %s; to let a new one be "
                             "made, remove the folder %s from the store and reload",
                             record->url != NULL ? record->url : "",
                             acme_time_rfc3339(record->deactivated, pool),
                             acme_store_path(pool, "accounts", session->ca->folder, NULL));
    }
    if (session->ca->account_key != NULL) {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "the account %s was closed at the CA, and nothing can be had with its "
                             "key any more: put another one into %s (ACMEAccountKeyFile) and "
                             "reload",
                             record->url != NULL ? record->url : "",
                             session->ca->account_key->file);
    }
    ACME_TRY(check_remake(session, pool));
    ACME_TRY(make_key(session));
    session->has_old_key = 0;
    acme_env_log(session->config.env, ACME_LOG_WARNING,
                 "%s: the account %s was closed at the CA; a new one is made with a new key",
                 session->ca->name, record->url != NULL ? record->url : "");
    return NULL;
}

/* What the record says, as far as the CA has not taken it back. */
static void use_record(acme_session_t *session)
{
    acme_account_t *record = session->record;
    if (record != NULL && !is_lost(session) && is_of_our_key(session, record)) {
        session->account = record;
    }
}

/* Why no account can be made. To be changed, none is made at all. */
static acme_err_t *find_missing(acme_session_t *session, apr_pool_t *pool)
{
    if (session->queued == 0) {
        return acme_err_make(pool, ACME_ERR_CONFIG, "there is no account with the key in %s",
                             acme_session__path(session, "privkey", pool));
    }
    acme_err_t *missing = check_agreement(session, pool);
    return missing != NULL ? missing : check_binding(session, pool);
}

static acme_err_t *seek_account(acme_session_t *session, apr_pool_t *scratch_pool)
{
    ACME_TRY(seek_key(session));
    ACME_TRY(read_record(session));
    if (session->is_unresolved) {
        acme_session__resolve_key(session);
        return NULL;
    }
    use_record(session);
    if (session->account != NULL) {
        return NULL;
    }
    if (is_key_dead(session)) {
        ACME_TRY(replace_key(session, scratch_pool));
    } else if (is_lost(session)) {
        ACME_TRY(check_remake(session, scratch_pool));
    }
    acme_err_t *missing = find_missing(session, scratch_pool);
    if (missing != NULL && !session->has_old_key) {
        return missing;
    }
    return begin_account(session, missing != NULL, scratch_pool);
}

void acme_session__seek_account(acme_session_t *session)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_err_t *err = seek_account(session, scratch_pool);
    if (err != NULL && !acme_session__miss_change(session, err)) {
        acme_session__trouble(session, err);
    } else if (session->account != NULL) {
        mind_contacts(session);
    }
    apr_pool_destroy(scratch_pool);
}

/* The record is kept without what the CA denies, so that no restart forgets it. */
static void deny_account(acme_session_t *session, acme_account_status_t status)
{
    acme_account_t *record = apr_pmemdup(session->pool, session->account, sizeof(*record));
    record->url = status == ACME_ACCOUNT_VALID ? NULL : record->url;
    record->status = status;
    record->thumbprint = session->thumbprint;
    session->account = NULL;
    session->record = record;
    session->is_doubted = 0;
    keep_record(session);
}

void acme_session__lose_account(acme_session_t *session, const acme_account_t *account)
{
    if (account != session->account) {
        return; /* it was signed before the account was made again */
    }
    deny_account(session, ACME_ACCOUNT_VALID);
    acme_env_log(session->config.env, ACME_LOG_WARNING,
                 "%s: the CA no longer knows our account; it is made again with the same key",
                 session->ca->name);
}

/* ---- is it the account? ---- */

int acme_session__doubt_account(acme_session_t *session)
{
    apr_time_t now = acme_env_now(session->config.env);
    if (session->checked_at != 0 && now >= session->checked_at &&
        now - session->checked_at < ACME_TIME_HOUR) {
        return 0; /* the account is well, so it was about something else */
    }
    session->is_doubted = 1;
    return 1;
}

static acme_err_t *judge_account(acme_session_t *session, const acme_exchange_t *exchange)
{
    const acme_problem_t *problem = NULL;
    acme_err_t *err = NULL;
    acme_account_t *account;
    if (exchange->status / 100 == 2) {
        ACME_TRY(acme_account_parse(&account, exchange->answer, exchange->answer_len, NULL,
                                    session->ca->directory_url, exchange->pool));
        if (account->status != ACME_ACCOUNT_VALID) {
            deny_account(session, account->status);
            return NULL;
        }
        session->is_doubted = 0;
        session->checked_at = acme_env_now(session->config.env);
        return NULL;
    }
    err = acme_session__problem(session, &problem, exchange, "asking for the account",
                                exchange->pool);
    if (acme_problem_is(problem, "accountDoesNotExist")) {
        acme_session__lose_account(session, session->account);
    } else if (acme_problem_is(problem, "unauthorized")) {
        deny_account(session, ACME_ACCOUNT_DEACTIVATED);
    } else if (!acme_problem_is(problem, "badNonce") ||
               ++session->account_bad_nonces > ACME_SESSION_BAD_NONCES) {
        return err;
    }
    return NULL;
}

static void hear_check(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    session->setup = NULL;
    --session->in_flight;
    acme_err_t *err = exchange->err;
    if (err == NULL) {
        acme_session__keep_nonce(session, exchange);
        err = judge_account(session, exchange);
    }
    if (err != NULL) {
        acme_session__trouble(session, err);
    } else if (session->account != NULL && !session->is_doubted) {
        session->account_bad_nonces = 0;
        acme_session__well(session);
    }
    apr_pool_destroy(exchange->pool);
}

void acme_session__check_account(acme_session_t *session)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_jws_t jws = {.key = session->key,
                      .kid = session->account->url,
                      .nonce = acme_session__take_nonce(session, scratch_pool),
                      .payload = ""};
    if (jws.nonce == NULL) {
        acme_session__seek_nonces(session, 1);
    } else {
        acme_err_t *err = acme_session__begin_setup(session,
                                      acme_session__exchange(session, ACME_METHOD_POST,
                                                             session->account->url, hear_check,
                                                             session, session->pool),
                                      &jws);
        if (err != NULL) {
            acme_session__trouble(session, err);
        }
    }
    apr_pool_destroy(scratch_pool);
}
