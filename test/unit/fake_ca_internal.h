/* What the files of the fake CA share: its objects, the request in hand, and the answer in the
 * making. SPDX-License-Identifier: Apache-2.0
 *
 * fake_ca.c            creation, transport, dispatch, and what a test may ask and do
 * fake_ca_jws.c        is this request properly signed?
 * fake_ca_accounts.c   directory, nonces, accounts, key change
 * fake_ca_orders.c     orders, authorizations, challenges, finalize; what happens by itself
 * fake_ca_limits.c     rate limits
 * fake_ca_certs.c      certificates, revocation, renewal information
 * fake_ca_x509.c       CSRs read, certificates made
 * fake_ca_faults.c     the script of faults
 *
 * Two clocks: what happens by itself and latencies go by the env's `now`; what the CA says and
 * judges (dates, expiry, certificates) goes by fake_ca__time, which is the env's plus clock_ahead.
 */
#ifndef FAKE_CA_INTERNAL_H
#define FAKE_CA_INTERNAL_H

#include <apr_hash.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "unit/fake_ca.h"

#define FAKE_CA_URN "urn:ietf:params:acme:error:"

typedef struct fake_ca__account_t fake_ca__account_t;
typedef struct fake_ca__order_t fake_ca__order_t;
typedef struct fake_ca__authz_t fake_ca__authz_t;
typedef struct fake_ca__challenge_t fake_ca__challenge_t;
typedef struct fake_ca__cert_t fake_ca__cert_t;

/** An identifier of an order; a wildcard's value has its "*.". */
typedef struct {
    const char *type;
    const char *value;
} fake_ca__name_t;

/** A problem the CA will state later. */
typedef struct {
    const char *problem; /**< without URN; NULL: none */
    const char *detail;
} fake_ca__why_t;

struct fake_ca__account_t {
    const char *url;
    const char *thumbprint;
    EVP_PKEY *key;
    const char *status;
    apr_array_header_t *contacts; /**< const char * */
    int is_gone;
};

/** Who may make an account. */
typedef struct {
    const char *alg;
    const unsigned char *key;
    apr_size_t key_len;
    int is_single_use;
    int is_used;
} fake_ca__customer_t;

struct fake_ca__challenge_t {
    const char *type;
    const char *token;
    const char *url;
    const char *status;
    const char *key_authorization; /**< as of the POST */
    apr_time_t validated;
    fake_ca__why_t error;
    fake_ca__why_t doom; /**< scripted result */
    fake_ca__authz_t *authz;
};

struct fake_ca__authz_t {
    const char *url;
    fake_ca__account_t *account;
    fake_ca__name_t name;
    const char *base; /**< the name without "*." */
    const char *status;
    apr_time_t expires;
    apr_array_header_t *challenges; /**< fake_ca__challenge_t * */
    apr_array_header_t *orders;     /**< fake_ca__order_t * */
    int is_gone;
};

struct fake_ca__order_t {
    const char *url;
    const char *finalize_url;
    fake_ca__account_t *account;
    const apr_array_header_t *names; /**< fake_ca__name_t, sorted */
    const char *set;                 /**< their values joined by commas */
    const char *status;
    apr_time_t expires;
    apr_array_header_t *authzs; /**< fake_ca__authz_t * */
    const char *profile;
    const char *replaces;
    fake_ca__why_t error;
    fake_ca__why_t doom; /**< how issuing will end */
    EVP_PKEY *key;       /**< of the CSR */
    int is_renewal;      /**< for the names of a certificate before */
    int is_exempt;       /**< replaces inside the suggested window */
    int must_staple;
    fake_ca__cert_t *cert;
    int is_gone;
};

struct fake_ca__cert_t {
    const char *url;
    const char *alternate_url;
    fake_ca__account_t *account; /**< NULL if made without an order */
    const apr_array_header_t *names;
    const char *set;
    X509 *leaf;
    EVP_PKEY *key;
    const char *pem;
    const char *alternate_pem;
    const char *certid; /**< NULL without AKI */
    apr_time_t not_before;
    apr_time_t not_after;
    int is_revoked;
    int is_replaced;
};

