/* Tests of acme_revocation with the vector of RFC 8555 section 7.6.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include "acme/acme_certificate.h"
#include "acme/acme_revocation.h"
#include "acme/acme_text.h"

static void asks_as_the_vector_does(void **state)
{
    json_t *root = vectors_load(*state);
    apr_size_t len;
    char *pem = fixture_read("cert.pem", &len, *state);
    acme_chain_t *chain;
    unsigned char *der;
    assert_well(acme_chain_parse(&chain, pem, len, *state));
    assert_well(acme_chain_leaf_der(&der, &len, chain, *state));
    const char *payload = acme_revocation_request(der, len, 1, *state);
    assert_string_equal(vectors_text(root, "jws", "revoke/certkey", "payload"),
                        acme_text_base64url(payload, strlen(payload), *state));
}

static void leaves_out_a_reason_that_is_none(void **state)
{
    assert_string_equal("{\"certificate\":\"QUI\"}",
                        acme_revocation_request((const unsigned char *)"AB", 2, 0, *state));
}

static void knows_the_words_for_reasons(void **state)
{
    static const char *const words[] = {"unspecified", "KEYCOMPROMISE", "affiliationChanged",
                                        "superseded", "cessationofoperation"};
    static const int codes[] = {0, 1, 3, 4, 5};
    int reason;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(0, acme_revocation_reason_parse(&reason, words[i]));
        assert_int_equal(codes[i], reason);
    }
    static const char *const others[] = {"", "cACompromise", "certificateHold", "1", "superseded "};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(-1, acme_revocation_reason_parse(&reason, others[i]));
    }
    assert_non_null(strstr(acme_revocation_reasons(*state), "keyCompromise"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(asks_as_the_vector_does),
        FIXTURE_TEST(leaves_out_a_reason_that_is_none),
        FIXTURE_TEST(knows_the_words_for_reasons),
    };
    return fixture_run(tests);
}
