/* The inside of a session, shared by the files that make it up.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_SESSION_PRIVATE_H
#define ACME_SESSION_PRIVATE_H

#include "acme/acme_account.h"
#include "acme/acme_budget.h"
#include "acme/acme_directory.h"
#include "acme/acme_jws.h"
#include "acme/acme_session.h"

#define ACME_SESSION_NONCES 64
#define ACME_SESSION_NONCE_MAX 256

/* A list of asks; each is in one at most. */
typedef struct {
    acme_ask_t *first;
    acme_ask_t *last;
    int count;
} acme_ask_list_t;

struct acme_ask_t {
    acme_ask_t *before; /* in its list */
    acme_ask_t *after;
    acme_ask_list_t *list; /* the list it is in, or NULL */
    apr_pool_t *pool; /* of the ask: its strings; each exchange has a child of it */
    acme_session_t *session;
    acme_request_t request; /* with strings of its own */
    int bad_nonces;     /* while nothing else passed */
    int all_bad_nonces; /* ever */
    apr_uint32_t nonces_passed; /* the session's passed, at the last of them */
    int failures;        /* without an answer, or 5xx, while others passed in between */
    apr_uint32_t passed; /* the session's, at the last of them */
    const acme_account_t *account; /* that it was last signed for */
    acme_exchange_t *exchange; /* NULL while it waits in the queue */
};


/* A change of the account that was asked for (acme_session_change.c). */
typedef enum { ACME_CHANGE_NONE, ACME_CHANGE_KEY, ACME_CHANGE_CLOSE } acme_change_kind_t;

typedef struct {
    acme_change_kind_t kind;
    acme_session_changed_fn *changed;
    void *baton;
    acme_err_t *refusal; /* the CA said so, but has it perhaps done it? */
    int bad_nonces;
    apr_time_t since;
} acme_change_t;

struct acme_session_t {
    apr_pool_t *pool;
    acme_session_config_t config;
    const acme_ca_t *ca;

    acme_ask_list_t queue;  /* what takes an order further; goes first */
    acme_ask_list_t orders;   /* new orders: one for every two of the others */
    acme_ask_list_t renewals; /* of them those that do not count for the account; go before the others */
    acme_budget_t *budget;
    int order_refusals;           /* new orders in a row that the CA's limits refused */
    apr_interval_time_t pace;     /* so far apart are new orders while that is so */
    apr_time_t order_at;          /* the next one */
    apr_time_t careful_until;     /* then several at once are tried again */
    apr_interval_time_t careful_for;
    acme_ask_list_t inquiries; /* for renewal information: when there is room */
    int inquiring;             /* of them in flight */
    unsigned turn;
    int is_draining; /* nothing is begun any more */
    acme_ask_list_t flying;
    int queued; /* in queue, orders and renewals */
    int in_flight; /* exchanges out, of whatever kind */

    acme_exchange_t *setup; /* directory or newAccount under way */
    apr_pool_t *directory_pool;
    acme_directory_t *directory; /* NULL: to be asked for */
    apr_time_t directory_at;

    const acme_key_t *key; /* NULL: not read yet */
    const char *thumbprint;
    const acme_key_t *new_key; /* in privkey.new; NULL: there is none */
    int is_unresolved;         /* does the CA have the new one or the one before? */
    int is_closing_unsaved;    /* record says that the account is closed, the disk not yet */
    int is_key_unsaved;        /* key is in privkey.new: the disk refused it its own place */
    acme_change_t change;
    int has_old_key;         /* the key was there before: the CA may have an account for it */
    acme_account_t *account; /* NULL: to be looked up or made */
    acme_account_t *record;  /* account.json as it is; NULL: there is none, or it is another CA's */
    int has_read_record;
    int is_closed;            /* by the administrator's wish, as the record says */
    int is_lookup;            /* newAccount under way only looks the key up */
    int has_dropped_contacts; /* the CA refused them: go without */
    int has_asked_contacts;   /* to change them, in this session */
    int is_doubted;           /* the CA said `unauthorized`: is it the account? */
    apr_time_t checked_at;    /* when it was last found to be well */
    int account_bad_nonces;

    char nonces[ACME_SESSION_NONCES][ACME_SESSION_NONCE_MAX];
    int nonce_count;
    int nonces_in_flight;
    struct acme_exchange_t *nonce_exchanges[ACME_SESSION_NONCES];

    apr_interval_time_t estimates[2]; /* validation, issuance */

    int has_read_state;
    int errors;            /* failures in a row */
    int server_errors;     /* 5xx answers in a row */
    apr_uint32_t passed;   /* answers that were none of the CA's trouble */
    apr_time_t not_before; /* no request earlier */
    apr_pool_t *trouble_pool;
    acme_err_t *trouble;
    apr_time_t logged_at;
    apr_uint32_t logged_hash;
    int logged_count;
};

/** No request is signed anew more often than this for badNonce while no other is accepted. */
#define ACME_SESSION_BAD_NONCES 30

