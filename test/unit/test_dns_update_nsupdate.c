/* Tests of acme_dns_update_nsupdate and of the way by hand: what nsupdate is told, and the
 * administrator. SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include "acme/acme_dns_update_manual.h"
#include "acme/acme_dns_update_nsupdate.h"
#include "unit/fake_env.h"
#include "unit/patience.h"

#define SECRET "vkhU4bH08+t6/rTMxjwrPb+q7LTcRxx95QRRKBKnq3w="

static const acme_tsig_key_t key = {"acme-key", "hmac-sha256", SECRET};
static const acme_txt_t record = {.domain = "www.example.org",
                                  .name = "_acme-challenge.www.example.org",
                                  .value = "-D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs"};

typedef struct {
    fake_env_t *world;
    char *folder;
    acme_dns_update_nsupdate_config_t config;
    acme_dns_update_t *update;
} house_t;

/* A house whose nsupdate writes down what it is told before it does what @a line says. */
static house_t *make_house(const char *line, apr_pool_t *pool)
{
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    house->world = fake_env_create(1, pool);
    house->folder = scratch_create(pool);
    char *path = apr_pstrcat(pool, house->folder, "/nsupdate.sh", NULL);
    scratch_write(
        house->folder, "nsupdate.sh",
        apr_pstrcat(pool, "#!/bin/sh\ncd \"${0%/*}\"\necho \"$*\" >args; env >env; cat >>script\n",
                    line, "\n", NULL),
        pool);
    assert_int_equal(0, chmod(path, 0755));
    house->config = (acme_dns_update_nsupdate_config_t){
        .env = fake_env(house->world),
        .runner = acme_program_runner_create(fake_env(house->world), pool),
        .server = "192.0.2.1",
        .key = &key,
        .program = path};
    return house;
}

static acme_err_t *finish(const house_t *house, apr_pool_t *pool)
{
    for (int i = 0; i < PATIENCE; i++) {
        int is_done;
        apr_time_t poll_at;
        acme_err_t *err =
            house->update->poll(&is_done, &poll_at, house->update->baton, &record, pool);
        if (is_done) {
            return err;
        }
        patience_pause();
    }
    fail_msg("not done after half a minute");
    return NULL;
}

static acme_err_t *add(house_t *house, apr_pool_t *pool)
{
    ACME_TRY(acme_dns_update_nsupdate_create(&house->update, &house->config, pool));
    ACME_TRY(house->update->add(house->update->baton, &record, pool));
    return finish(house, pool);
}

static void adds_and_deletes_by_value(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house("", pool);
    house->config.server = "[2001:db8::1]:5353";
    house->config.zone = "example.org";
    assert_well(add(house, pool));
    assert_well(house->update->remove(house->update->baton, &record, pool));
    assert_well(finish(house, pool));
    assert_string_equal("server 2001:db8::1 5353\nzone example.org.\n"
                        "key hmac-sha256:acme-key " SECRET "\n"
                        "update add _acme-challenge.www.example.org. 60 IN TXT "
                        "\"-D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs\"\nsend\n"
                        "server 2001:db8::1 5353\nzone example.org.\n"
                        "key hmac-sha256:acme-key " SECRET "\n"
                        "update delete _acme-challenge.www.example.org. IN TXT "
                        "\"-D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs\"\nsend\n",
                        scratch_read(house->folder, "script", pool));
    assert_string_equal("-v -t 30\n", scratch_read(house->folder, "args", pool));
    assert_null(strstr(scratch_read(house->folder, "env", pool), SECRET));
}

static void the_rest_is_left_to_nsupdate(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house("", pool);
    house->config.server = NULL;
    house->config.key = NULL;
    assert_well(add(house, pool));
    assert_string_equal("update add _acme-challenge.www.example.org. 60 IN TXT "
                        "\"-D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs\"\nsend\n",
                        scratch_read(house->folder, "script", pool));
}

