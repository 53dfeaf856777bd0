/* Tests of acme_json: limits of what is parsed, members of the right type, URLs we may ask.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme/acme_json.h"

static json_t *parse(const char *text, apr_pool_t *pool)
{
    json_t *object = NULL;
    assert_well(acme_json_parse(&object, text, strlen(text), "the answer", pool));
    return object;
}

static acme_err_t *refuse(const char *text, apr_size_t len, apr_pool_t *pool)
{
    json_t *object = NULL;
    acme_err_t *err = acme_json_parse(&object, text, len, "the answer of the CA", pool);
    assert_null(object);
    return err;
}

static void assert_bad(const char *text, const char *words, apr_pool_t *pool)
{
    const acme_err_t *err = refuse(text, strlen(text), pool);
    assert_refused(ACME_ERR_INPUT, err);
    assert_ptr_equal(err->text, strstr(err->text, "the answer of the CA"));
    if (strstr(err->text, words) == NULL) {
        fail_msg("no \"%s\" in: %s", words, err->text);
    }
}

static void parses_an_object(void **state)
{
    const json_t *object = parse(" {\"a\":1,\"b\":{\"c\":[true,null,1.5]}}\n", *state);
    assert_int_equal(1, acme_json_int(object, "a", 0));
}

static void refuses_what_is_no_object(void **state)
{
    assert_bad("", "empty", *state);
    assert_bad("[]", "no JSON object", *state);
    assert_bad("\"text\"", "no JSON", *state);
    assert_bad("12", "no JSON", *state);
    assert_bad("null", "no JSON", *state);
    assert_bad("   ", "no JSON", *state);
    assert_bad(" \r\n<!DOCTYPE html><html>", "HTML", *state);
    assert_bad("{", "no JSON", *state);
    assert_bad("{\"a\":1}x", "no JSON", *state);
    assert_bad("{\"a\":1}{\"a\":1}", "no JSON", *state);
    assert_bad("{'a':1}", "no JSON", *state);
    assert_bad("{\"a\":NaN}", "no JSON", *state);
    assert_bad("{\"a\":\"\xFF\"}", "no JSON", *state);
    assert_bad("{\"a\":\"\x01\"}", "no JSON", *state);
}

static void refuses_what_could_mean_two_things(void **state)
{
    assert_bad("{\"a\":1,\"a\":2}", "no JSON", *state);
    assert_bad("{\"b\":{\"a\":1,\"a\":1}}", "no JSON", *state);
    assert_bad("{\"a\":\"x\\u0000y\"}", "no JSON", *state);
    assert_bad("{\"a\\u0000b\":1}", "no JSON", *state);
    assert_refused(ACME_ERR_INPUT, refuse("{\"a\":\"x\0y\"}", 11, *state));
    assert_refused(ACME_ERR_INPUT, refuse("{}\0", 3, *state));
}

static void refuses_what_is_too_deep(void **state)
{
    char text[80];
    memset(text, 0, sizeof(text));
    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', 31);
    memset(text + 36, ']', 31);
    text[67] = '}';
    parse(text, *state);
    memset(text + 5, '[', 32);
    memset(text + 37, ']', 32);
    text[69] = '}';
    assert_bad(text, "deeper", *state);
    /* brackets in strings are no depth */
    parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}", *state);
    parse("{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\\\"}", *state);
}

static void refuses_what_is_too_large(void **state)
{
    char *text = apr_palloc(*state, ACME_JSON_MAX + 2);
    memset(text, ' ', ACME_JSON_MAX + 2);
    memcpy(text, "{}", 2);
    json_t *object;
    assert_well(acme_json_parse(&object, text, ACME_JSON_MAX, "it", *state));
    const acme_err_t *err = acme_json_parse(&object, text, ACME_JSON_MAX + 1, "it", *state);
    assert_refused(ACME_ERR_INPUT, err);
    assert_non_null(strstr(err->text, "larger"));
}

static void shows_foreign_text_clean(void **state)
{
    const acme_err_t *err = refuse("{\"\x1B[31m", 7, *state);
    assert_refused(ACME_ERR_INPUT, err);
    assert_null(strchr(err->text, '\x1B'));
}

static void gives_members_of_the_right_type(void **state)
{
    const json_t *object =
        parse("{\"s\":\"text\",\"i\":-7,\"t\":true,\"f\":false,\"n\":null,\"r\":1.5,"
              "\"when\":\"2026-11-22T13:29:24Z\",\"bad\":\"yesterday\",\"o\":{},\"l\":[]}",
              *state);
    assert_string_equal("text", acme_json_string(object, "s", *state));
    assert_int_equal(-7, acme_json_int(object, "i", 3));
    assert_true(acme_json_bool(object, "t", 0));
    assert_false(acme_json_bool(object, "f", 1));
    assert_true(acme_json_time(object, "when") == apr_time_from_sec(1795354164));

    static const char *const others[] = {"n", "r", "o", "l", "none"};
    for (size_t i = 0; i < 5; i++) {
        assert_null(acme_json_string(object, others[i], *state));
        assert_int_equal(3, acme_json_int(object, others[i], 3));
        assert_int_equal(1, acme_json_bool(object, others[i], 1));
        assert_int_equal(0, acme_json_bool(object, others[i], 0));
        assert_int_equal(0, acme_json_time(object, others[i]));
        assert_null(acme_json_url(object, others[i], *state));
        assert_int_equal(0, acme_json_strings(object, others[i], 5, *state)->nelts);
    }
    assert_int_equal(0, acme_json_time(object, "bad"));
    assert_int_equal(3, acme_json_int(object, "s", 3));
    assert_null(acme_json_string(NULL, "s", *state));
}

