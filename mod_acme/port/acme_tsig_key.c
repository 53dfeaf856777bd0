/* A TSIG key as administrators have it: BIND's key file, or one line.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_tsig_key.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "acme/acme_text.h"

static const char digits_of_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static acme_err_t *refuse(const char *why, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT,
                         "the TSIG key cannot be read: %s (expected is what tsig-keygen writes, or "
                         "ALGORITHM:NAME:SECRET)",
                         why);
}

/* ---- words of named.conf */

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_line(const char *text)
{
    return text + strcspn(text, "\n");
}

/* Behind white space and the three kinds of comment. */
static const char *skip_space(const char *text)
{
    for (;;) {
        if (is_space(*text)) {
            text++;
        }
        else if (*text == '#' || (text[0] == '/' && text[1] == '/')) {
            text = skip_line(text);
        }
        else if (text[0] == '/' && text[1] == '*') {
            const char *end = strstr(text + 2, "*/");
            text = end != NULL ? end + 2 : text + strlen(text);
        }
        else {
            return text;
        }
    }
}

/* The next word, a quoted one without its quotes, or one of { } ; by itself; NULL at the end. */
static char *next_word(const char **text, apr_pool_t *pool)
{
    const char *begin = skip_space(*text);
    if (*begin == '\0') {
        return NULL;
    }
    if (*begin == '"') {
        apr_size_t len = strcspn(begin + 1, "\"\n");
        *text = begin + 1 + len + (begin[1 + len] == '"');
        return apr_pstrmemdup(pool, begin + 1, len);
    }
    apr_size_t len = strchr("{};", *begin) != NULL ? 1 : strcspn(begin, " \t\r\n{};\"");
    *text = begin + len;
    return apr_pstrmemdup(pool, begin, len);
}

static int next_is(const char **text, const char *wanted, apr_pool_t *pool)
{
    const char *word = next_word(text, pool);
    return word != NULL && strcmp(word, wanted) == 0;
}

static acme_err_t *read_statement(acme_tsig_key_t *key, const char **text, apr_pool_t *pool)
{
    key->name = next_word(text, pool);
    if (key->name == NULL || !next_is(text, "{", pool)) {
        return refuse("no '{' follows the name of the key", pool);
    }
    const char *word;
    while ((word = next_word(text, pool)) != NULL && strcmp(word, "}") != 0) {
        const char *value = next_word(text, pool);
        if (value == NULL || !next_is(text, ";", pool)) {
            return refuse("a value or its ';' is missing", pool);
        }
        if (strcmp(word, "algorithm") == 0) {
            key->algorithm = value;
        }
        else if (strcmp(word, "secret") == 0) {
            key->secret = value;
        }
    }
    return word != NULL ? NULL : refuse("the '}' is missing", pool);
}

static acme_err_t *read_file(acme_tsig_key_t *key, const char *text, apr_pool_t *pool)
{
    if (!next_is(&text, "key", pool)) {
        return refuse("it does not begin with the word key", pool);
    }
    ACME_TRY(read_statement(key, &text, pool));
    const char *word = next_word(&text, pool);
    if (word != NULL && strcmp(word, ";") == 0) {
        word = next_word(&text, pool);
    }
    return word == NULL ? NULL : refuse("there is more than one key in it", pool);
}

static acme_err_t *read_line(acme_tsig_key_t *key, const char *text, apr_pool_t *pool)
{
    const apr_array_header_t *words = acme_text_split(text, " \t\r\n", pool);
    if (words->nelts != 1) {
        return refuse("it is neither a key statement nor a single line", pool);
    }
    const apr_array_header_t *parts =
        acme_text_split(APR_ARRAY_IDX(words, 0, const char *), ":", pool);
    if (parts->nelts != 2 && parts->nelts != 3) {
        return refuse("the line does not have the form ALGORITHM:NAME:SECRET", pool);
    }
    int with_algorithm = parts->nelts == 3;
    key->algorithm = with_algorithm ? APR_ARRAY_IDX(parts, 0, const char *) : NULL;
    key->name = APR_ARRAY_IDX(parts, with_algorithm, const char *);
    key->secret = APR_ARRAY_IDX(parts, with_algorithm + 1, const char *);
    return NULL;
}

/* ---- what was read */

static char *without_dot(const char *name, apr_pool_t *pool)
{
    apr_size_t len = strlen(name);
    return apr_pstrmemdup(pool, name, len > 0 && name[len - 1] == '.' ? len - 1 : len);
}

static acme_err_t *check_algorithm(acme_tsig_key_t *key, apr_pool_t *pool)
{
    static const char *const known[] = {"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384",
                                        "hmac-sha512"};
    key->algorithm = key->algorithm != NULL
                         ? acme_text_lower(without_dot(key->algorithm, pool), pool)
                         : "hmac-sha256";
    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(key->algorithm, known[i]) == 0) {
            return NULL;
        }
    }
    return strncmp(key->algorithm, "hmac-md5", 8) == 0
               ? refuse("hmac-md5 is broken, make a new key with tsig-keygen", pool)
               : refuse("its algorithm is none of hmac-sha1, -sha224, -sha256, -sha384, -sha512",
                        pool);
}

static acme_err_t *check_name(acme_tsig_key_t *key, apr_pool_t *pool)
{
    key->name = without_dot(key->name, pool);
    apr_size_t len = strlen(key->name);
    if (len == 0 || len > 253 || key->name[0] == '.' || strstr(key->name, "..") != NULL ||
        key->name[len - 1] == '.' ||
        strspn(key->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") !=
            len) {
        return refuse("its name is no domain name", pool);
    }
    return NULL;
}

static acme_err_t *check_secret(const acme_tsig_key_t *key, apr_pool_t *pool)
{
    if (key->secret == NULL) {
        return refuse("it has no secret", pool);
    }
    apr_size_t digits = strspn(key->secret, digits_of_base64);
    apr_size_t padding = strspn(key->secret + digits, "=");
    if (digits == 0 || padding > 2 || (digits + padding) % 4 != 0 ||
        key->secret[digits + padding] != '\0') {
        return refuse("its secret is not base64", pool);
    }
    return NULL;
}

/* see acme_tsig_key.h */
acme_err_t *acme_tsig_key_parse(acme_tsig_key_t **key, const char *text, apr_size_t len,
                                apr_pool_t *pool)
{
    if (len > ACME_TSIG_KEY_MAX || memchr(text, '\0', len) != NULL) {
        return refuse("it is too long, or no text", pool);
    }
    const char *copy = apr_pstrmemdup(pool, text, len);
    acme_tsig_key_t *found = apr_pcalloc(pool, sizeof(*found));
    ACME_TRY(strchr(copy, '{') != NULL ? read_file(found, copy, pool)
                                       : read_line(found, copy, pool));
    ACME_TRY(check_name(found, pool));
    ACME_TRY(check_algorithm(found, pool));
    ACME_TRY(check_secret(found, pool));
    *key = found;
    return NULL;
}
