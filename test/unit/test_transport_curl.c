/* Tests of acme_transport_curl against a small HTTPS server on loopback.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unit/scratch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "acme/acme_time.h"
#include "acme/acme_transport_curl.h"
#include "unit/tls_server.h"

#define LONG_ENOUGH (30 * ACME_TIME_SECOND)

typedef struct {
    tls_server_t *server;
    acme_transport_curl_config_t config;
    acme_transport_t *transport;
    acme_route_t route;
} house_t;

static apr_status_t stop(void *server)
{
    tls_server_stop(server);
    return APR_SUCCESS;
}

static void start_transport(house_t *house, apr_pool_t *pool)
{
    assert_well(acme_transport_curl_create(&house->transport, &house->config, pool));
}

static house_t open_house_with(const tls_server_certificate_t *certificate, apr_pool_t *pool)
{
    house_t house = {.config = {.user_agent = "mod_acme/test",
                                .connect_timeout = LONG_ENOUGH,
                                .exchange_timeout = LONG_ENOUGH,
                                .max_connections = 4}};
    house.route.ca_certificate_file = apr_pstrcat(pool, scratch_create(pool), "/root.pem", NULL);
    house.server = tls_server_start(certificate, house.route.ca_certificate_file);
    apr_pool_cleanup_register(pool, house.server, stop, apr_pool_cleanup_null);
    start_transport(&house, pool);
    return house;
}

static house_t open_house(apr_pool_t *pool)
{
    tls_server_certificate_t good = {.not_before = -60, .not_after = 3600};
    return open_house_with(&good, pool);
}

static void count_done(acme_exchange_t *exchange)
{
    ++*(int *)exchange->baton;
}

static acme_exchange_t *ask(const house_t *house, const char *path, int *done, apr_pool_t *pool)
{
    acme_exchange_t *exchange = apr_pcalloc(pool, sizeof *exchange);
    exchange->pool = pool;
    exchange->method = ACME_METHOD_GET;
    exchange->url =
        apr_psprintf(pool, "https://127.0.0.1:%d%s", tls_server_port(house->server), path);
    exchange->route = &house->route;
    exchange->done = count_done;
    exchange->baton = done;
    return exchange;
}

/* Begins and pumps until it is done. */
static void carry(const house_t *house, acme_exchange_t *exchange)
{
    int *done = exchange->baton;
    apr_time_t limit = apr_time_now() + LONG_ENOUGH;
    acme_transport_begin(house->transport, exchange);
    assert_int_equal(0, *done); /* never from inside begin */
    while (*done == 0 && apr_time_now() < limit) {
        acme_transport_pump(house->transport, ACME_TIME_SECOND);
    }
    assert_int_equal(1, *done);
}

static acme_exchange_t *fetch(const house_t *house, const char *path, apr_pool_t *pool)
{
    acme_exchange_t *exchange = ask(house, path, apr_pcalloc(pool, sizeof(int)), pool);
    carry(house, exchange);
    return exchange;
}

static void assert_failed(const acme_exchange_t *exchange, acme_err_class_t errclass,
                          const char *words)
{
    assert_refused(errclass, exchange->err);
    if (strstr(exchange->err->text, words) == NULL) {
        fail_msg("\"%s\" says nothing of \"%s\"", exchange->err->text, words);
    }
    assert_string_equal("", exchange->answer);
}

static void carries_request_and_answer(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_exchange_t *exchange = fetch(&house, "/ok", pool);
    assert_well(exchange->err);
    assert_int_equal(200, exchange->status);
    assert_string_equal("hello", exchange->answer);
    assert_int_equal(5, exchange->answer_len);
    assert_string_equal("120", acme_exchange_header(exchange, "retry-after"));
    apr_array_header_t *links = apr_array_make(pool, 2, sizeof(const char *));
    acme_exchange_header_values(exchange, "Link", links);
    assert_int_equal(2, links->nelts);
    assert_string_equal("<https://a.example/2>;rel=\"up\"", APR_ARRAY_IDX(links, 1, const char *));
}

