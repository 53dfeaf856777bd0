/* Tests of acme_generation: what is written counts whole or not at all, and numbers only grow.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

#include <errno.h>

#define NAME "a.example"
#define CURRENT "live/" NAME "/current"

static apr_uint64_t counting(const read_world_t *world)
{
    acme_generation_facts_t *facts;
    assert_well(acme_generation_facts_read(&facts, world->store, NAME, world->pool));
    return facts != NULL ? facts->number : 0;
}

static int is_there(const read_world_t *world, apr_uint64_t number)
{
    acme_generation_t *generation;
    assert_well(acme_generation_read(&generation, world->store, NAME, number, world->pool));
    return generation != NULL;
}

/* Puts @a json where the engine would, well sealed. */
static void put(const read_world_t *world, const char *path, const char *json)
{
    assert_well(acme_store_put(world->store, path, json, strlen(json), world->pool));
}

static char *get(const read_world_t *world, const char *path)
{
    char *text;
    apr_size_t len;
    assert_well(acme_store_get(&text, &len, world->store, path, world->pool));
    assert_non_null(text);
    return text;
}

/* The value at @a path once more with @a from replaced by @a to. */
static void alter(const read_world_t *world, const char *path, const char *from, const char *to)
{
    char *text = get(world, path);
    char *at = strstr(text, from);
    assert_non_null(at);
    *at = '\0';
    put(world, path, apr_pstrcat(world->pool, text, to, at + strlen(from), NULL));
}

static void a_new_domain_has_nothing(void **state)
{
    read_world_t *world = read_world_create(*state);
    apr_uint64_t next;
    assert_int_equal(0, counting(world));
    assert_false(is_there(world, 1));
    assert_well(acme_generation_next(&next, world->store, NAME, *state));
    assert_int_equal(1, next);
}

static void what_was_written_is_read_back(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *written = read_world_generation(world, NAME, 3, ACME_KEY_P256, *state);
    read_world_add(world, written, NAME, ACME_KEY_P384, *state);
    read_world_add(world, written, NAME, ACME_KEY_RSA, *state);
    assert_well(acme_generation_write(world->store, NAME, written, *state));

    acme_generation_t *read;
    assert_well(acme_generation_read(&read, world->store, NAME, 3, *state));
    assert_int_equal(3, read->number);
    assert_true(written->made == read->made);
    assert_int_equal(3, read->certificates->nelts);
    for (acme_key_type_t type = ACME_KEY_P256; type <= ACME_KEY_RSA; type++) {
        const acme_generation_certificate_t *before = acme_generation_certificate(written, type);
        const acme_generation_certificate_t *after = acme_generation_certificate(read, type);
        assert_string_equal(before->chain->pem, after->chain->pem);
        assert_string_equal(before->ca_url, after->ca_url);
        assert_int_equal(1, EVP_PKEY_eq(acme_key_pkey(before->key), acme_key_pkey(after->key)));
    }
}

static void the_facts_are_those_of_the_certificate(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *written = read_world_generation(world, NAME, 1, ACME_KEY_P384, *state);
    assert_well(acme_generation_write(world->store, NAME, written, *state));

    acme_generation_facts_t *facts;
    assert_well(acme_generation_facts_read(&facts, world->store, NAME, *state));
    const acme_generation_fact_t *fact = acme_generation_fact(facts, ACME_KEY_P384);
    const acme_chain_t *chain =
        APR_ARRAY_IDX(written->certificates, 0, acme_generation_certificate_t).chain;
    assert_non_null(fact);
    assert_null(acme_generation_fact(facts, ACME_KEY_RSA));
    assert_true(facts->made == written->made);
    assert_true(fact->not_before == chain->not_before);
    assert_true(fact->not_after == chain->not_after);
    assert_string_equal(fact->serial, chain->serial);
    assert_string_equal(fact->sha256, chain->sha256);
    assert_string_equal(fact->ca_url, "https://ca.example/directory");
    assert_int_equal(1, fact->identifiers->nelts);
    assert_string_equal(NAME,
                        APR_ARRAY_IDX(fact->identifiers, 0, const acme_identifier_t *)->value);
}

static void must_staple_is_remembered(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_facts_t *facts;
    acme_generation_t *generation;
    read_world_write(world, "a.example", 1, *state);
    assert_well(acme_generation_facts_read(&facts, world->store, "a.example", *state));
    assert_false(acme_generation_fact(facts, ACME_KEY_P256)->has_must_staple);
    assert_false(acme_generation_fact(facts, ACME_KEY_P256)->must_staple);
    read_world_write_stapled(world, "a.example", 2, *state);
    assert_well(acme_generation_facts_read(&facts, world->store, "a.example", *state));
    assert_true(acme_generation_fact(facts, ACME_KEY_P256)->has_must_staple);
    assert_true(acme_generation_fact(facts, ACME_KEY_P256)->must_staple);
    assert_well(acme_generation_read(&generation, world->store, "a.example", 2, *state));
    assert_true(acme_generation_certificate(generation, ACME_KEY_P256)->must_staple);
    assert_true(acme_generation_certificate(generation, ACME_KEY_P256)->chain->has_must_staple);
}

