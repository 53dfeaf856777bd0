/* Link headers taken apart, and relative references resolved.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A link is <URL> with parameters (RFC 8288 section 3). What does not parse is skipped up to the
 * next comma that stands outside of <> and quotes, so one bad link takes no other with it.
 */
#include "acme/acme_link.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

#define MAX_LINKS 20
#define MAX_URL 2000
#define BLANKS " \t"

typedef struct {
    const char *target;
    const char *rel;
    int has_anchor; /* it is about something else than what was asked for */
} link_t;

/* A run of token characters (RFC 9110 section 5.6.2), and for the lenient those of bare URLs. */
static char *take_token(const char **text, apr_pool_t *pool)
{
    apr_size_t len = strcspn(*text, BLANKS "\",;=<>");
    char *token = apr_pstrmemdup(pool, *text, len);
    *text += len;
    return token;
}

/* A quoted string without its quotes and backslashes, NULL if it does not end. *text stands on the
 * opening quote and is left behind the closing one, or at the end. */
static char *take_quoted(const char **text, apr_pool_t *pool)
{
    const char *begin = *text + 1;
    const char *end = begin;
    while (*end != '\0' && *end != '"') {
        end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
    }
    *text = end + (*end == '"');
    if (*end == '\0') {
        return NULL;
    }
    char *value = apr_palloc(pool, (apr_size_t)(end - begin) + 1);
    char *out = value;
    while (begin < end) {
        begin += *begin == '\\';
        *out++ = *begin++;
    }
    *out = '\0';
    return value;
}

static void skip_blanks(const char **text)
{
    *text += strspn(*text, BLANKS);
}

/* Reads `; name=value` into @a link. Returns 0 if that is not what stands there. */
static int take_parameter(link_t *link, const char **text, apr_pool_t *pool)
{
    (*text)++;
    skip_blanks(text);
    const char *name = take_token(text, pool);
    const char *value = "";
    skip_blanks(text);
    if (**text == '=') {
        (*text)++;
        skip_blanks(text);
        value = **text == '"' ? take_quoted(text, pool) : take_token(text, pool);
    }
    skip_blanks(text);
    if (value == NULL) {
        return 0;
    }
    /* RFC 8288 section 3.3: only the first rel counts */
    if (link->rel == NULL && acme_text_equal_nocase(name, "rel")) {
        link->rel = value;
    }
    link->has_anchor |= acme_text_equal_nocase(name, "anchor");
    return 1;
}

/* Reads one link, leaving *text behind it. Returns 0 if it is malformed. */
static int take_link(link_t *link, const char **text, apr_pool_t *pool)
{
    const char *end = **text == '<' ? strchr(*text, '>') : NULL;
    *link = (link_t){0};
    if (end == NULL) {
        return 0;
    }
    link->target = apr_pstrmemdup(pool, *text + 1, (apr_size_t)(end - *text - 1));
    *text = end + 1;
    skip_blanks(text);
    while (**text == ';') {
        if (!take_parameter(link, text, pool)) {
            return 0;
        }
    }
    return **text == ',' || **text == '\0';
}

static void skip_to_comma(const char **text)
{
    char closing = '\0';
    for (; **text != '\0'; (*text)++) {
        char c = **text;
        if (closing != '\0') {
            *text += c == '\\' && closing == '"' && (*text)[1] != '\0';
            closing = c == closing ? '\0' : closing;
        }
        else if (c == ',') {
            return;
        }
        else if (c == '"' || c == '<') {
            closing = c == '"' ? '"' : '>';
        }
    }
}

static int has_relation(const char *relations, const char *rel, apr_pool_t *pool)
{
    const apr_array_header_t *words = acme_text_split(relations, BLANKS, pool);
    for (int i = 0; i < words->nelts; i++) {
        if (acme_text_equal_nocase(APR_ARRAY_IDX(words, i, const char *), rel)) {
            return 1;
        }
    }
    return 0;
}

/* The bytes of a scheme with its colon at the start of @a url, 0 if it has none. */
static apr_size_t scheme_length(const char *url)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    apr_size_t len = strspn(url, letters);
    if (len > 0) {
        len +=
            strspn(url + len, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    }
    return len > 0 && url[len] == ':' ? len + 1 : 0;
}

