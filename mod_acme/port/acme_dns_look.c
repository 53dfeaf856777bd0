/* One round of questions to all servers of a zone.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_dns_look.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_text.h"

/* Servers that are named, of those that do not show the value. */
#define NAMED_MAX 4
#define NAME_MAX_SHOWN 260
/* Values of others that are told of. */
#define OTHERS_MAX 20

typedef enum { OUT, SHOWS, LACKS, SILENT } word_t;

typedef struct {
    int server; /* number of the server it belongs to */
    const char *label;
    acme_dns_question_t *question;
    word_t word;
    int foreign;
} witness_t;

struct acme_dns_look_t {
    apr_pool_t *pool;
    const acme_dns_t *dns;
    const char *name;
    acme_dns_look_fn *matches;
    void *baton;
    int is_direct;
    int count;                     /* of servers */
    apr_array_header_t *witnesses; /* witness_t, those of a server together */
    apr_array_header_t *others;    /* const char * */
};

static void ask(acme_dns_look_t *look, int number, const char *label, const char *address)
{
    APR_ARRAY_PUSH(look->witnesses, witness_t) = (witness_t){
        .server = number,
        .label = label,
        .question = acme_dns_ask(look->dns, look->name, ACME_DNS_TXT, address, look->pool)};
}

static void ask_server(acme_dns_look_t *look, int number, const acme_dns_server_t *server)
{
    const char *name = acme_text_clean(server->name, NAME_MAX_SHOWN, look->pool);
    for (int i = 0; i < server->addresses->nelts; ++i) {
        const char *address = APR_ARRAY_IDX(server->addresses, i, const char *);
        ask(look, number, apr_psprintf(look->pool, "%s (%s)", name, address), address);
    }
    if (server->addresses->nelts == 0) {
        APR_ARRAY_PUSH(look->witnesses, witness_t) =
            (witness_t){.server = number,
                        .label = apr_psprintf(look->pool, "%s (which has no address)", name),
                        .word = SILENT};
    }
}

/* see acme_dns_look.h */
acme_dns_look_t *acme_dns_look_begin_any(const acme_dns_t *dns, const char *name,
                                         acme_dns_look_fn *matches, void *baton,
                                         const apr_array_header_t *servers, apr_pool_t *pool)
{
    acme_dns_look_t *look = apr_pcalloc(pool, sizeof(*look));
    look->pool = pool;
    look->dns = dns;
    look->name = apr_pstrdup(pool, name);
    look->matches = matches;
    look->baton = baton;
    look->others = apr_array_make(pool, 2, sizeof(const char *));
    look->is_direct = servers != NULL;
    look->count = servers != NULL ? servers->nelts : 1;
    look->witnesses = apr_array_make(pool, 4, sizeof(witness_t));
    if (servers == NULL) {
        ask(look, 0, "the resolver", NULL);
    }
    for (int i = 0; servers != NULL && i < servers->nelts; ++i) {
        ask_server(look, i, &APR_ARRAY_IDX(servers, i, acme_dns_server_t));
    }
    return look;
}

static int is_value(void *baton, const char *text)
{
    return strcmp(text, baton) == 0;
}

/* see acme_dns_look.h */
acme_dns_look_t *acme_dns_look_begin(const acme_dns_t *dns, const char *name, const char *value,
                                     const apr_array_header_t *servers, apr_pool_t *pool)
{
    return acme_dns_look_begin_any(dns, name, is_value, apr_pstrdup(pool, value), servers, pool);
}

/* Several servers show the same. */
static void note_other(const acme_dns_look_t *look, const char *text)
{
    for (int i = 0; i < look->others->nelts; ++i) {
        if (strcmp(APR_ARRAY_IDX(look->others, i, const char *), text) == 0) {
            return;
        }
    }
    if (look->others->nelts < OTHERS_MAX) {
        APR_ARRAY_PUSH(look->others, const char *) = apr_pstrdup(look->pool, text);
    }
}

static void judge(const acme_dns_look_t *look, witness_t *witness, const acme_dns_answer_t *answer)
{
    witness->word = SILENT;
    if (answer == NULL || (look->is_direct && !answer->is_authoritative) ||
        (answer->rcode != ACME_DNS_NOERROR && answer->rcode != ACME_DNS_NXDOMAIN)) {
        return;
    }
    witness->word = LACKS;
    for (int i = 0; i < answer->answers->nelts; ++i) {
        const acme_dns_record_t *record = &APR_ARRAY_IDX(answer->answers, i, acme_dns_record_t);
        if (record->type != ACME_DNS_TXT) {
            continue;
        }
        if (look->matches(look->baton, record->text)) {
            witness->word = SHOWS;
        }
        else {
            ++witness->foreign;
            note_other(look, record->text);
        }
    }
}

static int hear_all(acme_dns_look_t *look)
{
    int left = 0;
    for (int i = 0; i < look->witnesses->nelts; ++i) {
        witness_t *witness = &APR_ARRAY_IDX(look->witnesses, i, witness_t);
        acme_dns_answer_t *answer;
        if (witness->word == OUT && acme_dns_poll(&answer, look->dns, witness->question)) {
            judge(look, witness, answer);
        }
        left += witness->word == OUT;
    }
    return left;
}

/* What the addresses of one server say together. */
static word_t word_of(const acme_dns_look_t *look, int server)
{
    word_t word = SILENT;
    for (int i = 0; i < look->witnesses->nelts; ++i) {
        const witness_t *witness = &APR_ARRAY_IDX(look->witnesses, i, witness_t);
        if (witness->server != server || witness->word == SILENT) {
            continue;
        }
        if (word == SILENT || witness->word == LACKS) {
            word = witness->word;
        }
    }
    return word;
}

static void name_missing(apr_array_header_t *names, const acme_dns_look_t *look, int server,
                         word_t word)
{
    for (int i = 0; i < look->witnesses->nelts && names->nelts < NAMED_MAX; ++i) {
        const witness_t *witness = &APR_ARRAY_IDX(look->witnesses, i, witness_t);
        if (witness->server == server && witness->word == word) {
            APR_ARRAY_PUSH(names, const char *) = apr_pstrcat(
                look->pool, witness->label, word == LACKS ? " lacks it" : " does not answer", NULL);
        }
    }
}

/* see acme_dns_look.h */
int acme_dns_look_poll(acme_dns_sight_t *sight, acme_dns_look_t *look)
{
    if (hear_all(look) > 0) {
        return 0;
    }
    *sight = (acme_dns_sight_t){0};
    apr_array_header_t *names = apr_array_make(look->pool, NAMED_MAX, sizeof(const char *));
    for (int i = 0; i < look->count; ++i) {
        word_t word = word_of(look, i);
        sight->showing += word == SHOWS;
        sight->lacking += word == LACKS;
        sight->silent += word == SILENT;
        if (word != SHOWS) {
            name_missing(names, look, i, word);
        }
    }
    for (int i = 0; i < look->witnesses->nelts; ++i) {
        int foreign = APR_ARRAY_IDX(look->witnesses, i, witness_t).foreign;
        sight->foreign = foreign > sight->foreign ? foreign : sight->foreign;
    }
    sight->others = look->others;
    sight->waiting = names->nelts > 0 ? acme_text_join(names, ", ", look->pool) : NULL;
    return 1;
}
