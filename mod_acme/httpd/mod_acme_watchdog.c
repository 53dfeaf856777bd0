/* The watchdog: the thread of one child that runs the engine.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Two threads meet here: mod_watchdog's, which runs the callback, and the child's main thread,
 * which stops it. Each first says what it is about to do (is_inside, is_stopping) and then looks at
 * the other's word, so that at most one of them touches the engine.
 */
#include "config.h"

#include <stdatomic.h>
#include <string.h>

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <mod_watchdog.h>
#include <apr_strings.h>
#include <curl/curl.h>

#include "acme/acme_engine.h"
#include "acme/acme_public_suffix.h"
#include "acme/acme_store.h"
#include "acme/acme_time.h"
#include "acme/acme_transport_curl.h"
#include "mod_acme_preflight.h"
#include "mod_acme_solvers.h"
#include "mod_acme_static.h"
#include "mod_acme_watchdog.h"

APLOG_USE_MODULE(acme);

#define NAME "_acme_"
#define SLICE (ACME_TIME_SECOND / 10)

/* The longest wait inside one tick; a wake-up ends it at once. */
#define WAIT_MAX (1 * ACME_TIME_SECOND)

/* Even without anything due the engine looks this often whether somebody rang. */
#define IDLE_MAX (1 * ACME_TIME_SECOND)

/* For so long a lock held by somebody else is no news: the old children are just leaving. */
#define HANDOVER (3 * ACME_TIME_SECOND)

#define STOP_MAX (5 * ACME_TIME_SECOND)

/* What an engine that has to go may wait for the answers to its new orders. */
#define DRAIN_MAX (2 * ACME_TIME_SECOND)

/* The engine of this process and what belongs to it. */
typedef struct {
    mod_acme_world_t *world; /* NULL: this child runs none */
    apr_pool_t *pool;        /* unmanaged; NULL as long as there is no engine */
    acme_engine_t *engine;
    _Atomic(acme_transport_t *) transport;
    int is_locked; /* the store's lock is ours */
    int is_up;     /* the first tick is done */

    apr_time_t next;              /* when something is due, by the wall clock */
    apr_interval_time_t ticked;   /* when it last ticked, by the other clock */
    apr_interval_time_t began;    /* when it was first called */
    apr_interval_time_t next_try; /* when to try again to become the engine */
    const char *said;             /* the sentence why there is no engine, said already */
    char said_text[MOD_ACME_NOTE_MAX + 1];

    _Atomic int is_inside;
    _Atomic int is_stopping;
} runner_t;

static runner_t runner;

/* ---- becoming the engine */

/* Says why there is no engine, once, in the log and on the status page. It is called every second:
 * what is too long to be kept is compared as far as it is kept. */
static void say(acme_log_level_t level, const char *text)
{
    if (runner.said != NULL && strncmp(runner.said, text, MOD_ACME_NOTE_MAX) == 0) {
        return;
    }
    apr_cpystrn(runner.said_text, text, sizeof(runner.said_text));
    runner.said = runner.said_text;
    acme_env_log(runner.world->env, level, "%s", text);
    mod_acme_board_pin(runner.world->board, MOD_ACME_NOTE_ENGINE, text);
}

static int clock_is_sane(apr_pool_t *pool)
{
    apr_time_t now = acme_env_now(runner.world->env);
    if (now >= apr_time_from_sec((apr_time_t)ACME_BUILD_EPOCH)) {
        return 1;
    }
    say(ACME_LOG_ERROR,
        apr_pstrcat(pool, "The clock of this machine says ",
                    /* the day: a sentence with the second in it would be a new one each second */
                    apr_pstrmemdup(pool, acme_time_rfc3339(now, pool), strlen("yyyy-mm-dd")),
                    ", which is before this mod_acme was made: no certificate is ordered until the "
                    "clock is set",
                    NULL));
    return 0;
}

static int take_lock(apr_pool_t *pool)
{
    int holder = 0;
    acme_err_t *err = acme_store_lock(&runner.is_locked, &holder, runner.world->store, pool);
    if (err != NULL) {
        runner.is_locked = 0;
        say(ACME_LOG_ERROR, apr_psprintf(pool,
                                         "No certificate is ordered, since the lock of the "
                                         "store cannot be asked for: %s",
                                         err->text));
        return 0;
    }
    if (!runner.is_locked && acme_env_monotonic(runner.world->env) - runner.began >= HANDOVER) {
        say(ACME_LOG_WARNING,
            apr_psprintf(pool,
                         "Another engine (process %d) holds the lock of the store %s: this server "
                         "serves the certificates and orders none as long as it does",
                         holder, runner.world->base));
    }
    return runner.is_locked;
}

