/* A session with one CA: the queue, signing, and who hears what; see acme_session.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An ask is in the queue or flying. It flies with one exchange; when the answer is badNonce, or none
 * came because the CA is in trouble, it goes back to the front of the queue. Invariants:
 *
 *  1. in_flight counts every exchange begun and not yet heard (asks, nonces, setup).
 *  2. A nonce is taken out of stock before it is sent and never comes back (RFC 8555 section 6.5).
 *  3. An ask's memory goes when its run has heard, or has withdrawn it.
 *
 * What takes an order further has two turns of three, new orders one: of a thousand domains the first
 * are served while the last have not been ordered yet, and nobody starves when many orders are polled.
 */
#include "acme_session_private.h"

#include <apr_strings.h>

#include "acme/acme_jws.h"
#include "acme/acme_renewal_info.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

/** A directory older than this is read again before new work begins; for inquiries alone it may be older. */
#define DIRECTORY_AGE_MAX ACME_TIME_HOUR
#define DIRECTORY_AGE_MAX_INQUIRY ACME_TIME_DAY

/** So many 5xx answers in a row, without a good one between, are the CA's trouble. */
#define SERVER_ERRORS_MAX 3

/** So often a request may fail while others pass before its run hears of it. */
#define FAILURES_MAX 3

/** So many requests for renewal information fly at once. */
#define INQUIRIES_MAX 4

acme_session_t *acme_session_create(const acme_session_config_t *config, const acme_ca_t *ca,
                                    apr_pool_t *pool)
{
    acme_session_t *session = apr_pcalloc(pool, sizeof(*session));
    session->pool = pool;
    session->config = *config;
    session->ca = ca;
    session->budget = acme_budget_create(&ca->limits, config->registered_domain, pool);
    apr_pool_create(&session->directory_pool, pool);
    apr_pool_create(&session->trouble_pool, pool);
    return session;
}

const acme_ca_t *acme_session_ca(const acme_session_t *session)
{
    return session->ca;
}

/* ---- the directory ---- */

static acme_err_t *take_directory(acme_session_t *session, const acme_exchange_t *exchange)
{
    if (exchange->status / 100 != 2) {
        const acme_problem_t *problem;
        acme_err_t *err = acme_session__problem(session, &problem, exchange,
                                                "asking for the directory", exchange->pool);
        return acme_err_wrap(exchange->pool, err, "%s", exchange->url);
    }
    apr_pool_clear(session->directory_pool);
    ACME_TRY(acme_directory_parse(&session->directory, exchange->answer, exchange->answer_len,
                                  exchange->url, session->directory_pool));
    session->directory_at = acme_env_now(session->config.env);
    return NULL;
}

static void hear_directory(acme_exchange_t *exchange)
{
    acme_session_t *session = exchange->baton;
    session->setup = NULL;
    --session->in_flight;
    acme_err_t *err = exchange->err;
    if (err == NULL) {
        err = take_directory(session, exchange);
    }
    if (err != NULL) {
        session->directory = NULL;
        acme_session__trouble(session, err);
    } else {
        ++session->passed; /* the CA is there; what fails all the same fails alone */
    }
    apr_pool_destroy(exchange->pool);
}

static void begin_directory(acme_session_t *session)
{
    session->setup =
        acme_session__exchange(session, ACME_METHOD_GET, session->ca->directory_url,
                               hear_directory, session, session->pool);
    acme_session__begin(session, session->setup);
}

/* ---- lists of asks ---- */

static void insert_between(acme_ask_list_t *list, acme_ask_t *before, acme_ask_t *ask,
                           acme_ask_t *after)
{
    ask->list = list;
    ask->before = before;
    ask->after = after;
    *(before != NULL ? &before->after : &list->first) = ask;
    *(after != NULL ? &after->before : &list->last) = ask;
    ++list->count;
}

static void insert_first(acme_ask_list_t *list, acme_ask_t *ask)
{
    insert_between(list, NULL, ask, list->first);
}

static void insert_last(acme_ask_list_t *list, acme_ask_t *ask)
{
    insert_between(list, list->last, ask, NULL);
}

static void take_out(acme_ask_t *ask)
{
    acme_ask_list_t *list = ask->list;
    *(ask->before != NULL ? &ask->before->after : &list->first) = ask->after;
    *(ask->after != NULL ? &ask->after->before : &list->last) = ask->before;
    --list->count;
    ask->list = NULL;
}

