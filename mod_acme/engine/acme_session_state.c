/* The patience of a session: when the CA is in trouble, and how that survives a restart.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_session_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_digest.h"
#include "acme/acme_json.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

static const char *state_path(acme_session_t *session, apr_pool_t *pool)
{
    return acme_store_path(pool, "accounts", session->ca->folder, "session.json");
}

static const char *eab_digest(const acme_eab_t *eab, apr_pool_t *pool)
{
    if (eab == NULL || eab->kid == NULL) {
        return eab == NULL ? "" : eab->trouble;
    }
    return apr_pstrcat(pool, acme_jws_mac_name(eab->alg), " ", eab->kid, " ",
                       acme_digest_hex(eab->key, eab->key_len, pool), NULL);
}

static const char *account_key_text(const acme_account_key_t *given)
{
    if (given == NULL) {
        return "";
    }
    return given->thumbprint != NULL ? given->thumbprint : given->trouble;
}

/* What the administrator can change to mend a trouble: with another configuration we try at once. */
static char *configuration_digest(const acme_ca_t *ca, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(
        pool, ca->directory_url, "\n", ca->agreement != NULL ? ca->agreement : "", "\n",
        ca->route.ca_certificate_file != NULL ? ca->route.ca_certificate_file : "", "\n",
        ca->route.proxy != NULL ? ca->route.proxy : "", "\n",
        acme_text_join(ca->contacts, ",", pool), "\n", eab_digest(ca->eab, pool), "\n",
        account_key_text(ca->account_key), NULL);
    return acme_digest_hex(text, strlen(text), pool);
}

static void write_state(acme_session_t *session)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_err_t *err = NULL;
    if (session->errors == 0) {
        err = acme_store_del(session->config.store, state_path(session, scratch_pool), scratch_pool);
    } else {
        json_t *object = acme_json_object(scratch_pool);
        acme_json_set_int(object, "version", 1);
        acme_json_set_string(object, "ca-url", session->ca->directory_url);
        acme_json_set_int(object, "errors", session->errors);
        acme_json_set_time(object, "next-run", session->not_before);
        acme_json_set_string(object, "configuration",
                             configuration_digest(session->ca, scratch_pool));
        if (session->trouble != NULL) {
            acme_json_set_string(object, "problem", session->trouble->problem);
            acme_json_set_string(object, "detail", session->trouble->text);
        }
        acme_json_set_time(object, "logged-at", session->logged_at);
        acme_json_set_int(object, "logged-hash", session->logged_hash);
        const char *text = acme_json_text(object, 1, scratch_pool);
        err = acme_store_put(session->config.store, state_path(session, scratch_pool), text,
                             strlen(text), scratch_pool);
    }
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_ERROR, "%s: %s", session->ca->name, err->text);
    }
    apr_pool_destroy(scratch_pool);
}

static char *budget_path(const acme_session_t *session, apr_pool_t *pool)
{
    return acme_store_path(pool, "accounts", session->ca->folder, "budget.json");
}

static void read_budget(acme_session_t *session, apr_pool_t *scratch_pool)
{
    acme_err_t *err = acme_budget_read(session->budget, session->config.store,
                                       budget_path(session, scratch_pool),
                                       acme_env_now(session->config.env), scratch_pool);
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_WARNING,
                     "%s: what was ordered before is not known, the CA may refuse some orders: %s",
                     session->ca->name, err->text);
    }
}

void acme_session_save_budget(acme_session_t *session)
{
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_err_t *err = acme_budget_write(session->budget, session->config.store,
                                        budget_path(session, scratch_pool),
                                        acme_env_now(session->config.env), scratch_pool);
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_ERROR, "%s: %s", session->ca->name, err->text);
    }
    apr_pool_destroy(scratch_pool);
}

static void use_state(acme_session_t *session, const json_t *object, apr_pool_t *pool)
{
    const char *digest = acme_json_string(object, "configuration", pool);
    if (digest == NULL || strcmp(digest, configuration_digest(session->ca, pool)) != 0) {
        return;
    }
    apr_time_t now = acme_env_now(session->config.env);
    session->errors = (int)acme_json_int(object, "errors", 0);
    session->not_before = acme_policy_believable(acme_json_time(object, "next-run"), now);
    session->logged_at = acme_json_time(object, "logged-at");
    session->logged_hash = (apr_uint32_t)acme_json_int(object, "logged-hash", 0);
    const char *detail = acme_json_string(object, "detail", session->trouble_pool);
    if (detail != NULL) {
        session->trouble =
            acme_err_make(session->trouble_pool, ACME_ERR_NETWORK, "%s", detail);
    }
}

