/* Fuzzes the reader of orders: what is taken has what its status needs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include "acme/acme_json.h"
#include "acme/acme_order.h"

static void check_order(const acme_order_t *order, apr_pool_t *pool)
{
    int is_dead = order->status == ACME_ORDER_INVALID || order->status == ACME_ORDER_UNKNOWN;
    FUZZ_CHECK(is_dead || order->finalize != NULL);
    FUZZ_CHECK(order->finalize == NULL || acme_json_url_ok(order->finalize));
    FUZZ_CHECK(order->status != ACME_ORDER_PENDING || order->authorizations->nelts > 0);
    FUZZ_CHECK(order->authorizations->nelts <= ACME_ORDER_MAX_AUTHORIZATIONS);
    FUZZ_CHECK((order->status == ACME_ORDER_VALID) == (order->certificate != NULL));
    FUZZ_CHECK(order->certificate == NULL || acme_json_url_ok(order->certificate));
    for (int i = 0; i < order->authorizations->nelts; i++) {
        FUZZ_CHECK(acme_json_url_ok(APR_ARRAY_IDX(order->authorizations, i, const char *)));
    }
    if (order->error != NULL) {
        (void)acme_problem_err(order->error, 0, "fuzzing", pool);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *body = fuzz_text(data, size);
    acme_order_t *order;
    const acme_err_t *err = acme_order_parse(&order, body, size, pool);
    free(body);
    FUZZ_CHECK(err == NULL || err->errclass == ACME_ERR_INPUT);
    if (err == NULL) {
        check_order(order, pool);
    }
    apr_pool_destroy(pool);
    return 0;
}
