/* Probes over libcurl: a multi handle of their own, moved when it is pumped.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A probe is waiting (no easy handle yet), out, or over. Its handle belongs to it and goes with its
 * pool; connections are not kept, since each probe is to show what a new one meets.
 */
#include "acme/acme_probe.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme_curl_compat.h"

#define SERVER_MAX 80
#define LOCATION_MAX 2000

typedef struct {
    acme_prober_config_t config;
    CURLM *multi;
    int out;
} baton_t;

struct acme_probe_t {
    apr_pool_t *pool;
    baton_t *owner;
    const char *url;
    const char *connect_to;
    CURL *easy; /* NULL unless out */
    struct curl_slist *route;
    apr_size_t header_bytes;
    char body[ACME_PROBE_BODY_MAX + 1];
    apr_size_t body_len;
    int is_over;
    acme_probe_answer_t answer;
};

/* ---- the table ---- */

/* see acme_probe.h */
acme_probe_t *acme_probe_begin(const acme_prober_t *prober, const char *url, const char *address,
                               int port, apr_pool_t *pool)
{
    return prober->begin(prober->baton, url, address, port, pool);
}

/* see acme_probe.h */
void acme_prober_pump(const acme_prober_t *prober)
{
    prober->pump(prober->baton);
}

/* see acme_probe.h */
int acme_probe_poll(const acme_probe_answer_t **answer, const acme_prober_t *prober,
                    acme_probe_t *probe)
{
    return prober->poll(answer, prober->baton, probe);
}

/* ---- what comes in ---- */

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
    acme_probe_t *probe = data;
    apr_size_t len = size * count;
    apr_size_t room = ACME_PROBE_BODY_MAX - probe->body_len;
    memcpy(probe->body + probe->body_len, bytes, len < room ? len : room);
    probe->body_len += len < room ? len : room;
    return len <= room ? len : 0; /* enough is known: 0 ends the transfer */
}

/* The value of a header @a line with the name @a name, clean; or NULL. */
static const char *value_of(const char *line, apr_size_t len, const char *name, apr_size_t max,
                            apr_pool_t *pool)
{
    apr_size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0) {
        return NULL;
    }
    const char *from = line + name_len + 1;
    const char *end = line + len;
    while (from < end && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (end > from && strchr(" \t\r\n", end[-1]) != NULL) {
        end--;
    }
    return end > from
               ? acme_text_clean(apr_pstrmemdup(pool, from, (apr_size_t)(end - from)), max, pool)
               : NULL;
}

/* Headers that only a CDN adds. */
static const char *cdn_of(const char *line, apr_size_t len, apr_pool_t *pool)
{
    static const struct {
        const char *header;
        const char *cdn;
    } known[] = {{"CF-RAY", "Cloudflare"},
                 {"X-Amz-Cf-Id", "Amazon CloudFront"},
                 {"X-Azure-Ref", "Azure Front Door"},
                 {"X-Served-By", NULL},
                 {"X-Akamai-Request-ID", "Akamai"},
                 {"X-Sucuri-ID", "Sucuri"}};
    for (apr_size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *value = value_of(line, len, known[i].header, SERVER_MAX, pool);
        if (value != NULL) {
            return known[i].cdn != NULL ? known[i].cdn : value;
        }
    }
    return NULL;
}

static void take_line(acme_probe_t *probe, const char *line, apr_size_t len)
{
    acme_probe_answer_t *answer = &probe->answer;
    if (answer->server == NULL) {
        answer->server = value_of(line, len, "Server", SERVER_MAX, probe->pool);
    }
    if (answer->location == NULL) {
        answer->location = value_of(line, len, "Location", LOCATION_MAX, probe->pool);
    }
    if (answer->via == NULL) {
        answer->via = value_of(line, len, "Via", SERVER_MAX, probe->pool);
    }
    if (answer->via == NULL) {
        answer->via = cdn_of(line, len, probe->pool);
    }
}

static size_t take_header(char *line, size_t size, size_t count, void *data)
{
    acme_probe_t *probe = data;
    apr_size_t len = size * count;
    probe->header_bytes += len;
    if (probe->header_bytes > ACME_PROBE_HEADERS_MAX) {
        return 0;
    }
    take_line(probe, line, len);
    return len;
}

/* ---- how it ended ---- */

static acme_probe_end_t end_of_connect(CURL *easy)
{
    long error = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
    switch (error) {
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return ACME_PROBE_UNREACHABLE;
    case ETIMEDOUT:
        return ACME_PROBE_TIMEOUT;
    default:
        return ACME_PROBE_REFUSED;
    }
}

static int has_connected(CURL *easy)
{
    double seconds = 0;
    return curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME, &seconds) == CURLE_OK && seconds > 0;
}

