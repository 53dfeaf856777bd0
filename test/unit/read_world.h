/* What the tests of the read side share: a world with a store, and generations to put into it.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     read_world_t *world = read_world_create(pool);
 *     acme_generation_t *generation = read_world_generation(world, "a.example", 3, ACME_KEY_P256);
 *     assert_well(acme_generation_write(world->store, "a.example", generation, pool));
 *
 * The certificates are self-signed; the serial number of each is its own.
 */
#ifndef READ_WORLD_H
#define READ_WORLD_H

#include "unit/fixture.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acme/acme_certificate.h"
#include "acme/acme_domain.h"
#include "acme/acme_generation.h"
#include "acme/acme_key.h"
#include "acme/acme_seal.h"
#include "acme/acme_store.h"
#include "acme/acme_time.h"

#include "unit/fake_env.h"
#include "unit/fake_store.h"

#define READ_WORLD_LIFETIME (90 * ACME_TIME_DAY)

typedef struct {
    apr_pool_t *pool;
    fake_env_t *clock;
    const acme_env_t *env;
    fake_store_t *disk;
    acme_seal_t *seal;
    acme_store_t *store;
} read_world_t;

static inline read_world_t *read_world_create(apr_pool_t *pool)
{
    static const unsigned char secret[ACME_SEAL_SECRET_LEN] = "the secret of the tests' store";
    read_world_t *world = apr_pcalloc(pool, sizeof(*world));
    world->pool = pool;
    world->clock = fake_env_create(7, pool);
    world->env = fake_env(world->clock);
    world->disk = fake_store_create(pool);
    world->seal = acme_seal_create(secret, pool);
    world->store = fake_store_open(world->disk, 1, world->seal, world->env, pool);
    return world;
}

static inline acme_key_t *read_world_key(acme_key_type_t type, apr_pool_t *pool)
{
    acme_key_t *key;
    if (type == ACME_KEY_RSA) { /* making one takes too long for a test */
        apr_size_t len;
        const char *pem = fixture_read("key-rsa2048.pem", &len, pool);
        assert_well(acme_key_from_pem(&key, pem, len, pool));
        return key;
    }
    const acme_key_spec_t spec = {.type = type};
    assert_well(acme_key_generate(&key, &spec, pool));
    return key;
}

static inline acme_chain_t *read_world_chain(const read_world_t *world, const acme_key_t *key,
                                             const char *name, apr_pool_t *pool)
{
    char *pem;
    acme_chain_t *chain;
    assert_well(acme_certificate_self_signed(&pem, key, name, acme_env_now(world->env),
                                             READ_WORLD_LIFETIME, pool));
    assert_well(acme_chain_parse(&chain, pem, strlen(pem), pool));
    return chain;
}

static inline void read_world_add(const read_world_t *world, acme_generation_t *generation,
                                  const char *name, acme_key_type_t type, apr_pool_t *pool)
{
    acme_key_t *key = read_world_key(type, pool);
    acme_generation_certificate_t certificate = {
        .type = type,
        .key = key,
        .chain = read_world_chain(world, key, name, pool),
        .ca_url = "https://ca.example/directory",
    };
    apr_array_header_t *certificates = (apr_array_header_t *)generation->certificates;
    APR_ARRAY_PUSH(certificates, acme_generation_certificate_t) = certificate;
}

/** Generation @a number for @a name with one certificate, in @a pool. */
static inline acme_generation_t *read_world_generation(const read_world_t *world, const char *name,
                                                       apr_uint64_t number, acme_key_type_t type,
                                                       apr_pool_t *pool)
{
    acme_generation_t *generation = apr_pcalloc(pool, sizeof(*generation));
    generation->number = number;
    generation->made = acme_env_now(world->env);
    generation->certificates = apr_array_make(pool, 2, sizeof(acme_generation_certificate_t));
    read_world_add(world, generation, name, type, pool);
    return generation;
}

