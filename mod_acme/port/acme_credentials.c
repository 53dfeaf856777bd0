/* Credentials for a program, as lines NAME=VALUE.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_credentials.h"

#include <string.h>

#include <apr_strings.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int is_name_char(char c, int is_first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!is_first && c >= '0' && c <= '9');
}

static acme_err_t *refuse(int number, const char *why, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "line %d of the credentials is not NAME=VALUE: %s",
                         number, why);
}

/* A copy of the line without white space at its ends. */
static char *trim(const char *line, apr_size_t len, apr_pool_t *pool)
{
    while (len > 0 && is_blank(line[0])) {
        line++;
        len--;
    }
    while (len > 0 && is_blank(line[len - 1])) {
        len--;
    }
    return apr_pstrmemdup(pool, line, len);
}

static acme_err_t *take_quotes_off(char **value, int number, apr_pool_t *pool)
{
    char quote = (*value)[0];
    if (quote != '"' && quote != '\'') {
        return NULL;
    }
    apr_size_t len = strlen(*value);
    if (len < 2 || (*value)[len - 1] != quote) {
        return refuse(number, "its quote does not end", pool);
    }
    *value = apr_pstrmemdup(pool, *value + 1, len - 2);
    return NULL;
}

/* Of a name given twice the last counts, at its first place. */
static void keep(apr_array_header_t *variables, const char *variable, apr_size_t name_len)
{
    for (int i = 0; i < variables->nelts; i++) {
        if (strncmp(APR_ARRAY_IDX(variables, i, const char *), variable, name_len + 1) == 0) {
            APR_ARRAY_IDX(variables, i, const char *) = variable;
            return;
        }
    }
    APR_ARRAY_PUSH(variables, const char *) = variable;
}

static acme_err_t *read_line(apr_array_header_t *variables, char *line, int number,
                             apr_pool_t *pool)
{
    if (strncmp(line, "export", 6) == 0 && is_blank(line[6])) {
        line = trim(line + 6, strlen(line + 6), pool);
    }
    if (line[0] == '\0' || line[0] == '#') {
        return NULL;
    }
    apr_size_t len = 0;
    while (is_name_char(line[len], len == 0)) {
        len++;
    }
    if (len == 0) {
        return refuse(number, "it does not begin with a name (letters, digits, '_')", pool);
    }
    if (line[len] != '=') {
        return refuse(number, "the name is not followed by '='", pool);
    }
    char *value = line + len + 1;
    ACME_TRY(take_quotes_off(&value, number, pool));
    keep(variables, apr_pstrcat(pool, apr_pstrmemdup(pool, line, len), "=", value, NULL), len);
    return NULL;
}

/* see acme_credentials.h */
acme_err_t *acme_credentials_parse(apr_array_header_t **variables, const char *text, apr_size_t len,
                                   apr_pool_t *pool)
{
    if (len > ACME_CREDENTIALS_MAX) {
        return acme_err_make(pool, ACME_ERR_INPUT, "the credentials are longer than %d bytes",
                             ACME_CREDENTIALS_MAX);
    }
    *variables = apr_array_make(pool, 8, sizeof(const char *));
    int number = 0;
    for (const char *end = text + len; text < end;) {
        const char *line_end = memchr(text, '\n', (apr_size_t)(end - text));
        line_end = line_end != NULL ? line_end : end;
        number++;
        if (memchr(text, '\0', (apr_size_t)(line_end - text)) != NULL) {
            return refuse(number, "it has a NUL byte", pool);
        }
        char *line = trim(text, (apr_size_t)(line_end - text), pool);
        ACME_TRY(read_line(*variables, line, number, pool));
        text = line_end < end ? line_end + 1 : end;
    }
    return NULL;
}
