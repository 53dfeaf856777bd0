/* Calls into the outside world's table, with what callers need around them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_env.h"

#include <stdarg.h>
#include <stdint.h>

#include <apr_strings.h>

#define LOG_LINE_MAX 8192

/* see acme_env.h */
apr_time_t acme_env_now(const acme_env_t *env)
{
    return env->now(env->baton);
}

/* see acme_env.h */
apr_interval_time_t acme_env_monotonic(const acme_env_t *env)
{
    return env->monotonic(env->baton);
}

/* see acme_env.h */
acme_err_t *acme_env_random(const acme_env_t *env, unsigned char *bytes, apr_size_t len,
                            apr_pool_t *pool)
{
    return env->random(env->baton, bytes, len, pool);
}

/* see acme_env.h */
double acme_env_uniform(const acme_env_t *env, apr_pool_t *scratch_pool)
{
    unsigned char bytes[8];
    if (acme_env_random(env, bytes, sizeof(bytes), scratch_pool) != NULL) {
        return 0.5;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        number = number << 8 | bytes[i];
    }
    /* 53 bits are what a double holds exactly, so that the result never rounds up to 1. */
    return (double)(number >> 11) / 9007199254740992.0;
}

/* A cut in the middle of a UTF-8 character would make the whole line suspect to its readers. */
static void drop_broken_character(char *line, apr_size_t len)
{
    apr_size_t start = len;
    while (start > 0 && len - start < 4 && ((unsigned char)line[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return;
    }
    unsigned char first = (unsigned char)line[--start];
    apr_size_t whole = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    if (len - start < whole) {
        line[start] = '\0';
    }
}

/* see acme_env.h */
void acme_env_log(const acme_env_t *env, acme_log_level_t level, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    int len = apr_vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (len >= (int)sizeof(line) - 1) {
        drop_broken_character(line, sizeof(line) - 1);
    }
    env->log(env->baton, level, line);
}
