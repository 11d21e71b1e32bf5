/* SPDX-License-Identifier: MIT */
/* guestwire args: the words that join a hypervisor to a running network, on one line that may stand in $(…). A shell cuts
 * such a line at blanks and reads nothing else in it, so a path with a blank has no such line. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/hypervisor.h"
#include "cli/member.h"
#include "cli/paste.h"

enum { ARGS_MAC, ARGS_MEMORY };

static const struct argument args_options[] = {
	[ARGS_MAC] = {"mac", 0, true}, [ARGS_MEMORY] = {"memory", 'm', true}, {0}};

struct args {
	const char *plain[2]; /* the hypervisor, the network */
	int plain_count;
	const struct args_hypervisor *other; /* NULL: QEMU */
	const char *memory;
	char mac[18];
	unsigned mtu_bytes;
	char path[HYPERVISOR_WAYS][RUNDIR_PATH_BYTES]; /* "" where no such socket is served */
};

/* What a hypervisor's line is made of, with places to fill; QEMU's is hypervisor.c's. */
static const struct args_hypervisor {
	const char *name;
	enum hypervisor_way way;
	const char *words[3];
} args_known[] = {
	{"cloud-hypervisor", HYPERVISOR_VHOST_USER, {"--net", "vhost_user=true,socket={vhost-user},mac={mac}"}},
	{"crosvm", HYPERVISOR_VHOST_USER, {"--vhost-user", "type=net,socket={vhost-user}"}},
	{"libkrun", HYPERVISOR_DGRAM, {"--device", "virtio-net,type=unixgram,path={dgram},mac={mac}"}},
	{"vfkit", HYPERVISOR_DGRAM, {"--device", "virtio-net,unixSocketPath={dgram},mac={mac}"}},
};

/* Of one machine: the lowest bit of its first byte is a group's (IEEE 802 8.2). */
static bool args_is_mac(const char *word)
{
	for (int i = 0; i < 17; i++) {
		if (i % 3 == 2 ? word[i] != ':' : !isxdigit((unsigned char)word[i]))
			return false;
	}
	return !word[17] && !strchr("13579bBdDfF", word[1]);
}

/* Bare numbers are MiB to QEMU's -m, and bytes to the memory that is made of it here. */
static bool args_is_memory(const char *word)
{
	size_t digits = strspn(word, "0123456789");

	return digits > 0 && word[digits] && strchr("KMGTkmgt", word[digits]) && !word[digits + 1];
}

static const struct args_hypervisor *args_find_other(const char *name)
{
	for (size_t i = 0; i < sizeof(args_known) / sizeof(args_known[0]); i++) {
		if (strcmp(name, args_known[i].name) == 0)
			return &args_known[i];
	}
	return NULL;
}

