/* Tests of acme_dns: names, and messages as servers send them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_dns.h"

/* An authoritative NXDOMAIN with the SOA of example.org; bytes as BIND sends them, name compression
 * included. */
static const unsigned char nxdomain[] = {0x12, 0x34, 0x84, 0x03, 0,    1,   0,   0,   0,
                                         1,    0,    0, /* QR AA NXDOMAIN */
                                         15,   '_',  'a',  'c',  'm',  'e', '-', 'c', 'h',
                                         'a',  'l',  'l',  'e',  'n',  'g', 'e', 7,   'E',
                                         'x',  'a',  'm',  'p',  'l',  'e', 3,   'o', 'r',
                                         'g',  0,    0,    6,    0,    1, /* question */
                                         0xC0, 28,   0,    6,    0,    1,   0,   0,   0,
                                         60,   0,    32, /* SOA of example.org */
                                         3,    'n',  's',  '1',  0xC0, 28,  3,   'd', 'n',
                                         's',  0xC0, 28,   0,    0,    0,   1,   0,   0,
                                         0,    60,   0,    0,    0,    60,  0,   0,   0,
                                         60,   0,    0,    0,    60};

/* TXT "ab" "c" and a CNAME at x. */
static const unsigned char answer_txt[] = {
    0, 1, 0x81, 0x80, 0, 1,   0, 3,   0, 0,   0, 0, 1,   'x', 0, 0,  16, 0, 1, 0xC0, 12, 0,  5,
    0, 1, 0,    0,    0, 60,  0, 3,   1, 'y', 0, 1, 'y', 0,   0, 16, 0,  1, 0, 0,    0,  60, 0,
    5, 2, 'a',  'b',  1, 'c', 1, 'y', 0, 0,   1, 0, 1,   0,   0, 0,  60, 0, 4, 192,  0,  2,  7};

static void gives_the_soa_of_the_authority_section(void **state)
{
    acme_dns_answer_t *answer;
    assert_well(acme_dns_read(&answer, nxdomain, sizeof nxdomain, *state));
    assert_int_equal(ACME_DNS_NXDOMAIN, answer->rcode);
    assert_true(answer->is_authoritative);
    assert_int_equal(0, answer->answers->nelts);
    assert_int_equal(1, answer->authority->nelts);
    const acme_dns_record_t *soa = &APR_ARRAY_IDX(answer->authority, 0, acme_dns_record_t);
    assert_int_equal(ACME_DNS_SOA, soa->type);
    assert_string_equal("example.org", soa->owner);
    assert_string_equal("ns1.example.org", soa->text);
}

static void joins_the_strings_of_a_record(void **state)
{
    acme_dns_answer_t *answer;
    assert_well(acme_dns_read(&answer, answer_txt, sizeof answer_txt, *state));
    assert_false(answer->is_authoritative);
    assert_int_equal(3, answer->answers->nelts);
    const acme_dns_record_t *records = (const acme_dns_record_t *)answer->answers->elts;
    assert_string_equal("y", records[0].text);
    assert_string_equal("abc", records[1].text);
    assert_string_equal("192.0.2.7", records[2].text);
}

/* CAA at x: 128 IssueWild "ca;a=b". */
static const unsigned char answer_caa[] = {
    0,   1,   0x81, 0x80, 0,   1,   0,   1,   0,   0,   0,   0,   1,   'x', 0,   1,   1,  0,
    1,   0xC0, 12,  1,    1,   0,   1,   0,   0,   0,   60,  0,   17,  128, 9,   'I', 's', 's',
    'u', 'e', 'W',  'i',  'l', 'd', 'c', 'a', ';', 'a', '=', 'b'};

