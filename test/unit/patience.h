/* Waiting for what other processes do, in a test whose own clock stands still.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <signal.h>
#include <time.h>

#include "acme/acme_program.h"
#include "unit/fixture.h"

/** How often one looks, two milliseconds apart, before a test fails: half a minute. */
#define PATIENCE 15000

static inline void patience_pause(void)
{
    struct timespec span = {.tv_nsec = 2000000};
    nanosleep(&span, NULL);
}

/** Polls a program until it is done, and gives its verdict. */
static inline acme_err_t *patience_program(acme_program_t *program, apr_pool_t *pool)
{
    for (int i = 0; i < PATIENCE; i++) {
        int is_done;
        apr_time_t poll_at;
        acme_err_t *err = acme_program_poll(&is_done, &poll_at, program, pool);
        if (is_done) {
            assert_true(poll_at == 0);
            return err;
        }
        assert_null(err);
        assert_true(poll_at != 0);
        patience_pause();
    }
    fail_msg("the program is not done after half a minute");
    return NULL;
}

/** Polls until the program has written @a text. */
static inline void patience_output(acme_program_t *program, const char *text, apr_pool_t *pool)
{
    for (int i = 0; i < PATIENCE; i++) {
        int is_done;
        apr_time_t poll_at;
        (void)acme_program_poll(&is_done, &poll_at, program, pool);
        if (strstr(acme_program_output(program), text) != NULL) {
            return;
        }
        assert_false(is_done);
        patience_pause();
    }
    fail_msg("the program has not written \"%s\" after half a minute", text);
}

/** Waits until there is no such process. */
static inline void patience_death(pid_t pid)
{
    for (int i = 0; i < PATIENCE && kill(pid, 0) == 0; i++) {
        patience_pause();
    }
    assert_int_equal(-1, kill(pid, 0));
}

#endif