/** Writes generation @a number of @a name, whose folder is its name. */
static inline void read_world_write(const read_world_t *world, const char *name,
                                    apr_uint64_t number, apr_pool_t *pool)
{
    assert_well(acme_generation_write(
        world->store, name, read_world_generation(world, name, number, ACME_KEY_P256, pool), pool));
}

/* @a chain, signed anew with must-staple in it. */
static inline acme_chain_t *read_world_stapled(const acme_chain_t *chain, const acme_key_t *key,
                                               apr_pool_t *pool)
{
    acme_chain_t *stapled;
    char *bytes;
    X509 *leaf = X509_dup(chain->leaf);
    X509_EXTENSION *feature = X509V3_EXT_conf_nid(NULL, NULL, NID_tlsfeature, "status_request");
    assert_int_equal(1, X509_add_ext(leaf, feature, -1));
    assert_true(X509_sign(leaf, acme_key_pkey(key), EVP_sha256()) > 0);
    BIO *out = BIO_new(BIO_s_mem());
    assert_int_equal(1, PEM_write_bio_X509(out, leaf));
    long len = BIO_get_mem_data(out, &bytes);
    assert_well(acme_chain_parse(&stapled, bytes, (apr_size_t)len, pool));
    BIO_free(out);
    X509_EXTENSION_free(feature);
    X509_free(leaf);
    return stapled;
}

/** The same as read_world_write, of a certificate that has must-staple and was ordered so. */
static inline void read_world_write_stapled(const read_world_t *world, const char *name,
                                            apr_uint64_t number, apr_pool_t *pool)
{
    acme_generation_t *generation =
        read_world_generation(world, name, number, ACME_KEY_P256, pool);
    acme_generation_certificate_t *certificate =
        &APR_ARRAY_IDX(generation->certificates, 0, acme_generation_certificate_t);
    certificate->chain = read_world_stapled(certificate->chain, certificate->key, pool);
    certificate->must_staple = 1;
    assert_well(acme_generation_write(world->store, name, generation, pool));
}

static inline acme_identifier_t *read_world_identifier(const char *name, apr_pool_t *pool)
{
    acme_identifier_t *identifier;
    assert_well(acme_identifier_parse(&identifier, name, pool));
    return identifier;
}

/** A domain of the names in @a names (separated by blanks), the first of them its folder. */
static inline acme_domain_t *read_world_domain(const char *names, int index, apr_pool_t *pool)
{
    acme_domain_t *domain = apr_pcalloc(pool, sizeof(*domain));
    acme_ca_t *ca = apr_pcalloc(pool, sizeof(*ca));
    apr_array_header_t *identifiers = apr_array_make(pool, 4, sizeof(const acme_identifier_t *));
    apr_array_header_t *specs = apr_array_make(pool, 2, sizeof(acme_key_spec_t));
    char *last;
    for (char *name = apr_strtok(apr_pstrdup(pool, names), " ", &last); name != NULL;
         name = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(identifiers, const acme_identifier_t *) = read_world_identifier(name, pool);
    }
    APR_ARRAY_PUSH(specs, acme_key_spec_t) = (acme_key_spec_t){.type = ACME_KEY_P256};
    ca->directory_url = "https://ca.example/directory";
    ca->name = "ca.example";
    ca->folder = "ca.example-1a2b3c4d";
    domain->identifiers = identifiers;
    domain->name = APR_ARRAY_IDX(identifiers, 0, const acme_identifier_t *)->value;
    domain->folder = acme_identifier_folder(
        APR_ARRAY_IDX(identifiers, 0, const acme_identifier_t *), NULL, pool);
    domain->key_specs = specs;
    domain->has_key_specs = 1;
    domain->ca = ca;
    domain->challenge_types = apr_array_make(pool, 1, sizeof(const char *));
    domain->is_used = 1;
    domain->has_key_specs = 1;
    domain->renew_window = (acme_window_t){.percent = 33};
    domain->warn_window = (acme_window_t){.percent = 10};
    domain->renew_mode = ACME_RENEW_AUTO;
    domain->index = index;
    return domain;
}

#endif