static void no_key_lies_open(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 1, *state);
    apr_size_t len;
    const char *raw = fake_store_raw(world->disk, "live/" NAME "/1", &len);
    assert_non_null(raw);
    for (apr_size_t i = 0; i + 11 < len; i++) {
        assert_memory_not_equal(raw + i, "CERTIFICATE", 11);
    }
    assert_null(strstr(get(world, CURRENT), "\"key\""));
}

static void a_missing_ca_stays_missing(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *written = read_world_generation(world, NAME, 1, ACME_KEY_P256, *state);
    APR_ARRAY_IDX(written->certificates, 0, acme_generation_certificate_t).ca_url = NULL;
    assert_well(acme_generation_write(world->store, NAME, written, *state));
    acme_generation_facts_t *facts;
    acme_generation_t *read;
    assert_well(acme_generation_facts_read(&facts, world->store, NAME, *state));
    assert_well(acme_generation_read(&read, world->store, NAME, 1, *state));
    assert_null(acme_generation_fact(facts, ACME_KEY_P256)->ca_url);
    assert_null(acme_generation_certificate(read, ACME_KEY_P256)->ca_url);
}

static void numbers_only_grow(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 5, *state);
    for (apr_uint64_t number = 4; number <= 5; number++) {
        acme_generation_t *late = read_world_generation(world, NAME, number, ACME_KEY_P256, *state);
        assert_refused(ACME_ERR_INTERNAL, acme_generation_write(world->store, NAME, late, *state));
    }
    assert_int_equal(5, counting(world));
    acme_generation_t *absurd =
        read_world_generation(world, NAME, ~(apr_uint64_t)0, ACME_KEY_P256, *state);
    assert_refused(ACME_ERR_INTERNAL, acme_generation_write(world->store, NAME, absurd, *state));
}

static void a_few_older_ones_stay(void **state)
{
    read_world_t *world = read_world_create(*state);
    for (apr_uint64_t number = 9; number <= 14; number++) {
        read_world_write(world, NAME, number, *state);
    }
    assert_int_equal(14, counting(world));
    assert_int_equal(ACME_GENERATION_KEEP + 2, fake_store_count(world->disk, "live/" NAME "/"));
    assert_true(is_there(world, 14 - ACME_GENERATION_KEEP));
    assert_false(is_there(world, 13 - ACME_GENERATION_KEEP));
}

static void a_failed_write_leaves_the_older_one_counting(void **state)
{
    for (int nth = 1; nth <= 2; nth++) {
        read_world_t *world = read_world_create(*state);
        read_world_write(world, NAME, 1, *state);
        acme_generation_t *next = read_world_generation(world, NAME, 2, ACME_KEY_P256, *state);
        fake_store_fail_put(world->disk, nth, 1, ENOSPC);
        assert_refused(ACME_ERR_STORE, acme_generation_write(world->store, NAME, next, *state));
        assert_int_equal(1, counting(world));
        assert_true(is_there(world, 1));
        assert_well(acme_generation_write(world->store, NAME, next, *state));
        assert_int_equal(2, counting(world));
    }
}

static void what_never_counted_is_passed_over(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *first = read_world_generation(world, NAME, 1, ACME_KEY_P256, *state);
    fake_store_fail_put(world->disk, 2, 1, ENOSPC);
    assert_refused(ACME_ERR_STORE, acme_generation_write(world->store, NAME, first, *state));
    apr_uint64_t next;
    assert_well(acme_generation_next(&next, world->store, NAME, *state));
    assert_int_equal(2, next);
    assert_well(
        acme_generation_write(world->store, NAME, first, *state)); /* this is no step back */
    assert_int_equal(1, counting(world));
}

static void a_lost_current_lets_no_number_come_again(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 6, *state);
    read_world_write(world, NAME, 7, *state);
    fake_store_plant(world->disk, CURRENT, NULL, 0);
    assert_int_equal(0, counting(world));
    apr_uint64_t next;
    assert_well(acme_generation_next(&next, world->store, NAME, *state));
    assert_int_equal(8, next);
    acme_generation_t *older = read_world_generation(world, NAME, 6, ACME_KEY_P256, *state);
    assert_refused(ACME_ERR_INTERNAL, acme_generation_write(world->store, NAME, older, *state));
    read_world_write(world, NAME, 8, *state);
    assert_int_equal(8, counting(world));
}

