/* SPDX-License-Identifier: MIT */
/* The words of the drop reasons, from the one list in the header. */
#include "base/drop.h"

#include <assert.h>

static const struct {
	const char *name;
	const char *text;
} drop_words[DROP_REASONS] = {[DROP_NONE] = {"none", "delivered"},
#define X(reason, name, text) [DROP_##reason] = {name, text},
			      DROP_REASON_LIST(X)
#undef X
};

const char *drop_name(enum drop_reason reason)
{
	assert((unsigned int)reason < DROP_REASONS);
	return drop_words[reason].name;
}

const char *drop_text(enum drop_reason reason)
{
	assert((unsigned int)reason < DROP_REASONS);
	return drop_words[reason].text;
}