/* ---- asks ---- */

static int is_inquiry(const acme_ask_t *ask)
{
    return ask->request.kind == ACME_REQUEST_RENEWAL_INFO;
}

static acme_ask_list_t *queue_for(acme_session_t *session, const acme_ask_t *ask)
{
    switch (ask->request.kind) {
    case ACME_REQUEST_NEW_ORDER:
        return ask->request.is_counted ? &session->orders : &session->renewals;
    case ACME_REQUEST_RENEWAL_INFO:
        return &session->inquiries;
    case ACME_REQUEST_POST:
    case ACME_REQUEST_REVOKE:
        break;
    }
    return &session->queue;
}

static void enqueue_first(acme_session_t *session, acme_ask_t *ask)
{
    ask->exchange = NULL;
    insert_first(queue_for(session, ask), ask);
    ++session->queued;
}

static acme_ask_t *dequeue(acme_session_t *session, int with_orders)
{
    acme_ask_list_t *orders =
        session->renewals.first != NULL ? &session->renewals : &session->orders;
    int has_orders = with_orders && orders->first != NULL;
    int is_their_turn = session->queue.first == NULL || ++session->turn % 3 == 0;
    acme_ask_t *ask = has_orders && is_their_turn ? orders->first : session->queue.first;
    take_out(ask);
    --session->queued;
    return ask;
}

static const char *own(const char *text, apr_pool_t *pool)
{
    return text != NULL ? apr_pstrdup(pool, text) : NULL;
}

acme_ask_t *acme_session_ask(acme_session_t *session, const acme_request_t *request)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, session->pool);
    acme_ask_t *ask = apr_pcalloc(pool, sizeof(*ask));
    ask->pool = pool;
    ask->session = session;
    ask->request = *request;
    ask->request.doing = own(request->doing, pool);
    ask->request.url = own(request->url, pool);
    ask->request.payload = own(request->payload, pool);
    ask->request.certid = own(request->certid, pool);
    insert_last(queue_for(session, ask), ask);
    session->queued += !is_inquiry(ask);
    return ask;
}

/* The run hears, and the ask is gone. */
static void deliver(acme_ask_t *ask, const acme_answer_t *answer)
{
    ask->request.hear(ask->request.baton, answer);
    apr_pool_destroy(ask->pool);
}

static void deliver_err(acme_ask_t *ask, acme_err_t *err)
{
    acme_answer_t answer = {.err = err};
    deliver(ask, &answer);
}

/* Nonzero if this request fails again and again while others pass: then it shall not hold them up. */
static int fails_alone(const acme_session_t *session, acme_ask_t *ask)
{
    if (ask->failures == 0 || ask->passed != session->passed) {
        ++ask->failures;
    }
    ask->passed = session->passed;
    return ask->failures >= FAILURES_MAX;
}

/* No answer came: the CA's trouble; the ask waits in front for its end. */
static void not_reached(acme_session_t *session, acme_ask_t *ask)
{
    acme_err_t *err = ask->exchange->err;
    if (ask->request.is_optional ||
        (err->errclass == ACME_ERR_NETWORK && fails_alone(session, ask))) {
        deliver_err(ask, err);
        return;
    }
    acme_session__trouble(session, err);
    apr_pool_destroy(ask->exchange->pool);
    enqueue_first(session, ask);
}

static int is_ca_trouble(acme_session_t *session, const acme_exchange_t *exchange)
{
    if (exchange->status < 500) {
        return 0;
    }
    ++session->server_errors;
    return exchange->status == 503 || session->server_errors >= SERVER_ERRORS_MAX;
}

/* Whether a request that met badNonce is signed once more. */
static int has_patience(const acme_session_t *session, acme_ask_t *ask)
{
    if (ask->nonces_passed != session->passed) {
        ask->nonces_passed = session->passed;
        ask->bad_nonces = 0;
    }
    return ++ask->bad_nonces <= ACME_SESSION_BAD_NONCES &&
           ++ask->all_bad_nonces <= ACME_SESSION_BAD_NONCES_MAX;
}

