/* kvm_measure.c: what is measured of a machine. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/kvm.h"

#define TRACE "/sys/kernel/tracing/"

enum { REQUESTS_N = 300, STREAM_MIB = 8 };

static bool put(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACE "%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) >= 0;
	if (fd >= 0)
		close(fd);
	return done;
}

static bool trace_on(void)
{
	return put("tracing_on", "0") && put("trace_clock", "mono") && put("buffer_size_kb", "16384") && put("trace", "") &&
	       put("events/kvm/kvm_entry/enable", "1") && put("tracing_on", "1");
}

/* "  vcpu0-123  [001] d.... 12.345678: kvm_entry: ...". nacre's processors have names, and it asks first how fast KVM is, in another thread. */
static void read_trace(const struct run *r)
{
	char line[1024];
	double first = 0;
	long exits = 0;
	FILE *f;

	put("events/kvm/kvm_entry/enable", "0");
	f = fopen(TRACE "trace", "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, ": kvm_entry"), *begin = at;

		if (!at || (r->machine == NACRE && !strstr(line, "vcpu")))
			continue;
		while (begin > line && begin[-1] != ' ')
			begin--;
		if (!exits++)
			first = atof(begin);
	}
	if (f)
		fclose(f);
	add(r->machine, FIRST, first ? (first - r->began) * 1e3 : -1);
	add(r->machine, EXITS, (double)exits);
}

static void measure_start(int machine, bool traced)
{
	struct run r;
	bool well;

	traced = traced && trace_on();
	well = start(&r, machine, false);
	double said = now();

	finish(&r, !well);
	if (traced) {
		read_trace(&r);
		return;
	}
	add(machine, START, well ? (said - r.began) * 1e3 : -1);
	add(machine, WHOLE, well ? (now() - r.began) * 1e3 : -1);
}

void measure_plain(int machine)
{
	measure_start(machine, false);
}

void measure_traced(int machine)
{
	measure_start(machine, true);
}

void measure_files(int machine)
{
	struct run r;
	double v[4] = {-1, -1, -1, -1};
	bool well = start(&r, machine, false) && sscanf(r.line, "here %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3]) == 4;

	finish(&r, !well);
	for (int i = 0; i < 4; i++)
		add(machine, SEQ_COLD + i, v[i]);
}

/* Of all mappings but the guest's memory, which is the one that is as large as that. */
static void add_memory(pid_t pid, double *own, double *share)
{
	char path[64], line[512];
	long size = 0, v;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Size: %ld", &v) == 1)
			size = v;
		if (size >= (MEMORY_MIB - 8) * 1024)
			continue;
		if (sscanf(line, "Private_Dirty: %ld", &v) == 1 || sscanf(line, "Private_Clean: %ld", &v) == 1)
			*own += (double)v;
		else if (sscanf(line, "Pss: %ld", &v) == 1)
			*share += (double)v;
	}
	if (f)
		fclose(f);
}

static void add_tree(pid_t pid, double *own, double *share)
{
	char path[64];
	int child;
	FILE *f;

	add_memory(pid, own, share);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		add_tree(child, own, share);
	if (f)
		fclose(f);
}

static int number_in(const char *name)
{
	char path[128];
	int n = 0;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "re");

	if (f && fscanf(f, "%d", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

void measure_memory(int machine)
{
	struct run r;
	double own = 0, share = 0;

	if (start(&r, machine, false)) {
		/* nacre's monitor and broker; `run` itself only waits for them, as the caller of QEMU does. */
		add_tree(machine == NACRE ? number_in("pid") : r.pid, &own, &share);
		if (r.daemon > 0)
			add_tree(r.daemon, &own, &share);
	}
	finish(&r, true);
	add(machine, PRIVATE, own);
	add(machine, PSS, share);
}

static int reach(const char *address)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(7000), .sin_addr.s_addr = inet_addr(address)};

	for (double until = now() + 60; now() < until; usleep(20000)) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!connect(fd, (const struct sockaddr *)&a, sizeof(a)))
			return fd;
		close(fd);
	}
	return -1;
}

static bool echo(int fd, char *block, size_t n)
{
	size_t out = 0, in = 0;

	while (in < n) {
		struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (out < n ? POLLOUT : 0))};
		ssize_t did;

		if (poll(&p, 1, WAIT_MS) <= 0)
			return false;
		if (p.revents & POLLOUT && (did = send(fd, block + out, n - out, MSG_DONTWAIT)) > 0)
			out += (size_t)did;
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			did = recv(fd, block + in, n - in, MSG_DONTWAIT);
			if (did == 0 || (did < 0 && errno != EAGAIN))
				return false;
			in += did > 0 ? (size_t)did : 0;
		}
	}
	return true;
}

void measure_network(int machine)
{
	static char block[STREAM_MIB << 20];
	double requests = -1, stream = -1;
	struct run r;
	int fd = start(&r, machine, true) ? reach(machine == NACRE ? "10.99.0.2" : "10.98.0.2") : -1;

	if (fd >= 0) {
		double begin = now();
		int i = 0;

		while (i < REQUESTS_N && echo(fd, block, 64))
			i++;
		if (i == REQUESTS_N)
			requests = i / (now() - begin);
		begin = now();
		if (echo(fd, block, sizeof(block)))
			stream = STREAM_MIB / (now() - begin);
		close(fd);
	}
	finish(&r, fd < 0);
	add(machine, REQUESTS, requests);
	add(machine, STREAM, stream);
}
