/* Reads the words of the directives about dns-01.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_dns01.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_dns_update_exec.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define WORD_MAX 200
#define DNS_PORT 53
#define TIMEOUT_MAX (7 * ACME_TIME_DAY)
#define LIMIT_MAX ACME_TIME_DAY

static acme_err_t *refuse(const char *word, const char *why, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "'%s': %s", acme_text_clean(word, WORD_MAX, pool),
                         why);
}

static const char *word_at(const apr_array_header_t *words, int i)
{
    return APR_ARRAY_IDX(words, i, const char *);
}

/* What stands behind "@a name=" in @a word, or NULL. */
static const char *option(const char *word, const char *name)
{
    apr_size_t len = strlen(name);
    return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

/* Copied, since the caller makes its first word absolute. */
static apr_array_header_t *rest_of(const apr_array_header_t *words, int from, apr_pool_t *pool)
{
    apr_array_header_t *rest = apr_array_make(pool, words->nelts, sizeof(const char *));
    for (int i = from; i < words->nelts; i++) {
        APR_ARRAY_PUSH(rest, const char *) = word_at(words, i);
    }
    return rest;
}

static acme_err_t *parse_span(apr_interval_time_t *span, const char *word, const char *value,
                              apr_interval_time_t min, apr_interval_time_t max, apr_pool_t *pool)
{
    ACME_TRY(acme_time_parse_duration(span, value, "s", pool));
    return *span >= min && *span <= max
               ? NULL
               : refuse(word,
                        apr_psprintf(pool, "it must be from %s to %s",
                                     acme_time_duration(min, pool), acme_time_duration(max, pool)),
                        pool);
}

/* ---- ACMEChallengeDns01 */

static acme_err_t *parse_alone(acme_dns01_t *dns01, acme_dns01_way_t way,
                               const apr_array_header_t *words, apr_pool_t *pool)
{
    dns01->way = way;
    return words->nelts == 1 ? NULL
                             : refuse(word_at(words, 1), "manual and none are written alone", pool);
}

static acme_err_t *parse_rfc2136(acme_dns01_t *dns01, const apr_array_header_t *words,
                                 apr_pool_t *pool)
{
    dns01->way = ACME_DNS01_RFC2136;
    for (int i = 1; i < words->nelts; i++) {
        const char *word = word_at(words, i);
        const char **to = option(word, "server") != NULL ? &dns01->server
                          : option(word, "key") != NULL  ? &dns01->secret_file
                          : option(word, "zone") != NULL ? &dns01->zone
                                                         : NULL;
        const char *value = strchr(word, '=');
        if (to == NULL || value[1] == '\0') {
            return refuse(word, "rfc2136 is followed by server=HOST, key=FILE and zone=ZONE", pool);
        }
        *to = value + 1;
    }
    return NULL;
}

static acme_err_t *parse_style(acme_dns01_t *dns01, const char *word, apr_pool_t *pool)
{
    acme_dns_style_t style;
    ACME_TRY(acme_dns_update_exec_style(&style, word, pool));
    dns01->style = (int)style;
    return NULL;
}

static acme_err_t *parse_cleanup(acme_dns01_t *dns01, const char *program, apr_pool_t *pool)
{
    apr_array_header_t *cleanup = apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(cleanup, const char *) = program;
    dns01->cleanup = cleanup;
    return NULL;
}

/* *is_option is 0 at the first word that belongs to the program. */
static acme_err_t *parse_exec_option(int *is_option, acme_dns01_t *dns01, const char *word,
                                     apr_pool_t *pool)
{
    const char *value = strchr(word, '=');
    *is_option = 1;
    if (value != NULL && value[1] != '\0' && option(word, "style") != NULL) {
        return parse_style(dns01, value + 1, pool);
    }
    if (value != NULL && value[1] != '\0' && option(word, "credentials") != NULL) {
        dns01->secret_file = value + 1;
        return NULL;
    }
    if (value != NULL && value[1] != '\0' && option(word, "cleanup") != NULL) {
        return parse_cleanup(dns01, value + 1, pool);
    }
    if (value != NULL && option(word, "limit") != NULL) {
        return parse_span(&dns01->limit, word, value + 1, ACME_TIME_SECOND, LIMIT_MAX, pool);
    }
    if (strcmp(word, "version=1") == 0 || strcmp(word, "version=2") == 0) {
        dns01->version = word[strlen("version=")] - '0';
        return NULL;
    }
    *is_option = 0;
    return value == NULL || memchr(word, '/', (apr_size_t)(value - word)) != NULL
               ? NULL
               : refuse(word,
                        "exec is followed by style=STYLE, version=1|2, credentials=FILE, "
                        "cleanup=PROGRAM and limit=DURATION, and then by the program",
                        pool);
}

acme_err_t *mod_acme_dns01_parse_exec(acme_dns01_t **result, const apr_array_header_t *words,
                                      int style, apr_pool_t *pool)
{
    int at = 1;
    acme_dns01_t *dns01 = apr_pcalloc(pool, sizeof(*dns01));
    dns01->way = ACME_DNS01_EXEC;
    dns01->style = style;
    *result = dns01;
    for (int is_option = 1; at < words->nelts; at++) {
        ACME_TRY(parse_exec_option(&is_option, dns01, word_at(words, at), pool));
        if (!is_option) {
            break;
        }
    }
    if (at == words->nelts) {
        return refuse("exec", "the program is missing", pool);
    }
    dns01->command = rest_of(words, at, pool);
    return NULL;
}

acme_err_t *mod_acme_dns01_parse(acme_dns01_t **dns01, const apr_array_header_t *words,
                                 apr_pool_t *pool)
{
    acme_dns01_t *read = apr_pcalloc(pool, sizeof(*read));
    read->way = ACME_DNS01_EXEC;
    *dns01 = read;
    const char *first = word_at(words, 0);
    if (acme_text_equal_nocase(first, "rfc2136")) {
        return parse_rfc2136(read, words, pool);
    }
    if (acme_text_equal_nocase(first, "exec")) {
        return mod_acme_dns01_parse_exec(dns01, words, ACME_DNS_STYLE_MOD_MD, pool);
    }
    if (acme_text_equal_nocase(first, "manual")) {
        return parse_alone(read, ACME_DNS01_MANUAL, words, pool);
    }
    if (acme_text_equal_nocase(first, "none")) {
        return parse_alone(read, ACME_DNS01_OFF, words, pool);
    }
    read->style = ACME_DNS_STYLE_MOD_MD;
    read->command = rest_of(words, 0, pool);
    return NULL;
}

/* ---- ACMEDns01Wait */

static acme_err_t *parse_servers(acme_dns01_servers_t *servers, const char *word, const char *value,
                                 apr_pool_t *pool)
{
    static const char *const choices[] = {[ACME_DNS01_AUTHORITATIVE] = "authoritative",
                                          [ACME_DNS01_RESOLVER] = "resolver",
                                          [ACME_DNS01_NONE] = "none"};
    for (int i = 0; i < 3; i++) {
        if (acme_text_equal_nocase(value, choices[i])) {
            *servers = (acme_dns01_servers_t)i;
            return NULL;
        }
    }
    return refuse(word, "servers is authoritative, resolver or none", pool);
}

static acme_err_t *parse_wait_word(acme_dns01_wait_t *wait, const char *word, apr_pool_t *pool)
{
    if (option(word, "timeout") != NULL) {
        return parse_span(&wait->timeout, word, option(word, "timeout"), ACME_TIME_SECOND,
                          TIMEOUT_MAX, pool);
    }
    if (option(word, "settle") != NULL) {
        return parse_span(&wait->settle, word, option(word, "settle"), 0, ACME_DNS01_SETTLE_MAX,
                          pool);
    }
    if (option(word, "servers") != NULL) {
        return parse_servers(&wait->servers, word, option(word, "servers"), pool);
    }
    return refuse(word, "write timeout=DURATION, settle=DURATION and servers=WHICH", pool);
}

acme_err_t *mod_acme_dns01_parse_wait(acme_dns01_wait_t *wait, const apr_array_header_t *words,
                                      apr_pool_t *pool)
{
    for (int i = 0; i < words->nelts; i++) {
        ACME_TRY(parse_wait_word(wait, word_at(words, i), pool));
    }
    return NULL;
}

/* ---- ACMEDnsResolver, ACMEDnsPort */

acme_err_t *mod_acme_dns01_parse_port(int *port, const char *word, apr_pool_t *pool)
{
    apr_size_t len = strlen(word);
    int number = len > 0 && len <= 5 && strspn(word, "0123456789") == len ? atoi(word) : 0;
    if (number < 1 || number > 65535) {
        return refuse(word, "a port is a number from 1 to 65535", pool);
    }
    *port = number;
    return NULL;
}

/* Takes "[ADDRESS]:PORT", "[ADDRESS]", "ADDRESS:PORT" or "ADDRESS" apart; *port is NULL without. */
static char *split_address(const char **port, const char *word, apr_pool_t *pool)
{
    const char *end = word[0] == '[' ? strchr(word, ']') : NULL;
    const char *colon = strchr(word, ':');
    *port = NULL;
    if (end != NULL) {
        *port = end[1] == ':' ? end + 2 : end[1] == '\0' ? NULL : "";
        return apr_pstrmemdup(pool, word + 1, (apr_size_t)(end - word - 1));
    }
    if (colon == NULL || strchr(colon + 1, ':') != NULL) { /* more than one: version 6, no port */
        return apr_pstrdup(pool, word);
    }
    *port = colon + 1;
    return apr_pstrmemdup(pool, word, (apr_size_t)(colon - word));
}

static acme_err_t *parse_resolver(const char **resolver, const char *word, apr_pool_t *pool)
{
    unsigned char bytes[16];
    const char *port_word;
    int port = DNS_PORT;
    const char *address = split_address(&port_word, word, pool);
    int is_v6 = inet_pton(AF_INET6, address, bytes) == 1;
    if (!is_v6 && inet_pton(AF_INET, address, bytes) != 1) {
        return refuse(word,
                      "a resolver is an address, as in 192.0.2.1, 192.0.2.1:53 or "
                      "[2001:db8::1]:53",
                      pool);
    }
    if (port_word != NULL) {
        ACME_TRY(mod_acme_dns01_parse_port(&port, port_word, pool));
    }
    *resolver = apr_psprintf(pool, is_v6 ? "[%s]:%d" : "%s:%d", address, port);
    return NULL;
}

acme_err_t *mod_acme_dns01_parse_resolvers(const char **resolvers, const apr_array_header_t *words,
                                           apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, words->nelts, sizeof(const char *));
    for (int i = 0; i < words->nelts; i++) {
        const char *resolver;
        ACME_TRY(parse_resolver(&resolver, word_at(words, i), pool));
        APR_ARRAY_PUSH(all, const char *) = resolver;
    }
    *resolvers = acme_text_join(all, ",", pool);
    return NULL;
}
