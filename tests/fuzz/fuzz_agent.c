/* fuzz_agent.c: any bytes as what a guest's agent sends: frames, and every body the host reads. */
#include <stdlib.h>
#include <string.h>

#include "core/agent/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge_text(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
}

static void decode(const struct agent_frame *f)
{
	struct agent_exited exited;
	struct agent_stats stats;
	struct msg m;
	struct error err = ERROR_NONE;

	if ((unsigned int)f->kind >= AGENT_CREATE || f->size > AGENT_BODY_MAX_GUEST || f->id > AGENT_ID_MAX)
		abort();
	(void)agent_hello_check(f, &err);
	judge_text(err.msg);
	(void)agent_exited_decode(f, &exited, &err);
	(void)agent_stats_decode(f, &stats, &err);
	if (agent_walk_decode(f, &m, &err) == 0) {
		if (m.kind >= MSG_KIND_MAX)
			abort();
		judge_text(m.error.msg);
	}
	judge_text(err.msg);
	if (agent_text_decode(f, &err) >= 0 || err.code >= 0)
		abort();
	judge_text(err.msg);
}

/* The same frames whatever the pieces are they come in. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_reader whole = AGENT_READER(true), pieces = AGENT_READER(true);
	struct agent_frame a, b;
	size_t at = 0, piece = size ? data[0] % 7 + 1u : 1;
	int ret = 1;

	for (size_t fed = 0; ret >= 0 && at < size;) {
		size_t used;
		int other = 0;

		ret = agent_reader_feed(&whole, data + at, size - at, &used, &a, NULL);
		at += used;
		while (other == 0 && fed < at) {
			size_t some = at - fed < piece ? at - fed : piece;

			other = agent_reader_feed(&pieces, data + fed, some, &used, &b, NULL);
			fed += used;
		}
		if (other != ret || fed != at)
			abort();
		if (ret == 1) {
			if (a.kind != b.kind || a.id != b.id || a.value != b.value || a.size != b.size || (a.size && memcmp(a.body, b.body, a.size)))
				abort();
			decode(&a);
		}
	}
	agent_reader_free(&whole);
	agent_reader_free(&pieces);
	return 0;
}
