/* The board: the one shared-memory segment of a configuration, with the bell and two notes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include <apr_strings.h>

#include "acme/acme_text.h"
#include "mod_acme_board.h"

/* A note under a sequence: odd while it is written; who read an odd or changed one read nothing. */
typedef struct {
    _Atomic unsigned sequence;
    char text[MOD_ACME_NOTE_MAX + 1];
} note_t;

struct mod_acme_board_t {
    apr_size_t size;
    note_t notes[MOD_ACME_NOTES];
    /* the bell is last: it ends in an array */
    _Alignas(64) acme_bell_t bell;
};

static apr_status_t unmap(void *data)
{
    mod_acme_board_t *board = data;
    (void)munmap(board, board->size); /* nothing can be done about it */
    return APR_SUCCESS;
}

/* see mod_acme_board.h */
acme_err_t *mod_acme_board_create(mod_acme_board_t **board, int domains, apr_pool_t *pool)
{
    apr_size_t size = sizeof(mod_acme_board_t) + acme_bell_size(domains);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return acme_err_system(pool, ACME_ERR_INTERNAL, errno,
                               "No shared memory of %" APR_SIZE_T_FMT
                               " bytes could be had for %d domains",
                               size, domains);
    }
    *board = memory; /* zeroed by the system: no notes, an unknown bell */
    (*board)->size = size;
    apr_pool_cleanup_register(pool, *board, unmap, apr_pool_cleanup_null);
    return NULL;
}

/* see mod_acme_board.h */
acme_bell_t *mod_acme_board_bell(mod_acme_board_t *board)
{
    return &board->bell;
}

/* see mod_acme_board.h */
void mod_acme_board_pin(mod_acme_board_t *board, mod_acme_note_t note, const char *text)
{
    note_t *place = &board->notes[note];
    atomic_fetch_add(&place->sequence, 1);
    apr_cpystrn(place->text, text != NULL ? text : "", sizeof(place->text));
    atomic_fetch_add(&place->sequence, 1);
}

/* see mod_acme_board.h */
const char *mod_acme_board_note(const mod_acme_board_t *board, mod_acme_note_t note,
                                apr_pool_t *pool)
{
    const note_t *place = &board->notes[note];
    unsigned before = atomic_load(&place->sequence);
    char *text = apr_pstrmemdup(pool, place->text, strnlen(place->text, MOD_ACME_NOTE_MAX));
    if (before % 2 != 0 || atomic_load(&place->sequence) != before || *text == '\0') {
        return NULL;
    }
    return acme_text_clean(text, MOD_ACME_NOTE_MAX, pool);
}