/** What stands behind a URL. */
typedef struct {
    fake_ca_kind_t kind;
    void *object;
} fake_ca__resource_t;

/** Something that happens by itself. */
typedef struct {
    apr_time_t due;
    fake_ca__challenge_t *challenge; /**< its validation ends, or */
    fake_ca__order_t *order;         /**< its issuing ends */
} fake_ca__event_t;

typedef struct {
    acme_exchange_t *exchange;
    fake_ca_t *target;   /**< the CA that answers */
    apr_uint64_t number; /**< in the transport's order */
    apr_uint64_t seq;    /**< in the target's order */
    apr_time_t begun;
    apr_time_t due;
} fake_ca__flight_t;

/** Until when a client was told to wait, and from which exchange on that binds it. */
typedef struct {
    apr_uint64_t from_seq;
    apr_time_t until;
} fake_ca__patience_t;

typedef struct {
    fake_ca_fault_t what;
    int seen;
} fake_ca__fault_t;

struct fake_ca_t {
    apr_pool_t *pool;
    const acme_env_t *env;
    const char *base;
    apr_uint64_t random;
    apr_uint64_t numbers; /**< for URLs */
    fake_ca_settings_t settings;
    acme_transport_t transport;
    apr_array_header_t *joined;  /**< fake_ca_t * */
    apr_array_header_t *flights; /**< fake_ca__flight_t */
    apr_uint64_t begun;          /**< exchanges through this transport */
    apr_uint64_t seq;            /**< exchanges for this CA */
    int peak;

    apr_hash_t *resources;      /**< URL -> fake_ca__resource_t */
    apr_hash_t *nonces;         /**< nonce -> "fresh", "spent", "stale" */
    apr_hash_t *accounts;       /**< thumbprint -> account */
    apr_hash_t *latest_order;   /**< "account\nset" and "set" -> order */
    apr_hash_t *latest_authz;   /**< "account\nname" and "name" -> authz */
    apr_hash_t *latest_cert;    /**< set -> cert */
    apr_hash_t *certids;        /**< CertID -> cert */
    apr_hash_t *histories;      /**< "what\naccount\nname" -> array of apr_time_t */
    apr_hash_t *buckets;        /**< "what\nwhose" -> apr_time_t at which it will be full */
    apr_hash_t *lifetimes;      /**< profile -> apr_interval_time_t */
    apr_hash_t *patience;       /**< URL or kind -> fake_ca__patience_t */
    apr_array_header_t *certs;  /**< fake_ca__cert_t * */
    apr_array_header_t *events; /**< fake_ca__event_t */
    fake_ca__account_t *latest_account;
    EVP_PKEY *latest_key; /**< of a CSR; kept once for as long as it is used again */

    apr_hash_t *failing;  /**< identifier -> fake_ca__why_t */
    apr_hash_t *rejected; /**< identifier -> detail */
    apr_hash_t *rejected_contacts;
    apr_hash_t *customers; /**< key id -> fake_ca__customer_t */
    fake_ca_validate_fn validate;
    void *validate_baton;
    fake_ca_moment_fn moment;
    void *moment_baton;
    apr_array_header_t *faults; /**< fake_ca__fault_t */

    apr_hash_t *counts; /**< "what" and "what\nname" -> int */
    apr_array_header_t *violations;
    apr_array_header_t *log;

    EVP_PKEY *root_key;
    EVP_PKEY *other_root_key;
    EVP_PKEY *issuer_key;
    X509 *root;
    X509 *other_root;
    X509 *issuer;
    X509 *cross_issuer; /**< the issuer's key under the other root */
};

