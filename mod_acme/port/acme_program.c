/* Programs of others, run beside the engine: when they start, and how they end.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     IN_LINE --a slot is free--> RUNNING --it ended, or never began--> DONE
 *
 * 1. A program is a process group; its leader is our child. A number of a group is used only while
 * the leader is not reaped, since afterwards it may be somebody else's. So the end is first seen
 * with WNOWAIT, then what is left of a group that had to be ended is killed, then the leader is
 * reaped.
 * 2. The slots are all that another thread (acme_program_kill_all) touches. A slot is
 *        0       free
 *        pid     runs; whoever changes it to something else may use the number
 *        CLAIMED acme_program_kill_all is at it
 *        -pid    killed, to be reaped
 *    and only the engine's thread makes a slot 0 or takes a free one.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "acme_program_private.h"

#define CLAIMED ((pid_t)-1)

/* Between SIGTERM and SIGKILL. */
#define GRACE (5 * ACME_TIME_SECOND)

/* Asked again soon after the start and less often later; a program in line by and by. */
#define PAUSE_MIN (ACME_TIME_SECOND / 200)
#define PAUSE_MAX (ACME_TIME_SECOND / 4)
#define PAUSE_IN_LINE (ACME_TIME_SECOND / 10)

struct acme_program_runner_t {
    const acme_env_t *env;
    _Atomic int is_stopping;
    _Atomic pid_t slots[ACME_PROGRAM_MAX];
    int is_abandoned[ACME_PROGRAM_MAX]; /* killed with its pool; reaped when somebody looks for a
                                           slot */
};

/* ---- the runner */

static apr_status_t stop_runner(void *baton)
{
    acme_program_runner_t *runner = baton;
    acme_program_kill_all(runner);
    for (int i = 0; i < ACME_PROGRAM_MAX; i++) {
        pid_t pid = atomic_load(&runner->slots[i]);
        if (pid < CLAIMED) {
            (void)waitpid(-pid, NULL, WNOHANG); /* what is not dead yet is init's soon */
        }
    }
    return APR_SUCCESS;
}

/* see acme_program.h */
acme_program_runner_t *acme_program_runner_create(const acme_env_t *env, apr_pool_t *pool)
{
    acme_program_runner_t *runner = apr_pcalloc(pool, sizeof(*runner));
    runner->env = env;
    apr_pool_cleanup_register(pool, runner, stop_runner, apr_pool_cleanup_null);
    return runner;
}

/* see acme_program.h */
void acme_program_kill_all(acme_program_runner_t *runner)
{
    atomic_store(&runner->is_stopping, 1);
    for (int i = 0; i < ACME_PROGRAM_MAX; i++) {
        pid_t pid = atomic_load(&runner->slots[i]);
        if (pid > 0 && atomic_compare_exchange_strong(&runner->slots[i], &pid, CLAIMED)) {
            (void)kill(-pid, SIGKILL); /* it may have ended already */
            atomic_store(&runner->slots[i], -pid);
        }
    }
}

/* Frees the slot of a program whose pool went away, once it is dead. */
static void bury(acme_program_runner_t *runner, int slot)
{
    pid_t pid = atomic_load(&runner->slots[slot]);
    if (pid != CLAIMED && waitpid(-pid, NULL, WNOHANG) != 0) {
        runner->is_abandoned[slot] = 0;
        atomic_store(&runner->slots[slot], 0);
    }
}

static int free_slot(acme_program_runner_t *runner)
{
    int found = -1;
    for (int i = 0; i < ACME_PROGRAM_MAX; i++) {
        if (runner->is_abandoned[i]) {
            bury(runner, i);
        }
        if (found < 0 && atomic_load(&runner->slots[i]) == 0) {
            found = i;
        }
    }
    return found;
}

static acme_err_t *finish(acme_program_t *program, acme_err_t *error)
{
    acme_program__wipe(program);
    program->phase = ACME_PROGRAM_DONE;
    program->error = error;
    return error;
}

