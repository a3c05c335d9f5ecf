/*
 * The load driver for HTTP: plays MCP clients against one command that listens, each on a connection and in a session
 * of its own, and prints what it measured as one line of JSON.
 *
 * usage: http-driver alone|together|streams [NAME=NUMBER]... -- COMMAND [ARGUMENT]...
 *   alone     one connection, one request at a time
 *   together  many connections, each with its next request when it has its answer
 *   streams   opens idle GET streams, lets the server write to all of them at once, closes them
 *   bytes=300      of a request, an answer and an event       control=0    the server's own port; 0: the command's
 *   seconds=2      measured, after ...                        warmup=0.5   seconds that are not
 *   inflight=50    connections of `together`                  idle=0       ms of silence before a load or an RSS
 *   streams=5000   GET streams                                broadcasts=5
 *   limit=60       seconds after which all of it is killed
 */
#define _GNU_SOURCE
#include "http-streams.h"

enum { BYTES, SECONDS, WARMUP, INFLIGHT, STREAMS, BROADCASTS, CONTROL, IDLE, LIMIT, OPTIONS };
static const char *const NAMES[OPTIONS] = {"bytes",      "seconds", "warmup", "inflight", "streams",
                                           "broadcasts", "control", "idle",   "limit"};
static double option[OPTIONS] = {300, 2, 0.5, 50, 5000, 5, 0, 0, 60};

/* Of a relay, for each stream: the client's connection and its own to the server. */
#define DESCRIPTORS_PER_STREAM 2
#define OTHER_DESCRIPTORS 300
#define LEFT_LIMIT_NS 3000000000L
#define BETWEEN_BROADCASTS_NS 200000000L
#define MAX_BROADCASTS 100

static void run_alone(struct connection *client) {
  start_client(client);
  do exchange(client);
  while (!handshake(client));
  long before = now_ns(CLOCK_MONOTONIC), warm = before + (long)(option[WARMUP] * 1e9);
  while (before < warm) {
    round_trip(client);
    before = now_ns(CLOCK_MONOTONIC);
  }
  long end = before + (long)(option[SECONDS] * 1e9);
  open_window(before);
  while (before < end) {
    round_trip(client);
    long after = now_ns(CLOCK_MONOTONIC);
    add_sample(after - before);
    before = after;
  }
  close_window(before, sample_count);
  close_client(client);
}

/* All connections at once; each sends its next request when it has its answer. */
static void run_together(size_t count, double seconds, double warmup) {
  struct epoll_event events[MAX_EVENTS];
  unsigned long answered = 0, at_warm = 0;
  size_t idle = 0;
  long now = now_ns(CLOCK_MONOTONIC), warm = now + (long)(warmup * 1e9), end = warm + (long)(seconds * 1e9);
  start_clients(0, count);
  while (idle < count) {
    int ready = epoll_wait(poll_fd, events, MAX_EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *client = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) push(client);
      if (!(events[i].events & ~EPOLLOUT) || !take(client)) continue;
      if (client->opened) {
        check_call(client);
        answered++;
      }
      if (client->opened || handshake(client)) {
        if (now < end) add_call(client);
        else idle++;
      }
      if (client->count > 0) push(client);
    }
    now = now_ns(CLOCK_MONOTONIC);
    if (window.start == 0 && now >= warm) {
      at_warm = answered;
      open_window(now);
    }
    if (window.seconds == 0 && now >= end) close_window(now, answered - at_warm);
  }
  for (size_t i = 0; i < count; i++) close_client(&clients[i]);
}

/* Of the clients that are gone, what the command and the server still hold; asked until it is nothing. */
static void print_left(void) {
  long start = now_ns(CLOCK_MONOTONIC), now, at_command, at_server;
  do {
    sleep_ns(5000000);
    at_command = connections_at_command();
    at_server = streams_at_server();
    now = now_ns(CLOCK_MONOTONIC);
  } while (at_command + at_server > 0 && now - start < LEFT_LIMIT_NS);
  printf("\"leftAtCommand\":%ld,\"leftAtServer\":%ld,\"leftMs\":%.1f,", at_command, at_server,
         (double)(now - start) / 1e6);
}

