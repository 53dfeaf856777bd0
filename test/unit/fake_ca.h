/* A whole RFC 8555 CA in memory, behind the transport interface, with scripted faults.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A test hands the engine fake_ca_transport(ca) in place of the real network. Exchanges that were
 * begun before a pump, and whose latency has passed, are answered in that pump; what is begun from
 * a done function is answered in the next one. Nothing here sleeps or reads a clock but the env's
 * `now`; pump returns at once whatever it is told to wait. One thread.
 *
 * A story:
 *
 *     fake_ca_t *ca = fake_ca_create(env, seed, pool);
 *     fake_ca_settings(ca)->validation_delay = 3 * ACME_TIME_SECOND;
 *     fake_ca_on_validate(ca, my_validate, my_site);
 *     fake_ca_fault(ca, FAKE_CA_FINALIZE, FAKE_CA_TIMEOUT_AFTER);   // the first answer gets lost
 *     … let the engine tick, moving the clock to the earlier of its next time and
 *       fake_ca_next_event(ca) …
 *     assert_int_equal(1, fake_ca_count(ca, "orderCreated", "example.org"));
 *     assert_string_equal("", fake_ca_violations(ca));
 *
 * The CA is strict: each request's method, JWS (members, signature, algorithm, url, nonce, jwk or
 * kid) and payload are checked, and what a client must never do is refused and also recorded as a
 * violation. It is a CA that refuses, not one that misbehaves, unless faults are scripted.
 *
 * The CA outlives its client: after fake_ca_forget_client() the test may throw away the engine and
 * its pools and start another one against the same accounts, orders and authorizations.
 *
 * The same seed gives the same nonces, tokens, serial numbers and faults. Everything lives in the
 * pool given to fake_ca_create until that goes.
 */
#ifndef FAKE_CA_H
#define FAKE_CA_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <openssl/evp.h>

#include "acme/acme_domain.h"
#include "acme/acme_env.h"
#include "acme/acme_transport.h"

typedef struct fake_ca_t fake_ca_t;

/** What a request is for. */
typedef enum {
    FAKE_CA_DIRECTORY,
    FAKE_CA_NEW_NONCE,
    FAKE_CA_NEW_ACCOUNT,
    FAKE_CA_ACCOUNT,
    FAKE_CA_NEW_ORDER,
    FAKE_CA_ORDER,
    FAKE_CA_AUTHZ,
    FAKE_CA_CHALLENGE,
    FAKE_CA_FINALIZE,
    FAKE_CA_CERTIFICATE,
    FAKE_CA_REVOKE_CERT,
    FAKE_CA_KEY_CHANGE,
    FAKE_CA_RENEWAL_INFO,
    FAKE_CA_UNKNOWN, /**< a URL this CA never gave out */
    FAKE_CA_ANY      /**< for faults only: every kind */
} fake_ca_kind_t;

/** "newOrder": the word for a kind in counts and log; RFC 8555 section 9.7.5 names where it has
 * one. */
const char *fake_ca_kind_name(fake_ca_kind_t kind);

/** A limit as large CAs have it: a bucket of @a capacity tokens that refills evenly within @a span. */
typedef struct {
    int capacity; /**< 0: no limit */
    apr_interval_time_t span;
} fake_ca_bucket_t;

/** What the CA does and how long it takes. Made with the defaults in brackets by fake_ca_create; a
 * test may change any of it at any time. */
