/* The certificates of a child: which generation each handshake gets, and how a new one takes over.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One slot per domain, found by its index; the memory of slots that were never used is never
 * touched, so that 100,000 domains cost address space only. Slot i belongs to stripe i modulo the
 * number of stripes; its lock protects the slot and the stripe's list of residents (the slots that
 * hold something), around which a clock hand goes when room is needed.
 *
 * A take has three parts: look (under the lock: what is held, and is that enough?), load (no lock;
 * others may be loading the same), install (under the lock: the newest wins).
 *
 *   bell          held        what a take does
 *   number        that, newer gives it; no clock, no file
 *   number        older, none loads that number (or what was served, if that is newer)
 *   NONE          any         gives it; touches no file
 *   UNKNOWN       any         reads `current`, once a second; gives what is held meanwhile
 *   UNKNOWN       never       reads `current` beside the others: nobody is turned away meanwhile
 *
 * 1. `served` outlives eviction: nothing older is ever installed, so no client sees a generation go
 *    back, whatever is on disk.
 * 2. What a thread gets lives until it gives it back, whatever happens to the slot.
 * 3. References are let go outside the lock: the last one frees keys.
 * 4. A generation that must wait for a restart (must-staple) is remembered in `waiting`, so that it is
 *    read once; what was served before goes on, or the newest older one that need not wait.
 * 5. Loading uses a pool with an allocator of its own, for a child's pools are not safe here; only
 *    OpenSSL's objects outlive it, by their own reference counts.
 */
#include "acme/acme_certificate_cache.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "acme/acme_generation.h"
#include "acme/acme_time.h"

/* How long a failure keeps us from trying again, and how often an unknown domain is looked at. */
#define PATIENCE ACME_TIME_SECOND
/* A generation that is pruned while we read is read no more; we follow the newer ones, not for
 * ever. */
#define MAX_ATTEMPTS 3

typedef struct {
    acme_loaded_t loaded; /* first: a pointer to it is a pointer to us */
    apr_time_t not_after; /* of what ends first in it */
    _Atomic unsigned references;
} held_t;

typedef struct {
    held_t *held;
    apr_uint64_t served;            /* the newest generation that was ever held here */
    apr_uint64_t failed;            /* the generation that could not be loaded, 0 if none */
    apr_uint64_t logged;            /* the generation whose failure was logged */
    apr_uint64_t waiting;           /* the newest generation that waits for a restart, 0 if none */
    apr_interval_time_t not_before; /* no look at an unknown domain, no retry of `failed` before */
    int was_looked_at;
    int was_used; /* since the clock hand came by */
} slot_t;

typedef struct {
    apr_thread_mutex_t *lock;
    int *residents; /* indices of slots that hold something */
    int resident_count;
    int hand;
    char padding[64]; /* the locks of two stripes share no cache line */
} stripe_t;

struct acme_certificate_cache_t {
    const acme_store_t *store;
    const acme_bell_t *bell;
    const acme_env_t *env;
    slot_t *slots;
    int domains;
    stripe_t *stripes;
    int stripe_count;
    int stripe_capacity;
    const apr_uint64_t *stapled; /* by domain: newer ones with must-staple wait; NULL: none does */
};

/* What a look at a slot found. */
typedef struct {
    held_t *held; /* with a reference for the caller, or NULL */
    int must_load;
    apr_uint64_t wanted; /* load this one; ACME_BELL_UNKNOWN: what `current` says */
    apr_uint64_t served; /* and nothing older than this */
    apr_uint64_t waiting;
    int is_over; /* what is held has ended: nothing waits any more */
} view_t;

/* ---- references */

static void hold(held_t *held)
{
    atomic_fetch_add_explicit(&held->references, 1, memory_order_relaxed);
}