/* Decides what an answer other than 2xx means for the session. Nonzero: the ask was taken care of. */
static int settle_refusal(acme_session_t *session, acme_ask_t *ask, const acme_problem_t *problem,
                          const acme_err_t *err)
{
    acme_exchange_t *exchange = ask->exchange;
    if (acme_problem_is(problem, "badNonce")) {
        acme_session__spend_not(session, &ask->request);
    }
    if (acme_problem_is(problem, "badNonce") && has_patience(session, ask)) {
        enqueue_first(session, ask);
    } else if (acme_problem_is(problem, "accountDoesNotExist")) {
        acme_session__lose_account(session, ask->account);
        enqueue_first(session, ask);
    } else if (acme_problem_is(problem, "unauthorized") && ask->request.key == NULL &&
               (ask->account != session->account || acme_session__doubt_account(session))) {
        enqueue_first(session, ask);
    } else if (!ask->request.is_optional && is_ca_trouble(session, exchange) &&
               !fails_alone(session, ask)) {
        acme_session__trouble(session, err);
        enqueue_first(session, ask);
    } else {
        return 0;
    }
    apr_pool_destroy(exchange->pool);
    return 1;
}

/* ---- what is heard ---- */

static void hear_ask(acme_exchange_t *exchange)
{
    acme_ask_t *ask = exchange->baton;
    acme_session_t *session = ask->session;
    take_out(ask);
    --session->in_flight;
    if (exchange->err != NULL) {
        not_reached(session, ask);
        return;
    }
    acme_session__keep_nonce(session, exchange);
    acme_answer_t answer = {
        .exchange = exchange,
        .retry_at = acme_exchange_retry_at(exchange, acme_env_now(session->config.env))};
    if (exchange->status / 100 != 2) {
        answer.err = acme_session__problem(session, &answer.problem, exchange, ask->request.doing,
                                           exchange->pool);
        if (settle_refusal(session, ask, answer.problem, answer.err)) {
            return;
        }
        if (acme_problem_is(answer.problem, "badNonce")) {
            answer.err->errclass = ACME_ERR_NETWORK; /* not about this order at all */
        }
    }
    if (exchange->status < 500) {
        acme_session__well(session);
    }
    acme_session__mind_limits(session, ask, &answer);
    deliver(ask, &answer);
}

/* Nobody's trouble: what cannot be asked now is asked some other time. */
static void hear_inquiry(acme_exchange_t *exchange)
{
    acme_ask_t *ask = exchange->baton;
    acme_session_t *session = ask->session;
    take_out(ask);
    --session->in_flight;
    --session->inquiring;
    acme_answer_t answer = {
        .err = exchange->err,
        .exchange = exchange,
        .retry_at = exchange->err == NULL
                        ? acme_exchange_retry_at(exchange, acme_env_now(session->config.env))
                        : 0};
    if (exchange->err == NULL && exchange->status / 100 != 2) {
        answer.err = acme_session__problem(session, &answer.problem, exchange, ask->request.doing,
                                           exchange->pool);
    }
    deliver(ask, &answer);
}

static void fly(acme_session_t *session, acme_ask_t *ask, acme_exchange_t *exchange)
{
    ask->exchange = exchange;
    insert_last(&session->flying, ask);
    acme_session__begin(session, exchange);
}

static acme_err_t *launch_inquiry(acme_session_t *session, acme_ask_t *ask)
{
    const char *base = session->directory->renewal_info;
    if (base == NULL) {
        return acme_err_make(ask->pool, ACME_ERR_GONE, "%s has no renewal information",
                             session->ca->name);
    }
    const char *url = acme_renewal_info_url(base, ask->request.certid, ask->pool);
    ++session->inquiring;
    fly(session, ask,
        acme_session__exchange(session, ACME_METHOD_GET, url, hear_inquiry, ask, ask->pool));
    return NULL;
}

static acme_err_t *compose(const char **payload, acme_session_t *session, const acme_ask_t *ask,
                           apr_pool_t *pool)
{
    const acme_request_t *request = &ask->request;
    *payload = request->payload;
    return request->compose == NULL ? NULL
                                    : request->compose(payload, request->baton, session->directory,
                                                       session->account->url, pool);
}

/* NULL: the CA has no such thing. */
static const char *url_of(const acme_session_t *session, const acme_ask_t *ask)
{
    switch (ask->request.kind) {
    case ACME_REQUEST_NEW_ORDER:
        return session->directory->new_order;
    case ACME_REQUEST_REVOKE:
        return session->directory->revoke_cert;
    case ACME_REQUEST_POST:
    case ACME_REQUEST_RENEWAL_INFO:
        break;
    }
    return ask->request.url;
}

