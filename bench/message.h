/*
 * The messages of the bench, and an outbox that writes them without copying: newline-delimited JSON-RPC in the member
 * order of the TypeScript SDK, where `id` comes last. Driver and server share it, so that both are far quicker than
 * any relay between them.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* Half of IOV_MAX: a message is two pieces. */
#define OUTBOX_MESSAGES 512
#define TAIL_BYTES 64
#define READ_BYTES (1 << 20)

#define REQUEST_OPENING                                                                            \
  "{\"method\":\"tools/call\",\"params\":{\"name\":\"write_document\",\"arguments\":"              \
  "{\"path\":\"docs/report.md\",\"rows\":["
#define REQUEST_CLOSING "\"}},\"jsonrpc\":\"2.0\""
#define ANSWER_OPENING "{\"result\":{\"structuredContent\":{\"path\":\"docs/report.md\",\"rows\":["
#define ANSWER_MIDDLE "]},\"content\":[{\"type\":\"text\",\"text\":\""
#define ANSWER_CLOSING "\"}]},\"jsonrpc\":\"2.0\""
#define NOTE_OPENING                                                                               \
  "{\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"logger\":\"bench\","     \
  "\"data\":{\"rows\":["
#define ARGUMENTS_MIDDLE "],\"text\":\""
#define NOTE_CLOSING "\"}},\"jsonrpc\":\"2.0\""

struct outbox {
  char *head;
  size_t bytes; /* of one message, its newline included */
  const char *closing;
  size_t closing_bytes;
  int has_id;
  char tails[OUTBOX_MESSAGES][TAIL_BYTES];
  size_t tail_bytes[OUTBOX_MESSAGES];
  unsigned long first, next; /* sequence numbers of what waits */
  size_t offset;             /* of the first, already written */
};

static inline void die(const char *what) {
  fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* Rows of structured data up to half of the size, then text; whole for any size of 150 bytes and more. */
static inline void outbox_open(struct outbox *box, const char *opening, const char *middle, const char *closing,
                        int has_id, size_t bytes) {
  static const char text[] = "The quick brown fox jumps over the lazy dog while the report is being written. ";
  char row[160];
  size_t at = strlen(opening), rows = 0;
  char *head = malloc(bytes + sizeof row);
  if (head == NULL) die("malloc");
  memcpy(head, opening, at);
  for (;; rows++) {
    size_t length = (size_t)snprintf(row, sizeof row,
                                     "%s{\"id\":%zu,\"title\":\"R\\u00e9sum\xc3\xa9 \\\"%zu\\\"\",\"score\":%zu.5,"
                                     "\"tags\":[\"alpha\",\"beta\"],\"done\":%s}",
                                     rows ? "," : "", rows, rows * 7, rows % 100, rows % 2 ? "true" : "false");
    if (at + length + strlen(middle) + strlen(closing) > bytes / 2) break;
    memcpy(head + at, row, length);
    at += length;
  }
  memcpy(head + at, middle, strlen(middle));
  at += strlen(middle);
  for (size_t i = 0; at < bytes; i++, at++) head[at] = text[i % (sizeof text - 1)];
  memset(box, 0, sizeof *box);
  box->head = head;
  box->bytes = bytes;
  box->closing = closing;
  box->closing_bytes = strlen(closing);
  box->has_id = has_id;
}

static inline int outbox_full(const struct outbox *box) { return box->next - box->first == OUTBOX_MESSAGES; }
static inline int outbox_empty(const struct outbox *box) { return box->next == box->first; }

/* The end of a message: what closes it, the id when it has one, the newline. Returns its bytes. */
static inline size_t message_tail(const struct outbox *box, char tail[TAIL_BYTES], unsigned long id) {
  size_t at = box->closing_bytes;
  memcpy(tail, box->closing, at);
  if (box->has_id) {
    char digits[24];
    size_t count = 0;
    memcpy(tail + at, ",\"id\":", 6);
    at += 6;
    do digits[count++] = (char)('0' + id % 10);
    while ((id /= 10) > 0);
    while (count > 0) tail[at++] = digits[--count];
  }
  tail[at++] = '}';
  tail[at++] = '\n';
  return at;
}

static inline void outbox_add(struct outbox *box, unsigned long id) {
  unsigned long slot = box->next++ % OUTBOX_MESSAGES;
  box->tail_bytes[slot] = message_tail(box, box->tails[slot], id);
}

/* The id of a line that ends in `"id":<digits>}`, or -1: then it is no request. */
static inline long id_of(const char *line, size_t length) {
  const char *end = line + length, *at = end - 1;
  if (length < 7 || *at != '}') return -1;
  while (at > line && at[-1] >= '0' && at[-1] <= '9') at--;
  if (at - line < 5 || memcmp(at - 5, "\"id\":", 5) != 0) return -1;
  return atol(at);
}

/* One writev of what waits. Returns what writev returned. */
static inline ssize_t outbox_write(struct outbox *box, int fd) {
  struct iovec pieces[2 * OUTBOX_MESSAGES];
  int count = 0;
  size_t skip = box->offset;
  for (unsigned long i = box->first; i != box->next; i++) {
    size_t tail = box->tail_bytes[i % OUTBOX_MESSAGES], head = box->bytes - tail;
    char *tail_at = box->tails[i % OUTBOX_MESSAGES];
    if (skip < head) pieces[count++] = (struct iovec){box->head + skip, head - skip};
    size_t tail_skip = skip > head ? skip - head : 0;
    pieces[count++] = (struct iovec){tail_at + tail_skip, tail - tail_skip};
    skip = 0;
  }
  ssize_t written = writev(fd, pieces, count);
  if (written > 0) {
    size_t at = box->offset + (size_t)written;
    box->first += at / box->bytes;
    box->offset = at % box->bytes;
  }
  return written;
}

/* For blocking descriptors. */
static inline void outbox_flush(struct outbox *box, int fd) {
  while (!outbox_empty(box)) {
    if (outbox_write(box, fd) < 0 && errno != EINTR) {
      if (errno == EPIPE) exit(0);
      die("write");
    }
  }
}

static inline void write_text(int fd, const char *text) {
  for (size_t at = 0, length = strlen(text); at < length;) {
    struct iovec piece = {(char *)text + at, length - at};
    ssize_t written = writev(fd, &piece, 1);
    if (written < 0 && errno != EINTR) die("write");
    if (written > 0) at += (size_t)written;
  }
}

#endif