/** Nor more often than this in all: some CAs lose most of their nonces, and yet all gets through. */
#define ACME_SESSION_BAD_NONCES_MAX 150

/* acme_session_state.c: patience, persisted */

/** Reads session.json once; what was waited for is waited for on, unless the configuration changed. */
void acme_session__read_state(acme_session_t *session);

/** The CA is in trouble, or we are with it: nothing is sent before the time that policy says. */
void acme_session__trouble(acme_session_t *session, const acme_err_t *err);

/** The CA answered a signed request: no trouble (any more). */
void acme_session__well(acme_session_t *session);

/* acme_session_account.c: our account at the CA */

/** Brings the account one step nearer: reads key and record, or begins newAccount. */
void acme_session__seek_account(acme_session_t *session);

/** The CA says that it does not know @a account: it is made anew with the same key, within limits. */
void acme_session__lose_account(acme_session_t *session, const acme_account_t *account);

/** The CA answered a request that was signed for the account with `unauthorized`. Nonzero if the request
 * shall wait until it is known whether that is the account's fault. */
int acme_session__doubt_account(acme_session_t *session);

/** Begins to ask the CA for the account that is in doubt. */
void acme_session__check_account(acme_session_t *session);

/** Uses @a key, which is on disk, from now on; the children are told. */
acme_err_t *acme_session__use_key(acme_session_t *session, const acme_key_t *key);

/** The path of a file of this CA in accounts/. */
const char *acme_session__path(const acme_session_t *session, const char *file, apr_pool_t *pool);

/** Writes account.json. */
acme_err_t *acme_session__write_record(acme_session_t *session, const acme_account_t *account,
                                       apr_pool_t *scratch_pool);

/** Signs @a jws, all of it but the url, as @a exchange's body and begins it as the session's setup. On an
 * error, which lives in the session's pool, the exchange is gone. */
acme_err_t *acme_session__begin_setup(acme_session_t *session, acme_exchange_t *exchange,
                                      acme_jws_t *jws);

/* acme_session_change.c: a new key for the account, its end */

/** Reads what a change of keys left behind: session->new_key, and then is_unresolved is set. */
acme_err_t *acme_session__find_new_key(acme_session_t *session);

/** Asks the CA whether it has the new key. */
void acme_session__resolve_key(acme_session_t *session);

/** Begins the change that was asked for; nothing signed may be in flight. */
void acme_session__begin_change(acme_session_t *session);

/** Nonzero if the change has to wait for proofs; and until when it does at most. */
int acme_session__is_proving(const acme_session_t *session);
apr_time_t acme_session__proving_until(const acme_session_t *session);

/** The account cannot be had for the reason @a err. Nonzero if only a change was waiting for it, and has
 * heard. */
int acme_session__miss_change(acme_session_t *session, acme_err_t *err);

/* acme_session_limits.c: when new orders may go */

/** Nonzero while the CA's limit for the account is taken for reached: one order at a time. */
int acme_session__is_careful(const acme_session_t *session);

/** New orders under way. */
int acme_session__orders_flying(const acme_session_t *session);

/** When the next order that waits may go: after the pause in careful times, and with a token of the budget
 * if it counts. May be past. */
apr_time_t acme_session__order_at(const acme_session_t *session, apr_time_t now);

/** Nonzero if a new order waits that may go now. */
int acme_session__may_order(const acme_session_t *session);

/** Takes what @a request costs out of the budget, and writes that with what its names have taken; before it
 * is sent. */
void acme_session__spend(acme_session_t *session, const acme_request_t *request);

/** The CA has not looked at @a request, for its nonce: that has cost nothing there. */
void acme_session__spend_not(acme_session_t *session, const acme_request_t *request);

/** What the answer to a new order says of the limits of the account. */
void acme_session__mind_limits(acme_session_t *session, const acme_ask_t *ask,
                               const acme_answer_t *answer);

/* acme_session_nonce.c */

/** Takes the Replay-Nonce of an answer into stock, if it is one. */
void acme_session__keep_nonce(acme_session_t *session, const acme_exchange_t *exchange);

/** Takes the newest nonce out of stock; NULL if there is none. */
const char *acme_session__take_nonce(acme_session_t *session, apr_pool_t *pool);

/** Begins enough newNonce requests for what waits. */
void acme_session__seek_nonces(acme_session_t *session, int wanted);

/** An exchange in a new child of @a pool, counted as in flight once begun. */
acme_exchange_t *acme_session__exchange(acme_session_t *session, acme_method_t method,
                                        const char *url, void (*done)(acme_exchange_t *),
                                        void *baton, apr_pool_t *pool);
void acme_session__begin(acme_session_t *session, acme_exchange_t *exchange);

/** The problem of an answer that is not 2xx, as an error. */
acme_err_t *acme_session__problem(acme_session_t *session, const acme_problem_t **problem,
                                  const acme_exchange_t *exchange, const char *doing,
                                  apr_pool_t *pool);

#endif
