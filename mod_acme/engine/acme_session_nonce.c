/* Exchanges of a session and its stock of nonces; see acme_session_private.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_session_private.h"

#include <string.h>

#include <apr_strings.h>

acme_exchange_t *acme_session__exchange(acme_session_t *session, acme_method_t method,
                                        const char *url, void (*done)(acme_exchange_t *),
                                        void *baton, apr_pool_t *pool)
{
    apr_pool_t *exchange_pool;
    apr_pool_create(&exchange_pool, pool);
    acme_exchange_t *exchange = apr_pcalloc(exchange_pool, sizeof(*exchange));
    exchange->pool = exchange_pool;
    exchange->method = method;
    exchange->url = apr_pstrdup(exchange_pool, url);
    exchange->route = &session->ca->route;
    exchange->done = done;
    exchange->baton = baton;
    return exchange;
}

void acme_session__begin(acme_session_t *session, acme_exchange_t *exchange)
{
    ++session->in_flight;
    acme_transport_begin(session->config.transport, exchange);
}

acme_err_t *acme_session__problem(acme_session_t *session, const acme_problem_t **problem,
                                  const acme_exchange_t *exchange, const char *doing,
                                  apr_pool_t *pool)
{
    *problem = acme_problem_parse(exchange->answer, exchange->answer_len, exchange->status, pool);
    apr_time_t retry_at = acme_exchange_retry_at(exchange, acme_env_now(session->config.env));
    return acme_problem_err(*problem, retry_at, doing, pool);
}

static int nonce_ok(const char *nonce)
{
    apr_size_t len =
        strspn(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return len > 0 && len < ACME_SESSION_NONCE_MAX && nonce[len] == '\0';
}

void acme_session__keep_nonce(acme_session_t *session, const acme_exchange_t *exchange)
{
    const char *nonce = acme_exchange_header(exchange, "Replay-Nonce");
    if (nonce != NULL && nonce_ok(nonce) && session->nonce_count < ACME_SESSION_NONCES) {
        apr_cpystrn(session->nonces[session->nonce_count++], nonce, ACME_SESSION_NONCE_MAX);
    }
}

const char *acme_session__take_nonce(acme_session_t *session, apr_pool_t *pool)
{
    return session->nonce_count == 0 ? NULL
                                     : apr_pstrdup(pool, session->nonces[--session->nonce_count]);
}

static void forget_nonce_exchange(acme_session_t *session, const acme_exchange_t *exchange)
{
    for (int i = 0; i < session->nonces_in_flight; ++i) {
        if (session->nonce_exchanges[i] == exchange) {
            session->nonce_exchanges[i] = session->nonce_exchanges[--session->nonces_in_flight];
            --session->in_flight;
            return;
        }
    }
}

static void hear_nonce(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    forget_nonce_exchange(session, exchange);
    acme_err_t *err = exchange->err;
    if (err == NULL && exchange->status / 100 != 2) {
        const acme_problem_t *problem;
        err = acme_session__problem(session, &problem, exchange, "asking for a nonce",
                                    exchange->pool);
    }
    else if (err == NULL) {
        int before = session->nonce_count;
        acme_session__keep_nonce(session, exchange);
        if (session->nonce_count == before && before < ACME_SESSION_NONCES) {
            err = acme_err_make(exchange->pool, ACME_ERR_INPUT,
                                "%s answered without a usable Replay-Nonce", exchange->url);
        }
    }
    if (err != NULL) {
        acme_session__trouble(session, err);
    }
    apr_pool_destroy(exchange->pool);
}

void acme_session__seek_nonces(acme_session_t *session, int wanted)
{
    while (session->nonces_in_flight < wanted && session->nonces_in_flight < ACME_SESSION_NONCES &&
           session->in_flight < session->config.max_in_flight) {
        acme_exchange_t *exchange =
            acme_session__exchange(session, ACME_METHOD_HEAD, session->directory->new_nonce,
                                   hear_nonce, session, session->pool);
        session->nonce_exchanges[session->nonces_in_flight++] = exchange;
        acme_session__begin(session, exchange);
    }
}
