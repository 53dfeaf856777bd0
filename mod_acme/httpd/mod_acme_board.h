/* The board: the one shared-memory segment of a configuration, with the bell and two notes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Made by the parent in post_config, inherited by the children, gone with the configuration. Beside
 * the bell it carries two sentences for the status page: why no engine runs (written by the child
 * that tries) and what hinders the activation (written by the parent). Every child can write here,
 * so nothing on it is believed: the bell is a hint to look, and a note is a text of bounded length.
 */
#ifndef MOD_ACME_BOARD_H
#define MOD_ACME_BOARD_H

#include <apr_pools.h>

#include "acme/acme_bell.h"
#include "acme/acme_err.h"

#define MOD_ACME_NOTE_MAX 1000

typedef enum { MOD_ACME_NOTE_ENGINE, MOD_ACME_NOTE_ACTIVATION, MOD_ACME_NOTES } mod_acme_note_t;

typedef struct mod_acme_board_t mod_acme_board_t;

/** A board for @a domains domains; unmapped with @a pool. */
acme_err_t *mod_acme_board_create(mod_acme_board_t **board, int domains, apr_pool_t *pool);

acme_bell_t *mod_acme_board_bell(mod_acme_board_t *board);

/** Pins up @a text, cut at MOD_ACME_NOTE_MAX bytes; NULL takes the note off. One writer a note. */
void mod_acme_board_pin(mod_acme_board_t *board, mod_acme_note_t note, const char *text);

/** The note in @a pool, or NULL if there is none (or it is just being written). */
const char *mod_acme_board_note(const mod_acme_board_t *board, mod_acme_note_t note,
                                apr_pool_t *pool);

#endif
