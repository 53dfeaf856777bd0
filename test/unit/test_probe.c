/* Tests of probes over libcurl: against servers of our own on loopback, on free ports.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/fixture.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acme/acme_probe.h"
#include "acme/acme_time.h"
#include "unit/patience.h"
#include "unit/scratch.h"
#include "unit/tls_server.h"

#define ADDRESS "127.0.0.1"
#define URL "http://example.org/.well-known/acme-challenge/abc"

typedef struct {
    acme_prober_t *prober;
    apr_pool_t *pool;
    int listener;
    int port;
    char request[4096]; /* the last that came in */
    int accepted;
} house_t;

static apr_status_t close_listener(void *data)
{
    close(((house_t *)data)->listener);
    return APR_SUCCESS;
}

static house_t *open_house(apr_interval_time_t timeout, apr_pool_t *pool)
{
    house_t *house = apr_pcalloc(pool, sizeof(*house));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    house->pool = pool;
    house->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(0, bind(house->listener, (struct sockaddr *)&address, sizeof address));
    assert_int_equal(0, listen(house->listener, 20));
    assert_int_equal(0, getsockname(house->listener, (struct sockaddr *)&address, &len));
    house->port = ntohs(address.sin_port);
    apr_pool_cleanup_register(pool, house, close_listener, apr_pool_cleanup_null);
    const acme_prober_config_t config = {
        .user_agent = "probe/1", .connect_timeout = timeout, .timeout = timeout, .max_probes = 2};
    assert_well(acme_prober_create(&house->prober, &config, pool));
    return house;
}

