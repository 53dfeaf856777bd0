/* Tests of CAA records: reading them, and whom a set allows.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_caa.h"
#include "acme/acme_text.h"

#define ACCOUNT "https://ca.test/acct/1"

/* The properties of a set, separated by '|'. */
static apr_array_header_t *make_set(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *set = apr_array_make(pool, 4, sizeof(acme_caa_t));
    const apr_array_header_t *records = acme_text_split(text, "|", pool);
    for (int i = 0; i < records->nelts; i++) {
        acme_caa_t property;
        assert_int_equal(0,
                         acme_caa_read(&property, APR_ARRAY_IDX(records, i, const char *), pool));
        APR_ARRAY_PUSH(set, acme_caa_t) = property;
    }
    return set;
}

static const char *forbids(const char *set, int is_wildcard, const char *types, const char *account,
                           apr_pool_t *pool)
{
    const acme_caa_issuer_t issuer = {.identities =
                                          acme_text_split("ca.test other.ca.test", " ", pool),
                                      .account = account,
                                      .types = acme_text_split(types, " ", pool),
                                      .is_wildcard = is_wildcard};
    return acme_caa_forbids(make_set(set, pool), &issuer, pool);
}

/* What is allowed or not is that of RFC 8659 section 4 and RFC 8657. */
static const struct {
    const char *set;
    int is_wildcard;
    const char *types;
    const char *fragment; /* of why not; NULL: allowed */
} decisions[] = {
    {"", 0, "http-01", NULL},
    {"0 issue ca.test", 0, "http-01", NULL},
    {"0 issue ca.test", 1, "dns-01", NULL},
    {"0 issue CA.Test", 0, "http-01", NULL},
    {"0 issue  ca.test ", 0, "http-01", NULL},
    {"0 issue ca.test;", 0, "http-01", NULL},
    {"0 issue other.ca.test", 0, "http-01", NULL},
    {"0 issue other.test", 0, "http-01",
     "allow only other.test to issue; add the record: 0 issue \"ca.test\""},
    {"0 issue other.test", 1, "dns-01", "allow only other.test"},
    {"0 issue other.test|0 issue ca.test", 0, "http-01", NULL},
    {"0 issue ;", 0, "http-01", "forbid every CA to issue"},
    {"0 issue ", 0, "http-01", "forbid every CA"},
    {"0 issue ;|0 issue ca.test", 0, "http-01", NULL},
    {"0 issue %%%%%", 0, "http-01", "forbid every CA"},
    {"0 issue ca.test; =x", 0, "http-01", "forbid every CA"},
    {"0 issue ca..test", 0, "http-01", "forbid every CA"},
    {"0 iodef mailto:x@y", 0, "http-01", NULL},
    {"0 iodef mailto:x@y", 1, "dns-01", NULL},
    {"0 issue ca.test|0 issuewild ;", 1, "dns-01", "0 issuewild \"ca.test\""},
    {"0 issue ca.test|0 issuewild ;", 0, "http-01", NULL},
    {"0 issue ;|0 issuewild ca.test", 1, "dns-01", NULL},
    {"0 issue ;|0 issuewild ca.test", 0, "http-01", "forbid every CA"},
    {"0 issuewild other.test", 0, "http-01", NULL},
    {"0 issuewild other.test", 1, "dns-01", "allow only other.test"},
    {"0 issue ca.test; accounturi=" ACCOUNT, 0, "http-01", NULL},
    {"0 issue ca.test;accounturi = " ACCOUNT " ; foo=bar", 0, "http-01", NULL},
    {"0 issue ca.test; accounturi=https://ca.test/acct/2", 0, "http-01",
     "only the account https://ca.test/acct/2; the account of this server is " ACCOUNT},
    {"0 issue ca.test; accounturi=" ACCOUNT "; accounturi=" ACCOUNT, 0, "http-01", "of nobody"},
    {"0 issue ca.test; validationmethods=dns-01", 0, "http-01 tls-alpn-01",
     "only validations by dns-01, and not by http-01, tls-alpn-01"},
    {"0 issue ca.test; validationmethods=dns-01", 0, "http-01 dns-01", NULL},
    {"0 issue ca.test; ValidationMethods=http-01,dns-01", 0, "dns-01", NULL},
    {"0 issue ca.test; validationmethods=dns-01|0 issue ca.test; validationmethods=http-01", 0,
     "http-01", NULL},
    {"0 issue other.test|0 issue ca.test; validationmethods=dns-01", 0, "http-01",
     "only validations by"},
    {"128 issue ca.test", 0, "http-01", NULL},
    {"128 issue ca.test|128 iodef mailto:x@y", 0, "http-01", NULL},
    {"128 future x", 0, "http-01", "critical property \"future\""},
    {"0 issue ca.test|128 future x", 1, "dns-01", "critical property \"future\""},
    {"0 future x", 0, "http-01", NULL},
};

