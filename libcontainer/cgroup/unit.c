/* unit.c: names and properties of a scope. */
#include "cgroup/unit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/str.h"
#include "base/table.h"
#include "cgroup/convert.h"

#define ANNOTATION "org.systemd.property."
#define MASK_MAX   1024

void properties_free(struct properties *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].text);
	}
	free(p->v);
	*p = (struct properties){0};
}

int properties_add(struct properties *p, const char *name, enum property_kind kind, uint64_t number,
		   const char *text, size_t len, struct error *err)
{
	struct property one = {.kind = kind, .number = number, .len = len},
			*more = reallocarray(p->v, p->n + 1, sizeof(*more));

	if (more)
		p->v = more;
	one.name = strdup(name);
	one.text = malloc(len + 1);
	if (!more || !one.name || !one.text) {
		free(one.name);
		free(one.text);
		return error_set(err, -ENOMEM, "out of memory");
	}
	if (len)
		memcpy(one.text, text, len);
	one.text[len] = 0;
	p->v[p->n++] = one;
	return 0;
}

/* Characters a unit's name cannot have are written \xHH, as systemd-escape(1) does. */
static void add_escaped(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr(":-_.\\", *s))
			text_add_bytes(t, s, 1);
		else
			text_addf(t, "\\x%02x", (unsigned char)*s);
	}
}

static int check_slice(const char *slice, struct error *err)
{
	if (!str_ends(slice, ".slice") || strchr(slice, '/') || *slice == '.' || strlen(slice) > 255)
		return error_set(err, -EINVAL, "linux.cgroupsPath: \"%.100s\" is not the name of a slice",
				 slice);
	return 0;
}

int unit_names(const char *path, const char *id, bool rootless, char **unit, char **slice, struct error *err)
{
	auto_free char *copy = strdup(path && *path ? path : ""), *in = NULL;
	char *first = copy, *prefix = NULL, *name = NULL;
	struct text t = {0};

	if (!copy)
		return error_set(err, -ENOMEM, "out of memory");
	if (strchr(copy, '/'))
		return error_set(
		    err, -EINVAL,
		    "linux.cgroupsPath: \"%.200s\" is a path, but the driver systemd wants slice:prefix:name",
		    copy);
	for (const char *c = copy; *c; c++)
		if (iscntrl((unsigned char)*c))
			return error_set(err, -EINVAL, "linux.cgroupsPath: control character in it");
	if (!*copy) {
		first = NULL;
		prefix = (char *)"nacre";
		name = (char *)id;
	} else if (!strchr(copy, ':')) {
		first = NULL;
		name = copy;
	} else {
		prefix = strchr(copy, ':');
		*prefix++ = 0;
		name = strchr(prefix, ':');
		if (!name || strchr(name + 1, ':'))
			return error_set(
			    err, -EINVAL,
			    "linux.cgroupsPath: \"%.200s\" does not have the form slice:prefix:name", path);
		*name++ = 0;
	}
	if (!*name || str_ends(name, ".slice"))
		return error_set(err, -EINVAL, "linux.cgroupsPath: \"%.200s\" %s", path ? path : "",
				 *name ? "names a slice, which holds no processes" : "names no scope");
	in = first && *first ? strdup(strcmp(first, "-") ? first : "-.slice")
			     : strdup(rootless ? "user.slice" : "system.slice");
	if (prefix && *prefix) {
		add_escaped(&t, prefix);
		text_add(&t, "-");
	}
	add_escaped(&t, name);
	if (!str_ends(name, ".scope"))
		text_add(&t, ".scope");
	if (!in || t.failed) {
		text_free(&t);
		return error_set(err, -ENOMEM, "out of memory");
	}
	if (t.n > 255 || check_slice(in, err) < 0) {
		if (t.n > 255)
			error_set(err, -ENAMETOOLONG,
				  "linux.cgroupsPath: \"%.100s...\" is too long for a unit", t.v);
		text_free(&t);
		return -EINVAL;
	}
	*unit = t.v;
	*slice = TAKE_PTR(in);
	return 0;
}