typedef struct {
    /* the directory */
    const char
        *terms_of_service; /**< URL, then agreement is required ["https://ca.test/terms"]; NULL */
    const char *website;   /**< [NULL] */
    const char *caa_identity;      /**< ["ca.test"] */
    const char *profiles;          /**< names separated by commas [NULL: the CA knows none] */
    int external_account_required; /**< newAccount is refused with that problem [0] */
    int has_renewal_info;          /**< RFC 9773 renewalInfo and replaces [0] */

    /* time */
    apr_interval_time_t latency;          /**< from begin to answer [0] */
    apr_interval_time_t latency_jitter;   /**< up to this much more, so that answers overtake [0] */
    apr_interval_time_t validation_delay; /**< from the challenge POST to its result [0: at once] */
    apr_interval_time_t issue_delay; /**< from finalize to the certificate [0: still one poll] */
    int issue_at_once; /**< finalize answers `valid` itself; needs issue_delay 0 [0] */
    apr_interval_time_t retry_after; /**< Retry-After while pending or processing [0: none] */
    int retry_after_as_date;         /**< [0: seconds] */
    apr_interval_time_t clock_ahead; /**< the CA's clock minus ours, also in Date [0] */

    /* orders and authorizations */
    apr_interval_time_t order_lifetime;         /**< [7 days] */
    apr_interval_time_t pending_authz_lifetime; /**< [7 days] */
    apr_interval_time_t valid_authz_lifetime;   /**< [30 days] */
    int reuse_valid_authz;    /**< a valid authorization of the account serves new orders [1] */
    int reuse_pending_orders; /**< newOrder for the same names gives the pending one, 201 [0] */
    int max_identifiers;      /**< per order; more: malformed [100] */
    int orders_per_week;      /**< orders per exact set of names in 7 days; more: rateLimited [0: no
                                 limit] */
    int failures_per_hour;    /**< failed validations per account and name; more: rateLimited [0: no
                                 limit] */
    /* Limits by buckets; beyond them: rateLimited. A renewal is an order for the exact set of names of a
     * certificate before. One that replaces inside the suggested window counts nowhere, any other one
     * neither as an order nor for its registered domain. */
    fake_ca_bucket_t account_orders;      /**< new orders per account [no limit] */
    fake_ca_bucket_t domain_certificates; /**< per registered domain: the last two labels [no limit] */
    fake_ca_bucket_t set_certificates;    /**< per exact set of names [no limit] */
    fake_ca_bucket_t name_failures; /**< failed validations per account and name [no limit] */
    const char
        *challenges; /**< offered ["http-01,tls-alpn-01,dns-01"]; wildcards get dns-01 only */
    const char *account_hash_prefix; /**< dns-persist-01 is that of draft -02 [NULL: draft -01] */
    int has_issuer_left_out;         /**< whose directory does not list the issuer [0] */
    int fill_authz_on_failure; /**< an invalid authorization still lists all challenges [0: the
                                  failed one] */

    /* certificates */
    apr_interval_time_t lifetime; /**< [90 days] */
    apr_interval_time_t backdate; /**< notBefore lies so long ago [1 hour] */
    int has_alternate;            /**< Link rel="alternate" to a chain under another root [0] */
    int without_aki;              /**< no Authority Key Identifier in the leaf [0] */

    /* for long stories with many certificates */
    int trusts_signatures; /**< those of requests and CSRs are not verified [0] */
    int is_lean; /**< nothing is kept that only a look back needs: no log, no spent nonces (whose use
                    is then that of an unknown one), no leaf for revokeCert and CERT_NO_ISSUER [0] */

    /* ARI: when both are set, the window for every certificate; else 1 % of life around the moment
     * when a third of it is left, half of a life below ten days */
    apr_time_t window_start;
    apr_time_t window_end;
    apr_interval_time_t ari_retry_after; /**< [6 hours] */
} fake_ca_settings_t;

/** A new CA at https://ca.test/directory in @a pool; @a env gives its clock and must live as long.
 */
fake_ca_t *fake_ca_create(const acme_env_t *env, apr_uint64_t seed, apr_pool_t *pool);

/** The same at another @a base_url ("https://other.test"), for tests with two CAs. Each has a
 * transport of its own; fake_ca_join makes one transport serve both. */
fake_ca_t *fake_ca_create_at(const char *base_url, const acme_env_t *env, apr_uint64_t seed,
                             apr_pool_t *pool);

/** Requests for @a other's URLs that come through @a ca's transport are answered by @a other, when
 * @a ca is pumped. @a other has all counts, faults and violations of them. */
