/* Looks at names as a CA does: a few at a time, each by its addresses and its CAA records.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A look has a subject for each name, and a subject goes through
 *
 *   LOOKUP   its addresses are asked for
 *   HTTP     each address is visited on port 80, if http-01 counts
 *   HTTPS    each address is visited on port 443, if tls-alpn-01 counts and http-01 does not do
 *   OVER
 *
 * while its CAA records are climbed beside that: all levels are asked at once, and judged as soon
 * as the first that has any is known. A visit is one probe, and one more for each redirect.
 *
 * Each look has a token of its own, published like those of a CA while it is out. What answers it
 * is random too and proves nothing to anybody but us.
 */
#include "acme/acme_preflight_look.h"

#include <string.h>

#include <apr_strings.h>

#include "acme/acme_addresses.h"
#include "acme/acme_caa.h"
#include "acme/acme_http01.h"
#include "acme/acme_preflight_words.h"
#include "acme/acme_redirect.h"
#include "acme/acme_text.h"
#include "acme_preflight_servers.h"

/* Names of a look that are worked on at once, and addresses of a name that are visited. */
#define SUBJECTS_OUT 4
#define ADDRESSES_MAX 8
#define LEVELS_MAX 16

#define RANDOM_BYTES 32
#define PATH "/.well-known/acme-challenge/"

typedef struct {
    acme_preflight_look_config_t config;
    apr_pool_t *pool;
    int out; /* looks */
} baton_t;

/* One question to the DNS. */
typedef struct {
    acme_dns_question_t *question; /* NULL: not asked */
    int is_over;
    acme_dns_answer_t *answer; /* NULL: none */
} lookup_t;

typedef struct {
    const char *name;
    lookup_t lookup;
} level_t;

typedef enum { LOOKUP, HTTP, HTTPS, OVER } stage_t;

typedef struct subject_t subject_t;

typedef struct {
    acme_preflight_visit_t seen;
    acme_redirect_t at; /* of the last question */
    int redirects;
    lookup_t a; /* of the host of a redirect */
    lookup_t aaaa;
    acme_probe_t *probe; /* out; NULL while a host is looked up */
    int is_over;
    const char *finding;
} visit_t;

struct subject_t {
    acme_preflight_look_t *look;
    const acme_identifier_t *identifier;
    const char *name; /* without "*." */
    stage_t stage;
    lookup_t a;
    lookup_t aaaa;
    apr_array_header_t *levels; /* level_t: the name and its parents, to be climbed */
    int is_caa_judged;
    acme_preflight_servers_t *servers; /* NULL: not asked, or all is heard */
    apr_array_header_t *addresses;     /* const char * */
    apr_array_header_t *visits;        /* visit_t *, of this stage */
    apr_array_header_t *findings;      /* const char *: of port 80, held back until 443 is known */
};

struct acme_preflight_look_t {
    apr_pool_t *pool;
    baton_t *owner;
    acme_preflight_request_t request;
    acme_preflight_here_t here;
    int is_out;
    int is_over;
    apr_interval_time_t begun;
    const acme_proof_t *proof;    /* NULL: nothing is published */
    const char *answer;           /* what only this server says */
    apr_array_header_t *subjects; /* subject_t *: those begun */
    apr_array_header_t *findings; /* const char * */
    int told;                     /* of them */
    apr_array_header_t *none;
    int left_out; /* findings beyond the maximum */
};

/* ---- small things ---- */

