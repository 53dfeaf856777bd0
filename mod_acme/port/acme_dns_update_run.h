/* TXT records set by running a program for each: what all ways that do so share.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A way says how the program is called for a record; here is which records are being worked on,
 * what follows what, and what the administrator is told. Records are kept apart by name and value.
 * While a program works on a record, what is begun for it meanwhile waits; the opposite of what
 * waits cancels it.
 *
 * Internal to the folder port.
 */
#ifndef ACME_DNS_UPDATE_RUN_H
#define ACME_DNS_UPDATE_RUN_H

#include <apr_tables.h>

#include "acme/acme_dns_update.h"
#include "acme/acme_program.h"

typedef struct {
    const acme_env_t *env;
    acme_program_runner_t *runner;
    const char *what; /**< what a record is called: "TXT record" */
    void *baton;
    /** How the program is called to add or remove @a txt. @a printed is what it wrote to standard
     * output when it added the record ("" if that is not known). What *config points to lives in @a
     * pool; its input is wiped afterwards. */
    acme_err_t *(*compose)(acme_program_config_t *config, void *baton, const acme_txt_t *txt,
                           int is_removal, const char *printed, apr_pool_t *pool);
    /** A sentence on what such output means, or NULL; may be NULL itself. */
    const char *(*explain)(const char *output);
    /** Values that are never quoted (const char *), or NULL. */
    const apr_array_header_t *secrets;
    int is_status_ignored; /**< another exit status than 0 is a warning, no error */
} acme_dns_update__way_t;

/** In @a pool, which holds what runs; @a way is not copied. */
acme_dns_update_t *acme_dns_update__run_create(const acme_dns_update__way_t *way, apr_pool_t *pool);

#endif
