/* Tests of mod_acme_dns01: what may be written about dns-01, and what may not.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_dns_update_exec.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "mod_acme_dns01.h"

static acme_err_t *parse(acme_dns01_t **dns01, const char *line, apr_pool_t *pool)
{
    return mod_acme_dns01_parse(dns01, acme_text_split(line, " ", pool), pool);
}

static void mod_mds_value_is_a_program(void **state)
{
    acme_dns01_t *dns01;
    assert_well(parse(&dns01, "/usr/local/bin/hook a -b --c=d", *state));
    assert_int_equal(ACME_DNS01_EXEC, dns01->way);
    assert_int_equal(ACME_DNS_STYLE_MOD_MD, dns01->style);
    assert_string_equal("/usr/local/bin/hook a -b --c=d",
                        acme_text_join(dns01->command, " ", *state));
    assert_null(dns01->secret_file);
}

static void exec_has_options_before_the_program(void **state)
{
    acme_dns01_t *dns01;
    assert_well(parse(&dns01, "exec style=lego credentials=/etc/c /bin/hook style=x", *state));
    assert_int_equal(ACME_DNS_STYLE_LEGO, dns01->style);
    assert_string_equal("/etc/c", dns01->secret_file);
    assert_string_equal("/bin/hook style=x", acme_text_join(dns01->command, " ", *state));
    assert_well(parse(&dns01, "exec version=2 /bin/hook", *state));
    assert_int_equal(2, dns01->version);
    assert_int_equal(ACME_DNS_STYLE_MOD_MD, dns01->style);
    assert_well(parse(&dns01, "EXEC style=certbot cleanup=/bin/b /bin/a", *state));
    assert_string_equal("/bin/b", APR_ARRAY_IDX(dns01->cleanup, 0, const char *));
    assert_true(dns01->limit == 0);
    assert_well(parse(&dns01, "exec limit=90 /bin/hook", *state));
    assert_int_equal(90 * ACME_TIME_SECOND, dns01->limit);
    assert_well(parse(&dns01, "exec limit=1h /bin/hook", *state));
    assert_int_equal(ACME_TIME_HOUR, dns01->limit);
}

static void rfc2136_has_server_key_and_zone(void **state)
{
    acme_dns01_t *dns01;
    assert_well(parse(&dns01, "rfc2136 server=[::1]:5353 key=/etc/k zone=example.org", *state));
    assert_int_equal(ACME_DNS01_RFC2136, dns01->way);
    assert_string_equal("[::1]:5353", dns01->server);
    assert_string_equal("/etc/k", dns01->secret_file);
    assert_string_equal("example.org", dns01->zone);
    assert_well(parse(&dns01, "rfc2136", *state));
    assert_null(dns01->server);
}

static void manual_stands_alone(void **state)
{
    acme_dns01_t *dns01;
    assert_well(parse(&dns01, "manual", *state));
    assert_int_equal(ACME_DNS01_MANUAL, dns01->way);
    assert_refused(ACME_ERR_INPUT, parse(&dns01, "manual now", *state));
}

static void none_stands_alone(void **state)
{
    acme_dns01_t *dns01;
    assert_well(parse(&dns01, "None", *state));
    assert_int_equal(ACME_DNS01_OFF, dns01->way);
    assert_refused(ACME_ERR_INPUT, parse(&dns01, "none at all", *state));
}

static void refuses_what_no_way_has(void **state)
{
    static const char *const wrong[] = {"exec",
                                        "exec style=lego",
                                        "exec style=none /bin/hook",
                                        "exec style= /bin/hook",
                                        "exec stlye=lego /bin/hook",
                                        "exec version=3 /bin/hook",
                                        "exec limit=0 /bin/hook",
                                        "exec limit=2d /bin/hook",
                                        "exec limit= /bin/hook",
                                        "rfc2136 /etc/k",
                                        "rfc2136 key=",
                                        "rfc2136 secret=x"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        acme_dns01_t *dns01;
        assert_refused(ACME_ERR_INPUT, parse(&dns01, wrong[i], *state));
    }
}

static acme_err_t *parse_wait(acme_dns01_wait_t *wait, const char *line, apr_pool_t *pool)
{
    return mod_acme_dns01_parse_wait(wait, acme_text_split(line, " ", pool), pool);
}

static void the_wait_has_three_words(void **state)
{
    acme_dns01_wait_t wait = {0};
    assert_well(parse_wait(&wait, "timeout=10mi settle=90s servers=Resolver", *state));
    assert_int_equal(10 * ACME_TIME_MINUTE, wait.timeout);
    assert_int_equal(90 * ACME_TIME_SECOND, wait.settle);
    assert_int_equal(ACME_DNS01_RESOLVER, wait.servers);
    assert_well(parse_wait(&wait, "servers=none", *state));
    assert_int_equal(ACME_DNS01_NONE, wait.servers);
    assert_int_equal(90 * ACME_TIME_SECOND, wait.settle);
}

static void the_wait_refuses_all_else(void **state)
{
    static const char *const wrong[] = {"5m=timeout", "timeout=0", "timeout=30d", "timeout=x",
                                        "settle=2h",  "servers=some", "10s"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        acme_dns01_wait_t wait = {0};
        assert_refused(ACME_ERR_INPUT, parse_wait(&wait, wrong[i], *state));
    }
}

static acme_err_t *parse_resolvers(const char **resolvers, const char *line, apr_pool_t *pool)
{
    return mod_acme_dns01_parse_resolvers(resolvers, acme_text_split(line, " ", pool), pool);
}

static void resolvers_are_addresses_with_or_without_port(void **state)
{
    const char *resolvers;
    assert_well(parse_resolvers(&resolvers, "192.0.2.1 192.0.2.2:5353", *state));
    assert_string_equal("192.0.2.1:53,192.0.2.2:5353", resolvers);
    assert_well(parse_resolvers(&resolvers, "2001:db8::1 [2001:db8::2] [2001:db8::3]:54", *state));
    assert_string_equal("[2001:db8::1]:53,[2001:db8::2]:53,[2001:db8::3]:54", resolvers);
}

static void resolvers_refuse_all_else(void **state)
{
    static const char *const wrong[] = {"localhost",    "192.0.2.1:",      "192.0.2.1:0",
                                        "[192.0.2.1",   "[2001:db8::1]53", "192.0.2.1:70000",
                                        "192.0.2.1:5x", "192.0.2.256",     "[]:53"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *resolvers;
        assert_refused(ACME_ERR_INPUT, parse_resolvers(&resolvers, wrong[i], *state));
    }
}

static void ports_are_numbers(void **state)
{
    int port = 0;
    assert_well(mod_acme_dns01_parse_port(&port, "5353", *state));
    assert_int_equal(5353, port);
    assert_refused(ACME_ERR_INPUT, mod_acme_dns01_parse_port(&port, "", *state));
    assert_refused(ACME_ERR_INPUT, mod_acme_dns01_parse_port(&port, "65536", *state));
    assert_refused(ACME_ERR_INPUT, mod_acme_dns01_parse_port(&port, "-1", *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(mod_mds_value_is_a_program),
        FIXTURE_TEST(exec_has_options_before_the_program),
        FIXTURE_TEST(rfc2136_has_server_key_and_zone),
        FIXTURE_TEST(manual_stands_alone),
        FIXTURE_TEST(none_stands_alone),
        FIXTURE_TEST(refuses_what_no_way_has),
        FIXTURE_TEST(the_wait_has_three_words),
        FIXTURE_TEST(the_wait_refuses_all_else),
        FIXTURE_TEST(resolvers_are_addresses_with_or_without_port),
        FIXTURE_TEST(resolvers_refuse_all_else),
        FIXTURE_TEST(ports_are_numbers),
    };
    return fixture_run(tests);
}
