/* Live activation: the handshake callback that serves the current generation without a restart.
 * SPDX-License-Identifier: Apache-2.0
 *
 * mod_ssl offers each host's SSL_CTX once (optional hook init_server); a certificate callback is
 * put into it, which travels with the context when mod_ssl changes the host by SNI. In the callback
 * the domain is found by SNI, without it by the local address, else by the host that answers, and what the child's cache has for it
 * is put on this one connection. Whatever fails, the connection stays as it was: no handshake ever
 * fails because of us. Nothing is registered with OpenSSL that outlives the module.
 */
#ifndef MOD_ACME_LIVE_H
#define MOD_ACME_LIVE_H

#include "mod_acme_world.h"

/** Registers with mod_ssl's optional hook; without mod_ssl it is never called. */
void mod_acme_live_register_hooks(void);

/** The domain that serves a handshake with @a sni on @a c, or NULL. Without SNI (NULL) it is that of the
 * local address (RFC 6066 section 3 allows no address in SNI); where that has none, or the name is
 * unknown, the one linked to @a server, unless that has a certificate of the administrator. */
const acme_domain_t *mod_acme_live_domain(const mod_acme_world_t *world, const char *sni,
                                          const conn_rec *c, const server_rec *server);

#endif
