/* How fast vectorscan finds the patterns of our rules: `scan PATTERNS TEXT` prints MB/s, best of several rounds, in pieces of 4 KiB.
 *
 * PATTERNS has one `id TAB regex` a line. Three ways: as written (UTF-8, Unicode classes), by bytes, and by bytes with no more than one
 * match of a pattern in a piece, which is the most that vectorscan can give. None says where a match begins (asked for that, it refuses
 * most patterns): every match would have to be searched again. Patterns that it refuses are left out and counted. Kept out of the
 * default build: `make bench-vectorscan`. */

#define _GNU_SOURCE
#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 4096, ROUNDS = 7, MOST = 4096 };

static const double ROUND_SECONDS = 0.2;

static unsigned long long matches;

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    (void)id; (void)from; (void)to; (void)flags; (void)context;
    matches++;
    return 0;
}

/* Processor time of this thread: other programs of the machine do not count. */
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(2); }
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    if (!text || fread(text, 1, *length, file) != *length) { perror(path); exit(2); }
    text[*length] = 0;
    fclose(file);
    return text;
}

static void measure(const char *name, char **regexes, unsigned count, unsigned flags, const char *text, size_t length) {
    const char *taken[MOST];
    unsigned taken_flags[MOST], ids[MOST], kept = 0;
    for (unsigned i = 0; i < count; i++) {
        hs_database_t *one = NULL;
        hs_compile_error_t *error = NULL;
        if (hs_compile(regexes[i], flags, HS_MODE_BLOCK, NULL, &one, &error) == HS_SUCCESS) {
            taken[kept] = regexes[i];
            taken_flags[kept] = flags;
            ids[kept] = i;
            kept++;
            hs_free_database(one);
        } else {
            hs_free_compile_error(error);
        }
    }
    hs_database_t *database = NULL;
    hs_compile_error_t *error = NULL;
    if (hs_compile_multi(taken, taken_flags, ids, kept, HS_MODE_BLOCK, NULL, &database, &error) != HS_SUCCESS) {
        fprintf(stderr, "vectorscan %s: %s\n", name, error->message);
        exit(2);
    }
    hs_scratch_t *scratch = NULL;
    if (hs_alloc_scratch(database, &scratch) != HS_SUCCESS) exit(2);
    double best = 1e9;
    unsigned long long found = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now(), spent = 0;
        unsigned calls = 0;
        while (spent < ROUND_SECONDS) {
            matches = 0;
            for (size_t at = 0; at < length; at += PIECE) {
                unsigned size = (unsigned)(length - at < PIECE ? length - at : PIECE);
                if (hs_scan(database, text + at, size, 0, scratch, on_match, NULL) != HS_SUCCESS) exit(2);
            }
            found = matches;
            calls++;
            spent = now() - start;
        }
        if (spent / calls < best) best = spent / calls;
    }
    printf("%-28s %8.1f MB/s  %u of %u patterns, %llu matches\n", name, (double)length / best / 1e6, kept, count, found);
    hs_free_scratch(scratch);
    hs_free_database(database);
}

int main(int argc, char **argv) {
    if (argc != 3) { fprintf(stderr, "usage: scan PATTERNS TEXT\n"); return 2; }
    size_t length = 0, size = 0;
    char *patterns = read_file(argv[1], &size), *text = read_file(argv[2], &length);
    char *regexes[MOST], *line = NULL;
    unsigned count = 0;
    for (char *rest = patterns; (line = strsep(&rest, "\n")) && count < MOST;) {
        char *tab = strchr(line, '\t');
        if (tab) regexes[count++] = tab + 1;
    }
    measure("vectorscan, as written", regexes, count, HS_FLAG_UTF8 | HS_FLAG_UCP, text, length);
    measure("vectorscan, bytes", regexes, count, 0, text, length);
    measure("vectorscan, first match only", regexes, count, HS_FLAG_SINGLEMATCH, text, length);
    return 0;
}
