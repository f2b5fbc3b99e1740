/* Preloaded into a rehearsed notebook and all that it starts: makes the wall clock jump, as a machine's does when it is
 * set. ARC_CLOCK_JUMPS="AT:BY,AT:BY": from AT on (seconds of CLOCK_MONOTONIC, the same for all processes) the wall clock
 * is BY seconds off. Only the wall clock: monotonic clocks can't jump. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jumped_s(void) {
    const char *text = getenv("ARC_CLOCK_JUMPS");
    struct timespec now;
    double at;
    long by, found = 0;
    int length;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    while (text && sscanf(text, "%lf:%ld%n", &at, &by, &length) == 2) {
        if (now.tv_sec + now.tv_nsec * 1e-9 >= at) found = by;
        text += length;
        if (*text == ',') text++;
    }
    return found;
}

int clock_gettime(clockid_t clock, struct timespec *result) {
    int code = syscall(SYS_clock_gettime, clock, result);
    if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) result->tv_sec += jumped_s();
    return code;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    result->tv_sec = now.tv_sec;
    result->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