/* RFC 3986 section 5.2.4. @a path begins with '/'. */
static char *remove_dot_segments(const char *path, apr_pool_t *pool)
{
    char *clean = apr_palloc(pool, strlen(path) + 2);
    apr_size_t len = 0;
    while (*path == '/') {
        apr_size_t segment = 1 + strcspn(path + 1, "/");
        int is_up = segment == 3 && path[1] == '.' && path[2] == '.';
        int is_here = segment == 2 && path[1] == '.';
        int is_last = path[segment] == '\0';
        if (is_up) {
            while (len > 0 && clean[--len] != '/') {
            }
        }
        if (!is_up && !is_here) {
            memcpy(clean + len, path, segment);
            len += segment;
        }
        else if (is_last) {
            clean[len++] = '/';
        }
        path += segment;
    }
    clean[len] = '\0';
    return clean;
}

/* The path of @a target, merged with the base's, and cleaned of dots; then its query. */
static const char *merged(const char *target, const char *base_path, apr_size_t base_path_len,
                          apr_pool_t *pool)
{
    apr_size_t path_len = strcspn(target, "?#");
    const char *path = apr_pstrmemdup(pool, target, path_len);
    if (target[0] != '/') {
        while (base_path_len > 0 && base_path[base_path_len - 1] != '/') {
            base_path_len--;
        }
        const char *folder =
            base_path_len > 0 ? apr_pstrmemdup(pool, base_path, base_path_len) : "/";
        path = apr_pstrcat(pool, folder, path, NULL);
    }
    return apr_pstrcat(pool, remove_dot_segments(path, pool), target + path_len, NULL);
}

/* RFC 3986 section 5.2.2, or NULL if the base is no base. */
static const char *resolve(const char *target, const char *base_url, apr_pool_t *pool)
{
    apr_size_t scheme_len = scheme_length(base_url);
    if (scheme_length(target) > 0) {
        return target;
    }
    if (scheme_len == 0 || strncmp(base_url + scheme_len, "//", 2) != 0) {
        return NULL;
    }
    if (strncmp(target, "//", 2) == 0) {
        return apr_pstrcat(pool, apr_pstrmemdup(pool, base_url, scheme_len), target, NULL);
    }
    apr_size_t authority_end = scheme_len + 2 + strcspn(base_url + scheme_len + 2, "/?#");
    const char *base_path = base_url + authority_end;
    apr_size_t path_len = strcspn(base_path, "?#");
    const char *authority = apr_pstrmemdup(pool, base_url, authority_end);
    if (target[0] == '\0' || target[0] == '#') {
        apr_size_t kept = strcspn(base_path, "#");
        return apr_pstrcat(pool, authority, apr_pstrmemdup(pool, base_path, kept), target, NULL);
    }
    if (target[0] == '?') {
        return apr_pstrcat(pool, authority, apr_pstrmemdup(pool, base_path, path_len), target,
                           NULL);
    }
    return apr_pstrcat(pool, authority, merged(target, base_path, path_len, pool), NULL);
}

/* Only what a URL may consist of: it is sent, logged and shown. */
static int is_clean_url(const char *url)
{
    for (const char *c = url; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\", *c) != NULL) {
            return 0;
        }
    }
    return strlen(url) <= MAX_URL;
}

/* see acme_link.h */
void acme_link_collect(apr_array_header_t *urls, const char *value, const char *rel,
                       const char *base_url, apr_pool_t *pool)
{
    while (urls->nelts < MAX_LINKS) {
        value += strspn(value, BLANKS ",");
        if (*value == '\0') {
            return;
        }
        link_t link;
        if (!take_link(&link, &value, pool)) {
            skip_to_comma(&value);
            continue;
        }
        if (link.rel == NULL || link.has_anchor || !has_relation(link.rel, rel, pool)) {
            continue;
        }
        const char *url = resolve(link.target, base_url, pool);
        if (url != NULL && is_clean_url(url)) {
            APR_ARRAY_PUSH(urls, const char *) = url;
        }
    }
}
