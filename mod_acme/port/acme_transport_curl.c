/* The transport over libcurl's multi interface: HTTP/2, many exchanges, one thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An exchange under way is a flight: an easy handle, the builder of the body, the sum of header
 * bytes. It is in one of two rings:
 *
 *   flying    its handle is in the multi handle
 *   grounded  it could not start; the next pump tells
 *
 * Whatever ends, ends in this order: out of its ring, out of the multi handle, the exchange filled,
 * the flight released, done called. So done may begin, cancel and destroy whatever it likes.
 *
 * There is no limit of speed: libcurl would count the time in which a slow CA thinks about its
 * answer. Keep-alive probes find a dead connection, and the time of the whole is bounded.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "acme/acme_time.h"
#include "acme_curl_compat.h"
#include "acme_transport_curl_private.h"
#include "config.h"

#define SPARE_MAX 16
#define USER_AGENT_MAX 200

typedef struct flight_t flight_t;
typedef struct baton_t baton_t;

/* A link of a ring whose head is a link as well; an empty ring is its head alone. */
typedef struct link_t link_t;
struct link_t {
    link_t *next;
    link_t *before;
};

struct flight_t {
    link_t link; /* first, so that a link is its flight */
    baton_t *owner;
    acme_exchange_t *exchange;
    CURL *easy; /* NULL while grounded */
    acme_builder_t *body;
    apr_size_t header_bytes;
    int is_body_begun;
    acme_transport_curl_stop_t stop;
    acme_err_t *err; /* why it is grounded */
    char words[CURL_ERROR_SIZE];
};

struct baton_t {
    acme_transport_curl_config_t config;
    CURLM *multi;
    link_t flying;
    link_t grounded;
    struct curl_slist *get_headers;
    struct curl_slist *post_headers;
    CURL *spare[SPARE_MAX];
    int spares;
};

static void make_ring(link_t *ring)
{
    ring->next = ring->before = ring;
}

static void add_last(link_t *ring, flight_t *flight)
{
    flight->link.next = ring;
    flight->link.before = ring->before;
    ring->before->next = &flight->link;
    ring->before = &flight->link;
}

static void leave_ring(flight_t *flight)
{
    flight->link.next->before = flight->link.before;
    flight->link.before->next = flight->link.next;
}

/* NULL if the ring is empty. */
static flight_t *first_of(link_t *ring)
{
    return ring->next != ring ? (flight_t *)ring->next : NULL;
}

static CURL *take_easy(baton_t *baton)
{
    return baton->spares > 0 ? baton->spare[--baton->spares] : curl_easy_init();
}

/* Connections belong to the multi handle; what is kept of a handle is its memory. */
static void give_back_easy(baton_t *baton, CURL *easy)
{
    if (baton->spares == SPARE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    baton->spare[baton->spares++] = easy;
}

static apr_status_t forget_flight(void *data);

/* Out of ring and multi handle, and nothing knows of it any more. */
static void release(flight_t *flight)
{
    leave_ring(flight);
    apr_pool_cleanup_kill(flight->exchange->pool, flight, forget_flight);
    flight->exchange->provider_data = NULL;
    if (flight->easy != NULL) {
        (void)curl_multi_remove_handle(flight->owner->multi, flight->easy);
        give_back_easy(flight->owner, flight->easy);
    }
    free(flight);
}

/* The pool of an exchange goes before its answer came: as if cancelled. */
static apr_status_t forget_flight(void *data)
{
    release(data);
    return APR_SUCCESS;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
    flight_t *flight = data;
    flight->is_body_begun = 1;
    if (acme_builder_add(flight->body, bytes, size * count) < 0) {
        flight->stop = ACME_TRANSPORT_CURL_BODY_TOO_LARGE;
        return 0;
    }
    return size * count;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *trimmed(const char *text, apr_size_t len, apr_pool_t *pool)
{
    while (len > 0 && is_space(text[0])) {
        ++text;
        --len;
    }
    while (len > 0 && is_space(text[len - 1])) {
        --len;
    }
    return apr_pstrmemdup(pool, text, len);
}

static void add_header(acme_exchange_t *exchange, const char *line, apr_size_t len)
{
    if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        apr_table_clear(exchange->headers); /* what was before was an interim answer */
        return;
    }
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line || is_space(line[0])) {
        return;
    }
    apr_size_t name_len = (apr_size_t)(colon - line);
    apr_table_addn(exchange->headers, trimmed(line, name_len, exchange->pool),
                   trimmed(colon + 1, len - name_len - 1, exchange->pool));
}

static size_t take_header(char *line, size_t size, size_t count, void *data)
{
    flight_t *flight = data;
    apr_size_t len = size * count;
    flight->header_bytes += len;
    if (flight->header_bytes > ACME_TRANSPORT_HEADERS_MAX) {
        flight->stop = ACME_TRANSPORT_CURL_HEADERS_TOO_LARGE;
        return 0;
    }
    if (!flight->is_body_begun) { /* trailers say nothing we want to know */
        add_header(flight->exchange, line, len);
    }
    return len;
}

