/* SPDX-License-Identifier: MIT */
/* NAT's TCP between a model guest and model sockets, on a virtual clock, from a seed: delay, loss, reordering and
 * duplication between guest and gateway; ports that take offloads or none, that lend room in pieces or refuse it; sockets
 * that take parts, that are full, that are peeked or read; ends that end, half-close and reset whenever they like. Both
 * streams must be intact, no flow may outlive its ends, and every event must have happened often enough to be tested.
 *
 *   tcp [SEED]     that one scenario, and what it was
 *   tcp            all of them; prints `seed N` for each that fails
 *   tcp -n N       the first N until one fails, without counting events */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/ethswitch.h"
#include "kit/model_tcp.h"
#include "kit/model_wire.h"
#include "nat/nat.h"

enum {
#ifdef __SANITIZE_ADDRESS__
	SCENARIOS = 1500, /* slower by ten */
	EVENTS_LEAST = 50,
#else
	SCENARIOS = 10000,
	EVENTS_LEAST = 500,
#endif
	GUESTS_MAX = 3,
	TURNS_MOST = 1 << 20,
};

#define SLEEP_US ((uint64_t)60 * 1000 * 1000)
#define LIMIT_US ((uint64_t)6 * 3600 * 1000 * 1000)

struct network {
	uint32_t loss, duplicate; /* of 1000 */
	uint32_t delay_us, jitter_us;
};

struct scenario {
	enum model_port_kind kind;
	struct network network;
	bool is6, accepted, reset_guest, reset_host, reset_late, ideal;
	uint32_t guests;
	size_t tail_bytes;
	enum nat_peek peek;
	uint64_t sleep_us, wake_us; /* guestwire is stopped in between */
};

struct sim {
	uint64_t seed;
	struct random random;
	struct scenario scenario;
	uint64_t now_us;
	bool asleep;
	struct loop *loop;     /* guests, the wire, the far ends of sockets */
	struct loop *nat_loop; /* guestwire's own */
	struct task work;
	struct ethswitch *ethswitch;
	struct port gateway;
	struct model_wire wire;
	struct nat *nat;
	struct model_host host;
	struct model_guest guests[GUESTS_MAX];
	const char *wrong;

	struct nat_counters all;
	uint64_t virtual_us, intact, drops, sleeps, late_resets, shrunk, reneged;
};

static struct sim sim;

static uint32_t below(uint32_t bound)
{
	return random_below(&sim.random, bound);
}

static bool chance(uint32_t of_100)
{
	return below(100) < of_100;
}

static void wrong(const char *what)
{
	if (!sim.wrong)
		sim.wrong = what;
}

/* ---- the ends of the wire ---- */

static void on_guest_send(void *owner, const void *bytes, uint32_t count, const struct offload *offload)
{
	(void)owner;
	model_wire_send(&sim.wire, bytes, count, offload);
}

static void to_guests(void *owner, const struct frame *frame)
{
	(void)owner;
	for (uint32_t i = 0; i < sim.scenario.guests; i++) {
		if (model_guest_input(&sim.guests[i], frame))
			break;
	}
}

static void gateway_queue(struct port *port, const struct frame *frame)
{
	(void)port;
	if (nat_input(sim.nat, &sim.wire.port, frame) != DROP_NONE)
		sim.drops++;
}

static void gateway_flush(struct port *port)
{
	(void)port;
	nat_flush(sim.nat);
}

static void gateway_run(struct port *port)
{
	if (nat_run(sim.nat))
		port_schedule(port);
}

static const struct port_ops gateway_ops = {.queue = gateway_queue, .flush = gateway_flush, .run = gateway_run};

/* ---- a scenario ---- */

static uint64_t clock_us(void *owner)
{
	(void)owner;
	return sim.now_us;
}

static void on_work(void *owner)
{
	(void)owner;
	loop_defer(sim.nat_loop, &sim.work);
}

static void on_work_turn(void *owner)
{
	(void)owner;
	ethswitch_set_now(sim.ethswitch, sim.now_us);
	if (ethswitch_run(sim.ethswitch))
		loop_defer(sim.nat_loop, &sim.work);
}

static uint64_t draw_bytes(void)
{
	switch (below(4)) {
	case 0:
		return below(3);
	case 1:
		return below(3000);
	case 2:
		return below(60000);
	default:
		return below(chance(10) ? 400000 : 100000);
	}
}

