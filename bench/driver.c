/*
 * The load driver: plays an MCP client against one command and prints what it measured as one line of JSON. It counts
 * newlines where a client would parse, so that what it measures is the command and not itself.
 *
 * usage: driver rtt|flow [NAME=NUMBER]... -- COMMAND [ARGUMENT]...
 *   rtt   one request at a time, the next when the answer is there
 *   flow  many in flight, as fast as they are answered or at a rate
 *   bytes=300      of a request, newline included          calls=N     at most so many requests
 *   seconds=2      measured, after ...                     warmup=0.5  seconds that are not
 *   inflight=64    requests without an answer              rate=0      requests per second; 0: no limit
 *   lines=1        lines that answer one request           stall=0     ms in which it does not read (flow)
 *   idle=0         ms of silence before the first request  settle=0    ms of silence after the last answer
 *   limit=60       seconds after which all of it is killed
 */
#define _GNU_SOURCE
#include "measure.h"

enum { BYTES, SECONDS, CALLS, WARMUP, INFLIGHT, RATE, LINES, STALL, IDLE, SETTLE, LIMIT, OPTIONS };
static const char *const NAMES[OPTIONS] = {"bytes", "seconds", "calls", "warmup", "inflight", "rate",
                                           "lines", "stall",   "idle",  "settle", "limit"};
static double option[OPTIONS] = {300, 2, 1e9, 0.5, 64, 0, 1, 0, 0, 0, 60};

static struct outbox requests;
static char buffer[READ_BYTES];

static unsigned long total_calls; /* answered, since the handshake */
static long stalled_kb = -1;

/* Lines in what one read delivers; ends the run when the other side is gone. 0 also when nothing was there. */
static unsigned long read_lines(void) {
  ssize_t length = read(subject.out, buffer, sizeof buffer);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (length <= 0) {
    fprintf(stderr, "bench: the command ended after %lu answers\n", total_calls);
    exit(1);
  }
  unsigned long lines = 0;
  const char *at = buffer, *end = buffer + length;
  while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
    lines++;
    at++;
  }
  return lines;
}

static void round_trip(unsigned long id) {
  outbox_add(&requests, id);
  outbox_flush(&requests, subject.in);
  while (read_lines() == 0) {
  }
}

static void run_rtt(void) {
  unsigned long id = 0;
  long begin = now_ns(CLOCK_MONOTONIC), before = begin;
  long warm = begin + (long)(option[WARMUP] * 1e9);
  while (before < warm) {
    round_trip(++id);
    before = now_ns(CLOCK_MONOTONIC);
  }
  long end = before + (long)(option[SECONDS] * 1e9);
  open_window(before);
  while (before < end && (double)sample_count < option[CALLS]) {
    round_trip(++id);
    long after = now_ns(CLOCK_MONOTONIC);
    add_sample(after - before);
    before = after;
  }
  close_window(before, sample_count);
  total_calls = id;
}