int unit_mask(const char *list, unsigned char *mask, size_t size, size_t *len)
{
	*len = 0;
	memset(mask, 0, size);
	while (*list) {
		char *end;
		unsigned long from, to;

		if (!isdigit((unsigned char)*list))
			return -EINVAL;
		from = to = strtoul(list, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			to = strtoul(end + 1, &end, 10);
		if (to < from || to >= size * 8 || (*end && *end != ',') || (*end && !end[1]))
			return -EINVAL;
		for (; from <= to; from++) {
			mask[from / 8] |= (unsigned char)(1u << from % 8);
			if (from / 8 + 1 > *len)
				*len = from / 8 + 1;
		}
		list = *end ? end + 1 : end;
	}
	return 0;
}

static int add_limit(struct properties *p, const char *name, uint64_t value, struct error *err)
{
	int ret = properties_add(p, name, PROPERTY_U64, value, NULL, 0, err);

	if (!ret)
		p->v[p->n - 1].optional = true;
	return ret;
}

static int add_mask(struct properties *p, const char *name, const char *place, const char *list,
		    struct error *err)
{
	unsigned char mask[MASK_MAX];
	size_t len;
	int ret;

	if (!list || !*list)
		return 0;
	if (unit_mask(list, mask, sizeof(mask), &len) < 0)
		return error_set(err, -EINVAL, "%s: \"%.100s\" is not a list of numbers", place, list);
	ret = properties_add(p, name, PROPERTY_BYTES, 0, (const char *)mask, len, err);
	if (!ret)
		p->v[p->n - 1].optional = true;
	return ret;
}

/* The manager says "without limit" with the largest number. */
static uint64_t or_max(int64_t value)
{
	return value < 0 ? UINT64_MAX : (uint64_t)value;
}

static int add_memory(const struct oci_memory *m, bool v2, struct properties *p, struct error *err)
{
	int64_t limit = m->limit.set ? m->limit.v : 0, swap = m->swap.set ? m->swap.v : 0, only_swap;
	int ret = 0;

	if (limit)
		ret = add_limit(p, v2 ? "MemoryMax" : "MemoryLimit", or_max(limit), err);
	if (!v2)
		return ret;
	if (!ret && m->reservation.set && m->reservation.v)
		ret = add_limit(p, "MemoryLow", or_max(m->reservation.v), err);
	if (limit < 0 && !swap)
		swap = -1;
	if (!ret && swap && limit && convert_swap(swap, limit, &only_swap))
		ret = add_limit(p, "MemorySwapMax", or_max(only_swap), err);
	return ret;
}

static int add_cpu(const struct oci_cpu *cpu, bool v2, struct properties *p, struct error *err)
{
	uint64_t shares = cpu->shares.set ? cpu->shares.v : 0,
		 period = cpu->period.set && cpu->period.v ? cpu->period.v : 100000, per_sec;
	int64_t quota = cpu->quota.set ? cpu->quota.v : 0;
	int ret = 0;

	if (cpu->idle.set && cpu->idle.v == 1 && v2)
		ret = add_limit(p, "CPUWeight", 0, err);
	else if (shares)
		ret = add_limit(p, v2 ? "CPUWeight" : "CPUShares", v2 ? convert_shares(shares) : shares, err);
	if (!ret && quota > 0) {
		/* In steps of ten milliseconds, never less than was granted. */
		per_sec = (uint64_t)(((unsigned __int128)quota * 1000000 / period + 9999) / 10000 * 10000);
		ret = add_limit(p, "CPUQuotaPerSecUSec", per_sec, err);
	} else if (!ret && quota < 0) {
		ret = add_limit(p, "CPUQuotaPerSecUSec", UINT64_MAX, err);
	}
	if (!ret && cpu->period.set && cpu->period.v)
		ret = add_limit(p, "CPUQuotaPeriodUSec", period, err);
	if (!ret && v2)
		ret = add_mask(p, "AllowedCPUs", "linux.resources.cpu.cpus", cpu->cpus, err);
	if (!ret && v2)
		ret = add_mask(p, "AllowedMemoryNodes", "linux.resources.cpu.mems", cpu->mems, err);
	return ret;
}

/* What the manager would reset to its own idea at its next reload, were it only written to the files. */
static int add_unified(const struct pairs *unified, struct properties *p, struct error *err)
{
	static const struct {
		const char *file, *property;
	} rows[] = {
	    {"memory.min",	   "MemoryMin"     },
	    {"memory.low",	   "MemoryLow"     },
	    {"memory.high",	    "MemoryHigh"	},
	    {"memory.max",	   "MemoryMax"     },
	    {"memory.swap.max",	"MemorySwapMax" },
	    {"memory.zswap.max", "MemoryZSwapMax"},
	    {"pids.max",	 "TasksMax"	   },
	    {"cpu.weight",	   "CPUWeight"     },
	};
	int ret = 0;

	for (size_t i = 0; i < unified->n && !ret; i++) {
		const struct pair *one = &unified->v[i];
		uint64_t value = UINT64_MAX;

		if (!strcmp(one->key, "cpuset.cpus"))
			ret = add_mask(p, "AllowedCPUs", "linux.resources.unified[\"cpuset.cpus\"]",
				       one->value, err);
		else if (!strcmp(one->key, "cpuset.mems"))
			ret = add_mask(p, "AllowedMemoryNodes", "linux.resources.unified[\"cpuset.mems\"]",
				       one->value, err);
		for (size_t r = 0; r < ARRAY_LEN(rows) && !ret; r++)
			if (!strcmp(one->key, rows[r].file) && one->value &&
			    (!strcmp(one->value, "max") ||
			     !number_parse_u64(one->value, 0, UINT64_MAX, &value)))
				ret = add_limit(p, rows[r].property, value, err);
	}
	return ret;
}

int unit_limits(const struct oci_resources *r, bool v2, struct properties *out, struct error *err)
{
	struct properties p = {0};
	int ret = 0;

	if (r && r->memory)
		ret = add_memory(r->memory, v2, &p, err);
	if (!ret && r && r->cpu)
		ret = add_cpu(r->cpu, v2, &p, err);
	/* 0 is no value for the manager; the file takes it afterwards. */
	if (!ret && r && r->pids && r->pids->limit.set)
		ret = add_limit(&p, "TasksMax", r->pids->limit.v ? or_max(r->pids->limit.v) : 1, err);
	if (!ret && r && r->block_io && r->block_io->weight.set && r->block_io->weight.v && v2)
		ret = add_limit(&p, "IOWeight", convert_io_weight(r->block_io->weight.v), err);
	if (!ret && r && v2)
		ret = add_unified(&r->unified, &p, err);
	if (ret < 0)
		properties_free(&p);
	else
		*out = p;
	return ret;
}

/* 'text' or "text", to the closing quote; *end is what follows. */
static char *parse_string(const char *s, const char **end)
{
	struct text t = {0};
	char quote = *s++;

	for (; *s && *s != quote; s++) {
		if (*s == '\\' && s[1])
			s++;
		if (iscntrl((unsigned char)*s))
			break;
		text_add_bytes(&t, s, 1);
	}
	text_add(&t, "");
	if (*s != quote || t.failed) {
		text_free(&t);
		return NULL;
	}
	*end = s + 1;
	return t.v;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

static int add_strings(struct properties *p, const char *name, const char *s, struct error *err)
{
	auto_text struct text lines = {0};

	for (s = skip_blanks(s + 1); *s == '\'' || *s == '"';) {
		auto_free char *one = parse_string(s, &s);

		if (!one)
			return -EINVAL;
		text_addf(&lines, "%s\n", one);
		s = skip_blanks(s);
		if (*s == ',')
			s = skip_blanks(s + 1);
		else
			break;
	}
	if (*s != ']' || *skip_blanks(s + 1))
		return -EINVAL;
	return lines.failed
		   ? -ENOMEM
		   : properties_add(p, name, PROPERTY_STRINGS, 0, lines.v ? lines.v : "", lines.n, err);
}

static int add_number(struct properties *p, const char *name, const char *s, bool seconds, struct error *err)
{
	static const struct {
		const char *type;
		enum property_kind kind;
		int64_t min;
		uint64_t max;
	} types[] = {
	    {"uint32 ", PROPERTY_U32, 0,	 UINT32_MAX},
	    {"uint64 ", PROPERTY_U64, 0,	 UINT64_MAX},
	    {"int32 ",  PROPERTY_I32, INT32_MIN, INT32_MAX },
	    {"int64 ",  PROPERTY_I64, INT64_MIN, INT64_MAX },
	    {"",	 PROPERTY_I32, INT32_MIN, INT32_MAX },
	};
	uint64_t u = 0;
	int64_t i = 0;
	size_t t = 0;

	while (!str_starts(s, types[t].type))
		t++;
	s = skip_blanks(s + strlen(types[t].type));
	if (!types[t].min ? number_parse_u64(s, 0, types[t].max, &u)
			  : number_parse_i64(s, types[t].min, (int64_t)types[t].max, &i))
		return -EINVAL;
	if (types[t].min)
		u = (uint64_t)i;
	if (!seconds)
		return properties_add(p, name, types[t].kind, u, NULL, 0, err);
	if ((types[t].min && i < 0) || u > UINT64_MAX / 1000000)
		return -EINVAL;
	return properties_add(p, name, PROPERTY_U64, u * 1000000, NULL, 0, err);
}

static int add_annotation(struct properties *p, const char *name, const char *value, bool seconds,
			  struct error *err)
{
	value = skip_blanks(value);
	if (*value == '\'' || *value == '"') {
		const char *end = value;
		auto_free char *text = parse_string(value, &end);

		return !text || *skip_blanks(end)
			   ? -EINVAL
			   : properties_add(p, name, PROPERTY_STRING, 0, text, strlen(text), err);
	}
	if (*value == '[')
		return add_strings(p, name, value, err);
	if (!strcmp(value, "true") || !strcmp(value, "false"))
		return properties_add(p, name, PROPERTY_BOOL, *value == 't', NULL, 0, err);
	return add_number(p, name, value, seconds, err);
}

/* These are what makes it the container's scope. */
static const char *const ours[] = {"PIDs", "Slice", "Delegate", "DefaultDependencies", NULL};

int unit_annotations(const struct pairs *annotations, struct properties *out, struct error *err)
{
	struct properties p = {0};
	int ret = 0;

	for (size_t i = 0; annotations && i < annotations->n && !ret; i++) {
		const char *key = annotations->v[i].key, *name = key + sizeof(ANNOTATION) - 1;
		auto_free char *usec = NULL;
		size_t len;

		if (!str_starts(key, ANNOTATION))
			continue;
		len = strlen(name);
		ret = !len || strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != len ||
			      name_lookup(ours, name) >= 0
			  ? -EINVAL
			  : 0;
		/* The unit files say TimeoutStopSec=, the bus says TimeoutStopUSec. */
		if (!ret && str_ends(name, "Sec") && !str_ends(name, "USec")) {
			usec = str_printf("%.*sUSec", (int)(len - 3), name);
			ret = usec ? 0 : -ENOMEM;
		}
		if (!ret)
			ret = add_annotation(&p, usec ? usec : name,
					     annotations->v[i].value ? annotations->v[i].value : "", !!usec,
					     err);
		if (ret == -EINVAL)
			error_set(err, ret, "annotation %.100s: \"%.100s\" is not a property this can set",
				  key, annotations->v[i].value);
	}
	if (ret < 0)
		properties_free(&p);
	else
		*out = p;
	return ret;
}