static void draw_scenario(struct scenario *scenario)
{
	*scenario = (struct scenario){
		.kind = (enum model_port_kind)below(MODEL_PORT_KINDS),
		.is6 = chance(50),
		.accepted = chance(20),
		.reset_guest = chance(14),
		.reset_host = chance(12),
		.guests = chance(75) ? 1 : 1 + below(GUESTS_MAX),
		.tail_bytes = chance(25) ? 4096U * (1 + below(chance(50) ? 6 : 40)) : 0,
		.peek = chance(30) ? NAT_PEEK_NEVER : NAT_PEEK_AUTO,
	};
	if (chance(8)) {
		scenario->sleep_us = sim.now_us + below(100 * 1000);
		scenario->wake_us = scenario->sleep_us + SLEEP_US;
		sim.sleeps++;
	}
	scenario->reset_late = !scenario->reset_host && !scenario->reset_guest && chance(25);
	scenario->ideal = chance(30);
	scenario->network.delay_us = chance(60) ? 20 : below(3000);
	if (scenario->ideal)
		return;
	scenario->network.jitter_us = chance(50) ? 0 : below(2000);
	scenario->network.loss = chance(30) ? 0 : below(chance(20) ? 150 : 40);
	scenario->network.duplicate = chance(60) ? 0 : below(60);
}

static void draw_script(const struct scenario *scenario, struct model_script *script)
{
	*script = (struct model_script){
		.down = draw_bytes(),
		.reset_after = MODEL_NEVER,
		.chunk_bytes = 1 + below(chance(50) ? 100 : 70000),
		.pause_us = 1 + below(chance(50) ? 100 : 5000),
		.buffer_bytes = 2000 + below(chance(50) ? 20000 : 200000),
		.drain_bytes = 500 + below(60000),
		.drain_us = 1 + below(2000),
		.partial_every = chance(60) ? 3 : 0,
		.connect_us = chance(25) ? 0 : below(3000),
		.peeks = chance(90),
	};
	if (script->down / script->chunk_bytes > 500)
		script->chunk_bytes = (uint32_t)(script->down / 500) + 1;
	if (scenario->reset_host)
		script->reset_after = below((uint32_t)script->down + 1);
	if (scenario->reset_late)
		script->late_us = 1 + below(chance(50) ? 1000 : 1000 * 1000);
	if (!scenario->accepted && chance(5))
		script->connect_error = chance(50) ? ECONNREFUSED : EHOSTUNREACH;
}

static void draw_guest(const struct scenario *scenario, uint32_t number, struct model_guest_config *config)
{
	bool offloads = scenario->kind == MODEL_PORT_OFFLOADS || scenario->kind == MODEL_PORT_LENDS;

	*config = (struct model_guest_config){
		.loop = sim.loop,
		.random = &sim.random,
		.send = on_guest_send,
		.is6 = scenario->is6,
		.port = (uint16_t)(40000 + number),
		.far_port = (uint16_t)(MODEL_PORT + number),
		.stream = number * 2,
		.up = draw_bytes(),
		.reset_after = MODEL_NEVER,
		.mss = (uint16_t)(chance(70) ? 1440 : 300 + below(1140)),
		.buffer_bytes = chance(50) ? 200000 : 3000 + below(20000),
		.read_us = 1 + below(chance(70) ? 200 : 2000 * 1000),
		.scale = (uint8_t)below(8),
		.scaled = chance(80),
		.sack = chance(70),
		.offloads = offloads,
		.data_on_syn = chance(10),
		.fin_apart = chance(50),
		.shrinks = chance(10),
		.reneges = chance(20),
	};
	if (scenario->reset_guest)
		config->reset_after = below(100000);
}

