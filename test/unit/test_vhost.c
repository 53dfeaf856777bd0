/* Linking of domains and virtual hosts, with server records made by hand and no httpd around them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <httpd.h>
#include <http_config.h>

#include "acme/acme_dns.h"
#include "acme/acme_text.h"

#include "mod_acme_settings.h"
#include "mod_acme_vhost.h"

/* What httpd has and the test needs. */
module AP_MODULE_DECLARE_DATA acme_module;

int ap_strcasecmp_match(const char *str, const char *expected)
{
    (void)str;
    return strcmp(expected, "w?w.example.org") != 0;
}

/* Never called where httpd makes them macros. */
#undef ap_get_module_config
#undef ap_set_module_config
void *ap_get_module_config(const ap_conf_vector_t *config, const module *record)
{
    return ((void *const *)config)[record->module_index];
}

void ap_set_module_config(ap_conf_vector_t *config, const module *record, void *value)
{
    ((void **)config)[record->module_index] = value;
}

typedef struct {
    apr_pool_t *pool;
    mod_acme_raw_t *raw;
    server_rec *base;
    int line;
} world_t;

static server_rec *make_server(world_t *world, const char *name)
{
    server_rec *s = apr_pcalloc(world->pool, sizeof(*s));
    mod_acme_server_t *server = apr_pcalloc(world->pool, sizeof(*server));
    mod_acme_settings_clear(&server->settings);
    void **vector = apr_pcalloc(world->pool, sizeof(void *));
    vector[0] = server;
    s->module_config = (ap_conf_vector_t *)vector;
    s->server_hostname = apr_pstrdup(world->pool, name);
    s->defn_name = "test.conf";
    s->defn_line_number = (unsigned)++world->line;
    s->names = apr_array_make(world->pool, 2, sizeof(char *));
    s->wild_names = apr_array_make(world->pool, 2, sizeof(char *));
    return s;
}

static world_t begin(void **state)
{
    world_t world = {.pool = *state};
    acme_module.module_index = 0;
    world.raw = mod_acme_settings_raw(world.pool);
    world.base = make_server(&world, "base.example.org");
    return world;
}

/* A virtual host with the words of @a aliases; httpd puts each before the others. */
static server_rec *host(world_t *world, const char *name, const char *aliases)
{
    server_rec *s = make_server(world, name);
    const apr_array_header_t *words = acme_text_split(aliases, " ", world->pool);
    for (int i = 0; i < words->nelts; i++) {
        char *word = APR_ARRAY_IDX(words, i, char *);
        APR_ARRAY_PUSH(strpbrk(word, "*?") != NULL ? s->wild_names : s->names, char *) = word;
    }
    s->is_virtual = 1;
    s->next = world->base->next;
    world->base->next = s;
    return s;
}

/* An ACMEDomain with the words of @a names. */
static mod_acme_definition_t *define(world_t *world, server_rec *s, const char *names)
{
    mod_acme_definition_t *definition = apr_pcalloc(world->pool, sizeof(*definition));
    mod_acme_settings_clear(&definition->settings);
    definition->settings.agreement = "accepted";
    definition->names = acme_text_split(names, " ", world->pool);
    definition->server = s != NULL ? s : world->base;
    definition->file = "test.conf";
    definition->line = ++world->line;
    APR_ARRAY_PUSH(world->raw->definitions, mod_acme_definition_t *) = definition;
    return definition;
}

static const mod_acme_global_t *link_all(world_t *world)
{
    mod_acme_vhost_link(&world->raw->global, world->raw, world->base, world->pool);
    return &world->raw->global;
}

static int count_findings(const world_t *world)
{
    return mod_acme_findings_all(world->raw->findings)->nelts;
}

static const acme_domain_t *domain_at(const mod_acme_global_t *global, int i)
{
    assert_true(i < global->domains->nelts);
    const acme_domain_t *domain = APR_ARRAY_IDX(global->domains, i, const acme_domain_t *);
    assert_int_equal(i, domain->index);
    return domain;
}

static void assert_names(const char *wanted, const acme_domain_t *domain, apr_pool_t *pool)
{
    assert_string_equal(wanted, acme_identifiers_text(domain->identifiers, 100, pool));
}

static void assert_linked(const char *wanted, const server_rec *s)
{
    const acme_domain_t *domain = mod_acme_vhost_domain(s);
    assert_string_equal(wanted, domain != NULL ? domain->name : "none");
}