static void reads_a_property_of_caa(void **state)
{
    acme_dns_answer_t *answer;
    assert_well(acme_dns_read(&answer, answer_caa, sizeof answer_caa, *state));
    assert_int_equal(1, answer->answers->nelts);
    const acme_dns_record_t *record = &APR_ARRAY_IDX(answer->answers, 0, acme_dns_record_t);
    assert_int_equal(ACME_DNS_CAA, record->type);
    assert_string_equal("128 IssueWild ca;a=b", record->text);
}

static void leaves_out_a_damaged_property(void **state)
{
    static const struct {
        int at;
        unsigned char byte;
    } damages[] = {{32, 0}, {32, 16}, {32, 255}, {33, ' '}, {33, 0}, {45, 0}};
    for (apr_size_t i = 0; i < sizeof damages / sizeof damages[0]; ++i) {
        unsigned char bytes[sizeof answer_caa];
        acme_dns_answer_t *answer;
        memcpy(bytes, answer_caa, sizeof bytes);
        bytes[damages[i].at] = damages[i].byte;
        assert_well(acme_dns_read(&answer, bytes, sizeof bytes, *state));
        assert_int_equal(0, answer->answers->nelts);
    }
}

static void leaves_out_what_is_damaged(void **state)
{
    unsigned char bytes[sizeof answer_txt];
    acme_dns_answer_t *answer;
    memcpy(bytes, answer_txt, sizeof bytes);
    bytes[47] = 200; /* a string that is longer than its record */
    assert_well(acme_dns_read(&answer, bytes, sizeof bytes, *state));
    assert_int_equal(2, answer->answers->nelts);
    memcpy(bytes, answer_txt, sizeof bytes);
    bytes[48] = '\0';
    assert_well(acme_dns_read(&answer, bytes, sizeof bytes, *state));
    assert_int_equal(2, answer->answers->nelts);
}

static void refuses_what_is_no_answer(void **state)
{
    unsigned char bytes[sizeof answer_txt];
    acme_dns_answer_t *answer;
    for (apr_size_t len = 0; len < 12; ++len) {
        assert_refused(ACME_ERR_INPUT, acme_dns_read(&answer, answer_txt, len, *state));
    }
    memcpy(bytes, answer_txt, sizeof bytes);
    bytes[2] &= 0x7F; /* a question */
    assert_refused(ACME_ERR_INPUT, acme_dns_read(&answer, bytes, sizeof bytes, *state));
}

static void reads_no_byte_beyond_the_end(void **state)
{
    acme_dns_answer_t *answer;
    for (apr_size_t len = 12; len < sizeof answer_txt; ++len) {
        unsigned char *part = malloc(len); /* of its own size, for the sanitizer */
        memcpy(part, answer_txt, len);
        (void)acme_dns_read(&answer, part, len, *state);
        free(part);
    }
}

static void knows_what_is_below_what(void **state)
{
    (void)state;
    assert_true(acme_dns_is_below("a.example.org", "example.org"));
    assert_true(acme_dns_is_below("example.org", "example.org"));
    assert_true(acme_dns_is_below("example.org", ""));
    assert_false(acme_dns_is_below("anexample.org", "example.org"));
    assert_false(acme_dns_is_below("org", "example.org"));
}

static void keeps_names_in_one_form(void **state)
{
    assert_string_equal("a.example", acme_dns_name("A.Example.", *state));
    assert_string_equal("", acme_dns_name(".", *state));
    assert_string_equal("", acme_dns_name("", *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(gives_the_soa_of_the_authority_section),
        FIXTURE_TEST(joins_the_strings_of_a_record),
        FIXTURE_TEST(leaves_out_what_is_damaged),
        FIXTURE_TEST(reads_a_property_of_caa),
        FIXTURE_TEST(leaves_out_a_damaged_property),
        FIXTURE_TEST(refuses_what_is_no_answer),
        FIXTURE_TEST(reads_no_byte_beyond_the_end),
        FIXTURE_TEST(knows_what_is_below_what),
        FIXTURE_TEST(keeps_names_in_one_form),
    };
    return fixture_run(tests);
}
