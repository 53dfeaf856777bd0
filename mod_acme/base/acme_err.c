/* Errors as values: made, wrapped, copied.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_err.h"

#include <stdarg.h>

#include <apr_strings.h>

static acme_err_t *make(apr_pool_t *pool, acme_err_class_t errclass, apr_status_t status,
                        const char *text)
{
    acme_err_t *err = apr_pcalloc(pool, sizeof(*err));
    err->errclass = errclass;
    err->status = status;
    err->text = text;
    return err;
}

/* see acme_err.h */
acme_err_t *acme_err_make(apr_pool_t *pool, acme_err_class_t errclass, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = apr_pvsprintf(pool, fmt, args);
    va_end(args);
    return make(pool, errclass, APR_SUCCESS, text);
}

/* see acme_err.h */
acme_err_t *acme_err_system(apr_pool_t *pool, acme_err_class_t errclass, apr_status_t status,
                            const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = apr_pvsprintf(pool, fmt, args);
    va_end(args);
    char words[256];
    apr_strerror(status, words, sizeof(words));
    return make(pool, errclass, status, apr_pstrcat(pool, text, ": ", words, NULL));
}

/* see acme_err.h */
acme_err_t *acme_err_wrap(apr_pool_t *pool, const acme_err_t *cause, const char *fmt, ...)
{
    if (cause == NULL) {
        return NULL;
    }
    va_list args;
    va_start(args, fmt);
    char *text = apr_pvsprintf(pool, fmt, args);
    va_end(args);
    /* The cause may live in a scratch pool that goes before this error does. */
    const acme_err_t *kept = acme_err_copy(pool, cause);
    acme_err_t *err =
        make(pool, kept->errclass, kept->status, apr_pstrcat(pool, text, ": ", kept->text, NULL));
    err->problem = kept->problem;
    err->retry_at = kept->retry_at;
    err->link = kept->link;
    err->cause = kept;
    return err;
}

/* see acme_err.h */
acme_err_t *acme_err_copy(apr_pool_t *pool, const acme_err_t *err)
{
    acme_err_t *first = NULL;
    const acme_err_t **link = NULL;
    for (; err != NULL; err = err->cause) {
        acme_err_t *copy = apr_pmemdup(pool, err, sizeof(*err));
        copy->problem = apr_pstrdup(pool, err->problem);
        copy->text = apr_pstrdup(pool, err->text);
        copy->link = apr_pstrdup(pool, err->link);
        copy->cause = NULL;
        if (first == NULL) {
            first = copy;
        }
        else {
            *link = copy;
        }
        link = &copy->cause;
    }
    return first;
}

/* see acme_err.h */
const char *acme_err_class_name(acme_err_class_t errclass)
{
    switch (errclass) {
    case ACME_ERR_INTERNAL:
        return "internal";
    case ACME_ERR_INPUT:
        return "input";
    case ACME_ERR_STORE:
        return "store";
    case ACME_ERR_NETWORK:
        return "network";
    case ACME_ERR_WAIT:
        return "wait";
    case ACME_ERR_REFUSED:
        return "refused";
    case ACME_ERR_CONFIG:
        return "config";
    case ACME_ERR_GONE:
        return "gone";
    case ACME_ERR_CLOCK:
        return "clock";
    }
    return "unknown";
}
