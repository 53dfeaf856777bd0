/* The names a certificate is for, read into their one form and compared in it.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "acme/acme_identifier.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <apr_strings.h>

#ifdef HAVE_LIBIDN2
#include <idn2.h>
#endif

#include "acme/acme_text.h"

#define LABEL_MAX 63
#define LABELS_MAX 10 /* of what a public CA certifies */
#define FOLDER_MAX 200
#define FOLDER_HEAD 160
#define FOLDER_DIGEST 32
#define INPUT_MAX 1024 /* U-labels have more bytes than their A-labels */
#define IP_TEXT_MAX 46

static acme_err_t *refuse(const char *name, const char *why, apr_pool_t *pool)
{
    return acme_err_make(pool, ACME_ERR_INPUT, "'%s' is not a name for a certificate: %s",
                         acme_text_clean(name, 300, pool), why);
}

static acme_identifier_t *make(acme_identifier_type_t type, const char *value, apr_pool_t *pool)
{
    acme_identifier_t *identifier = apr_pcalloc(pool, sizeof(*identifier));
    identifier->type = type;
    identifier->value = value;
    identifier->is_wildcard = type == ACME_IDENTIFIER_DNS && value[0] == '*';
    return identifier;
}

/* Where the longest run of at least two zero fields begins, and its length (RFC 5952 section 4.2).
 */
static int longest_zero_run(int *run_length, const unsigned char address[16])
{
    int best = -1;
    int best_length = 1;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && address[2 * (i + length)] == 0 &&
               address[2 * (i + length) + 1] == 0) {
            length++;
        }
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    *run_length = best_length;
    return best;
}

static int is_v4_mapped(const unsigned char address[16])
{
    static const unsigned char prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    return memcmp(address, prefix, sizeof(prefix)) == 0;
}

/* RFC 5952 text; @a text has IP_TEXT_MAX bytes. Not inet_ntop, whose text differs by C library. */
static void format_ipv6(char *text, const unsigned char address[16])
{
    if (is_v4_mapped(address)) {
        apr_snprintf(text, IP_TEXT_MAX, "::ffff:%d.%d.%d.%d", address[12], address[13], address[14],
                     address[15]);
        return;
    }
    int run_length;
    int run = longest_zero_run(&run_length, address);
    char *out = text;
    char *end = text + IP_TEXT_MAX;
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            out += apr_snprintf(out, (apr_size_t)(end - out), "::");
            i += run_length - 1;
            continue;
        }
        const char *colon = i > 0 && i != run + run_length ? ":" : "";
        int field = address[2 * i] << 8 | address[2 * i + 1];
        out += apr_snprintf(out, (apr_size_t)(end - out), "%s%x", colon, field);
    }
}

/* Reads an address, with or without brackets, into its one form. Returns 0 and @a text, or -1. */
static int read_address(char text[IP_TEXT_MAX], const char *name, apr_size_t len)
{
    char copy[IP_TEXT_MAX];
    int is_bracketed = len > 2 && name[0] == '[' && name[len - 1] == ']';
    if (is_bracketed) {
        name++;
        len -= 2;
    }
    if (len >= sizeof(copy) || memchr(name, '\0', len) != NULL) {
        return -1;
    }
    memcpy(copy, name, len);
    copy[len] = '\0';
    unsigned char address[16];
    if (inet_pton(AF_INET6, copy, address) == 1) {
        format_ipv6(text, address);
        return 0;
    }
    if (!is_bracketed && inet_pton(AF_INET, copy, address) == 1) {
        apr_snprintf(text, IP_TEXT_MAX, "%d.%d.%d.%d", address[0], address[1], address[2],
                     address[3]);
        return 0;
    }
    return -1;
}

#ifdef HAVE_LIBIDN2
static acme_err_t *to_a_labels(const char **ascii, const char *name, apr_pool_t *pool)
{
    char *converted = NULL;
    int rc = idn2_to_ascii_8z(name, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK) {
        return refuse(name, apr_psprintf(pool, "it has no A-label (%s)", idn2_strerror(rc)), pool);
    }
    *ascii = apr_pstrdup(pool, converted);
    idn2_free(converted);
    return NULL;
}
#else
static acme_err_t *to_a_labels(const char **ascii, const char *name, apr_pool_t *pool)
{
    (void)ascii;
    return refuse(name, "this mod_acme was built without libidn2: write its A-label (xn--...)",
                  pool);
}
#endif

static int is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80) {
            return 0;
        }
    }
    return 1;
}

