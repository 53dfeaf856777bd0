/* Problem documents read, told as errors, and answered with advice.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The advice is a table, read from the top: type, words in the detail, what to do. Rows with words
 * are for what CAs are known to say and are tried first, on the problem and on each subproblem;
 * rows without words are for the type alone. The words are compared without case.
 */
#include "acme/acme_problem.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_identifier.h"
#include "acme/acme_json.h"
#include "acme/acme_text.h"

#define MAX_TYPE 200
#define MAX_DETAIL 1000
#define MAX_INSTANCE 2000
#define MAX_TEXT 2000
#define MAX_SUBPROBLEMS 100
#define NO_TYPE "about:blank"

static const char *clean_member(const json_t *object, const char *name, apr_size_t max,
                                apr_pool_t *pool)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL && text[0] != '\0' ? acme_text_clean(text, max, pool) : NULL;
}

/* Only a web address may become a link on somebody's page. */
static const char *read_instance(const json_t *object, apr_pool_t *pool)
{
    const char *url = clean_member(object, "instance", MAX_INSTANCE, pool);
    if (url == NULL || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) ||
        strpbrk(url, " \"<>'`\\") != NULL) {
        return NULL;
    }
    return url;
}

static acme_problem_t *read_one(const json_t *object, apr_pool_t *pool)
{
    acme_problem_t *problem = apr_pcalloc(pool, sizeof(*problem));
    const char *detail = clean_member(object, "detail", MAX_DETAIL, pool);
    if (detail == NULL) {
        detail = clean_member(object, "title", MAX_DETAIL, pool);
    }
    json_int_t status = acme_json_int(object, "status", 0);
    problem->type = clean_member(object, "type", MAX_TYPE, pool);
    problem->type = problem->type != NULL ? problem->type : NO_TYPE;
    problem->detail = detail != NULL ? detail : "";
    problem->instance = read_instance(object, pool);
    problem->status = status >= 100 && status <= 599 ? (int)status : 0;
    problem->identifier =
        clean_member(json_object_get(object, "identifier"), "value", ACME_IDENTIFIER_MAX, pool);
    problem->subproblems = apr_array_make(pool, 0, sizeof(const acme_problem_t *));
    return problem;
}

/* see acme_problem.h */
acme_problem_t *acme_problem_read(const json_t *object, apr_pool_t *pool)
{
    acme_problem_t *problem = read_one(object, pool);
    const json_t *array = json_object_get(object, "subproblems");
    apr_array_header_t *subproblems = apr_array_make(pool, 4, sizeof(const acme_problem_t *));
    for (size_t i = 0; i < json_array_size(array) && subproblems->nelts < MAX_SUBPROBLEMS; i++) {
        const json_t *subproblem = json_array_get(array, i);
        if (json_is_object(subproblem)) {
            APR_ARRAY_PUSH(subproblems, const acme_problem_t *) = read_one(subproblem, pool);
        }
    }
    problem->subproblems = subproblems;
    return problem;
}

/* see acme_problem.h */
acme_problem_t *acme_problem_parse(const char *body, apr_size_t len, int http_status,
                                   apr_pool_t *pool)
{
    json_t *object;
    /* A front-end's HTML or nothing at all is no error here: the status says it all. */
    acme_err_t *err = acme_json_parse(&object, body, len, "the problem document", pool);
    acme_problem_t *problem = acme_problem_read(err == NULL ? object : NULL, pool);
    /* RFC 7807 section 3.1: the member is advisory, what was sent counts. */
    problem->status = http_status != 0 ? http_status : problem->status;
    return problem;
}

static json_t *one_json(const acme_problem_t *problem)
{
    json_t *object = json_object();
    acme_json_set_string(object, "type", problem->type);
    if (problem->detail[0] != '\0') {
        acme_json_set_string(object, "detail", problem->detail);
    }
    if (problem->status != 0) {
        acme_json_set_int(object, "status", problem->status);
    }
    acme_json_set_string(object, "instance", problem->instance);
    if (problem->identifier != NULL) {
        json_t *identifier = json_object();
        acme_json_set_string(identifier, "value", problem->identifier);
        json_object_set_new(object, "identifier", identifier);
    }
    return object;
}

/* see acme_problem.h */
json_t *acme_problem_json(const acme_problem_t *problem)
{
    json_t *object = one_json(problem);
    if (problem->subproblems->nelts > 0) {
        json_t *array = json_array();
        for (int i = 0; i < problem->subproblems->nelts; i++) {
            const acme_problem_t *subproblem =
                APR_ARRAY_IDX(problem->subproblems, i, const acme_problem_t *);
            json_array_append_new(array, one_json(subproblem));
        }
        json_object_set_new(object, "subproblems", array);
    }
    return object;
}

