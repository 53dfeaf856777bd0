/* Tests of acme_addresses: what is here, and what the world cannot reach.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_addresses.h"
#include "acme/acme_text.h"

static void this_machine_loops_back(void **state)
{
    const apr_array_header_t *local = acme_addresses_local(*state);
    int count = 0;
    for (int i = 0; i < local->nelts; ++i) {
        count += strcmp(APR_ARRAY_IDX(local, i, const char *), "127.0.0.1") == 0;
    }
    assert_int_equal(1, count);
}

static void tells_what_is_here(void **state)
{
    const apr_array_header_t *local = acme_text_split("192.0.2.1 2001:db8::1", " ", *state);
    assert_true(acme_addresses_are_here(local, "192.0.2.1"));
    assert_true(acme_addresses_are_here(local, "2001:db8::1"));
    assert_true(acme_addresses_are_here(local, "127.3.2.1"));
    assert_true(acme_addresses_are_here(local, "::1"));
    assert_false(acme_addresses_are_here(local, "192.0.2.10"));
    assert_false(acme_addresses_are_here(local, "12.7.0.1"));
}

static void tells_what_the_world_cannot_reach(void **state)
{
    static const char *const reserved[] = {"10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1",
                                           "::1",      "fe80::1",   "fd00::1",     "no address"};
    static const char *const open[] = {"8.8.4.4", "2606:4700::1111"};
    for (apr_size_t i = 0; i < sizeof reserved / sizeof reserved[0]; ++i) {
        assert_true(acme_addresses_is_reserved(reserved[i], *state));
    }
    for (apr_size_t i = 0; i < sizeof open / sizeof open[0]; ++i) {
        assert_false(acme_addresses_is_reserved(open[i], *state));
    }
}

static void a_public_address_counts_for_its_own_family(void **state)
{
    const apr_array_header_t *local = acme_text_split("10.0.0.1 2606:4700::1111", " ", *state);
    assert_true(acme_addresses_have_public(local, "2606:4700::1", *state));
    assert_false(acme_addresses_have_public(local, "8.8.4.4", *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(this_machine_loops_back),
        FIXTURE_TEST(tells_what_is_here),
        FIXTURE_TEST(tells_what_the_world_cannot_reach),
        FIXTURE_TEST(a_public_address_counts_for_its_own_family),
    };
    return fixture_run(tests);
}
