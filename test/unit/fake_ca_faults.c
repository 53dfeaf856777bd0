/* The fake CA: the script of faults.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include <apr_strings.h>

#include "unit/fake_ca_internal.h"

#define HUGE_SIZE (2 * 1024 * 1024)

/* see fake_ca.h */
void fake_ca_fault_add(fake_ca_t *ca, const fake_ca_fault_t *fault)
{
    fake_ca__fault_t *copy = apr_array_push(ca->faults);
    *copy = (fake_ca__fault_t){.what = *fault};
    copy->what.name = apr_pstrdup(ca->pool, fault->name);
    copy->what.problem = apr_pstrdup(ca->pool, fault->problem);
    copy->what.detail = apr_pstrdup(ca->pool, fault->detail);
    copy->what.retry_after_text = apr_pstrdup(ca->pool, fault->retry_after_text);
    copy->what.nth = fault->nth > 0 ? fault->nth : 1;
    copy->what.times = fault->times != 0 ? fault->times : 1;
}

/* see fake_ca.h */
void fake_ca_fault(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble)
{
    fake_ca_fault_nth(ca, kind, trouble, 1);
}

/* see fake_ca.h */
void fake_ca_fault_nth(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble, int nth)
{
    fake_ca_fault_add(ca, &(fake_ca_fault_t){.kind = kind, .trouble = trouble, .nth = nth});
}

/* see fake_ca.h */
void fake_ca_fault_always(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble)
{
    fake_ca_fault_add(
        ca, &(fake_ca_fault_t){.kind = kind, .trouble = trouble, .times = FAKE_CA_ALWAYS});
}

/* see fake_ca.h */
void fake_ca_fault_random(fake_ca_t *ca, fake_ca_kind_t kind, fake_ca_trouble_t trouble,
                          double probability)
{
    fake_ca_fault_add(ca, &(fake_ca_fault_t){.kind = kind,
                                             .trouble = trouble,
                                             .times = FAKE_CA_ALWAYS,
                                             .probability = probability});
}

/* see fake_ca.h */
void fake_ca_faults_clear(fake_ca_t *ca)
{
    apr_array_clear(ca->faults);
}

