/* The bell: one atomic generation number per domain, between the engine and the request threads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_bell.h"

apr_size_t acme_bell_size(int domains)
{
    return sizeof(acme_bell_t) + (apr_size_t)(domains > 0 ? domains : 0) * sizeof(apr_uint64_t);
}

/* ACME_BELL_UNKNOWN < ACME_BELL_NONE < any generation, in the order in which the truth is learnt.
 */
static int is_news(apr_uint64_t number, apr_uint64_t known)
{
    if (number == ACME_BELL_UNKNOWN) {
        return 0;
    }
    if (number == ACME_BELL_NONE) {
        return known == ACME_BELL_UNKNOWN;
    }
    return known == ACME_BELL_NONE || number > known;
}

void acme_bell_ring(acme_bell_t *bell, int index, apr_uint64_t number)
{
    _Atomic apr_uint64_t *place = &bell->generations[index];
    apr_uint64_t known = atomic_load_explicit(place, memory_order_relaxed);
    while (is_news(number, known) &&
           !atomic_compare_exchange_weak_explicit(place, &known, number, memory_order_release,
                                                  memory_order_relaxed)) {
        /* known was read anew */
    }
}

void acme_bell_wait(acme_bell_t *bell, int count, apr_time_t until)
{
    atomic_store(&bell->waiting, count);
    atomic_store(&bell->waiting_until, until);
}

int acme_bell_is_quiet(const acme_bell_t *bell)
{
    return atomic_load(&bell->engine_is_up) != 0 && atomic_load(&bell->challenges) == 0;
}

apr_uint64_t acme_bell_generation(const acme_bell_t *bell, int index)
{
    return atomic_load_explicit(&bell->generations[index], memory_order_acquire);
}