static void sends_what_rfc_8555_wants(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_exchange_t *exchange = ask(&house, "/echo", apr_pcalloc(pool, sizeof(int)), pool);
    exchange->method = ACME_METHOD_POST;
    exchange->body = apr_psprintf(pool, "{\"payload\":\"%2000s\"}", "");
    carry(&house, exchange);
    assert_well(exchange->err);
    assert_non_null(strstr(exchange->answer, "POST /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(exchange->answer, "User-Agent: mod_acme/test\r\n"));
    assert_non_null(strstr(exchange->answer, "Accept-Language: en\r\n"));
    assert_non_null(strstr(exchange->answer, "Content-Type: application/jose+json\r\n"));
    assert_null(strstr(exchange->answer, "Expect:"));
    assert_non_null(strstr(exchange->answer, exchange->body));
    const acme_exchange_t *get = fetch(&house, "/echo", pool);
    assert_non_null(strstr(get->answer, "User-Agent: mod_acme/test\r\n"));
    assert_non_null(strstr(get->answer, "Accept-Language: en\r\n"));
    assert_null(strstr(get->answer, "Content-Type:"));
}

static void asks_for_headers_alone(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_exchange_t *exchange = ask(&house, "/ok", apr_pcalloc(pool, sizeof(int)), pool);
    exchange->method = ACME_METHOD_HEAD;
    carry(&house, exchange);
    assert_well(exchange->err);
    assert_string_equal("", exchange->answer);
    assert_string_equal("120", acme_exchange_header(exchange, "Retry-After"));
}

static void reuses_connection_and_handle(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    acme_exchange_t *post = ask(&house, "/echo", apr_pcalloc(pool, sizeof(int)), pool);
    post->method = ACME_METHOD_POST;
    post->body = "{}";
    carry(&house, post);
    assert_string_equal("hello", fetch(&house, "/ok", pool)->answer);
    assert_string_equal("one two", fetch(&house, "/chunks", pool)->answer);
    assert_int_equal(404, fetch(&house, "/status/404", pool)->status);
    assert_int_equal(1, tls_server_connections(house.server));
}

static void follows_no_redirect(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const acme_exchange_t *exchange = fetch(&house, "/redirect", pool);
    assert_well(exchange->err);
    assert_int_equal(302, exchange->status);
    assert_string_equal("/ok", acme_exchange_header(exchange, "Location"));
}

static void bounds_body_and_headers(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_failed(fetch(&house, "/large", pool), ACME_ERR_NETWORK, "longer than");
    assert_failed(fetch(&house, "/announced", pool), ACME_ERR_NETWORK, "longer than");
    assert_failed(fetch(&house, "/headers", pool), ACME_ERR_NETWORK, "headers");
    assert_string_equal("hello", fetch(&house, "/ok", pool)->answer);
}

static void half_an_answer_is_none(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const acme_exchange_t *exchange = fetch(&house, "/cut", pool);
    assert_failed(exchange, ACME_ERR_NETWORK, "no answer of https://127.0.0.1:");
    assert_int_equal(0, exchange->status);
    assert_null(acme_exchange_header(exchange, "Content-Length"));
}

static void does_not_wait_for_ever(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    house.config.exchange_timeout = 2 * ACME_TIME_SECOND; /* room for a handshake under load */
    start_transport(&house, pool);
    assert_well(fetch(&house, "/ok", pool)->err);
    assert_failed(fetch(&house, "/hang", pool), ACME_ERR_NETWORK, "did not answer");
}

/* A port that accepts connections and says nothing: its backlog does it. */
static int listen_silently(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    assert_int_equal(0, bind(fd, (struct sockaddr *)&address, len));
    assert_int_equal(0, listen(fd, 4));
    assert_int_equal(0, getsockname(fd, (struct sockaddr *)&address, &len));
    *port = ntohs(address.sin_port);
    return fd;
}

static void does_not_wait_for_a_connection_for_ever(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    house.config.connect_timeout = ACME_TIME_SECOND / 5;
    start_transport(&house, pool);
    int port;
    int fd = listen_silently(&port);
    acme_exchange_t *exchange = ask(&house, "", apr_pcalloc(pool, sizeof(int)), pool);
    exchange->url = apr_psprintf(pool, "https://127.0.0.1:%d/", port);
    carry(&house, exchange);
    close(fd);
    assert_failed(exchange, ACME_ERR_NETWORK, "no connection to https://127.0.0.1:");
}

static void trusts_only_the_named_certificate(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    house_t other = open_house(pool);
    house.route.ca_certificate_file = other.route.ca_certificate_file;
    acme_exchange_t *exchange = fetch(&house, "/ok", pool);
    assert_failed(exchange, ACME_ERR_NETWORK, "not trusted");
    assert_failed(exchange, ACME_ERR_NETWORK, "ACMECACertificateFile");
    house.route.ca_certificate_file = NULL;
    assert_failed(fetch(&house, "/ok", pool), ACME_ERR_NETWORK, "not trusted");
    house.route.ca_certificate_file = "/nowhere/root.pem";
    assert_failed(fetch(&house, "/ok", pool), ACME_ERR_NETWORK, "/nowhere/root.pem");
}

static void another_route_uses_no_trusted_connection(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    assert_well(fetch(&house, "/ok", pool)->err);
    house.route.ca_certificate_file = NULL;
    assert_failed(fetch(&house, "/ok", pool), ACME_ERR_NETWORK, "not trusted");
}

static void looks_at_the_name(void **state)
{
    apr_pool_t *pool = *state;
    tls_server_certificate_t other = {
        .name = "other.example", .not_before = -60, .not_after = 3600};
    house_t house = open_house_with(&other, pool);
    assert_failed(fetch(&house, "/ok", pool), ACME_ERR_NETWORK, "for another host");
}

static void tells_a_wrong_clock_from_an_old_certificate(void **state)
{
    apr_pool_t *pool = *state;
    tls_server_certificate_t future = {.not_before = 86400, .not_after = 2 * 86400};
    house_t house = open_house_with(&future, pool);
    assert_failed(fetch(&house, "/ok", pool), ACME_ERR_CLOCK, "clock");
    tls_server_certificate_t past = {.not_before = -2 * 86400, .not_after = -86400};
    house = open_house_with(&past, pool);
    assert_failed(fetch(&house, "/ok", pool), ACME_ERR_NETWORK, "expired");
}

static void asks_only_https(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *const wrong[] = {"http://127.0.0.1/", "file:///etc/passwd", "", "https", "ftp://a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        acme_exchange_t *exchange = ask(&house, "/ok", apr_pcalloc(pool, sizeof(int)), pool);
        exchange->url = wrong[i];
        carry(&house, exchange);
        assert_failed(exchange, ACME_ERR_NETWORK, "not an https URL");
    }
    assert_int_equal(0, tls_server_connections(house.server));
}

/* Answers one request without TLS. */
static void *serve_plain(void *data)
{
    static const char text[] = "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\n"
                               "Content-Length: 5\r\nConnection: close\r\n\r\nhello";
    char request[2000];
    int client = accept(*(int *)data, NULL, NULL);
    assert_true(read(client, request, sizeof(request)) > 0);
    assert_true(write(client, text, strlen(text)) > 0);
    close(client);
    return NULL;
}

static void a_plain_look_is_plain_and_follows_nobody(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(where);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    assert_int_equal(0, bind(listener, (struct sockaddr *)&where, sizeof(where)));
    assert_int_equal(0, listen(listener, 1));
    assert_int_equal(0, getsockname(listener, (struct sockaddr *)&where, &len));
    assert_int_equal(0, pthread_create(&thread, NULL, serve_plain, &listener));
    acme_exchange_t *exchange = ask(&house, "/ok", apr_pcalloc(pool, sizeof(int)), pool);
    exchange->is_plain = 1;
    exchange->url = apr_psprintf(pool, "http://127.0.0.1:%d/x", ntohs(where.sin_port));
    carry(&house, exchange);
    assert_int_equal(0, pthread_join(thread, NULL));
    close(listener);
    assert_well(exchange->err);
    assert_int_equal(302, exchange->status);
    assert_string_equal("hello", exchange->answer);
    exchange = ask(&house, "/ok", apr_pcalloc(pool, sizeof(int)), pool); /* https */
    exchange->is_plain = 1;
    carry(&house, exchange);
    assert_refused(ACME_ERR_NETWORK, exchange->err);
    assert_int_equal(0, tls_server_connections(house.server));
}

static void says_that_nobody_is_there(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_pool_cleanup_run(pool, house.server, stop);
    acme_exchange_t *exchange = apr_pcalloc(pool, sizeof *exchange);
    int done = 0;
    *exchange = (acme_exchange_t){.pool = pool,
                                  .url = "https://127.0.0.1:1/",
                                  .route = &house.route,
                                  .done = count_done,
                                  .baton = &done};
    carry(&house, exchange);
    assert_failed(exchange, ACME_ERR_NETWORK, "cannot connect to https://127.0.0.1:1/");
    assert_failed(exchange, ACME_ERR_NETWORK, "refused");
}

static void a_proxy_is_named_without_its_password(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    const char *const proxies[] = {"http://admin:secret@127.0.0.1:1",
                                   "http://admin:sec@ret@127.0.0.1:1",
                                   "http://admin:secret@127.0.0.1:no-port"};
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        house.route.proxy = proxies[i];
        const acme_exchange_t *exchange = fetch(&house, "/ok", pool);
        assert_failed(exchange, ACME_ERR_NETWORK, "proxy http://127.0.0.1:");
        assert_null(strstr(exchange->err->text, "sec"));
        assert_null(strstr(exchange->err->text, "ret"));
    }
}

static void the_environment_names_no_proxy(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "*", 1);
    const acme_exchange_t *direct = fetch(&house, "/ok", pool);
    house.route.proxy = "http://127.0.0.1:1";
    const acme_exchange_t *proxied = fetch(&house, "/echo", pool);
    unsetenv("https_proxy");
    unsetenv("no_proxy");
    assert_well(direct->err);
    assert_failed(proxied, ACME_ERR_NETWORK, "proxy");
}

