/* Text for protocols and logs, without a look at the locale.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "acme/acme_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

static const char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* see acme_text.h */
char *acme_text_base64url(const void *bytes, apr_size_t len, apr_pool_t *pool)
{
    const unsigned char *in = bytes;
    char *text = apr_palloc(pool, len / 3 * 4 + 5);
    char *out = text;
    for (; len >= 3; len -= 3, in += 3) {
        *out++ = base64url_digits[in[0] >> 2];
        *out++ = base64url_digits[(in[0] & 0x03) << 4 | in[1] >> 4];
        *out++ = base64url_digits[(in[1] & 0x0F) << 2 | in[2] >> 6];
        *out++ = base64url_digits[in[2] & 0x3F];
    }
    if (len > 0) {
        unsigned second = len > 1 ? in[1] : 0;
        *out++ = base64url_digits[in[0] >> 2];
        *out++ = base64url_digits[(in[0] & 0x03) << 4 | second >> 4];
        if (len > 1) {
            *out++ = base64url_digits[(second & 0x0F) << 2];
        }
    }
    *out = '\0';
    return text;
}

/* The six bits of a digit, or -1. */
static int base64url_bits(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* see acme_text.h */
acme_err_t *acme_text_base64url_decode(unsigned char **bytes, apr_size_t *len, const char *text,
                                       apr_pool_t *pool)
{
    apr_size_t digits = strlen(text);
    if (digits % 4 == 1) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "this is not base64url: no text of %" APR_SIZE_T_FMT " digits can be",
                             digits);
    }
    unsigned char *decoded = apr_palloc(pool, digits / 4 * 3 + 3);
    apr_size_t count = 0;
    uint32_t pending = 0;
    int pending_bits = 0;
    for (apr_size_t i = 0; i < digits; i++) {
        int bits = base64url_bits(text[i]);
        if (bits < 0) {
            return acme_err_make(pool, ACME_ERR_INPUT,
                                 "this is not base64url: byte %" APR_SIZE_T_FMT
                                 " is neither letter, digit, '-' nor '_'",
                                 i + 1);
        }
        pending = pending << 6 | (uint32_t)bits;
        pending_bits += 6;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            decoded[count++] = (unsigned char)(pending >> pending_bits);
            pending &= (1u << pending_bits) - 1;
        }
    }
    /* A second spelling of the same bytes would let one token have two names. */
    if (pending != 0) {
        return acme_err_make(pool, ACME_ERR_INPUT,
                             "this is not base64url: the last digit has stray bits");
    }
    decoded[count] = '\0';
    *bytes = decoded;
    *len = count;
    return NULL;
}

/* see acme_text.h */
char *acme_text_hex(const void *bytes, apr_size_t len, apr_pool_t *pool)
{
    static const char hex_digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;
    char *text = apr_palloc(pool, len * 2 + 1);
    for (apr_size_t i = 0; i < len; i++) {
        text[2 * i] = hex_digits[in[i] >> 4];
        text[2 * i + 1] = hex_digits[in[i] & 0x0F];
    }
    text[2 * len] = '\0';
    return text;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* see acme_text.h */
char *acme_text_lower(const char *text, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, text);
    for (char *c = copy; *c != '\0'; c++) {
        *c = lower(*c);
    }
    return copy;
}

/* see acme_text.h */
int acme_text_equal_nocase(const char *a, const char *b)
{
    for (; *a != '\0' && lower(*a) == lower(*b); a++, b++) {
    }
    return lower(*a) == lower(*b);
}

static int is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* How many bytes the UTF-8 character at @a text has, 0 if there is none (RFC 3629 section 4). */
static apr_size_t utf8_length(const unsigned char *text)
{
    unsigned char c = text[0];
    if (c < 0x80) {
        return 1;
    }
    if (c >= 0xC2 && c <= 0xDF) {
        return is_continuation(text[1]) ? 2 : 0;
    }
    if (c >= 0xE0 && c <= 0xEF) {
        int is_overlong = c == 0xE0 && text[1] < 0xA0;
        int is_surrogate = c == 0xED && text[1] > 0x9F;
        return is_continuation(text[1]) && !is_overlong && !is_surrogate && is_continuation(text[2])
                   ? 3
                   : 0;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        int is_overlong = c == 0xF0 && text[1] < 0x90;
        int is_beyond = c == 0xF4 && text[1] > 0x8F;
        return is_continuation(text[1]) && !is_overlong && !is_beyond && is_continuation(text[2]) &&
                       is_continuation(text[3])
                   ? 4
                   : 0;
    }
    return 0;
}

/* C0, DEL, and the C1 controls that some terminals obey (U+0080 to U+009F). */
static int is_control(const unsigned char *text)
{
    return text[0] < 0x20 || text[0] == 0x7F || (text[0] == 0xC2 && text[1] < 0xA0);
}

