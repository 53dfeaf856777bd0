/* JSON from outside, parsed within limits, and read and written member by member.
 * SPDX-License-Identifier: Apache-2.0
 *
 * jansson allocates by malloc; where it runs out of memory this file aborts, as httpd's pools do: a
 * record with a member left out would be worse than a child that is started anew.
 */
#include "acme/acme_json.h"

#include <stdlib.h>
#include <limits.h>
#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"

#define MAX_DEPTH 32
#define MAX_URL 2000
#define MAX_HOST 253
/* Most texts fit into this, and writing them twice to learn their length would cost as much again. */
#define TEXT_ROOM 2047

static void *never_null(void *allocated)
{
    if (allocated == NULL) {
        abort();
    }
    return allocated;
}

static apr_status_t release(void *value)
{
    json_decref(value);
    return APR_SUCCESS;
}

static json_t *keep(json_t *value, apr_pool_t *pool)
{
    apr_pool_cleanup_register(pool, value, release, apr_pool_cleanup_null);
    return value;
}

/* Where the string that begins before @a at ends: its quotation mark, or @a len. */
static apr_size_t end_of_string(const char *text, apr_size_t len, apr_size_t at)
{
    while (at < len && text[at] != '"') {
        at += text[at] == '\\' ? 2 : 1;
    }
    return at;
}

/* How deep arrays and objects are nested. jansson would recurse as deep as 2048, which the small
 * stack of a thread may not bear, so this is asked before. Text that is no JSON gives any number.
 */
static int depth_of(const char *text, apr_size_t len)
{
    int depth = 0;
    int deepest = 0;
    for (apr_size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '"') {
            i = end_of_string(text, len, i + 1);
        }
        else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        }
        else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return deepest;
}

static int looks_like_html(const char *text, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') {
            return text[i] == '<';
        }
    }
    return 0;
}

static acme_err_t *why_not_json(const char *text, apr_size_t len, const json_error_t *error,
                                const char *what, apr_pool_t *pool)
{
    if (len == 0) {
        return acme_err_make(pool, ACME_ERR_INPUT, "%s is empty", what);
    }
    if (looks_like_html(text, len)) {
        return acme_err_make(pool, ACME_ERR_INPUT, "%s is HTML or XML, not JSON", what);
    }
    return acme_err_make(pool, ACME_ERR_INPUT, "%s is no JSON: %s, line %d column %d", what,
                         acme_text_clean(error->text, 200, pool), error->line, error->column);
}

/* see acme_json.h */
acme_err_t *acme_json_parse(json_t **object, const char *text, apr_size_t len, const char *what,
                            apr_pool_t *pool)
{
    if (len > ACME_JSON_MAX) {
        return acme_err_make(pool, ACME_ERR_INPUT, "%s is larger than %d bytes", what,
                             ACME_JSON_MAX);
    }
    if (depth_of(text, len) > MAX_DEPTH) {
        return acme_err_make(pool, ACME_ERR_INPUT, "%s is nested deeper than %d levels", what,
                             MAX_DEPTH);
    }
    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        return why_not_json(text, len, &error, what, pool);
    }
    keep(value, pool);
    if (!json_is_object(value)) {
        return acme_err_make(pool, ACME_ERR_INPUT, "%s is no JSON object", what);
    }
    *object = value;
    return NULL;
}

/* see acme_json.h */
json_t *acme_json_object(apr_pool_t *pool)
{
    return keep(never_null(json_object()), pool);
}

/* see acme_json.h */
char *acme_json_text(const json_t *value, int pretty, apr_pool_t *pool)
{
    size_t flags = JSON_ENCODE_ANY | (pretty ? JSON_INDENT(2) : JSON_COMPACT);
    char *text = apr_palloc(pool, TEXT_ROOM + 1);
    size_t len = json_dumpb(value, text, TEXT_ROOM, flags);
    if (len == 0) {
        abort(); /* no memory: whatever is in a json_t can be written */
    }
    if (len > TEXT_ROOM) {
        OPENSSL_cleanse(text, TEXT_ROOM); /* callers wipe what they are given, and no more */
        text = apr_palloc(pool, len + 1);
        (void)json_dumpb(value, text, len, flags); /* the same text as just before */
    }
    text[len] = '\0';
    return text;
}

/* see acme_json.h */
const char *acme_json_string(const json_t *object, const char *name, apr_pool_t *pool)
{
    return apr_pstrdup(pool, json_string_value(json_object_get(object, name)));
}

