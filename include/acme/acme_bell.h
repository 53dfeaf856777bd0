/* The bell: how children learn of a new certificate without touching a file.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One shared-memory segment per configuration, made by the parent, inherited by the children: one
 * atomic generation number per domain and a few flags. The engine writes, request threads read. The
 * segment is new with each configuration, so it starts as *unknown*, not as *quiet*: for an unknown
 * domain a child looks into live/ itself (at most once a second), and while no engine of its own
 * configuration is up it looks into challenges/ for every well-formed token.
 */
#ifndef ACME_BELL_H
#define ACME_BELL_H

#include <apr.h>
#include <apr_time.h>
#include <stdatomic.h>

typedef struct {
    _Atomic int engine_is_up; /**< the engine of this configuration holds the lock and has looked */
    _Atomic int challenges;   /**< proofs published now */
    _Atomic int accounts;     /**< how often the engine has read or made an account key */
    _Atomic int waiting;      /**< domains that wait for their turn at a CA */
    _Atomic apr_int64_t waiting_until; /**< when all of them will have been ordered; 0: not known */
    _Atomic apr_uint64_t generations[]; /**< by domain index */
} acme_bell_t;

/** Not yet looked at by the engine: look yourself. */
#define ACME_BELL_UNKNOWN ((apr_uint64_t)0)
/** The engine looked: there is none. */
#define ACME_BELL_NONE (~(apr_uint64_t)0)

/** Bytes needed for @a domains domains. Zeroed memory is a valid, unknown bell. */
apr_size_t acme_bell_size(int domains);

/** Tells that generation @a number of the domain is there (or ACME_BELL_NONE). Numbers only grow: a
 * smaller one is ignored, but ACME_BELL_NONE gives way to any. */
void acme_bell_ring(acme_bell_t *bell, int index, apr_uint64_t number);

/** Tells that @a count domains wait for their turn, about until @a until (0: nobody knows). */
void acme_bell_wait(acme_bell_t *bell, int count, apr_time_t until);

/** Nonzero if the engine has looked and no proof is published: nobody need look into challenges/. */
int acme_bell_is_quiet(const acme_bell_t *bell);

apr_uint64_t acme_bell_generation(const acme_bell_t *bell, int index);

#endif
