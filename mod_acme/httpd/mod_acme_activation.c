/* Activation by restart: for hosts that do not change certificates live.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <httpd.h>
#include <http_config.h>
#include <mpm_common.h>
#include <apr_strings.h>

#include "acme/acme_generation.h"
#include "acme/acme_time.h"
#include "mod_acme_activation.h"
#include "mod_acme_host.h"
#include "mod_acme_process.h"

#define LIMIT_SECONDS 60
#define RETRY_MIN (10 * ACME_TIME_MINUTE)

/* As long as new certificates keep coming in, so long the restart waits for them. */
#define GATHERING_MAX (2 * ACME_TIME_MINUTE)

/* Survives restarts and the unloading of the module. */
#define RETAINED "mod_acme_last_restart"

struct mod_acme_activation_state_t {
    mod_acme_world_t *world;
    int is_testing;   /* httpd -t is under way */
    int is_asked;     /* the restart was asked for */
    int waiting;      /* hosts, when last looked */
    apr_time_t since; /* when one was first seen to wait; 0: none does */
    apr_time_t not_before;
    apr_interval_time_t retry_delay;
    apr_time_t *last_restart; /* that we made; 0: none since httpd was started */
};

static mod_acme_activation_state_t *state_of(mod_acme_world_t *world)
{
    if (world->activation == NULL) {
        mod_acme_activation_state_t *state = apr_pcalloc(world->pool, sizeof(*state));
        state->world = world;
        state->last_restart = ap_retained_data_get(RETAINED);
        if (state->last_restart == NULL) {
            state->last_restart = ap_retained_data_create(RETAINED, sizeof(apr_time_t));
        }
        if (*state->last_restart != 0 && *state->last_restart <= world->began) {
            state->not_before = *state->last_restart + world->global->activation.interval;
        }
        world->activation = state;
    }
    return world->activation;
}

static int has_must_staple(const mod_acme_world_t *world, const acme_domain_t *domain)
{
    apr_pool_t *pool = NULL;
    apr_pool_create(&pool, world->pool);
    acme_generation_facts_t *facts = NULL;
    int has = 0;
    if (acme_generation_facts_read(&facts, world->store, domain->folder, pool) == NULL &&
        facts != NULL) {
        for (int i = 0; i < facts->certificates->nelts; i++) {
            has |= APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t).has_must_staple;
        }
    }
    apr_pool_destroy(pool);
    return has;
}

/* Nonzero if the children hold generation @a number back (acme_certificate_cache.h). */
static int is_held_back(const mod_acme_world_t *world, mod_acme_host_t *host, apr_uint64_t number)
{
    if (host->looked < number) {
        host->looked = number;
        host->is_held_back = has_must_staple(world, host->domain);
    }
    return host->is_held_back;
}

static int is_waiting(const mod_acme_world_t *world, mod_acme_host_t *host,
                      const apr_uint64_t *pointed)
{
    apr_uint64_t number = pointed[host->domain->index];
    return !host->has_own && host->loaded < number &&
           (!host->is_live || is_held_back(world, host, number));
}

/* Says once for each generation that it waits. Returns how many hosts wait; *is_news tells whether
 * one of them had not been waiting before. */
static int count_waiting(int *is_news, mod_acme_world_t *world, const apr_uint64_t *pointed,
                         apr_pool_t *scratch_pool)
{
    *is_news = 0;
    int is_graceful = world->global->activation.mode == MOD_ACME_ACTIVATE_GRACEFUL;
    int waiting = 0;
    for (apr_hash_index_t *i = apr_hash_first(scratch_pool, world->hosts); i != NULL;
         i = apr_hash_next(i)) {
        mod_acme_host_t *host = apr_hash_this_val(i);
        if (!is_waiting(world, host, pointed)) {
            continue;
        }
        waiting++;
        apr_uint64_t number = pointed[host->domain->index];
        if (host->announced < number) {
            *is_news = 1;
            host->announced = number;
            acme_env_log(world->env, ACME_LOG_NOTICE,
                         "%s: a new certificate (generation %" APR_UINT64_T_FMT ") waits for %s%s",
                         host->domain->name, number,
                         host->is_held_back
                             ? "mod_ssl to load it, since it has must-staple and mod_ssl staples "
                               "nothing else: "
                             : "",
                         is_graceful ? "the next graceful restart, which will be made as "
                                       "ACMEActivation says"
                                     : "a restart: run `apachectl graceful`");
        }
    }
    return waiting;
}

/* ---- the test of the configuration, in a process of its own */

/* The file of this process; argv[0] may be relative to a folder that was left long ago. */
static const char *own_binary(const char *argv0, apr_pool_t *pool)
{
    static const char deleted[] = " (deleted)"; /* Linux: the file was replaced by an update */
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len <= 0) {
        return argv0;
    }
    path[len] = '\0';
    char *end = strstr(path, deleted);
    if (end != NULL && end[sizeof(deleted) - 1] == '\0') {
        *end = '\0';
    }
    return access(path, X_OK) == 0 ? apr_pstrdup(pool, path) : argv0;
}

