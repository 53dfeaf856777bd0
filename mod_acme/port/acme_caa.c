/* Judges sets of CAA records as a CA does.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Of a set with several properties that could allow the issuance, one is enough; if none does, the
 * one that came nearest says why: it names the CA, but another account, or other methods.
 */
#include "acme/acme_caa.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

#define SHOWN_MAX 200
#define DOMAINS_MAX 4
#define SPACE " \t"

/* How near a property comes to allowing the issuance. */
typedef enum { ALLOWS, OTHER_METHOD, OTHER_ACCOUNT, OTHER_CA } nearness_t;

static const acme_caa_t *property_at(const apr_array_header_t *set, int i)
{
    return &APR_ARRAY_IDX(set, i, acme_caa_t);
}

/* ---- reading ---- */

/* see acme_caa.h */
int acme_caa_read(acme_caa_t *property, const char *text, apr_pool_t *pool)
{
    int flags = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && flags <= 255) {
        flags = flags * 10 + (*at++ - '0');
    }
    apr_size_t len = at > text && *at == ' ' ? strcspn(at + 1, " ") : 0;
    if (flags > 255 || len == 0 || at[1 + len] != ' ') {
        return -1;
    }
    *property = (acme_caa_t){
        .flags = flags,
        .tag = acme_text_lower(apr_pstrmemdup(pool, at + 1, len), pool),
        .value = apr_pstrdup(pool, at + 1 + len + 1),
    };
    return 0;
}

static int is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Labels of letters, digits and inner hyphens, with single dots between them; or nothing at all. */
static int is_domain(const char *text)
{
    char before = '.';
    for (const char *c = text; *c != '\0'; c++) {
        int is_well = is_letter_or_digit(*c) || (*c == '-' && before != '.') ||
                      (*c == '.' && before != '.' && before != '-');
        if (!is_well) {
            return 0;
        }
        before = *c;
    }
    return text[0] == '\0' || is_letter_or_digit(before);
}

static char *trimmed(const char *text, apr_size_t len, apr_pool_t *pool)
{
    while (len > 0 && strchr(SPACE, text[0]) != NULL) {
        text++;
        len--;
    }
    while (len > 0 && strchr(SPACE, text[len - 1]) != NULL) {
        len--;
    }
    return apr_pstrmemdup(pool, text, len);
}

static int is_tag(const char *text)
{
    const char *c = text;
    while (is_letter_or_digit(*c)) {
        c++;
    }
    return c > text && *c == '\0';
}

static int is_value(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < 0x21 || *c > 0x7E) {
            return 0;
        }
    }
    return 1;
}

static int read_parameter(acme_caa_parameter_t *parameter, const char *text, apr_pool_t *pool)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        return -1;
    }
    char *tag = trimmed(text, (apr_size_t)(equals - text), pool);
    char *value = trimmed(equals + 1, strlen(equals + 1), pool);
    if (!is_tag(tag) || !is_value(value)) {
        return -1;
    }
    *parameter = (acme_caa_parameter_t){.tag = acme_text_lower(tag, pool), .value = value};
    return 0;
}

/* see acme_caa.h */
int acme_caa_parse(acme_caa_issue_t *issue, const char *value, apr_pool_t *pool)
{
    apr_size_t len = strcspn(value, ";");
    char *domain = trimmed(value, len, pool);
    issue->domain = acme_text_lower(domain, pool);
    issue->parameters = apr_array_make(pool, 2, sizeof(acme_caa_parameter_t));
    if (!is_domain(domain)) {
        return -1;
    }
    for (const char *at = value + len; *at == ';'; at += len) {
        len = strcspn(++at, ";");
        const char *text = trimmed(at, len, pool);
        acme_caa_parameter_t parameter;
        if (text[0] == '\0') {
            continue; /* "ca.example;": nothing follows */
        }
        if (read_parameter(&parameter, text, pool) != 0) {
            return -1;
        }
        APR_ARRAY_PUSH(issue->parameters, acme_caa_parameter_t) = parameter;
    }
    return 0;
}

/* ---- judging ---- */

/* The only value of @a tag; NULL if there is none. *count: how many there are. */
static const char *parameter_of(int *count, const acme_caa_issue_t *issue, const char *tag)
{
    const char *value = NULL;
    *count = 0;
    for (int i = 0; i < issue->parameters->nelts; i++) {
        const acme_caa_parameter_t *parameter =
            &APR_ARRAY_IDX(issue->parameters, i, acme_caa_parameter_t);
        if (strcmp(parameter->tag, tag) == 0) {
            value = parameter->value;
            ++*count;
        }
    }
    return value;
}

static int has_word(const apr_array_header_t *words, const char *word)
{
    for (int i = 0; i < words->nelts; i++) {
        if (acme_text_equal_nocase(APR_ARRAY_IDX(words, i, const char *), word)) {
            return 1;
        }
    }
    return 0;
}

/* RFC 8657 section 3: a property with more than one accounturi can be met by nobody. */
static int suits_account(const acme_caa_issue_t *issue, const acme_caa_issuer_t *issuer)
{
    int count;
    const char *account = parameter_of(&count, issue, "accounturi");
    return count == 0 ||
           (count == 1 && (issuer->account == NULL || strcmp(account, issuer->account) == 0));
}

