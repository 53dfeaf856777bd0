/* Programs of others, run beside the engine.
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
 * 3. All descriptors are born with O_CLOEXEC and above 2, so that moving them to 0, 1 and 2 in the
 * new process neither overwrites nor leaks one.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_strings.h>
#include <openssl/crypto.h>

#include "acme/acme_program.h"
#include "acme/acme_text.h"
#include "acme/acme_time.h"
#include "acme_spawn_compat.h"

#define CLAIMED ((pid_t)-1)

/* Between SIGTERM and SIGKILL. */
#define GRACE (5 * ACME_TIME_SECOND)

/* Asked again soon after the start and less often later; a program in line by and by. */
#define PAUSE_MIN (ACME_TIME_SECOND / 200)
#define PAUSE_MAX (ACME_TIME_SECOND / 4)
#define PAUSE_IN_LINE (ACME_TIME_SECOND / 10)

/* One poll reads no more, so that a program that never stops writing does not hold the tick. */
#define READ_MAX (256 * 1024)

/* What a program writes into one pipe; of more than the maximum the end. */
typedef struct {
    int fd; /* -1: closed */
    apr_size_t len;
    char *bytes; /* room for twice the maximum and a NUL */
} capture_t;

typedef enum { IN_LINE, RUNNING, DONE } phase_t;

struct acme_program_t {
    acme_program_runner_t *runner;
    apr_pool_t *pool;
    phase_t phase;
    char **argv;
    char **environment;
    char *input; /* NULL: /dev/null */
    apr_size_t input_len;
    apr_interval_time_t limit;

    int slot;
    pid_t pid;
    apr_interval_time_t began;  /* by the clock that only goes forward */
    apr_interval_time_t warned; /* when SIGTERM was sent, 0: not */
    int is_killed;              /* SIGKILL was sent */
    int is_apart;               /* standard output is wanted by itself */
    capture_t all;              /* both streams, or standard error alone */
    capture_t apart;            /* standard output alone, without bytes unless wanted */

    int status;        /* -1: none */
    acme_err_t *error; /* the verdict when DONE, in pool */
};

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

/* ---- its output */

static void capture_open(capture_t *capture, int fd, apr_pool_t *pool)
{
    capture->fd = fd;
    capture->len = 0;
    capture->bytes = apr_palloc(pool, 2 * ACME_PROGRAM_OUTPUT_MAX + 1);
    capture->bytes[0] = '\0';
}

static void capture_close(capture_t *capture)
{
    if (capture->fd >= 0) {
        close(capture->fd);
        capture->fd = -1;
    }
}

/* A NUL would hide what comes after it. */
static void replace_nuls(char *bytes, apr_size_t len)
{
    for (char *nul = memchr(bytes, '\0', len); nul != NULL;
         nul = memchr(nul, '\0', len - (apr_size_t)(nul - bytes))) {
        *nul = '?';
    }
}

/* Reads what is there; a full buffer keeps its second half. */
static void capture_read(capture_t *capture)
{
    for (apr_size_t total = 0; capture->fd >= 0 && total < READ_MAX;) {
        if (capture->len == 2 * ACME_PROGRAM_OUTPUT_MAX) {
            memmove(capture->bytes, capture->bytes + ACME_PROGRAM_OUTPUT_MAX,
                    ACME_PROGRAM_OUTPUT_MAX);
            capture->len = ACME_PROGRAM_OUTPUT_MAX;
        }
        char *end = capture->bytes + capture->len;
        ssize_t count = read(capture->fd, end, 2 * ACME_PROGRAM_OUTPUT_MAX - capture->len);
        if (count <= 0) {
            if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
                capture_close(capture);
            }
            return;
        }
        replace_nuls(end, (apr_size_t)count);
        end[count] = '\0';
        capture->len += (apr_size_t)count;
        total += (apr_size_t)count;
    }
}

static const char *capture_text(const capture_t *capture)
{
    if (capture->bytes == NULL) {
        return "";
    }
    return capture->len > ACME_PROGRAM_OUTPUT_MAX
               ? capture->bytes + capture->len - ACME_PROGRAM_OUTPUT_MAX
               : capture->bytes;
}