static acme_probe_end_t end_of(CURL *easy, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return end_of_connect(easy);
    case CURLE_OPERATION_TIMEDOUT:
        return has_connected(easy) ? ACME_PROBE_MUTE : ACME_PROBE_TIMEOUT;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return ACME_PROBE_MUTE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
        return ACME_PROBE_NO_TLS;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return ACME_PROBE_NO_HTTP;
    default:
        return ACME_PROBE_FAILED;
    }
}

/* An answer counts as soon as there is a status, even if it was cut off by us or on the way. */
static void judge(acme_probe_t *probe, CURLcode code)
{
    long status = 0;
    (void)curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
    probe->answer.status = (int)status;
    probe->answer.end = status != 0 ? ACME_PROBE_ANSWERED : end_of(probe->easy, code);
    probe->body[probe->body_len] = '\0';
    probe->answer.body = probe->body;
}

static void leave(acme_probe_t *probe)
{
    probe->is_over = 1;
    if (probe->easy != NULL) {
        (void)curl_multi_remove_handle(probe->owner->multi, probe->easy);
        curl_easy_cleanup(probe->easy);
        probe->easy = NULL;
        --probe->owner->out;
    }
    curl_slist_free_all(probe->route);
    probe->route = NULL;
}

static apr_status_t drop(void *data)
{
    leave(data);
    return APR_SUCCESS;
}

/* ---- how it begins ---- */

/* A validating CA does not know beforehand whom it meets, so no certificate is verified here, and no
 * bundle of CAs is read for nothing. */
static int set_manners(CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_CAINFO, NULL); /* a TLS library may not know the option */
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    return acme_curl__http_only(easy) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
}

static void set_limits(CURL *easy, const acme_prober_config_t *config)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)apr_time_as_msec(config->connect_timeout));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)apr_time_as_msec(config->timeout));
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    acme_curl__quick_exit(easy);
}

static void set_probe(acme_probe_t *probe)
{
    CURL *easy = probe->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, probe);
    curl_easy_setopt(easy, CURLOPT_URL, probe->url);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, probe->route);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, probe->owner->config.user_agent);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
}

static void send_out(acme_probe_t *probe)
{
    baton_t *baton = probe->owner;
    probe->route = curl_slist_append(NULL, probe->connect_to);
    CURL *easy = probe->route != NULL ? curl_easy_init() : NULL;
    if (easy == NULL) {
        leave(probe);
        return;
    }
    probe->easy = easy;
    ++baton->out;
    set_probe(probe);
    set_limits(easy, &baton->config);
    if (!set_manners(easy) || curl_multi_add_handle(baton->multi, easy) != CURLM_OK) {
        leave(probe);
    }
}

static acme_probe_t *begin(void *data, const char *url, const char *address, int port,
                           apr_pool_t *pool)
{
    acme_probe_t *probe = apr_pcalloc(pool, sizeof(*probe));
    probe->pool = pool;
    probe->owner = data;
    probe->url = apr_pstrdup(pool, url);
    probe->connect_to =
        apr_psprintf(pool, strchr(address, ':') != NULL ? "::[%s]:%d" : "::%s:%d", address, port);
    probe->answer.end = ACME_PROBE_FAILED;
    probe->answer.body = "";
    apr_pool_cleanup_register(pool, probe, drop, apr_pool_cleanup_null);
    return probe;
}

static void pump(void *data)
{
    baton_t *baton = data;
    int running = 0;
    int waiting;
    const CURLMsg *message;
    (void)curl_multi_perform(baton->multi, &running); /* each transfer tells its own trouble */
    while ((message = curl_multi_info_read(baton->multi, &waiting)) != NULL) {
        acme_probe_t *probe = NULL;
        CURLcode code = message->data.result; /* the message goes with the handle */
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&probe) ==
                CURLE_OK) {
            judge(probe, code);
            leave(probe);
        }
    }
}

static int poll_probe(const acme_probe_answer_t **answer, void *data, acme_probe_t *probe)
{
    const baton_t *baton = data;
    if (!probe->is_over && probe->easy == NULL && baton->out < baton->config.max_probes) {
        send_out(probe);
    }
    *answer = &probe->answer;
    return probe->is_over;
}

/* Pools go child first, so no probe is out any more. */
static apr_status_t destroy(void *data)
{
    (void)curl_multi_cleanup(((baton_t *)data)->multi);
    return APR_SUCCESS;
}

/* see acme_probe.h */
acme_err_t *acme_prober_create(acme_prober_t **prober, const acme_prober_config_t *config,
                               apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof(*baton));
    baton->config = *config;
    baton->config.user_agent = apr_pstrdup(pool, config->user_agent);
    baton->multi = curl_multi_init();
    if (baton->multi == NULL) {
        return acme_err_make(pool, ACME_ERR_INTERNAL, "libcurl cannot be initialised");
    }
    apr_pool_cleanup_register(pool, baton, destroy, apr_pool_cleanup_null);
    *prober = apr_pcalloc(pool, sizeof(**prober));
    **prober = (acme_prober_t){.baton = baton, .begin = begin, .pump = pump, .poll = poll_probe};
    return NULL;
}
