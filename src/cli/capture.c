/* SPDX-License-Identifier: MIT */
/* guestwire capture: takes the network's pcapng from its control connection, keeps what the filter wants, and writes it
 * to a file or as lines. An interrupt shuts our side of the connection, and the network answers with its statistics. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/filter.h"
#include "cli/frameline.h"
#include "cli/member.h"
#include "cli/quantity.h"
#include "daemon/pcapng.h"

enum {
	CAPTURE_GUEST,
	CAPTURE_WRITE,
	CAPTURE_COUNT,
	CAPTURE_SECONDS,
};

enum {
	CAPTURE_INTERFACES_MAX = 4096,
	CAPTURE_FILTER_BYTES = 4096,
	CAPTURE_READ_BYTES = 1024 * 1024,
	CAPTURE_LAST_MS = 1000, /* for the statistics, after we have said that we stop */
};

static const struct argument capture_options[] = {
	[CAPTURE_GUEST] = {"guest", 'g', true},
	[CAPTURE_WRITE] = {"write", 'w', true},
	[CAPTURE_COUNT] = {"count", 'c', true},
	[CAPTURE_SECONDS] = {"seconds", 's', true},
	{0},
};

struct capture {
	/* what is asked */
	const char *name, *guest, *file;
	char words[CAPTURE_FILTER_BYTES];
	bool has_plain;
	uint64_t count_max; /* 0: no end */
	int time_ms;        /* 0: no end */
	/* what is there */
	struct connection connection;
	struct filter *filter;
	FILE *to; /* NULL: lines on standard output */
	char *interfaces[CAPTURE_INTERFACES_MAX];
	uint32_t interface_count;
	uint8_t *bytes;
	size_t filled;
	uint64_t kept, lost, lost_at_end;
	bool stopping;
	bool over; /* the network has said all */
};

/* What a signal handler can reach. */
static volatile sig_atomic_t capture_interrupted;
static int capture_fd = -1;

static void capture_on_signal(int number)
{
	capture_interrupted = number;
	if (capture_fd >= 0)
		shutdown(capture_fd, SHUT_WR);
}

static int capture_count(struct capture *capture, const char *text, struct error *ret_error)
{
	char *end;
	unsigned long long count = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || count == 0)
		return error_set(ret_error, -EINVAL, "capture: --count %.40s: must be a number from 1 to %llu", text,
				 ULLONG_MAX);
	capture->count_max = count;
	return 0;
}

static int capture_seconds(struct capture *capture, const char *text, struct error *ret_error)
{
	if (!quantity_read_seconds(text, &capture->time_ms) || capture->time_ms == 0)
		return error_set(ret_error, -EINVAL, "capture: --seconds %.40s: must be seconds, 0.001 to 1000000",
				 text);
	return 0;
}

/* The first plain word is a network when one of that name runs; the others, and it if not, are the filter's. */
static int capture_plain(struct capture *capture, const char *base, const char *word, bool maybe_name,
			 struct error *ret_error)
{
	size_t used = strlen(capture->words);

	if (maybe_name && !capture->has_plain && config_check_name(word, NULL) == 0 && rundir_pid(base, word)) {
		capture->name = word;
		capture->has_plain = true;
		return 0;
	}
	capture->has_plain = true;
	if (used + strlen(word) + 2 > sizeof(capture->words))
		return error_set(ret_error, -EINVAL, "capture: the filter is longer than %d bytes",
				 CAPTURE_FILTER_BYTES - 2);
	snprintf(capture->words + used, sizeof(capture->words) - used, "%s%s", used ? " " : "", word);
	return 0;
}

static int capture_read_words(struct capture *capture, struct arguments *arguments, const char *base,
			      struct error *ret_error)
{
	const char *word;
	int found, result = 0;