void fake_ca_join(fake_ca_t *ca, fake_ca_t *other);

fake_ca_settings_t *fake_ca_settings(fake_ca_t *ca);

/** What the CA counts a name under: itself if it is an address, else its last two labels. */
const char *fake_ca_registered_domain(const char *name, apr_pool_t *pool);

/** What the largest public CA allows, for the client; and the same for the CA's own buckets. */
extern const acme_limits_t fake_ca_public_limits;
void fake_ca_limit_as_public(fake_ca_t *ca);

/** Certificates ordered with @a profile (which settings.profiles must name, too) live so long. */
void fake_ca_profile_lifetime(fake_ca_t *ca, const char *profile, apr_interval_time_t lifetime);

/** Valid as long as the CA. */
acme_transport_t *fake_ca_transport(fake_ca_t *ca);

const char *fake_ca_directory_url(const fake_ca_t *ca);

/** The next moment at which something happens by itself: an answer is due, a validation or an
 * issuance ends. In the past or now if it only waits for a pump; 0 if nothing is under way. */
apr_time_t fake_ca_next_event(fake_ca_t *ca);

/** Exchanges begun and neither answered nor cancelled. */
int fake_ca_in_flight(const fake_ca_t *ca);

/** The client died: exchanges under way are dropped unprocessed and never delivered (their memory
 * is not looked at again); unspent nonces and everything else stay. */
void fake_ca_forget_client(fake_ca_t *ca);

/* Validation. */

/** Decides a validation: nonzero if the CA finds @a key_authorization for @a token where challenge
 * @a type of @a identifier (never with "*.") has to be. Called from inside a pump when the
 * validation's delay has passed. For http-01 that is the body at /.well-known/acme-challenge/TOKEN;
 * for the other types it is to be hashed. Without a validator everything is valid. */
typedef int (*fake_ca_validate_fn)(void *baton, const char *type, const char *identifier,
                                   const char *token, const char *key_authorization);
void fake_ca_on_validate(fake_ca_t *ca, fake_ca_validate_fn validate, void *baton);

/** Validations of @a identifier fail from now on with this problem ("connection", "dns", …) and
 * detail, whatever the validator says; @a problem NULL: no longer. */
void fake_ca_fail_validation(fake_ca_t *ca, const char *identifier, const char *problem,
                             const char *detail);

/** newOrder refuses orders with @a identifier: rejectedIdentifier, with one subproblem for each
 * such name; @a detail NULL: no longer. */
void fake_ca_reject_identifier(fake_ca_t *ca, const char *identifier, const char *detail);

/** Whose external account binding is good (RFC 8555 section 7.3.4): with key id @a kid, the text @a key as
 * HMAC key, and @a alg ("HS256", "HS384", "HS512"); once only if @a is_single_use. Bindings of others are
 * refused; without any customer nobody looks at bindings. */
void fake_ca_add_customer(fake_ca_t *ca, const char *kid, const char *key, const char *alg,
                          int is_single_use);

/** newAccount and account updates refuse @a contact with invalidContact. */
void fake_ca_reject_contact(fake_ca_t *ca, const char *contact);

/* Levers: things that happen at a CA. */

/** All accounts are gone: accountDoesNotExist. */
void fake_ca_forget_accounts(fake_ca_t *ca);

/** All accounts are deactivated by someone: unauthorized. */
void fake_ca_deactivate_accounts(fake_ca_t *ca);

/** All orders (and their authorizations) are gone: 404. */
void fake_ca_forget_orders(fake_ca_t *ca);

/** All nonces given out become stale: badNonce, which is no violation. */
void fake_ca_forget_nonces(fake_ca_t *ca);

/** Valid authorizations are valid no more. */
void fake_ca_expire_authorizations(fake_ca_t *ca);

/** The CA revokes all certificates it issued for @a name: renewalInfo then says "now". */
void fake_ca_revoke(fake_ca_t *ca, const char *name);

