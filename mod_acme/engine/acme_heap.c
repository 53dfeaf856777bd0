/* A heap whose items know their place; see acme_heap.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme_heap.h"

void acme_heap_init(acme_heap_t *heap, int count, int (*is_before)(const void *, const void *),
                    int *(*place)(void *), apr_pool_t *pool)
{
    heap->items = apr_array_make(pool, count, sizeof(void *));
    heap->is_before = is_before;
    heap->place = place;
}

static void *at(const acme_heap_t *heap, int i)
{
    return APR_ARRAY_IDX(heap->items, i, void *);
}

static void put(acme_heap_t *heap, int i, void *item)
{
    APR_ARRAY_IDX(heap->items, i, void *) = item;
    *heap->place(item) = i;
}

static void sift_up(acme_heap_t *heap, void *item)
{
    int i = *heap->place(item);
    while (i > 0 && heap->is_before(item, at(heap, (i - 1) / 2))) {
        put(heap, i, at(heap, (i - 1) / 2));
        i = (i - 1) / 2;
    }
    put(heap, i, item);
}

static void sift_down(acme_heap_t *heap, void *item)
{
    int i = *heap->place(item);
    for (;;) {
        int child = 2 * i + 1;
        if (child >= heap->items->nelts) {
            break;
        }
        if (child + 1 < heap->items->nelts &&
            heap->is_before(at(heap, child + 1), at(heap, child))) {
            ++child;
        }
        if (!heap->is_before(at(heap, child), item)) {
            break;
        }
        put(heap, i, at(heap, child));
        i = child;
    }
    put(heap, i, item);
}

void acme_heap_moved(acme_heap_t *heap, void *item)
{
    sift_up(heap, item);
    sift_down(heap, item);
}

void acme_heap_insert(acme_heap_t *heap, void *item)
{
    APR_ARRAY_PUSH(heap->items, void *) = item;
    put(heap, heap->items->nelts - 1, item);
    sift_up(heap, item);
}

void acme_heap_remove(acme_heap_t *heap, void *item)
{
    int hole = *heap->place(item);
    void *last = at(heap, heap->items->nelts - 1);
    --heap->items->nelts;
    if (last != item) {
        put(heap, hole, last);
        acme_heap_moved(heap, last);
    }
}

void *acme_heap_first(const acme_heap_t *heap)
{
    return heap->items->nelts > 0 ? at(heap, 0) : NULL;
}

int acme_heap_count(const acme_heap_t *heap)
{
    return heap->items->nelts;
}
