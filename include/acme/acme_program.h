/* Programs of others, run beside the engine: started, polled, ended at a limit, never waited for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a program gets is what its caller says and nothing else: an argument vector (no shell), an
 * environment of PATH, LANG=C and the caller's variables, standard input from bytes or /dev/null,
 * no descriptor above 2, no signal blocked or ignored, a process group of its own. It runs as
 * whoever runs the engine. What it writes is kept up to ACME_PROGRAM_OUTPUT_MAX bytes, the end of
 * it if it is more.
 *
 * A runner owns the programs of one engine. At most ACME_PROGRAM_MAX run side by side; whatever is
 * started beyond that begins when one of them has ended. A program that is not done at its limit is
 * sent SIGTERM, and five seconds later its whole group SIGKILL.
 *
 *     acme_program_start(&program, runner, &config, pool);
 *     ... acme_program_poll(&is_done, &poll_at, program, pool) until is_done or an error ...
 *     acme_program_output(program, pool);
 *
 * One thread, the engine's, calls all of it but acme_program_kill_all, which any thread may call.
 * SIGPIPE is never raised here. Nobody needs to catch SIGCHLD; where somebody else reaps the child
 * its exit status is unknown, and that is no error.
 */
#ifndef ACME_PROGRAM_H
#define ACME_PROGRAM_H

#include <apr_pools.h>
#include <apr_time.h>

#include "acme/acme_env.h"
#include "acme/acme_err.h"

/** How many run side by side. */
#define ACME_PROGRAM_MAX 64

/** How much standard input a program may be given: what every pipe takes at once. */
#define ACME_PROGRAM_INPUT_MAX 4096

/** How much of its output is kept. */
#define ACME_PROGRAM_OUTPUT_MAX 16384

/** Where programs are looked for, ours and those that ours start. */
#define ACME_PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

typedef struct acme_program_runner_t acme_program_runner_t;
typedef struct acme_program_t acme_program_t;

/** What to run; copied by acme_program_start. */
typedef struct {
    const char *const *argv; /**< NULL-terminated; the first is the program's absolute path */
    const char *const *environment; /**< "NAME=VALUE", NULL-terminated, or NULL; the first of a name
                                         counts, before our PATH and LANG */
    const void *input;              /**< for its standard input; NULL: /dev/null */
    apr_size_t input_len;           /**< at most ACME_PROGRAM_INPUT_MAX */
    apr_interval_time_t limit;      /**< how long it may run, above 0 */
    int is_stdout_apart;            /**< standard output is also wanted by itself */
} acme_program_config_t;

/** A runner in @a pool, which must outlive its programs; @a env likewise. */
acme_program_runner_t *acme_program_runner_create(const acme_env_t *env, apr_pool_t *pool);

/** Starts a program, or puts it in line. *program lives in @a pool; when that goes before the
 * program is done, the program and its group are killed. Secrets of the configuration are wiped
 * from our memory once the program has them. A program that cannot be run is ACME_ERR_CONFIG with a
 * sentence that names it; a lack of processes, descriptors or memory is ACME_ERR_INTERNAL. */
acme_err_t *acme_program_start(acme_program_t **program, acme_program_runner_t *runner,
                               const acme_program_config_t *config, apr_pool_t *pool);

/** Reads what it wrote and looks whether it ended. *is_done; if not, *poll_at is when to ask again
 * (by the wall clock). An error (ACME_ERR_INTERNAL, or ACME_ERR_CONFIG as above) ends it too: it
 * exited with another status than 0, a signal ended it, it was killed at its limit or by
 * acme_program_kill_all. The sentence has the program's path and status, not its output. Asked
 * again, it says the same. */
acme_err_t *acme_program_poll(int *is_done, apr_time_t *poll_at, acme_program_t *program,
                              apr_pool_t *pool);

/** Its exit status, 0 to 255; -1 if a signal or its limit ended it, if it is not known or not done.
 */
int acme_program_status(const acme_program_t *program);

/** What it wrote so far to standard output and error, in its order, as it came, up to the maximum.
 */
const char *acme_program_output(const acme_program_t *program);

/** What it wrote to standard output alone; "" unless is_stdout_apart (then acme_program_output has
 * standard error alone). */
const char *acme_program_stdout(const acme_program_t *program);

/** One clean line of at most @a max bytes from output of a program: line ends become "; ", what is
 * no text '?'; of what is too long the end is kept, after "…". */
char *acme_program_clean(const char *output, apr_size_t max, apr_pool_t *pool);

/** Kills the groups of all programs that run, at once, and lets none start from now on. From any
 * thread, beside a poll as well; does not wait. */
void acme_program_kill_all(acme_program_runner_t *runner);

/** The path of the program called @a name in ACME_PROGRAM_PATH, in @a pool; NULL if there is none.
 */
char *acme_program_find(const char *name, apr_pool_t *pool);

#endif
