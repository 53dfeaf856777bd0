/* Short-lived processes of the parent: work that it must neither wait for nor be hurt by.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The parent forks, the new process does its work and ends with _exit, httpd's main loop reaps it
 * (other-child), and `ended` is called in the parent. A process that overstays its limit is ended
 * by its own alarm; one that is under way when the configuration goes is killed. Parent only, which
 * has one thread.
 */
#ifndef MOD_ACME_PROCESS_H
#define MOD_ACME_PROCESS_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_err.h"

/** The status of a process that did well; MOD_ACME_PROCESS_FAILED is for work's own use. */
#define MOD_ACME_PROCESS_WELL 0
#define MOD_ACME_PROCESS_FAILED 64

/** The most that is read of what a process printed. */
#define MOD_ACME_PROCESS_OUTPUT_MAX 2000

typedef struct {
    /** Runs in the new process; its result is the exit status. May exec. */
    int (*work)(void *baton);
    /** Runs in the parent: exit status, or the number of the signal that ended the process;
     * @a output is what it printed, if that is
     * kept: clean, on one line. Not called when the configuration goes. */
    void (*ended)(void *baton, int status, const char *output);
    void *baton;
    int limit_seconds;
    int is_output_kept; /**< 0: what it prints goes where the parent's goes, to the error log */
} mod_acme_process_t;

/** Starts one. @a process is copied; @a pool is that of the configuration. */
acme_err_t *mod_acme_process_start(const mod_acme_process_t *process, apr_pool_t *pool);

#endif