/* The type without the part that all types share. */
static const char *short_type(const acme_problem_t *problem)
{
    static const char urn[] = ACME_PROBLEM_URN;
    return strncmp(problem->type, urn, sizeof(urn) - 1) == 0 ? problem->type + sizeof(urn) - 1
                                                             : problem->type;
}

/* see acme_problem.h */
int acme_problem_is(const acme_problem_t *problem, const char *name)
{
    const char *type = short_type(problem);
    return type != problem->type && strcmp(type, name) == 0;
}

static int is_any(const acme_problem_t *problem, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (acme_problem_is(problem, *names)) {
            return 1;
        }
    }
    return 0;
}

static const char *title_of(const acme_problem_t *problem, apr_pool_t *pool)
{
    if (strcmp(problem->type, NO_TYPE) != 0) {
        return short_type(problem);
    }
    return problem->status != 0 ? apr_psprintf(pool, "HTTP status %d", problem->status)
                                : "no reason given";
}

/* "bad.example: detail", with the type in place of what is missing. */
static const char *subproblem_text(const acme_problem_t *problem, apr_pool_t *pool)
{
    const char *title = title_of(problem, pool);
    const char *detail = problem->detail[0] != '\0' ? problem->detail : title;
    const char *about = problem->identifier != NULL ? problem->identifier : title;
    return detail == about ? detail : apr_pstrcat(pool, about, ": ", detail, NULL);
}

/* see acme_problem.h */
char *acme_problem_text(const acme_problem_t *problem, apr_pool_t *pool)
{
    const char *title = title_of(problem, pool);
    const char *text = title;
    if (problem->identifier != NULL) {
        text = apr_pstrcat(pool, problem->identifier, ": ", text, NULL);
    }
    if (problem->detail[0] != '\0') {
        text = apr_pstrcat(pool, text, ": ", problem->detail, NULL);
    }
    if (problem->instance != NULL && strstr(problem->detail, problem->instance) == NULL) {
        text = apr_pstrcat(pool, text, ", see ", problem->instance, NULL);
    }
    apr_array_header_t *words = apr_array_make(pool, 4, sizeof(const char *));
    for (int i = 0; i < problem->subproblems->nelts; i++) {
        APR_ARRAY_PUSH(words, const char *) =
            subproblem_text(APR_ARRAY_IDX(problem->subproblems, i, const acme_problem_t *), pool);
    }
    if (words->nelts > 0) {
        text = apr_pstrcat(pool, text, " (", acme_text_join(words, "; ", pool), ")", NULL);
    }
    return acme_text_clean(text, MAX_TEXT, pool);
}

/* RFC 8555 section 6.7 */
static acme_err_class_t class_of_one(const acme_problem_t *problem, apr_time_t retry_at)
{
    static const char *const wait[] = {"rateLimited", NULL};
    static const char *const refused[] = {"connection",        "dns",           "tls",
                                          "incorrectResponse", "orderNotReady", NULL};
    /* badNonce comes here only after many tries with fresh nonces: a trouble on the way. */
    static const char *const network[] = {"serverInternal", "badNonce", NULL};
    static const char *const gone[] = {"accountDoesNotExist", NULL};
    if (is_any(problem, wait) || problem->status == 429 ||
        (problem->status == 503 && retry_at != 0)) {
        return ACME_ERR_WAIT;
    }
    if (is_any(problem, refused)) {
        return ACME_ERR_REFUSED;
    }
    if (is_any(problem, network) || problem->status >= 500) {
        return ACME_ERR_NETWORK;
    }
    return is_any(problem, gone) || problem->status == 404 ? ACME_ERR_GONE : ACME_ERR_CONFIG;
}

/* RFC 8555 section 6.7.1: "compound" says nothing itself, its worst part counts. */
static acme_err_class_t class_of(const acme_problem_t *problem, apr_time_t retry_at)
{
    static const acme_err_class_t worst_first[] = {ACME_ERR_CONFIG, ACME_ERR_REFUSED, ACME_ERR_GONE,
                                                   ACME_ERR_WAIT};
    if (!acme_problem_is(problem, "compound") || problem->subproblems->nelts == 0) {
        return class_of_one(problem, retry_at);
    }
    for (size_t k = 0; k < sizeof(worst_first) / sizeof(worst_first[0]); k++) {
        for (int i = 0; i < problem->subproblems->nelts; i++) {
            const acme_problem_t *part =
                APR_ARRAY_IDX(problem->subproblems, i, const acme_problem_t *);
            if (class_of_one(part, retry_at) == worst_first[k]) {
                return worst_first[k];
            }
        }
    }
    return ACME_ERR_NETWORK;
}

