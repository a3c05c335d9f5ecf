/*
 * What both load drivers have in common: their options, the process they measure, the window in which they do, and the
 * round trips of it.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "subject.h"

#define MAX_SAMPLES 4000000

static struct subject subject;
/* Round trips in ns; the first so many, which is minutes of them. */
static unsigned int samples[MAX_SAMPLES];
static size_t sample_count;

static struct {
  unsigned long calls;
  double seconds, cpu_ms;
  long start, cpu;
} window;

static inline void open_window(long now) {
  window.start = now;
  window.cpu = now_ns(subject.cpu);
}

static inline void close_window(long now, unsigned long calls) {
  window.calls = calls;
  window.seconds = (double)(now - window.start) / 1e9;
  window.cpu_ms = (double)(now_ns(subject.cpu) - window.cpu) / 1e6;
}

static inline void add_sample(long ns) {
  if (sample_count < MAX_SAMPLES) samples[sample_count++] = (unsigned int)ns;
}

static inline int ascending(const void *left, const void *right) {
  unsigned int a = *(const unsigned int *)left, b = *(const unsigned int *)right;
  return (a > b) - (a < b);
}

static inline void sort_samples(void) { qsort(samples, sample_count, sizeof *samples, ascending); }

/* Of sorted samples; -1 when there are none. */
static inline double percentile_us(double share) {
  if (sample_count == 0) return -1;
  return samples[(size_t)((double)(sample_count - 1) * share)] / 1e3;
}

static inline void give_up(int signal) {
  (void)signal;
  static const char text[] = "bench: took too long, given up\n";
  kill(subject.pid, SIGKILL);
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(4);
  _exit(3);
}

static inline void give_up_after(unsigned int seconds) {
  signal(SIGALRM, give_up);
  alarm(seconds);
}

/* NAME=NUMBER from the second argument up to `--`. Returns the position of the command after it, or 0. */
static inline int read_options(int argc, char **argv, const char *const *names, double *values, int count) {
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0) return i + 1 < argc ? i + 1 : 0;
    char *equals = strchr(argv[i], '=');
    int which = 0;
    while (equals != NULL && which < count &&
           (strlen(names[which]) != (size_t)(equals - argv[i]) ||
            strncmp(names[which], argv[i], (size_t)(equals - argv[i])) != 0))
      which++;
    if (equals == NULL || which == count) return 0;
    values[which] = atof(equals + 1);
  }
  return 0;
}

#endif