static acme_err_t *stopped(const acme_program_t *program)
{
    return acme_err_make(program->pool, ACME_ERR_INTERNAL,
                         "the program %s was stopped with the server", program->argv[0]);
}

static acme_err_t *begin(acme_program_t *program)
{
    acme_program_runner_t *runner = program->runner;
    if (atomic_load(&runner->is_stopping)) {
        return finish(program, stopped(program));
    }
    int slot = free_slot(runner);
    if (slot < 0) {
        return NULL;
    }
    int failed = acme_program__spawn(program);
    acme_program__wipe(program);
    if (failed != 0) {
        return finish(program, acme_program__explain(program, failed, program->pool));
    }
    program->slot = slot;
    program->phase = ACME_PROGRAM_RUNNING;
    program->began = acme_env_monotonic(runner->env);
    atomic_store(&runner->slots[slot], program->pid);
    if (atomic_load(&runner->is_stopping)) {
        acme_program_kill_all(runner); /* it was at the slots before this one was in them */
    }
    return NULL;
}

/* Its pool goes: nobody will ask for it again. */
static apr_status_t abandon(void *baton)
{
    acme_program_t *program = baton;
    acme_program__stop_listening(program);
    acme_program__wipe(program);
    if (program->phase == ACME_PROGRAM_RUNNING) {
        acme_program_runner_t *runner = program->runner;
        pid_t found = program->pid;
        (void)kill(-program->pid, SIGKILL);
        (void)atomic_compare_exchange_strong(&runner->slots[program->slot], &found, -program->pid);
        runner->is_abandoned[program->slot] = 1;
        bury(runner, program->slot);
    }
    return APR_SUCCESS;
}

/* see acme_program.h */
acme_err_t *acme_program_start(acme_program_t **program, acme_program_runner_t *runner,
                               const acme_program_config_t *config, apr_pool_t *pool)
{
    assert(config->limit > 0);
    if (config->argv[0] == NULL || config->argv[0][0] != '/') {
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "the program \"%s\" is not named by an absolute path",
                             config->argv[0] != NULL ? config->argv[0] : "");
    }
    if (config->input != NULL && config->input_len > ACME_PROGRAM_INPUT_MAX) {
        return acme_err_make(pool, ACME_ERR_INTERNAL,
                             "the program %s would be given more than %d bytes of input",
                             config->argv[0], ACME_PROGRAM_INPUT_MAX);
    }
    acme_program_t *made = apr_pcalloc(pool, sizeof(*made));
    made->runner = runner;
    made->pool = pool;
    made->argv = acme_program__argv(config->argv, pool);
    made->environment = acme_program__environment(config->environment, pool);
    made->input_len = config->input_len;
    made->input =
        config->input != NULL ? apr_pmemdup(pool, config->input, config->input_len) : NULL;
    made->limit = config->limit;
    made->all.fd = -1;
    made->apart.fd = -1;
    made->is_apart = config->is_stdout_apart;
    made->status = -1;
    apr_pool_cleanup_register(pool, made, abandon, apr_pool_cleanup_null);
    *program = made;
    return begin(made);
}

/* ---- the end */

/* Nonzero when the leader has ended; it is not reaped yet. */
static int has_ended(const acme_program_t *program)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        return errno == ECHILD; /* somebody else reaped it */
    }
    return info.si_pid == program->pid;
}

static void enforce_limit(acme_program_t *program, apr_interval_time_t now)
{
    if (program->warned == 0 && now - program->began >= program->limit) {
        (void)kill(-program->pid, SIGTERM);
        program->warned = now != 0 ? now : 1;
    }
    else if (program->warned != 0 && now - program->warned >= GRACE) {
        (void)kill(-program->pid, SIGKILL);
        program->is_killed = 1;
    }
}