static void a_host_gives_its_names_and_gets_its_domain(void **state)
{
    world_t world = begin(state);
    server_rec *a = host(&world, "A.example.org", "www.example.org c.example.org");
    server_rec *other = host(&world, "other.example.org", "");
    define(&world, NULL, "a.example.org b.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(1, global->domains->nelts);
    assert_names("a.example.org, b.example.org, www.example.org and c.example.org",
                 domain_at(global, 0), world.pool);
    assert_true(domain_at(global, 0)->is_used);
    assert_string_equal("a.example.org", domain_at(global, 0)->folder);
    assert_linked("a.example.org", a);
    assert_linked("none", other);
    assert_linked("none", world.base);
    assert_int_equal(0, count_findings(&world));
}

static void defaults_are_those_of_the_manual(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "");
    define(&world, NULL, "a.example.org");
    const mod_acme_global_t *global = link_all(&world);
    const acme_domain_t *domain = domain_at(global, 0);
    assert_int_equal(33, domain->renew_window.percent);
    assert_int_equal(10, domain->warn_window.percent);
    assert_int_equal(ACME_RENEW_AUTO, domain->renew_mode);
    assert_int_equal(1, domain->key_specs->nelts);
    assert_int_equal(ACME_KEY_P256, APR_ARRAY_IDX(domain->key_specs, 0, acme_key_spec_t).type);
    assert_string_equal("letsencrypt", domain->ca->name);
    assert_int_equal(0, domain->ca->contacts->nelts);
    assert_null(domain->ca->route.proxy);
    assert_true(global->retry_delay == 30 * ACME_TIME_SECOND);
    assert_true(global->check_interval == 12 * ACME_TIME_HOUR);
    assert_int_equal(80, global->ports.http);
    assert_int_equal(MOD_ACME_ACTIVATE_LIVE, global->activation.mode);
    assert_int_equal(MOD_ACME_PLACEHOLDER_UNAVAILABLE, global->placeholder);
}

static void a_domain_without_names_takes_the_hosts(void **state)
{
    world_t world = begin(state);
    server_rec *a = host(&world, "a.example.org", "b.example.org w?w.example.org");
    define(&world, a, "");
    const mod_acme_global_t *global = link_all(&world);
    assert_names("a.example.org and b.example.org", domain_at(global, 0), world.pool);
    assert_int_equal(1, count_findings(&world));
}

static void a_name_that_httpd_lent_is_none(void **state)
{
    world_t world = begin(state);
    server_rec *a = host(&world, "", "");
    a->server_hostname = world.base->server_hostname;
    define(&world, a, "");
    assert_int_equal(0, link_all(&world)->domains->nelts);
    assert_int_equal(1, count_findings(&world));
}

static void one_host_may_have_many_domains(void **state)
{
    world_t world = begin(state);
    server_rec *all = host(&world, "portal.example.net", "*.example.org");
    for (int i = 0; i < 1000; i++) {
        define(&world, NULL, apr_psprintf(world.pool, "h%d.example.org", i));
    }
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(1000, global->domains->nelts);
    assert_int_equal(0, count_findings(&world));
    for (int i = 0; i < 1000; i++) {
        assert_true(domain_at(global, i)->is_used);
        assert_int_equal(1, domain_at(global, i)->identifiers->nelts);
    }
    assert_linked("h0.example.org", all);
    assert_ptr_equal(domain_at(global, 77),
                     acme_domain_index_find(global->index, "h77.example.org", 15));
}

static void the_server_name_decides_before_the_aliases(void **state)
{
    world_t world = begin(state);
    server_rec *s = host(&world, "b.example.org", "a.example.org");
    server_rec *aliases = host(&world, "none.example.org", "x.example.org b.example.org");
    define(&world, NULL, "a.example.org");
    define(&world, NULL, "b.example.org");
    link_all(&world);
    assert_linked("b.example.org", s);
    assert_linked("b.example.org", aliases);
}

