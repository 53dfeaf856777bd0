/* The inside of a program that runs, shared by the files that bring it up, listen to it and end it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_PROGRAM_PRIVATE_H
#define ACME_PROGRAM_PRIVATE_H

#include <sys/types.h>

#include "acme/acme_program.h"

/* What a program writes into one pipe; of more than the maximum the end. */
typedef struct {
    int fd; /* -1: closed */
    apr_size_t len;
    char *bytes; /* room for twice the maximum and a NUL */
} acme_program__capture_t;

typedef enum {
    ACME_PROGRAM_IN_LINE,
    ACME_PROGRAM_RUNNING,
    ACME_PROGRAM_DONE
} acme_program__phase_t;

struct acme_program_t {
    acme_program_runner_t *runner;
    apr_pool_t *pool;
    acme_program__phase_t phase;
    char **argv;
    char **environment;
    char *input; /* NULL: /dev/null */
    apr_size_t input_len;
    apr_interval_time_t limit;

    int slot;
    pid_t pid;
    apr_interval_time_t began;     /* by the clock that only goes forward */
    apr_interval_time_t warned;    /* when SIGTERM was sent, 0: not */
    int is_killed;                 /* SIGKILL was sent */
    int is_apart;                  /* standard output is wanted by itself */
    acme_program__capture_t all;   /* both streams, or standard error alone */
    acme_program__capture_t apart; /* standard output alone, without bytes unless wanted */

    int status;        /* -1: none */
    acme_err_t *error; /* the verdict when ACME_PROGRAM_DONE, in pool */
};

/* acme_program_output.c: what it writes */

/** An open pipe's end, to be read by acme_program__listen. */
void acme_program__capture(acme_program__capture_t *capture, int fd, apr_pool_t *pool);

/** Reads what is there, of both pipes. */
void acme_program__listen(acme_program_t *program);

/** Closes them; what was read stays. */
void acme_program__stop_listening(acme_program_t *program);

/* acme_program_spawn.c: how it comes to be */

/** Copies of what it is given, in @a pool. */
char **acme_program__environment(const char *const *given, apr_pool_t *pool);
char **acme_program__argv(const char *const *argv, apr_pool_t *pool);

/** Its secrets are no longer in our memory. */
void acme_program__wipe(acme_program_t *program);

/** Brings it up, with its pipes: program->pid, and what it writes can be listened to. Returns 0, or
 * the number of what failed; then nothing is left open. */
int acme_program__spawn(acme_program_t *program);

/** The sentence for such a number. */
acme_err_t *acme_program__explain(const acme_program_t *program, int failed, apr_pool_t *pool);

#endif
