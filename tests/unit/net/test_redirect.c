/* test_redirect.c: what comes in at eth0 leaves by the tap, and the other way round; and how that ends. */
#include "net/redirect.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "net/device.h"
#include "net/tap.h"
#include "scene.h"

TestSuite(redirect, .timeout = 130);

#define LACKS                                                                                                \
	"no right to make a network namespace, or no bridge, no /dev/net/tun, or a kernel without "          \
	"sch_ingress, act_mirred or classifiers"

enum { HEADER = TAP_HEADER_SIZE, ARP_SIZE = 42 };
/* 10.1.2.3 asks who 10.1.2.1 is; from the MAC that is put in twice. */
static const uint8_t question[ARP_SIZE] = {255, 255, 255,	255, 255, 255, [12] = 8,  6, 0, 1, 8, 0, 6, 4,
					   0,	1,   [28] = 10, 1,   2,	  3,   [38] = 10, 1, 2, 1};

struct joined {
	struct scene scene;
	struct survey survey;
	int tap;
	char names[1][IFNAMSIZ];
};

static int make_joined(struct joined *j)
{
	int r = scene_make(&j->scene), tun;

	if (r)
		return r;
	tun = tap_open(&scene_error);
	if (tun < 0)
		return SCENE_SKIP;
	MUST(tap_make(tun, j->names[0], &scene_error) == 0);
	MUST(!strncmp(j->names[0], TAP_PREFIX, strlen(TAP_PREFIX)));
	j->tap = tun;
	MUST(survey_make(&j->scene.in, &j->survey, &scene_error) == 0);
	MUST(j->survey.n_devices == 1 && !strcmp(j->survey.devices[0].name, "eth0"));
	r = redirect_make(&j->scene.in, &j->survey, j->names, 1, &scene_error);
	if (r == -ENOTSUP)
		return SCENE_SKIP;
	MUST(r == 0);
	return 0;
}

/* The next frame of this type out of the tap, if one comes within a second. The kernel lets a device that has just come up drop what it is
 * given, for a while: as on any network, who wants to be heard says it again. */
enum { TRIES = 60 };

static bool hear(int tap, uint16_t type, uint8_t *frame, size_t size)
{
	struct pollfd p = {.fd = tap, .events = POLLIN};

	while (poll(&p, 1, 1000) == 1) {
		ssize_t n = read(tap, frame, size);

		if (n >= HEADER + 14 && frame[HEADER + 12] == type >> 8 &&
		    frame[HEADER + 13] == (type & 0xff))
			return true;
	}
	return false;
}

static bool say(int tap, const uint8_t *frame, size_t len)
{
	uint8_t all[2000] = {0};

	memcpy(all + HEADER, frame, len);
	return write(tap, all, HEADER + len) == (ssize_t)(HEADER + len);
}

static int send_datagram(const struct scene *s, const char *text)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x0a010203)};
	auto_close int fd = scene_socket(s->outside, AF_INET, SOCK_DGRAM);

	return fd >= 0 && sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) ==
			      (ssize_t)strlen(text)
		   ? 0
		   : -1;
}

/* The guest that we play asks and is asked, and gets a datagram; the namespace's own protocols say nothing.
 */
static int both_ways(void)
{
	struct joined j;
	uint8_t frame[2000], answer[ARP_SIZE];
	struct survey again;
	int r = make_joined(&j);

	if (r)
		return r;
	memcpy(answer, question, sizeof(answer));
	memcpy(answer + 6, j.survey.devices[0].mac, 6);
	memcpy(answer + 22, j.survey.devices[0].mac, 6);
	bool heard = false;
	for (int i = 0; i < TRIES && !heard; i++)
		heard = say(j.tap, answer, sizeof(answer)) && hear(j.tap, ETH_P_ARP, frame, sizeof(frame)) && frame[HEADER + 21] == 2;
	MUST(heard);
	MUST(!memcmp(frame + HEADER + 28, "\12\1\2\1", 4));
	/* The gateway knows us now, by our question. */
	heard = false;
	for (int i = 0; i < TRIES && !heard; i++)
		heard = send_datagram(&j.scene, "hello") == 0 && hear(j.tap, ETH_P_IP, frame, sizeof(frame));
	MUST(heard);
	MUST(!memcmp(frame + HEADER + 14 + 28, "hello", 5));
	/* The tap is no part of the network that a guest takes over. */
	MUST(survey_make(&j.scene.in, &again, &scene_error) == 0);
	MUST(again.n_devices == 1 && again.n_addresses == j.survey.n_addresses &&
	     again.n_routes == j.survey.n_routes);
	return 0;
}

Test(redirect, carries_frames_both_ways)
{
	scene_run(both_ways, LACKS);
}

static int holders_heard;

static int hear_qdisc(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct tcmsg *info = NLMSG_DATA(message);

	holders_heard += info->tcm_parent == TC_H_INGRESS;
	return 0;
}

static int count_holders(struct netlink *nl)
{
	struct tcmsg info = {.tcm_family = AF_UNSPEC};
	struct request q;

	holders_heard = 0;
	request_begin(&q, RTM_GETQDISC, NLM_F_DUMP, &info, sizeof(info));
	return netlink_ask(nl, &q, hear_qdisc, NULL, &scene_error) < 0 ? -1 : holders_heard;
}

