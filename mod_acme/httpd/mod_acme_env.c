/* The real world behind acme_env_t: system clocks, OpenSSL's randomness, httpd's error log.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <time.h>

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <openssl/rand.h>

#include "mod_acme_env.h"

APLOG_USE_MODULE(acme);

static apr_time_t now(void *baton)
{
    (void)baton;
    return apr_time_now();
}

static apr_interval_time_t monotonic(void *baton)
{
    (void)baton;
    struct timespec ts = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    return (apr_interval_time_t)ts.tv_sec * APR_USEC_PER_SEC + ts.tv_nsec / 1000;
}

static acme_err_t *fill_random(void *baton, unsigned char *bytes, apr_size_t len, apr_pool_t *pool)
{
    (void)baton;
    if (len > INT_MAX || RAND_bytes(bytes, (int)len) != 1) {
        return acme_err_make(
            pool, ACME_ERR_INTERNAL,
            "OpenSSL has no randomness for keys and nonces: check that the system's "
            "random number generator works");
    }
    return NULL;
}

static int level_of(acme_log_level_t level)
{
    switch (level) {
    case ACME_LOG_ERROR:
        return APLOG_ERR;
    case ACME_LOG_WARNING:
        return APLOG_WARNING;
    case ACME_LOG_NOTICE:
        return APLOG_NOTICE;
    case ACME_LOG_INFO:
        return APLOG_INFO;
    case ACME_LOG_DEBUG:
        break;
    }
    return APLOG_DEBUG;
}

static void write_line(void *baton, acme_log_level_t level, const char *line)
{
    server_rec *server = baton;
    ap_log_error(APLOG_MARK, level_of(level), 0, server, "%s", line);
}

/* see mod_acme_env.h */
acme_env_t *mod_acme_env_create(server_rec *server, apr_pool_t *pool)
{
    acme_env_t *env = apr_pcalloc(pool, sizeof(*env));
    env->baton = server;
    env->now = now;
    env->monotonic = monotonic;
    env->random = fill_random;
    env->log = write_line;
    return env;
}
