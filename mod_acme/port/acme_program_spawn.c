/* How a program comes to be: what it is given, its pipes, its birth, and why there was none.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All descriptors are born with O_CLOEXEC and above 2, so that moving them to 0, 1 and 2 in the new
 * process neither overwrites nor leaks one.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme_program_private.h"
#include "acme_spawn_compat.h"

/* ---- what it gets */

/* Nonzero if "NAME=VALUE" has the name of one of the first @a count. */
static int is_named(char *const *variables, int count, const char *variable)
{
    apr_size_t len = strcspn(variable, "=");
    for (int i = 0; i < count; i++) {
        if (strncmp(variables[i], variable, len) == 0 && variables[i][len] == '=') {
            return 1;
        }
    }
    return 0;
}

/* see acme_program_private.h */
char **acme_program__environment(const char *const *given, apr_pool_t *pool)
{
    static const char *const ours[] = {"PATH=" ACME_PROGRAM_PATH, "LANG=C", NULL};
    static const char *const none[] = {NULL};
    given = given != NULL ? given : none;
    int count = 0;
    while (given[count] != NULL) {
        count++;
    }
    char **variables = apr_pcalloc(pool, (apr_size_t)(count + 3) * sizeof(*variables));
    int used = 0;
    const char *const *const lists[] = {given, ours};
    for (int which = 0; which < 2; which++) {
        for (const char *const *variable = lists[which]; *variable != NULL; variable++) {
            if (!is_named(variables, used, *variable)) {
                variables[used++] = apr_pstrdup(pool, *variable);
            }
        }
    }
    return variables;
}

/* The place before the first argument is for /bin/sh, see spawn_script. */
char **acme_program__argv(const char *const *argv, apr_pool_t *pool)
{
    int count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    char **copy = apr_pcalloc(pool, (apr_size_t)(count + 2) * sizeof(*copy));
    for (int i = 0; i < count; i++) {
        copy[i + 1] = apr_pstrdup(pool, argv[i]);
    }
    return copy + 1;
}

/* The program has them now, or never will. */
void acme_program__wipe(acme_program_t *program)
{
    if (program->input != NULL) {
        OPENSSL_cleanse(program->input, program->input_len);
    }
    for (char **variable = program->environment; *variable != NULL; variable++) {
        OPENSSL_cleanse(*variable, strlen(*variable));
    }
}

/* ---- pipes */

typedef struct {
    int fds[3]; /* what becomes 0, 1 and 2 of the program; -1: /dev/null, or the same as 2 for 1 */
} plumbing_t;

static void close_plumbing(plumbing_t *plumbing)
{
    for (int i = 0; i < 3; i++) {
        if (plumbing->fds[i] >= 0) {
            close(plumbing->fds[i]);
        }
        plumbing->fds[i] = -1;
    }
}

/* A pipe whose ends are above 2, whoever closed those before us. */
static int make_pipe(int ends[2])
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        ends[i] = low[i] > 2 ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, 3);
        int failed = errno;
        if (ends[i] != low[i]) {
            close(low[i]);
        }
        errno = failed;
    }
    if (ends[0] >= 0 && ends[1] >= 0) {
        return 0;
    }
    int failed = errno;
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
    errno = failed;
    return -1;
}

static void set_nonblocking(int fd)
{
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); /* cannot fail for a pipe of ours */
}

/* All of it fits into an empty pipe; with the reading end still ours there is no SIGPIPE. */
static int fill_input(plumbing_t *plumbing, const acme_program_t *program)
{
    int ends[2];
    if (make_pipe(ends) != 0) {
        return -1;
    }
    plumbing->fds[0] = ends[0];
    set_nonblocking(ends[1]);
    ssize_t count = write(ends[1], program->input, program->input_len);
    int failed = count < 0 ? errno : EAGAIN;
    close(ends[1]);
    errno = failed;
    return count == (ssize_t)program->input_len ? 0 : -1;
}

static int open_capture(int *program_end, acme_program__capture_t *capture, apr_pool_t *pool)
{
    int ends[2];
    if (make_pipe(ends) != 0) {
        return -1;
    }
    set_nonblocking(ends[0]);
    acme_program__capture(capture, ends[0], pool);
    *program_end = ends[1];
    return 0;
}