	while (result == 0 && (found = arguments_next(arguments, &word, ret_error)) != ARGUMENT_END) {
		if (found == ARGUMENT_HELP || found == ARGUMENT_WRONG)
			return found;
		if (found == ARGUMENT_PLAIN)
			result = capture_plain(capture, base, word, !arguments->plain_only, ret_error);
		else if (found == CAPTURE_GUEST)
			capture->guest = word;
		else if (found == CAPTURE_WRITE)
			capture->file = word;
		else if (found == CAPTURE_COUNT)
			result = capture_count(capture, word, ret_error);
		else
			result = capture_seconds(capture, word, ret_error);
	}
	return result;
}

/* ---- frames ---- */

static void capture_print_time(uint64_t time_us)
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm local;
	char text[16];

	localtime_r(&seconds, &local);
	strftime(text, sizeof(text), "%H:%M:%S", &local);
	printf("%s.%06u ", text, (unsigned)(time_us % 1000000));
}

static void capture_print(const struct capture *capture, const struct pcapng_block *block)
{
	static const char *const arrows[] = {"dropped", "from", "to", "?"};
	const char *name = block->interface < capture->interface_count ? capture->interfaces[block->interface] : "?";
	char line[FRAMELINE_BYTES];

	capture_print_time(block->time_us);
	printf("%s %s: %s", block->text ? "dropped" : arrows[block->direction], name,
	       frameline_format(block->frame, block->captured, block->length, line));
	if (block->text)
		printf(" (%.*s)", (int)block->text_length, block->text);
	putchar('\n');
}

static int capture_write(struct capture *capture, const void *bytes, size_t count, struct error *ret_error)
{
	if (!capture->to || fwrite(bytes, 1, count, capture->to) == count)
		return 0;
	return error_set(ret_error, -errno, "%s: %s", capture->file, error_name(-errno));
}

static void capture_stop(struct capture *capture)
{
	if (!capture->stopping)
		shutdown(capture->connection.fd, SHUT_WR);
	capture->stopping = true;
}

static int capture_packet(struct capture *capture, const struct pcapng_block *block, const uint8_t *bytes,
			  struct error *ret_error)
{
	bool enough = capture->count_max && capture->kept == capture->count_max;

	capture->lost += block->lost;
	if (enough || !filter_takes(capture->filter, block->frame, block->captured, block->length))
		return 0;
	capture->kept++;
	if (capture->kept == capture->count_max)
		capture_stop(capture);
	if (!capture->to)
		capture_print(capture, block);
	return capture_write(capture, bytes, block->bytes, ret_error);
}

static int capture_block(struct capture *capture, const struct pcapng_block *block, const uint8_t *bytes,
			 struct error *ret_error)
{
	switch (block->type) {
	case PCAPNG_PACKET:
		return capture_packet(capture, block, bytes, ret_error);
	case PCAPNG_INTERFACE:
		if (capture->interface_count == CAPTURE_INTERFACES_MAX)
			return error_set(ret_error, -EPROTO, "network %s: more than %d ports in one capture",
					 capture->connection.name, CAPTURE_INTERFACES_MAX);
		capture->interfaces[capture->interface_count++] =
			strndup(block->text ? block->text : "?", block->text ? block->text_length : 1);
		break;
	case PCAPNG_STATISTICS:
		capture->lost_at_end += block->lost;
		break;
	}
	return capture_write(capture, bytes, block->bytes, ret_error);
}

/* All whole blocks of what was read; the rest stays for the next bytes. */
static int capture_blocks(struct capture *capture, struct error *ret_error)
{
	struct pcapng_block block;
	size_t used = 0;
	int result;

	while ((result = pcapng_read(capture->bytes + used, capture->filled - used, &block)) == 1) {
		result = capture_block(capture, &block, capture->bytes + used, ret_error);
		if (result < 0)
			return result;
		used += block.bytes;
	}
	if (result < 0)
		return error_set(ret_error, -EPROTO, "network %s: sent something that is not pcapng",
				 capture->connection.name);
	memmove(capture->bytes, capture->bytes + used, capture->filled - used);
	capture->filled -= used;
	/* What a reader of the pipe, or a person, has not seen yet must not wait for more. */
	if (used && fflush(capture->to ? capture->to : stdout) != 0)
		return error_set(ret_error, -errno, "%s: %s", capture->to ? capture->file : "standard output",
				 error_name(-errno));
	return 0;
}

