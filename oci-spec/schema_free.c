/* schema_free.c: frees a struct by its table. See schema.h. */
#include <stdlib.h>

#include "oci-spec/schema_inner.h"

static void clear_object(const struct schema *s, char *obj);

static void clear_list(const struct field *f, struct list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		char *one = (char *)list->v + i * schema_element_size(f);

		if (f->kind != FIELD_OBJECTS && f->kind != FIELD_UINTS)
			free(*(char **)one); /* the string, or the key */
		if (f->kind == FIELD_PAIRS)
			free(((struct pair *)one)->value);
		if (f->kind == FIELD_OBJECTS || f->kind == FIELD_NAMED)
			clear_object(f->of, one);
	}
	free(list->v);
}

static void clear_object(const struct schema *s, char *obj)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct field *f = &s->fields[i];
		void *slot = obj + f->at;

		switch (f->kind) {
		case FIELD_BOOL:
		case FIELD_OPT_BOOL:
		case FIELD_INT:
		case FIELD_UINT:
		case FIELD_ENUM:
			break;
		case FIELD_STRING:
			free(*(char **)slot);
			break;
		case FIELD_OBJECT:
			schema_free(f->of, *(void **)slot);
			break;
		case FIELD_STRINGS:
		case FIELD_UINTS:
		case FIELD_PAIRS:
		case FIELD_COUNTS:
		case FIELD_OBJECTS:
		case FIELD_NAMED:
			clear_list(f, slot);
			break;
		}
	}
}

void schema_free(const struct schema *s, void *obj)
{
	if (!obj)
		return;
	clear_object(s, obj);
	free(obj);
}
