/* The table of CAs known by name, and what is said about those that are no more.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_ca.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define WORD_MAX 200
#define URL_MAX 1000

/* A row is found by any of its words; the first row of a URL gives the CA its name. */
typedef struct {
    const char *word;
    const char *directory_url; /* NULL: the CA has ended */
    const char *instead;       /* for one that has ended */
} known_t;

#define LETSENCRYPT "https://acme-v02.api.letsencrypt.org/directory"
#define LETSENCRYPT_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"
#define BUYPASS_ENDED "Buypass has ended its ACME service in October 2025"

static const known_t known[] = {
    {"letsencrypt", LETSENCRYPT, NULL},
    {"letsencrypt-staging", LETSENCRYPT_STAGING, NULL},
    {"letsencrypt-test", LETSENCRYPT_STAGING, NULL}, /* mod_md's word */
    {"google", "https://dv.acme-v02.api.pki.goog/directory", NULL},
    {"google-staging", "https://dv.acme-v02.test-api.pki.goog/directory", NULL},
    {"zerossl", "https://acme.zerossl.com/v2/DV90", NULL},
    {"sslcom-rsa", "https://acme.ssl.com/sslcom-dv-rsa", NULL},
    {"sslcom-ecc", "https://acme.ssl.com/sslcom-dv-ecc", NULL},
    {"actalis", "https://acme-api.actalis.com/acme/directory", NULL},
    {"sectigo", "https://acme.sectigo.com/v2/DV", NULL},
    {"buypass", NULL, BUYPASS_ENDED},
    {"buypass-test", NULL, BUYPASS_ENDED},
};

/* URLs that stand in old configurations: what they begin with, and what to say. */
static const known_t ended[] = {
    {"https://acme-v01.api.letsencrypt.org/", NULL,
     "it speaks the ACME of before RFC 8555 and was switched off in 2021, its successor "
     "is " LETSENCRYPT},
    {"https://acme-staging.api.letsencrypt.org/", NULL,
     "it speaks the ACME of before RFC 8555 and was switched off in 2021, its successor "
     "is " LETSENCRYPT_STAGING},
    {"https://api.buypass.com/", NULL, BUYPASS_ENDED ": choose another CA"},
    {"https://api.test4.buypass.no/", NULL, BUYPASS_ENDED ": choose another CA"},
};

/* What CAs publish of their limits for everybody; of the others none is known. */
static const struct {
    const char *directory_url;
    acme_limits_t limits;
} limited[] = {
    {LETSENCRYPT,
     {.orders = {300, 3 * ACME_TIME_HOUR},
      .registered_domain = {50, 7 * ACME_TIME_DAY},
      .exact_set = {5, 7 * ACME_TIME_DAY},
      .is_renewal_exempt = 1}},
    {LETSENCRYPT_STAGING,
     {.orders = {1500, 3 * ACME_TIME_HOUR},
      .registered_domain = {30000, 7 * ACME_TIME_DAY},
      .exact_set = {30000, 7 * ACME_TIME_DAY},
      .is_renewal_exempt = 1}},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))
#define ENDED_COUNT (sizeof(ended) / sizeof(ended[0]))
#define LIMITED_COUNT (sizeof(limited) / sizeof(limited[0]))

static acme_limits_t limits_of(const char *directory_url)
{
    for (apr_size_t i = 0; i < LIMITED_COUNT; i++) {
        if (strcmp(limited[i].directory_url, directory_url) == 0) {
            return limited[i].limits;
        }
    }
    return (acme_limits_t){0};
}

/* It answers "OCSP must-staple extension is no longer available", since it has no OCSP any more. */
static int is_without_must_staple(const char *directory_url)
{
    return strcmp(directory_url, LETSENCRYPT) == 0 ||
           strcmp(directory_url, LETSENCRYPT_STAGING) == 0;
}

static void take_known(mod_acme_ca_t *ca, const known_t *row)
{
    ca->name = row->word;
    for (apr_size_t i = 0; i < KNOWN_COUNT; i++) {
        if (known[i].directory_url != NULL &&
            strcmp(known[i].directory_url, row->directory_url) == 0) {
            ca->name = known[i].word;
            break;
        }
    }
    ca->directory_url = row->directory_url;
    ca->is_private = 0;
    ca->is_default = 0;
    ca->max_identifiers = MOD_ACME_CA_MAX_IDENTIFIERS;
    ca->is_without_must_staple = is_without_must_staple(row->directory_url);
    ca->limits = limits_of(row->directory_url);
}

