/* Fuzzes the reader of budget.json: no tokens beyond the bucket, and what was read comes back from a rewrite.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz_store.h"

#include "acme/acme_budget.h"
#include "acme/acme_time.h"

#define PATH "accounts/ca/budget.json"
#define ORDERS 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const acme_limits_t limits = {.orders = {ORDERS, 3 * ACME_TIME_HOUR},
                                         .registered_domain = {50, 7 * ACME_TIME_DAY},
                                         .exact_set = {5, 7 * ACME_TIME_DAY}};
    apr_pool_t *pool = fuzz_pool();
    apr_time_t now = fuzz_store_now(NULL);
    fuzz_store_t *disk = fuzz_store_create(PATH, data, size, pool);
    acme_budget_t *budget = acme_budget_create(&limits, NULL, pool);
    if (acme_budget_read(budget, &disk->store, PATH, now, pool) == NULL) {
        int orders = acme_budget_orders(budget, 1, now);
        FUZZ_CHECK(orders >= 0 && orders <= ORDERS);
        FUZZ_CHECK((orders > 0) == (acme_budget_order_at(budget, 1, now) == 0));
        FUZZ_CHECK(acme_budget_orders(budget, 1, now + ACME_TIME_DAY) == ORDERS);
        acme_budget_take_order(budget, now);
        orders = acme_budget_orders(budget, 1, now);
        acme_budget_t *again = acme_budget_create(&limits, NULL, pool);
        if (acme_budget_write(budget, &disk->store, PATH, now, pool) == NULL) {
            FUZZ_CHECK(acme_budget_read(again, &disk->store, PATH, now, pool) == NULL);
            int left = acme_budget_orders(again, 1, now); /* it is kept in whole seconds */
            FUZZ_CHECK(left == orders || left == orders - 1);
        }
    }
    apr_pool_destroy(pool);
    return 0;
}
