/* A session: our relation to one CA, shared by all its orders.
 * SPDX-License-Identifier: Apache-2.0
 *
 * It keeps the directory, the account and its key, a stock of nonces, the cap on requests in flight,
 * and patience. A run hands it a request and later hears the answer; in between the session does
 * whatever is needed: reads the directory, makes the account, fetches nonces, signs, repeats what was
 * answered badNonce (RFC 8555 section 6.5).
 *
 *              first request            directory        account
 *     IDLE ------------------> DIRECTORY ---------> ACCOUNT ------> READY
 *                                  ^                                  |
 *                                  |  not_before has come             | not reached, 5xx, refused
 *                                  +------------ TROUBLE <------------+
 *
 * Trouble in reaching the CA (DNS, connect, TLS, 5xx) is the CA's trouble: requests wait in the queue,
 * nobody hears of it, one probe after the other with growing pauses asks for the directory, and when
 * it answers everything goes on. The pauses are persisted (accounts/<ca>/session.json). A request that
 * fails three times so while others pass is handed back to its run with the error; so is one answered
 * 5xx (but 503) at once, unless it is the third such answer in a row.
 *
 * What only the administrator can mend (no agreement, no such CA) keeps the session in TROUBLE too,
 * with longer pauses and one clear line in the log.
 *
 * The account is found in the store or by its key, or made. It is made anew where the CA has forgotten or
 * closed it, within limits that account.json counts (acme_policy_remake_at). Whether `unauthorized` is
 * about the account is asked before anybody hears of it, once an hour at most. While the account's key is
 * changed, or the account is closed, nothing else that is signed is in flight.
 *
 * New orders wait until the account's budget (acme_budget.h) has a token for them; what it is spent on is
 * written before it is sent. Those that the CA's limits refuse all the same are their runs' own matter, until three in a row are: then it is a
 * limit of the account, and new orders go one by one, as far apart as the CA said (a minute at most), for a
 * while that grows from a quarter of an hour to six hours.
 *
 * Requests for renewal information need no account and no nonce. At most four fly at once, behind what
 * makes certificates, and their failures are nobody's trouble: whoever asked hears of them.
 *
 * One thread: the engine's.
 */
#ifndef ACME_SESSION_H
#define ACME_SESSION_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_bell.h"
#include "acme/acme_budget.h"
#include "acme/acme_directory.h"
#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_err.h"
#include "acme/acme_key.h"
#include "acme/acme_problem.h"
#include "acme/acme_store.h"
#include "acme/acme_transport.h"

typedef struct acme_session_t acme_session_t;
typedef struct acme_ask_t acme_ask_t;

typedef struct {
    const acme_env_t *env;
    const acme_store_t *store;
    acme_transport_t *transport;
    acme_err_t *(*generate_key)(acme_key_t **key, const acme_key_spec_t *spec, apr_pool_t *pool);
    apr_interval_time_t retry_delay;
    int max_in_flight;
    /** As in acme_engine_config_t. */
    const char *(*registered_domain)(const char *name, apr_pool_t *pool);
    acme_bell_t *bell; /**< rung for each account key that was read or made; NULL: nobody listens */
    /** Nonzero while runs are about to tell the CA of proofs that they have published for the account's
     * key. NULL: never. */
    int (*is_proving)(void *baton, const acme_session_t *session);
    void *baton;
} acme_session_config_t;

/** What a run hears. Everything lives only during the call. */
typedef struct {
    acme_err_t *err;                 /**< NULL: the CA answered 2xx */
    const acme_problem_t *problem;   /**< the CA's own words when it refused; else NULL */
    const acme_exchange_t *exchange; /**< the answer; NULL only with err and no answer */
    apr_time_t retry_at;             /**< Retry-After of the answer, 0 if it did not say */
} acme_answer_t;

/** What a request can be about. */
typedef enum {
    ACME_REQUEST_POST,        /**< signed, to `url` */
    ACME_REQUEST_NEW_ORDER,   /**< signed, to the directory's newOrder */
    ACME_REQUEST_REVOKE,      /**< signed, to the directory's revokeCert */
    ACME_REQUEST_RENEWAL_INFO /**< an unsigned GET about `certid` (RFC 9773 section 4.1) */
} acme_request_kind_t;

typedef struct {
    acme_request_kind_t kind;
    const char *doing;   /**< for sentences: "ordering a certificate for example.org" */
    const char *url;     /**< of a POST */
    const char *payload; /**< "" for POST-as-GET */
    /** Makes the payload of a new order when the directory and the account are known (and again when
     * it is sent again); an error is what the run hears then. NULL: `payload`. */
    acme_err_t *(*compose)(const char **payload, void *baton, const acme_directory_t *directory,
                           const char *account_url, apr_pool_t *pool);
    int is_counted;     /**< of a new order: it takes a token of the account's */
    const char *certid; /**< of ACME_REQUEST_RENEWAL_INFO */
    int is_optional;    /**< of a POST: that it fails, in whatever way, is not the CA's trouble */
    /** Of ACME_REQUEST_REVOKE: the certificate's, to sign with in place of the account's; must live as
     * long as the request. NULL: the account's. */
    const acme_key_t *key;
    void (*hear)(void *baton, const acme_answer_t *answer);
    void *baton;
} acme_request_t;