static const char *all_names(apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, KNOWN_COUNT, sizeof(const char *));
    for (apr_size_t i = 0; i < KNOWN_COUNT; i++) {
        if (known[i].directory_url != NULL) {
            APR_ARRAY_PUSH(names, const char *) = known[i].word;
        }
    }
    return acme_text_join(names, ", ", pool);
}

static acme_err_t *parse_name(mod_acme_ca_t *ca, const char *word, apr_pool_t *pool)
{
    for (apr_size_t i = 0; i < KNOWN_COUNT; i++) {
        if (!acme_text_equal_nocase(known[i].word, word)) {
            continue;
        }
        if (known[i].directory_url == NULL) {
            return acme_err_make(pool, ACME_ERR_INPUT, "'%s': %s: choose another CA", word,
                                 known[i].instead);
        }
        take_known(ca, &known[i]);
        return NULL;
    }
    return acme_err_make(pool, ACME_ERR_INPUT,
                         "'%s' is no CA known by name: write one of %s, or the https:// URL of the "
                         "CA's directory",
                         acme_text_clean(word, WORD_MAX, pool), all_names(pool));
}

/* The host of @a url with its port, in lower case; "" if there is none. */
static char *url_host(const char *url, apr_pool_t *pool)
{
    const char *begin = strstr(url, "://") + 3;
    return acme_text_lower(apr_pstrndup(pool, begin, strcspn(begin, "/?#")), pool);
}

/* The URL with scheme and host in lower case, since the rest of the module compares bytes. */
static char *url_folded(const char *url, apr_pool_t *pool)
{
    apr_size_t authority = (apr_size_t)(strstr(url, "://") + 3 - url);
    authority += strcspn(url + authority, "/?#");
    return apr_pstrcat(pool, acme_text_lower(apr_pstrndup(pool, url, authority), pool),
                       url + authority, NULL);
}

static const char *judge_url(const char *url, apr_pool_t *pool)
{
    if (strncmp(url, "http://", 7) == 0) {
        return "ACME is spoken over TLS only: write https://";
    }
    if (strncmp(url, "https://", 8) != 0) {
        return "only https:// URLs are possible";
    }
    const char *host = url_host(url, pool);
    if (*host == '\0' || *host == ':' || strchr(host, '@') != NULL) {
        return "there must be a host, without user and password";
    }
    for (const char *c = url; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F || *c == '#' || *c == '"') {
            return "a character in it is not possible in a URL";
        }
    }
    for (apr_size_t i = 0; i < ENDED_COUNT; i++) {
        if (strncmp(url, ended[i].word, strlen(ended[i].word)) == 0) {
            return ended[i].instead;
        }
    }
    return strlen(url) > URL_MAX ? "it is too long" : NULL;
}

static acme_err_t *parse_url(mod_acme_ca_t *ca, const char *word, apr_pool_t *pool)
{
    const char *url = url_folded(word, pool);
    const char *why = judge_url(url, pool);
    if (why != NULL) {
        return acme_err_make(pool, ACME_ERR_INPUT, "'%s' cannot be used as a CA: %s",
                             acme_text_clean(word, WORD_MAX, pool), why);
    }
    for (apr_size_t i = 0; i < KNOWN_COUNT; i++) {
        if (known[i].directory_url != NULL && strcmp(known[i].directory_url, url) == 0) {
            take_known(ca, &known[i]);
            return NULL;
        }
    }
    ca->name = url_host(url, pool);
    ca->directory_url = url;
    ca->is_private = 1;
    ca->is_default = 0;
    ca->max_identifiers = MOD_ACME_CA_MAX_IDENTIFIERS;
    ca->is_without_must_staple = is_without_must_staple(url);
    ca->limits = limits_of(url);
    return NULL;
}

acme_err_t *mod_acme_ca_parse(mod_acme_ca_t *ca, const char *word, apr_pool_t *pool)
{
    return strstr(word, "://") != NULL ? parse_url(ca, word, pool) : parse_name(ca, word, pool);
}

/* CAs that serve their customers only bind the accounts of their test environments too, so those
 * are of no use here. */
int mod_acme_ca_test(mod_acme_ca_t *test, const char *directory_url)
{
    for (apr_size_t i = 0; strcmp(directory_url, LETSENCRYPT) == 0 && i < KNOWN_COUNT; i++) {
        if (known[i].directory_url != NULL &&
            strcmp(known[i].directory_url, LETSENCRYPT_STAGING) == 0) {
            take_known(test, &known[i]);
            return 1;
        }
    }
    return 0;
}

void mod_acme_ca_default(mod_acme_ca_t *ca)
{
    take_known(ca, &known[0]);
    ca->is_default = 1;
}