static void let_go(held_t *held)
{
    if (held == NULL ||
        atomic_fetch_sub_explicit(&held->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (int i = 0; i < held->loaded.count; i++) {
        X509_free(held->loaded.certificates[i].leaf);
        EVP_PKEY_free(held->loaded.certificates[i].key);
        sk_X509_pop_free(held->loaded.certificates[i].issuers, X509_free);
    }
    free(held);
}

void acme_certificate_cache_give_back(const acme_loaded_t *loaded)
{
    let_go((held_t *)(void *)loaded);
}

/* ---- loading, without a lock */

static int slot_is_taken(const acme_loaded_t *loaded, const acme_key_type_t *types,
                         acme_key_type_t type)
{
    for (int i = 0; i < loaded->count; i++) {
        if (acme_key_type_same_slot(types[i], type)) {
            return 1;
        }
    }
    return 0;
}

/* Takes references to what the generation's pool will let go of. 0 if memory is short. */
static int adopt(acme_loaded_t *loaded, const acme_generation_certificate_t *certificate)
{
    STACK_OF(X509) *issuers = X509_chain_up_ref(certificate->chain->issuers);
    if (issuers == NULL) {
        return 0;
    }
    EVP_PKEY *key = acme_key_pkey(certificate->key);
    X509_up_ref(certificate->chain->leaf);
    EVP_PKEY_up_ref(key);
    loaded->certificates[loaded->count].leaf = certificate->chain->leaf;
    loaded->certificates[loaded->count].key = key;
    loaded->certificates[loaded->count].issuers = issuers;
    loaded->count++;
    return 1;
}

static apr_time_t end_of(const acme_generation_t *generation)
{
    apr_time_t end = 0;
    for (int i = 0; i < generation->certificates->nelts; i++) {
        apr_time_t not_after =
            APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t)
                .chain->not_after;
        end = end == 0 || not_after < end ? not_after : end;
    }
    return end;
}

/* One certificate for each of OpenSSL's slots; where two want the same the first has it. */
static held_t *held_create(const acme_generation_t *generation)
{
    acme_key_type_t types[2];
    held_t *held = calloc(1, sizeof(*held));
    if (held == NULL) {
        return NULL;
    }
    atomic_init(&held->references, 1);
    held->loaded.number = generation->number;
    held->not_after = end_of(generation);
    for (int i = 0; i < generation->certificates->nelts && held->loaded.count < 2; i++) {
        const acme_generation_certificate_t *certificate =
            &APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t);
        if (slot_is_taken(&held->loaded, types, certificate->type)) {
            continue;
        }
        types[held->loaded.count] = certificate->type;
        if (!adopt(&held->loaded, certificate)) {
            let_go(held);
            return NULL;
        }
    }
    return held;
}

/* What counts according to the store; 0 if nothing does. */
static acme_err_t *counting_number(apr_uint64_t *number, const acme_certificate_cache_t *cache,
                                   const acme_domain_t *domain, apr_pool_t *pool)
{
    acme_generation_facts_t *facts;
    *number = 0;
    ACME_TRY(acme_generation_facts_read(&facts, cache->store, domain->folder, pool));
    *number = facts != NULL ? facts->number : 0;
    return NULL;
}

/* Reads generation *number, or, if that was pruned meanwhile, the newer one that counts now. */
static acme_err_t *read_generation(acme_generation_t **generation, apr_uint64_t number,
                                   const acme_certificate_cache_t *cache,
                                   const acme_domain_t *domain, apr_pool_t *pool)
{
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        apr_uint64_t counting;
        ACME_TRY(acme_generation_read(generation, cache->store, domain->folder, number, pool));
        if (*generation != NULL) {
            return NULL;
        }
        ACME_TRY(counting_number(&counting, cache, domain, pool));
        if (counting <= number) {
            break;
        }
        number = counting;
    }
    return acme_err_make(pool, ACME_ERR_STORE, "it is not in the store, or its seal does not open");
}

static stripe_t *stripe_of(acme_certificate_cache_t *cache, const acme_domain_t *domain)
{
    return &cache->stripes[domain->index % cache->stripe_count];
}

/* Nothing can be done about a lock that fails but to see it in a debug build. */
static void lock_stripe(stripe_t *stripe)
{
    apr_status_t status = apr_thread_mutex_lock(stripe->lock);
    assert(status == APR_SUCCESS);
    (void)status;
}

static void unlock_stripe(stripe_t *stripe)
{
    apr_status_t status = apr_thread_mutex_unlock(stripe->lock);
    assert(status == APR_SUCCESS);
    (void)status;
}

/* Remembers that @a number (0: whatever counts) could not be loaded. Nonzero if this is news. */
static int note_failure(acme_certificate_cache_t *cache, const acme_domain_t *domain,
                        apr_uint64_t number)
{
    slot_t *slot = &cache->slots[domain->index];
    stripe_t *stripe = stripe_of(cache, domain);
    apr_interval_time_t not_before = acme_env_monotonic(cache->env) + PATIENCE;
    apr_uint64_t reason = number != 0 ? number : ACME_BELL_NONE;
    lock_stripe(stripe);
    slot->failed = number;
    slot->not_before = not_before;
    slot->was_looked_at = 1;
    int is_news = slot->logged != reason;
    slot->logged = reason;
    unlock_stripe(stripe);
    return is_news;
}