/* see acme_json.h */
json_int_t acme_json_int(const json_t *object, const char *name, json_int_t otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* see acme_json.h */
int acme_json_bool(const json_t *object, const char *name, int otherwise)
{
    const json_t *value = json_object_get(object, name);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* see acme_json.h */
int acme_json_count(const json_t *object, const char *name)
{
    json_int_t count = acme_json_int(object, name, 0);
    return count < 0 ? 0 : count > INT_MAX ? INT_MAX : (int)count;
}

/* see acme_json.h */
apr_time_t acme_json_time(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    apr_time_t when;
    return text != NULL && acme_time_parse_rfc3339(&when, text) == 0 ? when : 0;
}

/* see acme_json.h */
apr_array_header_t *acme_json_strings(const json_t *object, const char *name, int max,
                                      apr_pool_t *pool)
{
    const json_t *array = json_object_get(object, name);
    apr_array_header_t *strings = apr_array_make(pool, 4, sizeof(const char *));
    for (size_t i = 0; i < json_array_size(array) && strings->nelts < max; i++) {
        const char *string = json_string_value(json_array_get(array, i));
        if (string != NULL) {
            APR_ARRAY_PUSH(strings, const char *) = apr_pstrdup(pool, string);
        }
    }
    return strings;
}

/* The string as JSON. JSON knows only UTF-8: in other text each byte beyond ASCII becomes '?'. */
static json_t *string_json(const char *value)
{
    json_t *string = json_string(value);
    if (string != NULL) {
        return string;
    }
    char *ascii = never_null(strdup(value));
    for (char *c = ascii; *c != '\0'; c++) {
        *c = (unsigned char)*c > 0x7F ? '?' : *c;
    }
    string = never_null(json_string(ascii));
    free(ascii);
    return string;
}

static void set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, never_null(value)) != 0) {
        abort();
    }
}

/* see acme_json.h */
void acme_json_set_string(json_t *object, const char *name, const char *value)
{
    if (value != NULL) {
        set(object, name, string_json(value));
    }
}

/* see acme_json.h */
void acme_json_set_int(json_t *object, const char *name, json_int_t value)
{
    set(object, name, json_integer(value));
}

/* see acme_json.h */
void acme_json_set_bool(json_t *object, const char *name, int value)
{
    set(object, name, json_boolean(value));
}

/* see acme_json.h */
void acme_json_set_time(json_t *object, const char *name, apr_time_t when)
{
    if (when == 0) {
        return;
    }
    apr_pool_t *pool;
    never_null(apr_pool_create(&pool, NULL) == APR_SUCCESS ? pool : NULL);
    set(object, name, json_string(acme_time_rfc3339(when, pool)));
    apr_pool_destroy(pool);
}

/* see acme_json.h */
void acme_json_set_strings(json_t *object, const char *name, const apr_array_header_t *strings)
{
    if (strings == NULL) {
        return;
    }
    json_t *array = never_null(json_array());
    for (int i = 0; i < strings->nelts; i++) {
        json_t *string = string_json(APR_ARRAY_IDX(strings, i, const char *));
        if (json_array_append_new(array, string) != 0) {
            abort();
        }
    }
    set(object, name, array);
}

/* The bytes of the host at @a text, 0 if there is none. No userinfo: an '@' is in neither form. */
static apr_size_t host_length(const char *text)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static const char address[] = "0123456789abcdefABCDEF:.";
    if (text[0] == '[') {
        apr_size_t end = 1 + strspn(text + 1, address);
        return end > 2 && text[end] == ']' ? end + 1 : 0;
    }
    apr_size_t len = strspn(text, name);
    return len <= MAX_HOST ? len : 0;
}

/* The bytes of an optional port with its colon, -1 if it is none. */
static int port_length(const char *text)
{
    if (text[0] != ':') {
        return 0;
    }
    int digits = (int)strspn(text + 1, "0123456789");
    int port = digits >= 1 && digits <= 5 ? atoi(text + 1) : 0;
    return port >= 1 && port <= 65535 ? digits + 1 : -1;
}

/* see acme_json.h */
int acme_json_url_ok(const char *url)
{
    static const char scheme[] = "https://";
    if (strlen(url) > MAX_URL || strncmp(url, scheme, sizeof(scheme) - 1) != 0) {
        return 0;
    }
    const char *host = url + sizeof(scheme) - 1;
    apr_size_t host_len = host_length(host);
    int port_len = port_length(host + host_len);
    if (host_len == 0 || port_len < 0) {
        return 0;
    }
    const char *rest = host + host_len + port_len;
    if (rest[0] != '\0' && rest[0] != '/' && rest[0] != '?') {
        return 0;
    }
    for (; *rest != '\0'; rest++) {
        if (*rest <= ' ' || *rest > '~' || *rest == '#') {
            return 0;
        }
    }
    return 1;
}

/* see acme_json.h */
const char *acme_json_url(const json_t *object, const char *name, apr_pool_t *pool)
{
    const char *url = json_string_value(json_object_get(object, name));
    return url != NULL && acme_json_url_ok(url) ? apr_pstrdup(pool, url) : NULL;
}
