/* Gathers what is wrong in the configuration until it is reported.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mod_acme_finding.h"

#include <stdarg.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

/* Names and words of the configuration end up in the sentences. */
#define TEXT_MAX 2000

struct mod_acme_findings_t {
    apr_pool_t *pool;
    apr_array_header_t *all; /* mod_acme_finding_t * */
};

mod_acme_findings_t *mod_acme_findings_create(apr_pool_t *pool)
{
    mod_acme_findings_t *findings = apr_palloc(pool, sizeof(*findings));
    findings->pool = pool;
    findings->all = apr_array_make(pool, 8, sizeof(mod_acme_finding_t *));
    return findings;
}

mod_acme_finding_t *mod_acme_finding_add(mod_acme_findings_t *findings, const char *file, int line,
                                         const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = apr_pvsprintf(findings->pool, fmt, args);
    va_end(args);
    mod_acme_finding_t *finding = apr_palloc(findings->pool, sizeof(*finding));
    finding->file = file;
    finding->line = line;
    finding->text = acme_text_clean(text, TEXT_MAX, findings->pool);
    APR_ARRAY_PUSH(findings->all, mod_acme_finding_t *) = finding;
    return finding;
}

void mod_acme_finding_extend(mod_acme_findings_t *findings, mod_acme_finding_t *finding,
                             const char *text)
{
    finding->text = apr_pstrcat(findings->pool, finding->text, "; ",
                                acme_text_clean(text, TEXT_MAX, findings->pool), NULL);
}

const apr_array_header_t *mod_acme_findings_all(const mod_acme_findings_t *findings)
{
    return findings->all;
}
