/* Reads the words of directives.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_words.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define WORD_MAX 200
#define MINUTES_OF_DAY (24 * 60)
#define PORT_MAX 65535
/* More often than this a server does nothing but restart. */
#define INTERVAL_MIN ACME_TIME_MINUTE

static acme_err_t *refuse(const char *word, const char *why, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "'%s': %s", acme_text_clean(word, WORD_MAX, pool),
                         why);
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- ACMEActivation */

/* "HH:MM" at *text, moving it on. Returns the minute of the day or -1. */
static int read_clock(const char **text)
{
    const char *t = *text;
    if (!is_digit(t[0]) || !is_digit(t[1]) || t[2] != ':' || !is_digit(t[3]) || !is_digit(t[4])) {
        return -1;
    }
    int hour = (t[0] - '0') * 10 + (t[1] - '0');
    int minute = (t[3] - '0') * 10 + (t[4] - '0');
    if (hour > 23 || minute > 59) {
        return -1;
    }
    *text = t + 5;
    return hour * 60 + minute;
}

static acme_err_t *read_window(mod_acme_activation_t *activation, const char *word,
                               apr_pool_t *pool)
{
    const char *rest = word + strlen("window=");
    int begin = read_clock(&rest);
    int end = begin >= 0 && *rest++ == '-' ? read_clock(&rest) : -1;
    if (end < 0 || *rest != '\0' || begin == end) {
        return refuse(word, "a window is two different times of day, as in window=02:00-05:00",
                      pool);
    }
    activation->window_begin = begin;
    activation->window_end = end;
    return NULL;
}

static acme_err_t *read_interval(mod_acme_activation_t *activation, const char *word,
                                 apr_pool_t *pool)
{
    apr_interval_time_t interval;
    ACME_TRY(acme_time_parse_duration(&interval, word + strlen("interval="), "s", pool));
    if (interval < INTERVAL_MIN) {
        return refuse(word, "the interval between two restarts is at least one minute", pool);
    }
    activation->interval = interval;
    return NULL;
}

static acme_err_t *read_graceful(mod_acme_activation_t *activation, int argc,
                                 const char *const *argv, apr_pool_t *pool)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "interval=", 9) == 0) {
            ACME_TRY(read_interval(activation, argv[i], pool));
        }
        else if (strncmp(argv[i], "window=", 7) == 0) {
            ACME_TRY(read_window(activation, argv[i], pool));
        }
        else {
            return refuse(argv[i],
                          "graceful may be followed by interval=<duration> and window=HH:MM-HH:MM",
                          pool);
        }
    }
    return NULL;
}

acme_err_t *mod_acme_words_activation(mod_acme_activation_t *activation, int argc,
                                      const char *const *argv, apr_pool_t *pool)
{
    static const char *const modes[] = {"live", "graceful", "manual"};
    mod_acme_activation_t result = {MOD_ACME_ACTIVATE_LIVE, ACME_TIME_HOUR, -1, -1};
    const char *word = argc > 0 ? argv[0] : "";
    int mode = 0;
    while (mode < 3 && !acme_text_equal_nocase(word, modes[mode])) {
        mode++;
    }
    if (mode == 3) {
        return refuse(word, "write live, or graceful [interval=1h] [window=HH:MM-HH:MM], or manual",
                      pool);
    }
    result.mode = (mod_acme_activate_t)mode;
    if (result.mode == MOD_ACME_ACTIVATE_GRACEFUL) {
        ACME_TRY(read_graceful(&result, argc, argv, pool));
    }
    else if (argc > 1) {
        return refuse(argv[1], "live and manual are written alone", pool);
    }
    *activation = result;
    return NULL;
}

int mod_acme_words_in_window(const mod_acme_activation_t *activation, int minute)
{
    int begin = activation->window_begin;
    int end = activation->window_end;
    if (begin < 0) {
        return 1;
    }
    minute %= MINUTES_OF_DAY;
    return begin < end ? minute >= begin && minute < end : minute >= begin || minute < end;
}

/* ---- ACMEPortMap */

/* 1 to 65535, 0 for "-", -1 for anything else. */
static int read_port(const char *text)
{
    if (strcmp(text, "-") == 0) {
        return 0;
    }
    int port = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (!is_digit(*c)) {
            return -1;
        }
        port = port * 10 + (*c - '0');
        if (port > PORT_MAX) {
            return -1;
        }
    }
    return port > 0 ? port : -1;
}

acme_err_t *mod_acme_words_port(mod_acme_ports_t *ports, const char *word, apr_pool_t *pool)
{
    const char *colon = strchr(word, ':');
    const char *which = colon != NULL ? apr_pstrmemdup(pool, word, (apr_size_t)(colon - word)) : "";
    int is_http = acme_text_equal_nocase(which, "http") || strcmp(which, "80") == 0;
    int is_https = acme_text_equal_nocase(which, "https") || strcmp(which, "443") == 0;
    int port = colon != NULL ? read_port(colon + 1) : -1;
    if (port < 0 || (!is_http && !is_https)) {
        return refuse(word, "write http:<port> or https:<port>, with '-' for a port that is closed",
                      pool);
    }
    if (is_http) {
        ports->http = port;
    }
    else {
        ports->https = port;
    }
    return NULL;
}

