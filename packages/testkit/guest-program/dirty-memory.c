/*
 * The program a lab guest runs: it fills memory with a pattern that can be recomputed, keeps changing it at a given
 * rate, keeps checking it, and says each second on the console what it saw.
 *
 * Parameters on the kernel command line:
 *   drover.working_set_mib=N   memory to fill (MiB)
 *   drover.dirty_mibps=N       memory to rewrite each second (MiB), 0 for an idle guest
 *   drover.verify_mibps=N      memory to check each second (MiB)
 *   drover.seed=N              start of the pattern
 *
 * A page's content is a function of seed, page index and generation. Pages are rewritten in order, so the generation
 * each page must have follows from two numbers alone: how many whole sweeps were made and where the current one stands.
 * That is what finds a *stale* page, one that arrived whole but from before its last change; a generation stored only in
 * the page itself could not. Every eighth word depends on the generation: each 64-byte line shows its age, and a rewrite
 * costs an eighth of a fill, which matters under emulation.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, PAGE_WORDS = PAGE_BYTES / 8, PAGES_PER_MIB = 256 };
enum { TICK_US = 2000, BEAT_US = 100000, REPORT_US = 1000000, LARGE_GAP_US = 20000 };

static uint64_t seed;
static volatile uint64_t *memory;
static uint64_t page_count;

static uint64_t mix(uint64_t x) {
  x ^= x >> 31;
  x *= 0x9e3779b97f4a7c15ULL;
  x ^= x >> 29;
  return x;
}

static uint64_t word_at(uint64_t page, uint64_t generation, unsigned word) {
  uint64_t base = seed + page * PAGE_WORDS + word;
  return word % 8 == 0 ? mix(base + (generation << 40)) : mix(base);
}

static void fill_page(uint64_t page) {
  volatile uint64_t *words = memory + page * PAGE_WORDS;
  for (unsigned word = 0; word < PAGE_WORDS; word++) words[word] = word_at(page, 0, word);
}

static void rewrite_page(uint64_t page, uint64_t generation) {
  volatile uint64_t *words = memory + page * PAGE_WORDS;
  for (unsigned word = 0; word < PAGE_WORDS; word += 8) words[word] = word_at(page, generation, word);
}

static int page_is_whole(uint64_t page, uint64_t generation) {
  const volatile uint64_t *words = memory + page * PAGE_WORDS;
  for (unsigned word = 0; word < PAGE_WORDS; word++)
    if (words[word] != word_at(page, generation, word)) return 0;
  return 1;
}

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t parameter(const char *command_line, const char *name, uint64_t fallback) {
  const char *found = strstr(command_line, name);
  return found ? strtoull(found + strlen(name), NULL, 10) : fallback;
}

int main(void) {
  char command_line[4096] = "";
  int file = open("/proc/cmdline", O_RDONLY);
  if (file < 0 || read(file, command_line, sizeof command_line - 1) <= 0) {
    printf("dirty-memory: cannot read /proc/cmdline\n");
    return 1;
  }
  close(file);
  uint64_t working_set_mib = parameter(command_line, "drover.working_set_mib=", 64);
  uint64_t dirty_mibps = parameter(command_line, "drover.dirty_mibps=", 0);
  uint64_t verify_mibps = parameter(command_line, "drover.verify_mibps=", 16);
  seed = parameter(command_line, "drover.seed=", 1) << 32;
  page_count = working_set_mib * PAGES_PER_MIB;

  memory = mmap(NULL, page_count * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    printf("dirty-memory: cannot map %llu MiB\n", (unsigned long long)working_set_mib);
    return 1;
  }
  for (uint64_t page = 0; page < page_count; page++) fill_page(page);

  uint64_t sweep = 0, write_cursor = 0;   /* pages before write_cursor are of generation sweep + 1, the others of sweep */
  uint64_t verify_cursor = 0, passes = 0; /* passes: how many times all pages were checked */
  uint64_t verified = 0, bad = 0, first_bad_page = 0;
  uint64_t dirtied = 0;
  uint64_t counter = 0, largest_gap_us = 0, large_gaps = 0, window_gap_us = 0;
  uint64_t start_us = now_us(), last_us = start_us;
  uint64_t next_report_us = start_us, next_beat_us = start_us;
  uint64_t write_due = 0, verify_due = 0; /* in pages times a million, so that small rates are not lost to rounding */

  for (;;) {
    uint64_t us = now_us();
    uint64_t gap_us = us - last_us;
    last_us = us;
    if (gap_us > largest_gap_us) largest_gap_us = gap_us;
    if (gap_us > window_gap_us) window_gap_us = gap_us;
    if (gap_us > LARGE_GAP_US) large_gaps++;
    /* After a standstill the work of the missed time is not caught up: that would be one long burst. */
    uint64_t worked_us = gap_us > LARGE_GAP_US ? LARGE_GAP_US : gap_us;

    for (write_due += worked_us * dirty_mibps * PAGES_PER_MIB; write_due >= 1000000; write_due -= 1000000) {
      rewrite_page(write_cursor, sweep + 1);
      dirtied++;
      if (++write_cursor == page_count) write_cursor = 0, sweep++;
    }
    for (verify_due += worked_us * verify_mibps * PAGES_PER_MIB; verify_due >= 1000000; verify_due -= 1000000) {
      if (!page_is_whole(verify_cursor, verify_cursor < write_cursor ? sweep + 1 : sweep)) {
        if (bad++ == 0) first_bad_page = verify_cursor;
      }
      verified++;
      if (++verify_cursor == page_count) verify_cursor = 0, passes++;
    }

    if (us >= next_beat_us) {
      printf("drover-beat us=%llu end\n", (unsigned long long)(now_us() - start_us));
      fflush(stdout);
      while (next_beat_us <= us) next_beat_us += BEAT_US;
      last_us = now_us(); /* writing to the emulated serial port is slow; that is not the guest standing still */
    }
    if (us >= next_report_us) {
      printf("drover-guest counter=%llu uptime_us=%llu passes=%llu verified_pages=%llu bad_pages=%llu "
             "first_bad_page=%llu dirtied_pages=%llu largest_gap_us=%llu gaps_over_20ms=%llu window_gap_us=%llu end\n",
             (unsigned long long)++counter, (unsigned long long)(us - start_us), (unsigned long long)passes,
             (unsigned long long)verified, (unsigned long long)bad, (unsigned long long)first_bad_page,
             (unsigned long long)dirtied, (unsigned long long)largest_gap_us, (unsigned long long)large_gaps,
             (unsigned long long)window_gap_us);
      fflush(stdout);
      window_gap_us = 0;
      while (next_report_us <= us) next_report_us += REPORT_US;
      last_us = now_us();
    }
    usleep(TICK_US);
  }
}
