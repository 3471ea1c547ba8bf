/* test_store.c: the state root: ids, claims, locks, saved state. */
#include "core/store.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/gate.h"

static char root[64];

static void make_root(void)
{
	strcpy(root, "/tmp/nacre-store-XXXXXX");
	cr_assert(mkdtemp(root));
}

static void drop_root(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	cr_expect(system(command) == 0);
}

Test(store, ids)
{
	static const char *const good[] = { "a", "A-1", "x.y", "a+b_c", "0123456789abcdef", ".hidden", "-dash" };
	static const char *const bad[] = { "", ".", "..", "a/b", "../x", "a b", "a\nb", "\xc3\xa4", "a:b", "x\\y" };
	char longest[202];
	struct error err = ERROR_NONE;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_expect(store_check_id(good[i], &err) == 0, "%s: %s", good[i], err.msg);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect(store_check_id(bad[i], &err) == -EINVAL, "%s", bad[i]);
	memset(longest, 'a', sizeof(longest));
	longest[201] = '\0';
	cr_expect(store_check_id(longest, &err) == -EINVAL);
	longest[200] = '\0';
	cr_expect(store_check_id(longest, &err) == 0);
}

Test(store, a_claim_is_exclusive, .init = make_root, .fini = drop_root)
{
	struct store s = STORE_NONE, other = STORE_NONE;
	struct error err = ERROR_NONE;

	cr_assert(store_claim(root, "one", &s, &err) == 0, "%s", err.msg);
	cr_expect(store_claim(root, "one", &other, &err) == -EEXIST);
	cr_expect(strstr(err.msg, "already exists"));
	cr_expect(store_remove(&s, &err) == 0, "%s", err.msg);
	store_close(&s);
	cr_expect(store_open(root, "one", false, &s, &err) == -ENOENT);
	cr_expect(strstr(err.msg, "does not exist"), "%s", err.msg);
}

Test(store, many_claim_one_wins, .init = make_root, .fini = drop_root)
{
	int go[2], winners = 0, status;
	char c;

	cr_assert(pipe(go) == 0);
	for (int i = 0; i < 12; i++)
		if (fork() == 0) {
			struct store s = STORE_NONE;

			close(go[1]);
			(void)!read(go[0], &c, 1);
			_exit(store_claim(root, "same", &s, NULL) == 0 ? 1 : 0);
		}
	close(go[1]);
	while (wait(&status) > 0)
		winners += WEXITSTATUS(status);
	cr_expect(winners == 1, "%d", winners);
}

Test(store, the_lock_goes_with_its_holder, .init = make_root, .fini = drop_root)
{
	struct store s = STORE_NONE;
	struct error err = ERROR_NONE;
	int ready[2], hold[2];
	char c;
	pid_t pid;

	cr_assert(pipe(ready) == 0 && pipe(hold) == 0);
	pid = fork();
	if (pid == 0) {
		struct store mine = STORE_NONE;
		bool won = store_claim(root, "one", &mine, NULL) == 0;

		close(hold[1]);
		/* A grandchild that inherits the descriptor must not keep the lock. It lives until the test ends. */
		if (fork() == 0)
			_exit((int)read(hold[0], &c, 1));
		(void)!write(ready[1], won ? "y" : "n", 1);
		pause();
	}
	cr_assert(read(ready[0], &c, 1) == 1 && c == 'y');
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_expect(store_open(root, "one", true, &s, &err) == 0, "%s", err.msg);
	store_close(&s);
}

Test(store, state_comes_back, .init = make_root, .fini = drop_root)
{
	struct pair notes[] = { { (char *)"a", (char *)"b/c" } };
	struct saved_state in = { .id = (char *)"one", .bundle = (char *)"/b \"quoted\"", .pid = { true, 42 },
				  .start_time = { true, 18446744073709551615u }, .own_pid_namespace = true, .annotations = { notes, 1 } };
	struct saved_state *out = NULL;
	struct store s = STORE_NONE;
	struct error err = ERROR_NONE;
	bool created = true;

	cr_assert(store_claim(root, "one", &s, &err) == 0);
	cr_expect(store_load(&s, &out, &created, &err) == -ENODATA);
	cr_assert(store_save(&s, &in, false, &err) == 0, "%s", err.msg);
	cr_assert(store_load(&s, &out, &created, &err) == 0 && !created, "%s", err.msg);
	saved_state_free(out);
	cr_assert(store_save(&s, &in, true, &err) == 0, "%s", err.msg);
	cr_assert(store_load(&s, &out, &created, &err) == 0 && created, "%s", err.msg);
	cr_expect_str_eq(out->bundle, in.bundle);
	cr_expect(out->pid.v == 42 && out->start_time.v == in.start_time.v && out->own_pid_namespace);
	cr_expect(out->annotations.n == 1 && !strcmp(out->annotations.v[0].value, "b/c"));
	saved_state_free(out);
	store_close(&s);
}

Test(store, garbage_is_an_error_and_can_be_removed, .init = make_root, .fini = drop_root)
{
	struct saved_state *out = NULL;
	struct store s = STORE_NONE;
	struct error err = ERROR_NONE;
	bool created;
	int fd;

	cr_assert(store_claim(root, "one", &s, &err) == 0);
	fd = openat(s.folder, "state.json", O_WRONLY | O_CREAT, 0600);
	cr_assert(write(fd, "{\"pid\":\"x\"", 10) == 10);
	close(fd);
	cr_expect(store_load(&s, &out, &created, &err) < 0);
	cr_expect(strstr(err.msg, root), "%s", err.msg);
	close(openat(s.folder, ".state.json.tmp-1", O_WRONLY | O_CREAT, 0600));
	cr_expect(store_remove(&s, &err) == 0, "%s", err.msg);
	store_close(&s);
}

Test(store, list_is_sorted_and_passes_over_what_is_not_ours, .init = make_root, .fini = drop_root)
{
	char **names = NULL, path[512];
	size_t n = 0;
	struct error err = ERROR_NONE;

	snprintf(path, sizeof(path), "mkdir %s/b %s/a '%s/not an id'; touch %s/file", root, root, root, root);
	cr_assert(system(path) == 0);
	cr_assert(store_list(root, &names, &n, &err) == 0);
	cr_expect(n == 2 && !strcmp(names[0], "a") && !strcmp(names[1], "b") && !names[2]);
	free(names[0]);
	free(names[1]);
	free(names);
	cr_expect(store_list("/nonexistent-root", &names, &n, &err) == 0 && n == 0);
	free(names);
}

Test(gate, only_the_word_opens_it, .init = make_root, .fini = drop_root)
{
	int folder = open(root, O_RDONLY | O_DIRECTORY), gate, knock;
	struct error err = ERROR_NONE;
	char c;
	pid_t pid;

	gate = gate_open(folder, &err);
	cr_assert(gate >= 0, "%s", err.msg);
	cr_expect(!gate_is_closed(folder));
	pid = fork();
	if (pid == 0) {
		int fd = gate_wait(gate, NULL);

		(void)!write(fd, "!", 1);
		_exit(0);
	}
	close(gate);
	/* Somebody who only looks is not let in. */
	cr_expect(!gate_is_closed(folder));
	knock = gate_knock(folder, &err);
	cr_assert(knock >= 0, "%s", err.msg);
	cr_expect(read(knock, &c, 1) == 1 && c == '!');
	close(knock);
	waitpid(pid, NULL, 0);
	cr_expect(gate_is_closed(folder));
	cr_expect(gate_knock(folder, &err) == -ECONNREFUSED);
	close(folder);
}
