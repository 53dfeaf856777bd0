/* Asks the system for its addresses, and judges others by them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_addresses.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <netinet/in.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_identifier.h"

static void add_address(apr_array_header_t *local, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    const void *bytes = NULL;
    if (address != NULL && address->sa_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    }
    if (bytes != NULL && inet_ntop(address->sa_family, bytes, text, sizeof text) != NULL) {
        APR_ARRAY_PUSH(local, const char *) = apr_pstrdup(local->pool, text);
    }
}

/* see acme_addresses.h */
apr_array_header_t *acme_addresses_local(apr_pool_t *pool)
{
    apr_array_header_t *local = apr_array_make(pool, 8, sizeof(const char *));
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) {
        return local;
    }
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        add_address(local, one->ifa_addr);
    }
    freeifaddrs(all);
    return local;
}

/* see acme_addresses.h */
int acme_addresses_are_here(const apr_array_header_t *local, const char *address)
{
    if (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0) {
        return 1;
    }
    for (int i = 0; i < local->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(local, i, const char *), address) == 0) {
            return 1;
        }
    }
    return 0;
}

/* see acme_addresses.h */
int acme_addresses_is_reserved(const char *address, apr_pool_t *pool)
{
    acme_identifier_t *identifier;
    return acme_identifier_parse(&identifier, address, pool) != NULL ||
           identifier->type != ACME_IDENTIFIER_IP ||
           acme_identifier_check(identifier, 0, pool) != NULL;
}

/* see acme_addresses.h */
int acme_addresses_have_public(const apr_array_header_t *local, const char *address,
                               apr_pool_t *pool)
{
    int is_v6 = strchr(address, ':') != NULL;
    for (int i = 0; i < local->nelts; ++i) {
        const char *one = APR_ARRAY_IDX(local, i, const char *);
        if ((strchr(one, ':') != NULL) == is_v6 && !acme_addresses_is_reserved(one, pool)) {
            return 1;
        }
    }
    return 0;
}
