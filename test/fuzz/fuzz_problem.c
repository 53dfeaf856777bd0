/* Fuzzes the reader of problem documents: whatever it is, there are clean and short words for it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_problem.h"

static void check_clean(const char *text, size_t max)
{
    FUZZ_CHECK(strlen(text) <= max);
    for (; *text != '\0'; text++) {
        FUZZ_CHECK((unsigned char)*text >= ' ' && *text != 0x7F);
    }
}

/* It becomes a link on somebody's page. */
static void check_link(const char *link)
{
    if (link != NULL) {
        check_clean(link, 500);
        FUZZ_CHECK(strncmp(link, "https://", 8) == 0 && strpbrk(link, " \"'<>\\`") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *body = fuzz_text(data, size);
    const acme_problem_t *problem = acme_problem_parse(body, size, 400, pool);
    free(body);
    FUZZ_CHECK(problem->type[0] != '\0' && problem->status == 400);
    FUZZ_CHECK(problem->subproblems->nelts <= 100);
    check_clean(problem->detail, 1000);
    const char *text = acme_problem_text(problem, pool);
    check_clean(text, 2000);
    const acme_err_t *err = acme_problem_err(problem, 0, "fuzzing", pool);
    FUZZ_CHECK(strstr(err->text, text) != NULL);
    check_link(err->link);

    json_t *written = acme_problem_json(problem);
    const acme_problem_t *again = acme_problem_read(written, pool);
    FUZZ_CHECK(strcmp(text, acme_problem_text(again, pool)) == 0);
    json_decref(written);
    apr_pool_destroy(pool);
    return 0;
}
