/* Fuzzes the reader of job.json; what was read must come back from a rewrite.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz_store.h"

#include "acme/acme_job.h"

static void check_same(const char *a, const char *b)
{
    FUZZ_CHECK((a == NULL) == (b == NULL));
    FUZZ_CHECK(a == NULL || strcmp(a, b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    fuzz_store_t *disk = fuzz_store_create("staging/a/job.json", data, size, pool);
    acme_job_t *job = acme_job_read(&disk->store, "a", pool);
    FUZZ_CHECK(job->errors >= 0 && job->logged_count >= 0);
    FUZZ_CHECK(job->log->nelts <= ACME_JOB_LOG_MAX);
    FUZZ_CHECK(job->refusals->nelts <= ACME_JOB_REFUSALS_MAX);
    acme_job_refused(job, "a", "no", fuzz_store_now(NULL), pool);
    acme_job_note(job, fuzz_store_now(NULL), "order", "one more", pool);
    if (acme_job_write(&disk->store, "a", "a", job, pool) == NULL) {
        acme_job_t *again = acme_job_read(&disk->store, "a", pool);
        FUZZ_CHECK(again->errors == job->errors && again->log->nelts == job->log->nelts);
        FUZZ_CHECK(again->logged_hash == job->logged_hash);
        FUZZ_CHECK(apr_time_sec(again->next_run) == apr_time_sec(job->next_run));
        FUZZ_CHECK(again->refusals->nelts == job->refusals->nelts);
        FUZZ_CHECK(acme_job_refusal(again, "a")->count == acme_job_refusal(job, "a")->count);
        check_same(job->link, again->link);
        check_same(job->problem, again->problem);
        check_same(job->detail, again->detail);
    }
    apr_pool_destroy(pool);
    return 0;
}
