/* Fuzzes the reader of authorizations and their challenges: no token that could be a path.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz.h"

#include <string.h>

#include "acme/acme_authorization.h"
#include "acme/acme_json.h"

static void check_challenge(const acme_challenge_t *challenge)
{
    FUZZ_CHECK(challenge->type[0] != '\0' && acme_json_url_ok(challenge->url));
    FUZZ_CHECK(challenge->token == NULL ||
               acme_challenge_token_ok(challenge->token, strlen(challenge->token)));
    FUZZ_CHECK(challenge->token == NULL || strpbrk(challenge->token, "/.\\%") == NULL);
    FUZZ_CHECK(challenge->validation == NULL || strlen(challenge->validation) <= 500);
    FUZZ_CHECK(challenge->validation == NULL || strpbrk(challenge->validation, "\r\n\x1B") == NULL);
}

static void check_authorization(const acme_authorization_t *authorization)
{
    const acme_identifier_t *identifier = authorization->identifier;
    FUZZ_CHECK(strchr(identifier->value, '*') == NULL);
    FUZZ_CHECK(!identifier->is_wildcard || identifier->type == ACME_IDENTIFIER_DNS);
    FUZZ_CHECK(authorization->challenges->nelts <= 50);
    for (int i = 0; i < authorization->challenges->nelts; i++) {
        const acme_challenge_t *challenge =
            APR_ARRAY_IDX(authorization->challenges, i, const acme_challenge_t *);
        check_challenge(challenge);
        FUZZ_CHECK(acme_authorization_challenge(authorization, challenge->type) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *body = fuzz_text(data, size);
    acme_authorization_t *authorization;
    const acme_err_t *err = acme_authorization_parse(&authorization, body, size, pool);
    free(body);
    FUZZ_CHECK(err == NULL || err->errclass == ACME_ERR_INPUT);
    if (err == NULL) {
        check_authorization(authorization);
    }
    apr_pool_destroy(pool);
    return 0;
}
