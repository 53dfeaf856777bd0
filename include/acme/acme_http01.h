/* What an administrator wants of http-01: who answers the CA, and how it learns of the answer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A plain record, made by the host when it reads the configuration, frozen; domains with the same
 * settings share one. Where there is none the module answers by itself (acme_responder.h).
 */
#ifndef ACME_HTTP01_H
#define ACME_HTTP01_H

#include <apr_time.h>

#include "acme/acme_dns01.h"

/** How long a hand is waited for. */
#define ACME_HTTP01_WAIT (24 * APR_USEC_PER_SEC * 3600)

typedef enum {
    ACME_HTTP01_SELF,    /**< the module */
    ACME_HTTP01_WEBROOT, /**< a server that serves the files of a folder */
    ACME_HTTP01_EXEC,    /**< whoever a program tells */
    ACME_HTTP01_MANUAL   /**< whoever the administrator tells */
} acme_http01_way_t;

typedef struct acme_http01_t acme_http01_t;
struct acme_http01_t {
    acme_http01_way_t way;
    const char *webroot;      /**< webroot: absolute path of the folder */
    acme_dns01_t *exec;       /**< exec: the program, described as one for dns-01 */
    apr_interval_time_t wait; /**< manual: wait=; 0: ACME_HTTP01_WAIT */
};

#endif