static acme_err_t *launch(acme_session_t *session, acme_ask_t *ask)
{
    const char *url = url_of(session, ask);
    if (url == NULL) {
        return acme_err_make(ask->pool, ACME_ERR_CONFIG, "the CA %s revokes nothing by ACME",
                             session->ca->name);
    }
    acme_exchange_t *exchange = acme_session__exchange(session, ACME_METHOD_POST, url, hear_ask,
                                                       ask, ask->pool);
    const char *payload;
    ACME_TRY(compose(&payload, session, ask, exchange->pool));
    const acme_key_t *key = ask->request.key;
    acme_jws_t jws = {.key = key != NULL ? key : session->key,
                      .kid = key != NULL ? NULL : session->account->url,
                      .nonce = acme_session__take_nonce(session, exchange->pool),
                      .url = exchange->url,
                      .payload = payload};
    char *body;
    ACME_TRY(acme_jws_sign(&body, &jws, exchange->pool));
    exchange->body = body;
    ask->account = session->account;
    acme_session__spend(session, &ask->request);
    fly(session, ask, exchange);
    return NULL;
}

/* Nonzero if something waits that may go now. */
static int may_flow(const acme_session_t *session, int with_orders)
{
    return session->queue.first != NULL || (with_orders && acme_session__may_order(session));
}

static void flow(acme_session_t *session, int with_orders)
{
    while (may_flow(session, with_orders) && session->nonce_count > 0 &&
           session->in_flight < session->config.max_in_flight) {
        acme_ask_t *ask = dequeue(session, with_orders && acme_session__may_order(session));
        acme_err_t *err = launch(session, ask);
        if (err != NULL) {
            deliver_err(ask, err);
        }
    }
    if (may_flow(session, with_orders)) {
        int is_one_by_one = !with_orders || acme_session__is_careful(session);
        acme_session__seek_nonces(session, is_one_by_one ? 1 : session->queued);
    }
}

static int has_signed_in_flight(const acme_session_t *session)
{
    for (const acme_ask_t *ask = session->flying.first; ask != NULL; ask = ask->after) {
        if (!is_inquiry(ask)) {
            return 1;
        }
    }
    return 0;
}

/* In the name of the account, as far as neither it nor its key is in doubt. A change waits for what is
 * in flight, and what is queued for the change. */
static void proceed(acme_session_t *session)
{
    if (session->is_unresolved) {
        acme_session__resolve_key(session);
        return;
    }
    if (session->is_doubted) {
        acme_session__check_account(session);
        return;
    }
    if (acme_session__is_proving(session)) {
        flow(session, 0); /* so that it comes to an end */
        return;
    }
    if (session->change.kind != ACME_CHANGE_NONE && !has_signed_in_flight(session)) {
        acme_session__begin_change(session);
    }
    if (session->change.kind == ACME_CHANGE_NONE) { /* or it has failed at once */
        flow(session, 1);
    }
}

/* What makes certificates comes first: only what room is left is for inquiries. */
static void inquire(acme_session_t *session)
{
    while (session->inquiries.first != NULL && session->inquiring < INQUIRIES_MAX &&
           session->in_flight < session->config.max_in_flight) {
        acme_ask_t *ask = session->inquiries.first;
        take_out(ask);
        acme_err_t *err = launch_inquiry(session, ask);
        if (err != NULL) {
            deliver_err(ask, err);
        }
    }
}

/* Nonzero if something waits for which the account is needed. */
static int needs_account(const acme_session_t *session)
{
    return session->queued > 0 || session->change.kind != ACME_CHANGE_NONE;
}

static int has_work(const acme_session_t *session)
{
    return needs_account(session) || session->inquiries.first != NULL;
}

static int directory_is_stale(const acme_session_t *session, apr_time_t now)
{
    apr_interval_time_t max = needs_account(session) ? DIRECTORY_AGE_MAX : DIRECTORY_AGE_MAX_INQUIRY;
    return session->in_flight == 0 &&
           (now - session->directory_at > max || now < session->directory_at);
}

