/* The outside world that is neither network nor disk: clocks, randomness, log.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing below httpd/ and tool/ reads a clock, draws randomness or writes a log line but through
 * this table. In httpd it is the real world; in a test time stands still unless the test moves it,
 * and randomness comes from a seed.
 *
 * The functions may be called from any thread that was handed the env; `baton` is the provider's.
 */
#ifndef ACME_ENV_H
#define ACME_ENV_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_err.h"

typedef enum {
    ACME_LOG_ERROR,   /**< someone must act, and the line says how */
    ACME_LOG_WARNING, /**< we will try again */
    ACME_LOG_NOTICE,  /**< certificate staged, in use, account made */
    ACME_LOG_INFO,    /**< steps */
    ACME_LOG_DEBUG    /**< requests and answers, never secrets */
} acme_log_level_t;

typedef struct acme_env_t acme_env_t;
struct acme_env_t {
    void *baton;
    /** Wall clock. It may jump. */
    apr_time_t (*now)(void *baton);
    /** A clock that only goes forward, in microseconds from some start. */
    apr_interval_time_t (*monotonic)(void *baton);
    /** Fills @a bytes with @a len bytes fit for keys and nonces. */
    acme_err_t *(*random)(void *baton, unsigned char *bytes, apr_size_t len, apr_pool_t *pool);
    /** Writes one line. The text is already clean (acme_text_clean) where it quotes others. */
    void (*log)(void *baton, acme_log_level_t level, const char *line);
};

apr_time_t acme_env_now(const acme_env_t *env);
apr_interval_time_t acme_env_monotonic(const acme_env_t *env);
acme_err_t *acme_env_random(const acme_env_t *env, unsigned char *bytes, apr_size_t len,
                            apr_pool_t *pool);

/** A uniform number in [0, 1), for jitter. Failure of the source gives 0.5. */
double acme_env_uniform(const acme_env_t *env, apr_pool_t *scratch_pool);

/** Formats and writes one log line; lines above 8 KiB are cut. */
void acme_env_log(const acme_env_t *env, acme_log_level_t level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
