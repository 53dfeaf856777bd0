/* Tests of acme_problem: the CA's words reach the administrator, with class and advice.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <apr_strings.h>

#include "acme/acme_json.h"
#include "acme/acme_problem.h"

static acme_problem_t *parse(const char *body, int status, apr_pool_t *pool)
{
    return acme_problem_parse(body, strlen(body), status, pool);
}

/* A problem of one type, detail and status. */
static acme_problem_t *made(const char *type, const char *detail, int status, apr_pool_t *pool)
{
    json_t *object = acme_json_object(pool);
    acme_json_set_string(object, "type", apr_pstrcat(pool, ACME_PROBLEM_URN, type, NULL));
    acme_json_set_string(object, "detail", detail);
    acme_json_set_int(object, "status", status);
    return acme_problem_read(object, pool);
}

static void reads_a_problem(void **state)
{
    const acme_problem_t *problem = parse(
        "{\n   \"type\": \"urn:ietf:params:acme:error:invalidProfile\",\n   \"detail\": \"Order "
        "includes unrecognized profile name \\\"nope\\\"\",\n   \"status\": 400\n}",
        400, *state);
    assert_string_equal("urn:ietf:params:acme:error:invalidProfile", problem->type);
    assert_true(acme_problem_is(problem, "invalidProfile"));
    assert_false(acme_problem_is(problem, "invalid"));
    assert_false(acme_problem_is(problem, "urn:ietf:params:acme:error:invalidProfile"));
    assert_string_equal("Order includes unrecognized profile name \"nope\"", problem->detail);
    assert_int_equal(400, problem->status);
    assert_null(problem->instance);
    assert_null(problem->identifier);
    assert_int_equal(0, problem->subproblems->nelts);
    assert_string_equal("invalidProfile: Order includes unrecognized profile name \"nope\"",
                        acme_problem_text(problem, *state));
}

static void reads_an_answer_without_a_problem(void **state)
{
    static const char *const bodies[] = {"", "<html><h1>502 Bad Gateway</h1></html>", "[]", "{}",
                                         "{\"type\":7,\"detail\":[],\"status\":\"x\"}"};
    for (size_t i = 0; i < 5; i++) {
        const acme_problem_t *problem = parse(bodies[i], 502, *state);
        assert_string_equal("about:blank", problem->type);
        assert_string_equal("", problem->detail);
        assert_int_equal(502, problem->status);
        assert_string_equal("HTTP status 502", acme_problem_text(problem, *state));
        const acme_err_t *err = acme_problem_err(problem, 0, "asking for a nonce", *state);
        assert_int_equal(ACME_ERR_NETWORK, err->errclass);
        assert_null(err->problem);
        assert_string_equal("while asking for a nonce: HTTP status 502", err->text);
    }
    assert_false(acme_problem_is(parse("", 400, *state), "about:blank"));
}

static void believes_the_status_that_was_sent(void **state)
{
    assert_int_equal(429, parse("{\"type\":\"x\",\"status\":400}", 429, *state)->status);
    assert_int_equal(400, parse("{\"type\":\"x\",\"status\":400}", 0, *state)->status);
    assert_int_equal(0, parse("{\"type\":\"x\",\"status\":99999999999}", 0, *state)->status);
}

static const char rejected[] =
    "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":\"Error creating new "
    "order\",\"status\":400,\"subproblems\":[{\"type\":\"urn:ietf:params:acme:error:"
    "rejectedIdentifier\",\"detail\":\"Domain name does not end with a valid public suffix (TLD)\","
    "\"identifier\":{\"type\":\"dns\",\"value\":\"bad.example\"},\"subproblems\":[{\"type\":\"x\"}]"
    "}"
    ",7,{\"type\":\"urn:ietf:params:acme:error:malformed\",\"identifier\":{\"type\":\"dns\","
    "\"value\":\"worse.example\"}},{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\"}]"
    "}";

