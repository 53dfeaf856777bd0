/* DNS questions over c-ares: one channel for each question, moved when it is polled.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A channel of its own keeps questions apart: other servers, other flags, nothing cached, and what
 * is dropped leaves nothing behind; a changed resolv.conf is seen by the next question. A question
 * is
 *
 *   waiting   as many as may be are out already
 *   out       its channel is there
 *   over      the answer is there, or there is none
 *
 * c-ares may call back from within ares_query and ares_destroy; so the callback only keeps what it
 * gets, and the channel goes afterwards.
 */
#define CARES_NO_DEPRECATED /* 1.18, the oldest that is supported, has only these names */
#include <ares.h>
#include <poll.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_dns.h"
#include "acme/acme_text.h"

/* Questions out at once; each has a socket or two. */
#define OUT_MAX 100
/* c-ares' own pauses: 2 s, then 4 s. */
#define TRY_MS 2000
#define TRIES 2
/* What the DNS flag day 2020 settled: no fragments on any path. */
#define EDNS_BYTES 1232
#define QUERY_CLASS_IN 1

typedef struct {
    acme_dns_config_t config;
    int out;
} baton_t;

struct acme_dns_question_t {
    apr_pool_t *pool;
    baton_t *owner;
    const char *name;
    acme_dns_type_t type;
    const char *server;
    ares_channel channel; /* NULL unless out */
    apr_interval_time_t begun;
    int is_over;
    acme_dns_answer_t *answer;
};

static void hear(void *data, int status, int timeouts, unsigned char *bytes, int len)
{
    acme_dns_question_t *question = data;
    (void)status; /* "no such name" and "no data" come with the message, which says it better */
    (void)timeouts;
    question->is_over = 1;
    if (bytes != NULL && len > 0 &&
        acme_dns_read(&question->answer, bytes, (apr_size_t)len, question->pool) != NULL) {
        question->answer = NULL;
    }
}

static void end(acme_dns_question_t *question)
{
    question->is_over = 1;
    if (question->channel != NULL) {
        ares_channel channel = question->channel;
        question->channel = NULL;
        --question->owner->out;
        ares_destroy(channel);
    }
}

static apr_status_t drop(void *data)
{
    end(data);
    return APR_SUCCESS;
}

/* "192.0.2.1:53" or "[2001:db8::1]:53". */
static char *with_port(const char *address, int port, apr_pool_t *pool)
{
    return strchr(address, ':') != NULL ? apr_psprintf(pool, "[%s]:%d", address, port)
                                        : apr_psprintf(pool, "%s:%d", address, port);
}

static int open_channel(ares_channel *channel, const baton_t *baton, const char *server,
                        apr_pool_t *pool)
{
    struct ares_options options = {.timeout = TRY_MS, .tries = TRIES, .ednspsz = EDNS_BYTES};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ;
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
    if (server != NULL) {
        options.flags |= ARES_FLAG_NORECURSE | ARES_FLAG_NOCHECKRESP;
    }
    else if (baton->config.hears_failures) {
        options.flags |= ARES_FLAG_NOCHECKRESP;
    }
    int status = ares_init_options(channel, &options, mask);
    if (status != ARES_SUCCESS) {
        *channel = NULL;
        return status;
    }
    const char *servers =
        server != NULL ? with_port(server, baton->config.port, pool) : baton->config.resolvers;
    status = servers != NULL ? ares_set_servers_ports_csv(*channel, servers) : ARES_SUCCESS;
    if (status != ARES_SUCCESS) {
        ares_destroy(*channel);
        *channel = NULL;
    }
    return status;
}

static void begin(acme_dns_question_t *question)
{
    baton_t *baton = question->owner;
    ares_channel channel;
    if (open_channel(&channel, baton, question->server, question->pool) != ARES_SUCCESS) {
        question->is_over = 1;
        return;
    }
    question->channel = channel;
    question->begun = acme_env_monotonic(baton->config.env);
    ++baton->out;
    ares_query(channel, question->name, QUERY_CLASS_IN, (int)question->type, hear, question);
}

/* Reads and writes what can be without waiting, and lets c-ares look at its clock. */
static void move(ares_channel channel)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd polled[ARES_GETSOCK_MAXNUM];
    /* unsigned, since c-ares' own macros shift a 1 into the sign of an int */
    unsigned mask = (unsigned)ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    nfds_t count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
        short events = (short)(((mask >> i & 1u) ? POLLIN : 0) |
                               ((mask >> (i + ARES_GETSOCK_MAXNUM) & 1u) ? POLLOUT : 0));
        if (events != 0) {
            polled[count++] = (struct pollfd){.fd = sockets[i], .events = events};
        }
    }
    if (count > 0 && poll(polled, count, 0) < 0) {
        count = 0;
    }
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (nfds_t i = 0; i < count; ++i) {
        int can_read = (polled[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
        int can_write = (polled[i].revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
        ares_process_fd(channel, can_read ? polled[i].fd : ARES_SOCKET_BAD,
                        can_write ? polled[i].fd : ARES_SOCKET_BAD);
    }
}

static acme_dns_question_t *ask(void *data, const char *name, acme_dns_type_t type,
                                const char *server, apr_pool_t *pool)
{
    acme_dns_question_t *question = apr_pcalloc(pool, sizeof(*question));
    question->pool = pool;
    question->owner = data;
    question->name = apr_pstrdup(pool, name);
    question->type = type;
    question->server = server != NULL ? apr_pstrdup(pool, server) : NULL;
    apr_pool_cleanup_register(pool, question, drop, apr_pool_cleanup_null);
    return question;
}

static int poll_question(acme_dns_answer_t **answer, void *data, acme_dns_question_t *question)
{
    baton_t *baton = data;
    if (!question->is_over && question->channel == NULL && baton->out < OUT_MAX) {
        begin(question);
    }
    if (!question->is_over && question->channel != NULL) {
        move(question->channel);
        apr_interval_time_t took = acme_env_monotonic(baton->config.env) - question->begun;
        question->is_over = question->is_over || took >= baton->config.limit;
    }
    if (!question->is_over) {
        return 0;
    }
    end(question);
    *answer = question->answer;
    return 1;
}

/* see acme_dns.h */
int acme_dns_is_built_in(void)
{
    return 1;
}

/* see acme_dns.h */
acme_err_t *acme_dns_create(acme_dns_t **dns, const acme_dns_config_t *config, apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof(*baton));
    baton->config = *config;
    ares_channel channel;
    int status = open_channel(&channel, baton, NULL, pool);
    if (status != ARES_SUCCESS) {
        return acme_err_make(
            pool, ACME_ERR_CONFIG, "DNS cannot be asked%s%s: %s; see ACMEDnsResolver",
            config->resolvers != NULL ? " at " : "",
            config->resolvers != NULL ? config->resolvers : "", ares_strerror(status));
    }
    ares_destroy(channel);
    *dns = apr_pcalloc(pool, sizeof(**dns));
    **dns = (acme_dns_t){.baton = baton, .ask = ask, .poll = poll_question};
    return NULL;
}