/* Faults. */

typedef enum {
    /* no effect at the CA */
    FAKE_CA_REFUSED,        /**< no connection: err of class NETWORK */
    FAKE_CA_TIMEOUT_BEFORE, /**< the request never arrived: NETWORK */
    FAKE_CA_CLOCK,          /**< the CA's server certificate is not yet valid: err of class CLOCK */
    FAKE_CA_ERROR, /**< HTTP `status` [500] with a problem document if `problem` [serverInternal] is
                        not "", and Retry-After if `retry_after` */
    FAKE_CA_RATE_LIMITED, /**< 429 rateLimited, Retry-After if `retry_after` */
    FAKE_CA_BAD_NONCE,    /**< badNonce with a fresh nonce; the one sent is spent. POST only */
    FAKE_CA_HTML,         /**< HTTP `status` [200] with a page for humans */
    FAKE_CA_NOT_FOUND,    /**< 404; an order (and what belongs to it) vanishes for good */
    /* the request has its effect, the answer suffers */
    FAKE_CA_TIMEOUT_AFTER, /**< the answer is lost: NETWORK */
    FAKE_CA_TRUNCATED,     /**< the second half of the body is missing */
    FAKE_CA_WRONG_TYPE,    /**< Content-Type: text/plain */
    FAKE_CA_HUGE,          /**< 2 MiB of white space and then the body */
    FAKE_CA_NO_LOCATION,
    FAKE_CA_NO_NONCE, /**< no Replay-Nonce */
    FAKE_CA_EMPTY,    /**< no body */
    FAKE_CA_PATIENCE, /**< nothing but a Retry-After of `retry_after_text` */
    /* what the CA decides */
    FAKE_CA_ORDER_INVALID, /**< finalize: issuing fails; order: it is invalid now; error is
                                `problem` [caa] and `detail` */
    FAKE_CA_AUTHZ_INVALID, /**< challenge: that validation will fail; authz: it is invalid now, with
                                `problem` [unauthorized] and `detail` */
    /* certificate only */
    FAKE_CA_CERT_WRONG_KEY,
    FAKE_CA_CERT_WRONG_NAMES,
    FAKE_CA_CERT_EXPIRED,
    FAKE_CA_CERT_NOT_YET,  /**< valid from two days ahead */
    FAKE_CA_CERT_GARBAGE,  /**< a PEM block with damaged content */
    FAKE_CA_CERT_NO_ISSUER /**< the leaf alone: legal, but rare */
} fake_ca_trouble_t;

#define FAKE_CA_ALWAYS (-1)

typedef struct {
    fake_ca_kind_t kind;
    fake_ca_trouble_t trouble;
    const char *name; /**< only requests about an order or authz with this identifier; NULL: all */
    int nth;   /**< the first request hit, counted from 1 since the fault was added; 0 is 1 */
    int times; /**< how many from there on, 0 is 1, FAKE_CA_ALWAYS */
    double probability; /**< above 0: each of those is hit only so often */
    int status;
    const char *problem; /**< without the URN, e.g. "serverInternal" */
    const char *detail;
    apr_interval_time_t retry_after;
    int retry_after_as_date;
    const char *retry_after_text; /**< Retry-After of the answer, whatever it is otherwise; NULL */
} fake_ca_fault_t;

/** Scripts a fault; a copy is kept. Of several that hit a request the one added first acts. */
void fake_ca_fault_add(fake_ca_t *ca, const fake_ca_fault_t *fault);

/** The common cases: the next request of @a kind; the @a nth; every one. */
void fake_ca_fault(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble);
void fake_ca_fault_nth(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble, int nth);
void fake_ca_fault_always(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble);

/** Each request of @a kind suffers with this @a probability, until the faults are cleared. */
void fake_ca_fault_random(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble,
                          double probability);

/** The good times come. */
void fake_ca_faults_clear(fake_ca_t *ca);

