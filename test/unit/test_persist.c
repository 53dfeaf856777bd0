/* Tests of acme_persist: the standing record's grammar, the vectors of the drafts, and its
 * judgement. SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_persist.h"

#define ACCOUNT "https://ca.example/acme/acct/1"
#define NOW apr_time_from_sec(1795305600)
#define RFC7638_THUMBPRINT "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

static apr_array_header_t *one(const char *word, apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(words, const char *) = word;
    return words;
}

static acme_persist_demand_t demand(int is_wildcard, apr_pool_t *pool)
{
    return (acme_persist_demand_t){one("ca.example", pool), one(ACCOUNT, pool), is_wildcard};
}

/* "" if it meets the demand, else why not. */
static const char *judge(const char *text, int is_wildcard, apr_pool_t *pool)
{
    acme_persist_record_t *record;
    const acme_persist_demand_t wanted = demand(is_wildcard, pool);
    acme_err_t *err = acme_persist_parse(&record, text, pool);
    const char *flaw = err != NULL ? err->text : acme_persist_flaw(record, &wanted, NOW, pool);
    return flaw != NULL ? flaw : "";
}

#define assert_says(wanted, text)                                                                  \
    do {                                                                                           \
        if (strstr(text, wanted) == NULL) {                                                        \
            fail_msg("\"%s\" does not say \"%s\"", text, wanted);                                  \
        }                                                                                          \
    } while (0)

/* What a live Pebble 2.10 made of the same records. */
static void records_are_judged_as_the_ca_does(void **state)
{
    apr_pool_t *pool = *state;
    assert_string_equal("", judge("ca.example; accounturi=" ACCOUNT, 0, pool));
    assert_string_equal("", judge("ca.example; accounturi=" ACCOUNT "; policy=wildcard", 1, pool));
    assert_string_equal("", judge("ca.example; accounturi=" ACCOUNT "; policy=wildcard", 0, pool));
    assert_says("policy=wildcard", judge("ca.example; accounturi=" ACCOUNT, 1, pool));
    assert_says("policy=wildcard", judge("ca.example; accounturi=" ACCOUNT "; policy=x", 1, pool));
    assert_string_equal(
        "", judge("ca.example; accounturi=" ACCOUNT "; persistUntil=4000000000", 0, pool));
    assert_says("2023-11-14T22:13:20Z",
                judge("ca.example; accounturi=" ACCOUNT "; persistUntil=1700000000", 0, pool));
    assert_says("at the end", judge("ca.example; accounturi=" ACCOUNT ";", 0, pool));
    assert_says("twice", judge("ca.example; accounturi=" ACCOUNT "; AccountURI=" ACCOUNT, 0, pool));
    assert_says("another account", judge("ca.example; accounturi=" ACCOUNT "x", 0, pool));
    assert_says("no accounturi", judge("ca.example", 0, pool));
    assert_says("the CA \"other.example\"", judge("other.example; accounturi=" ACCOUNT, 0, pool));
    assert_says("the CA \"Ca.Example\"", judge("Ca.Example; accounturi=" ACCOUNT, 0, pool));
}

static void tags_and_policy_have_no_case_and_spaces_do_not_count(void **state)
{
    acme_persist_record_t *record;
    assert_well(acme_persist_parse(&record,
                                   "\t ca.example\t;AccountURI = " ACCOUNT
                                   " ; foo=bar;POLICY=WildCard;PERSISTUNTIL=4000000000 ",
                                   *state));
    assert_string_equal("ca.example", record->issuer);
    assert_string_equal(ACCOUNT, record->account);
    assert_true(record->is_wildcard);
    assert_int_equal(apr_time_from_sec(4000000000), record->until);
}

static void what_is_no_record_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        ";",
                                        "; accounturi=x",
                                        "ca.example;",
                                        "ca.example;;accounturi=x",
                                        "ca.example; ;accounturi=x",
                                        "ca..example; accounturi=x",
                                        "-ca.example; accounturi=x",
                                        "ca example; accounturi=x",
                                        "ca.example.; accounturi=x",
                                        "ca.example; accounturi",
                                        "ca.example; =x",
                                        "ca.example; account-=x",
                                        "ca.example; acc_ount=x",
                                        "ca.example; accounturi=a b",
                                        "ca.example; accounturi=\x7F",
                                        "ca.example; accounturi=\xC3\xA4",
                                        "ca.example; foo=1; Foo=2",
                                        "ca.example; persistUntil=",
                                        "ca.example; persistUntil=-1",
                                        "ca.example; persistUntil=+1",
                                        "ca.example; persistUntil=1e9",
                                        "ca.example; persistUntil=1234567890123"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); ++i) {
        acme_persist_record_t *record;
        assert_refused(ACME_ERR_INPUT, acme_persist_parse(&record, wrong[i], *state));
    }
}