static void reads_subproblems(void **state)
{
    const acme_problem_t *problem = parse(rejected, 400, *state);
    assert_int_equal(3, problem->subproblems->nelts);
    const acme_problem_t *first = APR_ARRAY_IDX(problem->subproblems, 0, const acme_problem_t *);
    assert_string_equal("bad.example", first->identifier);
    assert_int_equal(0, first->subproblems->nelts);
    assert_string_equal("rejectedIdentifier: Error creating new order (bad.example: Domain name "
                        "does not end with a valid public suffix (TLD); worse.example: malformed; "
                        "caa: no)",
                        acme_problem_text(problem, *state));
    /* what is known about a name goes before what is known about the type */
    assert_non_null(strstr(acme_problem_advice(problem), "no public CA"));
}

static void reads_no_more_than_a_hundred_subproblems(void **state)
{
    json_t *object = acme_json_object(*state);
    json_t *array = json_array();
    for (int i = 0; i < 150; i++) {
        json_array_append_new(array, json_pack("{s:s}", "detail", "no"));
    }
    json_object_set_new(object, "subproblems", array);
    assert_int_equal(100, acme_problem_read(object, *state)->subproblems->nelts);
}

static void cleans_and_cuts_what_the_ca_says(void **state)
{
    char *detail = apr_pcalloc(*state, 3001);
    memset(detail, 'x', 3000);
    detail[0] = '\x1B';
    detail[1] = '\n';
    const acme_problem_t *problem = made("dns\n", detail, 400, *state);
    assert_true(strlen(problem->detail) <= 1000);
    assert_memory_equal("??x", problem->detail, 3);
    assert_null(strchr(problem->type, '\n'));

    json_t *object = acme_json_object(*state);
    json_t *array = json_array();
    for (int i = 0; i < 100; i++) {
        json_array_append_new(array, json_pack("{s:s,s:{s:s}}", "detail", detail, "identifier",
                                               "value", "a\nb.example"));
    }
    json_object_set_new(object, "subproblems", array);
    const char *text = acme_problem_text(acme_problem_read(object, *state), *state);
    assert_true(strlen(text) <= 2000 && strlen(text) > 1900);
    assert_null(strpbrk(text, "\n\x1B"));
    assert_non_null(strstr(text, "a?b.example: ??x"));
}

static void keeps_only_web_addresses_as_instance(void **state)
{
    assert_string_equal("https://ca.example/tos",
                        parse("{\"instance\":\"https://ca.example/tos\"}", 403, *state)->instance);
    assert_null(parse("{\"instance\":\"javascript:alert(1)\"}", 403, *state)->instance);
    assert_null(parse("{\"instance\":\"https://a/\\\"><b>\"}", 403, *state)->instance);
    assert_null(parse("{\"instance\":\"/relative\"}", 403, *state)->instance);
    assert_string_equal("HTTP status 403: agree, see https://ca.example/tos",
                        acme_problem_text(parse("{\"detail\":\"agree\",\"instance\":\"https://"
                                                "ca.example/tos\"}",
                                                403, *state),
                                          *state));
}

static void takes_the_title_where_there_is_no_detail(void **state)
{
    assert_string_equal("Forbidden", parse("{\"title\":\"Forbidden\"}", 403, *state)->detail);
}

static void writes_what_it_reads(void **state)
{
    const acme_problem_t *problem = parse(rejected, 400, *state);
    json_t *written = acme_problem_json(problem);
    const acme_problem_t *again = acme_problem_read(written, *state);
    json_decref(written);
    assert_string_equal(problem->type, again->type);
    assert_int_equal(400, again->status);
    assert_string_equal(acme_problem_text(problem, *state), acme_problem_text(again, *state));
}

typedef struct {
    const char *type;
    int status;
    apr_time_t retry_at;
    acme_err_class_t wanted;
} class_case_t;