/* One line per generation that cannot be loaded, however many threads try. */
static void report_failure(acme_certificate_cache_t *cache, const acme_domain_t *domain,
                           const view_t *view, const acme_err_t *err, apr_pool_t *pool)
{
    if (!note_failure(cache, domain, view->wanted)) {
        return;
    }
    const char *served = "what the server started with";
    if (view->held != NULL) {
        served = apr_psprintf(pool, "generation %" APR_UINT64_T_FMT, view->held->loaded.number);
    }
    acme_env_log(cache->env, ACME_LOG_WARNING,
                 "%s: generation %" APR_UINT64_T_FMT " of its certificate cannot be loaded, %s is "
                 "served for the time being and it is tried again: %s",
                 domain->name, view->wanted, served, err->text);
}

/* Turns view->wanted into a number, never below what was served; 0 if there is nothing at all. */
static acme_err_t *settle_wanted(view_t *view, const acme_certificate_cache_t *cache,
                                 const acme_domain_t *domain, apr_pool_t *pool)
{
    acme_err_t *err = NULL;
    if (view->wanted == ACME_BELL_UNKNOWN) {
        err = counting_number(&view->wanted, cache, domain, pool);
    }
    view->wanted = view->wanted > view->served ? view->wanted : view->served;
    return err;
}

/* ---- what waits for a restart */

static int must_wait(const acme_certificate_cache_t *cache, const acme_domain_t *domain,
                     const acme_generation_t *generation)
{
    int is_stapled = 0;
    for (int i = 0; i < generation->certificates->nelts; i++) {
        is_stapled |= APR_ARRAY_IDX(generation->certificates, i, acme_generation_certificate_t)
                          .chain->has_must_staple;
    }
    return is_stapled && cache->stapled != NULL &&
           generation->number > cache->stapled[domain->index];
}

static void note_waiting(acme_certificate_cache_t *cache, const acme_domain_t *domain,
                         apr_uint64_t number)
{
    slot_t *slot = &cache->slots[domain->index];
    stripe_t *stripe = stripe_of(cache, domain);
    lock_stripe(stripe);
    slot->waiting = slot->waiting > number ? slot->waiting : number;
    unlock_stripe(stripe);
}

/* The newest generation before @a number that is there and need not wait, nothing older than what was
 * served; NULL if there is none. */
static acme_generation_t *read_before(const view_t *view, apr_uint64_t number,
                                      const acme_certificate_cache_t *cache,
                                      const acme_domain_t *domain, apr_pool_t *pool)
{
    for (int i = 0; i <= ACME_GENERATION_KEEP && --number > 0 && number >= view->served; i++) {
        acme_generation_t *generation = NULL;
        acme_err_t *err =
            acme_generation_read(&generation, cache->store, domain->folder, number, pool);
        if (err == NULL && generation != NULL && !must_wait(cache, domain, generation)) {
            return generation;
        }
    }
    return NULL;
}

/* What to give instead of @a generation: itself, an older one, or (NULL) what is held. */
static acme_generation_t *give_instead(acme_generation_t *generation, const view_t *view,
                                       acme_certificate_cache_t *cache,
                                       const acme_domain_t *domain, apr_pool_t *pool)
{
    if (generation == NULL || view->is_over || !must_wait(cache, domain, generation)) {
        return generation;
    }
    note_waiting(cache, domain, generation->number);
    return view->held == NULL ? read_before(view, generation->number, cache, domain, pool) : NULL;
}

/* What the look asked for, read; NULL if there is none, none that is newer than what is held, or it
 * failed (which was reported). */
static held_t *load_in(view_t *view, acme_certificate_cache_t *cache, const acme_domain_t *domain,
                       apr_pool_t *pool)
{
    acme_generation_t *generation = NULL;
    acme_err_t *err = settle_wanted(view, cache, domain, pool);
    if (view->wanted <= view->waiting && view->wanted > view->served) {
        view->wanted = view->served; /* it was read, and waits */
    }
    if (view->wanted > (view->held != NULL ? view->held->loaded.number : 0)) {
        acme_err_t *read_err = read_generation(&generation, view->wanted, cache, domain, pool);
        err = read_err != NULL ? read_err : err;
    }
    if (err != NULL) {
        report_failure(cache, domain, view, err, pool);
    }
    generation = give_instead(generation, view, cache, domain, pool);
    return generation != NULL ? held_create(generation) : NULL;
}

