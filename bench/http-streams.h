/*
 * Idle GET streams of the load driver: opened, written to by the server all at once, and looked for after they were
 * closed. The server's control requests go to its own port and never through the command that is measured.
 */
#ifndef BENCH_HTTP_STREAMS_H
#define BENCH_HTTP_STREAMS_H

#include "http-client.h"
#include "measure.h"

/* Streams that are opened at a time: less than the backlog of a listener. */
#define OPENING 100

static int control_port;

/* Opens all streams, some at a time: each is open when its head is there. */
static inline void open_streams(size_t count) {
  struct epoll_event events[MAX_EVENTS];
  size_t started = 0, opened = 0;
  while (opened < count) {
    size_t may = opened + OPENING < count ? opened + OPENING : count;
    start_clients(started, may);
    started = may;
    int ready = epoll_wait(poll_fd, events, MAX_EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *client = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) push(client);
      if (!(events[i].events & ~EPOLLOUT)) continue;
      int whole = take(client);
      if (client->streams) {
        if (client->in.state == HEAD) continue;
        if (whole || status_of(&client->in) != 200) fail("no stream", client);
        opened++;
      } else if (whole && handshake(client)) {
        client->streams = 1;
        add_head(client, "GET", 0);
      }
      if (client->count > 0) push(client);
    }
  }
}

static inline void control_send(struct connection *control, const char *line) {
  memset(control, 0, sizeof *control);
  control->fd = dial(control_port);
  int length = snprintf(control->head, sizeof control->head,
                        "%s HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n", line);
  http_piece(control, control->head, (size_t)length);
  if (http_write(control) != 1) die("control");
}

static inline long control_answer(struct connection *control) {
  while (!take(control)) {
  }
  close(control->fd);
  control->in.opening[control->in.body_bytes < 31 ? control->in.body_bytes : 31] = '\0';
  return atol(control->in.opening);
}

static inline long streams_at_server(void) {
  struct connection control;
  control_send(&control, "GET /streams");
  return control_answer(&control);
}

/* Milliseconds from the order until the last stream has its event. */
static inline double broadcast(size_t count, size_t event) {
  struct connection control;
  struct epoll_event events[MAX_EVENTS];
  size_t missing = count, before = clients[0].in.body_bytes;
  long start = now_ns(CLOCK_MONOTONIC);
  control_send(&control, "POST /broadcast");
  while (missing > 0) {
    int ready = epoll_wait(poll_fd, events, MAX_EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *client = events[i].data.ptr;
      int had = client->in.body_bytes == before + event;
      if (take(client)) fail("the stream ended", client);
      if (client->in.body_bytes > before + event) fail("more than the event", client);
      missing -= !had && client->in.body_bytes == before + event;
    }
  }
  long end = now_ns(CLOCK_MONOTONIC);
  if (control_answer(&control) != (long)count) fail("the server had another number of streams", &control);
  return (double)(end - start) / 1e6;
}

/* Connections that the command has not closed, be their clients gone or not (proc(5), tcp_states.h). */
static inline long connections_at_command(void) {
  char line[512];
  long count = 0;
  unsigned int local, state;
  FILE *table = fopen("/proc/net/tcp", "r");
  if (table == NULL) die("/proc/net/tcp");
  while (fgets(line, sizeof line, table) != NULL) {
    if (sscanf(line, " %*d: %*x:%x %*x:%*x %x", &local, &state) != 2) continue;
    count += (int)local == port && (state == 1 || state == 8);
  }
  fclose(table);
  return count;
}

#endif
