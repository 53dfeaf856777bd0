/* Tests of acme_solver_tls_alpn: what it publishes, sees and takes away.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <errno.h>
#include <jansson.h>

#include "acme/acme_solver.h"
#include "unit/fake_env.h"
#include "unit/fake_store.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define PLACE "challenges/tls-alpn-01/example.org"

typedef struct {
    fake_env_t *world;
    fake_store_t *disk;
    acme_store_t *store;
    acme_solver_t *solver;
} house_t;

static const acme_identifier_t example = {ACME_IDENTIFIER_DNS, "example.org", 0};
static const acme_identifier_t address = {ACME_IDENTIFIER_IP, "2001:db8::1", 0};
static const acme_proof_t proof = {
    .type = "tls-alpn-01", .identifier = &example, .token = TOKEN, .thumbprint = "thumb"};

static house_t open_house(apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = {1};
    house_t house = {.world = fake_env_create(1, pool), .disk = fake_store_create(pool)};
    house.store =
        fake_store_open(house.disk, 1, acme_seal_create(secret, pool), fake_env(house.world), pool);
    house.solver = acme_solver_tls_alpn_create(house.store, pool);
    return house;
}

static acme_err_t *publish(const house_t *house, const acme_proof_t *what, apr_pool_t *pool)
{
    return house->solver->publish(house->solver->baton, what, pool);
}

static acme_err_t *withdraw(const house_t *house, const acme_proof_t *what, apr_pool_t *pool)
{
    int is_gone = 0;
    apr_time_t poll_at;
    acme_err_t *err = house->solver->withdraw(&is_gone, &poll_at, house->solver->baton, what, pool);
    assert_true(is_gone);
    return err;
}

static int is_visible(const house_t *house, apr_time_t *poll_at, apr_pool_t *pool)
{
    int result;
    assert_well(house->solver->visible(&result, poll_at, house->solver->baton, &proof, pool));
    return result;
}

static void assert_member(const json_t *object, const char *name, const char *wanted)
{
    const char *found = json_string_value(json_object_get(object, name));
    assert_non_null(found);
    assert_string_equal(wanted, found);
}

static void publishes_a_sealed_record(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_string_equal("tls-alpn-01", house.solver->type);
    assert_well(publish(&house, &proof, pool));
    char *text;
    apr_size_t len;
    assert_well(acme_store_get(&text, &len, house.store, PLACE, pool));
    json_t *record = json_loads(text, 0, NULL);
    assert_int_equal(1, json_integer_value(json_object_get(record, "version")));
    assert_member(record, "type", "tls-alpn-01");
    assert_member(record, "token", TOKEN);
    assert_member(record, "thumbprint", "thumb");
    assert_member(json_object_get(record, "identifier"), "type", "dns");
    assert_member(json_object_get(record, "identifier"), "value", "example.org");
    json_decref(record);
}

static void addresses_and_long_names_have_records_too(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_proof_t of_address = proof;
    of_address.identifier = &address;
    assert_well(publish(&house, &of_address, pool));
    const char *raw = fake_store_raw(house.disk, "challenges/tls-alpn-01/2001:db8::1", NULL);
    assert_non_null(strstr(raw, "\"type\":\"ip\",\"value\":\"2001:db8::1\""));
    char *label = apr_pcalloc(pool, 61);
    memset(label, 'a', 60);
    acme_identifier_t long_name = example;
    long_name.value = apr_pstrcat(pool, label, ".", label, ".", label, ".", label, NULL);
    of_address.identifier = &long_name;
    assert_well(publish(&house, &of_address, pool));
    assert_int_equal(2, fake_store_count(house.disk, "challenges/tls-alpn-01/"));
}

static void a_newer_proof_is_not_withdrawn_with_an_older_one(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_proof_t newer = proof;
    newer.token = "another-token-of-the-next-order";
    assert_well(publish(&house, &proof, pool));
    assert_well(publish(&house, &newer, pool));
    assert_well(withdraw(&house, &proof, pool));
    assert_int_equal(1, fake_store_count(house.disk, "challenges/"));
    assert_well(withdraw(&house, &newer, pool));
    assert_int_equal(0, fake_store_count(house.disk, "challenges/"));
}

static void lists_what_is_published(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_array_header_t *proofs;
    assert_well(publish(&house, &proof, pool));
    const char *nonsense = "{\"version\":1}";
    assert_well(acme_store_put(house.store, "challenges/tls-alpn-01/nonsense", nonsense,
                               strlen(nonsense), pool));
    assert_well(house.solver->list(&proofs, house.solver->baton, pool));
    assert_int_equal(1, proofs->nelts);
    assert_true(acme_proof_equal(&proof, APR_ARRAY_IDX(proofs, 0, acme_proof_t *)));
    assert_int_equal(1, fake_store_count(house.disk, "challenges/"));
}

static void what_is_published_is_visible_until_it_is_withdrawn(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_time_t poll_at;
    assert_well(publish(&house, &proof, pool));
    assert_well(publish(&house, &proof, pool));
    assert_true(is_visible(&house, &poll_at, pool));
    assert_well(withdraw(&house, &proof, pool));
    assert_int_equal(0, fake_store_count(house.disk, "challenges/"));
    assert_well(withdraw(&house, &proof, pool));
}

static void what_was_removed_or_forged_is_published_again(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_time_t poll_at;
    assert_false(is_visible(&house, &poll_at, pool));
    assert_true(poll_at > FAKE_ENV_START);
    assert_true(is_visible(&house, &poll_at, pool));
    fake_store_plant(house.disk, PLACE, "{}", 2);
    assert_false(is_visible(&house, &poll_at, pool));
    assert_true(is_visible(&house, &poll_at, pool));
}

static void refuses_tokens_that_are_none(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    char *large = apr_pcalloc(pool, 202);
    memset(large, 'a', 201);
    const char *const wrong[] = {"", large};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        acme_proof_t bad = proof;
        bad.token = wrong[i];
        assert_refused(ACME_ERR_INPUT, publish(&house, &bad, pool));
    }
    assert_int_equal(0, fake_store_writes(house.disk));
}

static void a_full_disk_is_told(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    fake_store_fail_put(house.disk, 1, 1, ENOSPC);
    assert_refused(ACME_ERR_STORE, publish(&house, &proof, pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(publishes_a_sealed_record),
        FIXTURE_TEST(addresses_and_long_names_have_records_too),
        FIXTURE_TEST(a_newer_proof_is_not_withdrawn_with_an_older_one),
        FIXTURE_TEST(lists_what_is_published),
        FIXTURE_TEST(what_is_published_is_visible_until_it_is_withdrawn),
        FIXTURE_TEST(what_was_removed_or_forged_is_published_again),
        FIXTURE_TEST(refuses_tokens_that_are_none),
        FIXTURE_TEST(a_full_disk_is_told),
    };
    return fixture_run(tests);
}
