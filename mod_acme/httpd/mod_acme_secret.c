/* Reads key and credentials files of dns-01 as root.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include "mod_acme_secret.h"

#include <apr_strings.h>

#include "acme/acme_credentials.h"
#include "acme/acme_dns01.h"
#include "acme/acme_http01.h"
#include "acme/acme_tsig_key.h"

#include "mod_acme_secret_file.h"

static acme_err_t *parse(acme_dns01_t *dns01, const char *text, apr_size_t len, apr_pool_t *pool)
{
    if (dns01->way == ACME_DNS01_RFC2136) {
        acme_tsig_key_t *key = NULL;
        ACME_TRY(acme_tsig_key_parse(&key, text, len, pool));
        dns01->key = key;
        return NULL;
    }
    apr_array_header_t *credentials = NULL;
    ACME_TRY(acme_credentials_parse(&credentials, text, len, pool));
    dns01->credentials = credentials;
    return NULL;
}

/* @a what cannot be done without it. */
static void read_secret(const mod_acme_world_t *world, acme_dns01_t *dns01, const char *what,
                        apr_pool_t *scratch)
{
    if (dns01->secret_file == NULL) {
        return;
    }
    mod_acme_secret_file_t secret;
    acme_err_t *err = mod_acme_secret_file_read(&secret, dns01->secret_file, scratch);
    if (err == NULL) {
        err = parse(dns01, secret.text, secret.len, world->pool);
        err = acme_err_wrap(scratch, err, "in %s", dns01->secret_file);
    }
    mod_acme_secret_file_wipe(&secret);
    if (secret.warning != NULL) {
        acme_env_log(world->env, ACME_LOG_WARNING, "%s", secret.warning);
    }
    if (err != NULL) {
        dns01->trouble = apr_pstrdup(world->pool, err->text);
        acme_env_log(world->env, ACME_LOG_ERROR, "%s: %s", what, err->text);
    }
}

/* see mod_acme_secret.h */
void mod_acme_secret_read_all(const mod_acme_world_t *world, apr_pool_t *scratch_pool)
{
    for (int i = 0; i < world->global->dns01s->nelts; i++) {
        read_secret(world, APR_ARRAY_IDX(world->global->dns01s, i, acme_dns01_t *),
                    "no TXT record can be set for dns-01", scratch_pool);
    }
    for (int i = 0; i < world->global->http01s->nelts; i++) {
        acme_http01_t *http01 = APR_ARRAY_IDX(world->global->http01s, i, acme_http01_t *);
        if (http01->exec != NULL) {
            read_secret(world, http01->exec, "no answer can be set for http-01", scratch_pool);
        }
    }
}
