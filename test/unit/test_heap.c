/* The heap: in order whatever is inserted, moved and taken out in between.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include "acme_heap.h"

#define ITEMS 300

typedef struct {
    int key;
    int place;
    int is_in;
} item_t;

static int is_before(const void *a, const void *b)
{
    return ((const item_t *)a)->key < ((const item_t *)b)->key;
}

static int *place(void *item)
{
    return &((item_t *)item)->place;
}

static unsigned draw(unsigned *random)
{
    *random = *random * 1103515245u + 12345u;
    return *random >> 16;
}

static void empty_has_no_first(void **state)
{
    acme_heap_t heap;
    acme_heap_init(&heap, 0, is_before, place, *state);
    assert_null(acme_heap_first(&heap));
    assert_int_equal(0, acme_heap_count(&heap));
}

static void only_item_can_be_taken_out(void **state)
{
    acme_heap_t heap;
    item_t item = {.key = 1};
    acme_heap_init(&heap, 0, is_before, place, *state);
    acme_heap_insert(&heap, &item);
    acme_heap_remove(&heap, &item);
    assert_null(acme_heap_first(&heap));
}

static void shake(acme_heap_t *heap, item_t *items, unsigned *random)
{
    item_t *item = &items[draw(random) % ITEMS];
    if (!item->is_in) {
        item->key = (int)(draw(random) % 100);
        acme_heap_insert(heap, item);
        item->is_in = 1;
    }
    else if (draw(random) % 2) {
        acme_heap_remove(heap, item);
        item->is_in = 0;
    }
    else {
        item->key = (int)(draw(random) % 100);
        acme_heap_moved(heap, item);
    }
}

static int smallest(const item_t *items)
{
    int key = 1000;
    for (int i = 0; i < ITEMS; i++) {
        key = items[i].is_in && items[i].key < key ? items[i].key : key;
    }
    return key;
}

static void first_is_the_smallest_whatever_happens(void **state)
{
    acme_heap_t heap;
    item_t *items = apr_pcalloc(*state, sizeof(*items) * ITEMS);
    unsigned random = 7;
    acme_heap_init(&heap, 4, is_before, place, *state);
    for (int i = 0; i < 5000; i++) {
        shake(&heap, items, &random);
        const item_t *first = acme_heap_first(&heap);
        assert_int_equal(smallest(items), first != NULL ? first->key : 1000);
    }
}

static void items_leave_in_order(void **state)
{
    acme_heap_t heap;
    item_t *items = apr_pcalloc(*state, sizeof(*items) * ITEMS);
    unsigned random = 3;
    acme_heap_init(&heap, ITEMS, is_before, place, *state);
    for (int i = 0; i < ITEMS; i++) {
        items[i].key = (int)(draw(&random) % 1000);
        acme_heap_insert(&heap, &items[i]);
    }
    for (int before = -1; acme_heap_count(&heap) > 0;) {
        item_t *item = acme_heap_first(&heap);
        assert_true(item->key >= before);
        before = item->key;
        acme_heap_remove(&heap, item);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(empty_has_no_first),
        FIXTURE_TEST(only_item_can_be_taken_out),
        FIXTURE_TEST(first_is_the_smallest_whatever_happens),
        FIXTURE_TEST(items_leave_in_order),
    };
    return fixture_run(tests);
}
