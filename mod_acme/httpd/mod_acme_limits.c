/* Reads ACMERateLimits, and lays it over what is built in for a CA.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_limits.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define WORD_MAX 200

/* A count has so many digits at most, so that it times 100 fits into 64 bits, and it into an int.
 */
#define DIGITS_MAX 9

#define WRITE "write off, or a share such as 25% and orders=300/3h, domain=50/7d, set=5/7d"

static acme_err_t *refuse(const char *word, const char *why, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "'%s' is not possible: %s",
                         acme_text_clean(word, WORD_MAX, pool), why);
}

/* The number that @a text begins with, and what follows it; -1 if there is none that we can hold.
 */
static int leading_number(const char **rest, const char *text)
{
    apr_size_t digits = strspn(text, "0123456789");
    *rest = text + digits;
    return digits >= 1 && digits <= DIGITS_MAX ? (int)apr_atoi64(text) : -1;
}

/* A span whose unit was forgotten would be one of seconds and as good as no limit. */
static acme_err_t *parse_span(apr_interval_time_t *span, const char *word, const char *text,
                              apr_pool_t *pool)
{
    if (*text != '\0' && text[strspn(text, "0123456789")] == '\0') {
        return refuse(word, "the span needs a unit: s, mi, h or d, as in 7d", pool);
    }
    acme_err_t *err = acme_time_parse_duration(span, text, "s", pool);
    if (err != NULL) {
        return refuse(word, err->text, pool);
    }
    return *span < ACME_TIME_SECOND ? refuse(word, "the span must be at least 1s", pool) : NULL;
}

/* "COUNT/SPAN". */
static acme_err_t *parse_limit(acme_limit_t *limit, const char *word, const char *text,
                               apr_pool_t *pool)
{
    if (limit->count != 0) {
        return refuse(word, "this limit is written twice; write it once", pool);
    }
    const char *rest;
    int count = leading_number(&rest, text);
    if (*rest != '/' || rest == text) {
        return refuse(word, "write a count, a slash and a span, as in orders=300/3h", pool);
    }
    if (count < 1) {
        return refuse(word, "the count must be from 1 to 999999999; for no limits at all write off",
                      pool);
    }
    ACME_TRY(parse_span(&limit->span, word, rest + 1, pool));
    limit->count = count;
    return NULL;
}

static acme_err_t *parse_share(mod_acme_limits_t *limits, const char *word, apr_pool_t *pool)
{
    const char *rest;
    int percent = leading_number(&rest, word);
    if (strcmp(rest, "%") != 0) {
        return refuse(word, WRITE, pool);
    }
    if (percent < 1 || percent > 100) {
        return refuse(word, "a share is from 1% to 100%; for no limits at all write off", pool);
    }
    if (limits->percent != 0) {
        return refuse(word, "a share is written already; write one", pool);
    }
    limits->percent = percent;
    return NULL;
}

static acme_err_t *parse_word(mod_acme_limits_t *limits, const char *word, apr_pool_t *pool)
{
    const struct {
        const char *name;
        acme_limit_t *limit;
    } known[] = {
        {"orders=", &limits->each.orders},
        {"domain=", &limits->each.registered_domain},
        {"set=", &limits->each.exact_set},
    };
    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        apr_size_t len = strlen(known[i].name);
        if (strncasecmp(word, known[i].name, len) == 0) {
            return parse_limit(known[i].limit, word, word + len, pool);
        }
    }
    return parse_share(limits, word, pool);
}

acme_err_t *mod_acme_limits_parse(mod_acme_limits_t *limits, const apr_array_header_t *words,
                                  apr_pool_t *pool)
{
    *limits = (mod_acme_limits_t){0};
    for (int i = 0; i < words->nelts; i++) {
        const char *word = APR_ARRAY_IDX(words, i, const char *);
        if (!acme_text_equal_nocase(word, "off")) {
            ACME_TRY(parse_word(limits, word, pool));
        }
        else if (words->nelts > 1) {
            return refuse(word, "off stands alone, since no limits are kept then", pool);
        }
        else {
            limits->is_off = 1;
        }
    }
    return NULL;
}

static acme_limit_t apply_one(const acme_limit_t *built_in, const acme_limit_t *written,
                              int percent)
{
    acme_limit_t limit = written->count != 0 ? *written : *built_in;
    if (limit.count != 0 && percent != 0) {
        int share = (int)((apr_int64_t)limit.count * percent / 100);
        limit.count = share > 0 ? share : 1;
    }
    return limit;
}

acme_limits_t mod_acme_limits_apply(const acme_limits_t *built_in, const mod_acme_limits_t *written)
{
    acme_limits_t limits = *built_in;
    if (written == NULL) {
        return limits;
    }
    if (written->is_off) {
        return (acme_limits_t){.is_renewal_exempt = built_in->is_renewal_exempt};
    }
    limits.orders = apply_one(&built_in->orders, &written->each.orders, written->percent);
    limits.registered_domain =
        apply_one(&built_in->registered_domain, &written->each.registered_domain, written->percent);
    limits.exact_set = apply_one(&built_in->exact_set, &written->each.exact_set, written->percent);
    return limits;
}

static int is_same_limit(const acme_limit_t *a, const acme_limit_t *b)
{
    return a->count == b->count && a->span == b->span;
}

int mod_acme_limits_are_same(const acme_limits_t *a, const acme_limits_t *b)
{
    return is_same_limit(&a->orders, &b->orders) &&
           is_same_limit(&a->registered_domain, &b->registered_domain) &&
           is_same_limit(&a->exact_set, &b->exact_set);
}

int mod_acme_limits_has_any(const acme_limits_t *limits)
{
    return limits->orders.count != 0 || limits->registered_domain.count != 0 ||
           limits->exact_set.count != 0;
}