static void a_damaged_current_is_refused_but_written_anew(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 2, *state);
    put(world, CURRENT, "{\"version\":1,\"generation\":2}");
    acme_generation_facts_t *facts;
    assert_refused(ACME_ERR_INPUT, acme_generation_facts_read(&facts, world->store, NAME, *state));
    read_world_write(world, NAME, 3, *state);
    assert_int_equal(3, counting(world));
}

static void what_a_newer_version_wrote_into_current_stays(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 1, *state);
    alter(world, CURRENT, "{", "{\"from-the-future\":[1],");
    read_world_write(world, NAME, 2, *state);
    assert_non_null(strstr(get(world, CURRENT), "from-the-future"));
    assert_int_equal(2, counting(world));
}

static void an_unknown_type_of_key_is_left_out(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *written = read_world_generation(world, NAME, 1, ACME_KEY_P256, *state);
    read_world_add(world, written, NAME, ACME_KEY_P384, *state);
    assert_well(acme_generation_write(world->store, NAME, written, *state));
    alter(world, CURRENT, "\"p-384\"", "\"ml-dsa\"");
    alter(world, "live/" NAME "/1", "\"p-384\"", "\"ml-dsa\"");
    acme_generation_facts_t *facts;
    acme_generation_t *read;
    assert_well(acme_generation_facts_read(&facts, world->store, NAME, *state));
    assert_well(acme_generation_read(&read, world->store, NAME, 1, *state));
    assert_int_equal(1, facts->certificates->nelts);
    assert_int_equal(1, read->certificates->nelts);
}

static void what_is_not_sealed_is_not_there(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 1, *state);
    apr_size_t len;
    const char *raw = fake_store_raw(world->disk, "live/" NAME "/1", &len);
    fake_store_plant(world->disk, "live/" NAME "/2", raw,
                     len); /* the older one under another name */
    fake_store_plant(world->disk, CURRENT, "{\"version\":1,\"generation\":2}", 28);
    assert_false(is_there(world, 2));
    assert_int_equal(0, counting(world));
}

static void a_sealed_but_senseless_generation_is_refused(void **state)
{
    static const char *const senseless[] = {
        "{}",
        "[]",
        "not JSON",
        "{\"version\":1,\"generation\":1}",
        "{\"version\":1,\"generation\":1,\"certificates\":[]}",
        "{\"version\":1,\"generation\":1,\"certificates\":[{\"type\":\"p-256\"}]}",
        ("{\"version\":1,\"generation\":1,\"certificates\":[{\"type\":\"p-256\",\"chain\":\"\","
         "\"key\":\"\"}]}"),
        "{\"version\":1,\"generation\":2,\"certificates\":[]}",
    };
    read_world_t *world = read_world_create(*state);
    for (size_t i = 0; i < sizeof(senseless) / sizeof(*senseless); i++) {
        acme_generation_t *read;
        put(world, "live/" NAME "/1", senseless[i]);
        assert_refused(ACME_ERR_INPUT, acme_generation_read(&read, world->store, NAME, 1, *state));
        assert_null(read);
    }
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    read_world_t *world = read_world_create(*state);
    read_world_write(world, NAME, 1, *state);
    const char *one = strstr(get(world, "live/" NAME "/1"), "\"key\":");
    read_world_write(world, NAME, 2, *state);
    const char *two = strstr(get(world, "live/" NAME "/2"), "\"key\":");
    alter(world, "live/" NAME "/2", two, one);
    acme_generation_t *read;
    assert_refused(ACME_ERR_INPUT, acme_generation_read(&read, world->store, NAME, 2, *state));
}

static void senseless_facts_are_refused(void **state)
{
    static const char *const parts[][2] = {
        {"\"generation\": 1", "\"generation\": 0"},
        {"\"generation\": 1", "\"generation\": -4"},
        {"\"generation\": 1", "\"generation\": \"1\""},
        {"\"p-256\"", "\"p-999\""},
        {"\"until\": \"2", "\"until\": \"x2"},
        {"\"serial\"", "\"Serial\""},
        {"\"sha256-fingerprint\"", "\"md5-fingerprint\""},
        {"\"a.example\"", "\"a example\""},
        {"\"a.example\"", "7"},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        read_world_t *world = read_world_create(*state);
        acme_generation_facts_t *facts;
        read_world_write(world, NAME, 1, *state);
        alter(world, CURRENT, parts[i][0], parts[i][1]);
        assert_refused(ACME_ERR_INPUT,
                       acme_generation_facts_read(&facts, world->store, NAME, *state));
        assert_null(facts);
    }
}

