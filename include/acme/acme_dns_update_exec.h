/* TXT records set by a program, in the convention it was written for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A program written for mod_md, certbot, dehydrated, lego, acme.sh or uacme runs unchanged: it gets
 * the arguments and environment variables that its own tool gives it for dns-01, once for each
 * record, so a name and its wildcard are two calls. What a convention says:
 *
 *     mod_md      PROGRAM args... setup DOMAIN VALUE; teardown DOMAIN (version 2: and VALUE)
 *     certbot     PROGRAM args..., with CERTBOT_DOMAIN and CERTBOT_VALIDATION; the clean-up has
 *                 CERTBOT_AUTH_OUTPUT too and may be another program. Its exit status is not judged
 *                 (certbot only reports it): it is a WARNING in the log.
 *     dehydrated  PROGRAM args... deploy_challenge|clean_challenge DOMAIN TOKEN VALUE
 *     lego        PROGRAM args... present|cleanup NAME. VALUE; with EXEC_MODE=RAW in the
 *                 credentials present|cleanup -- DOMAIN TOKEN KEY_AUTHORIZATION
 *     acme.sh     PROGRAM is a file dns_X.sh, run by /bin/sh after acme.sh: dns_X_add|dns_X_rm NAME
 *                 VALUE. acme.sh is looked for in LE_WORKING_DIR (credentials), beside the file and
 *                 in the folder above; without it there are only its helpers that print, read and
 *                 save.
 *     uacme       PROGRAM args... begin|done dns-01 DOMAIN TOKEN VALUE, and UACME_* variables
 *
 * Three of them have a form for http-01, too: certbot (with CERTBOT_TOKEN), dehydrated, and uacme
 * (with http-01 in place of dns-01); VALUE is then what is to be found at
 * http://DOMAIN/.well-known/acme-challenge/TOKEN.
 *
 * lego and acme.sh are told the name where the record goes, wherever CNAMEs led; the others know
 * the domain only. Programs of different records run side by side; for one record what is begun
 * later starts when the earlier has ended. An error quotes the program's output cleaned, cut, and
 * without the values of the credentials.
 */
#ifndef ACME_DNS_UPDATE_EXEC_H
#define ACME_DNS_UPDATE_EXEC_H

#include <apr_tables.h>

#include "acme/acme_dns_update.h"
#include "acme/acme_program.h"

typedef enum {
    ACME_DNS_STYLE_MOD_MD,
    ACME_DNS_STYLE_CERTBOT,
    ACME_DNS_STYLE_DEHYDRATED,
    ACME_DNS_STYLE_LEGO,
    ACME_DNS_STYLE_ACME_SH,
    ACME_DNS_STYLE_UACME
} acme_dns_style_t;

/** How long a program may run unless the caller says otherwise: conventions without a wait of their
 * own let the program wait for the name servers. */
#define ACME_DNS_UPDATE_EXEC_LIMIT (10 * 60 * (apr_interval_time_t)APR_USEC_PER_SEC)

typedef struct {
    const acme_env_t *env;         /**< outlives the update */
    acme_program_runner_t *runner; /**< likewise */
    acme_dns_style_t style;
    int is_http01;                     /**< answers of http-01 are set, not records */
    int mod_md_version;                /**< MDChallengeDns01Version: 1 (or 0) or 2 */
    const apr_array_header_t *command; /**< const char *: absolute path and arguments */
    const apr_array_header_t *cleanup; /**< certbot: the program for the clean-up, NULL: the same */
    const apr_array_header_t *credentials; /**< "NAME=VALUE" (acme_credentials_parse), or NULL */
    apr_interval_time_t limit;             /**< 0: ACME_DNS_UPDATE_EXEC_LIMIT */
} acme_dns_update_exec_config_t;

/** The style of a word of the configuration ("mod_md", "certbot", ...). ACME_ERR_INPUT with the
 * list of words otherwise. */
acme_err_t *acme_dns_update_exec_style(acme_dns_style_t *style, const char *word, apr_pool_t *pool);

/** Nonzero if the convention has a form for http-01. */
int acme_dns_update_exec_has_http01(acme_dns_style_t style);

/** A way to set records in @a pool, which holds what runs; *config and what it points to are not
 * copied and must live as long. ACME_ERR_CONFIG for a path that is not absolute, an acme.sh file that
 * is not called dns_X.sh, or a style without http-01 where that is wanted. That the program is there
 * is looked at when it is needed. */
acme_err_t *acme_dns_update_exec_create(acme_dns_update_t **update,
                                        const acme_dns_update_exec_config_t *config,
                                        apr_pool_t *pool);

#endif
