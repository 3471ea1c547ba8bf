/* test_netlink.c: requests and their answers, good and bad, against the kernel. */
#include "net/netlink.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static struct netlink nl;

static void setup(void)
{
	cr_assert_eq(netlink_open(&nl, NULL), 0);
}

static void teardown(void)
{
	netlink_close(&nl);
	netlink_close(&nl);
	cr_expect_null(nl.socket);
}
TestSuite(netlink, .init = setup, .fini = teardown, .timeout = 100);

static void begin_link(struct request *q, uint16_t type, uint16_t flags, int index)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = index};

	request_begin(q, type, flags, &info, sizeof(info));
}

static int find_loopback(void *data, const struct nlmsghdr *message, struct error *err)
{
	const struct nlattr *table[IFLA_IFNAME + 1];
	size_t len;

	netlink_attributes(message, sizeof(struct ifinfomsg), table, IFLA_IFNAME);
	if (table[IFLA_IFNAME] && !strcmp(attribute_data(table[IFLA_IFNAME], &len), "lo") && len == 3)
		++*(int *)data;
	return 0;
}

Test(netlink, one_answer_and_a_list)
{
	struct error err = ERROR_NONE;
	struct request q;
	int found = 0;

	cr_expect_eq(fcntl(netlink_descriptor(&nl), F_GETFD), FD_CLOEXEC);
	begin_link(&q, RTM_GETLINK, 0, 0);
	request_put_text(&q, IFLA_IFNAME, "lo");
	cr_expect_eq(netlink_ask(&nl, &q, find_loopback, &found, &err), 0, "%s", err.msg);
	cr_expect_eq(found, 1);
	begin_link(&q, RTM_GETLINK, NLM_F_DUMP, 0);
	cr_expect_eq(netlink_ask(&nl, &q, find_loopback, &found, &err), 0, "%s", err.msg);
	cr_expect_eq(found, 2);
	cr_expect_eq(netlink_ask(&nl, &q, NULL, NULL, &err), 0, "%s", err.msg);
}

Test(netlink, a_refusal_is_an_error_and_the_socket_goes_on)
{
	struct error err = ERROR_NONE;
	struct request q;
	int found = 0;

	begin_link(&q, RTM_GETLINK, 0, 0);
	request_put_text(&q, IFLA_IFNAME, "no-such-device");
	cr_expect_eq(netlink_ask(&nl, &q, NULL, NULL, &err), -ENODEV);
	cr_expect_eq(err.code, -ENODEV);
	cr_expect_not_null(strstr(err.msg, strerror(ENODEV)), "%s", err.msg);
	begin_link(&q, RTM_GETLINK, 0, 0);
	request_put_text(&q, IFLA_IFNAME, "lo");
	cr_expect_eq(netlink_ask(&nl, &q, find_loopback, &found, &err), 0, "%s", err.msg);
	cr_expect_eq(found, 1);
}

/* The extended acknowledgement: words beside the number. */
Test(netlink, the_kernels_own_words_are_passed_on)
{
	struct error err = ERROR_NONE;
	struct request q;
	size_t nest;

	begin_link(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	nest = request_nest(&q, IFLA_LINKINFO);
	request_put_text(&q, IFLA_INFO_KIND, "no-such-kind");
	request_unnest(&q, nest);
	int r = netlink_ask(&nl, &q, NULL, NULL, &err);
	if (r == -EPERM)
		cr_skip_test("no CAP_NET_ADMIN");
	cr_expect_eq(r, -EOPNOTSUPP);
	cr_expect_gt(strlen(err.msg), strlen(strerror(EOPNOTSUPP)), "only \"%s\"", err.msg);
}

static int refuse(void *data, const struct nlmsghdr *message, struct error *err)
{
	return error_set(err, -ECANCELED, "enough");
}

Test(netlink, a_callback_can_end_it_and_the_rest_of_the_list_is_not_taken_for_the_next_answer)
{
	struct error err = ERROR_NONE;
	struct request q;
	int found = 0;

	begin_link(&q, RTM_GETLINK, NLM_F_DUMP, 0);
	cr_expect_eq(netlink_ask(&nl, &q, refuse, NULL, &err), -ECANCELED);
	cr_expect_str_eq(err.msg, "enough");
	begin_link(&q, RTM_GETLINK, 0, 0);
	request_put_text(&q, IFLA_IFNAME, "lo");
	cr_expect_eq(netlink_ask(&nl, &q, find_loopback, &found, &err), 0, "%s", err.msg);
	cr_expect_eq(found, 1);
}

Test(netlink, too_much_for_a_message_is_not_sent)
{
	struct error err = ERROR_NONE;
	char much[600] = "";
	struct request q;
	size_t nest;

	begin_link(&q, RTM_GETLINK, 0, 1);
	request_put(&q, IFLA_ADDRESS, much, sizeof(much));
	request_put(&q, IFLA_ADDRESS, much, sizeof(much));
	nest = request_nest(&q, IFLA_LINKINFO);
	request_put_u32(&q, IFLA_MTU, 1);
	request_unnest(&q, nest);
	cr_expect_eq(netlink_ask(&nl, &q, NULL, NULL, &err), -EMSGSIZE);
}