static int is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What is wrong with one label, or NULL. */
static const char *judge_label(const char *label, apr_size_t len)
{
    if (len == 0) {
        return "there is nothing between two dots, or before the first";
    }
    if (len > LABEL_MAX) {
        return "what stands between two dots is longer than 63 characters";
    }
    for (apr_size_t i = 0; i < len; i++) {
        if (label[i] == '*') {
            return "'*' may stand only in front, as \"*.\"";
        }
        if (strchr(":/[]", label[i]) != NULL) {
            return "write it without scheme, port and path";
        }
        if (!is_name_character(label[i])) {
            return "only letters, digits, '-' and '.' are allowed";
        }
    }
    if (label[0] == '-' || label[len - 1] == '-') {
        return "a part of it begins or ends with '-'";
    }
    return NULL;
}

static const char *judge_labels(const char *name)
{
    for (;;) {
        apr_size_t len = strcspn(name, ".");
        const char *why = judge_label(name, len);
        if (why != NULL || name[len] == '\0') {
            return why;
        }
        name += len + 1;
    }
}

static char *without_final_dot(const char *name, apr_pool_t *pool)
{
    apr_size_t len = strlen(name);
    return apr_pstrmemdup(pool, name, len > 1 && name[len - 1] == '.' ? len - 1 : len);
}

/* see acme_identifier.h */
acme_err_t *acme_identifier_parse(acme_identifier_t **identifier, const char *text,
                                  apr_pool_t *pool)
{
    if (*text == '\0') {
        return refuse(text, "it is empty", pool);
    }
    if (strlen(text) > INPUT_MAX) {
        return refuse(text, "it is longer than 253 characters", pool);
    }
    char address[IP_TEXT_MAX];
    const char *name = without_final_dot(text, pool);
    if (read_address(address, name, strlen(name)) == 0) {
        *identifier = make(ACME_IDENTIFIER_IP, apr_pstrdup(pool, address), pool);
        return NULL;
    }
    int is_wildcard = name[0] == '*' && name[1] == '.';
    const char *base = is_wildcard ? name + 2 : name;
    if (!is_ascii(base)) {
        ACME_TRY(to_a_labels(&base, base, pool));
        base = without_final_dot(base, pool);
    }
    base = acme_text_lower(base, pool);
    const char *why = judge_labels(base);
    if (why != NULL) {
        return refuse(text, why, pool);
    }
    char *value = apr_pstrcat(pool, is_wildcard ? "*." : "", base, NULL);
    if (strlen(value) > ACME_IDENTIFIER_MAX) {
        return refuse(text, "it is longer than 253 characters", pool);
    }
    /* Superscript and full-width digits become ASCII ones. */
    if (read_address(address, value, strlen(value)) == 0) {
        return refuse(text, "write the address with the digits 0 to 9", pool);
    }
    *identifier = make(ACME_IDENTIFIER_DNS, value, pool);
    return NULL;
}

typedef struct {
    unsigned char prefix[16];
    int bits;
} block_t;

/* IANA's special-purpose registries: what is not globally reachable (RFC 6890). */
static const block_t reserved_ipv4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 3}, /* multicast and what lies beyond it */
    {{0}, -1},
};

/* All of IPv6 outside of 2000::/3 is reserved; these lie inside of it. */
static const block_t reserved_ipv6[] = {
    {{0x20, 0x01}, 23}, {{0x20, 0x01, 0x0D, 0xB8}, 32}, {{0x20, 0x02}, 16}, {{0x3F, 0xFF}, 20},
    {{0}, -1},
};

static int is_in_block(const unsigned char *address, const block_t *block)
{
    int bytes = block->bits / 8;
    int rest = block->bits % 8;
    if (memcmp(address, block->prefix, (apr_size_t)bytes) != 0) {
        return 0;
    }
    return rest == 0 || (address[bytes] >> (8 - rest)) == (block->prefix[bytes] >> (8 - rest));
}

static int is_in_blocks(const unsigned char *address, const block_t *block)
{
    for (; block->bits >= 0; block++) {
        if (is_in_block(address, block)) {
            return 1;
        }
    }
    return 0;
}

static int is_reserved_address(const char *value)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, value, address) == 1) {
        return is_in_blocks(address, reserved_ipv4);
    }
    return inet_pton(AF_INET6, value, address) != 1 || (address[0] >> 5) != 1 ||
           is_in_blocks(address, reserved_ipv6);
}

/* Names under which the public DNS has nobody (RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476).
 */
static const char *const reserved_domains[] = {"local",     "localhost", "internal", "lan",
                                               "test",      "example",   "invalid",  "onion",
                                               "home.arpa", "alt",       NULL};

/* The member of reserved_domains that @a name is or is under, or NULL. */
static const char *reserved_domain(const char *name)
{
    apr_size_t len = strlen(name);
    for (int i = 0; reserved_domains[i] != NULL; i++) {
        apr_size_t tail = strlen(reserved_domains[i]);
        if (len >= tail && strcmp(name + len - tail, reserved_domains[i]) == 0 &&
            (len == tail || name[len - tail - 1] == '.')) {
            return reserved_domains[i];
        }
    }
    return NULL;
}

