/* What the files of the policy share; see acme_policy.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ACME_POLICY_PRIVATE_H
#define ACME_POLICY_PRIVATE_H

#include "acme/acme_policy.h"

/** @a first * 2^(@a errors - 1), at most @a max, whatever the numbers are: no shift, no overflow. */
apr_interval_time_t acme_policy__doubled(apr_interval_time_t first, int errors,
                                         apr_interval_time_t max);

#endif
