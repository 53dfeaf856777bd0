/* Tests of acme_text: base64url, cleaning, the bounded builder.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_text.h"

static void base64url_as_in_the_rfc(void **state)
{
    const char *plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    const char *coded[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
    for (int i = 0; i < 7; i++) {
        assert_string_equal(coded[i], acme_text_base64url(plain[i], strlen(plain[i]), *state));
        unsigned char *bytes;
        apr_size_t len;
        assert_well(acme_text_base64url_decode(&bytes, &len, coded[i], *state));
        assert_int_equal(strlen(plain[i]), len);
        assert_string_equal(plain[i], (char *)bytes);
    }
    assert_string_equal("-_-_", acme_text_base64url("\xFB\xFF\xBF", 3, *state));
}

static void base64url_keeps_every_byte(void **state)
{
    unsigned char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
    }
    for (apr_size_t size = 0; size <= 256; size++) {
        unsigned char *bytes;
        apr_size_t len;
        assert_well(acme_text_base64url_decode(&bytes, &len, acme_text_base64url(all, size, *state),
                                               *state));
        assert_int_equal(size, len);
        assert_memory_equal(all, bytes, size);
    }
}

static void base64url_is_strict(void **state)
{
    const char *wrong[] = {"Z",    "Zm9vY",    "Zg==", "Zm9=", "Zm9v\n", " Zm9v", "Zm+v",
                           "Zm/v", "Zm9v\xC3", "Zh",   "Zm9",  "Zm9vYh", "Zm.v",  "Zm9vZ"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        unsigned char *bytes;
        apr_size_t len;
        assert_refused(ACME_ERR_INPUT, acme_text_base64url_decode(&bytes, &len, wrong[i], *state));
    }
}

static void hex_and_case(void **state)
{
    assert_string_equal("00ff10", acme_text_hex("\x00\xFF\x10", 3, *state));
    assert_string_equal("", acme_text_hex("", 0, *state));
    assert_string_equal("a-z0 \xC3\x84", acme_text_lower("A-Z0 \xC3\x84", *state));
    assert_true(acme_text_equal_nocase("Content-TYPE", "content-type"));
    assert_true(acme_text_equal_nocase("", ""));
    assert_false(acme_text_equal_nocase("a", "ab"));
    assert_false(acme_text_equal_nocase("ab", "a"));
    assert_false(acme_text_equal_nocase("[", "{"));
}

static void clean_replaces_what_harms(void **state)
{
    assert_string_equal("", acme_text_clean(NULL, 10, *state));
    assert_string_equal("a?b?c?", acme_text_clean("a\nb\x1B"
                                                  "c\x7F",
                                                  10, *state));
    assert_string_equal("B\xC3\xBC"
                        "cher \xE2\x82\xAC \xF0\x9F\x94\x92",
                        acme_text_clean("B\xC3\xBC"
                                        "cher \xE2\x82\xAC \xF0\x9F\x94\x92",
                                        40, *state));
    /* C1 controls, a lone continuation, overlong forms, a surrogate, beyond U+10FFFF, cut off */
    assert_string_equal("?x", acme_text_clean("\xC2\x9Bx", 10, *state));
    assert_string_equal("?x", acme_text_clean("\x80x", 10, *state));
    assert_string_equal("??x", acme_text_clean("\xC0\x80x", 10, *state));
    assert_string_equal("???x", acme_text_clean("\xE0\x80\x80x", 10, *state));
    assert_string_equal("???x", acme_text_clean("\xED\xA0\x80x", 10, *state));
    assert_string_equal("????x", acme_text_clean("\xF4\x90\x80\x80x", 10, *state));
    assert_string_equal("??", acme_text_clean("\xE2\x82", 10, *state));
}