/** For crash tests: called for each exchange before the CA processes it and again when the answer
 * is there but not delivered. If it returns nonzero the client is dead: this exchange and all
 * others are dropped as by fake_ca_forget_client, and the pump returns. */
typedef enum { FAKE_CA_BEFORE, FAKE_CA_AFTER } fake_ca_moment_t;
typedef int (*fake_ca_moment_fn)(void *baton, fake_ca_moment_t moment, fake_ca_kind_t kind,
                                 const acme_exchange_t *exchange);
void fake_ca_on_moment(fake_ca_t *ca, fake_ca_moment_fn moment, void *baton);

/* What a test may know. */

/** How often something happened. @a name: an identifier for what concerns one (authz, challenge,
 * validation…); the exact set of names of an order, sorted and joined by commas ("a.test,b.test"),
 * for what concerns orders; NULL: all. @a what:
 *   a kind's name       requests of that kind that reached the CA, whatever became of them
 *   "requests"          all requests that reached the CA; "get": those that were no POST
 *   "accountCreated"    accounts made; "accountBound": those with an external account binding
 *   "orderCreated"      orders made (per set); "orderInvalid": orders that became invalid
 *   "challenge"         challenge POSTs (per identifier); "challengeRead": POST-as-GETs of them
 *   "validation"        validations begun (per identifier); "validationFailed": those that failed
 *   "authzReused"       valid authorizations that served another order; "deactivated" ones
 *   "finalize"          (per set); "issued" certificates issued (per set); "revoked" (per set)
 *   "replaced"          certificates replaced by one whose order said so (per set)
 *   "profile NAME"      orders made with that profile (per set)
 *   "badNonce"          badNonce answers; "fault": faults that acted
 *   "limited"           orders refused by a limit of the settings (per set)
 *   "exempt"            orders that replaced inside the suggested window; "renewal": all renewals
 *   "early"             requests made too early: told by Retry-After to wait, the client asked the
 *                       same URL again (finalize: its order), after 429 the same kind for the same
 *                       names, after 503 anything of that kind
 *   "violations"        length of that list */
int fake_ca_count(const fake_ca_t *ca, const char *what, const char *name);

/** What the client did that no client may do, one sentence per line; "" if nothing. In the CA's
 * pool. */
const char *fake_ca_violations(const fake_ca_t *ca);

/** Every request and its fate, one line each, for reading when a test failed:
 * "12:00:03 POST newOrder example.org -> 201". In the CA's pool. */
const char *fake_ca_log(const fake_ca_t *ca);

/** Most exchanges that were under way at once. */
int fake_ca_peak_in_flight(const fake_ca_t *ca);

/** The issuer of the last certificate in the alternate chain. */
#define FAKE_CA_OTHER_ROOT "Fake Other Root"

/** The root certificate(s), PEM. */
const char *fake_ca_root_pem(const fake_ca_t *ca);

/** The chain issued last for this exact set of names (comma-joined, sorted), PEM; NULL if none. */
const char *fake_ca_last_chain(const fake_ca_t *ca, const char *names);

/** The status of the newest order for this exact set, of the newest authorization for an identifier
 * ("*.example.org" for a wildcard's), of the newest account: RFC 8555's words, NULL if there is
 * none. */
const char *fake_ca_order_status(fake_ca_t *ca, const char *names);
const char *fake_ca_authz_status(fake_ca_t *ca, const char *identifier);
const char *fake_ca_account_status(fake_ca_t *ca);

/** Its contacts joined by commas; NULL if there is no account. */
const char *fake_ca_account_contacts(const fake_ca_t *ca);

/** A chain as this CA issues it, without any order, for tests that start with a certificate in
 * place: for
 * @a pkey and @a names (comma-joined), valid from @a not_before to @a not_after. PEM in @a pool.
 * renewalInfo and replaces know it. */
const char *fake_ca_issue(fake_ca_t *ca, EVP_PKEY *pkey, const char *names, apr_time_t not_before,
                          apr_time_t not_after, apr_pool_t *pool);

#endif
