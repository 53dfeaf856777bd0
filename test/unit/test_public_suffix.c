/* Tests of acme_public_suffix: with rules of the list that have stood for many years.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_public_suffix.h"

static void assert_domain(const char *wanted, const char *name, apr_pool_t *pool)
{
    const char *domain = acme_public_suffix_domain(name, pool);
    if (wanted == NULL ? domain != NULL : domain == NULL || strcmp(wanted, domain) != 0) {
        fail_msg("%s: %s instead of %s", name, domain != NULL ? domain : "none",
                 wanted != NULL ? wanted : "none");
    }
}

static void there_is_a_list(void **state)
{
    (void)state;
    assert_true(acme_public_suffix_is_known());
    assert_true(acme_public_suffix_is_known());
}

static void one_label_more_than_the_suffix_is_registered(void **state)
{
    assert_domain("example.org", "example.org", *state);
    assert_domain("example.org", "www.example.org", *state);
    assert_domain("example.co.uk", "a.b.c.example.co.uk", *state);
    assert_domain("city.kobe.jp", "www.city.kobe.jp", *state);
    assert_domain("a.b.ck", "www.a.b.ck", *state);
}

static void a_suffix_has_none(void **state)
{
    assert_domain(NULL, "org", *state);
    assert_domain(NULL, "co.uk", *state);
    assert_domain(NULL, "xn--55qx5d.cn", *state);
    assert_domain(NULL, "", *state);
}

static void a_labels_are_known(void **state)
{
    assert_domain("b.xn--55qx5d.cn", "a.b.xn--55qx5d.cn", *state);
    assert_domain("xn--bcher-kva.example", "www.xn--bcher-kva.example", *state);
}

static void where_the_list_has_nothing_two_labels_are_registered(void **state)
{
    assert_domain("site1.test", "www.site1.test", *state);
    assert_domain(NULL, "test", *state);
}

/* Whoever keeps it must not lose it with the name. */
static void the_domain_is_in_the_pool(void **state)
{
    char name[] = "www.example.org";
    const char *domain = acme_public_suffix_domain(name, *state);
    memset(name, 'x', sizeof(name) - 1);
    assert_string_equal("example.org", domain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(there_is_a_list),
        FIXTURE_TEST(one_label_more_than_the_suffix_is_registered),
        FIXTURE_TEST(a_suffix_has_none),
        FIXTURE_TEST(a_labels_are_known),
        FIXTURE_TEST(where_the_list_has_nothing_two_labels_are_registered),
        FIXTURE_TEST(the_domain_is_in_the_pool),
    };
    return fixture_run(tests);
}