static void gives_the_class(void **state)
{
    static const class_case_t cases[] = {
        {"rateLimited", 429, 0, ACME_ERR_WAIT},
        {"rateLimited", 503, 0, ACME_ERR_WAIT},
        {"malformed", 429, 0, ACME_ERR_WAIT},
        {"serverInternal", 503, 77, ACME_ERR_WAIT},
        {"serverInternal", 503, 0, ACME_ERR_NETWORK},
        {"serverInternal", 500, 77, ACME_ERR_NETWORK},
        {"serverInternal", 0, 0, ACME_ERR_NETWORK},
        {"malformed", 502, 0, ACME_ERR_NETWORK},
        {"badNonce", 400, 0, ACME_ERR_NETWORK},
        {"accountDoesNotExist", 400, 0, ACME_ERR_GONE},
        {"malformed", 404, 0, ACME_ERR_GONE},
        {"malformed", 400, 0, ACME_ERR_CONFIG},
        {"userActionRequired", 403, 0, ACME_ERR_CONFIG},
        {"externalAccountRequired", 403, 0, ACME_ERR_CONFIG},
        {"badCSR", 400, 0, ACME_ERR_CONFIG},
        {"badPublicKey", 400, 0, ACME_ERR_CONFIG},
        {"badSignatureAlgorithm", 400, 0, ACME_ERR_CONFIG},
        {"invalidContact", 400, 0, ACME_ERR_CONFIG},
        {"unsupportedContact", 400, 0, ACME_ERR_CONFIG},
        {"rejectedIdentifier", 400, 0, ACME_ERR_CONFIG},
        {"unsupportedIdentifier", 400, 0, ACME_ERR_CONFIG},
        {"invalidProfile", 400, 0, ACME_ERR_CONFIG},
        {"caa", 403, 0, ACME_ERR_CONFIG},
        {"unauthorized", 403, 0, ACME_ERR_CONFIG},
        {"somethingNew", 400, 0, ACME_ERR_CONFIG},
        {"connection", 400, 0, ACME_ERR_REFUSED},
        {"dns", 400, 0, ACME_ERR_REFUSED},
        {"tls", 0, 0, ACME_ERR_REFUSED},
        {"incorrectResponse", 403, 0, ACME_ERR_REFUSED},
        {"orderNotReady", 403, 0, ACME_ERR_REFUSED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const class_case_t *c = &cases[i];
        const acme_err_t *err = acme_problem_err(made(c->type, "why", c->status, *state),
                                                 c->retry_at, "ordering example.org", *state);
        if (err->errclass != c->wanted) {
            fail_msg("%s %d: class %s", c->type, c->status, acme_err_class_name(err->errclass));
        }
        assert_true(err->retry_at == c->retry_at);
        assert_string_equal(apr_pstrcat(*state, ACME_PROBLEM_URN, c->type, NULL), err->problem);
        const char *begin =
            apr_pstrcat(*state, "while ordering example.org: ", c->type, ": why", NULL);
        assert_memory_equal(begin, err->text, strlen(begin));
    }
    assert_int_equal(ACME_ERR_GONE,
                     acme_problem_err(parse("", 404, *state), 0, "asking", *state)->errclass);
    assert_int_equal(ACME_ERR_WAIT,
                     acme_problem_err(parse("", 429, *state), 0, "asking", *state)->errclass);
    assert_int_equal(ACME_ERR_CONFIG,
                     acme_problem_err(parse("", 405, *state), 0, "asking", *state)->errclass);
}

static void takes_the_worst_of_a_compound(void **state)
{
    const acme_problem_t *problem =
        parse("{\"type\":\"urn:ietf:params:acme:error:compound\",\"subproblems\":[{\"type\":"
              "\"urn:ietf:params:acme:error:dns\"},{\"type\":\"urn:ietf:params:acme:error:"
              "rateLimited\"}]}",
              403, *state);
    assert_int_equal(ACME_ERR_REFUSED, acme_problem_err(problem, 0, "it", *state)->errclass);
    problem = parse("{\"type\":\"urn:ietf:params:acme:error:compound\",\"subproblems\":[{\"type\":"
                    "\"urn:ietf:params:acme:error:serverInternal\"}]}",
                    403, *state);
    assert_int_equal(ACME_ERR_NETWORK, acme_problem_err(problem, 0, "it", *state)->errclass);
    problem = parse("{\"type\":\"urn:ietf:params:acme:error:compound\"}", 403, *state);
    assert_int_equal(ACME_ERR_CONFIG, acme_problem_err(problem, 0, "it", *state)->errclass);
}

typedef struct {
    const char *type;
    const char *detail;
    const char *words; /* of the advice, NULL: none */
} advice_case_t;

/* What Let's Encrypt and Pebble say, and what should be read then. */
static void gives_advice(void **state)
{
    static const advice_case_t cases[] = {
        {"connection",
         "203.0.113.5: Fetching http://example.org/.well-known/acme-challenge/x: Timeout during "
         "connect (likely firewall problem)",
         "open port 80"},
        {"connection", "Timeout after connect (your server may be slow or overloaded)",
         "does not answer in time"},
        {"connection", "Get \"http://example.org:80/x\": dial tcp: connect: connection refused",
         "add Listen 80"},
        {"connection", "Fetching https://x/: Connection reset by peer", "packet filters"},
        {"unauthorized",
         "During secondary validation: 203.0.113.5: Invalid response from http://example.org/x: "
         "403",
         "other parts of the world"},
        {"unauthorized", "203.0.113.5: Invalid response from http://example.org/x: 404",
         "something else than this httpd"},
        {"unauthorized",
         "The key authorization file from the server did not match this challenge. Expected \"a\" "
         "(got \"b\")",
         "another ACME client"},
        {"connection",
         "Invalid host in redirect target \"example.org.well-known\". Check webserver config for "
         "missing '/' in redirect target.",
         "final slash"},
        {"connection", "Redirect loop detected", "circle"},
        {"unauthorized", "Cannot negotiate ALPN protocol \"acme-tls/1\" for tls-alpn-01 challenge",
         "TLS ended elsewhere"},
        {"unauthorized",
         "Incorrect validation certificate for tls-alpn-01 challenge. Requested a from b:443. "
         "Received certificate which is not self-signed.",
         "ordinary certificate"},
        {"dns",
         "DNS problem: NXDOMAIN looking up A for example.org - check that a DNS record exists",
         "create its A or AAAA record"},
        {"dns", "DNS problem: NXDOMAIN looking up TXT for _acme-challenge.example.org",
         "DNS record of the challenge"},
        {"dns", "no valid A records found for x; no valid AAAA records found for x",
         "no public address"},
        {"dns", "DNS problem: SERVFAIL looking up CAA for org - the domain's nameservers",
         "CAA records"},
        {"dns", "DNS problem: SERVFAIL looking up A for example.org", "DNSSEC"},
        {"dns", "DNS problem: query timed out looking up A for example.org", "port 53"},
        {"caa", "CAA record for example.org prevents issuance", "CAA record"},
        {"unauthorized", "Incorrect TXT record \"x\" found at _acme-challenge.example.org",
         "stale"},
        {"unauthorized", "No TXT record found at _acme-challenge.example.org", "right zone"},
        {"rateLimited", "too many certificates already issued for this exact set of domains",
         "ACMEStoreDir"},
        {"rateLimited", "too many failed authorizations recently: see https://letsencrypt.org/",
         "staging"},
        {"rateLimited", "Your account is temporarily prevented from requesting certificates for x",
         "at the URL that it gives"},
        {"rateLimited", "Service busy; retry later.", "when the CA allows"},
        {"malformed", "Cannot issue for \"x.local\": Domain name needs at least one dot",
         "take it out of the managed names"},
        {"malformed",
         "Domain name \"www.x\" is redundant with a wildcard domain in the same request",
         "wildcard covers it"},
        {"rejectedIdentifier",
         "The ACME server refuses to issue a certificate for this domain name, because it is "
         "forbidden by policy",
         "ask the CA"},
        {"unauthorized", "Account is not valid, has status \"deactivated\"", "remove its folder"},
        {"unauthorized", "Account has been deactivated", "remove its folder"},
        {"malformed", "must agree to terms of service", "ACMECertificateAgreement"},
        {"agreementRequired", "Provided account did not agree to the terms of service",
         "ACMECertificateAgreement"},
        {"userActionRequired", "", "ACMECertificateAgreement"},
        {"externalAccountRequired", "ACME server policy requires", "ACMEExternalAccountBinding"},
        {"invalidContact", "contact email \"admin@example..org\" is invalid", "ACMEContactEmail"},
        {"unsupportedContact", "contact method \"tel\" is not supported", "ACMEContactEmail"},
        {"badPublicKey", "no signature algorithms suitable", "ACMEPrivateKeys"},
        {"invalidProfile", "unrecognized profile", "profile"},
        {"connection", "it just did not work", "port 80"},
        {"dns", "it just did not work", "reachable"},
        {"tls", "remote error: tls: handshake failure", "TLS"},
        {"incorrectResponse", "no", "no proxy answers"},
        {"malformed", "No JWK in JWS header", NULL},
        {"serverInternal", "boom", NULL},
        {"orderNotReady", "", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const acme_problem_t *problem = made(cases[i].type, cases[i].detail, 400, *state);
        const char *advice = acme_problem_advice(problem);
        if (cases[i].words == NULL ? advice != NULL
                                   : advice == NULL || strstr(advice, cases[i].words) == NULL) {
            fail_msg("%s: %s: advice %s", cases[i].type, cases[i].detail, advice);
        }
        if (advice != NULL) {
            const char *text = acme_problem_err(problem, 1, "it", *state)->text;
            assert_string_equal(advice, text + strlen(text) - strlen(advice));
        }
    }
}

static void says_what_is_to_be_visited(void **state)
{
    static const struct {
        const char *type, *detail, *instance, *link;
        apr_time_t retry_at;
    } cases[] = {
        {"rateLimited", "paused. Please visit: https://ca.test/unpause?jwt=a.b-c_d", NULL,
         "https://ca.test/unpause?jwt=a.b-c_d", 0},
        {"rateLimited", "see https://ca.test/a, or (https://ca.test/b).", NULL, "https://ca.test/a", 0},
        {"rateLimited", "see https://ca.test/a.", NULL, "https://ca.test/a", 0},
        {"rateLimited", "see https://ca.test/a", NULL, NULL, 1},
        {"rateLimited", "see http://ca.test/a", NULL, NULL, 0},
        {"rateLimited", "see https://", NULL, NULL, 0},
        {"rateLimited", "<https://ca.test/\"onclick=\"x>", NULL, "https://ca.test/", 0},
        {"rateLimited", "https://ca.test/\xc3\xa4", NULL, "https://ca.test/", 0},
        {"userActionRequired", "see https://ca.test/a", NULL, NULL, 0},
        {"userActionRequired", "new terms", "https://ca.test/terms", "https://ca.test/terms", 0},
        {"userActionRequired", "new terms", "http://ca.test/terms", NULL, 0},
        {"userActionRequired", "new terms", "javascript:alert(1)", NULL, 0},
        {"unauthorized", "see https://ca.test/a", "https://ca.test/b", NULL, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *object = acme_json_object(*state);
        acme_json_set_string(object, "type",
                             apr_pstrcat(*state, ACME_PROBLEM_URN, cases[i].type, NULL));
        acme_json_set_string(object, "detail", cases[i].detail);
        acme_json_set_string(object, "instance", cases[i].instance);
        const acme_problem_t *problem = acme_problem_read(object, *state);
        const acme_err_t *err = acme_problem_err(problem, cases[i].retry_at, "it", *state);
        if (cases[i].link == NULL) {
            assert_null(err->link);
            assert_null(strstr(err->text, "; visit"));
            continue;
        }
        assert_string_equal(cases[i].link, err->link);
        assert_non_null(
            strstr(err->text, apr_pstrcat(*state, "; visit ", cases[i].link, NULL)));
        assert_string_equal(cases[i].link,
                            acme_err_wrap(*state, err, "for a reason")->link);
    }
}

static void a_link_without_end_is_none(void **state)
{
    char *detail = apr_palloc(*state, 700);
    memset(detail, 'a', 699);
    detail[699] = '\0';
    memcpy(detail, "https://", 8);
    assert_null(acme_problem_link(made("rateLimited", detail, 429, *state), 0, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_a_problem),
        FIXTURE_TEST(reads_an_answer_without_a_problem),
        FIXTURE_TEST(believes_the_status_that_was_sent),
        FIXTURE_TEST(reads_subproblems),
        FIXTURE_TEST(reads_no_more_than_a_hundred_subproblems),
        FIXTURE_TEST(cleans_and_cuts_what_the_ca_says),
        FIXTURE_TEST(keeps_only_web_addresses_as_instance),
        FIXTURE_TEST(takes_the_title_where_there_is_no_detail),
        FIXTURE_TEST(writes_what_it_reads),
        FIXTURE_TEST(gives_the_class),
        FIXTURE_TEST(takes_the_worst_of_a_compound),
        FIXTURE_TEST(gives_advice),
        FIXTURE_TEST(says_what_is_to_be_visited),
        FIXTURE_TEST(a_link_without_end_is_none),
    };
    return fixture_run(tests);
}
