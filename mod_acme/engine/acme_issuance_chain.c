/* The step DOWNLOAD: the certificate with its chain, or with another one that is preferred.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A CA may offer further chains for the same certificate by Link rel="alternate" (RFC 8555 section
 * 7.4.2). Where ACMEPreferredChain names another issuer than that of the first chain's last
 * certificate, they are looked at one after the other until one fits. The first chain is kept
 * meanwhile: whatever becomes of the others, there is a certificate.
 */
#include "acme_issuance_private.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_key_file.h"
#include "acme/acme_link.h"
#include "acme/acme_policy.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

/** An alternate that the CA puts off is waited for so often, and no longer than this. */
#define ALTERNATE_WAITS 3
#define ALTERNATE_WAIT_MAX ACME_TIME_HOUR

/* The chain is ours only if it is what we ordered. */
static acme_err_t *check_chain(acme_issuance_t *run, const acme_chain_t *chain)
{
    acme_key_t *key;
    ACME_TRY(acme_key_file_read(&key, run->host->store, issuance__key_path(run), run->step_pool));
    if (key == NULL) {
        return acme_err_make(run->step_pool, ACME_ERR_GONE,
                             "the key of the order is lost; a new order is made");
    }
    ACME_TRY(acme_chain_fits_key(chain, key, run->step_pool));
    ACME_TRY(acme_chain_fits_names(chain, run->record->identifiers, run->step_pool));
    return acme_chain_fits_time(chain, issuance_now(run), run->step_pool);
}

static acme_err_t *read_chain(acme_chain_t **chain, acme_issuance_t *run,
                              const acme_answer_t *answer)
{
    if (answer->err != NULL) {
        return answer->err;
    }
    ACME_TRY(acme_chain_parse(chain, answer->exchange->answer, answer->exchange->answer_len,
                              run->pool)); /* it is what STAGE writes */
    return check_chain(run, *chain);
}

static void keep_chain(acme_issuance_t *run, const acme_chain_t *chain)
{
    run->chain = chain;
    run->record->chain = chain->pem;
}

static void take_chain(acme_issuance_t *run, const acme_chain_t *chain)
{
    keep_chain(run, chain);
    run->alternates = NULL;
    issuance_goto(run, ACME_STEP_STAGE, 0);
}

/* ---- alternates ---- */

static void ask_alternate(acme_issuance_t *run);

static void give_up_alternates(acme_issuance_t *run)
{
    acme_env_log(run->host->env, ACME_LOG_WARNING,
                 "%s: %s offers no chain up to \"%s\" (ACMEPreferredChain), but %s; the first is used",
                 run->domain->name, acme_session_ca(run->session)->name, run->domain->preferred_chain,
                 run->issuers_seen);
    run->alternates = NULL;
    issuance_goto(run, ACME_STEP_STAGE, 0);
}

static void note_issuer(acme_issuance_t *run, const acme_chain_t *chain)
{
    const char *name = apr_psprintf(run->pool, "\"%s\"", chain->top_issuer_name);
    run->issuers_seen = run->issuers_seen == NULL
                            ? name
                            : apr_pstrcat(run->pool, run->issuers_seen, ", ", name, NULL);
}

static int is_preferred(const acme_issuance_t *run, const acme_chain_t *chain)
{
    return acme_text_equal_nocase(chain->top_issuer_name, run->domain->preferred_chain);
}

/* Nonzero if the CA only wants us to come back, and soon enough. */
static int wait_for_alternate(acme_issuance_t *run, const acme_answer_t *answer)
{
    apr_time_t now = issuance_now(run);
    if (answer->retry_at <= now || answer->retry_at > now + ALTERNATE_WAIT_MAX ||
        ++run->alternate_waits > ALTERNATE_WAITS) {
        return 0;
    }
    issuance_stay(run, answer->retry_at);
    return 1;
}

static void hear_alternate(acme_issuance_t *run, acme_record_authorization_t *authorization,
                           const acme_answer_t *answer)
{
    (void)authorization;
    acme_chain_t *chain = NULL;
    acme_err_t *err = read_chain(&chain, run, answer);
    if (err == NULL && is_preferred(run, chain)) {
        take_chain(run, chain);
        return;
    }
    if (err == NULL) {
        note_issuer(run, chain);
    } else if (wait_for_alternate(run, answer)) {
        return;
    } else {
        acme_env_log(run->host->env, ACME_LOG_INFO, "%s: an alternate chain cannot be used: %s",
                     run->domain->name, err->text);
    }
    run->alternate_waits = 0;
    ++run->alternate_at;
    ask_alternate(run);
}

static void ask_alternate(acme_issuance_t *run)
{
    while (run->alternate_at < run->alternates->nelts) {
        const char *url = APR_ARRAY_IDX(run->alternates, run->alternate_at, const char *);
        if (acme_json_url_ok(url)) {
            issuance_ask_optional(run, url, "downloading an alternate chain for", hear_alternate);
            return;
        }
        ++run->alternate_at;
    }
    give_up_alternates(run);
}

static void seek_preferred(acme_issuance_t *run, const acme_chain_t *chain,
                           const acme_exchange_t *exchange)
{
    apr_array_header_t *values = apr_array_make(run->step_pool, 4, sizeof(const char *));
    acme_exchange_header_values(exchange, "Link", values);
    keep_chain(run, chain);
    run->alternates = apr_array_make(run->pool, 4, sizeof(const char *));
    run->alternate_at = 0;
    run->issuers_seen = NULL;
    note_issuer(run, chain);
    for (int i = 0; i < values->nelts; ++i) {
        acme_link_collect(run->alternates, APR_ARRAY_IDX(values, i, const char *), "alternate",
                          exchange->url, run->pool);
    }
    ask_alternate(run);
}

/* ---- the first chain ---- */

static void fail(acme_issuance_t *run, acme_err_t *err, int was_issued)
{
    err = acme_err_wrap(run->step_pool, err, "the certificate from %s cannot be used",
                        acme_session_ca(run->session)->name);
    if (was_issued) {
        err->errclass = ACME_ERR_REFUSED; /* counted by the CA: not again in half a minute */
    }
    issuance_fail(run, err);
}

static void hear_certificate(acme_issuance_t *run, acme_record_authorization_t *authorization,
                             const acme_answer_t *answer)
{
    (void)authorization;
    acme_chain_t *chain = NULL;
    if (answer->err != NULL && answer->err->errclass == ACME_ERR_WAIT) {
        issuance_try_again(run, answer->err);
        return;
    }
    acme_err_t *err = read_chain(&chain, run, answer);
    if (err != NULL && err->errclass == ACME_ERR_STORE) { /* the certificate is well */
        run->host->store_trouble(run->host->baton, err);
        issuance_try_again(run, err);
    } else if (err != NULL) {
        fail(run, err, answer->err == NULL);
    } else if (run->domain->preferred_chain == NULL || is_preferred(run, chain)) {
        take_chain(run, chain);
    } else {
        seek_preferred(run, chain, answer->exchange);
    }
}

void issuance__download(acme_issuance_t *run)
{
    if (run->alternates != NULL) {
        ask_alternate(run);
    } else if (run->record->certificate_url == NULL) {
        issuance_fail(run, acme_err_make(run->step_pool, ACME_ERR_INPUT,
                                         "the order is valid but has no certificate URL"));
    } else {
        issuance_ask(run, NULL, run->record->certificate_url, "", "downloading the certificate of",
                     hear_certificate);
    }
}