static held_t *load(view_t *view, acme_certificate_cache_t *cache, const acme_domain_t *domain)
{
    apr_pool_t *pool;
    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return NULL;
    }
    held_t *held = load_in(view, cache, domain, pool);
    apr_pool_destroy(pool);
    return held;
}

/* ---- slots, under the lock of their stripe */

/* Makes room for one more by taking from the first resident that was not used since the hand came
 * by; what it held is the caller's to let go. Gives the free place. */
static int free_place(acme_certificate_cache_t *cache, stripe_t *stripe, held_t **evicted)
{
    if (stripe->resident_count < cache->stripe_capacity) {
        return stripe->resident_count++;
    }
    for (;;) {
        int place = stripe->hand;
        slot_t *slot = &cache->slots[stripe->residents[place]];
        stripe->hand = (stripe->hand + 1) % cache->stripe_capacity;
        if (slot->was_used) {
            slot->was_used = 0;
            continue;
        }
        *evicted = slot->held;
        slot->held = NULL;
        return place;
    }
}

static void put_in_slot(acme_certificate_cache_t *cache, const acme_domain_t *domain, held_t *held,
                        held_t **dropped)
{
    slot_t *slot = &cache->slots[domain->index];
    stripe_t *stripe = stripe_of(cache, domain);
    if (slot->held != NULL) {
        *dropped = slot->held;
    }
    else {
        stripe->residents[free_place(cache, stripe, dropped)] = domain->index;
    }
    hold(held);
    slot->held = held;
    slot->served = held->loaded.number;
    slot->failed = 0;
    slot->was_used = 1;
}

/* Offers @a held, whose reference is given away, to the slot. Gives the newest of both with a
 * reference. While we loaded, something newer may have come and been evicted again: then @a held is
 * for this handshake alone, which began before. */
static held_t *install(acme_certificate_cache_t *cache, const acme_domain_t *domain, held_t *held)
{
    slot_t *slot = &cache->slots[domain->index];
    stripe_t *stripe = stripe_of(cache, domain);
    held_t *dropped = NULL;
    held_t *best = held;
    lock_stripe(stripe);
    if (slot->held != NULL && slot->held->loaded.number >= held->loaded.number) {
        best = slot->held;
        slot->was_used = 1;
        hold(best);
        dropped = held;
    }
    else if (held->loaded.number >= slot->served) {
        put_in_slot(cache, domain, held, &dropped);
    }
    unlock_stripe(stripe);
    let_go(dropped);
    return best;
}

/* The clock is asked only when the answer depends on it. */
static int is_too_early(const acme_certificate_cache_t *cache, const slot_t *slot)
{
    return acme_env_monotonic(cache->env) < slot->not_before;
}

/* A domain the engine has not looked at yet: whether to read `current`. Once a second, by one
 * thread; the very first time by everyone who comes, for there is nothing else to give them. What
 * was evicted comes back by its number, without a look. */
static int must_look(const acme_certificate_cache_t *cache, slot_t *slot, view_t *view)
{
    if (slot->was_looked_at && is_too_early(cache, slot)) {
        view->wanted = slot->served;
        return slot->held == NULL && slot->served != 0 && slot->failed != slot->served;
    }
    if (slot->was_looked_at) {
        slot->not_before = acme_env_monotonic(cache->env) + PATIENCE;
    }
    return 1;
}

static int must_load(const acme_certificate_cache_t *cache, slot_t *slot, view_t *view)
{
    if (view->wanted == ACME_BELL_NONE) {
        return 0;
    }
    if (view->wanted == ACME_BELL_UNKNOWN) {
        return must_look(cache, slot, view);
    }
    if (slot->held != NULL && slot->held->loaded.number >= view->wanted) {
        return 0;
    }
    if (view->wanted <= view->waiting) {
        view->wanted = slot->served; /* which may have been evicted */
        return slot->held == NULL && slot->served != 0 && slot->failed != slot->served;
    }
    return slot->failed < view->wanted || !is_too_early(cache, slot);
}

