/* SPDX-License-Identifier: MIT */
/* The whole userland of the 32-bit guest: its init and its shell, with the commands that show a network. One program,
 * because there is no C library for this processor in a distribution; commands are typed as elsewhere. */
#include <linux/reboot.h>
#include <linux/utsname.h>

#include "card.h"
#include "command.h"
#include "text.h"

enum { LINE_BYTES = 256, WORDS = 16, HERE = -100, READ_ONLY = 0 };

static int usage_ip(void)
{
	say("usage: ip addr add ADDRESS/BITS dev CARD | ip link set CARD up | ip route add default via ADDRESS\n");
	return 2;
}

static int report(const char *what, long error)
{
	if (error == 0)
		return 0;
	say(what);
	say(": error ");
	say_number((uint32_t)-error);
	say("\n");
	return 1;
}

static bool words_are(const char *const *words, const char *const *expected)
{
	for (; *expected != NULL; words++, expected++) {
		if (*words == NULL || ((*expected)[0] != '*' && !text_is(*words, *expected)))
			return false;
	}
	return *words == NULL;
}

static int ip(const char *const *words)
{
	static const char *const add_address[] = {"ip", "addr", "add", "*", "dev", "*", NULL};
	static const char *const set_up[] = {"ip", "link", "set", "*", "up", NULL};
	static const char *const add_route[] = {"ip", "route", "add", "default", "via", "*", NULL};
	const char *rest;
	uint32_t address, bits;

	if (words_are(words, add_address)) {
		rest = text_address(words[3], &address);
		if (rest == NULL || *rest != '/' || text_number(rest + 1, &bits) == NULL || bits > 32)
			return usage_ip();
		return report("ip addr add", card_set_address(words[5], address, bits));
	}
	if (words_are(words, set_up))
		return report("ip link set", card_up(words[3]));
	if (words_are(words, add_route) && text_address(words[5], &address) != NULL)
		return report("ip route add", card_set_gateway(address));
	return usage_ip();
}

static int uname(const char *const *words)
{
	struct new_utsname name;

	(void)words;
	KERNEL1(uname, &name);
	say(name.sysname);
	say(" ");
	say(name.release);
	say(" ");
	say(name.version);
	say(" ");
	say(name.machine);
	say(" GNU/Linux\n");
	return 0;
}

static int cat(const char *const *words)
{
	static char piece[4096];
	long file, bytes;

	if (words[1] == NULL)
		return 2;
	file = KERNEL4(openat, HERE, words[1], READ_ONLY, 0);
	if (file < 0)
		return report(words[1], file);
	while ((bytes = KERNEL3(read, file, piece, sizeof(piece))) > 0)
		KERNEL3(write, 1, piece, bytes);
	KERNEL1(close, file);
	return 0;
}

static int echo(const char *const *words)
{
	for (words++; *words != NULL; words++) {
		say(*words);
		say(words[1] != NULL ? " " : "");
	}
	say("\n");
	return 0;
}

static int power_off(const char *const *words)
{
	(void)words;
	return (int)KERNEL4(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, 0);
}

static int reboot(const char *const *words)
{
	(void)words;
	return (int)KERNEL4(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART, 0);
}

static const struct {
	const char *name;
	int (*run)(const char *const *words);
} commands[] = {
	{"ip", ip},   {"ping", ping}, {"udhcpc", lease},       {"wget", fetch},    {"uname", uname},
	{"cat", cat}, {"echo", echo}, {"poweroff", power_off}, {"reboot", reboot}, {"exit", power_off},
};

static int run(const char *const *words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (text_is(words[0], commands[i].name))
			return commands[i].run(words);
	}
	say("there are:");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		say(" ");
		say(commands[i].name);
	}
	say("\n");
	return 127;
}

/* A line's words, up to a comment. */
static size_t split(char *line, const char **ret_words)
{
	size_t count = 0;

	while (count + 1 < WORDS) {
		while (*line == ' ' || *line == '\t')
			*line++ = '\0';
		if (*line == '\0' || *line == '#')
			break;
		ret_words[count++] = line;
		while (*line != '\0' && *line != ' ' && *line != '\t')
			line++;
	}
	*line = '\0';
	ret_words[count] = NULL;
	return count;
}

static void shell(void)
{
	char line[LINE_BYTES];
	const char *words[WORDS];

	for (;;) {
		long bytes;

		say("# ");
		bytes = KERNEL3(read, 0, line, sizeof(line) - 1);
		if (bytes <= 0)
			return;
		while (bytes > 0 && (line[bytes - 1] == '\n' || line[bytes - 1] == '\r'))
			bytes--;
		line[bytes] = '\0';
		if (split(line, words) > 0 && run(words) != 0)
			say("(failed)\n");
	}
}

/* What the kernel does not know of its arguments is in the environment. */
static bool is_off(const char *const *environment, const char *setting)
{
	for (; *environment != NULL; environment++) {
		if (text_is(*environment, setting))
			return true;
	}
	return false;
}

void start(const long *stack);

void start(const long *stack)
{
	const char *const *environment = (const char *const *)(stack + 1 + stack[0] + 1);
	static const char *const no_words[] = {"udhcpc", NULL};
	long console;

	KERNEL5(mount, "dev", "/dev", "devtmpfs", 0, 0);
	KERNEL5(mount, "proc", "/proc", "proc", 0, 0);
	KERNEL5(mount, "sys", "/sys", "sysfs", 0, 0);
	console = KERNEL4(openat, HERE, "/dev/console", 2, 0);
	for (int i = 0; i < 3 && console >= 0; i++)
		KERNEL3(dup3, console, i, 0);
	card_up("lo");
	if (!is_off(environment, "NET=off"))
		lease(no_words);
	say("guest: up after ");
	cat((const char *const[]){"cat", "/proc/uptime", NULL});
	shell();
	power_off(no_words);
}

__asm__(".globl _start\n_start:\n\t.option push\n\t.option norelax\n\tla gp, __global_pointer$\n\t.option pop\n\tmv "
	"a0, sp\n\tandi sp, sp, -16\n\ttail start\n");