/* A limit that is not kept is worth a word only where there is one. */
static void warn_of_limits(const mod_acme_world_t *world)
{
    for (int i = 0; i < world->global->cas->nelts && !acme_public_suffix_is_known(); i++) {
        const acme_ca_t *ca = APR_ARRAY_IDX(world->global->cas, i, const acme_ca_t *);
        if (ca->limits.registered_domain.count != 0) {
            acme_env_log(world->env, ACME_LOG_INFO,
                         "%s: its limit by registered domain is not kept, since this mod_acme was "
                         "built without libpsl or finds no Public Suffix List; install both where "
                         "many certificates of one domain are wanted at once",
                         ca->name);
            return;
        }
    }
}

static acme_err_t *make_engine(apr_pool_t *pool)
{
    const mod_acme_world_t *world = runner.world;
    ap_version_t version;
    ap_get_server_revision(&version);
    const char *user_agent = acme_transport_curl_user_agent(
        apr_psprintf(pool, AP_SERVER_BASEPRODUCT "/%d.%d.%d", version.major, version.minor,
                     version.patch),
        pool);
    const acme_transport_curl_config_t transport_config = {
        .user_agent = user_agent,
        .connect_timeout = 30 * ACME_TIME_SECOND,
        .exchange_timeout = 5 * ACME_TIME_MINUTE,
        .max_connections = 4,
    };
    acme_transport_t *transport = NULL;
    ACME_TRY(acme_transport_curl_create(&transport, &transport_config, pool));
    apr_array_header_t *solvers = mod_acme_solvers_create(world, user_agent, pool);
    const acme_engine_config_t config = {
        .env = world->env,
        .store = world->store,
        .transport = transport,
        .solvers = solvers,
        .domains = world->global->domains,
        .statics = mod_acme_static_facts(world, pool),
        .bell = mod_acme_board_bell(world->board),
        .preflight = mod_acme_preflight_create(world, user_agent, pool),
        .registered_domain = acme_public_suffix_is_known() ? acme_public_suffix_domain : NULL,
        .retry_delay = world->global->retry_delay,
        .retry_failover = world->global->retry_failover,
        .check_interval = world->global->check_interval,
    };
    warn_of_limits(world);
    runner.engine = acme_engine_create(&config, pool);
    atomic_store(&runner.transport, transport);
    return NULL;
}

static void drop_engine(void)
{
    atomic_store(&runner.transport, NULL);
    if (runner.engine != NULL) {
        acme_engine_drain(runner.engine, DRAIN_MAX);
        acme_engine_stop(runner.engine);
        runner.engine = NULL;
    }
    if (runner.pool != NULL) {
        apr_pool_destroy(runner.pool);
        runner.pool = NULL;
    }
    if (runner.is_up) {
        /* whoever is left looks for itself, until the next engine of this configuration is up */
        atomic_store(&mod_acme_board_bell(runner.world->board)->engine_is_up, 0);
        runner.is_up = 0;
    }
    if (runner.is_locked) {
        acme_store_unlock(runner.world->store);
        runner.is_locked = 0;
    }
}

static void become_engine(void)
{
    apr_interval_time_t now = acme_env_monotonic(runner.world->env);
    if (runner.began == 0) {
        runner.began = now;
    }
    if (now < runner.next_try) {
        return;
    }
    runner.next_try = now - runner.began < HANDOVER ? now : now + ACME_TIME_SECOND;
    /* not a child of any pool of httpd: those go while this thread may still run */
    apr_pool_create_unmanaged_ex(&runner.pool, NULL, NULL);
    if (!clock_is_sane(runner.pool) || !take_lock(runner.pool)) {
        drop_engine();
        return;
    }
    acme_err_t *err = make_engine(runner.pool);
    if (err != NULL) {
        say(ACME_LOG_ERROR, apr_psprintf(runner.pool, "No certificate is ordered: %s", err->text));
        drop_engine();
    }
}

/* ---- being the engine */

static void first_tick_is_done(void)
{
    runner.is_up = 1;
    runner.said = NULL;
    mod_acme_board_pin(runner.world->board, MOD_ACME_NOTE_ENGINE, NULL);
    atomic_store(&mod_acme_board_bell(runner.world->board)->engine_is_up, 1);
    acme_env_log(runner.world->env, ACME_LOG_INFO, "the engine is up and holds the store %s",
                 runner.world->base);
}

static apr_interval_time_t until_next(void)
{
    return runner.next - acme_env_now(runner.world->env);
}

