/*
 * An OTLP/HTTP receiver (JSON) that only counts spans, so cheaply that it takes nothing from what is measured. Prints
 * its port at once and its counts when its stdin ends. With `hang` it reads requests and never answers one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 8
/* A batch is some hundreds of spans of about a kilobyte. */
#define MAX_REQUEST_BYTES (64u << 20)
/* Stands in each span once. */
#define SPAN_MARK "\"startTimeUnixNano\""

struct connection {
  int fd;
  char *bytes;
  size_t length, capacity;
};

static struct connection connections[MAX_CONNECTIONS];
static unsigned long request_count, span_count;
static int hangs;

static void die(const char *what) {
  fprintf(stderr, "bench receiver: %s: %s\n", what, strerror(errno));
  exit(1);
}

static unsigned long spans_in(const char *at, size_t length) {
  unsigned long spans = 0;
  const char *end = at + length;
  while ((at = memmem(at, (size_t)(end - at), SPAN_MARK, sizeof SPAN_MARK - 1)) != NULL) {
    spans++;
    at += sizeof SPAN_MARK - 1;
  }
  return spans;
}

/* Bytes of the first request in the buffer when it is whole, else 0. */
static size_t whole_request(const struct connection *connection, size_t *body) {
  char *end = memmem(connection->bytes, connection->length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  *body = (size_t)(end + 4 - connection->bytes);
  *end = '\0';
  char *header = strcasestr(connection->bytes, "\r\ncontent-length:");
  size_t bytes = *body + (header == NULL ? 0 : strtoul(header + 17, NULL, 10));
  *end = '\r';
  return connection->length >= bytes ? bytes : 0;
}

static void answer_all(struct connection *connection) {
  static const char ok[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
  size_t bytes, body;
  while ((bytes = whole_request(connection, &body)) > 0) {
    request_count++;
    if (!hangs) {
      span_count += spans_in(connection->bytes + body, bytes - body);
      if (write(connection->fd, ok, sizeof ok - 1) < 0 && errno != EPIPE && errno != ECONNRESET) die("write");
    }
    connection->length -= bytes;
    memmove(connection->bytes, connection->bytes + bytes, connection->length);
  }
}

static void take(struct connection *connection) {
  if (connection->capacity - connection->length < 65536) {
    connection->capacity = connection->capacity * 2 + 262144;
    connection->bytes = realloc(connection->bytes, connection->capacity);
    if (connection->bytes == NULL || connection->capacity > 2 * MAX_REQUEST_BYTES) die("request too large");
  }
  ssize_t length = read(connection->fd, connection->bytes + connection->length,
                        connection->capacity - connection->length - 1);
  if (length > 0) {
    connection->length += (size_t)length;
    answer_all(connection);
    return;
  }
  close(connection->fd);
  connection->fd = -1;
  connection->length = 0;
}

static int listen_on_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, MAX_CONNECTIONS) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
    die("listen");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

int main(int argc, char **argv) {
  hangs = argc > 1 && strcmp(argv[1], "hang") == 0;
  for (int i = 0; i < MAX_CONNECTIONS; i++) connections[i].fd = -1;
  struct pollfd watched[MAX_CONNECTIONS + 2] = {{STDIN_FILENO, POLLIN, 0}, {listen_on_loopback(), POLLIN, 0}};
  for (;;) {
    for (int i = 0; i < MAX_CONNECTIONS; i++) watched[i + 2] = (struct pollfd){connections[i].fd, POLLIN, 0};
    if (poll(watched, MAX_CONNECTIONS + 2, -1) < 0) die("poll");
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
      if (watched[i + 2].revents) take(&connections[i]);
    }
    if (watched[1].revents) {
      int i = 0, fd = accept(watched[1].fd, NULL, NULL);
      while (i < MAX_CONNECTIONS && connections[i].fd >= 0) i++;
      if (i == MAX_CONNECTIONS) close(fd);
      else connections[i].fd = fd;
    }
    char told;
    if (watched[0].revents && read(STDIN_FILENO, &told, 1) <= 0) break;
  }
  printf("{\"requests\":%lu,\"spans\":%lu}\n", request_count, span_count);
  return 0;
}