static int concerns(const fake_ca_fault_t *fault, const fake_ca__request_t *r)
{
    if (fault->kind != FAKE_CA_ANY && fault->kind != r->kind) {
        return 0;
    }
    if (fault->trouble == FAKE_CA_BAD_NONCE && r->exchange->method != ACME_METHOD_POST) {
        return 0;
    }
    if (fault->name == NULL) {
        return 1;
    }
    for (int i = 0; r->names != NULL && i < r->names->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(r->names, i, fake_ca__name_t).value, fault->name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int hits(fake_ca__fault_t *fault, fake_ca_t *ca)
{
    int number = ++fault->seen;
    const fake_ca_fault_t *what = &fault->what;
    if (number < what->nth ||
        (what->times != FAKE_CA_ALWAYS && number >= what->nth + what->times)) {
        return 0;
    }
    return what->probability <= 0 || fake_ca__uniform(ca) < what->probability;
}

const fake_ca_fault_t *fake_ca__fault_pick(fake_ca__request_t *r)
{
    const fake_ca_fault_t *chosen = NULL;
    for (int i = 0; i < r->ca->faults->nelts; i++) {
        fake_ca__fault_t *fault = &APR_ARRAY_IDX(r->ca->faults, i, fake_ca__fault_t);
        if (concerns(&fault->what, r) && hits(fault, r->ca) && chosen == NULL) {
            /* a copy: the array may move when a test adds a fault from a callback */
            chosen = apr_pmemdup(r->pool, &fault->what, sizeof(fault->what));
        }
    }
    return chosen;
}

static void fail_exchange(fake_ca__request_t *r, acme_err_class_t errclass, const char *why)
{
    r->exchange->err = acme_err_make(r->exchange->pool, errclass, "%s: %s", r->exchange->url, why);
}

static void answer_page(fake_ca__request_t *r)
{
    r->is_foreign = 1;
    r->status = r->fault->status != 0 ? r->fault->status : 200;
    r->type = "text/html; charset=utf-8";
    r->body = "<!DOCTYPE html>\n<html><body><h1>Please log in</h1></body></html>\n";
    r->body_len = strlen(r->body);
    fake_ca__retry_after(r, r->fault->retry_after, r->fault->retry_after_as_date);
}

int fake_ca__fault_instead(fake_ca__request_t *r)
{
    switch (r->fault != NULL ? r->fault->trouble : FAKE_CA_NO_NONCE) {
    case FAKE_CA_REFUSED:
        fail_exchange(r, ACME_ERR_NETWORK, "connection refused");
        return 1;
    case FAKE_CA_TIMEOUT_BEFORE:
        fail_exchange(r, ACME_ERR_NETWORK, "no answer in time");
        return 1;
    case FAKE_CA_CLOCK:
        fail_exchange(r, ACME_ERR_CLOCK, "the server's certificate is not yet valid");
        return 1;
    case FAKE_CA_HTML:
        answer_page(r);
        return 1;
    default:
        return 0;
    }
}

static void answer_error(fake_ca__request_t *r, int status, const char *problem, const char *detail)
{
    const fake_ca_fault_t *fault = r->fault;
    status = fault->status != 0 ? fault->status : status;
    problem = fault->problem != NULL ? fault->problem : problem;
    if (problem[0] != '\0') {
        fake_ca__answer_problem(r, status, problem, fault->detail != NULL ? fault->detail : detail,
                                NULL);
    }
    r->status = status;
    fake_ca__retry_after(r, fault->retry_after, fault->retry_after_as_date);
}

static void answer_not_found(fake_ca__request_t *r)
{
    if (r->kind == FAKE_CA_ORDER || r->kind == FAKE_CA_FINALIZE) {
        fake_ca__order_vanish(r->ca, r->object);
    }
    answer_error(r, 404, "malformed", "There is nothing here");
}

int fake_ca__fault_refuses(fake_ca__request_t *r)
{
    switch (r->fault != NULL ? r->fault->trouble : FAKE_CA_NO_NONCE) {
    case FAKE_CA_ERROR:
        answer_error(r, 500, "serverInternal", "The CA has a bad day");
        return 1;
    case FAKE_CA_RATE_LIMITED:
        answer_error(r, 429, "rateLimited", "too many requests of this kind");
        return 1;
    case FAKE_CA_BAD_NONCE:
        fake_ca__refuse(r, 400, "badNonce", "JWS has an invalid anti-replay nonce");
        return 1;
    case FAKE_CA_NOT_FOUND:
        answer_not_found(r);
        return 1;
    case FAKE_CA_ORDER_INVALID:
        if (r->kind == FAKE_CA_ORDER) {
            fake_ca__order_fail(r);
        }
        return 0;
    default:
        return 0;
    }
}

static void make_huge(fake_ca__request_t *r)
{
    char *body = apr_palloc(r->exchange->pool, HUGE_SIZE + r->body_len + 1);
    memset(body, ' ', HUGE_SIZE);
    memcpy(body + HUGE_SIZE, r->body != NULL ? r->body : "", r->body_len);
    body[HUGE_SIZE + r->body_len] = '\0';
    r->body = body;
    r->body_len += HUGE_SIZE;
}

void fake_ca__fault_after(fake_ca__request_t *r)
{
    if (r->fault != NULL && r->fault->retry_after_text != NULL) {
        apr_table_set(r->headers, "Retry-After", r->fault->retry_after_text);
    }
    switch (r->fault != NULL ? r->fault->trouble : FAKE_CA_REFUSED) {
    case FAKE_CA_TIMEOUT_AFTER:
        fail_exchange(r, ACME_ERR_NETWORK, "the answer did not come in time");
        break;
    case FAKE_CA_TRUNCATED:
        r->body_len /= 2;
        r->body = apr_pstrmemdup(r->exchange->pool, r->body != NULL ? r->body : "", r->body_len);
        break;
    case FAKE_CA_WRONG_TYPE:
        apr_table_set(r->headers, "Content-Type", "text/plain");
        break;
    case FAKE_CA_HUGE:
        make_huge(r);
        break;
    case FAKE_CA_NO_LOCATION:
        apr_table_unset(r->headers, "Location");
        break;
    case FAKE_CA_NO_NONCE:
        apr_table_unset(r->headers, "Replay-Nonce");
        break;
    case FAKE_CA_EMPTY:
        r->body = "";
        r->body_len = 0;
        break;
    default:
        break;
    }
}