/* see acme_text.h */
char *acme_text_clean(const char *text, apr_size_t max, apr_pool_t *pool)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    if (text == NULL) {
        return apr_pstrdup(pool, "");
    }
    apr_size_t size = 0;
    while (size < max && text[size] != '\0') {
        size++;
    }
    char *clean = apr_palloc(pool, size + 1);
    const unsigned char *in = (const unsigned char *)text;
    apr_size_t len = 0;
    apr_size_t cut = 0; /* where the ellipsis would still fit */
    while (*in != '\0') {
        apr_size_t step = utf8_length(in);
        int is_shown = step > 0 && !is_control(in);
        apr_size_t width = is_shown ? step : 1;
        if (len + width > max) {
            len = cut;
            if (cut + sizeof(ellipsis) - 1 <= max) {
                memcpy(clean + cut, ellipsis, sizeof(ellipsis) - 1);
                len += sizeof(ellipsis) - 1;
            }
            break;
        }
        if (is_shown) {
            memcpy(clean + len, in, width);
        }
        else {
            clean[len] = '?';
        }
        len += width;
        in += step > 0 ? step : 1;
        if (len + sizeof(ellipsis) - 1 <= max) {
            cut = len;
        }
    }
    clean[len] = '\0';
    return clean;
}

/* see acme_text.h */
char *acme_text_join(const apr_array_header_t *words, const char *separator, apr_pool_t *pool)
{
    apr_size_t gap = strlen(separator);
    apr_size_t size = 1;
    for (int i = 0; i < words->nelts; i++) {
        size += strlen(APR_ARRAY_IDX(words, i, const char *)) + gap;
    }
    char *joined = apr_palloc(pool, size);
    char *out = joined;
    for (int i = 0; i < words->nelts; i++) {
        out = apr_cpystrn(out, i > 0 ? separator : "", gap + 1);
        const char *word = APR_ARRAY_IDX(words, i, const char *);
        out = apr_cpystrn(out, word, strlen(word) + 1);
    }
    *out = '\0';
    return joined;
}

/* see acme_text.h */
apr_array_header_t *acme_text_split(const char *text, const char *separators, apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, 4, sizeof(const char *));
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        apr_size_t len = strcspn(text, separators);
        APR_ARRAY_PUSH(words, const char *) = apr_pstrmemdup(pool, text, len);
        text += len;
    }
    return words;
}

/* The bytes are in malloc'd memory: they grow, and what was outgrown can be given back, wiped. */
struct acme_builder_t {
    char *bytes; /* NULL while nothing was added */
    apr_size_t len;
    apr_size_t size; /* of bytes, the final NUL included */
    apr_size_t max;
};

/* memset through a volatile pointer: the compiler cannot prove that nobody looks. */
static void *(*const volatile wipe_memset)(void *, int, size_t) = memset;

static void discard(acme_builder_t *builder)
{
    if (builder->bytes != NULL) {
        wipe_memset(builder->bytes, 0, builder->size);
        free(builder->bytes);
    }
    builder->bytes = NULL;
    builder->len = 0;
    builder->size = 0;
}

static apr_status_t builder_cleanup(void *baton)
{
    discard(baton);
    return APR_SUCCESS;
}

/* see acme_text.h */
char *acme_text_number(int number, apr_pool_t *pool)
{
    if (number < 1000) {
        return apr_itoa(pool, number);
    }
    return apr_psprintf(pool, "%s,%03d", acme_text_number(number / 1000, pool), number % 1000);
}

/* see acme_text.h */
acme_builder_t *acme_builder_create(apr_size_t max, apr_pool_t *pool)
{
    acme_builder_t *builder = apr_pcalloc(pool, sizeof(*builder));
    builder->max = max;
    apr_pool_cleanup_register(pool, builder, builder_cleanup, apr_pool_cleanup_null);
    return builder;
}

/* Makes room for @a needed bytes and the NUL; not realloc, which may leave a copy behind. */
static int grow(acme_builder_t *builder, apr_size_t needed)
{
    apr_size_t size = builder->size > 0 ? builder->size : 256;
    while (size <= needed) {
        size = size <= builder->max / 2 ? size * 2 : builder->max + 1;
    }
    char *bytes = malloc(size);
    if (bytes == NULL) {
        return -1;
    }
    apr_size_t len = builder->len;
    if (len > 0) {
        memcpy(bytes, builder->bytes, len);
    }
    discard(builder);
    builder->bytes = bytes;
    builder->len = len;
    builder->size = size;
    return 0;
}

/* see acme_text.h */
int acme_builder_add(acme_builder_t *builder, const void *bytes, apr_size_t len)
{
    if (len > builder->max - builder->len) {
        return -1;
    }
    if (builder->len + len >= builder->size && grow(builder, builder->len + len) != 0) {
        return -1;
    }
    if (len > 0) {
        memcpy(builder->bytes + builder->len, bytes, len);
    }
    builder->len += len;
    builder->bytes[builder->len] = '\0';
    return 0;
}

/* see acme_text.h */
const char *acme_builder_text(const acme_builder_t *builder)
{
    return builder->bytes != NULL ? builder->bytes : "";
}

/* see acme_text.h */
apr_size_t acme_builder_len(const acme_builder_t *builder)
{
    return builder->len;
}

/* see acme_text.h */
void acme_builder_reset(acme_builder_t *builder)
{
    discard(builder);
}
