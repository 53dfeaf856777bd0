/* The domains with their first certificates, and the CA with its limits and profiles; see sim.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim/sim.h"

#include <assert.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_key.h"

const sim_kind_t sim_kinds[SIM_KINDS] = {
    {"90 d", NULL, 90 * ACME_TIME_DAY, 60},
    {"45 d", "tlsserver", 45 * ACME_TIME_DAY, 35},
    {"160 h", "shortlived", 160 * ACME_TIME_HOUR, 5},
};

/* splitmix64, apart from that of the fakes: a plan does not depend on what the engine draws. */
double sim_uniform(sim_t *sim)
{
    apr_uint64_t z = (sim->random += APR_UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * APR_UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) / (double)(APR_UINT64_C(1) << 53);
}

apr_interval_time_t sim_between(sim_t *sim, apr_interval_time_t a, apr_interval_time_t b)
{
    return a + (apr_interval_time_t)((double)(b - a) * sim_uniform(sim));
}

apr_time_t sim_now(const sim_t *sim)
{
    return acme_env_now(fake_env(sim->w->world));
}

/* ---- one key for all */

static acme_key_t *the_key;
static int has_account_key;

/* The first key is the account's, and no CA takes a certificate for that one. */
static acme_err_t *hand_out_key(acme_key_t **key, const acme_key_spec_t *spec, apr_pool_t *pool)
{
    if (!has_account_key) {
        has_account_key = 1;
        return acme_key_generate(key, spec, pool);
    }
    return acme_key_from_pkey(key, acme_key_pkey(the_key), pool);
}

static void make_the_key(apr_pool_t *pool)
{
    const acme_key_spec_t spec = {.type = ACME_KEY_P256};
    acme_err_t *err = acme_key_generate(&the_key, &spec, pool);
    assert(err == NULL);
    (void)err;
    has_account_key = 0;
}

/* ---- the CA */

static void set_ca(sim_t *sim)
{
    fake_ca_t *ca = sim->w->ca;
    fake_ca_settings_t *settings = fake_ca_settings(ca);
    settings->is_lean = 1;
    settings->trusts_signatures = 1;
    settings->has_renewal_info = 1;
    settings->ari_retry_after = sim->options->ari_retry_after;
    settings->profiles = "classic,tlsserver,shortlived";
    settings->valid_authz_lifetime = 7 * ACME_TIME_HOUR;
    settings->latency = 80 * 1000;
    settings->latency_jitter = 60 * 1000;
    settings->validation_delay = 1500 * 1000;
    settings->issue_delay = 800 * 1000;
    fake_ca_limit_as_public(ca);
    sim->w->ca_config.limits = fake_ca_public_limits;
    for (int i = 0; i < SIM_KINDS; i++) {
        if (sim_kinds[i].profile != NULL) {
            fake_ca_profile_lifetime(ca, sim_kinds[i].profile, sim_kinds[i].life);
        }
    }
}

/* ---- the domains */

static const sim_kind_t *kind_of(int index)
{
    int place = index % 20 * 5; /* each twentieth is five percent */
    int kind = 0;
    for (int sum = sim_kinds[0].percent; place >= sum; sum += sim_kinds[kind].percent) {
        kind++;
    }
    return &sim_kinds[kind];
}

static void add_domain(sim_t *sim, int index)
{
    sim_domain_t *one = &sim->domains[index];
    apr_pool_t *pool;
    apr_pool_create(&pool, sim->pool);
    int sites = (sim->options->domains + 9) / 10;
    acme_domain_t *domain =
        engine_world_domain(sim->w, apr_psprintf(pool, "www%d.site%d.test", index, index % sites));
    apr_pool_destroy(pool);
    one->kind = kind_of(index);
    domain->profile = one->kind->profile;
    one->domain = domain;
    apr_hash_set(sim->by_folder, domain->folder, APR_HASH_KEY_STRING, one);
}

/* One of any age, so that the work of a year begins in its midst. */
static void give_certificate(sim_t *sim, sim_domain_t *one, const acme_store_t *store)
{
    apr_pool_t *pool;
    apr_pool_create(&pool, sim->pool);
    apr_interval_time_t life = one->kind->life;
    double oldest = life < 10 * ACME_TIME_DAY ? 0.48 : 0.65;
    apr_time_t made =
        (sim->start - (apr_interval_time_t)((double)life * oldest * sim_uniform(sim))) /
        ACME_TIME_SECOND * ACME_TIME_SECOND;
    const char *pem = fake_ca_issue(sim->w->ca, acme_key_pkey(the_key), one->domain->name,
                                    made - ACME_TIME_HOUR, made - ACME_TIME_HOUR + life, pool);
    acme_chain_t *chain;
    acme_err_t *err = acme_chain_parse(&chain, pem, strlen(pem), pool);
    apr_array_header_t *certificates =
        apr_array_make(pool, 1, sizeof(acme_generation_certificate_t));
    APR_ARRAY_PUSH(certificates, acme_generation_certificate_t) =
        (acme_generation_certificate_t){.type = ACME_KEY_P256,
                                        .chain = err == NULL ? chain : NULL,
                                        .key = the_key,
                                        .ca_url = fake_ca_directory_url(sim->w->ca),
                                        .profile = one->kind->profile};
    acme_generation_t generation = {.number = 1, .made = made, .certificates = certificates};
    if (err == NULL) {
        err = acme_generation_write(store, one->domain->folder, &generation, pool);
    }
    assert(err == NULL);
    (void)err;
    apr_pool_destroy(pool);
}

/* Of twenty names one fails: every eighth of them for good, the others for some days. */
static void let_fail(sim_t *sim, int index)
{
    sim_domain_t *one = &sim->domains[index];
    if (index / 20 % 8 == 0) {
        one->fails = (sim_span_t){sim->start, sim->end + ACME_TIME_DAY};
        return;
    }
    one->fails.from = sim_between(sim, sim->start, sim->end);
    one->fails.until = one->fails.from + sim_between(sim, ACME_TIME_HOUR, 20 * ACME_TIME_DAY);
}

sim_t *sim_create(const sim_options_t *options, apr_pool_t *pool)
{
    sim_t *sim = apr_pcalloc(pool, sizeof(*sim));
    sim->pool = pool;
    sim->options = options;
    sim->random = options->seed;
    sim->w = engine_world_create(pool);
    sim->w->generate_key = hand_out_key;
    sim->w->check_interval = 2 * ACME_TIME_DAY; /* each inquiry is a look, too */
    sim->start = sim_now(sim);
    sim->end = sim->start + options->days * ACME_TIME_DAY;
    sim->by_folder = apr_hash_make(pool);
    sim->domains = apr_pcalloc(pool, sizeof(sim_domain_t) * (apr_size_t)options->domains);
    make_the_key(pool);
    set_ca(sim);
    const acme_store_t *store =
        fake_store_open(sim->w->disk, 1 << 30, sim->w->seal, fake_env(sim->w->world), pool);
    for (int i = 0; i < options->domains; i++) {
        add_domain(sim, i);
        if (!options->is_first_start) {
            give_certificate(sim, &sim->domains[i], store);
            sim_watch_certificate(sim, &sim->domains[i]);
        }
        if (!options->is_first_start && (i + i / 20) % 20 == 3) { /* of every kind some */
            let_fail(sim, i);
        }
    }
    return sim;
}
