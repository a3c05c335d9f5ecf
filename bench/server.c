/*
 * An MCP server that costs next to nothing: it looks for newlines and for the id at the end of a line, and answers each
 * request with a canned result of the size asked for. Never parses, never blocks on anything but its two pipes.
 *
 * usage: server ANSWER_BYTES [FLOOD_MESSAGES FLOOD_MESSAGE_BYTES]
 * With a flood, each tools/call is answered after so many notifications of that size.
 * When BENCH_EXIT_FILE is set, the moment of its exit is written there, in nanoseconds of the monotonic clock.
 */
#include "message.h"
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static const char INITIALIZE_RESULT[] =
    "{\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{\"listChanged\":true},\"logging\":"
    "{}},\"serverInfo\":{\"name\":\"bench\",\"version\":\"1.0.0\"}},\"jsonrpc\":\"2.0\",\"id\":0}\n";

static struct outbox answers, flood;
static unsigned long flood_messages;
static int initialized;

/* `end` holds the end of the line, without its newline. */
static void answer(const char *end, size_t length) {
  long id = id_of(end, length);
  if (id < 0) return;
  if (!initialized) {
    initialized = 1;
    write_text(STDOUT_FILENO, INITIALIZE_RESULT);
    return;
  }
  for (unsigned long i = 0; i < flood_messages; i++) {
    outbox_add(&flood, 0);
    if (outbox_full(&flood)) outbox_flush(&flood, STDOUT_FILENO);
  }
  outbox_flush(&flood, STDOUT_FILENO);
  outbox_add(&answers, (unsigned long)id);
  if (outbox_full(&answers)) outbox_flush(&answers, STDOUT_FILENO);
}

/* Of a line that began in an earlier read only the last bytes are kept: its id stands there. */
static char kept[TAIL_BYTES];
static size_t kept_bytes;

static void keep(const char *bytes, size_t length) {
  if (length >= sizeof kept) {
    memcpy(kept, bytes + length - sizeof kept, sizeof kept);
    kept_bytes = sizeof kept;
    return;
  }
  size_t stay = kept_bytes + length > sizeof kept ? sizeof kept - length : kept_bytes;
  memmove(kept, kept + kept_bytes - stay, stay);
  memcpy(kept + stay, bytes, length);
  kept_bytes = stay + length;
}

static void read_lines(const char *bytes, size_t length) {
  const char *at = bytes, *end = bytes + length, *newline;
  while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
    if (kept_bytes > 0) {
      keep(at, (size_t)(newline - at));
      answer(kept, kept_bytes);
      kept_bytes = 0;
    } else {
      answer(at, (size_t)(newline - at));
    }
    at = newline + 1;
  }
  keep(at, (size_t)(end - at));
}

static void tell_exit(void) {
  const char *path = getenv("BENCH_EXIT_FILE");
  if (path == NULL) return;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  dprintf(fd, "%ld\n", now.tv_sec * 1000000000L + now.tv_nsec);
  close(fd);
}

int main(int argc, char **argv) {
  static char buffer[READ_BYTES];
  if (argc != 2 && argc != 4) {
    fprintf(stderr, "usage: server ANSWER_BYTES [FLOOD_MESSAGES FLOOD_MESSAGE_BYTES]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  outbox_open(&answers, ANSWER_OPENING, ANSWER_MIDDLE, ANSWER_CLOSING, 1, strtoul(argv[1], NULL, 10));
  if (argc == 4) {
    flood_messages = strtoul(argv[2], NULL, 10);
    outbox_open(&flood, NOTE_OPENING, ARGUMENTS_MIDDLE, NOTE_CLOSING, 0, strtoul(argv[3], NULL, 10));
  }
  for (;;) {
    ssize_t length = read(STDIN_FILENO, buffer, sizeof buffer);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    read_lines(buffer, (size_t)length);
    outbox_flush(&answers, STDOUT_FILENO);
  }
  tell_exit();
  return 0;
}
