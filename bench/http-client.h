/*
 * MCP clients of the load driver, each on a connection and in a session of its own. They check status, size and id of
 * each answer where a client would parse, so that what is measured is the command and not they themselves.
 */
#ifndef BENCH_HTTP_CLIENT_H
#define BENCH_HTTP_CLIENT_H

#include "http.h"
#include <fcntl.h>

#define MAX_EVENTS 1024
/* A JSON-RPC client sends these. */
#define ACCEPTS "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"

static const char INITIALIZE[] =
    "{\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
    "\"clientInfo\":{\"name\":\"bench-driver\",\"version\":\"1.0.0\"}},\"jsonrpc\":\"2.0\",\"id\":0}";
static const char INITIALIZED[] = "{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}";

static int port, poll_fd;
static struct outbox request; /* the tools/call */
static struct connection *clients;
static char buffer[READ_BYTES];
static unsigned long next_id;
static unsigned long body_bytes, framing_bytes; /* that passed, both ways; of these, what makes an event of a message */

static inline void fail(const char *what, const struct connection *at) {
  fprintf(stderr, "bench: %s: %.200s %.*s\n", what, at->in.head, (int)at->in.tail_bytes, at->in.tail);
  exit(1);
}

static inline int dial(int to) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)to), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
  return fd;
}

/* The head of a request on this connection; `length` 0: it has no body. */
static inline void add_head(struct connection *to, const char *method, size_t length) {
  int bytes = snprintf(to->head, sizeof to->head,
                       "%s /mcp HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: keep-alive\r\n" ACCEPTS, method, port);
  char *at = to->head + bytes, *end = to->head + sizeof to->head;
  if (to->session[0] != '\0')
    at += snprintf(at, (size_t)(end - at), "Mcp-Session-Id: %s\r\nMCP-Protocol-Version: 2025-11-25\r\n", to->session);
  if (length > 0) at += snprintf(at, (size_t)(end - at), "Content-Length: %zu\r\n", length);
  at += snprintf(at, (size_t)(end - at), "\r\n");
  http_piece(to, to->head, (size_t)(at - to->head));
  http_clear(&to->in);
}

static inline void add_text(struct connection *to, const char *body) {
  add_head(to, "POST", strlen(body));
  http_piece(to, body, strlen(body));
  body_bytes += strlen(body);
}

static inline void add_call(struct connection *to) {
  to->id = ++next_id;
  add_head(to, "POST", request.bytes);
  size_t tail = message_tail(&request, to->tail, to->id);
  http_piece(to, request.head, request.bytes - tail);
  http_piece(to, to->tail, tail);
  body_bytes += request.bytes;
}

static inline void push(struct connection *to) {
  if (http_push(poll_fd, to) < 0) fail("the connection was closed while a request was written", to);
}

/* Reads once. 1 when an answer is whole. */
static inline int take(struct connection *from) {
  ssize_t length = read(from->fd, buffer, sizeof buffer);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (length <= 0) fail("the connection was closed", from);
  if (http_take(&from->in, buffer, (size_t)length) < (size_t)length) fail("more than an answer", from);
  return from->in.state == WHOLE;
}

static inline int status_of(const struct reader *in) { return in->head_bytes > 12 ? atoi(in->head + 9) : 0; }

static inline void check_call(struct connection *from) {
  const struct reader *in = &from->in;
  size_t framing = in->body_bytes - request.bytes, tail = in->tail_bytes;
  if (status_of(in) != 200 || (framing != 0 && framing != EVENT_FRAMING)) fail("not the answer that was due", from);
  while (tail > 0 && in->tail[tail - 1] == '\n') tail--;
  if (id_of(in->tail, tail) != (long)from->id) fail("the answer to another request", from);
  body_bytes += in->body_bytes;
  framing_bytes += framing;
}

/* One exchange after the other, on a socket that blocks. */
static inline void exchange(struct connection *with) {
  if (http_write(with) != 1) fail("the connection was closed while a request was written", with);
  while (!take(with)) {
  }
}

static inline void round_trip(struct connection *with) {
  add_call(with);
  exchange(with);
  check_call(with);
}

/* `initialize` was answered, or the note after it was accepted: what comes next is written. 1 when it is done. */
static inline int handshake(struct connection *with) {
  if (with->session[0] == '\0') {
    const char *session = http_header(&with->in, "\r\nmcp-session-id: ");
    if (status_of(&with->in) != 200 || session == NULL) fail("no session", with);
    snprintf(with->session, sizeof with->session, "%.*s", (int)strcspn(session, "\r"), session);
    body_bytes += with->in.body_bytes;
    add_text(with, INITIALIZED);
    return 0;
  }
  if (status_of(&with->in) != 202) fail("not accepted", with);
  with->opened = 1;
  return 1;
}

static inline void start_client(struct connection *client) {
  client->fd = dial(port);
  http_watch(poll_fd, client);
  add_text(client, INITIALIZE);
}

static inline void close_client(struct connection *client) {
  close(client->fd);
  memset(client, 0, sizeof *client);
}

static inline void open_clients(size_t count) {
  clients = calloc(count, sizeof *clients);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (clients == NULL || poll_fd < 0) die("clients");
}

static inline void start_clients(size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    start_client(&clients[i]);
    fcntl(clients[i].fd, F_SETFL, O_NONBLOCK);
    push(&clients[i]);
  }
}

#endif
