/* Orders: asked for, and read with what each status needs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_order.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_text.h"

/* RFC 8555 section 7.1.6 */
static const char *const status_names[] = {
    [ACME_ORDER_PENDING] = "pending",       [ACME_ORDER_READY] = "ready",
    [ACME_ORDER_PROCESSING] = "processing", [ACME_ORDER_VALID] = "valid",
    [ACME_ORDER_INVALID] = "invalid",       [ACME_ORDER_UNKNOWN] = "unknown",
};

/* see acme_order.h */
const char *acme_order_status_name(acme_order_status_t status)
{
    return status_names[status];
}

static acme_order_status_t read_status(const char *word)
{
    for (int i = 0; i < ACME_ORDER_UNKNOWN; i++) {
        if (strcmp(word, status_names[i]) == 0) {
            return (acme_order_status_t)i;
        }
    }
    return ACME_ORDER_UNKNOWN;
}

static json_t *identifiers_json(const apr_array_header_t *identifiers, apr_pool_t *pool)
{
    json_t *array = json_array();
    const apr_array_header_t *sorted = acme_identifiers_sorted(identifiers, pool);
    for (int i = 0; i < sorted->nelts; i++) {
        const acme_identifier_t *identifier = APR_ARRAY_IDX(sorted, i, const acme_identifier_t *);
        json_t *object = json_object();
        acme_json_set_string(object, "type", identifier->type == ACME_IDENTIFIER_IP ? "ip" : "dns");
        acme_json_set_string(object, "value", identifier->value);
        json_array_append_new(array, object);
    }
    return array;
}

/* see acme_order.h */
char *acme_order_request(const acme_order_request_t *request, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    json_object_set_new(object, "identifiers", identifiers_json(request->identifiers, pool));
    acme_json_set_string(object, "profile", request->profile);
    acme_json_set_string(object, "replaces", request->replaces);
    return acme_json_text(object, 0, pool);
}

/* see acme_order.h */
char *acme_order_finalize_request(const char *csr, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    acme_json_set_string(object, "csr", csr);
    return acme_json_text(object, 0, pool);
}

/* A member that must be a URL we may ask where it is there. */
static acme_err_t *read_url(const char **url, const json_t *object, const char *name,
                            apr_pool_t *pool)
{
    const char *text = json_string_value(json_object_get(object, name));
    *url = NULL;
    if (text == NULL) {
        return NULL;
    }
    if (!acme_json_url_ok(text)) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the order's %s \"%s\" is no https URL that can be asked", name,
                             acme_text_clean(text, 200, pool));
    }
    *url = apr_pstrdup(pool, text);
    return NULL;
}

static acme_err_t *read_authorizations(acme_order_t *order, const json_t *object, apr_pool_t *pool)
{
    const json_t *array = json_object_get(object, "authorizations");
    size_t count = json_array_size(array);
    if (count > ACME_ORDER_MAX_AUTHORIZATIONS) {
        return acme_err_make(pool, ACME_ERR_INPUT, "the order has more than %d authorizations",
                             ACME_ORDER_MAX_AUTHORIZATIONS);
    }
    apr_array_header_t *urls = apr_array_make(pool, (int)count, sizeof(const char *));
    for (size_t i = 0; i < count; i++) {
        const char *url = json_string_value(json_array_get(array, i));
        if (url == NULL || !acme_json_url_ok(url)) {
            return acme_err_make(pool, ACME_ERR_INPUT,
                                 "the order's authorization \"%s\" is no https URL that can be "
                                 "asked",
                                 acme_text_clean(url, 200, pool));
        }
        APR_ARRAY_PUSH(urls, const char *) = apr_pstrdup(pool, url);
    }
    order->authorizations = urls;
    return NULL;
}

/* RFC 8555 section 7.1.6: what the next step cannot do without. */
static acme_err_t *check_complete(const acme_order_t *order, apr_pool_t *pool)
{
    const char *missing = NULL;
    if (order->status == ACME_ORDER_INVALID || order->status == ACME_ORDER_UNKNOWN) {
        return NULL;
    }
    if (order->finalize == NULL) {
        missing = "finalize URL";
    }
    else if (order->status == ACME_ORDER_PENDING && order->authorizations->nelts == 0) {
        missing = "authorizations";
    }
    else if (order->status == ACME_ORDER_VALID && order->certificate == NULL) {
        missing = "certificate URL";
    }
    if (missing == NULL) {
        return NULL;
    }
    return acme_err_make(pool, ACME_ERR_INPUT, "the order is %s but has no %s",
                         acme_order_status_name(order->status), missing);
}

/* see acme_order.h */
acme_err_t *acme_order_parse(acme_order_t **order, const char *body, apr_size_t len,
                             apr_pool_t *pool)
{
    json_t *object;
    ACME_TRY(acme_json_parse(&object, body, len, "the order", pool));
    const char *status = json_string_value(json_object_get(object, "status"));
    if (status == NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "the order has no status: this is not an order of RFC 8555");
    }
    acme_order_t *read = apr_pcalloc(pool, sizeof(*read));
    read->status = read_status(status);
    read->expires = acme_json_time(object, "expires");
    ACME_TRY(read_authorizations(read, object, pool));
    ACME_TRY(read_url(&read->finalize, object, "finalize", pool));
    if (read->status == ACME_ORDER_VALID) {
        ACME_TRY(read_url(&read->certificate, object, "certificate", pool));
    }
    const json_t *error = json_object_get(object, "error");
    read->error = json_is_object(error) ? acme_problem_read(error, pool) : NULL;
    ACME_TRY(check_complete(read, pool));
    *order = read;
    return NULL;
}
