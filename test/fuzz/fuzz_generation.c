/* Fuzzes the readers of live/: `current` and a generation; what passes must be usable.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz_store.h"

#include <openssl/err.h>

#include "acme/acme_generation.h"

static void read_facts(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    fuzz_store_t *disk = fuzz_store_create("live/a/current", data, size, pool);
    acme_generation_facts_t *facts;
    if (acme_generation_facts_read(&facts, &disk->store, "a", pool) != NULL || facts == NULL) {
        return;
    }
    FUZZ_CHECK(facts->number > 0 && facts->certificates->nelts > 0);
    for (int i = 0; i < facts->certificates->nelts; i++) {
        const acme_generation_fact_t *fact =
            &APR_ARRAY_IDX(facts->certificates, i, acme_generation_fact_t);
        FUZZ_CHECK(acme_generation_fact(facts, fact->type) == fact);
        FUZZ_CHECK(fact->not_before < fact->not_after && fact->identifiers->nelts > 0);
        FUZZ_CHECK(fact->serial != NULL && fact->sha256 != NULL && fact->issuer_name != NULL);
    }
}

static void read_generation(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    fuzz_store_t *disk = fuzz_store_create("live/a/1", data, size, pool);
    acme_generation_t *generation;
    if (acme_generation_read(&generation, &disk->store, "a", 1, pool) != NULL ||
        generation == NULL) {
        return;
    }
    FUZZ_CHECK(generation->number == 1 && generation->certificates->nelts > 0);
    for (int i = 0; i < generation->certificates->nelts; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        FUZZ_CHECK(acme_generation_certificate(generation, certificate->type) == certificate);
        FUZZ_CHECK(acme_chain_fits_key(certificate->chain, certificate->key, pool) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    read_facts(data, size, pool);
    read_generation(data, size, pool);
    /* mod_ssl judges its connections by this queue */
    FUZZ_CHECK(ERR_peek_error() == 0);
    apr_pool_destroy(pool);
    return 0;
}
