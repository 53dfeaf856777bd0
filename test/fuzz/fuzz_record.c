/* Fuzzes the reader of order.json; what was read must come back from a rewrite.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz_store.h"

#include "acme/acme_job.h"
#include "acme/acme_json.h"
#include "acme/acme_record.h"

static void check_same(const char *a, const char *b)
{
    FUZZ_CHECK((a == NULL) == (b == NULL));
    FUZZ_CHECK(a == NULL || strcmp(a, b) == 0);
}

static void check_authorization(const acme_record_authorization_t *a,
                                const acme_record_authorization_t *b)
{
    FUZZ_CHECK(acme_json_url_ok(a->url));
    FUZZ_CHECK(a->challenge_url == NULL || acme_json_url_ok(a->challenge_url));
    check_same(a->url, b->url);
    check_same(a->challenge_type, b->challenge_type);
    check_same(a->challenge_url, b->challenge_url);
    check_same(a->token, b->token);
    FUZZ_CHECK((a->identifier == NULL) == (b->identifier == NULL));
    FUZZ_CHECK(!a->is_done == !b->is_done && !a->is_published == !b->is_published);
}

static void check_record(const acme_record_t *a, const acme_record_t *b)
{
    FUZZ_CHECK(a->step == b->step && a->spec.type == b->spec.type && a->spec.bits == b->spec.bits);
    FUZZ_CHECK(acme_json_url_ok(a->ca_url));
    FUZZ_CHECK(a->order_url == NULL || acme_json_url_ok(a->order_url));
    FUZZ_CHECK(a->log->nelts <= ACME_JOB_LOG_MAX && a->log->nelts == b->log->nelts);
    FUZZ_CHECK(a->identifiers->nelts == b->identifiers->nelts);
    FUZZ_CHECK((a->err == NULL) == (b->err == NULL));
    FUZZ_CHECK(a->err == NULL || a->err->errclass == b->err->errclass);
    check_same(a->order_url, b->order_url);
    check_same(a->finalize_url, b->finalize_url);
    check_same(a->certificate_url, b->certificate_url);
    check_same(a->thumbprint, b->thumbprint);
    check_same(a->chain, b->chain);
    FUZZ_CHECK(a->authorizations->nelts == b->authorizations->nelts);
    for (int i = 0; i < a->authorizations->nelts; ++i) {
        check_authorization(APR_ARRAY_IDX(a->authorizations, i, acme_record_authorization_t *),
                            APR_ARRAY_IDX(b->authorizations, i, acme_record_authorization_t *));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    fuzz_store_t *disk = fuzz_store_create("staging/a/order.json", data, size, pool);
    acme_record_t *record;
    FUZZ_CHECK(acme_record_read(&record, &disk->store, "a", pool) == NULL);
    if (record != NULL) {
        FUZZ_CHECK(record->step == ACME_STEP_ORDER || record->step == ACME_STEP_CLEAN ||
                   record->order_url != NULL);
        if (acme_record_write(&disk->store, "a", record, pool) == NULL) {
            acme_record_t *again;
            FUZZ_CHECK(acme_record_read(&again, &disk->store, "a", pool) == NULL);
            FUZZ_CHECK(again != NULL);
            check_record(record, again);
        }
    }
    apr_pool_destroy(pool);
    return 0;
}
