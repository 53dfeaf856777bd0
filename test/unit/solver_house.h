/* What the tests of solvers with records share: a store, a solver, one proof, and what all promise.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     solver_house_t house = solver_house_open("http-01", acme_solver_http_create, pool);
 *     assert_well(solver_house_publish(&house, &house.proof));
 *
 * The tests below hold for every solver that publishes by a record; each takes a house. What is
 * particular to a type stands in the test of its file.
 */
#ifndef SOLVER_HOUSE_H
#define SOLVER_HOUSE_H

#include "unit/fixture.h"

#include <errno.h>
#include <jansson.h>

#include "acme/acme_solver.h"
#include "unit/fake_env.h"
#include "unit/fake_store.h"

#define SOLVER_HOUSE_TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

typedef struct {
    apr_pool_t *pool;
    fake_env_t *world;
    fake_store_t *disk;
    acme_store_t *store;
    acme_solver_t *solver;
    acme_proof_t proof; /* of example.org */
    const char *place;  /* of its record */
} solver_house_t;

static const acme_identifier_t solver_house_name = {ACME_IDENTIFIER_DNS, "example.org", 0};
static const acme_identifier_t solver_house_address = {ACME_IDENTIFIER_IP, "2001:db8::1", 0};

static inline solver_house_t
solver_house_open(const char *type, const char *record,
                  acme_solver_t *(*create)(const acme_store_t *, apr_pool_t *), apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = {1};
    solver_house_t house = {.pool = pool,
                            .world = fake_env_create(1, pool),
                            .disk = fake_store_create(pool),
                            .proof = {.type = type,
                                      .identifier = &solver_house_name,
                                      .token = SOLVER_HOUSE_TOKEN,
                                      .thumbprint = "thumb"},
                            .place = apr_pstrcat(pool, "challenges/", type, "/", record, NULL)};
    house.store =
        fake_store_open(house.disk, 1, acme_seal_create(secret, pool), fake_env(house.world), pool);
    house.solver = create(house.store, pool);
    assert_string_equal(type, house.solver->type);
    return house;
}

static inline acme_err_t *solver_house_publish(const solver_house_t *house,
                                               const acme_proof_t *what)
{
    return house->solver->publish(house->solver->baton, what, house->pool);
}

/** Withdraws what is gone at once. */
static inline acme_err_t *solver_house_withdraw(const solver_house_t *house,
                                                const acme_proof_t *what)
{
    int is_gone = 0;
    apr_time_t poll_at;
    acme_err_t *err =
        house->solver->withdraw(&is_gone, &poll_at, house->solver->baton, what, house->pool);
    assert_true(is_gone);
    return err;
}

static inline int solver_house_sees(const solver_house_t *house, apr_time_t *poll_at)
{
    int result;
    assert_well(
        house->solver->visible(&result, poll_at, house->solver->baton, &house->proof, house->pool));
    return result;
}

static inline void solver_house_assert_member(const json_t *object, const char *name,
                                              const char *wanted)
{
    const char *found = json_string_value(json_object_get(object, name));
    assert_non_null(found);
    assert_string_equal(wanted, found);
}

/* ---- what all promise */

static inline void solver_house_publishes_a_sealed_record(solver_house_t house)
{
    char *text;
    apr_size_t len;
    assert_well(solver_house_publish(&house, &house.proof));
    assert_well(acme_store_get(&text, &len, house.store, house.place, house.pool));
    json_t *record = json_loads(text, 0, NULL);
    assert_int_equal(1, json_integer_value(json_object_get(record, "version")));
    solver_house_assert_member(record, "type", house.solver->type);
    solver_house_assert_member(record, "token", SOLVER_HOUSE_TOKEN);
    solver_house_assert_member(record, "thumbprint", "thumb");
    solver_house_assert_member(json_object_get(record, "identifier"), "type", "dns");
    solver_house_assert_member(json_object_get(record, "identifier"), "value", "example.org");
    json_decref(record);
}