void acme_session__read_state(acme_session_t *session)
{
    if (session->has_read_state) {
        return;
    }
    session->has_read_state = 1;
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    char *text;
    apr_size_t len;
    json_t *object;
    acme_err_t *err = acme_store_get(&text, &len, session->config.store,
                                     state_path(session, scratch_pool), scratch_pool);
    if (err == NULL && text != NULL) {
        err = acme_json_parse(&object, text, len, "the state of a CA", scratch_pool);
        if (err == NULL) {
            use_state(session, object, scratch_pool);
        }
    }
    if (err != NULL) {
        acme_env_log(session->config.env, ACME_LOG_WARNING, "%s: %s", session->ca->name, err->text);
    }
    read_budget(session, scratch_pool);
    apr_pool_destroy(scratch_pool);
}

static void log_trouble(acme_session_t *session, const acme_err_t *err, apr_time_t now,
                        apr_pool_t *scratch_pool)
{
    apr_uint32_t hash = acme_policy_reason(err->text);
    const char *again = acme_time_rfc3339(session->not_before, scratch_pool);
    if (session->ca->is_test) { /* nobody waits for it, and nobody has to mend it */
        acme_env_log(session->config.env, ACME_LOG_INFO, "%s: %s; not asked before %s",
                     session->ca->name, err->text, again);
        return;
    }
    if (!acme_policy_shall_log(session->logged_at, session->logged_hash, hash, now)) {
        ++session->logged_count;
        acme_env_log(session->config.env, ACME_LOG_INFO, "%s: still: %s; asked again at %s",
                     session->ca->name, err->text, again);
        return;
    }
    if (session->logged_hash == hash && session->logged_count > 0) {
        acme_env_log(session->config.env, ACME_LOG_ERROR,
                     "%s: %s; asked again at %s (%d times since it was last logged)",
                     session->ca->name, err->text, again, session->logged_count);
    } else {
        acme_env_log(session->config.env, ACME_LOG_ERROR, "%s: %s; asked again at %s",
                     session->ca->name, err->text, again);
    }
    session->logged_at = now;
    session->logged_hash = hash;
    session->logged_count = 0;
}

/* Of several answers to what was under way the longest Retry-After counts. */
static void prolong(acme_session_t *session, const acme_err_t *err, apr_time_t now)
{
    if (err->retry_at > session->not_before) {
        session->not_before = acme_policy_probe_at(err, 1, 0, now, 0);
        write_state(session);
    }
}

void acme_session__trouble(acme_session_t *session, const acme_err_t *err)
{
    apr_time_t now = acme_env_now(session->config.env);
    if (session->not_before > now && session->trouble != NULL) {
        prolong(session, err, now);
        return; /* what was under way when it began fails as well: that is the same trouble */
    }
    apr_pool_t *scratch_pool;
    apr_pool_create(&scratch_pool, session->pool);
    acme_err_t *copy = acme_err_copy(scratch_pool, err);
    apr_pool_clear(session->trouble_pool);
    session->trouble = acme_err_copy(session->trouble_pool, copy);
    session->directory = NULL;
    session->nonce_count = 0;
    ++session->errors;
    session->not_before =
        acme_policy_probe_at(err, session->errors, session->config.retry_delay, now,
                             acme_env_uniform(session->config.env, scratch_pool));
    log_trouble(session, session->trouble, now, scratch_pool);
    write_state(session);
    apr_pool_destroy(scratch_pool);
}

void acme_session__well(acme_session_t *session)
{
    ++session->passed;
    session->server_errors = 0;
    if (session->errors == 0) {
        return;
    }
    session->errors = 0;
    session->not_before = 0;
    session->trouble = NULL;
    session->logged_hash = 0;
    session->logged_at = 0;
    apr_pool_clear(session->trouble_pool);
    acme_env_log(session->config.env, ACME_LOG_NOTICE, "%s: answers again", session->ca->name);
    write_state(session);
}
