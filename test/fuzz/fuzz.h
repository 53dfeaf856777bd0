/* What fuzz targets share: the entry point's prototype, a pool for one input, a check.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A target is one file fuzz_NAME.c that defines LLVMFuzzerTestOneInput; its corpus is the folder
 * corpus/NAME. `make check` replays the corpus through replay_main.c; run.sh NAME SECONDS builds
 * the target with clang's fuzzer and looks for inputs that nobody thought of.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A promise of the code under test; holds also where assert() is compiled away. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** A pool for one input; the target destroys it. */
static inline apr_pool_t *fuzz_pool(void)
{
    static int is_initialized;
    if (!is_initialized) {
        apr_initialize();
        is_initialized = 1;
    }
    apr_pool_t *pool = NULL;
    FUZZ_CHECK(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    return pool;
}

/** The input as a NUL-terminated string, in a block of its own size so that the sanitizer sees a
 * reader that goes beyond it. To be freed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)data[i];
    }
    text[size] = '\0';
    return text;
}

#endif