static void decides_as_a_ca_does(void **state)
{
    for (apr_size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
        const char *why = forbids(decisions[i].set, decisions[i].is_wildcard, decisions[i].types,
                                  ACCOUNT, *state);
        int is_as_wanted = decisions[i].fragment == NULL
                               ? why == NULL
                               : why != NULL && strstr(why, decisions[i].fragment) != NULL;
        if (!is_as_wanted) {
            fail_msg("%s: %s", decisions[i].set, why != NULL ? why : "allowed");
        }
    }
}

static void an_account_that_is_not_known_is_not_judged(void **state)
{
    assert_null(forbids("0 issue ca.test; accounturi=https://x", 0, "http-01", NULL, *state));
}

static void a_ca_that_does_not_tell_its_name_may_be_any(void **state)
{
    const acme_caa_issuer_t issuer = {.identities = apr_array_make(*state, 1, sizeof(char *)),
                                      .types = acme_text_split("http-01", " ", *state)};
    assert_null(acme_caa_forbids(make_set("0 issue whoever.test", *state), &issuer, *state));
    assert_non_null(acme_caa_forbids(make_set("0 issue ;", *state), &issuer, *state));
}

static void reads_a_property(void **state)
{
    acme_caa_t property;
    assert_int_equal(0, acme_caa_read(&property, "128 IssueWild ca.test; a=b c", *state));
    assert_int_equal(ACME_CAA_CRITICAL, property.flags);
    assert_string_equal("issuewild", property.tag);
    assert_string_equal("ca.test; a=b c", property.value);
    assert_int_equal(0, acme_caa_read(&property, "0 issue ", *state));
    assert_string_equal("", property.value);
}

static void refuses_what_is_no_property(void **state)
{
    static const char *const texts[] = {
        "", "0", "0 ", "0 issue", "issue ca.test", "256 x y", "-1 x y", "99999999999 x y", "0  x"};
    acme_caa_t property;
    for (apr_size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(-1, acme_caa_read(&property, texts[i], *state));
    }
}

static void takes_a_value_apart(void **state)
{
    acme_caa_issue_t issue;
    assert_int_equal(0, acme_caa_parse(&issue, " Ca.Test ; A=1;b = 2 ;", *state));
    assert_string_equal("ca.test", issue.domain);
    assert_int_equal(2, issue.parameters->nelts);
    const acme_caa_parameter_t *second = &APR_ARRAY_IDX(issue.parameters, 1, acme_caa_parameter_t);
    assert_string_equal("b", second->tag);
    assert_string_equal("2", second->value);
    assert_int_equal(0, acme_caa_parse(&issue, "", *state));
    assert_string_equal("", issue.domain);
}

static void refuses_malformed_values(void **state)
{
    static const char *const values[] = {"ca test",  ".ca.test",     "ca.test.",   "-ca.test",
                                         "ca-.test", "ca.test;x",    "ca.test;=x", "ca.test;a b=c",
                                         "ca_.test", "ca.test;a=b c"};
    acme_caa_issue_t issue;
    for (apr_size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (acme_caa_parse(&issue, values[i], *state) == 0) {
            fail_msg("%s was taken", values[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(decides_as_a_ca_does),
        FIXTURE_TEST(an_account_that_is_not_known_is_not_judged),
        FIXTURE_TEST(a_ca_that_does_not_tell_its_name_may_be_any),
        FIXTURE_TEST(reads_a_property),
        FIXTURE_TEST(refuses_what_is_no_property),
        FIXTURE_TEST(takes_a_value_apart),
        FIXTURE_TEST(refuses_malformed_values),
    };
    return fixture_run(tests);
}