static void run_flow(void) {
  unsigned long sent = 0, lines = 0, at_warm = 0;
  const unsigned long per_call = (unsigned long)option[LINES];
  long begin = now_ns(CLOCK_MONOTONIC), now = begin;
  long warm = begin + (long)(option[WARMUP] * 1e9);
  long end = warm + (long)(option[SECONDS] * 1e9);
  long reads_from = begin + (long)(option[STALL] * 1e6);
  int warmed = 0, counted = 0;
  fcntl(subject.in, F_SETFL, O_NONBLOCK);
  fcntl(subject.out, F_SETFL, O_NONBLOCK);
  for (;;) {
    unsigned long answered = lines / per_call;
    total_calls = answered;
    if (!warmed && now >= warm) {
      warmed = 1;
      at_warm = answered;
      open_window(now);
    }
    int over = now >= end || (double)sent >= option[CALLS];
    if (over && !counted && (now >= end || answered == sent)) {
      counted = 1;
      close_window(now, answered - at_warm);
    }
    if (over && counted && answered == sent) return;
    double due = option[RATE] > 0 ? (double)(now - begin) / 1e9 * option[RATE] : 1e18;
    while (!over && (double)sent < due && (double)sent < option[CALLS] &&
           (double)(sent - answered) < option[INFLIGHT] && !outbox_full(&requests)) {
      outbox_add(&requests, ++sent);
    }
    int stalled = now < reads_from;
    struct pollfd both[] = {{subject.out, stalled ? 0 : POLLIN, 0},
                            {subject.in, outbox_empty(&requests) ? 0 : POLLOUT, 0}};
    /* A tick of half a millisecond keeps the pace; without one the wait is for the other side. */
    struct timespec tick = {0, option[RATE] > 0 ? 500000 : 20000000};
    if (ppoll(both, 2, &tick, NULL) < 0 && errno != EINTR) die("poll");
    if (both[0].revents) lines += read_lines();
    if (both[1].revents && outbox_write(&requests, subject.in) < 0 && errno != EAGAIN) die("write");
    now = now_ns(CLOCK_MONOTONIC);
    if (stalled && now >= reads_from) stalled_kb = subject_memory(&subject, "VmRSS");
  }
}

int main(int argc, char **argv) {
  int command = argc > 2 ? read_options(argc, argv, NAMES, option, OPTIONS) : 0;
  int sequential = argc > 1 && strcmp(argv[1], "rtt") == 0;
  if (command == 0 || (!sequential && strcmp(argv[1], "flow") != 0)) {
    fprintf(stderr, "usage: driver rtt|flow [NAME=NUMBER]... -- COMMAND [ARGUMENT]...\n");
    return 2;
  }
  outbox_open(&requests, REQUEST_OPENING, ARGUMENTS_MIDDLE, REQUEST_CLOSING, 1, (size_t)option[BYTES]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);

  long spawned = now_ns(CLOCK_MONOTONIC);
  subject = subject_start(argv + command);
  give_up_after((unsigned int)option[LIMIT]);
  write_text(subject.in, "{\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"
                         "\"clientInfo\":{\"name\":\"bench-driver\",\"version\":\"1.0.0\"}},\"jsonrpc\":\"2.0\",\"id\":0}\n");
  while (read_lines() == 0) {
  }
  double start_ms = (double)(now_ns(CLOCK_MONOTONIC) - spawned) / 1e6;
  write_text(subject.in, "{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}\n");

  sleep_ns((long)(option[IDLE] * 1e6));
  long idle_kb = subject_memory(&subject, "VmRSS");
  if (option[IDLE] > 0) subject_reset_peak(&subject);
  long cpu_before = now_ns(subject.cpu);
  if (sequential) run_rtt();
  else run_flow();
  sleep_ns((long)(option[SETTLE] * 1e6));
  double cpu_ms = (double)(now_ns(subject.cpu) - cpu_before) / 1e6;
  long peak_kb = subject_memory(&subject, "VmHWM");
  struct ending ending = subject_end(&subject, 10);

  sort_samples();
  printf("{\"startMs\":%.3f,\"calls\":%lu,\"seconds\":%.4f,\"cpuMs\":%.3f,\"allCalls\":%lu,\"allCpuMs\":%.3f,", start_ms,
         window.calls, window.seconds, window.cpu_ms, total_calls, cpu_ms);
  printf("\"p50Us\":%.2f,\"p99Us\":%.2f,\"maxUs\":%.2f,", percentile_us(0.5), percentile_us(0.99), percentile_us(1));
  printf("\"idleKb\":%ld,\"stalledKb\":%ld,\"peakKb\":%ld,", idle_kb, stalled_kb, peak_kb);
  printf("\"closeMs\":%.3f,\"exitMs\":%.3f,\"exitCode\":%d}\n", ending.close_ms, ending.after_server,
         WIFEXITED(ending.status) ? WEXITSTATUS(ending.status) : -WTERMSIG(ending.status));
  return 0;
}
