/* Short-lived processes of the parent: work that it must neither wait for nor be hurt by.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <httpd.h>
#include <ap_listen.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "acme/acme_text.h"
#include "mod_acme_process.h"

/* A process under way; its pool is made for it and goes with it. */
typedef struct {
    mod_acme_process_t process;
    apr_proc_t proc; /* pid 0: it has ended */
    FILE *output;    /* unlinked temporary file; NULL: its words are not kept */
    apr_pool_t *pool;
} running_t;

static const char *read_output(running_t *running, apr_pool_t *pool)
{
    if (running->output == NULL) {
        return "";
    }
    char *text = apr_pcalloc(pool, MOD_ACME_PROCESS_OUTPUT_MAX + 1);
    rewind(running->output);
    size_t len = fread(text, 1, MOD_ACME_PROCESS_OUTPUT_MAX, running->output);
    text[len] = '\0';
    return acme_text_clean(acme_text_join(acme_text_split(text, "\r\n", pool), " ", pool),
                           MOD_ACME_PROCESS_OUTPUT_MAX, pool);
}

static apr_status_t close_output(void *data)
{
    (void)fclose(data); /* a temporary file that was read */
    return APR_SUCCESS;
}

static void end(running_t *running, int status)
{
    running->proc.pid = 0;
    running->process.ended(running->process.baton, status, read_output(running, running->pool));
    apr_pool_destroy(running->pool); /* unregisters it, too */
}

static void kill_and_reap(running_t *running)
{
    pid_t pid = running->proc.pid;
    if (pid > 0) {
        running->proc.pid = 0;
        (void)kill(pid, SIGKILL); /* it may have ended just now */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

#if APR_HAS_OTHER_CHILD
static void maintain(int reason, void *data, int status)
{
    running_t *running = data;
    switch (reason) {
    case APR_OC_REASON_DEATH:
        end(running, status);
        break;
    case APR_OC_REASON_LOST:
        end(running, MOD_ACME_PROCESS_FAILED);
        break;
    case APR_OC_REASON_RESTART:
    case APR_OC_REASON_UNREGISTER:
        kill_and_reap(running);
        break;
    default:
        break;
    }
}
#endif

/* What the new process must not share with the parent: its signals, its listening sockets. */
static void become_separate(running_t *running)
{
    static const int ours[] = {SIGTERM, SIGHUP,  SIGINT,  SIGUSR1, SIGWINCH, SIGALRM,
                               SIGPIPE, SIGCHLD, SIGQUIT, SIGXCPU, SIGXFSZ,  SIGSEGV,
                               SIGBUS,  SIGABRT, SIGFPE,  SIGILL};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        (void)signal(ours[i], SIG_DFL);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    ap_close_listeners();
    (void)alarm((unsigned)running->process.limit_seconds);
    if (running->output != NULL) {
        (void)dup2(fileno(running->output), STDOUT_FILENO);
        (void)dup2(fileno(running->output), STDERR_FILENO);
    }
}

static running_t *prepare(const mod_acme_process_t *process, apr_pool_t *parent)
{
    apr_pool_t *pool = NULL;
    apr_pool_create(&pool, parent);
    running_t *running = apr_pcalloc(pool, sizeof(*running));
    running->process = *process;
    running->pool = pool;
    running->output = process->is_output_kept ? tmpfile() : NULL;
    if (running->output != NULL) {
        (void)fcntl(fileno(running->output), F_SETFD, FD_CLOEXEC);
        apr_pool_cleanup_register(pool, running->output, close_output, apr_pool_cleanup_null);
    }
    return running;
}

/* see mod_acme_process.h */
acme_err_t *mod_acme_process_start(const mod_acme_process_t *process, apr_pool_t *pool)
{
#if APR_HAS_OTHER_CHILD
    running_t *running = prepare(process, pool);
    pid_t pid = fork();
    if (pid == 0) {
        become_separate(running);
        _exit(running->process.work(running->process.baton));
    }
    if (pid < 0) {
        apr_status_t reason = errno;
        apr_pool_destroy(running->pool);
        return acme_err_system(pool, ACME_ERR_INTERNAL, reason, "No process can be started");
    }
    running->proc.pid = pid;
    apr_proc_other_child_register(&running->proc, maintain, running, NULL, running->pool);
    return NULL;
#else
    (void)process;
    return acme_err_make(pool, ACME_ERR_INTERNAL, "APR was built without other-child processes");
#endif
}
