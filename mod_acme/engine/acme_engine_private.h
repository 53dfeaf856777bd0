/* The inside of the engine, shared by the files that make it up.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_ENGINE_PRIVATE_H
#define ACME_ENGINE_PRIVATE_H

#include <apr_hash.h>

#include "acme/acme_engine.h"
#include "acme/acme_issuance.h"
#include "acme/acme_preflight_desk.h"
#include "acme/acme_session.h"
#include "acme_heap.h"
#include "acme_inquiry.h"
#include "acme_wish.h"

#define ACME_ENGINE_NEVER ((apr_time_t)APR_INT64_MAX)

typedef struct entry_t entry_t;
struct entry_t {
    const acme_domain_t *domain;
    acme_session_t *session; /* with the CA of first choice */
    acme_issuance_t *run;    /* or NULL */
    acme_inquiry_t *inquiry; /* the CA is being asked when to renew; or NULL */
    apr_time_t inquire_at;   /* not before; also where the store forgets what was answered */
    apr_time_t change_at;    /* when the certificate is replaced for a change; 0: there is none */
    apr_time_t due;
    int place;               /* in the heap */
    int was_seen;
};

/* A proof that nobody claims, and who takes it away. */
typedef struct {
    const acme_proof_t *proof;
    acme_solver_t *solver;
} orphan_t;

struct acme_engine_t {
    apr_pool_t *pool;
    acme_engine_config_t config;
    acme_issuance_host_t host;
    acme_inquiry_host_t inquiry_host;
    acme_wish_host_t wish_host;
    acme_wishes_t *wishes;
    entry_t *entries; /* by domain index */
    acme_heap_t heap;  /* by due */
    int count;
    apr_array_header_t *sessions; /* acme_session_t * */
    apr_hash_t *by_url;           /* directory URL -> acme_session_t * */
    int has_choice;               /* a domain has more than one CA */
    apr_array_header_t *errors_seen; /* int, by session: failures that were acted upon */
    int changes; /* certificates to be replaced since the configuration changed, seen so far */
    int runs;
    int unseen;    /* entries not looked at yet */
    int published; /* runs with proofs published, and 1 for those of before until they are swept */
    int has_leftovers;
    apr_pool_t *sweep_pool;      /* NULL unless leftovers are being taken away */
    apr_array_header_t *orphans; /* orphan_t: what is still to be taken away */
    apr_time_t sweep_at;
    apr_array_header_t *ended; /* acme_issuance_t * */
    acme_preflight_desk_t *desk;
    apr_time_t store_logged_at;
    apr_uint32_t store_logged_hash;
    apr_time_t ticked_at;            /* the wall clock at the last tick */
    apr_interval_time_t ticked_mono; /* and the other one */
};

/* ---- acme_engine.c: the heap, what runs say, the tick ---- */

/** Moves the entry to the moment at which something is to be done for it. */
void acme_engine__set_due(acme_engine_t *engine, entry_t *entry, apr_time_t due);

/** The session with @a ca, made at its first use. */
acme_session_t *acme_engine__session(acme_engine_t *engine, const acme_ca_t *ca);

/** @a count proofs more (or fewer) are published: children are told. @a baton is the engine. */
void acme_engine__published(void *baton, int count);

/** The disk refused: one line, and one more an hour while it lasts. @a baton is the engine. */
void acme_engine__store_trouble(void *baton, const acme_err_t *err);

apr_time_t acme_engine__sooner(apr_time_t a, apr_time_t b);

/* ---- acme_engine_look.c: what is to be done for a domain ---- */

/** Looks at a domain without a run: begins one, asks its CA about it, or says when to look again. */
void acme_engine__look(acme_engine_t *engine, entry_t *entry, apr_time_t now);

/* ---- acme_engine_choose.c: which CA ---- */

/** The session to order through, after so many errors in a row: that of the first choice unless it
 * failed. Says so when it is another. */
acme_session_t *acme_engine__choose(acme_engine_t *engine, const entry_t *entry, int errors,
                                    apr_pool_t *scratch_pool);

/** Runs at CAs that are given up since the last call begin anew elsewhere, where there is another. */
void acme_engine__fail_over(acme_engine_t *engine);

/* ---- acme_engine_sweep.c: what an engine before us left ---- */

/** Looks whether proofs of before are published; then children go on looking for them. */
void acme_engine__find_leftovers(acme_engine_t *engine);

/** Once all records were read: takes away the proofs that no run claims. */
void acme_engine__sweep(acme_engine_t *engine);

#endif
