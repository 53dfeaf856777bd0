/* Reads the words of the directive ACMEChallengeHttp01.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_http01.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_dns_update_exec.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "mod_acme_dns01.h"

#define WORD_MAX 200
#define WAIT_MAX (30 * ACME_TIME_DAY)
#define WAIT "wait="

static acme_err_t *refuse(const char *word, const char *why, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "'%s': %s", acme_text_clean(word, WORD_MAX, pool),
                         why);
}

static const char *word_at(const apr_array_header_t *words, int i)
{
    return APR_ARRAY_IDX(words, i, const char *);
}

static acme_err_t *parse_self(acme_http01_t *http01, const apr_array_header_t *words,
                              apr_pool_t *pool)
{
    http01->way = ACME_HTTP01_SELF;
    return words->nelts == 1 ? NULL : refuse(word_at(words, 1), "self is written alone", pool);
}

static acme_err_t *parse_webroot(acme_http01_t *http01, const apr_array_header_t *words,
                                 apr_pool_t *pool)
{
    http01->way = ACME_HTTP01_WEBROOT;
    if (words->nelts != 2) {
        return refuse("webroot", "it is followed by one folder", pool);
    }
    char *webroot = apr_pstrdup(pool, word_at(words, 1));
    apr_size_t len = strlen(webroot);
    while (len > 1 && webroot[len - 1] == '/') {
        webroot[--len] = '\0';
    }
    http01->webroot = webroot;
    return NULL;
}

static acme_err_t *parse_exec(acme_http01_t *http01, const apr_array_header_t *words,
                              apr_pool_t *pool)
{
    http01->way = ACME_HTTP01_EXEC;
    ACME_TRY(mod_acme_dns01_parse_exec(&http01->exec, words, ACME_DNS_STYLE_DEHYDRATED, pool));
    if (!acme_dns_update_exec_has_http01((acme_dns_style_t)http01->exec->style)) {
        return refuse(
            "exec",
            "programs of this style know dns-01 only; those for http-01 are of the styles "
            "certbot, dehydrated and uacme",
            pool);
    }
    return NULL;
}

static acme_err_t *parse_manual(acme_http01_t *http01, const apr_array_header_t *words,
                                apr_pool_t *pool)
{
    http01->way = ACME_HTTP01_MANUAL;
    if (words->nelts == 1) {
        return NULL;
    }
    const char *word = word_at(words, 1);
    if (words->nelts > 2 || strncmp(word, WAIT, strlen(WAIT)) != 0) {
        return refuse(word, "manual is followed by wait=DURATION, or by nothing", pool);
    }
    ACME_TRY(acme_time_parse_duration(&http01->wait, word + strlen(WAIT), "s", pool));
    return http01->wait >= ACME_TIME_SECOND && http01->wait <= WAIT_MAX
               ? NULL
               : refuse(word,
                        apr_psprintf(pool, "it must be from %s to %s",
                                     acme_time_duration(ACME_TIME_SECOND, pool),
                                     acme_time_duration(WAIT_MAX, pool)),
                        pool);
}

/* see mod_acme_http01.h */
acme_err_t *mod_acme_http01_parse(acme_http01_t **http01, const apr_array_header_t *words,
                                  apr_pool_t *pool)
{
    static const struct {
        const char *word;
        acme_err_t *(*parse)(acme_http01_t *http01, const apr_array_header_t *words,
                             apr_pool_t *pool);
    } forms[] = {{"self", parse_self},
                 {"webroot", parse_webroot},
                 {"exec", parse_exec},
                 {"manual", parse_manual}};
    const char *first = word_at(words, 0);
    *http01 = apr_pcalloc(pool, sizeof(**http01));
    for (apr_size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (acme_text_equal_nocase(first, forms[i].word)) {
            return forms[i].parse(*http01, words, pool);
        }
    }
    return refuse(first, "write self, webroot DIR, exec PROGRAM or manual", pool);
}