static int args_read(struct args *args, struct arguments *arguments, struct error *ret_error)
{
	const char *word;
	int found;

	while ((found = arguments_next(arguments, &word, ret_error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP || found == ARGUMENT_WRONG)
			return found;
		if (found == ARGS_MAC && !args_is_mac(word))
			return error_set(ret_error, -EINVAL, "args: --mac %.60s: as in 52:54:00:12:34:57", word);
		if (found == ARGS_MEMORY && !args_is_memory(word))
			return error_set(ret_error, -EINVAL, "args: --memory %.60s: with its suffix, as in 2G or 512M",
					 word);
		if (found == ARGS_MAC)
			snprintf(args->mac, sizeof(args->mac), "%s", word);
		else if (found == ARGS_MEMORY)
			args->memory = word;
		else if (args->plain_count == 2)
			return error_set(ret_error, -EINVAL, "args: %.60s is one word too many", word);
		else
			args->plain[args->plain_count++] = word;
	}
	if (args->plain_count == 0)
		return error_set(ret_error, -EINVAL,
				 "args: for which hypervisor? qemu, cloud-hypervisor, crosvm, libkrun or vfkit");
	args->other = args_find_other(args->plain[0]);
	if (!args->other && strcmp(args->plain[0], "qemu") != 0)
		return error_set(ret_error, -EINVAL,
				 "args: unknown hypervisor %.60s: qemu, cloud-hypervisor, crosvm, libkrun or vfkit",
				 args->plain[0]);
	if (args->other && args->memory)
		return error_set(
			ret_error, -EINVAL,
			"args: --memory is QEMU's; %s is told its memory by words of its own, and that it is shared",
			args->other->name);
	if (!args->mac[0])
		paste_mac(args->mac);
	return 0;
}

/* The first socket of each kind that has a path. */
static void args_take_paths(struct args *args, const json_t *network)
{
	json_t *guest;
	size_t i;

	json_array_foreach (json_object_get(network, "guests"), i, guest) {
		enum hypervisor_way way;

		if (hypervisor_way_parse(member_text(guest, "kind"), &way) && !args->path[way][0])
			snprintf(args->path[way], sizeof(args->path[way]), "%s", member_text(guest, "path"));
	}
	args->mtu_bytes = (unsigned)member_number(network, "mtu");
}

static int args_check_path(const struct args *args, enum hypervisor_way way, struct error *ret_error)
{
	if (!args->path[way][0])
		return error_set(
			ret_error, -ENOENT,
			"args: the network serves no %s socket for %s; guestwire guest add %s,path=… makes one",
			hypervisor_way_name(way), args->plain[0], hypervisor_way_name(way));
	if (strpbrk(args->path[way], " \t\n*?["))
		return error_set(ret_error, -EINVAL, "args: %s: a path with a blank or '*' cannot stand in $(…)",
				 args->path[way]);
	return 0;
}

/* Over vhost-user its memory must be shared, and its size be known. */
static int args_qemu(const struct args *args, const struct hypervisor_places *places, struct wordlist *list,
		     struct error *ret_error)
{
	char program[] = "qemu-system";
	char *const words[] = {program, NULL};
	enum hypervisor_way way = args->memory ? HYPERVISOR_VHOST_USER : HYPERVISOR_STREAM;
	struct hypervisor hypervisor = {.is_qemu = true};
	int result = args_check_path(args, way, ret_error);

	if (result < 0)
		return result;
	snprintf(hypervisor.memory, sizeof(hypervisor.memory), "%s", args->memory ? args->memory : "");
	hypervisor_complete(&hypervisor, words, way, places, args->mtu_bytes, list);
	return 0;
}

static int args_other(const struct args *args, const struct hypervisor_places *places, struct wordlist *list,
		      struct error *ret_error)
{
	struct hypervisor plain = {.is_qemu = false};
	int result = args_check_path(args, args->other->way, ret_error);

	if (result < 0)
		return result;
	wordlist_add(list, "%s", args->other->name);
	hypervisor_complete(&plain, (char *const *)(uintptr_t)args->other->words, args->other->way, places,
			    args->mtu_bytes, list);
	return 0;
}

/* Without the program's own name, which stands first. */
static void args_print(const struct wordlist *list)
{
	for (size_t i = 1; i < list->count; i++)
		printf("%s%s", i > 1 ? " " : "", list->words[i]);
	putchar('\n');
}

static int args_show(struct args *args, struct error *ret_error)
{
	const struct request request = {.command = REQUEST_STATUS};
	struct hypervisor_places places = {.fd = -1, .mac = args->mac};
	struct wordlist list = {0};
	struct answer answer;
	int result = connection_once(args->plain_count == 2 ? args->plain[1] : NULL, &request, &answer, ret_error);

	if (result < 0)
		return result;
	args_take_paths(args, answer.object);
	for (unsigned i = HYPERVISOR_AUTO + 1; i < HYPERVISOR_WAYS; i++)
		places.path[i] = args->path[i];
	result = args->other ? args_other(args, &places, &list, ret_error) : args_qemu(args, &places, &list, ret_error);
	if (result == 0 && list.failed)
		result = error_set(ret_error, -ENOMEM, "no memory");
	if (result == 0)
		args_print(&list);
	wordlist_done(&list);
	answer_done(&answer);
	return result;
}

static int args_run(int count, char **words)
{
	struct args args = {.plain_count = 0};
	struct arguments arguments;
	struct error error = {0};
	int result;

	arguments_init(&arguments, args_options, count, words);
	result = args_read(&args, &arguments, &error);
	if (result == ARGUMENT_HELP)
		return command_help(&args_command);
	if (result < 0 || args_show(&args, &error) < 0)
		return command_complain(&error);
	return EXIT_OK;
}

const struct command args_command = {
	.name = "args",
	.run = args_run,
	.line = "prints the words that join a hypervisor to a network",
	.help = "guestwire args qemu|cloud-hypervisor|crosvm|libkrun|vfkit [NAME] [--mac MAC] [--memory SIZE]\n"
		"\n"
		"Prints one line for the hypervisor's command line, as in qemu-system-x86_64 $(guestwire args qemu) …\n"
		"libkrun's is krunkit's. The memory of cloud-hypervisor's and crosvm's guests must be shared "
		"(--memory\n"
		"shared=on).\n"
		"\n"
		"  --mac MAC            of the guest; a new one each time, unless given\n"
		"  --memory SIZE, -m    qemu: the guest's memory, as its -m has it with a suffix (2G), which is shared "
		"then:\n"
		"                       vhost-user in place of stream\n",
};