/* ---- what is to be visited ---- */

#define MAX_LINK 500
#define HTTPS "https://"

/* The end of the URL at @a text: at what no URL has in it, or what could end an attribute. */
static apr_size_t url_length(const char *text)
{
    apr_size_t len = 0;
    while (text[len] > ' ' && text[len] < 0x7f && strchr("\"<>'`\\{}|^", text[len]) == NULL) {
        len++;
    }
    while (len > 0 && strchr(".,;:!?)]", text[len - 1]) != NULL) {
        len--; /* the sentence around it */
    }
    return len;
}

static const char *url_in(const char *text, apr_pool_t *pool)
{
    const char *url = text != NULL ? strstr(text, HTTPS) : NULL;
    apr_size_t len = url != NULL ? url_length(url) : 0;
    return len > sizeof(HTTPS) && len <= MAX_LINK ? apr_pstrmemdup(pool, url, len) : NULL;
}

/* see acme_problem.h */
const char *acme_problem_link(const acme_problem_t *problem, apr_time_t retry_at, apr_pool_t *pool)
{
    int is_limited = acme_problem_is(problem, "rateLimited") && retry_at == 0;
    const char *link = is_limited || acme_problem_is(problem, "userActionRequired")
                           ? url_in(problem->instance, pool)
                           : NULL;
    return link == NULL && is_limited ? url_in(problem->detail, pool) : link;
}

/* see acme_problem.h */
acme_err_t *acme_problem_err(const acme_problem_t *problem, apr_time_t retry_at, const char *doing,
                             apr_pool_t *pool)
{
    const char *advice = acme_problem_advice(problem);
    const char *link = acme_problem_link(problem, retry_at, pool);
    acme_err_t *err =
        acme_err_make(pool, class_of(problem, retry_at), "while %s: %s%s%s%s%s", doing,
                      acme_problem_text(problem, pool), advice != NULL ? "; " : "",
                      advice != NULL ? advice : "", link != NULL ? "; visit " : "",
                      link != NULL ? link : "");
    err->link = link;
    err->problem = strcmp(problem->type, NO_TYPE) != 0 ? apr_pstrdup(pool, problem->type) : NULL;
    err->retry_at = retry_at;
    return err;
}

typedef struct {
    const char *type;  /* NULL: any */
    const char *words; /* in the detail; NULL: none needed */
    const char *advice;
} advice_row_t;

