/*
 * Just enough HTTP/1.1 for the bench, shared by its server and its driver: a reader of messages with sized and chunked
 * bodies that keeps the head, the first and the last bytes, and a writer of a few pieces. One message at a time on a
 * connection: never pipelined.
 */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include "message.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES 2048
#define SESSION_BYTES 33 /* of an Mcp-Session-Id, its end included */
/* An event is a message between these; a message brings its own newline. */
#define EVENT_OPENING "event: message\ndata: "
#define EVENT_CLOSING "\n"
#define EVENT_FRAMING (sizeof EVENT_OPENING - 1 + sizeof EVENT_CLOSING - 1)

struct reader {
  enum { HEAD, SIZED, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, WHOLE } state;
  char head[HEAD_BYTES]; /* ends in a NUL when it is whole */
  size_t head_bytes, left, line_bytes;
  size_t body_bytes; /* without what chunks it */
  char opening[32], tail[TAIL_BYTES];
  size_t tail_bytes;
};

struct connection {
  int fd;
  struct reader in;
  struct iovec pieces[4]; /* what is to be written */
  int first, count;
  int waits_to_write;
  char head[512], tail[TAIL_BYTES];
  unsigned long id;            /* of the request, for a client */
  int opened, streams;         /* handshake done; a GET stream */
  char session[SESSION_BYTES]; /* for a client */
};

static inline void http_clear(struct reader *in) {
  in->state = HEAD;
  in->head_bytes = in->left = in->line_bytes = in->body_bytes = in->tail_bytes = 0;
}

/* The value of a header, up to its line's end, or NULL. `name` is like "\r\ncontent-length: ". */
static inline const char *http_header(const struct reader *in, const char *name) {
  const char *at = strcasestr(in->head, name);
  return at == NULL ? NULL : at + strlen(name);
}

static inline void http_head(struct reader *in) {
  const char *length = http_header(in, "\r\ncontent-length: ");
  in->left = length == NULL ? 0 : strtoul(length, NULL, 10);
  if (http_header(in, "\r\ntransfer-encoding: chunked") != NULL) in->state = CHUNK_SIZE;
  else in->state = in->left > 0 ? SIZED : WHOLE;
  in->left = in->state == CHUNK_SIZE ? 0 : in->left;
}

static inline void http_body(struct reader *in, const char *bytes, size_t length) {
  if (in->body_bytes < sizeof in->opening) {
    size_t room = sizeof in->opening - in->body_bytes;
    memcpy(in->opening + in->body_bytes, bytes, length < room ? length : room);
  }
  in->body_bytes += length;
  size_t add = length < TAIL_BYTES ? length : TAIL_BYTES;
  size_t stay = in->tail_bytes + add > TAIL_BYTES ? TAIL_BYTES - add : in->tail_bytes;
  memmove(in->tail, in->tail + in->tail_bytes - stay, stay);
  memcpy(in->tail + stay, bytes + length - add, add);
  in->tail_bytes = stay + add;
}

static inline size_t http_take_head(struct reader *in, const char *bytes, size_t length) {
  size_t before = in->head_bytes, room = sizeof in->head - 1 - before, from = before > 3 ? before - 3 : 0;
  size_t copied = length < room ? length : room;
  memcpy(in->head + before, bytes, copied);
  char *end = memmem(in->head + from, before + copied - from, "\r\n\r\n", 4);
  if (end == NULL) {
    in->head_bytes += copied;
    if (copied == room) in->state = WHOLE; /* too long: an empty head is no status and no method */
    in->head[in->state == WHOLE ? 0 : in->head_bytes] = '\0';
    return copied;
  }
  in->head_bytes = (size_t)(end + 4 - in->head);
  in->head[in->head_bytes] = '\0';
  http_head(in);
  return in->head_bytes - before;
}

/* A byte of a line that is not body. RFC 9112 section 7.1; extensions and trailers are passed over. */
static inline void http_take_line(struct reader *in, char byte) {
  if (byte == '\n') {
    if (in->state == CHUNK_END) in->state = CHUNK_SIZE;
    else if (in->state == CHUNK_SIZE) in->state = in->left > 0 ? CHUNK : TRAILER;
    else if (in->line_bytes == 0) in->state = WHOLE;
    in->line_bytes = 0;
  } else if (byte != '\r') {
    in->line_bytes++;
    int digit = byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10;
    if (in->state == CHUNK_SIZE && digit >= 0 && digit < 16) in->left = in->left * 16 + (size_t)digit;
  }
}

/* Takes what belongs to the message, which is whole then or not yet; returns how many bytes that were. */
static inline size_t http_take(struct reader *in, const char *bytes, size_t length) {
  size_t at = 0;
  while (at < length && in->state != WHOLE) {
    if (in->state == HEAD) {
      at += http_take_head(in, bytes + at, length - at);
    } else if (in->state == SIZED || in->state == CHUNK) {
      size_t part = in->left < length - at ? in->left : length - at;
      http_body(in, bytes + at, part);
      at += part;
      in->left -= part;
      if (in->left == 0) in->state = in->state == SIZED ? WHOLE : CHUNK_END;
    } else {
      http_take_line(in, bytes[at++]);
    }
  }
  return at;
}

static inline void http_piece(struct connection *connection, const char *bytes, size_t length) {
  connection->pieces[connection->count++] = (struct iovec){(char *)bytes, length};
}

/* 1 when all is written, 0 when the rest must wait, -1 when the other side is gone. */
static inline int http_write(struct connection *connection) {
  while (connection->first < connection->count) {
    struct iovec *piece = &connection->pieces[connection->first];
    ssize_t written = writev(connection->fd, piece, connection->count - connection->first);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN ? 0 : -1;
    for (size_t left = (size_t)written; connection->first < connection->count; piece++, connection->first++) {
      if (left < piece->iov_len) {
        *piece = (struct iovec){(char *)piece->iov_base + left, piece->iov_len - left};
        break;
      }
      left -= piece->iov_len;
    }
  }
  connection->first = connection->count = 0;
  return 1;
}

/* Writes what can be written and lets epoll tell when the rest can. -1 when the other side is gone. */
static inline int http_push(int poll, struct connection *connection) {
  int done = http_write(connection);
  if (done >= 0 && connection->waits_to_write == done) {
    struct epoll_event event = {done ? EPOLLIN : EPOLLIN | EPOLLOUT, {.ptr = connection}};
    if (epoll_ctl(poll, EPOLL_CTL_MOD, connection->fd, &event) != 0) die("epoll_ctl");
    connection->waits_to_write = !done;
  }
  return done;
}

static inline void http_watch(int poll, struct connection *connection) {
  struct epoll_event event = {EPOLLIN, {.ptr = connection}};
  int on = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event) != 0) die("epoll_ctl");
}

/* As many descriptors as may be; returns how many. */
static inline unsigned long raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
  return limit.rlim_max;
}

#endif
