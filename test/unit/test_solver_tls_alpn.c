/* Tests of acme_solver_tls_alpn: what it publishes, sees and takes away.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/solver_house.h"

static solver_house_t open_house(apr_pool_t *pool)
{
    return solver_house_open("tls-alpn-01", "example.org", acme_solver_tls_alpn_create, pool);
}

SOLVER_HOUSE_PROMISES

static void addresses_and_long_names_have_records_too(void **state)
{
    apr_pool_t *pool = *state;
    solver_house_t house = open_house(pool);
    acme_proof_t another = house.proof;
    another.identifier = &solver_house_address;
    assert_well(solver_house_publish(&house, &another));
    const char *raw = fake_store_raw(house.disk, "challenges/tls-alpn-01/2001:db8::1", NULL);
    assert_non_null(strstr(raw, "\"type\":\"ip\",\"value\":\"2001:db8::1\""));
    char *label = apr_pcalloc(pool, 61);
    memset(label, 'a', 60);
    acme_identifier_t long_name = solver_house_name;
    long_name.value = apr_pstrcat(pool, label, ".", label, ".", label, ".", label, NULL);
    another.identifier = &long_name;
    assert_well(solver_house_publish(&house, &another));
    assert_int_equal(2, fake_store_count(house.disk, "challenges/tls-alpn-01/"));
}

static void a_newer_proof_is_not_withdrawn_with_an_older_one(void **state)
{
    solver_house_t house = open_house(*state);
    acme_proof_t newer = house.proof;
    newer.token = "another-token-of-the-next-order";
    assert_well(solver_house_publish(&house, &house.proof));
    assert_well(solver_house_publish(&house, &newer));
    assert_well(solver_house_withdraw(&house, &house.proof));
    assert_int_equal(1, fake_store_count(house.disk, "challenges/"));
    assert_well(solver_house_withdraw(&house, &newer));
    assert_int_equal(0, fake_store_count(house.disk, "challenges/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOLVER_HOUSE_TABLE,
        FIXTURE_TEST(addresses_and_long_names_have_records_too),
        FIXTURE_TEST(a_newer_proof_is_not_withdrawn_with_an_older_one),
    };
    return fixture_run(tests);
}
