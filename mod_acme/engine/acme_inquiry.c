/* Asks for renewal information, see acme_inquiry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_inquiry.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_job.h"
#include "acme/acme_policy.h"
#include "acme/acme_renewal.h"
#include "acme/acme_renewal_info.h"
#include "acme/acme_time.h"

/** So many failures in a row take about a day; then an administrator may want to know. */
#define ERRORS_TOLD 8

struct acme_inquiry_t {
    apr_pool_t *pool;
    const acme_inquiry_host_t *host;
    const acme_domain_t *domain;
    const acme_ca_t *ca;
    const char *certid;
};

static int differs(const char *a, const char *b)
{
    return (a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0);
}

static void note(const acme_inquiry_t *inquiry, const char *sentence)
{
    const acme_store_t *store = inquiry->host->store;
    const acme_domain_t *domain = inquiry->domain;
    acme_job_t *job = acme_job_read(store, domain->folder, inquiry->pool);
    acme_job_note(job, acme_env_now(inquiry->host->env), "renewal-info", sentence, inquiry->pool);
    acme_err_t *err = acme_job_write(store, domain->folder, domain->name, job, inquiry->pool);
    if (err != NULL) {
        inquiry->host->store_trouble(inquiry->host->baton, err);
    }
}

/* A first window is the ordinary case. One that moved, or is explained, is an incident at the CA: that
 * belongs into the history. */
static void tell(const acme_inquiry_t *inquiry, const acme_renewal_certificate_t *before,
                 const acme_renewal_certificate_t *now)
{
    int is_explained =
        now->explanation_url != NULL && differs(before->explanation_url, now->explanation_url);
    int is_moved = before->start != 0;
    const char *sentence = apr_psprintf(
        inquiry->pool, "%s suggests to renew the certificate between %s and %s, chosen is %s%s%s",
        inquiry->ca->name, acme_time_rfc3339(now->start, inquiry->pool),
        acme_time_rfc3339(now->end, inquiry->pool), acme_time_rfc3339(now->at, inquiry->pool),
        now->explanation_url != NULL ? "; it explains this at " : "",
        now->explanation_url != NULL ? now->explanation_url : "");
    acme_env_log(inquiry->host->env, is_moved || is_explained ? ACME_LOG_NOTICE : ACME_LOG_INFO,
                 "%s: %s", inquiry->domain->name, sentence);
    if (is_moved || is_explained) {
        note(inquiry, sentence);
    }
}

static acme_err_t *take_answer(int *is_new, acme_inquiry_t *inquiry,
                               acme_renewal_certificate_t *certificate,
                               const acme_answer_t *answer, apr_time_t now, double uniform)
{
    acme_renewal_info_t *info;
    if (answer->err != NULL) {
        return answer->err;
    }
    ACME_TRY(acme_renewal_info_parse(&info, answer->exchange->answer, answer->exchange->answer_len,
                                     inquiry->pool));
    const acme_renewal_certificate_t before = *certificate;
    *is_new = acme_policy_take_renewal_info(
        certificate, info, acme_env_uniform(inquiry->host->env, inquiry->pool), inquiry->pool);
    certificate->errors = 0;
    certificate->next_check = acme_policy_inquire_again(answer->retry_at, now, uniform);
    if (*is_new || differs(before.explanation_url, certificate->explanation_url)) {
        tell(inquiry, &before, certificate);
    }
    return NULL;
}

static void miss(acme_inquiry_t *inquiry, acme_renewal_certificate_t *certificate,
                 const acme_err_t *err, int was_asked, apr_time_t now, double uniform)
{
    ++certificate->errors;
    certificate->next_check = acme_policy_inquire_after(err, certificate->errors, now, uniform);
    if (!was_asked && err->errclass == ACME_ERR_GONE) {
        return; /* this CA has no such thing: nothing is missing */
    }
    acme_env_log(inquiry->host->env,
                 certificate->errors == ERRORS_TOLD ? ACME_LOG_WARNING : ACME_LOG_INFO,
                 "%s: when to renew it could not be asked: %s; asked again at %s, and renewed in its "
                 "renew window in any case",
                 inquiry->domain->name, err->text,
                 acme_time_rfc3339(certificate->next_check, inquiry->pool));
}

static apr_time_t next_check(const acme_renewal_t *renewal)
{
    apr_time_t next = APR_INT64_MAX;
    for (int i = 0; i < renewal->certificates->nelts; i++) {
        apr_time_t check =
            APR_ARRAY_IDX(renewal->certificates, i, acme_renewal_certificate_t).next_check;
        next = check < next ? check : next;
    }
    return next;
}

/* When the domain is to be looked at. Most answers say what the last one said: what a look would find
 * has been found before the question, and only the next question is to be planned. */
static apr_time_t take(acme_inquiry_t *inquiry, const acme_answer_t *answer)
{
    const acme_inquiry_host_t *host = inquiry->host;
    const acme_domain_t *domain = inquiry->domain;
    apr_time_t now = acme_env_now(host->env);
    acme_renewal_t *renewal = acme_renewal_read(host->store, domain->folder, inquiry->pool);
    acme_renewal_certificate_t *certificate = acme_renewal_find(renewal, inquiry->certid);
    if (certificate == NULL) {
        return now; /* replaced meanwhile, or the record was lost */
    }
    double uniform = acme_env_uniform(host->env, inquiry->pool);
    int is_new = 0;
    acme_err_t *err = take_answer(&is_new, inquiry, certificate, answer, now, uniform);
    if (err != NULL) {
        miss(inquiry, certificate, err, answer->exchange != NULL, now, uniform);
    }
    err = acme_renewal_write(host->store, domain->folder, domain->name, renewal, inquiry->pool);
    if (err != NULL) {
        host->store_trouble(host->baton, err);
    }
    return err != NULL || is_new ? now : next_check(renewal);
}

static void hear(void *baton, const acme_answer_t *answer)
{
    acme_inquiry_t *inquiry = baton;
    const acme_inquiry_host_t *host = inquiry->host;
    const acme_domain_t *domain = inquiry->domain;
    apr_time_t look_at = take(inquiry, answer);
    apr_pool_destroy(inquiry->pool);
    host->ended(host->baton, domain, look_at);
}

/* see acme_inquiry.h */
acme_inquiry_t *acme_inquiry_begin(const acme_inquiry_host_t *host, const acme_domain_t *domain,
                                   acme_session_t *session, const char *certid, apr_pool_t *pool)
{
    apr_pool_t *own;
    apr_pool_create(&own, pool);
    acme_inquiry_t *inquiry = apr_pcalloc(own, sizeof(*inquiry));
    inquiry->pool = own;
    inquiry->host = host;
    inquiry->domain = domain;
    inquiry->ca = acme_session_ca(session);
    inquiry->certid = apr_pstrdup(own, certid);
    acme_request_t request = {
        .kind = ACME_REQUEST_RENEWAL_INFO,
        .doing = apr_psprintf(own, "asking when to renew the certificate of %s", domain->name),
        .certid = certid,
        .hear = hear,
        .baton = inquiry};
    (void)acme_session_ask(session, &request); /* forgotten with the session, never withdrawn */
    return inquiry;
}
