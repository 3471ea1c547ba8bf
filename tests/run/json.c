/* json.c: the little JSON that run tests need: merge patches on a config, and a value by its path. */
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#include "tests/run/bundle.h"
#include "tests/run/json.h"

static void print_string(yajl_gen g, const char *s)
{
	yajl_gen_string(g, (const unsigned char *)s, strlen(s));
}

static void print_value(yajl_gen g, yajl_val v)
{
	switch (v->type) {
	case yajl_t_string:
		print_string(g, v->u.string);
		break;
	case yajl_t_number:
		yajl_gen_number(g, v->u.number.r, strlen(v->u.number.r));
		break;
	case yajl_t_object:
		yajl_gen_map_open(g);
		for (size_t i = 0; i < v->u.object.len; i++) {
			print_string(g, v->u.object.keys[i]);
			print_value(g, v->u.object.values[i]);
		}
		yajl_gen_map_close(g);
		break;
	case yajl_t_array:
		yajl_gen_array_open(g);
		for (size_t i = 0; i < v->u.array.len; i++)
			print_value(g, v->u.array.values[i]);
		yajl_gen_array_close(g);
		break;
	case yajl_t_true:
	case yajl_t_false:
		yajl_gen_bool(g, v->type == yajl_t_true);
		break;
	default:
		yajl_gen_null(g);
	}
}

static yajl_val member(yajl_val object, const char *key)
{
	if (object && object->type == yajl_t_object)
		for (size_t i = 0; i < object->u.object.len; i++)
			if (!strcmp(object->u.object.keys[i], key))
				return object->u.object.values[i];
	return NULL;
}

static void print_appended(yajl_gen g, yajl_val base, yajl_val more)
{
	yajl_gen_array_open(g);
	for (size_t i = 0; base && base->type == yajl_t_array && i < base->u.array.len; i++)
		print_value(g, base->u.array.values[i]);
	for (size_t i = 0; more->type == yajl_t_array && i < more->u.array.len; i++)
		print_value(g, more->u.array.values[i]);
	yajl_gen_array_close(g);
}

static void print_merged(yajl_gen g, yajl_val base, yajl_val patch)
{
	if (patch->type != yajl_t_object) {
		print_value(g, patch);
		return;
	}
	yajl_gen_map_open(g);
	for (size_t i = 0; base && base->type == yajl_t_object && i < base->u.object.len; i++) {
		const char *key = base->u.object.keys[i];
		yajl_val change = member(patch, key), more = member(patch, format("+%s", key));
		if (change && change->type == yajl_t_null)
			continue;
		print_string(g, key);
		if (more)
			print_appended(g, base->u.object.values[i], more);
		else if (change)
			print_merged(g, base->u.object.values[i], change);
		else
			print_value(g, base->u.object.values[i]);
	}
	for (size_t i = 0; i < patch->u.object.len; i++) {
		const char *key = patch->u.object.keys[i];
		const char *plain = key[0] == '+' ? key + 1 : key;
		if (member(base, plain) || patch->u.object.values[i]->type == yajl_t_null)
			continue;
		print_string(g, plain);
		print_merged(g, NULL, patch->u.object.values[i]);
	}
	yajl_gen_map_close(g);
}

char *json_merge(const char *document, const char *patch)
{
	char why[512];
	yajl_val base = yajl_tree_parse(document, why, sizeof(why));
	MUST_SAY(base, "the config is no JSON: %s", why);
	yajl_val change = yajl_tree_parse(patch, why, sizeof(why));
	MUST_SAY(change, "the patch is no JSON: %s\n%s", why, patch);
	yajl_gen g = yajl_gen_alloc(NULL);
	yajl_gen_config(g, yajl_gen_beautify, 1);
	print_merged(g, base, change);
	const unsigned char *text;
	size_t n;
	MUST(yajl_gen_get_buf(g, &text, &n) == yajl_gen_status_ok);
	char *out = format("%.*s", (int)n, (const char *)text);
	yajl_gen_free(g);
	yajl_tree_free(base);
	yajl_tree_free(change);
	return out;
}

bool json_valid(const char *document)
{
	char why[64];
	yajl_val v = yajl_tree_parse(document, why, sizeof(why));
	yajl_tree_free(v);
	return v != NULL;
}

char *json_value(const char *document, const char *path)
{
	char why[64], *steps = format("%s", path), *found = NULL;
	yajl_val top = yajl_tree_parse(document, why, sizeof(why)), v = top;
	for (char *step = strtok(steps, "."); v && step; step = strtok(NULL, ".")) {
		if (v->type == yajl_t_array) {
			size_t i = strtoul(step, NULL, 10);
			v = i < v->u.array.len ? v->u.array.values[i] : NULL;
		} else {
			v = member(v, step);
		}
	}
	if (v && v->type == yajl_t_string)
		found = format("%s", v->u.string);
	else if (v && v->type == yajl_t_number)
		found = format("%s", v->u.number.r);
	else if (v && (v->type == yajl_t_true || v->type == yajl_t_false))
		found = format("%s", v->type == yajl_t_true ? "true" : "false");
	else if (v && v->type == yajl_t_array)
		found = format("[%zu]", v->u.array.len);
	else if (v && v->type == yajl_t_object)
		found = format("{%zu}", v->u.object.len);
	else
		found = format("%s", "");
	yajl_tree_free(top);
	return found;
}