static int exec_test(void *baton)
{
    const mod_acme_activation_state_t *state = baton;
    const process_rec *process = state->world->server->process;
    apr_pool_t *pool = NULL;
    apr_pool_create_unmanaged_ex(&pool, NULL, NULL);
    char **argv = apr_pcalloc(pool, sizeof(char *) * ((apr_size_t)process->argc + 2));
    for (int i = 0; i < process->argc; i++) {
        argv[i] = apr_pstrdup(pool, process->argv[i]);
    }
    argv[process->argc] = apr_pstrdup(pool, "-t");
    (void)execvp(own_binary(argv[0], pool), argv);
    return MOD_ACME_PROCESS_FAILED;
}

static void report_failure(mod_acme_activation_state_t *state, int status, const char *output)
{
    const mod_acme_world_t *world = state->world;
    apr_interval_time_t most = world->global->activation.interval > RETRY_MIN
                                   ? world->global->activation.interval
                                   : RETRY_MIN;
    state->retry_delay = state->retry_delay == 0 ? RETRY_MIN : state->retry_delay * 2;
    state->retry_delay = state->retry_delay > most ? most : state->retry_delay;
    state->not_before = acme_env_now(world->env) + state->retry_delay;
    apr_pool_t *scratch_pool = NULL;
    apr_pool_create(&scratch_pool, world->pool);
    const char *words = status == SIGALRM ? "it took too long"
                        : *output != '\0' ? output
                                          : apr_psprintf(scratch_pool, "status %d", status);
    const char *text = apr_psprintf(
        scratch_pool,
        "The certificates of %d hosts wait for a graceful restart that is not made, since httpd -t "
        "refuses the configuration (the server goes on with the old one; mend it, it is tried "
        "again in %s): %s",
        state->waiting, acme_time_span_words(state->retry_delay, scratch_pool), words);
    acme_env_log(world->env, ACME_LOG_ERROR, "%s", text);
    mod_acme_board_pin(world->board, MOD_ACME_NOTE_ACTIVATION, text);
    apr_pool_destroy(scratch_pool);
}

static void test_ended(void *baton, int status, const char *output)
{
    mod_acme_activation_state_t *state = baton;
    state->is_testing = 0;
    if (status != MOD_ACME_PROCESS_WELL) {
        report_failure(state, status, output);
        return;
    }
    state->is_asked = 1;
    *state->last_restart = acme_env_now(state->world->env);
    mod_acme_board_pin(state->world->board, MOD_ACME_NOTE_ACTIVATION, NULL);
    acme_env_log(state->world->env, ACME_LOG_NOTICE,
                 "httpd is restarted gracefully for the new certificates of %d %s", state->waiting,
                 state->waiting == 1 ? "host" : "hosts");
    (void)kill(getpid(), AP_SIG_GRACEFUL); /* ourselves, so it is allowed */
}

/* ---- looking */

static int is_time(const mod_acme_activation_state_t *state)
{
    apr_time_t now = acme_env_now(state->world->env);
    apr_time_exp_t local;
    if (now < state->not_before || apr_time_exp_lt(&local, now) != APR_SUCCESS) {
        return 0;
    }
    return mod_acme_words_in_window(&state->world->global->activation,
                                    local.tm_hour * 60 + local.tm_min);
}

static void start_test(mod_acme_activation_state_t *state)
{
    const mod_acme_process_t process = {exec_test, test_ended, state, LIMIT_SECONDS, 1};
    acme_err_t *err = mod_acme_process_start(&process, state->world->pool);
    if (err != NULL) {
        report_failure(state, MOD_ACME_PROCESS_FAILED, err->text);
        return;
    }
    state->is_testing = 1;
}

/* see mod_acme_activation.h */
void mod_acme_activation_look(mod_acme_world_t *world, const apr_uint64_t *pointed)
{
    mod_acme_activation_state_t *state = state_of(world);
    if (state->is_testing || state->is_asked) {
        return;
    }
    int is_news = 0;
    apr_pool_t *scratch_pool = NULL;
    apr_pool_create(&scratch_pool, world->pool);
    state->waiting = count_waiting(&is_news, world, pointed, scratch_pool);
    apr_pool_destroy(scratch_pool);
    apr_time_t now = acme_env_now(world->env);
    state->since = state->waiting == 0 ? 0 : state->since == 0 ? now : state->since;
    int is_gathered = state->waiting > 0 && (!is_news || now - state->since >= GATHERING_MAX);
    if (is_gathered && world->global->activation.mode == MOD_ACME_ACTIVATE_GRACEFUL &&
        is_time(state)) {
        start_test(state);
    }
}
