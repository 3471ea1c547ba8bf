/* fs_handle.c: see fs_handle.h. */
#include "vmm/virtio/fs_handle.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROOM_FIRST = 64 };

static int grow(struct fs_handles *t)
{
	uint32_t room = t->room ? t->room * 2 : ROOM_FIRST;
	struct fs_handle *v = realloc(t->v, room * sizeof(*v));

	if (!v)
		return -ENOMEM;
	t->v = v;
	t->room = room;
	if (!t->n)
		t->v[t->n++] = (struct fs_handle){.fd = -EBADF};
	return 0;
}

int fs_handles_add(struct fs_handles *t, struct fs_handle *h)
{
	uint32_t slot = t->first_free;

	if (!slot) {
		if (t->n > t->most)
			return -ENFILE;
		if (t->n == t->room && grow(t) < 0)
			return -ENOMEM;
		slot = t->n++;
	} else {
		t->first_free = t->v[slot].next;
	}
	h->id = (uint64_t)++t->count << 32 | slot;
	t->v[slot] = *h;
	return 0;
}

struct fs_handle *fs_handles_get(struct fs_handles *t, uint64_t id, uint64_t node, bool folder)
{
	uint32_t slot = (uint32_t)id;
	struct fs_handle *h = slot && slot < t->n ? &t->v[slot] : NULL;

	return h && h->id == id && h->node == node && h->folder == folder ? h : NULL;
}

struct fs_handle *fs_handles_find(struct fs_handles *t, uint64_t node)
{
	for (uint32_t slot = 1; slot < t->n; slot++)
		if (t->v[slot].id && t->v[slot].node == node && !t->v[slot].folder)
			return &t->v[slot];
	return NULL;
}

void fs_handles_close(struct fs_handles *t, struct fs_handle *h)
{
	uint32_t slot = (uint32_t)h->id;

	if (h->fd >= 0)
		close(h->fd);
	*h = (struct fs_handle){.fd = -EBADF, .next = t->first_free};
	t->first_free = slot;
}

void fs_handles_close_all(struct fs_handles *t)
{
	for (uint32_t slot = 1; slot < t->n; slot++)
		if (t->v[slot].id && t->v[slot].fd >= 0)
			close(t->v[slot].fd);
	free(t->v);
	/* The count goes on: an id of before means nothing. */
	*t = (struct fs_handles){.count = t->count, .most = t->most};
}
