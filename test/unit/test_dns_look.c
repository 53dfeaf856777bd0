/* Tests of acme_dns_look: who shows a value, who lacks it, who is silent.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_dns_look.h"
#include "unit/fake_dns.h"

#define NAME "_acme-challenge.example.org"
#define ONE "192.0.2.1"
#define TWO "192.0.2.2"
#define SIX "2001:db8::2"

/* ns1 with an address of version 4, ns2 with one of each. */
static apr_array_header_t *servers(apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, 2, sizeof(acme_dns_server_t));
    static const char *const addresses[][2] = {{ONE, NULL}, {TWO, SIX}};
    for (int i = 0; i < 2; ++i) {
        acme_dns_server_t server = {i == 0 ? "ns1" : "ns2",
                                    apr_array_make(pool, 2, sizeof(char *))};
        for (int j = 0; j < 2 && addresses[i][j] != NULL; ++j) {
            APR_ARRAY_PUSH(server.addresses, const char *) = addresses[i][j];
        }
        APR_ARRAY_PUSH(all, acme_dns_server_t) = server;
    }
    return all;
}

static acme_dns_sight_t look(fake_dns_t *world, const apr_array_header_t *whom, apr_pool_t *pool)
{
    acme_dns_look_t *begun = acme_dns_look_begin(fake_dns(world), NAME, "value", whom, pool);
    acme_dns_sight_t sight;
    assert_false(acme_dns_look_poll(&sight, begun));
    assert_true(acme_dns_look_poll(&sight, begun));
    return sight;
}

static void show(fake_dns_t *world, const char *server)
{
    fake_dns_add(world, server, NAME, ACME_DNS_TXT, "value");
}

static int begins_with_v(void *baton, const char *text)
{
    ++*(int *)baton;
    return text[0] == 'v';
}

static void whatever_is_found_right_counts_and_others_are_told(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    int asked = 0;
    const char *const texts[] = {"x", "v1", "y", "x"};
    for (int i = 0; i < 4; ++i) {
        fake_dns_add(world, ONE, NAME, ACME_DNS_TXT, texts[i]);
    }
    fake_dns_add(world, TWO, NAME, ACME_DNS_TXT, "x");
    fake_dns_silence(world, SIX, 1);
    acme_dns_look_t *begun = acme_dns_look_begin_any(fake_dns(world), NAME, begins_with_v, &asked,
                                                     servers(*state), *state);
    acme_dns_sight_t sight;
    assert_false(acme_dns_look_poll(&sight, begun));
    assert_true(acme_dns_look_poll(&sight, begun));
    assert_int_equal(1, sight.showing);
    assert_int_equal(1, sight.lacking);
    assert_int_equal(5, asked);
    assert_int_equal(3, sight.foreign);
    assert_int_equal(2, sight.others->nelts);
    assert_string_equal("x", APR_ARRAY_IDX(sight.others, 0, const char *));
    assert_string_equal("y", APR_ARRAY_IDX(sight.others, 1, const char *));
}

static void all_must_show_it(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    show(world, ONE);
    acme_dns_sight_t sight = look(world, servers(*state), *state);
    assert_int_equal(1, sight.showing);
    assert_int_equal(1, sight.lacking);
    assert_non_null(strstr(sight.waiting, "ns2 (192.0.2.2) lacks it"));
    show(world, TWO);
    sight = look(world, servers(*state), *state);
    assert_int_equal(1, sight.lacking); /* behind its other address it may be another machine */
    show(world, SIX);
    sight = look(world, servers(*state), *state);
    assert_int_equal(2, sight.showing);
    assert_null(sight.waiting);
}

static void an_address_without_a_route_is_nothing_against_its_server(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    show(world, ONE);
    show(world, TWO);
    fake_dns_silence(world, SIX, 1);
    acme_dns_sight_t sight = look(world, servers(*state), *state);
    assert_int_equal(2, sight.showing);
    fake_dns_silence(world, TWO, 1);
    sight = look(world, servers(*state), *state);
    assert_int_equal(1, sight.silent);
    assert_non_null(strstr(sight.waiting, "ns2 (192.0.2.2) does not answer"));
}

static void who_has_no_authority_has_no_word(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    show(world, ONE);
    fake_dns_lame(world, ONE);
    acme_dns_sight_t sight = look(world, servers(*state), *state);
    assert_int_equal(0, sight.showing);
    assert_int_equal(1, sight.silent);
}

static void others_values_are_counted(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    show(world, ONE);
    fake_dns_add(world, ONE, NAME, ACME_DNS_TXT, "another");
    fake_dns_add(world, ONE, NAME, ACME_DNS_TXT, "");
    fake_dns_add(world, TWO, NAME, ACME_DNS_TXT, "another");
    acme_dns_sight_t sight = look(world, servers(*state), *state);
    assert_int_equal(2, sight.foreign);
}

static void the_resolver_can_be_asked_instead(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    acme_dns_sight_t sight = look(world, NULL, *state);
    assert_int_equal(1, sight.lacking);
    show(world, NULL);
    sight = look(world, NULL, *state);
    assert_int_equal(1, sight.showing);
    assert_int_equal(0, fake_dns_asked(world, ONE));
}

static void a_server_without_address_is_silent(void **state)
{
    fake_dns_t *world = fake_dns_create(*state);
    apr_array_header_t *all = apr_array_make(*state, 1, sizeof(acme_dns_server_t));
    APR_ARRAY_PUSH(all, acme_dns_server_t) =
        (acme_dns_server_t){"ns3", apr_array_make(*state, 1, sizeof(const char *))};
    acme_dns_look_t *begun = acme_dns_look_begin(fake_dns(world), NAME, "value", all, *state);
    acme_dns_sight_t sight;
    assert_true(acme_dns_look_poll(&sight, begun));
    assert_int_equal(1, sight.silent);
    assert_non_null(strstr(sight.waiting, "ns3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(all_must_show_it),
        FIXTURE_TEST(whatever_is_found_right_counts_and_others_are_told),
        FIXTURE_TEST(an_address_without_a_route_is_nothing_against_its_server),
        FIXTURE_TEST(who_has_no_authority_has_no_word),
        FIXTURE_TEST(others_values_are_counted),
        FIXTURE_TEST(the_resolver_can_be_asked_instead),
        FIXTURE_TEST(a_server_without_address_is_silent),
    };
    return fixture_run(tests);
}