static void set_method(CURL *easy, const acme_exchange_t *exchange, const baton_t *baton)
{
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, baton->get_headers);
    switch (exchange->method) {
    case ACME_METHOD_GET:
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        break;
    case ACME_METHOD_HEAD:
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        break;
    case ACME_METHOD_POST:
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(exchange->body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, baton->post_headers);
        break;
    }
}

/* A CA file of the administrator's counts alone, and no variable of the environment counts. */
static void set_route(CURL *easy, const acme_route_t *route)
{
    const char *proxy = route != NULL ? route->proxy : NULL;
    curl_easy_setopt(easy, CURLOPT_PROXY, proxy != NULL ? proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (route != NULL && route->ca_certificate_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, route->ca_certificate_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
}

static CURLcode set_security(CURL *easy, const acme_exchange_t *exchange)
{
    CURLcode codes[] = {
        exchange->is_plain ? acme_curl__http_only(easy) : acme_curl__https_only(easy),
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L),
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L),
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L),
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2),
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; ++i) {
        if (codes[i] != CURLE_OK) {
            return codes[i];
        }
    }
    return CURLE_OK;
}

static void set_limits(CURL *easy, const acme_transport_curl_config_t *config)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)apr_time_as_msec(config->connect_timeout));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)apr_time_as_msec(config->exchange_timeout));
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)ACME_TRANSPORT_BODY_MAX);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    acme_curl__quick_exit(easy);
}

static void set_flight(flight_t *flight)
{
    CURL *easy = flight->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, flight);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, flight->words);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, flight);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, flight);
    curl_easy_setopt(easy, CURLOPT_URL, flight->exchange->url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
}

static acme_err_t *explain(const flight_t *flight, CURLcode code)
{
    acme_transport_curl_failure_t failure = {.code = code,
                                             .easy = flight->easy,
                                             .stop = flight->stop,
                                             .words = flight->words,
                                             .exchange = flight->exchange,
                                             .config = &flight->owner->config};
    return acme_transport_curl__explain(&failure, flight->exchange->pool);
}

/* Not one byte goes out before the URL is of the scheme that is meant, whatever libcurl was built to do.
 */
static acme_err_t *take_off(flight_t *flight)
{
    baton_t *baton = flight->owner;
    acme_exchange_t *exchange = flight->exchange;
    const char *scheme = exchange->is_plain ? "http://" : "https://";
    if (strncasecmp(exchange->url, scheme, strlen(scheme)) != 0) {
        return explain(flight, CURLE_UNSUPPORTED_PROTOCOL);
    }
    CURL *easy = take_easy(baton);
    if (easy == NULL) {
        return explain(flight, CURLE_OUT_OF_MEMORY);
    }
    flight->easy = easy;
    CURLcode code = set_security(easy, exchange);
    set_flight(flight);
    set_limits(easy, &baton->config);
    set_route(easy, exchange->route);
    set_method(easy, exchange, baton);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, baton->config.user_agent);
    if (code == CURLE_OK && curl_multi_add_handle(baton->multi, easy) != CURLM_OK) {
        code = CURLE_OUT_OF_MEMORY;
    }
    if (code != CURLE_OK) {
        acme_err_t *err = explain(flight, code);
        give_back_easy(baton, easy);
        flight->easy = NULL;
        return err;
    }
    return NULL;
}

static void begin(void *data, acme_exchange_t *exchange)
{
    baton_t *baton = data;
    flight_t *flight = calloc(1, sizeof *flight);
    if (flight == NULL) {
        abort(); /* as APR does when memory is out */
    }
    flight->owner = baton;
    flight->exchange = exchange;
    exchange->provider_data = flight;
    exchange->err = NULL;
    exchange->status = 0;
    exchange->headers = apr_table_make(exchange->pool, 16);
    exchange->answer = "";
    exchange->answer_len = 0;
    flight->body = acme_builder_create(ACME_TRANSPORT_BODY_MAX, exchange->pool);
    apr_pool_cleanup_register(exchange->pool, flight, forget_flight, apr_pool_cleanup_null);
    flight->err = take_off(flight);
    if (flight->err == NULL) {
        add_last(&baton->flying, flight);
    }
    else {
        add_last(&baton->grounded, flight);
    }
}

static void cancel(void *data, acme_exchange_t *exchange)
{
    (void)data;
    if (exchange->provider_data != NULL) {
        release(exchange->provider_data);
    }
}

