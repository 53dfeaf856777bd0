/* Tests of acme_dns_place: CNAMEs, zone cuts, servers and their addresses.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_dns_place.h"
#include "unit/fake_dns.h"

#define NAME "_acme-challenge.www.example.org"

static acme_dns_place_t *find(acme_err_t **err, fake_dns_t *world, apr_pool_t *pool)
{
    acme_dns_place_t *place = acme_dns_place_find(fake_dns(world), NAME, pool);
    int is_done = 0;
    *err = NULL;
    for (int i = 0; i < 50 && !is_done && *err == NULL; ++i) {
        *err = acme_dns_place_poll(&is_done, place, pool);
    }
    assert_true(is_done || *err != NULL);
    return place;
}

static const acme_dns_server_t *server_at(const acme_dns_place_t *place, int i)
{
    return &APR_ARRAY_IDX(acme_dns_place_servers(place), i, acme_dns_server_t);
}

static void finds_zone_and_servers(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_err_t *err;
    fake_dns_zone(world, "example.org", "ns1.example.org", "192.0.2.1");
    fake_dns_zone(world, "example.org", "ns2.example.org", "192.0.2.2");
    fake_dns_add(world, NULL, "ns2.example.org", ACME_DNS_AAAA, "2001:db8::2");
    acme_dns_place_t *place = find(&err, world, *state);
    assert_well(err);
    assert_string_equal(NAME, acme_dns_place_name(place));
    assert_string_equal("example.org", acme_dns_place_zone(place));
    assert_int_equal(2, acme_dns_place_servers(place)->nelts);
    assert_string_equal("ns1.example.org", server_at(place, 0)->name);
    assert_int_equal(1, server_at(place, 0)->addresses->nelts);
    assert_int_equal(2, server_at(place, 1)->addresses->nelts);
}

static void a_delegated_name_is_its_own_zone(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_err_t *err;
    fake_dns_zone(world, "example.org", "ns1.example.org", "192.0.2.1");
    fake_dns_zone(world, NAME, "ns.elsewhere.example", "192.0.2.9");
    acme_dns_place_t *place = find(&err, world, *state);
    assert_well(err);
    assert_string_equal(NAME, acme_dns_place_zone(place));
    assert_int_equal(1, acme_dns_place_servers(place)->nelts);
    assert_string_equal("ns.elsewhere.example", server_at(place, 0)->name);
}

static void follows_cnames_into_another_zone(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_err_t *err;
    fake_dns_zone(world, "example.org", "ns1.example.org", "192.0.2.1");
    fake_dns_zone(world, "acme.example", "ns.acme.example", "192.0.2.9");
    fake_dns_add(world, NULL, NAME, ACME_DNS_CNAME, "one.example.org");
    fake_dns_add(world, NULL, "one.example.org", ACME_DNS_CNAME, "two.acme.example");
    acme_dns_place_t *place = find(&err, world, *state);
    assert_well(err);
    assert_string_equal("two.acme.example", acme_dns_place_name(place));
    assert_string_equal("acme.example", acme_dns_place_zone(place));
}

static void a_circle_of_cnames_is_told(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_err_t *err;
    fake_dns_add(world, NULL, NAME, ACME_DNS_CNAME, "b.example");
    fake_dns_add(world, NULL, "b.example", ACME_DNS_CNAME, NAME);
    (void)find(&err, world, *state);
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "CNAMEs in a row"));
}

static void a_resolver_without_a_word_is_told(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_err_t *err;
    acme_dns_place_t *place = find(&err, world, *state);
    assert_refused(ACME_ERR_INPUT, err);
    fake_dns_silence(world, NULL, 1);
    place = find(&err, world, *state);
    assert_refused(ACME_ERR_INPUT, err);
    assert_string_equal(NAME, acme_dns_place_name(place));
    assert_null(acme_dns_place_zone(place));
}

static void a_zone_without_servers_is_told(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_err_t *err;
    fake_dns_add(world, NULL, "example.org", ACME_DNS_SOA, "ns1.example.org");
    (void)find(&err, world, *state);
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "example.org"));
}

static void a_server_without_address_stays_in_the_list(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_err_t *err;
    fake_dns_zone(world, "example.org", "ns1.example.org", NULL);
    acme_dns_place_t *place = find(&err, world, *state);
    assert_well(err);
    assert_int_equal(0, server_at(place, 0)->addresses->nelts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(finds_zone_and_servers),
        FIXTURE_TEST(a_delegated_name_is_its_own_zone),
        FIXTURE_TEST(follows_cnames_into_another_zone),
        FIXTURE_TEST(a_circle_of_cnames_is_told),
        FIXTURE_TEST(a_resolver_without_a_word_is_told),
        FIXTURE_TEST(a_zone_without_servers_is_told),
        FIXTURE_TEST(a_server_without_address_stays_in_the_list),
    };
    return fixture_run(tests);
}
