/* Tests of mod_acme_known: which domains are new, reload after reload.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_domain.h"
#include "acme/acme_text.h"
#include "mod_acme_known.h"

/* A domain with these names, in a pool that goes with its configuration. */
static void add(apr_array_header_t *domains, const char *names)
{
    apr_pool_t *pool = domains->pool;
    acme_domain_t *domain = apr_pcalloc(pool, sizeof(*domain));
    domain->identifiers = acme_text_split(names, " ", pool);
    for (int i = 0; i < domain->identifiers->nelts; i++) {
        acme_identifier_t *identifier = apr_pcalloc(pool, sizeof(*identifier));
        identifier->value = APR_ARRAY_IDX(domain->identifiers, i, const char *);
        APR_ARRAY_IDX(domain->identifiers, i, const acme_identifier_t *) = identifier;
    }
    APR_ARRAY_PUSH(domains, const acme_domain_t *) = domain;
}

/* Reads a configuration of the domains in @a lines, divided by commas: how many of them are new. */
static int reload(apr_pool_t *process, const char *lines)
{
    apr_pool_t *pconf;
    apr_pool_create(&pconf, process);
    apr_array_header_t *domains = apr_array_make(pconf, 4, sizeof(const acme_domain_t *));
    const apr_array_header_t *parts = acme_text_split(lines, ",", pconf);
    int count = 0;
    for (int i = 0; i < parts->nelts; i++) {
        add(domains, APR_ARRAY_IDX(parts, i, const char *));
        count += mod_acme_known_is_new(mod_acme_known_names(process),
                                       APR_ARRAY_IDX(domains, i, acme_domain_t *)->identifiers);
    }
    mod_acme_known_keep(domains, process);
    apr_pool_destroy(pconf); /* whatever is kept is kept by itself */
    return count;
}

static void at_first_nothing_is_new(void **state)
{
    assert_null(mod_acme_known_names(*state));
    assert_int_equal(0, reload(*state, "a.test,b.test www.b.test"));
    assert_int_equal(3, apr_hash_count(mod_acme_known_names(*state)));
}

static void new_is_what_none_of_its_names_was_there_before(void **state)
{
    (void)reload(*state, "a.test,b.test www.b.test");
    assert_int_equal(1, reload(*state, "a.test,b.test www.b.test,c.test"));
    assert_int_equal(0, reload(*state, "a.test,b.test www.b.test,c.test"));
    assert_int_equal(0, reload(*state, "a.test x.test,y.test www.b.test,b.test,c.test"));
    assert_int_equal(1, reload(*state, "*.a.test,a.test"));
}

static void what_has_gone_and_comes_back_is_new(void **state)
{
    (void)reload(*state, "a.test,b.test");
    assert_int_equal(0, reload(*state, "a.test"));
    assert_int_equal(1, reload(*state, "a.test,b.test"));
}

static void after_a_configuration_without_domains_all_are_new(void **state)
{
    assert_int_equal(0, reload(*state, ""));
    assert_int_equal(2, reload(*state, "a.test,b.test"));
}

static apr_status_t count_down(void *count)
{
    --*(int *)count;
    return APR_SUCCESS;
}

static void reload_after_reload_only_the_last_names_stay(void **state)
{
    apr_pool_t *process;
    apr_pool_create(&process, *state);
    int count = 0;
    for (int i = 0; i < 1000; i++) {
        (void)reload(process, "a.test,b.test");
        count++;
        apr_pool_cleanup_register(apr_hash_pool_get(mod_acme_known_names(process)), &count,
                                  count_down, apr_pool_cleanup_null);
    }
    assert_int_equal(1, count);
    apr_pool_destroy(process);
    assert_int_equal(0, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(at_first_nothing_is_new),
        FIXTURE_TEST(new_is_what_none_of_its_names_was_there_before),
        FIXTURE_TEST(what_has_gone_and_comes_back_is_new),
        FIXTURE_TEST(after_a_configuration_without_domains_all_are_new),
        FIXTURE_TEST(reload_after_reload_only_the_last_names_stay),
    };
    return fixture_run(tests);
}