static acme_err_t *judge(acme_program_t *program, int wait_status)
{
    apr_pool_t *pool = program->pool;
    const char *path = program->argv[0];
    if (WIFEXITED(wait_status)) {
        program->status = WEXITSTATUS(wait_status);
    }
    if (program->warned != 0) {
        program->status = -1; /* whatever it said in the end, it did not do its work */
        return acme_err_make(pool, ACME_ERR_INTERNAL,
                             "the program %s was not done within %s and was killed with its "
                             "children",
                             path, acme_time_span_words(program->limit, pool));
    }
    if (WIFSIGNALED(wait_status)) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "the program %s was ended by signal %d (%s)",
                             path, WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
    }
    return program->status == 0
               ? NULL
               : acme_err_make(pool, ACME_ERR_INTERNAL, "the program %s ended with status %d", path,
                               program->status);
}

/* Takes the slot out of acme_program_kill_all's reach; 0 as long as that is at it. */
static int give_slot_back(int *was_stopped, acme_program_t *program)
{
    _Atomic pid_t *slot = &program->runner->slots[program->slot];
    pid_t found = program->pid;
    if (!atomic_compare_exchange_strong(slot, &found, 0)) {
        if (found == CLAIMED) {
            return 0;
        }
        *was_stopped = 1;
        atomic_store(slot, 0);
    }
    return 1;
}

/* The leader has ended: its words, its group, its status. */
static acme_err_t *collect(acme_program_t *program)
{
    int was_stopped = 0;
    if (!give_slot_back(&was_stopped, program)) {
        return NULL;
    }
    if (program->warned != 0) {
        (void)kill(-program->pid, SIGKILL); /* its children have had SIGTERM too */
    }
    acme_program__listen(program);
    acme_program__stop_listening(program);
    int wait_status = 0;
    int is_known = waitpid(program->pid, &wait_status, WNOHANG) == program->pid;
    if (was_stopped) {
        return finish(program, stopped(program));
    }
    if (!is_known) {
        wait_status = 0;
    }
    acme_err_t *error = judge(program, wait_status);
    if (!is_known) {
        program->status = -1;
    }
    return finish(program, error);
}

/* see acme_program.h */
acme_err_t *acme_program_poll(int *is_done, apr_time_t *poll_at, acme_program_t *program,
                              apr_pool_t *pool)
{
    const acme_env_t *env = program->runner->env;
    apr_interval_time_t pause = PAUSE_IN_LINE;
    if (program->phase == ACME_PROGRAM_IN_LINE) {
        (void)begin(program); /* its verdict is read below */
    }
    if (program->phase == ACME_PROGRAM_RUNNING) {
        acme_program__listen(program);
        apr_interval_time_t now = acme_env_monotonic(env);
        if (has_ended(program)) {
            (void)collect(program); /* likewise */
        }
        else {
            enforce_limit(program, now);
        }
        pause = program->warned != 0 ? PAUSE_MIN : (now - program->began) / 8;
    }
    *is_done = program->phase == ACME_PROGRAM_DONE;
    *poll_at = 0;
    if (!*is_done) {
        pause = pause < PAUSE_MIN ? PAUSE_MIN : pause > PAUSE_MAX ? PAUSE_MAX : pause;
        *poll_at = acme_env_now(env) + pause;
    }
    return acme_err_copy(pool, program->error);
}

/* see acme_program.h */
int acme_program_status(const acme_program_t *program)
{
    return program->status;
}

/* see acme_program.h */
char *acme_program_find(const char *name, apr_pool_t *pool)
{
    apr_array_header_t *folders = acme_text_split(ACME_PROGRAM_PATH, ":", pool);
    for (int i = 0; i < folders->nelts; i++) {
        char *path = apr_pstrcat(pool, APR_ARRAY_IDX(folders, i, const char *), "/", name, NULL);
        struct stat info;
        if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0) {
            return path;
        }
    }
    return NULL;
}