static void land(flight_t *flight, CURLcode code)
{
    acme_exchange_t *exchange = flight->exchange;
    if (code == CURLE_OK) {
        long status = 0;
        (void)curl_easy_getinfo(flight->easy, CURLINFO_RESPONSE_CODE, &status);
        exchange->status = (int)status;
        exchange->answer = acme_builder_text(flight->body);
        exchange->answer_len = acme_builder_len(flight->body);
    }
    else {
        exchange->err = explain(flight, code);
        apr_table_clear(exchange->headers);
    }
    release(flight);
    exchange->done(exchange);
}

/* Only those that are there now: a done that begins a hopeless exchange anew must not hold us. */
static int tell_grounded(baton_t *baton)
{
    int count = 0;
    int told = 0;
    for (const link_t *link = baton->grounded.next; link != &baton->grounded; link = link->next) {
        ++count;
    }
    flight_t *flight;
    while (told < count && (flight = first_of(&baton->grounded)) != NULL) {
        acme_exchange_t *exchange = flight->exchange;
        exchange->err = flight->err;
        release(flight);
        exchange->done(exchange);
        ++told;
    }
    return told;
}

static int move(baton_t *baton)
{
    int running = 0;
    int told = 0;
    (void)curl_multi_perform(baton->multi, &running); /* each transfer tells its own trouble */
    const CURLMsg *message;
    int waiting;
    while ((message = curl_multi_info_read(baton->multi, &waiting)) != NULL) {
        flight_t *flight = NULL;
        CURLcode code = message->data.result; /* the message goes with the handle */
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&flight) ==
                CURLE_OK) {
            land(flight, code);
            ++told;
        }
    }
    return told;
}

static int wait_ms(apr_interval_time_t wait)
{
    apr_interval_time_t ms = (wait + 999) / 1000;
    return ms > 3600 * 1000 ? 3600 * 1000 : (int)ms;
}

static void pump(void *data, apr_interval_time_t wait)
{
    baton_t *baton = data;
    int told = tell_grounded(baton);
    told += move(baton);
    if (told == 0 && wait > 0) {
        (void)curl_multi_poll(baton->multi, NULL, 0, wait_ms(wait), NULL);
        (void)move(baton);
    }
}

static void wakeup(void *data)
{
    baton_t *baton = data;
    (void)curl_multi_wakeup(baton->multi); /* a full pipe has woken it already */
}

static void drop_all(link_t *ring)
{
    flight_t *flight;
    while ((flight = first_of(ring)) != NULL) {
        release(flight);
    }
}

static apr_status_t destroy(void *data)
{
    baton_t *baton = data;
    drop_all(&baton->flying);
    drop_all(&baton->grounded);
    while (baton->spares > 0) {
        curl_easy_cleanup(baton->spare[--baton->spares]);
    }
    (void)curl_multi_cleanup(baton->multi);
    curl_slist_free_all(baton->get_headers);
    curl_slist_free_all(baton->post_headers);
    return APR_SUCCESS;
}

/* -1 if memory is short. */
static int add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL) {
        return -1;
    }
    *list = longer;
    return 0;
}

static int make_headers(baton_t *baton)
{
    return add_line(&baton->get_headers, "Accept-Language: en") |
           add_line(&baton->post_headers, "Accept-Language: en") |
           add_line(&baton->post_headers, "Content-Type: application/jose+json") |
           add_line(&baton->post_headers, "Expect:");
}

static void set_multi(CURLM *multi, const acme_transport_curl_config_t *config)
{
    (void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    (void)curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)config->max_connections);
}

/* see acme_transport_curl.h */
acme_err_t *acme_transport_curl_create(acme_transport_t **transport,
                                       const acme_transport_curl_config_t *config, apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof *baton);
    baton->config = *config;
    baton->config.user_agent = apr_pstrdup(pool, config->user_agent);
    make_ring(&baton->flying);
    make_ring(&baton->grounded);
    baton->multi = curl_multi_init();
    if (baton->multi == NULL) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "libcurl cannot be initialised");
    }
    apr_pool_cleanup_register(pool, baton, destroy, apr_pool_cleanup_null);
    if (make_headers(baton) != 0) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "libcurl has no memory for header lines");
    }
    set_multi(baton->multi, config);
    *transport = apr_pcalloc(pool, sizeof **transport);
    **transport = (acme_transport_t){
        .baton = baton, .begin = begin, .cancel = cancel, .pump = pump, .wakeup = wakeup};
    return NULL;
}

/* see acme_transport_curl.h */
char *acme_transport_curl_user_agent(const char *server, apr_pool_t *pool)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    char *text = apr_psprintf(pool, "mod_acme/" PACKAGE_VERSION " (%s) libcurl/%s %s", server,
                              curl->version, curl->ssl_version != NULL ? curl->ssl_version : "");
    apr_size_t len = 0;
    while (text[len] != '\0' && len < USER_AGENT_MAX) {
        if (text[len] < ' ' || text[len] > '~') {
            text[len] = '?';
        }
        ++len;
    }
    while (len > 0 && text[len - 1] == ' ') {
        --len;
    }
    text[len] = '\0';
    return text;
}