static const advice_row_t advice_rows[] = {
    /* seen from one place and not from another: goes before what was seen there */
    {NULL, "secondary validation",
     "the CA also looks from other parts of the world and was not answered there: lift "
     "geo-blocking "
     "and rate limits for /.well-known/acme-challenge/, and see that all DNS servers of the name "
     "agree"},

    /* reaching the server */
    {"connection", "timeout after connect",
     "the server takes connections but does not answer in time: see whether the name leads to this "
     "machine and whether it is overloaded"},
    {"connection", "timeout",
     "open port 80 (for tls-alpn-01: 443) to the whole Internet, for IPv4 and IPv6, and see that "
     "every A and AAAA record of the name leads to this machine"},
    {NULL, "connection refused",
     "nothing listens where the CA looked: add Listen 80 (for tls-alpn-01: 443), and see that "
     "every "
     "A and AAAA record of the name leads to this machine"},
    {NULL, "connection reset",
     "something on the way cut the connection: look at packet filters, and at the A and AAAA "
     "records "
     "of the name"},
    {NULL, "network unreachable",
     "the address is not reachable from the Internet: correct the A and AAAA records of the name"},
    {NULL, "no route to host",
     "the address is not reachable from the Internet: correct the A and AAAA records of the name"},

    /* redirects */
    {NULL, "invalid host in redirect target",
     "a Redirect lacks the final slash: write \"Redirect permanent / https://example.org/\""},
    {NULL, "redirect loop",
     "the challenge is redirected in a circle: exempt /.well-known/acme-challenge/ from redirects "
     "on the servers before this one"},
    {NULL, "too many redirects",
     "the challenge is redirected too often: exempt /.well-known/acme-challenge/ from redirects on "
     "the servers before this one"},
    {NULL, "invalid port in redirect target",
     "the challenge is redirected to a port other than 80 and 443: correct the redirect"},

    /* the wrong answer */
    {NULL, "server only speaks http, not tls",
     "plain HTTP is spoken on the TLS port: see whether the ports are mixed up"},
    {NULL, "http/2 over http",
     "HTTP/2 is spoken where the CA expects HTTP/1.1: take h2c out of Protocols on port 80"},
    {NULL, "cannot negotiate alpn protocol",
     "TLS ended elsewhere than in this httpd, or tls-alpn-01 is not possible on this host: look at "
     "what stands before it, or use another challenge (ACMECAChallenges http-01)"},
    {NULL, "certificate which is not self-signed",
     "the ordinary certificate was served in place of the challenge's: see that the name leads to "
     "this httpd and nothing else ends its TLS, or use another challenge"},
    {NULL, "with unexpected identifiers",
     "another certificate was served in place of the challenge's: see that the name leads to this "
     "httpd and nothing else ends its TLS, or use another challenge"},
    {NULL, "key authorization file from the server did not match",
     "another ACME client or another server answered: see that every A and AAAA record of the name "
     "leads to this machine and that only one client manages the name"},
    {NULL, "did not match this challenge",
     "another ACME client or another server answered: see that every A and AAAA record of the name "
     "leads to this machine and that only one client manages the name"},
    {"unauthorized", "invalid response from",
     "the request was answered by something else than this httpd: see that the address the CA used "
     "is this machine's and that no proxy, CDN or firewall answers /.well-known/acme-challenge/"},

    /* DNS */
    {NULL, "looking up txt",
     "the DNS record of the challenge was not found: see that it is written to the zone the world "
     "sees and that all its servers have it"},
    {NULL, "no txt record found",
     "the DNS record of the challenge was not found: wait until all DNS servers have it, and see "
     "that it is written to the right zone (not _acme-challenge.example.org.example.org)"},
    {NULL, "incorrect txt record",
     "an old DNS record of a challenge was found: remove stale _acme-challenge records, and wait "
     "until all DNS servers have the new one"},
    {NULL, "caa record",
     "the domain's CAA record allows other CAs only: add a record \"issue\" with this CA's name"},
    {NULL, "looking up caa",
     "the domain's DNS servers do not answer for CAA records: mend them (unknown types must get "
     "NOERROR) and DNSSEC"},
    {NULL, "nxdomain",
     "the name does not exist in DNS: create its A or AAAA record, correct its spelling, or take "
     "it "
     "out of the managed names"},
    {NULL, "no valid a records",
     "the name has no public address: give it one in DNS, or use the challenge dns-01"},
    {NULL, "no valid ip addresses",
     "the name has no public address: give it one in DNS, or use the challenge dns-01"},
    {NULL, "servfail", "the domain's DNS servers fail: mend its DNSSEC or its name servers"},
    {NULL, "query timed out",
     "the domain's DNS servers do not answer the CA: open port 53, UDP and TCP, to the whole "
     "Internet"},

    /* limits */
    {NULL, "temporarily prevented from requesting",
     "the CA has paused this name after too many failures: mend what failed, then lift the pause "
     "at the URL that it gives"},
    {NULL, "too many certificates",
     "wait until the time it gives; keep the store (ACMEStoreDir) from being deleted, and use the "
     "CA's staging server for tests"},
    {NULL, "too many failed authorizations",
     "mend what made the validations fail, then wait until the time it gives; use the CA's staging "
     "server for tests"},
    {NULL, "too many new registrations",
     "wait until the time it gives; keep the store (ACMEStoreDir) from being deleted: each new one "
     "makes a new account"},
    {NULL, "too many registrations",
     "wait until the time it gives; keep the store (ACMEStoreDir) from being deleted: each new one "
     "makes a new account"},

    /* names */
    {NULL, "valid public suffix",
     "no public CA certifies this name: take it out of the managed names (ServerName, ServerAlias, "
     "ACMEDomain)"},
    {NULL, "needs at least one dot",
     "no public CA certifies this name: take it out of the managed names (ServerName, ServerAlias, "
     "ACMEDomain)"},
    {NULL, "is an icann tld",
     "no public CA certifies this name: take it out of the managed names (ServerName, ServerAlias, "
     "ACMEDomain)"},
    {NULL, "contains an invalid character",
     "no public CA certifies this name: take it out of the managed names (ServerName, ServerAlias, "
     "ACMEDomain)"},
    {NULL, "redundant with a wildcard",
     "take the name out, the wildcard covers it already, or give it an ACMEDomain of its own"},
    {NULL, "forbidden by policy",
     "this CA will not certify the name: take it out of the managed names, ask the CA, or use "
     "another (ACMECertificateAuthority)"},

    /* account, key and terms */
    {NULL, "must agree to terms of service",
     "read the CA's terms of service and agree with ACMECertificateAgreement accepted"},
    {NULL, "account has been deactivated",
     "the account was deactivated: to go on with a new one, remove its folder below accounts/ in "
     "the store"},
    {NULL, "account is not valid",
     "the account was deactivated or revoked: to go on with a new one, remove its folder below "
     "accounts/ in the store"},
    {NULL, "must-staple", "this CA no longer knows must-staple: switch it off"},
    {NULL, "certificate profile", "choose a profile that the CA offers"},
    {NULL, "key size not supported", "choose keys that the CA takes with ACMEPrivateKeys"},
    {"badNonce", "nonce",
     "if this goes on, a proxy between here and the CA keeps old answers: let it pass the CA's "
     "addresses uncached"},

    /* the type alone */
    {"connection", NULL,
     "see that port 80 (for tls-alpn-01: 443) is open to the whole Internet, and that every A and "
     "AAAA record of the name leads to this machine"},
    {"dns", NULL, "see that the name and its DNS servers are reachable from the whole Internet"},
    {"tls", NULL,
     "the TLS handshake failed: see that the name leads to this httpd and nothing else ends its "
     "TLS"},
    {"incorrectResponse", NULL,
     "something else than this httpd answered: see that every A and AAAA record of the name leads "
     "to this machine and that no proxy answers /.well-known/acme-challenge/"},
    {"caa", NULL,
     "the domain's CAA record allows other CAs only: add a record \"issue\" with this CA's name"},
    {"userActionRequired", NULL,
     "read the CA's terms of service and agree with ACMECertificateAgreement accepted"},
    {"agreementRequired", NULL,
     "read the CA's terms of service and agree with ACMECertificateAgreement accepted"},
    {"externalAccountRequired", NULL,
     "this CA takes only customers it knows: get a key id and an HMAC key from it and write "
     "ACMEExternalAccountBinding KEYID HMAC, or use another (ACMECertificateAuthority)"},
    {"invalidContact", NULL, "correct the address of ACMEContactEmail"},
    {"unsupportedContact", NULL, "give a mail address with ACMEContactEmail"},
    {"badPublicKey", NULL,
     "the CA does not take this kind of key: choose another with ACMEPrivateKeys"},
    {"badSignatureAlgorithm", NULL, "the CA does not take this kind of account key"},
    {"badCSR", NULL, "choose keys that the CA takes with ACMEPrivateKeys, and look at the names"},
    {"rejectedIdentifier", NULL,
     "this CA will not certify the name: take it out of the managed names, or use another "
     "(ACMECertificateAuthority)"},
    {"unsupportedIdentifier", NULL,
     "this CA does not certify such names or addresses: take them out of the managed names, or use "
     "another (ACMECertificateAuthority)"},
    {"invalidProfile", NULL, "choose a profile that the CA offers"},
    {"rateLimited", NULL, "it is tried again when the CA allows it"},
};

