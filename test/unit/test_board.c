/* Tests of the board: an unknown bell at first; notes pinned up, cut, taken off, seen by others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#include "mod_acme_board.h"

static void begins_unknown_and_empty(void **state)
{
    apr_pool_t *pool = *state;
    mod_acme_board_t *board;
    assert_well(mod_acme_board_create(&board, 3, pool));
    assert_int_equal(ACME_BELL_UNKNOWN, acme_bell_generation(mod_acme_board_bell(board), 2));
    assert_null(mod_acme_board_note(board, MOD_ACME_NOTE_ENGINE, pool));
    assert_null(mod_acme_board_note(board, MOD_ACME_NOTE_ACTIVATION, pool));
}

static void pins_up_and_takes_off(void **state)
{
    apr_pool_t *pool = *state;
    mod_acme_board_t *board;
    assert_well(mod_acme_board_create(&board, 1, pool));
    mod_acme_board_pin(board, MOD_ACME_NOTE_ENGINE, "the lock is held");
    assert_string_equal("the lock is held", mod_acme_board_note(board, MOD_ACME_NOTE_ENGINE, pool));
    assert_null(mod_acme_board_note(board, MOD_ACME_NOTE_ACTIVATION, pool));
    mod_acme_board_pin(board, MOD_ACME_NOTE_ENGINE, NULL);
    assert_null(mod_acme_board_note(board, MOD_ACME_NOTE_ENGINE, pool));
}

static void cuts_what_is_too_long(void **state)
{
    apr_pool_t *pool = *state;
    mod_acme_board_t *board;
    assert_well(mod_acme_board_create(&board, 1, pool));
    char *text = apr_pcalloc(pool, 5001);
    memset(text, 'x', 5000);
    mod_acme_board_pin(board, MOD_ACME_NOTE_ACTIVATION, text);
    assert_int_equal(MOD_ACME_NOTE_MAX,
                     strlen(mod_acme_board_note(board, MOD_ACME_NOTE_ACTIVATION, pool)));
}

static void is_shared_with_a_child(void **state)
{
    apr_pool_t *pool = *state;
    mod_acme_board_t *board;
    assert_well(mod_acme_board_create(&board, 2, pool));
    pid_t pid = fork();
    if (pid == 0) {
        acme_bell_ring(mod_acme_board_bell(board), 1, 7);
        mod_acme_board_pin(board, MOD_ACME_NOTE_ENGINE, "from the\nchild");
        _exit(0);
    }
    assert_int_equal(pid, waitpid(pid, NULL, 0));
    assert_int_equal(7, acme_bell_generation(mod_acme_board_bell(board), 1));
    assert_string_equal("from the?child", mod_acme_board_note(board, MOD_ACME_NOTE_ENGINE, pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(begins_unknown_and_empty),
        FIXTURE_TEST(pins_up_and_takes_off),
        FIXTURE_TEST(cuts_what_is_too_long),
        FIXTURE_TEST(is_shared_with_a_child),
    };
    return fixture_run(tests);
}
