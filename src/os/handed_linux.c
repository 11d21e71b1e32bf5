/* SPDX-License-Identifier: MIT */
/* See handed.h. What surprises: flags of a file belong to everybody who has it open, so that a descriptor which was made
 * non-blocking may be made blocking again by who handed it over; each call says for itself that it does not wait. */
#include "os/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Only files of tmpfs and of huge pages have seals, and the kernel itself knows it. fstat() and fstatfs() ask the file's
 * own system, which in FUSE is a process that may leave the question open for ever. */
static bool handed_lives_in_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

int handed_map(int fd, uint64_t offset, uint64_t bytes, struct handed_memory *ret_memory)
{
	struct stat status;
	uint64_t page_bytes, slack, map_bytes;
	void *map;

	if (bytes == 0 || offset > INT64_MAX / 2 || bytes > INT64_MAX / 2 || !handed_lives_in_memory(fd) ||
	    fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (uint64_t)status.st_size < offset + bytes)
		return -EINVAL;
	/* Without sealing allowed this fails, and a fault is what tells. */
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
	/* The file system's own pages: 2 MiB and more with huge ones, whose mappings begin and end with one. */
	page_bytes = (uint64_t)status.st_blksize;
	if (page_bytes == 0 || (page_bytes & (page_bytes - 1)) || page_bytes > (1u << 30))
		return -EINVAL;
	slack = offset & (page_bytes - 1);
	map_bytes = (bytes + slack + page_bytes - 1) & ~(page_bytes - 1);
	map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - slack));
	if (map == MAP_FAILED)
		return -errno;
	(void)madvise(map, map_bytes, MADV_DONTDUMP);
	*ret_memory = (struct handed_memory){.at = (uint8_t *)map + slack, .map = map, .map_bytes = map_bytes};
	return 0;
}

void handed_unmap(struct handed_memory *memory)
{
	if (memory->map_bytes > 0)
		munmap(memory->map, memory->map_bytes);
	*memory = (struct handed_memory){0};
}

int handed_empty(const struct handed_memory *memory)
{
	void *map = mmap(memory->map, memory->map_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	return map == MAP_FAILED ? -errno : 0;
}

int handed_event_in(const struct bell *bell, int fd)
{
	return bell_check(bell, fd);
}

static bool handed_is_socket(int fd, int option, int wanted)
{
	int value;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

bool handed_is_local(int fd)
{
	return handed_is_socket(fd, SO_DOMAIN, AF_UNIX);
}

int handed_event_out(const struct bell *bell, int fd, struct handed_event *ret_event)
{
	/* the close() of one that is not local may wait for its far end */
	bool stream = handed_is_local(fd) && handed_is_socket(fd, SO_TYPE, SOCK_STREAM);
	int code = stream ? 0 : bell_check(bell, fd);

	if (code == 0)
		*ret_event = (struct handed_event){fd, stream};
	return code;
}

bool handed_event_clear(int fd)
{
	uint64_t count;
	struct iovec piece = {&count, sizeof(count)};

	return preadv2(fd, &piece, 1, -1, RWF_NOWAIT) == sizeof(count) || errno == EAGAIN || errno == EINTR;
}

void handed_event_signal(struct bell *bell, struct handed_event event)
{
	uint64_t one = 1;

	if (event.socket)
		(void)!send(event.fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (event.fd >= 0)
		bell_ring(bell, event.fd);
}