static void a_cancelled_exchange_is_not_heard_of(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    int never = 0;
    acme_exchange_t *hanging = ask(&house, "/hang", &never, pool);
    acme_exchange_t *hopeless = ask(&house, "/ok", &never, pool);
    hopeless->url = "http://a/";
    acme_transport_begin(house.transport, hanging);
    acme_transport_begin(house.transport, hopeless);
    assert_well(fetch(&house, "/ok", pool)->err); /* hanging is on its way by now */
    acme_transport_begin(house.transport, hopeless);
    never = 0;
    acme_transport_cancel(house.transport, hanging);
    acme_transport_cancel(house.transport, hanging);
    acme_transport_cancel(house.transport, hopeless);
    assert_well(fetch(&house, "/ok", pool)->err);
    assert_int_equal(0, never);
}

static void a_pool_may_go_before_the_answer(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_pool_t *short_lived;
    apr_pool_create(&short_lived, pool);
    int never = 0;
    acme_transport_begin(house.transport, ask(&house, "/hang", &never, short_lived));
    acme_transport_pump(house.transport, 0);
    apr_pool_destroy(short_lived);
    assert_well(fetch(&house, "/ok", pool)->err);
    assert_int_equal(0, never);
}

static void a_transport_may_go_before_its_exchanges(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_pool_t *short_lived;
    apr_pool_create(&short_lived, pool);
    start_transport(&house, short_lived);
    int never = 0;
    acme_exchange_t *hanging = ask(&house, "/hang", &never, pool);
    acme_exchange_t *hopeless = ask(&house, "/ok", &never, pool);
    hopeless->url = "";
    acme_transport_begin(house.transport, hanging);
    acme_transport_begin(house.transport, hopeless);
    apr_pool_destroy(short_lived);
    assert_null(hanging->provider_data);
    assert_int_equal(0, never);
}

