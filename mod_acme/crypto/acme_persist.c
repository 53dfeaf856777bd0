/* The standing record of dns-persist-01, read, written and judged.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_persist.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_digest.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define PREFIX "_validation-persist."
#define ISSUER_MAX 253
#define WORD_SHOWN 300
/* Seconds of more digits are beyond every clock. */
#define UNTIL_DIGITS 12
#define STRING_MAX 255
#define LABEL_BYTES 10

static acme_err_t *refuse(apr_pool_t *pool, const char *why, const char *word)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "%s%s%s%s", why, word != NULL ? " \"" : "",
                         word != NULL ? acme_text_clean(word, WORD_SHOWN, pool) : "",
                         word != NULL ? "\"" : "");
}

/* ---- reading */

static int is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* @a text up to @a end, without the spaces and tabs around. */
static char *trimmed(const char *text, const char *end, apr_pool_t *pool)
{
    while (text < end && (*text == ' ' || *text == '\t')) {
        ++text;
    }
    while (end > text && (end[-1] == ' ' || end[-1] == '\t')) {
        --end;
    }
    return apr_pstrmemdup(pool, text, (apr_size_t)(end - text));
}

/* Letters, digits and '-', none of these at the ends. */
static int is_label(const char *text, size_t len)
{
    for (size_t i = 0; i < len; ++i) {
        if (!is_alnum(text[i]) && text[i] != '-') {
            return 0;
        }
    }
    return len > 0 && is_alnum(text[0]) && is_alnum(text[len - 1]);
}

static int is_issuer(const char *text)
{
    if (strlen(text) > ISSUER_MAX) {
        return 0;
    }
    for (;;) {
        size_t len = strcspn(text, ".");
        if (!is_label(text, len)) {
            return 0;
        }
        if (text[len] == '\0') {
            return 1;
        }
        text += len + 1;
    }
}

/* RFC 8659 section 4.2: %x21-3A / %x3C-7E. */
static int is_value(const char *text)
{
    for (; *text != '\0'; ++text) {
        if (*text < 0x21 || *text > 0x7E || *text == ';') {
            return 0;
        }
    }
    return 1;
}

static acme_err_t *read_until(acme_persist_record_t *record, const char *value, apr_pool_t *pool)
{
    size_t len = strlen(value);
    if (len == 0 || len > UNTIL_DIGITS || strspn(value, "0123456789") != len) {
        return refuse(pool, "persistUntil is no number of seconds since 1970:", value);
    }
    /* the beginning of time is as past as a second later, and 0 says that nothing was said */
    apr_time_t seconds = (apr_time_t)strtoll(value, NULL, 10);
    record->until = apr_time_from_sec(seconds > 0 ? seconds : 1);
    return NULL;
}

static acme_err_t *read_parameter(acme_persist_record_t *record, apr_array_header_t *tags,
                                  const char *parameter, apr_pool_t *pool)
{
    const char *equals = strchr(parameter, '=');
    if (parameter[0] == '\0') {
        return refuse(pool, "a parameter is empty, or a ';' stands at the end", NULL);
    }
    if (equals == NULL) {
        return refuse(pool, "a parameter has no '=':", parameter);
    }
    const char *tag = trimmed(parameter, equals, pool);
    const char *value = trimmed(equals + 1, parameter + strlen(parameter), pool);
    if (!is_label(tag, strlen(tag)) || !is_value(value)) {
        return refuse(pool, "a character may not stand where it does in", parameter);
    }
    for (int i = 0; i < tags->nelts; ++i) {
        if (acme_text_equal_nocase(APR_ARRAY_IDX(tags, i, const char *), tag)) {
            return refuse(pool, "it says twice", tag);
        }
    }
    APR_ARRAY_PUSH(tags, const char *) = tag;
    if (acme_text_equal_nocase(tag, "accounturi")) {
        record->account = value;
    }
    else if (acme_text_equal_nocase(tag, "policy")) {
        record->is_wildcard = acme_text_equal_nocase(value, "wildcard");
    }
    else if (acme_text_equal_nocase(tag, "persistuntil")) {
        return read_until(record, value, pool);
    }
    return NULL;
}

/* see acme_persist.h */
acme_err_t *acme_persist_parse(acme_persist_record_t **record, const char *text, apr_pool_t *pool)
{
    acme_persist_record_t *read = apr_pcalloc(pool, sizeof(*read));
    apr_array_header_t *tags = apr_array_make(pool, 4, sizeof(const char *));
    const char *end = text + strcspn(text, ";");
    read->issuer = trimmed(text, end, pool);
    if (!is_issuer(read->issuer)) {
        return refuse(pool, "it does not begin with the name of a CA:", text);
    }
    while (*end == ';') {
        const char *begin = end + 1;
        end = begin + strcspn(begin, ";");
        ACME_TRY(read_parameter(read, tags, trimmed(begin, end, pool), pool));
    }
    *record = read;
    return NULL;
}