/* RFC 8657 section 4 */
static int suits_method(const acme_caa_issue_t *issue, const acme_caa_issuer_t *issuer,
                        apr_pool_t *pool)
{
    int count;
    const char *methods = parameter_of(&count, issue, "validationmethods");
    if (count != 1) {
        return count == 0;
    }
    const apr_array_header_t *words = acme_text_split(methods, ",", pool);
    for (int i = 0; i < issuer->types->nelts; i++) {
        if (has_word(words, APR_ARRAY_IDX(issuer->types, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

static nearness_t nearness_of(const acme_caa_issue_t *issue, const acme_caa_issuer_t *issuer,
                              apr_pool_t *pool)
{
    if (issue->domain[0] == '\0' ||
        (issuer->identities->nelts > 0 && !has_word(issuer->identities, issue->domain))) {
        return OTHER_CA;
    }
    if (!suits_account(issue, issuer)) {
        return OTHER_ACCOUNT;
    }
    return suits_method(issue, issuer, pool) ? ALLOWS : OTHER_METHOD;
}

/* RFC 8659 section 4.1: the first critical property that a CA does not know. */
static const acme_caa_t *find_unknown(const apr_array_header_t *set)
{
    for (int i = 0; i < set->nelts; i++) {
        const acme_caa_t *property = property_at(set, i);
        if ((property->flags & ACME_CAA_CRITICAL) && strcmp(property->tag, "issue") != 0 &&
            strcmp(property->tag, "issuewild") != 0 && strcmp(property->tag, "iodef") != 0) {
            return property;
        }
    }
    return NULL;
}

static int has_tag(const apr_array_header_t *set, const char *tag)
{
    for (int i = 0; i < set->nelts; i++) {
        if (strcmp(property_at(set, i)->tag, tag) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *our_name(const acme_caa_issuer_t *issuer)
{
    return issuer->identities->nelts > 0 ? APR_ARRAY_IDX(issuer->identities, 0, const char *)
                                         : "the CA's name";
}

static const char *shown(const char *text, apr_pool_t *pool)
{
    return acme_text_clean(text, SHOWN_MAX, pool);
}

static const char *why_other_ca(const apr_array_header_t *domains, const char *tag,
                                const acme_caa_issuer_t *issuer, apr_pool_t *pool)
{
    const char *who = domains->nelts > 0 ? apr_psprintf(pool, "allow only %s to issue",
                                                        acme_text_join(domains, ", ", pool))
                                         : "forbid every CA to issue";
    return apr_psprintf(pool, "%s; add the record: 0 %s \"%s\"", who, tag, our_name(issuer));
}

static const char *why_method(const acme_caa_issue_t *issue, const acme_caa_issuer_t *issuer,
                              apr_pool_t *pool)
{
    int count;
    const char *methods = parameter_of(&count, issue, "validationmethods");
    return apr_psprintf(
        pool,
        "allow %s only validations by %s, and not by %s; add one to the record, or change "
        "ACMECAChallenges",
        shown(issue->domain, pool), count == 1 ? shown(methods, pool) : "nothing at all",
        acme_text_join(issuer->types, ", ", pool));
}

static const char *why_account(const acme_caa_issue_t *issue, const acme_caa_issuer_t *issuer,
                               apr_pool_t *pool)
{
    int count;
    const char *account = parameter_of(&count, issue, "accounturi");
    return apr_psprintf(
        pool, "allow %s only the account %s; the account of this server is %s, change accounturi",
        shown(issue->domain, pool),
        count == 1 ? shown(account, pool) : "of nobody (two accounturi)",
        issuer->account != NULL ? issuer->account : "not known yet");
}

/* What is known of the properties read so far. */
typedef struct {
    nearness_t nearest;
    acme_caa_issue_t issue;      /* the nearest */
    apr_array_header_t *domains; /* const char *: other CAs */
} survey_t;

static void take_property(survey_t *survey, const acme_caa_t *property,
                          const acme_caa_issuer_t *issuer, apr_pool_t *pool)
{
    acme_caa_issue_t issue;
    if (acme_caa_parse(&issue, property->value, pool) != 0) {
        return;
    }
    nearness_t nearness = nearness_of(&issue, issuer, pool);
    if (nearness < survey->nearest) {
        survey->nearest = nearness;
        survey->issue = issue;
    }
    if (issue.domain[0] != '\0' && survey->domains->nelts < DOMAINS_MAX &&
        !has_word(survey->domains, issue.domain)) {
        APR_ARRAY_PUSH(survey->domains, const char *) = shown(issue.domain, pool);
    }
}

/* see acme_caa.h */
const char *acme_caa_forbids(const apr_array_header_t *set, const acme_caa_issuer_t *issuer,
                             apr_pool_t *pool)
{
    const acme_caa_t *unknown = find_unknown(set);
    if (unknown != NULL) {
        return apr_psprintf(pool,
                            "have a critical property \"%s\" that no CA knows, so none will issue; "
                            "remove it",
                            shown(unknown->tag, pool));
    }
    const char *tag = issuer->is_wildcard && has_tag(set, "issuewild") ? "issuewild" : "issue";
    if (!has_tag(set, tag)) {
        return NULL; /* the set says nothing about who may issue */
    }
    survey_t survey = {.nearest = OTHER_CA, .domains = apr_array_make(pool, 2, sizeof(char *))};
    for (int i = 0; i < set->nelts && survey.nearest != ALLOWS; i++) {
        if (strcmp(property_at(set, i)->tag, tag) == 0) {
            take_property(&survey, property_at(set, i), issuer, pool);
        }
    }
    switch (survey.nearest) {
    case ALLOWS:
        return NULL;
    case OTHER_METHOD:
        return why_method(&survey.issue, issuer, pool);
    case OTHER_ACCOUNT:
        return why_account(&survey.issue, issuer, pool);
    case OTHER_CA:
        break;
    }
    return why_other_ca(survey.domains, tag, issuer, pool);
}