static void a_senseless_generation_is_not_written(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *twice = read_world_generation(world, NAME, 1, ACME_KEY_P256, *state);
    read_world_add(world, twice, NAME, ACME_KEY_P256, *state);
    assert_refused(ACME_ERR_INTERNAL, acme_generation_write(world->store, NAME, twice, *state));

    acme_generation_t *none = read_world_generation(world, NAME, 1, ACME_KEY_P256, *state);
    apr_array_clear((apr_array_header_t *)none->certificates);
    assert_refused(ACME_ERR_INTERNAL, acme_generation_write(world->store, NAME, none, *state));

    acme_generation_t *unfit = read_world_generation(world, NAME, 1, ACME_KEY_P256, *state);
    APR_ARRAY_IDX(unfit->certificates, 0, acme_generation_certificate_t).key =
        read_world_key(ACME_KEY_P256, *state);
    assert_refused(ACME_ERR_INPUT, acme_generation_write(world->store, NAME, unfit, *state));
    assert_int_equal(0, fake_store_count(world->disk, "live/"));
}

static apr_time_t revoked(const read_world_t *world, acme_key_type_t type)
{
    acme_generation_facts_t *facts;
    assert_well(acme_generation_facts_read(&facts, world->store, NAME, world->pool));
    return acme_generation_fact(facts, type)->revoked;
}

static void what_is_revoked_stays_so_as_long_as_it_counts(void **state)
{
    read_world_t *world = read_world_create(*state);
    acme_generation_t *first = read_world_generation(world, NAME, 1, ACME_KEY_P256, *state);
    read_world_add(world, first, NAME, ACME_KEY_RSA, *state);
    assert_well(acme_generation_write(world->store, NAME, first, *state));
    const acme_chain_t *chain = acme_generation_certificate(first, ACME_KEY_RSA)->chain;
    apr_time_t when = apr_time_from_sec(1700000000);
    assert_well(acme_generation_revoked(world->store, NAME, "another", when, *state));
    assert_true(revoked(world, ACME_KEY_RSA) == 0);
    assert_well(acme_generation_revoked(world->store, NAME, chain->sha256, when, *state));
    assert_true(revoked(world, ACME_KEY_RSA) == when);
    assert_true(revoked(world, ACME_KEY_P256) == 0);
    assert_int_equal(1, counting(world));

    /* the other one is replaced, and then this one */
    acme_generation_t *second = read_world_generation(world, NAME, 2, ACME_KEY_P256, *state);
    APR_ARRAY_PUSH((apr_array_header_t *)second->certificates, acme_generation_certificate_t) =
        *acme_generation_certificate(first, ACME_KEY_RSA);
    assert_well(acme_generation_write(world->store, NAME, second, *state));
    assert_true(revoked(world, ACME_KEY_RSA) == when);
    acme_generation_t *third = read_world_generation(world, NAME, 3, ACME_KEY_P256, *state);
    read_world_add(world, third, "www." NAME, ACME_KEY_RSA, *state);
    assert_well(acme_generation_write(world->store, NAME, third, *state));
    assert_true(revoked(world, ACME_KEY_RSA) == 0);
    assert_well(acme_generation_revoked(world->store, "b.example", chain->sha256, when, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_new_domain_has_nothing),
        FIXTURE_TEST(what_was_written_is_read_back),
        FIXTURE_TEST(the_facts_are_those_of_the_certificate),
        FIXTURE_TEST(must_staple_is_remembered),
        FIXTURE_TEST(no_key_lies_open),
        FIXTURE_TEST(a_missing_ca_stays_missing),
        FIXTURE_TEST(numbers_only_grow),
        FIXTURE_TEST(a_few_older_ones_stay),
        FIXTURE_TEST(a_failed_write_leaves_the_older_one_counting),
        FIXTURE_TEST(what_never_counted_is_passed_over),
        FIXTURE_TEST(a_lost_current_lets_no_number_come_again),
        FIXTURE_TEST(a_damaged_current_is_refused_but_written_anew),
        FIXTURE_TEST(what_a_newer_version_wrote_into_current_stays),
        FIXTURE_TEST(an_unknown_type_of_key_is_left_out),
        FIXTURE_TEST(what_is_not_sealed_is_not_there),
        FIXTURE_TEST(a_sealed_but_senseless_generation_is_refused),
        FIXTURE_TEST(a_key_of_another_certificate_is_refused),
        FIXTURE_TEST(senseless_facts_are_refused),
        FIXTURE_TEST(a_senseless_generation_is_not_written),
        FIXTURE_TEST(what_is_revoked_stays_so_as_long_as_it_counts),
    };
    return fixture_run(tests);
}