static void clean_cuts_between_characters(void **state)
{
    assert_string_equal("abcdef", acme_text_clean("abcdef", 6, *state));
    assert_string_equal("abc\xE2\x80\xA6", acme_text_clean("abcdefg", 6, *state));
    assert_string_equal("ab\xE2\x80\xA6", acme_text_clean("ab\xC3\xBC"
                                                          "defg",
                                                          6, *state));
    assert_string_equal("\xE2\x80\xA6", acme_text_clean("abcd", 3, *state));
    assert_string_equal("", acme_text_clean("abcd", 2, *state));
    assert_string_equal("", acme_text_clean("abcd", 0, *state));
}

static void splits_and_joins(void **state)
{
    apr_array_header_t *words = acme_text_split("  a.test,b.test ,, c.test", " ,", *state);
    assert_int_equal(3, words->nelts);
    assert_string_equal("a.test|b.test|c.test", acme_text_join(words, "|", *state));
    assert_string_equal("a.test, b.test, c.test", acme_text_join(words, ", ", *state));
    assert_string_equal("a.testb.testc.test", acme_text_join(words, "", *state));
    words = acme_text_split(" , ", " ,", *state);
    assert_int_equal(0, words->nelts);
    assert_string_equal("", acme_text_join(words, ", ", *state));
}

static void numbers_for_people(void **state)
{
    assert_string_equal("0", acme_text_number(0, *state));
    assert_string_equal("999", acme_text_number(999, *state));
    assert_string_equal("1,000", acme_text_number(1000, *state));
    assert_string_equal("60,005", acme_text_number(60005, *state));
    assert_string_equal("2,147,483,647", acme_text_number(2147483647, *state));
}

static void builder_holds_its_maximum(void **state)
{
    acme_builder_t *builder = acme_builder_create(5, *state);
    assert_string_equal("", acme_builder_text(builder));
    assert_int_equal(0, acme_builder_len(builder));
    assert_int_equal(0, acme_builder_add(builder, "abc", 3));
    assert_int_equal(-1, acme_builder_add(builder, "def", 3));
    assert_string_equal("abc", acme_builder_text(builder));
    assert_int_equal(-1, acme_builder_add(builder, "x", (apr_size_t)-1));
    assert_int_equal(0, acme_builder_add(builder, "de", 2));
    assert_int_equal(0, acme_builder_add(builder, "", 0));
    assert_int_equal(-1, acme_builder_add(builder, "f", 1));
    assert_string_equal("abcde", acme_builder_text(builder));
    assert_int_equal(5, acme_builder_len(builder));
    acme_builder_reset(builder);
    assert_string_equal("", acme_builder_text(builder));
    assert_int_equal(0, acme_builder_add(builder, "again", 5));
    assert_string_equal("again", acme_builder_text(builder));
}

static void builder_grows(void **state)
{
    acme_builder_t *builder = acme_builder_create(100000, *state);
    for (int i = 0; i < 100000; i++) {
        char c = (char)('a' + i % 26);
        assert_int_equal(0, acme_builder_add(builder, &c, 1));
    }
    assert_int_equal(-1, acme_builder_add(builder, "x", 1));
    assert_int_equal(100000, acme_builder_len(builder));
    assert_int_equal(100000, strlen(acme_builder_text(builder)));
    assert_int_equal('a' + 99999 % 26, acme_builder_text(builder)[99999]);
    acme_builder_t *nothing = acme_builder_create(0, *state);
    assert_int_equal(0, acme_builder_add(nothing, "", 0));
    assert_int_equal(-1, acme_builder_add(nothing, "a", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(base64url_as_in_the_rfc),
        FIXTURE_TEST(base64url_keeps_every_byte),
        FIXTURE_TEST(base64url_is_strict),
        FIXTURE_TEST(hex_and_case),
        FIXTURE_TEST(clean_replaces_what_harms),
        FIXTURE_TEST(clean_cuts_between_characters),
        FIXTURE_TEST(splits_and_joins),
        FIXTURE_TEST(numbers_for_people),
        FIXTURE_TEST(builder_holds_its_maximum),
        FIXTURE_TEST(builder_grows),
    };
    return fixture_run(tests);
}