static int lay_pipes(plumbing_t *plumbing, acme_program_t *program)
{
    *plumbing = (plumbing_t){{-1, -1, -1}};
    if ((program->input != NULL && fill_input(plumbing, program) != 0) ||
        open_capture(&plumbing->fds[2], &program->all, program->pool) != 0 ||
        (program->is_apart &&
         open_capture(&plumbing->fds[1], &program->apart, program->pool) != 0)) {
        int failed = errno;
        close_plumbing(plumbing);
        acme_program__stop_listening(program);
        return failed;
    }
    return 0;
}

/* ---- the start */

static int plan_descriptors(posix_spawn_file_actions_t *actions, const plumbing_t *plumbing)
{
    const int *fds = plumbing->fds;
    int failed = fds[0] < 0 ? posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0)
                            : posix_spawn_file_actions_adddup2(actions, fds[0], 0);
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(actions, fds[fds[1] < 0 ? 2 : 1], 1);
    }
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(actions, fds[2], 2);
    }
    return failed != 0 ? failed : acme_spawn__close_from(actions, 3);
}

/* The thread of the watchdog blocks most signals, and httpd ignores some: a program must not
 * inherit either, or it could not be ended. */
static int plan_process(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    memset(&all, 0xff, sizeof(all)); /* sigfillset leaves those out that glibc uses itself, and then
                                        they would be ignored */
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0) {
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    }
    if (failed == 0) {
        failed = posix_spawnattr_setpgroup(attributes, 0);
    }
    return failed != 0 ? failed
                       : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                                  POSIX_SPAWN_SETSIGDEF |
                                                                  POSIX_SPAWN_SETPGROUP);
}

/* A script without a first line #! is the shell's, as it is for every tool that starts hooks. */
static int spawn_script(pid_t *pid, acme_program_t *program,
                        const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes)
{
    static char shell[] = "/bin/sh";
    char **argv = program->argv - 1;
    argv[0] = shell;
    return posix_spawn(pid, shell, actions, attributes, argv, program->environment);
}

static int start(pid_t *pid, acme_program_t *program, const plumbing_t *plumbing)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = plan_descriptors(&actions, plumbing);
        if (failed == 0) {
            failed = plan_process(&attributes);
        }
        if (failed == 0) {
            failed = posix_spawn(pid, program->argv[0], &actions, &attributes, program->argv,
                                 program->environment);
        }
        if (failed == ENOEXEC) {
            failed = spawn_script(pid, program, &actions, &attributes);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* see acme_program_private.h */
int acme_program__spawn(acme_program_t *program)
{
    plumbing_t plumbing;
    int failed = lay_pipes(&plumbing, program);
    if (failed != 0) {
        return failed;
    }
    failed = start(&program->pid, program, &plumbing);
    close_plumbing(&plumbing);
    if (failed != 0) {
        acme_program__stop_listening(program);
    }
    return failed;
}

/* see acme_program_private.h */
acme_err_t *acme_program__explain(const acme_program_t *program, int failed, apr_pool_t *pool)
{
    const char *path = program->argv[0];
    struct stat info;
    int is_there = stat(path, &info) == 0;
    if (is_there && S_ISDIR(info.st_mode)) {
        return acme_err_make(pool, ACME_ERR_CONFIG, "the program %s is a folder", path);
    }
    switch (failed) {
    case ENOENT:
        return is_there ? acme_err_make(pool, ACME_ERR_CONFIG,
                                        "the program %s cannot be run: the interpreter that its "
                                        "first line (#!) names is not there",
                                        path)
                        : acme_err_make(pool, ACME_ERR_CONFIG,
                                        "the program %s is not there: install it or correct its "
                                        "path",
                                        path);
    case EACCES:
        return acme_err_make(pool, ACME_ERR_CONFIG,
                             "the program %s may not be run by user %lu: make it executable "
                             "(chmod a+rx), and its folders accessible, for that user",
                             path, (unsigned long)geteuid());
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return acme_err_system(pool, ACME_ERR_INTERNAL, failed,
                               "the program %s cannot be started now", path);
    default:
        return acme_err_system(pool, ACME_ERR_CONFIG, failed, "the program %s cannot be run", path);
    }
}