/* The machine that holds it is alive: nobody else gets it, and nothing of it is removed. When its tap has
 * gone, all is as it was. */
static int ends(void)
{
	struct joined j;
	auto_close int second = -1;
	char names[1][IFNAMSIZ];
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x0a010203)};
	struct pollfd p = {.events = POLLIN};
	char byte;
	int r = make_joined(&j);

	if (r)
		return r;
	MUST(count_holders(&j.scene.in) == 2);
	second = tap_open(&scene_error);
	MUST(second >= 0 && tap_make(second, names[0], &scene_error) == 0);
	MUST(redirect_make(&j.scene.in, &j.survey, names, 1, &scene_error) == -EBUSY &&
	     strstr(scene_error.msg, "eth0"));
	MUST(redirect_remove(&j.scene.in, &scene_error) == 0);
	MUST(count_holders(&j.scene.in) == 2);
	close(j.tap);
	/* Only now it is the second's; and left again, without being removed. */
	MUST(redirect_make(&j.scene.in, &j.survey, names, 1, &scene_error) == 0);
	close(second);
	second = -1;
	MUST(count_holders(&j.scene.in) == 1);
	MUST(redirect_remove(&j.scene.in, &scene_error) == 0);
	MUST(count_holders(&j.scene.in) == 0);
	MUST(redirect_remove(&j.scene.in, &scene_error) == 0);
	/* The namespace answers for itself: nobody listens on that port. */
	p.fd = scene_socket(j.scene.outside, AF_INET, SOCK_DGRAM);
	MUST(connect(p.fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	bool refused = false;
	for (int i = 0; i < TRIES && !refused; i++)
		refused = send(p.fd, "x", 1, 0) == 1 && poll(&p, 1, 1000) == 1 && recv(p.fd, &byte, 1, 0) < 0 && errno == ECONNREFUSED;
	MUST(refused);
	return 0;
}

Test(redirect, ends_with_its_machine)
{
	scene_run(ends, LACKS);
}

/* The second of two devices cannot be joined: the first is let go again. */
static int all_or_nothing(void)
{
	struct joined j = {0};
	struct survey s;
	char names[2][IFNAMSIZ];
	int r = make_joined(&j), tun;

	if (r)
		return r;
	close(j.tap);
	MUST(redirect_remove(&j.scene.in, &scene_error) == 0);
	tun = tap_open(&scene_error);
	MUST(tap_make(tun, names[0], &scene_error) == 0);
	s = j.survey;
	s.n_devices = 2;
	s.devices[1] = (struct survey_device){.name = "gone0", .card = 1, .index = 4711, .mtu = 1500};
	MUST(redirect_make(&j.scene.in, &s, names, 1, &scene_error) == -E2BIG &&
	     strstr(scene_error.msg, "gone0"));
	MUST(count_holders(&j.scene.in) == 0);
	s.devices[1].card = 0;
	MUST(redirect_make(&j.scene.in, &s, names, 1, &scene_error) < 0 && strstr(scene_error.msg, "gone0"));
	MUST(count_holders(&j.scene.in) == 0);
	return 0;
}

Test(redirect, takes_back_what_it_has_done)
{
	scene_run(all_or_nothing, LACKS);
}

/* Somebody else's filters stay, and so does what holds them. */
static int clsact(void)
{
	struct joined j = {0};
	struct tcmsg info = {
	    .tcm_family = AF_UNSPEC, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0), .tcm_parent = TC_H_CLSACT};
	char names[1][IFNAMSIZ];
	uint8_t frame[2000];
	struct request q;
	int r = make_joined(&j), tun;

	if (r)
		return r;
	close(j.tap);
	MUST(redirect_remove(&j.scene.in, &scene_error) == 0);
	info.tcm_ifindex = j.survey.devices[0].index;
	request_begin(&q, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	request_put_text(&q, TCA_KIND, "clsact");
	MUST(netlink_ask(&j.scene.in, &q, NULL, NULL, &scene_error) == 0);
	tun = tap_open(&scene_error);
	MUST(tap_make(tun, names[0], &scene_error) == 0);
	MUST(redirect_make(&j.scene.in, &j.survey, names, 1, &scene_error) == 0);
	/* First it asks who we are. */
	bool heard = false;
	for (int i = 0; i < TRIES && !heard; i++)
		heard = send_datagram(&j.scene, "hello") == 0 && hear(tun, ETH_P_ARP, frame, sizeof(frame));
	MUST(heard);
	close(tun);
	MUST(redirect_remove(&j.scene.in, &scene_error) == 0);
	MUST(count_holders(&j.scene.in) == 1);
	return 0;
}

Test(redirect, shares_the_place_with_others)
{
	scene_run(clsact, LACKS);
}

static int without_rights(void)
{
	struct joined j = {0};
	char name[IFNAMSIZ];
	auto_close int tun = -1;
	int r = make_joined(&j);

	if (r)
		return r;
	tun = tap_open(&scene_error);
	MUST(setuid(65534) == 0);
	MUST(tap_make(tun, name, &scene_error) == -EPERM && strstr(scene_error.msg, "tap device"));
	/* Looking needs none. */
	MUST(survey_make(&j.scene.in, &j.survey, &scene_error) == 0);
	return 0;
}

Test(redirect, needs_the_right)
{
	scene_run(without_rights, LACKS);
}