static inline void solver_house_shows_what_is_published_until_it_is_withdrawn(solver_house_t house)
{
    apr_time_t poll_at;
    assert_well(solver_house_publish(&house, &house.proof));
    assert_well(solver_house_publish(&house, &house.proof));
    assert_true(solver_house_sees(&house, &poll_at));
    assert_well(solver_house_withdraw(&house, &house.proof));
    assert_int_equal(0, fake_store_count(house.disk, "challenges/"));
    assert_well(solver_house_withdraw(&house, &house.proof));
}

static inline void solver_house_publishes_again_what_was_removed_or_forged(solver_house_t house)
{
    apr_time_t poll_at;
    assert_false(solver_house_sees(&house, &poll_at));
    assert_true(poll_at > FAKE_ENV_START);
    assert_true(solver_house_sees(&house, &poll_at));
    fake_store_plant(house.disk, house.place, "{}", 2);
    assert_false(solver_house_sees(&house, &poll_at));
    assert_true(solver_house_sees(&house, &poll_at));
}

static inline void solver_house_lists_what_makes_sense(solver_house_t house)
{
    apr_array_header_t *proofs;
    const char *nonsense = "{\"version\":1}";
    assert_well(solver_house_publish(&house, &house.proof));
    assert_well(acme_store_put(
        house.store, apr_pstrcat(house.pool, "challenges/", house.solver->type, "/nonsense", NULL),
        nonsense, strlen(nonsense), house.pool));
    assert_well(house.solver->list(&proofs, house.solver->baton, house.pool));
    assert_int_equal(1, proofs->nelts);
    assert_true(acme_proof_equal(&house.proof, APR_ARRAY_IDX(proofs, 0, acme_proof_t *)));
    assert_int_equal(1, fake_store_count(house.disk, "challenges/"));
}

static inline void solver_house_refuses_tokens_that_are_none(solver_house_t house)
{
    char *large = apr_pcalloc(house.pool, 202);
    memset(large, 'a', 201);
    const char *const wrong[] = {"", "../../live/a/1", "a b", "a.b", "a=", "\xc3\xa4", large};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        acme_proof_t bad = house.proof;
        bad.token = wrong[i];
        acme_err_t *err = solver_house_publish(&house, &bad);
        assert_refused(ACME_ERR_INPUT, err);
        assert_non_null(strstr(err->text, "example.org"));
        assert_non_null(strstr(err->text, house.solver->type));
        assert_well(solver_house_withdraw(&house, &bad));
    }
    assert_int_equal(0, fake_store_writes(house.disk));
}

static inline void solver_house_tells_of_a_full_disk(solver_house_t house)
{
    fake_store_fail_put(house.disk, 1, 1, ENOSPC);
    assert_refused(ACME_ERR_STORE, solver_house_publish(&house, &house.proof));
}

/** A test of the file that defines open_house(pool): runs what all promise on a house of its own.
 */
#define SOLVER_HOUSE_TEST(promise)                                                                 \
    static void promise(void **state)                                                              \
    {                                                                                              \
        solver_house_##promise(open_house(*state));                                                \
    }

/** The tests that SOLVER_HOUSE_PROMISES made, for the table. */
#define SOLVER_HOUSE_PROMISES                                                                      \
    SOLVER_HOUSE_TEST(publishes_a_sealed_record)                                                   \
    SOLVER_HOUSE_TEST(shows_what_is_published_until_it_is_withdrawn)                               \
    SOLVER_HOUSE_TEST(publishes_again_what_was_removed_or_forged)                                  \
    SOLVER_HOUSE_TEST(lists_what_makes_sense)                                                      \
    SOLVER_HOUSE_TEST(refuses_tokens_that_are_none)                                                \
    SOLVER_HOUSE_TEST(tells_of_a_full_disk)

#define SOLVER_HOUSE_TABLE                                                                         \
    FIXTURE_TEST(publishes_a_sealed_record),                                                       \
        FIXTURE_TEST(shows_what_is_published_until_it_is_withdrawn),                               \
        FIXTURE_TEST(publishes_again_what_was_removed_or_forged),                                  \
        FIXTURE_TEST(lists_what_makes_sense), FIXTURE_TEST(refuses_tokens_that_are_none),          \
        FIXTURE_TEST(tells_of_a_full_disk)

#endif
