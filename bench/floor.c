#include "bench/floor.h"

#include "base/mem.h"
#include "bench/measure.h"
#include "bench/process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STALL   (5 * MEASURE_SECOND)
#define WARM_UP (MEASURE_SECOND / 4)

/* An order is a record of bytes that each socket is to be sent, at once. */
static void obey(int orders, const int *sockets, size_t count)
{
	char *bytes = mem_zalloc(FLOOR_BATCH_BYTES);

	for (;;) {
		ssize_t got = recv(orders, bytes, FLOOR_BATCH_BYTES, 0);

		if (got <= 0)
			_exit(0);
		for (size_t s = 0; s < count; s++)
			if (send(sockets[s], bytes, (size_t)got, MSG_NOSIGNAL) != got)
				_exit(1);
	}
}

/* The child: takes the other ends of the connections, then does as it is told. */
static void become_sender(const struct options *o, int listener, int orders, size_t count)
{
	int *sockets = mem_zalloc(count * sizeof *sockets);
	int on = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	process_pin(o->broker_cpu);
	for (size_t i = 0; i < count; i++) {
		sockets[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (sockets[i] < 0) {
			perror("bench: floor: accept");
			_exit(1);
		}
		setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	close(listener);
	obey(orders, sockets, count);
}

static bool fork_sender(struct floor *f, const struct options *o, int listener)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		perror("bench: floor: socketpair");
		return false;
	}
	fflush(NULL);
	f->child = fork();
	if (f->child == 0) {
		close(ends[0]);
		become_sender(o, listener, ends[1], f->count);
	}
	close(ends[1]);
	f->orders = ends[0];
	return f->child > 0;
}

static bool connect_all(struct floor *f, const struct sockaddr_in *to)
{
	for (size_t i = 0; i < f->count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
			perror("bench: floor: connect");
			if (fd >= 0)
				close(fd);
			return false;
		}
		f->clients[i].number = (uint32_t)i;
		swarm_adopt(&f->swarm, &f->clients[i], fd);
	}
	return true;
}

static bool start_sender(struct floor *f, const struct options *o)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof at) == 0 &&
		  listen(listener, 1024) == 0 &&
		  getsockname(listener, (struct sockaddr *)&at, &len) == 0;

	if (!ok)
		perror("bench: floor: listen");
	ok = ok && fork_sender(f, o, listener);
	if (listener >= 0)
		close(listener); /* the child has it; if it ends, so does the listening */
	return ok && connect_all(f, &at);
}

static void on_message(void *owner, struct client *c, struct span body)
{
	struct floor *f = owner;
	struct check_number n;

	(void)check_read(&f->check, c->number, body, &n); /* counts by itself */
}

/* For a run without a broker: as long as a real one, give or take its message-id. */
static void imitate_frame(struct buf *out, size_t body)
{
	struct buf head = { 0 };
	size_t len;

	buf_printf(&head,
		"MESSAGE\ndestination:/sub/bench\ncontent-type:text/plain\nsubscription:s\n"
		"message-id:0123456789-1\ncontent-length:%zu\n\n",
		body);
	len = head.len + body + 1;
	buf_put(out, SPAN("\x81\x7e"));
	buf_put_byte(out, (char)(len >> 8));
	buf_put_byte(out, (char)len);
	buf_put(out, buf_span(&head));
	memset(buf_reserve(out, body + 1), 0, body + 1);
	out->len += body + 1;
	buf_fini(&head);
}

bool floor_start(struct floor *f, const struct options *o, struct span frame)
{
	*f = (struct floor){ .count = o->subscribers, .orders = -1 };
	f->clients = mem_zalloc(f->count * sizeof *f->clients);
	check_init(&f->check, f->count, 1, o->body);
	if (frame.len)
		buf_put(&f->frame, frame);
	else
		imitate_frame(&f->frame, o->body);
	return swarm_init(&f->swarm, 0, o->body, on_message, f) && start_sender(f, o);
}

void floor_stop(struct floor *f)
{
	if (!f->clients)
		return;
	for (size_t i = 0; i < f->count; i++)
		swarm_close(&f->swarm, &f->clients[i]);
	swarm_fini(&f->swarm);
	if (f->orders >= 0)
		close(f->orders);
	if (f->child > 0) {
		kill(f->child, SIGKILL); /* it may be stuck in a send that nobody reads */
		waitpid(f->child, NULL, 0);
	}
	check_fini(&f->check);
	buf_fini(&f->frame);
	buf_fini(&f->order);
	free(f->clients);
	*f = (struct floor){ 0 };
}

