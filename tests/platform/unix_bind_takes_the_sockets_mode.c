/* SPDX-License-Identifier: MIT */
/* bind() gives the file the mode that fchmod() gave the socket, less the umask; a socket that was renamed is served under
 * its new name, and reports the old one. So a listener's path appears ready, by rename. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *claim(const char *directory)
{
	struct sockaddr_un first = {.sun_family = AF_UNIX};
	struct sockaddr_un second = {.sun_family = AF_UNIX};
	struct sockaddr_un told = {0};
	socklen_t length = sizeof(told);
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	const char *wrong = NULL;
	struct stat made;

	snprintf(first.sun_path, sizeof(first.sun_path), "%s/first", directory);
	snprintf(second.sun_path, sizeof(second.sun_path), "%s/second", directory);
	umask(0);
	if (fchmod(server, 0600) < 0 || bind(server, (struct sockaddr *)&first, sizeof(first)) < 0)
		return "no socket";
	if (stat(first.sun_path, &made) < 0 || (made.st_mode & 0777) != 0600)
		wrong = "the file's mode is not the socket's";
	if (connect(client, (struct sockaddr *)&first, sizeof(first)) == 0)
		wrong = "it connects before listen()";
	if (listen(server, 1) < 0 || rename(first.sun_path, second.sun_path) < 0)
		wrong = "it cannot be renamed";
	if (connect(client, (struct sockaddr *)&second, sizeof(second)) < 0)
		wrong = "it is not served under its new name";
	if (getsockname(server, (struct sockaddr *)&told, &length) < 0 || strcmp(told.sun_path, first.sun_path) != 0)
		wrong = "it does not report the old name";
	unlink(first.sun_path);
	unlink(second.sun_path);
	return wrong;
}

int main(void)
{
	char directory[] = "/tmp/gw-claim.XXXXXX";
	const char *wrong;

	if (!mkdtemp(directory))
		return 77;
	wrong = claim(directory);
	rmdir(directory);
	if (wrong)
		printf("%s\n", wrong);
	return wrong ? 1 : 0;
}
