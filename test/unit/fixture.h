/* What unit tests share: a pool per test, files of test/data, and checks of errors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Includes cmocka with what it wants before it. A test program ends with
 * `return fixture_run(tests)`; each test gets its pool as *state:
 *
 *     static void reads_a_date(void **state)
 *     {
 *         apr_pool_t *pool = *state;
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "acme/acme_err.h"

/** A test that runs in a pool of its own. */
#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

#define fixture_run(tests) (apr_initialize(), cmocka_run_group_tests(tests, NULL, NULL))

static inline int fixture_setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, NULL) == APR_SUCCESS ? 0 : -1;
}

static inline int fixture_teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

/** Fails the test, showing the error's text, unless @a err is NULL. */
#define assert_well(expr)                                                                          \
    do {                                                                                           \
        const acme_err_t *fixture_err_ = (expr);                                                   \
        if (fixture_err_ != NULL) {                                                                \
            fail_msg("%s: %s", #expr, fixture_err_->text);                                         \
        }                                                                                          \
    } while (0)

/** Fails the test unless @a expr is an error of @a wanted class with a sentence. */
#define assert_refused(wanted, expr)                                                               \
    do {                                                                                           \
        const acme_err_t *fixture_err_ = (expr);                                                   \
        if (fixture_err_ == NULL) {                                                                \
            fail_msg("%s: was not refused", #expr);                                                \
        }                                                                                          \
        else if (fixture_err_->errclass != (wanted) || fixture_err_->text == NULL) {               \
            fail_msg("%s: class %d: %s", #expr, (int)fixture_err_->errclass, fixture_err_->text);  \
        }                                                                                          \
    } while (0)

/** The whole of test/data/@a name, NUL-terminated; fails the test if it is not there. */
static inline char *fixture_read(const char *name, apr_size_t *len, apr_pool_t *pool)
{
    FILE *file = fopen(apr_pstrcat(pool, TEST_DATA_DIR "/", name, NULL), "rb");
    assert_non_null(file);
    char *bytes = apr_palloc(pool, 65537);
    size_t count = fread(bytes, 1, 65536, file);
    fclose(file);
    bytes[count] = '\0';
    if (len != NULL) {
        *len = count;
    }
    return bytes;
}

/** The bytes that lower-case hexadecimal @a hex stands for. */
static inline unsigned char *fixture_unhex(const char *hex, apr_size_t *len, apr_pool_t *pool)
{
    *len = strlen(hex) / 2;
    unsigned char *bytes = apr_palloc(pool, *len + 1);
    for (apr_size_t i = 0; i < *len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return bytes;
}

#endif