static view_t look(acme_certificate_cache_t *cache, const acme_domain_t *domain)
{
    slot_t *slot = &cache->slots[domain->index];
    stripe_t *stripe = stripe_of(cache, domain);
    view_t view = {.wanted = cache->bell != NULL ? acme_bell_generation(cache->bell, domain->index)
                                                 : ACME_BELL_UNKNOWN};
    lock_stripe(stripe);
    view.held = slot->held;
    if (view.held != NULL) {
        hold(view.held);
        slot->was_used = 1;
    }
    view.served = slot->served;
    view.is_over = slot->waiting != 0 && slot->held != NULL &&
                   slot->held->not_after < acme_env_now(cache->env);
    view.waiting = view.is_over ? 0 : slot->waiting;
    view.must_load = must_load(cache, slot, &view);
    unlock_stripe(stripe);
    return view;
}

/* An unknown domain was looked at: the next look is a second away. */
static void note_look(acme_certificate_cache_t *cache, const acme_domain_t *domain)
{
    slot_t *slot = &cache->slots[domain->index];
    stripe_t *stripe = stripe_of(cache, domain);
    apr_interval_time_t not_before = acme_env_monotonic(cache->env) + PATIENCE;
    lock_stripe(stripe);
    if (!slot->was_looked_at) {
        slot->was_looked_at = 1;
        slot->not_before = not_before;
    }
    unlock_stripe(stripe);
}

const acme_loaded_t *acme_certificate_cache_take(acme_certificate_cache_t *cache,
                                                 const acme_domain_t *domain)
{
    assert(domain->index >= 0 && domain->index < cache->domains);
    view_t view = look(cache, domain);
    if (!view.must_load) {
        return (const acme_loaded_t *)view.held;
    }
    int is_look = view.wanted == ACME_BELL_UNKNOWN;
    held_t *loaded = load(&view, cache, domain);
    if (is_look) {
        note_look(cache, domain);
    }
    if (loaded == NULL) {
        return (const acme_loaded_t *)view.held;
    }
    held_t *best = install(cache, domain, loaded);
    let_go(view.held);
    return (const acme_loaded_t *)best;
}

void acme_certificate_cache_hold_back(acme_certificate_cache_t *cache, const apr_uint64_t *loaded)
{
    cache->stapled = loaded;
}

/* ---- the cache as a whole */

static apr_status_t destroy(void *baton)
{
    acme_certificate_cache_t *cache = baton;
    for (int i = 0; i < cache->stripe_count; i++) {
        stripe_t *stripe = &cache->stripes[i];
        for (int j = 0; j < stripe->resident_count; j++) {
            let_go(cache->slots[stripe->residents[j]].held);
        }
        free(stripe->residents);
    }
    free(cache->stripes);
    free(cache->slots);
    return APR_SUCCESS;
}

static void *must_calloc(int count, apr_size_t size)
{
    void *memory = calloc((apr_size_t)(count > 0 ? count : 1), size);
    if (memory == NULL) {
        abort(); /* a child that cannot start: as APR does when memory is short */
    }
    return memory;
}

static void make_stripes(acme_certificate_cache_t *cache, int capacity, apr_pool_t *pool)
{
    /* fewer stripes where each could not hold a single domain */
    cache->stripe_count =
        capacity < ACME_CERTIFICATE_CACHE_STRIPES ? capacity : ACME_CERTIFICATE_CACHE_STRIPES;
    cache->stripe_capacity = capacity / cache->stripe_count;
    cache->stripes = must_calloc(cache->stripe_count, sizeof(stripe_t));
    for (int i = 0; i < cache->stripe_count; i++) {
        stripe_t *stripe = &cache->stripes[i];
        stripe->residents = must_calloc(cache->stripe_capacity, sizeof(int));
        apr_status_t status =
            apr_thread_mutex_create(&stripe->lock, APR_THREAD_MUTEX_UNNESTED, pool);
        if (status != APR_SUCCESS) {
            abort();
        }
    }
}

acme_certificate_cache_t *acme_certificate_cache_create(const acme_store_t *store,
                                                        const acme_bell_t *bell, int domains,
                                                        int capacity, const acme_env_t *env,
                                                        apr_pool_t *pool)
{
    acme_certificate_cache_t *cache = apr_pcalloc(pool, sizeof(*cache));
    cache->store = store;
    cache->bell = bell;
    cache->env = env;
    cache->domains = domains;
    cache->slots = must_calloc(domains, sizeof(slot_t));
    capacity = capacity < domains ? capacity : domains;
    make_stripes(cache, capacity > 0 ? capacity : 1, pool);
    apr_pool_cleanup_register(pool, cache, destroy, apr_pool_cleanup_null);
    return cache;
}
