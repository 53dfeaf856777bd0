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
#include "acme/acme_text.h"
#include "acme/acme_time.h"

static const char *account_path(acme_session_t *session, const char *file, apr_pool_t *pool)
{
    return acme_store_path(pool, "accounts", session->ca->folder, file);
}

/* ---- the key ---- */

static acme_err_t *make_key(acme_session_t *session)
{
    const acme_key_spec_t spec = {.type = ACME_KEY_P256};
    acme_key_t *key;
    ACME_TRY(session->config.generate_key(&key, &spec, session->pool));
    ACME_TRY(acme_key_file_write(session->config.store,
                                 account_path(session, "privkey", session->pool), key,
                                 session->pool));
    session->key = key;
    return NULL;
}

static acme_err_t *seek_key(acme_session_t *session)
{
    if (session->key != NULL) {
        return NULL;
    }
    acme_key_t *key;
    ACME_TRY(acme_key_file_read(&key, session->config.store,
                                account_path(session, "privkey", session->pool), session->pool));
    session->key = key;
    if (key == NULL) {
        ACME_TRY(make_key(session));
    }
    char *thumbprint;
    ACME_TRY(acme_key_thumbprint(&thumbprint, session->key, session->pool));
    session->thumbprint = thumbprint;
    if (session->config.bell != NULL) {
        atomic_fetch_add(&session->config.bell->accounts, 1);
    }
    return NULL;
}

/* ---- the record ---- */

static acme_err_t *read_account(acme_session_t *session)
{
    char *text;
    apr_size_t len;
    ACME_TRY(acme_store_get(&text, &len, session->config.store,
                            account_path(session, "account.json", session->pool), session->pool));
    if (text == NULL) {
        return NULL;
    }
    acme_account_t *account;
    acme_err_t *err = acme_account_read(&account, text, len, session->pool);
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_WARNING,
                     "%s: the record of the account cannot be used (%s); the CA is asked for it",
                     session->ca->name, err->text);
        return NULL;
    }
    if (account->url != NULL && account->ca_url != NULL && account->status == ACME_ACCOUNT_VALID &&
        strcmp(account->ca_url, session->ca->directory_url) == 0) {
        session->account = account;
    }
    return NULL;
}