/* see acme_program.h */
const char *acme_program_output(const acme_program_t *program)
{
    return capture_text(&program->all);
}

/* see acme_program.h */
const char *acme_program_stdout(const acme_program_t *program)
{
    return capture_text(&program->apart);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Copies words and single spaces; a run of white space with a line end in it becomes "; ". */
static char *one_line(const char *text, apr_pool_t *pool)
{
    char *line = apr_palloc(pool, 2 * strlen(text) + 1);
    char *out = line;
    while (*text != '\0') {
        if (!is_space(*text)) {
            *out++ = *text++;
            continue;
        }
        int has_end = 0;
        for (; is_space(*text); text++) {
            has_end |= *text == '\n';
        }
        if (*text != '\0' && out != line) {
            if (has_end) {
                *out++ = ';';
            }
            *out++ = ' ';
        }
    }
    *out = '\0';
    return line;
}

/* see acme_program.h */
char *acme_program_clean(const char *output, apr_size_t max, apr_pool_t *pool)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    char *line = acme_text_clean(one_line(output, pool), 2 * ACME_PROGRAM_OUTPUT_MAX, pool);
    apr_size_t len = strlen(line);
    if (len <= max) {
        return line;
    }
    if (max < sizeof(ellipsis)) {
        return apr_pstrdup(pool, "");
    }
    const char *tail = line + len - (max - (sizeof(ellipsis) - 1));
    while (((unsigned char)*tail & 0xC0) == 0x80) {
        tail++; /* not in the middle of a character */
    }
    return apr_pstrcat(pool, ellipsis, tail, NULL);
}

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

static char **make_environment(const char *const *given, apr_pool_t *pool)
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
static char **copy_argv(const char *const *argv, apr_pool_t *pool)
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
static void wipe_secrets(acme_program_t *program)
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

static int open_capture(int *program_end, capture_t *capture, apr_pool_t *pool)
{
    int ends[2];
    if (make_pipe(ends) != 0) {
        return -1;
    }
    set_nonblocking(ends[0]);
    capture_open(capture, ends[0], pool);
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
        capture_close(&program->all);
        capture_close(&program->apart);
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

static int spawn(pid_t *pid, acme_program_t *program, const plumbing_t *plumbing)
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

static acme_err_t *explain_start(const acme_program_t *program, int failed, apr_pool_t *pool)
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

static acme_err_t *finish(acme_program_t *program, acme_err_t *error)
{
    wipe_secrets(program);
    program->phase = DONE;
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
    plumbing_t plumbing;
    int failed = lay_pipes(&plumbing, program);
    if (failed == 0) {
        failed = spawn(&program->pid, program, &plumbing);
        close_plumbing(&plumbing);
    }
    wipe_secrets(program);
    if (failed != 0) {
        capture_close(&program->all);
        capture_close(&program->apart);
        return finish(program, explain_start(program, failed, program->pool));
    }
    program->slot = slot;
    program->phase = RUNNING;
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
    capture_close(&program->all);
    capture_close(&program->apart);
    wipe_secrets(program);
    if (program->phase == RUNNING) {
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
    made->argv = copy_argv(config->argv, pool);
    made->environment = make_environment(config->environment, pool);
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
    capture_read(&program->all);
    capture_read(&program->apart);
    capture_close(&program->all);
    capture_close(&program->apart);
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
    if (program->phase == IN_LINE) {
        (void)begin(program); /* its verdict is read below */
    }
    if (program->phase == RUNNING) {
        capture_read(&program->all);
        capture_read(&program->apart);
        apr_interval_time_t now = acme_env_monotonic(env);
        if (has_ended(program)) {
            (void)collect(program); /* likewise */
        }
        else {
            enforce_limit(program, now);
        }
        pause = program->warned != 0 ? PAUSE_MIN : (now - program->began) / 8;
    }
    *is_done = program->phase == DONE;
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