/* Answers one connection with @a answer, if there is one; NULL: hangs up without a word. */
static void serve(house_t *house, const char *answer)
{
    int fd = accept(house->listener, NULL, NULL);
    if (fd < 0) {
        return;
    }
    ++house->accepted;
    for (int i = 0; answer != NULL && i < PATIENCE; i++) {
        ssize_t len = recv(fd, house->request, sizeof house->request - 1, MSG_DONTWAIT);
        if (len > 0) {
            house->request[len] = '\0';
            (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
            break;
        }
        acme_prober_pump(house->prober);
        patience_pause();
    }
    close(fd);
}

/* Polls to the end; nothing is served where @a is_served is 0. */
static const acme_probe_answer_t *hear(house_t *house, acme_probe_t *probe, int is_served,
                                       const char *answer)
{
    const acme_probe_answer_t *heard;
    for (int i = 0; i < PATIENCE; i++) {
        if (acme_probe_poll(&heard, house->prober, probe)) {
            return heard;
        }
        if (is_served) {
            serve(house, answer);
        }
        acme_prober_pump(house->prober);
        patience_pause();
    }
    fail_msg("no end");
    return NULL;
}

static const acme_probe_answer_t *fetch(house_t *house, const char *answer)
{
    return hear(house, acme_probe_begin(house->prober, URL, ADDRESS, house->port, house->pool), 1,
                answer);
}

static void asks_the_address_for_the_name(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    const acme_probe_answer_t *answer = fetch(
        house, "HTTP/1.1 200 OK\r\nServer:  some/1.0 (thing) \r\nContent-Length: 7\r\n\r\nabc.def");
    assert_int_equal(ACME_PROBE_ANSWERED, answer->end);
    assert_int_equal(200, answer->status);
    assert_string_equal("abc.def", answer->body);
    assert_string_equal("some/1.0 (thing)", answer->server);
    assert_null(answer->location);
    assert_null(answer->via);
    assert_non_null(strstr(house->request, "GET /.well-known/acme-challenge/abc HTTP/1.1\r\n"));
    assert_non_null(strstr(house->request, "Host: example.org\r\n"));
    assert_non_null(strstr(house->request, "User-Agent: probe/1\r\n"));
}

static void follows_nothing_and_says_where_it_would_go(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    const acme_probe_answer_t *answer = fetch(
        house, "HTTP/1.1 301 Moved\r\nlocation: https://x.example/\r\nVIA: 1.1 proxy\x01\r\n\r\n");
    assert_int_equal(301, answer->status);
    assert_string_equal("https://x.example/", answer->location);
    assert_string_equal("1.1 proxy?", answer->via);
    assert_int_equal(1, house->accepted);
}

static void knows_a_cdn_by_its_headers(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    const acme_probe_answer_t *answer =
        fetch(house, "HTTP/1.1 403 No\r\nServer: cloudflare\r\nCF-RAY: 1234\r\n\r\n");
    assert_string_equal("Cloudflare", answer->via);
}

static void cuts_off_what_is_large(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    char *body = apr_palloc(*state, 60001);
    memset(body, 'x', 60000);
    body[60000] = '\0';
    const acme_probe_answer_t *answer =
        fetch(house, apr_pstrcat(*state, "HTTP/1.1 200 OK\r\n\r\n", body, NULL));
    assert_int_equal(ACME_PROBE_ANSWERED, answer->end);
    assert_int_equal(ACME_PROBE_BODY_MAX, strlen(answer->body));
    answer = fetch(house, apr_pstrcat(*state, "HTTP/1.1 200 OK\r\nX: ", body, "\r\n\r\n", NULL));
    assert_int_equal(200, answer->status);
}

static void tells_apart_who_does_not_answer(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    assert_int_equal(ACME_PROBE_MUTE, fetch(house, NULL)->end);
    assert_int_equal(ACME_PROBE_NO_HTTP, fetch(house, "SSH-2.0-OpenSSH_9.2\r\n")->end);
    close(house->listener);
    house->listener = -1;
    assert_int_equal(ACME_PROBE_REFUSED,
                     hear(house,
                          acme_probe_begin(house->prober, URL, ADDRESS, house->port, house->pool),
                          0, NULL)
                         ->end);
}

static void silence_has_an_end(void **state)
{
    house_t *house = open_house(ACME_TIME_SECOND / 10, *state);
    acme_probe_t *probe = acme_probe_begin(house->prober, URL, ADDRESS, house->port, *state);
    assert_int_equal(ACME_PROBE_MUTE, hear(house, probe, 0, NULL)->end);
}

static void plain_text_where_tls_is_wanted(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    acme_probe_t *probe =
        acme_probe_begin(house->prober, "https://example.org/x", ADDRESS, house->port, *state);
    assert_int_equal(ACME_PROBE_NO_TLS, hear(house, probe, 1, "HTTP/1.1 400 Bad\r\n\r\n")->end);
}

static void believes_every_certificate(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    const char *pem = apr_pstrcat(*state, scratch_create(*state), "/server.pem", NULL);
    const tls_server_certificate_t expired = {"other.example", -7200, -3600};
    tls_server_t *server = tls_server_start(&expired, pem);
    acme_probe_t *probe = acme_probe_begin(house->prober, "https://example.org/ok", ADDRESS,
                                           tls_server_port(server), *state);
    const acme_probe_answer_t *answer = hear(house, probe, 0, NULL);
    assert_int_equal(ACME_PROBE_ANSWERED, answer->end);
    assert_string_equal("hello", answer->body);
    tls_server_stop(server);
}

static void speaks_nothing_but_http(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    acme_probe_t *probe =
        acme_probe_begin(house->prober, "ftp://example.org/x", ADDRESS, house->port, *state);
    const acme_probe_answer_t *answer = hear(house, probe, 1, NULL);
    assert_int_not_equal(ACME_PROBE_ANSWERED, answer->end);
    assert_int_equal(0, house->accepted);
}

static void few_are_out_at_once_and_pools_drop_them(void **state)
{
    house_t *house = open_house(20 * ACME_TIME_SECOND, *state);
    const acme_probe_answer_t *answer;
    apr_pool_t *pool;
    apr_pool_create(&pool, *state);
    for (int i = 0; i < 6; i++) {
        acme_probe_t *probe = acme_probe_begin(house->prober, URL, ADDRESS, house->port, pool);
        assert_false(acme_probe_poll(&answer, house->prober, probe));
    }
    for (int i = 0; i < 50; i++) {
        acme_prober_pump(house->prober);
        int fd = accept(house->listener, NULL, NULL);
        house->accepted += fd >= 0;
        if (fd >= 0) {
            close(fd);
            break;
        }
        patience_pause();
    }
    apr_pool_destroy(pool);
    assert_true(house->accepted <= 2);
    answer = fetch(house, "HTTP/1.1 204 Well\r\n\r\n"); /* and others have their turn */
    assert_int_not_equal(ACME_PROBE_FAILED, answer->end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(asks_the_address_for_the_name),
        FIXTURE_TEST(follows_nothing_and_says_where_it_would_go),
        FIXTURE_TEST(knows_a_cdn_by_its_headers),
        FIXTURE_TEST(cuts_off_what_is_large),
        FIXTURE_TEST(tells_apart_who_does_not_answer),
        FIXTURE_TEST(silence_has_an_end),
        FIXTURE_TEST(plain_text_where_tls_is_wanted),
        FIXTURE_TEST(believes_every_certificate),
        FIXTURE_TEST(speaks_nothing_but_http),
        FIXTURE_TEST(few_are_out_at_once_and_pools_drop_them),
    };
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = fixture_run(tests);
    curl_global_cleanup();
    return failed;
}
