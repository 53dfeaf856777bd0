/* Tests of acme_program: what a program gets, what is heard of it, and how it is ended.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include <pthread.h>
#include <sys/wait.h>

#include "../mod_acme/port/acme_spawn_compat.h"
#include "acme/acme_program.h"
#include "acme/acme_time.h"
#include "unit/fake_env.h"
#include "unit/patience.h"

#define LIMIT (60 * ACME_TIME_SECOND)

typedef struct {
    fake_env_t *world;
    acme_program_runner_t *runner;
    char *folder;
} house_t;

static house_t open_house(apr_pool_t *pool)
{
    house_t house = {.world = fake_env_create(1, pool), .folder = scratch_create(pool)};
    house.runner = acme_program_runner_create(fake_env(house.world), pool);
    return house;
}

/* A program in the folder of the test. */
static const char *install(const house_t *house, const char *name, const char *text,
                           apr_pool_t *pool)
{
    char *path = apr_pstrcat(pool, house->folder, "/", name, NULL);
    scratch_write(house->folder, name, text, pool);
    assert_int_equal(0, chmod(path, 0755));
    return path;
}

static acme_program_t *start(const house_t *house, const acme_program_config_t *config,
                             apr_pool_t *pool)
{
    acme_program_t *program;
    assert_well(acme_program_start(&program, house->runner, config, pool));
    return program;
}

/* Runs a line of shell to its end. */
static acme_program_t *start_shell(const house_t *house, const char *line, apr_pool_t *pool)
{
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT};
    return start(house, &config, pool);
}

static acme_err_t *start_only(const house_t *house, const char *path, apr_pool_t *pool)
{
    const char *argv[] = {path, NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT};
    acme_program_t *program;
    return acme_program_start(&program, house->runner, &config, pool);
}

static void a_program_runs_and_is_heard(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *program = start_shell(&house, "echo one; echo two >&2; exit 0", pool);
    assert_well(patience_program(program, pool));
    assert_int_equal(0, acme_program_status(program));
    assert_string_equal("one\ntwo\n", acme_program_output(program));
    assert_string_equal("", acme_program_stdout(program));
    assert_well(patience_program(program, pool));
}

static void standard_output_may_be_had_alone(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *argv[] = {"/bin/sh", "-c", "echo one; echo two >&2", NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT, .is_stdout_apart = 1};
    acme_program_t *program = start(&house, &config, pool);
    assert_well(patience_program(program, pool));
    assert_string_equal("two\n", acme_program_output(program));
    assert_string_equal("one\n", acme_program_stdout(program));
}

static void a_status_is_an_error_that_stays(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *program = start_shell(&house, "echo why; exit 3", pool);
    for (int i = 0; i < 2; i++) {
        acme_err_t *err = patience_program(program, pool);
        assert_refused(ACME_ERR_INTERNAL, err);
        assert_string_equal("the program /bin/sh ended with status 3", err->text);
    }
    assert_int_equal(3, acme_program_status(program));
    assert_string_equal("why\n", acme_program_output(program));
}