static apr_interval_time_t wait_for(void)
{
    apr_interval_time_t wait = until_next();
    return wait < 0 ? 0 : wait > WAIT_MAX ? WAIT_MAX : wait;
}

/* Ticks as long as there is something to do: mod_watchdog sleeps 100 ms between two calls, and a
 * certificate takes many exchanges. */
static void tick(void)
{
    for (;;) {
        runner.ticked = acme_env_monotonic(runner.world->env);
        runner.next =
            acme_engine_tick(runner.engine, acme_engine_is_busy(runner.engine) ? wait_for() : 0);
        if (!runner.is_up) {
            first_tick_is_done();
        }
        if (atomic_load(&runner.is_stopping)) {
            return;
        }
        if (acme_engine_is_busy(runner.engine)) {
            continue;
        }
        if (until_next() >= SLICE) {
            return;
        }
        acme_transport_pump(atomic_load(&runner.transport), wait_for());
    }
}

static void run(void)
{
    if (runner.engine == NULL) {
        become_engine();
    }
    if (runner.engine == NULL) {
        return;
    }
    apr_interval_time_t idle = acme_env_monotonic(runner.world->env) - runner.ticked;
    if (!runner.is_up || until_next() <= 0 || idle >= IDLE_MAX) {
        tick();
    }
}

static apr_status_t callback(int state, void *data, apr_pool_t *pool)
{
    (void)data;
    (void)pool;
    if (runner.world == NULL) {
        return APR_SUCCESS;
    }
    atomic_store(&runner.is_inside, 1);
    if (!atomic_load(&runner.is_stopping)) {
        if (state == AP_WATCHDOG_STATE_RUNNING) {
            run();
        }
        else if (state == AP_WATCHDOG_STATE_STOPPING) {
            drop_engine();
        }
    }
    atomic_store(&runner.is_inside, 0);
    return APR_SUCCESS; /* anything else would be the last call until a restart */
}

/* ---- what httpd calls */

static int is_wanted(const mod_acme_world_t *world)
{
    if (world->store == NULL || world->board == NULL) {
        return 0;
    }
    for (int i = 0; i < world->global->domains->nelts; i++) {
        if (APR_ARRAY_IDX(world->global->domains, i, const acme_domain_t *)->renew_mode !=
            ACME_RENEW_MANUAL) {
            return 1;
        }
    }
    return 0;
}

/* see mod_acme_watchdog.h */
void mod_acme_watchdog_register(mod_acme_world_t *world)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get_instance =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *register_callback =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    if (!is_wanted(world)) {
        return;
    }
    if (get_instance == NULL || register_callback == NULL) {
        world->trouble =
            "mod_watchdog is not loaded, so no certificate is obtained or renewed: add "
            "its LoadModule line to the configuration";
        acme_env_log(world->env, ACME_LOG_ERROR, "%s", world->trouble);
        return;
    }
    ap_watchdog_t *watchdog = NULL;
    apr_status_t rv = get_instance(&watchdog, NAME, 0, 1, world->pool);
    if (rv == APR_SUCCESS) {
        rv = register_callback(watchdog, SLICE, world, callback);
    }
    if (rv != APR_SUCCESS) {
        world->trouble = "mod_watchdog does not take our task, so no certificate is obtained or "
                         "renewed: restart httpd, and report this if it stays so";
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, world->server, "%s", world->trouble);
    }
}

/* see mod_acme_watchdog.h */
void mod_acme_watchdog_child_init(mod_acme_world_t *world)
{
    if (is_wanted(world)) {
        (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* what fails shows when a handle is made */
        runner.world = world;
    }
}

/* see mod_acme_watchdog.h */
void mod_acme_watchdog_child_stopping(apr_pool_t *pool, int graceful)
{
    (void)pool;
    (void)graceful; /* either way the child ends, and the next engine waits for the lock */
    if (runner.world == NULL) {
        return;
    }
    apr_interval_time_t began = acme_env_monotonic(runner.world->env);
    atomic_store(&runner.is_stopping, 1);
    while (atomic_load(&runner.is_inside)) {
        acme_transport_t *transport = atomic_load(&runner.transport);
        if (transport != NULL) {
            acme_transport_wakeup(transport);
        }
        if (acme_env_monotonic(runner.world->env) - began >= STOP_MAX) {
            acme_env_log(runner.world->env, ACME_LOG_WARNING,
                         "the engine did not stop within 5 seconds and is cut off; its records say "
                         "where to go on");
            return;
        }
        apr_sleep(ACME_TIME_SECOND / 200);
    }
    drop_engine();
}
