/* A heap of pointers whose items know their place, so that any of them can be moved or taken out.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Inserting, moving and removing take logarithmic time, looking at the first none. One thread.
 */
#ifndef ACME_HEAP_H
#define ACME_HEAP_H

#include <apr_pools.h>
#include <apr_tables.h>

typedef struct {
    apr_array_header_t *items;                     /**< void * */
    int (*is_before)(const void *a, const void *b); /**< nonzero if @a a comes first */
    int *(*place)(void *item);                     /**< where the item keeps its place */
} acme_heap_t;

/** Makes @a heap an empty one with room for @a count items, and for more when they come. */
void acme_heap_init(acme_heap_t *heap, int count, int (*is_before)(const void *, const void *),
                    int *(*place)(void *), apr_pool_t *pool);

void acme_heap_insert(acme_heap_t *heap, void *item);

/** Takes out @a item, which is in @a heap. */
void acme_heap_remove(acme_heap_t *heap, void *item);

/** What decides @a item's place has changed. */
void acme_heap_moved(acme_heap_t *heap, void *item);

/** NULL if it is empty. */
void *acme_heap_first(const acme_heap_t *heap);

int acme_heap_count(const acme_heap_t *heap);

#endif
