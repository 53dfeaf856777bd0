/* Tests of acme_digest with the vectors of challenges.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/vectors.h"

#include "acme/acme_digest.h"
#include "acme/acme_text.h"

static void digests_nothing_and_abc(void **state)
{
    unsigned char digest[ACME_DIGEST_LEN];
    acme_digest_sha256(digest, "", 0);
    assert_string_equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                        acme_text_hex(digest, sizeof(digest), *state));
    assert_string_equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                        acme_digest_hex("abc", 3, *state));
}

static void digests_key_authorizations(void **state)
{
    json_t *root = vectors_load(*state);
    const char *names[] = {"rsa2048", "p256", "p384", "p256lz"};
    for (int i = 0; i < 4; i++) {
        const char *text = vectors_text(root, "challenge", names[i], "keyAuthorization");
        assert_string_equal(vectors_text(root, "challenge", names[i], "dns01"),
                            acme_digest_base64url(text, strlen(text), *state));
        assert_string_equal(vectors_text(root, "challenge", names[i], "sha256"),
                            acme_digest_hex(text, strlen(text), *state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(digests_nothing_and_abc),
        FIXTURE_TEST(digests_key_authorizations),
    };
    return fixture_run(tests);
}