static void servers_are_read(void **state)
{
    apr_pool_t *pool = *state;
    const char *const good[][2] = {{"192.0.2.1", "server 192.0.2.1 53\n"},
                                   {"192.0.2.1:5300", "server 192.0.2.1 5300\n"},
                                   {"ns1.example.org", "server ns1.example.org 53\n"},
                                   {"ns1.example.org:54", "server ns1.example.org 54\n"},
                                   {"2001:db8::1", "server 2001:db8::1 53\n"},
                                   {"[2001:db8::1]", "server 2001:db8::1 53\n"}};
    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        house_t *house = make_house("", pool);
        house->config.server = good[i][0];
        assert_well(add(house, pool));
        const char *script = scratch_read(house->folder, "script", pool);
        assert_ptr_equal(script, strstr(script, good[i][1]));
    }
}

static void refuses_what_could_be_a_command(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house("", pool);
    const char *const wrong[] = {"",   "a b",     "a\nquit",     ":53",       "a:0",
                                 "a:", "a:65536", "[192.0.2.1]", "[::1]quit", "[::1"};
    for (apr_size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        house->config.server = wrong[i];
        assert_refused(ACME_ERR_CONFIG,
                       acme_dns_update_nsupdate_create(&house->update, &house->config, pool));
    }
    house->config.server = NULL;
    house->config.zone = "example.org\nquit";
    assert_refused(ACME_ERR_CONFIG,
                   acme_dns_update_nsupdate_create(&house->update, &house->config, pool));
    house->config.zone = NULL;
    assert_well(acme_dns_update_nsupdate_create(&house->update, &house->config, pool));
    acme_txt_t txt = record;
    txt.name = "a\nquit";
    assert_refused(ACME_ERR_INPUT, house->update->add(house->update->baton, &txt, pool));
    txt = record;
    txt.value = "a\"\nquit";
    assert_refused(ACME_ERR_INPUT, house->update->add(house->update->baton, &txt, pool));
}

static void errors_are_explained(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house =
        make_house("echo 'update failed: NOTAUTH(BADSIG)'; echo '" SECRET "'; exit 2", pool);
    acme_err_t *err = add(house, pool);
    assert_refused(ACME_ERR_INTERNAL, err);
    assert_non_null(strstr(err->text, "www.example.org: while adding"));
    assert_non_null(
        strstr(err->text, "NOTAUTH(BADSIG); ***\"; the secret of the key is not the server's"));
}

static void a_missing_nsupdate_is_said(void **state)
{
    apr_pool_t *pool = *state;
    house_t *house = make_house("", pool);
    house->config.program = "/nowhere/nsupdate";
    acme_err_t *err = add(house, pool);
    assert_refused(ACME_ERR_CONFIG, err);
    assert_non_null(strstr(err->text, "/nowhere/nsupdate is not there"));
}

static void by_hand_it_is_shown_once(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = {.world = fake_env_create(1, pool)};
    house.update = acme_dns_update_manual_create(fake_env(house.world), pool);
    void *baton = house.update->baton;
    assert_well(house.update->remove(baton, &record, pool));
    assert_int_equal(0, fake_env_lines(house.world));
    assert_well(house.update->add(baton, &record, pool));
    assert_well(house.update->add(baton, &record, pool));
    assert_well(finish(&house, pool));
    assert_int_equal(1, fake_env_lines(house.world));
    assert_int_equal(1, fake_env_logged(house.world, ACME_LOG_WARNING,
                                        "www.example.org: add this DNS record, beside others of "
                                        "the same name: _acme-challenge.www.example.org. 60 IN "
                                        "TXT \"-D-1lRpxapEI3GHLPzOsDjUZCzMrCztcLq9bieJjXTs\""));
    assert_well(house.update->remove(baton, &record, pool));
    assert_well(house.update->remove(baton, &record, pool));
    assert_int_equal(2, fake_env_lines(house.world));
    assert_int_equal(1, fake_env_logged(house.world, ACME_LOG_NOTICE, "may be removed"));
    assert_well(house.update->add(baton, &record, pool));
    assert_int_equal(3, fake_env_lines(house.world));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(adds_and_deletes_by_value), FIXTURE_TEST(the_rest_is_left_to_nsupdate),
        FIXTURE_TEST(servers_are_read),          FIXTURE_TEST(refuses_what_could_be_a_command),
        FIXTURE_TEST(errors_are_explained),      FIXTURE_TEST(a_missing_nsupdate_is_said),
        FIXTURE_TEST(by_hand_it_is_shown_once),
    };
    return fixture_run(tests);
}