static void an_end_in_1970_is_past(void **state)
{
    assert_says("1970-01-01",
                judge("ca.example; accounturi=" ACCOUNT "; persistUntil=0", 0, *state));
}

static void the_end_itself_is_past(void **state)
{
    apr_pool_t *pool = *state;
    assert_says("persistUntil was",
                judge("ca.example; accounturi=" ACCOUNT "; persistUntil=1795305600", 0, pool));
    assert_string_equal(
        "", judge("ca.example; accounturi=" ACCOUNT "; persistUntil=1795305601", 0, pool));
}

static void the_proposal_meets_the_demand(void **state)
{
    apr_pool_t *pool = *state;
    for (int is_wildcard = 0; is_wildcard < 2; ++is_wildcard) {
        const acme_persist_demand_t wanted = demand(is_wildcard, pool);
        const acme_persist_record_t record = acme_persist_proposal(&wanted);
        const char *text = acme_persist_text(&record, pool);
        assert_string_equal(is_wildcard ? "ca.example; accounturi=" ACCOUNT "; policy=wildcard"
                                        : "ca.example; accounturi=" ACCOUNT,
                            text);
        assert_string_equal("", judge(text, is_wildcard, pool));
    }
    const acme_persist_record_t all = {"ca.example", ACCOUNT, 1, apr_time_from_sec(1893456000)};
    assert_string_equal("ca.example; accounturi=" ACCOUNT
                        "; policy=wildcard; persistUntil=1893456000",
                        acme_persist_text(&all, pool));
}

static void the_name_is_that_of_the_domain_below(void **state)
{
    const acme_identifier_t plain = {ACME_IDENTIFIER_DNS, "example.org", 1};
    const acme_identifier_t wildcard = {ACME_IDENTIFIER_DNS, "*.example.org", 1};
    assert_string_equal("_validation-persist.example.org", acme_persist_name(&plain, *state));
    assert_string_equal("_validation-persist.example.org", acme_persist_name(&wildcard, *state));
}

static void long_text_becomes_several_strings(void **state)
{
    apr_pool_t *pool = *state;
    char text[301];
    memset(text, 'x', 300);
    text[300] = '\0';
    assert_string_equal("n. IN TXT \"abc\"", acme_persist_line("n", "abc", pool));
    const char *line = acme_persist_line("n", text, pool);
    assert_int_equal(strlen("n. IN TXT ") + 300 + 5, strlen(line));
    assert_memory_equal("\" \"", line + strlen("n. IN TXT ") + 256, 3);
}

static const char *hash_of(const char *domain, const char *thumbprint, const char *account,
                           apr_pool_t *pool)
{
    const char *text = acme_persist_account_hash("urn:x:", domain, thumbprint, account, pool);
    assert_memory_equal("urn:x:sha-256/", text, strlen("urn:x:sha-256/"));
    return text + strlen("urn:x:sha-256/");
}

static void the_hashes_of_draft_02(void **state)
{
    apr_pool_t *pool = *state;
    const char *account = "https://ca.example/acct/123";
    assert_string_equal("5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw",
                        hash_of("example.com", RFC7638_THUMBPRINT, account, pool));
    assert_string_equal("NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug",
                        hash_of("*", RFC7638_THUMBPRINT, account, pool));
    assert_string_equal(
        "WvSpAtB_BXa-Ud_zeWmd3GWdJ72Y2VKfYnhUtT0msZA",
        hash_of("www.example.org", "MZaA6-J0vMO5OmCYxdAhKPF5jLmKhUpb7ajMQJnf64w", ACCOUNT, pool));
}

static void the_labels_of_dns_account_01(void **state)
{
    static const char *const cases[][2] = {
        {"https://example.com/acme/acct/ExampleAccount", "_ujmmovf2vn55tgye"},
        {ACCOUNT, "_kvh7jr2d6tnrrsci"},
        {"https://acme-v02.api.letsencrypt.org/acme/acct/1234567890", "_rhuccyogo34zlvsj"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        assert_string_equal(cases[i][1], acme_persist_account_label(cases[i][0], *state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(records_are_judged_as_the_ca_does),
        FIXTURE_TEST(tags_and_policy_have_no_case_and_spaces_do_not_count),
        FIXTURE_TEST(what_is_no_record_is_refused),
        FIXTURE_TEST(an_end_in_1970_is_past),
        FIXTURE_TEST(the_end_itself_is_past),
        FIXTURE_TEST(the_proposal_meets_the_demand),
        FIXTURE_TEST(the_name_is_that_of_the_domain_below),
        FIXTURE_TEST(long_text_becomes_several_strings),
        FIXTURE_TEST(the_hashes_of_draft_02),
        FIXTURE_TEST(the_labels_of_dns_account_01),
    };
    return fixture_run(tests);
}