static size_t possible_streams(void) {
  unsigned long limit = raise_descriptors();
  size_t count = (size_t)option[STREAMS];
  if (count * DESCRIPTORS_PER_STREAM + OTHER_DESCRIPTORS <= limit) return count;
  count = limit < 2 * OTHER_DESCRIPTORS ? 1 : (limit - OTHER_DESCRIPTORS) / DESCRIPTORS_PER_STREAM;
  fprintf(stderr, "only %zu streams: the hard limit of open files is %lu (ulimit -Hn)\n", count, limit);
  return count;
}

static void run_streams(void) {
  double broadcasts[MAX_BROADCASTS];
  int rounds = option[BROADCASTS] > MAX_BROADCASTS ? MAX_BROADCASTS : (int)option[BROADCASTS];
  size_t count = possible_streams();
  control_port = option[CONTROL] > 0 ? (int)option[CONTROL] : port;
  open_clients(count + (size_t)option[INFLIGHT]);
  if (option[WARMUP] > 0) run_together((size_t)option[INFLIGHT], option[WARMUP], 0);
  sleep_ns((long)(option[IDLE] * 1e6));
  long before_kb = subject_memory(&subject, "VmRSS"), start = now_ns(CLOCK_MONOTONIC);
  open_streams(count);
  double open_ms = (double)(now_ns(CLOCK_MONOTONIC) - start) / 1e6;
  sleep_ns((long)(option[IDLE] * 1e6));
  long open_kb = subject_memory(&subject, "VmRSS");
  for (int i = 0; i < rounds; i++) {
    broadcasts[i] = broadcast(count, (size_t)option[BYTES] + EVENT_FRAMING);
    sleep_ns(BETWEEN_BROADCASTS_NS);
  }
  for (size_t i = 0; i < count; i++) close_client(&clients[i]);
  printf("{\"streams\":%zu,\"openMs\":%.1f,\"beforeKb\":%ld,\"openKb\":%ld,", count, open_ms, before_kb, open_kb);
  printf("\"peakKb\":%ld,\"broadcastMs\":[", subject_memory(&subject, "VmHWM"));
  for (int i = 0; i < rounds; i++) printf("%s%.2f", i > 0 ? "," : "", broadcasts[i]);
  printf("],");
  print_left();
}

static void run_load(int alone) {
  open_clients((size_t)option[INFLIGHT]);
  sleep_ns((long)(option[IDLE] * 1e6));
  subject_reset_peak(&subject);
  if (alone) run_alone(&clients[0]);
  else run_together((size_t)option[INFLIGHT], option[SECONDS], option[WARMUP]);
  sort_samples();
  printf("{\"p50Us\":%.2f,\"p99Us\":%.2f,\"maxUs\":%.2f,", percentile_us(0.5), percentile_us(0.99), percentile_us(1));
  printf("\"calls\":%lu,\"seconds\":%.4f,\"cpuMs\":%.3f,\"allCalls\":%lu,", window.calls, window.seconds,
         window.cpu_ms, next_id);
  printf("\"bodyBytes\":%lu,\"framingBytes\":%lu,\"peakKb\":%ld,", body_bytes, framing_bytes,
         subject_memory(&subject, "VmHWM"));
}

int main(int argc, char **argv) {
  int command = argc > 2 ? read_options(argc, argv, NAMES, option, OPTIONS) : 0;
  int streams = argc > 1 && strcmp(argv[1], "streams") == 0, alone = argc > 1 && strcmp(argv[1], "alone") == 0;
  if (command == 0 || (!streams && !alone && strcmp(argv[1], "together") != 0)) {
    fprintf(stderr, "usage: http-driver alone|together|streams [NAME=NUMBER]... -- COMMAND [ARGUMENT]...\n");
    return 2;
  }
  outbox_open(&request, REQUEST_OPENING, ARGUMENTS_MIDDLE, REQUEST_CLOSING, 1, (size_t)option[BYTES]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  long spawned = now_ns(CLOCK_MONOTONIC);
  give_up_after((unsigned int)option[LIMIT]);
  port = subject_listens(&subject, argv + command);
  double start_ms = (double)(now_ns(CLOCK_MONOTONIC) - spawned) / 1e6;
  if (streams) run_streams();
  else run_load(alone);
  struct ending ending = subject_terminate(&subject, 10);
  printf("\"startMs\":%.1f,\"exitMs\":%.1f,\"exitCode\":%d}\n", start_ms, ending.close_ms,
         WIFEXITED(ending.status) ? WEXITSTATUS(ending.status) : -WTERMSIG(ending.status));
  return 0;
}
