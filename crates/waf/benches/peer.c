/* The peer of the measurements: libmodsecurity with the same rules on the same requests.
 *
 *   cc -O2 -o peer peer.c -lmodsecurity
 *   peer RULES ROUNDS < requests > results
 *
 * A request is a line "R HEADERS" and then method, target, version, body and all names and values
 * of headers, each as "LENGTH:bytes,". A result is one line: status, CPU microseconds per request
 * (mean over the rounds), resident kilobytes, and the ids of the rules that logged. */
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char ids[65536];
static size_t ids_length;

static void on_log(void *data, const void *message) {
  const char *id = strstr(message, "[id \"");
  (void)data;
  if (id == NULL || ids_length + 24 > sizeof ids) return;
  id += 5;
  ids[ids_length++] = ' ';
  while (*id >= '0' && *id <= '9') ids[ids_length++] = *id++;
}

static char *field(size_t *length) {
  char *bytes;
  if (scanf("%zu:", length) != 1) exit(2);
  bytes = malloc(*length + 1);
  if (fread(bytes, 1, *length, stdin) != *length) exit(2);
  bytes[*length] = 0;
  if (getchar() != ',') exit(2);
  return bytes;
}

static double cpu(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static long resident(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  long kilobytes = 0;
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmRSS: %ld", &kilobytes) == 1) break;
  if (file) fclose(file);
  return kilobytes;
}

static int intervened(Transaction *transaction, int status) {
  ModSecurityIntervention it = {200, 0, NULL, NULL, 0};
  if (msc_intervention(transaction, &it) && it.disruptive && status == 200) status = it.status;
  free(it.url);
  free(it.log);
  return status;
}

int main(int count, char **arguments) {
  const char *error = NULL;
  int headers, rounds = count > 2 ? atoi(arguments[2]) : 1;
  ModSecurity *engine = msc_init();
  RulesSet *rules = msc_create_rules_set();
  msc_set_log_cb(engine, on_log);
  if (count < 2 || msc_rules_add_file(rules, arguments[1], &error) < 0) {
    fprintf(stderr, "rules: %s\n", error ? error : "no file given");
    return 1;
  }
  while (scanf(" R %d ", &headers) == 1) {
    size_t method_n, uri_n, version_n, body_n, *name_n, *value_n;
    char *method = field(&method_n), *uri = field(&uri_n);
    char *version = field(&version_n), *body = field(&body_n);
    char **names = calloc(headers, sizeof *names), **values = calloc(headers, sizeof *values);
    int status = 200, round, at;
    double best = 0, start;
    name_n = calloc(headers, sizeof *name_n);
    value_n = calloc(headers, sizeof *value_n);
    for (at = 0; at < headers; at++) {
      names[at] = field(&name_n[at]);
      values[at] = field(&value_n[at]);
    }
    for (round = 0; round < rounds; round++) {
      Transaction *transaction;
      ids_length = 0;
      status = 200;
      start = cpu();
      transaction = msc_new_transaction(engine, rules, NULL);
      msc_process_connection(transaction, "127.0.0.1", 40000, "127.0.0.1", 443);
      msc_process_uri(transaction, uri, method, strncmp(version, "HTTP/", 5) ? version : version + 5);
      for (at = 0; at < headers; at++)
        msc_add_n_request_header(transaction, (unsigned char *)names[at], name_n[at],
                                 (unsigned char *)values[at], value_n[at]);
      msc_process_request_headers(transaction);
      status = intervened(transaction, status);
      if (status == 200) {
        if (body_n) msc_append_request_body(transaction, (unsigned char *)body, body_n);
        msc_process_request_body(transaction);
        status = intervened(transaction, status);
      }
      msc_process_logging(transaction);
      best += cpu() - start;
      msc_transaction_cleanup(transaction);
    }
    ids[ids_length] = 0;
    printf("%d %.1f %ld%s\n", status, best / rounds, resident(), ids);
    free(method), free(uri), free(version), free(body);
    for (at = 0; at < headers; at++) free(names[at]), free(values[at]);
    free(names), free(values), free(name_n), free(value_n);
  }
  return 0;
}
