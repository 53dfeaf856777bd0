/* The inside of the engine, shared by the files that make it up.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_ENGINE_PRIVATE_H
#define ACME_ENGINE_PRIVATE_H

#include <apr_hash.h>

#include "acme/acme_engine.h"
#include "acme/acme_issuance.h"
#include "acme/acme_job.h"
#include "acme/acme_policy.h"
#include "acme/acme_preflight_desk.h"
#include "acme/acme_session.h"
#include "acme_heap.h"
#include "acme_inquiry.h"
#include "acme_wish.h"

#define ACME_ENGINE_NEVER ((apr_time_t)APR_INT64_MAX)

typedef struct entry_t entry_t;
typedef struct gate_t gate_t;

/* Who waits to be called at a CA. */
typedef struct {
    gate_t *gate;
    int is_counted;   /* for the account's limit */
    acme_heap_t heap; /* entry_t: first things first */
    int changes;      /* of them, for a change of the configuration alone */
    int called;       /* out of it, and not looked at yet */
} line_t;

#define LINES 2

/* The way to a CA. */
struct gate_t {
    acme_session_t *session;
    line_t lines[LINES]; /* the counted, and the others */
    int runs;            /* begun there, and not ended yet */
    int held;            /* domains that wait since their own names have reached a limit */
    apr_time_t told_at;  /* that some wait; 0: none do */
};

/* What an entry waits for. */
typedef struct {
    acme_session_t *session;
    const apr_array_header_t *names; /* const acme_identifier_t *: to be ordered; of this look alone */
    acme_claim_t claim;
    acme_rank_t rank;
    apr_time_t key; /* smaller ones of the same rank go first */
} want_t;

struct entry_t {
    const acme_domain_t *domain;
    acme_session_t *session; /* with the CA of first choice */
    acme_issuance_t *run;    /* or NULL */
    acme_inquiry_t *inquiry; /* the CA is being asked when to renew; or NULL */
    apr_time_t inquire_at;   /* not before; also where the store forgets what was answered */
    want_t want;            /* while it waits */
    line_t *line;           /* it stands in, or was called out of */
    int line_place;         /* in its heap */
    int is_called;          /* it may begin when it is looked at */
    acme_bucket_t *held_by; /* its names wait for this one; or NULL */
    int has_claim;          /* the run has taken tokens for its names */
    int was_looked_at;
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
    int has_choice; /* a domain has more than one CA, or one with a test environment */
    apr_array_header_t *errors_seen; /* int, by session: failures that were acted upon */
    apr_array_header_t *gates; /* gate_t *, by session */
    int changes;               /* certificates replaced since the configuration changed */
    apr_time_t change_at;      /* the next one */
    int unlooked;              /* entries that were not looked at yet */
    apr_time_t counted_at;     /* when those that wait were last counted */
    int unseen;    /* entries whose records were not read yet */
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

/** The session to order through: that of the first choice unless it failed, or with the test
 * environment of that CA where @a job and policy want a rehearsal. */
acme_session_t *acme_engine__choose(acme_engine_t *engine, const entry_t *entry,
                                    const acme_due_t *due, const acme_job_t *job,
                                    apr_pool_t *scratch_pool);

/** Runs at CAs that are given up since the last call begin anew elsewhere, where there is another. */
void acme_engine__fail_over(acme_engine_t *engine);

/* ---- acme_engine_line.c: who begins when not all can ---- */

/** Makes the gate for a new session. */
void acme_engine__open_gate(acme_engine_t *engine, acme_session_t *session);

/** The entry has a run from now on, or has one no longer. */
void acme_engine__has_begun(acme_engine_t *engine, entry_t *entry, acme_issuance_t *run);
void acme_engine__has_ended(acme_engine_t *engine, entry_t *entry);

/** The entry waits no longer. Nonzero if it was called: it may begin. */
int acme_engine__leave(acme_engine_t *engine, entry_t *entry);

/** An entry that waits for nothing wants to begin, @a was_called or not. Returns 0 if it may; else when it
 * shall be looked at again, ACME_ENGINE_NEVER: it is in line and will be called. */
apr_time_t acme_engine__wait(acme_engine_t *engine, entry_t *entry, const want_t *want,
                             int was_called, apr_time_t now, apr_pool_t *pool);

/** Calls those whose turn it is. */
void acme_engine__call(acme_engine_t *engine);

/** When acme_engine__call is to be called next; ACME_ENGINE_NEVER: after something has happened. */
apr_time_t acme_engine__call_at(const acme_engine_t *engine);

/** Who stands in line at @a session looks for another CA. */
void acme_engine__send_away(acme_engine_t *engine, const acme_session_t *session);

/** Tells log and children, from time to time, how many wait and until when. */
void acme_engine__tell_waiting(acme_engine_t *engine);

/* ---- acme_engine_drop.c: names that fail ---- */

/** What there is to judge by. */
typedef struct {
    const acme_domain_t *domain;
    const acme_generation_facts_t *facts; /* in use; or NULL */
    const acme_renewal_t *renewal;
    acme_job_t *job;
} acme_dropping_t;

/** The names that an order of now is for: all but those that were dropped and are not tried again yet. This is
 * told, a failure that was theirs alone no longer delays the next run, and @a due is judged anew. */
const apr_array_header_t *acme_engine__drop(acme_engine_t *engine, acme_due_t *due,
                                            const acme_dropping_t *dropping, apr_time_t now,
                                            apr_pool_t *pool);

/* ---- acme_engine_sweep.c: what an engine before us left ---- */

/** Looks whether proofs of before are published; then children go on looking for them. */
void acme_engine__find_leftovers(acme_engine_t *engine);

/** Once all records were read: takes away the proofs that no run claims. */
void acme_engine__sweep(acme_engine_t *engine);

#endif