static int count_labels(const char *name)
{
    int count = 1;
    for (; *name != '\0'; name++) {
        count += *name == '.';
    }
    return count;
}

static int has_numeric_end(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;
    return last[strspn(last, "0123456789")] == '\0';
}

static const char *check_public_name(const char *value, const char *name, apr_pool_t *pool)
{
    const char *domain = reserved_domain(name);
    if (domain != NULL) {
        return apr_psprintf(pool, "no public CA certifies %s: names under '%s' are reserved", value,
                            domain);
    }
    if (has_numeric_end(name)) {
        return apr_psprintf(pool, "no public CA certifies %s: its last part has only digits",
                            value);
    }
    int labels = count_labels(name);
    if (labels == 1) {
        return apr_psprintf(pool,
                            "no public CA certifies %s: it is a single label; write the whole name "
                            "with its domain",
                            value);
    }
    if (labels > LABELS_MAX) {
        return apr_psprintf(pool, "no public CA certifies %s: it has more than ten parts", value);
    }
    return NULL;
}

/* see acme_identifier.h */
const char *acme_identifier_check(const acme_identifier_t *identifier, int is_private,
                                  apr_pool_t *pool)
{
    const char *value = identifier->value;
    if (strchr(value, '_') != NULL) {
        return apr_psprintf(pool, "no CA certifies %s: an underscore is not allowed in host names",
                            value);
    }
    if (is_private) {
        return NULL;
    }
    if (identifier->type == ACME_IDENTIFIER_IP) {
        return is_reserved_address(value)
                   ? apr_psprintf(pool, "no public CA certifies %s: the address is not public",
                                  value)
                   : NULL;
    }
    return check_public_name(value, identifier->is_wildcard ? value + 2 : value, pool);
}

/* An address may be spelt in many ways; its one form is what the look-up knows. */
static apr_size_t fold_address(char *buffer, apr_size_t size, const char *name, apr_size_t len)
{
    char address[IP_TEXT_MAX];
    if (read_address(address, name, len) != 0 || strlen(address) >= size) {
        return 0;
    }
    apr_cpystrn(buffer, address, size);
    return strlen(address);
}