/* Nonzero if @a text has the lower-case @a words in it, in whatever case. */
static int contains(const char *text, const char *words)
{
    for (; *text != '\0'; text++) {
        apr_size_t i = 0;
        while (words[i] != '\0' &&
               (text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]) == words[i]) {
            i++;
        }
        if (words[i] == '\0') {
            return 1;
        }
    }
    return 0;
}

static const char *find_advice(const acme_problem_t *problem, int with_words)
{
    for (size_t i = 0; i < sizeof(advice_rows) / sizeof(advice_rows[0]); i++) {
        const advice_row_t *row = &advice_rows[i];
        if ((row->words != NULL) != with_words) {
            continue;
        }
        int fits = row->type == NULL || acme_problem_is(problem, row->type);
        if (fits && (row->words == NULL || contains(problem->detail, row->words))) {
            return row->advice;
        }
    }
    return NULL;
}

/* see acme_problem.h */
int acme_problem_is_pause(const acme_problem_t *problem)
{
    return acme_problem_is(problem, "rateLimited") &&
           contains(problem->detail, "temporarily prevented from requesting");
}

/* see acme_problem.h */
const char *acme_problem_advice(const acme_problem_t *problem)
{
    const char *advice = NULL;
    for (int with_words = 1; with_words >= 0 && advice == NULL; with_words--) {
        advice = find_advice(problem, with_words);
        for (int i = 0; i < problem->subproblems->nelts && advice == NULL; i++) {
            advice = find_advice(APR_ARRAY_IDX(problem->subproblems, i, const acme_problem_t *),
                                 with_words);
        }
    }
    return advice;
}
