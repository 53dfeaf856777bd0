/* Answers tls-alpn-01 in handshakes (RFC 8737).
 * SPDX-License-Identifier: Apache-2.0
 *
 * `acme-tls/1` can be selected on every host without a Protocols line, but only by a client that offers
 * nothing else, for a name whose challenge of ours is pending. Every other handshake, and every header
 * of an answer, is as without this file.
 */
#ifndef MOD_ACME_ALPN_H
#define MOD_ACME_ALPN_H

#include <httpd.h>

#include "mod_acme_world.h"

/** Makes the protocol selectable on all hosts, in post_config; does nothing if no domain of @a world
 * may use the challenge. */
void mod_acme_alpn_allow(const mod_acme_world_t *world);

/** For child_init of a child whose world has a store. */
void mod_acme_alpn_start_child(void);

/** Nonzero if the certificate of this connection is that of a challenge, which nobody may exchange. */
int mod_acme_alpn_has_answered(const conn_rec *c);

/** Registers the hooks of the handshake. */
void mod_acme_alpn_register_hooks(void);

#endif
