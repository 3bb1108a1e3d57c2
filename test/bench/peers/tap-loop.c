/*
 * The floor of tap-pps and tap-tcp: one read and one write a frame between two TAPs, nothing else.
 * usage: tap-loop A B [spin|nap]    both TAPs are made here, with a virtio-net header as smrouter's have; with `spin` it never sleeps;
 * with `nap` it lets frames gather for 640 microseconds after each time it has had some; ends with SIGTERM.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int open_tap(const char *name)
{
	struct ifreq ifr;
	int size = 12;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	memset(&ifr, 0, sizeof(ifr));
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
	if (fd == -1 || ioctl(fd, TUNSETIFF, &ifr) == -1 || ioctl(fd, TUNSETVNETHDRSZ, &size) == -1)
		return -1;
	/* Superframes pass whole here too. */
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == -1)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	static char frame[70000];
	struct pollfd fds[2];
	const struct timespec gather = { 0, 640000 };
	int spins, naps, i, worked = 0;

	if (argc != 3 && argc != 4)
		return 2;
	for (i = 0; i < 2; i++) {
		fds[i].fd = open_tap(argv[i + 1]);
		fds[i].events = POLLIN;
		if (fds[i].fd == -1) {
			perror(argv[i + 1]);
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	spins = argc == 4 && strcmp(argv[3], "spin") == 0;
	naps = argc == 4 && !spins;
	while (poll(fds, 2, spins || (naps && worked) ? 0 : -1) >= 0) {
		worked = 0;
		for (i = 0; i < 2; i++) {
			ssize_t n;
			int burst = naps ? 512 : 64;

			if (naps && !(fds[i].revents & POLLIN))
				continue;
			while (burst-- > 0 && (n = read(fds[i].fd, frame, sizeof(frame))) > 0) {
				worked = 1;
				if (write(fds[1 - i].fd, frame, n) == -1)
					continue;
			}
		}
		if (naps && worked)
			nanosleep(&gather, NULL);
	}
	return 0;
}