typedef struct {
    const house_t *house;
    acme_exchange_t *next;
    acme_exchange_t *victim;
    int done;
} chain_t;

static void begin_next(acme_exchange_t *exchange)
{
    chain_t *chain = exchange->baton;
    ++chain->done;
    if (chain->next != NULL) {
        acme_transport_begin(chain->house->transport, chain->next);
        acme_transport_cancel(chain->house->transport, chain->victim);
        chain->next = NULL;
    }
    apr_pool_destroy(exchange->pool);
}

static void done_may_begin_cancel_and_destroy(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    chain_t chain = {.house = &house};
    acme_exchange_t *exchanges[3];
    for (int i = 0; i < 3; i++) {
        apr_pool_t *own;
        apr_pool_create(&own, pool);
        exchanges[i] = ask(&house, i == 2 ? "/hang" : "/ok", &chain.done, own);
        exchanges[i]->done = begin_next;
        exchanges[i]->baton = &chain;
    }
    chain.next = exchanges[1];
    chain.victim = exchanges[2];
    acme_transport_begin(house.transport, exchanges[0]);
    acme_transport_begin(house.transport, exchanges[2]);
    apr_time_t limit = apr_time_now() + LONG_ENOUGH;
    while (chain.done < 2 && apr_time_now() < limit) {
        acme_transport_pump(house.transport, ACME_TIME_SECOND);
    }
    assert_int_equal(2, chain.done);
}