/* ---- writing */

/* see acme_persist.h */
char *acme_persist_text(const acme_persist_record_t *record, apr_pool_t *pool)
{
    const char *until = record->until != 0 ? apr_psprintf(pool, "; persistUntil=%" APR_INT64_T_FMT,
                                                          apr_time_sec(record->until))
                                           : "";
    return apr_pstrcat(pool, record->issuer, record->account != NULL ? "; accounturi=" : "",
                       record->account != NULL ? record->account : "",
                       record->is_wildcard ? "; policy=wildcard" : "", until, NULL);
}

/* see acme_persist.h */
acme_persist_record_t acme_persist_proposal(const acme_persist_demand_t *demand)
{
    return (acme_persist_record_t){.issuer = APR_ARRAY_IDX(demand->issuers, 0, const char *),
                                   .account = APR_ARRAY_IDX(demand->accounts, 0, const char *),
                                   .is_wildcard = demand->is_wildcard};
}

/* see acme_persist.h */
char *acme_persist_name(const acme_identifier_t *identifier, apr_pool_t *pool)
{
    const char *value = identifier->value;
    return apr_pstrcat(pool, PREFIX, strncmp(value, "*.", 2) == 0 ? value + 2 : value, NULL);
}

/* see acme_persist.h */
char *acme_persist_line(const char *name, const char *text, apr_pool_t *pool)
{
    apr_array_header_t *strings = apr_array_make(pool, 2, sizeof(const char *));
    size_t left = strlen(text);
    do {
        size_t len = left < STRING_MAX ? left : STRING_MAX;
        APR_ARRAY_PUSH(strings, const char *) =
            apr_pstrcat(pool, "\"", apr_pstrmemdup(pool, text, len), "\"", NULL);
        text += len;
        left -= len;
    } while (left > 0);
    return apr_pstrcat(pool, name, ". IN TXT ", acme_text_join(strings, " ", pool), NULL);
}

/* ---- judging */

static int is_among(const apr_array_header_t *words, const char *word)
{
    for (int i = 0; word != NULL && i < words->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(words, i, const char *), word) == 0) {
            return 1;
        }
    }
    return 0;
}

/* see acme_persist.h */
const char *acme_persist_flaw(const acme_persist_record_t *record,
                              const acme_persist_demand_t *demand, apr_time_t now, apr_pool_t *pool)
{
    if (!is_among(demand->issuers, record->issuer)) {
        return apr_psprintf(pool, "it is for the CA \"%s\"", record->issuer);
    }
    if (!is_among(demand->accounts, record->account)) {
        return record->account == NULL
                   ? "it has no accounturi"
                   : apr_psprintf(pool, "it is for another account, accounturi=%s",
                                  acme_text_clean(record->account, WORD_SHOWN, pool));
    }
    if (demand->is_wildcard && !record->is_wildcard) {
        return "it lacks policy=wildcard";
    }
    if (record->until != 0 && record->until <= now) {
        return apr_psprintf(pool, "its persistUntil was %s",
                            acme_time_rfc3339(record->until, pool));
    }
    return NULL;
}

/* ---- what stands for an account */

/* see acme_persist.h */
char *acme_persist_account_hash(const char *prefix, const char *domain, const char *thumbprint,
                                const char *account_url, apr_pool_t *pool)
{
    size_t len = strlen(domain);
    char *hashed = apr_psprintf(pool, " %s%s%s", domain, thumbprint, account_url);
    hashed[0] = (char)(unsigned char)len; /* a name has at most 253 characters */
    size_t hashed_len = 1 + len + strlen(thumbprint) + strlen(account_url);
    return apr_pstrcat(pool, prefix, "sha-256/", acme_digest_base64url(hashed, hashed_len, pool),
                       NULL);
}

/* see acme_persist.h */
char *acme_persist_account_label(const char *account_url, apr_pool_t *pool)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 section 6 */
    unsigned char digest[ACME_DIGEST_LEN];
    acme_digest_sha256(digest, account_url, strlen(account_url));
    char *label = apr_pcalloc(pool, 1 + LABEL_BYTES * 8 / 5 + 1);
    char *out = label;
    *out++ = '_';
    for (int bit = 0; bit < LABEL_BYTES * 8; bit += 5) {
        unsigned two = (unsigned)digest[bit / 8] << 8 | digest[bit / 8 + 1];
        *out++ = digits[two >> (11 - bit % 8) & 31];
    }
    return label;
}
