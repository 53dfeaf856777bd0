/* Tests of questions over c-ares: against a server of our own on loopback, on a free port.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acme/acme_dns.h"
#include "acme/acme_time.h"
#include "unit/fake_env.h"

#define ADDRESS "127.0.0.1"

typedef struct {
    fake_env_t *world;
    acme_dns_t *dns;
    int udp;
    int port;
    int heard;
    int has_rd; /* recursion was desired */
} house_t;

static apr_status_t close_socket(void *data)
{
    close(((house_t *)data)->udp);
    return APR_SUCCESS;
}

static house_t *open_house(int is_direct, apr_pool_t *pool)
{
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    house->world = fake_env_create(1, pool);
    house->udp = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(0, bind(house->udp, (struct sockaddr *)&address, sizeof address));
    assert_int_equal(0, getsockname(house->udp, (struct sockaddr *)&address, &len));
    house->port = ntohs(address.sin_port);
    apr_pool_cleanup_register(pool, house, close_socket, apr_pool_cleanup_null);
    acme_dns_config_t config = {
        .env = fake_env(house->world),
        .resolvers = is_direct ? NULL : apr_psprintf(pool, ADDRESS ":%d", house->port),
        .port = house->port,
        .limit = 10 * ACME_TIME_SECOND};
    assert_well(acme_dns_create(&house->dns, &config, pool));
    return house;
}

/* Answers with one TXT record "value", or with what @a rcode says. */
static void serve(house_t *house, int rcode)
{
    static const unsigned char txt[] = {0xC0, 12, 0, 16, 0,   1,   0,   0,   0,
                                        60,   0,  6, 5,  'v', 'a', 'l', 'u', 'e'};
    unsigned char bytes[600];
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof peer;
    ssize_t len =
        recvfrom(house->udp, bytes, 500, MSG_DONTWAIT, (struct sockaddr *)&peer, &peer_len);
    if (len < 12) {
        return;
    }
    ++house->heard;
    house->has_rd = bytes[2] & 1;
    ssize_t end = 12; /* the question stays, what is behind it goes */
    while (bytes[end] != 0) {
        end += bytes[end] + 1;
    }
    end += 5;
    bytes[2] |= 0x84;
    bytes[3] = (unsigned char)rcode;
    bytes[7] = rcode == 0;
    memset(bytes + 8, 0, 4);
    if (rcode == 0) {
        memcpy(bytes + end, txt, sizeof txt);
        end += (ssize_t)sizeof txt;
    }
    assert_int_equal(end,
                     sendto(house->udp, bytes, (size_t)end, 0, (struct sockaddr *)&peer, peer_len));
}

/* Polls until the question is over, letting the server answer meanwhile. */
static acme_dns_answer_t *hear(house_t *house, acme_dns_question_t *question, int rcode)
{
    acme_dns_answer_t *answer;
    for (int i = 0; i < 500; ++i) {
        if (acme_dns_poll(&answer, house->dns, question)) {
            return answer;
        }
        struct pollfd polled = {.fd = house->udp, .events = POLLIN};
        (void)poll(&polled, 1, 10);
        serve(house, rcode);
    }
    fail_msg("no end");
    return NULL;
}

static void asks_a_server_directly(void **state)
{
    house_t *house = open_house(1, *state);
    acme_dns_question_t *question =
        acme_dns_ask(house->dns, "a.example", ACME_DNS_TXT, ADDRESS, *state);
    acme_dns_answer_t *answer = hear(house, question, 0);
    assert_non_null(answer);
    assert_true(answer->is_authoritative);
    assert_false(house->has_rd);
    assert_int_equal(1, answer->answers->nelts);
    assert_string_equal("value", APR_ARRAY_IDX(answer->answers, 0, acme_dns_record_t).text);
    assert_true(acme_dns_poll(&answer, house->dns, question)); /* and again */
    assert_non_null(answer);
}

static void asks_the_resolver(void **state)
{
    house_t *house = open_house(0, *state);
    acme_dns_answer_t *answer =
        hear(house, acme_dns_ask(house->dns, "a.example", ACME_DNS_TXT, NULL, *state), 0);
    assert_non_null(answer);
    assert_true(house->has_rd);
}

static void no_such_name_is_an_answer(void **state)
{
    house_t *house = open_house(1, *state);
    acme_dns_answer_t *answer =
        hear(house, acme_dns_ask(house->dns, "a.example", ACME_DNS_TXT, ADDRESS, *state), 3);
    assert_non_null(answer);
    assert_int_equal(ACME_DNS_NXDOMAIN, answer->rcode);
}

static void many_questions_at_once_all_get_answers(void **state)
{
    house_t *house = open_house(1, *state);
    acme_dns_question_t *questions[250];
    int left = 250;
    for (int i = 0; i < 250; ++i) {
        questions[i] = acme_dns_ask(house->dns, "a.example", ACME_DNS_TXT, ADDRESS, *state);
    }
    for (int round = 0; round < 2000 && left > 0; ++round) {
        for (int i = 0; i < 250; ++i) {
            acme_dns_answer_t *answer;
            if (questions[i] != NULL && acme_dns_poll(&answer, house->dns, questions[i])) {
                assert_non_null(answer);
                questions[i] = NULL;
                --left;
            }
            serve(house, 0);
        }
    }
    assert_int_equal(0, left);
}

static void silence_has_an_end(void **state)
{
    house_t *house = open_house(1, *state);
    acme_dns_answer_t *answer;
    acme_dns_question_t *question =
        acme_dns_ask(house->dns, "a.example", ACME_DNS_TXT, ADDRESS, *state);
    assert_false(acme_dns_poll(&answer, house->dns, question));
    fake_env_move(house->world, 11 * ACME_TIME_SECOND);
    assert_true(acme_dns_poll(&answer, house->dns, question));
    assert_null(answer);
}

static void a_question_goes_with_its_pool(void **state)
{
    house_t *house = open_house(1, *state);
    acme_dns_answer_t *answer;
    for (int i = 0; i < 300; ++i) { /* more than may be out at once */
        apr_pool_t *pool;
        apr_pool_create(&pool, *state);
        assert_false(
            acme_dns_poll(&answer, house->dns,
                          acme_dns_ask(house->dns, "a.example", ACME_DNS_TXT, ADDRESS, pool)));
        apr_pool_destroy(pool);
    }
}

static void a_resolver_that_is_none_is_refused(void **state)
{
    acme_dns_t *dns;
    acme_dns_config_t config = {.env = fake_env(fake_env_create(1, *state)),
                                .resolvers = "not an address",
                                .port = 53,
                                .limit = ACME_TIME_SECOND};
    assert_refused(ACME_ERR_CONFIG, acme_dns_create(&dns, &config, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(asks_a_server_directly),
        FIXTURE_TEST(asks_the_resolver),
        FIXTURE_TEST(no_such_name_is_an_answer),
        FIXTURE_TEST(many_questions_at_once_all_get_answers),
        FIXTURE_TEST(silence_has_an_end),
        FIXTURE_TEST(a_question_goes_with_its_pool),
        FIXTURE_TEST(a_resolver_that_is_none_is_refused),
    };
    return fixture_run(tests);
}
