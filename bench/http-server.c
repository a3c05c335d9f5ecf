/*
 * A Streamable HTTP server of MCP that costs next to nothing: it looks at the first and the last bytes of a body and
 * answers each tools/call with a canned result of the size asked for, as JSON or as a stream of one event. Never parses
 * JSON, never blocks.
 *
 * usage: http-server ANSWER_BYTES json|sse
 * Tells on stdout where it listens; ends when its stdin does. `GET /streams` tells how many GET streams are open,
 * `POST /broadcast` writes an event of ANSWER_BYTES to each of them.
 */
#define _GNU_SOURCE
#include "http.h"

#define MAX_EVENTS 1024
#define BACKLOG 4096

static const char INITIALIZE_RESULT[] =
    "{\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{\"listChanged\":true},\"logging\":"
    "{}},\"serverInfo\":{\"name\":\"bench\",\"version\":\"1.0.0\"}},\"jsonrpc\":\"2.0\",\"id\":";
static const char SSE_HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
static const char EVENT_END[] = EVENT_CLOSING "\r\n", LAST_CHUNK[] = EVENT_CLOSING "\r\n0\r\n\r\n";

static int poll_fd, answers_with_events;
static struct outbox answer, note;
static unsigned long session_count;
/* The open GET streams, in no order. */
static struct connection **streams;
static size_t stream_count, stream_room;
static char buffer[READ_BYTES];

static void answer_text(struct connection *to, const char *status, const char *extra, const char *body) {
  int length = snprintf(to->head, sizeof to->head,
                        "HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
                        extra, strlen(body), body);
  http_piece(to, to->head, (size_t)length);
}

static void answer_event(struct connection *to, const char *before, const struct outbox *box, unsigned long id,
                         const char *after) {
  size_t tail = message_tail(box, to->tail, id);
  int length = snprintf(to->head, sizeof to->head, "%s%zx\r\n" EVENT_OPENING, before, box->bytes + EVENT_FRAMING);
  http_piece(to, to->head, (size_t)length);
  http_piece(to, box->head, box->bytes - tail);
  http_piece(to, to->tail, tail);
  http_piece(to, after, strlen(after));
}

static void answer_call(struct connection *to, unsigned long id) {
  if (answers_with_events) {
    answer_event(to, SSE_HEAD, &answer, id, LAST_CHUNK);
    return;
  }
  size_t tail = message_tail(&answer, to->tail, id);
  int length = snprintf(to->head, sizeof to->head,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        answer.bytes);
  http_piece(to, to->head, (size_t)length);
  http_piece(to, answer.head, answer.bytes - tail);
  http_piece(to, to->tail, tail);
}

static void initialize(struct connection *to, unsigned long id) {
  char header[64], body[512];
  snprintf(header, sizeof header, "Mcp-Session-Id: %032lx\r\n", ++session_count);
  snprintf(body, sizeof body, "%s%lu}", INITIALIZE_RESULT, id);
  answer_text(to, "200 OK", header, body);
}

static void open_stream(struct connection *to) {
  if (stream_count == stream_room) {
    stream_room = stream_room * 2 + 64;
    streams = realloc(streams, stream_room * sizeof *streams);
    if (streams == NULL) die("realloc");
  }
  to->streams = 1;
  streams[stream_count++] = to;
  http_piece(to, SSE_HEAD, sizeof SSE_HEAD - 1);
}

/* A stream whose client is gone is found when epoll tells. */
static void broadcast(void) {
  for (size_t i = 0; i < stream_count; i++) {
    if (streams[i]->count > 0) {
      fprintf(stderr, "bench: a stream did not take the event before\n");
      exit(1);
    }
    answer_event(streams[i], "", &note, 0, EVENT_END);
    http_push(poll_fd, streams[i]);
  }
}

static void drop(struct connection *connection) {
  for (size_t i = 0; connection->streams && i < stream_count; i++) {
    if (streams[i] != connection) continue;
    streams[i] = streams[--stream_count];
    break;
  }
  close(connection->fd);
  free(connection);
}

static void respond(struct connection *to) {
  struct reader *in = &to->in;
  char count[32];
  int broadcasts = strncmp(in->head, "POST /broadcast ", 16) == 0;
  if (broadcasts || strncmp(in->head, "GET /streams ", 13) == 0) {
    if (broadcasts) broadcast();
    snprintf(count, sizeof count, "%zu", stream_count);
    answer_text(to, "200 OK", "", count);
    return;
  }
  size_t tail = in->tail_bytes > 0 && in->tail[in->tail_bytes - 1] == '\n' ? in->tail_bytes - 1 : in->tail_bytes;
  long id = id_of(in->tail, tail);
  int initializes = strncmp(in->opening, "{\"method\":\"initialize\"", 22) == 0;
  if (!initializes && http_header(in, "\r\nmcp-session-id: ") == NULL) {
    answer_text(to, "400 Bad Request", "", "{\"error\":{\"code\":-32600,\"message\":\"no session\"}}");
  } else if (strncmp(in->head, "GET ", 4) == 0) {
    open_stream(to);
  } else if (id < 0) {
    answer_text(to, "202 Accepted", "", "");
  } else if (initializes) {
    initialize(to, (unsigned long)id);
  } else {
    answer_call(to, (unsigned long)id);
  }
}

/* -1 when the client is gone, or sends what it must not. */
static int take(struct connection *from) {
  ssize_t length = read(from->fd, buffer, sizeof buffer);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (length <= 0 || from->streams) return -1;
  size_t taken = http_take(&from->in, buffer, (size_t)length);
  if (from->in.state != WHOLE) return 0;
  if (taken < (size_t)length || from->count > 0) {
    fprintf(stderr, "bench: a pipelined request\n");
    return -1;
  }
  respond(from);
  http_clear(&from->in);
  return http_push(poll_fd, from);
}

static void take_connections(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) die("calloc");
    connection->fd = fd;
    http_watch(poll_fd, connection);
  }
  if (errno == EMFILE || errno == ENFILE) die("accept");
}

static int listen_on_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, BACKLOG) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
    die("listen");
  printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

int main(int argc, char **argv) {
  static int listens, control; /* what epoll knows the listener and stdin by */
  struct epoll_event events[MAX_EVENTS];
  struct epoll_event listening = {EPOLLIN, {.ptr = &listens}}, ending = {EPOLLIN, {.ptr = &control}};
  if (argc != 3) {
    fprintf(stderr, "usage: http-server ANSWER_BYTES json|sse\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  raise_descriptors();
  answers_with_events = strcmp(argv[2], "sse") == 0;
  outbox_open(&answer, ANSWER_OPENING, ANSWER_MIDDLE, ANSWER_CLOSING, 1, strtoul(argv[1], NULL, 10));
  outbox_open(&note, NOTE_OPENING, ARGUMENTS_MIDDLE, NOTE_CLOSING, 0, strtoul(argv[1], NULL, 10));
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_on_loopback();
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &listening) != 0) die("epoll_ctl");
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &ending) != 0) die("epoll_ctl");
  for (;;) {
    int count = epoll_wait(poll_fd, events, MAX_EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (events[i].data.ptr == &control) return 0;
      if (events[i].data.ptr == &listens) take_connections(listener);
      else if (events[i].events & EPOLLOUT && http_push(poll_fd, connection) < 0) drop(connection);
      else if (events[i].events & ~EPOLLOUT && take(connection) < 0) drop(connection);
    }
  }
}