static int capture_receive(struct capture *capture, struct error *ret_error)
{
	ssize_t count =
		recv(capture->connection.fd, capture->bytes + capture->filled, CAPTURE_READ_BYTES - capture->filled, 0);

	if (count < 0 && errno == EINTR)
		return 0;
	if (count <= 0) {
		capture->over = true;
		return 0;
	}
	capture->filled += (size_t)count;
	return capture_blocks(capture, ret_error);
}

static int capture_run_until(struct capture *capture, struct error *ret_error)
{
	int64_t until_ms = capture->time_ms ? command_now_ms() + capture->time_ms : INT64_MAX;
	int result = capture_blocks(capture, ret_error);

	while (result == 0 && !capture->over) {
		/* Of our output only that nobody reads it any more: on a quiet network no write would tell. */
		struct pollfd pollers[] = {{.fd = capture->connection.fd, .events = POLLIN},
					   {.fd = fileno(capture->to ? capture->to : stdout)}};
		int64_t left_ms = until_ms - command_now_ms();
		int ready;

		if (capture_interrupted || left_ms <= 0)
			capture_stop(capture);
		/* Then the rest of what was captured comes, however much that is; but no silence is longer than this. */
		if (capture->stopping)
			left_ms = CAPTURE_LAST_MS;
		ready = poll(pollers, 2, until_ms == INT64_MAX && !capture->stopping ? -1 : (int)left_ms);
		if (ready == 0 && capture->stopping)
			break;
		if (ready > 0 && pollers[1].revents)
			return error_set(ret_error, -EPIPE, "nobody reads");
		if (ready > 0)
			result = capture_receive(capture, ret_error);
	}
	return result;
}

/* ---- the life of a capture ---- */

static int capture_open_file(struct capture *capture, struct error *ret_error)
{
	if (!capture->file)
		return 0;
	capture->to = strcmp(capture->file, "-") == 0 ? stdout : fopen(capture->file, "we");
	return capture->to ? 0
			   : error_set(ret_error, -errno, "capture: cannot write %s: %s", capture->file,
				       error_name(-errno));
}

/* A network that does not run is taken for the first word of a filter, so the refusal names both. */
static int capture_filter(struct capture *capture, struct error *ret_error)
{
	size_t length = strcspn(capture->words, " ");
	char word[CONFIG_NAME_BYTES + 1];
	struct error why = {0};
	int result = filter_new(capture->words, &capture->filter, &why);

	if (result == 0)
		return 0;
	snprintf(word, sizeof(word), "%.*s", (int)length, capture->words);
	if (result == -EINVAL && !capture->name && length < sizeof(word) && config_check_name(word, NULL) == 0)
		return error_set(ret_error, result, "%.400s; nor does a network %s run", why.text, word);
	return error_set(ret_error, result, "%s", why.text);
}

/* What the kernel moves by then is no frame. */
static void capture_say_unseen(const struct capture *capture, const json_t *answer)
{
	long long open = member_number(json_object_get(answer, "splices"), "open");

	if (open > 0)
		fprintf(stderr,
			"guestwire: network %s: %lld connection%s moved past the network and not seen; --uplink "
			"user,splice=off keeps those of a namespace in it\n",
			capture->connection.name, open, open == 1 ? " is" : "s are");
}