static int has_type(const acme_preflight_look_t *look, const char *type)
{
    for (int i = 0; i < look->request.challenge_types->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(look->request.challenge_types, i, const char *), type) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Nonzero if http-01 or tls-alpn-01 could prove the subject, and on a port that is open. */
static int wants_visits(const subject_t *subject, int is_https)
{
    const baton_t *baton = subject->look->owner;
    return !subject->identifier->is_wildcard &&
           (is_https ? baton->config.https_port : baton->config.http_port) != 0 &&
           has_type(subject->look, is_https ? "tls-alpn-01" : "http-01");
}

static int has_finding(const apr_array_header_t *findings, const char *finding)
{
    for (int i = 0; i < findings->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(findings, i, const char *), finding) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Many names behind one mistake would only repeat it. */
static void find(acme_preflight_look_t *look, const char *finding)
{
    if (finding == NULL || has_finding(look->findings, finding)) {
        return;
    }
    if (look->findings->nelts >= ACME_PREFLIGHT_LOOK_FINDINGS_MAX) {
        look->left_out++;
        return;
    }
    APR_ARRAY_PUSH(look->findings, const char *) = acme_text_clean(finding, 1000, look->pool);
}

/* ---- the token ---- */

static acme_err_t *random_word(const char **word, const acme_preflight_look_t *look)
{
    unsigned char bytes[RANDOM_BYTES];
    ACME_TRY(acme_env_random(look->owner->config.env, bytes, sizeof bytes, look->pool));
    *word = acme_text_base64url(bytes, sizeof bytes, look->pool);
    return NULL;
}

static acme_err_t *publish(acme_preflight_look_t *look)
{
    acme_solver_t *http = look->owner->config.http;
    const acme_identifier_t *first =
        APR_ARRAY_IDX(look->request.identifiers, 0, const acme_identifier_t *);
    acme_identifier_t *named = apr_pcalloc(look->pool, sizeof(*named));
    named->type = first->type;
    named->value = first->value + (first->is_wildcard ? 2 : 0);
    acme_proof_t *proof = apr_pcalloc(look->pool, sizeof(*proof));
    proof->type = http->type;
    proof->identifier = named;
    ACME_TRY(random_word(&proof->token, look));
    ACME_TRY(random_word(&proof->thumbprint, look));
    look->proof = proof;
    return http->publish(http->baton, proof, look->pool);
}

/* What cannot be removed answers nothing of worth, and the next engine sweeps it away. */
static void withdraw(const acme_preflight_look_t *look)
{
    acme_solver_t *http = look->owner->config.http;
    int is_gone;
    apr_time_t poll_at;
    apr_pool_t *pool; /* not of the look's: that may be just going */
    apr_pool_create(&pool, look->owner->pool);
    (void)http->withdraw(&is_gone, &poll_at, http->baton, look->proof, pool);
    apr_pool_destroy(pool);
}

/* ---- DNS ---- */

static void ask(lookup_t *lookup, const subject_t *subject, const char *name, acme_dns_type_t type)
{
    const baton_t *baton = subject->look->owner;
    lookup->question = acme_dns_ask(baton->config.dns, name, type, NULL, subject->look->pool);
}

static int hear(lookup_t *lookup, const subject_t *subject)
{
    if (!lookup->is_over && lookup->question != NULL &&
        acme_dns_poll(&lookup->answer, subject->look->owner->config.dns, lookup->question)) {
        lookup->is_over = 1;
    }
    return lookup->is_over || lookup->question == NULL;
}

static acme_preflight_lookup_t seen_in(const lookup_t *lookup, acme_dns_type_t type)
{
    acme_preflight_lookup_t seen = {.is_heard = lookup->answer != NULL};
    if (seen.is_heard) {
        seen.rcode = lookup->answer->rcode;
        for (int i = 0; i < lookup->answer->answers->nelts; i++) {
            seen.count += APR_ARRAY_IDX(lookup->answer->answers, i, acme_dns_record_t).type == type;
        }
    }
    return seen;
}

/* The resolver has followed CNAMEs, so whose address it is does not matter. */
static void take_addresses(apr_array_header_t *addresses, const lookup_t *lookup,
                           acme_dns_type_t type)
{
    for (int i = 0; lookup->answer != NULL && i < lookup->answer->answers->nelts; i++) {
        const acme_dns_record_t *record =
            &APR_ARRAY_IDX(lookup->answer->answers, i, acme_dns_record_t);
        if (record->type == type && addresses->nelts < ADDRESSES_MAX &&
            !has_finding(addresses, record->text)) {
            APR_ARRAY_PUSH(addresses, const char *) = record->text;
        }
    }
}

/* ---- CAA ---- */

static void ask_levels(subject_t *subject)
{
    const char *name = subject->name;
    while (name != NULL && *name != '\0' && subject->levels->nelts < LEVELS_MAX) {
        level_t *level = apr_array_push(subject->levels);
        *level = (level_t){.name = name};
        ask(&level->lookup, subject, name, ACME_DNS_CAA);
        name = strchr(name, '.');
        name = name != NULL ? name + 1 : NULL;
    }
}

static apr_array_header_t *caa_set(const lookup_t *lookup, apr_pool_t *pool)
{
    apr_array_header_t *set = apr_array_make(pool, 2, sizeof(acme_caa_t));
    for (int i = 0; lookup->answer != NULL && i < lookup->answer->answers->nelts; i++) {
        const acme_dns_record_t *record =
            &APR_ARRAY_IDX(lookup->answer->answers, i, acme_dns_record_t);
        acme_caa_t property;
        if (record->type == ACME_DNS_CAA && acme_caa_read(&property, record->text, pool) == 0) {
            APR_ARRAY_PUSH(set, acme_caa_t) = property;
        }
    }
    return set;
}

/* A wildcard can be proved by dns-01 only. */
static const apr_array_header_t *types_for(const subject_t *subject)
{
    const acme_preflight_look_t *look = subject->look;
    if (!subject->identifier->is_wildcard) {
        return look->request.challenge_types;
    }
    apr_array_header_t *types = apr_array_make(look->pool, 2, sizeof(const char *));
    for (int i = 0; i < look->request.challenge_types->nelts; i++) {
        const char *type = APR_ARRAY_IDX(look->request.challenge_types, i, const char *);
        if (strncmp(type, "dns-", 4) == 0) {
            APR_ARRAY_PUSH(types, const char *) = type;
        }
    }
    return types;
}

static void judge_set(subject_t *subject, const level_t *level, const apr_array_header_t *set)
{
    acme_preflight_look_t *look = subject->look;
    const acme_caa_issuer_t issuer = {.identities = look->request.caa_identities,
                                      .account = look->request.account,
                                      .types = types_for(subject),
                                      .is_wildcard = subject->identifier->is_wildcard};
    const char *why = acme_caa_forbids(set, &issuer, look->pool);
    if (why != NULL) {
        find(look,
             acme_preflight_say_caa(subject->identifier->value, level->name, why, look->pool));
    }
}

/* RFC 8659 section 3: the first set on the way up that is not empty decides. */
static void climb(subject_t *subject)
{
    acme_preflight_look_t *look = subject->look;
    for (int i = 0; i < subject->levels->nelts; i++) {
        level_t *level = &APR_ARRAY_IDX(subject->levels, i, level_t);
        if (!hear(&level->lookup, subject)) {
            return;
        }
        const acme_preflight_lookup_t seen = seen_in(&level->lookup, ACME_DNS_CAA);
        const char *failure = acme_preflight_say_caa_failure(subject->identifier->value,
                                                             level->name, &seen, look->pool);
        if (failure != NULL || seen.count > 0) {
            find(look, failure);
            judge_set(subject, level, caa_set(&level->lookup, look->pool));
            break;
        }
    }
    subject->is_caa_judged = 1;
}

/* ---- visits ---- */

/* The CA knows 80 and 443; what of this machine they lead to, only this machine knows. */
static int port_at(const subject_t *subject, const char *address, int is_https)
{
    const acme_preflight_look_t *look = subject->look;
    const acme_preflight_look_config_t *config = &look->owner->config;
    int mapped = is_https ? config->https_port : config->http_port;
    return mapped != 0 && acme_addresses_are_here(look->here.local, address) ? mapped
           : is_https                                                        ? 443
                                                                             : 80;
}

static void send_probe(visit_t *visit, const subject_t *subject)
{
    const acme_preflight_look_t *look = subject->look;
    visit->probe =
        acme_probe_begin(look->owner->config.prober, visit->at.url, visit->seen.target,
                         port_at(subject, visit->seen.target, visit->at.is_https), look->pool);
}

static void visit_address(subject_t *subject, const char *address, int is_https)
{
    apr_pool_t *pool = subject->look->pool;
    visit_t *visit = apr_pcalloc(pool, sizeof(*visit));
    const char *host = strchr(subject->name, ':') != NULL
                           ? apr_psprintf(pool, "[%s]", subject->name)
                           : subject->name;
    visit->seen = (acme_preflight_visit_t){
        .name = subject->name, .address = address, .target = address, .port = is_https ? 443 : 80};
    visit->at = (acme_redirect_t){.url = apr_pstrcat(pool, is_https ? "https://" : "http://", host,
                                                     PATH, subject->look->proof->token, NULL),
                                  .host = subject->name,
                                  .is_https = is_https};
    send_probe(visit, subject);
    APR_ARRAY_PUSH(subject->visits, visit_t *) = visit;
}

static void end_visit(visit_t *visit, const char *finding)
{
    visit->is_over = 1;
    visit->finding = finding;
}

static void refuse_redirect(visit_t *visit, const subject_t *subject, const char *why)
{
    end_visit(visit, acme_preflight_say_redirect(&visit->seen, visit->seen.answer->location, why,
                                                 subject->look->pool));
}

/* What an address out there says must not lead us to where only this machine may go. */
static void go_to(visit_t *visit, const subject_t *subject, const char *target)
{
    apr_pool_t *pool = subject->look->pool;
    if (acme_addresses_is_reserved(target, pool) &&
        !acme_addresses_is_reserved(visit->seen.address, pool)) {
        refuse_redirect(visit, subject, "at a private or reserved address, where no CA follows");
        return;
    }
    visit->seen.target = target;
    visit->seen.url = visit->at.url;
    send_probe(visit, subject);
}

static void follow(visit_t *visit, const subject_t *subject)
{
    const char *before = visit->at.host;
    acme_redirect_t to;
    const char *why = acme_redirect_resolve(&to, visit->at.url, visit->seen.answer->location,
                                            subject->look->pool);
    if (why == NULL && ++visit->redirects > ACME_REDIRECT_MAX) {
        why = "the eleventh redirect in a row: see whether they lead in a circle";
    }
    if (why != NULL) {
        refuse_redirect(visit, subject, why);
        return;
    }
    visit->at = to;
    if (strcmp(to.host, before) == 0 || to.is_address) {
        go_to(visit, subject, to.is_address ? to.host : visit->seen.target);
        return;
    }
    if (subject->look->owner->config.dns == NULL) {
        end_visit(visit, NULL); /* nobody can say where that is */
        return;
    }
    visit->a = visit->aaaa = (lookup_t){0};
    ask(&visit->a, subject, to.host, ACME_DNS_A);
    ask(&visit->aaaa, subject, to.host, ACME_DNS_AAAA);
}

static void hear_host(visit_t *visit, const subject_t *subject)
{
    int has_both = hear(&visit->a, subject) & hear(&visit->aaaa, subject);
    if (!has_both) {
        return;
    }
    apr_array_header_t *addresses = apr_array_make(subject->look->pool, 2, sizeof(const char *));
    take_addresses(addresses, &visit->a, ACME_DNS_A);
    take_addresses(addresses, &visit->aaaa, ACME_DNS_AAAA);
    if (addresses->nelts == 0) {
        refuse_redirect(visit, subject, "whose host has no address; mend the redirect");
        return;
    }
    go_to(visit, subject, APR_ARRAY_IDX(addresses, 0, const char *));
}

/* Nonzero if @a body is the token with @a thumbprint, and nothing more but white space. */
static int is_answer(const char *body, const char *token, const char *thumbprint)
{
    apr_size_t token_len = strlen(token);
    if (thumbprint == NULL || strncmp(body, token, token_len) != 0 || body[token_len] != '.') {
        return 0;
    }
    const char *rest = body + token_len + 1;
    apr_size_t len = strlen(thumbprint);
    return strncmp(rest, thumbprint, len) == 0 && rest[len + strspn(rest + len, " \t\r\n")] == '\0';
}

/* A server that shares our account and answers any token (ACMEHttp01Stateless) is as good as we. */
static int is_ours(const visit_t *visit, const subject_t *subject)
{
    const acme_preflight_look_t *look = subject->look;
    const acme_probe_answer_t *answer = visit->seen.answer;
    return answer->end == ACME_PROBE_ANSWERED && answer->status == 200 &&
           (is_answer(answer->body, look->proof->token, look->proof->thumbprint) ||
            is_answer(answer->body, look->proof->token, look->request.thumbprint));
}

/* Nonzero if the administrator knows that another server answers http-01. */
static int is_fronted(const acme_preflight_look_t *look)
{
    return look->request.http01 != NULL && look->request.http01->way != ACME_HTTP01_SELF;
}

static void hear_probe(visit_t *visit, const subject_t *subject)
{
    acme_preflight_look_t *look = subject->look;
    const acme_probe_answer_t *answer = visit->seen.answer;
    visit->probe = NULL;
    visit->seen.is_ours = is_ours(visit, subject);
    if (subject->stage == HTTPS) { /* tls-alpn-01 follows nothing */
        end_visit(visit, acme_preflight_say_tls(&visit->seen, &look->here, look->pool));
    }
    else if (answer->end == ACME_PROBE_ANSWERED && acme_redirect_is(answer->status) &&
             answer->location != NULL) {
        follow(visit, subject);
    }
    else {
        int is_expected = answer->end == ACME_PROBE_ANSWERED && is_fronted(look);
        end_visit(visit, is_expected
                             ? NULL
                             : acme_preflight_say_http(&visit->seen, &look->here, look->pool));
    }
}

static void move_visit(visit_t *visit, const subject_t *subject)
{
    if (visit->probe == NULL) {
        hear_host(visit, subject);
    }
    else if (acme_probe_poll(&visit->seen.answer, subject->look->owner->config.prober,
                             visit->probe)) {
        hear_probe(visit, subject);
    }
}

/* ---- a subject ---- */

static void visit_all(subject_t *subject, stage_t stage)
{
    subject->stage = stage;
    apr_array_clear(subject->visits);
    for (int i = 0; stage != OVER && i < subject->addresses->nelts; i++) {
        visit_address(subject, APR_ARRAY_IDX(subject->addresses, i, const char *), stage == HTTPS);
    }
}

static void tell_held_back(subject_t *subject, int is_tls_well)
{
    acme_preflight_look_t *look = subject->look;
    for (int i = 0; i < subject->findings->nelts; i++) {
        const char *finding = APR_ARRAY_IDX(subject->findings, i, const char *);
        find(look, is_tls_well ? apr_pstrcat(look->pool, finding,
                                             "; port 443 leads here, so tls-alpn-01 can work", NULL)
                               : finding);
    }
    apr_array_clear(subject->findings);
}

/* Moves the visits of this stage; their findings when all are over, else NULL. */
static apr_array_header_t *visit_findings(const subject_t *subject)
{
    int left = 0;
    apr_array_header_t *findings =
        apr_array_make(subject->look->pool, subject->visits->nelts, sizeof(const char *));
    for (int i = 0; i < subject->visits->nelts; i++) {
        visit_t *visit = APR_ARRAY_IDX(subject->visits, i, visit_t *);
        if (!visit->is_over) {
            move_visit(visit, subject);
        }
        left += !visit->is_over;
        if (visit->finding != NULL) {
            APR_ARRAY_PUSH(findings, const char *) = visit->finding;
        }
    }
    return left == 0 ? findings : NULL;
}

static void after_lookup(subject_t *subject)
{
    if (subject->addresses->nelts == 0 || !wants_visits(subject, 0)) {
        visit_all(subject, wants_visits(subject, 1) ? HTTPS : OVER);
        return;
    }
    visit_all(subject, HTTP);
}

static void after_http(subject_t *subject, apr_array_header_t *findings)
{
    subject->findings = findings;
    if (findings->nelts > 0 && wants_visits(subject, 1)) {
        visit_all(subject, HTTPS);
        return;
    }
    tell_held_back(subject, 0);
    subject->stage = OVER;
}

static void after_https(subject_t *subject, const apr_array_header_t *findings)
{
    tell_held_back(subject, findings->nelts == 0);
    for (int i = 0; i < findings->nelts; i++) {
        find(subject->look, APR_ARRAY_IDX(findings, i, const char *));
    }
    subject->stage = OVER;
}

static void drop_reserved(subject_t *subject)
{
    acme_preflight_look_t *look = subject->look;
    int kept = 0;
    for (int i = 0; i < subject->addresses->nelts; i++) {
        const char *address = APR_ARRAY_IDX(subject->addresses, i, const char *);
        if (!look->request.is_private && acme_addresses_is_reserved(address, look->pool)) {
            find(look, acme_preflight_say_reserved(subject->name, address, look->pool));
        }
        else {
            APR_ARRAY_IDX(subject->addresses, kept++, const char *) = address;
        }
    }
    subject->addresses->nelts = kept;
}

static void hear_addresses(subject_t *subject)
{
    acme_preflight_look_t *look = subject->look;
    int has_both = hear(&subject->a, subject) & hear(&subject->aaaa, subject);
    if (!has_both) {
        return;
    }
    if (subject->a.question != NULL) {
        const acme_preflight_lookup_t a = seen_in(&subject->a, ACME_DNS_A);
        const acme_preflight_lookup_t aaaa = seen_in(&subject->aaaa, ACME_DNS_AAAA);
        find(look, acme_preflight_say_addresses(subject->name, &a, &aaaa, look->pool));
        take_addresses(subject->addresses, &subject->a, ACME_DNS_A);
        take_addresses(subject->addresses, &subject->aaaa, ACME_DNS_AAAA);
        drop_reserved(subject);
    }
    after_lookup(subject);
}

static void hear_servers(subject_t *subject)
{
    const char *finding;
    if (acme_preflight__servers_poll(&finding, subject->servers)) {
        find(subject->look, finding);
        subject->servers = NULL;
    }
}

static void move_subject(subject_t *subject)
{
    if (!subject->is_caa_judged) {
        climb(subject);
    }
    if (subject->servers != NULL) {
        hear_servers(subject);
    }
    if (subject->stage == LOOKUP) {
        hear_addresses(subject);
        return;
    }
    apr_array_header_t *findings = subject->stage != OVER ? visit_findings(subject) : NULL;
    if (findings != NULL && subject->stage == HTTP) {
        after_http(subject, findings);
    }
    else if (findings != NULL) {
        after_https(subject, findings);
    }
}

static int is_done(const subject_t *subject)
{
    return subject->stage == OVER && subject->is_caa_judged && subject->servers == NULL;
}

static void begin_subject(acme_preflight_look_t *look, const acme_identifier_t *identifier)
{
    subject_t *subject = apr_pcalloc(look->pool, sizeof(*subject));
    int is_named = identifier->type == ACME_IDENTIFIER_DNS;
    subject->look = look;
    subject->identifier = identifier;
    subject->name = identifier->value + (identifier->is_wildcard ? 2 : 0);
    subject->levels = apr_array_make(look->pool, 4, sizeof(level_t));
    subject->addresses = apr_array_make(look->pool, 2, sizeof(const char *));
    subject->visits = apr_array_make(look->pool, 2, sizeof(visit_t *));
    subject->findings = apr_array_make(look->pool, 2, sizeof(const char *));
    if (!is_named) {
        APR_ARRAY_PUSH(subject->addresses, const char *) = subject->name;
    }
    else if (look->owner->config.dns != NULL) {
        ask_levels(subject);
    }
    if (is_named && look->owner->config.dns != NULL &&
        (wants_visits(subject, 0) || wants_visits(subject, 1))) {
        ask(&subject->a, subject, subject->name, ACME_DNS_A);
        ask(&subject->aaaa, subject, subject->name, ACME_DNS_AAAA);
        if (look->request.is_thorough) {
            subject->servers =
                acme_preflight__servers_begin(look->owner->config.dns, subject->name, look->pool);
        }
    }
    APR_ARRAY_PUSH(look->subjects, subject_t *) = subject;
}

/* ---- a look ---- */

static void end(acme_preflight_look_t *look)
{
    look->is_over = 1;
    if (look->is_out) {
        look->is_out = 0;
        --look->owner->out;
    }
    if (look->proof != NULL) {
        withdraw(look);
        look->proof = NULL;
    }
}

static apr_status_t drop(void *data)
{
    end(data);
    return APR_SUCCESS;
}

static acme_preflight_look_t *begin(void *data, const acme_preflight_request_t *request,
                                    apr_pool_t *pool)
{
    acme_preflight_look_t *look = apr_pcalloc(pool, sizeof(*look));
    look->pool = pool;
    look->owner = data;
    look->request = *request;
    look->subjects = apr_array_make(pool, 4, sizeof(subject_t *));
    look->findings = apr_array_make(pool, 4, sizeof(const char *));
    look->none = apr_array_make(pool, 1, sizeof(const char *));
    apr_pool_cleanup_register(pool, look, drop, apr_pool_cleanup_null);
    return look;
}

static int is_waiting(void *data, const acme_preflight_look_t *look)
{
    (void)data;
    return !look->is_out && !look->is_over;
}

static void tick(void *data)
{
    const baton_t *baton = data;
    if (baton->out > 0) {
        acme_prober_pump(baton->config.prober);
    }
}

/* Takes its turn, if there is one. */
static void set_out(acme_preflight_look_t *look)
{
    baton_t *baton = look->owner;
    if (baton->out >= baton->config.max_looks) {
        return;
    }
    look->begun = acme_env_monotonic(baton->config.env);
    look->here = (acme_preflight_here_t){.local = baton->config.local != NULL
                                                      ? baton->config.local(look->pool)
                                                      : acme_addresses_local(look->pool),
                                         .server = baton->config.server,
                                         .is_private = look->request.is_private};
    look->is_out = 1;
    ++baton->out;
    acme_err_t *err = look->request.identifiers->nelts > 0 ? publish(look) : NULL;
    if (err != NULL) {
        acme_env_log(baton->config.env, ACME_LOG_INFO, "no preflight: %s", err->text);
        end(look);
    }
}

/* Moves the names, and begins new ones in the place of those that are done. */
static void move_look(acme_preflight_look_t *look)
{
    int count = look->request.identifiers->nelts;
    int working = 0;
    for (int i = 0; i < look->subjects->nelts; i++) {
        subject_t *subject = APR_ARRAY_IDX(look->subjects, i, subject_t *);
        if (!is_done(subject)) {
            move_subject(subject);
            working += !is_done(subject);
        }
    }
    for (; working < SUBJECTS_OUT && look->subjects->nelts < count; working++) {
        begin_subject(look, APR_ARRAY_IDX(look->request.identifiers, look->subjects->nelts,
                                          const acme_identifier_t *));
    }
    apr_interval_time_t took = acme_env_monotonic(look->owner->config.env) - look->begun;
    if (working == 0 || took >= look->owner->config.limit) {
        end(look);
    }
}

/* What was held back for more knowledge that did not come in time. */
static void conclude(acme_preflight_look_t *look)
{
    for (int i = 0; i < look->subjects->nelts; i++) {
        tell_held_back(APR_ARRAY_IDX(look->subjects, i, subject_t *), 0);
    }
    if (look->left_out > 0) {
        APR_ARRAY_PUSH(look->findings, const char *) =
            apr_psprintf(look->pool, "and %d more of the kind", look->left_out);
        look->left_out = 0;
    }
}

/* Whoever waits for its turn is polled for long: nothing is allocated where nothing is new. */
static const apr_array_header_t *untold(acme_preflight_look_t *look)
{
    if (look->told == look->findings->nelts) {
        return look->none;
    }
    apr_array_header_t *fresh = apr_array_make(look->pool, 4, sizeof(const char *));
    while (look->told < look->findings->nelts) {
        APR_ARRAY_PUSH(fresh, const char *) =
            APR_ARRAY_IDX(look->findings, look->told++, const char *);
    }
    return fresh;
}

static int poll_look(const apr_array_header_t **findings, void *data, acme_preflight_look_t *look)
{
    (void)data;
    if (is_waiting(data, look)) {
        set_out(look);
    }
    if (look->is_out) {
        move_look(look);
    }
    if (look->is_over) {
        conclude(look);
    }
    *findings = untold(look);
    return look->is_over;
}

/* see acme_preflight_look.h */
acme_preflight_t *acme_preflight_look_create(const acme_preflight_look_config_t *config,
                                             apr_pool_t *pool)
{
    baton_t *baton = apr_pcalloc(pool, sizeof(*baton));
    baton->config = *config;
    baton->pool = pool;
    acme_preflight_t *preflight = apr_pcalloc(pool, sizeof(*preflight));
    *preflight = (acme_preflight_t){
        .baton = baton, .begin = begin, .is_waiting = is_waiting, .tick = tick, .poll = poll_look};
    return preflight;
}
