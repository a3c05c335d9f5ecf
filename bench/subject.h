/*
 * The process under test, watched through /proc: started as a client's SDK starts a server, on two pairs of sockets, and
 * ended as one ends it, by closing its stdin; or as a listener, ended by SIGTERM. Never leaves it behind: it dies with
 * the driver.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "message.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct subject {
  pid_t pid;
  int in, out; /* we write to `in` and read from `out` */
  clockid_t cpu;
  char exit_file[256];
};

static inline long now_ns(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) return 0;
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

static inline void sleep_ns(long ns) {
  struct timespec left = {ns / 1000000000L, ns % 1000000000L};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static inline struct subject subject_start(char **command) {
  struct subject subject = {0};
  int in[2], out[2];
  const char *folder = getenv("TMPDIR");
  snprintf(subject.exit_file, sizeof subject.exit_file, "%s/bench-exit-XXXXXX", folder == NULL ? "/tmp" : folder);
  int file = mkstemp(subject.exit_file);
  if (file < 0) die("mkstemp");
  close(file);
  setenv("BENCH_EXIT_FILE", subject.exit_file, 1);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0) die("socketpair");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) != 0) die("socketpair");
  subject.pid = fork();
  if (subject.pid < 0) die("fork");
  if (subject.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[1], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execvp(command[0], command);
    die(command[0]);
  }
  close(in[1]);
  close(out[1]);
  subject.in = in[0];
  subject.out = out[0];
  if (clock_getcpuclockid(subject.pid, &subject.cpu) != 0) die("clock_getcpuclockid");
  return subject;
}

/* A field of /proc/<pid>/status in kB, or -1. */
static inline long subject_memory(const struct subject *subject, const char *field) {
  char path[64], line[256];
  long kb = -1;
  snprintf(path, sizeof path, "/proc/%d/status", subject->pid);
  FILE *status = fopen(path, "r");
  if (status == NULL) return -1;
  while (kb < 0 && fgets(line, sizeof line, status) != NULL) {
    size_t length = strlen(field);
    if (strncmp(line, field, length) == 0 && line[length] == ':') kb = atol(line + length + 1);
  }
  fclose(status);
  return kb;
}

/* From here on VmHWM is the peak since now (proc(5), clear_refs). */
static inline void subject_reset_peak(const struct subject *subject) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/clear_refs", subject->pid);
  int file = open(path, O_WRONLY);
  if (file < 0 || write(file, "5", 1) != 1) die(path);
  close(file);
}

struct ending {
  double close_ms;      /* from the end of its stdin to its exit */
  double after_server;  /* ms from the server's exit to its exit */
  int status;           /* of waitpid */
};

/* Closes its stdin, reads what is left and waits for its end; kills it after so many seconds. */
static inline struct ending subject_end(struct subject *subject, int limit_seconds) {
  static char rest[READ_BYTES];
  struct ending ending = {-1, -1, 0};
  long closed = now_ns(CLOCK_MONOTONIC), server = 0;
  close(subject->in);
  fcntl(subject->out, F_SETFL, 0);
  for (;;) {
    struct pollfd readable = {subject->out, POLLIN, 0};
    long left = limit_seconds * 1000L - (now_ns(CLOCK_MONOTONIC) - closed) / 1000000;
    if (left <= 0 || poll(&readable, 1, (int)left) <= 0) {
      fprintf(stderr, "bench: it did not end within %d s\n", limit_seconds);
      kill(subject->pid, SIGKILL);
      break;
    }
    if (read(subject->out, rest, sizeof rest) <= 0) break;
  }
  waitpid(subject->pid, &ending.status, 0);
  long ended = now_ns(CLOCK_MONOTONIC);
  FILE *file = fopen(subject->exit_file, "r");
  if (file != NULL && fscanf(file, "%ld", &server) == 1) ending.after_server = (double)(ended - server) / 1e6;
  if (file != NULL) fclose(file);
  unlink(subject->exit_file);
  ending.close_ms = (double)(ended - closed) / 1e6;
  return ending;
}

/* Starts a listener: its stdin is a pipe that ends with us. Returns the port that it tells. */
static inline int subject_listens(struct subject *subject, char **command) {
  static const char told[] = "listening on http://127.0.0.1:";
  static char text[65536];
  int in[2];
  FILE *said = tmpfile();
  if (said == NULL || pipe2(in, O_CLOEXEC) != 0) die("pipe");
  subject->pid = fork();
  if (subject->pid < 0) die("fork");
  if (subject->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], STDIN_FILENO);
    dup2(fileno(said), STDOUT_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    execvp(command[0], command);
    die(command[0]);
  }
  close(in[0]);
  subject->in = in[1];
  if (clock_getcpuclockid(subject->pid, &subject->cpu) != 0) die("clock_getcpuclockid");
  for (;;) {
    int over = waitpid(subject->pid, NULL, WNOHANG) != 0;
    ssize_t length = pread(fileno(said), text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    const char *at = strstr(text, told);
    if (at != NULL && strchr(at, '\n') != NULL) return atoi(at + sizeof told - 1);
    if (over) {
      fprintf(stderr, "bench: it does not listen: %s\n", text);
      exit(1);
    }
    sleep_ns(500000);
  }
}

/* SIGTERM, and SIGKILL after so many seconds. */
static inline struct ending subject_terminate(struct subject *subject, int limit_seconds) {
  struct ending ending = {-1, -1, 0};
  long before = now_ns(CLOCK_MONOTONIC), limit = before + limit_seconds * 1000000000L;
  kill(subject->pid, SIGTERM);
  while (waitpid(subject->pid, &ending.status, WNOHANG) == 0) {
    sleep_ns(500000);
    if (now_ns(CLOCK_MONOTONIC) < limit) continue;
    fprintf(stderr, "bench: it did not end within %d s\n", limit_seconds);
    kill(subject->pid, SIGKILL);
    waitpid(subject->pid, &ending.status, 0);
    break;
  }
  ending.close_ms = (double)(now_ns(CLOCK_MONOTONIC) - before) / 1e6;
  return ending;
}

#endif
