/* What an administrator wants of dns-01: the way to set records, and how long to wait for them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A plain record, made by the host when it reads the configuration, frozen; domains with the same
 * settings share one.
 */
#ifndef ACME_DNS01_H
#define ACME_DNS01_H

#include <apr_tables.h>
#include <apr_time.h>

#include "acme/acme_tsig_key.h"

typedef enum {
    ACME_DNS01_AUTHORITATIVE, /**< until every authoritative server shows the record */
    ACME_DNS01_RESOLVER,      /**< until the resolver shows it */
    ACME_DNS01_NONE           /**< for the time `settle` alone */
} acme_dns01_servers_t;

/** ACMEDns01Wait. */
typedef struct {
    apr_interval_time_t timeout; /**< 0: the default of the way */
    apr_interval_time_t settle;  /**< after all show it */
    acme_dns01_servers_t servers;
} acme_dns01_wait_t;

#define ACME_DNS01_TIMEOUT (5 * APR_USEC_PER_SEC * 60)
/** A hand is slower than a program. */
#define ACME_DNS01_TIMEOUT_MANUAL (24 * APR_USEC_PER_SEC * 3600)
/** The longest `settle`. */
#define ACME_DNS01_SETTLE_MAX (APR_USEC_PER_SEC * 3600)

typedef enum {
    ACME_DNS01_EXEC,
    ACME_DNS01_RFC2136,
    ACME_DNS01_MANUAL,
    ACME_DNS01_OFF /**< what was said elsewhere does not hold here; no domain has it */
} acme_dns01_way_t;

typedef struct acme_dns01_t acme_dns01_t;
struct acme_dns01_t {
    acme_dns01_way_t way;
    int style;                         /**< exec: acme_dns_style_t */
    int version;                       /**< exec: of mod_md's convention, 1 or 2 */
    const apr_array_header_t *command; /**< exec: const char *, the absolute path first */
    const apr_array_header_t *cleanup; /**< exec: another program for the clean-up, or NULL */
    apr_interval_time_t limit; /**< exec: how long a program may run; 0: the default */
    const char *server;      /**< rfc2136: host, host:port or [address]:port; NULL: the zone says */
    const char *zone;        /**< rfc2136: NULL: it is found */
    const char *secret_file; /**< credentials= or key=, an absolute path; NULL: none */
    /* what the host found in that file, once it has read it: */
    const apr_array_header_t *credentials; /**< exec: "NAME=VALUE" */
    const acme_tsig_key_t *key;            /**< rfc2136 */
    const char *trouble; /**< why it is of no use, a sentence; NULL: all is well */
    acme_dns01_wait_t wait;
};

#endif
