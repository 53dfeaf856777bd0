/* Tests of acme_solver_http: what it publishes, sees and takes away.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/solver_house.h"

static solver_house_t open_house(apr_pool_t *pool)
{
    return solver_house_open("http-01", SOLVER_HOUSE_TOKEN, acme_solver_http_create, pool);
}

SOLVER_HOUSE_PROMISES

static void addresses_are_told_from_names(void **state)
{
    solver_house_t house = open_house(*state);
    acme_proof_t of_address = house.proof;
    of_address.identifier = &solver_house_address;
    assert_well(solver_house_publish(&house, &of_address));
    const char *raw = fake_store_raw(house.disk, house.place, NULL);
    assert_non_null(strstr(raw, "\"type\":\"ip\",\"value\":\"2001:db8::1\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOLVER_HOUSE_TABLE,
        FIXTURE_TEST(addresses_are_told_from_names),
    };
    return fixture_run(tests);
}
