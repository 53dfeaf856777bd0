/* A DNS for tests: what the resolver knows, what each server shows, and who is silent.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     fake_dns_t *world = fake_dns_create(pool);
 *     fake_dns_zone(world, "example.org", "ns1.example.org", "192.0.2.1");
 *     fake_dns_add(world, "192.0.2.1", "_acme-challenge.example.org", ACME_DNS_TXT, "value");
 *
 * An answer comes at the second poll. The resolver (server NULL) has its own records: those of
 * zones, CNAMEs, and whatever else it is given.
 */
#ifndef FAKE_DNS_H
#define FAKE_DNS_H

#include <apr_pools.h>

#include "acme/acme_dns.h"

typedef struct fake_dns_t fake_dns_t;

fake_dns_t *fake_dns_create(apr_pool_t *pool);

/** What the code under test is handed. */
const acme_dns_t *fake_dns(fake_dns_t *world);

/** The resolver knows the zone, and a server of it with an address (NULL: none). Called again for
 * another server of the same zone. */
void fake_dns_zone(fake_dns_t *world, const char *zone, const char *server, const char *address);

/** @a server (an address; NULL: the resolver) has a record more. */
void fake_dns_add(fake_dns_t *world, const char *server, const char *owner, acme_dns_type_t type,
                  const char *text);

/** And one less. */
void fake_dns_remove(fake_dns_t *world, const char *server, const char *owner, acme_dns_type_t type,
                     const char *text);

/** @a server answers no more, or again. */
void fake_dns_silence(fake_dns_t *world, const char *server, int is_silent);

/** @a server answers without authority, as one that does not have the zone. */
void fake_dns_lame(fake_dns_t *world, const char *server);

/** The resolver's answers for records of @a type at @a name carry @a rcode, and nothing else. */
void fake_dns_fail(fake_dns_t *world, const char *name, acme_dns_type_t type, int rcode);

/** How many questions @a server was asked. */
int fake_dns_asked(const fake_dns_t *world, const char *server);

#endif