static void many_exchanges_are_carried_at_once(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    int done = 0;
    acme_exchange_t *exchanges[40];
    for (int i = 0; i < 40; i++) {
        exchanges[i] = ask(&house, "/ok", &done, pool);
        acme_transport_begin(house.transport, exchanges[i]);
    }
    apr_time_t limit = apr_time_now() + LONG_ENOUGH;
    while (done < 40 && apr_time_now() < limit) {
        acme_transport_pump(house.transport, ACME_TIME_SECOND);
    }
    for (int i = 0; i < 40; i++) {
        assert_well(exchanges[i]->err);
        assert_string_equal("hello", exchanges[i]->answer);
    }
    assert_true(tls_server_connections(house.server) <= house.config.max_connections);
}

static void *wake(void *transport)
{
    acme_transport_wakeup(transport);
    return NULL;
}

static void any_thread_ends_the_wait(void **state)
{
    apr_pool_t *pool = *state;
    house_t house = open_house(pool);
    apr_time_t start = apr_time_now();
    acme_transport_wakeup(house.transport);
    acme_transport_pump(house.transport, 10 * ACME_TIME_MINUTE);
    pthread_t thread;
    assert_int_equal(0, pthread_create(&thread, NULL, wake, house.transport));
    acme_transport_pump(house.transport, 10 * ACME_TIME_MINUTE);
    pthread_join(thread, NULL);
    assert_true(apr_time_now() - start < ACME_TIME_MINUTE);
}

static void the_user_agent_is_short_and_ascii(void **state)
{
    apr_pool_t *pool = *state;
    const char *text = acme_transport_curl_user_agent("Apache/2.4.71", pool);
    assert_true(strncmp(text, "mod_acme/", 9) == 0);
    assert_non_null(strstr(text, " (Apache/2.4.71) libcurl/"));
    text = acme_transport_curl_user_agent("Gr\xc3\xbc\xc3\x9f\x65\r\nX: y", pool);
    for (const char *c = text; *c != '\0'; c++) {
        assert_true(*c >= ' ' && *c <= '~');
    }
    char *large = apr_pcalloc(pool, 1001);
    memset(large, 'a', 1000);
    assert_int_equal(200, strlen(acme_transport_curl_user_agent(large, pool)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(carries_request_and_answer),
        FIXTURE_TEST(sends_what_rfc_8555_wants),
        FIXTURE_TEST(asks_for_headers_alone),
        FIXTURE_TEST(reuses_connection_and_handle),
        FIXTURE_TEST(follows_no_redirect),
        FIXTURE_TEST(bounds_body_and_headers),
        FIXTURE_TEST(half_an_answer_is_none),
        FIXTURE_TEST(does_not_wait_for_ever),
        FIXTURE_TEST(does_not_wait_for_a_connection_for_ever),
        FIXTURE_TEST(trusts_only_the_named_certificate),
        FIXTURE_TEST(another_route_uses_no_trusted_connection),
        FIXTURE_TEST(looks_at_the_name),
        FIXTURE_TEST(tells_a_wrong_clock_from_an_old_certificate),
        FIXTURE_TEST(asks_only_https),
        FIXTURE_TEST(a_plain_look_is_plain_and_follows_nobody),
        FIXTURE_TEST(says_that_nobody_is_there),
        FIXTURE_TEST(a_proxy_is_named_without_its_password),
        FIXTURE_TEST(the_environment_names_no_proxy),
        FIXTURE_TEST(a_cancelled_exchange_is_not_heard_of),
        FIXTURE_TEST(a_pool_may_go_before_the_answer),
        FIXTURE_TEST(a_transport_may_go_before_its_exchanges),
        FIXTURE_TEST(done_may_begin_cancel_and_destroy),
        FIXTURE_TEST(many_exchanges_are_carried_at_once),
        FIXTURE_TEST(any_thread_ends_the_wait),
        FIXTURE_TEST(the_user_agent_is_short_and_ascii),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int result = fixture_run(tests);
    curl_global_cleanup();
    return result;
}
