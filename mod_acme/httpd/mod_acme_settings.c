/* Lays settings over each other, and keeps what is read until it is linked.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_settings.h"

#include "acme/acme_time.h"

/* One per pconf; not static data, which lives as long as the module stays loaded. */
#define RAW_KEY "mod_acme_settings_raw"

static mod_acme_raw_t *make_raw(apr_pool_t *pool)
{
    mod_acme_raw_t *raw = apr_pcalloc(pool, sizeof(*raw));
    raw->definitions = apr_array_make(pool, 16, sizeof(mod_acme_definition_t *));
    raw->findings = mod_acme_findings_create(pool);
    raw->global.store_dir = ACME_DEFAULT_STOREDIR;
    raw->global.retry_delay = 30 * ACME_TIME_SECOND;
    raw->global.retry_failover = 13;
    raw->global.check_interval = 12 * ACME_TIME_HOUR;
    raw->global.ports = (mod_acme_ports_t){80, 443};
    raw->global.dns_port = 53;
    raw->global.activation =
        (mod_acme_activation_t){MOD_ACME_ACTIVATE_LIVE, ACME_TIME_HOUR, -1, -1};
    raw->global.placeholder = MOD_ACME_PLACEHOLDER_UNAVAILABLE;
    raw->global.match_aliases = 1;
    raw->global.has_preflight = 1;
    return raw;
}

mod_acme_raw_t *mod_acme_settings_raw(apr_pool_t *pool)
{
    void *raw = NULL;
    (void)apr_pool_userdata_get(&raw, RAW_KEY, pool); /* fails never */
    if (raw == NULL) {
        raw = make_raw(pool);
        (void)apr_pool_userdata_setn(raw, RAW_KEY, NULL, pool);
    }
    return raw;
}

mod_acme_server_t *mod_acme_settings_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &acme_module);
}

void mod_acme_settings_clear(mod_acme_settings_t *settings)
{
    *settings = (mod_acme_settings_t){
        .is_rehearsed = -1, .renew_mode = -1, .via_ari = -1, .must_staple = -1,
        .is_profile_mandatory = -1,
        .is_dropping = -1, .is_auto = -1};
}

static int is_written(const acme_window_t *window)
{
    return window->percent != 0 || window->span != 0;
}

#define OVER(member) (add->member != NULL ? add->member : base->member)

void mod_acme_settings_merge(mod_acme_settings_t *result, const mod_acme_settings_t *base,
                             const mod_acme_settings_t *add)
{
    int has_files = add->certificate_files != NULL || add->key_files != NULL;
    mod_acme_settings_t merged = {
        .ca = OVER(ca),
        .other_cas = add->ca != NULL ? add->other_cas : base->other_cas,
        .is_rehearsed = add->is_rehearsed >= 0 ? add->is_rehearsed : base->is_rehearsed,
        .test = add->is_rehearsed >= 0 ? add->test : base->test,
        .agreement = OVER(agreement),
        .ca_certificate_file = OVER(ca_certificate_file),
        .proxy = OVER(proxy),
        .contacts = OVER(contacts),
        .eab = OVER(eab),
        .account_key = OVER(account_key),
        .limits = OVER(limits),
        .key_specs = OVER(key_specs),
        .challenge_types = OVER(challenge_types),
        .dns01 = OVER(dns01),
        .dns01_wait = OVER(dns01_wait),
        .http01 = OVER(http01),
        .renew_window = is_written(&add->renew_window) ? add->renew_window : base->renew_window,
        .warn_window = is_written(&add->warn_window) ? add->warn_window : base->warn_window,
        .renew_mode = add->renew_mode >= 0 ? add->renew_mode : base->renew_mode,
        .via_ari = add->via_ari >= 0 ? add->via_ari : base->via_ari,
        .preferred_chain = OVER(preferred_chain),
        .profile = OVER(profile),
        .certificate_files = has_files ? add->certificate_files : base->certificate_files,
        .key_files = has_files ? add->key_files : base->key_files,
        .must_staple = add->must_staple >= 0 ? add->must_staple : base->must_staple,
        .is_profile_mandatory = add->is_profile_mandatory >= 0 ? add->is_profile_mandatory
                                                               : base->is_profile_mandatory,
        .is_dropping = add->is_dropping >= 0 ? add->is_dropping : base->is_dropping,
        .is_auto = add->is_auto >= 0 ? add->is_auto : base->is_auto,
        .first = OVER(first),
    };
    *result = merged;
}
