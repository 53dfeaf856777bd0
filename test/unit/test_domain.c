/* Tests of acme_domain: which domain a name leads to, and where a CA's account lies.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/read_world.h"

static acme_domain_index_t *index_of(const char *const *domains, apr_pool_t *pool)
{
    apr_array_header_t *array = apr_array_make(pool, 4, sizeof(const acme_domain_t *));
    for (int i = 0; domains[i] != NULL; i++) {
        APR_ARRAY_PUSH(array, const acme_domain_t *) = read_world_domain(domains[i], i, pool);
    }
    return acme_domain_index_create(array, pool);
}

static int find(const acme_domain_index_t *index, const char *name)
{
    const acme_domain_t *domain = acme_domain_index_find(index, name, strlen(name));
    return domain != NULL ? domain->index : -1;
}

static void finds_every_name(void **state)
{
    static const char *const domains[] = {"a.example.org www.a.example.org", "b.example.org", NULL};
    acme_domain_index_t *index = index_of(domains, *state);
    assert_int_equal(0, find(index, "a.example.org"));
    assert_int_equal(0, find(index, "www.a.example.org"));
    assert_int_equal(1, find(index, "b.example.org"));
    assert_int_equal(-1, find(index, "c.example.org"));
    assert_int_equal(-1, find(index, "example.org"));
    assert_int_equal(-1, find(index, ""));
}

static void a_wildcard_stands_for_one_label(void **state)
{
    static const char *const domains[] = {"*.example.org", NULL};
    acme_domain_index_t *index = index_of(domains, *state);
    assert_int_equal(0, find(index, "a.example.org"));
    assert_int_equal(-1, find(index, "a.b.example.org"));
    assert_int_equal(-1, find(index, "example.org"));
    assert_int_equal(-1, find(index, ".example.org"));
    assert_int_equal(-1, find(index, "org"));
}

static void the_specific_name_wins_over_the_wildcard(void **state)
{
    static const char *const domains[] = {"*.example.org", "a.example.org", NULL};
    acme_domain_index_t *index = index_of(domains, *state);
    assert_int_equal(1, find(index, "a.example.org"));
    assert_int_equal(0, find(index, "b.example.org"));
}

static void the_first_in_the_file_keeps_a_name(void **state)
{
    static const char *const domains[] = {
        "a.example.org", "b.example.org a.example.org *.b.example", "*.b.example", NULL};
    acme_domain_index_t *index = index_of(domains, *state);
    assert_int_equal(0, find(index, "a.example.org"));
    assert_int_equal(1, find(index, "x.b.example"));
}

static void looks_at_no_more_than_the_length(void **state)
{
    static const char *const domains[] = {"a.example.org", NULL};
    acme_domain_index_t *index = index_of(domains, *state);
    assert_non_null(acme_domain_index_find(index, "a.example.org:443", strlen("a.example.org")));
    assert_null(acme_domain_index_find(index, "a.example.org", 5));
}

static void finds_addresses(void **state)
{
    static const char *const domains[] = {"192.0.2.7", "*.2.7", NULL};
    acme_domain_index_t *index = index_of(domains, *state);
    assert_int_equal(0, find(index, "192.0.2.7"));
}

static void an_empty_index_knows_nobody(void **state)
{
    static const char *const domains[] = {NULL};
    assert_int_equal(-1, find(index_of(domains, *state), "a.example.org"));
}

static void a_folder_names_host_and_port(void **state)
{
    const char *folder = acme_ca_folder("https://Acme.Example:14000/dir", *state);
    assert_int_equal(0, strncmp(folder, "acme.example-14000-", 19));
    assert_int_equal(19 + 8, strlen(folder));
    assert_int_equal(8, strspn(folder + 19, "0123456789abcdef"));
}

static void other_urls_have_other_folders(void **state)
{
    const char *one = acme_ca_folder("https://acme.example/v1/dir", *state);
    assert_string_equal(one, acme_ca_folder("https://acme.example/v1/dir", *state));
    assert_string_not_equal(one, acme_ca_folder("https://acme.example/v2/dir", *state));
}

static void every_folder_is_a_name_of_the_store(void **state)
{
    char *host = apr_palloc(*state, 401);
    memset(host, 'a', 400);
    host[400] = '\0';
    const char *const urls[] = {"https://[2001:db8::1]:14000/dir",
                                "https://.example/dir",
                                "https://a b?c#d",
                                "no url",
                                "",
                                apr_pstrcat(*state, "https://", host, "/dir", NULL)};
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        const char *path =
            acme_store_path(*state, "accounts", acme_ca_folder(urls[i], *state), "account.json");
        assert_true(acme_store_path_ok(path));
    }
}

static void a_test_environment_is_none_of_the_domains_cas(void **state)
{
    acme_domain_t *domain = read_world_domain("a.example", 0, *state);
    const acme_ca_t test = {.directory_url = "https://staging.example/directory"};
    acme_ca_t ca = *domain->ca;
    ca.test = &test;
    domain->ca = &ca;
    assert_ptr_equal(&test, acme_domain_find_test(domain, test.directory_url));
    assert_null(acme_domain_find_ca(domain, test.directory_url));
    assert_null(acme_domain_find_test(domain, ca.directory_url));
    assert_null(acme_domain_find_test(domain, NULL));
    domain->is_rehearsal_off = 1;
    assert_null(acme_domain_find_test(domain, test.directory_url));
    domain->is_rehearsal_off = 0;
    apr_array_header_t *others = apr_array_make(*state, 1, sizeof(const acme_ca_t *));
    APR_ARRAY_PUSH(others, const acme_ca_t *) = &test;
    domain->other_cas = others;
    assert_null(acme_domain_find_test(domain, test.directory_url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_test_environment_is_none_of_the_domains_cas),
        FIXTURE_TEST(finds_every_name),
        FIXTURE_TEST(a_wildcard_stands_for_one_label),
        FIXTURE_TEST(the_specific_name_wins_over_the_wildcard),
        FIXTURE_TEST(the_first_in_the_file_keeps_a_name),
        FIXTURE_TEST(looks_at_no_more_than_the_length),
        FIXTURE_TEST(finds_addresses),
        FIXTURE_TEST(an_empty_index_knows_nobody),
        FIXTURE_TEST(a_folder_names_host_and_port),
        FIXTURE_TEST(other_urls_have_other_folders),
        FIXTURE_TEST(every_folder_is_a_name_of_the_store),
    };
    return fixture_run(tests);
}