/** A request in hand, and its answer. */
typedef struct {
    fake_ca_t *ca;
    acme_exchange_t *exchange;
    apr_pool_t *pool; /**< gone after the request */
    apr_uint64_t seq;
    apr_time_t begun;
    fake_ca_kind_t kind;
    void *object;     /**< by kind: account, order, authz, challenge, certificate */
    const char *name; /**< what counts and log call it, NULL if it is about no name */
    const apr_array_header_t *names; /**< fake_ca__name_t it is about, NULL if none */
    const fake_ca_fault_t *fault;    /**< or NULL */

    /* the JWS, taken apart */
    const char *broken; /**< why it cannot be read, NULL if it can */
    json_t *header;
    const char *signing_input;
    const unsigned char *signature;
    apr_size_t signature_len;
    const char *payload_text; /**< "" for POST-as-GET */
    json_t *payload;          /**< the object, NULL for POST-as-GET */

    /* who asks, once verified */
    fake_ca__account_t *account; /**< by kid */
    EVP_PKEY *jwk;               /**< by jwk */
    const char *jwk_thumbprint;

    /* the answer */
    int status;
    apr_table_t *headers; /**< in the exchange's pool */
    const char *type;
    const char *body;
    apr_size_t body_len;
    int is_foreign; /**< a page from someone before the CA: no nonce */
} fake_ca__request_t;

