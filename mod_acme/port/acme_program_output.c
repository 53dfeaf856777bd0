/* What a program writes: kept up to a maximum, and made fit to be quoted.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "acme_program_private.h"

/* One poll reads no more, so that a program that never stops writing does not hold the tick. */
#define READ_MAX (256 * 1024)

/* see acme_program_private.h */
void acme_program__capture(acme_program__capture_t *capture, int fd, apr_pool_t *pool)
{
    capture->fd = fd;
    capture->len = 0;
    capture->bytes = apr_palloc(pool, 2 * ACME_PROGRAM_OUTPUT_MAX + 1);
    capture->bytes[0] = '\0';
}

static void capture_close(acme_program__capture_t *capture)
{
    if (capture->fd >= 0) {
        close(capture->fd);
        capture->fd = -1;
    }
}

/* A NUL would hide what comes after it. */
static void replace_nuls(char *bytes, apr_size_t len)
{
    for (char *nul = memchr(bytes, '\0', len); nul != NULL;
         nul = memchr(nul, '\0', len - (apr_size_t)(nul - bytes))) {
        *nul = '?';
    }
}

/* Reads what is there; a full buffer keeps its second half. */
static void capture_read(acme_program__capture_t *capture)
{
    for (apr_size_t total = 0; capture->fd >= 0 && total < READ_MAX;) {
        if (capture->len == 2 * ACME_PROGRAM_OUTPUT_MAX) {
            memmove(capture->bytes, capture->bytes + ACME_PROGRAM_OUTPUT_MAX,
                    ACME_PROGRAM_OUTPUT_MAX);
            capture->len = ACME_PROGRAM_OUTPUT_MAX;
        }
        char *end = capture->bytes + capture->len;
        ssize_t count = read(capture->fd, end, 2 * ACME_PROGRAM_OUTPUT_MAX - capture->len);
        if (count <= 0) {
            if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
                capture_close(capture);
            }
            return;
        }
        replace_nuls(end, (apr_size_t)count);
        end[count] = '\0';
        capture->len += (apr_size_t)count;
        total += (apr_size_t)count;
    }
}

/* see acme_program_private.h */
void acme_program__listen(acme_program_t *program)
{
    capture_read(&program->all);
    capture_read(&program->apart);
}

/* see acme_program_private.h */
void acme_program__stop_listening(acme_program_t *program)
{
    capture_close(&program->all);
    capture_close(&program->apart);
}

static const char *capture_text(const acme_program__capture_t *capture)
{
    if (capture->bytes == NULL) {
        return "";
    }
    return capture->len > ACME_PROGRAM_OUTPUT_MAX
               ? capture->bytes + capture->len - ACME_PROGRAM_OUTPUT_MAX
               : capture->bytes;
}

/* see acme_program.h */
const char *acme_program_output(const acme_program_t *program)
{
    return capture_text(&program->all);
}

/* see acme_program.h */
const char *acme_program_stdout(const acme_program_t *program)
{
    return capture_text(&program->apart);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Copies words and single spaces; a run of white space with a line end in it becomes "; ". */
static char *one_line(const char *text, apr_pool_t *pool)
{
    char *line = apr_palloc(pool, 2 * strlen(text) + 1);
    char *out = line;
    while (*text != '\0') {
        if (!is_space(*text)) {
            *out++ = *text++;
            continue;
        }
        int has_end = 0;
        for (; is_space(*text); text++) {
            has_end |= *text == '\n';
        }
        if (*text != '\0' && out != line) {
            if (has_end) {
                *out++ = ';';
            }
            *out++ = ' ';
        }
    }
    *out = '\0';
    return line;
}

/* see acme_program.h */
char *acme_program_clean(const char *output, apr_size_t max, apr_pool_t *pool)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    char *line = acme_text_clean(one_line(output, pool), 2 * ACME_PROGRAM_OUTPUT_MAX, pool);
    apr_size_t len = strlen(line);
    if (len <= max) {
        return line;
    }
    if (max < sizeof(ellipsis)) {
        return apr_pstrdup(pool, "");
    }
    const char *tail = line + len - (max - (sizeof(ellipsis) - 1));
    while (((unsigned char)*tail & 0xC0) == 0x80) {
        tail++; /* not in the middle of a character */
    }
    return apr_pstrcat(pool, ellipsis, tail, NULL);
}
