/*
 * A sender that keeps a pace and sleeps between, so that what it costs can be told from what its frames cost (flood.js
 * spins).
 * usage: pace LINK DST SRC FRAMES_PER_SECOND BURST SECONDS
 * 60-byte frames of ethertype 0x88b5, which a host drops at once, BURST at a time. Ends with its time or SIGTERM and
 * prints, as JSON: sent, refused (the link did not take them), seconds, and cpuNs: its processor time while sending, with
 * the softirqs that ran on its account.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define LENGTH 60
#define MOST 64
#define SECOND 1000000000LL

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

static long long now_ns(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return at.tv_sec * SECOND + at.tv_nsec;
}

static int parse_mac(const char *text, unsigned char *mac)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) == 6;
}

int main(int argc, char **argv)
{
	static unsigned char frame[LENGTH];
	static struct mmsghdr messages[MOST];
	struct sockaddr_ll link = { .sll_family = AF_PACKET };
	struct iovec bytes = { frame, LENGTH };
	long long start, cpu, until, due, gap, sent = 0, refused = 0;
	int rate, burst, i, one = 1, fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (argc != 7 || !parse_mac(argv[2], frame) || !parse_mac(argv[3], frame + 6))
		return 2;
	rate = atoi(argv[4]);
	burst = atoi(argv[5]);
	if (rate < 1 || burst < 1 || burst > MOST)
		return 2;
	frame[12] = 0x88;
	frame[13] = 0xb5;
	link.sll_ifindex = if_nametoindex(argv[1]);
	if (fd == -1 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) == -1 ||
	    bind(fd, (struct sockaddr *)&link, sizeof(link)) == -1) {
		perror(argv[1]);
		return 1;
	}
	for (i = 0; i < burst; i++) {
		messages[i].msg_hdr.msg_iov = &bytes;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	signal(SIGTERM, on_term);
	/* A timer may otherwise be 50 microseconds late, as long as five frames. */
	prctl(PR_SET_TIMERSLACK, 1);
	gap = SECOND * burst / rate;
	cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	start = due = now_ns(CLOCK_MONOTONIC);
	until = start + atoi(argv[6]) * SECOND;
	/* Who is late catches up: deadlines do not move. Who cannot gives up after as long again. */
	for (; !stop && due < until && now_ns(CLOCK_MONOTONIC) < 2 * until - start; due += gap) {
		struct timespec at = { due / SECOND, due % SECOND };
		int took;

		if (now_ns(CLOCK_MONOTONIC) < due)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		took = sendmmsg(fd, messages, burst, 0);
		if (took < 0)
			took = 0;
		sent += took;
		refused += burst - took;
	}
	printf("{\"sent\":%lld,\"refused\":%lld,\"seconds\":%.6f,\"cpuNs\":%lld}\n", sent, refused,
	       (double)(now_ns(CLOCK_MONOTONIC) - start) / SECOND, now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu);
	return 0;
}