static void a_signal_is_an_error(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *program = start_shell(&house, "kill -SEGV $$", pool);
    acme_err_t *err = patience_program(program, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_non_null(strstr(err->text, "was ended by signal 11"));
    assert_int_equal(-1, acme_program_status(program));
}

static void arguments_travel_unchanged(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *path =
        install(&house, "args", "#!/bin/sh\nfor i; do printf '[%s]\\n' \"$i\"; done\n", pool);
    const char *argv[] = {path, "-rf", "--", "a b", "$(id); `id`", "", "*", "\xc3\xa4'\"\\n", NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT};
    acme_program_t *program = start(&house, &config, pool);
    assert_well(patience_program(program, pool));
    assert_string_equal("[-rf]\n[--]\n[a b]\n[$(id); `id`]\n[]\n[*]\n[\xc3\xa4'\"\\n]\n",
                        acme_program_output(program));
}

static void a_script_without_first_line_is_the_shells(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *argv[] = {install(&house, "bare", "echo \"$0|$1|$2\"\n", pool), "-x", "b", NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT};
    acme_program_t *program = start(&house, &config, pool);
    assert_well(patience_program(program, pool));
    assert_string_equal(apr_pstrcat(pool, argv[0], "|-x|b\n", NULL), acme_program_output(program));
}

static void the_environment_is_what_we_say(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    setenv("OUR_SECRET", "in no program", 1);
    const char *argv[] = {"/usr/bin/env", NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT};
    acme_program_t *program = start(&house, &config, pool);
    assert_well(patience_program(program, pool));
    assert_string_equal("PATH=" ACME_PROGRAM_PATH "\nLANG=C\n", acme_program_output(program));
    const char *more[] = {"A=-b c", "PATH=/bin", "A=later", "EMPTY=", NULL};
    config.environment = more;
    program = start(&house, &config, pool);
    assert_well(patience_program(program, pool));
    assert_string_equal("A=-b c\nPATH=/bin\nEMPTY=\nLANG=C\n", acme_program_output(program));
    unsetenv("OUR_SECRET");
}

/* As in the thread of httpd's watchdog: nearly everything blocked, some signals ignored, and
 * descriptors around that nobody marked. */
static void nothing_of_ours_is_inherited(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    assert_int_equal(0, pthread_sigmask(SIG_BLOCK, &all, &before));
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    int leaks[3] = {open("/dev/null", O_RDONLY), dup2(2, 77), dup2(2, 200)};
    acme_program_t *program =
        start_shell(&house,
                    "ls /proc/$$/fd; grep -E '^Sig(Blk|Ign)' /proc/self/status; "
                    "set -- $(cat /proc/$$/stat); [ $$ = $5 ] && echo leader; read x || "
                    "echo no input",
                    pool);
    acme_err_t *err = patience_program(program, pool);
    for (int i = 0; i < 3; i++) {
        close(leaks[i]);
    }
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(0, pthread_sigmask(SIG_SETMASK, &before, NULL));
    assert_well(err);
    assert_string_equal("0\n1\n2\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                        "leader\nno input\n",
                        acme_program_output(program));
}

static void descriptors_are_closed_one_by_one_too(void **state)
{
    apr_pool_t *pool = *state;
    char *folder = scratch_create(pool);
    int leak = dup2(2, 77);
    posix_spawn_file_actions_t actions;
    assert_int_equal(0, posix_spawn_file_actions_init(&actions));
    const char *out = apr_pstrcat(pool, folder, "/out", NULL);
    assert_int_equal(0,
                     posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(0, acme_spawn__close_each_from(&actions, 3));
    char *argv[] = {"/bin/sh", "-c", "ls /proc/$$/fd", NULL};
    pid_t pid;
    assert_int_equal(0, posix_spawn(&pid, argv[0], &actions, NULL, argv, argv + 3));
    posix_spawn_file_actions_destroy(&actions);
    close(leak);
    int status;
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_string_equal("0\n1\n2\n", scratch_read(folder, "out", pool));
}

static void our_own_missing_descriptors_do_no_harm(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    int saved = dup(0);
    close(0);
    const char *argv[] = {"/bin/sh", "-c", "cat; echo out; echo err >&2", NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT, .input = "in\n", .input_len = 3};
    acme_program_t *program = start(&house, &config, pool);
    acme_err_t *err = patience_program(program, pool);
    assert_int_equal(0, dup2(saved, 0));
    close(saved);
    assert_well(err);
    assert_string_equal("in\nout\nerr\n", acme_program_output(program));
}

static void standard_input_is_what_we_give(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    char *input = apr_palloc(pool, ACME_PROGRAM_INPUT_MAX + 1);
    memset(input, 'x', ACME_PROGRAM_INPUT_MAX + 1);
    const char *argv[] = {"/usr/bin/wc", "-c", NULL};
    acme_program_config_t config = {
        .argv = argv, .limit = LIMIT, .input = input, .input_len = ACME_PROGRAM_INPUT_MAX};
    acme_program_t *program = start(&house, &config, pool);
    assert_well(patience_program(program, pool));
    assert_string_equal("4096\n", acme_program_output(program));
    config.input_len = 0;
    program = start(&house, &config, pool);
    assert_well(patience_program(program, pool));
    assert_string_equal("0\n", acme_program_output(program));
    config.input_len = ACME_PROGRAM_INPUT_MAX + 1;
    assert_refused(ACME_ERR_INTERNAL, acme_program_start(&program, house.runner, &config, pool));
}

static void a_program_that_reads_nothing_does_no_harm(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *argv[] = {"/bin/true", NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT, .input = "in", .input_len = 2};
    assert_well(patience_program(start(&house, &config, pool), pool));
}

static void of_huge_output_the_end_is_kept(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *program =
        start_shell(&house, "yes 12345678 | head -n 300000; printf 'a\\000b'", pool);
    assert_well(patience_program(program, pool));
    const char *output = acme_program_output(program);
    assert_int_equal(ACME_PROGRAM_OUTPUT_MAX, strlen(output));
    assert_string_equal("12345678\na?b", output + ACME_PROGRAM_OUTPUT_MAX - 12);
}

static void output_becomes_one_clean_line(void **state)
{
    apr_pool_t *pool = *state;
    assert_string_equal("", acme_program_clean("", 100, pool));
    assert_string_equal("", acme_program_clean(" \r\n\n", 100, pool));
    assert_string_equal("one two; three",
                        acme_program_clean("\n one \t two\r\n\n  three \n", 100, pool));
    assert_string_equal("a?[31mb?", acme_program_clean("a\033[31mb\xff", 100, pool));
    assert_string_equal("\xE2\x80\xA6"
                        "efgh",
                        acme_program_clean("abcdefgh", 7, pool));
    assert_string_equal("\xE2\x80\xA6"
                        "fgh",
                        acme_program_clean("abcdd\xc3\xa4"
                                           "fgh",
                                           7, pool));
    assert_string_equal("abcdefgh", acme_program_clean("abcdefgh", 8, pool));
    assert_string_equal("", acme_program_clean("abcdefgh", 2, pool));
}

static void what_cannot_run_is_said(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_err_t *err = start_only(&house, "/nowhere/hook", pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_string_equal("the program /nowhere/hook is not there: install it or correct its path",
                        err->text);
    err = start_only(&house, house.folder, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "is a folder"));
    err = start_only(&house, "hook.sh", pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "\"hook.sh\" is not named by an absolute path"));
    const char *path = install(&house, "lost", "#!/nowhere/sh\n", pool);
    err = start_only(&house, path, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "interpreter"));
    assert_int_equal(0, chmod(path, 0644));
    err = start_only(&house, path, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, path));
    assert_non_null(strstr(err->text, "chmod a+rx"));
}