static void start_guest(uint32_t number)
{
	struct model_guest *guest = &sim.guests[number];
	struct model_guest_config config;
	struct nat_accepted accepted = {.port = &sim.wire.port, .mac = {{2, 0, 0, 0, 0, 1}}};
	int fd;

	draw_guest(&sim.scenario, number, &config);
	draw_script(&sim.scenario, &sim.host.scripts[number]);
	sim.host.streams[number] = config.stream;
	model_guest_init(guest, &config);
	if (chance(20))
		guest->first = 0U - below(30000); /* its numbers go round */
	if (!sim.scenario.accepted) {
		model_guest_connect(guest);
		return;
	}
	if (config.is6) {
		accepted.guest = nat_address6((struct ip6){{0xfd, [15] = 0x15}}, config.port);
		accepted.far = nat_address6((struct ip6){{0x20, 1, 0xd, 0xb8, [15] = 1}}, config.far_port);
	} else {
		accepted.guest = nat_address4((struct ip4){{10, 0, 2, 15}}, config.port);
		accepted.far = nat_address4((struct ip4){{192, 0, 2, 1}}, config.far_port);
	}
	fd = model_accept(&sim.host, number);
	if (nat_tcp_accepted(sim.nat, fd, &accepted) < 0)
		wrong("an accepted connection was refused");
}

static void make_ports(void)
{
	const struct network *network = &sim.scenario.network;

	port_init(&sim.gateway, &gateway_ops, "gateway");
	sim.gateway.uplink = true;
	sim.gateway.accepts = (struct port_accepts){
		.csum = true, .tso4 = true, .tso6 = true, .uso = true, .frame_bytes = FRAME_BYTES_MAX};
	sim.wire.loop = sim.loop;
	sim.wire.gateway = sim.nat_loop;
	sim.wire.random = &sim.random;
	sim.wire.kind = sim.scenario.kind;
	sim.wire.loss = network->loss;
	sim.wire.duplicate = network->duplicate;
	sim.wire.delay_us = network->delay_us;
	sim.wire.jitter_us = network->jitter_us;
	sim.wire.to_guests = to_guests;
	model_wire_init(&sim.wire);
	ethswitch_attach(sim.ethswitch, &sim.gateway);
	ethswitch_attach(sim.ethswitch, &sim.wire.port);
}

static void make_nat(void)
{
	struct nat_config config = {
		.loop = sim.nat_loop,
		.ethswitch = sim.ethswitch,
		.gateway = &sim.gateway,
		.mac = {{2, 0, 0, 0, 0, 0xfe}},
		.key = {{sim.seed, 2}},
		.ip4 = true,
		.ip6 = true,
		.host4 = {{10, 0, 2, 2}},
		.net4 = {{10, 0, 2, 0}},
		.prefix4 = 24,
		.host6 = {{0xfd, [15] = 2}},
		.net6 = {{0xfd}},
		.prefix6 = 64,
		.flows = 16,
		.tail_bytes = sim.scenario.tail_bytes,
		.peek = sim.scenario.peek,
		.sockets = &model_socket_ops,
		.sockets_owner = &sim.host,
	};

	if (nat_new(&config, &sim.nat) < 0)
		abort();
}

/* Of the loops that run now; negative: never. */
static int64_t due_in_us(void)
{
	int64_t world_us = loop_timeout_us(sim.loop);
	int64_t nat_us = sim.asleep ? (int64_t)(sim.scenario.wake_us - sim.now_us) : loop_timeout_us(sim.nat_loop);

	return world_us < 0 || (nat_us >= 0 && nat_us < world_us) ? nat_us : world_us;
}

/* The world first, so that its clock is right for what NAT does in it. */
static void turn_loops(void)
{
	sim.asleep = sim.scenario.sleep_us <= sim.now_us && sim.now_us < sim.scenario.wake_us;
	if (loop_turn(sim.loop, 0) < 0)
		abort();
	if (sim.asleep)
		return;
	ethswitch_set_now(sim.ethswitch, sim.now_us);
	if (loop_turn(sim.nat_loop, 0) < 0)
		abort();
}

/* Until nothing is due any more. */
static void run_scenario(uint64_t start_us)
{
	int64_t timeout_us = 0;

	for (uint32_t turns = 1; sim.now_us - start_us < LIMIT_US && !sim.wrong; turns++) {
		timeout_us = due_in_us();
		if (timeout_us < 0)
			break;
		/* turns take time, though the loop does not sleep */
		sim.now_us += timeout_us > 0 ? (uint64_t)timeout_us : 1;
		turn_loops();
		if (turns > TURNS_MOST)
			wrong("it does not come to rest");
	}
	if (timeout_us >= 0)
		wrong("something is due for ever");
}