/* see acme_identifier.h */
apr_size_t acme_identifier_fold(char *buffer, apr_size_t size, const char *name, apr_size_t len)
{
    if (len > 0 && (name[0] == '[' || memchr(name, ':', len) != NULL)) {
        return fold_address(buffer, size, name, len);
    }
    if (len > 0 && name[len - 1] == '.') {
        len--;
    }
    if (len == 0 || len >= size || len > ACME_IDENTIFIER_MAX) {
        return 0;
    }
    for (apr_size_t i = 0; i < len; i++) {
        char c = name[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        int is_empty_label = c == '.' && (i == 0 || i == len - 1 || name[i - 1] == '.');
        if ((c != '.' && !is_name_character(c)) || is_empty_label) {
            return 0;
        }
        buffer[i] = c;
    }
    buffer[len] = '\0';
    return len;
}

/* Reads @a count numbers of base @a base, each followed by a dot, the last number first. Returns what
 * follows them, or NULL. */
static const char *read_backwards(unsigned *numbers, int count, int base, const char *name)
{
    for (int i = count - 1; i >= 0; i--) {
        char *end;
        int is_digit = (*name >= '0' && *name <= '9') || (base == 16 && *name >= 'a' && *name <= 'f');
        unsigned long number = is_digit ? strtoul(name, &end, base) : 0;
        int has_spare_zero = is_digit && *name == '0' && end - name > 1;
        if (!is_digit || *end != '.' || has_spare_zero || number > (base == 16 ? 15 : 255)) {
            return NULL;
        }
        numbers[i] = (unsigned)number;
        name = end + 1;
    }
    return name;
}

static acme_identifier_t *make_ipv6(const unsigned nibbles[32], apr_pool_t *pool)
{
    unsigned char address[16];
    char *text = apr_palloc(pool, IP_TEXT_MAX);
    for (int i = 0; i < 16; i++) {
        address[i] = (unsigned char)(nibbles[2 * i] << 4 | nibbles[2 * i + 1]);
    }
    format_ipv6(text, address);
    return make(ACME_IDENTIFIER_IP, text, pool);
}

/* see acme_identifier.h */
acme_identifier_t *acme_identifier_of_reverse(const char *name, apr_pool_t *pool)
{
    unsigned numbers[32];
    const char *rest = read_backwards(numbers, 4, 10, name);
    if (rest != NULL && strcmp(rest, "in-addr.arpa") == 0) {
        return make(ACME_IDENTIFIER_IP,
                    apr_psprintf(pool, "%u.%u.%u.%u", numbers[0], numbers[1], numbers[2],
                                 numbers[3]),
                    pool);
    }
    rest = read_backwards(numbers, 32, 16, name);
    return rest != NULL && strcmp(rest, "ip6.arpa") == 0 ? make_ipv6(numbers, pool) : NULL;
}

/* see acme_identifier.h */
int acme_identifier_compare(const acme_identifier_t *a, const acme_identifier_t *b)
{
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    return strcmp(a->value, b->value);
}

/* see acme_identifier.h */
int acme_identifier_covers(const acme_identifier_t *outer, const acme_identifier_t *inner)
{
    if (acme_identifier_compare(outer, inner) == 0) {
        return 1;
    }
    if (!outer->is_wildcard || inner->is_wildcard || inner->type != ACME_IDENTIFIER_DNS) {
        return 0;
    }
    const char *parent = strchr(inner->value, '.');
    return parent != NULL && strcmp(parent + 1, outer->value + 2) == 0;
}

/* see acme_identifier.h */
char *acme_identifier_folder(const acme_identifier_t *identifier, const char *digest_hex,
                             apr_pool_t *pool)
{
    char *folder = identifier->is_wildcard
                       ? apr_pstrcat(pool, "_wildcard.", identifier->value + 2, NULL)
                       : apr_pstrdup(pool, identifier->value);
    if (strlen(folder) <= FOLDER_MAX) {
        return folder;
    }
    assert(digest_hex != NULL && strlen(digest_hex) >= FOLDER_DIGEST);
    return apr_psprintf(pool, "%.*s~%.*s", FOLDER_HEAD, folder, FOLDER_DIGEST, digest_hex);
}

/* see acme_identifier.h */
int acme_identifiers_contain(const apr_array_header_t *set, const acme_identifier_t *identifier)
{
    for (int i = 0; i < set->nelts; i++) {
        const acme_identifier_t *member = APR_ARRAY_IDX(set, i, const acme_identifier_t *);
        if (acme_identifier_compare(member, identifier) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_covered(const acme_identifier_t *wanted, const apr_array_header_t *offered)
{
    for (int i = 0; i < offered->nelts; i++) {
        if (acme_identifier_covers(APR_ARRAY_IDX(offered, i, const acme_identifier_t *), wanted)) {
            return 1;
        }
    }
    return 0;
}

/* see acme_identifier.h */
const acme_identifier_t *acme_identifiers_missing(const apr_array_header_t *wanted,
                                                  const apr_array_header_t *offered)
{
    for (int i = 0; i < wanted->nelts; i++) {
        const acme_identifier_t *identifier = APR_ARRAY_IDX(wanted, i, const acme_identifier_t *);
        if (!is_covered(identifier, offered)) {
            return identifier;
        }
    }
    return NULL;
}

static int compare_members(const void *a, const void *b)
{
    return acme_identifier_compare(*(const acme_identifier_t *const *)a,
                                   *(const acme_identifier_t *const *)b);
}

/* see acme_identifier.h */
apr_array_header_t *acme_identifiers_sorted(const apr_array_header_t *set, apr_pool_t *pool)
{
    apr_array_header_t *sorted = apr_array_copy(pool, set);
    if (sorted->nelts < 2) {
        return sorted;
    }
    qsort(sorted->elts, (size_t)sorted->nelts, sizeof(const acme_identifier_t *), compare_members);
    int kept = 1;
    for (int i = 1; i < sorted->nelts; i++) {
        const acme_identifier_t *member = APR_ARRAY_IDX(sorted, i, const acme_identifier_t *);
        if (acme_identifier_compare(
                member, APR_ARRAY_IDX(sorted, kept - 1, const acme_identifier_t *)) != 0) {
            APR_ARRAY_IDX(sorted, kept, const acme_identifier_t *) = member;
            kept++;
        }
    }
    sorted->nelts = kept;
    return sorted;
}

/* see acme_identifier.h */
char *acme_identifiers_text(const apr_array_header_t *set, int max, apr_pool_t *pool)
{
    int shown = set->nelts < max ? set->nelts : max;
    apr_array_header_t *words = apr_array_make(pool, shown + 1, sizeof(const char *));
    for (int i = 0; i < shown; i++) {
        APR_ARRAY_PUSH(words, const char *) =
            APR_ARRAY_IDX(set, i, const acme_identifier_t *)->value;
    }
    if (shown < set->nelts) {
        APR_ARRAY_PUSH(words, const char *) = apr_psprintf(pool, "%d more", set->nelts - shown);
    }
    if (words->nelts < 2) {
        return acme_text_join(words, "", pool);
    }
    const char *last = *(const char **)apr_array_pop(words);
    return apr_pstrcat(pool, acme_text_join(words, ", ", pool), " and ", last, NULL);
}