/* fake_ca.c */
apr_time_t fake_ca__time(const fake_ca_t *ca);
apr_uint64_t fake_ca__random(fake_ca_t *ca);
double fake_ca__uniform(fake_ca_t *ca);
char *fake_ca__token(fake_ca_t *ca, int bytes, apr_pool_t *pool);
char *fake_ca__url(fake_ca_t *ca, const char *folder);
void fake_ca__register(fake_ca_t *ca, const char *url, fake_ca_kind_t kind, void *object);
void fake_ca__tally(fake_ca_t *ca, const char *what, const char *name);
void fake_ca__violate(fake_ca_t *ca, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fake_ca__note(fake_ca_t *ca, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
json_t *fake_ca__json(json_t *value, apr_pool_t *pool);
/** Values of @a names joined by commas. */
char *fake_ca__set(const apr_array_header_t *names, apr_pool_t *pool);
void fake_ca__names_sort(apr_array_header_t *names);
/** Sorted, from values joined by commas. */
apr_array_header_t *fake_ca__names_parse(const char *names, apr_pool_t *pool);

/* the answer */
void fake_ca__answer_json(fake_ca__request_t *r, int status, json_t *value);
void fake_ca__answer_problem(fake_ca__request_t *r, int status, const char *problem,
                             const char *detail, json_t *subproblems);
/** Refuses; and the same with the refusal recorded as a violation. */
void fake_ca__refuse(fake_ca__request_t *r, int status, const char *problem, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void fake_ca__blame(fake_ca__request_t *r, int status, const char *problem, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void fake_ca__retry_after(fake_ca__request_t *r, apr_interval_time_t span, int as_date);
void fake_ca__link(fake_ca__request_t *r, const char *url, const char *rel);
json_t *fake_ca__why_json(const fake_ca__why_t *why);
void fake_ca__why_set(fake_ca__why_t *why, fake_ca_t *ca, const char *problem, const char *detail);

/* fake_ca_jws.c */
void fake_ca__jws_read(fake_ca__request_t *r);
/** Checks everything about the signature; 0 when well, -1 when the request is answered. */
int fake_ca__jws_verify(fake_ca__request_t *r);
/** The public key in @a jwk with its thumbprint; NULL with a reason. Owned by @a pool. */
EVP_PKEY *fake_ca__jwk_read(const char **thumbprint, const char **why, const json_t *jwk,
                            apr_pool_t *pool);
/** Reads an inner JWS (RFC 8555 section 7.3.5) into @a inner, checks it; NULL or why not. */
const char *fake_ca__jws_inner(fake_ca__request_t *inner, const json_t *jws, const char *url);
/** Reads an external account binding (RFC 8555 section 7.3.4) into @a inner; NULL or why not. What its
 * header and signature are worth is judged by fake_ca__jws_mac_fits. */
const char *fake_ca__jws_binding(fake_ca__request_t *inner, const json_t *jws);
int fake_ca__jws_mac_fits(const fake_ca__request_t *inner, const fake_ca__customer_t *customer);
char *fake_ca__nonce(fake_ca_t *ca);

/* fake_ca_accounts.c */
void fake_ca__directory(fake_ca__request_t *r);
void fake_ca__new_nonce(fake_ca__request_t *r);
void fake_ca__new_account(fake_ca__request_t *r);
void fake_ca__account(fake_ca__request_t *r);
void fake_ca__key_change(fake_ca__request_t *r);

/* fake_ca_orders.c */
/** The identifiers of a newOrder payload, sorted, unchecked; NULL if there are none. */
apr_array_header_t *fake_ca__order_names(const json_t *payload, apr_pool_t *pool);
void fake_ca__new_order(fake_ca__request_t *r);
void fake_ca__order(fake_ca__request_t *r);
void fake_ca__authz(fake_ca__request_t *r);
void fake_ca__challenge(fake_ca__request_t *r);
void fake_ca__finalize(fake_ca__request_t *r);
void fake_ca__order_refresh(fake_ca_t *ca, fake_ca__order_t *order);
void fake_ca__authz_refresh(fake_ca_t *ca, fake_ca__authz_t *authz);
/** The scripted fault: the order of this request is invalid now. */
void fake_ca__order_fail(fake_ca__request_t *r);
void fake_ca__order_vanish(fake_ca_t *ca, fake_ca__order_t *order);
/** Lets everything happen that is due by now. */
void fake_ca__advance(fake_ca_t *ca);

/* fake_ca_limits.c */
/** 0 if the order of this request is within the limits, -1 when the request is answered. */
int fake_ca__limits_check(fake_ca__request_t *r);
/** Something was done that counts. */
void fake_ca__limits_ordered(fake_ca__order_t *order, fake_ca_t *ca);
void fake_ca__limits_failed(const fake_ca__authz_t *authz, fake_ca_t *ca);
void fake_ca__limits_issued(const fake_ca__order_t *order, fake_ca_t *ca);

/* fake_ca_certs.c */
void fake_ca__certificate(fake_ca__request_t *r);
void fake_ca__revoke_cert(fake_ca__request_t *r);
void fake_ca__renewal_info(fake_ca__request_t *r);
/** Nonzero if renewalInfo suggests to renew @a cert now. */
int fake_ca__cert_is_in_window(const fake_ca_t *ca, const fake_ca__cert_t *cert);
fake_ca__cert_t *fake_ca__cert_make(fake_ca_t *ca, EVP_PKEY *key, const apr_array_header_t *names,
                                    apr_time_t not_before, apr_time_t not_after, int must_staple);

/* fake_ca_x509.c */
void fake_ca__x509_create(fake_ca_t *ca);
X509 *fake_ca__x509_leaf(fake_ca_t *ca, EVP_PKEY *key, const apr_array_header_t *names,
                         apr_time_t not_before, apr_time_t not_after, int must_staple,
                         apr_pool_t *pool);
char *fake_ca__x509_pem(X509 *const *certs, int count, apr_pool_t *pool);
char *fake_ca__x509_certid(const X509 *leaf, apr_pool_t *pool);
/** Judges a CSR (base64url of DER) against an order: NULL with the key and must_staple set in the
 * order, else why not; *problem is then the problem type. */
const char *fake_ca__csr_read(fake_ca__order_t *order, const char **problem, const char *csr,
                              fake_ca_t *ca, apr_pool_t *pool);
EVP_PKEY *fake_ca__key_make(apr_pool_t *pool);
EVP_PKEY *fake_ca__key_keep(EVP_PKEY *key, apr_pool_t *pool);
X509 *fake_ca__x509_keep(X509 *cert, apr_pool_t *pool);

/* fake_ca_faults.c */
/** The fault that acts on this request, NULL if none; counts occurrences. */
const fake_ca_fault_t *fake_ca__fault_pick(fake_ca__request_t *r);
/** Acts in place of the CA when the fault is of the kind without effect; nonzero if it did. First
 * before the signature is looked at (network, pages), then after. */
int fake_ca__fault_instead(fake_ca__request_t *r);
int fake_ca__fault_refuses(fake_ca__request_t *r);
/** Lets the finished answer suffer. */
void fake_ca__fault_after(fake_ca__request_t *r);

#endif
