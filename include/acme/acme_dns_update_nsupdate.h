/* TXT records set by dynamic update (RFC 2136) with TSIG, through the nsupdate program.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The messages are BIND's trade: nsupdate is looked for in ACME_PROGRAM_PATH whenever it is needed
 * (Debian bind9-dnsutils, Fedora bind-utils) and told everything on its standard input, the key as
 * well, which so is in no argument, environment or file. Records are added and deleted by value,
 * with a TTL of 60 seconds, over TCP.
 */
#ifndef ACME_DNS_UPDATE_NSUPDATE_H
#define ACME_DNS_UPDATE_NSUPDATE_H

#include "acme/acme_dns_update.h"
#include "acme/acme_program.h"
#include "acme/acme_tsig_key.h"

typedef struct {
    const acme_env_t *env;         /**< outlives the update */
    acme_program_runner_t *runner; /**< likewise */
    const char *server; /**< "192.0.2.1", "[2001:db8::1]:5353", "ns.example.org:53"; NULL: nsupdate
                             asks the primary that the zone's SOA names */
    const char *zone;   /**< NULL: nsupdate finds it */
    const acme_tsig_key_t *key; /**< NULL: unsigned (the server allows it by address) */
    const char *program;        /**< NULL: nsupdate, looked for */
    apr_interval_time_t limit;  /**< 0: one minute */
} acme_dns_update_nsupdate_config_t;

/** A way to set records in @a pool; *config and what it points to are not copied and must live as
 * long. ACME_ERR_CONFIG for a server or zone that is none. */
acme_err_t *acme_dns_update_nsupdate_create(acme_dns_update_t **update,
                                            const acme_dns_update_nsupdate_config_t *config,
                                            apr_pool_t *pool);

#endif