void acme_session_tick(acme_session_t *session)
{
    if (!has_work(session) || session->setup != NULL || session->is_draining) {
        return;
    }
    acme_session__read_state(session);
    apr_time_t now = acme_env_now(session->config.env);
    if (session->not_before > now) {
        return;
    }
    if (session->directory == NULL || directory_is_stale(session, now)) {
        session->directory = NULL;
        session->nonce_count = 0;
        begin_directory(session);
        return;
    }
    if (session->account == NULL && needs_account(session)) {
        acme_session__seek_account(session);
    }
    if (session->account != NULL && session->directory != NULL) {
        proceed(session);
    }
    if (session->directory != NULL) {
        inquire(session);
    }
}

/* Nonzero if nothing but new orders waits. */
static int has_only_orders(const acme_session_t *session)
{
    return session->queue.first == NULL && session->inquiries.first == NULL &&
           session->change.kind == ACME_CHANGE_NONE;
}

/* Nonzero if nothing may go before runs have told of their proofs. */
static int waits_for_proofs(const acme_session_t *session)
{
    return session->queue.first == NULL && session->inquiries.first == NULL &&
           acme_session__is_proving(session);
}

apr_time_t acme_session_next(const acme_session_t *session)
{
    apr_time_t at = 0;
    if (!has_work(session) || session->in_flight > 0) {
        return 0;
    }
    if (has_only_orders(session)) {
        at = acme_session__order_at(session, acme_env_now(session->config.env));
    } else if (waits_for_proofs(session)) {
        at = acme_session__proving_until(session);
    }
    return at > session->not_before ? at : session->not_before;
}

apr_time_t acme_session_not_before(const acme_session_t *session)
{
    return session->not_before;
}

void acme_session_set_back(acme_session_t *session, apr_interval_time_t span)
{
    session->not_before -= session->not_before > 0 ? span : 0;
    session->order_at -= span;
    acme_budget_set_back(session->budget, span);
    session->careful_until -= span;
}

int acme_session_drain(acme_session_t *session)
{
    session->is_draining = 1;
    return acme_session__orders_flying(session);
}

int acme_session_in_flight(const acme_session_t *session)
{
    return session->in_flight;
}

int acme_session_errors(acme_session_t *session)
{
    acme_session__read_state(session);
    return session->errors;
}

const char *acme_session_thumbprint(const acme_session_t *session)
{
    return session->thumbprint; /* of the key: also while the account is looked for anew */
}

const char *acme_session_account_url(const acme_session_t *session)
{
    return session->account != NULL ? session->account->url : NULL;
}

int acme_session_may_inquire(const acme_session_t *session)
{
    return session->directory == NULL || session->directory->renewal_info != NULL;
}

int acme_session_inquiries_waiting(const acme_session_t *session)
{
    return session->inquiries.count;
}

const acme_directory_t *acme_session_directory(const acme_session_t *session)
{
    return session->directory;
}

apr_interval_time_t *acme_session_estimate(acme_session_t *session, int is_issuance)
{
    return &session->estimates[is_issuance != 0];
}

const acme_err_t *acme_session_trouble(const acme_session_t *session)
{
    return session->trouble;
}

/* ---- forgetting ---- */

static void drop_exchange(acme_session_t *session, acme_exchange_t *exchange)
{
    acme_transport_cancel(session->config.transport, exchange);
    --session->in_flight;
}

void acme_session_withdraw(acme_session_t *session, acme_ask_t *ask)
{
    take_out(ask);
    if (ask->exchange != NULL) {
        session->inquiring -= is_inquiry(ask);
        drop_exchange(session, ask->exchange);
    } else {
        session->queued -= !is_inquiry(ask);
    }
    apr_pool_destroy(ask->pool);
}

static void withdraw_all(acme_session_t *session, const acme_ask_list_t *list)
{
    while (list->first != NULL) {
        acme_session_withdraw(session, list->first);
    }
}

void acme_session_stop(acme_session_t *session)
{
    session->change = (acme_change_t){.kind = ACME_CHANGE_NONE};
    session->is_unresolved = session->new_key != NULL;
    withdraw_all(session, &session->flying);
    withdraw_all(session, &session->queue);
    withdraw_all(session, &session->orders);
    withdraw_all(session, &session->renewals);
    withdraw_all(session, &session->inquiries);
    while (session->nonces_in_flight > 0) {
        acme_exchange_t *exchange = session->nonce_exchanges[--session->nonces_in_flight];
        drop_exchange(session, exchange);
        apr_pool_destroy(exchange->pool);
    }
    if (session->setup != NULL) {
        drop_exchange(session, session->setup);
        apr_pool_destroy(session->setup->pool);
        session->setup = NULL;
    }
}
