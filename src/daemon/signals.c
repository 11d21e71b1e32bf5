/* SPDX-License-Identifier: MIT */
/* One byte per signal: several of one number that come before the loop asks are one. */
#include "daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "guestwire/guestwire.h"

enum signals_limits {
	SIGNALS_NUMBERS = 65,
};

static volatile sig_atomic_t signals_any;
static volatile sig_atomic_t signals_came[SIGNALS_NUMBERS];
static struct gw_network *volatile signals_network;  /* that is woken */
static struct gw_network *volatile signals_faulting; /* whose guests' memory may be gone */

static void signals_on_signal(int number, siginfo_t *info, void *context)
{
	int kept = errno;

	(void)context;
	if (number > 0 && number < SIGNALS_NUMBERS)
		signals_came[number] = info->si_code == SI_USER ? SIGNALS_PROCESS : SIGNALS_TERMINAL;
	signals_any = 1;
	if (signals_network)
		gw_network_wake(signals_network);
	errno = kept;
}

/* A guest took its memory away; else it is a fault of ours, which comes again when the handler has returned. */
static void signals_on_fault(int number, siginfo_t *info, void *context)
{
	int kept = errno;

	(void)context;
	if (!signals_faulting || !gw_network_fault(signals_faulting, info->si_addr))
		signal(number, SIG_DFL);
	errno = kept;
}

void signals_catch_faults(struct gw_network *network)
{
	struct sigaction action = {.sa_sigaction = signals_on_fault, .sa_flags = SA_SIGINFO};

	signals_faulting = network;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

void signals_clear(void)
{
	signals_any = 0;
	for (int i = 0; i < SIGNALS_NUMBERS; i++)
		signals_came[i] = SIGNALS_NONE;
}

void signals_catch(int number, bool unless_ignored)
{
	struct sigaction action = {.sa_sigaction = signals_on_signal, .sa_flags = SA_SIGINFO}, before;

	if (unless_ignored && sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void signals_wake(struct gw_network *network)
{
	signals_network = network;
}

bool signals_seen(void)
{
	bool any = signals_any != 0;

	/* Before anything is taken: one that comes meanwhile is seen in the next turn. */
	signals_any = 0;
	return any;
}

enum signals_sender signals_take(int number)
{
	enum signals_sender sender = (enum signals_sender)signals_came[number];

	signals_came[number] = SIGNALS_NONE;
	return sender;
}