/** A session with @a ca; nothing is read or asked before the first request. */
acme_session_t *acme_session_create(const acme_session_config_t *config, const acme_ca_t *ca,
                                    apr_pool_t *pool);

/** The CA it is with. */
const acme_ca_t *acme_session_ca(const acme_session_t *session);

/** Queues a request; its strings are copied. `hear` is called once, from inside
 * acme_transport_pump or acme_session_tick, never from inside this function, unless withdrawn before. */
acme_ask_t *acme_session_ask(acme_session_t *session, const acme_request_t *request);

/** Forgets a request: `hear` is not called. */
void acme_session_withdraw(acme_session_t *session, acme_ask_t *ask);

/** Starts what can be started now. Call after every pump and when acme_session_next has come. */
void acme_session_tick(acme_session_t *session);

/** The moment at which the session wants to do something by itself; 0: at none. */
apr_time_t acme_session_next(const acme_session_t *session);

/** No request goes out earlier; in the past, or 0, if nothing is waited for. */
apr_time_t acme_session_not_before(const acme_session_t *session);

/** The wall clock went back by @a span: what waits for a moment waits as long as was meant. */
void acme_session_set_back(acme_session_t *session, apr_interval_time_t span);

/** Exchanges under way. */
int acme_session_in_flight(const acme_session_t *session);

/** From now on nothing new is begun. Returns how many new orders are under way: their answers alone cannot
 * be asked for again (RFC 8555 section 7.4 gives an order's URL once). */
int acme_session_drain(acme_session_t *session);

/** What became of a change: NULL, or why it was not made. Called once, from inside acme_transport_pump or
 * acme_session_tick; the error lives during the call only. */
typedef void acme_session_changed_fn(void *baton, const acme_err_t *err);

/** Gives the account a new key of the same kind (RFC 8555 section 7.3.5). It is on disk
 * (accounts/<ca>/privkey.new) before the CA hears of it; whoever finds it there asks the CA which of the
 * two it has, so that neither is lost whenever the process dies, or whatever becomes of an answer. What
 * is queued waits, what is in flight is heard before. Proofs that were published for the old key are
 * worth nothing after it: runs that are about to tell of theirs may do so first, for an hour at most.
 *
 * ACME_ERR_CONFIG: there is no account, the CA offers no such change or refuses it, or the key is that of
 * ACMEAccountKeyFile. Trouble in reaching the CA is waited out, as ever. Returns -1, and @a changed is not
 * called, if another change is under way; else 0. */
int acme_session_roll_key(acme_session_t *session, acme_session_changed_fn *changed, void *baton);

/** Closes the account for ever (RFC 8555 section 7.3.6). account.json remembers that it was wished, and no
 * new account is made until that record is gone: what is queued waits in TROUBLE. Asked for again it is
 * no error. Otherwise like acme_session_roll_key. */
int acme_session_deactivate(acme_session_t *session, acme_session_changed_fn *changed, void *baton);

/** How often in a row the CA was in trouble, also before this process; 0: it is well. */
int acme_session_errors(acme_session_t *session);

/** What may still be ordered. Orders that are counted and wait to be sent have not taken theirs yet. */
acme_budget_t *acme_session_budget(acme_session_t *session);

/** Writes it, if it has changed. What is spent on an order is written by itself when that is sent. */
void acme_session_save_budget(acme_session_t *session);

/** New orders that are counted and wait to be sent. */
int acme_session_orders_waiting(const acme_session_t *session);

/** How many more new orders that are counted could be sent at once, beside those that wait already; may be
 * negative. @a is_urgent as in acme_budget_orders. */
int acme_session_order_room(acme_session_t *session, int is_urgent);

/** The thumbprint of the account key; NULL before the account is known. */
const char *acme_session_thumbprint(const acme_session_t *session);

/** The URL of the account; NULL before it is known. */
const char *acme_session_account_url(const acme_session_t *session);

/** Nonzero if the CA is worth asking for renewal information: its directory offers it, or was not read
 * yet by this process. */
int acme_session_may_inquire(const acme_session_t *session);

/** Requests for renewal information that wait for their turn. */
int acme_session_inquiries_waiting(const acme_session_t *session);

/** What the CA's directory says; NULL before it was read. Good until the session is used again. */
const struct acme_directory_t *acme_session_directory(const acme_session_t *session);

/** How long this CA took lately to validate, or to issue (@a is_issuance): an estimate for the first
 * look, kept here for all runs and changed through acme_policy_poll_estimate. */
apr_interval_time_t *acme_session_estimate(acme_session_t *session, int is_issuance);

/** Why requests wait, or NULL if they do not. */
const acme_err_t *acme_session_trouble(const acme_session_t *session);

/** Drops all requests, changes and exchanges. */
void acme_session_stop(acme_session_t *session);

#endif