static acme_err_t *write_account(acme_session_t *session, const acme_account_t *account,
                                 apr_pool_t *scratch_pool)
{
    char *previous;
    apr_size_t previous_len;
    ACME_TRY(acme_store_get(&previous, &previous_len, session->config.store,
                            account_path(session, "account.json", scratch_pool), scratch_pool));
    const char *text = acme_account_write(account, previous, scratch_pool);
    return acme_store_put(session->config.store,
                          account_path(session, "account.json", scratch_pool), text, strlen(text),
                          scratch_pool);
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

/* A binding that was configured is sent also to a CA that does not ask for one. */
static acme_err_t *check_binding(acme_session_t *session, apr_pool_t *pool)
{
    const acme_eab_t *eab = session->ca->eab;
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

static acme_err_t *take_account(acme_session_t *session, const acme_exchange_t *exchange)
{
    acme_account_t *account;
    const char *location = acme_exchange_header(exchange, "Location");
    if (location == NULL) {
        return acme_err_make(exchange->pool, ACME_ERR_INPUT,
                             "the CA made an account but did not say where (no Location)");
    }
    ACME_TRY(acme_account_parse(&account, exchange->answer, exchange->answer_len, location,
                                session->ca->directory_url, session->pool));
    if (account->status != ACME_ACCOUNT_VALID) {
        return acme_err_make(exchange->pool, ACME_ERR_CONFIG,
                             "the account %s was closed at the CA; remove %s from the store to let "
                             "a new one be made",
                             account->url, account_path(session, "privkey", exchange->pool));
    }
    account->contacts = contacts(session, session->pool); /* what the CA echoes may be less */
    account->terms_agreed = session->ca->agreement != NULL;
    ACME_TRY(write_account(session, account, exchange->pool));
    session->account = account;
    if (session->account_lost_at != 0) {
        session->account_lost_at = acme_env_now(session->config.env); /* the hour begins anew */
    }
    acme_env_log(session->config.env, ACME_LOG_NOTICE, "%s: account %s %s", session->ca->name,
                 account->url, exchange->status == 201 ? "was made" : "was found");
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

static void hear_account(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    session->setup = NULL;
    --session->in_flight;
    acme_err_t *err = exchange->err;
    if (err == NULL) {
        acme_session__keep_nonce(session, exchange);
        if (exchange->status / 100 == 2) {
            err = take_account(session, exchange);
        } else {
            const acme_problem_t *problem;
            err = acme_session__problem(session, &problem, exchange, "making the account",
                                        exchange->pool);
            if (acme_problem_is(problem, "badNonce") &&
                ++session->account_bad_nonces <= ACME_SESSION_BAD_NONCES) {
                err = NULL; /* the stock has the CA's new one: it is tried again at the next tick */
            } else if ((acme_problem_is(problem, "invalidContact") ||
                        acme_problem_is(problem, "unsupportedContact")) &&
                       contacts(session, exchange->pool)->nelts > 0) {
                acme_env_log(session->config.env, ACME_LOG_WARNING,
                             "%s: %s; the account is made without a contact, correct "
                             "ACMEContactEmail",
                             session->ca->name, err->text);
                session->has_dropped_contacts = 1;
                err = NULL;
            } else {
                err = explain_refusal(session, err, exchange->pool);
            }
        }
    }
    if (err != NULL) {
        acme_session__trouble(session, err);
    } else if (session->account != NULL) {
        session->account_bad_nonces = 0;
        acme_session__well(session);
    }
    apr_pool_destroy(exchange->pool);
}

static acme_err_t *sign_new_account(char **body, acme_session_t *session, const char *nonce,
                                    apr_pool_t *pool)
{
    const char *url = session->directory->new_account;
    char *binding = NULL;
    if (session->ca->eab != NULL) {
        ACME_TRY(acme_eab_bind(&binding, session->ca->eab, session->key, url, pool));
    }
    acme_jws_t jws = {.key = session->key,
                      .nonce = nonce,
                      .url = url,
                      .payload = acme_account_request(contacts(session, pool),
                                                      session->ca->agreement != NULL, binding,
                                                      pool)};
    return acme_jws_sign(body, &jws, pool);
}

static acme_err_t *begin_account(acme_session_t *session, const char *nonce)
{
    acme_exchange_t *exchange =
        acme_session__exchange(session, ACME_METHOD_POST, session->directory->new_account,
                               hear_account, session, session->pool);
    char *body;
    acme_err_t *err = sign_new_account(&body, session, nonce, exchange->pool);
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

static acme_err_t *seek_account(acme_session_t *session, apr_pool_t *scratch_pool)
{
    ACME_TRY(seek_key(session));
    if (session->account_lost_at == 0) {
        ACME_TRY(read_account(session));
        if (session->account != NULL) {
            return NULL;
        }
    }
    ACME_TRY(check_agreement(session, scratch_pool));
    ACME_TRY(check_binding(session, scratch_pool));
    const char *nonce = acme_session__take_nonce(session, scratch_pool);
    if (nonce == NULL) {
        acme_session__seek_nonces(session, 1);
        return NULL;
    }
    return begin_account(session, nonce);
}

void acme_session__seek_account(acme_session_t *session)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_err_t *err = seek_account(session, scratch_pool);
    if (err != NULL) {
        acme_session__trouble(session, err);
    }
    apr_pool_destroy(scratch_pool);
}

void acme_session__lose_account(acme_session_t *session, const acme_account_t *account,
                                const acme_err_t *err)
{
    if (account != session->account) {
        return; /* it was signed before the account was made again */
    }
    apr_time_t now = acme_env_now(session->config.env);
    apr_time_t again_at = session->account_lost_at + ACME_TIME_HOUR;
    session->account = NULL;
    if (session->account_lost_at != 0 && now >= session->account_lost_at && now < again_at) {
        apr_pool_t *scratch_pool;
        apr_pool_create(&scratch_pool, session->pool);
        acme_err_t *later = acme_err_copy(scratch_pool, err);
        later->retry_at = later->retry_at > again_at ? later->retry_at : again_at;
        acme_session__trouble(session, later);
        apr_pool_destroy(scratch_pool);
        return;
    }
    session->account_lost_at = now;
    acme_env_log(session->config.env, ACME_LOG_WARNING,
                 "%s: the CA no longer knows our account; it is made again with the same key",
                 session->ca->name);
}