/* ---- what must hold at its end ---- */

#define CHECK(condition)                   \
	do {                               \
		if (!(condition))          \
			wrong(#condition); \
	} while (0)

static const struct model_socket *socket_of(uint32_t number)
{
	for (size_t i = sim.host.count; i-- > 0;) {
		if (sim.host.sockets[i].number == number)
			return &sim.host.sockets[i];
	}
	return NULL;
}

static void check_whole(const struct model_guest *guest, const struct model_socket *socket)
{
	CHECK(guest->got_fin && guest->received == socket->script.down);
	CHECK(socket->taken == guest->config.up && socket->shut);
	/* After a sleep, or when its tries are lost again and again, the guest's timer is so slow that it may ask for its last
	 * acknowledgement too late. */
	CHECK(guest->fin_acked || (guest->got_reset && (sim.scenario.sleep_us || sim.scenario.network.loss > 60)));
	CHECK(!socket->closed_by_reset);
	sim.intact++;
}

static void check_guest(uint32_t number)
{
	const struct model_guest *guest = &sim.guests[number];
	const struct model_socket *socket = socket_of(number);
	bool ideal = sim.scenario.ideal,
	     quiet = !sim.scenario.reset_guest && !sim.scenario.reset_host && !sim.scenario.reset_late;

	sim.shrunk += guest->shrunk;
	sim.reneged += guest->reneged;
	if (!socket) {
		CHECK(guest->gave_up);
		return;
	}
	if (socket->script.connect_error) {
		CHECK(!ideal || (socket->script.connect_error == ECONNREFUSED ? guest->refused : guest->unreachable));
		return;
	}
	if (guest->gave_up || nat_counters(sim.nat)->tcp_given_up > 0) {
		CHECK(sim.scenario.network.loss > 60 || !quiet);
		return;
	}
	if (quiet)
		check_whole(guest, socket);
	if (socket->reset && guest->got_reset)
		CHECK(guest->received == socket->arrived);
	if (ideal && socket->reset && !guest->sent_reset && socket->closed && guest->opened_us)
		CHECK(guest->got_reset || (guest->got_fin && guest->fin_acked));
	sim.late_resets += socket->reset && socket->ended;
	if (ideal && guest->sent_reset && !socket->shut)
		CHECK(socket->closed_by_reset);
}

static void check_end(void)
{
	if (sim.host.wrong)
		wrong(sim.host.wrong);
	for (uint32_t i = 0; i < sim.scenario.guests; i++) {
		if (sim.guests[i].wrong)
			wrong(sim.guests[i].wrong);
		else
			check_guest(i);
	}
	CHECK(nat_flow_count(sim.nat) == 0);
	for (size_t i = 0; i < sim.host.count; i++)
		CHECK(sim.host.sockets[i].closed);
}

static void count_events(void)
{
	const uint64_t *from = (const uint64_t *)nat_counters(sim.nat);
	uint64_t *to = (uint64_t *)&sim.all;

	for (size_t i = 0; i < sizeof(sim.all) / sizeof(uint64_t); i++)
		to[i] += from[i];
}

static void clear_scenario(void)
{
	nat_free(sim.nat);
	for (uint32_t i = 0; i < sim.scenario.guests; i++)
		model_guest_done(&sim.guests[i]);
	model_host_done(&sim.host);
	model_wire_done(&sim.wire);
	ethswitch_detach(&sim.wire.port);
	ethswitch_detach(&sim.gateway);
	loop_cancel(sim.nat_loop, &sim.work);
}

static void tell_scenario(void)
{
	const struct scenario *scenario = &sim.scenario;

	printf("kind %d, IPv%d, %s, guests %u, loss %u/1000, duplicates %u/1000, delay %u+%u us, tail %zu, %s, resets "
	       "%d %d\n",
	       scenario->kind, scenario->is6 ? 6 : 4, scenario->accepted ? "accepted" : "outbound", scenario->guests,
	       scenario->network.loss, scenario->network.duplicate, scenario->network.delay_us,
	       scenario->network.jitter_us, scenario->tail_bytes, scenario->peek == NAT_PEEK_AUTO ? "peeks" : "ring",
	       scenario->reset_guest, scenario->reset_host);
	for (uint32_t i = 0; i < scenario->guests; i++) {
		const struct model_guest *guest = &sim.guests[i];
		const struct model_socket *socket = socket_of(i);

		printf("guest: state %d, up %llu, una %llu, next %llu, window %u, received %llu, fin %d acked %d, "
		       "reset %d sent %d, "
		       "gave up %d, mss %u, buffer %u\n",
		       guest->state, (unsigned long long)guest->config.up, (unsigned long long)guest->una,
		       (unsigned long long)guest->next, guest->window, (unsigned long long)guest->received,
		       guest->got_fin, guest->fin_acked, guest->got_reset, guest->sent_reset, guest->gave_up,
		       guest->config.mss, guest->config.buffer_bytes);
		if (socket)
			printf("socket: down %llu, arrived %llu, consumed %llu, peek %llu, taken %llu, shut %d, ended "
			       "%d, reset %d, "
			       "closed %d (reset %d), buffer %u\n",
			       (unsigned long long)socket->script.down, (unsigned long long)socket->arrived,
			       (unsigned long long)socket->consumed, (unsigned long long)socket->peek_at,
			       (unsigned long long)socket->taken, socket->shut, socket->ended, socket->reset,
			       socket->closed, socket->closed_by_reset, socket->script.buffer_bytes);
	}
}

static bool scenario_run(uint64_t seed, bool tell)
{
	/* The same alone as behind others: numbers of sequence begin by the clock. */
	uint64_t start_us = seed * 2 * LIMIT_US;

	sim.now_us = start_us;
	sim.seed = seed;
	sim.wrong = NULL;
	random_init(&sim.random, seed);
	sim.host = (struct model_host){.loop = sim.loop, .asked = sim.nat_loop, .random = &sim.random};
	draw_scenario(&sim.scenario);
	make_ports();
	make_nat();
	for (uint32_t i = 0; i < sim.scenario.guests; i++)
		start_guest(i);
	run_scenario(start_us);
	check_end();
	count_events();
	sim.virtual_us += sim.now_us - start_us;
	if (sim.wrong)
		printf("seed %llu: %s\n", (unsigned long long)seed, sim.wrong);
	if (tell)
		tell_scenario();
	clear_scenario();
	return !sim.wrong;
}

/* ---- partial sends cost nothing ---- */

/* The virtual time that a guest needs for 8 MiB; 0: they did not arrive whole. */
static uint64_t time_upload(uint32_t partial_every)
{
	struct model_script script = {
		.reset_after = MODEL_NEVER,
		.chunk_bytes = 1,
		.pause_us = 1,
		.buffer_bytes = 1 << 20,
		.drain_bytes = 60000,
		.drain_us = 50,
		.partial_every = partial_every,
		.peeks = true,
	};
	uint64_t start_us = sim.now_us, took_us;

	sim.seed = 1;
	sim.wrong = NULL;
	random_init(&sim.random, 1);
	sim.host = (struct model_host){.loop = sim.loop,
				       .asked = sim.nat_loop,
				       .random = &sim.random,
				       .scripts = {script}};
	sim.scenario = (struct scenario){.kind = MODEL_PORT_OFFLOADS, .guests = 1, .network = {.delay_us = 20}};
	make_ports();
	make_nat();
	model_guest_init(&sim.guests[0], &(struct model_guest_config){.loop = sim.loop,
								      .random = &sim.random,
								      .send = on_guest_send,
								      .port = 40000,
								      .far_port = MODEL_PORT,
								      .up = 8 << 20,
								      .reset_after = MODEL_NEVER,
								      .mss = 1460,
								      .buffer_bytes = 65535,
								      .read_us = 1,
								      .scale = 7,
								      .scaled = true,
								      .sack = true,
								      .offloads = true});
	model_guest_connect(&sim.guests[0]);
	/* Until the far end has them: the guest is done as soon as the flow's tail has the last ones. */
	while (!sim.host.sockets[0].shut && due_in_us() >= 0 && sim.now_us - start_us < LIMIT_US) {
		sim.now_us += (uint64_t)due_in_us();
		turn_loops();
	}
	took_us = sim.now_us - start_us;
	if (!sim.host.sockets[0].shut || sim.guests[0].wrong || sim.host.wrong || sim.host.sockets[0].taken != 8 << 20)
		took_us = 0;
	clear_scenario();
	return took_us;
}

static bool upload_is_steady(void)
{
	uint64_t whole_us = time_upload(0), partial_us = time_upload(3);

	if (whole_us == 0 || partial_us == 0) {
		printf("  8 MiB up did not arrive\n");
		return false;
	}
	printf("  8 MiB up: %llu us, with every third send partial %llu us: %llu %%\n", (unsigned long long)whole_us,
	       (unsigned long long)partial_us, (unsigned long long)(whole_us * 100 / partial_us));
	return whole_us * 100 >= partial_us * 90;
}

/* ---- all of them ---- */

static int tell_event(const char *name, uint64_t count, bool must)
{
	bool few = must && count < EVENTS_LEAST;

	printf("  %-32s %10llu%s\n", name, (unsigned long long)count, few ? "  too few" : "");
	return few;
}

static int tell_events(bool must)
{
	const struct nat_counters *all = &sim.all;
	int few = 0;

	few += tell_event("timer retransmissions", all->tcp_timer_retransmissions, must);
	few += tell_event("fast retransmissions", all->tcp_fast_retransmissions, must);
	few += tell_event("zero windows", all->tcp_zero_windows, must);
	few += tell_event("window probes", all->tcp_probes, must);
	few += tell_event("half-closes from guest", all->tcp_half_closes_from_guest, must);
	few += tell_event("half-closes from host", all->tcp_half_closes_from_host, must);
	few += tell_event("resets from guest", all->tcp_resets_from_guest, must);
	few += tell_event("resets from host", all->tcp_resets_from_host, must);
	few += tell_event("partial sends", all->tcp_partial_sends, must);
	few += tell_event("full sockets", all->tcp_full_sockets, must);
	few += tell_event("bytes refused by the pool", all->tcp_tail_refused, must);
	few += tell_event("data on SYN", all->tcp_data_on_syn, must);
	few += tell_event("data on FIN", all->tcp_data_on_fin, must);
	few += tell_event("out of order from guest", all->tcp_out_of_order, must);
	few += tell_event("time-waits", all->tcp_time_waits, must);
	few += tell_event("resets behind the end", sim.late_resets, must);
	few += tell_event("windows taken back", sim.shrunk, must);
	few += tell_event("SACKs taken back", sim.reneged, must);
	few += tell_event("stopped for a minute", sim.sleeps, must);
	tell_event("ports reused", all->tcp_reused, false);
	tell_event("refused connects", all->tcp_refused, false);
	tell_event("keep-alives", all->tcp_keepalives, false);
	tell_event("given up", all->tcp_given_up, false);
	printf("  %llu connections intact both ways, %llu frames, %llu s of virtual time\n",
	       (unsigned long long)sim.intact, (unsigned long long)sim.wire.frames,
	       (unsigned long long)(sim.virtual_us / 1000000));
	return few;
}

static int set_up(void)
{
	struct ethswitch_config config = {.mtu_bytes = 1500, .gateway = {{2, 0, 0, 0, 0, 0xfe}}, .on_work = on_work};

	sim.now_us = 1000000;
	task_init(&sim.work, on_work_turn, NULL);
	if (loop_new(clock_us, NULL, &sim.loop) < 0 || loop_new(clock_us, NULL, &sim.nat_loop) < 0)
		return -1;
	return ethswitch_new(&config, &sim.ethswitch);
}

int main(int argc, char **argv)
{
	bool first = argc > 2 && strcmp(argv[1], "-n") == 0;
	uint64_t one = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t count = first ? strtoull(argv[2], NULL, 10) : SCENARIOS;
	int failed = 0, passed = 0, few = 0;

	if (set_up() < 0)
		return 1;
	for (uint64_t seed = one ? one : 1; seed <= (one ? one : count) && failed < (first ? 1 : 20); seed++) {
		if (scenario_run(seed, one != 0))
			passed++;
		else
			failed++;
	}
	if (!one && failed == 0) {
		few = tell_events(!first);
		if (upload_is_steady())
			passed++;
		else
			failed++;
	}
	ethswitch_free(sim.ethswitch);
	loop_free(sim.nat_loop);
	loop_free(sim.loop);
	printf("%d passed, %d failed\n", passed, failed + few);
	return failed + few > 0;
}
