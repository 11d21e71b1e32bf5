/* SPDX-License-Identifier: MIT */
/* capset(2) without a library. Not being dumpable keeps root of the namespace out as well: the memory belongs to the user
 * namespace in which the program was executed, and there that root is nobody (ptrace(2)). */
#include "daemon/privilege.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void privilege_drop(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	const unsigned kept = 1U << CAP_NET_BIND_SERVICE;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
		if (capability != CAP_NET_BIND_SERVICE)
			(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) < 0)
		return;
	for (int i = 0; i < 2; i++) {
		data[i].effective &= i == 0 ? kept : 0;
		data[i].permitted &= i == 0 ? kept : 0;
		data[i].inheritable = 0;
	}
	(void)syscall(SYS_capset, &header, data);
}
