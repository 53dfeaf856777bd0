/* How requests travel: calls a transport, and reads what an answer's headers say.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "acme/acme_transport.h"

/* see acme_transport.h */
void acme_transport_begin(acme_transport_t *transport, acme_exchange_t *exchange)
{
    transport->begin(transport->baton, exchange);
}

/* see acme_transport.h */
void acme_transport_cancel(acme_transport_t *transport, acme_exchange_t *exchange)
{
    transport->cancel(transport->baton, exchange);
}

/* see acme_transport.h */
void acme_transport_pump(acme_transport_t *transport, apr_interval_time_t wait)
{
    transport->pump(transport->baton, wait);
}

/* see acme_transport.h */
void acme_transport_wakeup(acme_transport_t *transport)
{
    transport->wakeup(transport->baton);
}

/* see acme_transport.h */
const char *acme_exchange_header(const acme_exchange_t *exchange, const char *name)
{
    return exchange->headers != NULL ? apr_table_get(exchange->headers, name) : NULL;
}

/* see acme_transport.h */
apr_time_t acme_exchange_retry_at(const acme_exchange_t *exchange, apr_time_t now)
{
    const char *value = acme_exchange_header(exchange, "Retry-After");
    apr_time_t retry_at;
    if (value == NULL || acme_time_parse_retry_after(
                             &retry_at, value, acme_exchange_header(exchange, "Date"), now) < 0) {
        return 0;
    }
    return retry_at;
}

/* see acme_transport.h */
void acme_exchange_header_values(const acme_exchange_t *exchange, const char *name,
                                 apr_array_header_t *values)
{
    if (exchange->headers == NULL) {
        return;
    }
    const apr_array_header_t *entries = apr_table_elts(exchange->headers);
    for (int i = 0; i < entries->nelts; ++i) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);
        if (acme_text_equal_nocase(entry->key, name)) {
            APR_ARRAY_PUSH(values, const char *) = entry->val;
        }
    }
}