static int capture_start(struct capture *capture, struct error *ret_error)
{
	const struct request request = {.command = REQUEST_CAPTURE, .guest = capture->guest};
	struct sigaction action = {.sa_handler = capture_on_signal};
	struct answer answer;
	const char *rest;
	int result;

	capture->bytes = malloc(CAPTURE_READ_BYTES);
	if (!capture->bytes)
		return error_set(ret_error, -ENOMEM, "no memory");
	if ((capture->words[0] && (result = capture_filter(capture, ret_error)) < 0) ||
	    (result = connection_open(capture->name, &capture->connection, ret_error)) < 0 ||
	    (result = connection_ask(&capture->connection, &request, &answer, ret_error)) < 0)
		return result;
	capture_say_unseen(capture, answer.object);
	answer_done(&answer);
	/* What is refused leaves a file of before as it was. */
	if ((result = capture_open_file(capture, ret_error)) < 0)
		return result;
	rest = lines_rest(&capture->connection.lines, &capture->filled);
	if (capture->filled > CAPTURE_READ_BYTES)
		return error_set(ret_error, -EPROTO, "network %s: sent too much at once", capture->connection.name);
	if (capture->filled)
		memcpy(capture->bytes, rest, capture->filled);
	capture_fd = capture->connection.fd;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return 0;
}

static void capture_report(const struct capture *capture)
{
	uint64_t lost = capture->lost > capture->lost_at_end ? capture->lost : capture->lost_at_end;

	if (capture->over && !capture->stopping)
		fprintf(stderr, "guestwire: network %s has ended\n", capture->connection.name);
	fprintf(stderr, "guestwire: %llu frame%s captured", (unsigned long long)capture->kept,
		capture->kept == 1 ? "" : "s");
	if (lost)
		fprintf(stderr, ", %llu more were not: they came faster than they were written",
			(unsigned long long)lost);
	fputc('\n', stderr);
}

static void capture_done(struct capture *capture)
{
	capture_fd = -1;
	connection_done(&capture->connection);
	filter_free(capture->filter);
	for (uint32_t i = 0; i < capture->interface_count; i++)
		free(capture->interfaces[i]);
	free(capture->bytes);
}

static int capture_main(struct capture *capture, struct error *ret_error)
{
	int result = capture_start(capture, ret_error);

	if (result == 0) {
		result = capture_run_until(capture, ret_error);
		/* Who read our output has had enough. */
		if (result == -EPIPE) {
			result = 0;
			clearerr(stdout);
		}
		capture_report(capture);
	}
	if (capture->to && capture->to != stdout && fclose(capture->to) != 0 && result == 0)
		result = error_set(ret_error, -errno, "%s: %s", capture->file, error_name(-errno));
	return result;
}

static int capture_run(int count, char **words)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	char base[RUNDIR_PATH_BYTES];
	struct arguments arguments;
	struct error error = {0};
	int result;

	if (!capture)
		return EXIT_FAILED;
	capture->connection.fd = -1;
	arguments_init(&arguments, capture_options, count, words);
	result = connection_base(base, &error);
	if (result == 0)
		result = capture_read_words(capture, &arguments, base, &error);
	if (result == 0)
		result = capture_main(capture, &error);
	capture_done(capture);
	free(capture);
	if (result == ARGUMENT_HELP)
		return command_help(&capture_command);
	return result < 0 ? command_complain(&error) : EXIT_OK;
}

const struct command capture_command = {
	.name = "capture",
	.run = capture_run,
	.line = "shows or writes the frames of a network, with its drops",
	.help = "guestwire capture [NAME] [--guest GUEST] [-w FILE] [--count N] [--seconds S] [FILTER…]\n"
		"\n"
		"Captures the frames of a running network, in both directions at each port, and those that are "
		"dropped, with the\n"
		"reason: as lines, or as pcapng for Wireshark and tcpdump. Ends by an interrupt. FILTER is tcpdump's, "
		"pcap-filter(7).\n"
		"The first word is NAME when a network of that name runs; -- in front of it makes it the filter's.\n"
		"\n"
		"  --guest GUEST, -g   only at the port of this guest: a port, a host name, a MAC or an IP address\n"
		"  --write FILE, -w    writes pcapng to FILE, or to standard output when it is -\n"
		"  --count N, -c       ends after N frames\n"
		"  --seconds S, -s     ends after S seconds\n"
		"\n"
		"guestwire capture lab -w - port 53 | wireshark -k -i -\n",
};