/* ---- ACMEContactEmail */

/* One '@' with something around it, and no character that would need a mailto: URL's escapes or
 * add fields to it (RFC 8555 section 7.3 wants neither "?" nor a second address). */
static int is_mail_address(const char *text)
{
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL) {
        return 0;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7F || strchr("?,;<>\"%", *c)) {
            return 0;
        }
    }
    return 1;
}

acme_err_t *mod_acme_words_contact(const char **contact, const char *word, apr_pool_t *pool)
{
    const char *address = word;
    if (strlen(word) > 7 && acme_text_equal_nocase(apr_pstrndup(pool, word, 7), "mailto:")) {
        address = word + 7;
    }
    if (!is_mail_address(address)) {
        return refuse(word, "this is no mail address as in admin@example.org", pool);
    }
    *contact = apr_pstrcat(pool, "mailto:", address, NULL);
    return NULL;
}

/* ---- ACMECAChallenges */

typedef struct {
    const char *type;
    int is_here;         /* this build can answer it */
    int proves_wildcard; /* RFC 8555 section 8.4 */
    const char *ended;   /* why it is refused */
} challenge_t;

/* Best first. */
static const challenge_t challenges[] = {
    {"http-01", 1, 0, NULL},
    {"tls-alpn-01", 1, 0, NULL},
    {"dns-01", 1, 1, NULL}, /* with ACMEChallengeDns01 */
    {"dns-persist-01", 1, 1, NULL}, /* with a record that an administrator has set */
    {"tls-sni-01", 0, 0, "it was insecure and is gone since 2019, tls-alpn-01 took its place"},
    {"tls-sni-02", 0, 0, "it was insecure and is gone since 2019, tls-alpn-01 took its place"},
    {"proofofpossession-01", 0, 0,
     "it never became part of the standard, use http-01, tls-alpn-01 or dns-01"},
    {"simplehttp", 0, 0, "it is a draft's name of what became http-01"},
    {"dvsni", 0, 0,
     "it is a draft's name of what became tls-sni-01, which is gone since 2019; tls-alpn-01 took "
     "its "
     "place"},
};

#define CHALLENGE_COUNT (sizeof(challenges) / sizeof(challenges[0]))

static const challenge_t *find_challenge(const char *word)
{
    for (apr_size_t i = 0; i < CHALLENGE_COUNT; i++) {
        if (acme_text_equal_nocase(challenges[i].type, word)) {
            return &challenges[i];
        }
    }
    return NULL;
}

acme_err_t *mod_acme_words_challenge(const char **type, const char *word, apr_pool_t *pool)
{
    const challenge_t *challenge = find_challenge(word);
    if (challenge == NULL) {
        return refuse(word, "the types of challenges are http-01, tls-alpn-01, dns-01 and dns-persist-01", pool);
    }
    if (challenge->ended != NULL) {
        return refuse(word, challenge->ended, pool);
    }
    *type = challenge->type;
    return NULL;
}

int mod_acme_words_can_answer(const char *type)
{
    const challenge_t *challenge = find_challenge(type);
    return challenge != NULL && challenge->is_here;
}

int mod_acme_words_can_wildcard(const apr_array_header_t *types)
{
    for (int i = 0; i < types->nelts; i++) {
        const challenge_t *challenge = find_challenge(APR_ARRAY_IDX(types, i, const char *));
        if (challenge != NULL && challenge->is_here && challenge->proves_wildcard) {
            return 1;
        }
    }
    return 0;
}

const apr_array_header_t *mod_acme_words_default_challenges(apr_pool_t *pool)
{
    apr_array_header_t *types = apr_array_make(pool, (int)CHALLENGE_COUNT, sizeof(const char *));
    for (apr_size_t i = 0; i < CHALLENGE_COUNT; i++) {
        if (challenges[i].is_here && !challenges[i].proves_wildcard) { /* these need more */
            APR_ARRAY_PUSH(types, const char *) = challenges[i].type;
        }
    }
    return types;
}

/* ---- ACMEHttpProxy */

int mod_acme_words_is_none(const char *word)
{
    return acme_text_equal_nocase(word, "none");
}

acme_err_t *mod_acme_words_proxy(const char **proxy, const char *word, apr_pool_t *pool)
{
    const char *scheme = acme_text_lower(apr_pstrndup(pool, word, 8), pool);
    apr_size_t len = strncmp(scheme, "http://", 7) == 0 ? 7
                     : strcmp(scheme, "https://") == 0  ? 8
                                                        : 0;
    if (len == 0 || word[len] == '\0' || strchr("/:?#", word[len]) != NULL ||
        strpbrk(word, " \t\r\n\"") != NULL) {
        return refuse(word, "write the proxy as http://host:port, or none", pool);
    }
    *proxy = apr_pstrdup(pool, word);
    return NULL;
}