static void gives_arrays_of_strings(void **state)
{
    const json_t *object = parse("{\"l\":[\"a\",1,\"b\",null,\"c\"]}", *state);
    const apr_array_header_t *all = acme_json_strings(object, "l", 10, *state);
    assert_int_equal(3, all->nelts);
    assert_string_equal("c", APR_ARRAY_IDX(all, 2, const char *));
    assert_int_equal(2, acme_json_strings(object, "l", 2, *state)->nelts);
}

static void writes_members(void **state)
{
    apr_array_header_t *names = apr_array_make(*state, 2, sizeof(const char *));
    APR_ARRAY_PUSH(names, const char *) = "a\"/\n";
    APR_ARRAY_PUSH(names, const char *) = "b";
    json_t *object = acme_json_object(*state);
    acme_json_set_string(object, "z", "text");
    acme_json_set_string(object, "none", NULL);
    acme_json_set_int(object, "i", 0);
    acme_json_set_bool(object, "b", 1);
    acme_json_set_time(object, "when", apr_time_from_sec(1795354164));
    acme_json_set_time(object, "never", 0);
    acme_json_set_strings(object, "l", names);
    acme_json_set_strings(object, "no list", NULL);
    acme_json_set_string(object, "z", "again");
    assert_string_equal("{\"z\":\"again\",\"i\":0,\"b\":true,\"when\":\"2026-11-22T13:29:24Z\","
                        "\"l\":[\"a\\\"/\\n\",\"b\"]}",
                        acme_json_text(object, 0, *state));
    assert_non_null(strstr(acme_json_text(object, 1, *state), "\n  \"z\": \"again\",\n"));
}

static void writes_what_is_not_utf8_all_the_same(void **state)
{
    json_t *object = acme_json_object(*state);
    acme_json_set_string(object, "good", "\xC3\xBC");
    acme_json_set_string(object, "bad", "a\xFF\xC3");
    assert_string_equal("{\"good\":\"\xC3\xBC\",\"bad\":\"a?\?\"}",
                        acme_json_text(object, 0, *state));
}

static void knows_urls_that_may_be_asked(void **state)
{
    (void)state;
    assert_true(acme_json_url_ok("https://ca.example"));
    assert_true(acme_json_url_ok("https://ca.example/"));
    assert_true(acme_json_url_ok("https://ca.example/dir?x=1&y=@:/"));
    assert_true(acme_json_url_ok("https://ca.example?x"));
    assert_true(acme_json_url_ok("https://127.0.0.1:14000/my-order/C0AB4oI_Vj5GPk"));
    assert_true(acme_json_url_ok("https://[2001:db8::1]:14000/a@b"));
    assert_true(acme_json_url_ok("https://ca_1.local:65535/~x/%20"));
}

static void knows_urls_that_may_not_be_asked(void **state)
{
    static const char *const bad[] = {
        "",
        "http://ca.example/",
        "HTTPS:/ca",
        "https:",
        "https://",
        "https:///x",
        "https://:14000/",
        "https://user@ca.example/",
        "https://user:word@ca.example/",
        "https://ca.example@evil/",
        "https://ca.example/#part",
        "https://ca.example/a b",
        "https://ca.example/a\n",
        "https://ca.example/\x7F",
        "https://ca.example/\xC3\xBC",
        "https://b\xC3\xBC.example/",
        "https://ca.example:/",
        "https://ca.example:0/",
        "https://ca.example:65536/",
        "https://ca.example:1234567890123/",
        "https://ca.example:80x/",
        "https://ca.example\\@evil/",
        "https://[2001:db8::1/",
        "https://[]/",
        "https://[::1]x/",
        "https://[::1%25eth0]/",
        "ftp://ca.example/",
        "//ca.example/",
        "/order/1",
        " https://ca.example/",
        "javascript:alert(1)",
        "file:///etc/passwd",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (acme_json_url_ok(bad[i])) {
            fail_msg("was not refused: %s", bad[i]);
        }
    }
    char *url = apr_pcalloc(*state, 2002);
    memset(url, 'x', 2001);
    memcpy(url, "https://ca.example/", 19);
    assert_false(acme_json_url_ok(url));
    url[2000] = '\0';
    assert_true(acme_json_url_ok(url));
}

static void gives_only_urls_that_may_be_asked(void **state)
{
    const json_t *object = parse(
        "{\"good\":\"https://ca.example/x\",\"bad\":\"http://ca.example/x\",\"n\":1}", *state);
    assert_string_equal("https://ca.example/x", acme_json_url(object, "good", *state));
    assert_null(acme_json_url(object, "bad", *state));
    assert_null(acme_json_url(object, "n", *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(parses_an_object),
        FIXTURE_TEST(refuses_what_is_no_object),
        FIXTURE_TEST(refuses_what_could_mean_two_things),
        FIXTURE_TEST(refuses_what_is_too_deep),
        FIXTURE_TEST(refuses_what_is_too_large),
        FIXTURE_TEST(shows_foreign_text_clean),
        FIXTURE_TEST(gives_members_of_the_right_type),
        FIXTURE_TEST(gives_arrays_of_strings),
        FIXTURE_TEST(writes_members),
        FIXTURE_TEST(writes_what_is_not_utf8_all_the_same),
        FIXTURE_TEST(knows_urls_that_may_be_asked),
        FIXTURE_TEST(knows_urls_that_may_not_be_asked),
        FIXTURE_TEST(gives_only_urls_that_may_be_asked),
    };
    return fixture_run(tests);
}
