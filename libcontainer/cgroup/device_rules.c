/* device_rules.c: device rules in the kernel's two languages: BPF, and the lines of v1. */
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "cgroup/devices.h"

/* The assembler: what little of the instruction set this needs. */
struct program {
	struct bpf_insn *code;
	size_t n, room;
	bool failed;
};

static size_t emit(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	if (p->n == p->room && !p->failed) {
		size_t room = p->room ? p->room * 2 : 128;
		struct bpf_insn *more = reallocarray(p->code, room, sizeof(*more));

		if (more) {
			p->code = more;
			p->room = room;
		}
		p->failed = !more;
	}
	if (p->failed)
		return 0;
	p->code[p->n] = (struct bpf_insn){code, dst, src, off, imm};
	return p->n++;
}

/* A jump's target is the instruction that comes next now. */
static void land(struct program *p, size_t jump)
{
	if (!p->failed)
		p->code[jump].off = (int16_t)(p->n - jump - 1);
}

enum {
	R0,
	R1,
	R2,
	R3,
	R4,
	R5,
	R6
}; /* R2: type, R3: accesses not yet decided, R4: major, R5: minor, R6: scratch */
#define LOAD   (BPF_LDX | BPF_MEM | BPF_W)
#define MOV    (BPF_ALU64 | BPF_MOV | BPF_X)
#define MOVK   (BPF_ALU64 | BPF_MOV | BPF_K)
#define ANDK   (BPF_ALU | BPF_AND | BPF_K)
#define RSHK   (BPF_ALU | BPF_RSH | BPF_K)
#define JNE32K (BPF_JMP32 | BPF_JNE | BPF_K)
#define JEQ32K (BPF_JMP32 | BPF_JEQ | BPF_K)
#define EXIT   (BPF_JMP | BPF_EXIT)

static void leave(struct program *p, int answer)
{
	emit(p, MOVK, R0, 0, 0, answer);
	emit(p, EXIT, 0, 0, 0, 0);
}

/* A request may be for several accesses at once (open O_RDWR). The latest rule that fits decides each of
 * them: so from the last rule to the first, an allowing one takes its accesses off the list (done when it is
 * empty), a denying one that has any of them ends it. */
