/* Findings: what is wrong in a configuration that is served all the same, one sentence and place
 * each. SPDX-License-Identifier: Apache-2.0
 *
 * They are gathered while the configuration is read and linked, and reported together at the end,
 * so that each is said once. No httpd in here.
 */
#ifndef MOD_ACME_FINDING_H
#define MOD_ACME_FINDING_H

#include <apr_pools.h>
#include <apr_tables.h>

typedef struct {
    const char *file;
    int line;
    const char *text; /**< without a final dot */
} mod_acme_finding_t;

typedef struct mod_acme_findings_t mod_acme_findings_t;

mod_acme_findings_t *mod_acme_findings_create(apr_pool_t *pool);

/** Adds a finding; foreign text in it is made safe to log. Returns it; valid as long as the pool.
 */
mod_acme_finding_t *mod_acme_finding_add(mod_acme_findings_t *findings, const char *file, int line,
                                         const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** Adds "; " and @a text to @a finding. */
void mod_acme_finding_extend(mod_acme_findings_t *findings, mod_acme_finding_t *finding,
                             const char *text);

/** All, in the order they were added; const mod_acme_finding_t *. */
const apr_array_header_t *mod_acme_findings_all(const mod_acme_findings_t *findings);

#endif
