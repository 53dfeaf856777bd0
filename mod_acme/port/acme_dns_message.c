/* Reads DNS messages with the C library's own parser, which also gives what c-ares leaves out.
 * SPDX-License-Identifier: Apache-2.0
 *
 * AA, the targets of CNAMEs and the SOA of the authority section are in none of the answers that
 * c-ares parses. Nothing is taken apart by hand here but the strings of a TXT record (RFC 1035
 * section 3.3.14) and the parts of a CAA record (RFC 8659 section 4.1), whose lengths stand in them.
 */
#include <sys/types.h>

#include <netinet/in.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

#include <apr_strings.h>

#include "acme/acme_dns.h"

/* More records of one answer say nothing more. */
#define RECORDS_MAX 500

static const char *read_address(int family, const ns_rr *rr, apr_size_t wanted, apr_pool_t *pool)
{
    char text[INET6_ADDRSTRLEN];
    if (ns_rr_rdlen(*rr) != wanted ||
        inet_ntop(family, ns_rr_rdata(*rr), text, sizeof text) == NULL) {
        return NULL;
    }
    return apr_pstrdup(pool, text);
}

static const char *read_name(const ns_msg *message, const ns_rr *rr, apr_pool_t *pool)
{
    char name[NS_MAXDNAME];
    if (ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), ns_rr_rdata(*rr), name,
                           sizeof name) < 0) {
        return NULL;
    }
    return acme_dns_name(name, pool);
}

static const char *read_strings(const ns_rr *rr, apr_pool_t *pool)
{
    const unsigned char *at = ns_rr_rdata(*rr);
    const unsigned char *end = at + ns_rr_rdlen(*rr);
    char *text = apr_palloc(pool, (apr_size_t)(end - at) + 1);
    apr_size_t len = 0;
    while (at < end) {
        apr_size_t part = *at++;
        if (part > (apr_size_t)(end - at) || memchr(at, '\0', part) != NULL) {
            return NULL;
        }
        memcpy(text + len, at, part);
        len += part;
        at += part;
    }
    text[len] = '\0';
    return text;
}

static int is_tag(const unsigned char *tag, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; ++i) {
        int c = tag[i] | 0x20; /* ASCII letters become lower case, digits stay */
        if (!(c >= 'a' && c <= 'z') && !(tag[i] >= '0' && tag[i] <= '9')) {
            return 0;
        }
    }
    return len > 0;
}

static const char *read_property(const ns_rr *rr, apr_pool_t *pool)
{
    const unsigned char *at = ns_rr_rdata(*rr);
    apr_size_t len = ns_rr_rdlen(*rr);
    if (len < 2 || at[1] > len - 2 || !is_tag(at + 2, at[1])) {
        return NULL;
    }
    apr_size_t tag_len = at[1];
    const unsigned char *value = at + 2 + tag_len;
    apr_size_t value_len = len - 2 - tag_len;
    if (memchr(value, '\0', value_len) != NULL) {
        return NULL;
    }
    return apr_psprintf(pool, "%d %s %s", at[0],
                        apr_pstrmemdup(pool, (const char *)at + 2, tag_len),
                        apr_pstrmemdup(pool, (const char *)value, value_len));
}

/* NULL: not a type that anybody here reads, or damaged. */
static const char *read_data(const ns_msg *message, const ns_rr *rr, apr_pool_t *pool)
{
    switch ((int)ns_rr_type(*rr)) {
    case ACME_DNS_A:
        return read_address(AF_INET, rr, 4, pool);
    case ACME_DNS_AAAA:
        return read_address(AF_INET6, rr, 16, pool);
    case ACME_DNS_NS:
    case ACME_DNS_CNAME:
    case ACME_DNS_SOA:
        return read_name(message, rr, pool);
    case ACME_DNS_TXT:
        return read_strings(rr, pool);
    case ACME_DNS_CAA:
        return read_property(rr, pool);
    default:
        return NULL;
    }
}

static apr_array_header_t *read_section(ns_msg *message, ns_sect section, apr_pool_t *pool)
{
    int count = ns_msg_count(*message, section);
    apr_array_header_t *records = apr_array_make(pool, 4, sizeof(acme_dns_record_t));
    for (int i = 0; i < count && i < RECORDS_MAX; ++i) {
        ns_rr rr;
        if (ns_parserr(message, section, i, &rr) < 0) {
            break; /* what was read so far is well */
        }
        const char *text = ns_rr_class(rr) == ns_c_in ? read_data(message, &rr, pool) : NULL;
        if (text != NULL) {
            APR_ARRAY_PUSH(records, acme_dns_record_t) =
                (acme_dns_record_t){.owner = acme_dns_name(ns_rr_name(rr), pool),
                                    .type = (acme_dns_type_t)ns_rr_type(rr),
                                    .text = text};
        }
    }
    return records;
}

/* see acme_dns.h */
acme_err_t *acme_dns_read(acme_dns_answer_t **answer, const unsigned char *bytes, apr_size_t len,
                          apr_pool_t *pool)
{
    ns_msg message;
    if (len > NS_MAXMSG || ns_initparse(bytes, (int)len, &message) < 0 ||
        !ns_msg_getflag(message, ns_f_qr)) {
        return acme_err_make(pool, ACME_ERR_INPUT, "what came is no answer of a DNS server");
    }
    acme_dns_answer_t *read = apr_pcalloc(pool, sizeof(*read));
    read->rcode = ns_msg_getflag(message, ns_f_rcode);
    read->is_authoritative = ns_msg_getflag(message, ns_f_aa) != 0;
    read->answers = read_section(&message, ns_s_an, pool);
    read->authority = read_section(&message, ns_s_ns, pool);
    *answer = read;
    return NULL;
}