static void compile_rule(struct program *p, const struct device_rule *r)
{
	size_t jumps[4], n = 0;

	if (r->type != 'a')
		jumps[n++] =
		    emit(p, JNE32K, R2, 0, 0, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (r->major >= 0)
		jumps[n++] = emit(p, JNE32K, R4, 0, 0, (int32_t)(uint32_t)r->major);
	if (r->minor >= 0)
		jumps[n++] = emit(p, JNE32K, R5, 0, 0, (int32_t)(uint32_t)r->minor);
	if (r->allow) {
		/* After a rule for all accesses none is left. */
		if (r->access != 7) {
			emit(p, ANDK, R3, 0, 0, (int32_t)(~r->access & 7));
			jumps[n++] = emit(p, JNE32K, R3, 0, 0, 0);
		}
		leave(p, 1);
	} else {
		emit(p, MOV, R6, R3, 0, 0);
		emit(p, ANDK, R6, 0, 0, (int32_t)r->access);
		jumps[n++] = emit(p, JEQ32K, R6, 0, 0, 0);
		leave(p, 0);
	}
	while (n)
		land(p, jumps[--n]);
}

static bool is_final(const struct device_rule *r)
{
	return r->type == 'a' && r->access == 7 && r->major < 0 && r->minor < 0;
}

int devices_compile(const struct device_rules *rules, struct bpf_insn **out, size_t *n, struct error *err)
{
	struct program p = {0};
	bool final = false;

	emit(&p, LOAD, R2, R1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	emit(&p, MOV, R3, R2, 0, 0);
	emit(&p, ANDK, R2, 0, 0, 0xffff);
	emit(&p, RSHK, R3, 0, 0, 16);
	emit(&p, LOAD, R4, R1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit(&p, LOAD, R5, R1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	for (size_t i = rules->n; i-- > 0 && !final;) {
		/* Whatever came before a rule for everything is without effect, and the verifier refuses what
		 * is never reached. */
		final = is_final(&rules->v[i]);
		if (final)
			leave(&p, rules->v[i].allow);
		else
			compile_rule(&p, &rules->v[i]);
	}
	if (!final)
		leave(&p, 0);
	if (p.failed) {
		free(p.code);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*out = p.code;
	*n = p.n;
	return 0;
}

/* v1: the folder is in one of two modes, "nothing but" and "all but", with a list of exceptions. What is
 * against the mode adds an exception; what is for it takes one away, but only one with the same numbers. */
struct exceptions {
	bool allow_all;
	struct device_rule *v;
	size_t n;
};

static bool same_numbers(const struct device_rule *a, const struct device_rule *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static bool overlap(const struct device_rule *a, const struct device_rule *b)
{
	return a->type == b->type && (a->access & b->access) &&
	       (a->major == b->major || a->major < 0 || b->major < 0) &&
	       (a->minor == b->minor || a->minor < 0 || b->minor < 0);
}

static bool covers(const struct device_rule *a, const struct device_rule *b)
{
	return a->type == b->type && (a->access & b->access) == b->access &&
	       (a->major == b->major || a->major < 0) && (a->minor == b->minor || a->minor < 0);
}

static int add_line(struct strv *out, const struct device_rule *r, struct error *err)
{
	char major[24] = "*", minor[24] = "*", line[80];

	if (r->major >= 0)
		snprintf(major, sizeof(major), "%lld", (long long)r->major);
	if (r->minor >= 0)
		snprintf(minor, sizeof(minor), "%lld", (long long)r->minor);
	snprintf(line, sizeof(line), "%c%c %s:%s %s%s%s", r->allow ? '+' : '-', r->type, major, minor,
		 r->access & BPF_DEVCG_ACC_READ ? "r" : "", r->access & BPF_DEVCG_ACC_WRITE ? "w" : "",
		 r->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
	return strv_add(out, line, err);
}

static int add_exception(struct exceptions *e, const struct device_rule *r, struct strv *out,
			 struct error *err)
{
	for (size_t i = 0; i < e->n; i++)
		if (covers(&e->v[i], r))
			return 0;
	e->v[e->n++] = *r;
	return add_line(out, r, err);
}

static int take_exception(struct exceptions *e, const struct device_rule *r, size_t index, struct strv *out,
			  struct error *err)
{
	bool found = false;

	for (size_t i = 0; i < e->n; i++) {
		if (!overlap(&e->v[i], r))
			continue;
		if (same_numbers(&e->v[i], r)) {
			e->v[i].access &= ~r->access;
			found = true;
		} else if (!r->implied) {
			return error_set(err, -ENOTSUP,
					 "linux.resources.devices[%zu]: cgroup v1 cannot %s only a part of "
					 "what an earlier "
					 "rule %s",
					 index, r->allow ? "allow" : "deny", r->allow ? "denies" : "allows");
		}
	}
	return found ? add_line(out, r, err) : 0;
}

/* *e->v has room for all. */
static int walk(const struct device_rules *rules, struct exceptions *e, struct strv *out, struct error *err)
{
	struct device_rule *room = e->v;
	struct strv lines = {0};
	int ret = strv_add(&lines, "-a", err);

	for (size_t i = 0; i < rules->n && !ret; i++) {
		struct device_rule r = rules->v[i];
		const char *types = r.type == 'a' ? "bc" : r.type == 'b' ? "b" : "c";

		if (is_final(&r)) {
			strv_free(&lines);
			*e = (struct exceptions){r.allow, room, 0};
			ret = strv_add(&lines, r.allow ? "+a" : "-a", err);
			continue;
		}
		for (; *types && !ret; types++) {
			r.type = *types;
			ret = r.allow == e->allow_all ? take_exception(e, &r, i, &lines, err)
						      : add_exception(e, &r, &lines, err);
		}
	}
	if (ret < 0)
		strv_free(&lines);
	else
		*out = lines;
	return ret;
}

int devices_lines(const struct device_rules *rules, struct strv *out, struct error *err)
{
	auto_free struct device_rule *room = calloc(rules->n * 2 + 1, sizeof(*room));
	struct exceptions e = {false, room, 0};

	return room ? walk(rules, &e, out, err) : error_set(err, -ENOMEM, "out of memory");
}

/* A line of devices.list: "c 1:3 rwm", "b *:* m". */
static bool read_line(const char *line, struct device_rule *out)
{
	char major[12], minor[12], access[4];

	*out = (struct device_rule){.major = -1, .minor = -1};
	if (sscanf(line, "%c %11[0-9*]:%11[0-9*] %3[rwm]", &out->type, major, minor, access) != 4)
		return false;
	if (*major != '*')
		out->major = strtoll(major, NULL, 10);
	if (*minor != '*')
		out->minor = strtoll(minor, NULL, 10);
	for (const char *a = access; *a; a++)
		out->access |= *a == 'r' ? BPF_DEVCG_ACC_READ : *a == 'w' ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
	return true;
}

/* What `now` allows and the exceptions do not, with the same numbers or wider ones. */
static void take_wanted(const struct exceptions *wanted, struct device_rule *now)
{
	for (size_t i = 0; i < wanted->n; i++) {
		struct device_rule w = wanted->v[i];

		w.access = now->access;
		if (covers(&w, now))
			now->access &= ~wanted->v[i].access;
	}
}

int devices_changes(const struct device_rules *rules, const char *list, struct strv *out, struct error *err)
{
	auto_free struct device_rule *room = calloc(rules->n * 2 + 1, sizeof(*room));
	auto_strv struct strv all = {0};
	struct exceptions e = {false, room, 0};
	struct strv lines = {0};
	int ret = room ? walk(rules, &e, &all, err) : error_set(err, -ENOMEM, "out of memory");
	struct device_rule now;

	if (ret < 0)
		return ret;
	/* From or to "all but" there is no way but over the change of mode. */
	if (e.allow_all || !strncmp(list, "a ", 2)) {
		*out = all;
		all = (struct strv){0};
		return 0;
	}
	for (size_t i = 0; i < e.n && !ret; i++)
		if (e.v[i].access)
			ret = add_line(&lines, &e.v[i], err);
	for (; *list && !ret; list += strcspn(list, "\n"), list += *list == '\n') {
		if (!read_line(list, &now))
			continue;
		take_wanted(&e, &now);
		if (now.access)
			ret = add_line(&lines, &now, err);
	}
	if (ret < 0)
		strv_free(&lines);
	else
		*out = lines;
	return ret;
}
