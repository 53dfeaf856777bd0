/* When a new order may go: the CA's limits, known and found out; see acme_session_private.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_session_private.h"

#include "acme/acme_time.h"

/* One refusal may be about a name, and that is its run's own matter. When so many come in a row it
 * is taken for a limit of the account: then new orders go one by one, as far apart as the CA said,
 * or a minute where it means another thing, so that no name waits long for the trouble of others.
 * After a while several at once are tried again, and that while grows. */
#define ORDER_REFUSALS_MAX 3
#define PACE_MAX ACME_TIME_MINUTE
#define CAREFUL_MIN (15 * ACME_TIME_MINUTE)
#define CAREFUL_MAX (6 * ACME_TIME_HOUR)

int acme_session__is_careful(const acme_session_t *session)
{
    return session->order_refusals >= ORDER_REFUSALS_MAX;
}

int acme_session__orders_flying(const acme_session_t *session)
{
    int count = 0;
    for (const acme_ask_t *ask = session->flying.first; ask != NULL; ask = ask->after) {
        count += ask->request.kind == ACME_REQUEST_NEW_ORDER;
    }
    return count;
}

apr_time_t acme_session__order_at(const acme_session_t *session, apr_time_t now)
{
    apr_time_t at = acme_session__is_careful(session) ? session->order_at : 0;
    apr_time_t token_at =
        session->renewals.first == NULL ? acme_budget_order_at(session->budget, 1, now) : 0;
    return at > token_at ? at : token_at;
}

int acme_session__may_order(const acme_session_t *session)
{
    apr_time_t now = acme_env_now(session->config.env);
    return session->orders.count + session->renewals.count > 0 &&
           acme_session__order_at(session, now) <= now &&
           (!acme_session__is_careful(session) || acme_session__orders_flying(session) == 0);
}

acme_budget_t *acme_session_budget(acme_session_t *session)
{
    acme_session__read_state(session);
    return session->budget;
}

int acme_session_orders_waiting(const acme_session_t *session)
{
    return session->orders.count;
}

int acme_session_order_room(acme_session_t *session, int is_urgent)
{
    apr_time_t now = acme_env_now(session->config.env);
    return acme_budget_orders(acme_session_budget(session), is_urgent, now) - session->orders.count;
}

void acme_session__spend(acme_session_t *session, const acme_request_t *request)
{
    if (request->kind == ACME_REQUEST_NEW_ORDER) {
        if (request->is_counted) {
            acme_budget_take_order(session->budget, acme_env_now(session->config.env));
        }
        acme_session_save_budget(session);
    }
}

void acme_session__spend_not(acme_session_t *session, const acme_request_t *request)
{
    if (request->kind == ACME_REQUEST_NEW_ORDER && request->is_counted) {
        acme_budget_give_order_back(session->budget, acme_env_now(session->config.env));
    }
}

static void note_refused(acme_session_t *session, apr_time_t retry_at, apr_time_t now)
{
    apr_interval_time_t wait =
        retry_at > now && retry_at < now + PACE_MAX ? retry_at - now : PACE_MAX;
    int was_careful = acme_session__is_careful(session);
    if (was_careful) { /* it came too early by so much */
        session->pace = session->pace + wait < PACE_MAX ? session->pace + wait : PACE_MAX;
    }
    else if (session->order_refusals == 0 || wait > session->pace) {
        session->pace = wait;
    }
    ++session->order_refusals;
    session->order_at = now + wait;
    if (!acme_session__is_careful(session)) {
        return;
    }
    if (!was_careful) {
        apr_interval_time_t longer = 2 * session->careful_for;
        session->careful_for = longer < CAREFUL_MIN   ? CAREFUL_MIN
                               : longer > CAREFUL_MAX ? CAREFUL_MAX
                                                      : longer;
        acme_env_log(session->config.env, ACME_LOG_NOTICE,
                     "%s: its limits are reached; new orders go one by one, %d seconds apart",
                     session->ca->name, (int)apr_time_sec(session->pace));
    }
    session->careful_until = now + session->careful_for;
}

static void note_ordered(acme_session_t *session, apr_time_t now)
{
    if (acme_session__is_careful(session) && now < session->careful_until) {
        session->order_at = now + session->pace;
        return;
    }
    session->order_refusals = 0;
}

void acme_session__mind_limits(acme_session_t *session, const acme_ask_t *ask,
                               const acme_answer_t *answer)
{
    apr_time_t now = acme_env_now(session->config.env);
    if (ask->request.kind != ACME_REQUEST_NEW_ORDER) {
        return;
    }
    if (answer->err == NULL) {
        note_ordered(session, now);
    }
    else if (answer->problem != NULL && acme_problem_is(answer->problem, "rateLimited") &&
             !acme_problem_is_pause(answer->problem)) {
        note_refused(session, answer->retry_at, now);
    }
}