static void where_several_share_a_host_none_takes_its_names(void **state)
{
    world_t world = begin(state);
    host(&world, "portal.example.org", "a.example.org b.example.org rest.example.org");
    define(&world, NULL, "a.example.org");
    define(&world, NULL, "b.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(1, domain_at(global, 0)->identifiers->nelts);
    assert_int_equal(1, domain_at(global, 1)->identifiers->nelts);
}

static void a_host_of_plain_http_gives_no_names(void **state)
{
    world_t world = begin(state);
    server_rec *s = host(&world, "a.example.org", "old.example.org");
    server_addr_rec *addr = apr_pcalloc(world.pool, sizeof(*addr));
    addr->host_port = 80;
    s->addrs = addr;
    define(&world, NULL, "a.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_names("a.example.org", domain_at(global, 0), world.pool);
    assert_true(domain_at(global, 0)->is_used);
    assert_linked("a.example.org", s);
}

static void too_many_names_become_several_domains_of_the_host(void **state)
{
    world_t world = begin(state);
    char *names = "";
    for (int i = 0; i < 250; i++) {
        names =
            apr_pstrcat(world.pool, names, apr_psprintf(world.pool, "h%d.example.org ", i), NULL);
    }
    server_rec *s = host(&world, "h0.example.org", names);
    define(&world, s, "");
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(3, global->domains->nelts);
    assert_int_equal(100, domain_at(global, 0)->identifiers->nelts);
    assert_int_equal(50, domain_at(global, 2)->identifiers->nelts);
    assert_true(domain_at(global, 2)->is_used);
    assert_linked("h0.example.org", s);
    assert_ptr_equal(domain_at(global, 2),
                     acme_domain_index_find(global->index, "h249.example.org", 16));
    assert_int_equal(1, global->cas->nelts);
    assert_int_equal(0, count_findings(&world));
}

static void nobody_uses_a_domain_without_host(void **state)
{
    world_t world = begin(state);
    define(&world, NULL, "a.example.org");
    define(&world, NULL, "base.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_false(domain_at(global, 0)->is_used);
    assert_false(domain_at(global, 1)->is_used);
    assert_int_equal(2, count_findings(&world));
}

static void the_base_server_is_a_host_where_it_is_said(void **state)
{
    world_t world = begin(state);
    world.raw->global.has_base_server = 1;
    define(&world, NULL, "base.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_true(domain_at(global, 0)->is_used);
    assert_linked("base.example.org", world.base);
}

static void domains_of_one_ca_share_it(void **state)
{
    static const mod_acme_ca_t ca = {.name = "ca.local",
                                     .directory_url = "https://ca.local/dir",
                                     .is_private = 1,
                                     .max_identifiers = 100};
    world_t world = begin(state);
    host(&world, "a.example.org", "");
    host(&world, "b.example.org", "");
    host(&world, "c.example.org", "");
    define(&world, NULL, "a.example.org")->settings.ca = &ca;
    mod_acme_definition_t *b = define(&world, NULL, "b.example.org");
    b->settings.ca = &ca;
    b->settings.proxy = "http://proxy:3128";
    define(&world, NULL, "c.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(2, global->cas->nelts);
    assert_ptr_equal(domain_at(global, 0)->ca, domain_at(global, 1)->ca);
    assert_true(domain_at(global, 0)->ca->is_private);
    assert_null(domain_at(global, 1)->ca->route.proxy);
    assert_string_equal("letsencrypt", domain_at(global, 2)->ca->name);
    assert_int_equal(1, count_findings(&world));
}

/* ---- test environments */

static mod_acme_ca_t *ca_of(const char *word, apr_pool_t *pool)
{
    mod_acme_ca_t *ca = apr_palloc(pool, sizeof(*ca));
    assert_well(mod_acme_ca_parse(ca, word, pool));
    return ca;
}

static void a_known_test_environment_is_asked_as_its_ca_is(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org");
    define(&world, NULL, "a.example.org");
    mod_acme_definition_t *b = define(&world, NULL, "b.example.org");
    apr_array_header_t *contacts = apr_array_make(world.pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(contacts, const char *) = "mailto:b@example.org";
    const acme_account_key_t key = {.file = "/etc/account.pem"};
    b->settings.contacts = contacts; /* said later, and of its test environment too */
    b->settings.account_key = &key;
    b->settings.is_rehearsed = 0;
    const mod_acme_global_t *global = link_all(&world);
    const acme_ca_t *test = domain_at(global, 0)->ca->test;
    assert_non_null(test);
    assert_string_equal("letsencrypt-staging", test->name);
    assert_string_equal(acme_ca_folder(test->directory_url, world.pool), test->folder);
    assert_string_equal("accepted", test->agreement);
    assert_ptr_equal(contacts, test->contacts);
    assert_ptr_equal(&key, test->account_key);
    assert_true(test->is_test);
    assert_null(test->test);
    assert_int_equal(0, test->limits.exact_set.count);
    assert_false(domain_at(global, 0)->is_rehearsal_off);
    assert_true(domain_at(global, 1)->is_rehearsal_off);
    assert_int_equal(1, global->cas->nelts);
    assert_int_equal(0, count_findings(&world));
}

static void no_hand_is_asked_to_prove_a_name_for_a_rehearsal(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org c.example.org");
    acme_dns01_t dns01 = {.way = ACME_DNS01_MANUAL};
    acme_http01_t http01 = {.way = ACME_HTTP01_MANUAL};
    acme_http01_t webroot = {.way = ACME_HTTP01_WEBROOT, .webroot = "/srv"};
    define(&world, NULL, "a.example.org")->settings.dns01 = &dns01;
    define(&world, NULL, "b.example.org")->settings.http01 = &http01;
    define(&world, NULL, "c.example.org")->settings.http01 = &webroot;
    const mod_acme_global_t *global = link_all(&world);
    assert_true(domain_at(global, 0)->is_rehearsal_off);
    assert_true(domain_at(global, 1)->is_rehearsal_off);
    assert_false(domain_at(global, 2)->is_rehearsal_off);
}

static void a_ca_for_customers_has_no_test_environment(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "");
    acme_eab_t eab = {.kid = "kid"};
    mod_acme_definition_t *a = define(&world, NULL, "a.example.org");
    a->settings.eab = &eab;
    assert_null(domain_at(link_all(&world), 0)->ca->test);
    assert_int_equal(0, count_findings(&world));
    a->settings.is_rehearsed = 1;
    a->settings.test = ca_of("https://test.local/dir", world.pool);
    assert_null(domain_at(link_all(&world), 0)->ca->test);
    assert_int_equal(1, count_findings(&world));
}

static void other_cas_have_the_test_environment_that_is_named(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org c.example.org d.example.org");
    define(&world, NULL, "a.example.org")->settings.ca = ca_of("https://ca.local/dir", world.pool);
    assert_null(domain_at(link_all(&world), 0)->ca->test);
    mod_acme_definition_t *b = define(&world, NULL, "b.example.org");
    b->settings.ca = ca_of("https://ca.local/dir", world.pool);
    b->settings.is_rehearsed = 1;
    b->settings.test = ca_of("https://test.local/dir", world.pool);
    const mod_acme_global_t *global = link_all(&world);
    assert_string_equal("test.local", domain_at(global, 0)->ca->test->name);
    assert_int_equal(0, count_findings(&world));
    mod_acme_definition_t *c = define(&world, NULL, "c.example.org");
    c->settings = b->settings;
    c->settings.test = ca_of("https://ca.local/dir", world.pool); /* that is the CA */
    mod_acme_definition_t *d = define(&world, NULL, "d.example.org");
    d->settings = b->settings;
    d->settings.test = ca_of("https://other.local/dir", world.pool);
    global = link_all(&world);
    assert_string_equal("test.local", domain_at(global, 3)->ca->test->name);
    assert_int_equal(2, count_findings(&world));
}

static void a_test_environment_may_be_the_ca_of_another_domain(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org");
    define(&world, NULL, "a.example.org");
    define(&world, NULL, "b.example.org")->settings.ca = ca_of("letsencrypt-staging", world.pool);
    const mod_acme_global_t *global = link_all(&world);
    assert_ptr_equal(domain_at(global, 1)->ca, domain_at(global, 0)->ca->test);
    assert_false(domain_at(global, 1)->ca->is_test);
    assert_null(domain_at(global, 1)->ca->test);
}

static mod_acme_limits_t *limits(const char *line, apr_pool_t *pool)
{
    mod_acme_limits_t *written = apr_palloc(pool, sizeof(*written));
    assert_well(mod_acme_limits_parse(written, acme_text_split(line, " ", pool), pool));
    written->file = "limits.conf";
    return written;
}

static void a_ca_has_the_limits_that_are_built_in(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "");
    define(&world, NULL, "a.example.org");
    const acme_limits_t *built_in = &domain_at(link_all(&world), 0)->ca->limits;
    assert_int_equal(300, built_in->orders.count);
    assert_true(built_in->is_renewal_exempt);
}

/* The first that says what is asked of a CA says it for all, wherever it stands. */
static void limits_are_those_of_the_first_that_has_them(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org c.example.org");
    define(&world, NULL, "a.example.org");
    define(&world, NULL, "b.example.org")->settings.limits = limits("50%", world.pool);
    const mod_acme_global_t *global = link_all(&world);
    assert_ptr_equal(domain_at(global, 0)->ca, domain_at(global, 1)->ca);
    assert_int_equal(150, domain_at(global, 0)->ca->limits.orders.count);
    assert_int_equal(0, count_findings(&world));
    define(&world, NULL, "c.example.org")->settings.limits = limits("orders=7/1h", world.pool);
    global = link_all(&world);
    assert_int_equal(150, domain_at(global, 2)->ca->limits.orders.count);
    assert_int_equal(1, count_findings(&world)); /* one account, other limits */
}

static void the_same_limits_twice_are_no_matter(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org");
    define(&world, NULL, "a.example.org")->settings.limits = limits("100%", world.pool);
    define(&world, NULL, "b.example.org")->settings.limits = limits("orders=300/3h", world.pool);
    assert_int_equal(300, domain_at(link_all(&world), 1)->ca->limits.orders.count);
    assert_int_equal(0, count_findings(&world));
}

static void a_share_of_nothing_is_told_once(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org c.example.org");
    mod_acme_ca_t ca;
    assert_well(mod_acme_ca_parse(&ca, "https://ca.local/dir", world.pool));
    mod_acme_server_t *base = mod_acme_settings_server(world.base);
    base->settings.limits = limits("25%", world.pool);
    define(&world, NULL, "a.example.org")->settings.ca = &ca;
    define(&world, NULL, "b.example.org")->settings.ca = &ca;
    (void)link_all(&world);
    assert_int_equal(1, count_findings(&world));
    const mod_acme_finding_t *finding =
        APR_ARRAY_IDX(mod_acme_findings_all(world.raw->findings), 0, const mod_acme_finding_t *);
    assert_string_equal("limits.conf", finding->file);
    assert_non_null(strstr(finding->text, "25% has no effect"));
    assert_non_null(strstr(finding->text, "ca.local"));
    define(&world, NULL, "c.example.org"); /* of Let's Encrypt, and the same line is about it */
    (void)link_all(&world);
    assert_int_equal(1, count_findings(&world));
    base->settings.limits = limits("25% orders=8/1h", world.pool);
    assert_int_equal(2, domain_at(link_all(&world), 0)->ca->limits.orders.count);
    assert_int_equal(1, count_findings(&world));
}

static void what_no_configuration_had_before_is_new(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "b.example.org");
    define(&world, NULL, "a.example.org");
    assert_false(domain_at(link_all(&world), 0)->is_new);
    world.raw->known = apr_hash_make(world.pool);
    apr_hash_set(world.raw->known, "b.example.org", APR_HASH_KEY_STRING, "");
    define(&world, NULL, "c.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_false(domain_at(global, 0)->is_new); /* its second name was there */
    assert_true(domain_at(global, 1)->is_new);
}

static void settings_come_from_server_host_and_section(void **state)
{
    world_t world = begin(state);
    mod_acme_server_t *base = mod_acme_settings_server(world.base);
    base->settings.renew_window.percent = 50;
    base->settings.proxy = "http://proxy:3128";
    base->settings.is_auto = 0;
    server_rec *s = host(&world, "a.example.org", "b.example.org");
    mod_acme_settings_t own;
    mod_acme_settings_clear(&own);
    own.warn_window.span = ACME_TIME_DAY;
    own.proxy = "";
    mod_acme_settings_merge(&mod_acme_settings_server(s)->settings, &base->settings, &own);
    mod_acme_definition_t *definition = define(&world, s, "a.example.org");
    definition->settings.is_auto = 1;
    definition->settings.renew_mode = ACME_RENEW_MANUAL;
    const acme_domain_t *domain = domain_at(link_all(&world), 0);
    assert_int_equal(50, domain->renew_window.percent);
    assert_int_equal(0, domain->warn_window.percent);
    assert_true(domain->warn_window.span == ACME_TIME_DAY);
    assert_int_equal(ACME_RENEW_MANUAL, domain->renew_mode);
    assert_null(domain->ca->route.proxy);
    assert_names("a.example.org and b.example.org", domain, world.pool);
}

static const acme_dns01_t by_hand = {.way = ACME_DNS01_MANUAL};
static const acme_dns01_wait_t a_minute = {.settle = 60 * APR_USEC_PER_SEC};

static void assert_types(const char *wanted, const acme_domain_t *domain, apr_pool_t *pool)
{
    assert_string_equal(wanted, acme_text_join(domain->challenge_types, " ", pool));
}

/* Behind @a types what may stand in the DNS anyway, in a build that can look. */
static const char *in_order(const char *types, apr_pool_t *pool)
{
    return acme_dns_is_built_in() ? apr_pstrcat(pool, types, " dns-persist-01", NULL) : types;
}

static void a_standing_record_is_the_last_hope(void **state)
{
    world_t world = begin(state);
    (void)define(&world, NULL, "a.example.org");
    (void)define(&world, NULL,
                 "*.b.example.org b.example.org"); /* nothing says that there is one */
    const mod_acme_global_t *global = link_all(&world);
    assert_types(in_order("http-01 tls-alpn-01", *state), domain_at(global, 0), *state);
    assert_int_equal(1, domain_at(global, 1)->identifiers->nelts);
}

static void a_standing_record_that_is_written_proves_wildcards(void **state)
{
    world_t world = begin(state);
    apr_array_header_t *types = apr_array_make(*state, 2, sizeof(const char *));
    APR_ARRAY_PUSH(types, const char *) = "dns-persist-01";
    APR_ARRAY_PUSH(types, const char *) = "http-01";
    mod_acme_settings_server(world.base)->settings.challenge_types = types;
    (void)define(&world, NULL, "*.b.example.org b.example.org");
    const acme_domain_t *domain = domain_at(link_all(&world), 0);
    assert_types(acme_dns_is_built_in() ? "dns-persist-01 http-01" : "http-01", domain, *state);
    assert_int_equal(acme_dns_is_built_in() ? 2 : 1, domain->identifiers->nelts);
}

static void none_switches_a_way_off_that_is_said_around_it(void **state)
{
    static const acme_dns01_t none = {.way = ACME_DNS01_OFF};
    world_t world = begin(state);
    mod_acme_settings_server(world.base)->settings.dns01 = &by_hand;
    (void)define(&world, NULL, "a.example.org");
    define(&world, NULL, "b.example.org")->settings.dns01 = &none;
    const mod_acme_global_t *global = link_all(&world);
    assert_ptr_not_equal(NULL, domain_at(global, 0)->dns01);
    assert_null(domain_at(global, 1)->dns01);
    assert_types(in_order("http-01 tls-alpn-01", *state), domain_at(global, 1), *state);
    assert_int_equal(1, global->dns01s->nelts);
}

static void dns_01_comes_with_its_way(void **state)
{
    world_t world = begin(state);
    mod_acme_settings_server(world.base)->settings.dns01 = &by_hand;
    mod_acme_settings_server(world.base)->settings.dns01_wait = &a_minute;
    (void)define(&world, NULL, "a.example.org");
    (void)define(&world, NULL, "b.example.org *.b.example.org");
    define(&world, NULL, "c.example.org")->settings.dns01 = &by_hand;
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(3, global->domains->nelts);
    const acme_domain_t *plain = domain_at(global, 0);
    assert_types(in_order("http-01 tls-alpn-01 dns-01", *state), plain, *state);
    for (int i = 1; i < 3; i++) { /* a wildcard; its own section */
        const acme_domain_t *domain = domain_at(global, i);
        assert_string_equal("dns-01", APR_ARRAY_IDX(domain->challenge_types, 0, const char *));
        assert_int_equal(plain->challenge_types->nelts, domain->challenge_types->nelts);
    }
    assert_ptr_equal(plain->dns01, domain_at(global, 1)->dns01);
    assert_int_equal(a_minute.settle, plain->dns01->wait.settle);
    assert_int_equal(1, global->dns01s->nelts);
}

static void dns_01_without_a_way_is_told_once(void **state)
{
    world_t world = begin(state);
    apr_array_header_t *types = apr_array_make(*state, 2, sizeof(const char *));
    APR_ARRAY_PUSH(types, const char *) = "dns-01";
    APR_ARRAY_PUSH(types, const char *) = "http-01";
    mod_acme_settings_server(world.base)->settings.challenge_types = types;
    (void)define(&world, NULL, "a.example.org");
    (void)define(&world, NULL, "b.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_types("http-01", domain_at(global, 0), *state);
    assert_types("http-01", domain_at(global, 1), *state);
    assert_null(domain_at(global, 0)->dns01);
    const apr_array_header_t *findings = mod_acme_findings_all(world.raw->findings);
    int told = 0;
    for (int i = 0; i < findings->nelts; i++) {
        const mod_acme_finding_t *finding = APR_ARRAY_IDX(findings, i, const mod_acme_finding_t *);
        told += strstr(finding->text, "write ACMEChallengeDns01") != NULL;
    }
    assert_int_equal(1, told);
}

static void written_types_stay_as_they_are(void **state)
{
    world_t world = begin(state);
    apr_array_header_t *types = apr_array_make(*state, 2, sizeof(const char *));
    APR_ARRAY_PUSH(types, const char *) = "http-01";
    APR_ARRAY_PUSH(types, const char *) = "dns-01";
    mod_acme_settings_server(world.base)->settings.challenge_types = types;
    mod_acme_settings_server(world.base)->settings.dns01 = &by_hand;
    (void)define(&world, NULL, "*.example.org example.org");
    assert_types("http-01 dns-01", domain_at(link_all(&world), 0), *state);
}

static void what_is_given_and_must_staple_are_the_domains_own(void **state)
{
    world_t world = begin(state);
    host(&world, "a.example.org", "");
    host(&world, "b.example.org", "");
    mod_acme_definition_t *first = define(&world, NULL, "a.example.org");
    define(&world, NULL, "b.example.org");
    first->settings.must_staple = 1;
    first->settings.certificate_files = apr_array_make(*state, 1, sizeof(mod_acme_given_file_t));
    APR_ARRAY_PUSH(first->settings.certificate_files, mod_acme_given_file_t) =
        (mod_acme_given_file_t){"/none.pem", "test.conf", 99};
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(1, count_findings(&world)); /* its key is not written */
    assert_true(domain_at(global, 0)->must_staple);
    assert_true(domain_at(global, 0)->has_must_staple);
    assert_false(domain_at(global, 1)->must_staple);
    assert_false(domain_at(global, 1)->has_must_staple);
    assert_int_equal(2, global->givens->nelts);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(0, APR_ARRAY_IDX(global->givens, i, const apr_array_header_t *)->nelts);
    }
}

static void nothing_configured_links_nothing(void **state)
{
    world_t world = begin(state);
    server_rec *s = host(&world, "a.example.org", "b_c.example.org w?w.example.org");
    const mod_acme_global_t *global = link_all(&world);
    assert_int_equal(0, global->domains->nelts);
    assert_int_equal(0, global->cas->nelts);
    assert_non_null(global->index);
    assert_linked("none", s);
    assert_int_equal(0, count_findings(&world));
}

/* Gives a virtual host the address @a text; "0.0.0.0" is what httpd makes of "*". */
static void at_address(world_t *world, server_rec *s, const char *text)
{
    server_addr_rec *addr = apr_pcalloc(world->pool, sizeof(*addr));
    assert_int_equal(APR_SUCCESS, apr_sockaddr_info_get(&addr->host_addr, text, APR_UNSPEC, 443, 0,
                                                        world->pool));
    addr->host_port = 443;
    s->addrs = addr;
}

static mod_acme_definition_t *define_private(world_t *world, const char *names)
{
    mod_acme_definition_t *definition = define(world, NULL, names);
    mod_acme_ca_t *ca = apr_pcalloc(world->pool, sizeof(*ca));
    assert_well(mod_acme_ca_parse(ca, "https://ca.example/dir", world->pool));
    definition->settings.ca = ca;
    return definition;
}

static void an_address_is_used_by_a_host_that_listens_there(void **state)
{
    world_t world = begin(state);
    server_rec *nameless = host(&world, NULL, "");
    server_rec *six = host(&world, NULL, "");
    server_rec *named = host(&world, "www.example.org", "");
    at_address(&world, nameless, "192.0.2.7");
    at_address(&world, six, "2001:db8:0::1");
    at_address(&world, named, "192.0.2.7");
    define_private(&world, "192.0.2.7");
    define_private(&world, "[2001:DB8::1]");
    define_private(&world, "192.0.2.8");
    const mod_acme_global_t *global = link_all(&world);
    assert_true(domain_at(global, 0)->is_used);
    assert_true(domain_at(global, 1)->is_used);
    assert_false(domain_at(global, 2)->is_used);
    assert_int_equal(1, count_findings(&world));
    assert_linked("192.0.2.7", nameless);
    assert_linked("2001:db8::1", six);
    assert_linked("192.0.2.7", named); /* its name is nobody's */
}

static void an_address_is_used_by_a_host_for_all_of_them(void **state)
{
    world_t world = begin(state);
    server_rec *named = host(&world, "www.example.org", "");
    at_address(&world, named, "0.0.0.0");
    define_private(&world, "192.0.2.7");
    const mod_acme_global_t *global = link_all(&world);
    assert_true(domain_at(global, 0)->is_used);
    assert_linked("none", named);
}

static void an_address_may_be_the_name_of_a_host(void **state)
{
    world_t world = begin(state);
    server_rec *named = host(&world, "192.0.2.7", "");
    define_private(&world, "192.0.2.7");
    assert_true(domain_at(link_all(&world), 0)->is_used);
    assert_linked("192.0.2.7", named);
}

static void lets_encrypt_is_not_asked_for_addresses(void **state)
{
    world_t world = begin(state);
    (void)host(&world, "www.example.org", "");
    define(&world, NULL, "www.example.org 8.8.8.8");
    assert_names("www.example.org", domain_at(link_all(&world), 0), world.pool);
    assert_int_equal(1, count_findings(&world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_known_test_environment_is_asked_as_its_ca_is),
        FIXTURE_TEST(no_hand_is_asked_to_prove_a_name_for_a_rehearsal),
        FIXTURE_TEST(a_ca_for_customers_has_no_test_environment),
        FIXTURE_TEST(other_cas_have_the_test_environment_that_is_named),
        FIXTURE_TEST(a_test_environment_may_be_the_ca_of_another_domain),
        FIXTURE_TEST(an_address_is_used_by_a_host_that_listens_there),
        FIXTURE_TEST(an_address_is_used_by_a_host_for_all_of_them),
        FIXTURE_TEST(an_address_may_be_the_name_of_a_host),
        FIXTURE_TEST(lets_encrypt_is_not_asked_for_addresses),
        FIXTURE_TEST(a_host_gives_its_names_and_gets_its_domain),
        FIXTURE_TEST(defaults_are_those_of_the_manual),
        FIXTURE_TEST(a_domain_without_names_takes_the_hosts),
        FIXTURE_TEST(a_name_that_httpd_lent_is_none),
        FIXTURE_TEST(one_host_may_have_many_domains),
        FIXTURE_TEST(the_server_name_decides_before_the_aliases),
        FIXTURE_TEST(where_several_share_a_host_none_takes_its_names),
        FIXTURE_TEST(a_host_of_plain_http_gives_no_names),
        FIXTURE_TEST(too_many_names_become_several_domains_of_the_host),
        FIXTURE_TEST(nobody_uses_a_domain_without_host),
        FIXTURE_TEST(the_base_server_is_a_host_where_it_is_said),
        FIXTURE_TEST(domains_of_one_ca_share_it),
        FIXTURE_TEST(a_ca_has_the_limits_that_are_built_in),
        FIXTURE_TEST(limits_are_those_of_the_first_that_has_them),
        FIXTURE_TEST(the_same_limits_twice_are_no_matter),
        FIXTURE_TEST(a_share_of_nothing_is_told_once),
        FIXTURE_TEST(what_no_configuration_had_before_is_new),
        FIXTURE_TEST(settings_come_from_server_host_and_section),
        FIXTURE_TEST(dns_01_comes_with_its_way),
        FIXTURE_TEST(a_standing_record_is_the_last_hope),
        FIXTURE_TEST(a_standing_record_that_is_written_proves_wildcards),
        FIXTURE_TEST(none_switches_a_way_off_that_is_said_around_it),
        FIXTURE_TEST(dns_01_without_a_way_is_told_once),
        FIXTURE_TEST(written_types_stay_as_they_are),
        FIXTURE_TEST(what_is_given_and_must_staple_are_the_domains_own),
        FIXTURE_TEST(nothing_configured_links_nothing),
    };
    return fixture_run(tests);
}