/* Numbers the next messages, one after the other; they wait in `order`. */
static void write_order(struct floor *f, size_t batch)
{
	f->order.len = 0;
	for (size_t i = 0; i < batch; i++) {
		struct span body =
			check_write(&f->check, (struct check_number){ 0, f->sequence++ });

		buf_put(&f->order, buf_span(&f->frame));
		memcpy(f->order.at + f->order.len - body.len - 1, body.at, body.len);
	}
}

/* Where a measurement stands. */
struct progress {
	uint64_t ordered; /* rounds */
	uint64_t before;  /* messages that had come before it */
	uint64_t heard;   /* when the last messages came */
};

/* Keeps `window` rounds in flight until `end`; false when nothing comes any more. */
static bool keep_going(
	struct floor *f, const struct floor_run *run, struct progress *p, uint64_t end)
{
	uint64_t round = (uint64_t)run->batch * f->count;

	for (uint64_t now = measure_now(); now < end; now = measure_now()) {
		uint64_t came = f->swarm.messages;

		while (p->ordered - (came - p->before) / round < run->window) {
			if (f->order.len == 0)
				write_order(f, run->batch);
			/* The child takes orders when it has carried out the last. */
			if (send(f->orders, f->order.at, f->order.len,
				    MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				break;
			f->order.len = 0;
			p->ordered++;
		}
		swarm_turn(&f->swarm, 100);
		if (f->swarm.messages != came)
			p->heard = now;
		else if (now - p->heard > STALL)
			return false;
	}
	return true;
}

/* Reads what was ordered, to the last byte; what was numbered but not ordered is forgotten. */
static bool finish(struct floor *f, const struct floor_run *run, const struct progress *p)
{
	uint64_t due = p->before + p->ordered * run->batch * f->count;
	uint64_t deadline = measure_now() + STALL;

	if (f->order.len > 0)
		f->sequence -= (uint32_t)run->batch;
	f->order.len = 0;
	while (f->swarm.messages < due && measure_now() < deadline)
		swarm_turn(&f->swarm, 100);
	return f->check.good == due && f->swarm.messages == due;
}

bool floor_measure(
	struct floor *f, const struct floor_run *run, size_t seconds, struct floor_result *result)
{
	struct progress p = { .before = f->swarm.messages, .heard = measure_now() };
	uint64_t start, cpu, came;
	double deliveries;

	if (!keep_going(f, run, &p, p.heard + WARM_UP))
		goto failed;
	start = measure_now();
	cpu = measure_cpu(f->child);
	came = f->swarm.messages;
	if (!keep_going(f, run, &p, start + seconds * MEASURE_SECOND) || f->swarm.messages == came)
		goto failed;
	cpu = measure_cpu(f->child) - cpu;
	deliveries = (double)(f->swarm.messages - came);
	result->rate = deliveries * 1e9 / (double)(measure_now() - start);
	result->cpu_ns = (double)cpu / deliveries;
	if (finish(f, run, &p))
		return true;
failed:
	fprintf(stderr, "bench: floor: FAILED: not every message arrived as it was sent\n");
	return false;
}

bool floor_print(struct floor *f, const struct options *o)
{
	static const struct floor_run runs[] = { { 1, 1 }, { 1, 16 }, { 16, 4 } };

	printf("\n### Floor: a bare send(2) loop to %zu sockets, %zu bytes a message\n\n"
	       "| messages per send | messages in flight | deliveries/s | sender CPU ns per delivery "
	       "|\n|--:|--:|--:|--:|\n",
		f->count, f->frame.len);
	for (size_t i = 0; i < countof(runs); i++) {
		double rate[BENCH_REPEAT_MOST];
		double cpu[BENCH_REPEAT_MOST];

		if (runs[i].batch > FLOOR_BATCH_BYTES / f->frame.len)
			continue;
		for (size_t n = 0; n < o->repeat; n++) {
			struct floor_result got;

			if (!floor_measure(f, &runs[i], o->seconds, &got))
				return false;
			rate[n] = got.rate;
			cpu[n] = got.cpu_ns;
		}
		printf("| %zu | %zu | %.0f | %.0f |\n", runs[i].batch,
			runs[i].batch * runs[i].window, measure_median(rate, o->repeat),
			measure_median(cpu, o->repeat));
	}
	return true;
}