/* The program prints its number and that of a child, and both pay no heed to SIGTERM. */
static void a_program_that_hangs_is_killed_with_its_children(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *program =
        start_shell(&house,
                    "trap 'echo warned' TERM; (trap '' TERM; exec sleep 1000) & "
                    "echo $$ $! up; while :; do wait; sleep 0.02; done",
                    pool);
    patience_output(program, "up", pool);
    int leader;
    int child;
    assert_int_equal(2, sscanf(acme_program_output(program), "%d %d", &leader, &child));
    int is_done;
    apr_time_t poll_at;
    fake_env_move(house.world, LIMIT - 1);
    assert_well(acme_program_poll(&is_done, &poll_at, program, pool));
    assert_false(is_done);
    fake_env_move(house.world, 1);
    patience_output(program, "warned", pool);
    fake_env_move(house.world, 5 * ACME_TIME_SECOND);
    acme_err_t *err = patience_program(program, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_string_equal("the program /bin/sh was not done within 1 minute and was killed with its "
                        "children",
                        err->text);
    assert_int_equal(-1, kill(leader, 0));
    patience_death(child);
}

static void children_do_not_outlive_a_leader_that_heeds_the_limit(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *program =
        start_shell(&house, "(trap '' TERM; echo child; exec sleep 1000) & echo $! up; wait", pool);
    patience_output(program, "up", pool);
    patience_output(program, "child", pool);
    const char *number = strpbrk(acme_program_output(program), "0123456789");
    int child = atoi(number);
    fake_env_move(house.world, LIMIT);
    assert_refused(ACME_ERR_INTERNAL, patience_program(program, pool));
    patience_death(child);
}

static void what_a_program_leaves_behind_is_not_waited_for(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *program = start_shell(&house, "sleep 1000 & echo $!", pool);
    assert_well(patience_program(program, pool));
    int child = atoi(acme_program_output(program));
    assert_int_equal(0, kill(child, SIGKILL));
}

static void all_are_killed_at_once_and_none_starts_again(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *programs[3];
    for (int i = 0; i < 3; i++) {
        programs[i] = start_shell(&house, "trap '' TERM; echo up; sleep 1000; sleep 1000", pool);
        patience_output(programs[i], "up", pool);
    }
    acme_program_kill_all(house.runner);
    acme_program_kill_all(house.runner);
    for (int i = 0; i < 3; i++) {
        acme_err_t *err = patience_program(programs[i], pool);
        assert_refused(ACME_ERR_INTERNAL, err);
        assert_non_null(strstr(err->text, "was stopped with the server"));
    }
    assert_refused(ACME_ERR_INTERNAL, start_only(&house, "/bin/true", pool));
    assert_int_equal(-1, waitpid(-1, NULL, WNOHANG));
}

static void *kill_soon(void *runner)
{
    patience_pause();
    acme_program_kill_all(runner);
    return NULL;
}

static void another_thread_may_kill(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    pthread_t killer;
    assert_int_equal(0, pthread_create(&killer, NULL, kill_soon, house.runner));
    for (int i = 0; i < PATIENCE; i++) {
        const char *argv[] = {"/bin/true", NULL};
        acme_program_config_t config = {.argv = argv, .limit = LIMIT};
        acme_program_t *program;
        if (acme_program_start(&program, house.runner, &config, pool) != NULL ||
            patience_program(program, pool) != NULL) {
            break;
        }
    }
    assert_int_equal(0, pthread_join(killer, NULL));
    assert_refused(ACME_ERR_INTERNAL, start_only(&house, "/bin/true", pool));
}

static void a_pool_that_goes_takes_its_program_along(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_pool_t *short_lived;
    assert_int_equal(0, apr_pool_create(&short_lived, pool));
    acme_program_t *program = start_shell(&house, "echo $$; sleep 1000; sleep 1000", short_lived);
    patience_output(program, "\n", pool);
    int leader = atoi(acme_program_output(program));
    apr_pool_destroy(short_lived);
    for (int i = 0; i < PATIENCE && kill(leader, 0) == 0; i++) {
        assert_well(patience_program(start_shell(&house, ":", pool), pool)); /* buries it too */
    }
    assert_int_equal(-1, kill(leader, 0));
}

static void who_comes_too_many_waits_in_line(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_program_t *programs[ACME_PROGRAM_MAX + 1];
    const char *line =
        apr_psprintf(pool, "until [ -e %s/gate ]; do sleep 0.05; done", house.folder);
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    acme_program_config_t config = {.argv = argv, .limit = LIMIT};
    for (int i = 0; i < ACME_PROGRAM_MAX; i++) {
        programs[i] = start(&house, &config, pool);
    }
    const char *variables[] = {"A=1", NULL};
    const char *late[] = {"/bin/sh", "-c", "echo $A", NULL};
    acme_program_config_t late_config = {.argv = late, .limit = LIMIT, .environment = variables};
    programs[ACME_PROGRAM_MAX] = start(&house, &late_config, pool);
    variables[0] = NULL;
    late[2] = "exit 1";
    int is_done;
    apr_time_t poll_at;
    assert_well(acme_program_poll(&is_done, &poll_at, programs[ACME_PROGRAM_MAX], pool));
    assert_false(is_done);
    scratch_write(house.folder, "gate", "", pool);
    for (int i = 0; i <= ACME_PROGRAM_MAX; i++) {
        assert_well(patience_program(programs[i], pool));
    }
    assert_string_equal("1\n", acme_program_output(programs[ACME_PROGRAM_MAX]));
}

static void an_unknown_status_is_no_error(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    signal(SIGCHLD, SIG_IGN); /* the system reaps */
    acme_program_t *program = start_shell(&house, "exit 3", pool);
    acme_err_t *err = patience_program(program, pool);
    signal(SIGCHLD, SIG_DFL);
    assert_well(err);
    assert_int_equal(-1, acme_program_status(program));
}

static void programs_are_found_by_name(void **state)
{
    apr_pool_t *pool = *state;
    char *path = acme_program_find("env", pool);
    assert_non_null(path);
    assert_int_equal('/', path[0]);
    assert_null(acme_program_find("no-such-program-anywhere", pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_program_runs_and_is_heard),
        FIXTURE_TEST(standard_output_may_be_had_alone),
        FIXTURE_TEST(a_status_is_an_error_that_stays),
        FIXTURE_TEST(a_signal_is_an_error),
        FIXTURE_TEST(arguments_travel_unchanged),
        FIXTURE_TEST(a_script_without_first_line_is_the_shells),
        FIXTURE_TEST(the_environment_is_what_we_say),
        FIXTURE_TEST(nothing_of_ours_is_inherited),
        FIXTURE_TEST(descriptors_are_closed_one_by_one_too),
        FIXTURE_TEST(our_own_missing_descriptors_do_no_harm),
        FIXTURE_TEST(standard_input_is_what_we_give),
        FIXTURE_TEST(a_program_that_reads_nothing_does_no_harm),
        FIXTURE_TEST(of_huge_output_the_end_is_kept),
        FIXTURE_TEST(output_becomes_one_clean_line),
        FIXTURE_TEST(what_cannot_run_is_said),
        FIXTURE_TEST(a_program_that_hangs_is_killed_with_its_children),
        FIXTURE_TEST(children_do_not_outlive_a_leader_that_heeds_the_limit),
        FIXTURE_TEST(what_a_program_leaves_behind_is_not_waited_for),
        FIXTURE_TEST(all_are_killed_at_once_and_none_starts_again),
        FIXTURE_TEST(another_thread_may_kill),
        FIXTURE_TEST(a_pool_that_goes_takes_its_program_along),
        FIXTURE_TEST(who_comes_too_many_waits_in_line),
        FIXTURE_TEST(an_unknown_status_is_no_error),
        FIXTURE_TEST(programs_are_found_by_name),
    };
    return fixture_run(tests);
}
